"""The losses: log loss of two or more classes, focal loss, squared error."""

from __future__ import annotations

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
    kind : {"log_loss", "softmax", "squared_error"}
        "log_loss" of one logit, cross-entropy of the "softmax" of K logits, or half
        the "squared_error", averaged over outputs.
    gamma : float, default=0.0
        Exponent of the focal loss, which multiplies a row's log loss by
        :math:`(1 - p_{y_i})^\gamma`: 0 for the log loss itself.
    label_smoothing : float, default=0.0
        Share of a row's label that is spread evenly over the classes, in training
        alone: the loss of validation rows is that of their labels.
    """

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
        y = target["y"]
        if "offset" in target:
            logits = logits + target["offset"].unsqueeze(-1)
        smoothing = self.label_smoothing if self.training else 0.0
        if self.kind == "log_loss":
            soft = torch.lerp(y, torch.full_like(y, 0.5), smoothing) if smoothing else y
            loss = F.binary_cross_entropy_with_logits(
                logits.squeeze(-1), soft, reduction="none"
            )
        elif self.kind == "softmax":
            loss = F.cross_entropy(
                logits, y, reduction="none", label_smoothing=smoothing
            )
        else:
            loss = (logits - y).square().mean(-1) / 2
        if self.gamma:
            loss = loss * torch.exp(self.gamma * _log_error(logits, y))
        weight = target.get("weight")
        return loss.mean() if weight is None else (loss * weight).mean()


def _log_error(logits: Tensor, y: Tensor) -> Tensor:
    """Return log(1 - P(label)), of shape (B,), stable for logits of any size."""
    if logits.shape[-1] == 1:
        return F.logsigmoid(logits.squeeze(-1) * (1 - 2 * y))
    others = logits.scatter(-1, y.unsqueeze(-1), -torch.inf)
    return others.logsumexp(-1) - logits.logsumexp(-1)
