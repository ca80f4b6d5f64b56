"""Every parameter is in one group, and rows of a group show what was set."""

from collections import Counter
from inspect import signature

import pytest

from sklearn_dcn import DCNClassifier, DCNMultiTask, DCNRanker, DCNRegressor
from sklearn_dcn._estimator.groups import GROUPS, cells_by_group

ESTIMATORS = [DCNClassifier, DCNRegressor, DCNRanker, DCNMultiTask]


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_every_parameter_has_one_group(Estimator):
    counts = Counter(name for names in GROUPS.values() for name in names)
    assert set(signature(Estimator).parameters) <= set(counts)
    assert set(counts.values()) == {1}
    everywhere = {name for E in ESTIMATORS for name in signature(E).parameters}
    assert set(counts) == everywhere


def test_rows():
    model = DCNClassifier(cross="vector", hashing={f"column {i}": 8 for i in range(9)})
    rows = cells_by_group(model)
    assert [row[1] for row in rows if row[3]] == ["hashing", "cross"]
    assert ["", "cross", "'vector'", "set"] in rows
    assert [row[0] for row in rows if row[0]] == [*GROUPS]
    assert max(len(row[2]) for row in rows) == 60
    assert {row[1] for row in rows} == set(model.get_params(deep=False))
