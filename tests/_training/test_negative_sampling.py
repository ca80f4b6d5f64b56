"""Some of the negatives in place of all: probabilities remain those of all rows."""

import numpy as np
import pandas as pd
import pytest
from helpers.tables import make_mixed
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit, logit
from sklearn.base import clone
from sklearn.metrics import log_loss

import sklearn_dcn._estimator.training
from sklearn_dcn import DCNClassifier
from sklearn_dcn._training.negative_sampling import sample_negatives
from sklearn_dcn.metrics import expected_calibration_error


def make_rare(n=20_000, seed=0):
    """Return a table with 2 % positives, its target and true probabilities."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {"age": rng.normal(size=n), "city": rng.choice(["a", "b", "c"], n)}
    )
    effect = X["city"].map({"a": -0.5, "b": 0.0, "c": 0.5})
    p = expit(-4.43 + X["age"] + effect)
    return X, (rng.random(n) < p).astype(int), p.to_numpy()


FAST = {
    "n_members": 1,
    "hidden_layer_sizes": (16,),
    "n_cross_layers": 1,
    "random_state": 0,
    "early_stopping": False,
    "learning_rate": 0.005,
    # What depends on the rows, or is more than the network at hand.
    "numeric_levels": None,
    "memorized_crosses": None,
    "numeric_embedding": None,
    "ema_decay": None,
}


@pytest.fixture
def tables(monkeypatch):
    """Record what every training is given: its rows and those that validate."""
    seen = []
    train = sklearn_dcn._estimator.training.train

    def record(net, data, validation, **kwargs):
        seen.append((data, validation))
        return train(net, data, validation, **kwargs)

    monkeypatch.setattr(sklearn_dcn._estimator.training, "train", record)
    return seen


# The draw -----------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0.01, 0.25, 0.9])
def test_draw_keeps_all_positives_and_a_fraction_of_the_negatives(rate):
    y = np.random.default_rng(0).random(2000) < 0.05
    kept, offset = sample_negatives(~y, np.ones(2000), rate, seed=1)
    assert_array_equal(kept, np.unique(kept))
    assert y[kept].sum() == y.sum()
    n_kept = round(rate * (~y).sum())
    assert (~y[kept]).sum() == n_kept
    # The odds in the sample, corrected, are those of all rows.
    odds = y[kept].sum() / n_kept * np.exp(-offset)
    assert odds == pytest.approx(y.sum() / (~y).sum(), rel=1e-12)
    other, _ = sample_negatives(~y, np.ones(2000), rate, seed=2)
    assert not np.array_equal(kept, other)


def test_draw_corrects_by_weight():
    """The odds are those of the weights, though a heavy row is left out or kept."""
    weight = np.array([1.0, 1.0, 1.0, 100.0, 2.0])
    is_negative = np.array([True, True, True, True, False])
    for seed in range(5):
        kept, offset = sample_negatives(is_negative, weight, 0.5, seed)
        negative = kept[is_negative[kept]]
        assert len(negative) == 2
        odds = 2.0 / weight[negative].sum() * np.exp(-offset)
        assert odds == pytest.approx(2.0 / 103.0)


def test_draw_of_few():
    """One negative at least is kept; without any there is nothing to correct."""
    kept, offset = sample_negatives(np.array([True] * 3 + [False]), np.ones(4), 0.01, 0)
    assert len(kept) == 2
    assert offset == pytest.approx(np.log(3))
    kept, offset = sample_negatives(np.zeros(3, bool), np.ones(3), 0.5, 0)
    assert (kept.tolist(), offset) == ([0, 1, 2], 0.0)


# Sampling in the fit ------------------------------------------------------------------


def test_fit_is_that_of_the_sample_with_its_odds_corrected(monkeypatch):
    """By hand: train on the sampled rows alone, then p = q / (q + (1 - q) / rate)."""
    monkeypatch.setattr(DCNClassifier, "_draw_seed", lambda self: 7)
    X, y, _ = make_rare(2000)
    X = X[["age"]]
    # float64, and an encoding that does not depend on the rows.
    options = {**FAST, "numeric_transform": None, "dtype": "float64", "max_epochs": 3}
    model = DCNClassifier(**options, negative_sampling=0.1).fit(X, y)
    rows, offset = sample_negatives(y == 0, np.ones(2000), 0.1, seed=7)
    by_hand = DCNClassifier(**options).fit(X.iloc[rows], y[rows])
    rate = (len(rows) - y.sum()) / (y == 0).sum()
    q = by_hand.predict_proba(X)[:, 1]
    p = model.predict_proba(X)[:, 1]
    assert_allclose(p, q / (q + (1 - q) / rate), rtol=1e-6)
    assert offset == pytest.approx(-np.log(rate), rel=1e-12)
    # The network is the same but for its bias, to which log(rate) has been added.
    bias, other = (float(m.module_.head.bias.detach()[0]) for m in (model, by_hand))
    assert bias == pytest.approx(other + np.log(rate), abs=1e-6)
    assert_allclose(
        model.module_.head.weight.detach(), by_hand.module_.head.weight.detach(),
        atol=1e-6,
    )  # fmt: skip
    assert [epoch["train_loss"] for epoch in model.history_] == pytest.approx(
        [epoch["train_loss"] for epoch in by_hand.history_], rel=1e-6
    )


@pytest.mark.parametrize("labels", [(0, 1), ("no", "yes")])
def test_probabilities_remain_those_of_all_rows(labels):
    """With 2 % positives and a tenth of the negatives, on new rows."""
    X, y, _ = make_rare()
    X_new, y_new, p_new = make_rare(seed=1)
    model = DCNClassifier(**FAST, max_epochs=15, negative_sampling=0.1)
    p = model.fit(X, np.array(labels)[y]).predict_proba(X_new)[:, 1]
    assert y.mean() == pytest.approx(0.02, abs=0.003)
    assert p.mean() == pytest.approx(y.mean(), rel=0.05)
    assert expected_calibration_error(y_new, p) < 0.004
    assert np.abs(logit(p) - logit(p_new)).mean() < 0.25  # log(0.1) would be 2.3


def test_held_out_rows_are_all_kept(tables):
    """A tenth of all rows validates; of the others the negatives are drawn."""
    X, y, _ = make_rare(4000)
    options = {**FAST, "early_stopping": True, "max_epochs": 2}
    DCNClassifier(**options, negative_sampling=0.25).fit(X, y)
    [(data, valid)] = tables
    assert len(valid) == 400
    assert valid.target["y"].mean() == pytest.approx(y.mean(), abs=1 / 400)
    n_positive = y.sum() - int(valid.target["y"].sum())
    assert int(data.target["y"].sum()) == n_positive
    assert len(data) == n_positive + round(0.25 * (3600 - n_positive))
    assert "offset" not in valid.target


@pytest.mark.parametrize("weighted", [False, True])
def test_validation_loss_is_that_of_the_predictions(weighted):
    """So early stopping chooses what is best for all rows, not for the sample."""
    X, y, _ = make_rare(2000)
    X_val, y_val, _ = make_rare(1000, seed=1)
    weight = np.random.default_rng(0).random(1000) + 0.1 if weighted else None
    model = DCNClassifier(**FAST, max_epochs=2, negative_sampling=0.1)
    model.fit(X, y, X_val=X_val, y_val=y_val, sample_weight_val=weight)
    expected = log_loss(y_val, model.predict_proba(X_val), sample_weight=weight)
    assert model.history_[-1]["valid_loss"] == pytest.approx(expected, rel=1e-4)
    assert model.history_[-1]["train_loss"] > 2 * expected  # of rarer negatives


def test_encoding_learns_from_all_rows(mixed, tiny):
    X, y = mixed
    X = X.assign(id=[f"id {i}" for i in range(len(X))])
    tiny["min_frequency"] = 1
    model = DCNClassifier(**tiny, negative_sampling=0.1).fit(X, y)
    plain = DCNClassifier(**tiny).fit(X, y)
    assert repr(model.encoder_) == repr(plain.encoder_)
    codes, expected = (m._encode(m._check_X(X, reset=False)) for m in (model, plain))
    assert_array_equal(codes["x_cat"], expected["x_cat"])
    assert_array_equal(codes["x_num"], expected["x_num"])


def test_weights_are_honoured():
    """Positives of weight 3 have three times the odds."""
    X, y, _ = make_rare()
    weight = np.where(y == 1, 3.0, 1.0)
    model = DCNClassifier(**FAST, max_epochs=15, negative_sampling=0.2)
    p = model.fit(X, y, sample_weight=weight).predict_proba(X)[:, 1]
    expected = np.average(y, weights=weight)
    # In the weighted rows: the mean of p under the weights is their base rate.
    assert np.average(p, weights=weight) == pytest.approx(expected, rel=0.05)
    assert expected_calibration_error(y, p, sample_weight=weight) < 0.012


def test_class_weights_mean_what_they_do_without_sampling():
    """The odds are multiplied by the classes' weights, and by nothing else."""
    X, y, p_true = make_rare()
    for class_weight, factor in (
        ({1: 5.0}, 5.0),
        ("balanced", (y == 0).sum() / (y == 1).sum()),
    ):
        model = DCNClassifier(
            **FAST, max_epochs=10, negative_sampling=0.2, class_weight=class_weight
        )
        shift = model.fit(X, y).decision_function(X) - logit(p_true)
        assert shift.mean() == pytest.approx(np.log(factor), abs=0.25)


