"""Counts and amounts -> multiples of their mean, deviance; logits -> expectations."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from .continuous import SMALLEST, ContinuousTarget
from .intervals import conformal_margin
from .number_losses import NumberLoss

__all__ = ["CountTarget"]

LARGEST_LOGIT = 700.0  # of which the exponential is a float


class CountTarget(ContinuousTarget):
    r"""Numbers above 0 -> multiples of their mean -> Tweedie deviance, and back.

    The prediction is :math:`\bar y\, e^{z + o}`, where o is the offset less the
    logarithm of the mean of its exponentials: z is 0 of a row that is as the mean.

    Parameters
    ----------
    y, weight, has_offset
        As of `ContinuousTarget`.
    loss : {"poisson", "gamma", "tweedie"}
        The deviance.
    power : float
        Its power.
    """

    link = "log"

    def __init__(
        self,
        y: NDArray[np.float64],
        weight: NDArray[np.float64],
        loss: str,
        power: float,
        has_offset: bool = False,
    ) -> None:
        self.loss = loss
        self.power = power
        self.has_offset = has_offset
        self.is_1d = y.ndim == 1 or has_offset
        y, offset = self.split(y)
        self.d_out = y.shape[1]
        exponent = np.frexp(y.max(axis=0))[1]
        mean = np.average(np.ldexp(y, -exponent), axis=0, weights=weight)
        self.scale = np.ldexp(mean, exponent)
        if self.scale.min() < SMALLEST:
            raise ValueError(
                f"y must have a mean of at least {SMALLEST:g} for loss={loss!r}; got "
                f"{self.scale.min():g}. Give rows with greater values."
            )
        self.center = np.zeros(self.d_out)  # of offsets
        if offset is not None:
            total = logsumexp(offset[:, 0], b=weight)
            self.center = np.array([total - np.log(weight.sum())])
        self.spread = np.ones(self.d_out)  # of what statistics are of
        left = self._for_statistics(*self.split(self.encode(y=self._join(y, offset))))
        spread = np.sqrt(np.average(left**2, axis=0, weights=weight))
        self.spread = np.where(spread > 0, spread, 1.0)

    @property
    def initial_spread(self) -> NDArray[np.float64]:
        """Factors of the logits of an untrained network.

        Where y is near its mean its logarithm is, and logits are not to be all about.
        """
        return self.spread.clip(max=1.0)

    @property
    def criterion(self) -> NumberLoss:
        """The loss."""
        return NumberLoss("deviance", power=self.power, has_offset=self.has_offset)

    def initial_logits(
        self, y: NDArray[np.float64], weight: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the logarithm of the mean of the encoded y, as the offset has it."""
        y, shift = self.split(y)
        expected: Any = 1.0 if shift is None else np.exp(shift)
        # Validation rows may have all that is above 0.
        mean = np.average(y, axis=0, weights=weight).clip(min=1e-6)
        return np.log(mean / np.average(expected * np.ones_like(y), 0, weights=weight))

    def constant_outputs(self, y: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell which logits of an encoded target are one number."""
        _, shift = self.split(y)
        is_one = shift is None or bool((shift == shift[0]).all())
        return super().constant_outputs(y) & is_one

    def shift(self, offset: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what an offset in the units of the link adds to the logits."""
        return offset - self.center

    def predictions(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return predictions in the caller's units and shape."""
        y = self._to_units(_exp(logits))
        return y[:, 0] if self.is_1d else y

    def decode(self, y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what `encode` standardised, in the caller's units and shape."""
        y = self._to_units(self.split(y)[0])
        return y[:, 0] if self.is_1d else y

    def on_link_scale(self, logits: NDArray[np.float64], k: int) -> NDArray[np.float64]:
        """Return logits of output k in the units of y, or of its logarithm."""
        return np.asarray(logits + np.log(self.scale[k]) - self.center[k])

    def residuals(
        self, logits: NDArray[np.float64], y: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return Pearson's residuals of encoded y, without their sign."""
        y, shift = self.split(y)
        logits = logits if shift is None else logits + shift
        return np.abs(y - _exp(logits)) / self._spread(logits)

    def interval(
        self,
        logits: NDArray[np.float64],
        residuals: NDArray[np.float64],
        weight: NDArray[np.float64],
        coverage: float,
    ) -> NDArray[np.float64]:
        """Return intervals (n, 2) that hold y with a probability of `coverage`."""
        margin = conformal_margin(residuals[:, 0], weight, coverage)
        middle, reach = _exp(logits), margin * self._spread(logits)
        ends = np.hstack([(middle - reach).clip(min=0.0), middle + reach])
        return self._to_units(ends)

    def _encode(self, y: NDArray[np.float64], offset: Any) -> NDArray[np.float64]:
        return y / self.scale

    def _to_units(self, y: NDArray[np.float64]) -> NDArray[np.float64]:
        return y * self.scale

    def _for_statistics(
        self, y: NDArray[np.float64], shift: NDArray[np.float64] | None
    ) -> NDArray[np.float64]:
        """Return by how much y is above what the offset alone has expect."""
        return (y - (1.0 if shift is None else np.exp(shift))) / self.spread

    def _spread(self, logits: NDArray[np.float64]) -> Any:
        """Return the root of the variance, but for a factor, of each row."""
        return _exp(logits * (self.power / 2))

    @staticmethod
    def _join(
        y: NDArray[np.float64], offset: NDArray[np.float64] | None
    ) -> NDArray[np.float64]:
        return y if offset is None else np.hstack([y, offset])


def _exp(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.exp(logits.clip(max=LARGEST_LOGIT)))
