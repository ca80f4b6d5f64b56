"""The index of levels, with a dict as oracle, and the order that it gives them."""

from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_dcn._table.categories import vocabulary as _vocabulary
from sklearn_dcn._table.categories.vocabulary import DICT_UP_TO, Vocabulary, by_value

FEW = settings(derandomize=True, deadline=None, max_examples=60)

# Levels of each kind; those that are all strings, or all integers of 64 bits, have
# sorted keys where there are many.
LEVELS = {
    "text": ["b", "a", "", "  ", "aa", "ab", "\x00", "a\x00", "Zürich", "東京", "🙂"],
    "surrogates": ["\ud83d", "\ude42", "🙂", "a\udc80", "\udc80a", ""],
    "numbers as text": ["7", "7.0", "True", "nan", "None", "-1", "07"],
    "integers": [7, 0, -1, 1, -7, 2**53, 2**53 + 1, -(2**53) - 1, 2**31, 2**32],
    "ends of int64": [2**63 - 1, -(2**63), 0, 2**63 - 2, -(2**63) + 1],
    "beyond int64": [2**63, 2**64 - 1, 7, 2**63 + 1],
    "beyond floats": [10**400, 7, -(10**400)],
    "floats": [0.5, 7.0, -1.25, 1e300, float("inf")],
    "booleans": [True, False],
    "bytes": [b"", b"a", b"\xff", b"7"],
    "mixed": ["7", 8, 0.5, True, b"7", "", Decimal("2.5"), 2**70, "a"],
    "none": [],
}

# What may be asked for, whatever the levels; all of it can be hashed.
ASKED = [
    *(level for levels in LEVELS.values() for level in levels),
    *(7.0, 8.0, 1.0, 0.0, -0.0, 7.5, float("nan"), float("-inf"), 2.0**63, -(2.0**63)),
    *(np.int64(7), np.int8(-1), np.uint64(2**63), np.uint64(7), np.int64(-(2**63))),
    *(np.float64(7), np.float32(7), np.float16(8), np.float32(2**63), np.float64(7.5)),
    *(np.float16("inf"), np.float64(2**63), np.float64("nan"), np.bool_(True)),
    *(Decimal(7), Decimal("7.5"), Decimal(2**53 + 1), Decimal("NaN"), Decimal("1e400")),
    *(Fraction(7), Fraction(1, 2), np.str_("a"), np.str_(""), np.bytes_(b"a")),
    *(None, pd.NA, pd.NaT, (7,), ("a",), "unseen", "\udfff", b"unseen", 12345),
]


@pytest.fixture(params=["dict", "keys"])
def either(request, monkeypatch):
    """Make a short vocabulary of either kind."""
    monkeypatch.setattr(
        _vocabulary, "DICT_UP_TO", DICT_UP_TO if request.param == "dict" else 0
    )
    return request.param


def uses_keys(vocabulary):
    """Tell which of the two kinds a vocabulary is."""
    return vocabulary._position is None


def oracle(levels, asked):
    """Return the positions by a dict."""
    position = {level: i for i, level in enumerate(levels)}
    return [position.get(level, -1) for level in asked]


# ----------------------------------------------------------------------------------
# Positions
# ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", LEVELS)
def test_find_equals_a_dict(kind, either):
    """Positions are a dict's, for levels of any family and the like of them."""
    levels = LEVELS[kind]
    vocabulary = Vocabulary(levels)
    in_keys = {"text", "surrogates", "numbers as text", "integers", "ends of int64"}
    assert uses_keys(vocabulary) == (either == "keys" and kind in in_keys)
    assert len(vocabulary) == len(levels)
    assert list(vocabulary) == levels
    assert list(map(type, vocabulary)) == list(map(type, levels))
    assert vocabulary.find(levels).tolist() == list(range(len(levels)))
    assert vocabulary.find(ASKED).tolist() == oracle(levels, ASKED)
    for level in ASKED:  # one alone, too
        assert vocabulary.find([level]).tolist() == oracle(levels, [level])
    assert vocabulary.find([]).shape == (0,)


