"""Time zones: their names, and what wall clocks showed at given instants."""

from __future__ import annotations

import datetime
import re
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from .columns import describe

__all__ = ["to_wall", "zone_name", "zone_of"]

OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)")
# The days that Python's dates reach, less one at each end.
FIRST, LAST = np.datetime64("0001-01-02"), np.datetime64("9999-12-30")

Times = NDArray[np.datetime64]


def zone_of(column: Any, name: str | int) -> str | None:
    """Return the name of the zone that a column's dtype has, if it has one."""
    dtype = column.dtype
    dtype = getattr(dtype, "pyarrow_dtype", dtype)
    zone = getattr(dtype, "time_zone", None) or getattr(dtype, "tz", None)
    return zone_name(zone, name)


def zone_name(zone: Any, name: str | int) -> str | None:
    """Return the name by which any library knows a zone: "+02:00" for an offset.

    Raises
    ------
    ValueError
        If the zone has no name; the error names the column.
    """
    if zone is None or isinstance(zone, str):
        return zone
    known = getattr(zone, "key", None) or getattr(zone, "zone", None)
    if known is not None:
        return str(known)
    offset = zone.utcoffset(None)
    if offset is None or offset.seconds % 60:
        raise ValueError(
            f"{describe(name)} has a zone without a name, {zone!r}, which cannot be "
            "kept. Convert it, e.g. with .dt.tz_convert('Europe/Zurich')."
        )
    if not offset:
        return "UTC"
    sign, size = ("-", -offset) if offset.days < 0 else ("+", offset)
    hours, minutes = divmod(size.seconds // 60, 60)
    return f"{sign}{hours:02}:{minutes:02}"


def _find_zone(zone: str) -> datetime.tzinfo:
    if zone == "UTC":  # which needs no table of zones
        return datetime.UTC
    found = OFFSET.fullmatch(zone)
    if found is None:
        return ZoneInfo(zone)
    sign, hours, minutes = found.groups()
    offset = datetime.timedelta(hours=int(hours), minutes=int(minutes))
    return datetime.timezone(-offset if sign == "-" else offset)


def to_wall(instants: Times, zone: str | None) -> Times:
    """Return what the wall clocks of a zone showed.

    Parameters
    ----------
    instants : datetime64[us] ndarray
        Times in UTC; without a zone they are those of the wall clock already.
    zone : str or None
    """
    if zone is None or zone == "UTC":
        return instants
    tz = _find_zone(zone)
    day = instants.astype("datetime64[D]")
    days, at = np.unique(day, return_inverse=True)
    begin, end = _offsets(days, tz), _offsets(days + 1, tz)
    offset = begin[at]
    # A zone's clocks are set once a day at most, so that others are as in the morning.
    is_set = (begin != end)[at]
    if is_set.any():
        offset[is_set] = _offsets(instants[is_set], tz)
    return instants + offset.astype("timedelta64[s]")


def _offsets(instants: Times, tz: datetime.tzinfo) -> NDArray[np.int64]:
    """Return the seconds that a zone was ahead of UTC; 0 for what is missing."""
    offsets = np.zeros(len(instants), dtype=np.int64)
    known = ~np.isnat(instants)
    inside = np.clip(instants[known], FIRST, LAST).astype("datetime64[us]")
    there = (
        each.replace(tzinfo=datetime.UTC).astimezone(tz) for each in inside.tolist()
    )
    offsets[known] = [each.utcoffset().total_seconds() for each in there]
    return offsets
