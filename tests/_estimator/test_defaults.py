"""What "auto" stands for in the parameters that adapt to the table."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.lazy import OPTIONS, N, fit, is_lazily_fitted
from helpers.options import PLAIN
from helpers.tables import make_mixed
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import log_loss

from sklearn_dcn import DCNClassifier, DCNRegressor
from sklearn_dcn._estimator import defaults
from sklearn_dcn._estimator.defaults import (
    resolve_learning_rate,
    resolve_members,
    resolve_products,
    resolve_table,
)
from sklearn_dcn._training.lazy_adamw import AdamW

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


def test_learning_rate():
    """Higher where early stopping ends a fit that ids do not over-fit."""
    assert resolve_learning_rate("auto", True, 1000, False, False) == 0.003
    assert resolve_learning_rate("auto", True, 1000, False, True) == 0.002  # drifts
    assert (
        resolve_learning_rate("auto", True, 1000, True, False) == 0.001
    )  # seldom seen
    assert resolve_learning_rate("auto", False, 1000, False, False) == 0.001
    assert resolve_learning_rate("auto", True, 999, False, False) == 0.001
    assert resolve_learning_rate(0.1, True, 1000, False, False) == 0.1


@pytest.mark.parametrize("native", [True, False])
def test_products(monkeypatch, native):
    """In bfloat16 where the device has it and the network is large, or if asked for."""
    device = torch.device("cpu")
    monkeypatch.setattr(defaults, "multiplies_bfloat16", lambda device: native)
    single, double = torch.float32, torch.float64
    half = torch.bfloat16 if native else None
    assert resolve_products("auto", single, device, 10**8) is half
    assert resolve_products("auto", single, device, 10**6) is None
    assert resolve_products("auto", double, device, 10**8) is None
    assert resolve_products("float32", single, device, 10**8) is None
    assert resolve_products("bfloat16", single, device, 100) is torch.bfloat16


@pytest.mark.parametrize("native", [True, False])
def test_products_of_a_fit(monkeypatch, native):
    """In training; of many rows in predictions, too, but never of few."""
    monkeypatch.setattr(defaults, "multiplies_bfloat16", lambda device: native)
    monkeypatch.setattr(defaults, "HALF_FROM", 1)
    X, y = make_mixed(600)
    plain = {"max_epochs": 2, "random_state": 0}
    auto = DCNClassifier(**plain).fit(X, y)
    single = DCNClassifier(**plain, dtype="float32").fit(X, y)
    assert np.array_equal(auto.predict_proba(X), single.predict_proba(X)) != native
    many = pd.concat([X] * 7, ignore_index=True)  # 4,200 rows
    few, bulk = auto.predict_proba(X), auto.predict_proba(many)[:600]
    assert (np.abs(few - bulk).max() > 1e-5) == native
    assert_allclose(few, bulk, atol=0.01)
    other = pickle.loads(pickle.dumps(auto))
    assert_array_equal(other.predict_proba(many)[:600], bulk)


@pytest.mark.parametrize("stops", [True, False])
def test_learning_rate_of_the_estimator(stops):
    X = np.random.default_rng(0).normal(size=(1200, 2))
    y = np.arange(1200) % 2
    options = {"max_epochs": 1, "random_state": 0, "early_stopping": stops}
    options["hidden_layer_sizes"] = (4,)
    auto = DCNClassifier(**options).fit(X, y)
    rate = 0.003 if stops else 0.001
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


# In a fit -----------------------------------------------------------------------------


def test_max_epochs_auto():
    """10 epochs; 2 where ids are seldom seen; more in tiny tables; 50 with stopping."""
    rng = np.random.default_rng(0)

    def n_epochs(n_rows, n_levels, **options):
        X = pd.DataFrame({"id": (np.arange(n_rows) % n_levels).astype(str)})
        y = rng.random(n_rows) < 0.5
        options |= {"random_state": 0, "hidden_layer_sizes": (4,)}
        options |= {"validation": "random"}
        options.setdefault("early_stopping", False)
        return DCNClassifier(**options).fit(X, y).n_iter_

    assert n_epochs(4000, 10) == 10
    assert n_epochs(4000, 2100) == 2
    assert n_epochs(200, 10) == 25  # 4 steps an epoch
    assert n_epochs(200, 150) == 8
    assert n_epochs(4000, 2100, early_stopping=True, n_iter_no_change=99) == 50


def test_ids_that_tell_nothing_are_not_memorised():
    """With as many ids as rows, the default stays near the base rate on new rows."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame({c: rng.integers(0, 2000, 8000).astype(str) for c in "abc"})
    y = rng.random(8000) < 0.3
    base_rate = log_loss(y[4000:], np.full(4000, 0.3))
    for max_epochs, is_near in [("auto", True), (10, False)]:
        options = {"random_state": 0, "max_epochs": max_epochs}
        model = DCNClassifier(early_stopping=False, **options)
        p = model.fit(X[:4000], y[:4000]).predict_proba(X[4000:])
        assert (log_loss(y[4000:], p) < base_rate + 0.05) == is_near


