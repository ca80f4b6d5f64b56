"""Embeddings of numbers: x_num -> one field of x_0 for each of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from numbers import Real
from typing import Any, Literal

import torch
from torch import Tensor, nn

from .._checks import check_count, check_option
from ._init import normal_

__all__ = [
    "NUMERIC_EMBEDDINGS",
    "NumericEmbedding",
    "NumericKind",
    "bins_of",
    "for_members",
    "split_numbers",
]

NUMERIC_EMBEDDINGS = ("linear", "piecewise_linear", "periodic")
NumericKind = Literal["linear", "piecewise_linear", "periodic"]

# NOTE[DIFF] The paper tunes the number of frequencies and their deviation for every
# table, and calls the deviation important. These are for numbers of unit variance: a
# frequency of 0.1 turns a quarter of a period from x = -1.25 to 1.25, and the largest
# of eight, about 0.18, makes one turn over all the data, so that a field starts smooth
# and training sharpens it. Ten times smaller it would start as a constant, ten times
# larger as noise. Eight, as sines and cosines are most of what the embedding costs.
N_FREQUENCIES = 8
FREQUENCY_STD = 0.1


class NumericEmbedding(nn.Module):
    r"""Embed each number as a field of its own.

    .. math:: e_j = a(V_j\, v_j(x_j) + b_j)

    ================== =========================================================
    kind               encoding :math:`v_j(x)` and activation a
    ================== =========================================================
    "linear"           :math:`x`; none
    "piecewise_linear" :math:`[v_1, \ldots, v_T]` with :math:`v_t = (x - b_{t-1})
                       / (b_t - b_{t-1})`, at least 0 if t > 1 and at most 1 if
                       t < T; none
    "periodic"         :math:`[\sin(2 \pi c_1 x), \ldots, \sin(2 \pi c_8 x),
                       \cos(2 \pi c_1 x), \ldots, \cos(2 \pi c_8 x)]`; ReLU
    ================== =========================================================

    No parameter is shared by two numbers.

    Parameters
    ----------
    n_num : int
        Number of numeric columns.
    dim : int, default=8
        Width of each number's embedding.
    kind : {"linear", "piecewise_linear", "periodic"}, default="periodic"
        The encoding. "linear" and "periodic" are scaled for numbers of unit variance.
    bin_edges : sequence of sequences of float or None, default=None
        For "piecewise_linear", and for it alone: each number's edges
        :math:`b_0 < \ldots < b_T`. T may differ from number to number.

    Attributes
    ----------
    vectors : nn.Parameter of shape (n_num, dim, k)
        :math:`V_j`, a column for each of the k components of the encoding. With
        unequal T, k is the largest; the columns beyond a number's own are 0 and have no
        effect.
    b : nn.Parameter of shape (n_num, dim)
        :math:`b_j`.
    frequencies : nn.Parameter of shape (n_num, 8), or None unless "periodic"
        The paper's :math:`c_j`.
    edges : tensor of shape (n_num, k + 1), or None unless "piecewise_linear"
        The bins' edges; the last of a number is repeated up to the common length.
        A buffer, part of the module's state.
    d_out : int
        Width of all embeddings together, n_num * dim.

    References
    ----------
    Gorishniy et al., "On Embeddings for Numerical Features in Tabular Deep
    Learning", 2022, arXiv:2203.05556, sections 3.2 and 3.3.

    Examples
    --------
    >>> import torch
    >>> from sklearn_dcn.network.numeric import NumericEmbedding
    >>> x_num = torch.randn(5, 2)
    >>> NumericEmbedding(2)(x_num).shape
    torch.Size([5, 16])
    >>> bins = [[-1.0, 0.0, 1.0], [0.0, 1.0]]
    >>> embedding = NumericEmbedding(2, 4, "piecewise_linear", bin_edges=bins)
    >>> embedding(x_num).shape
    torch.Size([5, 8])
    """

    def __init__(
        self,
        n_num: int,
        dim: int = 8,
        kind: NumericKind = "periodic",
        bin_edges: Sequence[Sequence[float]] | None = None,
    ) -> None:
        n_num = check_count("n_num", n_num, minimum=1)
        dim = check_count("dim", dim, minimum=1)
        check_option("kind", kind, NUMERIC_EMBEDDINGS)
        checked_edges = _check_bin_edges(bin_edges, kind, n_num)
        super().__init__()
        self.n_num = n_num
        self.dim = dim
        self.kind = kind
        self.bin_edges = checked_edges
        self.d_out = n_num * dim
        self.frequencies = None
        self.edges: Tensor | None
        self.bins: tuple[Tensor, Tensor, Tensor, Tensor] | None = None  # kept of edges
        self.register_buffer("edges", None)
        k = 1
        if kind == "periodic":
            self.frequencies = nn.Parameter(torch.empty(n_num, N_FREQUENCIES))
            k = 2 * N_FREQUENCIES
        elif checked_edges is not None:
            k = max(len(edges) for edges in checked_edges) - 1
            self.register_buffer("edges", torch.empty(n_num, k + 1))
        # Not named "weight", nor W: as the embeddings of categories, and for their
        # reasons, these vectors are exempt from weight decay.
        self.vectors = nn.Parameter(torch.empty(n_num, dim, k))
        self.b = nn.Parameter(torch.empty(n_num, dim))
        self.reset_parameters()

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw vectors and frequencies anew, from `generator` or torch's own; zero `b`.

        A number's field has an expected squared length of 1, as the number of unit
        variance in whose place it stands.
        """
        # NOTE[DIFF] The authors' layers start uniform within 1 / sqrt(k), their biases
        # too. A field's squared length then grows with dim, and a cross layer, which
        # multiplies fields, with it.
        nn.init.zeros_(self.vectors)
        nn.init.zeros_(self.b)
        if self.frequencies is not None:
            normal_(self.frequencies, FREQUENCY_STD, generator)
        for vectors, (k, square) in zip(
            self.vectors.detach(), self._encoding_sizes(), strict=True
        ):
            normal_(vectors[:, :k], 1.0 / math.sqrt(self.dim * square), generator)
        # Filled here, too, for modules that were built on the meta device.
        if self.edges is not None and not self.edges.is_meta:
            self.edges.copy_(self._padded_edges(self.edges))

    def _encoding_sizes(self) -> list[tuple[int, float]]:
        """Return each encoding's number of components and expected squared length."""
        if self.bin_edges is not None:
            # A number in bin t has t - 1 ones and a fraction, whose mean square is 1/3;
            # the bins are taken to be equally full.
            n_bins = [len(edges) - 1 for edges in self.bin_edges]
            return [(k, (k - 1) / 2 + 1 / 3) for k in n_bins]
        if self.frequencies is not None:
            # sin^2 + cos^2 = 1 for each frequency; the ReLU drops half of the square.
            return [(2 * N_FREQUENCIES, N_FREQUENCIES / 2)] * self.n_num
        return [(1, 1.0)] * self.n_num

    def _padded_edges(self, like: Tensor) -> Tensor:
        edges = self.bin_edges or []
        n = like.shape[-1]
        padded = [[*row, *[row[-1]] * (n - len(row))] for row in edges]
        return torch.tensor(padded, dtype=like.dtype, device=like.device)

    def forward(self, x_num: Tensor) -> Tensor:
        """Embed a batch.

        Parameters
        ----------
        x_num : float tensor of shape (B, n_num)

        Returns
        -------
        embedded : tensor of shape (B, n_num * dim)
            Number j at the columns j * dim to (j + 1) * dim. An axis of members, if
            the weights have one, comes first; `x_num` may have one, too.
        """
        if x_num.ndim < 2 or x_num.shape[-1] != self.n_num:
            raise ValueError(
                f"x_num must have {self.n_num} columns; got {tuple(x_num.shape)}."
            )
        if not x_num.is_floating_point():
            raise TypeError(f"x_num must hold floats; got {x_num.dtype}.")
        # The batch comes last until the end: with so few components as columns, a
        # matrix product would be four times slower.
        v = self._encode(x_num.mT.contiguous().unsqueeze(-2))  # (n_num, k, B)
        e = _project(v, self.vectors, self.b.unsqueeze(-1))  # (n_num, dim, B)
        if self.kind == "periodic":
            e = e.relu()
        return e.movedim(-1, -3).flatten(-2).contiguous()  # (B, n_num * dim)

    def keep_bins(self) -> None:
        """Compute once what follows from edges that stay as they are."""
        if self.edges is not None:
            self.bins = bins_of(self.edges.unsqueeze(-1))

    def _encode(self, x: Tensor) -> Tensor:
        """Return the encodings (n_num, k, B) of numbers (n_num, 1, B)."""
        if self.frequencies is not None:
            phase = x * (2.0 * math.pi * self.frequencies).unsqueeze(-1)
            return torch.cat([phase.sin(), phase.cos()], dim=-2)
        if self.edges is not None:
            bins = self.bins or bins_of(self.edges.unsqueeze(-1))
            left, width, low, high = bins
            # In place, for the sake of memory; clamp() with both bounds at once is six
            # times slower where it has to broadcast them.
            return (x - left).div_(width).clamp_min_(low).clamp_max_(high)
        return x


