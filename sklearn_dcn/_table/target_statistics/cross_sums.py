"""Memorised crosses of a table that is read in blocks: sums by level, pair and fold.

They are those of `TargetRows.memorise`, for the levels of a pair that a sample of the
rows holds: a level that it has not is rare, and counts as new. So they take little
room, and do not depend on how the table is cut: sums are of numbers rounded to
multiples of 2^-20, which floats add exactly.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..numbers import fit_scalers
from .crosses import CrossStatistics
from .groups import Floats, Keys
from .supervision import N_FOLDS
from .target_rows import PRIOR_ROWS, Codes, link

__all__ = ["CrossSums", "HELD_OUT", "PairSums", "to_values"]

HELD_OUT = N_FOLDS  # the fold of rows that train no network
N_CELLS = N_FOLDS + 1


class CrossSums:
    """Sums of the targets for the pairs of a `CrossStatistics`, block by block.

    Parameters
    ----------
    crosses : CrossStatistics
        Its pairs are chosen. `finish` fits it.
    n_targets : int
    is_logit : bool
        Whether targets are indicators of classes.
    codes : sequence of integer ndarrays of shape (n,)
        Those of the sample.
    """

    def __init__(
        self, crosses: CrossStatistics, n_targets: int, is_logit: bool, codes: Codes
    ) -> None:
        self.crosses, self.is_logit = crosses, is_logit
        self.totals = np.zeros((N_CELLS, 1 + n_targets))  # by fold
        keys = crosses._keys(codes)
        self.pairs = [PairSums(np.unique(key), n_targets) for key in keys.T]

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

    def finish(self) -> None:
        """Give the crosses what they keep of all rows."""
        crosses = self.crosses
        mean_of_all = self.totals[:, 1:].sum(axis=0) / self.totals[:, 0].sum()
        of_levels = [pair.sums.sum(axis=1) for pair in self.pairs]
        found = [_smooth(sums, mean_of_all) for sums in of_levels]
        crosses.is_logit = self.is_logit
        crosses.default = link(mean_of_all, self.is_logit)
        crosses.keys = np.concatenate([pair.levels for pair in self.pairs])
        crosses.values = link(np.concatenate(found), self.is_logit)
        crosses.counted = tuple(
            k for k, sums in enumerate(of_levels) if sums[:, 0].mean() < PRIOR_ROWS
        )
        crosses.counts = np.empty(0)
        if crosses.counted:
            counts = [sums[:, 0] for sums in of_levels]
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

    Parameters
    ----------
    levels : int64 ndarray of shape (n_levels,)
        Those that are summed up, in order.
    n_targets : int

    Attributes
    ----------
    sums : ndarray of shape (n_levels, N_CELLS, 1 + n_targets)
        Weights and targets.
    """

    def __init__(self, levels: Keys, n_targets: int) -> None:
        self.levels = levels
        self._by_cell = np.zeros((1 + n_targets, len(levels) * N_CELLS))
        self._training: Floats | None = None

    @property
    def sums(self) -> Floats:
        """All sums."""
        shape = len(self._by_cell), len(self.levels), N_CELLS
        return np.moveaxis(self._by_cell.reshape(shape), 0, 2)

    def add(self, key: Keys, fold: NDArray[np.intp], values: Floats) -> None:
        """Add the rows of a block."""
        at, known = self._find(key)
        cell = at[known] * N_CELLS + fold[known]
        for sums, column in zip(self._by_cell, values[known].T, strict=True):
            np.add.at(sums, cell, column)
        self._training = None

    def merge(self, other: PairSums) -> PairSums:
        """Add the sums of other rows."""
        self._by_cell += other._by_cell
        self._training = None
        return self

    def find(self, key: Keys, fold: NDArray[np.intp]) -> tuple[Floats, Floats]:
        """Return sums over the training rows of a level, and over those of its fold."""
        if self._training is None:
            self._training = self.sums[:, :HELD_OUT].sum(axis=1)
        at, known = self._find(key)
        own = self._by_cell[:, at * N_CELLS + fold].T
        return self._training[at] * known[:, None], own * known[:, None]

    def _find(self, key: Keys) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Return the position of each row's level, and whether it is one."""
        at = np.minimum(np.searchsorted(self.levels, key), len(self.levels) - 1)
        return at, self.levels[at] == key


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


def _smooth(sums: Floats, mean: Floats) -> Floats:
    """Return means (n, n_targets), towards the mean of all."""
    return (sums[:, 1:] + PRIOR_ROWS * mean) / (sums[:, :1] + PRIOR_ROWS)
