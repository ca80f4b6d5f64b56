"""Linear models of columns' statistics: what they leave over, and what they lose."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit, xlogy
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge

from ..._warnings import ignoring
from .groups import Floats
from .target_rows import TargetRows

__all__ = [
    "MAX_LINEAR",
    "MAX_TARGETS",
    "leave_over",
    "leave_over_mean",
    "linear_losses",
    "standardise",
]

# Bounds of the work: rows of a model, and of many classes so many random halves of
# them, as the cost grows with the cube of the targets.
MAX_LINEAR = 20_000
MAX_TARGETS = 4


def standardise(x: Floats) -> Floats:
    """Return columns of mean 0 and standard deviation 1, constant ones of 0."""
    spread = x.std(axis=0)
    return (x - x.mean(axis=0)) / np.where(spread > 1e-9, spread, np.inf)


def leave_over(
    rows: TargetRows, features: Floats, at: NDArray[np.intp]
) -> tuple[Floats, Floats]:
    """Return gradient and curvature of the loss where single columns leave it.

    Both of shape (n_targets, n), times the weight. With the log loss they are y - p and
    p (1 - p) of a logistic regression; with the squared error what a linear regression
    leaves, in units of its standard deviation, and 1.
    """
    x, y, weight = features[at], rows.y[at], rows.weight[at]
    if rows.is_logit:
        fitted = np.stack([_probability(x, y_k, weight) for y_k in y.T], axis=1)
    else:
        fitted = Ridge().fit(x, y, sample_weight=weight).predict(x).reshape(y.shape)
    return _derivatives(y, fitted, weight, rows.is_logit)


def leave_over_mean(rows: TargetRows) -> tuple[Floats, Floats, float]:
    """Return gradient and curvature where the mean leaves the loss, and that loss.

    As `leave_over`, in the same units; the loss is summed over rows and targets.
    """
    mean = np.broadcast_to(rows.means, rows.y.shape)
    g, h = _derivatives(rows.y, mean, rows.weight, rows.is_logit)
    loss = np.full(rows.y.shape, 0.5)
    if rows.is_logit:
        loss = -xlogy(rows.y, mean) - xlogy(1 - rows.y, 1 - mean)
    return g, h, float((loss * rows.weight[:, None]).sum())


def _derivatives(
    y: Floats, fitted: Floats, weight: Floats, is_logit: bool
) -> tuple[Floats, Floats]:
    g = y - fitted
    if is_logit:
        h = fitted * (1 - fitted)
    else:
        scale = np.sqrt(np.average(g**2, axis=0, weights=weight))
        g = g / np.where(scale > 0, scale, 1.0)
        h = np.ones_like(g)
    return (g * weight[:, None]).T, (h * weight[:, None]).T


def linear_losses(
    rows: TargetRows,
    features: Floats,
    fit: NDArray[np.intp],
    test: NDArray[np.intp],
    calibrates: bool = False,
) -> Floats:
    """Return the loss of a linear model on each of some rows, summed over targets.

    Parameters
    ----------
    rows : TargetRows
    features : ndarray of shape (n, n_features)
        Of all rows.
    fit, test : ndarray of int
        Positions of the rows that it is fitted to, and of those that it predicts.
    calibrates : bool, default=False
        Whether the predictions are scaled and shifted to be best on the test rows, so
        that features are judged by the order they give, whatever the rows' mean.
    """
    total = np.zeros(len(test))
    w_fit, w_test = rows.weight[fit], rows.weight[test]
    for y in rows.y.T:
        if rows.is_logit:
            p = _probability(features[fit], y[fit], w_fit, features[test])
            if calibrates:
                z = logit(np.clip(p, 1e-6, 1 - 1e-6))[:, None]
                p = _probability(z, y[test], w_test, C=1e3)
            total -= np.log(np.clip(np.where(y[test] > 0, p, 1 - p), 1e-6, None))
        else:
            x = Ridge().fit(features[fit], y[fit], w_fit).predict(features[test])
            if calibrates:
                again = Ridge(1e-6).fit(x[:, None], y[test], w_test)
                x = again.predict(x[:, None])
            total += (y[test] - x) ** 2
    return total


def _probability(
    x: Floats, y: Floats, weight: Floats, x_test: Floats | None = None, C: float = 0.1
) -> Floats:
    """Return P(y = 1) by a logistic regression, of the same rows or of others."""
    x_test = x if x_test is None else x_test
    if y.min() == y.max():  # a class that these rows have not, or have alone
        return np.full(len(x_test), y[0])
    # A few of Newton's steps are exact enough.
    model = LogisticRegression(C=C, solver="newton-cholesky", max_iter=10, tol=1e-3)
    with ignoring(ConvergenceWarning):
        model.fit(x, y, sample_weight=weight)
    return model.predict_proba(x_test)[:, 1]
