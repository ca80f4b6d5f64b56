"""Mean and variance of numbers, by their likelihood under normal distributions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .continuous import ContinuousTarget
from .number_losses import SMALLEST_VARIANCE, NumberLoss

__all__ = ["GaussianTarget"]


class GaussianTarget(ContinuousTarget):
    """Numbers -> standardised -> negative log-likelihood, and back.

    The logits are the means of all outputs, then what the softplus makes variances of.

    Parameters
    ----------
    y, weight, has_offset
        As of `ContinuousTarget`.
    """

    smallest_variance = SMALLEST_VARIANCE  # of the standardised y

    def __init__(
        self,
        y: NDArray[np.float64],
        weight: NDArray[np.float64],
        has_offset: bool = False,
    ) -> None:
        super().__init__(y, weight, has_offset=has_offset)
        self.loss = "gaussian"
        self.d_out = 2 * len(self.scale)

    @property
    def n_outputs(self) -> int:
        """Number of columns of y and of predictions."""
        return len(self.scale)

    @property
    def criterion(self) -> NumberLoss:
        """The loss."""
        return NumberLoss("gaussian", has_offset=self.has_offset)

    def initial_logits(
        self, y: NDArray[np.float64], weight: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the logits of the weighted mean and variance, shape (d_out,)."""
        y, _ = self.split(y)
        mean = np.average(y, axis=0, weights=weight)
        variance = np.average((y - mean) ** 2, axis=0, weights=weight)
        variance = np.maximum(variance, SMALLEST_VARIANCE)
        return np.append(mean, variance + np.log(-np.expm1(-variance)))

    def constant_outputs(self, y: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell which logits of an encoded target are one number."""
        return np.tile(super().constant_outputs(y), 2)

    def std(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return standard deviations in the caller's units and shape."""
        std = self._spread(logits) * self.scale
        return std[:, 0] if self.is_1d else std

    def _spread(self, logits: NDArray[np.float64]) -> Any:
        v = logits[:, self.n_outputs :]
        return np.sqrt(np.logaddexp(0.0, v) + SMALLEST_VARIANCE)
