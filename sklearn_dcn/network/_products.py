"""What a step computes most of: products, of one network or of several at once.

The gradients are written down where autograd's own cost more: of a batch of products
those of W come in the order of W' and are copied, of a sum with a product something is
multiplied by 1, and of a lookup ids are sorted.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["add_product", "linear", "look_up"]


def linear(x: Tensor, W: Tensor, b: Tensor | None = None) -> Tensor:
    """Return x W' + b.

    Parameters
    ----------
    x : tensor of shape (B, d) or (K, B, d)
    W : tensor of shape (d_out, d) or (K, d_out, d)
    b : tensor of shape (d_out,) or (K, d_out), or None

    Returns
    -------
    y : tensor of shape (B, d_out) or (K, B, d_out)
        With an axis of K members, of each with its own W and b.
    """
    if W.ndim == 2:
        return F.linear(x, W, b)
    if torch.compiler.is_compiling():  # it has rules of its own
        return _members_linear(x, W, b)
    return cast(Tensor, cast(Any, _Linear).apply(x, W, b))


def add_product(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    """Return x + y * z, of tensors of one shape."""
    if torch.compiler.is_compiling():
        return torch.addcmul(x, y, z)
    return cast(Tensor, cast(Any, _AddProduct).apply(x, y, z))


def look_up(table: Tensor, ids: Tensor, sparse: bool) -> Tensor:
    """Return the rows of a table (n, dim) that ids of any shape name: (..., dim)."""
    if sparse or table.device.type != "cpu":
        return F.embedding(ids, table, sparse=sparse)
    return cast(Tensor, cast(Any, _LookUp).apply(table, ids))


def _members_linear(x: Tensor, W: Tensor, b: Tensor | None) -> Tensor:
    if b is None:
        return torch.bmm(x, W.mT)
    return torch.baddbmm(b.unsqueeze(-2), x, W.mT)


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, W: Tensor, b: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, W)
        return _members_linear(x, W, b)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        x, W = ctx.saved_tensors
        needs_x, needs_W, needs_b = ctx.needs_input_grad
        dx = None
        if needs_x:  # of one output it is no sum
            dx = g * W if W.shape[-2] == 1 else torch.bmm(g, W)
        dW = torch.bmm(g.mT, x) if needs_W else None
        return dx, dW, g.sum(-2) if needs_b else None


class _AddProduct(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, z: Tensor) -> Tensor:
        ctx.save_for_backward(y, z)
        return torch.addcmul(x, y, z)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        y, z = ctx.saved_tensors
        return g, g * z, g * y


class _LookUp(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, table: Tensor, ids: Tensor) -> Tensor:
        ctx.save_for_backward(ids)
        ctx.n_rows = len(table)
        return F.embedding(ids, table)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, None]:
        (ids,) = ctx.saved_tensors
        gradient = g.new_zeros(ctx.n_rows, g.shape[-1])
        return gradient.index_add_(0, ids.flatten(), g.flatten(0, -2)), None
