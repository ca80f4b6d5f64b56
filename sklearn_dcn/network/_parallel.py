"""The logits of the parallel structure, of K members, with their gradient written down.

Autograd would compute the same by more calls: it adds the gradients of x_0 that come
from the cross and from the deep layers, where one product can add them on its way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ._products import (
    cross_backward,
    cross_forward,
    relu_backward,
    relu_forward,
    run,
)

__all__ = ["matrix_parallel", "vector_parallel"]


def matrix_parallel(
    x_0: Tensor,
    head: tuple[Tensor, Tensor],
    crosses: tuple[Sequence[Tensor], Sequence[Tensor]],
    layers: tuple[Sequence[Tensor], Sequence[Tensor]],
) -> Tensor:
    """Return W [x_L; h_L] + b of matrix crosses beside layers with ReLU.

    Parameters
    ----------
    x_0 : tensor of shape (K, B, d)
    head : (W, b)
        Of shapes (K, d_out, d + d_deep) and (K, d_out).
    crosses, layers : (W of each, b of each)
        The cross and the deep layers, perhaps of another dtype than the rest.

    Returns
    -------
    logits : tensor of shape (K, B, d_out)
    """
    weights = (*crosses[0], *crosses[1], *layers[0], *layers[1])
    n_layers = len(crosses[0])
    return run(_Matrix, n_layers, x_0, *head, *weights)


def vector_parallel(
    x_0: Tensor,
    head: tuple[Tensor, Tensor],
    crosses: tuple[Tensor, Tensor],
    layers: tuple[Sequence[Tensor], Sequence[Tensor]],
) -> Tensor:
    """Return W [x_L; h_L] + b of vector crosses, w and b (K, L, d), beside the layers.

    The rest is as of `matrix_parallel`. With x_L = a_L x_0 + c_L it is not formed; a
    and c are those of `CrossNetwork`.
    """
    w, b = crosses
    d = w.shape[-1]
    W_x, W_h = head[0][..., :d], head[0][..., d:]
    rows = torch.cat([w, W_x], dim=-2)  # what x_0 is multiplied by
    c = b.cumsum(-2)  # c_1 to c_L
    cw = (c[..., :-1, :] * w[..., 1:, :]).sum(-1)  # c_l' w_l from l = 1 on
    offset = torch.baddbmm(head[1].unsqueeze(-2), c[..., -1:, :], W_x.mT)
    weights = (rows, cw, offset, W_h, *layers[0], *layers[1])
    return run(_Vector, x_0, *weights)


class _Matrix(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, n: int, x_0: Tensor, W: Tensor, b: Tensor, *weights: Tensor
    ) -> Tensor:
        crosses, layers = weights[: 2 * n], weights[2 * n :]
        n_deep = len(layers) // 2
        xs, ys = cross_forward(x_0.to(layers[0].dtype), crosses[:n], crosses[n:])
        hs = relu_forward(xs[0], layers[:n_deep], layers[n_deep:])
        x_L, h_L = xs[-1].to(W.dtype), hs[-1].to(W.dtype)
        d = x_0.shape[-1]
        ctx.sizes = n, n_deep, x_0.dtype
        ctx.save_for_backward(
            W, x_L, h_L, *crosses[:n], *xs[:-1], *ys, *layers[:n_deep], *hs
        )
        logits = torch.baddbmm(b.unsqueeze(-2), x_L, W[..., :d].mT)
        return logits.baddbmm_(h_L, W[..., d:].mT)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        n, n_deep, dtype = ctx.sizes
        W, x_L, h_L, *saved = ctx.saved_tensors
        Ws, xs, ys = (saved[i * n : (i + 1) * n] for i in range(3))
        layers, hs = saved[3 * n : 3 * n + n_deep], saved[3 * n + n_deep :]
        d, of = x_L.shape[-1], xs[0].dtype
        g_h, *deep = relu_backward(_back(g, W[..., d:], of), layers, hs)
        dx_0, *crosses = cross_backward(_back(g, W[..., :d], of), Ws, xs, ys)
        dx_0 = dx_0.baddbmm_(g_h, layers[0]).to(dtype)
        dW = torch.cat([torch.bmm(g.mT, x_L), torch.bmm(g.mT, h_L)], dim=-1)
        each = (weight for weights in (*crosses, *deep) for weight in weights)
        return None, dx_0, dW, g.sum(-2), *each


class _Vector(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x_0: Tensor,
        rows: Tensor,
        cw: Tensor,
        offset: Tensor,
        W: Tensor,
        *layers: Tensor,
    ) -> Tensor:
        n, n_deep = rows.shape[-2] - W.shape[-2], len(layers) // 2
        hs = relu_forward(x_0.to(layers[0].dtype), layers[:n_deep], layers[n_deep:])
        h_L = hs[-1].to(W.dtype)
        products = torch.bmm(x_0, rows.mT)  # (K, B, L + d_out)
        growth = 1.0 + products[..., :n]
        a = [growth[..., :1]]  # a_1, of shape (K, B, 1)
        for i in range(1, n):
            added = cw[..., i - 1, None, None]
            a.append(torch.addcmul(added, a[-1], growth[..., i : i + 1]))
        ctx.save_for_backward(
            x_0, rows, W, products, growth, h_L, *a, *layers[:n_deep], *hs
        )
        logits = torch.addcmul(offset, a[-1], products[..., n:])
        return logits.baddbmm_(h_L, W.mT)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        x_0, rows, W, products, growth, h_L, *saved = ctx.saved_tensors
        n = growth.shape[-1]
        a, saved = saved[:n], saved[n:]
        layers, hs = saved[: len(saved) // 2], saved[len(saved) // 2 :]
        da = (g * products[..., n:]).sum(-1, keepdim=True)
        each = [g * a[-1]]  # of the products, the last first
        dcw = []
        for i in reversed(range(1, n)):
            # a_{l+1} = a_l (1 + x_0' w_l) + c_l' w_l
            dcw.append(da.sum(-2))
            each.append(da * a[i - 1])
            da = da * growth[..., i : i + 1]
        dproducts = torch.cat([da, *each[::-1]], dim=-1)
        g_h, *deep = relu_backward(_back(g, W, hs[0].dtype), layers, hs)
        # Both ways to x_0 by one product.
        both = torch.cat([g_h, dproducts.to(g_h.dtype)], dim=-1)
        dx_0 = torch.bmm(both, torch.cat([layers[0], rows.to(g_h.dtype)], dim=-2))
        return (
            dx_0.to(x_0.dtype),
            torch.bmm(dproducts.mT, x_0),
            torch.cat(dcw[::-1], dim=-1) if dcw else None,
            g.sum(-2, keepdim=True),
            torch.bmm(g.mT, h_L),
            *deep[0],
            *deep[1],
        )


def _back(g: Tensor, W: Tensor, dtype: torch.dtype) -> Tensor:
    """Return the gradient of x for that of W x, as `dtype`."""
    g, W = g.to(dtype), W.to(dtype)
    return g * W if W.shape[-2] == 1 else torch.bmm(g, W)  # of one row it is no sum
