r"""The cross layers, one class for each parameterisation.

Every layer maps ``(x_0, x_l)`` to ``x_{l+1}``, both of shape ``(B, d)``, with
:math:`\odot` the elementwise product. If these and the weights have an axis of members
in front, the layer computes all members at once.

============== =================================================== ============
class          :math:`x_{l+1} - x_l`                               paper
============== =================================================== ============
VectorCross    :math:`x_0\, (x_l^\top w) + b`                      [1]_ eq. 3
MatrixCross    :math:`x_0 \odot (W x_l + b)`                       [2]_ eq. 1
LowRankCross   :math:`x_0 \odot (U V^\top x_l + b)`                [2]_ eq. 2
MixtureCross   :math:`\sum_i G_i(x_l)\, E_i(x_l)`                  [2]_ eq. 3, 4
GatedCross     :math:`x_0 \odot (W x_l + b) \odot \sigma(W_g x_l)` [3]_ eq. 1
============== =================================================== ============

The layers of FCN are in :mod:`~sklearn_dcn.network.masked_layers`.

References
----------
.. [1] Wang et al., "Deep & Cross Network for Ad Click Predictions", 2017,
   arXiv:1708.05123.
.. [2] Wang et al., "DCN V2: Improved Deep & Cross Network and Practical Lessons
   for Web-scale Learning to Rank Systems", 2021, arXiv:2008.13535.
.. [3] Wang et al., "Towards Deeper, Lighter and Interpretable Cross Network for CTR
   Prediction" (GDCN), 2023, arXiv:2311.04635.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from .._checks import check_count, check_option
from ._init import xavier_normal_
from ._products import add_product, linear
from .deep import ACTIVATIONS

__all__ = [
    "GatedCross",
    "LowRankCross",
    "MatrixCross",
    "MixtureCross",
    "VectorCross",
]

GATES = ("softmax", "sigmoid", "constant")

# NOTE[DIFF] DCN-V2 starts its matrices as He normal, here they are Xavier normal. He's
# factor two makes up for a ReLU, which a cross layer has not; Xavier keeps
# x_{l+1} - x_l at the scale of x_0 * x_l.


def _check_rank(rank: int | str, d: int, n_experts: int = 1) -> int:
    if rank == "auto":
        return max(1, d // 4 // n_experts)
    return check_count("rank", rank, minimum=1, also="'auto'")


class VectorCross(nn.Module):
    r"""Cross layer of DCN (2017): one weight vector, the bias outside the product.

    .. math:: x_{l+1} = x_0\, (x_l^\top w) + b + x_l

    Parameters
    ----------
    d : int
        Width of x_0.

    Attributes
    ----------
    w, b : nn.Parameter of shape (d,)
        The paper's :math:`w_l` and :math:`b_l`.

    References
    ----------
    Wang et al. 2017, arXiv:1708.05123, equation 3.

    Examples
    --------
    >>> import torch
    >>> from sklearn_dcn.network import VectorCross
    >>> x_0 = torch.randn(5, 8)
    >>> VectorCross(8)(x_0, x_0).shape
    torch.Size([5, 8])
    """

    def __init__(self, d: int) -> None:
        d = check_count("d", d, minimum=1)
        super().__init__()
        self.w = nn.Parameter(torch.empty(d))
        self.b = nn.Parameter(torch.empty(d))
        self.reset_parameters()

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw `w` anew (from `generator`, or torch's own) and set `b` to zero."""
        # As a row of the matrix layer, whose W = 1 w' this layer is: with the fans
        # (d, 1) of a single output each layer would treble the variance.
        xavier_normal_(self.w, len(self.w), len(self.w), generator)
        nn.init.zeros_(self.b)

    def forward(self, x_0: Tensor, x_l: Tensor) -> Tensor:
        """Return x_{l+1} of shape (B, d) for x_0 and x_l of shape (B, d)."""
        xw = x_l @ self.w.unsqueeze(-1)  # (B, 1)
        return x_0 * xw + self.b.unsqueeze(-2) + x_l  # (B, d)


