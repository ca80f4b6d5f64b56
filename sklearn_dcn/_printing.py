"""Tables of cells as aligned text, and as HTML."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from html import escape

__all__ = ["html_table", "quantity", "text_table"]

STYLE = """
.sklearn-dcn-table { max-height: 32em; overflow: auto; margin: 0.4em 0; }
.sklearn-dcn-table table {
  border-collapse: collapse; color: inherit; font-size: 0.9em; margin: 0;
}
.sklearn-dcn-table th, .sklearn-dcn-table td {
  padding: 0.2em 0.7em; text-align: left; white-space: pre; border: none;
  border-bottom: 1px solid rgba(128, 128, 128, 0.3);
}
.sklearn-dcn-table th {
  position: sticky; top: 0;
  background: var(--jp-layout-color0, var(--vscode-editor-background, inherit));
  backdrop-filter: blur(0.6em);
}
.sklearn-dcn-table .number {
  text-align: right; font-variant-numeric: tabular-nums;
}
"""


def quantity(n: int, one: str, many: str | None = None) -> str:
    """Return a number of things in words, e.g. "1 column" or "2,000 columns"."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def text_table(
    header: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[str]
) -> list[str]:
    """Return lines of aligned cells; columns with a title in `right` on the right."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    return [
        "  ".join(
            f"{cell:>{width}}" if title in right else f"{cell:{width}}"
            for title, cell, width in zip(header, row, widths, strict=True)
        ).rstrip()
        for row in [header, *rows]
    ]


def html_table(
    header: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[str]
) -> str:
    """Return an HTML table with its style, in a box that scrolls; cells are escaped."""
    classes = [' class="number"' if title in right else "" for title in header]

    def line(tag: str, row: Sequence[str]) -> str:
        cells = zip(classes, row, strict=True)
        inner = "".join(f"<{tag}{c}>{escape(cell)}</{tag}>" for c, cell in cells)
        return f"<tr>{inner}</tr>"

    return "\n".join(
        [
            f"<style>{STYLE}</style>",
            '<div class="sklearn-dcn-table"><table>',
            f"<thead>{line('th', header)}</thead>",
            "<tbody>",
            *(line("td", row) for row in rows),
            "</tbody>",
            "</table></div>",
        ]
    )
