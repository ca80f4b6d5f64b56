"""The embedding & stacking layer: x_num, x_cat, x_bag, x_vec -> x_0."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .._checks import check_count, check_rate, check_sizes
from .._ids import MISSING_ID, UNKNOWN_ID
from ._products import look_up
from ._widths import auto_embedding_dim, auto_vector_dim, resolve_dims
from .bags import pool
from .draws import Source
from .ids import check_ids, drop_levels
from .layout import lay_out, weighted
from .numeric import NumericEmbedding, NumericKind, for_members, split_numbers
from .parts import draw_tables
from .vectors import VectorProjections

__all__ = [
    "MISSING_ID",
    "UNKNOWN_ID",
    "EmbeddingStack",
    "auto_embedding_dim",
    "auto_vector_dim",
    "resolve_dims",
]

# Standard deviation of a fresh embedding: small against the numbers' unit variance,
# so that a level seen a few times has little say until the data has moved it.
INIT_STD = 0.05


class EmbeddingStack(nn.Module):
    r"""Embed each categorical column and stack the numbers beside the embeddings.

    .. math:: x_0 = [x_{embed,1}^\top, \ldots, x_{embed,k}^\top, x_{dense}^\top]^\top

    Columns of equal width share one fused table: a column is a range of its rows,
    and a batch is one gather for all of them. Ids are integers and never travel in
    a float. A field of several ids a row is the weighted sum of their embeddings; a
    vector is projected; a number may have an embedding of its own.

    Parameters
    ----------
    n_num : int
        Number of numeric columns.
    cardinalities : sequence of int
        Number of ids of each categorical column: 0 is an unknown level, 1 a missing
        one, known levels follow.
    embedding_dim : int, sequence of int, "auto" or "unbounded", default="auto"
        One width for the embeddings of all fields, or one for each field, those of
        `bag_cardinalities` after the columns; "auto" is the DCN paper's :math:`6
        v^{1/4}`, rounded up to a multiple of 4 from 4 (up to 4 ids) to 16, "unbounded"
        is that rule alone.
    category_dropout : float, default=0.0
        Probability in [0, 1) with which a known level counts as unknown during
        training. This trains the row of unknown levels even where no level is rare.
    sparse : bool, default=False
        Whether the gradient of a table is a sparse tensor of the batch's rows, as in
        :class:`torch.nn.Embedding`; the optimizer must support it.
    bag_cardinalities : sequence of int, default=()
        Number of ids of each field of several ids a row.
    numeric_embedding : {"linear", "piecewise_linear", "periodic"} or None, default=None
        See :class:`NumericEmbedding`; None stacks the numbers as they are.
    numeric_dim : int, default=8
        Width of a number's embedding.
    bin_edges : sequence of sequence of float or None, default=None
        Edges of the bins of each number that is embedded, for "piecewise_linear".
    n_plain : int, default=0
        How many of the last numbers are stacked as they are, whatever
        `numeric_embedding`.
    statistics : sequence of (int, sequence of int, float), default=()
        Numbers that are statistics of categorical columns: for each, the position of
        the number, the columns, and its value where the level of one of them is
        unknown. `category_dropout`, where it makes a level unknown, sets the number to
        this value.
    vector_widths, vector_dim
        See :class:`VectorProjections`.
    collision_weighted : sequence of int, default=()
        Columns of ids, bags after the others, whose embeddings have one more number c
        each: the field is :math:`c_v e_v`, see the notes.

    Attributes
    ----------
    embedding_dims : list of int
        Width of the embedding of each categorical column and bag.
    field_slices : list of slice
        Where each field stands in x_0: the categorical columns, the bags, the vectors,
        then the numbers. Columns of one width stand together in x_0, the widest first.
    d_embedded : int
        Width of the embeddings of ids together; everything else in x_0 starts there.
    d_out : int
        Width of x_0.
    tables, bag_tables : nn.ParameterList
        The fused tables, one for each width; the tables of the bags. A table of columns
        that are `collision_weighted` has c as its last column.
    vectors : VectorProjections
    numbers : NumericEmbedding or None

    Notes
    -----
    Levels that share a bucket of a hash share its embedding. The collision-weighted
    lookup of DCN^2 gives every bucket one more learned number, 1 at the start:

    .. math:: e'_v = c_v\, e_v

    The equation is second-hand: two readings of the paper by others agree on it, but
    the paper itself was not available.

    References
    ----------
    Wang et al. 2017, arXiv:1708.05123, equations 1 and 2; of collision weights Škrlj
    et al. 2025, arXiv:2506.21624, section 3.1.

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

    part = 0, 1  # of the tables' rows the first one that is here, and the step
    # As `lay_out` has them: columns by width and whether they are weighted.
    _groups: dict[tuple[int, bool], list[int]]
    _rows: dict[int, slice]
    _column_slices: list[slice]
    field_slices: list[slice]

    def __init__(
        self,
        n_num: int,
        cardinalities: Sequence[int],
        embedding_dim: int | Sequence[int] | str = "auto",
        category_dropout: float = 0.0,
        sparse: bool = False,
        bag_cardinalities: Sequence[int] = (),
        numeric_embedding: NumericKind | None = None,
        numeric_dim: int = 8,
        bin_edges: Sequence[Sequence[float]] | None = None,
        n_plain: int = 0,
        statistics: Sequence[tuple[int, Sequence[int], float]] = (),
        vector_widths: Sequence[int] = (),
        vector_dim: int | Sequence[int] | str = "auto",
        collision_weighted: Sequence[int] = (),
    ) -> None:
        n_num = check_count("n_num", n_num, minimum=0)
        n_plain = check_count("n_plain", n_plain, minimum=0)
        cardinalities = check_sizes("cardinalities", cardinalities)
        bag_cardinalities = check_sizes("bag_cardinalities", bag_cardinalities)
        dims = resolve_dims(embedding_dim, [*cardinalities, *bag_cardinalities])
        category_dropout = check_rate("category_dropout", category_dropout)
        if not n_num and not dims and not len(vector_widths):
            raise ValueError("EmbeddingStack needs a column; got n_num=0 and no ids.")
        if n_plain > n_num:
            raise ValueError(f"n_plain must be at most n_num={n_num}; got {n_plain}.")
        n = n_num - n_plain if numeric_embedding is not None else 0  # with embeddings
        if any(number < n for number, _, _ in statistics):
            raise ValueError(
                f"statistics must be of numbers without an embedding, from {n} on; got "
                f"{[number for number, _, _ in statistics]}."
            )
        super().__init__()
        self.n_num = n_num
        self.cardinalities = cardinalities
        self.bag_cardinalities = bag_cardinalities
        # Rows of each column in the tables; more than it has ids once it has grown.
        self.capacities = [*cardinalities]
        self.embedding_dims = dims
        self.collision_weighted = {*collision_weighted}
        self.category_dropout = category_dropout
        self.n_members: int | None = None  # see `become_members`
        self.statistics = [
            (number, [*columns], float(value)) for number, columns, value in statistics
        ]
        self.sparse = sparse
        self.d_embedded = sum(dims)
        self.numbers: NumericEmbedding | None = None
        if numeric_embedding is not None and n:
            of = n, numeric_dim, numeric_embedding, bin_edges
            self.numbers = NumericEmbedding(*of)
        self.n_embedded = n
        self.vectors = VectorProjections(vector_widths, vector_dim)
        number_dims = [numeric_dim] * n + [1] * (n_num - n)
        self.d_out = self.d_embedded + self.vectors.d_out + sum(number_dims)
        lay_out(self, [*self.vectors.dims, *number_dims])
        self._make_tables(dims)
        self._make_buffers()
        self.reset_parameters()

    def _make_tables(self, dims: list[int]) -> None:
        n_cat = len(self.cardinalities)
        self.tables = nn.ParameterList(
            torch.empty(sum(self.capacities[c] for c in columns), dim + is_weighted)
            for (dim, is_weighted), columns in self._groups.items()
        )
        self.bag_tables = nn.ParameterList(
            torch.empty(v, dims[c] + (c in self.collision_weighted))
            for c, v in enumerate(self.bag_cardinalities, n_cat)
        )

    def _make_buffers(self) -> None:
        n_cat = len(self.cardinalities)
        # The columns in the order of x_0, and where each begins in its fused table.
        self.order: Tensor
        self.offsets: Tensor
        # Which of the plain numbers are statistics, of which columns each is, and what
        # it is without them.
        self.told: Tensor
        self.told_of: Tensor
        self.untold: Tensor
        n_told = len(self.statistics)
        for name, of in (
            ("order", torch.empty(n_cat, dtype=torch.int64)),
            ("offsets", torch.empty(n_cat, dtype=torch.int64)),
            ("told", torch.empty(n_told, dtype=torch.int64)),
            ("told_of", torch.empty(n_cat, n_told)),
            ("untold", torch.empty(n_told)),
        ):
            self.register_buffer(name, of, persistent=False)

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw every embedding anew, from `generator` or torch's own."""
        draw_tables(self, INIT_STD, generator)
        for table, dim in self.widths_of_tables():
            if not table.is_meta:
                nn.init.ones_(table[:, dim:])  # the collision weights, if it has them
        self.vectors.reset_parameters(generator)
        if self.numbers is not None:
            self.numbers.reset_parameters(generator)
        self.fill_positions()  # of modules that were built on the meta device

    def fill_positions(self) -> None:
        """Set the buffers that follow from columns and are not part of the state."""
        columns = [c for group in self._groups.values() for c in group]
        starts = [self._rows[c].start for c in columns]
        kind = self.tables[0].dtype if len(self.tables) else self.untold.dtype
        of = [[c in one for _, one, _ in self.statistics] for c in sorted(columns)]
        for name, values in (
            ("order", columns),
            ("offsets", starts),
            ("told", [number - self.n_embedded for number, _, _ in self.statistics]),
            ("told_of", of),
            ("untold", [value for _, _, value in self.statistics]),
        ):
            like = getattr(self, name)
            device = "cpu" if like.is_meta else like.device
            dtype = kind if like.is_floating_point() else like.dtype
            made = torch.tensor(values, dtype=dtype, device=device)
            setattr(self, name, made.reshape(like.shape))

    def column_weight(self, c: int) -> Tensor:
        """Return the embeddings of a categorical column, or of a bag after those.

        Parameters
        ----------
        c : int
            Position among the categorical columns and bags.

        Returns
        -------
        weight : tensor of shape (cardinality, dim)
            With its collision weights, if it has them; else a view of its table.
        """
        table, rows = self.place_of(c)
        return weighted(table[rows], self.embedding_dims[c])

    def place_of(self, c: int) -> tuple[nn.Parameter, slice]:
        """Return the table that has the embeddings of column `c`, and their rows."""
        bag = c - len(self.cardinalities)
        if bag >= 0:
            return self.bag_tables[bag], slice(self.bag_cardinalities[bag])
        key = self.embedding_dims[c], c in self.collision_weighted
        return self.tables[list(self._groups).index(key)], self._rows[c]

    @property
    def dims_of_fields(self) -> list[int]:
        """Widths of the fields that have an embedding, which x_0 begins with."""
        dim = 0 if self.numbers is None else self.numbers.dim
        return [*self.embedding_dims, *self.vectors.dims, *[dim] * self.n_embedded]

    def widths_of_tables(self) -> list[tuple[nn.Parameter, int]]:
        """Return every table, and how many of its columns are embeddings."""
        dims = [dim for dim, _ in self._groups]
        dims += self.embedding_dims[len(self.cardinalities) :]
        return [*zip([*self.tables, *self.bag_tables], dims, strict=True)]

    def forward(
        self,
        x_num: Tensor | None = None,
        x_cat: Tensor | None = None,
        x_bag: Sequence[Sequence[Tensor]] | None = None,
        generator: torch.Generator | None = None,
        x_own: Tensor | None = None,
        x_vec: Tensor | None = None,
    ) -> Tensor:
        """Stack a batch.

        Parameters
        ----------
        x_num : float tensor of shape (B, n_num), or None without numeric columns
        x_cat : integer tensor of shape (B, n_cat), or None without categorical columns
        x_bag : sequence of (ids, offsets, weights), or None without bags
            For each bag the ids and weights of all rows, of shape (n_entries,), and
            where each row begins, with the end, of shape (B + 1,).
        generator : torch.Generator or None
            Source of `category_dropout`; torch's own when None.
        x_own : float tensor of shape (n_members, B, n_own) or None
            For members alone: the last numbers, which differ between members.
        x_vec : float tensor of shape (B, sum of vector_widths), or None without vectors

        Returns
        -------
        x_0 : tensor of shape (B, d_out)
            For members, (n_members, B, d_out).
        """
        parts = []
        sizes = self.n_num, self.n_embedded, self.n_members
        curves, plain = split_numbers(x_num, x_own, *sizes)
        if self.cardinalities:
            x_cat = check_ids(x_cat, len(self.cardinalities))
            known = self._drop(x_cat, generator)
            plain = self._tell_less(plain, x_cat, known)
            ids = self._ids(known)  # (B, n_cat)
            of = zip(self.tables, self._groups, self._column_slices, strict=True)
            for table, (dim, _), columns in of:
                embedded = look_up(table, ids[..., columns], self.sparse)
                parts.append(weighted(embedded, dim).flatten(-2))
        if self.bag_cardinalities:
            parts += self._pool(x_bag, generator)
        if self.vectors.d_out:
            parts += self.vectors(x_vec)
        if self.numbers is not None and curves is not None:
            parts.append(self.numbers(curves))
        if plain is not None:
            parts.append(for_members(plain, self.n_members))
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1)

    def _pool(
        self, x_bag: Sequence[Sequence[Tensor]] | None, generator: Source
    ) -> list[Tensor]:
        """Return the weighted sum of embeddings (B, dim) of every bag."""
        if x_bag is None or len(x_bag) != len(self.bag_cardinalities):
            raise ValueError(
                f"x_bag must have {len(self.bag_cardinalities)} bags; got "
                f"{None if x_bag is None else len(x_bag)}."
            )
        pooled, n_cat = [], len(self.cardinalities)
        for k, (ids, offsets, weights) in enumerate(x_bag):
            bag = self._drop(ids.long(), generator, k), offsets, weights
            table, dim = self.bag_tables[k], self.embedding_dims[k + n_cat]
            pooled.append(pool(table, bag, self.sparse, self.n_members, dim))
        return pooled

    def _drop(self, ids: Tensor, generator: Source, bag: int | None = None) -> Tensor:
        """Return ids of which in training some levels have become unknown."""
        if not (self.training and self.category_dropout):
            return ids
        members = self.n_members
        return drop_levels(ids, self.category_dropout, members, generator, bag)

    def _tell_less(
        self, plain: Tensor | None, given: Tensor, known: Tensor
    ) -> Tensor | None:
        """Return the numbers without statistics of levels that have become unknown."""
        if plain is None or known is given or not self.statistics:
            return plain
        lost = (known != given).to(self.told_of.dtype) @ self.told_of > 0  # (B, n_told)
        plain = for_members(plain, self.n_members)
        told = torch.where(lost, self.untold.to(plain.dtype), plain[..., self.told])
        return plain.index_copy(-1, self.told, told)

    def _ids(self, x_cat: Tensor) -> Tensor:
        """Return rows of the tables."""
        # A tensor as index: a list would be copied to the device in every batch.
        if len(self._groups) > 1:
            x_cat = x_cat.index_select(-1, self.order)
        return x_cat + self.offsets

    def become_members(self, n_members: int) -> None:
        """Compute `n_members` at once, with their tables one below the other."""
        self.n_members = n_members
        heights = [
            sum(self.capacities[c] for c in columns)
            for columns in self._groups.values()
            for _ in columns
        ]
        below = self.offsets.new_tensor(heights)
        at = torch.arange(n_members, device=below.device).reshape(-1, 1, 1)
        self.offsets = self.offsets + at * below  # (n_members, 1, n_cat)
        if self.numbers is not None:
            self.numbers.keep_bins()
