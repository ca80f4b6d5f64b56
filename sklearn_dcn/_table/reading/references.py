"""Parameters that name columns, if the columns' names are not strings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from numbers import Integral
from typing import Any

import numpy as np

from .frames import is_pandas

__all__ = ["NAMING", "check_references"]

# Parameters that name columns.
NAMING = (
    "categorical_features",
    "multivalued_features",
    "vector_features",
    "text_features",
    "pooling",
    "hashing",
    "memorized_crosses",
    "embedding_dim",
)


def check_references(X: Any, parameters: Mapping[str, Any]) -> None:
    """Raise a ValueError if a parameter names columns whose names are not strings.

    Columns whose names are tuples or integers are chosen by position. An integer that
    is the name of another column would be misread.

    Parameters
    ----------
    X : checked table
    parameters : mapping
        Parameters by name; only those in `NAMING` are checked.
    """
    if not is_pandas(X):  # other frames have strings alone
        return
    labels = X.columns.tolist()
    if labels == [*range(len(labels))] or all(isinstance(each, str) for each in labels):
        return
    for parameter in NAMING:
        for entry in _references(parameter, parameters.get(parameter)):
            is_position = isinstance(entry, Integral)
            if is_position and (entry not in labels or labels.index(entry) == entry):
                continue
            why = "is also the name of another" if is_position else "is not a position"
            raise ValueError(
                f"{parameter} holds {entry!r}, but X has columns whose names are not "
                f"strings, such as {labels[0]!r}; such columns are chosen by position, "
                f"and {entry!r} {why}. Rename them, e.g. with X.columns = "
                f"{_renaming(labels)}, and use the new names."
            )


def _references(parameter: str, value: Any) -> list[Any]:
    """Return the names and positions of columns that a parameter holds."""
    if isinstance(value, dict):
        return [*value]
    if isinstance(value, str) or not isinstance(value, Iterable):
        return []
    entries = [*value]
    if parameter == "memorized_crosses":
        entries = [entry for pair in entries for entry in pair]
    return [entry for entry in entries if not isinstance(entry, (bool, np.bool_))]


def _renaming(labels: list[Any]) -> str:
    if all(isinstance(label, tuple) for label in labels):
        return "['_'.join(map(str, name)) for name in X.columns]"
    return "X.columns.astype(str)"
