"""Moments of vectors are NumPy's, however they are added up; scalers follow them."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_dcn._table.numbers import VectorMoments, VectorScaler
from sklearn_dcn._table.numbers import vectors as module

N, WIDTH = 500, 5


@pytest.fixture(scope="module")
def rows():
    """Return vectors, some of them missing, and weights."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(N, WIDTH)) * [1, 1e-3, 1e6, 3, 0] + [0, 5, 1e8, -2, 7.3]
    x[rng.random(N) < 0.1] = np.nan
    return x, rng.uniform(0.5, 2.0, N)


def present(x, weight):
    kept = ~np.isnan(x).any(axis=1)
    return x[kept], weight[kept]


def test_moments_are_weighted_means_and_squares(rows):
    moments = VectorMoments().add(*rows)
    x, weight = present(*rows)
    mean = np.average(x, axis=0, weights=weight)
    assert_allclose(moments.mean, mean, rtol=1e-13)
    assert_allclose(moments.squares, weight @ (x - mean) ** 2, rtol=1e-9, atol=1e-20)
    assert moments.squares[4] == 0.0  # a constant
    assert moments.n == len(x)
    assert moments.width == WIDTH
    assert_allclose(moments.total, rows[1].sum())
    assert_allclose(moments.missing, rows[1].sum() - weight.sum())


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, N), max_size=6), st.randoms())
def test_any_cut_and_any_order_give_the_same(rows, cuts, random):
    x, weight = rows
    bounds = [0, *sorted(cuts), N]
    parts = [VectorMoments().add(x[a:b], weight[a:b]) for a, b in pairwise(bounds)]
    random.shuffle(parts)
    whole = VectorMoments()  # of no row: it is neutral
    for part in parts:
        whole.merge(part)
    once = VectorMoments().add(x, weight)
    assert_allclose(whole.mean, once.mean, rtol=1e-12)
    assert_allclose(whole.squares, once.squares, rtol=1e-12)
    assert_allclose(whole.missing, once.missing, rtol=1e-12)
    assert (whole.n, whole.has_missing) == (once.n, once.has_missing)


def test_scaled_vectors(rows, monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 64)
    scaler = VectorScaler("v").fit(*rows)
    x, weight = rows
    z = scaler.apply(x, np.float64)
    kept, w = present(*rows)
    mean = np.average(kept, axis=0, weights=w)
    std = np.sqrt(np.average((kept - mean) ** 2, axis=0, weights=w))
    expected = np.zeros((N, WIDTH + 1))
    is_missing = np.isnan(x).any(axis=1)
    expected[~is_missing, :4] = ((kept - mean) / np.where(std > 0, std, 1))[:, :4]
    expected[is_missing, WIDTH] = 1.0
    assert_allclose(z, expected, rtol=1e-8, atol=1e-8)
    assert scaler.d_in == WIDTH + 1
    assert_allclose(scaler.missing_share, weight[is_missing].sum() / weight.sum())
    single = scaler.apply(x.astype(np.float32)[:3], np.float32)
    assert single.dtype == np.float32


def test_without_a_gap_in_fit_there_is_no_indicator(rows):
    x, weight = present(*rows)
    scaler = VectorScaler("v").fit(x, weight)
    z = scaler.apply(np.full((1, WIDTH), np.nan), np.float64)
    assert_array_equal(z, np.zeros((1, WIDTH)))


def test_weights_are_repeated_rows():
    x = np.random.default_rng(1).normal(size=(20, 3))
    times = np.arange(20) % 3 + 1
    weighted = VectorScaler("v").fit(x, times.astype(float))
    repeated = VectorScaler("v").fit(np.repeat(x, times, axis=0), np.ones(times.sum()))
    assert_allclose(weighted.center, repeated.center, rtol=1e-12)
    assert_allclose(weighted.scale, repeated.scale, rtol=1e-12)


def test_single_precision_is_summed_in_double():
    x = (1e4 + np.random.default_rng(2).normal(size=(9000, 2))).astype(np.float32)
    scaler = VectorScaler("v").fit(x, np.ones(len(x)))
    assert_allclose(scaler.scale, x.astype(np.float64).std(axis=0), rtol=1e-11)


def test_draws_are_vectors_of_the_fit(rows):
    scaler = VectorScaler("v").fit(*rows)
    drawn = scaler.draw(4000, np.random.default_rng(0))
    is_missing = np.isnan(drawn).all(axis=1)
    assert abs(is_missing.mean() - scaler.missing_share) < 0.02
    known = {row.tobytes() for row in rows[0].astype(np.float32)}
    found = {row.tobytes() for row in drawn[~is_missing].astype(np.float32)}
    assert found <= known
    assert len(found) == min(module.N_DRAWN, len(present(*rows)[0]))


def test_a_column_of_missing_vectors():
    scaler = VectorScaler("v").fit(np.full((3, 2), np.nan), np.ones(3))
    z = scaler.apply(np.array([[1.0, 2.0], [np.nan, 1.0]]), np.float64)
    assert_array_equal(z, [[0, 0, 0], [0, 0, 1]])
    assert (scaler.n, scaler.missing_share) == (0, 1.0)
