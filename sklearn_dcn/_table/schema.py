"""What the encoding found of a column, as plain data."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["QUESTION", "ColumnSchema"]

QUESTION = "a category?"  # how the note of whole numbers ends that may be codes


class ColumnSchema(NamedTuple):
    """What the encoding found of one column.

    Attributes
    ----------
    column : str or int
        Its name, or without names its position; "X" for a sparse matrix.
    kind : {"category", "list", "text", "vector", "number", "sparse block", "statistic"}
        A statistic is a number that the `category_encoder` makes of columns, or that is
        memorised of a pair of them.
    options : tuple of str
        How it is encoded: separator, pooling, n-grams and buckets of a hash, or the
        transform or width and, where `fit` saw missing ones, "indicator".
    levels : int or None
        Number of known levels, or of known columns of a sparse matrix; None for
        hashed levels, vectors, and numbers whose values have no embeddings.
    missing : float or None
        Share of the weight in `fit` that is on missing cells, or for lists on missing
        entries; for categories and lists it is the share in the training rows.
    rare : float or None
        Share of levels that count as unknown because they are too rare; None for
        numbers and vectors.
    width : int or None
        Width in x_0, including the indicator; None before there is a network.
    note : str
        The numbers seen (in a long table, in a sample of it), and what to check.
    """

    column: str | int
    kind: str
    options: tuple[str, ...]
    levels: int | None
    missing: float | None
    rare: float | None
    width: int | None
    note: str
