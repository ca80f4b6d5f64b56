"""Zones have one name in every library, and clocks on the wall are as Python's are."""

import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from helpers.columns import arrow, bridged
from numpy.testing import assert_array_equal

from sklearn_dcn._table.reading.zones import to_wall, zone_name, zone_of

ZURICH = "Europe/Zurich"
OFFSET = datetime.timezone(datetime.timedelta(hours=-3, minutes=-30))
DAY = pd.Timestamp("2024-07-01", tz=ZURICH)

COLUMNS = {
    "pandas": pd.Series([DAY]),
    "arrow in pandas": arrow([DAY], pa.timestamp("ms", ZURICH)),
    "polars": bridged(pl.Series([DAY], dtype=pl.Datetime("us", ZURICH))),
    "arrow": bridged(pa.chunked_array([pa.array([DAY], pa.timestamp("s", ZURICH))])),
}


@pytest.mark.parametrize("column", COLUMNS.values(), ids=COLUMNS)
def test_zone_of_a_column(column):
    assert zone_of(column, "when") == ZURICH


@pytest.mark.parametrize(
    ("zone", "name"),
    [
        (None, None),
        (ZoneInfo(ZURICH), ZURICH),
        (datetime.UTC, "UTC"),
        (datetime.timezone(datetime.timedelta(0)), "UTC"),
        (datetime.timezone(datetime.timedelta(hours=5, minutes=45)), "+05:45"),
        (OFFSET, "-03:30"),
        (pd.Timestamp("2024-01-01T00+02:00").tz, "+02:00"),
    ],
    ids=str,
)
def test_names(zone, name):
    assert zone_name(zone, "when") == name


class Nameless(datetime.tzinfo):
    """A zone that says what it is ahead by at a time, and no more."""

    def utcoffset(self, time):
        """Return an hour at any time, and nothing of none."""
        return None if time is None else datetime.timedelta(hours=1)


def test_a_zone_without_a_name_is_an_error():
    with pytest.raises(ValueError, match=r"^Column 'when' has a zone without a name"):
        zone_name(Nameless(), "when")


@pytest.mark.parametrize(
    "zone",
    [ZURICH, "America/St_Johns", "Asia/Kathmandu", "Africa/Casablanca", "UTC"],
)
def test_clocks_on_the_wall(zone):
    """Also in the nights in which clocks are set, and in years without the summer."""
    rng = np.random.default_rng(0)
    nights = [datetime.datetime(2024, 3, 30), datetime.datetime(2024, 10, 26, 12)]
    given = [
        night + datetime.timedelta(minutes=int(minutes))
        for night in nights
        for minutes in rng.integers(0, 2880, 200)
    ]
    given += [
        datetime.datetime(1900, 1, 1) + datetime.timedelta(hours=int(hours))
        for hours in rng.integers(0, 150 * 365 * 24, 300)
    ]
    there = [
        each.replace(tzinfo=datetime.UTC)
        .astimezone(ZoneInfo(zone))
        .replace(tzinfo=None)
        for each in given
    ]
    found = to_wall(np.array(given, dtype="M8[us]"), zone)
    assert_array_equal(found, np.array(there, dtype="M8[us]"))


@pytest.mark.parametrize(
    ("zone", "hours"), [("UTC", 0), ("+02:00", 2), ("-03:30", -3.5), (None, 0)]
)
def test_offsets(zone, hours):
    """A missing time stays missing, and so it is where Python has no dates."""
    given = np.array(["2024-01-01T12", "NaT", "0001-01-01", "-5000-01-01"], "M8[us]")
    moved = to_wall(given, zone) - given
    assert np.isnat(moved[1])
    assert (np.delete(moved, 1) == np.timedelta64(int(hours * 60), "m")).all()


def test_far_dates_have_the_offset_of_the_nearest_that_python_knows():
    given = np.array(["20000-07-01", "12000-01-01"], "M8[us]")
    moved = to_wall(given, ZURICH) - given
    assert moved.tolist() == [datetime.timedelta(hours=1)] * 2
