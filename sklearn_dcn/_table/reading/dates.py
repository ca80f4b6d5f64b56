"""Columns of dates, times of day and durations -> their parts, as numbers and levels.

A date as such never comes again, so nothing could be learned about it. By default the
parts that do come again are read: the hour, the weekday, the month, the day of the
year. They are those of the wall clock, in the zone that the column had in `fit`. A
duration is read as its seconds.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from ..._ids import MISSING_ID, N_RESERVED_IDS
from .columns import (
    Column,
    IdColumn,
    cells_of,
    describe,
    dtype_name,
    is_bridged,
    missing_types,
)
from .kinds import DateKind, date_kind, raise_bad_cell
from .zones import to_wall, zone_name, zone_of

__all__ = ["DATE_PARTS", "LEVELS_OF", "DateColumn", "to_levels"]

REPEATING = ("hour", "weekday", "month", "day_of_year")
DATE_PARTS = (*REPEATING, "day", "year", "elapsed")

# The parts that are categories, by their levels.
LEVELS_OF: dict[str, tuple[str, ...]] = {
    "weekday": (
        *("Monday", "Tuesday", "Wednesday", "Thursday", "Friday"),
        *("Saturday", "Sunday"),
    ),
    "month": (
        *("January", "February", "March", "April", "May", "June", "July"),
        *("August", "September", "October", "November", "December"),
    ),
}

WORDS = {"date": "dates", "time": "times of day", "duration": "durations"}
CONVERT = {
    "date": "pandas.to_datetime",
    "time": "datetime.time.fromisoformat of each cell",
    "duration": "pandas.to_timedelta",
}
LETTER = {"date": "M", "duration": "m"}  # of the dtypes of numpy
SECOND, HOUR, DAY = (np.timedelta64(1, unit) for unit in ("s", "h", "D"))
MOST_YEARS = 200_000  # before or after 1970, of which int64 can tell microseconds

Floats = NDArray[np.float64]
Times = NDArray[np.datetime64]


class DateColumn:
    """What a column of dates, times of day or durations is read as.

    Parameters
    ----------
    name : str or int
        The name of the column.
    kind : {"date", "time", "duration"}
        What its cells are.

    Attributes
    ----------
    zone : str or None
        The zone of its clock, if `fit` saw one.
    parts : tuple of str
        What it is read as, out of `DATE_PARTS`; a duration is "seconds".
    """

    zone: str | None = None
    parts: tuple[str, ...] = ()

    def __init__(self, name: str | int, kind: DateKind) -> None:
        self.name, self.kind = name, kind

    @property
    def names(self) -> list[Any]:
        """Names of what it is read as; a duration keeps the column's."""
        return self.names_of(self.name)

    def names_of(self, name: Any) -> list[Any]:
        """Return what `names` would be if the column had this name."""
        if self.kind == "duration":
            return [name]
        return [f"{name}: {part}" for part in self.parts]

    def fit(
        self, column: Column, wanted: Any = "auto", in_parts: bool = False
    ) -> list[Floats]:
        """Learn the zone and which parts there are; return the parts.

        Parameters
        ----------
        column : column
        wanted : {"auto"} or sequence of str, default="auto"
            The parts; "auto" means those that repeat, except constant ones.
        in_parts : bool, default=False
            Whether more rows will come, in which parts other than the hour may vary.

        Returns
        -------
        read : list of float64 ndarray
            As of `read`.

        Raises
        ------
        ValueError
            If there are several zones, or a date is too far away.
        """
        values, zones = self._values(column)
        if len(zones) > 1:
            raise ValueError(
                f"{describe(self.name)} holds times of several zones: "
                f"{', '.join(sorted(map(str, zones)))} (None: no zone). Convert them "
                "to one zone, e.g. with pandas.to_datetime(column, "
                "utc=True).dt.tz_convert('Europe/Zurich')."
            )
        self.zone = next(iter(zones), None)
        if self.kind != "date":  # there is nothing to choose from
            self.parts = ("seconds",) if self.kind == "duration" else ("hour",)
            return self._split(values)
        values = to_wall(values, self.zone)
        if wanted != "auto":
            self.parts = tuple(part for part in DATE_PARTS if part in wanted)
            return self._split(values)
        self.parts = REPEATING
        read = dict(zip(REPEATING, self._split(values), strict=True))
        kept = {
            part: x
            for part, x in read.items()
            if _varies(x) or (in_parts and (part != "hour" or _is_not_zero(x)))
        }
        kept = kept or {"day_of_year": read["day_of_year"]}  # never nothing at all
        self.parts = tuple(kept)
        return [*kept.values()]

    def read(self, column: Column) -> list[Floats]:
        """Return the parts, each of shape (n,), NaN where the cell is missing.

        Raises
        ------
        TypeError
            If a cell is of another kind.
        ValueError
            If the column has a zone and had none in `fit`, or the other way round.
        """
        values, zones = self._values(column)
        if self.kind == "date":
            self._check_zones(zones)
            values = to_wall(values, self.zone)
        return self._split(values)

    def times(self, column: Column) -> Times:
        """Return the dates of shape (n,) in microseconds, NaT where one is missing."""
        values, _ = self._values(column)
        return np.asarray(values)

    def note(self, part: str) -> str:
        """Return what the schema adds to its note on a part's numbers."""
        if part == "hour" and self.zone is not None:
            return f", {self.zone}"
        return {"seconds": " seconds", "elapsed": " days since 1970"}.get(part, "")

    # Reading --------------------------------------------------------------------------

    def _values(self, column: Column) -> tuple[Any, set[str | None]]:
        """Return the cells as microseconds, of UTC if they have a zone; their zones."""
        array = _to_array(column)
        if array is None:
            return _read_cells(cells_of(column), self)
        if array.dtype.kind != LETTER.get(self.kind):
            self.raise_other(dtype_name(column))
        zones = set()
        if not np.isnat(array).all():  # if all are missing, the dtype says nothing
            zones = {zone_of(column, self.name)}
        return _to_microseconds(array, self.name), zones

    def _check_zones(self, zones: set[str | None]) -> None:
        if self.zone is None and zones - {None}:
            now = next(iter(zones - {None}))
            raise ValueError(
                f"{describe(self.name)} had no zone in fit, but has the zone {now} "
                "now. Remove it: .dt.tz_localize(None) in pandas, "
                ".dt.replace_time_zone(None) in polars."
            )
        if self.zone is not None and None in zones:
            raise ValueError(
                f"{describe(self.name)} had the zone {self.zone} in fit, but has none "
                f"now. Set it: .dt.tz_localize({self.zone!r}) in pandas, "
                f".dt.replace_time_zone({self.zone!r}) in polars."
            )

    def raise_other(self, what: str) -> NoReturn:
        """Raise a TypeError for cells that are of another kind."""
        raise TypeError(
            f"{describe(self.name)} holds {WORDS[self.kind]}, so its cells must be "
            f"{WORDS[self.kind]} or missing; got {what}. Convert the column, e.g. with "
            f"{CONVERT[self.kind]}."
        )

    def _split(self, values: Any) -> list[Floats]:
        if self.kind == "duration":
            return [values / SECOND]
        day = values.astype("datetime64[D]")
        return [_PARTS[part](values, day) for part in self.parts]


