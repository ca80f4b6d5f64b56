"""Tests of hashed ids: buckets instead of a vocabulary."""

import pickle
import re
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from helpers.processes import print_elsewhere
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.metrics import log_loss

from sklearn_dcn import DCNClassifier, DCNRegressor
from sklearn_dcn._table.categories.bags import ListLevels
from sklearn_dcn._table.categories.hashed_levels import HashedLevels
from sklearn_dcn._table.categories.hashing import stable_hash
from sklearn_dcn._table.reading.columns import UNKNOWN_LEVEL
from sklearn_dcn._table.reading.tables import SHORT_TABLE

UNKNOWN, MISSING, FIRST = 0, 1, 2


def objects(cells):
    """Return an object array of one dimension."""
    array = np.empty(len(cells), dtype=object)
    array[:] = cells
    return array


def fit(column, n_buckets=1000, weight=None):
    """Return fitted buckets and the ids of the column."""
    levels = HashedLevels("c", n_buckets)
    weight = np.ones(len(column)) if weight is None else weight
    return levels, levels.fit_transform(column, weight)


def make_ids(n=400, n_users=50, seed=0):
    """Return a frame of user ids and tags, and a target that depends on the user."""
    rng = np.random.default_rng(seed)
    user = rng.integers(n_users, size=n)
    tags = [[f"t{k}" for k in rng.integers(20, size=rng.integers(4))] for _ in range(n)]
    X = pd.DataFrame(
        {
            "user": [f"user {k}" for k in user],
            "item": rng.integers(2**53, 2**62, n_users)[user],
            "tags": tags,
            "x": rng.normal(size=n),
        }
    )
    return X, (user % 2 ^ (rng.random(n) < 0.05)).astype(int)


# ----------------------------------------------------------------------------------
# Buckets
# ----------------------------------------------------------------------------------


@pytest.mark.parametrize("n_buckets", [1, 2, 7, 1000, 2**20])
def test_bucket_is_the_hash_modulo(n_buckets):
    """Id 2 + hash % n_buckets; missing has an id of its own; nothing is unknown."""
    cells = ["a", "b", None, "", "Zürich", float("nan"), "a", pd.NA, "unseen"]
    levels, ids = fit(objects(cells), n_buckets)
    assert levels.n_ids == n_buckets + FIRST
    assert ids.dtype == np.int32
    expected = [
        FIRST + int(stable_hash([cell], 0)[0]) % n_buckets
        if isinstance(cell, str)
        else MISSING
        for cell in cells
    ]
    assert ids.tolist() == expected
    assert levels.transform(objects(cells)).tolist() == expected
    assert levels.counts.sum() == len(cells)
    assert levels.counts[[UNKNOWN, MISSING]].tolist() == [0, 3]
    assert levels.counts.tolist() == np.bincount(ids, minlength=n_buckets + 2).tolist()


def test_buckets_need_no_fit_to_the_levels():
    """What `fit` saw makes no difference to ids; all buckets are used evenly."""
    cells = objects([f"id {k}" for k in range(20_000)])
    _, ids = fit(cells, 100)
    assert fit(objects(["other", 7, None]), 100)[0].transform(cells).tolist() == (
        ids.tolist()
    )
    counts = np.bincount(ids)[FIRST:]
    # Chi-squared of 99 degrees of freedom: mean 99, standard deviation 14.
    assert 50 < ((counts - 200) ** 2 / 200).sum() < 170
    assert len(counts) == 100


def test_weights_are_counted():
    """The counts are weights."""
    levels, ids = fit(objects(["a", None, "b", "a"]), weight=np.array([1.0, 2, 4, 8]))
    assert levels.counts[ids[0]] == 9
    assert levels.counts[MISSING] == 2
    assert levels.counts[ids[2]] == 4


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([7, 8, 2**53 + 1]),
        pd.Series([7, 8, 2**53 + 1], dtype="Int64"),
        pd.Series([7, 8, 2**53 + 1], dtype="category"),
        pd.Series([7, 8, 2**53 + 1], dtype="uint64"),
        pd.Series([7, 8, 2**53 + 1], dtype="int64[pyarrow]"),
        np.array([7, 8, 2**53 + 1]),
        objects([7.0, Decimal(8), np.uint64(2**53 + 1)]),
        [7, np.int32(8), 2**53 + 1],
    ],
    ids=lambda column: str(getattr(column, "dtype", "list")),
)
def test_one_bucket_in_any_dtype(column):
    """A number has one bucket, whatever the type of its column."""
    levels = HashedLevels("c", 2**20)
    expected = FIRST + stable_hash([7, 8, 2**53 + 1], 0) % 2**20
    assert levels.fit_transform(column, np.ones(3)).tolist() == expected.tolist()


