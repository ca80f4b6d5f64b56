"""The numbers of a column as they came lately: what its quantiles follow."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .scaler import NumberScaler, Seen

__all__ = ["RecentNumbers", "follow"]

MOST = 10_000  # numbers that stand for all that came


class RecentNumbers:
    """Numbers with weights that decay, of which there are never many.

    More than `MOST` are replaced by as many of equal weight, which have the same
    quantiles to one part in `MOST`.

    Attributes
    ----------
    x : ndarray of shape (n,)
        In order.
    weight : ndarray of shape (n,)
    """

    def __init__(self, x: NDArray[np.float64], weight: NDArray[np.float64]) -> None:
        self.x = self.weight = np.empty(0)
        self.add(x, weight, 1.0)

    def add(
        self, x: NDArray[np.float64], weight: NDArray[np.float64], decay: float
    ) -> None:
        """Add numbers, NaN where missing; earlier ones keep `decay` of their weight."""
        is_there = ~np.isnan(x)
        x = np.concatenate([self.x, x[is_there]])
        weight = np.concatenate([decay * self.weight, weight[is_there]])
        order = np.argsort(x, kind="stable")
        x, weight = x[order], weight[order]
        if len(x) > MOST:
            total = np.cumsum(weight)
            places = (np.arange(MOST) + 0.5) / MOST * total[-1]
            ends = [0, *np.minimum(np.searchsorted(total, places), len(x) - 1), -1]
            x, weight = x[ends], np.full(MOST + 2, total[-1] / MOST)
            weight[[0, -1]] = 0.5 * total[-1] / MOST  # extremes stay
        self.x, self.weight = x, weight


def follow(
    scaler: NumberScaler,
    recent: RecentNumbers,
    x: NDArray[np.float64],
    weight: NDArray[np.float64],
    decay: float,
) -> None:
    """Let a scaler follow the numbers of more rows.

    Whether there is an indicator of missing numbers stays as it was in the fit.
    """
    recent.add(x, weight, decay)
    if not len(recent.x):
        return
    before: Any = scaler.seen
    has_missing, share = scaler.has_missing, scaler.missing_share
    scaler.fit(recent.x, recent.weight)
    scaler.has_missing, scaler.missing_share = has_missing, share
    seen = scaler.seen
    if before is not None and seen is not None:
        scaler.seen = Seen(
            before.n + int(np.count_nonzero(~np.isnan(x))),
            max(before.n_distinct, seen.n_distinct),
            min(before.low, seen.low),
            max(before.high, seen.high),
            before.is_whole and seen.is_whole,
        )
