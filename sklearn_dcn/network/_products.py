"""What a step computes most of: products, of one network or of several at once.

The gradients are written down where autograd's own cost more: of a batch of products
those of W come in the order of W' and are copied, of a sum with a product something is
multiplied by 1, and of a lookup ids are sorted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = [
    "add_product",
    "cross_backward",
    "cross_forward",
    "linear",
    "look_up",
    "matrix_crosses",
    "relu_backward",
    "relu_forward",
    "relu_layers",
    "run",
    "takes_layers_at_once",
]


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
    return run(_Linear, x, W, b)


def add_product(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    """Return x + y * z, of tensors of one shape."""
    if torch.compiler.is_compiling():
        return torch.addcmul(x, y, z)
    return run(_AddProduct, x, y, z)


def takes_layers_at_once(x: Tensor) -> bool:
    """Tell whether `matrix_crosses` and `relu_layers` are for x: it is of members.

    A compiler has rules of its own, for layers one by one.
    """
    return x.ndim == 3 and not torch.compiler.is_compiling()


def matrix_crosses(x_0: Tensor, Ws: list[Tensor], bs: list[Tensor]) -> Tensor:
    """Return x_L (K, B, d) of `MatrixCross` layers of K members, for x_0 (K, B, d)."""
    return run(_MatrixCrosses, x_0, *Ws, *bs)


def relu_layers(x: Tensor, Ws: list[Tensor], bs: list[Tensor]) -> Tensor:
    """Return h_L (K, B, d_out) of layers with ReLU of K members, for x (K, B, d)."""
    return run(_ReLULayers, x, *Ws, *bs)


def look_up(table: Tensor, ids: Tensor, sparse: bool) -> Tensor:
    """Return the rows of a table (n, dim) that ids of any shape name: (..., dim)."""
    if sparse or table.device.type != "cpu":
        return F.embedding(ids, table, sparse=sparse)
    return run(_LookUp, table, ids)


def run(function: Any, *args: Any) -> Tensor:
    """Apply an autograd function, without its bookkeeping where nothing is learned."""
    if torch.is_grad_enabled():
        return cast(Tensor, function.apply(*args))
    return cast(Tensor, function.forward(_Forgets(), *args))


class _Forgets:
    """The context of a function whose backward is not to come."""

    def save_for_backward(self, *tensors: Tensor) -> None:
        pass


def _members_linear(x: Tensor, W: Tensor, b: Tensor | None) -> Tensor:
    if b is None:
        return torch.bmm(x, W.mT)
    return torch.baddbmm(b.unsqueeze(-2), x, W.mT)


def cross_forward(
    x_0: Tensor, Ws: Sequence[Tensor], bs: Sequence[Tensor]
) -> tuple[list[Tensor], list[Tensor]]:
    """Return x_0, ..., x_L of matrix crosses, and the y_l = W_l x_l + b_l."""
    xs, ys = [x_0], []
    for W, b in zip(Ws, bs, strict=True):
        ys.append(_members_linear(xs[-1], W, b))
        xs.append(torch.addcmul(xs[-1], x_0, ys[-1]))
    return xs, ys


def cross_backward(
    g: Tensor, Ws: Sequence[Tensor], xs: Sequence[Tensor], ys: Sequence[Tensor]
) -> tuple[Tensor, list[Tensor], list[Tensor]]:
    """Return the gradients of x_0, the W and the b for that of x_L, which is used up.

    `xs` are x_0, ..., x_{L-1}.
    """
    x_0 = xs[0]
    dWs, dbs = [], []
    dx_0 = None
    for W, x_l, y in zip(Ws[::-1], xs[::-1], ys[::-1], strict=True):
        # x_{l+1} = x_l + x_0 * y and y = W x_l + b
        dx_0 = g * y if dx_0 is None else dx_0.addcmul_(g, y)
        dy = g * x_0
        dWs.append(torch.bmm(dy.mT, x_l))
        dbs.append(dy.sum(-2))
        g.baddbmm_(dy, W)
    return cast(Tensor, dx_0).add_(g), dWs[::-1], dbs[::-1]


def relu_forward(x: Tensor, Ws: Sequence[Tensor], bs: Sequence[Tensor]) -> list[Tensor]:
    """Return x = h_0, ..., h_L of layers with ReLU."""
    hs = [x]
    for W, b in zip(Ws, bs, strict=True):
        hs.append(_members_linear(hs[-1], W, b).relu_())
    return hs


def relu_backward(
    g: Tensor, Ws: Sequence[Tensor], hs: Sequence[Tensor]
) -> tuple[Tensor, list[Tensor], list[Tensor]]:
    """Return the gradients of W_0 h_0 + b_0, the W and the b for that of h_L."""
    dWs, dbs = [], []
    for layer in reversed(range(len(Ws))):
        if layer + 1 < len(Ws):
            g = torch.bmm(g, Ws[layer + 1])
        # h_{l+1} = max(0, W h_l + b)
        g = torch.ops.aten.threshold_backward(g, hs[layer + 1], 0)
        dWs.append(torch.bmm(g.mT, hs[layer]))
        dbs.append(g.sum(-2))
    return g, dWs[::-1], dbs[::-1]


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


class _MatrixCrosses(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x_0: Tensor, *weights: Tensor) -> Tensor:
        n = len(weights) // 2
        xs, ys = cross_forward(x_0, weights[:n], weights[n:])
        ctx.save_for_backward(*weights[:n], *xs[:-1], *ys)
        return xs[-1]

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, ...]:
        n = len(ctx.saved_tensors) // 3
        Ws, xs, ys = (ctx.saved_tensors[i * n : (i + 1) * n] for i in range(3))
        dx_0, dWs, dbs = cross_backward(g.clone(), Ws, xs, ys)
        return dx_0, *dWs, *dbs


class _ReLULayers(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, *weights: Tensor) -> Tensor:
        n = len(weights) // 2
        hs = relu_forward(x, weights[:n], weights[n:])
        ctx.save_for_backward(*weights[:n], *hs)
        return hs[-1]

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, ...]:
        n = len(ctx.saved_tensors) // 2
        Ws, hs = ctx.saved_tensors[:n], ctx.saved_tensors[n:]
        g, dWs, dbs = relu_backward(g, Ws, hs)
        return torch.bmm(g, Ws[0]), *dWs, *dbs


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
