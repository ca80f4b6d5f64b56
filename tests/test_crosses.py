"""Tests of memorised crosses against loops over rows, and of which are chosen."""

import pickle

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.preprocessing import OneHotEncoder

from sklearn_dcn import DCNClassifier, DCNRegressor
from sklearn_dcn._crosses import CrossStatistics, TargetTable, score_pair
from sklearn_dcn._encoding import TableEncoder
from sklearn_dcn._statistics import N_FOLDS, Supervision, assign_folds

PRIOR = 10.0  # rows, as docs/maths.md says


# ----------------------------------------------------------------------------------
# Helpers and oracles
# ----------------------------------------------------------------------------------


def supervise(y, kind="binary", at=None, seed=0):
    """Return a supervision of the rows `at`, all of them for None."""
    at = np.arange(len(y)) if at is None else at
    y = np.asarray(y)[at]
    if kind == "number":
        return Supervision(at, {"": y.astype(float)}, None, seed)
    if kind == "binary":
        return Supervision(at, {"": y}, y, seed)
    targets = {f" of {k}": (y == k).astype(int) for k in np.unique(y).tolist()}
    return Supervision(at, targets, y, seed)


def encode(X, y, kind="binary", at=None, weight=None, **options):
    """Return a fitted encoder, and the encoded rows of `fit` in float64."""
    names = [*X.columns] if isinstance(X, pd.DataFrame) else None
    encoder = TableEncoder(**{"memorized_crosses": "auto", **options})
    weight = np.ones(len(X)) if weight is None else weight
    supervision = supervise(y, kind, at)
    encoded = encoder.fit_transform(X, names, weight, np.float64, None, supervision)
    return encoder, encoded


def names_of(encoder):
    """Return the chosen pairs as sets of names."""
    crosses = encoder.crosses
    return [{crosses.names[a], crosses.names[b]} for a, b in crosses.pairs]


# ----------------------------------------------------------------------------------
# Levels of numbers
# ----------------------------------------------------------------------------------


@pytest.mark.parametrize("n_values", [2, 3, 5])
@pytest.mark.parametrize("transform", ["quantile", "standard", None])
def test_few_values_of_a_number_have_a_bin_each(n_values, transform):
    """With one bin for 0 and 1, a column of them could be crossed with nothing."""
    x = np.random.default_rng(0).integers(0, n_values, 300).astype(float)
    X = np.stack([x, np.random.default_rng(1).normal(size=300)], axis=1)
    for dtype in (np.float64, np.float32):
        encoder = TableEncoder(memorized_crosses=[(0, 1)], numeric_transform=transform)
        weight, y = np.ones(300), supervise(x > 0)
        encoder.fit_transform(X, None, weight, dtype, None, y)
        z = encoder.numbers[0].apply(x, dtype=dtype)
        codes = np.searchsorted(encoder._cuts[0], z)
        assert_array_equal(codes, x)
        low, high = encoder._cuts[0][0], encoder._cuts[0][-1]
        assert z.min() < low
        assert high < z.max()


# ----------------------------------------------------------------------------------
# The choice of pairs
# ----------------------------------------------------------------------------------


def noise(n, seed=0):
    """Return three columns of categories and five of numbers, two of them 0 and 1."""
    rng = np.random.default_rng(seed)
    table = {f"c{k}": rng.integers(0, 8, n).astype(str) for k in range(3)}
    table |= {f"b{k}": rng.integers(0, 2, n) for k in range(2)}
    table |= {f"x{k}": rng.normal(size=n) for k in range(3)}
    return pd.DataFrame(table), rng


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("kind", ["binary", "number", "classes"])
def test_auto_memorises_nothing_of_noise(kind, seed):
    X, rng = noise(1000, seed)
    y = rng.normal(size=1000) if kind == "number" else rng.integers(0, 3, 1000)
    y = y % 2 if kind == "binary" else y
    encoder, encoded = encode(X, y, kind)
    assert encoder.crosses.pairs == encoder.crosses.scores == []
    assert encoded["x_num"].shape == (1000, 5)


@pytest.mark.parametrize("kind", ["binary", "number"])
def test_auto_memorises_nothing_of_a_constant_target(kind):
    X, _ = noise(1000)
    assert encode(X, np.ones(1000, dtype=int), kind)[0].crosses.pairs == []
