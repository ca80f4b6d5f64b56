"""Linear models of columns' statistics: what they leave over, and what they lose."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, xlogy

from .fitting import fit_logistic, fit_ridge
from .groups import Floats, Single
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
# A logit, beyond which no row is better or worse for being sure.
MOST = 13.8


def standardise(x: Floats) -> Single:
    """Return columns of mean 0 and standard deviation 1; constant ones become 0."""
    found = np.zeros(x.shape, np.float32, order="F")
    for k, column in enumerate(x.T):
        centred = column - column.mean()
        spread = np.sqrt(centred @ centred / len(centred))
        if spread > 1e-9:
            np.divide(centred, spread, out=found[:, k], casting="same_kind")
    return found


def leave_over(
    rows: TargetRows, features: Single, at: NDArray[np.intp]
) -> tuple[Floats, Floats]:
    """Return gradient and curvature of the loss where single columns leave it.

    Both of shape (n_targets, n), times the weight. With the log loss they are y - p and
    p (1 - p) of a logistic regression; with the squared error what a linear regression
    leaves, in units of its standard deviation, and 1.
    """
    x, y, weight = _take(features, at), rows.y[at], rows.weight[at]
    if rows.is_logit:
        logits = [_logits(x, y_k, weight, x) for y_k in y.T]
        fitted = expit(np.stack(logits, axis=1))
    else:
        fitted = fit_ridge(x, y, weight).predict(x)
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
    features: Single,
    fit: NDArray[np.intp],
    test: NDArray[np.intp],
    calibrates: bool = False,
) -> Floats:
    """Return the loss of a linear model on each of some rows, summed over targets.

    Parameters
    ----------
    rows : TargetRows
    features : float32 ndarray of shape (n, n_features)
        Of all rows.
    fit, test : ndarray of int
        Positions of the rows that it is fitted to, and of those that it predicts.
    calibrates : bool, default=False
        Whether the predictions are scaled and shifted to be best on the test rows, so
        that features are judged by the order they give, whatever the rows' mean.
    """
    x_fit, x_test = _take(features, fit), _take(features, test)
    y_fit, y_test = rows.y[fit], rows.y[test]
    w_fit, w_test = rows.weight[fit], rows.weight[test]
    if not rows.is_logit:
        x = fit_ridge(x_fit, y_fit, w_fit).predict(x_test)
        if calibrates:
            each = zip(x.T[:, :, None], y_test.T, strict=True)
            again = [fit_ridge(z, y, w_test, 1e-6).predict(z) for z, y in each]
            x = np.stack(again, axis=1)
        return np.square(y_test - x).sum(axis=1)
    total = np.zeros(len(test))
    for k in range(rows.y.shape[1]):
        z = _logits(x_fit, y_fit[:, k], w_fit, x_test)
        if calibrates:
            alone = np.clip(z, -MOST, MOST).astype(np.float32)[:, None]
            z = _logits(alone, y_test[:, k], w_test, alone, C=1e3)
        right = np.clip(np.where(y_test[:, k] > 0, z, -z), -MOST, None)
        total += np.logaddexp(0, -right)
    return total


def _take(features: Single, at: NDArray[np.intp]) -> Single:
    """Return some rows, column after column in memory."""
    return features.T.take(at, axis=1).T


def _logits(
    x: Single, y: Floats, weight: Floats, x_test: Single, C: float = 0.1
) -> Floats:
    """Return logits by a logistic regression, of the same rows or of others."""
    present = y[weight > 0]
    if present.min() == present.max():  # a class that they have not, or have alone
        return np.full(len(x_test), np.inf if present[0] > 0 else -np.inf)
    return fit_logistic(x, y, weight, C).predict(x_test).astype(np.float64)
