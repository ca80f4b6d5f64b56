r"""The loss of two towers beside that of their mean: FCN's Tri-BCE.

With L the loss of the logits z, and :math:`L_t` that of a tower's :math:`z_t`, it is

.. math:: L + \sum_t w_t L_t, \qquad w_t = \max(0,\, L_t - L)

so that a tower learns by itself the more, the further it is behind both together.

References
----------
Li et al., "FCN: Fusing Exponential and Linear Cross Network for Click-Through Rate
Prediction" (DCNv3), version 7, 2025, arXiv:2407.13349.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..network.ensemble import has_own_weights
from .course import Course

__all__ = ["TOWER_LOSSES", "each_loss", "objective", "tower_losses"]

# NOTE[DIFF] "attached" is the authors' code: its w_t, left in the graph, also pull L up
# and L_t down. "detached" reads w_t as the weights that the paper calls them.
TOWER_LOSSES = (None, "detached", "attached")

GetLoss = Callable[[Tensor, dict[str, Tensor]], Tensor]


def tower_losses(
    get_loss: GetLoss,
    towers: Tensor,
    target: dict[str, Tensor],
    kind: str,
    course: Course | None = None,
) -> tuple[Tensor, Tensor]:
    """Return the mean loss of the members, and what they learn by.

    Parameters
    ----------
    get_loss : callable
        Takes logits (B, d_out) and the target, and returns their mean loss.
    towers : tensor of shape (2, B, d_out) or (2, B, K, d_out)
    target : dict of tensors of shape (B, ...)
    kind : {"detached", "attached"}
        Whether w_t is a constant to the gradient.
    course : Course or None, default=None
        Knows what of the batch other processes have.

    Returns
    -------
    loss, learned : tensor of shape ()
        L, and a number whose gradient is that of the loss with both towers.
    """
    losses = each_loss(get_loss, towers, target)
    means = losses.detach()
    if course is not None:
        means = course.mean(means, course.count(len(target["y"])))
    return losses[:, 0].mean(), objective(losses, means, kind).mean()


def each_loss(
    get_loss: GetLoss,
    towers: Tensor,
    target: dict[str, Tensor],
) -> Tensor:
    """Return the losses of the mean and of both towers, for each member: (K, 3)."""
    logits = torch.cat([towers.mean(0, keepdim=True), towers])
    if logits.ndim == 3:
        logits = logits.unsqueeze(2)
    found = []
    for k in range(logits.shape[2]):
        own = target
        if has_own_weights(target):
            own = target | {"weight": target["weight"][:, k]}
        found.append(torch.stack([get_loss(z, own) for z in logits[:, :, k]]))
    return torch.stack(found)


def objective(losses: Tensor, means: Tensor, kind: str) -> Tensor:
    r"""Return, for each member, what has the gradient of the loss with both towers.

    Parameters
    ----------
    losses : tensor of shape (K, 3)
        L, L_1 and L_2 of the rows that are here.
    means : tensor of shape (K, 3)
        The same of all rows of the batch: other processes may have some.
    kind : {"detached", "attached"}
        Whether w_t is a constant to the gradient.

    Returns
    -------
    objective : tensor of shape (K,)
    """
    L, L_t = losses[:, :1], losses[:, 1:]
    mean_t = means[:, 1:].detach()
    # w_t = max(0, L_t - L)
    w_t = (mean_t - means[:, :1].detach()).relu()
    found = L + w_t * L_t
    if kind == "attached":
        # The gradient of w_t L_t by w_t, where L_t - L > 0: L_t times that of L_t - L.
        found = found + torch.where(w_t > 0, mean_t, 0.0) * (L_t - L)
    # Both towers' sums have L once each.
    return found.sum(-1) - losses[:, 0]
