"""The public steps keep scikit-learn's contract."""

import os

os.environ["SCIPY_ARRAY_API"] = "1"  # before scipy is imported: else a check is skipped

import pytest
from helpers.steps import AT_1_9
from sklearn.utils.estimator_checks import check_estimator

from sklearn_dcn.preprocessing import (
    CategoricalEmbedder,
    CategoryEncoder,
    ContinuousNormalizer,
)


@pytest.mark.parametrize(
    ("step", "n_checks"),
    [
        (CategoryEncoder(), 52),
        (ContinuousNormalizer(), 53),
        (ContinuousNormalizer(method="robust"), 53),
        pytest.param(CategoricalEmbedder(), 54, marks=pytest.mark.slow),
    ],
    ids=repr,
)
def test_check_estimator(step, n_checks):
    results = check_estimator(step, on_skip=None, on_fail="raise")
    assert {result["status"] for result in results} == {"passed"}
    if AT_1_9:
        assert len(results) == n_checks
