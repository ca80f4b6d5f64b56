"""Sums that memorised crosses go on from, as later rows come and levels get ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from .groups import Floats, Keys
from .target_rows import PRIOR_ROWS, link

__all__ = ["CrossTotals", "resized_keys", "smooth"]

LEAST = 0.05  # weight of a pair of levels that is not forgotten, where sums decay


class CrossTotals:
    """Weights of rows and of their targets, by the levels of each pair.

    Parameters
    ----------
    of_all : ndarray of shape (1 + n_targets,)
        The sums over all rows.
    by_key : ndarray of shape (n_keys, 1 + n_targets)
        The sums over the rows of each key.
    """

    def __init__(self, of_all: Floats, by_key: Floats) -> None:
        self.of_all, self.by_key = of_all, by_key

    def add(
        self, keys: Keys, found: Keys, values: Floats, decay: float | None
    ) -> tuple[Keys, NDArray[np.intp], NDArray[np.intp]]:
        """Add rows to the sums of their keys.

        Parameters
        ----------
        keys : ndarray of shape (n_keys,)
            The keys of the sums, in order.
        found : ndarray of shape (n,)
            The keys of the rows.
        values : ndarray of shape (n, 1 + n_targets)
            Weights, and targets times these.
        decay : float or None
            The share of all earlier sums that is kept; None leaves other keys as is.

        Returns
        -------
        keys : ndarray of shape (n_new,)
            The keys of the sums from now on, in order.
        before : ndarray of shape (n_new,)
            The earlier position of each key, -1 for new ones.
        touched : ndarray
            Positions of the keys that got rows.
        """
        distinct, at = np.unique(found, return_inverse=True)
        merged, places = np.unique(
            np.concatenate([keys, distinct]), return_inverse=True
        )
        old, touched = places[: len(keys)], places[len(keys) :]
        before = np.full(len(merged), -1)
        before[old] = np.arange(len(keys))
        sums = np.zeros((len(merged), values.shape[1]))
        sums[old] = self.by_key if decay is None else decay * self.by_key
        np.add.at(sums, touched[at.reshape(len(found))], values)
        if decay is not None and decay < 1:
            kept = sums[:, 0] >= LEAST
            touched = np.flatnonzero(np.isin(np.flatnonzero(kept), touched))
            merged, before, sums = merged[kept], before[kept], sums[kept]
        self.by_key = sums
        return merged, before, touched

    def keep(self, kept: NDArray[np.bool_]) -> None:
        """Forget the sums of other keys."""
        self.by_key = self.by_key[kept]

    def statistics(self, is_logit: bool) -> tuple[Floats, Floats, Floats]:
        """Return what the network gets for no level and each key, and log(1 + n)."""
        mean = self.of_all[1:] / self.of_all[0]
        means = smooth(self.by_key, mean)
        counts = np.log1p(np.maximum(self.by_key[:, 0], 0.0))
        return link(mean, is_logit), link(means, is_logit), counts


def smooth(sums: Floats, mean: Floats) -> Floats:
    """Return means (n, n_targets) of sums (n, 1 + n_targets), shrunk to `mean`."""
    return (sums[:, 1:] + PRIOR_ROWS * mean) / (sums[:, :1] + PRIOR_ROWS)


def resized_keys(
    keys: Keys,
    pairs: Sequence[tuple[int, int]],
    before: Sequence[int],
    now: Sequence[int],
    fresh: Mapping[int, NDArray[np.intp]],
) -> tuple[Keys, NDArray[np.bool_]]:
    """Return the keys once columns have more codes, and which keys stay.

    Parameters
    ----------
    keys : int64 ndarray of shape (n_keys,)
        In order.
    pairs : sequence of (int, int)
        The columns of each pair, whose keys follow each other.
    before, now : sequence of int
        The number of codes of each column.
    fresh : mapping of int to ndarray
        Codes that stand for another level now, by column: their keys do not stay.
    """
    found, stays = keys.copy(), np.ones(len(keys), dtype=bool)
    start = shift = 0
    for a, b in pairs:
        stop = start + before[a] * before[b]
        first, last = np.searchsorted(keys, [start, stop])
        code_a, code_b = divmod(keys[first:last] - start, before[b])
        found[first:last] = shift + code_a * now[b] + code_b
        for c, codes in ((a, code_a), (b, code_b)):
            if c in fresh:
                stays[first:last] &= ~np.isin(codes, fresh[c])
        start, shift = stop, shift + now[a] * now[b]
    return found, stays
