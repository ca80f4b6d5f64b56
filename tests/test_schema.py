"""Tests of the schema: what the encoding found, as tuples, as text and as HTML."""

import copy
import pickle
import re
import time
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from category_encoders import CountEncoder
from conftest import make_mixed
from scipy import sparse

from sklearn_dcn import DCNClassifier, DCNRegressor
from sklearn_dcn._table.encoder import TableEncoder
from sklearn_dcn._table.numbers.scaler import NUMERIC_TRANSFORMS, NumberScaler
from sklearn_dcn._table.printing import MAX_LINES
from sklearn_dcn._table.schema import ColumnSchema


def fit(X, weight=None, **options):
    """Return a fitted encoder."""
    n = X.shape[0]
    names = list(X.columns) if hasattr(X, "columns") else None
    encoder = TableEncoder(**options)
    encoder.fit_transform(X, names, np.ones(n) if weight is None else weight)
    return encoder


def rows_of(encoder):
    """Return the schema by column."""
    return {row.column: row for row in encoder.schema()}


def small():
    """Return a frame of all kinds whose schema can be written down."""
    return pd.DataFrame(
        {
            "zip": [8001, 8002, 8001, 8400, 8002, 8400, 8001, 8001],
            "city": ["b", "a", "b", None, "b", "a", "c", "b"],
            "price": [0.5, np.nan, 1.5, 2.25, 0.75, np.nan, 9.0, 3.0],
            "tags": [["x"], ["x", "y"], [], None, ["y"], ["x"], ["x"], ["x", "y"]],
            "user": list("abcdefgh"),
            "genre": ["k|l", "k", "l", "k", "k", "k", "k|l", "k"],
        }
    )


OPTIONS = {
    "multivalued_features": {"tags": None, "genre": "|"},
    "pooling": {"genre": "sum"},
    "hashing": {"user": 1000},
    "max_categories": 2,
}


# ----------------------------------------------------------------------------------
# Tuples
# ----------------------------------------------------------------------------------


def test_hand_worked():
    """One entry a column, in the table's order, with what fit found."""
    question = "3 whole numbers, 8,001 to 8,400: a category?"
    mean, as_sum = ("mean",), ("split at '|'", "sum")
    with_indicator = ("quantile", "indicator")
    # city: b is kept, a and c are folded. tags: 9 entries and one missing row.
    assert fit(small(), **OPTIONS).schema() == [
        ("zip", "number", ("quantile",), None, 0.0, None, None, question),
        ("city", "category", (), 1, 1 / 8, 3 / 8, None, ""),
        ("price", "number", with_indicator, None, 2 / 8, None, None, "0.5 to 9"),
        ("tags", "list", mean, 2, 1 / 9, 0.0, None, ""),
        ("user", "category", ("1,000 buckets",), None, 0.0, 0.0, None, ""),
        ("genre", "list", as_sum, 2, 0.0, 0.0, None, ""),
    ]


def test_is_a_table():
    """A list of named tuples is a data frame at once."""
    frame = pd.DataFrame(fit(small(), **OPTIONS).schema())
    assert list(frame) == list(ColumnSchema._fields)
    assert list(frame.loc[frame["kind"] == "number", "column"]) == ["zip", "price"]


def test_hashed_lists():
    encoder = fit(small()[["tags"]], hashing={"tags": 8})
    assert rows_of(encoder)["tags"][1:4] == ("list", ("mean", "8 buckets"), None)


def test_columns_without_names():
    assert [row.column for row in fit(small().to_numpy(dtype=object)).schema()] == [
        *range(6)
    ]


def test_polars_has_the_schema_of_pandas():
    polars = pytest.importorskip("polars")
    from sklearn_dcn._table.reading.tables import check_table

    X, _ = make_mixed()
    X = X.assign(device=X["device"].astype(str), tags=[["a", "b"], ["a"]] * 150)
    frame = polars.from_pandas(X)
    encoder = TableEncoder()
    encoder.fit_transform(check_table(frame), frame.columns, np.ones(len(X)))
    assert encoder.schema() == fit(X).schema()


