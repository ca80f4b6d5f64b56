"""Every parameter of the constructors: wrong values are named in fit, by the rules."""

import numpy as np
import pytest
from helpers.unharmed import ESTIMATORS, data, fitted, tiny, unharmed
from sklearn.preprocessing import OrdinalEncoder

from sklearn_dcn import DCNClassifier, DCNRegressor

# ----------------------------------------------------------------------------------
# Parameters
# ----------------------------------------------------------------------------------


V, T = ValueError, TypeError
POSITIVE_INTEGER = [(0, V), (-1, V), (1.0, T), ("1", T), (None, T), (True, T)]
RATE = [(-0.1, V), (1.0, V), (2, V), (np.nan, V), ("0.1", T), (None, T), (True, T)]
NOT_NEGATIVE = [(-1e-9, V), (np.nan, V), (np.inf, V), ("0", T), (None, T), (False, T)]
NOT_NEGATIVE_OR_NONE = [case for case in NOT_NEGATIVE if case[0] is not None]
RATE_OR_NONE = [case for case in RATE if case[0] is not None]
OPTION = [("other", V), ("", V), (1, V), (["relu"], V), (True, V)]
WRONG_PARAMETERS = {
    "categorical_features": [
        ("dtype", V),
        ("city", V),
        (["city", "device", "zip"], V),
        ([0, 5], V),
        ([-1, 0], V),
        ([True], V),
        ([1.0], V),
        (1, V),
        (None, V),
    ],
    "multivalued_features": [
        ("dtype", V),
        ("city", V),
        (["zip"], V),
        ([5], V),
        ([-1], V),
        ([True], V),
        ([1.0], V),
        (1, V),
        (["price"], T),
        (["city"], T),
        ({"zip": "|"}, V),
        ({5: "|"}, V),
        ({"city": ""}, V),
        ({"city": 1}, V),
        ({"city": True}, V),
        ({"city": None}, T),
        ({"price": "|"}, T),
    ],
    "vector_features": [
        ("dtype", V),
        ("city", V),
        (["zip"], V),
        ([5], V),
        ([True], V),
        (1, V),
        (["price"], T),
        (["city"], T),
    ],
    "text_features": [
        ("from_dtype", V),
        ("city", V),
        (["zip"], V),
        ([5], V),
        ([True], V),
        (1, V),
        (["price"], T),
        ({"zip": None}, V),
        ({"city": "word"}, V),
        ({"city": {"lowercase": True}}, V),
        ({"city": {"analyzer": "words"}}, V),
        ({"city": {"n_features": 1}}, V),
        ({"city": {"n_features": 2.5}}, T),
        ({"city": {"analyzer": "word", "ngram_range": 2}}, V),
        ({"city": {"analyzer": "word", "ngram_range": (2, 1)}}, V),
        ({"city": {"analyzer": "word", "ngram_range": (0, 1)}}, V),
        ({"city": {"analyzer": "word", "ngram_range": (True, 1)}}, V),
        ({"city": {"ngram_range": (1, 2)}}, V),  # of which of the two?
    ],
    "pooling": [
        *OPTION,
        (None, V),
        ({"city": "max"}, V),
        ({"city": None}, V),
        ({"city": "sum"}, V),  # which is not multi-valued
        ({"zip": "sum"}, V),
        ({5: "sum"}, V),
    ],
    "hashing": [
        (100, T),
        ("city", T),
        (["city"], T),
        (True, T),
        ({"city": 0}, V),
        ({"city": -1}, V),
        ({"city": 10.0}, T),
        ({"city": "10"}, T),
        ({"city": None}, T),
        ({"city": True}, T),
        ({"price": 10}, V),
        ({"zip": 10}, V),
        ({5: 10}, V),
        ({-1: 10}, V),
    ],
    "collision_weight": [(None, T), ("auto", T), (1, T), (True, V)],
    "pair_logit": [("other", V), ("", V), (1, V), (True, V)],
    "category_encoder": [
        ("target", T),
        (1, T),
        (True, T),
        ({"a": 1}, T),
        (OrdinalEncoder, T),
    ],
    "numeric_embedding": OPTION,
    "numeric_levels": [
        (0, V),
        (-1, V),
        (10.0, T),
        ("all", V),
        ("", V),
        (True, T),
        ([10], T),
    ],
    "new_levels": [(None, V), ("grow", V), (True, V)],
    "statistics_decay": [(0, V), (1.0, V), ("auto", T), (True, T)],
    "datetime_parts": [
        (None, T),
        ("hour", V),
        ([], V),
        (["hour", "minute"], V),
        (["hour", "hour"], V),
        ([1], V),
        ({"when": ["hour"]}, T),
        (True, T),
    ],
    "memorized_crosses": [
        (0, V),
        (-1, V),
        (2.0, T),
        (True, T),
        ("all", V),
        ({"city": "device"}, T),
        (["city", "device"], V),
        ([("city",)], V),
        ([("city", "device", "visits")], V),
        ([("city", "city"), ("city", 0)], V),
        ([("city", 1.0)], V),
        ([("city", "device"), ("device", "city")], V),
        ([("city", "zip")], V),
        ([(0, 5)], V),
        ([(-1, 0)], V),
    ],
    "min_frequency": [
        (0, V),
        (-1, V),
        (0.0, V),
        (1.0, V),
        (1.5, V),
        (np.nan, V),
        ("1", T),
        (True, T),
    ],
    "max_categories": [(0, V), (-1, V), (1.0, T), ("auto", V), (True, T)],
    "category_dropout": RATE,
    "numeric_transform": OPTION,
    "embedding_dim": [
        (0, V),
        (-4, V),
        (1.5, T),
        ("wide", V),
        (None, T),
        (True, T),
        ({"city": 0}, V),
        ({"city": 1.5}, T),
        ({"city": "auto"}, T),
        ({"price": 4}, V),
        ({"zip": 4}, V),
    ],
    "cross": [*OPTION, (None, V)],
    "structure": [*OPTION, (None, V)],
    "n_cross_layers": [
        (-1, V),
        (1.0, T),
        ("auto", T),
        (None, T),
        (True, T),
        ((1, 2), V),  # of which there is one
        ((1, 2, 3), T),
    ],
    "cross_rank": [(0, V), (-1, V), (1.0, T), ("full", V), (None, T), (True, T)],
    "n_experts": POSITIVE_INTEGER,
    "expert_gate": [*OPTION, (None, V)],
    "expert_activation": OPTION,
    "hidden_layer_sizes": [
        (8.0, T),
        ("8, x", T),
        (None, T),
        ((8, 0), V),
        ((-8,), V),
        ((8.0,), T),
        (("8",), T),
        ((True,), T),
        ([[8]], T),
    ],
    "activation": [*OPTION, (None, V)],
    "dropout": RATE,
    "normalization": OPTION,
    "n_members": [(0, V), (-1, V), (1.0, T), ("all", V), (None, T), (True, T)],
    "optimizer": [("lbfgs", V), (1, V), (None, V), (int, V), (["adam"], V)],
    "learning_rate": [(0, V), (0.0, V), *NOT_NEGATIVE],
    "weight_decay": NOT_NEGATIVE,
    "embedding_l2": NOT_NEGATIVE,
    "embedding_l2_scope": [*OPTION, (None, V)],
    "tower_loss": OPTION,
    "learning_rate_schedule": OPTION,
    "warmup": RATE,
    "plateau_epochs": POSITIVE_INTEGER,
    "max_grad_norm": [(0, V), (0.0, V), *NOT_NEGATIVE_OR_NONE],
    "ema_decay": [(0, V), (0.0, V), *RATE_OR_NONE],
    "label_smoothing": RATE,
    "max_epochs": [(0, V), (-1, V), (1.0, T), ("all", V), (None, T), (True, T)],
    "batch_size": [(0, V), (-1, V), (1.0, T), ("all", V), (None, T), (True, T)],
    "early_stopping": [("yes", V), (1, V), (None, V), ([True], V)],
    "validation_fraction": [(0, V), (0.0, V), *RATE],
    "n_iter_no_change": [(0, V), (-1, V), (1.0, T), ("two", V), (None, T), (True, T)],
    "tol": NOT_NEGATIVE,
    "calibrate": [(1, T), (0, T), ("yes", T), (None, T)],
    "class_weight": [
        ("even", V),
        ([1, 1], V),
        (1.0, V),
        ({0: -1}, V),
        ({1: np.nan}, V),
        ({1: np.inf}, V),
        ({0: "1"}, T),
        ({0: None}, T),
        ({2: 1}, V),
        ({"0": 1}, V),
    ],
    "loss": [*OPTION, (None, V)],
    "focal_gamma": NOT_NEGATIVE,
    "power": [(0.5, V), (0, V), (np.nan, V), (np.inf, V), ("1", T), (None, T)],
    "huber_delta": [(0, V), (0.0, V), *NOT_NEGATIVE],
    "quantiles": [
        (0, V),
        (1.0, V),
        (np.nan, V),
        ((), V),
        ((0.5, 0.5), V),
        ([0.9, 0.1], V),
        ((0.1, 1.0), V),
        ("0.5", T),
        (None, T),
        (True, T),
        ((0.1, "0.9"), T),
        ([[0.1, 0.9]], T),
    ],
    "exposure": [(1.5, T), (True, T), (["price"], T), ("price", V), ("zip", V)],
    "offset": [(1.5, T), (True, T), (["price"], T), ("zip", V), (5, V), (-1, V)],
    "negative_sampling": [
        (0, V),
        (0.0, V),
        *(case for case in RATE if case[0] is not None),
    ],
    "warm_start": [(1, T), (0, T), ("yes", T), (None, T)],
    "device": [("gpu", V), ("cpu:7", V), ("meta", V), ("", V), (0, T), (None, T)],
    "compile": [("turbo", V), (None, T), (1, T)],
    "dtype": [("float16", V), ("double", V), (None, V), (np.float32, V), (32, V)],
    "n_jobs": [(0, V), (1.0, T), ("all", T), (True, T)],
    "random_state": [(-1, V), (0.5, V), ("0", V), (2**32, V), ([1, 2], V)],
    "checkpoint": [(1, T), (True, T), (b"fit", T), ("", V), ("no such folder/fit", V)],
    "verbose": [(-1, V), (1.0, T), ("yes", T), (None, T)],
    "callbacks": [("progress", T), (1, T), ({}, T), ([1], T), ([("a", 1)], T)],
    "validation": [("first", V), (None, V), (0.1, V)],
    "validation_time": [("no such column", V), ([1, 2], V)],
    "validation_groups": [("no such column", V), ([1, 2], V)],
    "scoring": [("auc", V), (1, V), (True, V), (["roc_auc"], V)],
    "net_params": [
        ("lr", T),
        ([("optimizer__momentum", 0.9)], T),
        *(
            ({key: 1}, V)
            for key in (
                "module",
                "module__dropout",
                "criterion",
                "dataset",
                "train_split",
                "iterator_train",
                "iterator_train__shuffle",
                "iterator_valid",
                "warm_start",
                "max_epochs",
                "batch_size",
                "lr",
                "optimizer",
                "callbacks",
                "callbacks__print_log",
                "device",
                "verbose",
                "embedding_l2",
                "embedding_l2_scope",
                "record_batches",
                "seed",
                "dtype",
                "optimizer__lr",
                "optimizer__weight_decay",
                "optimizer__param_groups",
            )
        ),
        ({"foo": 1}, V),
        ({"optimizer__foo": 1}, V),
    ],
}
OF_CLASSES = {"class_weight", "focal_gamma", "negative_sampling", "label_smoothing"}
OF_NUMBERS = {"power", "huber_delta", "quantiles", "exposure", "offset"}


