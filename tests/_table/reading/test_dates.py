"""Dates, times of day and durations are read as what the calendar says of them."""

import datetime
import math
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from helpers.columns import arrow, bridged, of_arrow, of_polars
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_dcn._table.reading.dates import (
    DATE_PARTS,
    LEVELS_OF,
    DateColumn,
    to_levels,
)
from sklearn_dcn._table.reading.tables import get_cells

D = datetime.datetime
TIMES = [
    D(2024, 2, 29, 23, 59, 59, 999_999),  # a leap day
    None,
    D(2023, 12, 31),
    D(2024, 1, 1, 6, 30),
    D(1969, 7, 20, 20, 17, 40),  # before the epoch
    D(1600, 3, 1, 12),  # beyond nanoseconds
    D(9999, 12, 31, 1),
    D(1, 1, 1),
]
ZURICH = ZoneInfo("Europe/Zurich")


def by_hand(time, part):
    """Return a part of a Python's datetime, of the clock that it shows."""
    if time is None:
        return math.nan
    time = time.replace(tzinfo=None)
    midnight = time.replace(hour=0, minute=0, second=0, microsecond=0)
    return {
        "hour": (time - midnight).total_seconds() / 3600,
        "weekday": time.weekday(),
        "month": time.month,
        "day_of_year": time.timetuple().tm_yday,
        "day": time.day,
        "year": time.year,
        "elapsed": (time - D(1970, 1, 1)) / datetime.timedelta(days=1),
    }[part]


def objects(cells):
    return pd.Series(cells, dtype=object)


