"""Fits that go on: warm starts, parts, what they refuse, what a failed one leaves."""

import pytest
from helpers.tables import make_mixed
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_dcn import DCNClassifier, DCNRegressor


def test_warm_start_goes_on(mixed, tiny):
    """Two warm fits go on from the first's weights and count their epochs together."""
    X, y = mixed
    model = DCNClassifier(**tiny, warm_start=True).fit(X, y)
    first = model.history_[-1]["train_loss"]
    model.fit(X, y)
    assert model.n_iter_ == 4
    assert model.history_[-1]["train_loss"] < first
    cold = DCNClassifier(**tiny).fit(X, y).fit(X, y)
    assert cold.n_iter_ == 2


@pytest.mark.parametrize("change", [{"cross": "vector"}, {"optimizer": "sgd"}])
def test_warm_start_refuses_what_it_would_ignore(mixed, tiny, change):
    """A parameter built into the fitted net must stay; a training one takes effect."""
    X, y = mixed
    model = DCNClassifier(**tiny, warm_start=True).fit(X, y)
    before = model.predict_proba(X)
    model.set_params(**change)
    (name,) = change
    with pytest.raises(ValueError, match=f"{name} must stay"):
        model.fit(X, y)
    with pytest.raises(ValueError, match=f"{name} must stay"):
        model.partial_fit(X, y)
    assert_array_equal(model.predict_proba(X), before)
    # Without the average, which would go on towards the weights.
    model = DCNClassifier(**tiny, warm_start=True, ema_decay=None).fit(X, y)
    before = model.predict_proba(X)
    model.set_params(learning_rate=1e-12).fit(X, y)
    assert_allclose(model.predict_proba(X), before, atol=1e-9)


def test_partial_fit_learns():
    """Rows in parts reach the quality of a fit; the encoding is from the first."""
    X, y = make_mixed(4000)
    model = DCNClassifier(random_state=0, batch_size=128)
    for _ in range(5):
        for start in range(0, 4000, 1000):
            rows = slice(start, start + 1000)
            model.partial_fit(X.iloc[rows], y[rows], classes=[0, 1, 2])
    assert model.n_iter_ == 20
    assert model.predict_proba(X).shape == (4000, 3)
    whole = DCNClassifier(random_state=0).fit(X, y)
    assert model.score(X, y) > whole.score(X, y) - 0.02
    regressor = DCNRegressor(random_state=0).partial_fit(X, y).partial_fit(X, y)
    assert regressor.n_iter_ == 2


def test_divergence_is_an_error(mixed):
    """Weights that are not finite raise, and an earlier fit stays in place."""
    X, y = mixed
    model = DCNClassifier(random_state=0, optimizer="sgd", max_epochs=3).fit(X, y)
    before = model.predict_proba(X)
    model.set_params(learning_rate=1e30, cross="gated")
    with pytest.raises(ValueError, match="learning_rate=1e\\+30"):
        model.fit(X, y)
    assert_array_equal(model.predict_proba(X), before)
