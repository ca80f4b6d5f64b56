"""What the encoding found: a fitted encoder -> rows of a schema -> text or HTML."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from inspect import signature
from typing import TYPE_CHECKING, NamedTuple

from ._categories import HashedLevels
from ._printing import html_table, text_table
from .network.embedding import MISSING_ID, UNKNOWN_ID

if TYPE_CHECKING:
    from ._categories import CategoryLevels
    from ._encoding import TableEncoder
    from ._numbers import Seen

__all__ = [
    "ColumnSchema",
    "as_call",
    "as_html",
    "as_text",
    "get_schema",
    "list_fields",
]

MAX_LINES = 60  # of columns in the text; the HTML has them all, in a box that scrolls
MAX_NAME = 40  # characters of a column's name in the text

HEADER = ("column", "kind", "levels", "missing", "rare", "width", "note")
NUMBERS = ("levels", "missing", "rare", "width")  # aligned on the right
ROUNDING = 1e-9  # a share up to this is none
QUESTION = "a category?"
ANSWER = "A category? If numbers are codes, name their column in categorical_features."

WORDS = {
    "category": ("category", "categories"),
    "number": ("number", "numbers"),
    "list": ("list", "lists"),
    "sparse block": ("sparse block", "sparse blocks"),
}


class ColumnSchema(NamedTuple):
    """What the encoding found of one column.

    Attributes
    ----------
    column : str or int
        Its name, or without names its position; "X" for a sparse matrix.
    kind : {"category", "list", "number", "sparse block", "statistic"}
        A statistic is a number that the `category_encoder` makes of columns, or that is
        memorised of a pair of them.
    options : tuple of str
        How it is encoded: separator, pooling and buckets of a hash, or the transform
        and, where `fit` saw missing numbers, "indicator".
    levels : int or None
        Number of known levels, or of known columns of a sparse matrix; None for
        hashed levels, and for numbers whose values have no embeddings.
    missing : float or None
        Share of the weight in `fit` that is on missing cells, for lists on missing
        entries; of categories and lists that of the training rows.
    rare : float or None
        Share of levels that count as unknown, being too rare; None for numbers.
    width : int or None
        Width in x_0, with that of the indicator; None before there is a network.
    note : str
        The numbers seen, in a long table in a sample of it, and what to look at.
    """

    column: str | int
    kind: str
    options: tuple[str, ...]
    levels: int | None
    missing: float | None
    rare: float | None
    width: int | None
    note: str


# Encoder -> schema --------------------------------------------------------------------


def get_schema(encoder: TableEncoder) -> list[ColumnSchema]:
    """Return what a fitted encoder found of every column in the table's order.

    Statistics of columns and of pairs of them are further rows at the end.
    """
    if encoder.block is not None:
        return [_block_schema(encoder)]
    widths = _widths(encoder)
    # Who named the categories has answered for the rest.
    asks = isinstance(encoder.categorical_features, str)
    rows: dict[int | str, ColumnSchema] = {}
    for j, ids in encoder.categories.items():
        rows[j] = ColumnSchema(
            encoder.names[j],
            "category",
            _buckets(ids),
            *_ids_schema(ids),
            widths[j],
            "",
        )
    for j, bag in encoder.lists.items():
        split = () if bag.separator is None else (f"split at {bag.separator!r}",)
        options = (*split, bag.pooling, *_buckets(bag.levels))
        rows[j] = ColumnSchema(
            encoder.names[j], "list", options, *_ids_schema(bag.levels), widths[j], ""
        )
    for key, scaler in encoder.scalers.items():
        is_column = not isinstance(key, str)
        rows[key] = ColumnSchema(
            encoder.names[key] if is_column else key,
            "number" if is_column else "statistic",
            _numeric_options(scaler.transform, scaler.has_missing),
            len(encoder.values[key].values)
            if isinstance(key, int) and key in encoder.values
            else None,
            scaler.missing_share,
            None,
            widths[key],
            _numbers_note(scaler.seen, asks=asks and is_column),
        )
    statistics = [key for key in rows if isinstance(key, str)]
    return [rows[key] for key in (*range(len(encoder.names)), *statistics)]


def _block_schema(encoder: TableEncoder) -> ColumnSchema:
    assert encoder.block is not None
    levels, _, rare = _ids_schema(encoder.block.levels)
    n_empty = int((~encoder.block._is_known).sum())
    note = f"{len(encoder.names):,} columns"
    return ColumnSchema(
        column="X",
        kind="sparse block",
        options=_numeric_options(encoder.block.numeric_transform, False),
        levels=levels,
        missing=None,
        rare=rare,
        width=_widths(encoder)[0],
        note=f"{note}, {n_empty:,} without a value" if n_empty else note,
    )


def _widths(encoder: TableEncoder) -> dict[int | str, int | None]:
    """Return the width in x_0 of every column by position, and statistic by name."""
    if encoder.field_slices is None:
        return dict.fromkeys(list_fields(encoder))
    widths: dict[int | str, int | None] = {}
    for j, part in zip(list_fields(encoder), encoder.field_slices, strict=True):
        widths[j] = (widths.get(j) or 0) + part.stop - part.start
    return widths


def list_fields(encoder: TableEncoder) -> list[int | str]:
    """Return what each field of x_0 is of: a column by position, a statistic by name.

    In the order of the fields; a column may have several.
    """
    if encoder.block is not None:
        return [0]
    ids = [*encoder.categories, *encoder.values, *encoder.lists]
    scalers = encoder.scalers
    return [*ids, *scalers, *(key for key, s in scalers.items() if s.has_missing)]


def _ids_schema(
    ids: CategoryLevels | HashedLevels,
) -> tuple[int | None, float, float]:
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


def _numbers_note(seen: Seen | None, *, asks: bool) -> str:
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


# Schema -> text and HTML --------------------------------------------------------------


def as_call(encoder: TableEncoder) -> str:
    """Return an encoder that is not fitted as the call of its constructor."""
    given = vars(encoder)
    names = [name for name in signature(type(encoder)).parameters if name in given]
    arguments = ", ".join(f"{name}={given[name]!r}" for name in names)
    return f"{type(encoder).__name__}({arguments})"


def as_text(encoder: TableEncoder) -> str:
    """Return the schema of a fitted encoder as a table of aligned lines.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_dcn._encoding import TableEncoder
    >>> X = np.array([["Bern", 0.5], ["Oslo", None], ["Bern", 2.0]], dtype=object)
    >>> encoder = TableEncoder()
    >>> _ = encoder.fit_transform(X, ["city", "price"], np.ones(3))
    >>> encoder
    TableEncoder: 2 columns (1 category, 1 number), 4 ids
    column  kind                         levels  missing  width  note
    city    category                          2       0%      -
    price   number, quantile, indicator       -    33.3%      -  0.5 to 2
    """
    schema = get_schema(encoder)
    n_left_out = len(schema) - MAX_LINES if len(schema) > MAX_LINES else 0
    half = MAX_LINES // 2
    shown = [*schema[:half], *schema[-half:]] if n_left_out else schema
    header, cells = _cells(shown)
    cells = [[_shorten(name), *rest] for name, *rest in cells]
    lines = text_table(header, cells, NUMBERS)
    if n_left_out:
        lines.insert(1 + half, f"... {n_left_out:,} more; .schema() lists all ...")
    return "\n".join([_summary(encoder, schema), *lines, *_footer(schema)])


def as_html(encoder: TableEncoder) -> str:
    """Return the schema of a fitted encoder as an HTML table."""
    schema = get_schema(encoder)
    header, cells = _cells(schema)
    return "\n".join(
        [
            f"<div>{escape(_summary(encoder, schema))}</div>",
            html_table(header, cells, NUMBERS),
            *(f"<div>{escape(text)}</div>" for text in _footer(schema)),
        ]
    )


def _summary(encoder: TableEncoder, schema: Sequence[ColumnSchema]) -> str:
    found = [
        _count(sum(row.kind == kind for row in schema), *words)
        for kind, words in WORDS.items()
        if any(row.kind == kind for row in schema)
    ]
    n_statistics = sum(row.kind == "statistic" for row in schema)
    columns = _count(len(encoder.names), "column", "columns")
    parts = [f"TableEncoder: {columns} ({', '.join(found)})"]
    if n_statistics:
        parts.append(_count(n_statistics, "statistic", "statistics"))
    parts.append(f"{encoder.n_ids:,} ids")
    if encoder.field_slices is not None:
        parts.append(f"x_0 of width {sum(row.width or 0 for row in schema):,}")
    return ", ".join(parts)


def _count(n: int, one: str, many: str) -> str:
    return f"{n:,} {one if n == 1 else many}"


def _footer(schema: Sequence[ColumnSchema]) -> list[str]:
    return [ANSWER] if any(row.note.endswith(QUESTION) for row in schema) else []


def _cells(schema: Sequence[ColumnSchema]) -> tuple[list[str], list[list[str]]]:
    """Return titles and the text of every cell, without titles that say nothing."""
    kept = [
        title
        for title in HEADER
        if title not in ("rare", "note") or any(getattr(row, title) for row in schema)
    ]
    return kept, [[_cell(row, title) for title in kept] for row in schema]


def _cell(row: ColumnSchema, title: str) -> str:
    value = getattr(row, title)
    if value is None:
        return "-"
    if title == "kind":
        return ", ".join([row.kind, *row.options])
    if title in ("missing", "rare"):
        return _percent(value)
    if title == "column":
        return _printable(str(value))
    return f"{value:,}" if title in NUMBERS else value


def _percent(share: float) -> str:
    if share in (0.0, 1.0):
        return f"{share:.0%}"
    text = f"{share:.1%}"
    return {"0.0%": "<0.1%", "100.0%": ">99.9%"}.get(text, text)


def _number(x: float) -> str:
    return f"{x:,.0f}" if x == round(x) and abs(x) < 1e15 else f"{x:.4g}"


def _printable(name: str) -> str:
    """Return a name, or, if it is empty or would break a line, its repr."""
    return name if name and name.isprintable() else repr(name)


def _shorten(name: str) -> str:
    return name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 3]}..."
