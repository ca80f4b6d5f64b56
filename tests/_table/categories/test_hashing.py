"""The hash of levels: published values, its definition, and the same everywhere."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from helpers.processes import print_elsewhere
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_dcn._table.categories import vocabulary as _vocabulary
from sklearn_dcn._table.categories.hashing import stable_hash

FEW = settings(derandomize=True, deadline=None, max_examples=60)


@pytest.mark.parametrize(
    ("text", "seed", "expected"),
    [
        ("", 0, 0x00000000),
        ("", 1, 0x514E28B7),
        ("", 0xFFFFFFFF, 0x81F16F39),
        ("test", 0, 0xBA6BD213),
        ("test", 0x9747B28C, 0x704B81DC),
        ("Hello, world!", 0, 0xC0363E43),
        ("Hello, world!", 1234, 0xFAF6CDB3),
        ("Hello, world!", 0x9747B28C, 0x24884CBA),
        ("The quick brown fox jumps over the lazy dog", 0, 0x2E4FF723),
        ("The quick brown fox jumps over the lazy dog", 0x9747B28C, 0x2FA826CD),
    ],
)
def test_published_values_of_murmurhash3(text, seed, expected):
    """Texts hash as MurmurHash3 x86_32, as bytes too."""
    hashes = stable_hash([text, text.encode(), np.str_(text)], seed)
    assert hashes.dtype == np.uint32
    assert hashes.tolist() == [expected] * 3


def murmurhash3(data, seed):
    """MurmurHash3 x86_32 from its definition."""

    def rotate(x, r):
        return ((x << r) | (x >> (32 - r))) & 0xFFFFFFFF

    def scramble(k):
        return rotate(k * 0xCC9E2D51 & 0xFFFFFFFF, 15) * 0x1B873593 & 0xFFFFFFFF

    h, n = seed, len(data) // 4 * 4
    for i in range(0, n, 4):
        h ^= scramble(int.from_bytes(data[i : i + 4], "little"))
        h = (rotate(h, 13) * 5 + 0xE6546B64) & 0xFFFFFFFF
    h ^= scramble(int.from_bytes(data[n:], "little")) ^ len(data)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
        h ^= h >> shift
        h = h * factor & 0xFFFFFFFF
    return h


@FEW
@given(st.lists(st.text(max_size=9), max_size=9), st.integers(0, 2**32 - 1))
def test_hash_of_any_text(texts, seed):
    """Unicode hashes by its UTF-8, also half a surrogate pair, alone or in company."""
    for cells in (texts, [*texts, "\ud83d"]):
        expected = [
            murmurhash3(cell.encode("utf-8", "surrogatepass"), seed) for cell in cells
        ]
        assert stable_hash(cells, seed).tolist() == expected


@pytest.mark.parametrize(
    "same",
    [
        [7, 7.0, np.int64(7), np.uint8(7), np.float16(7), Decimal(7), Fraction(7)],
        [1, True, np.bool_(True), 1.0],
        [0, False, -0.0, np.float32(0)],
        [2**53 + 1, np.int64(2**53 + 1), Decimal(2**53 + 1), Fraction(2**53 + 1)],
        [2**63, np.uint64(2**63), 2.0**63, np.float32(2.0**63)],
        [0.1, np.float64(0.1)],
        [float("inf"), np.float32("inf"), Decimal("inf")],
    ],
    ids=str,
)
def test_equal_numbers_have_one_hash(same):
    """Whatever its type, a number hashes as its equals, alone and among others."""
    hashes = {int(stable_hash([number], seed=3)[0]) for number in same}
    hashes |= set(stable_hash([*same, "a"], seed=3)[:-1].tolist())
    assert len(hashes) == 1


def test_hashes_of_other_numbers_differ():
    """Neighbours beyond 2**53, signs and fractions hash apart."""
    numbers = [
        *(2**53 + k for k in range(50)),
        *(-(2**63) + k for k in range(50)),
        *(2**64 - k for k in range(1, 50)),
        *(10**400 + k for k in range(50)),
        *(k / 7 for k in range(1, 7)),
        *range(-50, 50),
    ]
    assert len(set(stable_hash(numbers, seed=0).tolist())) == len(numbers)


CELLS = ["a", "Zürich", "", "\ud83d", b"x", 2**53 + 1, 0.5, True, -1]
CODE = f"""
from sklearn_dcn._table.categories.hashing import stable_hash
from sklearn_dcn._table.categories.vocabulary import _text_keys
print(stable_hash({CELLS!r}, 5).tolist(), _text_keys(["a", "b"]).tolist())
"""


def test_same_in_every_process():
    """Python's own hash of strings differs from process to process; this does not."""
    keys = _vocabulary._text_keys(["a", "b"]).tolist()
    assert print_elsewhere(CODE) == f"{stable_hash(CELLS, 5).tolist()} {keys}\n"
