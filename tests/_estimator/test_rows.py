"""The rows of a fit: weights count as repeated rows, held-out ones teach nothing."""

import numpy as np
import pytest
from helpers.tables import make_mixed
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_dcn import DCNClassifier, DCNRegressor


def test_weights_that_leave_nothing(mixed, tiny):
    """Class weights of zero for every class, and labels missing in classes."""
    X, y = mixed
    with pytest.raises(ValueError, match="class_weight must leave a class"):
        DCNClassifier(**tiny, class_weight={0: 0, 1: 0}).fit(X, y)
    with pytest.raises(ValueError, match="NaN"):
        DCNClassifier(**tiny).partial_fit(X, y, classes=[0, 1, np.nan])
    for weight in (["a"] * 300, 2.0, "a"):
        with pytest.raises(ValueError, match="sample_weight must"):
            DCNClassifier(**tiny).fit(X, y, sample_weight=weight)


@pytest.mark.parametrize("Estimator", [DCNClassifier, DCNRegressor])
def test_weights_equal_repeated_rows(Estimator):
    """Integer weights equal repeated rows in a mixed table, in every statistic."""
    X, y = make_mixed(100)
    w = np.random.default_rng(0).integers(0, 4, 100)
    options = {"random_state": 0, "category_dropout": 0.0, "batch_size": 1000}
    options |= {"min_frequency": 12, "dtype": "float64"}
    weighted = Estimator(**options).fit(X, y, sample_weight=w)
    repeated = Estimator(**options).fit(X.loc[X.index.repeat(w)], np.repeat(y, w))
    assert_allclose(weighted._logits(X), repeated._logits(X), rtol=1e-6, atol=1e-8)


def test_equal_weights_change_nothing(mixed, tiny):
    """Weights of one number each are as no weights (skorch#630)."""
    X, y = mixed
    plain = DCNClassifier(**tiny).fit(X, y)
    model = DCNClassifier(**tiny).fit(X, y, sample_weight=np.full(300, 2.5))
    assert_array_equal(model.predict_proba(X), plain.predict_proba(X))


def test_validation_rows_teach_nothing():
    """Levels and scales come from the training rows alone (DeepTab#361)."""
    X, y = make_mixed(100)
    X_val = X.assign(city="Lima", price=1e9)
    model = DCNClassifier(random_state=0, max_epochs=1)
    model.fit(X, y, X_val=X_val, y_val=y)
    plain = DCNClassifier(random_state=0, max_epochs=1).fit(X, y)
    assert model.encoder_.categories[0].levels == plain.encoder_.categories[0].levels
    assert_array_equal(model.encoder_.numbers[3].knots, plain.encoder_.numbers[3].knots)
    assert "Lima" not in model.encoder_.categories[0].levels