MAKERS = {
    "pandas": lambda cells: pd.Series(cells, dtype="datetime64[us]"),
    "objects": objects,
    "array of objects": lambda cells: np.array(cells, dtype=object),
    "array": lambda cells: np.array(cells, dtype="M8[us]"),
    "Timestamps": lambda cells: objects(pd.Series(cells, dtype="M8[us]").tolist()),
    "list": list,
    "arrow in pandas": lambda cells: arrow(cells, pa.timestamp("us")),
    "polars": of_polars(pl.Datetime("us")),
    "arrow": of_arrow(pa.timestamp("us")),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_parts_of_dates(make):
    """All parts are those of Python's calendar, in the order of their names."""
    date = DateColumn("when", "date")
    read = date.fit(make(TIMES), ["elapsed", *DATE_PARTS[:-1]])
    assert date.names == [f"when: {part}" for part in DATE_PARTS]
    assert date.zone is None
    for part, x in zip(date.parts, read, strict=True):
        assert x.dtype == np.float64
        assert_allclose(x, [by_hand(t, part) for t in TIMES], rtol=1e-15, err_msg=part)
    for x, again in zip(read, date.read(make(TIMES)), strict=True):
        assert_array_equal(x, again)


ZONED = {
    "pandas": pd.Series,
    "objects": objects,
    "arrow in pandas": lambda cells: arrow(cells, pa.timestamp("us", str(ZURICH))),
    "polars": lambda cells: bridged(pl.Series(cells)),
    "arrow": of_arrow(pa.timestamp("ms", str(ZURICH))),
}
# Two an hour apart that the clock shows alike, and the hour that it does not show.
NIGHT = [
    D(2024, 10, 27, 2, 30, tzinfo=ZURICH),
    D(2024, 10, 27, 2, 30, tzinfo=ZURICH, fold=1),
    None,
    D(2024, 3, 31, 3, 0, tzinfo=ZURICH),
    D(2024, 7, 1, 0, 15, tzinfo=ZURICH),
]


@pytest.mark.parametrize("make", ZONED.values(), ids=ZONED)
def test_zones(make):
    """Parts are those of the clock on the wall, summer and winter."""
    date = DateColumn("when", "date")
    read = date.fit(make(NIGHT))
    assert date.zone == "Europe/Zurich"
    assert date.parts == ("hour", "weekday", "month", "day_of_year")
    for part, x in zip(date.parts, read, strict=True):
        assert_array_equal(x, [by_hand(t, part) for t in NIGHT])
    utc = [None if t is None else t.astimezone(datetime.UTC) for t in NIGHT]
    for x, again in zip(read, date.read(objects(utc)), strict=True):
        assert_array_equal(x, again)  # the same instants, by another clock


def test_zone_and_none_are_not_mixed():
    aware, naive = pd.Series(NIGHT), pd.Series(NIGHT).dt.tz_localize(None)
    date = DateColumn("when", "date")
    with pytest.raises(ValueError, match=r"'when' holds times of several zones"):
        date.fit(objects([NIGHT[0], TIMES[0]]))
    date.fit(aware)
    with pytest.raises(ValueError, match=r"'when' had the zone Europe/Zurich in fit"):
        date.read(naive)
    missing = date.read(pd.Series([pd.NaT, pd.NaT]))  # whose dtype means nothing
    assert all(np.isnan(x).all() for x in missing)
    date.fit(naive)
    with pytest.raises(ValueError, match=r"'when' had no zone in fit"):
        date.read(aware)


def test_days():
    """Days alone have no hour; they may stand beside times."""
    days = [datetime.date(2024, 1, 1), None, datetime.date(2024, 3, 5)]
    for make in (objects, of_polars(pl.Date), of_arrow(pa.date32())):
        date = DateColumn("day", "date")
        date.fit(make(days))
        assert date.parts == ("weekday", "month", "day_of_year")
    weekday, *_ = date.read(objects([D(2024, 1, 2, 13), days[0]]))
    assert weekday.tolist() == [1, 0]


def test_parts_that_are_left_out():
    """By "auto" those that are constant; what is asked for is there."""
    week = pd.Series(pd.date_range("2024-07-01 10:00", periods=7))
    date = DateColumn("when", "date")
    date.fit(week)
    assert date.parts == ("weekday", "day_of_year")
    date.fit(week, ["year", "hour"])
    assert date.parts == ("hour", "year")
    for same in (week[:1], pd.Series([pd.NaT], dtype="M8[ns]")):
        date.fit(same)
        assert date.parts == ("day_of_year",)  # a column is never nothing
    date.fit(week[:1], in_parts=True)
    assert date.parts == ("hour", "weekday", "month", "day_of_year")
    date.fit(week[:1].dt.normalize(), in_parts=True)
    assert date.parts == ("weekday", "month", "day_of_year")


def test_times_of_day():
    cells = [datetime.time(6, 30), None, datetime.time(23, 59, 59, 500_000)]
    for make in (
        objects,
        list,
        of_polars(pl.Time),
        of_arrow(pa.time64("us")),
        lambda cells: arrow(cells, pa.time64("us")),
    ):
        time = DateColumn("at", "time")
        (hours,) = time.fit(make(cells), "auto")
        assert time.names == ["at: hour"]
        assert_allclose(hours, [6.5, np.nan, 24 - 0.5 / 3600])


def test_durations():
    cells = [datetime.timedelta(days=1, seconds=0.25), None, -datetime.timedelta(1)]
    for make in (
        objects,
        list,
        pd.Series,
        of_polars(pl.Duration),
        of_arrow(pa.duration("ms")),
        lambda cells: arrow(cells, pa.duration("us")),
        lambda cells: np.array(cells, dtype="m8[us]"),
    ):
        duration = DateColumn("took", "duration")
        (seconds,) = duration.fit(make(cells))
        assert duration.names == ["took"]
        assert_array_equal(seconds, [86_400.25, np.nan, -86_400])
        assert_array_equal(duration.read(make(cells))[0], seconds)
    assert duration.note("seconds") == " seconds"
    with pytest.raises(TypeError, match=r"'took' holds timedelta64\[M\].*seconds\(\)"):
        duration.read(np.array([1, 2], dtype="m8[M]"))


OTHERS = {
    "strings": (["2024-01-01"], "str"),
    "numbers": (pd.Series([1.5]), "float"),
    "durations": (pd.Series(pd.to_timedelta([1])), r"timedelta64"),
    "times": ([datetime.time(1)], "time"),
    "mixed": (objects([D(2024, 1, 1), "b"]), "str"),
}


@pytest.mark.parametrize(("column", "what"), OTHERS.values(), ids=OTHERS)
def test_other_cells(column, what):
    date = DateColumn("when", "date")
    date.fit(pd.Series([D(2024, 1, 1)]))
    with pytest.raises(TypeError, match=rf"'when' holds dates.*{what}.*Convert"):
        date.read(column)


def test_missing_cells_of_any_type():
    date = DateColumn("when", "date")
    date.fit(pd.Series([D(2024, 1, 1), D(2024, 3, 5)]))
    for cells in ([None, math.nan, pd.NA, pd.NaT], pd.Series([math.nan] * 4)):
        assert all(np.isnan(x).all() for x in date.read(cells))


@pytest.mark.parametrize(
    "column",
    [
        np.array(["2024-01-01", "300000-01-01"], dtype="M8[s]"),
        bridged(pl.Series([10**9, None]).cast(pl.Date)),
    ],
)
def test_dates_that_are_too_far_away(column):
    with pytest.raises(ValueError, match=r"'when' holds .*too far away.*200,000 years"):
        DateColumn("when", "date").fit(column)


def test_years_that_python_does_not_know():
    """Also in a short frame, whose cells are read one by one."""
    frame = bridged(pl.Series([4_000_000, None]).cast(pl.Date)).to_frame()
    [column] = get_cells(frame)
    (years,) = DateColumn("when", "date").fit(column, ["year"])
    assert_array_equal(years, [12921, np.nan])


def test_levels():
    weekdays = to_levels("weekday", np.array([0.0, np.nan, 6.0]))
    assert weekdays.tolist() == ["Monday", None, "Sunday"]
    months = to_levels("month", np.array([1.0, 12.0, np.nan]))
    assert months.tolist() == ["January", "December", None]
    assert {part: len(levels) for part, levels in LEVELS_OF.items()} == {
        "weekday": 7,
        "month": 12,
    }