class MatrixCross(nn.Module):
    r"""Cross layer of DCN-V2 (2021): a full matrix, the bias inside the product.

    .. math:: x_{l+1} = x_0 \odot (W x_l + b) + x_l

    Parameters
    ----------
    d : int
        Width of x_0.

    Attributes
    ----------
    W : nn.Parameter of shape (d, d)
        The paper's :math:`W_l`; rows belong to x_0, columns to x_l.
    b : nn.Parameter of shape (d,)
        The paper's :math:`b_l`.

    References
    ----------
    Wang et al. 2021, arXiv:2008.13535, equation 1.

    Examples
    --------
    >>> import torch
    >>> from sklearn_dcn.network import MatrixCross
    >>> x_0 = torch.randn(5, 8)
    >>> MatrixCross(8)(x_0, x_0).shape
    torch.Size([5, 8])
    """

    def __init__(self, d: int) -> None:
        d = check_count("d", d, minimum=1)
        super().__init__()
        self.W = nn.Parameter(torch.empty(d, d))
        self.b = nn.Parameter(torch.empty(d))
        self.reset_parameters()

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw `W` anew (from `generator`, or torch's own) and set `b` to zero."""
        d = len(self.b)
        xavier_normal_(self.W, d, d, generator)
        nn.init.zeros_(self.b)

    def forward(self, x_0: Tensor, x_l: Tensor) -> Tensor:
        """Return x_{l+1} of shape (B, d) for x_0 and x_l of shape (B, d)."""
        return add_product(x_l, x_0, linear(x_l, self.W, self.b))


class LowRankCross(nn.Module):
    r"""Cross layer of DCN-V2 with the matrix factorised, :math:`W = U V^\top`.

    .. math:: x_{l+1} = x_0 \odot (U (V^\top x_l) + b) + x_l

    Parameters
    ----------
    d : int
        Width of x_0.
    rank : int or "auto", default="auto"
        The paper's r. "auto" is d / 4, which "consistently preserved the accuracy"
        of the full matrix at half its cost.

    Attributes
    ----------
    U, V : nn.Parameter of shape (d, rank)
        The paper's :math:`U_l` and :math:`V_l`.
    b : nn.Parameter of shape (d,)
        The paper's :math:`b_l`.
    rank : int
        The rank in use.

    References
    ----------
    Wang et al. 2021, arXiv:2008.13535, equation 2.

    Examples
    --------
    >>> import torch
    >>> from sklearn_dcn.network import LowRankCross
    >>> x_0 = torch.randn(5, 8)
    >>> layer = LowRankCross(8)
    >>> layer.rank, layer(x_0, x_0).shape
    (2, torch.Size([5, 8]))
    """

    def __init__(self, d: int, rank: int | str = "auto") -> None:
        d = check_count("d", d, minimum=1)
        rank = _check_rank(rank, d)
        super().__init__()
        self.rank = rank
        self.U = nn.Parameter(torch.empty(d, rank))
        self.V = nn.Parameter(torch.empty(d, rank))
        self.b = nn.Parameter(torch.empty(d))
        self.reset_parameters()

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw `U` and `V` anew (from `generator`, or torch's own); zero `b`."""
        d, r = self.U.shape
        xavier_normal_(self.U, r, d, generator)
        xavier_normal_(self.V, d, r, generator)
        nn.init.zeros_(self.b)

    def forward(self, x_0: Tensor, x_l: Tensor) -> Tensor:
        """Return x_{l+1} of shape (B, d) for x_0 and x_l of shape (B, d)."""
        v = linear(x_l, self.V.mT)  # (B, r)
        return add_product(x_l, x_0, linear(v, self.U, self.b))


class MixtureCross(nn.Module):
    r"""Cross layer of DCN-Mix: a gated mixture of low-rank experts.

    .. math::
        x_{l+1} &= \sum_{i=1}^{K} G_i(x_l)\, E_i(x_l) + x_l \\
        E_i(x_l) &= x_0 \odot \big(U_i\, g(C_i\, g(V_i^\top x_l)) + b\big)

    where g is `activation`; without one the expert is :math:`x_0 \odot (U_i V_i^\top
    x_l + b)`. The experts of a layer share b.

    Parameters
    ----------
    d : int
        Width of x_0.
    rank : int or "auto", default="auto"
        Rank of each expert. "auto" is d / 4 / K: the paper's best total rank, d / 4,
        divided among the experts.
    n_experts : int, default=4
        The paper's K.
    gate : {"softmax", "sigmoid", "constant"}, default="softmax"
        How the gates follow from their logits :math:`G x_l`. "constant" has none:
        :math:`G_i = 1`.
    activation : str or None, default=None
        The paper's g, e.g. "tanh" or "hardtanh"; None for linear experts.

    Attributes
    ----------
    U, V : nn.Parameter of shape (K, d, rank)
        The paper's :math:`U_l^i` and :math:`V_l^i`.
    C : nn.Parameter of shape (K, rank, rank), or None without `activation`
        The paper's :math:`C_l^i`.
    G : nn.Parameter of shape (K, d), or None for a constant gate
        Gate logits are :math:`G x_l`.
    b : nn.Parameter of shape (d,)
        The paper's :math:`b_l`.
    rank : int
        The rank of an expert.

    References
    ----------
    Wang et al. 2021, arXiv:2008.13535, equations 3 and 4.

    Examples
    --------
    >>> import torch
    >>> from sklearn_dcn.network import MixtureCross
    >>> x_0 = torch.randn(5, 32)
    >>> layer = MixtureCross(32, n_experts=2, gate="sigmoid", activation="tanh")
    >>> layer.rank, layer(x_0, x_0).shape
    (4, torch.Size([5, 32]))
    """

    def __init__(
        self,
        d: int,
        rank: int | str = "auto",
        n_experts: int = 4,
        gate: Literal["softmax", "sigmoid", "constant"] = "softmax",
        activation: str | None = None,
    ) -> None:
        d = check_count("d", d, minimum=1)
        n_experts = check_count("n_experts", n_experts, minimum=1)
        rank = _check_rank(rank, d, n_experts)
        check_option("gate", gate, GATES)
        check_option("activation", activation, (None, *ACTIVATIONS))
        super().__init__()
        self.rank = rank
        self.gate = gate
        self.U = nn.Parameter(torch.empty(n_experts, d, rank))
        self.V = nn.Parameter(torch.empty(n_experts, d, rank))
        self.b = nn.Parameter(torch.empty(d))
        self.activation = activation
        self.C = self.G = None
        if activation is not None:
            self.C = nn.Parameter(torch.empty(n_experts, rank, rank))
        if gate != "constant":
            # NOTE[DIFF] The paper writes G_i without a layer index; most libraries
            # share the gates among layers. Here they are the layer's own, as U and V.
            self.G = nn.Parameter(torch.empty(n_experts, d))
        self.reset_parameters()

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw experts and gates anew (from `generator`, or torch's own); zero `b`."""
        d, r = self.U.shape[1:]
        xavier_normal_(self.U, d, r, generator)
        xavier_normal_(self.V, d, r, generator)
        if self.C is not None:
            xavier_normal_(self.C, r, r, generator)
        if self.G is not None:
            xavier_normal_(self.G, d, 1, generator)
        nn.init.zeros_(self.b)

    def gates(self, x_l: Tensor) -> Tensor:
        """Return the gate values G_i(x_l) of shape (B, K)."""
        if self.G is None:
            return x_l.new_ones(*x_l.shape[:-1], self.U.shape[-3])
        logits = x_l @ self.G.mT
        return logits.softmax(-1) if self.gate == "softmax" else logits.sigmoid()

    def forward(self, x_0: Tensor, x_l: Tensor) -> Tensor:
        """Return x_{l+1} of shape (B, d) for x_0 and x_l of shape (B, d)."""
        n_experts, _, r = self.U.shape[-3:]
        gates = self.gates(x_l)  # (B, K)
        v = x_l @ self.V.transpose(-3, -2).flatten(-2)  # (B, K r)
        v = v.reshape(*v.shape[:-1], n_experts, r)
        if self.activation is not None:
            g = ACTIVATIONS[self.activation]
            v = g(torch.einsum("...krs,...bks->...bkr", self.C, g(v)))
        # x_0 is common to the experts and b to their sum, so both leave the sum:
        # sum_i G_i x_0 (U_i v_i + b) = x_0 (sum_i U_i (G_i v_i) + b sum_i G_i).
        gated = (v * gates.unsqueeze(-1)).flatten(-2)  # (B, K r)
        u = gated @ self.U.mT.flatten(-3, -2)  # (B, d)
        b = gates.sum(-1, keepdim=True) * self.b.unsqueeze(-2)
        return add_product(x_l, x_0, u + b)


class GatedCross(nn.Module):
    r"""Gated cross layer of GDCN: DCN-V2 with an information gate.

    .. math:: x_{l+1} = x_0 \odot (W x_l + b) \odot \sigma(W_g x_l) + x_l

    Parameters
    ----------
    d : int
        Width of x_0.

    Attributes
    ----------
    W, W_g : nn.Parameter of shape (d, d)
        The paper's :math:`W^{(c)}_l` and :math:`W^{(g)}_l`.
    b : nn.Parameter of shape (d,)
        The paper's :math:`b_l`.

    References
    ----------
    Wang et al. 2023, arXiv:2311.04635, equation 1.

    Examples
    --------
    >>> import torch
    >>> from sklearn_dcn.network import GatedCross
    >>> x_0 = torch.randn(5, 8)
    >>> GatedCross(8)(x_0, x_0).shape
    torch.Size([5, 8])
    """

    def __init__(self, d: int) -> None:
        d = check_count("d", d, minimum=1)
        super().__init__()
        self.W = nn.Parameter(torch.empty(d, d))
        self.W_g = nn.Parameter(torch.empty(d, d))
        self.b = nn.Parameter(torch.empty(d))
        self.reset_parameters()

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw `W` and `W_g` anew (from `generator`, or torch's own); zero `b`."""
        d = len(self.b)
        xavier_normal_(self.W, d, d, generator)
        xavier_normal_(self.W_g, d, d, generator)
        # NOTE[DIFF] The authors' code draws b from U(0, 1), against their own text;
        # zero starts the layer without a preferred column.
        nn.init.zeros_(self.b)

    def forward(self, x_0: Tensor, x_l: Tensor) -> Tensor:
        """Return x_{l+1} of shape (B, d) for x_0 and x_l of shape (B, d)."""
        gate = linear(x_l, self.W_g).sigmoid()  # (B, d)
        return add_product(x_l, x_0, linear(x_l, self.W, self.b) * gate)
