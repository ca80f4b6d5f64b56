"""The logits' scale and shift: the least loss of held-out rows, in the heads."""

import copy
import pickle

import numpy as np
import pytest
import torch
from helpers.tables import make_mixed
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit
from sklearn.linear_model import GammaRegressor, LogisticRegression, PoissonRegressor
from sklearn.metrics import log_loss

from sklearn_dcn import DCNClassifier, DCNRegressor
from sklearn_dcn._targets.losses import WeightedLoss
from sklearn_dcn._targets.number_losses import NumberLoss
from sklearn_dcn._training.batches import to_tensors
from sklearn_dcn._training.calibration import (
    PRIOR_STD,
    fit_scale_and_shift,
    gain_of_mean,
)

FEW = {"hidden_layer_sizes": (8,), "dtype": "float64", "random_state": 0}


def sure(n, seed=0):
    """Return logits that are twice too large, and too high by 1, with labels."""
    rng = np.random.default_rng(seed)
    true = rng.normal(size=n)
    y = (rng.random(n) < expit(true)).astype(float)
    return 2 * true + 1, y


def test_it_finds_what_was_done_to_the_logits():
    z, y = sure(200_000)
    target = {"y": torch.from_numpy(y)}
    scale, shift = fit_scale_and_shift(
        WeightedLoss("log_loss"), torch.from_numpy(z)[:, None], target
    )
    assert scale == pytest.approx(0.5, abs=0.01)
    assert shift[0] == pytest.approx(-0.5, abs=0.02)


@pytest.mark.parametrize("n_members", [2, 3, 8])
@pytest.mark.parametrize("noise", [0.3, 2.0])
def test_the_mean_of_networks_has_less_noise(n_members, noise):
    """The gain is that of T for logits of a common part and noise of each network."""
    rng = np.random.default_rng(0)
    common = rng.normal(0, 1.5, (40_000, 1, 2))
    z = common + rng.normal(0, np.sqrt(noise), (40_000, n_members, 2)) + 3.0
    first = rng.integers(0, n_members, 40_000)  # each row is of two neighbours
    weight = np.zeros((40_000, n_members))
    weight[np.arange(40_000), first] = weight[np.arange(40_000), first - 1] = 2.0
    z[weight == 0] = 1e6  # what trains a network tells nothing
    gain = gain_of_mean(torch.from_numpy(z), torch.from_numpy(weight))
    expected = (1.5**2 + noise) / (1.5**2 + noise / n_members)
    assert gain == pytest.approx(expected, rel=0.03)


def test_networks_that_share_no_row_have_no_gain():
    weight = torch.eye(3).repeat(10, 1)
    assert gain_of_mean(torch.randn(30, 3, 1).double(), weight.double()) == 1.0


def test_rows_that_were_given_calibrate_the_mean():
    """It is the regression of the mean's logits on these rows."""
    X, y = make_mixed(900)
    options = FEW | {"max_epochs": 3, "n_members": 3, "early_stopping": True}
    given = {"X_val": X[-90:], "y_val": y[-90:]}
    raw, model = (
        DCNClassifier(**options, calibrate=calibrate).fit(X[:-90], y[:-90], **given)
        for calibrate in (False, True)
    )
    z = torch.from_numpy(raw.decision_function(X)[-90:, None])
    target = {"y": torch.from_numpy(np.asarray(y[-90:] == model.classes_[1], float))}
    scale, shift = fit_scale_and_shift(WeightedLoss("log_loss"), z, target)
    expected = scale * raw.decision_function(X) + shift[0]
    assert_allclose(model.decision_function(X), expected, rtol=1e-4, atol=1e-4)


