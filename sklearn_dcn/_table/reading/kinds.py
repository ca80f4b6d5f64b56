"""One column -> its kind: numbers, categories, lists of levels, vectors or dates."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from typing import Any, Literal, NoReturn, TypeGuard

import numpy as np

from .columns import (
    LISTS,
    Column,
    IdColumn,
    cells_of,
    describe,
    dtype_name,
    is_bridged,
    level_family,
    missing_types,
)
from .vectors import are_vectors, of_floats

__all__ = [
    "DateKind",
    "Kind",
    "bridged_kind",
    "check_cell_types",
    "column_kind",
    "date_kind",
    "is_date_kind",
    "present_types",
    "raise_bad_cell",
]


DateKind = Literal["date", "time", "duration"]
Kind = Literal["number", "category", "list", "vector", "text"] | DateKind
SEVERAL = (*LISTS, Mapping)  # what a cell of several levels may be, found by itself
LIST_NAMES = (
    *("list", "tuple", "set", "frozenset", "ndarray", "array"),
    *("dict", "map", "struct"),
)

# What the names of dtypes of arrow begin with, and types of narwhals, by kind.
ARROW_DATES: dict[str, DateKind] = {
    "timestamp[": "date",
    "date32": "date",
    "date64": "date",
    "time32": "time",
    "time64": "time",
    "duration[": "duration",
}
BRIDGED_DATES: dict[str, DateKind] = {
    "Date": "date",
    "Datetime": "date",
    "Time": "time",
    "Duration": "duration",
}


def column_kind(column: Column, name: str | int, empty: Kind = "category") -> Kind:
    """Tell what a column's type makes it: a number, a category, a list, and so on.

    Strings, bytes, booleans and categories of a frame are categories; integers, floats
    and decimals are numbers; lists of floats are vectors; other lists and maps hold
    several levels; there are dates, times of day and durations. A column of Python
    objects is judged by its cells; without any it is `empty`. A struct has fields of
    any meaning, so it has no kind.

    Raises
    ------
    TypeError
        For dates among other cells, periods, complex numbers, structs and other
        objects.
    """
    if isinstance(column, IdColumn):
        return "category"
    if is_bridged(column):
        kind = bridged_kind(column, name)
        if kind is not None:
            return kind
    else:
        dtype, spelt = column.dtype, str(column.dtype)
        if spelt == "category" or spelt.startswith(
            ("dictionary<", "string", "large_string")
        ):
            return "category"
        if spelt == "str" or dtype.kind in "bUST":  # pandas strings, and numpy's
            return "category"
        if spelt.startswith(("list<", "large_list<", "fixed_size_list<", "map<")):
            return "vector" if of_floats(column) else "list"
        if dtype.kind in "iuf" or spelt.startswith("decimal"):
            return "number"
        if dtype.kind in "mM":
            return "date" if dtype.kind == "M" else "duration"
        for begin, of_arrow in ARROW_DATES.items():
            if spelt.startswith(begin):
                return of_arrow
        if spelt.startswith(("period", "interval", "struct<")):
            raise_bad_cell(name, spelt)
        if dtype.kind == "c":
            raise ValueError(f"{describe(name)}: Complex data not supported.")
    cells = cells_of(column)
    cell_types = present_types(cells)
    if not cell_types:
        return empty
    if all(issubclass(cell_type, SEVERAL) for cell_type in cell_types):
        return "vector" if are_vectors(cells) else "list"
    dates = {date_kind(cell_type) for cell_type in cell_types}
    date, *others = dates
    if date is not None and not others:
        return date
    check_cell_types(cell_types, name)
    families = {level_family(cell_type) for cell_type in cell_types}
    return "number" if families <= {"number"} else "category"


def date_kind(cell_type: type) -> DateKind | None:
    """Return what cells of a type are: dates, times of day, durations, or none."""
    if issubclass(cell_type, (datetime.date, np.datetime64)):
        return "date"
    if issubclass(cell_type, datetime.time):
        return "time"
    if issubclass(cell_type, (datetime.timedelta, np.timedelta64)):
        return "duration"
    return None


def is_date_kind(kind: Kind) -> TypeGuard[DateKind]:
    """Tell whether a kind is one of dates, times of day or durations."""
    return kind in ("date", "time", "duration")


def present_types(cells: list[Any]) -> set[type]:
    """Return the types of the cells that are not missing: None, NA, NaT or NaN."""
    found = set(map(type, cells)) - missing_types()
    for cell_type in [t for t in found if level_family(t) == "number"]:
        if all(cell != cell for cell in cells if type(cell) is cell_type):
            found.remove(cell_type)
    return found


def bridged_kind(column: Any, name: str | int) -> Kind | None:
    """Return the kind that the type of a narwhals Series has, None for objects."""
    dtype = column.dtype
    if dtype.is_numeric():  # with decimals
        return "number"
    kind = type(dtype).__name__
    if kind in ("String", "Categorical", "Enum", "Boolean", "Binary"):
        return "category"
    if kind in ("List", "Array"):
        return "vector" if of_floats(column) else "list"
    if dtype_name(column).startswith("map<"):  # which narwhals does not know
        return "list"
    if kind in ("Object", "Unknown"):  # or a column without a cell
        return None
    if kind in BRIDGED_DATES:
        return BRIDGED_DATES[kind]
    raise_bad_cell(name, dtype_name(column))


def check_cell_types(cell_types: Iterable[type], name: str | int) -> None:
    for cell_type in cell_types:
        if level_family(cell_type) is None:
            raise_bad_cell(name, cell_type.__name__)


def raise_bad_cell(name: str | int, what: str) -> NoReturn:
    remedy = "Drop the column or turn its cells into strings or numbers"
    reads = (
        "An estimator reads {} by itself if the column holds nothing else, also in "
        "fit, and no parameter makes it a category or a list. Otherwise replace the "
        "column by "
    )
    if any(word in what.lower() for word in ("timedelta", "duration")):
        remedy = (
            f"{reads.format('durations')}a number, e.g. .dt.total_seconds() in pandas "
            "and polars"
        )
    elif "period" in what.lower():
        remedy = "Turn it into dates, with .dt.to_timestamp(); an estimator reads those"
    elif any(word in what.lower() for word in ("date", "time")):
        remedy = (
            f"{reads.format('dates')}numbers or categories that it holds, e.g. "
            ".dt.year, .dt.day_of_week and .dt.hour (in polars .dt.year() and so on), "
            "or the days since a date"
        )
    elif what.lower().startswith(LIST_NAMES):
        remedy += ", or, for several levels a cell, name it in multivalued_features"
    # The words "argument must be a string or a number" are those of scikit-learn.
    raise TypeError(
        f"{describe(name)} holds {what}, but each cell's argument must be a string or "
        f"a number. {remedy}."
    )
