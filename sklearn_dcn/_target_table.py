"""The rows that crosses are learned and chosen by: targets, and sums over a level."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge

from ._runtime import ignoring
from ._statistics import N_FOLDS, Supervision, assign_folds

__all__ = ["PRIOR_ROWS", "Levels", "TargetTable", "score_pair", "standardise"]

PRIOR_ROWS = 10.0  # that a statistic is smoothed by, towards the mean of all rows
TEST_FOLDS = 2  # of the five: those that `linear_loss` tests on

Codes = Sequence[NDArray[Any]]  # integers, one array for each column
Keys = NDArray[np.int64]
Floats = NDArray[np.float64]


class Levels(NamedTuple):
    """The levels of a column or of a pair, in order, and which one each row has."""

    keys: Keys
    codes: NDArray[np.intp]

    @classmethod
    def of(cls, key: Keys) -> Levels:
        """Return the levels of rows with these keys."""
        return cls(*np.unique(key, return_inverse=True))

    def elsewhere(self, fold: NDArray[np.intp]) -> Callable[[Floats], Floats]:
        """Return what sums values over the rows of each row's level in other folds."""
        shape = N_FOLDS, len(self.keys)
        cell = fold * len(self.keys) + self.codes

        def total(values: Floats) -> Floats:
            inside = np.bincount(cell, values, shape[0] * shape[1]).reshape(shape)
            return (inside.sum(axis=0) - inside).ravel()[cell]

        return total


class Memory(NamedTuple):
    """What a memorised cross keeps of a pair's levels, and gives for each row."""

    keys: Keys
    means: Floats  # smoothed, of shape (n_levels, n_targets)
    counts: Floats  # rows of each level
    cross_fitted: Floats  # means of the rows in other folds, (n, n_targets)
    # log(1 + n) of the n other rows of a row's level, if a level has fewer rows on
    # average than its mean is smoothed by.
    others: Floats | None


class TargetTable:
    """The training rows: codes, targets, and sums over rows of a level.

    Parameters
    ----------
    codes : sequence of integer ndarrays of shape (n,)
    weight : ndarray of shape (n,)
    supervision : Supervision
        Whose targets are indicators of classes if it has strata, else numbers.
    """

    def __init__(self, codes: Codes, weight: Floats, supervision: Supervision) -> None:
        self.codes = codes
        self.weight = weight
        self.targets = list(supervision.targets)
        self.y = np.stack([*supervision.targets.values()], axis=1).astype(np.float64)
        self.is_logit = supervision.strata is not None
        self.means = np.average(self.y, axis=0, weights=weight)
        self.fold = assign_folds(len(weight), supervision.strata, supervision.seed)
        self.rng = np.random.RandomState(supervision.seed)

    def draw(self, size: int) -> NDArray[np.intp]:
        """Return positions of so many rows, drawn at random, or of all."""
        n = len(self.weight)
        return self.rng.permutation(n)[:size] if size < n else np.arange(n)

    def sample(self, size: int) -> TargetTable:
        """Return a table of so many of the rows, or this one."""
        if size >= len(self.weight):
            return self
        rows, part = self.draw(size), copy.copy(self)
        part.codes = [c[rows] for c in self.codes]
        part.y, part.weight = self.y[rows], self.weight[rows]
        part.fold = self.fold[rows]
        return part

    def hold_out(self) -> TargetTable:
        """Return the table with no weight on the rows that `linear_loss` tests on."""
        rest = copy.copy(self)
        rest.weight = np.where(self.fold < TEST_FOLDS, 0.0, self.weight)
        rest.means = np.average(self.y, axis=0, weights=rest.weight)
        return rest

    def cross_fit(self, levels: Levels) -> Floats:
        """Return the smoothed means (n, n_targets) of the rows in other folds."""
        elsewhere = levels.elsewhere(self.fold)
        sums = [elsewhere(self.weight * y) for y in self.y.T]
        return self._smooth(np.stack(sums, axis=1), elsewhere(self.weight))

    def memorise(self, key: Keys) -> Memory:
        """Return what is known of the levels of a pair, and of rows by the others."""
        levels = Levels.of(key)
        sums = [np.bincount(levels.codes, self.weight * y) for y in self.y.T]
        counts = np.bincount(levels.codes, self.weight).astype(np.float64)
        means = self._smooth(np.stack(sums, axis=1), counts)
        others = None
        if counts.mean() < PRIOR_ROWS:
            count = counts[levels.codes] - self.weight
            others = np.log1p(np.maximum(count, 0.0))  # not a rounding error below 0
        return Memory(levels.keys, means, counts, self.cross_fit(levels), others)

    def _smooth(self, sums: Floats, count: Floats) -> Floats:
        return (sums + PRIOR_ROWS * self.means) / (count[:, None] + PRIOR_ROWS)

    def leave_over(
        self, features: Floats, rows: NDArray[np.intp]
    ) -> tuple[Floats, Floats]:
        """Return gradient and curvature of the loss where single columns leave it.

        Both of shape (n_targets, n), times the weight. With the log loss they are
        y - p and p (1 - p) of a logistic regression; with the squared error what a
        linear regression leaves, in units of its standard deviation, and 1.
        """
        x, y, weight = features[rows], self.y[rows], self.weight[rows]
        if self.is_logit:
            fitted = np.stack([_probability(x, y_k, weight) for y_k in y.T], axis=1)
        else:
            fitted = Ridge().fit(x, y, sample_weight=weight).predict(x).reshape(y.shape)
        return self._derivatives(y, fitted, weight)

    def leave_over_mean(self) -> tuple[Floats, Floats, float]:
        """Return gradient and curvature where the mean leaves the loss, and that loss.

        As `leave_over`, in the same units; the loss is summed over rows and targets.
        """
        mean = np.broadcast_to(self.means, self.y.shape)
        g, h = self._derivatives(self.y, mean, self.weight)
        loss = np.full(self.y.shape, 0.5)
        if self.is_logit:
            loss = -xlogy(self.y, mean) - xlogy(1 - self.y, 1 - mean)
        return g, h, float((loss * self.weight[:, None]).sum())

    def _derivatives(
        self, y: Floats, fitted: Floats, weight: Floats
    ) -> tuple[Floats, Floats]:
        g = y - fitted
        if self.is_logit:
            h = fitted * (1 - fitted)
        else:
            scale = np.sqrt(np.average(g**2, axis=0, weights=weight))
            g = g / np.where(scale > 0, scale, 1.0)
            h = np.ones_like(g)
        return (g * weight[:, None]).T, (h * weight[:, None]).T

    def linear_loss(self, features: Floats, rows: NDArray[np.intp]) -> float:
        """Return the loss of a linear model on test rows, summed over targets."""
        is_test = self.fold[rows] < TEST_FOLDS
        fit, test = rows[~is_test], rows[is_test]
        total = 0.0
        for y in self.y.T:
            if self.is_logit:
                p = _probability(
                    features[fit], y[fit], self.weight[fit], features[test]
                )
                loss = -np.log(np.clip(np.where(y[test] > 0, p, 1 - p), 1e-6, None))
            else:
                model = Ridge().fit(features[fit], y[fit], self.weight[fit])
                loss = (y[test] - model.predict(features[test])) ** 2
            total += float(np.average(loss, weights=self.weight[test]))
        return total


