"""The inputs: raw columns, as texts and numbers, by column or as two matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from .._ids import MISSING_ID, N_RESERVED_IDS, UNKNOWN_ID
from .._table import (
    UNKNOWN_LEVEL,
    CategoryLevels,
    HashedLevels,
    TableEncoder,
    TextLevels,
    describe,
    families,
    to_bytes,
)
from ._graph import MICROSOFT, Graph
from ._numbers import Numbers

__all__ = [
    "Columns",
    "Inputs",
    "Layout",
    "add_inputs",
    "column_kinds",
    "find_texts",
    "hash_texts",
    "is_unicode",
    "sort_columns",
    "text_ids",
]

Layout = Literal["columns", "matrix"]


class Columns(NamedTuple):
    """What the columns of a table go in as: positions in the encoder's table.

    Attributes
    ----------
    texts : list of int
        Categories whose levels are strings, or hashed.
    numbers : list of int
        Numbers, and categories whose levels are numbers or booleans.
    lists : list of int
        Columns of several levels a cell.
    vectors : dict of {int: int}
        Columns of vectors, and their widths.
    """

    texts: list[int]
    numbers: list[int]
    lists: list[int]
    vectors: dict[int, int]

    def by_input(self, names: Sequence[str], layout: Layout) -> dict[str, list[str]]:
        """Return the names of the columns that each input holds."""
        held = {names[j]: [names[j]] for j in (*self.lists, *self.vectors)}
        for title, at in (("categories", self.texts), ("numbers", self.numbers)):
            of = [names[j] for j in at]
            if layout == "columns":
                held |= {name: [name] for name in of}
            elif of and title in held:
                raise ValueError(
                    f"Column {title!r} has the name of an input of inputs='matrix'. "
                    "Rename it before fit, or export with inputs='columns'."
                )
            elif of:
                held[title] = of
        return held


class Inputs(NamedTuple):
    """The inputs of a graph; None where the table has no such columns."""

    texts: str | None
    numbers: Numbers | None
    lists: dict[int, str]
    vectors: dict[int, str]


def sort_columns(encoder: TableEncoder) -> Columns:
    """Return what each column goes in as.

    Raises
    ------
    ValueError
        If a column's levels are strings and numbers, or bytes, or if it holds text.
    """
    texts: list[int] = []
    numbers: list[int] = []
    for j in range(len(encoder.names)):
        if j in encoder.categories:
            is_text = holds_texts(encoder.categories[j])
            (texts if is_text else numbers).append(j)
        elif j in encoder.numbers:
            numbers.append(j)
    for bag in encoder.lists.values():
        if isinstance(bag, TextLevels):
            raise ValueError(
                f"{describe(bag.name)} is in text_features, and no operator of a graph "
                "makes n-grams of text as fit does. Serve it in Python, by save and "
                "load; or fit to vectors of the text, which can be exported."
            )
        holds_texts(bag.levels)
    vectors = {j: scaler.width for j, scaler in encoder.vectors.items()}
    return Columns(texts, numbers, [*encoder.lists], vectors)


def column_kinds(
    encoder: TableEncoder, separators: dict[int, str | None]
) -> list[tuple[Any, ...]]:
    """Return what each column holds, as `make_inputs` calls it."""
    if encoder.block is not None:
        return [("entry", False, None)] * len(encoder.names)
    kinds: list[tuple[Any, ...]] = []
    for j in range(len(encoder.names)):
        if j in encoder.lists:
            levels = encoder.lists[j].levels
            kinds.append((_levels_kind(levels), True, separators[j]))
        elif j in encoder.vectors:
            kinds.append(("vector", False, None))
        elif j in encoder.categories:
            of = _levels_kind(encoder.categories[j])
            also = spelled_missing(encoder.categories[j]) if of == "text" else []
            kinds.append((of, False, None, also))
        else:
            kinds.append(("number", False, None))
    return kinds


def _levels_kind(levels: CategoryLevels | HashedLevels) -> str:
    if isinstance(levels, HashedLevels) or not _families(levels):
        return "hashed"  # or without any level: of any type
    return "text" if holds_texts(levels) else "level"


def _families(levels: CategoryLevels) -> set[str | None]:
    return families(levels.levels) or levels._families


def holds_texts(levels: CategoryLevels | HashedLevels) -> bool:
    """Tell whether a column's levels are strings, and not numbers or booleans."""
    if isinstance(levels, HashedLevels):
        return True
    found = _families(levels)
    if "bytes" in found or (len(found) > 1 and "string" in found):
        raise ValueError(
            f"{describe(levels.name)} has levels of the types "
            f"{' and '.join(sorted(map(str, found)))}, but an input of a graph has "
            "one: strings, or numbers with booleans. Convert the column before fit."
        )
    return found <= {"string"}  # also where none is known


