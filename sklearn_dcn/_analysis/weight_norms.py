"""The weights of a cross layer -> norms of the blocks of pairs of columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .._checks import check_count
from ..network import (
    CrossNetwork,
    ExponentialCross,
    GatedCross,
    LinearCross,
    LowRankCross,
    MixtureCross,
    VectorCross,
)
from ..network.deep import ACTIVATIONS
from .mixing import Floats, MixedLogits, Pool

__all__ = ["block_norms"]


def block_norms(
    mixed: MixedLogits, pool: Pool, at: NDArray[np.intp], layer: int
) -> Floats:
    r"""Return norms of the blocks of a cross layer's matrix.

    Off the diagonal :math:`(\|W_{ij}\|_F^2 + \|W_{ji}\|_F^2)^{1/2}`, on it
    :math:`\|W_{ii}\|_F`; of several members the root of the squares' mean.

    Parameters
    ----------
    mixed : MixedLogits
    pool : Pool
    at : int ndarray of shape (n,)
        Rows of the pool, over which gates are averaged.
    layer : int
        The cross layer, from 0; of "fused" those of the exponential network come first.

    Returns
    -------
    norms : ndarray of shape (n_columns, n_columns)

    Raises
    ------
    ValueError
        If the network has no such layer.
    """
    layer = check_count("layer", layer, minimum=0)
    members = mixed.network.members
    depths = [len(cross.layers) for cross in members[0].crosses]
    n_layers = sum(depths)
    if layer >= n_layers:
        raise ValueError(
            f"layer={layer} must be below the number of cross layers, which is "
            f"{n_layers}. Use method='contribution' without any."
        )
    tower = int(layer >= depths[0])
    layer -= tower * depths[0]
    with torch.no_grad():
        parts = mixed.stack(pool, at).chunk(len(members), dim=-1)
        each = [
            _squares(member.crosses[tower], x_0, layer)
            for member, x_0 in zip(members, parts, strict=True)
        ]
        squares = torch.stack(each).mean(0).numpy()
    n_columns = len(mixed.encoder.names)
    slices = mixed.encoder.field_slices
    owns = np.zeros((n_columns, len(squares)))  # which part of x_0 is of which column
    assert slices is not None
    for field, part in zip(mixed.encoder.field_columns, slices, strict=True):
        if isinstance(field, int):
            owns[field, part] = 1.0
    blocks = owns @ squares @ owns.T
    both = blocks + blocks.T - np.diag(np.diag(blocks))
    return np.sqrt(both)


def _squares(cross: CrossNetwork, x_0: Tensor, layer: int) -> Tensor:
    """Return the squared entries of the W of a layer, of shape (d, d)."""
    x_l = x_0
    for below in cross.layers[:layer]:
        x_l = below(x_0, x_l)
    return _matrix(cross.layers[layer], x_l).square()


def _matrix(layer: Any, x_l: Tensor) -> Tensor:
    """Return the W of a layer (d, d): rows of x_0, columns of x_l (B, d).

    As `torch.nn.Linear` and the papers have it; Keras has the transpose.
    """
    if isinstance(layer, VectorCross):  # x_0 (w' x_l) is x_0 * (W x_l) with W = 1 w'
        return torch.ones_like(layer.w)[:, None] * layer.w
    if isinstance(layer, LowRankCross):
        return layer.U @ layer.V.T
    if isinstance(layer, MixtureCross):
        return torch.einsum("kdr,krs,kes->de", layer.U, _inner(layer, x_l), layer.V)
    if isinstance(layer, (LinearCross, ExponentialCross)):
        # What is masked has the same W, times the mask, of which it is the mean here.
        mask = layer.mask(x_l @ layer.W.T).mean(0)
        rows = torch.stack([layer.W, mask[:, None] * layer.W], dim=1)
        return rows.flatten(0, 1)[: len(layer.b)]
    assert isinstance(layer, GatedCross) or hasattr(layer, "W")
    return layer.W


def _inner(layer: MixtureCross, x_l: Tensor) -> Tensor:
    """Return the mean over rows of each expert's gate, times the Jacobian inside.

    Of g(C g(v)) by v, of shape (K, r, r); the identity for a linear expert.
    """
    gates = layer.gates(x_l)  # (B, K)
    if layer.activation is None or layer.C is None:
        eye = torch.eye(layer.rank, dtype=x_l.dtype)
        return gates.mean(0)[:, None, None] * eye
    g = ACTIVATIONS[layer.activation]

    def derivative(v: Tensor) -> Tensor:
        with torch.enable_grad():
            v = v.detach().requires_grad_()
            return torch.autograd.grad(g(v).sum(), v)[0]

    v = torch.einsum("bd,kdr->bkr", x_l, layer.V)
    outer = derivative(torch.einsum("krs,bks->bkr", layer.C, g(v)))
    inner = derivative(v)
    mean = torch.einsum("bk,bkr,bks->krs", gates, outer, inner) / len(x_l)
    return mean * layer.C