def test_sparse_matrix():
    """The columns are one field; those without a value are counted."""
    X = sparse.csr_matrix([[1.0, 0, 2, 0, 0], [3, 0, 0, 0, 0], [1, 0, 0, 0, 5]])
    encoder = fit(X, max_categories=2)
    note = "5 columns, 2 without a value"
    row = ("X", "sparse block", ("quantile",), 1, None, 2 / 5, None, note)
    assert encoder.schema() == [row]
    assert str(encoder).splitlines()[0] == (
        "TableEncoder: 5 columns (1 sparse block), 3 ids"
    )
    assert fit(sparse.eye(3, format="csr")).schema()[0].note == "3 columns"


def test_shares_are_of_the_weight():
    """Weights count as so many rows, and a share of rounding is none."""
    weight = np.array([1, 2, 1, 3, 1, 1, 2, 1])
    X = small()
    weighted = fit(X, weight.astype(float), **OPTIONS)
    repeated = fit(X.loc[X.index.repeat(weight)], **OPTIONS)
    for a, b in zip(weighted.schema(), repeated.schema(), strict=True):
        assert a[:7] == b[:7]  # the note may depend on the number of rows
    assert rows_of(weighted)["city"].missing == 3 / 12
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"s": rng.integers(0, 99, 5000).astype(str)})
    for _ in range(9):
        assert fit(frame, rng.exponential(size=5000)).schema()[0].rare == 0.0


# ----------------------------------------------------------------------------------
# Width in x_0
# ----------------------------------------------------------------------------------


@pytest.mark.parametrize("numeric_embedding", [None, "linear", "piecewise_linear"])
def test_width_of_the_network(tiny, numeric_embedding):
    """Widths are those of the embedding, and add up to that of x_0."""
    X, y = make_mixed()
    X["tags"] = [["a", "b"], ["a"]] * 150
    dims = {"city": 3, "device": 5, "is_new": 2, "tags": 7}
    tiny |= {"embedding_dim": dims, "numeric_embedding": numeric_embedding}
    model = DCNClassifier(**tiny).fit(X, y)
    embedding = model.module_.embedding
    d = 1 if numeric_embedding is None else 8  # the default of the network
    widths = {row.column: row.width for row in model.encoder_.schema()}
    assert widths == dims | {"price": d + 1, "visits": d}  # and its indicator
    assert sum(widths.values()) == embedding.d_out
    first = str(model.encoder_).splitlines()[0]
    assert first.endswith(f", {model.encoder_.n_ids} ids, x_0 of width {18 + 2 * d}")


def test_width_of_a_sparse_block(tiny):
    X = sparse.random(40, 30, 0.2, format="csr", random_state=0)
    model = DCNRegressor(**tiny).fit(X, np.arange(40.0))
    assert model.encoder_.schema()[0].width == model.module_.embedding.d_out


def test_width_follows_the_fit(tiny):
    """An encoder that is fitted again has no network until it gets one."""
    X, y = make_mixed()
    model = DCNClassifier(**tiny).fit(X, y)
    before = model.encoder_.schema()
    model.partial_fit(X, y)
    assert model.encoder_.schema() == before
    encoder = copy.deepcopy(model.encoder_)
    encoder.fit_transform(X[["city"]], ["city"], np.ones(len(X)))
    assert encoder.schema()[0].width is None
    assert model.encoder_.schema() == before


def test_statistics(tiny):
    """What a category_encoder makes of columns stands at the end."""
    X, y = make_mixed()
    encoder = CountEncoder(cols=["device"])
    model = DCNClassifier(category_encoder=encoder, **tiny).fit(X, y)
    *columns, statistic = model.encoder_.schema()
    assert [row.column for row in columns] == list(X)
    low, high = sorted(X["device"].value_counts())
    assert statistic == (
        *("CountEncoder(device)", "statistic", ("quantile",)),
        *(None, 0.0, None, 1, f"2 whole numbers, {low} to {high}"),
    )
    width = model.module_.embedding.d_out
    assert sum(row.width for row in model.encoder_.schema()) == width
    assert str(model.encoder_).splitlines()[0] == (
        "TableEncoder: 5 columns (3 categories, 2 numbers), 1 statistic, 14 ids, "
        f"x_0 of width {width}"
    )


# ----------------------------------------------------------------------------------
# Numbers that may be codes
# ----------------------------------------------------------------------------------

