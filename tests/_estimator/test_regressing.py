"""Every loss in a fit: units, scores, quantiles, spread, intervals; what is refused."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
import torch
from helpers.losses import LEVELS, NUMBER_LOSSES, make, make_counts, of_loss
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import (
    d2_pinball_score,
    d2_tweedie_score,
    get_scorer,
    mean_pinball_loss,
    mean_poisson_deviance,
    r2_score,
)
from sklearn.utils.estimator_checks import estimator_checks_generator
from sklearn.utils.fixes import parse_version

from sklearn_dcn import DCNRegressor, load
from sklearn_dcn.inspection import EffectDisplay, explain

LOSSES = pytest.mark.parametrize("loss", NUMBER_LOSSES)
POWERS = {"poisson": 1.0, "gamma": 2.0, "tweedie": 1.5}


@pytest.fixture(scope="module")
def table():
    return make_counts()


@pytest.fixture(scope="module")
def fits(table):
    """Return a fit of every loss."""
    X, y = table
    return {loss: make(loss).fit(X, of_loss(loss, y)) for loss in NUMBER_LOSSES}


# What they predict --------------------------------------------------------------------


@LOSSES
def test_the_unit_of_y_has_no_part(table, fits, loss):
    """A target in other units gives the same fit, in these."""
    X, y = table
    unit = 2.0**40  # which rounds nothing
    other = make(loss).fit(X, unit * of_loss(loss, y))
    assert_allclose(other.predict(X), unit * fits[loss].predict(X), rtol=1e-9)
    found, expected = (model.predict_interval(X) for model in (other, fits[loss]))
    assert_allclose(found, unit * expected, rtol=1e-9)


@LOSSES
def test_validation_loss_is_that_of_the_predictions(table, loss):
    """What stops a fit is the loss that the name says, in units of what is encoded."""
    X, y = table
    y = of_loss(loss, y)
    model = make(loss, n_members=1, ema_decay=None)
    model.fit(X[:300], y[:300], X_val=X[300:], y_val=y[300:])
    target, rest = model._target, y[300:]
    found = model.history_[model.best_epoch_ - 1]["valid_loss"]
    if loss in POWERS:
        p = model.predict(X[300:])
        kind = mean_poisson_deviance(rest, p) if loss == "poisson" else None
        if kind is not None:
            assert found == pytest.approx(kind / 2 / target.scale[0], rel=1e-6)
    elif loss == "quantile":
        q = model.predict_quantiles(X[300:])
        each = [mean_pinball_loss(rest, q[:, k], alpha=LEVELS[k]) for k in range(3)]
        assert found == pytest.approx(np.mean(each) / target.scale[0], rel=1e-6)
    losses = [epoch["valid_loss"] for epoch in model.history_]
    assert found == min(losses)


def test_scores(table, fits):
    """scikit-learn's for each: R², D² of the deviance, D² of the pinball loss."""
    X, y = table
    weight = np.linspace(0.5, 2, len(y))
    for loss, model in fits.items():
        rows = of_loss(loss, y)
        p = model.predict(X)
        if loss in POWERS:
            expected = d2_tweedie_score(
                rows, p, sample_weight=weight, power=POWERS[loss]
            )
        elif loss == "quantile":
            expected = d2_pinball_score(rows, p, sample_weight=weight, alpha=0.5)
        else:
            expected = r2_score(rows, p, sample_weight=weight)
        assert model.score(X, rows, weight) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("loss", [one for one in NUMBER_LOSSES if one != "quantile"])
def test_several_outputs(table, loss):
    """Share a network; the same one twice has the same predictions twice, nearly."""
    X, y = table
    y = of_loss(loss, y)
    both = np.column_stack([y, 3 * y])
    model = make(loss, learning_rate=0.02, max_epochs=15).fit(X, both)
    p = model.predict(X)
    assert p.shape == both.shape
    assert np.corrcoef(p.T)[0, 1] > 0.8
    assert np.isfinite(model.score(X, both))
    assert_allclose(p.mean(axis=0) / both.mean(axis=0), 1, atol=0.5)
    if loss == "gaussian":
        assert model.predict_std(X).shape == both.shape
    with pytest.raises(ValueError, match=r"one output; the target has 2"):
        model.predict_interval(X)


