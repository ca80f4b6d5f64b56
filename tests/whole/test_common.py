"""scikit-learn's contract: every check, for the defaults and each kind of network."""

import os

# Before scikit-learn and scipy are imported: without it a check is skipped.
os.environ["SCIPY_ARRAY_API"] = "1"

import pytest
import sklearn
from sklearn.utils.estimator_checks import check_estimator
from sklearn.utils.fixes import parse_version

from sklearn_dcn import DCNClassifier, DCNRegressor
from sklearn_dcn.network.cross import CROSS_KINDS
from sklearn_dcn.network.dcn import STRUCTURES

ESTIMATORS = [DCNClassifier, DCNRegressor]
# The checks of fitted accuracy have 200 rows, on which the structures of fewer paths
# learn too little in the 100 small steps of a tiny table's default.
LONGER = {"learning_rate": 0.003, "max_epochs": 100}
# Every cross kind and structure that the defaults are not, once; each network is small.
SMALL = {"n_members": 1, "hidden_layer_sizes": (32,)}
CONFIGURATIONS = [
    (DCNClassifier, SMALL | {"cross": "low_rank"}),
    (DCNClassifier, SMALL | {"cross": "mixture", "learning_rate": 0.003}),
    (DCNClassifier, SMALL | {"cross": "linear"}),
    (DCNClassifier, SMALL | {"cross": "onlydense"}),
    (DCNRegressor, SMALL | {"structure": "stacked", "cross": "vector"} | LONGER),
    (DCNRegressor, SMALL | {"structure": "cross", "cross": "gated"} | LONGER),
    (DCNRegressor, SMALL | {"structure": "fused", "cross": "exponential"} | LONGER),
    (DCNRegressor, SMALL | {"structure": "deep"} | LONGER),
]

# Estimators that allow NaN, as these do, are not given check_estimators_nan_inf;
# test_bad_input.py has the infinities.
N_CHECKS = {DCNClassifier: 67, DCNRegressor: 60}
AT_1_9 = parse_version(sklearn.__version__) >= parse_version("1.9")


def run_checks(estimator):
    """Return each check's name and status."""
    results = check_estimator(estimator, on_skip=None, on_fail="raise")
    return {(r["check_name"], r["status"]) for r in results}, len(results)


def test_every_kind_and_structure_is_checked():
    options = [{}, *(options for _, options in CONFIGURATIONS)]
    kinds = {option.get("cross", "matrix") for option in options}
    structures = {option.get("structure", "parallel") for option in options}
    assert (kinds, structures) == ({*CROSS_KINDS}, {*STRUCTURES})


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_check_estimator_defaults(Estimator):
    """The default constructor passes all checks: none fails, is skipped or excused."""
    statuses, n_checks = run_checks(Estimator())
    assert {status for _, status in statuses} == {"passed"}
    if AT_1_9:
        assert n_checks == N_CHECKS[Estimator]


@pytest.mark.slow
@pytest.mark.parametrize(("Estimator", "options"), CONFIGURATIONS)
@pytest.mark.skipif(not AT_1_9, reason="the number of checks is that of 1.9")
def test_check_estimator_configurations(Estimator, options):
    """So does every cross kind, and every structure."""
    statuses, n_checks = run_checks(Estimator(**options))
    assert {status for _, status in statuses} == {"passed"}
    assert n_checks == N_CHECKS[Estimator]
