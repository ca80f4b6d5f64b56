"""Linear models by normal equations: scikit-learn's, without its checks and copies.

They only judge columns and pairs, to a thousandth, so that the many rows of a logistic
regression are in single precision, and few steps of Newton's are exact enough.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from .groups import Floats, Single

__all__ = ["Linear", "fit_logistic", "fit_ridge"]

MAX_STEPS = 10
MAX_HALVINGS = 20
TOLERANCE = 1e-3  # of the mean loss: its gradient, and what a step takes off


class Linear:
    """Slopes of shape (n_features,) or (n_features, n_targets), and intercepts."""

    def __init__(self, slopes: Floats, intercepts: Floats) -> None:
        self.slopes = slopes
        self.intercepts = intercepts

    def predict(self, x: Floats | Single) -> Floats:
        """Return the values, or logits, of rows."""
        found: Floats = x @ self.slopes.astype(x.dtype) + self.intercepts
        return found


def fit_ridge(
    x: Floats | Single, y: Floats, weight: Floats, alpha: float = 1.0
) -> Linear:
    """Return the ridge regression of targets (n,) or (n, n_targets), all at once.

    Parameters
    ----------
    x : ndarray of shape (n, n_features)
    y : ndarray of shape (n,) or (n, n_targets)
    weight : ndarray of shape (n,)
    alpha : float, default=1.0
        Of the squares of slopes; intercepts are free.
    """
    x_mean = weight @ x / weight.sum()
    y_mean = np.average(y, axis=0, weights=weight)
    root = np.sqrt(weight)
    spread: Floats = (x - x_mean) * root[:, None]
    y = (y - y_mean) * (root if y.ndim == 1 else root[:, None])
    square = spread.T @ spread
    square[np.diag_indices_from(square)] += alpha
    slopes = _solve(square, spread.T @ y)
    return Linear(slopes, y_mean - x_mean @ slopes)


def fit_logistic(x: Single, y: Floats, weight: Floats, C: float = 0.1) -> Linear:
    """Return the logistic regression of a target of zeros and ones, both there.

    Parameters
    ----------
    x : float32 ndarray of shape (n, n_features)
    y, weight : ndarray of shape (n,)
    C : float, default=0.1
        As scikit-learn's: the inverse of what half the squares of slopes are times.
    """
    total = weight.sum()
    x = np.append(x, np.ones((len(x), 1), np.float32), axis=1)
    target, share = y.astype(np.float32), (weight / total).astype(np.float32)
    penalty = np.append(np.full(x.shape[1] - 1, 1 / (C * total)), 0.0)

    def at(coef: Floats) -> tuple[Single, Floats]:
        """Return the probabilities and the gradient."""
        p = expit(x @ coef.astype(np.float32))
        return p, (share * (p - target)) @ x + penalty * coef

    coef = np.zeros(len(penalty))
    p, gradient = at(coef)
    for _ in range(MAX_STEPS):
        spread = x * np.sqrt(share * p * (1 - p))[:, None]
        curvature = (spread.T @ spread).astype(np.float64)
        curvature[np.diag_indices_from(curvature)] += penalty
        step = _solve(curvature, -gradient)
        fall = -float(gradient @ step)
        for _ in range(MAX_HALVINGS):  # until the loss does not rise again by far
            p, gradient = at(coef + step)
            if gradient @ step <= fall / 2:
                break
            step = step / 2
        coef = coef + step
        if np.abs(gradient).max() <= TOLERANCE and fall / 2 <= TOLERANCE:
            break
    return Linear(coef[:-1], coef[-1])


def _solve(square: Floats, right: Floats) -> Floats:
    try:
        found = np.linalg.solve(square, right)
    except np.linalg.LinAlgError:  # of weights that are almost 0
        found = np.linalg.lstsq(square, right, rcond=None)[0]
    return found.astype(np.float64, copy=False)