def test_quantiles(table, fits):
    X, _ = table
    model = fits["quantile"]
    q = model.predict_quantiles(X)
    assert q.shape == (len(X), 3)
    assert (np.diff(q) > 0).all()
    assert_array_equal(model.predict(X), q[:, 1])
    one = make("quantile").set_params(quantiles=0.3).fit(*table)
    assert_array_equal(one.predict_quantiles(X)[:, 0], one.predict(X))


def test_quantiles_are_learned():
    """Of noise that grows with x, in many rows: near those that it was drawn from."""
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 2, 4000)
    y = 10 * x + (0.2 + x) * rng.exponential(size=4000)
    model = DCNRegressor(
        loss="quantile", quantiles=(0.1, 0.9), random_state=0, n_members=1,
        validation="random", max_epochs=30, dtype="float32",
    ).fit(x[:, None], y)  # fmt: skip
    at = np.array([[0.3], [1.0], [1.7]])
    found = model.predict_quantiles(at)
    expected = 10 * at + (0.2 + at) * -np.log([0.9, 0.1])
    assert_allclose(found, expected, atol=0.45)
    assert np.diff(found)[2] > 2 * np.diff(found)[0]


def test_spread_is_learned():
    """Standard deviations of noise that grows with x, and the mean beside them."""
    rng = np.random.default_rng(1)
    x = rng.uniform(0, 2, 4000)
    y = 100 + 10 * x + (0.2 + x) * rng.normal(size=4000)
    model = DCNRegressor(
        loss="gaussian", random_state=0, n_members=1, validation="random",
        max_epochs=30, dtype="float32",
    ).fit(x[:, None], y)  # fmt: skip
    at = np.array([[0.3], [1.0], [1.7]])
    assert_allclose(model.predict(at), 100 + 10 * at[:, 0], atol=0.6)
    assert_allclose(model.predict_std(at), 0.2 + at[:, 0], rtol=0.25)


def test_absolute_error_and_huber_shrug_off_outliers():
    """A twentieth of the rows is off by far: the squared error alone follows them."""
    rng = np.random.default_rng(2)
    x = rng.uniform(-1, 1, (600, 1))
    truth = 3 * x[:, 0]
    y = truth + 0.1 * rng.normal(size=600)
    y[::20] = 500.0
    error = {}
    for loss in ("squared_error", "absolute_error", "huber"):
        model = DCNRegressor(
            loss=loss, random_state=0, n_members=1, validation="random",
            max_epochs=60, learning_rate=0.01, dtype="float32",
        ).fit(x, y)  # fmt: skip
        error[loss] = np.abs(model.predict(x) - truth).mean()
    assert error["absolute_error"] < 0.5
    assert error["huber"] < 0.5
    assert error["squared_error"] > 5


def test_constant_targets(table):
    X, _ = table
    for loss in NUMBER_LOSSES:
        model = make(loss).fit(X, np.full(len(X), 7.0))
        assert_allclose(model.predict(X), 7.0, rtol=1e-6)


# Intervals ----------------------------------------------------------------------------


@LOSSES
def test_intervals_cover(loss):
    """Of rows that were never seen about so many are inside; more take more room."""
    X, y = make_counts(2400, seed=9)
    y = y + np.random.default_rng(0).gamma(2.0, size=len(y))
    model = make(loss, max_epochs=4).fit(X[:800], y[:800])
    X, y = X[800:], y[800:]
    width = []
    for coverage in (0.5, 0.9):
        low, high = model.predict_interval(X, coverage).T
        assert (low <= high).all()
        assert np.mean((low <= y) & (y <= high)) == pytest.approx(coverage, abs=0.1)
        width.append(np.mean(high - low))
    assert width[0] < width[1]


def test_intervals_by_hand(table):
    """Of one network and given rows: the order statistic of their errors."""
    X, y = table
    model = make("squared_error", n_members=1)
    model.fit(X[:300], y[:300], X_val=X[300:], y_val=y[300:])
    errors = np.sort(np.abs(y[300:] - model.predict(X[300:])))
    reach = errors[int(np.ceil(101 * 0.8)) - 1]
    low, high = model.predict_interval(X, coverage=0.8).T
    assert_allclose(low, model.predict(X) - reach, rtol=1e-6, atol=1e-6)
    assert_allclose(high, model.predict(X) + reach, rtol=1e-6, atol=1e-6)


