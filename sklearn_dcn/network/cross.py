"""The cross network: x_0 -> x_L, a stack of cross layers of one kind."""

from __future__ import annotations

from typing import Literal, cast

import torch
from torch import Tensor, nn

from .._checks import check_count, check_option
from ._parallel import matrix_parallel, vector_parallel
from ._products import linear, matrix_crosses, takes_layers_at_once
from .cross_layers import (
    GatedCross,
    LowRankCross,
    MatrixCross,
    MixtureCross,
    VectorCross,
)
from .deep import DeepNetwork
from .dense_cross import OnlyDenseCross
from .masked_layers import ExponentialCross, LinearCross

__all__ = ["CROSS_KINDS", "CrossNetwork"]

CROSS_KINDS = (
    *("vector", "matrix", "low_rank", "mixture", "gated"),
    *("linear", "exponential", "onlydense"),
)


class CrossNetwork(nn.Module):
    r"""A stack of cross layers of one kind: x_0 -> x_L.

    With L layers the output holds every interaction of x_0 up to degree L + 1; with the
    kinds "exponential" and "onlydense", up to 2^L (leaving aside gates, masks, ReLUs
    and non-linear experts).

    Layers of the kind "vector" are computed together. By induction over
    :class:`VectorCross`, every :math:`x_l` is :math:`x_0` times a number, plus a
    vector that is the same for all rows:

    .. math::
        x_l = a_l\, x_0 + c_l, \qquad
        a_{l+1} = a_l + a_l\, x_0^\top w_l + c_l^\top w_l, \qquad
        c_{l+1} = c_l + b_l

    with :math:`a_0 = 1` and :math:`c_0 = 0`. So all layers need one product of x_0
    with the L vectors :math:`w_l`, and the x_l in between are never formed.

    Parameters
    ----------
    d : int
        Width of x_0.
    n_layers : int
        The number of cross layers L; 0 is the identity.
    kind : str, default="matrix"
        The parameterisation: "vector", "matrix", "low_rank", "mixture" or "gated" of
        :mod:`~sklearn_dcn.network.cross_layers`, "linear" or "exponential" of
        :mod:`~sklearn_dcn.network.masked_layers`, "onlydense" of
        :class:`OnlyDenseCross`.
    rank : int or "auto", default="auto"
        Only used by "low_rank" and "mixture" (there it is the rank of each expert).
    n_experts : int, default=4
        Only used by "mixture".
    gate : {"softmax", "sigmoid", "constant"}, default="softmax"
        Only used by "mixture".
    activation : str or None, default=None
        Only used by "mixture".

    Attributes
    ----------
    layers : nn.ModuleList
        The L cross layers, each with parameters of its own.

    Examples
    --------
    >>> import torch
    >>> from sklearn_dcn.network import CrossNetwork
    >>> CrossNetwork(8, n_layers=3, kind="low_rank")(torch.randn(5, 8)).shape
    torch.Size([5, 8])
    """

    def __init__(
        self,
        d: int,
        n_layers: int,
        kind: str = "matrix",
        *,
        rank: int | str = "auto",
        n_experts: int = 4,
        gate: Literal["softmax", "sigmoid", "constant"] = "softmax",
        activation: str | None = None,
    ) -> None:
        n_layers = check_count("n_layers", n_layers, minimum=0)
        check_option("kind", kind, CROSS_KINDS)
        super().__init__()

        def layer() -> nn.Module:
            if kind == "vector":
                return VectorCross(d)
            if kind == "matrix":
                return MatrixCross(d)
            if kind == "low_rank":
                return LowRankCross(d, rank)
            if kind == "mixture":
                return MixtureCross(d, rank, n_experts, gate, activation)
            if kind == "onlydense":
                return OnlyDenseCross(d)
            if kind == "linear":
                return LinearCross(d)
            if kind == "exponential":
                return ExponentialCross(d)
            return GatedCross(d)

        self.kind = kind
        self.layers = nn.ModuleList(layer() for _ in range(n_layers))

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw all layers anew, from `generator` or torch's own."""
        for layer in self.layers:
            cast(MatrixCross, layer).reset_parameters(generator)

    def forward(self, x_0: Tensor) -> Tensor:
        """Return x_L of shape (B, d) for x_0 of shape (B, d)."""
        if self.kind == "vector" and self.layers:
            w, b = self._vectors()
            a_L, c_L = _recurrence(x_0 @ w.mT, w, b)
            return torch.addcmul(c_L, a_L, x_0)
        if self.kind == "matrix" and self.layers and takes_layers_at_once(x_0):
            return matrix_crosses(x_0, *self._matrices())
        x_l = x_0
        if self.kind == "matrix" and not torch.is_grad_enabled():
            for W, b in zip(*self._matrices(), strict=True):  # calls cost in one row
                x_l = torch.addcmul(x_l, x_0, linear(x_l, W, b))
            return x_l
        for layer in self.layers:
            x_l = layer(x_0, x_l)
        return x_l

    def beside(
        self, deep: DeepNetwork, x_0: Tensor, head: tuple[Tensor, Tensor]
    ) -> Tensor | None:
        """Return the combination of this and the deep network, computed at once.

        Parameters
        ----------
        deep : DeepNetwork
        x_0 : tensor of shape (K, B, d)
            The input of both, for K members.
        head : (W, b)
            Of shapes (K, d_out, d + d_deep) and (K, d_out).

        Returns
        -------
        logits : tensor of shape (K, B, d_out) or None
            W [x_L; h_L] + b; None for kinds of layers that it is not written for.
        """
        if not (self.layers and deep.is_plain and takes_layers_at_once(x_0)):
            return None
        if self.kind == "vector":
            return vector_parallel(x_0, head, self._vectors(), deep.weights)
        if self.kind == "matrix":
            return matrix_parallel(x_0, head, self._matrices(), deep.weights)
        return None

    def project(self, x_0: Tensor, weight: Tensor) -> Tensor:
        r"""Return :math:`x_L W^\top`, for "vector" without forming x_L.

        Parameters
        ----------
        x_0 : tensor of shape (B, d)
        weight : tensor of shape (d_out, d)
            The matrix W.

        Returns
        -------
        projected : tensor of shape (B, d_out)
        """
        if self.kind == "vector" and self.layers:
            return self.from_products(x_0 @ self.product_weights(weight).mT, weight)
        return linear(self(x_0).to(weight.dtype), weight)

    def product_weights(self, weight: Tensor) -> Tensor:
        """Return what `project` multiplies x_0 by: the w_l, and rows of `weight`."""
        return torch.cat([self._vectors()[0], weight], dim=-2)

    def from_products(self, products: Tensor, weight: Tensor) -> Tensor:
        """Return `project` of `weight` by the `products` of x_0, (B, L + d_out)."""
        w, b = self._vectors()
        n_layers = w.shape[-2]
        a_L, c_L = _recurrence(products[..., :n_layers], w, b)
        return torch.addcmul(c_L @ weight.mT, a_L, products[..., n_layers:])

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the weights."""
        return cast(MatrixCross, self.layers[0]).b.dtype

    def _matrices(self) -> tuple[list[Tensor], list[Tensor]]:
        """Return the W and the b of all layers, for the kind "matrix"."""
        layers = [cast(MatrixCross, layer) for layer in self.layers]
        return [layer.W for layer in layers], [layer.b for layer in layers]

    def _vectors(self) -> tuple[Tensor, Tensor]:
        """Return w and b of all layers, of shape (L, d), for the kind "vector"."""
        layers = [cast(VectorCross, layer) for layer in self.layers]
        return (
            torch.stack([layer.w for layer in layers], dim=-2),
            torch.stack([layer.b for layer in layers], dim=-2),
        )


def _recurrence(xw: Tensor, w: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Return a_L (B, 1), c_L (1, d) with x_L = a_L x_0 + c_L, for xw = x_0 w' (B, L).

    See :class:`CrossNetwork`.
    """
    c = b.cumsum(-2)  # (L, d): c_1 to c_L
    # c_l' w_l from l = 1 on, as c_0 = 0: (1, L - 1)
    cw = (c[..., :-1, :] * w[..., 1:, :]).sum(-1).unsqueeze(-2)
    growth = 1.0 + xw  # (B, L)
    a_l = growth[..., :1]  # a_1
    for cw_l, growth_l in zip(cw.unbind(-1), growth[..., 1:].unbind(-1), strict=True):
        # (1, 1), (B, 1) and (B, 1)
        a_l = torch.addcmul(cw_l.unsqueeze(-1), a_l, growth_l.unsqueeze(-1))
    return a_l, c[..., -1:, :]
