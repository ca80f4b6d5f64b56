"""A hash of levels that is the same in every process and on every platform."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import murmurhash3_32

__all__ = ["stable_hash", "to_bytes", "to_single"]


def stable_hash(levels: Sequence[Any], seed: int) -> NDArray[np.uint32]:
    """Return a hash of every level, the same in every process and on every platform.

    It is scikit-learn's MurmurHash3 of a string's text; equal numbers, such as 1, 1.0
    and True, share the hash of one text.
    """
    texts: Sequence[Any] = levels
    if set(map(type, levels)) != {str}:
        texts = [to_bytes(level) for level in levels]
    try:
        hashes = [murmurhash3_32(text, seed, True) for text in texts]
    except UnicodeEncodeError:  # half of a surrogate pair
        hashes = [murmurhash3_32(to_bytes(text), seed, True) for text in texts]
    return np.array(hashes, dtype=np.uint32)


def to_single(level: Any) -> float | None:
    """Return a float with a fraction in single precision; None for any other level.

    Whole numbers give None: beyond 2**24 single precision confuses them.
    """
    if not isinstance(level, (float, np.floating)) or level == np.rint(level):
        return None
    with np.errstate(over="ignore"):
        return float(np.float32(level))


def to_bytes(level: Any) -> bytes:
    if isinstance(level, str):
        return level.encode("utf-8", "surrogatepass")
    if isinstance(level, bytes):
        return level
    if isinstance(level, Integral):  # also beyond the range of floats
        return str(int(level)).encode()
    number = float(level)
    is_whole = level == int(level) if np.isfinite(number) else False
    return str(int(level) if is_whole else number).encode()