def test_weights_of_held_out_rows_count(table):
    """Rows of a thousandth of the weight say next to nothing."""
    X, y = table
    model = make("squared_error", n_members=1)
    weight = np.where(np.arange(100) < 50, 1.0, 1e-3)
    given = {"X_val": X[300:], "y_val": np.where(weight < 1, 1e6, y[300:])}
    model.fit(X[:300], y[:300], **given, sample_weight_val=weight)
    assert np.diff(model.predict_interval(X, 0.8)).max() < 1e3
    model.fit(X[:300], y[:300], **given)
    assert np.diff(model.predict_interval(X, 0.8)).max() > 1e5


def test_intervals_need_rows_that_were_held_out(table):
    X, y = table
    model = make("squared_error", early_stopping=False).fit(X, y)
    with pytest.raises(ValueError, match="needs rows that were held out"):
        model.predict_interval(X)
    model = make("squared_error").fit(X, y)
    model.predict_interval(X)
    model.partial_fit(X, y)
    with pytest.raises(ValueError, match="partial_fit has trained since"):
        model.predict_interval(X)
    few = make("squared_error").fit(X[:60], y[:60])
    with pytest.raises(ValueError, match=r"coverage=0\.99 needs at least 99 rows"):
        few.predict_interval(X, 0.99)


@pytest.mark.parametrize(
    ("coverage", "error"), [(0, ValueError), (1.0, ValueError), ("0.9", TypeError)]
)
def test_wrong_coverage(fits, table, coverage, error):
    with pytest.raises(error, match="coverage must be"):
        fits["squared_error"].predict_interval(table[0], coverage)


@LOSSES
def test_what_a_loss_has_not(fits, table, loss):
    X, _ = table
    for name, has in (("predict_quantiles", "quantile"), ("predict_std", "gaussian")):
        if loss != has:
            with pytest.raises(AttributeError, match=f"{name} needs .*loss='{has}'"):
                getattr(fits[loss], name)(X)


# Beside fit and predict ---------------------------------------------------------------


@LOSSES
def test_files_and_pickles(fits, table, loss, tmp_path):
    X, _ = table
    fits[loss].save(tmp_path / "model.dcn")
    for again in (load(tmp_path / "model.dcn"), pickle.loads(pickle.dumps(fits[loss]))):
        assert_array_equal(again.predict(X), fits[loss].predict(X))
        assert_array_equal(
            again.predict_interval(X, 0.7), fits[loss].predict_interval(X, 0.7)
        )
        assert again.get_params() == fits[loss].get_params()


@LOSSES
def test_inspection_is_on_the_scale_of_the_link(fits, table, loss):
    """Logits of explanations are predictions, or of counts their logarithm."""
    X, _ = table
    model = fits[loss]
    found = explain(model, X[:5], background=X[5:15])
    p = model.predict(X[:5])
    assert_allclose(found.logit, np.log(p) if loss in POWERS else p, rtol=1e-6)
    effect = EffectDisplay.from_estimator(model, X[:40], "kind")
    assert effect.baseline == pytest.approx(model.predict(X[:40]).mean(), rel=1e-6)
    assert model.feature_importances_.shape == (3,)


@LOSSES
def test_going_on(fits, table, loss):
    """partial_fit and warm starts have the loss of the first fit."""
    X, y = table
    y = of_loss(loss, y)
    model = make(loss).partial_fit(X[:200], y[:200]).partial_fit(X[200:], y[200:])
    assert np.isfinite(model.predict(X)).all()
    warm = make(loss, warm_start=True).fit(X, y)
    before = warm.predict(X)
    warm.fit(X, y)
    assert (warm.predict(X) != before).any()
    other = "huber" if loss != "huber" else "poisson"
    with pytest.raises(ValueError, match=f"loss must stay '{loss}'"):
        warm.set_params(loss=other).fit(X, y)


CALIBRATED = [loss for loss in NUMBER_LOSSES if loss not in ("quantile", "gaussian")]


