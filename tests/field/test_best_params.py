"""What a trial of Optuna suggests are parameters of the estimator."""

import itertools
import json

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.pipeline import Pipeline

import sklearn_dcn
from sklearn_dcn import DCNClassifier, DCNRegressor
from sklearn_dcn.presets import suggest_parameters

X = np.arange(60.0).reshape(20, 3)
y = np.arange(20) % 2


class Trial:
    """As Optuna's, whose storages hold None, booleans, numbers and strings."""

    def __init__(self, turn):
        self.turn = turn
        self.params = {}

    def _keep(self, name, values):
        value = values[self.turn % len(values)]
        self.params[name] = json.loads(json.dumps(value))
        assert self.params[name] == value
        return value

    def suggest_float(self, name, low, high, *, log=False):
        """Return a bound."""
        return self._keep(name, [low, high])

    def suggest_int(self, name, low, high):
        """Return an integer."""
        return self._keep(name, range(low, high + 1))

    def suggest_categorical(self, name, choices):
        """Return a choice."""
        return self._keep(name, choices)


@pytest.mark.parametrize("turn", range(12))
def test_parameters_of_a_trial_construct_the_estimator(turn):
    trial = Trial(turn)
    suggested = suggest_parameters(trial)
    assert suggested == trial.params
    for cls in (DCNClassifier, DCNRegressor):
        assert cls(**trial.params).get_params()["hidden_layer_sizes"]
    if turn < 2:
        model = DCNClassifier(**trial.params, max_epochs=1, n_members=1)
        assert model.fit(X, y).predict(X).shape == (20,)


def test_with_a_prefix():
    trial = Trial(3)
    suggest_parameters(trial, prefix="dcn__")
    pipeline = Pipeline([("dcn", DCNClassifier())]).set_params(**trial.params)
    assert pipeline["dcn"].hidden_layer_sizes == trial.params["dcn__hidden_layer_sizes"]


FAST = {"max_epochs": 1, "n_members": 1, "random_state": 0}


@pytest.mark.parametrize(
    ("spelt", "sizes"),
    [("8,4", (8, 4)), (" 8 , 4 ", [8, 4]), ("8", (8,)), (8, (8,)), (np.int64(8), (8,))],
)
def test_sizes_as_a_string_or_an_integer(spelt, sizes, tmp_path):
    """The same network as with a tuple; the parameter stays as it was given."""
    model = DCNClassifier(hidden_layer_sizes=spelt, **FAST).fit(X, y)
    expected = DCNClassifier(hidden_layer_sizes=sizes, **FAST).fit(X, y)
    p = expected.predict_proba(X)
    np.testing.assert_array_equal(model.predict_proba(X), p)
    assert model.hidden_layer_sizes is spelt
    assert clone(model).hidden_layer_sizes == spelt
    model.save(tmp_path / "model.dcn")
    loaded = sklearn_dcn.load(tmp_path / "model.dcn")
    assert loaded.hidden_layer_sizes == spelt
    np.testing.assert_array_equal(loaded.predict_proba(X), p)


@pytest.mark.parametrize("sizes", ["", "8;4", "8,", "-8", "8.0", "a", 8.0, True, None])
def test_sizes_that_are_none(sizes):
    with pytest.raises(TypeError, match="hidden_layer_sizes must be a sequence of int"):
        DCNClassifier(hidden_layer_sizes=sizes).fit(X, y)


@pytest.mark.parametrize("sizes", [0, "8,0", (8, 0)])
def test_sizes_too_small(sizes):
    with pytest.raises(ValueError, match="each of hidden_layer_sizes must be"):
        DCNClassifier(hidden_layer_sizes=sizes).fit(X, y)


def test_all_sizes_of_the_space_come():
    choices = {suggest_parameters(Trial(k))["hidden_layer_sizes"] for k in range(12)}
    sizes = itertools.product(["64", "128", "256", "512"], [2, 3, 4])
    assert choices == {",".join([width] * depth) for width, depth in sizes}
