"""Search spaces: valid samples in their bounds, and searches of all kinds."""

import numpy as np
import pandas as pd
import pytest
from helpers.tables import make_mixed
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import (
    GridSearchCV,
    HalvingRandomSearchCV,
    ParameterGrid,
    ParameterSampler,
)
from sklearn.pipeline import Pipeline

from sklearn_dcn import DCNClassifier
from sklearn_dcn._checks import check_sizes
from sklearn_dcn.presets import search_space, suggest_parameters


def test_small_space_is_a_grid():
    """Twelve candidates, lists of valid values, in a grid search of a pipeline."""
    space = search_space("small", prefix="dcn__")
    assert len(ParameterGrid(space)) == 12
    X, y = make_mixed(60)
    model = DCNClassifier(max_epochs=1, hidden_layer_sizes=(4,), random_state=0)
    two = {name: values[:1] for name, values in space.items()}
    two["dcn__embedding_l2"] = space["dcn__embedding_l2"][1:]
    search = GridSearchCV(
        Pipeline([("dcn", model)]), two, cv=2, error_score="raise"
    ).fit(X, y)
    assert len(search.cv_results_["params"]) == 2
    space["dcn__n_cross_layers"].clear()  # a copy
    assert search_space("small")["n_cross_layers"] == [2, 3]


@pytest.mark.parametrize("prefix", ["", "dcn__"])
def test_full_space_in_a_halving_search(prefix):
    """Two candidates fit."""
    X, y = make_mixed(120)
    model = DCNClassifier(max_epochs=1, random_state=0)
    model = Pipeline([("dcn", model)]) if prefix else model
    search = HalvingRandomSearchCV(
        model, search_space(prefix=prefix), n_candidates=2, cv=2, factor=2,
        min_resources=60, random_state=0, error_score="raise",
    ).fit(X, y)  # fmt: skip
    assert search.n_candidates_[0] == 2
    assert all(name.startswith(prefix) for name in search.best_params_)


# What samples must lie in, by hand.
BOUNDS = {
    "learning_rate": (1e-4, 3e-3),
    "n_cross_layers": (1, 4),
    "dropout": (0.0, 0.5),
    "embedding_l2": (1e-6, 1.0),
    "weight_decay": (1e-4, 0.1),
}


def check_samples(samples):
    """Check that samples are valid, in the bounds, and in all of their range."""
    X, y = make_mixed(20)
    table = pd.DataFrame(samples)
    for name, (low, high) in BOUNDS.items():
        assert low <= table[name].min() and table[name].max() <= high
    assert set(table["n_cross_layers"]) == {1, 2, 3, 4}
    # Half of the samples of a logarithm are below the geometric mean of the bounds.
    for name in ("learning_rate", "embedding_l2"):
        low, high = BOUNDS[name]
        assert 0.35 < (table[name] < (low * high) ** 0.5).mean() < 0.65
    sizes = [check_sizes("sizes", sizes) for sizes in table["hidden_layer_sizes"]]
    assert {len(each) for each in sizes} == {2, 3, 4}
    assert {each[0] for each in sizes} == {64, 128, 256, 512}
    assert set(table["structure"]) == {"parallel", "stacked"}
    model = DCNClassifier(max_epochs=1, random_state=0)
    for sample in samples[:3]:
        model.set_params(**sample).fit(X, y)


def test_samples_of_the_full_space():
    """Drawn by scikit-learn."""
    check_samples([*ParameterSampler(search_space(), n_iter=200, random_state=0)])


class Trial:
    """What an Optuna trial does, at random."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.params = {}

    def suggest_float(self, name, low, high, *, log=False):
        """Return a number."""
        assert name not in self.params
        ends = np.log([low, high]) if log else [low, high]
        value = float(self.rng.uniform(*ends))
        self.params[name] = float(np.exp(value)) if log else value
        return self.params[name]

    def suggest_int(self, name, low, high):
        """Return an integer."""
        assert name not in self.params
        self.params[name] = int(self.rng.integers(low, high, endpoint=True))
        return self.params[name]

    def suggest_categorical(self, name, choices):
        """Return one of the choices, which Optuna can store."""
        assert name not in self.params
        assert all(isinstance(c, (str, int, float, bool, type(None))) for c in choices)
        self.params[name] = choices[self.rng.integers(len(choices))]
        return self.params[name]


def test_suggested_parameters():
    """The same space as that of scikit-learn; the prefix is in both names."""
    check_samples([suggest_parameters(Trial(seed)) for seed in range(200)])
    trial = Trial(0)
    parameters = suggest_parameters(trial, prefix="dcn__")
    assert set(parameters) == set(search_space(prefix="dcn__"))
    assert trial.params == parameters


def test_optuna():
    """With the real one, where it is installed."""
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    X, y = make_mixed(60)

    def objective(trial):
        parameters = suggest_parameters(trial)
        model = DCNClassifier(**parameters, max_epochs=1, random_state=0)
        return model.fit(X, y).history_[-1]["train_loss"]

    sampler = optuna.samplers.TPESampler(seed=0)
    study = optuna.create_study(direction="minimize", sampler=sampler)
    study.optimize(objective, n_trials=3)
    assert len(study.trials) == 3
    assert set(study.best_params) >= {*BOUNDS, "hidden_layer_sizes"}
    assert DCNClassifier(**study.best_params).get_params()
