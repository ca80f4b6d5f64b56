"""The schema as aligned text and as HTML, and encoders without one."""

import re
import time
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from helpers.schemas import OPTIONS, fit, lines_of, small
from helpers.tables import make_mixed

from sklearn_dcn._table.encoder import TableEncoder
from sklearn_dcn._table.printing import MAX_LINES

# ----------------------------------------------------------------------------------
# Text
# ----------------------------------------------------------------------------------


def test_text():
    assert repr(fit(small(), **OPTIONS)).splitlines() == [
        "TableEncoder: 6 columns (2 categories, 2 numbers, 2 lists), 1,013 ids",
        "column  kind                         levels  missing   rare  width  note",
        "zip     number, quantile                  -       0%      -      -  "
        "3 whole numbers, 8,001 to 8,400: a category?",
        "city    category                          1    12.5%  37.5%      -",
        "price   number, quantile, indicator       -    25.0%      -      -  0.5 to 9",
        "tags    list, mean                        2    11.1%     0%      -",
        "user    category, 1,000 buckets           -       0%     0%      -",
        "genre   list, split at '|', sum           2       0%     0%      -",
        "A category? If numbers are codes, name their column in categorical_features.",
    ]


def test_text_without_rare_levels_and_notes():
    """Columns of the text that would say nothing are left out."""
    assert repr(fit(small()[["city"]])).splitlines() == [
        "TableEncoder: 1 column (1 category), 5 ids",
        "column  kind      levels  missing  width",
        "city    category       3    12.5%      -",
    ]


def test_text_is_aligned():
    """Numbers end where their title ends, whatever the names and the sizes."""
    X, _ = make_mixed()
    X["größe, é"] = X["city"]
    X["a name of more than forty characters, which is shortened"] = X["visits"]
    X["line\nbreak\t"] = X["price"]
    X[""] = X["price"]
    header, *lines = lines_of(fit(X, max_categories=3))
    assert len(lines) == X.shape[1]
    ends = [re.search(title, header).end() for title in ("levels", "missing", "width")]
    for line in lines:
        for end in ends:
            assert line[end - 1] != " " and line[end : end + 1] in ("", " ")
    kinds = header.index("kind")
    assert {line[kinds:].split(",")[0].split()[0] for line in lines} == {
        "category",
        "number",
    }
    assert all(line[kinds - 2 : kinds] == "  " for line in lines)
    names = [line[:kinds].rstrip() for line in lines]
    assert names[-4:] == [
        "größe, é",
        "a name of more than forty characters,...",
        r"'line\nbreak\t'",
        "''",
    ]
    # Without the notes, which are ragged, all lines are of one width.
    X = X.drop(columns=X.select_dtypes("number").columns)
    assert len({len(line) for line in lines_of(fit(X))}) == 1


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0%"), (1e-5, "<0.1%"), (0.25, "25.0%"), (1 - 1e-5, ">99.9%"), (1, "100%")],
)
def test_percent(share, text):
    """A share that is not quite none or all does not look like it."""
    x, weight = np.array([np.nan, 1.0]), np.array([share, 1 - share])
    X = pd.DataFrame({"x": x})[weight > 0]
    assert f"  {text}  " in str(fit(X, weight[weight > 0]))


@pytest.mark.parametrize("n_columns", [MAX_LINES, MAX_LINES + 1, 1000])
def test_long_table(n_columns):
    """The middle is left out of the text, but of nothing else, and it is fast."""
    X = np.random.default_rng(0).integers(0, 9, (20, n_columns)).astype(object)
    X[:, ::2] = X[:, ::2].astype(str)
    encoder = fit(X)
    assert [row.column for row in encoder.schema()] == [*range(n_columns)]
    half = MAX_LINES // 2
    _, *lines = lines_of(encoder)
    shown = [int(line.split()[0]) for line in lines if not line.startswith("...")]
    if n_columns == MAX_LINES:
        assert shown == [*range(n_columns)]
    else:
        assert shown == [*range(half), *range(n_columns - half, n_columns)]
        left_out = n_columns - MAX_LINES
        assert lines[half] == f"... {left_out} more; .schema() lists all ..."
    assert encoder._repr_html_().count("<tr>") == 1 + n_columns
    seconds = min(timed(encoder.__repr__) + timed(encoder._repr_html_) for _ in "123")
    assert seconds < 0.2  # 0.02 measured, of 1,000 columns


