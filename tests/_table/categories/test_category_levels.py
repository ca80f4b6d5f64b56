"""Tests of the ids of levels, with scikit-learn's OrdinalEncoder as oracle."""

import collections

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import OrdinalEncoder

from sklearn_dcn._table.categories.category_levels import CategoryLevels
from sklearn_dcn._table.reading.tables import SHORT_TABLE

UNKNOWN, MISSING, FIRST = 0, 1, 2


def fit(column, weight=None, name="c", **options):
    """Return fitted levels and the ids of the column."""
    levels = CategoryLevels(name, **options)
    ids = levels.fit_transform(
        column, np.ones(len(column)) if weight is None else weight
    )
    return levels, ids


def objects(cells):
    """Return an object array of one dimension."""
    return np.array(cells, dtype=object)


# ----------------------------------------------------------------------------------
# Ids
# ----------------------------------------------------------------------------------


def test_hand_worked():
    """Ids: 0 unknown, 1 missing, then levels by frequency, ties by value."""
    column = objects(["b", "c", None, "a", "c", "b", "d", np.nan])
    levels, ids = fit(column)
    assert levels.levels == ["b", "c", "a", "d"]
    assert ids.tolist() == [2, 3, 1, 4, 3, 2, 5, 1]
    assert levels.counts.tolist() == [0, 2, 2, 2, 1, 1]
    assert levels.n_ids == 6
    assert levels.transform(objects(["zzz", None, "a"])).tolist() == [0, 1, 4]


@pytest.mark.parametrize("n", [40, 3000])
@pytest.mark.parametrize("make", [pd.Series, objects], ids=["pandas", "numpy"])
def test_order_of_ids(make, n):
    """Levels stand as by sorting (-count, value) of a plain counter."""
    rng = np.random.default_rng(1)
    cells = [f"v{k % 500}" for k in rng.zipf(1.3, n)]  # many ties
    expected = [
        level
        for level, _ in sorted(
            collections.Counter(cells).items(), key=lambda item: (-item[1], item[0])
        )
    ]
    levels, ids = fit(make(cells))
    assert levels.levels == expected
    assert ids.tolist() == [expected.index(cell) + FIRST for cell in cells]


@pytest.mark.parametrize("dtype", ["object", "str", "category", "int"])
def test_ids_do_not_depend_on_the_order_of_rows(dtype):
    """Shuffled rows get the same ids, though all levels are equally frequent."""
    rng = np.random.default_rng(2)
    column = pd.Series(np.repeat(rng.permutation(50), 2))
    if dtype != "int":
        column = column.astype(str).astype(dtype)
    order = rng.permutation(100)
    levels, ids = fit(column)
    shuffled, shuffled_ids = fit(column.iloc[order].reset_index(drop=True))
    assert shuffled.levels == levels.levels == sorted(levels.levels)
    assert shuffled_ids.tolist() == ids[order].tolist()


def test_ties_of_mixed_types():
    """Levels of several types have an order of their own, whatever the rows'."""
    cells = ["b", 2, 1.5, True, "a", b"x", False]
    orders = {
        tuple(map(repr, fit(objects([cells[i] for i in order]))[0].levels))
        for order in (
            [0, 1, 2, 3, 4, 5, 6],
            [6, 5, 4, 3, 2, 1, 0],
            [3, 0, 6, 1, 5, 2, 4],
        )
    }
    # By family: bytes, numbers (booleans among them), strings.
    assert orders == {("b'x'", "False", "True", "1.5", "2", "'a'", "'b'")}


def test_transform_repeats_fit_transform():
    """`transform` gives the ids of `fit_transform`, long and cell by cell."""
    rng = np.random.default_rng(3)
    column = pd.Series(rng.choice(["a", "b", "c", None], 300, p=[0.5, 0.3, 0.1, 0.1]))
    levels, ids = fit(column, min_frequency=40)
    assert {0, 1} < set(ids.tolist())
    assert levels.transform(column).tolist() == ids.tolist()
    one_by_one = [levels.transform(column.iloc[[i]])[0] for i in range(len(column))]
    assert one_by_one == ids.tolist()


