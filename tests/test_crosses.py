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


# ----------------------------------------------------------------------------------
# Pairs that are given
# ----------------------------------------------------------------------------------


def test_pairs_by_name_and_by_position():
    X, rng = noise(200)
    y = rng.integers(0, 2, 200)
    by_name, a = encode(X, y, memorized_crosses=[("x0", "c1"), ["b0", "b1"]])
    by_position, b = encode(X, y, memorized_crosses=[(5, 1), (np.int64(3), 4)])
    assert names_of(by_name) == names_of(by_position) == [{"x0", "c1"}, {"b0", "b1"}]
    assert [*by_name.crosses.scalers] == ["x0 x c1", "b0 x b1"]
    assert np.isnan(by_name.crosses.scores).all()
    assert_array_equal(a["x_num"], b["x_num"])
    assert by_name.field_names[-2:] == ["x0 x c1", "b0 x b1"]


def test_number_of_pairs():
    X, rng = noise(200)
    encoder, encoded = encode(X, rng.integers(0, 2, 200), memorized_crosses=3)
    assert len(encoder.crosses.pairs) == 3
    assert encoded["x_num"].shape == (200, 5 + 3)
    scores = encoder.crosses.scores
    assert scores == sorted(scores, reverse=True)
    every = encode(X, rng.integers(0, 2, 200), memorized_crosses=1000)[0]
    assert len(set(every.crosses.pairs)) == len(every.crosses.pairs) == 8 * 7 // 2


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([("c0", "zip")], "names 'zip', which is no column of X"),
        ([(0, 9)], r"as positions must lie in \[0, 8\]; got 9"),
        ([(-1, 0)], r"as positions must lie in \[0, 8\]; got -1"),
        ([("c0", "tags")], "names 'tags', whose cells are lists"),
        ([("c0", "c1"), ("c1", "c0")], r"each pair once; got \('c1', 'c0'\)"),
        ([("c0", "c1"), (0, 1)], r"each pair once; got \(0, 1\), columns 'c0' and"),
        ([("c1", 1)], r"pairs of two columns.*got \('c1', 1\), columns 'c1' and 'c1'"),
    ],
)
def test_wrong_pairs(pairs, message):
    X, rng = noise(60)
    X["tags"] = [["a", "b"]] * 60
    model = DCNClassifier(memorized_crosses=pairs, max_epochs=1)
    with pytest.raises(ValueError, match=f"^memorized_crosses.*{message}"):
        model.fit(X, rng.integers(0, 2, 60))
    assert not hasattr(model, "net_")


def test_pair_with_the_only_other_column_of_lists_is_an_error(tiny):
    X = pd.DataFrame({"c": ["a", "b"] * 10, "tags": [["a", "b"]] * 20})
    model = DCNClassifier(**tiny, memorized_crosses=[("c", "tags")])
    with pytest.raises(ValueError, match="names 'tags', whose cells are lists"):
        model.fit(X, [0, 1] * 10)
    assert DCNClassifier(**tiny, memorized_crosses=2).fit(X, [0, 1] * 10).net_


def test_names_that_read_alike_are_two_features():
    X = pd.DataFrame(
        np.random.default_rng(0).integers(0, 3, (90, 4)).astype(str),
        columns=["a", "b x c", "a x b", "c"],
    )
    pairs = [("a", "b x c"), ("a x b", "c")]
    y = np.random.default_rng(1).integers(0, 2, 90)
    encoder, encoded = encode(X, y, memorized_crosses=pairs)
    assert encoded["x_num"].shape == (90, 2)
    assert [*encoder.crosses.scalers] == ["a x b x c (0, 1)", "a x b x c (2, 3)"]


@pytest.mark.parametrize("pairs", [3, [(0, 1)]])
def test_sparse_tables_have_no_crosses(pairs, tiny):
    X = scipy.sparse.random(1200, 6, 0.5, "csr", random_state=0)
    y = np.random.default_rng(0).integers(0, 2, 1200)
    model = DCNClassifier(**tiny, memorized_crosses=pairs)
    with pytest.raises(ValueError, match="^memorized_crosses must be None"):
        model.fit(X, y)
    for nothing in ("auto", None):
        model.set_params(memorized_crosses=nothing).fit(X, y)
        assert model.encoder_.crosses is None
    model.set_params(numeric_levels=9)
    with pytest.raises(ValueError, match="^numeric_levels must be None"):
        model.fit(X, y)
