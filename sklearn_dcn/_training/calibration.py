r"""The last step of a fit: logits that fit the held-out rows best, scaled and shifted.

A network that has learned single ids is too sure of itself: its logits z are right in
their order, but too far apart. So all are replaced by :math:`T z + b`, with one
:math:`T > 0`, and a b for each class, that minimise on the held-out rows (of several
labels or tasks by the loss of each, with a T of its own)

.. math::
    \sum_i w_i\, \ell(T z_i + b, y_i) + \frac{(T - 1)^2 + \|b\|^2}{2 \sigma^2},
    \qquad \sigma = 0.2

The second term keeps the two near 1 and 0 where the rows are few.

Held-out rows have the logits of the one network, or two, that did not see them, but the
mean of K is predicted. It has less noise, and wants a greater T. If z is the logit that
the table tells plus noise of variance :math:`\nu` which is each network's own,

.. math::
    T_{mean} = T\, \frac{Var(z)}{Var(z) - (1 - 1 / K)\, \nu}, \qquad
    \nu = \tfrac{1}{2} E (z_j - z_k)^2

over the rows that two networks j and k hold out both.

Where the last rows validate, b is that of the newest ones and the mean of all networks:
what the target's mean is to be is told best by what it was last.

References
----------
Platt, "Probabilistic Outputs for Support Vector Machines", 1999, for two classes; Guo
et al., "On Calibration of Modern Neural Networks", 2017, arXiv:1706.04599, section 4,
for the temperature 1 / T of a network.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor

from ..network.ensemble import by_holder, has_own_weights, own_mean
from .batches import BatchIterator, TensorTable, place
from .devices import own_precision
from .inference import PREDICT_BATCH_SIZE_CPU

if TYPE_CHECKING:
    from .net import DCNNet

__all__ = ["calibrate", "fit_scale_and_shift", "gain_of_mean", "held_out_rows"]

PRIOR_STD = 0.2


def calibrate(
    net: DCNNet, validation: TensorTable, newest: TensorTable | None = None
) -> None:
    """Scale and shift the logits of a fitted net by its held-out rows.

    It is done to the heads of all members, so that the network itself has them. Where
    means drift, the shift is that of the `newest` rows.
    """
    with own_precision(torch.device(net.device)):  # whatever the caller's
        logits, target, gain = _held_out_logits(net, validation)
        n_out = logits.shape[1]
        scale, shift = np.ones(n_out), np.zeros(n_out)
        for at, rows, criterion, own in net.criterion_.parts(target):
            # Of logits that are so much smaller, the T that is kept near 1 is the
            # mean's.
            z = logits[rows, at] / gain(at)
            scale[at], shift[at] = fit_scale_and_shift(criterion, z, own)
        if newest is not None:
            logits, target, _ = _held_out_logits(net, newest)
            for at, rows, criterion, own in net.criterion_.parts(target):
                z, T = logits[rows, at], float(scale[at][0])
                _, shift[at] = fit_scale_and_shift(criterion, z, own, T)
    with torch.no_grad():
        for member in net.module_.members:
            bias = member.head.bias
            factor = torch.from_numpy(scale).to(bias)
            member.scale_logits(factor)
            bias.mul_(factor).add_(torch.from_numpy(shift).to(bias))


@torch.no_grad()
def _held_out_logits(
    net: DCNNet, validation: TensorTable
) -> tuple[Tensor, dict[str, Tensor], Callable[[slice], float]]:
    """Return logits in float64, targets, and what the mean's scale is of theirs.

    Each row has the logits of the members that it validates, or of their mean.
    """
    z, target = _infer(net, validation)

    def gain(at: slice) -> float:
        if not has_own_weights(target):
            return 1.0
        return gain_of_mean(z[..., at], target["weight"].double())

    return *_that_count(*by_holder(z, target)), gain


@torch.no_grad()
def held_out_rows(net: DCNNet, validation: TensorTable) -> tuple[Any, Any, Any]:
    """Return logits, encoded targets and weights of rows, in float64.

    Each row has the mean of the members that it validates, or of all. Rows without a
    weight are left out.

    Returns
    -------
    logits : ndarray of shape (n, d_out)
    y : ndarray of shape (n, ...)
    weight : ndarray of shape (n,)
        Of mean 1.
    """
    with own_precision(torch.device(net.device)):
        each, target = _infer(net, validation)
    z, y = own_mean(each, target), target["y"].double()
    weight = target.get("weight", torch.ones(len(y))).double()
    if weight.ndim == 2:
        weight = weight.sum(1) / (weight > 0).sum(1).clamp(min=1)
    kept = weight > 0
    weight = weight[kept] / weight[kept].mean()
    return z[kept].numpy(), y[kept].numpy(), weight.numpy()


def _infer(net: DCNNet, table: TensorTable) -> tuple[Tensor, dict[str, Tensor]]:
    """Return what the net gives of a table's rows, in float64, and their targets."""
    net._set_training(False)
    rows = place(table, torch.device(net.device))
    logits, targets = [], []
    for x, target in BatchIterator(rows, PREDICT_BATCH_SIZE_CPU):
        logits.append(net.infer(x).cpu().double())
        targets.append({name: tensor.cpu() for name, tensor in target.items()})
    names = targets[0]
    return torch.cat(logits), {
        name: torch.cat([each[name] for each in targets]) for name in names
    }


