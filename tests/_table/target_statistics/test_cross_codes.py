"""Numbers as codes: a few values have a bin each."""

import numpy as np
import pytest
from helpers.memorising import supervise
from numpy.testing import assert_array_equal

from sklearn_dcn._table.encoder import TableEncoder


@pytest.mark.parametrize("n_values", [2, 3, 5])
@pytest.mark.parametrize("transform", ["quantile", "standard", None])
def test_few_values_of_a_number_have_a_bin_each(n_values, transform):
    """With one bin for 0 and 1, a column of them could be crossed with nothing."""
    x = np.random.default_rng(0).integers(0, n_values, 300).astype(float)
    X = np.stack([x, np.random.default_rng(1).normal(size=300)], axis=1)
    for dtype in (np.float64, np.float32):
        encoder = TableEncoder(memorized_crosses=[(0, 1)], numeric_transform=transform)
        weight, y = np.ones(300), supervise(x > 0)
        encoder.fit_transform(X, None, weight, dtype, y)
        z = encoder.numbers[0].apply(x, dtype=dtype)
        codes = np.searchsorted(encoder._cuts[0], z)
        assert_array_equal(codes, x)
        low, high = encoder._cuts[0][0], encoder._cuts[0][-1]
        assert z.min() < low
        assert high < z.max()
