"""Predictions need a fit, are finite or an error, and depend on their row alone."""

import numpy as np
import pytest
from helpers.tables import make_mixed
from helpers.unharmed import data
from numpy.testing import assert_allclose
from sklearn.exceptions import NotFittedError

from sklearn_dcn import DCNClassifier, DCNRegressor


@pytest.mark.parametrize(
    ("Estimator", "method"),
    [
        *(
            (DCNClassifier, method)
            for method in (
                "predict",
                "predict_proba",
                "predict_log_proba",
                "decision_function",
            )
        ),
        (DCNRegressor, "predict"),
    ],
)
def test_not_fitted(Estimator, method):
    """Every prediction of an unfitted estimator raises NotFittedError."""
    X, y = data()
    estimator = Estimator()
    with pytest.raises(
        NotFittedError, match=f"This {Estimator.__name__} instance is not"
    ):
        getattr(estimator, method)(X)
    with pytest.raises(NotFittedError):
        estimator.score(X, y)
    with pytest.raises(ValueError, match="dropout"):  # a failed fit is no fit
        estimator.set_params(dropout=2).fit(X, y)
    with pytest.raises(NotFittedError):
        getattr(estimator, method)(X)


def test_numbers_beyond_the_network_are_an_error(mixed, tiny):
    """A prediction that overflows names its row; probabilities are never NaN."""
    X, y = mixed
    model = DCNClassifier(**tiny, numeric_transform=None).fit(X, y)
    far = X.head(3).assign(visits=[1.0, 1e200, 2.0])
    with pytest.raises(ValueError, match="not finite, first in row 1 of X"):
        model.predict_proba(far)
    quantile = DCNClassifier(**tiny).fit(X, y)
    assert np.isfinite(quantile.predict_proba(far)).all()


def test_one_row_equals_the_row_in_a_table(mixed, tiny):
    """Predictions do not depend on what else is predicted (DeepCTR-Torch: B2)."""
    X, y = make_mixed(257)
    for cross in ("vector", "matrix", "low_rank", "mixture", "gated"):
        model = DCNClassifier(**tiny, cross=cross, batch_size=256).fit(X, y)
        alone = np.vstack([model.predict_proba(X.iloc[[i]]) for i in range(5)])
        assert_allclose(alone, model.predict_proba(X)[:5], rtol=1e-9)