def _that_count(
    logits: Tensor, target: dict[str, Tensor]
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the rows of a weight above 0, that is of the mean 1 among them."""
    if "weight" not in target:
        return logits, target
    kept = target["weight"] > 0
    rest = {name: tensor[kept] for name, tensor in target.items()}
    rest["weight"] = rest["weight"] / rest["weight"].mean()
    return logits[kept], rest


def gain_of_mean(logits: Tensor, weight: Tensor) -> float:
    """Return by how much more the mean of all members is to be scaled than each alone.

    Parameters
    ----------
    logits : tensor of shape (n, n_members, d_out)
    weight : tensor of shape (n, n_members)
        Above 0 where a member has not seen a row.

    Returns
    -------
    gain : float
        In [1, n_members]; 1 if no row is held out by two members.
    """
    n_members = logits.shape[1]
    count = (weight > 0).sum(1)
    shared = count > 1
    if not bool(shared.any()):
        return 1.0
    z, w = logits.flatten(0, 1), weight.flatten()[:, None]
    mean = (w * z).sum(0) / w.sum()
    spread = (w * (z - mean) ** 2).sum() / w.sum()
    own = (weight[shared] > 0)[:, :, None]
    n_own = count[shared][:, None, None]
    centre = (logits[shared] * own).sum(1, keepdim=True) / n_own
    squares = ((logits[shared] - centre) ** 2 * own / (n_own - 1)).sum((1, 2))
    row = weight[shared].sum(1) / count[shared]
    noise = (row * squares).sum() / row.sum()
    common = torch.clamp(spread - (1 - 1 / n_members) * noise, min=spread / n_members)
    return float(spread / common) if bool(common > 0) else 1.0


def fit_scale_and_shift(
    criterion: Any,
    logits: Tensor,
    target: dict[str, Tensor],
    scale: float | None = None,
) -> tuple[float, NDArray[np.float64]]:
    """Return T and b; 1 and 0 if there is no T above 0 to be found.

    Parameters
    ----------
    criterion : WeightedLoss
        The loss.
    logits : float64 tensor of shape (n, d_out)
    target : dict of tensors of shape (n, ...)
    scale : float or None, default=None
        T, if it is known.

    Returns
    -------
    scale : float
    shift : ndarray of shape (d_out,)
    """
    n = float(len(logits))
    # In single precision the loss is too rough for a search along a line to end soon.
    target = {k: v.double() if v.is_floating_point() else v for k, v in target.items()}
    if criterion.deviance:  # in units of what is left over
        left = criterion.deviance * float(criterion(logits, target))
        n = n / max(left, 1e-12)
    start = np.append(1.0 if scale is None else scale, np.zeros(logits.shape[1]))

    def objective(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        parameters = torch.tensor(values, requires_grad=True)
        with torch.enable_grad():
            loss = n * criterion(logits * parameters[0] + parameters[1:], target)
            far = (parameters - torch.from_numpy(start)).square().sum()
            total = loss + far / (2 * PRIOR_STD**2)
            (gradient,) = torch.autograd.grad(total, parameters)
            gradient[0] *= scale is None
        return float(total.detach()), gradient.numpy()

    found = minimize(objective, start, jac=True, method="L-BFGS-B")
    if not np.isfinite(found.x).all() or found.x[0] <= 0:
        return 1.0, np.zeros(logits.shape[1])
    return float(found.x[0]), found.x[1:]