def test_integers_beyond_2_53_are_distinct():
    """Neighbouring ids, which a float would make one, have buckets of their own."""
    levels = HashedLevels("c", 2**31 - 3)
    ids = np.arange(2**53, 2**53 + 2000)
    for column in (ids, pd.Series(ids, dtype="Int64"), objects(ids.tolist())):
        buckets = levels.transform(column)
        assert buckets.min() >= FIRST
        assert len(set(buckets.tolist())) > 1995  # 0.001 pairs expected to collide
    buckets = levels.transform(np.arange(2**64 - 2000, 2**64 - 1, dtype=np.uint64))
    assert len(set(buckets.tolist())) > 1995


def test_the_unknown_level_of_an_encoded_column():
    """How an encoded column spells an unknown level is the unknown id."""
    levels, _ = fit(objects(["a"]))
    bucket = FIRST + int(stable_hash(["a"], 0)[0]) % 1000
    assert levels.transform(objects(["a", UNKNOWN_LEVEL, None])).tolist() == [
        bucket,
        UNKNOWN,
        MISSING,
    ]


def test_any_type_may_come():
    """There is no vocabulary to tell that the type of the column has changed."""
    levels, _ = fit(objects(["a", "b"]))
    ids = levels.transform(objects([1, 2.5, b"x", True]))
    assert (ids >= FIRST).all()
    with pytest.raises(TypeError, match=r"^Column 'c' holds dict"):
        levels.transform(objects(["a", {}]))


CODE = """
from sklearn_dcn._table.categories.hashed_levels import HashedLevels
print(HashedLevels("c", 10**6).transform(["a", "Zürich", 7, 2**53 + 1, b"x"]).tolist())
"""


def test_same_bucket_in_every_process():
    """Another process, with another hash of Python's own, finds the same buckets."""
    cells = ["a", "Zürich", 7, 2**53 + 1, b"x"]
    expected = HashedLevels("c", 10**6).transform(cells)
    assert print_elsewhere(CODE) == f"{expected.tolist()}\n"


# ----------------------------------------------------------------------------------
# Estimators
# ----------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [5, SHORT_TABLE + 1])
def test_unseen_ids(n, tiny):
    """New ids have a bucket: finite predictions, and none from the unknown row."""
    X, y = make_ids()
    model = DCNClassifier(
        **tiny, hashing={"user": 64, "item": 32}, categorical_features=["user", "item"]
    ).fit(X, y)
    assert model.encoder_.cardinalities == [66, 34]
    new, _ = make_ids(n, n_users=10**6, seed=1)
    assert not set(new["user"]) & set(X["user"])
    encoded = model.encoder_.transform(new)
    assert encoded["x_cat"].min() >= FIRST
    p = model.predict_proba(new)
    assert np.isfinite(p).all()
    assert len(np.unique(p[:, 0])) > 1
    missing = new.assign(user=None, item=None)
    assert (model.encoder_.transform(missing)["x_cat"] == MISSING).all()
    assert np.isfinite(model.predict_proba(missing)).all()


def test_it_learns_from_buckets():
    """With more buckets than levels it learns as much as with a vocabulary."""
    X, y = make_ids()
    X = X[["user"]]
    options = {"hidden_layer_sizes": (), "max_epochs": 30, "learning_rate": 0.01}
    base = log_loss(y, np.full(len(y), y.mean()))
    losses = [
        log_loss(
            y,
            DCNClassifier(**options, random_state=0, hashing=hashing)
            .fit(X, y)
            .predict_proba(X),
        )
        for hashing in (None, {"user": 10_000}, {"user": 1})
    ]
    assert losses[0] < 0.5 * base
    assert losses[1] < 0.5 * base
    assert losses[2] > 0.95 * base  # all users share one bucket


def test_ids_beyond_2_53_are_learned():
    """Ids that differ in their last bit have targets of their own."""
    rng = np.random.default_rng(0)
    which = rng.integers(20, size=400)
    X = pd.DataFrame({"id": 2**53 + which})
    y = (which % 2).astype(float)
    model = DCNRegressor(
        categorical_features=["id"],
        hashing={"id": 100_000},
        max_epochs=30,
        learning_rate=0.01,
        random_state=0,
    ).fit(X, y)
    assert model.score(X, y) > 0.9


def test_positions_name_columns_too(tiny):
    """Hashing by name and by position are the same, for a frame and an array."""
    X, y = make_ids()
    X = X[["user", "x"]]
    p = DCNClassifier(**tiny, hashing={"user": 8}).fit(X, y).predict_proba(X)
    by_position = DCNClassifier(**tiny, hashing={0: 8}).fit(X, y)
    assert_array_equal(by_position.predict_proba(X), p)
    array = X.to_numpy(dtype=object)
    model = DCNClassifier(**tiny, hashing={0: 8}).fit(array, y)
    assert_allclose(model.predict_proba(array), p, rtol=1e-10)


