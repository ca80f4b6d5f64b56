"""One more logit: a weighted sum of the inner products of all pairs of fields."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, cast

import torch
from torch import Tensor, nn

from .._checks import check_count, check_option
from ._products import linear

__all__ = ["PAIR_LOGITS", "PairLogit", "pair_of"]

PAIR_LOGITS = ("weighted", "plain")


class PairLogit(nn.Module):
    r"""A factorisation machine over the fields, as a term of the logits.

    .. math:: z_{sim} = \sum_{i < j} w_{ij}\, \langle e_i, e_j \rangle

    with :math:`e_i` the embedding of field i. "weighted" learns :math:`w_{ij}`: the
    FwFM, and in one reading the similarity layer of DCN^2. "plain" has one constant s
    for all pairs, 1 in the FM, and needs no loop over them:

    .. math:: z_{sim} = \frac{s}{2} \Big(\big\|\sum_i e_i\big\|^2 -
        \sum_i \|e_i\|^2\Big)

    Parameters
    ----------
    n_fields : int
        Number of fields, n, at least 2; x_0 begins with them.
    dim : int
        Width of each field, k.
    d_out : int, default=1
        Number of logits. "weighted" has weights of its own for each; "plain" allows
        only one, as a term that is the same in all logits has no effect on
        probabilities.
    kind : {"weighted", "plain"}, default="weighted"
        Whether the pairs have weights.

    Attributes
    ----------
    w : nn.Parameter of shape (d_out, n (n - 1) / 2), or None for "plain"
        The :math:`w_{ij}`, of pairs (0, 1), (0, 2), ..., (n - 2, n - 1) of the fields
        in the order in which x_0 has them.
    scale : nn.Parameter of shape (d_out,), or None for "weighted"
        The constant s. Training does not change it; a calibration does, as it scales
        the whole logit.

    References
    ----------
    Rendle, "Factorization Machines", 2010, equations 1 and 5; Pan et al. 2018,
    arXiv:1806.03514, equation 5 (FwFM); Škrlj et al. 2025, arXiv:2506.21624, section
    3.3 (DCN^2), second-hand: one reading has the sum above, another an activation and a
    projection of the products, which the FwFM lacks.

    Examples
    --------
    >>> import torch
    >>> from sklearn_dcn.network import PairLogit
    >>> x_0 = torch.tensor([[1.0, 2.0, 3.0, 4.0, 0.5]])  # two fields, and a number
    >>> PairLogit(2, 2, kind="plain")(x_0).tolist()  # of one pair: s is 1
    [[11.0]]
    """

    def __init__(
        self,
        n_fields: int,
        dim: int,
        d_out: int = 1,
        kind: Literal["weighted", "plain"] = "weighted",
    ) -> None:
        n = check_count("n_fields", n_fields, minimum=2)
        dim = check_count("dim", dim, minimum=1)
        d_out = check_count("d_out", d_out, minimum=1)
        check_option("kind", kind, PAIR_LOGITS)
        if kind == "plain" and d_out > 1:
            raise ValueError(
                "kind='plain' adds the same to every logit, so d_out must be 1; got "
                f"{d_out}. Use kind='weighted', which has weights for each logit."
            )
        super().__init__()
        self.n_fields, self.dim, self.kind = n, dim, kind
        n_pairs = n * (n - 1) // 2
        self.w = self.scale = None
        if kind == "weighted":
            self.w = nn.Parameter(torch.empty(d_out, n_pairs))
        else:
            self.scale = nn.Parameter(torch.empty(d_out), requires_grad=False)
        self.reset_parameters()

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        r"""Set every weight to where it starts; nothing is drawn from `generator`.

        Embeddings are drawn, so that products of two of them have mean 0 and, of fields
        of squared length 1, the variance 1 / k. With a :math:`w_{ij}` of one over the
        root of the number of pairs their sum has it as well, however many pairs there
        are: less than that of a fresh head. It is not 0, as embeddings of ids are
        themselves small, and each waits for the other to grow.
        """
        # NOTE[DIFF] The FM has 1, which is the same of embeddings of another scale. Of
        # numbers, whose embeddings begin at length 1, it drowns all else.
        start = 1.0 / math.sqrt(self.n_fields * (self.n_fields - 1) / 2)
        for weight in self.parameters():
            nn.init.constant_(weight, start)

    @torch.no_grad()
    def scale_(self, factor: Tensor) -> None:
        """Multiply the logits by `factor` of shape (d_out,), in place."""
        if self.w is not None:
            self.w.mul_(factor[:, None])
        if self.scale is not None:
            self.scale.mul_(factor)

    def matrices(self) -> Tensor:
        """Return the weights (d_out, n, n) of pairs: :math:`w_{ij}` above the diagonal.

        Below it and on it they are 0. Of members (K, d_out, n, n).
        """
        n = self.n_fields
        if self.w is None:
            ones = torch.ones(n, n, dtype=self._scale.dtype, device=self._scale.device)
            return self._scale[..., None, None] * ones.triu(1)
        i, j = torch.triu_indices(n, n, 1, device=self.w.device)
        flat = self.w.new_zeros(*self.w.shape[:-1], n * n)
        flat = flat.index_copy(-1, i * n + j, self.w)
        return flat.reshape(*flat.shape[:-1], n, n)

    @property
    def _scale(self) -> Tensor:
        return cast(Tensor, self.scale)

    def fields(self, x_0: Tensor) -> Tensor:
        """Return the embeddings (B, n, k) of the fields in x_0 (B, d)."""
        n, k = self.n_fields, self.dim
        return x_0[..., : n * k].reshape(*x_0.shape[:-1], n, k)

    def forward(self, x_0: Tensor) -> Tensor:
        """Return z_sim (B, d_out) of x_0 (B, d); of members with a first axis of K."""
        e = self.fields(x_0)  # (B, n, k)
        if self.w is None:
            # s (|sum_i e_i|^2 - sum_i |e_i|^2) / 2
            z = e.sum(-2).square().sum(-1) - e.square().sum((-2, -1))
            return (0.5 * z).unsqueeze(-1) * self._scale.unsqueeze(-2)
        # sum_i <e_i, sum_{j > i} w_ij e_j>, the inner sum as one product for all rows
        W = self.matrices()  # (d_out, n, n)
        d_out, n, _ = W.shape[-3:]
        e = e.mT.contiguous()  # (B, k, n)
        u = linear(e.flatten(-3, -2), W.flatten(-3, -2))  # (B k, d_out n)
        u = u.reshape(*e.shape[:-1], d_out, n)
        return (u * e.unsqueeze(-2)).sum((-3, -1))

    def partners(self, x_0: Tensor) -> Tensor:
        r"""Return :math:`\sum_j w_{ij} e_j` of every field, in the places of x_0.

        z_sim is half its inner product with x_0; of two parts of x_0, that of one with
        the partners of the other is what z_sim of their sum has more than theirs.

        Parameters
        ----------
        x_0 : tensor of shape (K, B, d)
            Of K members and one logit.

        Returns
        -------
        partners : tensor of shape (K, B, d)
            0 beyond the fields.
        """
        W = self.matrices()[..., 0, :, :]  # (K, n, n)
        found = torch.zeros_like(x_0)
        sums = (W + W.mT).unsqueeze(-3) @ self.fields(x_0)  # (K, B, n, k)
        found[..., : self.n_fields * self.dim] = sums.flatten(-2)
        return found


def pair_of(
    dims: Sequence[int], d_out: int, kind: Literal["weighted", "plain"]
) -> PairLogit:
    """Return the module for fields of these widths, which must be equal.

    Raises
    ------
    ValueError
        If they are not, or are less than two.
    """
    if len(dims) < 2 or len(set(dims)) > 1:
        raise ValueError(
            "pair_logit needs two or more fields with embeddings of one width; got "
            f"widths {[*dims]}."
        )
    return PairLogit(len(dims), dims[0], d_out, kind)
