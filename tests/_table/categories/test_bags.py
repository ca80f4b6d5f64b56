"""Tests of pooled lists of levels, against hand-worked examples."""

import pickle
import re

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.columns import objects
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.metrics import log_loss

from sklearn_dcn import DCNClassifier, DCNRegressor
from sklearn_dcn._table.categories.bags import ListLevels
from sklearn_dcn._table.categories.category_levels import CategoryLevels
from sklearn_dcn._table.reading.tables import SHORT_TABLE
from sklearn_dcn.network import EmbeddingStack

UNKNOWN, MISSING, FIRST = 0, 1, 2


def fit(cells, weight=None, separator=None, pooling="mean", **options):
    """Return fitted lists and the bag of the cells."""
    lists = ListLevels(CategoryLevels("c", **options), separator, pooling)
    weight = np.ones(len(cells)) if weight is None else np.asarray(weight, dtype=float)
    return lists, lists.fit_transform(objects(cells), weight, np.float64)


def per_row(bag):
    """Return the (id, weight) pairs of every row."""
    pairs = list(zip(bag.ids.tolist(), bag.weights.tolist(), strict=True))
    return [pairs[a:b] for a, b in zip(bag.offsets[:-1], bag.offsets[1:], strict=True)]


def embed(bag, table):
    """Return the pooled rows of an embedding table, one by one."""
    rows = [
        sum((w * table[i] for i, w in row), np.zeros(table.shape[1]))
        for row in per_row(bag)
    ]
    return np.array(rows)


def make_tags(n=400, seed=0):
    """Return a frame with a column of tags; the target is whether "hit" is one."""
    rng = np.random.default_rng(seed)
    tags = [
        [f"t{k}" for k in rng.choice(9, rng.integers(4), replace=False)]
        + ["hit"] * (rng.random() < 0.5)
        for _ in range(n)
    ]
    y = np.array([int("hit" in cell) for cell in tags])
    return pd.DataFrame({"tags": tags, "x": rng.normal(size=n)}), y


# ----------------------------------------------------------------------------------
# Hand-worked
# ----------------------------------------------------------------------------------

CELLS = [["b", "a"], ["b"], [], None, ["a", "a", "b", None]]
# By frequency b occurs in 3 entries, a in 3, so by value: a is 2, b is 3.


@pytest.mark.parametrize(
    ("pooling", "expected"),
    [
        (
            "mean",
            [
                [(3, 0.5), (2, 0.5)],
                [(3, 1.0)],
                [],
                [(MISSING, 1.0)],
                [(2, 0.25), (2, 0.25), (3, 0.25), (MISSING, 0.25)],
            ],
        ),
        (
            "sum",
            [
                [(3, 1.0), (2, 1.0)],
                [(3, 1.0)],
                [],
                [(MISSING, 1.0)],
                [(2, 1.0), (2, 1.0), (3, 1.0), (MISSING, 1.0)],
            ],
        ),
    ],
)
def test_lists(pooling, expected):
    """Ids by frequency, then value; the mean divides by the number of entries."""
    lists, bag = fit(CELLS, pooling=pooling)
    assert lists.levels.levels == ["a", "b"]
    assert lists.levels.counts.tolist() == [0, 2, 3, 3]
    assert lists.n_ids == 4
    assert per_row(bag) == expected
    assert (bag.ids.dtype, bag.offsets.dtype) == (np.int32, np.int64)
    again = lists.transform(objects(CELLS), np.float64)
    assert per_row(again) == expected
    assert per_row(lists.transform(CELLS, np.float64)) == expected
    new = lists.transform([["z", "b"], ["z"], None], np.float64)
    half = {"mean": 0.5, "sum": 1.0}[pooling]
    assert per_row(new) == [[(UNKNOWN, half), (3, half)], [(UNKNOWN, 1)], [(1, 1)]]


@pytest.mark.parametrize(
    ("pooling", "expected"),
    [
        (
            "mean",  # divided by the sum of absolute weights
            [[(2, 0.75), (3, 0.25)], [(2, 0.5), (3, -0.5)], [(2, -1)], [(2, 0)]],
        ),
        ("sum", [[(2, 3), (3, 1)], [(2, 2), (3, -2)], [(2, -4)], [(2, 0)]]),
    ],
)
def test_weights_of_mappings(pooling, expected):
    """Weights weigh, negative ones and zeros as well, and never divide by zero."""
    cells = [{"a": 3, "b": 1}, {"a": 2, "b": -2}, {"a": -4}, {"a": 0.0}]
    lists, bag = fit(cells, pooling=pooling)
    assert per_row(bag) == expected
    # Beside a mapping, a list has weights of 1, a missing cell one missing level.
    mixed = lists.transform([{"b": 3}, ["a", "b"], None, {}, []], np.float64)
    one, half = {"mean": (1.0, 0.5), "sum": (3.0, 1.0)}[pooling]
    assert per_row(mixed) == [[(3, one)], [(2, half), (3, half)], [(1, 1.0)], [], []]


