"""The values of a column that the picture of its effect tries."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._analysis import Floats
from .._table import (
    MISSING_LEVEL,
    Lists,
    TableEncoder,
    TextLevels,
    factorize,
    split_lists,
    to_float,
)

__all__ = ["Grid", "make_grid"]


class Grid(NamedTuple):
    """The values of a column to try.

    Attributes
    ----------
    values : sequence
        Numbers, or names of levels.
    rows : ndarray of shape (n_values,)
        For each value, a row of the table that has it.
    counts : list of int or None
        Number of rows that hold each level.
    n_more : int
        Number of levels that are left out.
    cells : list or None
        For lists, a cell for each level, with that level alone, to replace the rows'
        cells.
    """

    values: Any
    rows: NDArray[np.intp]
    counts: list[int] | None = None
    n_more: int = 0
    cells: list[Any] | None = None


def make_grid(column: Any, j: int, encoder: TableEncoder, n_values: int) -> Grid:
    """Return the values of a column that are tried, at most so many.

    Raises
    ------
    ValueError
        If it holds vectors or text, or no level.
    """
    name = encoder.names[j]
    if j in encoder.numbers:
        return _grid_of_numbers(to_float(column, name), n_values)
    if j in encoder.vectors or isinstance(encoder.lists.get(j), TextLevels):
        what = "vectors" if j in encoder.vectors else "text"
        raise ValueError(
            f"column must hold numbers or levels, as only these have an effect each; "
            f"got {name!r}, which holds {what}. For its effect on rows use explain, "
            "or see feature_importances_."
        )
    if j not in encoder.lists:
        codes, levels = factorize(column, name)
        return _grid_of_levels(codes, list(levels), n_values)
    lists = split_lists(column, name, encoder.lists[j].separator)
    if not len(lists.codes):
        raise ValueError(f"Column {name!r} holds no level in X: all lists are empty.")
    return _grid_of_lists(lists, n_values)


def _grid_of_numbers(x: Floats, n_values: int) -> Grid:
    order = np.argsort(x, kind="stable")  # missing ones at the end
    n = len(x) - int(np.isnan(x).sum())
    values, first = np.unique(x[order[:n]], return_index=True)
    if len(values) > n_values:
        at = ((np.arange(n_values) + 0.5) / n_values * n).astype(np.intp)
        values, first = np.unique(x[order[at]], return_index=True)
        first = at[first]
    rows = order[first]
    if n < len(x):
        values, rows = np.append(values, np.nan), np.append(rows, order[n])
    return Grid(values, rows)


def _grid_of_levels(codes: NDArray[np.intp], levels: list[Any], n_values: int) -> Grid:
    """Return the most frequent levels; of equally many rows those that come first."""
    present, first, counts = np.unique(codes, return_index=True, return_counts=True)
    kept = np.lexsort((first, -counts))[:n_values]
    return Grid(
        [MISSING_LEVEL if c < 0 else levels[c] for c in present[kept].tolist()],
        first[kept],
        counts[kept].tolist(),
        len(present) - len(kept),
    )


def _grid_of_lists(lists: Lists, n_values: int) -> Grid:
    """Return the most frequent levels, each in a cell of its own.

    Where cells are mappings it has its mean weight.
    """
    codes, n_rows = lists.codes, len(lists.offsets) - 1
    row = np.repeat(np.arange(n_rows), np.diff(lists.offsets))
    held = np.unique(row * (len(lists.levels) + 1) + codes + 1, return_index=True)[1]
    grid = _grid_of_levels(codes[held], list(lists.levels), n_values)
    chosen = codes[held][grid.rows]
    cells: list[Any] = [None if c < 0 else [lists.levels[c]] for c in chosen]
    if lists.weight is not None:
        mean = np.bincount(codes + 1, lists.weight) / np.bincount(codes + 1).clip(1)
        cells = [
            {None if c < 0 else lists.levels[c]: mean[c + 1]} for c in chosen.tolist()
        ]
    return grid._replace(rows=row[held][grid.rows], cells=cells)
