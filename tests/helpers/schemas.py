"""A table of all kinds of columns, and the schema that its encoder finds."""

import numpy as np
import pandas as pd

from sklearn_dcn._table.encoder import TableEncoder


def fit(X, weight=None, **options):
    """Return a fitted encoder."""
    n = X.shape[0]
    names = list(X.columns) if hasattr(X, "columns") else None
    encoder = TableEncoder(**options)
    encoder.fit_transform(X, names, np.ones(n) if weight is None else weight)
    return encoder


def rows_of(encoder):
    """Return the schema by column."""
    return {row.column: row for row in encoder.schema()}


def small():
    """Return a frame of all kinds whose schema can be written down."""
    return pd.DataFrame(
        {
            "zip": [8001, 8002, 8001, 8400, 8002, 8400, 8001, 8001],
            "city": ["b", "a", "b", None, "b", "a", "c", "b"],
            "price": [0.5, np.nan, 1.5, 2.25, 0.75, np.nan, 9.0, 3.0],
            "tags": [["x"], ["x", "y"], [], None, ["y"], ["x"], ["x"], ["x", "y"]],
            "user": list("abcdefgh"),
            "genre": ["k|l", "k", "l", "k", "k", "k", "k|l", "k"],
        }
    )


OPTIONS = {
    "multivalued_features": {"tags": None, "genre": "|"},
    "pooling": {"genre": "sum"},
    "hashing": {"user": 1000},
    "max_categories": 2,
}


def lines_of(encoder):
    """Return the lines of the table, from the header to the last column."""
    lines = str(encoder).splitlines()[1:]
    return lines[:-1] if lines[-1].startswith("A category?") else lines
