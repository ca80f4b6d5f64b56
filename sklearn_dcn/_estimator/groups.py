"""The estimators' parameters by topic."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import signature
from typing import Any

__all__ = ["GROUPS", "cells_by_group"]

# "seldom" is the door behind which those are that most users never need.
GROUPS: Mapping[str, tuple[str, ...]] = {
    "table": (
        *("categorical_features", "multivalued_features", "text_features"),
        *("vector_features", "datetime_parts", "numeric_transform"),
        *("min_frequency", "max_categories", "hashing", "category_encoder"),
        *("new_levels", "statistics_decay", "qid"),
    ),
    "target": (
        *("loss", "losses", "task_weights", "class_weight", "negative_sampling"),
        *("power", "huber_delta", "quantiles", "exposure", "offset", "ndcg_k"),
        "calibrate",
    ),
    "network": (
        *("embedding_dim", "numeric_embedding", "numeric_levels", "memorized_crosses"),
        *("cross", "structure", "n_cross_layers", "hidden_layer_sizes", "n_members"),
        *("dropout", "category_dropout", "normalization"),
    ),
    "training": (
        *("learning_rate", "batch_size", "max_epochs", "early_stopping"),
        *("n_iter_no_change", "validation", "validation_fraction", "validation_time"),
        *("validation_groups", "scoring", "weight_decay", "embedding_l2"),
    ),
    "run": ("random_state", "verbose", "device", "n_jobs", "warm_start", "checkpoint"),
    "seldom": (
        *("pooling", "collision_weight", "pair_logit", "cross_rank", "n_experts"),
        *("expert_gate", "expert_activation", "activation", "optimizer"),
        *("embedding_l2_scope", "tower_loss", "learning_rate_schedule", "warmup"),
        *("plateau_epochs", "max_grad_norm", "ema_decay", "tol", "focal_gamma"),
        *("label_smoothing", "truncation_level", "gain", "dtype", "compile"),
        *("callbacks", "net_params"),
    ),
}


def cells_by_group(estimator: Any) -> list[list[str]]:
    """Return rows of an estimator's parameters: group, name, value, whether it is set.

    Rows are in the order of the groups; only the first row of a group has its name.
    """
    defaults = {
        p.name: p.default for p in signature(type(estimator)).parameters.values()
    }
    values = estimator.get_params(deep=False)
    rows = []
    for group, names in GROUPS.items():
        title = group
        for name in names:
            if name in values:
                shown = repr(values[name])
                is_set = "" if shown == repr(defaults[name]) else "set"
                shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
                rows.append([title, name, shown, is_set])
                title = ""
    return rows
