"""Levels of one categorical column in a given number of buckets."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._ids import N_RESERVED_IDS, UNKNOWN_ID
from ..reading import UNKNOWN_LEVEL, Levels
from .column_ids import ColumnIds, spread
from .hashing import stable_hash, to_single

__all__ = ["HashedLevels"]


class HashedLevels(ColumnIds):
    """Levels of one categorical column in a given number of buckets.

    No level is kept, and none is unknown: ids 2 and above are buckets, which levels
    share by chance. The bucket of a level is the same in every process, and a float has
    the same bucket in single and in double precision.

    Parameters
    ----------
    name : str or int
        The column, for errors.
    n_buckets : int
        Number of buckets.

    Attributes
    ----------
    counts : ndarray of shape (n_ids,)
        Weight of every id in `fit`.
    """

    # Whether floats are hashed in single precision; not so in older files.
    singles = False

    def __init__(self, name: str | int, n_buckets: int) -> None:
        self.singles = True
        self.name = name
        self.n_buckets = n_buckets

    @property
    def vocabulary(self) -> range:  # type: ignore[override]
        """The buckets."""
        return range(self.n_buckets)

    def fit(
        self,
        codes: NDArray[Any],
        levels: Levels,
        weight: NDArray[Any],
        total: float | None = None,
    ) -> NDArray[np.int32]:
        """Count the weight of every id; there is nothing else to learn."""
        id_of = self.find(levels)
        self.counts = np.bincount(spread(codes, id_of), weight, minlength=self.n_ids)
        return id_of

    def find(self, levels: Levels) -> NDArray[np.int32]:
        """Return the ids of levels: 2 + hash modulo the number of buckets."""
        cells = levels.tolist() if isinstance(levels, np.ndarray) else levels
        texts = [*map(_spell, cells)] if self.singles else cells
        buckets = stable_hash(texts, seed=0) % np.uint32(self.n_buckets)
        ids = (buckets + N_RESERVED_IDS).astype(np.int32)
        if UNKNOWN_LEVEL in cells:
            ids[cells.index(UNKNOWN_LEVEL)] = UNKNOWN_ID
        return ids

    def check_families(self, ids: NDArray[Any], levels: Levels) -> None:
        """Accept any level: all have a bucket."""


def _spell(level: Any) -> Any:
    """Return a float with a fraction as the shortest one of its single precision."""
    single = to_single(level)
    return level if single is None else float(str(np.float32(single)))