def add_inputs(
    graph: Graph,
    columns: Columns,
    names: Sequence[str],
    layout: Layout,
    separators: dict[int, str | None],
) -> Inputs:
    """Add the inputs of a table of columns of these names."""
    parts: list[str | None] = []
    for title, kind, at in (
        ("categories", "string", columns.texts),
        ("numbers", "double", columns.numbers),
    ):
        if not at:
            parts.append(None)
        elif layout == "matrix":
            parts.append(graph.input(title, kind, len(at)))
        else:
            parts.append(graph.concat([graph.input(names[j], kind, 1) for j in at]))
    texts, x = parts
    numbers = None
    if x is not None:
        numbers = Numbers(x, graph.node("IsNaN", x), len(columns.numbers))
    lists = {
        j: graph.input(names[j], "string", None if separators[j] is None else 1)
        for j in columns.lists
    }
    vectors = {
        j: graph.input(names[j], "double", width)
        for j, width in columns.vectors.items()
    }
    return Inputs(texts, numbers, lists, vectors)


# Texts to ids -------------------------------------------------------------------------

# What ONNX Runtime reads NaN, None and pandas' NA and NaT as, in an array of objects.
# They are missing cells, unless a column has such a level.
SPELLED_MISSING = ("nan", "None", "<NA>", "NaT")


def level_text(level: Any, name: Any) -> str:
    """Return the text of a level; equal numbers, as 1, 1.0 and True, have one.

    Raises
    ------
    ValueError
        If a level is bytes, or no valid Unicode.
    """
    if isinstance(level, bytes):
        raise ValueError(
            f"{describe(name)} has levels that are bytes, which a graph cannot take. "
            "Decode the column before fit."
        )
    if isinstance(level, str):
        text = str.__str__(level)  # of a subclass, as of an enumeration
    else:
        text = to_bytes(level).decode()
    if not is_unicode(text):
        raise ValueError(
            f"{describe(name)} has the level {level!r}, which is no valid Unicode and "
            "so no string of a graph. Replace it before fit."
        )
    return text


def is_unicode(text: str) -> bool:
    """Tell whether a string is one of a graph: it has no half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def text_ids(levels: CategoryLevels, missing_text: str) -> dict[str, int]:
    """Return the ids of a column's texts, with that of a missing cell.

    Raises
    ------
    ValueError
        If the text of missing cells is a level.
    """
    ids = {
        level_text(level, levels.name): i
        for i, level in enumerate(levels.vocabulary, N_RESERVED_IDS)
    }
    if len(ids) < len(levels.vocabulary):
        raise ValueError(
            f"{describe(levels.name)} has levels with the same text, as 0.1 and "
            "Decimal('0.1') have. Convert the column to one type before fit."
        )
    if missing_text in ids:
        raise ValueError(
            f"missing_text must not be a level; {missing_text!r} is one of "
            f"{describe(levels.name)}. Choose a text that no column holds."
        )
    return {missing_text: MISSING_ID, **ids}


def spelled_missing(levels: Any) -> list[str]:
    """Return texts that a graph reads as a missing cell beside `missing_text`."""
    ids = levels.find([*SPELLED_MISSING])
    each = zip(SPELLED_MISSING, ids, strict=True)
    return [text for text, found in each if found == UNKNOWN_ID]


def find_texts(
    graph: Graph,
    texts: str,
    encoders: Sequence[CategoryLevels | HashedLevels],
    missing_text: str,
) -> tuple[list[str], list[int]]:
    """Return ids of all columns of texts, in parts, and the columns in this order."""
    parts, order = [], []
    for find, kind in ((_find_known, CategoryLevels), (_find_hashed, HashedLevels)):
        at = [k for k, levels in enumerate(encoders) if isinstance(levels, kind)]
        if at:
            cells = graph.columns(texts, at, len(encoders))
            chosen: list[Any] = [encoders[k] for k in at]
            parts.append(find(graph, cells, chosen, missing_text))
            order += at
    return parts, order


def _find_known(
    graph: Graph, cells: str, encoders: Sequence[CategoryLevels], missing_text: str
) -> str:
    # One table for all columns, whose keys begin with the column: one node looks up
    # any number of columns.
    table: dict[str, int] = {}
    for k, levels in enumerate(encoders):
        ids = dict.fromkeys(spelled_missing(levels), MISSING_ID)
        ids |= text_ids(levels, missing_text)
        table |= {f"{k}:{text}": i for text, i in ids.items()}
    prefixes = graph.constant([f"{k}:" for k in range(len(encoders))], object)
    keys = graph.node("StringConcat", prefixes, cells)
    return graph.look_up(keys, table, UNKNOWN_ID)


def _find_hashed(
    graph: Graph, cells: str, encoders: Sequence[HashedLevels], missing_text: str
) -> str:
    buckets = graph.constant([levels.n_buckets for levels in encoders], np.int64)
    return hash_texts(graph, cells, buckets, missing_text)


def hash_texts(graph: Graph, cells: str, buckets: str, missing_text: str) -> str:
    """Return ids of hashed texts; see `HashedLevels`."""
    # The hash of `stable_hash` is no operator of ONNX, but one of its runtime.
    hashed = graph.node("MurmurHash3", cells, domain=MICROSOFT, positive=1, seed=0)
    bucket = graph.node("Mod", graph.cast(hashed, "int64"), buckets)
    ids = graph.node("Add", bucket, graph.constant(N_RESERVED_IDS, np.int64))
    reserved = graph.look_up(
        cells, {missing_text: MISSING_ID, UNKNOWN_LEVEL: UNKNOWN_ID}, -1
    )
    none = graph.constant(0, np.int64)
    return graph.node("Where", graph.node("Less", reserved, none), ids, reserved)
