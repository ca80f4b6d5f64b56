"""The folds that statistics leave out are even, and depend on the seed."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sklearn_dcn._table.target_statistics.folds import assign_folds

N_FOLDS = 5


@pytest.mark.parametrize("n", [2, 4, 5, 23, 100])
def test_folds_are_even(n):
    """All folds, and classes in them, differ by one row at most; seeds differ."""
    rng = np.random.default_rng(n)
    strata = rng.choice(["a", "b", "c"], n, p=[0.7, 0.2, 0.1])
    for labels in (None, strata):
        fold = assign_folds(n, labels, 0)
        assert set(fold) == set(range(min(n, N_FOLDS)))
        assert_array_equal(fold, assign_folds(n, labels, 0))
        if n > N_FOLDS:
            assert (fold != assign_folds(n, labels, 1)).any()
        classes = [] if labels is None else [fold[labels == s] for s in "abc"]
        for group in [fold, *classes]:
            assert np.ptp(np.bincount(group, minlength=N_FOLDS)) <= 1