def test_warm_start_shifts_once():
    """Fits that learn nothing leave the first output, the base rate, where it was."""
    X, y, _ = make_rare(2000)
    options = {**FAST, "learning_rate": 1e-12, "max_epochs": 1}
    model = DCNClassifier(**options, negative_sampling=0.1, warm_start=True).fit(X, y)
    bias = model.module_.head.bias.detach().item()
    assert bias == pytest.approx(logit(y.mean()), rel=1e-5)
    first = model.predict_proba(X)
    for rate in (0.1, 0.5, None):  # what may change between fits
        model.set_params(negative_sampling=rate).fit(X, y)
        assert_allclose(model.predict_proba(X), first, rtol=1e-5)


def test_partial_fit_of_sampled_parts_is_calibrated():
    X, y, _ = make_rare()
    model = DCNClassifier(**FAST, negative_sampling=0.1)
    for _ in range(8):
        for start in range(0, len(X), 5000):
            rows = slice(start, start + 5000)
            model.partial_fit(X[rows], y[rows], classes=[0, 1])
    p = model.predict_proba(X)[:, 1]
    assert p.mean() == pytest.approx(y.mean(), rel=0.12)
    assert expected_calibration_error(y, p) < 0.006
    # A part without a positive, or without a negative, is no error.
    for label in (0, 1):
        model.partial_fit(X[y == label][:20], y[y == label][:20])


