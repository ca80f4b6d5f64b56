"""The rows of a first fit, recognised in later fits, and what they were told there.

Statistics of the target are learned once. When a fit goes on, they must not describe a
row that they were learned from, because they contain its own target. Such a row gets
the numbers of its first fit again, which come from other rows.

A row is recognised by a hash of its encoded cells. The target is left out, or being
recognised would tell it. Rows with equal cells take turns, those with the same target
first, so that the same rows get the same numbers again, in whatever order they come.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._ids import UNKNOWN_ID

__all__ = ["FirstRows"]

Keys = NDArray[np.uint64]

# Bits of a key for the target; those above are for the cells.
TARGET_BITS = np.uint64(24)

# As in splitmix64 (Steele et al., 2014): odd, and of as many ones as zeros.
MULTIPLIER = np.uint64(0xBF58476D1CE4E5B9)
SHIFT = np.uint64(32)


class FirstRows:
    """Numbers by row: what the statistics of the target say of rows of a first fit.

    Parameters
    ----------
    encoded : dict
        The rows as `TableEncoder.transform` gives them.
    y : ndarray of shape (n,) or (n, n_outputs)
        Their target.
    numbers : ndarray of shape (n, n_numbers)
        The last columns of "x_num", as they were in the first fit.
    n_ids : sequence of int or None, default=None
        Of each column of "x_cat": a level that gets an id later was unknown.

    Attributes
    ----------
    keys : ndarray of shape (n,)
        Hashes of cells and target, in order.
    numbers : ndarray of shape (n, n_numbers)
        In the order of `keys`.
    """

    n_ids: NDArray[np.int64] | None = None  # of older files

    def __init__(
        self,
        encoded: dict[str, Any],
        y: NDArray[Any],
        numbers: NDArray[Any],
        n_ids: Sequence[int] | None = None,
    ) -> None:
        keys = _keys(encoded, y)
        if n_ids is not None:
            self.n_ids = np.array(n_ids, dtype=np.int64)
        order = np.argsort(keys, kind="stable")
        self.keys, self.numbers = keys[order], numbers[order]

    def describe(
        self, encoded: dict[str, Any], y: NDArray[Any]
    ) -> tuple[dict[str, Any], NDArray[np.bool_]]:
        """Return encoded rows; those that are known get their numbers of the first fit.

        The second return value tells which rows are known.
        """
        as_then = encoded
        if "x_cat" in encoded and self.n_ids is not None:
            ids = encoded["x_cat"]
            as_then = encoded | {"x_cat": np.where(ids < self.n_ids, ids, UNKNOWN_ID)}
        at = self._find(_keys(as_then, y))
        is_known = at >= 0
        x = encoded["x_num"].copy()
        x[is_known, x.shape[1] - self.numbers.shape[1] :] = self.numbers[at[is_known]]
        return encoded | {"x_num": x}, is_known

    def _find(self, keys: Keys) -> NDArray[np.intp]:
        """Return the position of each row in `keys`; -1 for new ones."""
        order = np.argsort(keys, kind="stable")  # which makes searches fast, too
        keys = keys[order]
        cells = keys >> TARGET_BITS
        start, stop = self._between(cells << TARGET_BITS, (cells + 1) << TARGET_BITS)
        own_start, own_stop = self._between(keys, keys + np.uint64(1))
        has_own = own_stop > own_start
        start = np.where(has_own, own_start, start)
        n_equal = np.where(has_own, own_stop, stop) - start
        turn = _turns(keys) % np.maximum(n_equal, 1)
        found = np.empty(len(keys), dtype=np.intp)
        found[order] = np.where(n_equal > 0, start + turn, -1)
        return found

    def _between(self, low: Keys, high: Keys) -> tuple[NDArray[np.intp], ...]:
        """Return where keys from `low` up to `high` begin and end."""
        begin, end = np.searchsorted(self.keys, low), np.searchsorted(self.keys, high)
        return begin, np.where(high > low, end, len(self.keys))  # not beyond 64 bits


def _turns(ordered: Keys) -> NDArray[np.intp]:
    """Return how many before each key are equal to it, of keys in order."""
    at = np.arange(len(ordered))
    is_new = np.append(True, ordered[1:] != ordered[:-1])[: len(ordered)]
    return at - np.maximum.accumulate(np.where(is_new, at, 0))


def _keys(encoded: dict[str, Any], y: NDArray[Any]) -> Keys:
    """Return the keys of rows: of their cells, then of their target."""
    columns: list[NDArray[Any]] = []
    for name in ("x_num", "x_cat", "x_vec"):
        if name in encoded:
            columns += [*encoded[name].T]
    columns += [_bag_hash(*bag) for bag in encoded.get("x_bag", [])]
    cells = _hash(columns)
    target = _hash([y] if y.ndim == 1 else [*y.T])
    return (cells >> TARGET_BITS << TARGET_BITS) | (
        target >> (np.uint64(64) - TARGET_BITS)
    )


def _hash(columns: list[NDArray[Any]]) -> Keys:
    """Return a hash of each row of the columns, which are of n rows."""
    found = np.full(len(columns[0]), MULTIPLIER, dtype=np.uint64)
    for column in columns:
        found ^= _bits(column)
        for _ in range(2):  # modulo 2**64
            found ^= found >> SHIFT
            found *= MULTIPLIER
    return found ^ (found >> SHIFT)


def _bits(column: NDArray[Any]) -> Keys:
    """Return numbers as integers; floats in single precision, so that noise is gone."""
    if column.dtype.kind != "f":
        return column.astype(np.uint64)
    single = column.astype(np.float32) + np.float32(0)  # no -0
    return single.view(np.uint32).astype(np.uint64)


def _bag_hash(
    ids: NDArray[Any], offsets: NDArray[np.int64], weights: NDArray[Any]
) -> Keys:
    """Return a hash of each row of a bag, whatever the order of its levels."""
    sums = np.zeros(len(ids) + 1, dtype=np.uint64)
    np.cumsum(_hash([ids, weights]), out=sums[1:])
    return sums[offsets[1:]] - sums[offsets[:-1]]
