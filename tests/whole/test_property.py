"""Properties of any table: content drawn as plain cells, made into every kind of table.

Whatever the table, a fit gives finite probabilities; the same content gives the same
ones in another kind of table; the order of the rows and the batches are irrelevant.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from sklearn_dcn import DCNClassifier

EXAMPLES = settings(
    derandomize=True,
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
SMALL = {
    "hidden_layer_sizes": (4,),
    "max_epochs": 2,
    "random_state": 0,
    "dtype": "float64",
}

# ----------------------------------------------------------------------------------
# Content
# ----------------------------------------------------------------------------------


class Column(NamedTuple):
    """Cells of a column, None where missing, in fit and later."""

    kind: str  # a key of POOLS
    fit: list
    later: list


TEXT = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="|"), max_size=4
)
TAG = TEXT.map(str.strip).filter(bool)
WEIGHT = st.floats(-5, 5).map(lambda w: round(w, 3))
IDS = st.one_of(
    st.integers(2**53, 2**53 + 3),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-2, 2),
)

# What a cell of each kind is drawn from; a table's cells are chosen from a few.
POOLS = {
    "text": TEXT,
    "boolean": st.booleans(),
    "id": IDS,
    "float": st.floats(allow_nan=False, allow_infinity=False),
    "integer": st.integers(-(2**53), 2**53),
    "tags": st.lists(st.one_of(st.none(), TAG), max_size=4),
    "tuples": st.lists(TAG, max_size=4).map(tuple),
    "ids": st.lists(IDS, max_size=4),
    "separated": st.lists(TAG, max_size=4).map("|".join),
    "weights": st.dictionaries(TAG, WEIGHT, max_size=3),
}
CATEGORIES = ("text", "boolean", "id")
LISTS = ("tags", "tuples", "ids", "separated", "weights")


@st.composite
def columns(draw, n, n_later):
    """Draw a column: cells of `fit`, some missing, and later ones, some unseen."""
    kind = draw(st.sampled_from(sorted(POOLS)))
    pool = draw(st.lists(POOLS[kind], min_size=1, max_size=6))
    unseen = draw(st.lists(POOLS[kind], max_size=3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    missing = draw(st.sampled_from([0.0, 0.0, 0.2, 1.0]))
    missing_later = draw(st.sampled_from([0.0, 0.2, 1.0]))

    def choose(cells, size, share):
        return [
            None if rng.random() < share else cells[rng.integers(len(cells))]
            for _ in range(size)
        ]

    later = choose([*pool, *unseen], n_later, missing_later)
    return Column(kind, choose(pool, n, missing), later)


@st.composite
def contents(draw):
    """Draw columns, a target and options of the estimator."""
    n = draw(st.integers(20, 80))
    n_later = draw(st.sampled_from([1, 2, 30, 64, 65, 80]))
    table = draw(st.lists(columns(n, n_later), min_size=1, max_size=5))
    y = np.arange(n) % 2
    np.random.default_rng(draw(st.integers(0, 99))).shuffle(y)
    categorical = [j for j, c in enumerate(table) if c.kind in CATEGORIES]
    lists = [j for j, c in enumerate(table) if c.kind in LISTS]
    hashed = [j for j in (*categorical, *lists) if draw(st.booleans())]
    options = {
        "multivalued_features": {
            j: "|" if table[j].kind == "separated" else None for j in lists
        },
        "hashing": {j: draw(st.sampled_from([1, 3, 100])) for j in hashed} or None,
        "pooling": {j: draw(st.sampled_from(["mean", "sum"])) for j in lists},
        "min_frequency": draw(st.sampled_from([None, 3, 0.2])),
        "max_categories": draw(st.sampled_from([None, None, 1, 3])),
        "numeric_transform": draw(st.sampled_from(["quantile", "robust"])),
        "numeric_embedding": draw(
            st.sampled_from([None, None, "piecewise_linear", "periodic"])
        ),
        "optimizer": draw(st.sampled_from(["adamw", "lazy_adamw"])),
    }
    by_type = all(
        c.kind != "id" and any(cell is not None for cell in c.fit) for c in table
    )
    if not (by_type and draw(st.booleans())):
        options["categorical_features"] = categorical
    return table, y, options


# ----------------------------------------------------------------------------------
# Kinds of tables
# ----------------------------------------------------------------------------------


def objects(cells):
    """Return an object array of one dimension."""
    array = np.empty(len(cells), dtype=object)
    for i, cell in enumerate(cells):
        array[i] = cell
    return array


def named(cells):
    """Return columns by name."""
    return {f"c{j}": (kind, column) for j, (kind, column) in enumerate(cells)}


def to_numpy(cells):
    """Return an array of objects."""
    return np.stack([objects(column) for _, column in cells], axis=1)


def to_pandas(cells):
    """Return the types that pandas has by itself: NaN, objects, categories."""

    def column(kind, cells):
        if kind == "text" and len(cells) % 2:
            return pd.Series(cells, dtype="category")
        if kind in ("float", "integer"):
            return pd.Series([np.nan if c is None else float(c) for c in cells])
        if kind in ("boolean", "id") and None not in cells:
            return pd.Series(cells)
        return pd.Series(objects([np.nan if c is None else c for c in cells]))

    return pd.DataFrame({name: column(*c) for name, c in named(cells).items()})


def to_nullable(cells):
    """Return the nullable types of pandas; tags as arrays."""
    dtypes = {
        "text": "string",
        "separated": "string",
        "boolean": "boolean",
        "id": "Int64",
        "integer": "Int64",
        "float": "Float64",
    }

    def column(kind, cells):
        if kind in dtypes:
            return pd.Series(objects(cells), dtype=dtypes[kind])
        if kind in ("tags", "tuples", "ids"):
            cells = [None if c is None else objects(c) for c in cells]
        return pd.Series(objects([pd.NA if c is None else c for c in cells]))

    return pd.DataFrame({name: column(*c) for name, c in named(cells).items()})


ARROW = {
    "text": pa.string(),
    "separated": pa.large_string(),
    "boolean": pa.bool_(),
    "id": pa.int64(),
    "integer": pa.int64(),
    "float": pa.float64(),
    "tags": pa.list_(pa.string()),
    "tuples": pa.large_list(pa.large_string()),
    "ids": pa.list_(pa.int64()),
    "weights": pa.map_(pa.string(), pa.float64()),
}


def arrow_column(kind, cells):
    """Return an array of arrow."""
    if kind == "weights":
        cells = [None if cell is None else [*cell.items()] for cell in cells]
    return pa.array(cells, type=ARROW[kind])


def to_pandas_arrow(cells):
    """Return arrow-backed columns of pandas."""
    return pd.DataFrame(
        {
            name: pd.Series(
                pd.arrays.ArrowExtensionArray(pa.chunked_array([arrow_column(*c)]))
            )
            for name, c in named(cells).items()
        }
    )


def to_arrow(cells):
    """Return a table of arrow, of two chunks; text as a dictionary."""

    def column(kind, cells):
        array = arrow_column(kind, cells)
        if kind == "text":
            return array.dictionary_encode()
        at = len(cells) // 2
        return pa.chunked_array([array[:at], array[at:]])

    return pa.table({name: column(*c) for name, c in named(cells).items()})


POLARS = {
    "text": pl.String,
    "separated": pl.String,
    "boolean": pl.Boolean,
    "id": pl.Int64,
    "integer": pl.Int64,
    "float": pl.Float64,
    "tags": pl.List(pl.String),
    "tuples": pl.List(pl.String),
    "ids": pl.List(pl.Int64),
    "weights": pl.Object,
}


def to_polars(cells, dtypes=POLARS):
    """Return a frame of polars; columns without a cell have no type."""

    def column(kind, cells):
        if all(cell is None for cell in cells):
            return pl.Series(cells)
        if kind in ("tags", "tuples", "ids"):
            cells = [None if cell is None else list(cell) for cell in cells]
        return pl.Series(cells, dtype=dtypes[kind])

    return pl.DataFrame({name: column(*c) for name, c in named(cells).items()})


def to_polars_categories(cells):
    """Return a frame of polars, its strings as Categorical and Enum."""
    strings = {c for kind, cells in cells if kind == "text" for c in cells}
    dtypes = {
        **POLARS,
        "text": pl.Enum(sorted(strings - {None})),
        "separated": pl.Categorical,
        "tags": pl.List(pl.Categorical),
    }
    return to_polars(cells, dtypes)


KINDS = {
    "numpy": to_numpy,
    "pandas": to_pandas,
    "pandas, nullable": to_nullable,
    "pandas, arrow": to_pandas_arrow,
    "polars": to_polars,
    "polars, categories": to_polars_categories,
    "arrow": to_arrow,
}


# ----------------------------------------------------------------------------------
# Properties
# ----------------------------------------------------------------------------------


def check_probabilities(p, n):
    """Assert that these are n rows of probabilities of two classes."""
    assert p.shape == (n, 2)
    assert np.isfinite(p).all()
    assert (p >= 0).all()
    assert_allclose(p.sum(axis=1), 1.0, rtol=1e-12)


def assert_same(p, expected):
    """Assert that probabilities are the same to rounding."""
    assert_allclose(p, expected, rtol=0, atol=1e-12)


def predict_in_batches(model, X, size):
    """Return the predictions with another number of rows in a batch."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sklearn_dcn._training.inference.PREDICT_BATCH_SIZE_CPU", size)
        return model.predict_proba(X)