def test_draw_is_the_fits_own(tables):
    """The seed gives the same rows; every fit of a warm start draws other ones."""
    X, y, _ = make_rare(2000)
    model = DCNClassifier(**FAST, max_epochs=1, negative_sampling=0.1, warm_start=True)
    state = np.random.get_state()[1].tolist()
    model.fit(X, y)
    again = clone(model).fit(X, y)
    assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    model.fit(X, y)
    first, second, warm = (data.x["x_num"].numpy() for data, _ in tables)
    assert_array_equal(first, second)
    assert not np.array_equal(first, warm)
    assert np.random.get_state()[1].tolist() == state


@pytest.mark.parametrize(
    ("options", "n_classes", "message"),
    [
        ({}, 3, r"^negative_sampling=0.1 is for two classes.*got 3 classes"),
        ({"loss": "focal"}, 2, "^negative_sampling=0.1 needs loss='log_loss'.*focal"),
    ],
)
def test_sampling_refuses(tiny, options, n_classes, message):
    """Also where it is set after the first fit, and would have no effect."""
    X, y = make_mixed(100)
    y = np.arange(100) % n_classes
    model = DCNClassifier(**tiny, **options, negative_sampling=0.1, warm_start=True)
    with pytest.raises(ValueError, match=message):
        model.fit(X, y)
    model.set_params(negative_sampling=None).fit(X, y)
    model.set_params(negative_sampling=0.1)
    with pytest.raises(ValueError, match=message):
        model.fit(X, y)
    with pytest.raises(ValueError, match=message):
        model.partial_fit(X, y)
