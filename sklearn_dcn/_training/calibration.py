r"""The last step of a fit: logits that fit the held-out rows best, scaled and shifted.

A network that has learned single ids is too sure of itself: its logits z are right in
their order, but too far apart. So all are replaced by :math:`T z + b`, with one
:math:`T > 0`, and a b for each class, that minimise on the held-out rows

.. math::
    \sum_i w_i\, \ell(T z_i + b, y_i) + \frac{(T - 1)^2 + \|b\|^2}{2 \sigma^2},
    \qquad \sigma = 0.2

The second term keeps the two near 1 and 0 where the rows are few.

References
----------
Platt, "Probabilistic Outputs for Support Vector Machines", 1999, for two classes; Guo
et al., "On Calibration of Modern Neural Networks", 2017, arXiv:1706.04599, section 4,
for the temperature 1 / T of a network.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor

from ..network.ensemble import by_holder
from .batches import BatchIterator, TensorTable, place
from .devices import mixed_precision
from .inference import PREDICT_BATCH_SIZE_CPU

if TYPE_CHECKING:
    from .net import DCNNet

__all__ = ["calibrate", "fit_scale_and_shift"]

PRIOR_STD = 0.2


def calibrate(net: DCNNet, validation: TensorTable) -> None:
    """Scale and shift the logits of a fitted net by its held-out rows.

    It is done to the heads of all members, so that the network itself has them.
    """
    with mixed_precision(torch.device(net.device), False):  # whatever the caller's
        logits, target = _held_out_logits(net, validation)
    scale, shift = fit_scale_and_shift(net.criterion_, logits, target)
    with torch.no_grad():
        for member in net.module_.members:
            weight, bias = member.head.weight, member.head.bias
            weight.mul_(scale)
            bias.mul_(scale).add_(torch.from_numpy(shift).to(bias))


@torch.no_grad()
def _held_out_logits(
    net: DCNNet, validation: TensorTable
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return logits in float64, and targets: each row by the members it validates."""
    net._set_training(False)
    rows = place(validation, torch.device(net.device))
    logits, targets = [], []
    for x, target in BatchIterator(rows, PREDICT_BATCH_SIZE_CPU):
        each, target = by_holder(net.infer(x).cpu().double(), target)
        logits.append(each)
        targets.append({name: tensor.cpu() for name, tensor in target.items()})
    return torch.cat(logits), {
        name: torch.cat([target[name] for target in targets]) for name in targets[0]
    }


def fit_scale_and_shift(
    criterion: Any, logits: Tensor, target: dict[str, Tensor]
) -> tuple[float, NDArray[np.float64]]:
    """Return T and b; 1 and 0 if there is no T above 0 to be found.

    Parameters
    ----------
    criterion : WeightedLoss
        The loss.
    logits : float64 tensor of shape (n, d_out)
    target : dict of tensors of shape (n, ...)

    Returns
    -------
    scale : float
    shift : ndarray of shape (d_out,)
    """
    weight = target.get("weight")
    # Rows that count: those of other members have the weight 0, and all the mean 1.
    n = float(len(logits) if weight is None else (weight > 0).sum())
    if criterion.kind == "squared_error":  # in units of what is left over
        n = n / max(2 * float(criterion(logits, target)), 1e-12)
    start = np.append(1.0, np.zeros(logits.shape[1]))

    def objective(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        parameters = torch.tensor(values, requires_grad=True)
        with torch.enable_grad():
            loss = n * criterion(logits * parameters[0] + parameters[1:], target)
            far = (parameters - torch.from_numpy(start)).square().sum()
            total = loss + far / (2 * PRIOR_STD**2)
            (gradient,) = torch.autograd.grad(total, parameters)
        return float(total.detach()), gradient.numpy()

    found = minimize(objective, start, jac=True, method="L-BFGS-B")
    if not np.isfinite(found.x).all() or found.x[0] <= 0:
        return 1.0, np.zeros(logits.shape[1])
    return float(found.x[0]), found.x[1:]
