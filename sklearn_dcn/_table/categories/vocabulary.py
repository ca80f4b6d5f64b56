"""Distinct levels <-> positions: a dict for few levels, sorted keys for many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..._files import pack, unpack
from ..reading import level_family
from .hashing import stable_hash, to_single

__all__ = ["Vocabulary", "by_value"]


# A dict answers for one level three times as fast as sorted keys, and takes about 150
# bytes a level with the strings in it, sorted keys 12 and the text.
DICT_UP_TO = 200_000
SEEDS = (0x5DC9, 0x9E37)  # of the two halves of a 64-bit key


def by_value(levels: Sequence[Any] | NDArray[Any]) -> NDArray[np.intp]:
    """Return the order of levels by value; if families are mixed, one after another."""
    if isinstance(levels, np.ndarray):
        return np.argsort(levels, kind="stable")
    key = levels.__getitem__
    if set(map(type, levels)) != {str}:
        keys = [_sort_key(level) for level in levels]
        key = keys.__getitem__
    order = sorted(range(len(levels)), key=key)
    return np.array(order, dtype=np.intp)


def _sort_key(level: Any) -> tuple[str, Any]:
    family = level_family(type(level))
    if isinstance(level, np.generic):
        level = level.item()
    elif isinstance(level, Decimal):  # which has no order with fractions
        level = Fraction(level) if level.is_finite() else float(level)
    return "number" if family == "bool" else str(family), level


class Vocabulary(Sequence[Any]):
    """Distinct levels, and the position of each.

    Parameters
    ----------
    levels : list, or array of integers
        The levels; equal ones, such as 1 and True, must not both occur.
    first, unknown : int, default=0, -1
        What `find` gives for the first level, and for an unknown one.
    """

    def __init__(
        self,
        levels: Sequence[Any] | NDArray[Any],
        first: int = 0,
        unknown: int = -1,
    ) -> None:
        self.first = first
        self.unknown = unknown
        self._levels: Any = levels  # a sequence, an array or `_Texts`
        self._position: Any = None  # of each level by a dict, if there is one
        found = _sort(levels) if len(levels) > DICT_UP_TO else None
        if found is not None:
            self._levels, self._keys, self._order, self._is_text = found
            return
        self._levels = levels.tolist() if isinstance(levels, np.ndarray) else [*levels]
        self._position = {level: i for i, level in enumerate(self._levels, first)}

    def __getstate__(self) -> dict[str, Any]:
        # Arrays alone; the keys are made again, as they must be those of the levels.
        levels = self._levels if isinstance(self._levels, np.ndarray) else list(self)
        return {"first": self.first, "unknown": self.unknown, "levels": pack(levels)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        levels = unpack(state["levels"])
        self.__init__(levels, state["first"], state["unknown"])  # type: ignore[misc]

    @property
    def n_distinct(self) -> int:
        """Number of distinct levels."""
        return len(self if self._position is None else self._position)

    def __len__(self) -> int:
        return len(self._levels)

    def __getitem__(self, position: Any) -> Any:
        level = self._levels[position]
        return level.item() if isinstance(level, np.int64) else level

    def __iter__(self) -> Iterator[Any]:
        levels = self._levels
        return iter(levels.tolist() if isinstance(levels, np.ndarray) else levels)

    def append(self, level: Any) -> None:
        """Give the next position to an unknown level."""
        self._set(len(self), level)

    def replace(self, position: int, level: Any) -> None:
        """Give the position of a level to another level, which is unknown."""
        self._be_dict()
        del self._position[self[position]]
        if to_single(self[position]) is not None:
            self.__dict__.pop("_singles", None)
        self._set(position, level)

    def _set(self, position: int, level: Any) -> None:
        self._be_dict()
        self._levels[position : position + 1] = [level]
        self._position[level] = position + self.first
        single = to_single(level)
        if single is not None and "_singles" in self.__dict__:
            self._singles.setdefault(single, position + self.first)

    def _be_dict(self) -> None:
        """Have the levels in a list and a dict, which can be changed."""
        if self._position is None or not isinstance(self._levels, list):
            self._levels = [*self]
            self._position = {level: i for i, level in enumerate(self, self.first)}

    def find_known(self, level: Any) -> int | None:
        """Return what `find` gives for a level; None if a dict does not tell."""
        if self._position is None:
            return None
        try:
            found: int | None = self._position.get(level)
        except TypeError:  # it cannot be hashed
            return None
        return found

    def find(self, levels: Sequence[Any] | NDArray[Any]) -> NDArray[np.int64]:
        """Return `first` plus the position of every level, or `unknown`.

        A float is also known if it equals a known one in single precision, or the
        reverse: 0.1 in one table is 0.10000000149011612 in another.

        Raises
        ------
        TypeError
            If a level cannot be hashed.
        """
        if self._position is not None:
            get, unknown = self._position.get, self.unknown
            if isinstance(levels, np.ndarray):
                levels = levels.tolist()
            at = [get(level, unknown) for level in levels]
            if unknown in at and self._singles:
                for i, level in enumerate(levels):
                    if at[i] == unknown:
                        at[i] = self._find_single(level)
            return np.array(at, dtype=np.int64)
        found = np.full(len(levels), self.unknown, dtype=np.int64)
        at, keys = self._keys_of(levels)
        slot = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        is_known = self._keys[slot] == keys
        found[at] = np.where(is_known, self._order[slot] + self.first, self.unknown)
        return found

    @cached_property
    def _singles(self) -> dict[float, int]:
        """The first of the levels that are the same float in single precision."""
        found: dict[float, int] = {}
        for i, level in enumerate(self, self.first):
            single = to_single(level)
            if single is not None:
                found.setdefault(single, i)
        return found

    def _find_single(self, level: Any) -> int:
        """Return what `find` gives where this level or the known one is single."""
        single = to_single(level)
        at = None if single is None else self._singles.get(single)
        if at is None or single not in (level, self._levels[at - self.first]):
            return self.unknown
        return at

    def _keys_of(
        self, levels: Sequence[Any] | NDArray[Any]
    ) -> tuple[Any, NDArray[Any]]:
        """Return which of the levels could be known, and their keys."""
        if not isinstance(levels, np.ndarray):
            for level in levels:
                hash(level)  # an error where it can't be, as in a dict
        if self._is_text:
            at = [i for i, level in enumerate(levels) if isinstance(level, str)]
            return at, _text_keys([levels[i] for i in at])
        if isinstance(levels, np.ndarray):
            small = np.flatnonzero(levels <= MAX_INT64)
            return small, levels[small].astype(np.int64)
        at = [i for i, level in enumerate(levels) if _is_int64(level)]
        return at, np.array([int(levels[i]) for i in at], dtype=np.int64)


class _Sorted(NamedTuple):
    """Many levels, with a key of each, in order."""

    levels: NDArray[Any] | _Texts
    keys: NDArray[Any]
    order: NDArray[np.int32]  # position in `levels` of each key
    is_text: bool


def _sort(levels: Sequence[Any] | NDArray[Any]) -> _Sorted | None:
    """Return the levels sorted, if they are all strings or all integers.

    None also where two of them have one key, which none of two million texts has but
    with a chance of one in four million.
    """
    kept: NDArray[Any] | _Texts
    keys: NDArray[Any]
    is_text = set(map(type, levels)) == {str}
    if is_text:
        texts = list(levels)
        kept, keys = _Texts(texts), _text_keys(texts)
    else:
        try:
            kept = keys = _to_int64(levels)
        except (TypeError, OverflowError):
            return None
    order = np.argsort(keys)
    keys = keys[order]
    if (keys[1:] == keys[:-1]).any():
        return None
    return _Sorted(kept, keys, order.astype(np.int32), is_text)


MIN_INT64, MAX_INT64 = np.iinfo(np.int64).min, np.iinfo(np.int64).max


def _text_keys(levels: Sequence[str]) -> NDArray[np.uint64]:
    high, low = (stable_hash(levels, seed).astype(np.uint64) for seed in SEEDS)
    return (high << np.uint64(32)) | low


def _to_int64(levels: Sequence[Any] | NDArray[Any]) -> NDArray[np.int64]:
    if isinstance(levels, np.ndarray):
        if len(levels) and levels.max() > MAX_INT64:
            raise OverflowError
        return levels.astype(np.int64)
    if set(map(type, levels)) != {int}:
        raise TypeError
    return np.array(levels, dtype=np.int64)


def _is_int64(level: Any) -> bool:
    if level_family(type(level)) not in ("number", "bool"):
        return False
    try:
        whole = int(level)
    except (ValueError, OverflowError):  # NaN and infinity
        return False
    return bool(MIN_INT64 <= whole <= MAX_INT64 and whole == level)


class _Texts:
    """Strings one after another in a single one, which takes a fifth of the room."""

    def __init__(self, levels: Sequence[str]) -> None:
        self.text = "".join(levels)
        self.stops = np.cumsum([len(level) for level in levels])

    def __len__(self) -> int:
        return len(self.stops)

    def __getitem__(self, position: int) -> str:
        start = self.stops[position - 1] if position else 0
        return self.text[start : self.stops[position]]

    def __iter__(self) -> Iterator[str]:
        start = 0
        for stop in self.stops.tolist():
            yield self.text[start:stop]
            start = stop
