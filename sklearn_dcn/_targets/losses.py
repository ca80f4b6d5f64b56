"""The losses of classes, and what all have: weights, offsets, the mean of a batch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["WeightedLoss"]


class WeightedLoss(nn.Module):
    r"""Mean over a batch of :math:`w_i\, \ell(logits_i, y_i)`.

    Weights have mean 1 over the first data set, so a batch's gradient is an unbiased
    estimate of that of the weighted mean loss. Not divided by the sum of a batch's
    weights: rows of a thousandth of the weight give a thousandth of the gradient.

    Parameters
    ----------
    kind : {"log_loss", "softmax"}
        "log_loss" of one logit, or cross-entropy of the "softmax" of K logits.
    gamma : float, default=0.0
        Exponent of the focal loss, which multiplies a row's log loss by
        :math:`(1 - p_{y_i})^\gamma`: 0 for the log loss itself.
    label_smoothing : float, default=0.0
        Share of a row's label that is spread evenly over the classes, in training
        alone: the loss of validation rows is that of their labels.
    """

    # What makes the loss a deviance, whose dispersion is not known; 0 where it is that
    # of a likelihood.
    deviance = 0.0

    def __init__(
        self, kind: str, gamma: float = 0.0, label_smoothing: float = 0.0
    ) -> None:
        super().__init__()
        self.kind = kind
        self.gamma = gamma
        self.label_smoothing = label_smoothing

    def forward(self, logits: Tensor, target: dict[str, Tensor]) -> Tensor:
        """Return the scalar loss.

        Parameters
        ----------
        logits : tensor of shape (B, d_out)
        target : dict of tensors of shape (B, ...)
            "y"; perhaps "weight", and "offset", which is added to the logits of rows
            that are drawn from others (see `sample_negatives`).
        """
        if "offset" in target:
            logits = logits + target["offset"].unsqueeze(-1)
        loss = self.of_rows(logits, target["y"])
        weight = target.get("weight")
        return loss.mean() if weight is None else (loss * weight).mean()

    def of_rows(self, logits: Tensor, y: Tensor) -> Tensor:
        """Return the loss of each row, of shape (B,)."""
        smoothing = self.label_smoothing if self.training else 0.0
        if self.kind == "log_loss":
            soft = torch.lerp(y, torch.full_like(y, 0.5), smoothing) if smoothing else y
            loss = F.binary_cross_entropy_with_logits(
                logits.squeeze(-1), soft, reduction="none"
            )
        else:
            loss = F.cross_entropy(
                logits, y, reduction="none", label_smoothing=smoothing
            )
        if self.gamma:
            loss = loss * torch.exp(self.gamma * _log_error(logits, y))
        return loss

    def parts(
        self, target: dict[str, Tensor]
    ) -> list[tuple[slice, Any, nn.Module, dict[str, Tensor]]]:
        """Return what has a scale of its own: logits, rows, their loss and target."""
        return [(slice(None), slice(None), self, target)]


def _log_error(logits: Tensor, y: Tensor) -> Tensor:
    """Return log(1 - P(label)), of shape (B,), stable for logits of any size."""
    if logits.shape[-1] == 1:
        return F.logsigmoid(logits.squeeze(-1) * (1 - 2 * y))
    others = logits.scatter(-1, y.unsqueeze(-1), -torch.inf)
    return others.logsumexp(-1) - logits.logsumexp(-1)
