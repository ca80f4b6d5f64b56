"""The rows that crosses are learned and chosen by: targets, and sums over a level."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit
from scipy.stats import spearmanr

from ..._roles import Mask
from .groups import EarlierRows, Floats, Groups, Keys, OtherFolds
from .supervision import N_FOLDS, Supervision

__all__ = ["PRIOR_ROWS", "Codes", "TargetRows", "link"]

PRIOR_ROWS = 10.0  # that a statistic is smoothed by, towards the mean of all rows
TEST_FOLDS = 2  # of the five: those whose rows judge how many pairs are worth it

# Rows are sorted by the target if a fifth of them has none of a class with so many, or
# if ranks of numbers and their stretches correlate so much (1 stretch by stretch: .98).
ENOUGH = 100
SORTED = 0.9

Codes = Sequence[NDArray[Any]]  # integers, one array for each column


class Memory(NamedTuple):
    """What a memorised cross keeps of a pair's levels, and returns for each row."""

    keys: Keys
    means: Floats  # smoothed, of shape (n_levels, n_targets)
    counts: Floats  # rows of each level
    # What each network is told of a row: links of the means of other rows that train
    # it, of shape (n, n_members, n_targets); and, if a level has fewer rows on average
    # than its mean is smoothed by, log(1 + n) of these n rows, (n, n_members).
    of_others: Floats
    n_others: Floats | None


