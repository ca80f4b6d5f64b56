"""Metrics of probabilities against hand-worked numbers, identities and scikit-learn."""

import copy

import numpy as np
import pandas as pd
import pytest
import sklearn
from helpers.tables import make_mixed
from scipy.special import softmax
from sklearn.calibration import calibration_curve
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate

from sklearn_dcn import DCNClassifier
from sklearn_dcn.metrics import (
    expected_calibration_error,
    neg_expected_calibration_error_scorer,
    neg_normalized_entropy_scorer,
    normalized_entropy_score,
)

METRICS = pytest.mark.parametrize(
    "metric", [normalized_entropy_score, expected_calibration_error]
)


def draw(n=400, n_classes=2, seed=0):
    """Return labels, probabilities that are not quite theirs, and whole weights."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1.5, (n, n_classes))
    p = softmax(logits, axis=1)
    y = np.array([rng.choice(n_classes, p=row) for row in p])
    return y, softmax(1.5 * logits, axis=1), rng.integers(0, 4, n)


# Normalised entropy -------------------------------------------------------------------


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("weighted", [False, True])
def test_normalized_entropy_is_the_ratio_of_two_log_losses(n_classes, weighted):
    """That of the model, and that of the frequencies as everyone's probabilities."""
    y, p, weight = draw(n_classes=n_classes)
    weight = weight if weighted else None
    share = np.bincount(y, weight) / (len(y) if weight is None else weight.sum())
    everyone = np.tile(share, (len(y), 1))
    expected = log_loss(y, p, sample_weight=weight) / log_loss(
        y, everyone, sample_weight=weight
    )
    score = normalized_entropy_score(y, p, sample_weight=weight)
    assert score == pytest.approx(expected, rel=1e-12)
    assert 0 < score < 1
    assert normalized_entropy_score(y, everyone, sample_weight=weight) == pytest.approx(
        1
    )


def test_normalized_entropy_by_hand():
    """One of four: the entropy is log(4) - 3/4 log(3)."""
    score = normalized_entropy_score(["a", "a", "a", "b"], [0.5, 0.5, 0.5, 0.5])
    assert score == pytest.approx(np.log(2) / (np.log(4) - 0.75 * np.log(3)))


def test_normalized_entropy_does_not_depend_on_how_rare_positives_are():
    """Nothing is learned at 1 % and at 40 %: 1 both times, but other log losses."""
    for rate in (0.01, 0.4):
        y = (np.arange(1000) < 1000 * rate).astype(int)
        assert normalized_entropy_score(y, np.full(1000, rate)) == pytest.approx(1)


def test_a_certain_and_wrong_row_is_finite():
    """As scikit-learn's log loss, which clips probabilities."""
    y, p = [0, 1, 1], [0.0, 0.0, 1.0]
    entropy = log_loss(y, [2 / 3] * 3)
    assert normalized_entropy_score(y, p) == pytest.approx(log_loss(y, p) / entropy)
    assert normalized_entropy_score(y, [0.0, 1.0, 1.0]) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("y", "options"),
    [
        ([1, 1, 1], {"labels": [0, 1]}),
        ([0, 1, 1], {"sample_weight": [0, 1, 1]}),
    ],
)
def test_a_single_class_has_no_entropy(y, options):
    with pytest.raises(ValueError, match=r"^y_true must hold at least 2 classes.*got"):
        normalized_entropy_score(y, [0.1, 0.2, 0.3], **options)


# Calibration error --------------------------------------------------------------------


def test_calibration_error_by_hand():
    """Bins of two: predicted .2 and .6, true rates .5 and 1."""
    y, p = [0, 1, 1, 1], [0.1, 0.3, 0.5, 0.7]
    error = expected_calibration_error(y, p, n_bins=2)
    assert error == pytest.approx((2 * 0.3 + 2 * 0.4) / 4)
    # Of equal width, .5 goes below as in scikit-learn: gaps of 2 - .9 and 1 - .7.
    uniform = expected_calibration_error(y, p, n_bins=2, strategy="uniform")
    assert uniform == pytest.approx((1.1 + 0.3) / 4)
    assert expected_calibration_error(y, p, n_bins=1) == pytest.approx(3 / 4 - 0.4)