RNG = np.random.default_rng(0)
N_OF_CODE = RNG.permutation(np.round(np.geomspace(5, 90, 160)).astype(int))
ASKED = {
    "zip": RNG.choice(RNG.choice(np.arange(501, 99_950), 300), 1000),
    "user_id": np.where(RNG.random(500) < 0.1, np.nan, RNG.integers(3, 40, 500)),
    "itemId": RNG.integers(0, 12, 200),
    "encoded labels": np.repeat(np.arange(160), N_OF_CODE),
    "with -1": np.repeat(np.arange(-1, 159), N_OF_CODE),
}
NOT_ASKED = {
    "fractions": RNG.normal(size=300),
    "age": RNG.integers(18, 80, 500),
    "n_items": RNG.integers(0, 12, 200),
    "negative": RNG.integers(-9, 12, 200),
    "hour": RNG.integers(0, 24, 2000),
    "one fraction": np.append(RNG.integers(1, 9, 300), 0.5),
    "flags": RNG.integers(0, 2, 300),
    "unique": np.arange(10, 310),
    "hardly repeated": np.append(np.arange(10, 310), np.arange(10, 200)),
    "amounts": np.round(RNG.lognormal(3, 2, 3000)),
    "constant": np.full(300, 7),
    "missing": np.full(300, np.nan),
}


@pytest.mark.parametrize("transform", NUMERIC_TRANSFORMS)
@pytest.mark.parametrize("name", [*ASKED, *NOT_ASKED])
def test_question(name, transform):
    """Whole numbers are asked for if they are named or spread as codes are."""
    X = pd.DataFrame({name: (ASKED | NOT_ASKED)[name]})
    encoder = fit(X, numeric_transform=transform)
    [row] = encoder.schema()
    assert row.note.endswith("a category?") == (name in ASKED)
    assert ("name their column in categorical_features" in str(encoder)) == (
        name in ASKED
    )
    # A user who named the categories has answered.
    [row] = fit(X, numeric_transform=transform, categorical_features=None).schema()
    assert row.kind == "number"
    assert "?" not in row.note


@pytest.mark.parametrize("transform", NUMERIC_TRANSFORMS)
def test_note_of_numbers(transform):
    """The range is that of the cells, whatever the transform makes of them."""
    X = pd.DataFrame(
        {
            "a": [1234.5678, -0.001234, np.nan, 7.0],
            "b": [3, 12_345, 7, 0],
            "c": [5, 5, 5, 5],
            "d": [np.nan] * 4,
            "e": [1e300, -1e18, 0, 2],
        }
    )
    assert [row.note for row in fit(X, numeric_transform=transform).schema()] == [
        "-0.001234 to 1235",
        "4 whole numbers, 0 to 12,345",
        "constant 5",
        "all missing",
        "4 whole numbers, -1e+18 to 1e+300",
    ]


@pytest.mark.parametrize("transform", NUMERIC_TRANSFORMS)
def test_seen(transform):
    """`seen` is of the numbers that are there, before the transform."""
    x = np.array([3.0, np.nan, 3.0, -1.0])
    assert NumberScaler(transform).fit(x, np.ones(4)).seen == (3, 2, -1.0, 3.0, True)
    assert NumberScaler(transform).fit(x / 2, np.ones(4)).seen == (
        *(3, 2, -0.5, 1.5),
        False,
    )
    assert NumberScaler(transform).fit(x[1:2], np.ones(1)).seen is None


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


def lines_of(encoder):
    """Return the lines of the table, from the header to the last column."""
    lines = str(encoder).splitlines()[1:]
    return lines[:-1] if lines[-1].startswith("A category?") else lines


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


def test_all_lists_are_empty():
    encoder = fit(pd.DataFrame({"t": [[], []], "x": [1.0, 2.0]}))
    assert rows_of(encoder)["t"][3:6] == (0, 0.0, 0.0)


def test_copies(tiny):
    """Copied and pickled encoders keep their schema."""
    X, y = make_mixed()
    encoder = DCNClassifier(**tiny).fit(X, y).encoder_
    for other in (
        copy.copy(encoder),
        copy.deepcopy(encoder),
        pickle.loads(pickle.dumps(encoder)),
    ):
        assert other.schema() == encoder.schema()
        assert repr(other) == repr(encoder)
        assert other._repr_html_() == encoder._repr_html_()
