"""The estimators' parameters: the rule of each, and which may change between fits."""

from __future__ import annotations

from typing import Any

from .._checks import check_rate, check_sizes
from .._table import NUMERIC_TRANSFORMS, POOLINGS
from .._targets import GAINS, LOG_LINK, NUMBER_LOSSES, RANK_LOSSES
from .._training import SCHEDULES, TOWER_LOSSES
from ..network.cross import CROSS_KINDS
from ..network.cross_layers import GATES
from ..network.dcn import STRUCTURES, resolve_depths
from ..network.deep import ACTIVATIONS, NORMALIZATIONS
from ..network.numeric import NUMERIC_EMBEDDINGS
from ..network.pair_logit import PAIR_LOGITS
from . import rules, task_rules
from .rules import Rule
from .text_rules import text_features
from .validation import VALIDATIONS

__all__ = ["RANK_RULES", "RULES", "check_continuation", "check_parameters"]


# The losses, by a parameter that only estimators with these have.
LOSSES = {"focal_gamma": ("log_loss", "focal"), "quantiles": NUMBER_LOSSES}

RULES: dict[str, Rule] = {
    "min_frequency": rules.min_frequency,
    "max_categories": rules.count(1, None),
    "hashing": rules.hashing,
    "collision_weight": rules.boolean,
    "multivalued_features": rules.multivalued_features,
    "text_features": text_features,
    "pooling": rules.by_column(rules.option(*POOLINGS)),
    "category_encoder": rules.category_encoder,
    "category_dropout": check_rate,
    "numeric_transform": rules.option(*NUMERIC_TRANSFORMS),
    "numeric_levels": rules.count(1, None, "auto"),
    "datetime_parts": rules.datetime_parts,
    "memorized_crosses": rules.memorized_crosses,
    "new_levels": rules.option("unknown", "learn"),
    "statistics_decay": rules.share_or_none,
    "numeric_embedding": rules.option("auto", None, *NUMERIC_EMBEDDINGS),
    "embedding_dim": rules.embedding_dim,
    "cross": rules.option("auto", *CROSS_KINDS),
    "pair_logit": rules.option(None, *PAIR_LOGITS),
    "structure": rules.option(*STRUCTURES),
    "n_cross_layers": lambda name, value: None,  # by the structure, see below
    "cross_rank": rules.count(1, "auto"),
    "n_experts": rules.count(1),
    "expert_gate": rules.option(*GATES),
    "expert_activation": rules.option(None, *ACTIVATIONS),
    "hidden_layer_sizes": check_sizes,
    "activation": rules.option(*ACTIVATIONS),
    "dropout": check_rate,
    "normalization": rules.option(*NORMALIZATIONS),
    "n_members": rules.count(1, "auto"),
    "optimizer": rules.optimizer,
    "learning_rate": rules.number(0.0, "auto", inclusive=False),
    "weight_decay": rules.number(0.0),
    "embedding_l2": rules.number(0.0),
    "embedding_l2_scope": rules.option("batch", "table"),
    "tower_loss": rules.option(*TOWER_LOSSES),
    "learning_rate_schedule": rules.option(*SCHEDULES),
    "warmup": check_rate,
    "plateau_epochs": rules.count(1),
    "max_grad_norm": rules.number(0.0, None, inclusive=False),
    "ema_decay": rules.share_or_none,
    "label_smoothing": check_rate,
    "max_epochs": rules.count(1, "auto"),
    "batch_size": rules.count(1, "auto"),
    "early_stopping": rules.early_stopping,
    "scoring": rules.scoring,
    "validation_fraction": rules.fraction,
    "validation": rules.option(*VALIDATIONS),
    "n_iter_no_change": rules.count(1, "auto"),
    "tol": rules.number(0.0),
    "calibrate": rules.boolean,
    "class_weight": rules.class_weight,
    "loss": rules.option(*(loss for losses in LOSSES.values() for loss in losses)),
    "focal_gamma": rules.number(0.0),
    "power": rules.number(1.0),
    "huber_delta": rules.number(0.0, inclusive=False),
    "quantiles": rules.quantiles,
    "exposure": rules.column,
    "offset": rules.column,
    "negative_sampling": rules.share_or_none,
    "losses": task_rules.losses,
    "task_weights": task_rules.task_weights,
    "warm_start": rules.boolean,
    "device": rules.device,
    "dtype": rules.option("auto", "float32", "float64", "bfloat16"),
    "compile": rules.compile,
    "n_jobs": rules.n_jobs,
    "random_state": rules.random_state,
    "checkpoint": rules.checkpoint,
    "verbose": rules.verbose,
    "callbacks": rules.callbacks,
    "net_params": rules.net_params,
    # Checked against the table:
    "categorical_features": lambda name, value: None,
    "vector_features": lambda name, value: None,
    "validation_time": lambda name, value: None,
    "validation_groups": lambda name, value: None,
}

# Of estimators that rank, in place of those of the same name.
RANK_RULES: dict[str, Rule] = {
    "loss": rules.option(*RANK_LOSSES),
    "ndcg_k": rules.count(1, None),
    "truncation_level": rules.count(1),
    "gain": rules.option(*GAINS),
    "qid": rules.column,
}