def test_the_newest_rows_shift():
    """T is that of all held-out rows; b that of the mean's logits on the last ones."""
    X, y = make_mixed(900)
    options = FEW | {"max_epochs": 3, "n_members": 2, "validation": "last"}
    raw, model = (
        DCNClassifier(**options, calibrate=calibrate).fit(X, y)
        for calibrate in (False, True)
    )
    x = to_tensors(raw.encoder_.transform(X, np.float32))
    with torch.no_grad():
        first, second = (member(**x).double() for member in raw.module_.members)
    z = torch.cat([first[-90:], second[-180:-90]])
    labels = torch.from_numpy(np.asarray(y == model.classes_[1], float))
    target = {"y": torch.cat([labels[-90:], labels[-180:-90]])}
    loss = WeightedLoss("log_loss")
    scale, _ = fit_scale_and_shift(loss, z, target)
    mean = (first + second)[-90:] / 2
    same, shift = fit_scale_and_shift(loss, mean, {"y": labels[-90:]}, scale)
    assert same == scale
    expected = scale * raw.decision_function(X) + shift[0]
    assert_allclose(model.decision_function(X), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("weighted", [False, True])
def test_it_is_a_logistic_regression_with_a_prior(weighted):
    """By scikit-learn: of z and a column of ones, around the weights 1 and 0."""
    z, y = sure(300)
    w = np.random.default_rng(1).uniform(0.5, 2, 300) if weighted else np.ones(300)
    w /= w.mean()
    target = {"y": torch.from_numpy(y), "weight": torch.from_numpy(w)}
    scale, shift = fit_scale_and_shift(
        WeightedLoss("log_loss"), torch.from_numpy(z)[:, None], target
    )
    # The gradient of the penalised loss is 0, by hand.
    g = w * (expit(scale * z + shift[0]) - y)
    assert (g @ z) + (scale - 1) / PRIOR_STD**2 == pytest.approx(0, abs=1e-2)
    assert g.sum() + shift[0] / PRIOR_STD**2 == pytest.approx(0, abs=1e-2)
    # Without the prior it would be this, farther from 1 and 0.
    free = LogisticRegression(C=np.inf, max_iter=1000).fit(z[:, None], y, w)
    far = (free.coef_[0, 0] - 1) ** 2 + free.intercept_[0] ** 2
    assert 0 < (scale - 1) ** 2 + shift[0] ** 2 < far


def test_without_evidence_nothing_changes():
    z = torch.zeros(1, 1, dtype=torch.float64)
    target = {"y": torch.tensor([0.5], dtype=torch.float64)}
    scale, shift = fit_scale_and_shift(WeightedLoss("log_loss"), z, target)
    assert (scale, shift.tolist()) == (1.0, [0.0])


def test_an_order_that_is_wrong_is_left_alone():
    """A scale below 0 would turn the model round."""
    z, y = sure(100_000)
    target = {"y": torch.from_numpy(1 - y)}
    scale, shift = fit_scale_and_shift(
        WeightedLoss("log_loss"), torch.from_numpy(3 * z)[:, None], target
    )
    assert (scale, shift.tolist()) == (1.0, [0.0])


@pytest.mark.parametrize(
    ("power", "Known"), [(1.0, PoissonRegressor), (2.0, GammaRegressor)]
)
def test_counts_are_generalised_linear_models(power, Known):
    """Of many rows the slope and constant are scikit-learn's, of one logit."""
    rng = np.random.default_rng(1)
    z = rng.normal(size=(20_000, 1))
    m = np.exp(0.7 * z[:, 0] + 0.2)
    y = rng.poisson(m) if power == 1 else m * rng.gamma(2.0, 0.5, len(m))
    loss, rows = NumberLoss("deviance", power=power), torch.from_numpy(z)
    target = {"y": torch.from_numpy(y).double()[:, None]}
    scale, shift = fit_scale_and_shift(loss, rows, target)
    known = Known(alpha=0, tol=1e-8).fit(z, y)
    assert scale == pytest.approx(known.coef_[0], abs=0.01)
    assert shift == pytest.approx(known.intercept_, abs=0.01)


def test_absolute_error_shifts_to_the_median():
    """Of what is left, whatever its unit."""
    rng = np.random.default_rng(2)
    z = rng.normal(size=(20_000, 1))
    y = z + 1e-3 * rng.exponential(size=z.shape)
    loss, rows = NumberLoss("absolute_error"), torch.from_numpy(z)
    scale, shift = fit_scale_and_shift(loss, rows, {"y": torch.from_numpy(y)})
    assert scale == pytest.approx(1.0, abs=1e-4)
    assert shift == pytest.approx(1e-3 * np.log(2), rel=0.05)


def test_regression_is_least_squares():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(50_000, 2))
    y = 0.8 * z + [0.1, -0.2] + 0.5 * rng.normal(size=z.shape)
    scale, shift = fit_scale_and_shift(
        NumberLoss("squared_error"), torch.from_numpy(z), {"y": torch.from_numpy(y)}
    )
    assert scale == pytest.approx(0.8, abs=0.01)
    assert_allclose(shift, [0.1, -0.2], atol=0.01)