@pytest.mark.parametrize("pooling", ["mean", "sum"])
def test_multivalued_columns(pooling, tiny):
    """Tags are hashed one by one, as a category is, and pooled."""
    X, y = make_ids()
    X = X.drop(columns="item")
    model = DCNClassifier(**tiny, hashing={"tags": 16}, pooling=pooling).fit(X, y)
    [bag] = model.encoder_.transform(X)["x_bag"]
    tags = [tag for cell in X["tags"] for tag in cell]
    assert bag.ids.tolist() == (FIRST + stable_hash(tags, 0) % 16).tolist()
    assert np.diff(bag.offsets).tolist() == X["tags"].map(len).tolist()
    new = X.head(3).assign(tags=[["unseen", "t1"], [], None])
    [bag] = model.encoder_.transform(new)["x_bag"]
    assert (bag.ids[:2] >= FIRST).all()
    assert bag.ids[2:].tolist() == [MISSING]
    assert np.isfinite(model.predict_proba(new)).all()


def test_hashed_lists_count_entries():
    """Every tag counts with the weight of its row."""
    column = objects([["a", "b"], None, ["a"], []])
    lists = ListLevels(HashedLevels("c", 100))
    lists.fit_transform(column, np.array([1.0, 2.0, 4.0, 8.0]), np.float64)
    a, b = FIRST + stable_hash(["a", "b"], 0) % 100
    assert a != b
    counts = lists.levels.counts
    assert (counts[a], counts[b], counts[MISSING], counts.sum()) == (5, 1, 2, 8)


def test_clone_and_pickle(tiny):
    """A copy that is fitted, or restored, predicts the same."""
    X, y = make_ids()
    X = X.drop(columns="item")
    model = DCNClassifier(**tiny, hashing={"user": 16, "tags": 8}).fit(X, y)
    p = model.predict_proba(X)
    again = clone(model)
    assert again.hashing == {"user": 16, "tags": 8}
    assert not hasattr(again, "encoder_")
    assert_array_equal(again.fit(X, y).predict_proba(X), p)
    assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(X), p)


def test_the_model_keeps_no_level(tiny):
    """Ten times the levels do not make the model larger, nor is a level in it."""
    sizes = []
    for n_users in (100, 1000):
        X, y = make_ids(1500, n_users)
        model = DCNClassifier(**tiny, hashing={"user": 16}).fit(X[["user"]], y)
        data = pickle.dumps(model.encoder_)
        sizes.append(len(data))
        assert b"user 7" not in data
    assert abs(sizes[1] - sizes[0]) < 100


# ----------------------------------------------------------------------------------
# Errors
# ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hashing", "error", "message"),
    [
        ({"x": 10}, ValueError, "hashing names 'x', which is not categorical but num"),
        ({3: 10}, ValueError, "hashing names 'x', which is not categorical but num"),
        ({"zip": 10}, ValueError, "hashing names 'zip', which is no column of X"),
        ({4: 10}, ValueError, "hashing as positions must lie in [0, 3]; got 4"),
        ({-1: 10}, ValueError, "hashing as positions must lie in [0, 3]; got -1"),
        ({"user": 0}, ValueError, "hashing['user']"),
        ({"user": -5}, ValueError, "hashing['user']"),
        ({"user": 2.5}, TypeError, "hashing['user']"),
        ({"user": "many"}, TypeError, "hashing['user']"),
        ({"user": None}, TypeError, "hashing['user']"),
        ({"user": True}, TypeError, "hashing['user']"),
        (
            100,
            TypeError,
            "hashing must be None or a dict of columns to numbers of buck",
        ),
        (["user"], TypeError, "hashing must be None or a dict"),
        ("user", TypeError, "hashing must be None or a dict"),
    ],
    ids=str,
)
@pytest.mark.parametrize("estimator", [DCNClassifier, DCNRegressor])
def test_errors(estimator, hashing, error, message, tiny):
    """A wrong column or number of buckets is named."""
    X, y = make_ids(50)
    with pytest.raises(error, match=re.escape(message)):
        estimator(**tiny, hashing=hashing).fit(X, y)


@pytest.mark.parametrize("hashing", [None, {}])
def test_none_is_no_hashing(hashing, tiny):
    """None and an empty dict leave the vocabularies."""
    X, y = make_ids(100)
    model = DCNClassifier(**tiny, hashing=hashing).fit(X.drop(columns="item"), y)
    assert model.encoder_.cardinalities == [X["user"].nunique() + FIRST]