@pytest.mark.parametrize(
    "levels",
    [
        np.array([5, -7, 0, 2**53 + 1, 2**53]),
        np.array([2**63 - 1, -(2**63)]),
        np.array([3, -1, 127, -128], dtype=np.int8),
        np.array([7, 2**32 - 1], dtype=np.uint32),
        np.array([7, 2**63 - 1], dtype=np.uint64),
        np.array([7, 2**63, 2**64 - 1], dtype=np.uint64),
        np.array([], dtype=np.int64),
    ],
    ids=lambda levels: f"{levels.dtype} {levels.tolist()}",
)
def test_arrays_of_integers(levels, either):
    """Arrays are taken and asked for as lists of their integers."""
    vocabulary = Vocabulary(levels)
    assert list(vocabulary) == levels.tolist()
    assert all(type(level) is int for level in vocabulary)
    assert vocabulary.find(levels).tolist() == list(range(len(levels)))
    assert vocabulary.find(ASKED).tolist() == oracle(levels.tolist(), ASKED)
    for asked in (
        np.array([7, -7, 0, 2**53, 2**53 + 1, -(2**63)]),
        np.array([7, 2**63 - 1, 2**63, 2**64 - 1], dtype=np.uint64),
        np.array([-1, 7], dtype=np.int8),
        np.array([], dtype=np.int64),
    ):
        expected = oracle(levels.tolist(), asked.tolist())
        assert vocabulary.find(asked).tolist() == expected
    texts = Vocabulary(["7", "0"])
    assert texts.find(np.array([7, 0])).tolist() == [-1, -1]


@pytest.mark.parametrize("levels", [["a", "b"], [1, 2], [b"a"], [0.5]], ids=str)
@pytest.mark.parametrize("cell", [["a"], {}, {1}, np.array([1])], ids=str)
def test_what_cannot_be_hashed(levels, cell, either):
    """A container is an error, not an unknown level."""
    with pytest.raises(TypeError, match="unhashable"):
        Vocabulary(levels).find([levels[0], cell])


LEVEL = st.one_of(
    st.text(max_size=4),
    st.text(st.characters(categories=["Cs"]), max_size=2),
    st.integers(-(2**65), 2**65),
    st.integers(-3, 3),
    st.booleans(),
    st.floats(allow_nan=False),
    st.binary(max_size=2),
)


@FEW
@given(
    st.one_of(
        st.lists(LEVEL, unique=True),
        st.lists(st.text(max_size=5), unique=True),
        st.lists(st.integers(-(2**63), 2**63 - 1), unique=True),
    ),
    st.lists(LEVEL),
)
def test_both_kinds_agree(levels, asked):
    """Whatever the levels, positions and order are those of a dict."""
    for up_to in (0, DICT_UP_TO):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_vocabulary, "DICT_UP_TO", up_to)
            vocabulary = Vocabulary(levels)
        assert list(vocabulary) == levels
        both = [*levels, *asked]
        assert vocabulary.find(both).tolist() == oracle(levels, both)


@pytest.mark.parametrize("kind", ["text", "integers"])
def test_many_levels(kind):
    """Beyond DICT_UP_TO levels have keys, and are found as before."""
    rng = np.random.default_rng(0)
    numbers = np.unique(rng.integers(-(2**62), 2**62, DICT_UP_TO + 2000))
    numbers = rng.permutation(numbers)
    levels = [f"user {n}" for n in numbers] if kind == "text" else numbers
    as_list = list(map(str, levels)) if kind == "text" else numbers.tolist()
    few, many = Vocabulary(levels[:DICT_UP_TO]), Vocabulary(levels)
    assert (uses_keys(few), uses_keys(many)) == (False, True)
    assert many.find(levels).tolist() == list(range(len(levels)))
    assert list(many) == as_list
    assert few.find(levels[:DICT_UP_TO]).tolist() == list(range(DICT_UP_TO))
    assert (few.find(levels[DICT_UP_TO:]) == -1).all()
    unseen = [f"user {n}" for n in range(5000)] if kind == "text" else numbers ^ 1
    expected = oracle(as_list, [*unseen])
    assert many.find(unseen).tolist() == expected
    assert expected.count(-1) > 0.9 * len(expected)


