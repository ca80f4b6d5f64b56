"""A fitted encoder of a table, and a table whose encoding can be written down."""

import numpy as np
import pandas as pd

from sklearn_dcn._table.encoder import TableEncoder


def fit(X, names=None, weight=None, **options):
    """Return a fitted encoder and the encoded rows."""
    if names is None and hasattr(X, "columns"):
        names = list(X.columns)
    encoder = TableEncoder(**options)
    encoded = encoder.fit_transform(
        X, names, np.ones(len(X)) if weight is None else weight
    )
    return encoder, encoded


def small():
    """Return a frame whose encoding can be written down."""
    return pd.DataFrame(
        {
            "n": [1.0, np.nan, 3.0],
            "s": ["b", "a", "b"],
            "k": [10, 20, 60],
            "t": pd.Categorical(["x", None, "x"]),
        }
    )
