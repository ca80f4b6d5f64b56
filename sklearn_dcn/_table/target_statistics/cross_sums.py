"""Memorised crosses of a table that is read in blocks: sums by level, pair and fold.

They are those of `TargetRows.memorise`, of rows that one network, or all, hold out in
common, and do not depend on how the table is cut: sums are of numbers rounded to
multiples of 2^-20, which floats add exactly.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..numbers import fit_scalers
from .crosses import CrossStatistics
from .groups import Floats, Groups, Keys
from .supervision import N_FOLDS
from .target_rows import PRIOR_ROWS, Codes, link

__all__ = ["CrossSums", "HELD_OUT", "PairSums", "to_values"]

HELD_OUT = N_FOLDS  # the fold of rows that train no network
N_CELLS = N_FOLDS + 1

MERGE_AT = 1 << 20  # cells of blocks that wait to be merged
MAX_CELLS = 16_000_000  # of all pairs, 24 bytes each for one target


class CrossSums:
    """Sums of the targets for the pairs of a `CrossStatistics`, block by block.

    Parameters
    ----------
    crosses : CrossStatistics
        Its pairs are chosen. `finish` fits it.
    n_targets : int
    is_logit : bool
        Whether targets are indicators of classes.
    """

    def __init__(
        self, crosses: CrossStatistics, n_targets: int, is_logit: bool
    ) -> None:
        self.crosses, self.is_logit = crosses, is_logit
        self.totals = np.zeros((N_CELLS, 1 + n_targets))  # by fold
        self.pairs = [PairSums(n_targets) for _ in crosses.pairs]

    def add(self, codes: Codes, fold: NDArray[np.intp], values: Floats) -> None:
        """Add a block.

        Parameters
        ----------
        codes : sequence of integer ndarrays of shape (n,)
            Those of the columns in pairs; the others may be empty.
        fold : ndarray of shape (n,)
            `HELD_OUT` for rows that train no network.
        values : ndarray of shape (n, 1 + n_targets)
            What `to_values` gives.
        """
        self.totals += _sums(fold, values, N_CELLS)
        keys = self.crosses._keys(codes)
        for k, pair in enumerate(self.pairs):
            pair.add(keys[:, k], fold, values)
        n_cells = sum(pair.n_cells for pair in self.pairs)
        while n_cells > MAX_CELLS:
            largest = max(self.pairs, key=lambda pair: pair.n_cells)
            before = largest.n_cells
            largest.drop_lightest()
            n_cells += largest.n_cells - before

    def finish(self) -> None:
        """Give the crosses what they keep of all rows."""
        crosses = self.crosses
        for pair in self.pairs:
            pair.finish()
        mean_of_all = self.totals[:, 1:].sum(axis=0) / self.totals[:, 0].sum()
        found = [_smooth(pair.sums, mean_of_all) for pair in self.pairs]
        crosses.is_logit = self.is_logit
        crosses.default = link(mean_of_all, self.is_logit)
        crosses.keys = np.concatenate([pair.levels for pair in self.pairs])
        crosses.values = link(np.concatenate(found), self.is_logit)
        crosses.counted = tuple(
            k
            for k, pair in enumerate(self.pairs)
            if pair.sums[:, 0].mean() < PRIOR_ROWS
        )
        crosses.counts = np.empty(0)
        if crosses.counted:
            counts = [pair.sums[:, 0] for pair in self.pairs]
            crosses.counts = np.log1p(np.concatenate(counts))
        of_training = self.totals[:HELD_OUT]
        self.mean = of_training[:, 1:].sum(axis=0) / of_training[:, 0].sum()

    def fit_scalers(
        self,
        codes: Codes,
        fold: NDArray[np.intp],
        weight: Floats,
        targets: Sequence[str],
    ) -> None:
        """Learn how the numbers spread, by those of a sample of rows."""
        x = self.of_others(codes, fold, weight)[:, None]
        names = self.crosses._feature_names([*targets])
        transform = self.crosses.numeric_transform
        self.crosses.scalers = fit_scalers(names, x, weight, transform)

    def of_others(self, codes: Codes, fold: NDArray[np.intp], weight: Floats) -> Floats:
        """Return the numbers (n, n_features) of rows, by others that train."""
        keys = self.crosses._keys(codes)
        trains = fold != HELD_OUT
        means, counts = [], []
        for k, pair in enumerate(self.pairs):
            training, own = pair.find(keys[:, k], fold)
            others = training - np.where(trains[:, None], own, 0.0)
            means.append(link(_smooth(others, self.mean), self.is_logit))
            if k in self.crosses.counted:
                rest = training[:, 0] - np.where(trains, _exact(weight), 0.0)
                counts.append(np.log1p(np.maximum(rest, 0.0)))
        return np.column_stack([*means, *counts])


class PairSums:
    """Sums by level of a pair, and fold.

    Attributes
    ----------
    levels : int64 ndarray of shape (n_levels,)
        After `finish` the levels, in order.
    sums : ndarray of shape (n_levels, 1 + n_targets)
        Their weights and targets in all rows.
    """

    def __init__(self, n_targets: int) -> None:
        self._cells: Keys = np.empty(0, np.int64)  # level * N_CELLS + fold, in order
        self._sums = np.empty((0, 1 + n_targets))
        self._waiting: list[tuple[Keys, Floats]] = []

    @property
    def n_cells(self) -> int:
        """Cells that are kept, merged or not."""
        return len(self._cells) + sum(len(cells) for cells, _ in self._waiting)

    def add(self, key: Keys, fold: NDArray[np.intp], values: Floats) -> None:
        """Add the rows of a block."""
        groups = Groups.of(key * N_CELLS + fold)
        found = _sums(groups.codes, values, len(groups.keys))
        self._waiting.append((groups.keys, found))
        if sum(len(cells) for cells, _ in self._waiting) > MERGE_AT:
            self._merge()

    def merge(self, other: PairSums) -> None:
        """Add the sums of other rows."""
        self._waiting += [(other._cells, other._sums), *other._waiting]
        self._merge()

    def _merge(self) -> None:
        cells = [self._cells, *(cells for cells, _ in self._waiting)]
        sums = [self._sums, *(found for _, found in self._waiting)]
        groups = Groups.of(np.concatenate(cells))
        self._cells = groups.keys
        self._sums = _sums(groups.codes, np.concatenate(sums), len(groups.keys))
        self._waiting = []

    def drop_lightest(self) -> None:
        """Forget the levels of the least weight, about half of the cells or more."""
        self._merge()
        groups = Groups.of(self._cells // N_CELLS)
        weight = np.bincount(groups.codes, self._sums[:, 0])
        bound = np.median(weight[groups.codes])
        kept = (weight > bound)[groups.codes]
        self._cells, self._sums = self._cells[kept], self._sums[kept]

    def finish(self) -> None:
        """Add up the cells of each level."""
        self._merge()
        groups = Groups.of(self._cells // N_CELLS)
        n = len(groups.keys)
        self.levels = groups.keys
        self.sums = _sums(groups.codes, self._sums, n)
        is_held = self._cells % N_CELLS == HELD_OUT
        self._training = self.sums - _sums(
            groups.codes[is_held], self._sums[is_held], n
        )

    def find(self, key: Keys, fold: NDArray[np.intp]) -> tuple[Floats, Floats]:
        """Return sums over the training rows of a level, and over those of its fold."""
        training = _at(self.levels, key, self._training)
        own = _at(self._cells, key * N_CELLS + fold, self._sums)
        return training, own


def to_values(weight: Floats, targets: Sequence[NDArray[np.float64]]) -> Floats:
    """Return what is summed of rows: weights, and targets times these."""
    columns = [weight, *(weight * y for y in targets)]
    return _exact(np.stack(columns, axis=1))


def _exact(values: Floats) -> Floats:
    """Return numbers rounded so that sums of them are exact, in any order."""
    return np.asarray(np.rint(values * 2.0**20) * 2.0**-20)


def _sums(codes: NDArray[np.intp], values: Floats, n: int) -> Floats:
    columns = [np.bincount(codes, column, minlength=n) for column in values.T]
    return np.stack(columns, axis=1)


def _at(keys: Keys, wanted: Keys, sums: Floats) -> Floats:
    """Return the sums of keys, in order, that are wanted; 0 of those not there."""
    if not len(keys):
        return np.zeros((len(wanted), sums.shape[1]))
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where((keys[at] == wanted)[:, None], sums[at], 0.0)


def _smooth(sums: Floats, mean: Floats) -> Floats:
    """Return means (n, n_targets), towards the mean of all."""
    return (sums[:, 1:] + PRIOR_ROWS * mean) / (sums[:, :1] + PRIOR_ROWS)