@pytest.mark.parametrize("n", [4, 4 * SHORT_TABLE])
@pytest.mark.parametrize(
    ("seen", "now"),
    [
        (objects([7, 8]), objects([7.0, np.int64(8)])),
        (pd.Series([7, 8]), pd.Series([7.0, 8.0])),
        (pd.Series(["a", "b"]), np.array(["a", "b"])),
        (pd.Series(["a", "b"], dtype="category"), objects(["a", "b"])),
        (pd.Series([True, False]), np.array([True, False])),
        (pd.Series([1, 2]), pd.Series([1, 2], dtype="Int64")),
    ],
)
def test_dtype_may_change(seen, now, n):
    """A level is known by its value, in whatever dtype it comes back."""
    levels, _ = fit(seen)
    repeats = np.tile([0, 1], n // 2)
    column = now.iloc[repeats] if isinstance(now, pd.Series) else now[repeats]
    expected = fit(seen)[1]
    assert levels.transform(column).tolist() == np.tile(expected, n // 2).tolist()


def test_category_order_at_predict():
    """Other categories in another order, at prediction, give the same ids."""
    fitted = pd.Series(pd.Categorical(["a", "b", "b", "c"], categories=["c", "a", "b"]))
    levels, ids = fit(fitted)
    now = pd.Series(
        pd.Categorical(["a", "b", "b", "c", "z", None], categories=["z", "b", "a", "c"])
    )
    assert levels.transform(now).tolist() == [*ids.tolist(), UNKNOWN, MISSING]


def test_unused_categories_get_no_id():
    """A pandas category without rows is unknown when it comes."""
    column = pd.Series(pd.Categorical(["a", "a", "b"], categories=["q", "a", "b", "r"]))
    levels, _ = fit(column)
    assert levels.levels == ["a", "b"]
    now = pd.Series(pd.Categorical(["q", "b"], categories=["q", "a", "b", "r"]))
    assert levels.transform(now).tolist() == [UNKNOWN, 3]
    # Nor does max_categories count it: nothing is folded.
    assert fit(column, max_categories=2)[0].levels == ["a", "b"]


# ----------------------------------------------------------------------------------
# Rare levels
# ----------------------------------------------------------------------------------

COUNTS = {"a": 5, "b": 20, "c": 10, "d": 3, "e": 1, "f": 61}  # no ties; 100 rows


def counted(n_missing=0):
    """Return a shuffled column of COUNTS."""
    cells = [level for level, n in COUNTS.items() for _ in range(n)]
    cells += [np.nan] * n_missing
    return np.random.default_rng(4).permutation(objects(cells))


def infrequent(column, **options):
    """Return the infrequent levels according to scikit-learn."""
    encoder = OrdinalEncoder(**options).fit(column[:, None])
    found = encoder.infrequent_categories_[0]
    return set() if found is None else set(found)


@pytest.mark.parametrize("n_missing", [0, 100])
@pytest.mark.parametrize("max_categories", [None, 1, 2, 3, 4, 5])
@pytest.mark.parametrize(
    "min_frequency", [None, 1, 3, 4, 10, 11, 62, 0.01, 0.03, 0.05, 0.051, 0.2, 0.7]
)
def test_rare_levels(min_frequency, max_categories, n_missing):
    """The levels folded into the unknown id are scikit-learn's infrequent ones."""
    options = {"min_frequency": min_frequency, "max_categories": max_categories}
    column = counted(n_missing)
    levels, ids = fit(column, **options)
    folded = (
        set()
        if min_frequency is max_categories is None
        else infrequent(column, **options)
    )
    assert set(COUNTS) - set(levels.levels) == folded
    assert {cell for cell, i in zip(column, ids, strict=True) if i == UNKNOWN} == folded
    assert levels.counts[UNKNOWN] == sum(COUNTS[level] for level in folded)
    assert levels.counts[MISSING] == n_missing
    assert levels.counts[FIRST:].tolist() == [COUNTS[level] for level in levels.levels]


def test_enough_max_categories_fold_nothing():
    """As many categories as levels leave every level its id."""
    assert fit(counted(), max_categories=len(COUNTS))[0].levels == list("fbcade")


def test_ties_at_max_categories():
    """Of equally frequent levels the first by value are kept, in any row order."""
    cells = ["d", "b", "a", "c"] * 2
    for column in (cells, cells[::-1]):
        assert fit(objects(column), max_categories=3)[0].levels == ["a", "b"]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"min_frequency": 4},
        {"min_frequency": 0.2},
        {"max_categories": 3},
        {"min_frequency": 2, "max_categories": 2},
    ],
    ids=str,
)
def test_weights_equal_repeated_rows(options):
    """A row of weight k is k rows, for order, thresholds and counts."""
    rng = np.random.default_rng(5)
    column = rng.choice(objects(["a", "b", "c", "d", "e", None]), 30)
    weight = rng.integers(1, 6, 30)
    weighted, ids = fit(column, weight.astype(float), **options)
    repeated, repeated_ids = fit(np.repeat(column, weight), **options)
    assert weighted.levels == repeated.levels
    assert weighted.counts.tolist() == repeated.counts.tolist()
    assert np.repeat(ids, weight).tolist() == repeated_ids.tolist()


