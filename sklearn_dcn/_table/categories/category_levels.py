"""Known levels of one categorical column <-> ids; all other levels share one id."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..._ids import MISSING_ID, N_RESERVED_IDS, UNKNOWN_ID
from ..reading import UNKNOWN_LEVEL, Levels, describe, factorize, factorize_cells
from .column_ids import BLOCK, families, spread
from .free_text import are_texts
from .growing_levels import GrowingLevels
from .vocabulary import Vocabulary, by_value

__all__ = ["CategoryLevels", "Rare"]

Part = tuple[Levels, NDArray[np.float64], NDArray[np.float64]]  # rows, weights

MIN_ROWS = 100  # fewer can't tell that an id is new in every row
MOST_LONE = 0.9  # of the rows with a level of their own
MIN_CELLS = 20  # unknown ones that make a warning, if there is no other


class Rare(NamedTuple):
    """A summary of rare levels, of which nothing else is known.

    Attributes
    ----------
    levels : list
        At least one of each type.
    n : int
    weight : float
    """

    levels: list[Any]
    n: int
    weight: float


class CategoryLevels(GrowingLevels):
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
        Upper limit of the ids of levels; if levels are folded into the unknown id,
        the limit includes it, as in scikit-learn's `OrdinalEncoder`.

    Attributes
    ----------
    vocabulary : Vocabulary
        The known levels in the order of their ids.
    counts : ndarray of shape (n_ids,)
        Weight of every id in `fit`.
    folds_lone : bool
        Whether levels of a single row share the unknown id, as nearly all occur once.
    is_text : bool
        Whether the levels look like free text.
    new : NewLevels or None
        What `learn` has seen of levels without an id.
    """

    is_text = False  # as in older files

    def __init__(
        self,
        name: str | int,
        min_frequency: float | None = None,
        max_categories: int | None = None,
    ) -> None:
        self.name = name
        self.min_frequency = min_frequency
        self.max_categories = max_categories

    def fit_transform(
        self, column: Any, weight: NDArray[np.float64], keep_lone: bool = False
    ) -> NDArray[np.int32]:
        """Learn the levels of a column, rows weighted by `weight`; return their ids.

        If nearly every row has a level of its own, such levels share the unknown id:
        what is learned of one helps no other row. They keep their ids with
        `keep_lone`, or if `min_frequency` says which levels to keep.
        """
        codes, levels = factorize(column, self.name)
        lone = None
        if self.min_frequency is None and not keep_lone:
            lone = _find_lone(codes, len(levels))
        self.folds_lone = lone is not None
        self.is_text = self.folds_lone and are_texts(levels)
        return spread(codes, self.fit(codes, levels, weight, lone=lone))

    def fit_counts(
        self,
        parts: Callable[[], Iterable[Part]],
        missing: float,
        total: float,
        keep_lone: bool = False,
        rare: Rare | None = None,
    ) -> None:
        """Learn levels from the number of rows of each, and from their weights.

        Parameters
        ----------
        parts : callable
            Returns some levels at a time, each once, with row counts and weights.
        missing : float
            The weight of missing cells.
        total : float
            What `min_frequency` is a fraction of.
        keep_lone : bool, default=False
            As of `fit_transform`.
        rare : Rare or None, default=None
            Levels below `min_frequency` that `parts` leaves out.
        """
        rare = rare or Rare([], 0, 0.0)
        if self.min_frequency is None and not keep_lone:
            n_lone = n_present = 0.0
            for _, rows, _ in parts():
                n_lone += np.count_nonzero(rows == 1)
                n_present += rows.sum()
            self.folds_lone = _are_most(n_lone, n_present)
        found: list[tuple[Levels, NDArray[np.float64]]] = []
        seen = families(rare.levels)
        n_folded, folded = rare.n, rare.weight
        for levels, rows, weight in parts():
            lone = rows == 1 if self.folds_lone else None
            self.is_text = self.folds_lone and are_texts(levels)
            counts = np.append(weight, missing)
            kept = self._keep(levels, counts, total, lone, folds=rare.n > 0)
            found.append((_take(levels, kept), weight[kept]))
            seen |= families(levels)
            n_folded += int(np.count_nonzero(weight)) - len(kept)
            folded += weight.sum() - weight[kept].sum()
        levels, weight = found[0]
        if len(found) > 1:
            levels, weight = _join(found)
            counts = np.append(weight, missing)
            kept = self._keep(levels, counts, total, None, folds=n_folded > 0)
            folded += weight.sum() - weight[kept].sum()
            levels, weight = _take(levels, kept), weight[kept]
        self._learn(levels, weight, folded, missing, seen)

    def fit(
        self,
        codes: NDArray[Any],
        levels: Levels,
        weight: NDArray[Any],
        total: float | None = None,
        lone: NDArray[np.bool_] | None = None,
    ) -> NDArray[np.int32]:
        """Learn the levels of a factorised column but lone ones; return their ids."""
        counts = _count(codes, weight, len(levels))
        total = counts.sum() if total is None else total
        kept = self._keep(levels, counts, total, lone)
        folded = counts[:-1].sum() - counts[kept].sum()
        self._learn(
            _take(levels, kept), counts[kept], folded, counts[-1], families(levels)
        )
        if self.vocabulary.n_distinct < len(kept):  # 1 and True, of one hash
            return self.find(levels)
        id_of = np.full(len(levels), UNKNOWN_ID, dtype=np.int32)
        id_of[kept] = np.arange(len(kept), dtype=np.int32) + N_RESERVED_IDS
        return id_of

    def _learn(
        self,
        known: Levels,
        counts: NDArray[Any],
        folded: float,
        missing: float,
        seen: set[str | None],
    ) -> None:
        """Keep the levels that get an id, the counts, and the types of all levels."""
        self.vocabulary = Vocabulary(known, N_RESERVED_IDS, UNKNOWN_ID)
        self._families = seen
        self.counts = np.concatenate([[folded, missing], counts])

    def transform(self, column: Any) -> NDArray[np.int32]:
        """Return the id of every cell.

        Raises
        ------
        TypeError
            If the column holds, e.g., numbers where it held strings in `fit`.
        """
        if isinstance(column, list):
            if len(column) == 1:  # a quarter of the time of what follows
                known = self.vocabulary.find_known(column[0])
                if known is not None:
                    return np.array([known], dtype=np.int32)
            ids, levels = self._look_up(column)
            self.check_families(ids, levels)
            if self._are_strange(ids):
                self._warn_of_unknown(len(ids), levels)
        else:
            codes, levels = factorize(column, self.name)
            ids = self.ids(codes, levels)
            self.check_families(ids, levels)
            if self._are_strange(ids):  # a frame's categories need not all occur
                used = np.unique(codes[codes >= 0])
                self._warn_of_unknown(len(ids), [levels[code] for code in used])
        return ids

    def _are_strange(self, ids: NDArray[np.int32]) -> bool:
        """Tell whether all of many cells are unknown, where most were not in fit."""
        return bool(
            len(ids) >= MIN_CELLS
            and ids.max() < N_RESERVED_IDS
            and np.count_nonzero(ids == UNKNOWN_ID) >= MIN_CELLS
            and self.counts[N_RESERVED_IDS:].sum() > self.counts[UNKNOWN_ID]
        )

    def _warn_of_unknown(self, n_rows: int, levels: Levels) -> None:
        """Warn of levels none of which is known; a single one may be new on purpose."""
        new = [level for level in levels if level != UNKNOWN_LEVEL]
        if len(new) < 2:
            return
        example = new[0].item() if isinstance(new[0], np.generic) else new[0]
        warnings.warn(
            f"{describe(self.name)} has no level that fit has seen, in {n_rows:,} "
            f"rows: it holds, e.g., {example!r}, and held {self.vocabulary[0]!r} in "
            "fit. All count as unknown. Spell the levels as in fit, unless they are "
            "new.",
            UserWarning,
            stacklevel=2,
        )

    def _look_up(self, cells: list[Any]) -> tuple[NDArray[np.int32], Levels]:
        """Return the ids of a few cells, and the levels that are unknown."""
        try:
            ids = self.find(cells)
        except TypeError:  # a cell that can't be hashed; name it
            ids = np.full(len(cells), UNKNOWN_ID, dtype=np.int32)
        if np.count_nonzero(ids) == len(ids):  # a third of the time of ids.all()
            return ids, []
        others = np.flatnonzero(ids == UNKNOWN_ID)
        codes, levels = factorize_cells([cells[i] for i in others], self.name)
        ids[others[codes < 0]] = MISSING_ID
        return ids, levels

    def find(self, levels: Levels) -> NDArray[np.int32]:
        """Return the ids of levels, 0 for those that are not known."""
        return self.vocabulary.find(levels).astype(np.int32)

    def _keep(
        self,
        levels: Levels,
        counts: NDArray[Any],
        total: float,
        lone: NDArray[np.bool_] | None,
        folds: bool = False,
    ) -> NDArray[np.intp]:
        """Return the codes of the levels that get an id, most frequent first.

        The last of `counts` is that of missing cells; `folds` says that other levels
        were folded already.
        """
        # Frequent levels stand together, so their embeddings stay in the cache. Ties
        # are broken by value: ids must not depend on the order of the rows.
        order = by_value(levels)
        order = order[np.argsort(-counts[order], kind="stable")]
        present = counts[order] > 0  # not so for unused categories, or held-out rows
        if lone is not None:
            present &= ~lone[order]
        if self.min_frequency is not None:
            threshold = float(self.min_frequency)
            if not isinstance(self.min_frequency, Integral):
                threshold *= total
            present &= counts[order] >= threshold
        if not isinstance(levels, np.ndarray) and UNKNOWN_LEVEL in levels:
            present &= order != levels.index(UNKNOWN_LEVEL)
        kept = order[present]
        if self.max_categories is not None:
            folds |= len(kept) < int(np.count_nonzero(counts[:-1]))
            if len(kept) + folds > self.max_categories:
                kept = kept[: self.max_categories - 1]
        return kept

    def check_families(self, ids: NDArray[Any], levels: Levels) -> None:
        """Raise a TypeError if all levels are unknown and none is of a type of fit."""
        if not len(levels) or not self._families or (ids >= N_RESERVED_IDS).any():
            return
        now = families(levels)
        if now and now.isdisjoint(self._families):
            before, after = (
                " and ".join(sorted(map(str, f))) for f in (self._families, now)
            )
            raise TypeError(
                f"{describe(self.name)} is categorical and held {before} cells in "
                f"fit, but now {after} cells, which are all unknown. Convert the "
                "column to the type that it had in fit."
            )


