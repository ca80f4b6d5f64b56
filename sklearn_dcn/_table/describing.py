"""A fitted column -> its row of the schema."""

from __future__ import annotations

from .._ids import MISSING_ID, UNKNOWN_ID
from .categories import CategoryLevels, HashedLevels, ListLevels, SparseBlock
from .numbers import NumberLevels, NumberScaler, Seen
from .schema import QUESTION, ColumnSchema

__all__ = ["describe_block", "describe_category", "describe_list", "describe_number"]

ROUNDING = 1e-9  # a share up to this is none


def describe_category(
    name: str | int, ids: CategoryLevels | HashedLevels, width: int | None
) -> ColumnSchema:
    """Return the row of a column of one level a cell."""
    return ColumnSchema(name, "category", _buckets(ids), *_shares(ids), width, "")


def describe_list(name: str | int, bag: ListLevels, width: int | None) -> ColumnSchema:
    """Return the row of a column of several levels a cell."""
    split = () if bag.separator is None else (f"split at {bag.separator!r}",)
    options = (*split, bag.pooling, *_buckets(bag.levels))
    return ColumnSchema(name, "list", options, *_shares(bag.levels), width, "")


def describe_number(
    name: str | int,
    scaler: NumberScaler,
    values: NumberLevels | None,
    width: int | None,
    *,
    is_column: bool,
    asks: bool,
) -> ColumnSchema:
    """Return the row of a number.

    Parameters
    ----------
    name : str or int
    scaler : NumberScaler
    values : NumberLevels or None
        The ids of its values, where they have some.
    width : int or None
    is_column : bool
        Whether it is a column of the table, and no statistic of others.
    asks : bool
        Whether to ask if whole numbers that repeat are a category.
    """
    return ColumnSchema(
        name,
        "number" if is_column else "statistic",
        _numeric_options(scaler.transform, scaler.has_missing),
        None if values is None else len(values.values),
        scaler.missing_share,
        None,
        width,
        _note(scaler.seen, asks=asks and is_column),
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


def _note(seen: Seen | None, *, asks: bool) -> str:
    if seen is None:
        return "all missing"
    low, high = _number(seen.low), _number(seen.high)
    if seen.n_distinct == 1:
        return f"constant {low}"
    if not seen.is_whole:
        return f"{low} to {high}"
    note = f"{seen.n_distinct:,} whole numbers, {low} to {high}"
    return f"{note}: {QUESTION}" if asks and _may_be_codes(seen) else note


def _may_be_codes(seen: Seen) -> bool:
    """Tell whether whole numbers may name something, such as a zip code.

    They do if they repeat. Counts and amounts do, too, but tend to start at 0 and to
    have gaps.
    """
    is_dense = 2 * seen.n_distinct > seen.high - seen.low
    return 2 < seen.n_distinct <= seen.n / 2 and (seen.low != 0 or is_dense)


def _number(x: float) -> str:
    return f"{x:,.0f}" if x == round(x) and abs(x) < 1e15 else f"{x:.4g}"
