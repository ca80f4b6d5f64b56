"""What a file may hold: the estimators and transformers, with the rules of fields."""

from __future__ import annotations

from collections.abc import Iterable
from inspect import signature
from typing import Any

import numpy as np
from sklearn import config_context

from .._checks import check_sizes
from .._estimator import SavesToFile, check_parameters
from .._files import Check, Stored
from .._table import NUMERIC_TRANSFORMS, TableEncoder
from .._targets import (
    ClassTarget,
    ContinuousTarget,
    LabelsTarget,
    RankTarget,
    TasksTarget,
)
from .._training import DTYPES
from ..classifier import DCNClassifier
from ..multitask import DCNMultiTask
from ..network.cross import CROSS_KINDS
from ..network.numeric import NUMERIC_EMBEDDINGS
from ..preprocessing import CategoricalEmbedder, CategoryEncoder, ContinuousNormalizer
from ..ranker import DCNRanker
from ..regressor import DCNRegressor
from .classes import CLASSES, SEVERAL, TASK_CLASSES, labels_fit, tasks_fit
from .parts import PARTS, is_levels, is_scaler
from .regressors import ADDED_TO_REGRESSOR, RESIDUALS, numbers_fit
from .rules import (
    array,
    each,
    is_names,
    is_plain,
    mapping,
    none,
    number,
    one_of,
    optional,
    whole,
)
from .targets import ranks_fit

__all__ = ["ESTIMATORS", "registry"]

# What metadata routing knows requests of.
METHODS = ("fit", "partial_fit", "score", "transform", "inverse_transform")

# Of the fit, but not of the network: a loaded one has a new optimiser.
RENEWED = ("callbacks", "net_params", "optimizer", "scoring")

UNSAVED = {"checkpoint": None}  # a path of one machine

# What files of format 1 have not, as there was nothing else.
BEFORE_2 = {"n_members": 1, "calibrate": False}

# Parameters that older files of any format have not, as the default changes nothing.
ADDED = {
    "scoring": None,
    "datetime_parts": "auto",
    "validation": "random",
    "validation_time": None,
    "validation_groups": None,
    "new_levels": "unknown",
    "statistics_decay": None,
    "vector_features": "from_dtype",
    "text_features": None,
    "collision_weight": False,
    "pair_logit": None,
    "tower_loss": None,
}


def _check_parameters(parameters: dict[str, Any]) -> None:
    # Names that are left to `fit`: torch imports all compilers to know theirs, and a
    # scorer may be one of another release of scikit-learn.
    known = {"compile": True, "scoring": None}
    named = {k: v for k, v in known.items() if type(parameters[k]) is str}
    check_parameters(parameters | named)


def _get_state(model: Any) -> dict[str, Any]:
    """Return the state of an estimator with a net, as it predicts.

    The optimiser's state is a part of one whose model is to go on.
    """
    _check_parameters(model.get_params(deep=False))
    state = _without(_with_requests(model), UNSAVED)
    if "net_" in state:
        in_fit = state["_params_in_fit"]
        goes_on = in_fit["new_levels"] == "learn"
        is_that = state["optimizer"] == in_fit["optimizer"]
        optimizer = state["net_"]["optimizer"] if goes_on and is_that else None
        state["net_"] |= {"optimizer": optimizer, "callbacks": None}
        now = {name: state[name] for name in RENEWED}
        state["_params_in_fit"] = _without(state["_params_in_fit"] | now, UNSAVED)
    return state