def test_equal_keys_fall_back_to_a_dict(monkeypatch):
    """Two texts of one key are still told apart."""
    monkeypatch.setattr(_vocabulary, "DICT_UP_TO", 0)
    assert uses_keys(Vocabulary(["a", "b", "c"]))
    monkeypatch.setattr(
        _vocabulary, "_text_keys", lambda texts: np.zeros(len(texts), dtype=np.uint64)
    )
    vocabulary = Vocabulary(["a", "b", "c"])
    assert not uses_keys(vocabulary)
    assert list(vocabulary) == ["a", "b", "c"]
    assert vocabulary.find(["c", "b", "z", "a"]).tolist() == [2, 1, -1, 0]


def test_keys_have_64_bits():
    """The halves of a key are independent: no two of 200,000 texts share one."""
    texts = [f"user {i}" for i in range(200_000)]
    keys = _vocabulary._text_keys(texts)
    assert len(np.unique(keys)) == len(texts)
    # Either half alone must have some: about n**2 / 2**33 = 4.7 pairs, and not so many
    # that it were no hash of the text.
    halves = keys >> np.uint64(32), keys & np.uint64(2**32 - 1)
    assert (halves[0] == halves[1]).mean() < 1e-4
    for half in halves:
        assert len(texts) - len(np.unique(half)) < 25
        assert np.unique(half % 1000, return_counts=True)[1].max() < 300


# ----------------------------------------------------------------------------------
# The order
# ----------------------------------------------------------------------------------


def exactly(level):
    """Return a level such that Python compares it exactly with any other."""
    if isinstance(level, Decimal):
        return Fraction(level) if level.is_finite() else float(level)
    return level.item() if isinstance(level, np.generic) else level


@pytest.mark.parametrize(
    "levels",
    [
        ["a", "B", "", "aa", "ä", "\ud83d"],
        [b"b", b"a", b""],
        [3, -1, 2**70, 10**400, 2**53 + 1, 2**53],
        [0.5, -1.0, float("inf"), 2, True, False],
        [np.int64(3), np.float32(0.25), np.bool_(True), 2, np.uint64(2**64 - 1)],
        [Decimal("0.5"), Fraction(1, 4), 0.1, np.float32(3), True, Decimal("Infinity")],
    ],
    ids=str,
)
def test_order_of_one_family(levels):
    """Levels stand by value, exactly, whatever the order they came in."""
    rng = np.random.default_rng(0)
    for _ in range(5):
        shuffled = [levels[i] for i in rng.permutation(len(levels))]
        ordered = [shuffled[i] for i in by_value(shuffled)]
        assert all(a < b for a, b in pairwise(map(exactly, ordered)))


def test_order_of_families():
    """Bytes, then numbers with booleans, then strings; arrays as their integers."""
    levels = ["b", 2, True, b"x", "a", 0.5, b"a", -1]
    ordered = [levels[i] for i in by_value(levels)]
    assert ordered == [b"a", b"x", -1, 0.5, True, 2, "a", "b"]
    array = np.array([3, -1, 2**63 - 1, 0])
    assert by_value(array).tolist() == [1, 3, 0, 2]
    assert by_value(np.array([2**64 - 1, 0, 2**63], np.uint64)).tolist() == [1, 2, 0]
    assert by_value([]).shape == (0,)


# Its state ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [str, int])
def test_a_long_vocabulary_is_arrays(kind):
    """A vocabulary without a dict comes back as it is, from two or three arrays."""
    levels = [kind(level) for level in range(DICT_UP_TO + 10)]
    vocabulary = Vocabulary(levels, 2, 0)
    state = vocabulary.__getstate__()
    assert state["levels"]["kind"] == {str: "text", int: "int64"}[kind]
    other = Vocabulary.__new__(Vocabulary)
    other.__setstate__(state)
    asked = [kind(5), kind(DICT_UP_TO), kind(-1)]
    assert other._position is None
    assert other.find(asked).tolist() == [7, DICT_UP_TO + 2, 0]
    assert other[DICT_UP_TO] == levels[DICT_UP_TO]
