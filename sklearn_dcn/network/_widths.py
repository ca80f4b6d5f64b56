"""How wide the embedding of a column is."""

from __future__ import annotations

import math
from collections.abc import Sequence

from .._checks import check_count, check_sizes

__all__ = ["auto_embedding_dim", "auto_vector_dim", "resolve_dims"]


def auto_embedding_dim(cardinality: int, most: int | None = 16) -> int:
    r"""Return the width of a column's embedding by the DCN paper's rule, bounded.

    :math:`6 \cdot v^{1/4}` for v ids, rounded up to a multiple of 4, at most `most`,
    and 4 for up to 4 ids, as of booleans; with None the rule itself, to the nearest
    integer.
    """
    if most is None:
        return round(6 * cardinality**0.25)
    # NOTE[DIFF] The paper has no bound (143 for 320,000 levels) and no rounding. The
    # bound keeps the width of x_0, and with it the cost of a cross layer, near what
    # CTR systems use (10 to 40); the rounding lets columns share a fused table.
    # Four ids, two of them reserved, span no more than 4 dimensions.
    width = 4 if cardinality <= 4 else 4 * math.ceil(6 * cardinality**0.25 / 4)
    return min(most, width)


def auto_vector_dim(width: int) -> int:
    """Return the width of a vector's projection: its own, up to that of embeddings."""
    return min(16, 4 * math.ceil(width / 4))


def resolve_dims(
    embedding_dim: int | Sequence[int] | str, cardinalities: Sequence[int]
) -> list[int]:
    """Return the width of the embedding of each field.

    Parameters
    ----------
    embedding_dim : int, sequence of int, "auto" or "unbounded"
        See :class:`EmbeddingStack`.
    cardinalities : sequence of int
        Number of ids of each field.

    Returns
    -------
    dims : list of int
        One width for each field.

    Raises
    ------
    ValueError
        If `embedding_dim` is none of these, or of another length.
    TypeError
        If a width is no integer.
    """
    if isinstance(embedding_dim, str):
        if embedding_dim not in ("auto", "unbounded"):
            raise ValueError(
                "embedding_dim must be an integer, one integer for each column, 'auto' "
                f"or 'unbounded'; got {embedding_dim!r}."
            )
        most = 16 if embedding_dim == "auto" else None
        return [auto_embedding_dim(v, most) for v in cardinalities]
    if isinstance(embedding_dim, Sequence):
        if len(embedding_dim) != len(cardinalities):
            raise ValueError(
                f"embedding_dim must have one entry for each of {len(cardinalities)} "
                f"columns; got {len(embedding_dim)}."
            )
        return check_sizes("embedding_dim", embedding_dim)
    dim = check_count("embedding_dim", embedding_dim, minimum=1, also="'auto'")
    return [dim] * len(cardinalities)