def test_every_level_may_be_rare():
    """With all levels folded the ids are unknown and missing alone."""
    levels, ids = fit(objects(["a", "b", None]), min_frequency=10)
    assert (levels.levels, levels.n_ids) == ([], 2)
    assert ids.tolist() == [UNKNOWN, UNKNOWN, MISSING]
    assert levels.transform(objects(["a", "z", None])).tolist() == [0, 0, 1]


# ----------------------------------------------------------------------------------
# Missing and changed columns
# ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "column",
    [
        objects([None, np.nan, None]),
        pd.Series([None] * 3, dtype="string"),
        pd.Series([None] * 3, dtype="category"),
        pd.Series([pd.NA] * 3, dtype=object),
    ],
    ids=["numpy", "string", "category", "NA"],
)
def test_all_missing(column):
    """A column all missing has no level in fit, and is all missing in prediction."""
    levels, ids = fit(column)
    assert ids.tolist() == [MISSING] * 3
    assert levels.n_ids == 2
    # Any kind may come later: none was seen.
    assert levels.transform(objects(["a", 7, None])).tolist() == [0, 0, 1]
    strings, _ = fit(objects(["a", "b", "c"]))
    assert strings.transform(column).tolist() == [MISSING] * 3


@pytest.mark.parametrize("n", [1, 2 * SHORT_TABLE])
@pytest.mark.parametrize(
    ("seen", "now", "families"),
    [
        (["a", "b"], 1.5, "string cells in fit, but now number"),
        ([1, 2], "1", "number cells in fit, but now string"),
        (["a", "b"], b"a", "string cells in fit, but now bytes"),
        (["x", "y"], True, "string cells in fit, but now bool"),
        ([True, False], "True", "bool cells in fit, but now string"),
        (["a", 1], b"z", "number and string cells in fit, but now bytes"),
    ],
)
def test_changed_kind(seen, now, families, n):
    """All cells of another type than in fit: an error of column, types and remedy."""
    levels, _ = fit(objects(seen), name="city")
    column = objects([now] * n + [None])
    message = rf"^Column 'city' is categorical and held {families}.*Convert the column"
    with pytest.raises(TypeError, match=message):
        levels.transform(column)


def test_new_levels_are_no_change_of_kind():
    """Unseen levels of the known type are unknown, not an error."""
    levels, _ = fit(objects(["a", "b"]), min_frequency=5)
    assert levels.transform(objects(["y", "z"])).tolist() == [0, 0]
    mixed, _ = fit(objects(["a", 1]))
    assert mixed.transform(objects([2, 3.5])).tolist() == [0, 0]


def test_refused_cells_in_transform():
    """A container among the cells is named with its column also after fit."""
    levels, _ = fit(objects(["a", "b"]), name="city")
    with pytest.raises(TypeError, match=r"^Column 'city' holds dict"):
        levels.transform(objects(["a", {}]))
