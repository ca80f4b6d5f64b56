"""Parameters that name columns -> positions, and the kind of every column."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any, NoReturn

import numpy as np

from .columns import (
    describe,
    dtype_name,
    is_boolean,
    level_family,
    missing_types,
)
from .kinds import Kind, column_kind

__all__ = [
    "find_kinds",
    "resolve_columns",
    "resolve_lists",
    "resolve_options",
    "resolve_pairs",
    "resolve_texts",
]


def resolve_columns(
    parameter: str, wanted: Any, names: Sequence[Any]
) -> set[int] | None:
    """Return the positions that a parameter names; None for "from_dtype".

    Parameters
    ----------
    parameter : str
        Its name, for errors.
    wanted : {"from_dtype"}, array-like of str, int or bool, or None
        Its value.
    names : sequence
        The table's columns.

    Raises
    ------
    ValueError
        If a name, position or mask does not fit the columns.
    """
    if isinstance(wanted, str) and wanted == "from_dtype":
        return None
    entries = np.asarray([] if wanted is None else wanted)
    if not isinstance(wanted, str) and entries.size == 0:
        return set()
    if entries.ndim == 1 and entries.dtype.kind == "b":
        if len(entries) != len(names):
            raise ValueError(
                f"{parameter} as a mask must have {len(names)} entries, one for each "
                f"column; got {len(entries)}."
            )
        return set(np.flatnonzero(entries).tolist())
    if entries.ndim == 1 and entries.dtype.kind in "iu":
        return {_position(parameter, entry, names) for entry in entries.tolist()}
    if entries.ndim == 1 and all(isinstance(entry, str) for entry in entries):
        return {_position(parameter, entry, names) for entry in entries.tolist()}
    raise ValueError(
        f"{parameter} must be 'from_dtype', None or a list of column names, positions "
        f"or booleans; got {wanted!r}."
    )


def resolve_lists(wanted: Any, names: Sequence[Any]) -> dict[int, str | None] | None:
    """Return {position: separator} of `multivalued_features`; None: "from_dtype"."""
    if isinstance(wanted, dict):
        return {
            _position("multivalued_features", name, names): separator
            for name, separator in wanted.items()
        }
    positions = resolve_columns("multivalued_features", wanted, names)
    return None if positions is None else dict.fromkeys(positions)


def resolve_texts(wanted: Any, names: Sequence[Any]) -> dict[int, dict[str, Any]]:
    """Return {position: options} of `text_features`."""
    if isinstance(wanted, dict):
        return {
            _position("text_features", name, names): options or {}
            for name, options in wanted.items()
        }
    return {j: {} for j in resolve_columns("text_features", wanted, names) or ()}


def resolve_options(parameter: str, value: Any, names: Sequence[Any]) -> dict[int, Any]:
    """Return {position: option} of a parameter that is a dict, or one option for all.

    None means no option for any column.
    """
    if isinstance(value, dict):
        return {_position(parameter, key, names): v for key, v in value.items()}
    return {} if value is None else dict.fromkeys(range(len(names)), value)


def resolve_pairs(
    crosses: Any,
    names: Sequence[Any],
    columns: Sequence[int],
    sources: Sequence[int],
) -> list[tuple[int, int]]:
    """Return the pairs of `memorized_crosses`, by the columns' places in `columns`.

    Parameters
    ----------
    crosses : sequence of pairs of str or int
        Names or positions of columns; a column by itself is named twice.
    names : sequence
        The columns that are encoded.
    columns : sequence of int
        Positions of those that can be crossed.
    sources : sequence of int
        Position of each in the table; parts of the same dates share one.

    Raises
    ------
    ValueError
        If a pair names a column that does not exist or has lists in its cells, or if
        a pair comes twice.
    """
    pairs = []
    for pair in crosses:
        a, b = (_place(entry, names, sources) for entry in pair)
        if missing := [j for j in (a, b) if j not in columns]:
            raise ValueError(
                f"memorized_crosses names {names[missing[0]]!r}, whose cells are "
                "lists, vectors or text; only columns with one level or number a cell "
                "can be crossed. Take it out."
            )
        pairs.append((columns.index(a), columns.index(b)))
        # By name and by position it may be the same columns.
        if len({frozenset(pair) for pair in pairs}) < len(pairs):
            raise ValueError(
                "memorized_crosses must hold pairs of columns, each pair once; "
                f"got {tuple(pair)!r}, columns {names[a]!r} and {names[b]!r}. Take it "
                "out."
            )
    return pairs


def find_kinds(
    columns: Sequence[Any],
    names: Sequence[Any],
    categorical_features: Any,
    separators: dict[int, str | None] | None,
    vector_features: Any = "from_dtype",
    text_features: Any = None,
) -> list[Kind]:
    """Return the kind of every column, by its type or the parameters.

    A list of categories adds to the columns whose cells cannot be numbers.

    Parameters
    ----------
    columns, names : sequence
        The table's columns, and their names or positions.
    categorical_features
        As of the estimators.
    separators : dict or None
        What `resolve_lists` gives; None takes lists as they are found.
    vector_features : {"from_dtype"}, array-like or None, default="from_dtype"
        As of the estimators.
    text_features : array-like, dict or None, default=None
        As of the estimators.

    Raises
    ------
    ValueError, TypeError
        If the parameters contradict each other, leave out a column of lists, or there
        are categories where there should be none.
    """
    chosen = resolve_columns("categorical_features", categorical_features, names)
    vectors = resolve_columns("vector_features", vector_features, names)
    named: dict[str, tuple[Kind, Any]] = {
        "categorical_features": ("category", chosen),
        "multivalued_features": ("list", separators),
        "vector_features": ("vector", vectors),
        "text_features": ("text", resolve_texts(text_features, names)),
    }
    kinds: list[Kind] = []
    for j, column in enumerate(columns):
        if (kind := _named_kind(j, names[j], named)) is not None:
            kinds.append(kind)
        elif chosen is not None and (is_boolean(column) or _are_booleans(column)):
            kinds.append("number")
        else:
            # Who named the categories has said that a column without a cell is none.
            kind = column_kind(
                column, names[j], "category" if chosen is None else "number"
            )
            if kind == "vector" and vector_features is None:
                kind = "list"
            if kind == "category" and categorical_features is None:
                raise ValueError(
                    f"{describe(names[j])} holds categories "
                    f"(dtype={dtype_name(column)}), but categorical_features=None says "
                    "that no column does. Drop it, or use "
                    "categorical_features='from_dtype'."
                )
            if kind == "list" and separators is not None:
                _raise_left_out(names[j], "lists", "multivalued_features")
            if kind == "vector" and vectors is not None:
                _raise_left_out(names[j], "vectors", "vector_features")
            kinds.append(kind)
    return kinds


def _named_kind(j: int, name: Any, named: dict[str, tuple[Kind, Any]]) -> Kind | None:
    """Return the kind of a column that a parameter names; None if none does."""
    found = [p for p, (_, columns) in named.items() if columns and j in columns]
    if len(found) > 1:
        raise ValueError(
            f"{describe(name)} is in {found[0]} and in {found[1]}. Take it out of one."
        )
    return named[found[0]][0] if found else None


def _raise_left_out(name: Any, what: str, parameter: str) -> NoReturn:
    raise TypeError(
        f"{describe(name)} holds {what} but is not among {parameter}. Add it there, or "
        f"drop it, or use {parameter}='from_dtype'."
    )


def _are_booleans(column: Any) -> bool:
    """Tell whether a column of Python objects holds booleans alone."""
    if str(getattr(column, "dtype", "")) != "object":
        return False
    types = set(map(type, column.tolist())) - missing_types()
    return bool(types) and {level_family(each) for each in types} == {"bool"}


def _place(entry: Any, names: Sequence[Any], sources: Sequence[int]) -> int:
    """Return the place of a column that a pair of `memorized_crosses` names."""
    if not isinstance(entry, Integral):
        return _position("memorized_crosses", entry, names)
    j = _position("memorized_crosses", entry, range(sources[-1] + 1))
    places = [k for k, source in enumerate(sources) if source == j]
    if len(places) > 1:
        raise ValueError(
            f"memorized_crosses names column {j}, which holds dates; name a part of "
            f"it, one of {[names[k] for k in places]}."
        )
    if not places:
        raise ValueError(
            f"memorized_crosses names column {j}, which is no feature. Take it out."
        )
    return places[0]


def _position(parameter: str, entry: Any, names: Sequence[Any]) -> int:
    if not isinstance(entry, Integral):
        if entry not in names:
            raise ValueError(
                f"{parameter} names {entry!r}, which is no column of X; its columns "
                f"are {list(names)}."
            )
        return list(names).index(entry)
    entry = int(entry)
    if not 0 <= entry < len(names):
        raise ValueError(
            f"{parameter} as positions must lie in [0, {len(names) - 1}]; got {entry}."
        )
    return entry