@EXAMPLES
@given(
    contents(),
    st.lists(st.sampled_from(sorted(KINDS)), min_size=3, max_size=3, unique=True),
    st.integers(1, 70),
    st.integers(0, 2**32 - 1),
)
def test_any_table(content, kinds, batch_size, seed):
    """One content in three kinds of tables; rows in any order, in any batches."""
    table, y, options = content
    fit = [(column.kind, column.fit) for column in table]
    later = [(column.kind, column.later) for column in table]
    n, n_later = len(y), len(table[0].later)
    order = np.random.default_rng(seed).permutation(n_later)
    shuffled = [(kind, [cells[i] for i in order]) for kind, cells in later]
    first = [(kind, cells[:1]) for kind, cells in later]
    expected = None
    for kind in kinds:
        make = KINDS[kind]
        model = DCNClassifier(**SMALL, **options).fit(make(fit), y)
        p, p_fit = model.predict_proba(make(later)), model.predict_proba(make(fit))
        check_probabilities(p, n_later)
        check_probabilities(p_fit, n)
        assert_same(model.predict_proba(make(shuffled)), p[order])
        assert_same(predict_in_batches(model, make(later), batch_size), p)
        assert_same(model.predict_proba(make(first)), p[:1])
        if expected is None:
            expected = p, p_fit
        assert_same(p, expected[0])
        assert_same(p_fit, expected[1])
        if kind != "numpy":
            # A model of one kind of frame predicts for another.
            for other in kinds:
                if other not in ("numpy", kind):
                    assert_same(model.predict_proba(KINDS[other](later)), p)


