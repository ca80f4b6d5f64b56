"""The order by digits is that of a stable sort."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sklearn_dcn._sorting import argsort


@pytest.mark.parametrize("high", [1, 2**16, 2**16 + 1, 2**33, 2**62])
@pytest.mark.parametrize("dtype", [np.int64, np.uint64])
def test_order_is_that_of_a_stable_sort(high, dtype):
    keys = np.random.default_rng(0).integers(high, size=500)
    keys = np.append(keys, keys[::-1]).astype(dtype)  # each at least twice
    assert_array_equal(argsort(keys), np.argsort(keys, kind="stable"))


def test_no_keys_have_no_order():
    assert argsort(np.empty(0, dtype=np.int64)).shape == (0,)