def test_calibration_error_of_the_top_label_by_hand():
    """Confidence .5, .6 and .9, right in the second and third row."""
    p = [[0.5, 0.3, 0.2], [0.2, 0.6, 0.2], [0.05, 0.05, 0.9]]
    y = ["b", "b", "c"]
    assert expected_calibration_error(
        y, p, n_bins=3, labels=["a", "b", "c"]
    ) == pytest.approx((0.5 + 0.4 + 0.1) / 3)
    assert expected_calibration_error(
        y, p, n_bins=1, labels=["a", "b", "c"]
    ) == pytest.approx(abs(2 / 3 - 2 / 3), abs=1e-12)


@pytest.mark.parametrize("strategy", ["quantile", "uniform"])
def test_calibration_error_is_that_of_the_curve(strategy):
    """The mean distance of scikit-learn's curve from the diagonal, by size of bin."""
    y, p, _ = draw(n=600)
    p = p[:, 1]
    true, predicted = calibration_curve(y, p, n_bins=10, strategy=strategy)
    if strategy == "uniform":
        size = np.histogram(p, bins=10, range=(0, 1))[0]
    else:
        size = np.full(10, 60)
    expected = np.average(np.abs(true - predicted), weights=size)
    error = expected_calibration_error(y, p, n_bins=10, strategy=strategy)
    assert error == pytest.approx(expected, rel=1e-9)


def test_equal_probabilities_share_a_bin():
    """So the order of rows does not matter, and a base rate is calibrated."""
    y = np.repeat([0, 1], [90, 10])
    assert expected_calibration_error(y, np.full(100, 0.1)) == pytest.approx(0)
    p = np.repeat([0.1, 0.2, 0.1, 0.3], 25)
    order = np.random.default_rng(0).permutation(100)
    assert expected_calibration_error(y, p) == pytest.approx(
        expected_calibration_error(y[order], p[order]), rel=1e-12
    )


def test_calibration_error_of_true_probabilities_vanishes():
    """It falls with the number of rows; that of distorted ones does not."""
    rng = np.random.default_rng(1)
    p = rng.beta(0.5, 20, 200_000)
    y = (rng.random(len(p)) < p).astype(int)
    true = expected_calibration_error(y, p)
    few = expected_calibration_error(y[:2000], p[:2000])
    assert true < 0.001 < few
    doubled = expected_calibration_error(y, np.minimum(2 * p, 1))
    assert doubled == pytest.approx(p.mean(), rel=0.05)  # all bins are p too high


# Both ---------------------------------------------------------------------------------


@METRICS
@pytest.mark.parametrize("n_classes", [2, 4])
def test_weights_equal_repeated_rows(metric, n_classes):
    """Exactly so, also where the repeated rows would make other bins."""
    y, p, weight = draw(n_classes=n_classes, seed=3)
    rows = np.repeat(np.arange(len(y)), weight)
    weighted = metric(y, p, sample_weight=weight)
    assert weighted == pytest.approx(metric(y[rows], p[rows]), rel=1e-9)
    assert weighted != pytest.approx(metric(y, p), rel=1e-3)


@METRICS
def test_forms_of_probabilities_and_labels(metric):
    """(n,), (n, 1) and (n, 2) are one; so are labels of any type."""
    y, p, _ = draw(seed=4)
    score = metric(y, p)
    assert metric(y, p[:, 1]) == pytest.approx(score, rel=1e-12)
    assert metric(y, p[:, 1:]) == pytest.approx(score, rel=1e-12)
    assert metric(np.array(["no", "yes"])[y], p) == pytest.approx(score, rel=1e-12)
    assert metric(pd.Series(y == 1), pd.DataFrame(p)) == pytest.approx(score, rel=1e-12)
    assert metric(y, p.astype(np.float32)) == pytest.approx(score, rel=1e-3)


