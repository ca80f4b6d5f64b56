"""Every column of a table gets an encoder of its kind."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

from .categories import (
    CategoryLevels,
    HashedLevels,
    ListLevels,
    SparseBlock,
    TextLevels,
)
from .numbers import MAX_LEVELS, NumberLevels, NumberScaler, VectorScaler
from .reading import (
    LEVELS_OF,
    DateColumn,
    Kind,
    find_kinds,
    is_date_kind,
    resolve_lists,
    resolve_options,
    resolve_texts,
    to_levels,
)

__all__ = ["Assigned", "assign_block", "assign_columns", "find_beside"]


class Assigned(NamedTuple):
    """Encoders that are not fitted yet, by the positions of their columns.

    A column of dates is replaced by several columns, each with its own encoder.

    Attributes
    ----------
    columns, names : list
        The columns that are encoded, and their names.
    dates : dict of {int: DateColumn}
        What splits dates into columns, by position in the table.
    categories, lists, numbers, values, vectors : dict
        Text is among the lists.
    """

    columns: list[Any]
    names: list[Any]
    dates: dict[int, DateColumn]
    categories: dict[int, CategoryLevels | HashedLevels]
    lists: dict[int, ListLevels]
    numbers: dict[int, NumberScaler]
    values: dict[int, NumberLevels]
    vectors: dict[int, VectorScaler]


def assign_columns(
    columns: Sequence[Any],
    names: Sequence[Any],
    *,
    categorical_features: Any,
    multivalued_features: Any,
    vector_features: Any,
    text_features: Any,
    pooling: Any,
    hashing: Any,
    min_frequency: float | None,
    max_categories: int | None,
    numeric_transform: str | None,
    numeric_levels: int | str | None,
    datetime_parts: Any,
    in_parts: bool = False,
    beside: Collection[int] = (),
) -> Assigned:
    """Return an encoder for each column of a table.

    Parameters
    ----------
    columns, names : sequence
        The table's columns, and their names or positions.
    **options
        As in the estimators.
    in_parts : bool, default=False
        Whether more rows will come.
    beside : collection of int, default=()
        Positions of columns that get no encoder.

    Raises
    ------
    ValueError, TypeError
        If the options do not fit the columns, or each other; or if a column of dates
        can't be read.
    """
    separators = resolve_lists(multivalued_features, names)
    poolings = resolve_options("pooling", pooling, names)
    buckets = resolve_options("hashing", hashing, names)
    texts = resolve_texts(text_features, names)
    features = categorical_features, separators, vector_features, text_features
    kinds = find_kinds(columns, names, *features)
    dates = _read_dates(columns, names, kinds, datetime_parts, in_parts, beside)
    parts = _spread(columns, names, kinds, dates, features[0] is None, beside)
    assigned = Assigned(
        [part.column for part in parts],
        [part.name for part in parts],
        {j: date for j, (date, _) in dates.items()},
        *({}, {}, {}, {}, {}),
    )
    most = MAX_LEVELS if isinstance(numeric_levels, str) else int(numeric_levels or 0)
    for k, (j, _, name, kind) in enumerate(parts):
        if kind == "number":
            assigned.numbers[k] = NumberScaler(numeric_transform)
            if numeric_levels is not None:
                assigned.values[k] = NumberLevels(most)
            continue
        if kind == "vector":
            assigned.vectors[k] = VectorScaler(name)
            continue
        if kind == "text":
            assigned.lists[k] = TextLevels(name, **texts[j])
            continue
        ids: CategoryLevels | HashedLevels
        if j in buckets and j not in dates:
            ids = HashedLevels(name, buckets.pop(j))
        else:
            ids = CategoryLevels(name, min_frequency, max_categories)
        if kind == "category":
            assigned.categories[k] = ids
        else:
            assigned.lists[k] = ListLevels(
                ids, (separators or {}).get(j), poolings.pop(j, "mean")
            )
    left = poolings if isinstance(pooling, dict) else {}
    _check_used("hashing", buckets, "categorical", names, kinds)
    _check_used("pooling", left, "lists", names, kinds)
    return assigned


def find_beside(left_out: Sequence[Any], names: Sequence[Any]) -> dict[int, Any]:
    """Return the columns that are not encoded, as {position: name}.

    Parameters
    ----------
    left_out : sequence of str or int
        Their names or positions, which must exist.
    names : sequence of str or int
        The names of all columns of the table.
    """
    at = [names.index(one) if one in names else int(one) for one in left_out]
    return {j: names[j] for j in at}


def _check_used(
    parameter: str,
    left: Iterable[int],
    what: str,
    names: Sequence[Any],
    kinds: Sequence[Kind],
) -> None:
    """Raise a ValueError if a parameter names columns that it is not for."""
    for j in left:
        raise ValueError(
            f"{parameter} names {names[j]!r}, which is not {what} but {kinds[j]}. "
            "Take it out."
        )


class Part(NamedTuple):
    """A column that is encoded: one of the table, or a part of its dates."""

    of: int  # position in the table
    column: Any
    name: Any
    kind: Kind


def _read_dates(
    columns: Sequence[Any],
    names: Sequence[Any],
    kinds: Sequence[Kind],
    wanted: Any,
    in_parts: bool,
    beside: Collection[int],
) -> dict[int, tuple[DateColumn, list[Any]]]:
    """Return what reads each column of dates, and what it has read."""
    dates = {}
    for j, kind in enumerate(kinds):
        if is_date_kind(kind) and j not in beside:
            date = DateColumn(names[j], kind)
            dates[j] = date, date.fit(columns[j], wanted, in_parts)
            for name in date.names:
                if name in names and name != names[j]:
                    raise ValueError(
                        f"Column {name!r} has the name of a part of {names[j]!r}, which"
                        " is read as its parts. Rename one of the two columns."
                    )
    return dates


def _spread(
    columns: Sequence[Any],
    names: Sequence[Any],
    kinds: Sequence[Kind],
    dates: dict[int, tuple[DateColumn, list[Any]]],
    all_numbers: bool,
    beside: Collection[int],
) -> list[Part]:
    """Return the columns that are encoded, with the parts of dates in their place."""
    parts: list[Part] = []
    for j, kind in enumerate(kinds):
        if j in beside:
            continue
        if j not in dates:
            parts.append(Part(j, columns[j], names[j], kind))
            continue
        date, read = dates[j]
        for part, name, x in zip(date.parts, date.names, read, strict=True):
            if part in LEVELS_OF and not all_numbers:
                parts.append(Part(j, to_levels(part, x), name, "category"))
            else:
                parts.append(Part(j, x, name, "number"))
    return parts


def assign_block(options: dict[str, Any]) -> SparseBlock:
    """Return the encoder of a sparse matrix.

    Parameters
    ----------
    options : dict
        Parameters of the encoding by name.

    Raises
    ------
    ValueError
        If one of them names columns, which a sparse matrix does not have.
    """
    for parameter, default in (
        ("categorical_features", "from_dtype"),
        ("multivalued_features", "from_dtype"),
        ("vector_features", "from_dtype"),
        ("text_features", None),
        ("hashing", None),
        ("category_encoder", None),
        ("numeric_levels", None),
        ("memorized_crosses", None),
    ):
        value = options[parameter]
        is_default = isinstance(value, str) and value == default
        if value is not None and not is_default:
            raise ValueError(
                f"{parameter} must be {default!r} for a sparse X, whose columns are "
                f"one field; got {value!r}. To add other columns, make the sparse "
                "matrix one column of a table, with "
                "sklearn_dcn.preprocessing.BagColumn."
            )
    return SparseBlock(
        options["min_frequency"],
        options["max_categories"],
        options["numeric_transform"],
    )