def _project(v: Tensor, vectors: Tensor, b: Tensor) -> Tensor:
    """Return V_j v_j + b_j, (n_num, dim, B), for v (n_num, k, B); of members all."""
    if vectors.ndim == 3:
        return torch.baddbmm(b, vectors, v)
    n_members, n_num, dim, _ = vectors.shape
    if v.ndim == 4:  # of each member its own
        e = torch.baddbmm(b.flatten(0, 1), vectors.flatten(0, 1), v.flatten(0, 1))
        return e.reshape(n_members, n_num, dim, -1)
    # One product for all members, as if their vectors were those of one.
    wide, bias = (t.transpose(0, 1).flatten(1, 2) for t in (vectors, b))
    e = torch.baddbmm(bias, wide, v)  # (n_num, n_members * dim, B)
    return e.reshape(n_num, n_members, dim, -1).transpose(0, 1)


def bins_of(edges: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return each bin's left edge, width and bounds for edges (n_num, k + 1, 1).

    A number's first bin has no lower and its last no upper bound. One of width 0 is
    made infinitely wide, which holds its component, and so all gradients, at exactly
    0: a bin of the padding, or one whose edges are equal in the module's precision.
    """
    left, right = edges[:, :-1], edges[:, 1:]
    width = right - left
    width = width.masked_fill(width <= 0.0, math.inf)
    is_first, is_last = left <= edges[:, :1], right >= edges[:, -1:]
    low = torch.zeros_like(left).masked_fill(is_first, -math.inf)
    high = torch.ones_like(right).masked_fill(is_last, math.inf)
    return left, width, low, high


def split_numbers(
    x_num: Tensor | None,
    x_own: Tensor | None,
    n_num: int,
    n_embedded: int,
    n_members: int | None,
) -> tuple[Tensor | None, Tensor | None]:
    """Return the numbers that are embedded, and those that are not, with `x_own`."""
    if not n_num:
        return None, None
    n_own = 0 if x_own is None else x_own.shape[-1]
    n_common = 0 if x_num is None else x_num.shape[-1]
    if n_common + n_own != n_num:
        raise ValueError(
            f"x_num must have {n_num - n_own} columns; got "
            f"{None if x_num is None else tuple(x_num.shape)}."
        )
    n = n_embedded
    curves = x_num[..., :n] if x_num is not None and n else None
    plain = [x_num[..., n:]] if x_num is not None and n_common > n else []
    if x_own is not None:
        plain = [*(for_members(x, n_members) for x in plain), x_own]
    if not plain:
        return curves, None
    return curves, plain[0] if len(plain) == 1 else torch.cat(plain, dim=-1)


def for_members(x: Tensor, n_members: int | None) -> Tensor:
    """Return rows, (B, d), that each member is to have: (n_members, B, d)."""
    return x if n_members is None or x.ndim == 3 else x.expand(n_members, *x.shape)


def _check_bin_edges(bin_edges: Any, kind: str, n_num: int) -> list[list[float]] | None:
    if kind != "piecewise_linear":
        if bin_edges is not None:
            raise ValueError(
                "bin_edges must be None unless kind is 'piecewise_linear'; got "
                f"bin_edges={bin_edges!r} with kind={kind!r}."
            )
        return None
    if bin_edges is None:
        raise ValueError(
            "bin_edges must be given for kind='piecewise_linear': each number's edges; "
            "got None."
        )
    if isinstance(bin_edges, (str, bytes)) or not isinstance(bin_edges, Iterable):
        raise TypeError(
            f"bin_edges must be a sequence of sequences of numbers; got {bin_edges!r}."
        )
    checked = [_check_edges(j, edges) for j, edges in enumerate(bin_edges)]
    if len(checked) != n_num:
        raise ValueError(
            f"bin_edges must have one entry for each of {n_num} numbers; got "
            f"{len(checked)}."
        )
    return checked


def _check_edges(j: int, edges: Any) -> list[float]:
    values: list[Any] = list(edges) if isinstance(edges, Iterable) else [None]
    if any(isinstance(v, bool) or not isinstance(v, Real) for v in values):
        raise TypeError(f"bin_edges[{j}] must be a sequence of numbers; got {edges!r}.")
    checked = [float(v) for v in values]
    is_rising = all(a < b for a, b in pairwise(checked))
    if len(checked) < 2 or not is_rising or not all(map(math.isfinite, checked)):
        raise ValueError(
            f"bin_edges[{j}] must be at least 2 finite, strictly increasing numbers; "
            f"got {edges!r}."
        )
    return checked
