"""The layer that DCN^2 uses in place of a cross layer."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .._checks import check_count
from ._init import xavier_normal_
from ._products import linear

__all__ = ["PHI", "OnlyDenseCross"]

PHI = 1.0


class OnlyDenseCross(nn.Module):
    r"""The "onlydense" layer of DCN^2: a product of x_l with a dense layer of it.

    .. math::
        x_t = \mathrm{ReLU}(W x_l + b), \qquad
        x_{l+1} = \phi\, (x_t \odot x_l)

    There is no x_0 and no sum: the degree doubles with every layer. It is experimental,
    and the equation is second-hand: two readings of the paper by others agree on it,
    but the paper itself was not available.

    Parameters
    ----------
    d : int
        Width of x_0.
    phi : float, default=1.0
        The constant :math:`\phi`, in [1, 3] according to both readings.

    Attributes
    ----------
    W : nn.Parameter of shape (d, d)
    b : nn.Parameter of shape (d,)
        The paper's :math:`b_0`.

    References
    ----------
    Škrlj et al. 2025, arXiv:2506.21624, section 3.2.

    Examples
    --------
    >>> import torch
    >>> from sklearn_dcn.network import OnlyDenseCross
    >>> x_0 = torch.randn(5, 8)
    >>> OnlyDenseCross(8)(x_0, x_0).shape
    torch.Size([5, 8])
    """

    def __init__(self, d: int, phi: float = PHI) -> None:
        d = check_count("d", d, minimum=1)
        if not 1.0 <= phi <= 3.0:
            raise ValueError(f"phi must be a number in [1, 3]; got {phi!r}.")
        super().__init__()
        self.phi = float(phi)
        self.W = nn.Parameter(torch.empty(d, d))
        self.b = nn.Parameter(torch.empty(d))
        self.reset_parameters()

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        r"""Draw `W` anew, from `generator` or torch's own; set `b` to its start."""
        d = len(self.b)
        # NOTE[DIFF] What the layer starts from is in neither reading. From b = 0 it
        # would square x_l: embeddings of 0.05 are 1e-8 after three layers, numbers
        # beyond 1 explode. With b = 1 / phi it starts near the identity, phi x_t =
        # 1 + phi W x_l where that is positive, as if there were a residual. phi W is
        # drawn half as large as in other layers: here x_l, which grows, is multiplied.
        xavier_normal_(self.W, d, d, generator)
        if not self.W.is_meta:
            with torch.no_grad():
                self.W.div_(2.0 * self.phi)
        nn.init.constant_(self.b, 1.0 / self.phi)

    def forward(self, x_0: Tensor, x_l: Tensor) -> Tensor:
        """Return x_{l+1} of shape (B, d) for x_l of shape (B, d); x_0 is not used."""
        x_t = linear(x_l, self.W, self.b).relu()
        return self.phi * (x_t * x_l)
