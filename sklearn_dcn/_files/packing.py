"""Levels of any type <-> a few arrays, for pickles and files.

A list of a million strings is two arrays: the text of all, and the length of each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["pack", "unpack"]

INT64 = np.iinfo(np.int64)


def _to_fraction(text: str) -> Fraction:
    # Not "1e999999999", which takes a gigabyte.
    _require(set(text) <= set("-0123456789/"))
    return Fraction(text)


# Other types, by what turns them into strings and back.
SPELLED: dict[str, tuple[type, Callable[[Any], str], Callable[[str], Any]]] = {
    "integer": (int, hex, lambda text: int(text, 16)),  # beyond 64 bits
    "decimal": (Decimal, str, Decimal),
    "fraction": (Fraction, str, _to_fraction),
    "none": (type(None), str, lambda text: None),
}

# What makes an object of a subclass a plain one, past methods of its own.
PLAIN: dict[type, Callable[[Any], Any]] = {
    str: str.__str__,
    bytes: bytes.__bytes__,
    int: int.__int__,
    float: float.__float__,
}

NATIVE: dict[str, tuple[type, Any]] = {
    "int64": (int, np.int64),
    "float64": (float, np.float64),
    "bool": (bool, np.bool_),
}


def pack(levels: Sequence[Any] | NDArray[Any]) -> dict[str, Any]:
    """Return levels as a dict of arrays and strings.

    Parameters
    ----------
    levels : sequence, or array of int64
        Strings, bytes, booleans, numbers and None, mixed as they like. A numpy scalar,
        or an object of a subclass, as of an enumeration, becomes the plain Python
        object that it equals.

    Raises
    ------
    TypeError
        If a level is of another type.
    """
    if isinstance(levels, np.ndarray) and levels.dtype == np.int64:
        return {"kind": "int64", "values": levels}
    if set(map(type, levels)) <= {str}:  # at a third of the time
        return _pack_text("text", levels)
    levels = [_plain(level) for level in levels]
    kinds = [_kind(level) for level in levels]
    distinct = list(dict.fromkeys(kinds))
    if len(distinct) > 1:
        which = np.array([distinct.index(kind) for kind in kinds], dtype=np.uint8)
        parts = [
            pack([levels[i] for i in np.flatnonzero(which == k)])
            for k in range(len(distinct))
        ]
        return {"kind": "mixed", "which": which, "parts": parts}
    kind = distinct[0]
    if kind in NATIVE:
        return {"kind": kind, "values": np.array(levels, dtype=NATIVE[kind][1])}
    if kind in SPELLED:
        levels = [SPELLED[kind][1](level) for level in levels]
    return _pack_text(kind, levels)


def _pack_text(kind: str, levels: Any) -> dict[str, Any]:
    lengths = np.array([len(level) for level in levels], dtype=np.int64)
    if kind == "bytes":
        data = b"".join(levels)
    else:  # "surrogatepass" for half of a surrogate pair
        data = "".join(levels).encode("utf-8", "surrogatepass")
    return {"kind": kind, "lengths": lengths, "data": np.frombuffer(data, np.uint8)}


def unpack(packed: dict[str, Any]) -> list[Any] | NDArray[np.int64]:
    """Return the levels that `pack` was given; integers as an array.

    Raises
    ------
    ValueError
        If the parts do not fit together.
    """
    kind = packed["kind"]
    if kind == "mixed":
        return _unpack_mixed(packed["which"], packed["parts"])
    if kind in NATIVE:
        values: NDArray[Any] = packed["values"]
        _require(values.dtype == NATIVE[kind][1] and values.ndim == 1)
        return values if kind == "int64" else values.tolist()
    lengths, data = packed["lengths"], packed["data"]
    _require(lengths.dtype == np.int64 and lengths.ndim == 1 and data.dtype == np.uint8)
    _require(not len(lengths) or lengths.min() >= 0)
    buffer = data.tobytes()
    text: Any = buffer if kind == "bytes" else buffer.decode("utf-8", "surrogatepass")
    stops = list(accumulate(lengths.tolist(), initial=0))
    _require(stops[-1] == len(text))
    levels = [text[start:stop] for start, stop in pairwise(stops)]
    if kind in SPELLED:
        levels = [SPELLED[kind][2](level) for level in levels]
    else:
        _require(kind in ("text", "bytes"))
    return levels


def _plain(level: Any) -> Any:
    if isinstance(level, np.generic):
        return level.item()
    if type(level) in (bool, *PLAIN):
        return level
    for cls, make in PLAIN.items():
        if isinstance(level, cls):
            return make(level)
    return level


def _kind(level: Any) -> str:
    """Return the name of how a level is stored."""
    if isinstance(level, str):
        return "text"
    if isinstance(level, bytes):
        return "bytes"
    if isinstance(level, int) and not INT64.min <= level <= INT64.max:
        return "integer"
    for table in (NATIVE, SPELLED):
        for name, (cls, *_) in table.items():
            if type(level) is cls:
                return name
    raise TypeError(f"{level!r} is of type {type(level).__name__}")


def _unpack_mixed(which: NDArray[np.uint8], parts: list[dict[str, Any]]) -> list[Any]:
    _require(which.dtype == np.uint8 and which.ndim == 1)
    _require(all(part["kind"] != "mixed" for part in parts))
    unpacked = [_as_list(unpack(part)) for part in parts]
    counts = np.bincount(which, minlength=len(parts)).tolist()
    _require(counts == [len(part) for part in unpacked])
    rest = [iter(part) for part in unpacked]
    return [next(rest[k]) for k in which.tolist()]


def _as_list(levels: list[Any] | NDArray[Any]) -> list[Any]:
    return levels.tolist() if isinstance(levels, np.ndarray) else levels


def _require(holds: Any) -> None:
    if not holds:
        raise ValueError("packed levels do not fit together")