def test_pooled_embeddings():
    """The network's pooled embedding is the weighted sum, by hand; empty is 0."""
    lists, bag = fit([["a", "b"], [], None, {"b": -1, "a": 3}, ["b"]])
    assert lists.levels.levels == ["b", "a"]
    stack = EmbeddingStack(0, [], embedding_dim=2, bag_cardinalities=[4]).double()
    table = np.array([[9.0, 9.0], [1.0, -1.0], [2.0, 4.0], [6.0, 0.0]])
    with torch.no_grad():
        stack.bag_tables[0].copy_(torch.from_numpy(table))
    expected = [
        [4.0, 2.0],  # (a + b) / 2
        [0.0, 0.0],
        [1.0, -1.0],
        [4.0, -1.0],  # (3 a - b) / 4
        [2.0, 4.0],
    ]
    x_0 = stack(x_bag=[[*map(torch.from_numpy, bag)]]).detach().numpy()
    assert_allclose(x_0, expected, atol=1e-14)
    assert_allclose(embed(bag, table), expected, atol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype(dtype):
    """Weights have the dtype of the network's numbers."""
    lists, _ = fit(CELLS)
    assert lists.transform(CELLS, dtype).weights.dtype == dtype


def test_order_and_repetition():
    """The order of entries is irrelevant, a repeated entry is not."""
    lists, _ = fit([["a", "b"], ["c"]])
    table = np.random.default_rng(0).normal(size=(lists.n_ids, 3))
    bag = lists.transform(
        [["a", "b"], ["b", "a"], ["a", "a", "b", "b"], ["a", "a", "b"]], np.float64
    )
    rows = embed(bag, table)
    assert_allclose(rows[1:3], [rows[0]] * 2, rtol=1e-14)
    assert abs(rows[3] - rows[0]).max() > 0.01


def test_separated_strings_equal_lists():
    """A string is its parts."""
    cells = ["a|b", None, "", " b | |c", "a"]
    as_lists = [["a", "b"], None, [], ["b", "c"], ["a"]]
    split, bag = fit(cells, separator="|")
    lists, expected = fit(as_lists)
    assert split.levels.levels == lists.levels.levels
    assert split.levels.counts.tolist() == lists.levels.counts.tolist()
    assert per_row(bag) == per_row(expected)


# ----------------------------------------------------------------------------------
# Rare levels and weights
# ----------------------------------------------------------------------------------

RARE = [["a", "b"], ["a", "c"], ["a", "b", "d"], ["a"], ["b"], [], None, [], []]
# In nine rows, of ten entries: a 4, b 3, c 1, d 1.


@pytest.mark.parametrize(
    ("options", "levels"),
    [
        ({}, ["a", "b", "c", "d"]),
        ({"min_frequency": 2}, ["a", "b"]),
        ({"min_frequency": 4}, ["a"]),
        ({"min_frequency": 0.32}, ["a", "b"]),  # a fraction of the rows, not entries
        ({"min_frequency": 0.34}, ["a"]),
        ({"min_frequency": 0.1}, ["a", "b", "c", "d"]),
        ({"max_categories": 4}, ["a", "b", "c", "d"]),
        ({"max_categories": 3}, ["a", "b"]),
        ({"max_categories": 2}, ["a"]),
        ({"max_categories": 1}, []),
        ({"max_categories": 3, "min_frequency": 4}, ["a"]),
    ],
    ids=str,
)
def test_rare_levels(options, levels):
    """Rare tags are unknown ones; thresholds are of rows."""
    lists, bag = fit(RARE, **options)
    assert lists.levels.levels == levels
    ids = {level: FIRST + i for i, level in enumerate(levels)} | {None: MISSING}
    expected = [
        [(ids.get(tag, UNKNOWN), 1 / len(cell)) for tag in cell]
        for cell in (cell if cell is not None else [None] for cell in RARE)
    ]
    assert per_row(bag) == expected
    assert lists.levels.counts[UNKNOWN] == sum(
        tag not in ids for cell in RARE for tag in cell or []
    )


@pytest.mark.parametrize("options", [{}, {"min_frequency": 4}, {"min_frequency": 0.2}])
def test_row_weights_equal_repeated_rows(options):
    """A row of weight k counts its levels k times."""
    rng = np.random.default_rng(0)
    weight = rng.integers(1, 5, len(RARE))
    weighted, bag = fit(RARE, weight, **options)
    repeated, _ = fit([RARE[i] for i in np.repeat(range(len(RARE)), weight)], **options)
    assert weighted.levels.levels == repeated.levels.levels
    assert weighted.levels.counts.tolist() == repeated.levels.counts.tolist()
    assert per_row(repeated.transform(RARE, np.float64)) == per_row(bag)


def test_rows_of_no_weight_teach_no_level():
    """Tags of held-out rows alone are unknown."""
    lists, _ = fit([["a"], ["b"], ["a", "b"]], weight=[1, 0, 0])
    assert lists.levels.levels == ["a"]


def test_changed_type():
    """All levels of another type than in fit are an error; an unseen one is not."""
    lists, _ = fit([["a"], ["b"]])
    message = r"^Column 'c' is categorical and held string cells in fit, but now number"
    for column in ([[1], [2, 3]], objects([[1], [2, 3]]), [[1], None, []]):
        with pytest.raises(TypeError, match=message):
            lists.transform(column, np.float64)
    assert per_row(lists.transform([["z"], [1]], np.float64)) == [[(0, 1)], [(0, 1)]]
    assert per_row(lists.transform([[], None], np.float64)) == [[], [(MISSING, 1)]]


def test_no_level_at_all():
    """Columns of empty and missing lists alone have the two reserved ids."""
    for cells in ([[], []], [None, None], [None, []]):
        lists, bag = fit(cells)
        assert lists.n_ids == FIRST
        assert len(bag.offsets) == 3
        assert set(bag.ids.tolist()) <= {MISSING}
        assert per_row(lists.transform([["a"], [7]], np.float64)) == [[(0, 1)]] * 2


# ----------------------------------------------------------------------------------
# Estimators
# ----------------------------------------------------------------------------------


@pytest.mark.parametrize("pooling", ["mean", "sum"])
@pytest.mark.parametrize("kind", ["lists", "strings", "mappings"])
def test_it_learns_from_tags(kind, pooling):
    """Whether a tag is among others is learned, in every spelling of the column."""
    X, y = make_tags()
    spelt = {
        "lists": list,
        "strings": "|".join,
        "mappings": lambda tags: dict.fromkeys(tags, 2.0),
    }[kind]
    X["tags"] = X["tags"].map(spelt)
    model = DCNClassifier(
        multivalued_features={"tags": "|" if kind == "strings" else None},
        pooling=pooling,
        hidden_layer_sizes=(16,),
        max_epochs=20,
        learning_rate=0.01,
        random_state=0,
    ).fit(X, y)
    base = log_loss(y, np.full(len(y), y.mean()))
    assert log_loss(y, model.predict_proba(X)) < 0.3 * base


def test_nothing_is_truncated(tiny):
    """The last of ten thousand tags of a cell has its say."""
    X, y = make_tags(100)
    many = [f"m{k}" for k in range(10_000)]
    X.at[0, "tags"] = many
    model = DCNClassifier(**tiny).fit(X, y)
    [bag] = model.encoder_.transform(X)["x_bag"]
    assert bag.offsets[1] == 10_000
    assert len(set(bag.ids[:10_000].tolist())) == 10_000
    row = X.iloc[[0]]
    other = row.assign(tags=[[*many[:-1], "hit"]])
    p = model.predict_proba(row), model.predict_proba(other)
    assert abs(p[0] - p[1]).max() > 0


@pytest.mark.parametrize("n", [1, 2, SHORT_TABLE, SHORT_TABLE + 1])
def test_few_rows_and_many_are_the_same(n, tiny):
    """Rows read cell by cell, and in batches, are those of the whole table."""
    X, y = make_tags(200)
    X.at[3, "tags"] = None
    model = DCNClassifier(**tiny, multivalued_features=["tags"]).fit(X, y)
    p = model.predict_proba(X)
    for start in (0, 3, 200 - n):
        rows = X.iloc[start : start + n]
        assert_allclose(model.predict_proba(rows), p[start : start + n], rtol=1e-12)


def test_dicts_of_one_row(tiny):
    """A row that is a dict may hold a list, and a mapping."""
    X, y = make_tags(100)
    model = DCNClassifier(**tiny).fit(X, y)
    row = {"tags": ["t1", "hit"], "x": 0.5}
    expected = model.predict_proba(pd.DataFrame([row]))
    assert_allclose(model.predict_proba([row]), expected, rtol=1e-12)
    weighed = [{"tags": {"t1": 2.0, "hit": 2.0}, "x": 0.5}]
    assert_allclose(model.predict_proba(weighed), expected, rtol=1e-12)


def test_sample_weight_equals_repeated_rows():
    """Whole-number weights train as repeated rows do."""
    X, y = make_tags(60)
    weight = np.random.default_rng(1).integers(0, 4, len(y))
    # One batch an epoch: the same gradients, whatever the order of the rows.
    options = {
        "max_epochs": 5,
        "batch_size": 1000,
        "hidden_layer_sizes": (4,),
        "random_state": 0,
        "category_dropout": 0.0,
        "learning_rate": 0.01,
    }
    weighted = DCNClassifier(**options).fit(X, y, sample_weight=weight)
    rows = np.repeat(np.arange(len(y)), weight)
    repeated = DCNClassifier(**options).fit(X.iloc[rows], y[rows])
    p = weighted.predict_proba(X)
    assert_allclose(repeated.predict_proba(X), p, rtol=1e-8)
    unweighted = DCNClassifier(**options).fit(X, y).predict_proba(X)
    assert abs(p - unweighted).max() > 1e-3


@pytest.mark.parametrize("optimizer", ["adamw", "lazy_adamw", "sgd"])
def test_optimizers(optimizer, tiny):
    """Lists and a category train under sparse and dense gradients."""
    X, y = make_tags(200)
    X["city"] = np.where(X["x"] > 0, "Bern", "Oslo")
    model = DCNClassifier(**tiny, optimizer=optimizer).fit(X, y)
    assert np.isfinite(model.predict_proba(X)).all()
    before = DCNClassifier(**{**tiny, "learning_rate": 1e-12}, optimizer=optimizer)
    before.fit(X, y)
    c = model.encoder_.field_names.index("tags")
    moved = [
        m.module_.embedding.column_weight(c).detach().numpy() for m in (model, before)
    ]
    used = np.array(model.encoder_.lists[0].levels.counts) > 0
    assert (abs(moved[0] - moved[1])[used].max(axis=1) > 0).all()


def test_embedding_dim_of_a_list(tiny):
    """A dict of widths names lists as well."""
    X, y = make_tags(100)
    model = DCNRegressor(**tiny, embedding_dim={"tags": 3}).fit(X, y)
    assert model.module_.embedding.embedding_dims == [3]


def test_pooling_by_column(tiny):
    """A dict names the columns, the others have the mean."""
    X, y = make_tags(100)
    X["more"] = X["tags"].map(lambda tags: tags[::-1])
    model = DCNClassifier(**tiny, pooling={"more": "sum"}).fit(X, y)
    sums = [
        np.add.reduceat(np.append(bag.weights, 0), bag.offsets[:-1])
        for bag in model.encoder_.transform(X)["x_bag"]
    ]
    length = X["tags"].map(len).to_numpy()
    assert_allclose(sums[0][length > 0], 1.0)
    assert_allclose(sums[1][length > 0], length[length > 0])


def test_clone_and_pickle(tiny):
    """A copy that is fitted, or restored, predicts the same."""
    X, y = make_tags(100)
    model = DCNClassifier(**tiny, pooling={"tags": "sum"}).fit(X, y)
    p = model.predict_proba(X)
    assert_array_equal(clone(model).fit(X, y).predict_proba(X), p)
    assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(X), p)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"pooling": {"x": "sum"}}, ValueError, "pooling names 'x', which is not list"),
        ({"pooling": {"zip": "sum"}}, ValueError, "pooling names 'zip', which is no"),
        ({"pooling": "max"}, ValueError, "pooling must be"),
        ({"pooling": {"tags": "max"}}, ValueError, "pooling['tags'] must be"),
        ({"multivalued_features": {"tags": ""}}, ValueError, "must be the separator"),
        ({"multivalued_features": {"tags": 3}}, ValueError, "must be the separator"),
        ({"multivalued_features": ["zip"]}, ValueError, "'zip', which is no column"),
        (
            {"multivalued_features": ["tags"], "categorical_features": ["tags"]},
            ValueError,
            "Column 'tags' is in categorical_features and in multivalued_features",
        ),
        ({"multivalued_features": ["tags", "x"]}, TypeError, "a cell must be a list"),
        ({"multivalued_features": None}, TypeError, "Column 'tags' holds lists but is"),
        ({"categorical_features": ["tags"]}, TypeError, "Column 'tags' holds list"),
    ],
    ids=str,
)
def test_errors(options, error, message, tiny):
    """A wrong column or option is named."""
    X, y = make_tags(100)
    with pytest.raises(error, match=re.escape(message)):
        DCNClassifier(**tiny, **options).fit(X, y)