@ESTIMATORS
def test_every_parameter_is_tested(Estimator):
    """The table of wrong values covers the constructor exactly."""
    expected = set(WRONG_PARAMETERS)
    expected -= OF_CLASSES if Estimator is DCNRegressor else OF_NUMBERS
    assert set(Estimator().get_params()) == expected


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [(name, *case) for name, cases in WRONG_PARAMETERS.items() for case in cases],
    ids=lambda part: getattr(part, "__name__", repr(part)),
)
def test_wrong_parameter(name, value, error):
    """Every wrong value is an error in fit alone, of the right type, that names it."""
    for Estimator in (DCNClassifier, DCNRegressor):
        if name not in Estimator().get_params():  # of one of them alone
            continue
        estimator = fitted(Estimator)
        # Names of parameters stand alone, not inside of other words.
        with unharmed(estimator, error, rf"(^|\W){name}(\W|$)"):
            estimator.set_params(**{name: value}).fit(*data())
        fresh = tiny(Estimator).set_params(**{name: value})  # no error here
        with pytest.raises(error, match=rf"(^|\W){name}(\W|$)"):
            fresh.fit(*data())
        assert sorted(vars(fresh)) == sorted(fresh.get_params())


@pytest.mark.parametrize("key", ["module", "module__dropout", "lr", "callbacks__a"])
def test_net_params_name_the_key(key):
    """net_params that override the estimator are told the parameter to use."""
    estimator = tiny(DCNClassifier, net_params={key: 1})
    with pytest.raises(ValueError, match=rf"^net_params must not set '{key}': \w+"):
        estimator.fit(*data())


