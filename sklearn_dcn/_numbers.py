r"""One numeric column: skewed, heavy-tailed, with gaps -> a well-behaved float."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

__all__ = ["NUMERIC_TRANSFORMS", "NumberScaler"]

NUMERIC_TRANSFORMS = ("quantile", "robust", "standard", None)

N_KNOTS = 1000  # resolution of the quantile transform


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

    def fit(
        self, x: NDArray[np.float64], weight: NDArray[np.float64]
    ) -> NumberScaler:
        """Learn the statistics of `x`, rows weighted by `weight`."""
        missing = np.isnan(x)
        self.has_missing = bool(missing.any())
        if self.has_missing:
            x, weight = x[~missing], weight[~missing]
        self.center, self.scale, self.fill = 0.0, 1.0, 0.0
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
            self.center = float(mass @ values)
            deviation = np.sqrt(mass @ (values - self.center) ** 2)
            self.scale = _positive(deviation, np.abs(values).max())
            self.fill = self.center
        elif self.transform == "robust":
            self.center = float(median)
            low, high = (values[np.searchsorted(cdf, q)] for q in (0.25, 0.75))
            if high == low:  # more than half of the cells are one value
                low, high = values[0], values[-1]
            self.scale = _positive((high - low) / 1.35, np.abs(values).max())
            self.fill = self.center
        else:
            self.fill = float(median)
        return self

    def _fit_quantile(
        self, x: NDArray[np.float64], weight: NDArray[np.float64]
    ) -> None:
        values, cdf, mass = _distribution(x, weight)
        # A value stands at the middle of its step: an atom such as the zeros of a
        # count gets one score, and the ends stay finite.
        scores = ndtri(cdf - mass / 2)
        self.center = float(mass @ scores)
        self.scale = _positive(np.sqrt(mass @ (scores - self.center) ** 2))
        if len(values) > N_KNOTS:
            at = np.searchsorted(cdf, np.linspace(0.0, 1.0, N_KNOTS))
            at = np.unique(np.minimum(at, len(values) - 1))
            values, scores = values[at], scores[at]
        self.knots, self.scores = values, (scores - self.center) / self.scale

    def apply(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return z of the same shape as `x`, missing numbers filled."""
        if self.transform == "quantile":
            z = np.interp(x, self.knots, self.scores)
            return np.where(np.isnan(x), 0.0, z)
        z = (np.where(np.isnan(x), self.fill, x) - self.center) / self.scale
        return z / np.sqrt(1 + (z / 3) ** 2) if self.transform == "robust" else z


def _distribution(
    x: NDArray[np.float64], weight: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the distinct values in order, their distribution function and mass."""
    values, inverse = np.unique(x, return_inverse=True)
    mass = np.bincount(inverse, weight)
    mass /= mass.sum()
    return values, np.minimum(np.cumsum(mass), 1.0), mass


def _positive(scale: float, magnitude: float = 1.0) -> float:
    """Return `scale`, or 1 where the column is constant up to rounding."""
    return float(scale) if scale > 1e-12 * magnitude else 1.0
