r"""One numeric column: skewed, heavy-tailed, with gaps -> a well-behaved float."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import norm
from scipy.special import ndtri

__all__ = ["NUMERIC_TRANSFORMS", "NumberScaler"]

NUMERIC_TRANSFORMS = ("quantile", "robust", "standard", None)

N_KNOTS = 1000  # resolution of the quantile transform
EPSILON = np.finfo(np.float64).eps


class NumberScaler:
    r"""Normalisation of one numeric column.

    ============ ===============================================================
    transform    z
    ============ ===============================================================
    "quantile"   :math:`\Phi^{-1}(F(x))`, F the weighted distribution function of
                 `fit`, interpolated between its quantiles and held constant
                 outside the range seen; standardised
    "robust"     :math:`u / \sqrt{1 + (u/3)^2}` with :math:`u = (x - median) /
                 (1.35^{-1} (q_{.75} - q_{.25}))`: linear in the middle, at most 3
    "standard"   :math:`(x - mean) / std`
    None         x
    ============ ===============================================================

    Missing numbers become 0 (the mean of z) under "quantile" and "standard", the
    median otherwise. A constant column becomes 0.

    Parameters
    ----------
    transform : {"quantile", "robust", "standard"} or None, default="quantile"
        The normalisation.

    Attributes
    ----------
    has_missing : bool
        Whether `fit` saw a missing number: the column then has an indicator.

    References
    ----------
    "robust" follows the "robust scale + smooth clip" of Holzmüller et al., "Better
    by Default" (RealMLP), 2024, arXiv:2407.04491, section 3.
    """

    def __init__(self, transform: str | None = "quantile") -> None:
        self.transform = transform

    def fit(self, x: NDArray[np.float64], weight: NDArray[np.float64]) -> NumberScaler:
        """Learn the statistics of `x`, rows weighted by `weight`."""
        missing = np.isnan(x)
        self.has_missing = bool(missing.any())
        if self.has_missing:
            x, weight = x[~missing], weight[~missing]
        self.center = self.fill = 0.0
        self.scale = 1.0 if self.transform is None else np.inf
        self.knots = self.scores = np.zeros(1)
        if not len(x):
            return self
        if self.transform == "quantile":
            self._fit_quantile(x, weight)
            return self
        # Distinct values in order: weights and repeated rows give the same numbers.
        values, cdf, mass = _distribution(x, weight)
        median = values[np.searchsorted(cdf, 0.5)]
        if self.transform == "standard":
            self.center = float(median + mass @ (values - median))
            # As a norm, which neither overflows nor underflows.
            deviation = norm(np.sqrt(mass) * (values - self.center))
            self.scale = _spread(deviation, np.abs(values).max())
            self.fill = self.center
        elif self.transform == "robust":
            self.center = float(median)
            low, high = (values[np.searchsorted(cdf, q)] for q in (0.25, 0.75))
            if high == low:  # more than half of the cells are one value
                low, high = values[0], values[-1]
            self.scale = _spread((high - low) / 1.35, max(abs(low), abs(high)))
            self.fill = self.center
        else:
            self.fill = float(median)
        return self

    def _fit_quantile(
        self, x: NDArray[np.float64], weight: NDArray[np.float64]
    ) -> None:
        values, cdf, mass = _distribution(x, weight)
        # A value stands at the middle of its step: an atom such as the zeros of a
        # count gets one score. Clipped, as a tiny weight at an end rounds to 0 or 1.
        scores = ndtri(np.clip(cdf - mass / 2, EPSILON, 1 - EPSILON))
        self.center = float(mass @ scores)
        self.scale = _spread(np.sqrt(mass @ (scores - self.center) ** 2))
        if len(values) > N_KNOTS:
            at = np.searchsorted(cdf, np.linspace(0.0, 1.0, N_KNOTS))
            # With the neighbours, so that the curve jumps at an atom as it should.
            at = np.unique(np.clip(at[:, None] + [-1, 0, 1], 0, len(values) - 1))
            values, scores = values[at], scores[at]
        self.knots, self.scores = values, (scores - self.center) / self.scale

    def apply(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return z of the same shape as `x`, missing numbers filled."""
        if self.transform == "quantile":
            z = np.interp(x, self.knots, self.scores)
            return np.where(np.isnan(x), 0.0, z)
        deviation = np.where(np.isnan(x), self.fill, x) - self.center
        if self.transform == "robust":  # u / sqrt(1 + (u/3)^2), with no overflow
            return deviation / np.hypot(self.scale, deviation / 3)
        return deviation / self.scale


def _distribution(
    x: NDArray[np.float64], weight: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the distinct values in order, their distribution function and mass."""
    values, inverse = np.unique(x, return_inverse=True)
    counts = np.bincount(inverse, weight)
    mass: NDArray[np.float64] = counts / counts.sum()
    return values, np.minimum(np.cumsum(mass), 1.0), mass


def _spread(scale: float, magnitude: float = 1.0) -> float:
    """Return `scale`, or infinity, so that z = 0, if it is rounding of `magnitude`."""
    return float(scale) if scale > 4 * EPSILON * magnitude else np.inf