# In the fit ---------------------------------------------------------------------------


@pytest.mark.parametrize("n_members", [1, 2])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_heads_are_scaled_and_shifted(n_members, n_classes):
    """The logits are T z + b of those of the same fit without, on any rows."""
    X, y = make_mixed(600)
    y = y if n_classes == 2 else y + (np.arange(600) % 2)
    options = {**FEW, "n_members": n_members, "early_stopping": True, "max_epochs": 6}
    plain, model = (
        DCNClassifier(**options, calibrate=c).fit(X, y) for c in (False, True)
    )
    z, own = (np.reshape(m.decision_function(X), (600, -1)) for m in (plain, model))
    slopes = []
    for before, after in zip(z.T, own.T, strict=True):
        slope, shift = np.polyfit(before, after, 1)
        slopes.append(slope)
        assert_allclose(after, slope * before + shift, atol=1e-9)
    assert_allclose(slopes, slopes[0], rtol=1e-9)
    assert abs(slopes[0] - 1) > 1e-4
    assert plain.history_[-1]["valid_loss"] == model.history_[-1]["valid_loss"]
    assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(X),
                       model.predict_proba(X))  # fmt: skip


def test_given_rows_have_a_lower_loss():
    X, y = make_mixed(500)
    X_val, y_val = make_mixed(2000, seed=1)
    losses = []
    for calibrate in (False, True):
        model = DCNClassifier(**FEW, n_members=2, max_epochs=30, n_iter_no_change=9)
        model.set_params(calibrate=calibrate, learning_rate=0.01)
        model.fit(X, y, X_val=X_val, y_val=y_val)
        losses.append(log_loss(y_val, model.predict_proba(X_val)))
    assert losses[1] < losses[0] - 1e-5


@pytest.mark.parametrize(
    "more", [{"early_stopping": False}, {"warm_start": True, "early_stopping": True}]
)
def test_where_it_is_left_out(more):
    X, y = make_mixed(600)
    options = {**FEW, **more, "max_epochs": 3}
    plain, model = (
        DCNClassifier(**options, calibrate=c).fit(X, y) for c in (False, True)
    )
    assert_array_equal(plain.predict_proba(X), model.predict_proba(X))


def test_probabilities_are_those_of_all_rows():
    """Of negatives a part is drawn to train on; all validate."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(6000, 2))
    y = (rng.random(6000) < expit(X[:, 0] - 3)).astype(int)
    model = DCNClassifier(**FEW, negative_sampling=0.2, early_stopping=True).fit(X, y)
    assert model.predict_proba(X)[:, 1].mean() == pytest.approx(y.mean(), rel=0.1)


def test_numbers_can_be_calibrated():
    X, y = make_mixed(500)
    options = {**FEW, "early_stopping": True, "max_epochs": 2}
    plain = DCNRegressor(**options).fit(X, 5.0 * y)
    model = DCNRegressor(**options, calibrate=True).fit(X, 5.0 * y)
    slope, shift = np.polyfit(plain.predict(X), model.predict(X), 1)
    assert_allclose(model.predict(X), slope * plain.predict(X) + shift, atol=1e-9)
    assert abs(slope - 1) > 1e-3


def test_the_loss_and_the_net_are_as_before():
    """Neither the criterion nor gradients keep a trace of it."""
    X, y = make_mixed(400)
    model = DCNClassifier(**FEW, early_stopping=True, max_epochs=2).fit(X, y)
    assert not model.module_.training
    assert all(p.grad is None for p in model.module_.parameters())
    again = copy.deepcopy(model)
    assert_array_equal(again.predict_proba(X), model.predict_proba(X))
