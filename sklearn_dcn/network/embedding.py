"""The embedding & stacking layer: x_num, x_cat -> x_0."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate, pairwise

import torch
from torch import Tensor, nn

from ._checks import check_count, check_rate, check_sizes
from ._init import normal_

__all__ = ["MISSING_ID", "UNKNOWN_ID", "EmbeddingStack", "auto_embedding_dim"]

# The ids that every categorical column shares; its known levels follow.
UNKNOWN_ID, MISSING_ID, N_RESERVED_IDS = 0, 1, 2

# Standard deviation of a fresh embedding: small against the numbers' unit variance,
# so that a level seen a few times has little say until the data has moved it.
INIT_STD = 0.05


def auto_embedding_dim(cardinality: int) -> int:
    r"""Return the width of a column's embedding by the DCN paper's rule, bounded.

    :math:`6 \cdot v^{1/4}` for v levels, rounded up to a multiple of 4, at most 16.
    """
    # NOTE[DIFF] The paper has no bound (143 for 320,000 levels) and no rounding. The
    # bound keeps the width of x_0, and with it the cost of a cross layer, near what
    # CTR systems use (10 to 40); the rounding lets columns share a fused table.
    return min(16, 4 * math.ceil(6 * cardinality**0.25 / 4))


class EmbeddingStack(nn.Module):
    r"""Embed each categorical column and stack the numbers beside the embeddings.

    .. math:: x_0 = [x_{embed,1}^\top, \ldots, x_{embed,k}^\top, x_{dense}^\top]^\top

    Columns of equal width share one fused table: a column is a range of its rows,
    and a batch is one gather for all of them. Ids are integers and never travel in
    a float.

    Parameters
    ----------
    n_num : int
        Number of numeric columns.
    cardinalities : sequence of int
        Number of ids of each categorical column: 0 is an unknown level, 1 a missing
        one, known levels follow.
    embedding_dim : int, sequence of int or "auto", default="auto"
        Width of every, or of each, column's embedding; "auto" is the DCN paper's
        :math:`6 v^{1/4}`, rounded up to a multiple of 4 and at most 16.
    category_dropout : float, default=0.0
        Probability in [0, 1) with which a known level counts as unknown during
        training. It trains the unknown row, also where no level is rare.
    sparse : bool, default=False
        Whether the gradient of a table is a sparse tensor of the batch's rows, as of
        :class:`torch.nn.Embedding`; the optimizer must take it.

    Attributes
    ----------
    embedding_dims : list of int
        Width of each categorical column's embedding.
    field_slices : list of slice
        Where each field stands in x_0: the categorical columns, then the numbers.
        Columns of one width stand together in x_0, the widest first.
    d_embedded : int
        Width of all embeddings together: where the numbers start in x_0.
    d_out : int
        Width of x_0.
    tables : nn.ParameterList
        The fused tables, one for each width.

    References
    ----------
    Wang et al. 2017, arXiv:1708.05123, equations 1 and 2.

    Examples
    --------
    >>> import torch
    >>> from sklearn_dcn.network import EmbeddingStack
    >>> stack = EmbeddingStack(n_num=2, cardinalities=[10, 1000], embedding_dim=4)
    >>> x_num, x_cat = torch.randn(5, 2), torch.randint(0, 10, (5, 2))
    >>> stack(x_num, x_cat).shape
    torch.Size([5, 10])
    >>> stack.field_slices
    [slice(0, 4, None), slice(4, 8, None), slice(8, 9, None), slice(9, 10, None)]
    """

    def __init__(
        self,
        n_num: int,
        cardinalities: Sequence[int],
        embedding_dim: int | Sequence[int] | str = "auto",
        category_dropout: float = 0.0,
        sparse: bool = False,
    ) -> None:
        n_num = check_count("n_num", n_num, minimum=0)
        cardinalities = check_sizes("cardinalities", cardinalities)
        dims = _resolve_dims(embedding_dim, cardinalities)
        category_dropout = check_rate("category_dropout", category_dropout)
        if not n_num and not cardinalities:
            raise ValueError(
                "EmbeddingStack needs at least one column; got n_num=0 and no "
                "cardinalities."
            )
        super().__init__()
        self.n_num = n_num
        self.cardinalities = cardinalities
        self.embedding_dims = dims
        self.category_dropout = category_dropout
        self.sparse = sparse
        self.d_embedded = sum(dims)
        self.d_out = self.d_embedded + n_num

        # NOTE[DIFF] The paper stacks the embeddings in the order of the columns. Here
        # columns of one width stand together, the widest first, so that a group of
        # them is one gather; field_slices says where each column is.
        self._groups = {
            dim: [c for c, dim_c in enumerate(dims) if dim_c == dim]
            for dim in sorted(set(dims), reverse=True)
        }
        slices: dict[int, slice] = {}
        self._rows: dict[int, slice] = {}  # the column's rows in its fused table
        start = 0
        for dim, columns in self._groups.items():
            row = 0
            for c in columns:
                slices[c] = slice(start, start + dim)
                self._rows[c] = slice(row, row + cardinalities[c])
                start += dim
                row += cardinalities[c]
        self.field_slices = [slices[c] for c in range(len(dims))]
        self.field_slices += [slice(start + i, start + i + 1) for i in range(n_num)]

        self.tables = nn.ParameterList(
            torch.empty(sum(cardinalities[c] for c in columns), dim)
            for dim, columns in self._groups.items()
        )
        stops = list(accumulate(map(len, self._groups.values())))
        self._column_slices = [slice(a, b) for a, b in pairwise([0, *stops])]
        # The columns in the order of x_0, and where each begins in its fused table.
        self.order: Tensor
        self.offsets: Tensor
        for name in ("order", "offsets"):
            empty = torch.empty(len(dims), dtype=torch.int64)
            self.register_buffer(name, empty, persistent=False)
        self.reset_parameters()

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw every embedding anew, from `generator` or torch's own."""
        for table in self.tables:
            normal_(table, INIT_STD, generator)
        # Filled here, too, for modules that were built on the meta device.
        columns = [c for group in self._groups.values() for c in group]
        for i, c in enumerate(columns):
            self.order[i] = c
            self.offsets[i] = self._rows[c].start

    def column_weight(self, c: int) -> Tensor:
        """Return the embeddings of column `c`: a view of shape (cardinality, dim)."""
        group = list(self._groups).index(self.embedding_dims[c])
        return self.tables[group][self._rows[c]]

    def forward(
        self,
        x_num: Tensor | None = None,
        x_cat: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Stack a batch.

        Parameters
        ----------
        x_num : float tensor of shape (B, n_num), or None without numeric columns
        x_cat : integer tensor of shape (B, n_cat), or None without categorical columns
        generator : torch.Generator or None
            Source of `category_dropout`; torch's own when None.

        Returns
        -------
        x_0 : tensor of shape (B, d_out)
        """
        parts: list[Tensor] = []
        if self.embedding_dims:
            ids = self._ids(x_cat, generator)  # (B, n_cat)
            for table, columns in zip(self.tables, self._column_slices, strict=True):
                embedded = nn.functional.embedding(
                    ids[:, columns], table, sparse=self.sparse
                )
                parts.append(embedded.flatten(1))
        if self.n_num:
            if x_num is None or x_num.shape[-1] != self.n_num:
                raise ValueError(
                    f"x_num must have {self.n_num} columns; got "
                    f"{None if x_num is None else tuple(x_num.shape)}."
                )
            parts.append(x_num)
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1)

    def _ids(self, x_cat: Tensor | None, generator: torch.Generator | None) -> Tensor:
        """Return rows of the fused tables; in training some levels become unknown."""
        if x_cat is None or x_cat.shape[-1] != len(self.embedding_dims):
            raise ValueError(
                f"x_cat must have {len(self.embedding_dims)} columns; got "
                f"{None if x_cat is None else tuple(x_cat.shape)}."
            )
        if x_cat.is_floating_point():
            raise TypeError(
                f"x_cat must hold integer ids; got {x_cat.dtype}, which rounds large "
                "ids together."
            )
        if self.training and self.category_dropout:
            u = torch.rand(
                x_cat.shape,
                device=x_cat.device,
                dtype=torch.float32,
                generator=generator,
            )
            drop = (u < self.category_dropout) & (x_cat >= N_RESERVED_IDS)
            x_cat = x_cat.masked_fill(drop, UNKNOWN_ID)
        # A tensor as index: a list would be copied to the device with every batch.
        if len(self._groups) > 1:
            x_cat = x_cat.index_select(1, self.order)
        return x_cat + self.offsets


def _resolve_dims(
    embedding_dim: int | Sequence[int] | str, cardinalities: Sequence[int]
) -> list[int]:
    if isinstance(embedding_dim, str):
        if embedding_dim != "auto":
            raise ValueError(
                "embedding_dim must be an integer, one integer for each column or "
                f"'auto'; got {embedding_dim!r}."
            )
        return [auto_embedding_dim(v) for v in cardinalities]
    if isinstance(embedding_dim, Sequence):
        if len(embedding_dim) != len(cardinalities):
            raise ValueError(
                f"embedding_dim must have one entry for each of {len(cardinalities)} "
                f"columns; got {len(embedding_dim)}."
            )
        return check_sizes("embedding_dim", embedding_dim)
    dim = check_count("embedding_dim", embedding_dim, minimum=1, also="'auto'")
    return [dim] * len(cardinalities)