@pytest.mark.parametrize("loss", CALIBRATED)
def test_calibration_lowers_the_loss_of_held_out_rows(table, loss):
    X, y = table
    y = of_loss(loss, y)
    given = {"X_val": X[300:], "y_val": y[300:]}
    found = []
    for calibrate in (False, True):
        model = make(loss, calibrate=calibrate, n_members=1).fit(
            X[:300], y[:300], **given
        )
        target = model._target
        logits = torch.from_numpy(model._logits(X[300:]))
        batch = {"y": torch.from_numpy(target.encode(y[300:]))}
        found.append(float(target.criterion(logits, batch)))
    assert found[1] < found[0]


@pytest.mark.parametrize("loss", ["quantile", "gaussian"])
def test_no_calibration_of_several_numbers(table, loss):
    with pytest.raises(ValueError, match=f"calibrate=True .*loss='{loss}'.*several"):
        make(loss, calibrate=True).fit(*table)


def test_wrong_targets_leave_a_fit_as_it_was(table, fits):
    X, y = table
    model = copy.copy(fits["poisson"])
    before = model.predict(X)
    with pytest.raises(ValueError, match=r"y must be >= 0 for loss='poisson'; got -1"):
        model.fit(X, y - 1)
    with pytest.raises(ValueError, match="y must have a mean of at least"):
        model.fit(X, 0 * y)
    with pytest.raises(ValueError, match="loss='quantile' is for one output"):
        make("quantile").fit(X, np.column_stack([y, y]))
    assert_array_equal(model.predict(X), before)


def test_scorers_stop_a_fit(table):
    """Of scikit-learn, by name, in the units of y."""
    X, y = table
    for loss, scoring in (
        ("poisson", "neg_mean_poisson_deviance"),
        ("quantile", "neg_median_absolute_error"),
        ("gaussian", "r2"),
    ):
        model = make(loss, scoring=scoring, n_members=1)
        model.fit(X[:300], y[:300], X_val=X[300:], y_val=y[300:])
        best = max(epoch["valid_score"] for epoch in model.history_)
        assert get_scorer(scoring)(model, X[300:], y[300:]) == pytest.approx(best)


def test_files_of_predictions(fits, table, tmp_path):
    """One column, as `predict` has it, also of several quantiles."""
    pytest.importorskip("pyarrow")
    X, _ = table
    X.to_parquet(tmp_path / "rows.parquet")
    for loss in ("quantile", "gaussian", "poisson"):
        out = fits[loss].predict_to(tmp_path / "rows.parquet", tmp_path / f"{loss}.csv")
        found = pd.read_csv(out)
        assert [*found] == ["prediction"]
        assert_allclose(found["prediction"], fits[loss].predict(X), rtol=1e-9)


# Of scikit-learn's checks those that a loss can break; test_common.py has all.
CHECKS = (
    *("regressors_train", "regressors_int", "regressor_multioutput", "fit2d_predict1d"),
    *("supervised_y_2d", "supervised_y_no_nan", "requires_y_none", "dict_unchanged"),
    *("sample_weight_equivalence_on_dense_data", "sample_weights_not_overwritten"),
    *("methods_subset_invariance", "methods_sample_order_invariance", "fit_idempotent"),
    *("estimators_overwrite_params", "estimator_tags_renamed", "valid_tag_types"),
    *("regressors_no_decision_function", "fit2d_1sample", "fit2d_1feature"),
)


@pytest.mark.parametrize("loss", [one for one in NUMBER_LOSSES if one[0] != "s"])
def test_check_estimator(loss):
    """By a network that is small and quick."""
    estimator = DCNRegressor(
        loss=loss, hidden_layer_sizes=(16,), learning_rate=0.03, n_cross_layers=1,
        max_epochs=25, batch_size=32, n_members=1,
    )  # fmt: skip
    names = set()
    for model, check in estimator_checks_generator(estimator):
        name = getattr(check, "func", check).__name__.removeprefix("check_")
        if name in CHECKS:
            check(model)
            names.add(name)
    several = {"regressor_multioutput"}
    is_single = loss in (*POWERS, "quantile")
    if parse_version(sklearn.__version__) >= parse_version("1.9"):  # of these names
        assert names == set(CHECKS) - (several if is_single else set())
