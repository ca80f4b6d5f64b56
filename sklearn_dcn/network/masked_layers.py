r"""The cross layers of FCN, half of whose factor is a mask of the other half.

================ ==========================================================
class            :math:`x_{l+1} - x_l`
================ ==========================================================
LinearCross      :math:`x_0 \odot \big([c_l \,\|\, Mask(c_l)] + b\big)`, LCN
ExponentialCross :math:`x_l \odot \big([c_l \,\|\, Mask(c_l)] + b\big)`, ECN
================ ==========================================================

with :math:`c_l = W_l x_l` and :math:`Mask(c) = c \odot \max(0, LN(c))`. So a layer has
half the weights of :class:`~sklearn_dcn.network.MatrixCross`.

Here :math:`\|` alternates: entries 0, 2, 4, ... are those of c, and 1, 3, 5, ... their
masks.

References
----------
Li et al., "FCN: Fusing Exponential and Linear Cross Network for Click-Through Rate
Prediction" (DCNv3), version 7, 2025, arXiv:2407.13349; github.com/salmon1802/FCN.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .._checks import check_count
from ._init import normal_
from ._products import add_product, linear

__all__ = ["ExponentialCross", "LinearCross"]

EPS = 1e-5  # of the layer normalisation


class _MaskedCross(nn.Module):
    """What both layers multiply with: [c || Mask(c)] + b."""

    gain = 0.5  # of the initial W, beside one that keeps the scale of x_l

    def __init__(self, d: int) -> None:
        d = check_count("d", d, minimum=1)
        super().__init__()
        half = (d + 1) // 2
        self.W = nn.Parameter(torch.empty(half, d))
        # NOTE[DIFF] The paper (v7) adds a bias of R^{d/2} to c, before the mask. Its
        # code has this one of R^d behind it, as DCN-V2 has: an entry of x_0 or x_l can
        # be scaled by itself, and the logged numbers of parameters are of it.
        self.b = nn.Parameter(torch.empty(d))
        self.scale = nn.Parameter(torch.empty(half))
        self.shift = nn.Parameter(torch.empty(half))
        self.reset_parameters()

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw `W` anew (from `generator`, or torch's own) and set `b` to zero.

        The layer normalisation starts as one without scale and shift.
        """
        # NOTE[DIFF] The authors' code has b from U(0, 1), and W as Xavier normal of the
        # fans (d, d / 2), which is a gain of 1.15. A mask of mean 1/2 then multiplies x
        # by 1.6 in each linear layer; with ours a layer grows as others do.
        normal_(self.W, self.gain / math.sqrt(len(self.b)), generator)
        nn.init.zeros_(self.b)
        nn.init.ones_(self.scale)
        nn.init.zeros_(self.shift)

    def factor(self, x_l: Tensor) -> Tensor:
        """Return what x_0, or x_l, is multiplied by, of shape (B, d)."""
        c = linear(x_l, self.W)  # (B, d / 2)
        # NOTE[DIFF] The authors' x has the first halves of all fields, then the second
        # ones, so that c_i and its mask are of one field. Here x stays field by field
        # and they are neighbours: another order of a field's entries.
        # Mask(c) = c * max(0, LN(c))
        both = torch.stack([c, c * self.mask(c)], dim=-1).flatten(-2)
        # Of an odd d the last entry of c has no mask beside it.
        return both[..., : self.b.shape[-1]] + self.b.unsqueeze(-2)

    def mask(self, c: Tensor) -> Tensor:
        """Return max(0, LN(c)), of the shape of c."""
        # Without weights of torch's, as those here may have an axis of members.
        normed = F.layer_norm(c, c.shape[-1:], eps=EPS)
        scale, shift = self.scale.unsqueeze(-2), self.shift.unsqueeze(-2)
        return torch.addcmul(shift, normed, scale).relu()


class LinearCross(_MaskedCross):
    r"""Cross layer of FCN's linear network (LCN): each layer adds a degree.

    .. math::
        x_{l+1} &= x_0 \odot \big([c_l \,\|\, Mask(c_l)] + b\big) + x_l \\
        c_l &= W x_l, \qquad Mask(c) = c \odot \max(0, LN(c))

    Parameters
    ----------
    d : int
        Width of x_0. If it is odd, c has (d + 1) / 2 entries, and the mask of the last
        entry is left out.

    Attributes
    ----------
    W : nn.Parameter of shape (ceil(d / 2), d)
        The paper's :math:`W_l`.
    b : nn.Parameter of shape (d,)
        The bias, as the authors' code has it; the paper's is within :math:`c_l`.
    scale, shift : nn.Parameter of shape (ceil(d / 2),)
        Parameters of the layer normalisation LN.

    References
    ----------
    Li et al. 2025, arXiv:2407.13349 (v7), the linear cross network.

    Examples
    --------
    >>> import torch
    >>> from sklearn_dcn.network import LinearCross
    >>> x_0 = torch.randn(5, 8)
    >>> LinearCross(8)(x_0, x_0).shape
    torch.Size([5, 8])
    """

    def forward(self, x_0: Tensor, x_l: Tensor) -> Tensor:
        """Return x_{l+1} of shape (B, d) for x_0 and x_l of shape (B, d)."""
        return add_product(x_l, x_0, self.factor(x_l))


class ExponentialCross(_MaskedCross):
    r"""Cross layer of FCN's exponential network (ECN): each layer doubles the degree.

    .. math:: x_{l+1} = x_l \odot \big([c_l \,\|\, Mask(c_l)] + b\big) + x_l

    with c and Mask as :class:`LinearCross` has them. :math:`x_0` is not used: with L
    layers the output holds products of :math:`2^L` entries, and what is too large in
    one layer is squared in the next. From entries of variance 1, a W that keeps their
    scale makes :math:`10^{12}` and more in six layers. So W starts at a tenth of that
    scale: with :math:`\sigma` the standard deviation of c, the mean square of x grows
    by a factor of

    .. math:: 1 + \tfrac{1}{2} \sigma + \tfrac{5}{4} \sigma^2

    in each layer, which is 1.06 at :math:`\sigma = 0.1`. Gradients of W do not depend
    on its own scale, so W learns no more slowly.

    Parameters
    ----------
    d : int
        Width of x_0; see :class:`LinearCross` for odd widths.

    Attributes
    ----------
    W, b, scale, shift : nn.Parameter
        As in :class:`LinearCross`.

    References
    ----------
    Li et al. 2025, arXiv:2407.13349 (v7), the exponential cross network.

    Examples
    --------
    >>> import torch
    >>> from sklearn_dcn.network import ExponentialCross
    >>> x_0 = torch.randn(5, 8)
    >>> ExponentialCross(8)(x_0, x_0).shape
    torch.Size([5, 8])
    """

    gain = 0.1

    def forward(self, x_0: Tensor, x_l: Tensor) -> Tensor:
        """Return x_{l+1} of shape (B, d) for x_l of shape (B, d), whatever x_0."""
        return add_product(x_l, x_l, self.factor(x_l))
