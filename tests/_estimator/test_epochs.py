"""How long a fit takes: its epochs, how many rows each has, and what ends them."""

import numpy as np
import pytest
from helpers.tables import make_mixed

from sklearn_dcn import DCNClassifier
from sklearn_dcn._estimator.epochs import Epochs, plan_epochs, resolve_early_stopping
from sklearn_dcn._training import Ending

TABLE = {"n_rows": 6400, "batch_size": 100, "is_seldom": False, "can_divide": True}


def plan(max_epochs="auto", n_iter_no_change="auto", stops=True, **table):
    return plan_epochs(max_epochs, n_iter_no_change, stops=stops, **TABLE | table)


def test_early_stopping_from_five_hundred_rows():
    assert resolve_early_stopping("auto", 500)
    assert not resolve_early_stopping("auto", 499)
    assert resolve_early_stopping(True, 10)
    assert resolve_early_stopping(np.True_, 10) is True
    assert not resolve_early_stopping(False, 10**6)


@pytest.mark.parametrize("is_seldom", [True, False])
def test_numbers_stand_for_themselves(is_seldom):
    """And for whole passes, of which a lower loss is waited for as long as asked."""
    seldom = {"is_seldom": is_seldom}
    assert plan(7, 3, **seldom) == Epochs(7, Ending(3))
    assert plan("auto", 3, **seldom) == Epochs(50, Ending(3))
    assert plan(7, stops=False, **seldom) == Epochs(7)
    n, (patience, longest, rise), rows = plan(7, **seldom)
    assert (n, patience, longest, rows) == (7, 2, None, None)
    assert (rise is None) != is_seldom


@pytest.mark.parametrize("is_seldom", [True, False])
def test_early_stopping_has_epochs_of_half_a_pass(is_seldom):
    found = plan(is_seldom=is_seldom)
    assert found.rows == 3200
    assert (found.n, *found.ending[:2]) == (100, 2, 4)
    assert 0 < found.ending.rise < 0.05
    # Of 65 batches that are 33: the next epoch ends in the next pass.
    assert plan(n_rows=6401, is_seldom=is_seldom).rows == 3300


def test_a_half_has_some_steps():
    """Else epochs are whole passes, as where a pass must not be divided."""
    assert plan(n_rows=3900).rows == 2000
    assert plan(n_rows=3800) == plan(can_divide=False) == Epochs(50, Ending(2))


@pytest.mark.parametrize(
    ("n_rows", "is_seldom", "n"),
    [(6400, False, 10), (900, False, 12), (6400, True, 2), (900, True, 4)],
)
def test_without_early_stopping(n_rows, is_seldom, n):
    """10 passes, or 2, and at least 100 steps, or 30."""
    assert plan(stops=False, n_rows=n_rows, is_seldom=is_seldom) == Epochs(n)


# Fits ---------------------------------------------------------------------------------


def test_a_fit_has_them():
    """At 64 steps a pass, of which no row is left out and none comes twice."""
    X, y = make_mixed(9000)
    model = DCNClassifier(random_state=0, n_members=1).fit(X, y)
    n_rows = 9000 - 900
    steps = -(-n_rows // 128)
    assert {epoch["train_rows"] for epoch in model.history_} == {128 * -(-steps // 2)}
    assert {epoch["train_batch_count"] for epoch in model.history_} == {-(-steps // 2)}
    assert "epochs of 4,096 rows" in model.summary()
    ranks = [epoch["valid_loss"] for epoch in model.history_]
    assert model.best_epoch_ == 1 + int(np.argmin(ranks))


@pytest.mark.parametrize("parameter", ["max_epochs", "n_iter_no_change"])
def test_a_number_asks_for_passes(parameter):
    X, y = make_mixed(9000)
    model = DCNClassifier(**{parameter: 1}, random_state=0, n_members=1).fit(X, y)
    assert {epoch["train_rows"] for epoch in model.history_} == {8100}


@pytest.mark.parametrize(
    "options", [{"learning_rate_schedule": "plateau"}, {"validation": "last"}, {}]
)
def test_plateaus_and_later_rows_go_by_passes(options):
    X, y = make_mixed(6000)
    model = DCNClassifier(**options, random_state=0, n_members=1, batch_size=128)
    rows = model.fit(X, y).history_[0]["train_rows"]
    assert (rows == 5400) == bool(options)