# What may change between a fit and the one that goes on from its weights.
CONTINUABLE = {
    "learning_rate",
    "learning_rate_schedule",
    "warmup",
    "plateau_epochs",
    "max_grad_norm",
    "embedding_l2",
    "tower_loss",
    "max_epochs",
    "batch_size",
    "early_stopping",
    "scoring",
    "validation_fraction",
    "validation",
    "validation_time",
    "validation_groups",
    "n_iter_no_change",
    "tol",
    "calibrate",
    "negative_sampling",
    "compile",
    "warm_start",
    "n_jobs",
    "random_state",
    "checkpoint",
    "verbose",
}


def check_continuation(before: dict[str, Any], now: dict[str, Any]) -> None:
    """Raise a ValueError if a parameter that is built into the fitted net has changed.

    Parameters
    ----------
    before, now : dict
        The estimator's parameters in the fit that began, and in the one to go on.
    """
    for name, value in now.items():
        old = before[name]
        if name not in CONTINUABLE and old is not value and repr(old) != repr(value):
            raise ValueError(
                f"warm_start and partial_fit go on with the fitted net, so {name} must "
                f"stay {old!r}; got {value!r}. Set it back, or start again with "
                "warm_start=False."
            )


def check_parameters(parameters: dict[str, Any], in_parts: bool = False) -> None:
    """Raise a ValueError or TypeError that names the first parameter out of bounds.

    Parameters
    ----------
    parameters : dict
        An estimator's parameters by name.
    in_parts : bool, default=False
        Whether rows come in parts, whose number is unknown.
    """
    for name, losses in LOSSES.items():
        if name in parameters:
            rules.option(*losses)("loss", parameters["loss"])
    own = RANK_RULES if "truncation_level" in parameters else {}
    for name, rule in (RULES | own).items():  # a subclass may have more parameters
        if name in parameters:
            rule(name, parameters[name])
    if "tower_loss" in parameters:
        _check_towers(parameters)
    if "quantiles" in parameters:
        _check_numbers(parameters)
    if parameters.get("collision_weight") and not parameters["hashing"]:
        raise ValueError(
            "collision_weight=True weights the buckets that levels share, but hashing="
            f"{parameters['hashing']!r} has no column with buckets. Name one in "
            "hashing, or set collision_weight to False."
        )
    _check_going_on(parameters)
    task_rules.check_tasks(parameters)
    if in_parts:
        for name in ("learning_rate_schedule", "warmup"):
            if parameters.get(name):
                raise ValueError(
                    f"{name}={parameters[name]!r} needs to know how long the fit is, "
                    "but partial_fit sees only one part. Change learning_rate between "
                    "the calls."
                )


def _check_towers(parameters: dict[str, Any]) -> None:
    """Raise an error for numbers of layers, or a loss, that the structure has not."""
    structure, cross = parameters["structure"], parameters["cross"]
    if structure == "fused" and cross == "auto":
        cross = "exponential"
    n_layers, _ = resolve_depths(structure, cross, parameters["n_cross_layers"])
    if parameters["tower_loss"] is None or structure == "fused":
        return
    sizes = check_sizes("hidden_layer_sizes", parameters["hidden_layer_sizes"])
    if structure != "parallel" or not (n_layers and sizes):
        raise ValueError(
            f"tower_loss={parameters['tower_loss']!r} needs two towers whose logits "
            f"add up; structure={structure!r} with n_cross_layers={n_layers} and "
            f"hidden_layer_sizes={parameters['hidden_layer_sizes']!r} has not. Use "
            "structure='fused', 'parallel' with layers of both kinds, or "
            "tower_loss=None."
        )


def _check_numbers(parameters: dict[str, Any]) -> None:
    """Raise a ValueError for what the loss of a regressor cannot have."""
    loss, exposure = parameters["loss"], parameters["exposure"]
    if exposure is not None and loss not in LOG_LINK:
        raise ValueError(
            f"exposure={exposure!r} multiplies an expected count, but loss={loss!r} "
            "has none. Use loss='poisson', 'gamma' or 'tweedie'; or use offset, a "
            "column that is added to predictions."
        )
    if exposure is not None and exposure == parameters["offset"]:
        raise ValueError(
            f"exposure and offset must be two columns; got {exposure!r} for both. "
            "Leave one of them out."
        )
    if parameters["calibrate"] and loss in ("quantile", "gaussian"):
        raise ValueError(
            f"calibrate=True scales and shifts one number, but loss={loss!r} has "
            "several. Set it to False; predict_interval uses the held-out rows anyway."
        )


def _check_going_on(parameters: dict[str, Any]) -> None:
    """Raise a ValueError for what later rows cannot change."""
    encoder = parameters.get("category_encoder")
    if encoder is None:
        return
    for name, plain in (("new_levels", "unknown"), ("statistics_decay", None)):
        if parameters.get(name, plain) != plain:
            raise ValueError(
                f"{name}={parameters[name]!r} cannot change what category_encoder="
                f"{encoder!r} has learned. Leave one of them out: memorized_crosses "
                "are statistics that go on."
            )
