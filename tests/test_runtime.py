"""Tests of what "auto" stands for in the parameters that adapt to the table."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from sklearn_dcn import DCNClassifier
from sklearn_dcn._estimator.defaults import (
    resolve_early_stopping,
    resolve_learning_rate,
    resolve_table,
)

AUTO = {
    "numeric_levels": "auto",
    "numeric_embedding": "auto",
    "memorized_crosses": "auto",
}
FOUND = {
    "numeric_levels": "auto",
    "numeric_embedding": "piecewise_linear",
    "memorized_crosses": "auto",
}


@pytest.mark.parametrize("n_rows", [None, 1, 999])
def test_few_rows_or_an_unknown_number_adapt_nothing(n_rows):
    assert resolve_table(AUTO, n_rows) == dict.fromkeys(AUTO)


@pytest.mark.parametrize("n_rows", [1000, 10**9])
def test_many_rows_adapt(n_rows):
    assert resolve_table(AUTO, n_rows) == FOUND


@pytest.mark.parametrize("n_rows", [None, 10, 5000])
def test_what_is_given_stays(n_rows):
    given = {
        "numeric_levels": 7,
        "numeric_embedding": "linear",
        "memorized_crosses": [("auto", "b")],
    }
    assert resolve_table(given, n_rows) == given
    assert resolve_table(dict.fromkeys(AUTO), n_rows) == dict.fromkeys(AUTO)
    one = resolve_table({**AUTO, "numeric_levels": 7}, n_rows)
    assert one["numeric_levels"] == 7
    assert (one["memorized_crosses"] is None) == (n_rows != 5000)


def test_other_parameters_do_not_matter():
    assert resolve_table({**AUTO, "optimizer": "auto"}, 1000) == FOUND


@pytest.mark.parametrize("n_rows", [999, 1000])
def test_estimator_adapts_to_its_training_rows(n_rows):
    X = np.random.default_rng(0).integers(0, 9, (n_rows, 2)) ** 3.0
    y = np.arange(n_rows) % 2
    model = DCNClassifier(max_epochs=1, random_state=0).fit(X, y)
    adapts = n_rows == 1000
    assert model._numeric_embedding == ("piecewise_linear" if adapts else None)
    assert (model.encoder_.crosses is not None) == adapts
    assert [*model.encoder_.values] == ([0, 1] if adapts else [])


def test_early_stopping_from_five_hundred_rows():
    assert resolve_early_stopping("auto", 500)
    assert not resolve_early_stopping("auto", 499)
    assert resolve_early_stopping(True, 10)
    assert resolve_early_stopping(np.True_, 10) is True
    assert not resolve_early_stopping(False, 10**6)


def test_learning_rate():
    """Twice as high where early stopping ends a fit that ids do not over-fit."""
    assert resolve_learning_rate("auto", True, 1000, 500) == 0.002
    assert resolve_learning_rate("auto", True, 1000, 501) == 0.001  # seldom seen
    assert resolve_learning_rate("auto", False, 1000, 0) == 0.001
    assert resolve_learning_rate("auto", True, 999, 0) == 0.001
    assert resolve_learning_rate(0.1, True, 1000, 0) == 0.1


@pytest.mark.parametrize("stops", [True, False])
def test_learning_rate_of_the_estimator(stops):
    X = np.random.default_rng(0).normal(size=(1200, 2))
    y = np.arange(1200) % 2
    options = {"max_epochs": 1, "random_state": 0, "early_stopping": stops}
    options["hidden_layer_sizes"] = (4,)
    auto = DCNClassifier(**options).fit(X, y)
    rate = 0.002 if stops else 0.001
    given = DCNClassifier(**options, learning_rate=rate).fit(X, y)
    assert auto.history_[0]["lr"] == rate
    assert_array_equal(auto.predict_proba(X), given.predict_proba(X))
    auto.partial_fit(X, y)  # which never stops early
    assert auto.history_[-1]["lr"] == 0.001


@pytest.mark.parametrize(("n_levels", "has_curves"), [(300, True), (1300, False)])
def test_curves_need_ids_that_are_seen(n_levels, has_curves):
    """Numbers have no curves where there are half as many levels as training rows."""
    rng = np.random.default_rng(0)
    ids = (np.arange(1800) % n_levels).astype(str)
    X = pd.DataFrame({"id": ids, "x": rng.normal(size=1800)})
    options = {"max_epochs": 1, "random_state": 0, "hidden_layer_sizes": (4,)}
    model = DCNClassifier(**options).fit(X, rng.random(1800) < 0.5)
    assert (model.module_.members[0].embedding.numbers is not None) == has_curves
    asked = DCNClassifier(**options, numeric_embedding="piecewise_linear")
    asked.fit(X, rng.random(1800) < 0.5)
    assert asked.module_.members[0].embedding.numbers is not None
