"""The losses of numbers, of logits on the scale of their link."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from .losses import WeightedLoss

__all__ = ["NumberLoss", "SMALLEST_VARIANCE"]

SMALLEST_VARIANCE = 1e-6  # of the standardised target


class NumberLoss(WeightedLoss):
    r"""Mean over a batch of :math:`w_i\, \ell(z_i, y_i)`, averaged over outputs.

    Parameters
    ----------
    kind : {"squared_error", "absolute_error", "huber", "deviance", "quantile", \
"gaussian"}
        - "squared_error": :math:`(z - y)^2 / 2`.
        - "absolute_error": :math:`|z - y|`.
        - "huber": the first up to a distance of delta, in proportion to it beyond:
          :math:`\delta (|z - y| - \delta / 2)`.
        - "deviance": half the Tweedie deviance of y and :math:`e^z`.
        - "quantile": the pinball loss of `quantiles`, averaged over these.
        - "gaussian": the negative log-likelihood of the mean z and the variance
          softplus(v), where the logits are all z, then all v.
    delta : float, default=1.0
        Of "huber".
    power : float, default=1.0
        Of "deviance", at least 1: 1 of Poisson's, 2 of the gamma distribution.
    quantiles : tuple of float, default=()
        Of "quantile", rising.
    center : int, default=0
        Which of the quantiles its logit is; the others' are distances between
        neighbours.
    has_offset : bool, default=False
        Whether the last column of y is added to the logits of "deviance", which is the
        only one that needs it: of others y is what is left of the offset.
    """

    def __init__(
        self,
        kind: str,
        *,
        delta: float = 1.0,
        power: float = 1.0,
        quantiles: tuple[float, ...] = (),
        center: int = 0,
        has_offset: bool = False,
    ) -> None:
        super().__init__(kind)
        self.delta = delta
        self.power = power
        self.quantiles = quantiles
        self.center = center
        self.has_offset = has_offset
        self.deviance = 1.0 if kind == "absolute_error" else 2.0

    def of_rows(self, logits: Tensor, y: Tensor) -> Tensor:
        """Return the loss of each row, of shape (B,)."""
        if self.has_offset:
            y, offset = y[..., :-1], y[..., -1:]
            logits = logits + offset if self.kind == "deviance" else logits
        if self.kind == "squared_error":
            return (logits - y).square().mean(-1) / 2
        if self.kind == "absolute_error":
            return (logits - y).abs().mean(-1)
        if self.kind == "huber":
            each = F.huber_loss(logits, y, reduction="none", delta=self.delta)
            return each.mean(-1)
        if self.kind == "deviance":
            return half_deviance(logits, y, self.power).mean(-1)
        if self.kind == "gaussian":
            return _negative_log_density(logits, y).mean(-1)
        below = y - to_quantiles(logits, self.center)
        levels = below.new_tensor(self.quantiles)
        # Of a row that is on its quantile the gradient is 0.
        each = levels * below.relu() + (1 - levels) * (-below).relu()
        return each.mean(-1)


def half_deviance(z: Tensor, y: Tensor, power: float) -> Tensor:
    """Return half the Tweedie deviance of y and the means exp(z)."""
    if power == 1.0:
        return torch.xlogy(y, y) - y * (z + 1) + z.exp()
    if power == 2.0:
        return y * (-z).exp() + z - y.log() - 1
    a, b = 1 - power, 2 - power
    return y.pow(b) / (a * b) - y * (a * z).exp() / a + (b * z).exp() / b


def to_quantiles(logits: Tensor, center: int) -> Tensor:
    """Return the quantiles, which rise, of the middle one and distances between them.

    Parameters
    ----------
    logits : tensor of shape (B, n_quantiles)
    center : int
        Which of them the middle one is.
    """
    gaps = F.softplus(logits)
    middle = logits[..., center : center + 1]
    above = middle + gaps[..., center + 1 :].cumsum(-1)
    below = middle - gaps[..., :center].flip(-1).cumsum(-1).flip(-1)
    return torch.cat([below, middle, above], dim=-1)


def _negative_log_density(logits: Tensor, y: Tensor) -> Tensor:
    mean, v = logits.chunk(2, dim=-1)
    variance = F.softplus(v) + SMALLEST_VARIANCE
    return ((y - mean).square() / variance + variance.log() + _LOG_2_PI) / 2


_LOG_2_PI = math.log(2 * math.pi)
