"""What a file may hold: the estimators and transformers, and the rules of their fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ._codec import Check, Stored
from ._encoding import TableEncoder
from ._numbers import NUMERIC_TRANSFORMS
from ._parameters import check_parameters
from ._pickling import DTYPES
from ._saving import SavesToFile
from ._stored import (
    PARTS,
    array,
    each,
    is_levels,
    is_names,
    is_plain,
    is_scaler,
    mapping,
    none,
    one_of,
    whole,
)
from ._targets import ClassTarget, ContinuousTarget
from .classifier import DCNClassifier
from .network.numeric import NUMERIC_EMBEDDINGS
from .preprocessing._embedder import CategoricalEmbedder
from .preprocessing._encoder import CategoryEncoder
from .preprocessing._normalizer import ContinuousNormalizer
from .regressor import DCNRegressor

__all__ = ["ESTIMATORS", "registry"]

# What metadata routing knows requests of.
METHODS = ("fit", "partial_fit", "score", "transform", "inverse_transform")

# Of the fit, but not of the network: a loaded one has a new optimiser.
RENEWED = ("callbacks", "net_params", "optimizer")


def _get_state(model: Any) -> dict[str, Any]:
    """Return the state of an estimator with a net, without the optimiser's."""
    check_parameters(model.get_params(deep=False))
    state = _with_requests(model)
    if "net_" in state:
        state["net_"] |= {"optimizer": None, "callbacks": None}
        now = {name: state[name] for name in RENEWED}
        state["_params_in_fit"] = state["_params_in_fit"] | now
    return state


def _with_requests(estimator: Any) -> dict[str, Any]:
    """Return the state with requests of metadata routing in plain containers."""
    state = dict(estimator.__getstate__())
    if "_metadata_request" in state:
        request = state["_metadata_request"]
        state["_metadata_request"] = {
            method: dict(getattr(request, method).requests)
            for method in METHODS
            if hasattr(request, method)
        }
    return state


def _make(cls: Any, state: dict[str, Any]) -> Any:
    estimator = cls.__new__(cls)
    requests = state.pop("_metadata_request", None)
    estimator.__setstate__(state)
    if requests is not None:
        request = cls._get_default_requests()
        for method, of_method in requests.items():
            for parameter, alias in of_method.items():
                getattr(request, method).add_request(param=parameter, alias=alias)
        estimator._metadata_request = request
    return estimator


def _make_net(cls: Any, state: dict[str, Any]) -> Any:
    """Return an estimator with its net, once its parts are known to fit together."""
    names = cls._get_param_names()
    check_parameters({name: state[name] for name in names})
    if "net_" in state:
        if any(key not in state for key in FITTED if key != "feature_names_in_"):
            raise ValueError("it is fitted in part")
        check_parameters(state["_params_in_fit"])
        _check_fit(state)
        _check_net(state)
    elif any(key in state for key in FITTED):
        raise ValueError("it is fitted in part")
    return _make(cls, state)


def _check_fit(state: dict[str, Any]) -> None:
    encoder, target, n = state["encoder_"], state["_target"], state["n_features_in_"]
    names = state.get("feature_names_in_")
    expected = [*range(n)] if names is None else names.tolist()
    if not (
        state["_params_in_fit"].keys() >= {"device", "n_cross_layers"}
        and encoder.names == expected
        and len(expected) == n
        and 1 <= state["best_epoch_"] <= state["n_iter_"] == len(state["history_"])
        and target.d_out == len(state["net_"]["initial_logits"])
    ):
        raise ValueError("the parts of the estimator do not fit together")
    if "classes_" in state and not (
        type(target) is ClassTarget
        and state["classes_"].tolist() == target.classes.tolist()
        and len(state["_class_weights"]) == len(target.classes)
    ):
        raise ValueError("classes_ do not fit the target")


def _check_net(state: dict[str, Any]) -> None:
    net = state["net_"]
    weights = net["weights"]
    # Layers are built one by one, before anything shows that there is no weight of
    # them.
    if state["_params_in_fit"]["n_cross_layers"] > len(weights):
        raise ValueError("there are more cross layers than weights")
    for name, weight in weights.items():
        expected = net["dtype"] if weight.dtype.kind == "f" else "int64"
        if weight.dtype != expected or not _is_finite(weight):
            raise ValueError(f"weight {name} must be finite, of dtype {expected}")


def _is_finite(weight: Any) -> bool:
    return not weight.size or bool(np.isfinite([weight.min(), weight.max()]).all())


def _is_net(value: Any) -> bool:
    if type(value) is not dict or value.keys() != NET.keys():
        return False
    return all(rule(value[key]) for key, rule in NET.items())


