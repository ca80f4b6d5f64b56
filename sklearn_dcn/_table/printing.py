"""The schema of a table as aligned text, and as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from inspect import signature
from typing import Any

from .._printing import html_table, quantity, text_table
from .schema import QUESTION, ColumnSchema

__all__ = ["call_of", "schema_html", "schema_text", "schema_title"]

MAX_LINES = 60  # of columns in the text; the HTML has them all, in a box that scrolls
MAX_NAME = 40  # characters of a column's name in the text

HEADER = ("column", "kind", "levels", "missing", "rare", "width", "note")
NUMBERS = ("levels", "missing", "rare", "width")  # aligned on the right
ANSWER = "A category? If numbers are codes, name their column in categorical_features."

WORDS = {
    "category": ("category", "categories"),
    "number": ("number", "numbers"),
    "list": ("list", "lists"),
    "vector": ("vector", "vectors"),
    "text": ("text", "texts"),
    "sparse block": ("sparse block", "sparse blocks"),
}


def call_of(obj: Any) -> str:
    """Return an unfitted object as the call of its constructor."""
    given = vars(obj)
    names = [name for name in signature(type(obj)).parameters if name in given]
    arguments = ", ".join(f"{name}={given[name]!r}" for name in names)
    return f"{type(obj).__name__}({arguments})"


def schema_title(schema: Sequence[ColumnSchema], n_columns: int, n_ids: int) -> str:
    """Return the line above the schema of a table: how many columns of each kind."""
    found = [
        quantity(sum(row.kind == kind for row in schema), *words)
        for kind, words in WORDS.items()
        if any(row.kind == kind for row in schema)
    ]
    n_statistics = sum(row.kind == "statistic" for row in schema)
    columns = quantity(n_columns, "column", "columns")
    parts = [f"TableEncoder: {columns} ({', '.join(found)})"]
    if n_statistics:
        parts.append(quantity(n_statistics, "statistic", "statistics"))
    parts.append(f"{n_ids:,} ids")
    if all(row.width is not None for row in schema):
        parts.append(f"x_0 of width {sum(row.width or 0 for row in schema):,}")
    return ", ".join(parts)


def schema_text(title: str, schema: Sequence[ColumnSchema]) -> str:
    """Return a schema as a table of aligned lines."""
    n_left_out = len(schema) - MAX_LINES if len(schema) > MAX_LINES else 0
    half = MAX_LINES // 2
    shown = [*schema[:half], *schema[-half:]] if n_left_out else schema
    header, cells = _cells(shown)
    cells = [[_shorten(name), *rest] for name, *rest in cells]
    lines = text_table(header, cells, NUMBERS)
    if n_left_out:
        lines.insert(1 + half, f"... {n_left_out:,} more; .schema() lists all ...")
    return "\n".join([title, *lines, *_footer(schema)])


def schema_html(title: str, schema: Sequence[ColumnSchema]) -> str:
    """Return a schema as an HTML table."""
    header, cells = _cells(schema)
    return "\n".join(
        [
            f"<div>{escape(title)}</div>",
            html_table(header, cells, NUMBERS),
            *(f"<div>{escape(text)}</div>" for text in _footer(schema)),
        ]
    )


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


def _printable(name: str) -> str:
    """Return a name, or, if it is empty or would break a line, its repr."""
    return name if name and name.isprintable() else repr(name)


def _shorten(name: str) -> str:
    return name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 3]}..."