def _find_lone(codes: NDArray[Any], n_levels: int) -> NDArray[np.bool_] | None:
    """Return which levels occur in a single row, if nearly all rows have such one."""
    n_present = np.count_nonzero(codes >= 0)
    least = MOST_LONE * n_present
    if n_present < MIN_ROWS or n_levels < least:  # most columns
        return None
    return _are_lone(np.bincount(codes + 1, minlength=n_levels + 1)[1:], n_present)


def _are_lone(rows: NDArray[Any], n_present: Any) -> NDArray[np.bool_] | None:
    """Return which levels have a single row, if nearly all rows are of such."""
    lone: NDArray[np.bool_] = rows == 1
    return lone if _are_most(lone.sum(), n_present) else None


def _are_most(n_lone: float, n_present: float) -> bool:
    """Tell whether nearly all rows are of levels that have a single one."""
    return bool(n_present >= MIN_ROWS and n_lone > MOST_LONE * n_present)


def _take(levels: Levels, at: NDArray[np.intp]) -> Levels:
    return levels[at] if isinstance(levels, np.ndarray) else [levels[k] for k in at]


def _join(parts: Iterable[tuple[Levels, NDArray[np.float64]]]) -> Any:
    """Return levels and their weights as one: an array if all are."""
    levels, weights = zip(*parts, strict=True)
    weight = np.concatenate(weights)
    if all(isinstance(some, np.ndarray) or not len(some) for some in levels):
        arrays = [some for some in levels if len(some)]
        return (np.concatenate(arrays) if arrays else []), weight
    as_lists = (s.tolist() if isinstance(s, np.ndarray) else s for s in levels)
    return [level for some in as_lists for level in some], weight


def _count(
    codes: NDArray[Any], weight: NDArray[np.float64], n_levels: int
) -> NDArray[np.float64]:
    """Return the weight of every level, and at the end that of missing cells."""
    counts = np.zeros(n_levels + 1)
    is_uniform = len(weight) > 0 and weight.min() == weight.max()
    block = max(BLOCK, 4 * n_levels)
    for start in range(0, len(codes), block):
        cells = slice(start, start + block)
        weights = None if is_uniform else weight[cells]
        counts += np.bincount(codes[cells] + 1, weights, minlength=n_levels + 1)
    return np.roll(counts * weight[0] if is_uniform else counts, -1)
