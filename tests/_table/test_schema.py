"""The schema: what the encoding found, as tuples, one for each column."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from helpers.schemas import OPTIONS, fit, rows_of, small
from helpers.tables import make_mixed
from scipy import sparse

from sklearn_dcn import DCNClassifier
from sklearn_dcn._table.encoder import TableEncoder
from sklearn_dcn._table.schema import ColumnSchema

# ----------------------------------------------------------------------------------
# Tuples
# ----------------------------------------------------------------------------------


def test_hand_worked():
    """One entry a column, in the table's order, with what fit found."""
    question = "3 whole numbers, 8,001 to 8,400: a category?"
    mean, as_sum = ("mean",), ("split at '|'", "sum")
    with_indicator = ("quantile", "indicator")
    # city: b is kept, a and c are folded. tags: 9 entries and one missing row.
    assert fit(small(), **OPTIONS).schema() == [
        ("zip", "number", ("quantile",), None, 0.0, None, None, question),
        ("city", "category", (), 1, 1 / 8, 3 / 8, None, ""),
        ("price", "number", with_indicator, None, 2 / 8, None, None, "0.5 to 9"),
        ("tags", "list", mean, 2, 1 / 9, 0.0, None, ""),
        ("user", "category", ("1,000 buckets",), None, 0.0, 0.0, None, ""),
        ("genre", "list", as_sum, 2, 0.0, 0.0, None, ""),
    ]


def test_is_a_table():
    """A list of named tuples is a data frame at once."""
    frame = pd.DataFrame(fit(small(), **OPTIONS).schema())
    assert list(frame) == list(ColumnSchema._fields)
    assert list(frame.loc[frame["kind"] == "number", "column"]) == ["zip", "price"]


def test_hashed_lists():
    encoder = fit(small()[["tags"]], hashing={"tags": 8})
    assert rows_of(encoder)["tags"][1:4] == ("list", ("mean", "8 buckets"), None)


def test_columns_without_names():
    assert [row.column for row in fit(small().to_numpy(dtype=object)).schema()] == [
        *range(6)
    ]


def test_polars_has_the_schema_of_pandas():
    polars = pytest.importorskip("polars")
    from sklearn_dcn._table.reading.tables import check_table

    X, _ = make_mixed()
    X = X.assign(device=X["device"].astype(str), tags=[["a", "b"], ["a"]] * 150)
    frame = polars.from_pandas(X)
    encoder = TableEncoder()
    encoder.fit_transform(check_table(frame), frame.columns, np.ones(len(X)))
    assert encoder.schema() == fit(X).schema()


def test_sparse_matrix():
    """The columns are one field; those without a value are counted."""
    X = sparse.csr_matrix([[1.0, 0, 2, 0, 0], [3, 0, 0, 0, 0], [1, 0, 0, 0, 5]])
    encoder = fit(X, max_categories=2)
    note = "5 columns, 2 without a value"
    row = ("X", "sparse block", ("quantile",), 1, None, 2 / 5, None, note)
    assert encoder.schema() == [row]
    assert str(encoder).splitlines()[0] == (
        "TableEncoder: 5 columns (1 sparse block), 3 ids"
    )
    assert fit(sparse.eye(3, format="csr")).schema()[0].note == "3 columns"


def test_shares_are_of_the_weight():
    """Weights count as so many rows, and a share of rounding is none."""
    weight = np.array([1, 2, 1, 3, 1, 1, 2, 1])
    X = small()
    weighted = fit(X, weight.astype(float), **OPTIONS)
    repeated = fit(X.loc[X.index.repeat(weight)], **OPTIONS)
    for a, b in zip(weighted.schema(), repeated.schema(), strict=True):
        assert a[:7] == b[:7]  # the note may depend on the number of rows
    assert rows_of(weighted)["city"].missing == 3 / 12
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"s": rng.integers(0, 99, 5000).astype(str)})
    for _ in range(9):
        assert fit(frame, rng.exponential(size=5000)).schema()[0].rare == 0.0


# ----------------------------------------------------------------------------------
# Empty lists, and copies
# ----------------------------------------------------------------------------------


def test_all_lists_are_empty():
    encoder = fit(pd.DataFrame({"t": [[], []], "x": [1.0, 2.0]}))
    assert rows_of(encoder)["t"][3:6] == (0, 0.0, 0.0)


def test_copies(tiny):
    """Copied and pickled encoders keep their schema."""
    X, y = make_mixed()
    encoder = DCNClassifier(**tiny).fit(X, y).encoder_
    for other in (
        copy.copy(encoder),
        copy.deepcopy(encoder),
        pickle.loads(pickle.dumps(encoder)),
    ):
        assert other.schema() == encoder.schema()
        assert repr(other) == repr(encoder)
        assert other._repr_html_() == encoder._repr_html_()