def to_levels(part: str, x: Floats) -> IdColumn:
    """Return a part as a column of levels, e.g. "Monday"."""
    first = 1 if part == "month" else 0
    ids = np.where(np.isnan(x), MISSING_ID, x - first + N_RESERVED_IDS)
    return IdColumn(ids.astype(np.int64), LEVELS_OF[part])


# Parts of wall-clock times and their days ---------------------------------------------


def _since(day: Times, unit: str) -> Floats:
    """Return the days since the year or the month began."""
    return (day - day.astype(f"datetime64[{unit}]").astype("datetime64[D]")) / DAY


def _count(day: Times, unit: str) -> Floats:
    """Return the years or months since 1970."""
    counted = day.astype(f"datetime64[{unit}]").astype(np.int64).astype(np.float64)
    return np.where(np.isnat(day), np.nan, counted)


_EPOCH = np.datetime64(0, "us")
_PARTS: dict[str, Any] = {
    "hour": lambda wall, day: (wall - day) / HOUR,
    "weekday": lambda wall, day: ((day - np.datetime64("1970-01-05")) / DAY) % 7,
    "month": lambda wall, day: _count(day, "M") % 12 + 1,
    "day_of_year": lambda wall, day: _since(day, "Y") + 1,
    "day": lambda wall, day: _since(day, "M") + 1,
    "year": lambda wall, day: _count(day, "Y") + 1970,
    "elapsed": lambda wall, day: (wall - _EPOCH) / DAY,
}


