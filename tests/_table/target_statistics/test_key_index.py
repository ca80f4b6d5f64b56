"""Positions of keys, against a search in sorted ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sklearn_dcn._table.target_statistics.key_index import KeyIndex


def expected(keys, wanted):
    """Return positions by a dict."""
    at = {key: i for i, key in enumerate(keys.tolist())}
    return [at.get(key, len(keys)) for key in wanted.tolist()]


@given(
    st.sets(st.integers(0, 2**62), max_size=50),
    st.lists(st.integers(0, 2**62), max_size=20),
)
def test_any_keys(keys, others):
    keys = np.array(sorted(keys), dtype=np.int64)
    wanted = np.append(keys[::-1], np.array(others, dtype=np.int64))
    assert KeyIndex(keys).find(wanted).tolist() == expected(keys, wanted)


@pytest.mark.parametrize("step", [1, 64, 2**32, 2**40])
def test_many_keys_in_steps(step):
    """Whose hashes are alike, were they not spread."""
    keys = np.arange(5000, dtype=np.int64) * step
    wanted = np.arange(12_000, dtype=np.int64) * (step // 2 or 1)
    assert KeyIndex(keys).find(wanted).tolist() == expected(keys, wanted)


def test_no_keys():
    assert KeyIndex(np.empty(0, np.int64)).find(np.array([3, 0])).tolist() == [0, 0]