def _is_epoch(value: Any) -> bool:
    return mapping(lambda k: type(k) is str, is_plain)(value) and "batches" not in value


def _is_fitted_net(value: Any) -> bool:
    return type(value) in (DCNClassifier, DCNRegressor) and hasattr(value, "net_")


NET: dict[str, Check] = {
    "seed": whole(0),
    "initial_logits": array(np.float64),
    "dtype": one_of(*DTYPES),
    "weights": mapping(
        lambda k: type(k) is str, lambda v: type(v) is np.ndarray and v.ndim <= 4
    ),
    "optimizer": none,
    "callbacks": none,
}

FITTED: dict[str, Check] = {
    "n_features_in_": whole(1),
    "feature_names_in_": is_names,
    "encoder_": lambda v: type(v) is TableEncoder,
    "net_": _is_net,
    "best_epoch_": whole(1),
    "n_iter_": whole(1),
    "history_": each(_is_epoch),
    "_rng": lambda v: isinstance(v, np.random.RandomState),
    "_target": lambda v: type(v) in (ClassTarget, ContinuousTarget),
    "_numeric_embedding": one_of(None, *NUMERIC_EMBEDDINGS),
    "_params_in_fit": is_plain,
}

SETTINGS: dict[str, Check] = {  # of scikit-learn
    "_metadata_request": mapping(
        one_of(*METHODS), mapping(lambda k: type(k) is str, is_plain)
    ),
    "_sklearn_output_config": is_plain,
}

FEATURES = {name: FITTED[name] for name in ("n_features_in_", "feature_names_in_")}
CLASSES: dict[str, Check] = {
    "classes_": lambda v: type(v) is np.ndarray and v.ndim == 1,
    "_class_weights": array(np.float64),
}


def _net(cls: Any, more: Mapping[str, Check]) -> Stored:
    """Return how an estimator with a net is stored; it may be unfitted inside others."""
    fitted = FITTED | SETTINGS | more
    fields = dict.fromkeys(cls._get_param_names(), is_plain) | fitted
    return Stored(
        cls, fields, frozenset(fitted), get_state=_get_state, make=_make_net
    )


def _step(cls: Any, fields: Mapping[str, Check], fits: Check) -> Stored:
    """Return how a transformer is stored."""
    return Stored(
        cls,
        dict.fromkeys(cls._get_param_names(), is_plain) | FEATURES | SETTINGS | fields,
        frozenset({"feature_names_in_", *SETTINGS}),
        fits,
        _with_requests,
        _make,
    )


def _has_columns(n: int) -> Check:
    return lambda step: (
        step.n_features_in_ == n and len(getattr(step, "feature_names_in_", range(n))) == n
    )


def _encoders_fit(step: CategoryEncoder) -> bool:
    n_ids = [levels.n_ids for levels in step._encoders]
    return step.n_ids_ == n_ids and _has_columns(len(n_ids))(step)


def _embedder_fits(step: CategoricalEmbedder) -> bool:
    names = [getattr(e, "feature_names_in_", None) for e in (step, step.estimator_)]
    n = step.estimator_.n_features_in_
    return _has_columns(n)(step) and np.array_equal(*names)


NETS: dict[str, Stored] = {
    "DCNClassifier": _net(DCNClassifier, CLASSES),
    "DCNRegressor": _net(DCNRegressor, {}),
}

ESTIMATORS: dict[str, Stored] = NETS | {
    "CategoryEncoder": _step(
        CategoryEncoder,
        {"_encoders": each(is_levels), "n_ids_": each(whole(2))},
        _encoders_fit,
    ),
    "ContinuousNormalizer": _step(
        ContinuousNormalizer,
        {"method": one_of(*NUMERIC_TRANSFORMS), "_scalers": each(is_scaler)},
        lambda step: _has_columns(len(step._scalers))(step),
    ),
    "CategoricalEmbedder": _step(
        CategoricalEmbedder,
        {
            "estimator": lambda v: v is None or type(v) in (DCNClassifier, DCNRegressor),
            "estimator_": _is_fitted_net,
        },
        _embedder_fits,
    ),
}

SavesToFile._registry = PARTS | ESTIMATORS


def registry(device: Any) -> dict[str, Stored]:
    """Return all classes by name, with nets on a device; "auto" is the saved one."""

    def make(cls: Any, state: dict[str, Any]) -> Any:
        return _make_net(cls, state | {"device": device})

    nets = {name: stored._replace(make=make) for name, stored in NETS.items()}
    return PARTS | ESTIMATORS | ({} if device == "auto" else nets)