def test_early_stopping_auto(tiny):
    """It starts at 500 rows, or with validation rows; False only records them."""
    X, y = make_mixed(500)
    tiny |= {"max_epochs": 1, "batch_size": 4096}
    assert "valid_loss" in DCNClassifier(**tiny).fit(X, y).history_[0]
    few = X.iloc[:499], y[:499]
    assert "valid_loss" not in DCNClassifier(**tiny).fit(*few).history_[0]
    watched = DCNClassifier(**tiny | {"max_epochs": 9}, early_stopping=False)
    watched.fit(X[:100], y[:100], X_val=X[100:200], y_val=y[100:200])
    assert watched.n_iter_ == watched.best_epoch_ == 9
    assert "valid_loss" in watched.history_[0]


def test_dtype(mixed, tiny):
    """Small tables compute in float64, larger in float32; predictions are float64."""
    X, y = make_mixed(501)
    small = DCNClassifier(**tiny).fit(X[:500], y[:500])
    large = DCNClassifier(**tiny).fit(X, y)
    assert small.module_.members[0].head.weight.dtype == torch.float64
    assert large.module_.members[0].head.weight.dtype == torch.float32
    assert large.predict_proba(X).dtype == np.float64
    forced = DCNClassifier(**tiny, dtype="float32").fit(X[:100], y[:100])
    assert forced.module_.head.weight.dtype == torch.float32


# Members ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n_rows", "expected"),
    [
        *[(None, 1), (499, 1), (500, 8), (1250, 8), (1500, 7), (2000, 5), (3000, 3)],
        *[(5000, 2), (200_000, 2), (200_001, 1)],
    ],
)
def test_auto(n_rows, expected):
    """As many as have 10,000 rows together."""
    assert resolve_members("auto", True, n_rows, False) == expected
    assert resolve_members("auto", False, n_rows, False) == 1
    assert resolve_members(6, True, n_rows, False) == 6


def test_auto_takes_more_where_ids_are_seldom_seen():
    assert resolve_members("auto", True, 8000, True) == 4
    assert resolve_members("auto", True, 8000, False) == 2
    assert resolve_members("auto", True, 1000, True) == 8
    assert resolve_members("auto", True, 499, True) == 1
    X = pd.DataFrame({"id": [f"id {i // 2}" for i in range(4000)]})
    options = {**PLAIN, "max_epochs": 1}
    model = DCNRegressor(**options).fit(X, np.arange(4000.0))
    assert len(model.module_.members) == 4  # each of two rows
    X["id"] = [f"id {i // 3}" for i in range(4000)]
    assert len(DCNRegressor(**options).fit(X, np.arange(4000.0)).module_.members) == 2


# Optimizers ---------------------------------------------------------------------------


@pytest.mark.parametrize(("limit", "lazy"), [(31, True), (32, True), (33, False)])
def test_auto_counts_all_ids(monkeypatch, limit, lazy):
    """The ids of all columns count together, those of unknown and missing as well."""
    monkeypatch.setattr("sklearn_dcn._estimator.defaults.LAZY_FROM", limit)
    model = fit(max_epochs=1)
    assert sum(model.encoder_.cardinalities) == 32
    assert is_lazily_fitted(model) == lazy
    assert type(model.net_.optimizer_) is AdamW


def test_auto_without_categories_is_dense():
    """Numbers alone have nothing to be lazy about, also if asked to be."""
    X = np.random.default_rng(0).normal(size=(N, 3))
    y = np.arange(N) % 2
    auto, lazy, dense = (
        DCNClassifier(**OPTIONS | {"optimizer": o}).fit(X, y)
        for o in ("auto", "lazy_adamw", "adamw")
    )
    assert not is_lazily_fitted(auto)
    assert_array_equal(auto.predict_proba(X), dense.predict_proba(X))
    assert_array_equal(lazy.predict_proba(X), dense.predict_proba(X))
