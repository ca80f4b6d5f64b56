"""Linear models are scikit-learn's, whatever the weights."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge

from sklearn_dcn._table.target_statistics.fitting import fit_logistic, fit_ridge


def table(n=400, n_columns=5):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, n_columns))
    x[:, -1] = x[:, 0]  # columns may say the same
    return x, rng.integers(0, 3, n).astype(float), rng


@pytest.mark.parametrize("n_targets", [1, 3])
@pytest.mark.parametrize("alpha", [1.0, 1e-6])
def test_ridge_is_that_of_scikit_learn(alpha, n_targets):
    x, weight, rng = table()
    x = x[:, :4] if alpha < 1 else x
    y = x[:, :1] + rng.normal(5, 1, size=(400, n_targets))
    ours = fit_ridge(x, y, weight, alpha).predict(x)
    theirs = Ridge(alpha).fit(x, y, sample_weight=weight).predict(x)
    assert_allclose(ours, theirs.reshape(y.shape), rtol=1e-8)


@pytest.mark.parametrize("share", [0.5, 0.02])
@pytest.mark.parametrize("C", [0.1, 1e3])
def test_logistic_regression_is_that_of_scikit_learn(C, share):
    """As far as its few steps go."""
    x, weight, rng = table()
    y = (x[:, 0] + rng.normal(size=400) > np.quantile(x[:, 0], 1 - share)) * 1.0
    model = LogisticRegression(C=C, solver="newton-cholesky", max_iter=10, tol=1e-3)
    theirs = model.fit(x, y, sample_weight=weight).decision_function(x)
    ours = fit_logistic(x.astype(np.float32), y, weight, C).predict(x)
    assert_allclose(ours, theirs, atol=1e-3)


@pytest.mark.parametrize("far", [1.0, 30.0])
def test_steps_that_go_too_far_are_halved(far):
    """Classes that a column tells apart, and rows far off, take no logit beyond."""
    x, _, rng = table()
    x *= far
    y = (x[:, 0] > 0) * 1.0
    y[:3] = 1 - y[:3]
    weight = rng.uniform(0, 1, 400) ** 8
    model = LogisticRegression(C=1e3, solver="newton-cholesky", tol=1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        theirs = model.fit(x, y, sample_weight=weight).predict_proba(x)[:, 1]
    z = fit_logistic(x.astype(np.float32), y, weight, 1e3).predict(x)
    p = 1 / (1 + np.exp(-z))

    def loss(p):
        return np.average(-np.log(np.where(y > 0, p, 1 - p) + 1e-9), weights=weight)

    assert loss(p) < loss(theirs) + 0.01


def test_rows_of_almost_no_weight_are_no_error():
    x, _, _ = table()
    y = np.zeros(400)
    y[0] = 1
    z = fit_logistic(x.astype(np.float32), y, np.where(y, 1e-12, 1.0)).predict(x)
    assert (z < 0).all()
