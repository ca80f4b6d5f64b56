"""Only the ratios of sample weights matter, not their unit."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_dcn import DCNClassifier, DCNRegressor
from sklearn_dcn._table import to_mean_one
from sklearn_dcn.preprocessing import CategoryEncoder, ContinuousNormalizer

N = 300
rng = np.random.default_rng(0)
A, B = rng.integers(0, 15, (2, N))
X = pd.DataFrame(
    {
        "a": A.astype(str),
        "b": B.astype(str),
        "code": rng.choice([1.0, 2.5, 99_999.0], N),
        "x": rng.normal(size=N),
    }
)
y = (A % 2) ^ (B % 2) ^ (rng.random(N) < 0.1)
WEIGHTS = {
    "equal": np.ones(N),
    "whole": rng.integers(1, 4, N).astype(float),
    "real": rng.random(N),
    "uneven": rng.lognormal(0, 3, N),
}
POWERS = [2.0**k for k in (-900, -40, 3, 900)]
OTHERS = [0.1, 1 / 3, 1e-100, 1e100, 1e-300, 1e300]
OPTIONS = {
    "max_epochs": 2,
    "hidden_layer_sizes": (8,),
    "random_state": 0,
    "min_frequency": 5,
    "memorized_crosses": [("a", "b")],
    "numeric_levels": 8,
    "early_stopping": True,
}


@pytest.mark.parametrize("kind", WEIGHTS)
@pytest.mark.parametrize("Estimator", [DCNClassifier, DCNRegressor])
def test_unit_changes_no_fit(Estimator, kind):
    """To the bit for powers of two, else up to rounding."""
    w = WEIGHTS[kind]

    def logits(weight):
        return Estimator(**OPTIONS).fit(X, y, sample_weight=weight)._logits(X)

    expected = logits(w)
    for factor in POWERS[::3]:
        assert_array_equal(logits(w * factor), expected)
    for factor in (1 / w.sum(), 1e-300):
        assert_allclose(logits(w * factor), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("Estimator", [DCNClassifier, DCNRegressor])
def test_unit_changes_no_part(Estimator):
    w = WEIGHTS["whole"]
    options = {k: v for k, v in OPTIONS.items() if k != "early_stopping"}
    models = [
        Estimator(**options).partial_fit(X, y, sample_weight=w * factor)
        for factor in (1.0, 1 / w.sum(), 1e100)
    ]
    for model in models[1:]:
        assert_allclose(model._logits(X), models[0]._logits(X), rtol=1e-4, atol=1e-5)


def test_sum_of_one_keeps_levels():
    """Thresholds and priors count rows of mean weight."""
    w = np.full(N, 1 / N)
    plain = DCNClassifier(**OPTIONS).fit(X, y)
    model = DCNClassifier(**OPTIONS).fit(X, y, sample_weight=w)
    assert model.encoder_.categories[0].n_ids == plain.encoder_.categories[0].n_ids > 2
    assert len(model.encoder_.values[2].values) == 3
    assert_array_equal(model.predict_proba(X), plain.predict_proba(X))


@pytest.mark.parametrize("factor", POWERS + OTHERS)
@pytest.mark.parametrize("kind", WEIGHTS)
def test_transformers(kind, factor):
    w = WEIGHTS[kind]
    encoders = [
        CategoryEncoder(min_frequency=20).fit(X[["a"]], sample_weight=weight)
        for weight in (w, w * factor)
    ]
    assert encoders[0].categories_ == encoders[1].categories_
    z = [
        ContinuousNormalizer()
        .fit(X[["code", "x"]], sample_weight=weight)
        .transform(X[["code", "x"]])
        for weight in (w, w * factor)
    ]
    assert_allclose(z[1], z[0], rtol=1e-8, atol=1e-8)


def test_validation_weights():
    """Those of validation rows have no unit either."""
    found = [
        DCNClassifier(**OPTIONS)
        .fit(X, y, X_val=X, y_val=y, sample_weight_val=WEIGHTS["real"] * factor)
        .history_[-1]["valid_loss"]
        for factor in (1.0, 1e-200)
    ]
    assert found[1] == pytest.approx(found[0], rel=1e-5)


def test_class_weights_have_no_unit():
    """Beyond the range of single precision, too."""
    expected = DCNClassifier(**OPTIONS, class_weight={0: 1, 1: 4}).fit(X, y)
    for unit in (2.0**-300, 2.0**300):
        model = DCNClassifier(**OPTIONS, class_weight={0: unit, 1: 4 * unit})
        assert_array_equal(model.fit(X, y)._logits(X), expected._logits(X))


def test_mean_one():
    """Zeros apart; whole multiples of one weight have exact sums."""
    w = np.array([0.0, 3.0, 1.0, 0.0, 2.0, 2.0, 3.0])
    for factor in (1.0, 0.1, 1e-320, 1e307):
        found = to_mean_one(w * factor)
        assert_allclose(found[w > 0].mean(), 1, rtol=1e-6)
        if factor != 1e-320:  # which has no digits left
            assert_array_equal(found, w * found[2])
            assert found[1] + found[2] == found[4] + found[5]
    assert_array_equal(to_mean_one(np.array([0.0, 7.0, 7.0])), [0, 1, 1])
    assert_allclose(to_mean_one(np.array([1e-200, 1.0])), [2e-200, 2], rtol=1e-6)
    # Beside one that is 1e618 times as large, a weight is none.
    assert_array_equal(to_mean_one(np.array([1e-310, 1e308])), [0, 1])


@pytest.mark.parametrize("Estimator", [DCNClassifier, DCNRegressor])
def test_weight_is_a_repeated_row_where_shares_count(Estimator):
    """Weights 1 to 3 are as rows given so often, but for what counts rows."""
    w = rng.integers(1, 4, N)
    options = {
        "max_epochs": 3,
        "hidden_layer_sizes": (8,),
        "random_state": 0,
        "category_dropout": 0.0,
        "batch_size": 1000,
        "min_frequency": 0.05,
        "dtype": "float64",
        "early_stopping": False,
        "memorized_crosses": None,
        "numeric_levels": None,
        "numeric_embedding": "piecewise_linear",
        "learning_rate": 0.01,
    }
    weighted = Estimator(**options).fit(X, y, sample_weight=w)
    repeated = Estimator(**options).fit(X.loc[X.index.repeat(w)], np.repeat(y, w))
    assert_allclose(weighted._logits(X), repeated._logits(X), rtol=1e-6, atol=1e-8)