def timed(function):
    """Return the seconds that a call takes."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


# ----------------------------------------------------------------------------------
# HTML
# ----------------------------------------------------------------------------------


class Cells(HTMLParser):
    """Parse a table: the text and the class of every cell, by rows."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.open, self.tags = [], [], set()
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        """Open a tag."""
        self.open.append(tag)
        self.tags.add(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append(["", dict(attrs).get("class")])

    def handle_endtag(self, tag):
        """Close the tag that was opened last."""
        assert self.open.pop() == tag

    def handle_data(self, data):
        """Add text to the cell that is open."""
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1][0] += data


def test_html_has_the_cells_of_the_text():
    encoder = fit(small(), **OPTIONS)
    html = encoder._repr_html_()
    header, *rows = Cells(html).rows
    assert [title for title, _ in header] == (
        "column kind levels missing rare width note".split()
    )
    for row, line in zip([header, *rows], lines_of(encoder), strict=True):
        assert [text for text, _ in row if text] == re.split("  +", line)
        assert [c for _, c in row] == [None, None, *["number"] * 4, None]
    assert "6 columns (2 categories, 2 numbers, 2 lists), 1,013 ids" in html
    assert "A category? If" in html


def test_html_escapes():
    """Names and separators are text, not markup."""
    name = "<script>alert(\"a\" & 'b')</script>"
    X = pd.DataFrame({name: ["a<b", "b"], "<b>": [1.5, 2.5]})
    html = fit(X, multivalued_features={name: "<"})._repr_html_()
    cells = Cells(html)
    assert cells.rows[1][0][0] == name
    assert cells.rows[1][1][0] == "list, split at '<', mean"
    assert cells.rows[2][0][0] == "<b>"
    assert cells.tags.isdisjoint({"script", "b"})
    assert "<script" not in html


def test_html_names_are_not_shortened():
    name = "n" * 300
    assert Cells(fit(pd.DataFrame({name: [1.5]}))._repr_html_()).rows[1][0][0] == name


def test_style_is_scoped():
    """Every rule is for the schema alone, and none sets a colour of one theme."""
    html = fit(small())._repr_html_()
    style = re.search("<style>(.*)</style>", html, re.DOTALL)[1]
    for selectors in re.findall(r"([^{}]+)\{", style):
        for selector in selectors.split(","):
            assert selector.strip().startswith(".sklearn-dcn-table")
    assert not re.search(r"#[0-9a-f]{3}|: *(white|black)\b", style)


# ----------------------------------------------------------------------------------
# Encoders that are not fitted, and copies
# ----------------------------------------------------------------------------------


def test_not_fitted():
    """An encoder that is not fitted is the call that made it."""
    encoder = TableEncoder(pooling="sum", min_frequency=3)
    assert repr(encoder).startswith("TableEncoder(categorical_features='from_dtype', ")
    assert vars(eval(repr(encoder))) == vars(encoder)
    assert encoder._repr_html_() is None
    with pytest.raises(AttributeError):
        encoder.schema()
    assert repr(TableEncoder.__new__(TableEncoder)) == "TableEncoder()"


def test_failed_fit():
    """Also one whose fit failed on the way has a repr."""
    X = pd.DataFrame({"a": ["x", "y"], "b": [1.0, np.inf]})
    encoder = TableEncoder()
    with pytest.raises(ValueError, match="infinity"):
        encoder.fit_transform(X, list(X), np.ones(2))
    assert repr(encoder) == repr(TableEncoder())
    assert encoder._repr_html_() is None
