"""Figures within sentences are those of the tables that they come from."""

import re
from functools import cache
from pathlib import Path

import pytest
from scipy.stats import rankdata

DOCS = Path(__file__).parents[2] / "docs"
WORDS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
LETTERS = re.compile(r"[*`,]")


@cache
def tables(name):
    """Return {heading: {first cell: {column: text}}} of a table of results."""
    found, heading, header = {}, "", None
    for line in (DOCS / "results" / f"{name}.md").read_text("utf-8").splitlines():
        if line.startswith("#"):
            heading, header = line.lstrip("# "), None
        elif not line.startswith("|"):
            header = None
        elif header is None:
            header = cells(line)
        elif not set(line) <= set("|-: "):
            row = dict(zip(header, cells(line), strict=True))
            # Of several tables below a heading each has its columns.
            found.setdefault(heading, {}).setdefault(row[header[0]], {}).update(row)
    return found


def cells(line):
    return [LETTERS.sub("", cell).strip() for cell in line.strip()[1:-1].split("|")]


def number(text):
    """Return the first number of a text, which a range may follow."""
    return float(re.search(r"\d*\.?\d+", text)[0])


def cell(name, heading, row, column):
    """Return the number in a cell; the heading may be the beginning of one."""
    [rows] = [of for head, of in tables(name).items() if head.startswith(heading)]
    return number(rows[row][column])


def train(kind, row, column="ours / it", name="train"):
    return cell(name, LETTERS.sub("", f'cross="{kind}"'), row, column)


def against(other, column, ours="sklearn-dcn"):
    """Return a cell of what a whole job comes to over all tables."""
    return cell("job", f"{ours} against the others", other, column)


def rmse(row):
    return cell("job", "california_housing", row, "RMSE")


def behind():
    """Return by how many per cent ours is behind the best rival, table by table."""
    [rows] = tables("tomorrow").values()
    last = {name: row["against the best rival"] for name, row in rows.items()}
    return [float(text.strip("% ")) for text in last.values() if text]


def ranks(name):
    """Return the ranks of CatBoost, ours and LightGBM on every table."""
    [rows] = tables(name).values()
    columns = ("CatBoost", "DCNClassifier()", "LightGBM")
    losses = [[number(row[column]) for column in columns] for row in rows.values()]
    return rankdata(losses, axis=1)


