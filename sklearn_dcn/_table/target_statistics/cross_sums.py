"""Memorised crosses of a table that is read in blocks: sums by level, pair and fold.

They are the sums of `TargetRows.memorise`, for those levels of a pair that occur in a
sample of the rows: other levels are rare, and count as new. So the sums take little
room. They do not depend on how the table is cut, because they add numbers rounded to
multiples of 2^-20, which floats add exactly.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..numbers import fit_scalers
from .cross_totals import CrossTotals, smooth
from .crosses import CrossStatistics
from .groups import Floats, Keys
from .key_index import KeyIndex
from .target_rows import PRIOR_ROWS, Codes, link

__all__ = ["CrossSums", "HELD_OUT", "PairSums", "to_values"]

HELD_OUT = 100  # the fold of rows that train no network, above that of any other


class CrossSums:
    """Sums of the targets for the pairs of a `CrossStatistics`, block by block.

    Parameters
    ----------
    crosses : CrossStatistics
        Its pairs must have been chosen. `finish` fits it.
    n_targets : int
    is_logit : bool
        Whether targets are indicators of classes.
    codes : sequence of integer ndarrays of shape (n,)
        The codes of the sample.
    n_folds : int
        Number of folds of the rows that train.
    is_ordered : bool
        Whether folds follow each other in time: a row is told only of earlier ones.
    """

    def __init__(
        self,
        crosses: CrossStatistics,
        n_targets: int,
        is_logit: bool,
        codes: Codes,
        n_folds: int,
        is_ordered: bool,
    ) -> None:
        self.crosses, self.is_logit = crosses, is_logit
        self.n_folds, self.is_ordered = n_folds, is_ordered
        self.totals = np.zeros((n_folds + 1, 1 + n_targets))  # by fold
        keys = crosses._keys(codes)
        self.pairs = [PairSums(np.unique(key), n_targets, n_folds) for key in keys.T]

    def add(self, codes: Codes, fold: NDArray[np.intp], values: Floats) -> None:
        """Add a block.

        Parameters
        ----------
        codes : sequence of integer ndarrays of shape (n,)
            The codes of the columns in pairs; those of others may be empty.
        fold : ndarray of shape (n,)
            `HELD_OUT` for rows that train no network.
        values : ndarray of shape (n, 1 + n_targets)
            What `to_values` gives.
        """
        cells = np.minimum(fold, self.n_folds)
        self.totals += _sums(cells, values, self.n_folds + 1)
        keys = self.crosses._keys(codes)
        for k, pair in enumerate(self.pairs):
            pair.add(keys[:, k], cells, values)

    def parts(self) -> list[Floats]:
        """Return the sums; sums of other rows may be added to them."""
        return [self.totals, *(pair._by_cell for pair in self.pairs)]

    def finish(self) -> None:
        """Give the crosses what they keep of all rows; no more rows can be added."""
        crosses = self.crosses
        of_levels = [pair.sums.sum(axis=1) for pair in self.pairs]
        totals = CrossTotals(self.totals.sum(axis=0), np.concatenate(of_levels))
        crosses.is_logit = self.is_logit
        crosses.keys = np.concatenate([pair.levels for pair in self.pairs])
        crosses.default, crosses.values, counts = totals.statistics(self.is_logit)
        crosses.counted = tuple(
            k for k, sums in enumerate(of_levels) if sums[:, 0].mean() < PRIOR_ROWS
        )
        crosses.counts = counts if crosses.counted else np.empty(0)
        crosses.totals = totals if crosses.goes_on else None
        of_training = self.totals[: self.n_folds]
        self.mean = of_training[:, 1:].sum(axis=0) / of_training[:, 0].sum()
        for pair in self.pairs:
            pair.tell(self.is_ordered)

    def fit_scalers(
        self,
        codes: Codes,
        fold: NDArray[np.intp],
        weight: Floats,
        targets: Sequence[str],
    ) -> None:
        """Learn how the numbers spread, from those of a sample of rows."""
        x = self.of_others(codes, fold, weight)[:, None]
        names = self.crosses._feature_names([*targets])
        transform = self.crosses.numeric_transform
        self.crosses.scalers = fit_scalers(names, x, weight, transform)

    def of_others(self, codes: Codes, fold: NDArray[np.intp], weight: Floats) -> Floats:
        """Return the numbers (n, n_features) of rows, from other rows that train."""
        keys = self.crosses._keys(codes)
        cells = np.minimum(fold, self.n_folds)
        own = np.where(cells < self.n_folds, _exact(weight), 0.0)
        last_cell = np.full_like(cells, self.n_folds)  # of all that train
        means, counts = [], []
        for k, pair in enumerate(self.pairs):
            others = pair.told(keys[:, k], cells)
            means.append(link(smooth(others, self.mean), self.is_logit))
            if k not in self.crosses.counted:
                continue
            n = others[:, 0]
            if not self.is_ordered:  # beside the row itself, not beside its fold
                n = np.maximum(pair.told(keys[:, k], last_cell)[:, 0] - own, 0.0)
            counts.append(np.log1p(n))
        return np.column_stack([*means, *counts])


class PairSums:
    """Sums by level of a pair and by fold.

    Parameters
    ----------
    levels : int64 ndarray of shape (n_levels,)
        The levels that are summed up, in order.
    n_targets : int
    n_folds : int
        Folds of rows that train; one more has the rows that do not.
    """

    def __init__(self, levels: Keys, n_targets: int, n_folds: int) -> None:
        self.levels, self.n_cells = levels, n_folds + 1
        self._index = KeyIndex(levels)
        # Behind the levels' cells are those of all others, which are not told.
        n_cells = (len(levels) + 1) * self.n_cells
        self._by_cell = np.zeros((1 + n_targets, n_cells))
        self._told: Floats | None = None

    @property
    def sums(self) -> Floats:
        """Weights and targets, of shape (n_levels, n_folds + 1, 1 + n_targets)."""
        shape = len(self._by_cell), len(self.levels) + 1, self.n_cells
        return np.moveaxis(self._by_cell.reshape(shape)[:, :-1], 0, 2)

    def add(self, key: Keys, fold: NDArray[np.intp], values: Floats) -> None:
        """Add the rows of a block."""
        cell = self._cells(key, fold)
        for sums, column in zip(self._by_cell, values.T, strict=True):
            np.add.at(sums, cell, column)

    def merge(self, other: PairSums) -> PairSums:
        """Add the sums of other rows."""
        self._by_cell += other._by_cell
        return self

    def tell(self, is_ordered: bool) -> None:
        """Replace the sums of each fold by what its rows are told of others.

        These are the sums of the other folds that train, or only of earlier ones. Rows
        that do not train are told of all rows that do.
        """
        sums = self.sums
        training = sums[:, :-1].sum(axis=1)
        told = np.zeros((len(sums) + 1, *sums.shape[1:]))  # no others of a new level
        if is_ordered:
            told[:-1, 1:] = np.cumsum(sums[:, :-1], axis=1)
        else:
            told[:-1, :-1] = training[:, None] - sums[:, :-1]
            told[:-1, -1] = training
        self._told = told.reshape(-1, told.shape[2])
        self._by_cell = self._by_cell[:, :0]

    def told(self, key: Keys, fold: NDArray[np.intp]) -> Floats:
        """Return the sums (n, 1 + n_targets) that rows are told, after `tell`."""
        assert self._told is not None
        return self._told.take(self._cells(key, fold), axis=0)

    def _cells(self, key: Keys, fold: NDArray[np.intp]) -> NDArray[np.intp]:
        return self._index.find(key) * self.n_cells + fold


def to_values(weight: Floats, targets: Sequence[NDArray[np.float64]]) -> Floats:
    """Return what is summed over rows: weights, and targets times weights."""
    columns = [weight, *(weight * y for y in targets)]
    return _exact(np.stack(columns, axis=1))


def _exact(values: Floats) -> Floats:
    """Return numbers rounded so that sums of them are exact, in any order."""
    return np.asarray(np.rint(values * 2.0**20) * 2.0**-20)


def _sums(codes: NDArray[np.intp], values: Floats, n: int) -> Floats:
    columns = [np.bincount(codes, column, minlength=n) for column in values.T]
    return np.stack(columns, axis=1)
