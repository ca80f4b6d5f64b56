"""Levels as arrays: every type comes back, and a long one takes no room for many."""

import datetime
from decimal import Decimal
from fractions import Fraction
from unittest import mock

import numpy as np
import pytest
from helpers.saved_files import TINY

from sklearn_dcn import DCNClassifier, LoadError, load
from sklearn_dcn._files.packing import pack, unpack


def test_strings_of_equal_room_have_a_limit(path):
    """A long string among many would take the room of a long one each."""
    X = np.arange(40.0)[:, None]
    DCNClassifier(**TINY).fit(X, np.array(["a", "b"])[np.arange(40) % 2]).save(path)
    with mock.patch("sklearn_dcn._files.codec.MAX_TEXT", 1):
        with pytest.raises(LoadError, match="array of strings is too large"):
            load(path)
    assert load(path).classes_.tolist() == ["a", "b"]


LEVELS = [
    *("a", "", "ü\ud800", "\ud83d", "\ude00", "x" * 5000, "a\x00"),
    *(b"", b"\x00\xff", 0, -1, 2**63 - 1, -(2**63), 2**63, 10**30, True, False),
    *(0.5, -0.0, np.inf, 1e-300, Decimal("1.50"), Decimal("1e400"), Fraction(1, 3)),
    None,
]


def test_levels_of_every_type_are_packed():
    """Mixed or alone, with their types and in their order."""
    spelled = list(map(repr, LEVELS))
    assert list(map(repr, unpack(pack(LEVELS)))) == spelled
    for level in LEVELS:
        (found,) = unpack(pack([level, level][:1]))
        assert repr(found) == repr(level) or (found == level and type(level) is int)
    assert list(unpack(pack([]))) == []
    assert unpack(pack([np.float32(0.5), np.int64(3), np.True_])) == [0.5, 3, True]
    for wrong in (datetime.date(2020, 1, 1), 1j, ("a",)):
        with pytest.raises(TypeError, match="is of type"):
            pack(["a", wrong])
