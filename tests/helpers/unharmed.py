"""A fitted estimator that a call must leave as it was, to the bit."""

import contextlib
import functools

import pytest
from helpers.tables import make_mixed

from sklearn_dcn import DCNClassifier, DCNRegressor

ESTIMATORS = pytest.mark.parametrize("Estimator", [DCNClassifier, DCNRegressor])
N = 60


def tiny(Estimator, **parameters):
    """Return an estimator that fits in milliseconds."""
    parameters = {"max_epochs": 1, "hidden_layer_sizes": (4,), **parameters}
    return Estimator(random_state=0, **parameters)


def data():
    """Return a mixed frame of 60 rows and a target of two numbers."""
    return make_mixed(N)


@functools.cache
def fitted(Estimator):
    """Return one fitted estimator; whoever breaks it fails all tests that use it."""
    return tiny(Estimator).fit(*data())


def state(estimator):
    """Return what a failed call must leave alone."""
    X, _ = data()
    found = {
        "attributes": sorted(vars(estimator)),
        "n_features_in_": estimator.n_features_in_,
        "feature_names_in_": estimator.feature_names_in_.tolist(),
        "n_iter_": estimator.n_iter_,
        "predict": estimator.predict(X).tobytes(),
        "logits": estimator._logits(X).tobytes(),
    }
    if isinstance(estimator, DCNClassifier):
        found["classes_"] = estimator.classes_.tolist()
    return found


@contextlib.contextmanager
def unharmed(estimator, error, message):
    """Expect an error, after which the fitted estimator is as before, to the bit."""
    before = state(estimator)
    parameters = estimator.get_params()
    with pytest.raises(error, match=message) as raised:
        yield
    estimator.set_params(**parameters)
    assert type(raised.value) is error
    assert state(estimator) == before
