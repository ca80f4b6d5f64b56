"""A fitted column -> its row of the schema."""

from __future__ import annotations

import re
from itertools import islice

from .._ids import MISSING_ID, UNKNOWN_ID
from .categories import (
    CategoryLevels,
    HashedLevels,
    ListLevels,
    SparseBlock,
    TextLevels,
)
from .numbers import NumberLevels, NumberScaler, Seen, VectorScaler
from .schema import QUESTION, ColumnSchema

__all__ = [
    "describe_block",
    "describe_category",
    "describe_list",
    "describe_number",
    "describe_vector",
]

MAX_LOOKED_AT = 1000  # levels
IS_NUMBER = re.compile(r"\s*[-+]?[\d.]+(?:[eE][-+]?\d+)?\s*")
ROUNDING = 1e-9  # a share up to this is none


def describe_category(
    name: str | int, ids: CategoryLevels | HashedLevels, width: int | None
) -> ColumnSchema:
    """Return the row of a column of one level a cell."""
    note = _note_levels(ids) if isinstance(ids, CategoryLevels) else ""
    return ColumnSchema(name, "category", _buckets(ids), *_shares(ids), width, note)


def describe_list(name: str | int, bag: ListLevels, width: int | None) -> ColumnSchema:
    """Return the row of a column of several levels a cell, or of text."""
    if isinstance(bag, TextLevels):
        grams = [
            f"{kind} {low}" + (f"-{high}" if high > low else "")
            for kind, low, high in bag.grams
        ]
        options = (*grams, *_buckets(bag.levels))
        missing = float(bag.levels.counts[MISSING_ID]) / (bag.total or 1.0)
        return ColumnSchema(name, "text", options, None, missing, None, width, "")
    split = () if bag.separator is None else (f"split at {bag.separator!r}",)
    options = (*split, bag.pooling, *_buckets(bag.levels))
    return ColumnSchema(name, "list", options, *_shares(bag.levels), width, "")


def describe_vector(scaler: VectorScaler, width: int | None) -> ColumnSchema:
    """Return the row of a column of vectors."""
    return ColumnSchema(
        scaler.name,
        "vector",
        (f"width {scaler.width:,}", *(["indicator"] if scaler.has_missing else [])),
        None,
        scaler.missing_share,
        None,
        width,
        "" if scaler.n else "all missing",
    )


def describe_number(
    name: str | int,
    scaler: NumberScaler,
    values: NumberLevels | None,
    width: int | None,
    *,
    is_column: bool,
    asks: bool,
    more: str = "",
) -> ColumnSchema:
    """Return the row of a number.

    Parameters
    ----------
    name : str or int
    scaler : NumberScaler
    values : NumberLevels or None
        The ids of its values, if they have ids.
    width : int or None
    is_column : bool
        Whether it is a column of the table, not a statistic of others.
    asks : bool
        Whether to ask the user if the whole numbers are a category.
    more : str, default=""
        What follows the range of the numbers, e.g. their unit.
    """
    return ColumnSchema(
        name,
        "number" if is_column else "statistic",
        _numeric_options(scaler.transform, scaler.has_missing),
        None if values is None else len(values.values),
        scaler.missing_share,
        None,
        width,
        _note(scaler.seen, asks=asks) + (more if scaler.seen is not None else ""),
    )


def describe_block(
    block: SparseBlock, n_columns: int, width: int | None
) -> ColumnSchema:
    """Return the row of a sparse matrix, which is one field."""
    levels, _, rare = _shares(block.levels)
    n_empty = block.n_empty
    note = f"{n_columns:,} columns"
    return ColumnSchema(
        column="X",
        kind="sparse block",
        options=_numeric_options(block.numeric_transform, False),
        levels=levels,
        missing=None,
        rare=rare,
        width=width,
        note=f"{note}, {n_empty:,} without a value" if n_empty else note,
    )


def _shares(ids: CategoryLevels | HashedLevels) -> tuple[int | None, float, float]:
    """Return the number of levels, and the shares of missing and of rare ones."""
    total = float(ids.counts.sum()) or 1.0  # no entry where all lists are empty
    rare = float(ids.counts[UNKNOWN_ID]) / total
    return (
        None if isinstance(ids, HashedLevels) else len(ids.vocabulary),
        float(ids.counts[MISSING_ID]) / total,
        rare if rare > ROUNDING else 0.0,  # it is a difference of sums of weights
    )


def _buckets(ids: CategoryLevels | HashedLevels) -> tuple[str, ...]:
    return (f"{ids.n_buckets:,} buckets",) if isinstance(ids, HashedLevels) else ()


def _numeric_options(transform: str | None, has_indicator: bool) -> tuple[str, ...]:
    return (transform or "as it is", *(["indicator"] if has_indicator else []))


def _note_levels(ids: CategoryLevels) -> str:
    """Return what is odd of a column's levels, of a long list of the first."""
    if ids.folds_lone:
        return "new in nearly every row: levels of a single row share one id"
    levels = list(islice(ids.vocabulary, MAX_LOOKED_AT))
    texts = {level for level in levels if isinstance(level, str)}
    others = [level for level in levels if not isinstance(level, (str, bytes))]
    if twins := [level for level in others if str(level) in texts]:
        return f"{twins[0]!r} and {str(twins[0])!r} are two levels"
    if len(texts) > 2 and not others and _are_fractions(texts):
        return "numbers as text?"
    return ""


def _are_fractions(texts: set[str]) -> bool:
    """Tell whether strings are all numbers, some of them with a fraction."""
    try:  # an integer may be a code; a level such as "1_0" is no number
        return not all(float(text).is_integer() for text in texts) and all(
            IS_NUMBER.fullmatch(text) for text in texts
        )
    except ValueError:
        return False


def _note(seen: Seen | None, *, asks: bool) -> str:
    if seen is None:
        return "all missing"
    low, high = _number(seen.low), _number(seen.high)
    if seen.n_distinct == 1:
        return f"constant {low}"
    if not seen.is_whole:
        return f"{low} to {high}"
    note = f"{seen.n_distinct:,} whole numbers, {low} to {high}"
    return f"{note}: {QUESTION}" if asks else note


def _number(x: float) -> str:
    return f"{x:,.0f}" if x == round(x) and abs(x) < 1e15 else f"{x:.4g}"
