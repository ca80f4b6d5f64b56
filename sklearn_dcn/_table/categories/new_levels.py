"""Levels that wait for an id of their own: how often each has come since the fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._files import pack, unpack
from .vocabulary import by_value

__all__ = ["NewLevels"]

MOST = 100_000  # that are counted; of more, the half that came more often


class NewLevels:
    """Counts of levels that have no id.

    Attributes
    ----------
    counts : dict
        The weight of the rows of each level.
    """

    def __init__(self) -> None:
        self.counts: dict[Any, float] = {}

    def __getstate__(self) -> dict[str, Any]:
        counts = np.array([*self.counts.values()], dtype=np.float64)
        return {"levels": pack([*self.counts]), "counts": counts}

    def __setstate__(self, state: dict[str, Any]) -> None:
        levels = unpack(state["levels"])
        levels = levels.tolist() if isinstance(levels, np.ndarray) else levels
        self.counts = dict(zip(levels, state["counts"].tolist(), strict=True))

    def add(self, levels: Sequence[Any], weight: Sequence[float]) -> None:
        """Count levels; if there are too many, forget the earliest and rarest."""
        counts = self.counts
        for level, more in zip(levels, weight, strict=True):
            counts[level] = counts.get(level, 0.0) + more
        if len(counts) > MOST:
            # The later of equal ones stay, as they were added last.
            order = np.argsort([*counts.values()], kind="stable")[-MOST // 2 :]
            kept = np.array([*counts], dtype=object)[np.sort(order)].tolist()
            self.counts = {level: counts[level] for level in kept}

    def take(self, least: float) -> tuple[list[Any], NDArray[np.float64]]:
        """Return the levels that came at least so often, the most frequent first.

        The returned levels are forgotten. Ties are broken by value, so the order of
        rows within one call does not matter.
        """
        levels = [level for level, count in self.counts.items() if count >= least]
        counts = np.array([self.counts.pop(level) for level in levels])
        order = by_value(levels)
        order = order[np.argsort(-counts[order], kind="stable")]
        return [levels[k] for k in order], counts[order]

    def put_back(self, levels: Sequence[Any], counts: NDArray[np.float64]) -> None:
        """Let levels that were taken wait again."""
        self.counts |= dict(zip(levels, counts.tolist(), strict=True))
