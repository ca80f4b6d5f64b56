"""The encoding and the embedding as nodes: raw columns -> x_0."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._ids import MISSING_ID, N_RESERVED_IDS, UNKNOWN_ID
from .._table import (
    CategoryLevels,
    CrossStatistics,
    HashedLevels,
    ListLevels,
    NumberScaler,
    SparseBlock,
    TableEncoder,
    describe,
)
from ..network import EmbeddingStack
from ..network.layout import weighted
from ._columns import Columns, Inputs, find_texts, hash_texts, text_ids
from ._graph import Graph
from ._network import add_numbers, add_vectors, to_array
from ._numbers import Numbers, clip_smoothly, find_values, scale, scale_vectors

__all__ = ["Stacker", "add_block", "add_stack"]

PADDING_ID = -1


class Ids(NamedTuple):
    """Integers side by side, and which field each column is."""

    value: str
    fields: list[int]

    def take(self, graph: Graph, fields: Sequence[int]) -> str:
        """Return the columns of some fields."""
        at = [self.fields.index(field) for field in fields]
        return graph.columns(self.value, at, len(self.fields))


class Stacker:
    """The nodes of one encoder.

    Parameters
    ----------
    graph : Graph
    encoder : TableEncoder
        Of a table of columns.
    inputs : Inputs
    columns : Columns
        What the inputs are.
    missing_text : str
        What stands for a missing cell in a column of texts.
    scalers : list of NumberScaler
        What a pipeline does to the columns of numbers before, if anything.
    dtype : dtype
        That of normalised numbers.
    """

    def __init__(
        self,
        graph: Graph,
        encoder: TableEncoder,
        inputs: Inputs,
        columns: Columns,
        missing_text: str,
        scalers: list[NumberScaler],
        dtype: Any,
    ) -> None:
        self.graph, self.encoder = graph, encoder
        self.inputs, self.columns, self.missing_text = inputs, columns, missing_text
        self.kind = "double" if dtype == np.float64 else "float"
        self.dtype = dtype
        self.x = self._take_numbers([*encoder.numbers])
        if self.x is not None and scalers:
            z = scale(graph, self.x, scalers, impute=False)
            self.x = self.x._replace(values=z)

    def _take_numbers(self, of: list[int]) -> Numbers | None:
        if self.inputs.numbers is None or not of:
            return None
        at = [self.columns.numbers.index(j) for j in of]
        return self.inputs.numbers.take(self.graph, at)

    # Ids ------------------------------------------------------------------------------

    def ids(self) -> Ids | None:
        """Return the ids of all fields of one id: categories, then values."""
        encoder, graph = self.encoder, self.graph
        categories = [*encoder.categories]
        parts, fields = [], []
        if self.columns.texts:
            assert self.inputs.texts is not None
            levels = [encoder.categories[j] for j in self.columns.texts]
            found, order = find_texts(
                graph, self.inputs.texts, levels, self.missing_text
            )
            parts += found
            fields += [categories.index(self.columns.texts[k]) for k in order]
        coded = [j for j in categories if j in self.columns.numbers]
        x = self._take_numbers(coded)
        if x is not None:
            tables = [_number_ids(encoder.categories[j]) for j in coded]
            parts.append(find_values(graph, x, *zip(*tables, strict=True)))
            fields += map(categories.index, coded)
        if encoder.values:
            assert self.x is not None
            of = [[*encoder.numbers].index(j) for j in encoder.values]
            values = [levels.values for levels in encoder.values.values()]
            ids = [np.arange(len(v)) + N_RESERVED_IDS for v in values]
            parts.append(find_values(graph, self.x.take(graph, of), values, ids))
            fields += range(len(categories), len(categories) + len(values))
        return Ids(graph.concat(parts), fields) if parts else None

    # Numbers --------------------------------------------------------------------------

    def numbers(self, ids: Ids | None) -> str | None:
        """Return x_num: numbers, memorised crosses, indicators of missing ones."""
        graph, encoder = self.graph, self.encoder
        parts, z = [], None
        scalers = [*encoder.numbers.values()]
        if self.x is not None:
            z = graph.cast(scale(graph, self.x, scalers), self.kind)
            parts.append(z)
        if encoder.crosses is not None and encoder.crosses.pairs:
            parts.append(self._crosses(encoder.crosses, ids, z))
        gaps = [k for k, scaler in enumerate(scalers) if scaler.has_missing]
        if self.x is not None and gaps:
            parts.append(graph.cast(self.x.take(graph, gaps).missing, self.kind))
        return graph.cast(graph.concat(parts), "float") if parts else None

    def _codes(self, crosses: CrossStatistics, ids: Ids | None, z: str | None) -> Ids:
        """Return ids of categories and bins of numbers that are in a pair."""
        graph, encoder = self.graph, self.encoder
        n_categories = len(encoder.categories)
        parts, fields = [], []
        categories = [c for c in crosses.columns if c < n_categories]
        if categories:
            assert ids is not None
            parts.append(ids.take(graph, categories))
            fields += categories
        binned = [c for c in crosses.columns if c >= n_categories]
        if binned:
            assert self.x is not None and z is not None
            at = [c - n_categories for c in binned]
            scalers = [*encoder.numbers.values()]
            cuts = [[*encoder._cuts.values()][k] for k in at]
            x = graph.cast(graph.columns(z, at, len(scalers)), "double")
            bins = graph.search(x, cuts, side="left")
            bins = graph.node("Add", bins, graph.constant(N_RESERVED_IDS, np.int64))
            has_id = graph.constant([scalers[k].has_missing for k in at])
            is_missing = graph.node("And", self.x.take(graph, at).missing, has_id)
            missing = graph.constant(MISSING_ID, np.int64)
            parts.append(graph.node("Where", is_missing, missing, bins))
            fields += binned
        return Ids(graph.concat(parts), fields)

    def _crosses(self, crosses: CrossStatistics, ids: Ids | None, z: str | None) -> str:
        """Return the numbers of pairs, which are normalised beforehand."""
        graph, n_pairs = self.graph, len(crosses.pairs)
        codes = self._codes(crosses, ids, z)
        first, second = (
            codes.take(graph, [pair[k] for pair in crosses.pairs]) for k in (0, 1)
        )
        widths = [crosses.sizes[b] for _, b in crosses.pairs]
        ranges = [crosses.sizes[a] * crosses.sizes[b] for a, b in crosses.pairs]
        starts = [0, *accumulate(ranges)]
        keys = graph.node("Mul", first, graph.constant(widths, np.int64))
        second = graph.node("Add", second, graph.constant(starts[:-1], np.int64))
        keys = graph.node("Add", keys, second)
        n_keys = len(crosses.keys)
        table = dict(zip(crosses.keys.tolist(), range(n_keys), strict=True))
        at = graph.look_up(keys, table, -1)
        # Behind the known keys: what stands for all others of each pair.
        others = graph.constant(np.arange(n_pairs) + n_keys, np.int64)
        is_new = graph.node("Less", at, graph.constant(0, np.int64))
        at = graph.node("Where", is_new, others, at)
        values = np.concatenate(
            [crosses.values, np.tile(crosses.default, (n_pairs, 1))]
        )
        pair = np.searchsorted(starts, crosses.keys, side="right") - 1
        pair = np.concatenate([pair, np.arange(n_pairs)])
        scalers = [*crosses.scalers.values()]
        n_targets = values.shape[1]
        n_statistics = n_pairs * n_targets
        normalised = np.empty(values.shape, dtype=self.dtype)
        for k, scaler in enumerate(scalers[:n_statistics]):
            rows, t = pair == k // n_targets, k % n_targets
            normalised[rows, t] = scaler.apply(values[rows, t], dtype=self.dtype)
        found = graph.node("Gather", graph.constant(normalised), at)
        shape = graph.constant([-1, n_statistics], np.int64)
        statistics = graph.node("Reshape", found, shape)
        if not crosses.counted:
            return statistics
        counts = np.concatenate([crosses.counts, np.zeros(n_pairs)])
        normalised = np.zeros(counts.shape, dtype=self.dtype)  # of others unread
        for k, scaler in zip(crosses.counted, scalers[n_statistics:], strict=True):
            normalised[pair == k] = scaler.apply(counts[pair == k], dtype=self.dtype)
        which = graph.constant([*crosses.counted], np.int64)
        at = graph.node("Gather", at, which, axis=1)
        counted = graph.node("Gather", graph.constant(normalised), at)
        return graph.concat([statistics, counted])

    def infinite(self) -> str | None:
        """Return NaN (n, 1) for rows with an infinite number, else 0."""
        x = self._take_numbers([*self.encoder.numbers])
        values = [] if x is None else [x.values]
        values += [self.inputs.vectors[j] for j in self.encoder.vectors]
        if not values:
            return None
        nothing, nan = (self.graph.constant(v, np.float32) for v in (0.0, np.nan))
        is_infinite = self.graph.node("IsInf", self.graph.concat(values))
        each = self.graph.node("Where", is_infinite, nan, nothing)
        return self.graph.node("ReduceSum", each, self.graph.constant([1], np.int64))


def _number_ids(
    levels: CategoryLevels | HashedLevels,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return levels that are numbers in increasing order, and their ids."""
    values = [float(level) for level in levels.vocabulary]
    for value, level in zip(values, levels.vocabulary, strict=True):
        if value != level:
            raise ValueError(
                f"{describe(levels.name)} has the level {level!r}, which is no number "
                "of double precision, as inputs of a graph are. Convert the column to "
                "strings before fit."
            )
    if not values:  # a search needs one; this one equals no number
        return np.array([np.nan]), np.array([UNKNOWN_ID])
    order = np.argsort(values)
    return np.array(values)[order], order + N_RESERVED_IDS