SPARSE = {
    f"{kind}_{what}": getattr(scipy.sparse, f"{kind}_{what}")
    for kind in ("csr", "csc", "coo")
    for what in ("matrix", "array")
}
VALUE = st.one_of(
    st.integers(-3, 3).map(float),
    st.floats(allow_nan=False, allow_infinity=False),
)


@st.composite
def matrices(draw):
    """Draw two dense matrices of mostly zeros, and a target of the first."""
    n, n_later = draw(st.integers(20, 80)), draw(st.sampled_from([1, 30, 64, 65]))
    n_columns = draw(st.integers(1, 12))
    pool = np.array(draw(st.lists(VALUE, min_size=1, max_size=8)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    density = draw(st.sampled_from([0.0, 0.1, 0.5]))

    def choose(size):
        at = rng.integers(len(pool), size=size)
        return np.where(rng.random(size) < density, pool[at], 0.0)

    X, later = choose((n, n_columns)), choose((n_later, n_columns))
    X[:, rng.random(n_columns) < 0.2] = 0.0  # columns that come later only
    y = rng.permutation(np.arange(n) % 2)
    options = {
        "min_frequency": draw(st.sampled_from([None, 3, 0.2])),
        "max_categories": draw(st.sampled_from([None, 1, 3])),
        "numeric_transform": "quantile",
        "optimizer": draw(st.sampled_from(["adamw", "lazy_adamw"])),
    }
    return X, later, y, options


@EXAMPLES
@given(
    matrices(),
    st.lists(st.sampled_from(sorted(SPARSE)), min_size=2, max_size=2, unique=True),
    st.integers(1, 70),
    st.integers(0, 2**32 - 1),
)
def test_any_sparse_table(content, kinds, batch_size, seed):
    """One content as two kinds of sparse matrix, and dense in prediction."""
    X, later, y, options = content
    order = np.random.default_rng(seed).permutation(len(later))
    expected = None
    for kind in kinds:
        make = SPARSE[kind]
        model = DCNClassifier(**SMALL, **options).fit(make(X), y)
        p = model.predict_proba(make(later))
        check_probabilities(p, len(later))
        check_probabilities(model.predict_proba(make(X)), len(X))
        assert_same(model.predict_proba(make(later[order])), p[order])
        assert_same(predict_in_batches(model, make(later), batch_size), p)
        assert_same(model.predict_proba(make(later[:1])), p[:1])
        assert_same(model.predict_proba(later), p)
        expected = p if expected is None else expected
        assert_same(p, expected)