class TargetRows:
    """The rows of a fit: codes of their columns, targets, weights and folds.

    Parameters
    ----------
    codes : sequence of integer ndarrays of shape (n,)
    weight : ndarray of shape (n,)
    supervision : Supervision
    """

    def __init__(self, codes: Codes, weight: Floats, supervision: Supervision) -> None:
        self.codes = codes
        self.weight = weight
        self.targets = list(supervision.targets)
        self.y = np.stack([*supervision.targets.values()], axis=1).astype(np.float64)
        self.is_logit = supervision.is_class
        self.means = np.average(self.y, axis=0, weights=weight)
        self.trains = supervision.by_member
        self.rank = supervision.roles.rank
        self.fold = supervision.fold
        self.stretch = supervision.stretch
        self.rng = np.random.RandomState(supervision.seed)

    # Some of the rows -----------------------------------------------------------------

    def draw(self, size: int) -> NDArray[np.intp]:
        """Return positions of this many rows, drawn at random, or of all."""
        n = len(self.weight)
        return self.rng.permutation(n)[:size] if size < n else np.arange(n)

    def sample(self, size: int) -> TargetRows:
        """Return this many of the rows, or all."""
        if size >= len(self.weight):
            return self
        return self._take(self.draw(size))

    def _take(self, at: NDArray[np.intp]) -> TargetRows:
        part = copy.copy(self)
        part.codes = [c[at] for c in self.codes]
        part.y, part.weight = self.y[at], self.weight[at]
        part.fold, part.trains = self.fold[at], self.trains[at]
        part.stretch = self.stretch[at]
        part.rank = None if self.rank is None else self.rank[at]
        return part

    def by_member(self) -> list[TargetRows]:
        """Return all rows for each network, told by those that train it."""
        return [self.told_by(trains) for trains in self.trains.T]

    def told_by(self, trains: Mask) -> TargetRows:
        """Return all rows with weight only on some, which then describe the others."""
        if trains.all():
            return self
        part = copy.copy(self)
        part.weight = np.where(trains, self.weight, 0.0)
        part.means = np.average(self.y, axis=0, weights=part.weight)
        part.fold = np.where(trains, self.fold, N_FOLDS)
        return part

    def that_train(self) -> TargetRows:
        """Return the rows that train any network."""
        at = np.flatnonzero(self.trains.any(axis=1))
        return self if len(at) == len(self.weight) else self._take(at)

    def halve_classes(self, most: int) -> TargetRows:
        """Return the rows with at most this many targets: random halves of the classes.

        Every class takes part in each half, so that anything that tells classes apart
        is likely to show. Rows with few targets, or with numbers, stay as they are.
        """
        n_classes = self.y.shape[1]
        if not self.is_logit or n_classes <= most:
            return self
        halved = copy.copy(self)
        halves = [self.rng.permutation(n_classes) < n_classes // 2 for _ in range(most)]
        halved.y = self.y @ np.stack(halves, axis=1).astype(np.float64)
        halved.means = self.means @ np.stack(halves, axis=1)
        return halved

    def by_stretch(self) -> TargetRows:
        """Return the rows with the folds by which a choice is judged.

        The folds are stretches of the table or of time, but random if rows are sorted
        by the target, since each stretch would then hold its own part of the target.
        """
        if self.are_sorted:
            return self
        judged = copy.copy(self)
        judged.fold = self.stretch
        return judged

    @property
    def are_sorted(self) -> bool:
        """Whether the target follows from where a row is in the table.

        Rows are sorted if a stretch lacks a class that all others have, or if numbers
        rise or fall all along.
        """
        if not self.is_logit:
            varied = [y for y in self.y.T if np.ptp(y)]
            falls = [abs(spearmanr(self.stretch, y).statistic) for y in varied]
            return max(falls, default=0.0) > SORTED
        sums = [np.bincount(self.stretch, y, N_FOLDS) for y in self.y.T]
        rare = np.minimum(sums, np.bincount(self.stretch, minlength=N_FOLDS) - sums)
        return bool(((rare == 0).any(axis=1) & (rare.sum(axis=1) >= ENOUGH)).any())

    @property
    def is_test(self) -> NDArray[np.bool_]:
        """Which rows judge a choice and have no part in it: the last ones, by time."""
        return self.fold >= N_FOLDS - TEST_FOLDS

    def without_test_rows(self) -> TargetRows:
        """Return the rows, told by those that do not judge."""
        return self.told_by(~self.is_test)

    # Means of a level -----------------------------------------------------------------

    def link(self, mean: Floats) -> Floats:
        """Return what a model gets from means of the target: for classes the logit."""
        return link(mean, self.is_logit)

    def statistics(self, keys: Iterable[Keys]) -> Floats:
        """Return what a model gets for each key's levels, from their other rows.

        These are smoothed means of other rows: of earlier ones, or of other folds.
        """
        values = self._values()
        found: list[Floats] = []
        for key in keys:
            others = self._others(Groups.loose(key, N_FOLDS + 1))
            told = self.link(self._means_of(others, values))
            found += [others.spread(of_target) for of_target in told.T]
        return np.stack(found).T  # column after column in memory

    def memorise(self, key: Keys, members: Sequence[TargetRows]) -> Memory:
        """Return what is known of a pair's levels, and of each row from other rows.

        `members` are those of `by_member`, the same for all pairs.
        """
        groups = Groups.of(key)
        sums = [np.bincount(groups.codes, self.weight * y) for y in self.y.T]
        counts = np.bincount(groups.codes, self.weight).astype(np.float64)
        means = self._smooth(np.stack(sums, axis=1), counts)
        # What was earlier is the same for all networks, and takes a sort.
        earlier = None if self.rank is None else self._others(groups)
        told = [rows._told_by_others(groups, earlier) for rows in members]
        n_others = None
        if counts.mean() < PRIOR_ROWS:
            each = [rows._count_others(groups, earlier) for rows in members]
            n_others = np.log1p(np.stack(each, axis=1))
        of_others = np.stack(told, axis=1)
        return Memory(groups.keys, means, counts, of_others, n_others)

    def _count_others(
        self, groups: Groups, earlier: OtherFolds | EarlierRows | None
    ) -> Floats:
        """Return the weight of the rows of each row's level but the row itself."""
        if earlier is not None:
            return earlier.sums(self.weight)
        counts = np.bincount(groups.codes, self.weight)[groups.codes] - self.weight
        return np.maximum(counts, 0.0)  # not a rounding error below 0

    def _told_by_others(
        self, groups: Groups, earlier: OtherFolds | EarlierRows | None
    ) -> Floats:
        """Return links of the smoothed means (n, n_targets) of others of each row."""
        others = earlier or self._others(groups)
        return others.spread(self.link(self._means_of(others, self._values())))

    def _values(self) -> list[Floats]:
        """Return what means are made of: targets times weights, then these."""
        return [*(self.weight * y for y in self.y.T), self.weight]

    def _means_of(
        self, others: OtherFolds | EarlierRows, values: Sequence[Floats]
    ) -> Floats:
        """Return the smoothed means (_, n_targets) of others, still to be spread."""
        *sums, count = (others.sums(value) for value in values)
        return self._smooth(np.stack(sums, axis=1), count)

    def _others(self, groups: Groups) -> OtherFolds | EarlierRows:
        if self.rank is not None:
            return EarlierRows(groups, self.rank)
        return OtherFolds(groups, self.fold)

    def _smooth(self, sums: Floats, count: Floats) -> Floats:
        return (sums + PRIOR_ROWS * self.means) / (count[:, None] + PRIOR_ROWS)


def link(mean: Floats, is_logit: bool) -> Floats:
    """Return what a model gets from means of the target: for classes the logit."""
    return logit(np.clip(mean, 1e-6, 1 - 1e-6)) if is_logit else mean