# x_0 ----------------------------------------------------------------------------------


class Fields(NamedTuple):
    """An encoded table.

    Attributes
    ----------
    ids : Ids or None
        x_cat.
    entries : list of (ListLevels, str)
        The ids (n, most) of each field of lists.
    vectors : list of str
        Each vector (n, d_in), with the indicator of missing ones.
    x_num : str or None
        The numbers (n, n_num).
    empty_is_missing : bool
        Whether an empty list is a missing one.
    """

    ids: Ids | None
    entries: list[tuple[ListLevels, str]]
    vectors: list[str]
    x_num: str | None
    empty_is_missing: bool


def add_fields(
    graph: Graph, stacker: Stacker, separators: dict[int, str | None]
) -> Fields:
    """Return what all members of an ensemble have in common: the encoded table."""
    ids, entries = stacker.ids(), []
    for j, bag in stacker.encoder.lists.items():
        cells, separator = stacker.inputs.lists[j], separators[j]
        if separator is not None:
            cells = _split(graph, cells, separator)
        found = _list_ids(
            graph, bag, cells, stacker.missing_text, separator is not None
        )
        entries.append((bag, found))
    vectors = [
        scale_vectors(graph, stacker.inputs.vectors[j], scaler)
        for j, scaler in stacker.encoder.vectors.items()
    ]
    x_num, empty_is_missing = stacker.numbers(ids), not stacker.missing_text
    return Fields(ids, entries, vectors, x_num, empty_is_missing)


