"""Rows that pair a user with an item: which fields belong to which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .encoder import TableEncoder

__all__ = ["PairNumbers"]

# For each cross of both sides the codes of rows: the distinct ones, and each row's.
Codes = list[tuple[NDArray[np.int64], NDArray[np.intp]]]


class PairNumbers:
    """The fields of users, of items and of pairs, and the numbers of pairs.

    The numbers of pairs are memorised crosses of a user's column with an item's.

    Parameters
    ----------
    encoder : TableEncoder
        Fitted; see `takes`.
    is_user : sequence of bool
        Whether each column of the table is a user's.
    dtype : dtype, default=float64
        That of the numbers.

    Attributes
    ----------
    of_user, of_item, of_pair : list of int
        Positions of the fields, as in `TableFields.field_columns`.
    """

    def __init__(
        self, encoder: TableEncoder, is_user: Sequence[bool], dtype: Any = np.float64
    ) -> None:
        self.encoder = encoder
        sources = encoder.sources
        self._is_user = [is_user[j] for j in sources]
        self.of_user: list[int] = []
        self.of_item: list[int] = []
        self.of_pair: list[int] = []
        for at, key in enumerate(encoder.field_columns):
            if not isinstance(key, str):
                (self.of_user if self._is_user[key] else self.of_item).append(at)
        self._crosses: list[_Cross] = []
        if encoder.crosses is not None and encoder.crosses.pairs:
            self._find_crosses(dtype)

    @staticmethod
    def takes(encoder: TableEncoder) -> bool:
        """Tell whether every field is a user's, an item's, or a cross of theirs."""
        if encoder.block is not None:
            return False
        if encoder.statistics is not None and encoder.statistics.scalers:
            return False
        return not any(
            isinstance(key, str) and scaler.has_missing
            for key, scaler in encoder.scalers.items()
        )

    def _find_crosses(self, dtype: Any) -> None:
        """Sort the fields of crosses; keep the numbers of those of both sides."""
        crosses = self.encoder.crosses
        assert crosses is not None
        columns = [*self.encoder.categories, *self.encoder.numbers]
        n_targets, n_pairs = len(crosses.default), len(crosses.pairs)
        scalers = [*crosses.scalers.values()]
        first = list(self.encoder.field_columns).index(next(iter(crosses.scalers)))
        start = 0
        for k, (a, b) in enumerate(crosses.pairs):
            size = crosses.sizes[a] * crosses.sizes[b]
            numbers = [k * n_targets + t for t in range(n_targets)]
            if k in crosses.counted:
                numbers.append(n_pairs * n_targets + crosses.counted.index(k))
            fields = [first + number for number in numbers]
            sides = [self._is_user[columns[c]] for c in (a, b)]
            if sides[0] == sides[1]:
                (self.of_user if sides[0] else self.of_item).extend(fields)
            else:
                rows = slice(*np.searchsorted(crosses.keys, [start, start + size]))
                raw = [*crosses.values[rows].T]
                default = [*crosses.default]
                if k in crosses.counted:
                    raw.append(crosses.counts[rows])
                    default.append(0.0)
                # A last row is that of pairs that no row of the fit holds.
                z = [
                    scalers[number].apply(np.append(x, x_0), dtype=dtype)
                    for number, x, x_0 in zip(numbers, raw, default, strict=True)
                ]
                keys = crosses.keys[rows] - start
                of = (a, b) if sides[0] else (b, a)
                factors = (crosses.sizes[b], 1) if sides[0] else (1, crosses.sizes[b])
                self._crosses.append(_Cross(of, factors, keys, np.stack(z, axis=-1)))
                self.of_pair.extend(fields)
            start += size

    def codes(self, X: Any, *, is_user: bool) -> Codes:
        """Return the input of `numbers` from a checked table; its other side is filled.

        Parameters
        ----------
        X : checked table of n rows
            With all columns; the other side's cells do not matter.
        is_user : bool
            Whether the rows are users.
        """
        if not self._crosses:
            return []
        side = 0 if is_user else 1
        encoded, _ = self.encoder.encode_columns(X, np.float64)
        wanted = sorted({cross.columns[side] for cross in self._crosses})
        codes = self.encoder.codes_of(encoded, wanted)
        found = []
        for cross in self._crosses:
            of = codes[cross.columns[side]].astype(np.int64) * cross.factors[side]
            distinct, at = np.unique(of, return_inverse=True)
            found.append((distinct, at.ravel()))
        return found

    def numbers(self, users: Codes, items: Codes, rows: slice) -> NDArray[Any]:
        """Return the numbers of some users with all items.

        Parameters
        ----------
        users, items : list
            What `codes` returned.
        rows : slice
            Which users.

        Returns
        -------
        x : ndarray of shape (n_users, n_items, len(of_pair))
        """
        parts = []
        for cross, of_users, of_items in zip(self._crosses, users, items, strict=True):
            some, at = np.unique(of_users[1][rows], return_inverse=True)
            keys = of_users[0][some][:, None] + of_items[0]
            z = cross.look_up(keys)
            parts.append(z[at.reshape(-1, 1), of_items[1]])
        return np.concatenate(parts, axis=-1)


class _Cross:
    """One cross of both sides.

    Parameters
    ----------
    columns : (int, int)
        The user's and the item's, as crosses count them.
    factors : (int, int)
        What their codes are multiplied by in a key, which is the sum.
    keys : ndarray of shape (n,)
        Those that are known, ascending.
    z : ndarray of shape (n + 1, n_numbers)
        Their numbers, scaled, and last those of others.
    """

    def __init__(
        self,
        columns: tuple[int, int],
        factors: tuple[int, int],
        keys: NDArray[np.int64],
        z: NDArray[Any],
    ) -> None:
        self.columns, self.factors, self.keys, self.z = columns, factors, keys, z

    def look_up(self, keys: NDArray[np.int64]) -> NDArray[Any]:
        """Return the numbers (..., n_numbers) of keys (...)."""
        if not len(self.keys):
            return np.broadcast_to(self.z[-1], (*keys.shape, self.z.shape[1]))
        at = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return self.z[np.where(self.keys[at] == keys, at, len(self.keys))]
