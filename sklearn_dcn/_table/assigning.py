"""Every column of a table gets an encoder of its kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from .categories import CategoryLevels, HashedLevels, ListLevels, SparseBlock
from .numbers import MAX_LEVELS, NumberLevels, NumberScaler
from .reading import find_kinds, resolve_lists, resolve_options

__all__ = ["Assigned", "assign_block", "assign_columns"]


class Assigned(NamedTuple):
    """Encoders that are not fitted yet, by the positions of their columns."""

    categories: dict[int, CategoryLevels | HashedLevels]
    lists: dict[int, ListLevels]
    numbers: dict[int, NumberScaler]
    values: dict[int, NumberLevels]


def assign_columns(
    columns: Sequence[Any],
    names: Sequence[Any],
    *,
    categorical_features: Any,
    multivalued_features: Any,
    pooling: Any,
    hashing: Any,
    min_frequency: float | None,
    max_categories: int | None,
    numeric_transform: str | None,
    numeric_levels: int | str | None,
) -> Assigned:
    """Return an encoder for each column of a table.

    Parameters
    ----------
    columns, names : sequence
        The table's columns, and their names or positions.
    **options
        As of the estimators.

    Raises
    ------
    ValueError, TypeError
        If the options do not fit the columns, or each other.
    """
    separators = resolve_lists(multivalued_features, names)
    poolings = resolve_options("pooling", pooling, names)
    buckets = resolve_options("hashing", hashing, names)
    kinds = find_kinds(columns, names, categorical_features, separators)
    assigned = Assigned({}, {}, {}, {})
    for j, kind in enumerate(kinds):
        if kind == "number":
            assigned.numbers[j] = NumberScaler(numeric_transform)
            if numeric_levels is not None:
                is_auto = isinstance(numeric_levels, str)
                most = MAX_LEVELS if is_auto else int(numeric_levels)
                assigned.values[j] = NumberLevels(most)
            continue
        ids: CategoryLevels | HashedLevels
        if j in buckets:
            ids = HashedLevels(names[j], buckets.pop(j))
        else:
            ids = CategoryLevels(names[j], min_frequency, max_categories)
        if kind == "category":
            assigned.categories[j] = ids
        else:
            assigned.lists[j] = ListLevels(
                ids, (separators or {}).get(j), poolings.pop(j, "mean")
            )
    left = poolings if isinstance(pooling, dict) else {}
    for parameter, rest, what in (
        ("hashing", buckets, "categorical"),
        ("pooling", left, "lists"),
    ):
        for j in rest:
            raise ValueError(
                f"{parameter} names {names[j]!r}, which is not {what} but {kinds[j]}. "
                "Take it out."
            )
    return assigned


def assign_block(options: dict[str, Any]) -> SparseBlock:
    """Return the encoder of a sparse matrix.

    Parameters
    ----------
    options : dict
        Parameters of the encoding by name.

    Raises
    ------
    ValueError
        If one of them is of columns, which a sparse matrix has not.
    """
    for parameter, default in (
        ("categorical_features", "from_dtype"),
        ("multivalued_features", "from_dtype"),
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
                f"one field; got {value!r}. To have other columns beside them, make "
                "them one column of a table, with sklearn_dcn.preprocessing.BagColumn."
            )
    return SparseBlock(
        options["min_frequency"],
        options["max_categories"],
        options["numeric_transform"],
    )