def add_stack(graph: Graph, stack: EmbeddingStack, fields: Fields) -> str:
    """Return x_0 (n, d) of an encoded table, as `EmbeddingStack.forward`."""
    parts = [] if fields.ids is None else _embed(graph, stack, fields.ids)
    for k, (bag, entries) in enumerate(fields.entries, len(stack.cardinalities)):
        table = to_array(stack.column_weight(k))
        parts.append(_pool(graph, bag, entries, table, fields.empty_is_missing))
    parts += add_vectors(graph, stack, fields.vectors)
    if fields.x_num is not None:
        parts += add_numbers(graph, stack, fields.x_num)
    return graph.concat(parts)


def _embed(graph: Graph, stack: EmbeddingStack, ids: Ids) -> list[str]:
    """Return the embeddings of fields of one id, side by side for each width."""
    order = stack.order.tolist()
    offset = dict(zip(order, stack.offsets.tolist(), strict=True))
    starts = graph.constant([offset[field] for field in ids.fields], np.int64)
    rows = Ids(graph.node("Add", ids.value, starts), ids.fields)
    parts = []
    for table, (dim, _), fields in zip(
        stack.tables, stack._groups, stack._groups.values(), strict=True
    ):
        embedding = graph.constant(to_array(weighted(table, dim)))
        found = graph.node("Gather", embedding, rows.take(graph, fields))
        shape = graph.constant([-1, dim * len(fields)], np.int64)
        parts.append(graph.node("Reshape", found, shape))
    return parts


