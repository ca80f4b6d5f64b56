"""Quantiles of numbers, which rise: one logit, and distances from it."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from .continuous import ContinuousTarget
from .intervals import conformal_margin, weighted_quantiles
from .number_losses import NumberLoss, to_quantiles

__all__ = ["QuantileTarget"]

LEAST_GAP = 1e-3  # between quantiles at the start; without any no gradient moves it
NO_GAP = -1e3  # the logit of none, of a constant


class QuantileTarget(ContinuousTarget):
    """Numbers -> standardised -> pinball loss of quantiles, and back.

    The logit of the median, or else the middle quantile, is that quantile itself. Each
    other one is as far from its neighbour as the softplus of its logit, so that none
    can cross another.

    Parameters
    ----------
    y, weight, has_offset
        As of `ContinuousTarget`.
    quantiles : tuple of float
        In (0, 1), rising.
    """

    def __init__(
        self,
        y: NDArray[np.float64],
        weight: NDArray[np.float64],
        quantiles: tuple[float, ...],
        has_offset: bool = False,
    ) -> None:
        super().__init__(y, weight, "quantile", has_offset=has_offset)
        self.quantiles = quantiles
        self.d_out = len(quantiles)

    @property
    def n_outputs(self) -> int:
        """Number of columns of y and of predictions: 1."""
        return 1

    @property
    def middle(self) -> int:
        """Which of the quantiles is predicted: the median, or the middle one."""
        is_median = 0.5 in self.quantiles
        return self.quantiles.index(0.5) if is_median else len(self.quantiles) // 2

    @property
    def criterion(self) -> NumberLoss:
        """The loss."""
        return NumberLoss(
            "quantile",
            quantiles=self.quantiles,
            center=self.middle,
            has_offset=self.has_offset,
        )

    @property
    def locations(self) -> slice:
        """Which of the logits is that of predictions."""
        return slice(self.middle, self.middle + 1)

    def initial_logits(
        self, y: NDArray[np.float64], weight: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the logits of the weighted quantiles, shape (n_quantiles,)."""
        y, _ = self.split(y)
        found = weighted_quantiles(y[:, 0], weight, self.quantiles)
        gaps = np.maximum(np.diff(found), LEAST_GAP)
        logits = gaps + np.log(-np.expm1(-gaps))  # softplus gives gaps
        if (y == y[0]).all():
            logits = np.full(len(gaps), NO_GAP)
        return np.insert(logits, self.middle, found[self.middle])

    def constant_outputs(self, y: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell which logits of an encoded target are one number: all, or none."""
        return np.repeat(super().constant_outputs(y), self.d_out)

    def ordered(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the quantiles (n, n_quantiles), standardised."""
        found = to_quantiles(torch.from_numpy(logits), self.middle)
        return np.asarray(found.numpy())

    def of_quantiles(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the quantiles (n, n_quantiles) in the caller's units."""
        return self._to_units(self.ordered(logits))

    def residuals(
        self, logits: NDArray[np.float64], y: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return how far encoded y is above each quantile, (n, n_quantiles)."""
        return self.split(y)[0] - self.ordered(logits)

    def interval(
        self,
        logits: NDArray[np.float64],
        residuals: NDArray[np.float64],
        weight: NDArray[np.float64],
        coverage: float,
    ) -> NDArray[np.float64]:
        """Return intervals (n, 2) that hold y with a probability of `coverage`.

        From one quantile to another, and beyond both by as much as the rows say that
        were held out (Romano et al., "Conformalized Quantile Regression", 2019,
        arXiv:1905.03222).
        """
        levels = np.asarray(self.quantiles)
        low, high = (
            int(np.abs(levels - level).argmin())
            for level in ((1 - coverage) / 2, (1 + coverage) / 2)
        )
        scores = np.maximum(-residuals[:, low], residuals[:, high])
        margin = conformal_margin(scores, weight, coverage)
        found = self.ordered(logits)
        ends = np.stack([found[:, low] - margin, found[:, high] + margin], axis=1)
        crossed = ends[:, 0] > ends[:, 1]  # a margin may be less than 0
        ends[crossed] = ends[crossed].mean(axis=1, keepdims=True)
        return self._to_units(ends)