@pytest.mark.parametrize(
    "parameters",
    [
        {"warm_start": np.False_, "early_stopping": np.True_},
        {"max_epochs": np.int64(1), "dropout": np.float32(0.1), "tol": 0},
        {"hidden_layer_sizes": [np.int64(4)], "batch_size": np.int32(16)},
        {"min_frequency": np.int64(2), "max_categories": np.int64(3)},
        {"min_frequency": np.float64(0.01), "learning_rate": np.float64(0.1)},
        {"random_state": np.random.RandomState(0), "n_jobs": np.int64(1)},
        {"hidden_layer_sizes": (), "n_cross_layers": 1},
        {"class_weight": {1: 0.5}},
        {"class_weight": {}},
        {"hashing": {"city": np.int64(3), "device": 1}},
        {"hashing": {}, "pooling": {}, "multivalued_features": {}},
        {"multivalued_features": {"city": "|"}, "pooling": {"city": "sum"}},
        {"multivalued_features": {np.int64(0): "|"}, "min_frequency": 2},
        {"numeric_embedding": "periodic", "embedding_dim": np.int64(3)},
        {"numeric_levels": np.int64(9), "memorized_crosses": np.int32(2)},
        {"memorized_crosses": [(np.int64(0), 3), ("device", "visits")]},
        {"memorized_crosses": [], "numeric_embedding": "auto"},
        {"callbacks": [], "net_params": {"optimizer__betas": (0.9, 0.99)}},
        {"validation_fraction": 0.99, "early_stopping": True},
        {"loss": "focal", "focal_gamma": np.float32(0.5)},
        {"focal_gamma": 0, "negative_sampling": np.float64(0.5)},
    ],
    ids=lambda options: "-".join(options) or "none",
)
def test_numpy_scalars_are_right(parameters):
    """Values of grids and the bounds of ranges are not refused."""
    estimator = tiny(DCNClassifier).set_params(**parameters)
    assert estimator.fit(*data()).n_iter_ == 1