def _varies(x: Floats) -> bool:
    known = x[~np.isnan(x)]
    return bool((known[1:] != known[:-1]).any())


def _is_not_zero(x: Floats) -> bool:
    return bool(np.nan_to_num(x).any())


# Cells of any library -----------------------------------------------------------------


def _to_array(column: Column) -> NDArray[Any] | None:
    """Return a column whose type says what it holds as an array; of a zone in UTC."""
    if isinstance(column, list):
        return None
    if is_bridged(column):
        name = type(column.dtype).__name__
        return column.to_numpy() if name in ("Date", "Datetime", "Duration") else None
    kind = column.dtype.kind
    if kind not in "mM":
        return None
    if isinstance(column, np.ndarray):
        return column
    if hasattr(column.dtype, "pyarrow_dtype"):
        return np.asarray(column.array.__arrow_array__())
    return column.to_numpy(dtype=f"{kind}8[us]" if kind == "M" else None)


def _to_microseconds(array: NDArray[Any], name: str | int) -> Any:
    """Return an array of dates or durations in microseconds."""
    kind, (unit, _) = array.dtype.kind, np.datetime_data(array.dtype)
    if kind == "m" and unit in "YM":
        raise_bad_cell(name, str(array.dtype))  # how long is a month?
    if unit not in ("us", "ns", "ps", "fs", "as", "generic"):
        years = np.abs((array.astype(f"{kind}8[D]") - np.array(0, f"{kind}8[D]")) / DAY)
        if (years > MOST_YEARS * 365).any():
            far = array[np.nanargmax(years)]
            raise ValueError(
                f"{describe(name)} holds {far}, which is too far away: it must be "
                f"within {MOST_YEARS:,} years of 1970. Make it missing."
            )
    return array.astype(f"{kind}8[us]")


def _read_cells(cells: Sequence[Any], of: DateColumn) -> tuple[Any, set[str | None]]:
    """Return Python's dates, times or durations as `DateColumn._values`."""
    kind, missing = of.kind, missing_types()
    values = np.full(
        len(cells), "NaT", dtype="m8[us]" if kind == "duration" else "M8[us]"
    )
    zones: dict[Any, str | None] = {}
    for i, cell in enumerate(cells):
        if type(cell) in missing or cell != cell:
            continue
        if date_kind(type(cell)) != kind:
            of.raise_other(type(cell).__name__)
        if kind == "time":
            cell = datetime.datetime.combine(datetime.date(1970, 1, 1), cell)
            cell = cell.replace(tzinfo=None)
        zone = getattr(cell, "tzinfo", None)
        if zone not in zones:
            zones[zone] = zone_name(zone, of.name)
        if zone is None:
            values[i] = cell
        else:
            values[i] = cell.replace(tzinfo=None)
            values[i] -= np.timedelta64(cell.utcoffset())
    return values, set(zones.values())