def standardise(x: Floats) -> Floats:
    """Return columns of mean 0 and standard deviation 1, constant ones of 0."""
    spread = x.std(axis=0)
    return (x - x.mean(axis=0)) / np.where(spread > 1e-9, spread, np.inf)


def _probability(
    x: Floats, y: Floats, weight: Floats, x_test: Floats | None = None
) -> Floats:
    """Return P(y = 1) by a logistic regression, of the same rows or of others."""
    x_test = x if x_test is None else x_test
    if y.min() == y.max():  # a class that these rows have not, or have alone
        return np.full(len(x_test), y[0])
    # A few of Newton's steps are exact enough.
    model = LogisticRegression(C=0.1, solver="newton-cholesky", max_iter=10, tol=1e-3)
    with ignoring(ConvergenceWarning):
        model.fit(x, y, sample_weight=weight)
    return model.predict_proba(x_test)[:, 1]


def score_pair(
    key: Keys, fold: NDArray[np.intp], gradient: Floats, curvature: Floats
) -> float:
    r"""Return the score test of a pair's cross-fitted effect, summed over targets.

    The effect :math:`\delta` of a level is a Newton step on the rows of the other
    folds. :math:`(\sum g \delta)^2 / (2 \sum h \delta^2)`, or 0 if
    :math:`\sum g \delta` is negative, is what the best multiple of all these steps
    would take off the loss.

    Parameters
    ----------
    key : ndarray of shape (n,)
        The pair's level of each row.
    fold : ndarray of shape (n,)
        The fold of each row.
    gradient, curvature : ndarray of shape (n_targets, n)
        g and h, weighted.
    """
    elsewhere = Levels.of(key).elsewhere(fold)
    total = 0.0
    for g, h in zip(gradient, curvature, strict=True):
        if not h.any():  # a class that the rows have not, or have alone
            continue
        delta = elsewhere(g) / (elsewhere(h) + PRIOR_ROWS * h.mean())
        slope, bend = g @ delta, h @ (delta * delta)
        if slope > 0 and bend > 0:
            total += slope * slope / (2 * bend)
    return float(total)