@METRICS
@pytest.mark.parametrize(
    ("y", "p", "options", "message"),
    [
        ([0, 1], [0.1, 1.2], {}, r"^y_proba must hold probabilities in \[0, 1\]; got"),
        ([0, 1], [-0.1, 0.2], {}, r"^y_proba must hold probabilities in \[0, 1\]; got"),
        ([0, 1], [0.1, np.nan], {}, "y_proba contains NaN"),
        ([0, 1], [0.1], {}, "inconsistent numbers of samples"),
        ([0, 0], [0.1, 0.2], {}, "^y_proba must have a column for each class of y_tru"),
        ([0, 1, 2], [0.1, 0.2, 0.3], {}, "1-D for two; got 2 classes. Name them"),
        ([0, 1], [[0.2, 0.5, 0.3]] * 2, {}, "got 3 classes. Name them in label"),
        ([0, 1], [[0.2, 0.5]] * 2, {}, "so that rows sum to 1; got a row .* 0.7"),
        ([0, 5], [0.1, 0.2], {"labels": [0, 1]}, r"^y_true must hold .*got also \[5\]"),
        ([0, 1], [0.1, 0.2], {"labels": [0, 1, 2]}, "each class of labels"),
        ([0.5, 1.5], [0.1, 0.2], {}, "continuous"),
        ([0, 1], [0.1, 0.2], {"sample_weight": [1, -1]}, "^sample_weight must not be"),
        ([0, 1], [0.1, 0.2], {"sample_weight": [1]}, "^sample_weight must be 1-D"),
    ],
)
def test_wrong_input(metric, y, p, options, message):
    with pytest.raises(ValueError, match=message):
        metric(y, p, **options)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n_bins": 0}, ValueError, "^n_bins"),
        ({"n_bins": 2.5}, TypeError, "^n_bins"),
        ({"strategy": "kmeans"}, ValueError, "^strategy.*'quantile'"),
    ],
)
def test_wrong_bins(options, error, message):
    with pytest.raises(error, match=message):
        expected_calibration_error([0, 1], [0.1, 0.2], **options)


# Scorers ------------------------------------------------------------------------------

SCORERS = {
    neg_normalized_entropy_scorer: normalized_entropy_score,
    neg_expected_calibration_error_scorer: expected_calibration_error,
}


@pytest.mark.parametrize("scorer", SCORERS, ids=lambda s: s._score_func.__name__)
@pytest.mark.parametrize("labels", [(0, 1), ("no", "yes"), ("a", "b", "c")])
def test_scorers_are_negative_metrics(scorer, labels, tiny):
    X, y = make_mixed(200)
    y = np.array(labels)[(y + (X["visits"] > 4)) if len(labels) == 3 else y]
    model = DCNClassifier(**tiny).fit(X, y)
    weight = np.random.default_rng(0).integers(0, 3, 200)
    p = model.predict_proba(X)
    assert scorer(model, X, y) == pytest.approx(-SCORERS[scorer](y, p))
    assert scorer(model, X, y, sample_weight=weight) == pytest.approx(
        -SCORERS[scorer](y, p, sample_weight=weight)
    )


def test_scorers_choose_in_a_search(mixed, tiny):
    """A search prefers the network that learns to the one that does not."""
    X, y = mixed
    search = GridSearchCV(
        DCNClassifier(**{**tiny, "max_epochs": 20}),
        {"learning_rate": [1e-9, 0.01]},
        scoring=neg_normalized_entropy_scorer,
        cv=2,
    ).fit(X, y)
    assert search.best_params_ == {"learning_rate": 0.01}
    scores = cross_val_score(
        DCNClassifier(**tiny),
        X,
        y,
        scoring=neg_expected_calibration_error_scorer,
        cv=2,
    )
    assert (scores < 0).all()


def test_scorers_route_weights(mixed, tiny):
    """With metadata routing the weights of the test rows reach the metric."""
    X, y = mixed
    weight = np.random.default_rng(0).integers(1, 5, len(y)).astype(float)
    with sklearn.config_context(enable_metadata_routing=True):
        scorers = {
            name: copy.deepcopy(scorer).set_score_request(sample_weight=True)
            for name, scorer in [
                ("ne", neg_normalized_entropy_scorer),
                ("ece", neg_expected_calibration_error_scorer),
            ]
        }
        result = cross_validate(
            DCNClassifier(**tiny).set_fit_request(sample_weight=False),
            X,
            y,
            scoring=scorers,
            cv=[(np.arange(200), np.arange(200, 300))],
            params={"sample_weight": weight},
        )
    model = DCNClassifier(**tiny).fit(X[:200], y[:200])
    p, test = model.predict_proba(X[200:]), slice(200, None)
    for name, metric in [
        ("ne", normalized_entropy_score),
        ("ece", expected_calibration_error),
    ]:
        expected = -metric(y[test], p, sample_weight=weight[test])
        assert result[f"test_{name}"][0] == pytest.approx(expected)
        assert expected != pytest.approx(-metric(y[test], p), rel=1e-3)
