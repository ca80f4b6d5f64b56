"""Distinct values are those of np.unique, with and without a table."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sklearn_dcn._table.numbers.distinct import count, distinct

WHOLE = np.random.default_rng(0).integers(-40, 200, 1000).astype(float)
COLUMNS = {
    "dense": WHOLE,
    "sparse": np.round(1000 * WHOLE**2),
    "late fraction": np.append(WHOLE, 0.5),
    "fractions": WHOLE / 7,
    "far": WHOLE + 2.0**60,
    "infinite": np.append(WHOLE, np.inf),
    "one": np.full(10, 7.0),
    "empty": np.empty(0),
}


@pytest.mark.parametrize("x", COLUMNS.values(), ids=COLUMNS)
def test_values_are_those_of_unique(x):
    values, inverse = np.unique(x, return_inverse=True)
    for found, expected in zip(distinct(x), (values, inverse), strict=True):
        assert_array_equal(found, expected, strict=True)
    for found, expected in zip(count(x), np.unique(x, return_counts=True), strict=True):
        assert_array_equal(found, expected, strict=True)
