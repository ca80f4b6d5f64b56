"""Tables of the suite `family`: some rows of open ones, and planted crosses."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from .quality_cell import TEST_SIZE
from .quality_tables import with_lists

ORDERS, COLUMNS, LEVELS = (2, 3, 4), 8, 6
MOST_TESTS = 10_000
NOISE = 0.5  # standard deviation: no model has a lower RMSE
PLANTED = tuple(
    f"{kind}, order {order}" for kind in ("ids", "numbers") for order in ORDERS
)


def make_planted(name, rows, seed):
    """Return a frame of eight columns and a number with a cross of some of them.

    The target is the product of the first two, three or four columns' values, of
    variance 1, a quarter of the variance for each other column, and noise. A number is
    its own value, uniform; ids have six levels of normal values, which are the world
    and so the same in every seed.

    Parameters
    ----------
    name : str
        One of `PLANTED`.
    rows, seed : int
    """
    kind, order = name.split(", order ")
    rng = np.random.default_rng(seed)
    if kind == "ids":
        codes = rng.integers(LEVELS, size=(rows, COLUMNS))
        of_levels = np.random.default_rng(1).normal(size=(LEVELS, COLUMNS))
        of_levels = (of_levels - of_levels.mean(axis=0)) / of_levels.std(axis=0)
        values = np.take_along_axis(of_levels, codes, axis=0)
        cells = np.char.add("level ", codes.astype(str)).astype(object)
    else:
        cells = values = rng.uniform(-(3**0.5), 3**0.5, size=(rows, COLUMNS))
    y = values[:, : int(order)].prod(axis=1) + 0.5 * values[:, int(order) :].sum(axis=1)
    y += NOISE * rng.normal(size=rows)
    return pd.DataFrame(cells, columns=[f"{kind} {j}" for j in range(COLUMNS)]), y


def load_split(table, name, rows, seed):
    """Return training rows, validation rows and test rows, and the task.

    Parameters
    ----------
    table : Table or None
        Of the suite `quality`; None for a planted one.
    name : str
    rows : int
        Of training and validation, of which these are a fifth, at most.
    seed : int
        Of the split, and of planted rows.
    """
    if table is None:
        # As many rows as there are for training have errors of a per cent in an RMSE.
        X, y = make_planted(name, 2 * rows, seed)
        task, strata, n_tests = "regression", None, rows
    else:
        X, y, task = table.load()
        X = with_lists(X, table.lists)
        strata = None if task == "regression" else y
        n_tests = min(MOST_TESTS, int(TEST_SIZE * len(y)))
    X, X_test, y, y_test = train_test_split(
        X, y, test_size=n_tests, stratify=strata, random_state=seed
    )
    if len(y) > rows:
        strata = None if strata is None else y
        X, _, y, _ = train_test_split(
            X, y, train_size=rows, stratify=strata, random_state=seed
        )
    strata = None if strata is None else y
    X, X_valid, y, y_valid = train_test_split(
        X, y, test_size=0.2, stratify=strata, random_state=seed
    )
    return (X, y), (X_valid, y_valid), (X_test, y_test), task