@pytest.mark.parametrize(
    "parameters",
    [
        {"loss": "tweedie", "power": np.float32(1)},
        {"loss": "tweedie", "power": 1, "exposure": np.int64(4)},
        {"loss": "huber", "huber_delta": np.float64(2), "offset": np.int32(4)},
        {"loss": "quantile", "quantiles": np.float64(0.3)},
        {"loss": "quantile", "quantiles": np.array([0.1, 0.9])},
        {"loss": "quantile", "quantiles": [0.5]},
    ],
    ids=lambda options: "-".join(options),
)
def test_numpy_scalars_of_a_regressor_are_right(parameters):
    X, y = data()
    estimator = tiny(DCNRegressor).set_params(**parameters)
    assert estimator.fit(X.assign(visits=X["visits"] + 1), y).n_iter_ == 1


# ----------------------------------------------------------------------------------
# Subclasses
# ----------------------------------------------------------------------------------


def test_subclass_with_a_parameter_of_its_own(mixed, tiny):
    """A subclass may have a parameter that no rule here is for."""

    class Named(DCNRegressor):
        def __init__(self, title="", **kwargs):
            super().__init__(**kwargs)
            self.title = title

        @classmethod
        def _get_param_names(cls):
            return ["title", *DCNRegressor._get_param_names()]

    X, y = mixed
    assert Named(title="x", **tiny).fit(X, y).get_params()["title"] == "x"