CATBOOST = "CatBoost early stopping"
FAST = "sklearn-dcn fast"
# Page, sentence with figures, and what each of them is.
CLAIMS = [
    (
        "performance.md",
        r"The default is faster than CatBoost with early stopping on (\w+) of the nine "
        r"tables, by a factor of ([\d.]+) at the median, and takes ([\d.]+) times as "
        r"long on `california_housing`, which has only numbers. Its loss is lower on "
        r"(\w+)\.",
        lambda: [
            against(CATBOOST, "faster on"),
            against(CATBOOST, "seconds it / ours"),
            cell("job", "california_housing", CATBOOST, "ours / it"),
            against(CATBOOST, "loss below on"),
        ],
    ),
    (
        "performance.md",
        r"The default takes ([\d.]+) times as long as LightGBM at the median, from "
        r"([\d.]+) times \(140,000 rows of ids\) to ([\d.]+) times \(eight numbers\)",
        lambda: [
            against("LightGBM", "seconds ours / it"),
            cell("job", "lastfm_implicit", "LightGBM", "ours / it"),
            cell("job", "california_housing", "LightGBM", "ours / it"),
        ],
    ),
    (
        "performance.md",
        r'"fast" takes ([\d.]+) of the default\'s time at the median, less than '
        r"CatBoost on all (\w+), and ([\d.]+) times LightGBM's; its losses are "
        r"([\d.]+) % above the default's at the median, and below LightGBM's on "
        r"(\w+)\.",
        lambda: [
            against("sklearn-dcn", "seconds ours / it", FAST),
            against(CATBOOST, "faster on", FAST),
            against("LightGBM", "seconds ours / it", FAST),
            100 * (against("sklearn-dcn", "loss ours / it", FAST) - 1),
            against("LightGBM", "loss below on", FAST),
        ],
    ),
    (
        "performance.md",
        r'It is ([\d.]+) times as fast as DeepCTR-Torch with "vector" and ([\d.]+) '
        r'times with "matrix"',
        lambda: [
            train(kind, "deepctr-torch", name="train-bfloat16")
            for kind in ("vector", "matrix")
        ],
    ),
    (
        "performance.md",
        r'With `cross="vector"` the estimator trains ([\d.]+) times as fast as '
        r"DeepCTR-Torch, ([\d.]+) times as FuxiCTR, ([\d.]+) times as a plain skorch "
        r"net with torch's data loader, and ([\d.]+) times as a",
        lambda: [
            train("vector", row)
            for row in ("deepctr-torch", "fuxictr", "skorch", "torch loop (fused Adam)")
        ],
    ),
    (
        "performance.md",
        r'With `cross="matrix"` it is ([\d.]+) times as fast as either library and '
        r"([\d.]+) times as plain skorch, at (\d+) % of the bound",
        lambda: [
            train("matrix", "deepctr-torch"),
            train("matrix", "skorch"),
            100 * train("matrix", "GEMM bound"),
        ],
    ),
    (
        "performance.md",
        r'`cross="low_rank"` is ([\d.]+) times as fast as "matrix", at the same loss',
        lambda: [
            train("low_rank", "sklearn-dcn", "rows/s")
            / train("matrix", "sklearn-dcn", "rows/s")
        ],
    ),
    (
        "performance.md",
        r"The estimator reaches (\d+) % of the loop's speed",
        lambda: [100 * cell("overhead", "Speed", "vector", "ours / loop")],
    ),
    (
        "performance.md",
        r"`--only \"sklearn-dcn,sklearn-dcn \(float32\),lightgbm\" --calls 60`\), "
        r"([\d.]+) times LightGBM; in float32 ([\d.]+) times",
        lambda: [
            cell("predict-bfloat16", "Many rows", "lightgbm", "ours / it"),
            cell("predict-bfloat16", "Many rows", "sklearn-dcn (float32)", "rows/s")
            / cell("predict-bfloat16", "Many rows", "lightgbm", "rows/s"),
        ],
    ),
    (
        "performance.md",
        r"`--cross vector --only sklearn-dcn,lightgbm`\), ([\d.]+) times LightGBM",
        lambda: [cell("predict-vector", "Many rows", "lightgbm", "ours / it")],
    ),
    (
        "performance.md",
        r"its log loss is (\.\d+), against (\.\d+) for FuxiCTR's DCN-V2, (\.\d+) for "
        r"LightGBM and (\.\d+) for XGBoost",
        lambda: [
            cell("streams", "1,000,000 rows", row, "log loss")
            for row in (
                "sklearn-dcn scan",
                "FuxiCTR blocks",
                "LightGBM Sequence",
                "XGBoost external memory",
            )
        ],
    ),
    (
        "performance.md",
        r"for every id\) learns more than our default of 128 and 128: (\.\d+) against "
        r"(\.\d+), in ([\d.]+) times the time and ([\d.]+) times the memory",
        lambda: [
            *(
                cell("streams", "10,000,000 rows", row, "log loss")
                for row in ("FuxiCTR blocks", "sklearn-dcn scan")
            ),
            *(
                cell("streams", "10,000,000 rows", "FuxiCTR blocks", column)
                / cell("streams", "10,000,000 rows", "sklearn-dcn scan", column)
                for column in ("fit s", "peak MiB")
            ),
        ],
    ),
    (
        "performance.md",
        r"A hundred million rows, in one pass, end at (\.\d+) with ([\d,]+) MiB",
        lambda: [
            cell("streams", "100,000,000 rows", "sklearn-dcn scan", column)
            for column in ("log loss", "peak MiB")
        ],
    ),
    (
        "choosing.md",
        r"losses ([\d.]+) % higher, where numbers decide up to (\d) % \| ([\d.]+) of "
        r"the default's seconds",
        lambda: [
            100 * (against("sklearn-dcn", "loss ours / it", FAST) - 1),
            100 * (rmse(FAST) / rmse("sklearn-dcn") - 1),
            against("sklearn-dcn", "seconds ours / it", FAST),
        ],
    ),
    (
        "quality.md",
        r"It has the best mean rank over the tables: ([\d.]+), CatBoost ([\d.]+), "
        r"LightGBM (\d\.\d+)",
        lambda: [
            cell("quality", "", "mean rank of the means", column)
            for column in ("DCNClassifier()", "CatBoost", "LightGBM")
        ],
    ),
    (
        "quality.md",
        r"The default has the best mean rank: ([\d.]+), CatBoost ([\d.]+), LightGBM "
        r"(\d\.\d+)\. On every table it is first or within ([\d.]+) per cent of the "
        r"best, and within one per cent on (\w+) of twelve",
        lambda: [
            *(
                cell("tomorrow", "", "mean rank", column)
                for column in ("DCNClassifier()", "CatBoost", "LightGBM")
            ),
            max(behind()),
            sum(share < 1 for share in behind()),
        ],
    ),
    (
        "results/more-tables.md",
        r"Mean rank: CatBoost ([\d.]+), ours ([\d.]+), LightGBM (\d\.\d+); CatBoost is "
        r"first on (\d+), ours on (\d+), LightGBM on (\d+)\.",
        lambda: [*ranks("more-tables").mean(0), *(ranks("more-tables") == 1).sum(0)],
    ),
    *(
        (
            "index.md",
            rf"\(`{table}`\) \| \**([\d.]+)\** \| \**([\d.]+)\** \| \**([\d.]+)\** \| "
            r"([\d.]+), ([\d.]+), ([\d.]+) \|",
            lambda table=table: [
                *(
                    cell("quality", "", table, column)
                    for column in ("DCNClassifier()", "CatBoost", "LightGBM")
                ),
                *(
                    cell("quality", "", table, f"fit {name}")
                    for name in ("DCN", "CatBoost", "LightGBM")
                ),
            ],
        )
        for table in ("movielens100k", "adult", "criteo_dac_8k", "california_housing")
    ),
]


@pytest.mark.parametrize(
    ("page", "sentence", "figures"),
    CLAIMS,
    ids=[f"{page} {i}" for i, (page, *_) in enumerate(CLAIMS)],
)
def test_sentence_has_the_figures_of_its_table(page, sentence, figures):
    text = " ".join((DOCS / page).read_text("utf-8").split())
    claimed = re.search(sentence, text)
    assert claimed, f"{page} no longer says: {sentence}"
    for shown, value in zip(claimed.groups(), figures(), strict=True):
        check(shown, value, page)


def check(shown, value, page):
    """Raise an AssertionError if a figure is not a value, to the digits it shows."""
    if shown in WORDS:
        assert WORDS.index(shown) == value, f"{page}: {shown}, but {value}"
        return
    shown = shown.replace(",", "")
    digits = len(shown.partition(".")[2])
    assert abs(float(shown) - value) <= 0.55 * 10.0**-digits, (
        f"{page}: {shown}, {value}"
    )


@pytest.mark.parametrize(("shown", "value"), [("5.1", 5.2), ("two", 3), ("1,060", 106)])
def test_a_wrong_figure_is_seen(shown, value):
    with pytest.raises(AssertionError):
        check(shown, value, "a page")
