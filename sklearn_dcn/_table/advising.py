"""What a user should know about a fitted table, as the texts of warnings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .categories import CategoryLevels
from .fields import TableFields

__all__ = ["advise"]

MAX_NAMED = 10


def advise(fields: TableFields) -> list[str]:
    """Return a text for every trap that columns of the table fall into."""
    codes = [fields.names[j] for j in fields.codes]
    folding = {
        fields.names[j]: ids
        for j, ids in fields.categories.items()
        if isinstance(ids, CategoryLevels) and ids.folds_lone
    }
    free = [name for name, ids in folding.items() if ids.is_text]
    lone = [name for name, ids in folding.items() if not ids.is_text]
    texts = []
    if codes:
        texts.append(
            f"{_subject(codes, 'looks', 'look')} like codes of categories, not like "
            f"numbers. Set categorical_features={codes!r} if so, else "
            "categorical_features=[]."
        )
    if free:
        texts.append(
            f"{_subject(free, 'looks', 'look')} like text that differs in nearly every "
            f"row, which cannot help as a category. Set text_features={free!r} to read "
            "the words, or drop it."
        )
    if lone:
        texts.append(
            f"{_subject(lone, 'has', 'have')} a new level in nearly every row, which "
            "cannot help to predict other rows: levels of a single row count as "
            "unknown. Drop columns that are not categories, or keep all levels with "
            "min_frequency=1."
        )
    return texts


def _subject(names: Sequence[Any], does: str, do: str) -> str:
    """Return the beginning of a sentence on columns: their names, and the verb."""
    if len(names) == 1:
        return f"Column {names[0]!r} {does}"
    named = ", ".join(map(repr, names[:MAX_NAMED]))
    n_more = len(names) - MAX_NAMED
    return f"Columns {named}{f' and {n_more} more' if n_more > 0 else ''} {do}"