def _split(graph: Graph, cells: str, separator: str) -> str:
    """Return the parts (n, most) of cells (n, 1), filled up with ""."""
    parts, _ = graph.nodes("StringSplit", cells, n_outputs=2, delimiter=separator)
    return graph.node("Squeeze", parts, graph.constant([1], np.int64))


def _list_ids(
    graph: Graph, bag: ListLevels, cells: str, missing_text: str, is_split: bool
) -> str:
    """Return the ids (n, most) of lists' entries, `PADDING_ID` where there is none."""
    if isinstance(bag.levels, HashedLevels):
        buckets = graph.constant(bag.levels.n_buckets, np.int64)
        ids = hash_texts(graph, cells, buckets, missing_text)
        padding = graph.node("Equal", cells, graph.constant([""], object))
        return graph.node("Where", padding, graph.constant(PADDING_ID, np.int64), ids)
    if "" in bag.levels.vocabulary:
        raise ValueError(
            f"{describe(bag.name)} has the level '', which fills up lists in a graph. "
            "Replace it before fit."
        )
    table = text_ids(bag.levels, missing_text) | {"": PADDING_ID}
    if is_split:  # no operator strips white space
        spaced = {
            left + text + right: i
            for text, i in table.items()
            for left in ("", " ")
            for right in ("", " ")
        }
        table = spaced | table
    return graph.look_up(cells, table, UNKNOWN_ID)


def _pool(
    graph: Graph, bag: ListLevels, ids: str, table: NDArray[Any], empty_is_missing: bool
) -> str:
    """Return the pooled embeddings (n, dim) of lists; see `ListLevels`."""
    zero = graph.constant(0, np.int64)
    is_entry = graph.node("GreaterOrEqual", ids, zero)
    last, axis = (graph.constant([k], np.int64) for k in (2, 1))
    weight = graph.node("Unsqueeze", graph.cast(is_entry, "float"), last)
    found = graph.node("Gather", graph.constant(table), graph.node("Max", ids, zero))
    weighted = graph.node("Mul", found, weight)
    pooled = graph.node("ReduceSum", weighted, axis, keepdims=0)
    count = graph.node("ReduceSum", weight, axis, keepdims=0)  # (n, 1)
    if bag.pooling == "mean":
        least = graph.constant(1.0, np.float32)
        pooled = graph.node("Div", pooled, graph.node("Max", count, least))
    if not empty_is_missing:
        return pooled
    nothing, missing = (
        graph.constant(value, np.float32) for value in (0.0, table[MISSING_ID])
    )
    return graph.node("Where", graph.node("Equal", count, nothing), missing, pooled)


def add_block(graph: Graph, block: SparseBlock, table: NDArray[Any], x: str) -> str:
    """Return x_0 of a matrix, dense here; see `SparseBlock`."""
    if block.numeric_transform is not None:
        x = graph.node("Div", x, graph.constant(block._scale))
        if block.numeric_transform != "standard":
            x = clip_smoothly(graph, x)
    rows = table[block._id_of] * block._is_known[:, None]
    return graph.node(
        "MatMul", graph.cast(x, "float"), graph.constant(rows, np.float32)
    )
