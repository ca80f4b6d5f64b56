"""One categorical column: its levels -> integer ids."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._table import describe, factorize, factorize_cells, level_family
from .network.embedding import MISSING_ID, N_RESERVED_IDS, UNKNOWN_ID

__all__ = ["CategoryLevels"]


class CategoryLevels:
    """The known levels of one categorical column, most frequent first.

    Id 0 stands for an unknown level (one not seen in `fit`, or too rare for a row of
    its own), 1 for a missing one, 2 and above for the known levels.

    Parameters
    ----------
    name : str or int
        The column, for errors.
    min_frequency : int, float or None, default=None
        Levels with less weight than this (a number of rows, or below 1 a fraction of
        them) share the unknown id.
    max_categories : int or None, default=None
        Upper limit of the ids of levels; where it folds levels into the unknown id,
        that one counts, as in scikit-learn's `OrdinalEncoder`.

    Attributes
    ----------
    levels : list
        The known levels in the order of their ids.
    counts : ndarray of shape (n_ids,)
        Weight of every id in `fit`.
    """

    def __init__(
        self,
        name: str | int,
        min_frequency: float | None = None,
        max_categories: int | None = None,
    ) -> None:
        self.name = name
        self.min_frequency = min_frequency
        self.max_categories = max_categories

    @property
    def n_ids(self) -> int:
        """Number of ids, with those of unknown and missing levels."""
        return N_RESERVED_IDS + len(self.levels)

    def fit_transform(
        self, column: Any, weight: NDArray[np.float64]
    ) -> NDArray[np.int32]:
        """Learn the levels of a column, rows weighted by `weight`; return their ids."""
        codes, levels = factorize(column, self.name)
        # Code -1, a missing cell, is counted at the end, where index -1 finds it.
        counts = np.bincount(
            np.where(codes < 0, len(levels), codes), weight, minlength=len(levels) + 1
        )
        kept = self._keep(levels, counts)
        self.levels = [levels[code] for code in kept]
        self._families = {level_family(type(level)) for level in levels}
        self._index = {level: i + N_RESERVED_IDS for i, level in enumerate(self.levels)}
        folded = counts[:-1].sum() - counts[kept].sum()
        self.counts = np.concatenate([[folded, counts[-1]], counts[kept]])
        return self._ids(codes, levels)

    def transform(self, column: Any) -> NDArray[np.int32]:
        """Return the id of every cell.

        Raises
        ------
        TypeError
            If the column holds, e.g., numbers where it held strings in `fit`.
        """
        if isinstance(column, list):
            ids, levels = self._look_up(column)
        else:
            codes, levels = factorize(column, self.name)
            ids = self._ids(codes, levels)
        if levels and self._families and (ids < N_RESERVED_IDS).all():
            self._check_families(levels)
        return ids

    def _look_up(self, cells: list[Any]) -> tuple[NDArray[np.int32], list[Any]]:
        """Return the ids of a few cells, and the levels that are unknown."""
        try:
            found = [self._index.get(cell, UNKNOWN_ID) for cell in cells]
        except TypeError:  # a cell that can't be hashed; name it
            found = [UNKNOWN_ID] * len(cells)
        ids = np.array(found, dtype=np.int32)
        if all(found):
            return ids, []
        others = np.flatnonzero(ids == UNKNOWN_ID)
        codes, levels = factorize_cells([cells[i] for i in others], self.name)
        ids[others[codes < 0]] = MISSING_ID
        return ids, levels

    def _ids(self, codes: NDArray[np.intp], levels: list[Any]) -> NDArray[np.int32]:
        id_of = [self._index.get(level, UNKNOWN_ID) for level in levels]
        return np.array([*id_of, MISSING_ID], dtype=np.int32)[codes]

    def _keep(self, levels: list[Any], counts: NDArray[Any]) -> NDArray[np.intp]:
        """Return the codes of the levels that get an id, most frequent first.

        The last of `counts` is that of missing cells.
        """
        # Frequent levels stand together, so their embeddings stay in the cache. Ties
        # are broken by value: ids must not depend on the order of the rows.
        by_value = sorted(range(len(levels)), key=lambda code: _sort_key(levels[code]))
        order = np.array(by_value, dtype=np.intp)
        order = order[np.argsort(-counts[order], kind="stable")]
        present = counts[order] > 0  # not so for unused pandas categories
        if self.min_frequency is not None:
            threshold = float(self.min_frequency)
            if not isinstance(self.min_frequency, Integral):
                threshold *= counts.sum()
            present &= counts[order] >= threshold
        kept = order[present]
        if self.max_categories is not None:
            folds = len(kept) < np.count_nonzero(counts[:-1])
            if len(kept) + folds > self.max_categories:
                kept = kept[: self.max_categories - 1]
        return kept

    def _check_families(self, levels: list[Any]) -> None:
        families = {level_family(type(level)) for level in levels}
        if families.isdisjoint(self._families):
            before, now = (
                " and ".join(sorted(map(str, f))) for f in (self._families, families)
            )
            raise TypeError(
                f"{describe(self.name)} is categorical and held {before} cells in "
                f"fit, but now {now} cells, which are all unknown. Convert the column "
                "to the type that it had in fit."
            )


def _sort_key(level: Any) -> tuple[str, Any]:
    family = level_family(type(level))
    return ("number", float(level)) if family == "bool" else (str(family), level)