def _without(entries: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {key: value for key, value in entries.items() if key not in names}


def _with_requests(estimator: Any) -> dict[str, Any]:
    """Return the state, with requests of metadata routing in plain containers."""
    state = dict(estimator.__getstate__())
    if "_metadata_request" in state:
        request = estimator.get_metadata_routing()
        state["_metadata_request"] = {
            method: dict(getattr(request, method).requests)
            for method in METHODS
            if hasattr(estimator, f"set_{method}_request")
        }
    return state


def _make(cls: Any, state: dict[str, Any]) -> Any:
    requests = state.pop("_metadata_request", {})
    estimator = cls.__new__(cls)
    estimator.__setstate__(state)
    with config_context(enable_metadata_routing=True):
        for method, aliases in requests.items():
            getattr(estimator, f"set_{method}_request")(**aliases)
    return estimator


def _make_net(cls: Any, state: dict[str, Any]) -> Any:
    """Return an estimator with its net, once its parts are known to fit together."""
    added: dict[str, Any] = _before(cls)
    added |= ADDED_TO_REGRESSOR if cls is DCNRegressor else {}
    state = added | state | UNSAVED
    if "_params_in_fit" in state and "_n_members" not in state:
        state |= {
            "_n_members": 1,
            "_params_in_fit": BEFORE_2 | state["_params_in_fit"],
        }
    names = [*signature(cls).parameters]
    _check_parameters({name: state[name] for name in names})
    if fitted := state.keys() - SETTINGS.keys() - set(names):
        fields = FITTED | OWN[cls]
        in_fit = state["_params_in_fit"]
        in_fit = state["_params_in_fit"] = in_fit | _without(added, in_fit) | UNSAVED
        if not (
            fields.keys() - fitted <= MAY_LACK
            and in_fit.keys() == set(names)
            and _fit_fits(state)
            and _resolved_fits(state.get("_resolved"), in_fit)
            and isinstance(state["_target"], TARGETS[cls])
            and FITS[cls](state)
        ):
            raise ValueError("the parts of the estimator do not fit together")
        _check_parameters(in_fit)
        _check_weights(state["net_"]["weights"], in_fit, state["_n_members"])
    return _make(cls, state)


def _before(cls: Any) -> dict[str, Any]:
    """Return the parameters of a class that older files have not."""
    names = signature(cls).parameters
    return {k: v for k, v in (BEFORE_2 | ADDED).items() if k in names}


def _fit_fits(state: dict[str, Any]) -> bool:
    names, n = state.get("feature_names_in_"), state["n_features_in_"]
    expected = [*range(n)] if names is None else names.tolist()
    return (
        state["encoder_"].table_names == expected
        and len(expected) == n
        and 1 <= state["best_epoch_"] <= state["n_iter_"] == len(state["history_"])
        and state["_target"].d_out == len(state["net_"]["initial_logits"])
    )


def _resolved_fits(resolved: dict[str, Any] | None, in_fit: dict[str, Any]) -> bool:
    """Tell whether parameters that are no "auto" stand for themselves."""
    if resolved is None:
        return True
    for name in ("cross", "cross_rank"):
        if in_fit[name] not in ("auto", resolved[name]):
            return False
    dim = in_fit["embedding_dim"]
    return not isinstance(dim, int) or {dim} >= set(resolved["embedding_dim"])


def _check_weights(
    weights: dict[str, Any], in_fit: dict[str, Any], n_members: int
) -> None:
    # Layers are made one by one, before it shows that there is no weight of theirs.
    sizes = check_sizes("hidden_layer_sizes", in_fit["hidden_layer_sizes"])
    n_layers = max(np.sum(in_fit["n_cross_layers"]), len(sizes))
    if max(n_layers, n_members) > len(weights):
        raise ValueError("there are more layers than weights")
    for name, weight in weights.items():
        if not _is_finite(weight):
            raise ValueError(f"weight {name} must be finite")


def _is_finite(weight: Any) -> bool:
    return not weight.size or bool(np.isfinite([weight.min(), weight.max()]).all())


def _is_net(value: Any) -> bool:
    if type(value) is not dict or value.keys() != NET.keys():
        return False
    return all(rule(value[key]) for key, rule in NET.items())


def _is_epoch(value: Any) -> bool:
    return mapping(lambda k: type(k) is str, is_plain)(value) and "batches" not in value


def _is_resolved(value: Any) -> bool:
    if type(value) is not dict or value.keys() | RESOLVED_LATER != RESOLVED.keys():
        return False
    return all(RESOLVED[key](entry) for key, entry in value.items())


def _is_optimizer(value: Any) -> bool:
    """Tell whether this may be a state of an optimizer; the net knows the shapes."""
    return (
        type(value) is dict
        and value.keys() == {"state", "param_groups"}
        and mapping(lambda k: k == "average" or whole(0)(k), is_plain)(value["state"])
        and each(mapping(lambda k: type(k) is str, is_plain))(value["param_groups"])
    )


def _is_net_estimator(value: Any) -> bool:
    return type(value) in OWN


def _is_fitted_net(value: Any) -> bool:
    return _is_net_estimator(value) and hasattr(value, "net_")


NET: dict[str, Check] = {
    "seed": whole(0),
    "initial_logits": array(np.float64),
    "dtype": one_of(*DTYPES),
    "weights": mapping(
        lambda k: type(k) is str, lambda v: type(v) is np.ndarray and v.ndim <= 4
    ),
    "optimizer": optional(_is_optimizer),
    "callbacks": none,
}

RESOLVED: dict[str, Check] = {  # what "auto" stands for in a network
    "embedding_dim": each(whole(1)),
    "numeric_dim": whole(0),
    "cross": one_of(*CROSS_KINDS),
    "cross_rank": lambda v: v == "auto" or whole(1)(v),
    "width": whole(1),
    "n_ids": whole(0),
    "vector_dim": each(whole(1)),
}
RESOLVED_LATER = {"n_ids", "vector_dim"}  # which older files have not

LEAST_UNIT = 5e-324  # above zero, which weights are divided by

FITTED: dict[str, Check] = {
    "n_features_in_": whole(1),
    "feature_names_in_": is_names,
    "encoder_": lambda v: type(v) is TableEncoder,
    "net_": _is_net,
    "best_epoch_": whole(1),
    "validation_": one_of("random", "last", "groups"),
    "n_iter_": whole(1),
    "history_": each(_is_epoch),
    "_rng": lambda v: isinstance(v, np.random.RandomState),
    "_target": lambda v: any(isinstance(v, kinds) for kinds in TARGETS.values()),
    "_numeric_embedding": one_of(None, *NUMERIC_EMBEDDINGS),
    "_n_members": whole(1),
    "_split_seed": optional(whole(0)),
    "_row_unit": number(LEAST_UNIT),
    "_loss_unit": number(LEAST_UNIT),
    "_resolved": _is_resolved,
    "_params_in_fit": is_plain,
}

TARGETS: dict[Any, tuple[Any, ...]] = {
    DCNClassifier: (ClassTarget, LabelsTarget),
    DCNMultiTask: (TasksTarget,),
    DCNRanker: (RankTarget,),
    DCNRegressor: (ContinuousTarget,),
}
FITS: dict[Any, Check] = {
    DCNClassifier: labels_fit,
    DCNMultiTask: tasks_fit,
    DCNRanker: ranks_fit,
    DCNRegressor: numbers_fit,
}

# Fields of a fit that not every one has, or that older files lack.
MAY_LACK = {
    *("feature_names_in_", "_resolved", "_split_seed"),
    *("_row_unit", "_loss_unit", "validation_", "label_names_"),
    *("_residuals", "_residual_weight"),
}

SETTINGS: dict[str, Check] = {  # of scikit-learn
    "_metadata_request": mapping(
        one_of(*METHODS), mapping(lambda k: type(k) is str, is_plain)
    ),
    "_sklearn_output_config": is_plain,
}

FEATURES = {name: FITTED[name] for name in ("n_features_in_", "feature_names_in_")}
OWN: dict[Any, dict[str, Check]] = {
    DCNClassifier: CLASSES,
    DCNMultiTask: TASK_CLASSES,
    DCNRanker: {},
    DCNRegressor: RESIDUALS,
}


def _net(cls: Any, more: dict[str, Check]) -> Stored:
    """Return how an estimator with a net is stored; it may be unfitted."""
    fitted = FITTED | SETTINGS | more
    fields = dict.fromkeys(signature(cls).parameters, is_plain) | fitted
    fields = _without(fields, UNSAVED)
    may_lack = frozenset(fitted) | BEFORE_2.keys() | ADDED.keys()
    if cls is DCNRegressor:
        may_lack |= ADDED_TO_REGRESSOR.keys()
    return Stored(cls, fields, may_lack, get_state=_get_state, make=_make_net)


def _step(cls: Any, fields: dict[str, Check], fits: Check) -> Stored:
    """Return how a transformer is stored."""
    return Stored(
        cls,
        dict.fromkeys(signature(cls).parameters, is_plain)
        | FEATURES
        | SETTINGS
        | fields,
        frozenset({"feature_names_in_", *SETTINGS}),
        fits,
        _with_requests,
        _make,
    )


def _has_columns(n: int) -> Check:
    """Return the rule of a transformer of n columns."""

    def rule(step: Any) -> bool:
        names = getattr(step, "feature_names_in_", range(n))
        return step.n_features_in_ == len(names) == n

    return rule


def _encoders_fit(step: CategoryEncoder) -> bool:
    n_ids = [levels.n_ids for levels in step._encoders]
    return step.n_ids_ == n_ids and _has_columns(len(n_ids))(step)


def _embedder_fits(step: CategoricalEmbedder) -> bool:
    net: Any = step.estimator_
    ours, its = ([*getattr(e, "feature_names_in_", [])] for e in (step, net))
    return ours == its and _has_columns(net.n_features_in_)(step)


NETS: dict[str, Stored] = {cls.__name__: _net(cls, own) for cls, own in OWN.items()}

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
            "estimator": optional(_is_net_estimator),
            "estimator_": _is_fitted_net,
        },
        _embedder_fits,
    ),
}

SavesToFile._registry = PARTS | SEVERAL | ESTIMATORS


def registry(device: Any) -> dict[str, Stored]:
    """Return all classes by name, with nets on a device; "auto" is the saved one."""

    def make(cls: Any, state: dict[str, Any]) -> Any:
        return _make_net(cls, state | {"device": device})

    nets = {name: stored._replace(make=make) for name, stored in NETS.items()}
    return PARTS | SEVERAL | ESTIMATORS | ({} if device == "auto" else nets)
