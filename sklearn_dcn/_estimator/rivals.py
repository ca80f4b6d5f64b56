"""Arguments of other libraries: an error that says what to use here."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from functools import wraps
from inspect import signature
from typing import Any, ParamSpec, TypeVar

__all__ = ["naming_rivals"]

P = ParamSpec("P")
T = TypeVar("T")

# What a parameter, or an argument of `fit`, is called by XGBoost, LightGBM, CatBoost,
# Keras, DeepCTR and others.
CALLED: dict[str, tuple[str, ...]] = {
    "X_val": ("eval_set", "validation_data", "valid_sets", "X_valid"),
    "y_val": ("y_valid",),
    "qid_val": ("eval_qid",),
    "group_val": ("eval_group",),
    "ndcg_k": ("eval_at",),
    "truncation_level": ("lambdarank_truncation_level",),
    "sample_weight_val": ("eval_sample_weight", "sample_weight_eval_set"),
    "scoring": ("eval_metric", "metrics", "metric", "monitor"),
    "n_iter_no_change": ("early_stopping_rounds", "early_stopping_round", "patience"),
    "validation_fraction": ("validation_split", "train_split"),
    "validation": ("has_time",),
    "validation_groups": ("groups", "group_id"),
    "max_epochs": (
        *("epochs", "n_epochs", "num_epochs", "max_iter", "iterations"),
        *("n_estimators", "num_boost_round", "num_iterations"),
    ),
    "batch_size": ("minibatch_size", "train_batch_size"),
    "learning_rate": ("lr", "eta", "learning_rate_init"),
    "categorical_features": (
        *("cat_features", "categorical_feature", "cat_cols", "categorical_columns"),
        *("sparse_features", "enable_categorical"),
    ),
    "vector_features": ("embedding_features", "embedding_columns"),
    "text_features": ("text_columns", "text_cols"),
    "datetime_parts": ("datetime_features", "features_to_extract", "resolution"),
    "hidden_layer_sizes": ("dnn_hidden_units", "hidden_units", "hidden_dims", "layers"),
    "embedding_dim": ("embedding_size", "emb_dim"),
    "dropout": ("dnn_dropout", "dropout_rate", "net_dropout"),
    "activation": ("dnn_activation",),
    "n_cross_layers": ("cross_num", "num_cross_layers"),
    "weight_decay": ("alpha", "l2_reg_dnn", "reg_lambda"),
    "embedding_l2": ("l2_reg_embedding", "embedding_regularizer"),
    "loss": ("objective", "loss_function", "criterion"),
    "power": ("tweedie_variance_power", "variance_power"),
    "huber_delta": ("huber_slope", "epsilon", "delta"),
    "quantiles": ("quantile", "quantile_alpha", "quantile_levels"),
    "offset": ("base_margin", "init_score", "baseline"),
    "class_weight": ("scale_pos_weight", "is_unbalance", "class_weights"),
    "task_weights": ("loss_weights", "task_weight"),
    "optimizer": ("solver",),
    "n_members": ("n_ens", "n_ensembles"),
    "warm_start": ("init_model", "xgb_model"),
    "random_state": ("seed", "random_seed"),
    "n_jobs": ("num_threads", "nthread", "thread_count"),
}
# Names of several things in other libraries: what else it may be.
ALSO = {"alpha": ("quantiles", "huber_delta")}
HERE = {theirs: ours for ours, names in CALLED.items() for theirs in names}


def naming_rivals(method: Callable[P, T]) -> Callable[P, T]:
    """Make a method say what to use in place of an argument that it does not take."""
    accepted = signature(method).parameters

    @wraps(method)
    def naming(*args: P.args, **kwargs: P.kwargs) -> T:
        for name in kwargs:
            if name not in accepted:
                raise TypeError(_explain(type(args[0]), method.__name__, name))
        return method(*args, **kwargs)

    return naming


def _explain(cls: Any, method: str, name: str) -> str:
    """Return what to say of a name that a method of a class does not take."""
    of_class = signature(cls).parameters
    of_fit = signature(cls.fit).parameters
    of_method = [n for n in signature(getattr(cls, method)).parameters if n != "self"]
    found = HERE.get(name, name)
    if found not in {*of_class, *of_fit}:
        found = next(iter(get_close_matches(name, of_method)), found)
    if found in of_method:
        remedy = f"Use {found}"
    elif found in of_class:
        remedy = f"Use {cls.__name__}({found}=...)"
    elif found in of_fit:
        remedy = f"Use fit(X, y, {found}=...)"
    else:
        remedy = f"It takes {', '.join(of_method)}"
    if found == "X_val":
        remedy = "Give the validation rows to fit(X, y, X_val=..., y_val=...)"
    also = [other for other in ALSO.get(name, ()) if other in of_class]
    remedy += f", or for its loss {' or '.join(also)}" if also else ""
    where = cls.__name__ if method == "__init__" else f"{cls.__name__}.{method}"
    return f"{where}() has no argument {name!r}. {remedy}."
