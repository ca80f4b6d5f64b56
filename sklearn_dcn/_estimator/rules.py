"""The rules that parameters are checked by: one function for each kind of value."""

from __future__ import annotations

import inspect
import math
import os
from collections.abc import Callable, Sequence
from itertools import pairwise
from numbers import Integral, Real
from typing import Any

import torch
from sklearn.utils import check_random_state

from .._checks import check_count, check_option, check_rate
from .._table import DATE_PARTS
from .._training import OPTIMIZERS
from .scoring import check_scorer

__all__ = [
    "Rule",
    "boolean",
    "by_column",
    "callbacks",
    "category_encoder",
    "checkpoint",
    "class_weight",
    "column",
    "compile",
    "count",
    "datetime_parts",
    "device",
    "early_stopping",
    "embedding_dim",
    "fraction",
    "hashing",
    "memorized_crosses",
    "min_frequency",
    "multivalued_features",
    "n_jobs",
    "share_or_none",
    "net_params",
    "number",
    "optimizer",
    "option",
    "quantiles",
    "random_state",
    "scoring",
    "verbose",
]


Rule = Callable[[str, Any], Any]


def count(minimum: int, *others: Any) -> Rule:
    """Return the rule of an integer of at least `minimum`, or one of `others`."""
    also = " or ".join(map(repr, others))

    def rule(name: str, value: Any) -> None:
        if not _is_one_of(value, others):
            check_count(name, value, minimum=minimum, also=also)

    return rule


def option(*options: Any) -> Rule:
    """Return the rule of one of some strings or None."""
    return lambda name, value: check_option(name, value, options)


def number(low: float, *others: Any, inclusive: bool = True) -> Rule:
    """Return the rule of a finite number >= or > `low`, or of one of `others`."""
    least = f"a finite number {'>=' if inclusive else '>'} {low:g}"
    what = " or ".join([least, *map(repr, others)])

    def rule(name: str, value: Any) -> None:
        if _is_one_of(value, others):
            return
        if isinstance(value, bool) or not isinstance(value, Real):
            raise TypeError(f"{name} must be {what}; got {value!r}.")
        if not math.isfinite(value) or value < low or (value == low and not inclusive):
            raise ValueError(f"{name} must be {what}; got {value!r}.")

    return rule


def _is_one_of(value: Any, options: Sequence[Any]) -> bool:
    return any(value is option for option in options) or (
        isinstance(value, str) and value in options
    )


def boolean(name: str, value: Any) -> None:
    check = getattr(value, "dtype", None)  # numpy's booleans come from grids
    if not isinstance(value, bool) and (check is None or check.kind != "b"):
        raise TypeError(f"{name} must be True or False; got {value!r}.")


def early_stopping(name: str, value: Any) -> None:
    if not (isinstance(value, str) and value == "auto"):
        try:
            boolean(name, value)
        except TypeError:
            raise ValueError(
                f"{name} must be 'auto', True or False; got {value!r}."
            ) from None


def scoring(name: str, value: Any) -> None:
    if not _is_one_of(value, (None, "loss")):
        check_scorer(name, value)


def fraction(name: str, value: Any) -> None:
    check_rate(name, value)
    if value == 0:
        raise ValueError(f"{name} must be a number in (0, 1); got {value!r}.")


def share_or_none(name: str, value: Any) -> None:
    if value is not None:
        fraction(name, value)


def min_frequency(name: str, value: Any) -> None:
    if value is None:
        return
    if isinstance(value, Integral) and not isinstance(value, bool):
        check_count(name, value, minimum=1)
    elif not isinstance(value, Real) or isinstance(value, bool):
        raise TypeError(
            f"{name} must be None, an integer >= 1 (rows) or a number in (0, 1) "
            f"(fraction of the rows); got {value!r}."
        )
    else:
        fraction(name, value)


def by_column(rule: Rule) -> Rule:
    """Return the rule of a value for all columns, or of a dict of columns to values."""

    def by_column_rule(name: str, value: Any) -> None:
        if isinstance(value, dict):
            for column, each in value.items():
                rule(f"{name}[{column!r}]", each)
        else:
            rule(name, value)

    return by_column_rule


def hashing(name: str, value: Any) -> None:
    if value is not None and not isinstance(value, dict):
        raise TypeError(
            f"{name} must be None or a dict of columns to numbers of buckets, e.g. "
            f"{{'id': 100_000}}; got {value!r}."
        )
    by_column(count(1))(name, value or {})


def category_encoder(name: str, value: Any) -> None:
    is_encoder = hasattr(value, "fit") and hasattr(value, "transform")
    if value is not None and (inspect.isclass(value) or not is_encoder):
        raise TypeError(
            f"{name} must be None or a transformer with fit and transform, e.g. "
            f"TargetEncoder() of category-encoders; got {value!r}."
        )


def multivalued_features(name: str, value: Any) -> None:
    if isinstance(value, dict):  # else checked against the table, by the encoder
        for column, separator in value.items():
            if separator is not None and not (isinstance(separator, str) and separator):
                raise ValueError(
                    f"{name}[{column!r}] must be the separator of a cell's levels, a "
                    f"string that is not empty, or None where cells are lists; got "
                    f"{separator!r}."
                )


def datetime_parts(name: str, value: Any) -> None:
    if _is_one_of(value, ["auto"]):
        return
    is_list = isinstance(value, (list, tuple))
    named = {each for each in value if isinstance(each, str)} if is_list else set()
    if not named or len(named) < len(value) or not named <= {*DATE_PARTS}:
        what = ", ".join(map(repr, DATE_PARTS))
        raise (ValueError if isinstance(value, (list, tuple, str)) else TypeError)(
            f"{name} must be 'auto' or a list of some of {what}; got {value!r}."
        )


def memorized_crosses(name: str, value: Any) -> None:
    rule = (
        f"{name} must be 'auto', None, a number of pairs >= 1, or a list of pairs of "
        f"columns, e.g. [('city', 'hour')]; got {value!r}."
    )
    if _is_one_of(value, ("auto", None)):
        return
    if isinstance(value, Integral) and not isinstance(value, bool):
        if value < 1:
            raise ValueError(rule)
    elif not isinstance(value, (list, tuple)) or not all(map(_is_pair, value)):
        raise (ValueError if isinstance(value, (list, tuple, str)) else TypeError)(rule)


def _is_pair(value: Any) -> bool:
    return (
        isinstance(value, (list, tuple))
        and len(value) == 2
        and all(isinstance(v, (str, Integral, tuple)) for v in value)
    )


def embedding_dim(name: str, value: Any) -> None:
    if isinstance(value, dict):
        for column, dim in value.items():
            check_count(f"{name}[{column!r}]", dim, minimum=1)
    elif not _is_one_of(value, ["auto", "unbounded"]):
        also = "'auto', 'unbounded' or a dict of columns"
        check_count(name, value, minimum=1, also=also)


def optimizer(name: str, value: Any) -> None:
    if inspect.isclass(value) and issubclass(value, torch.optim.Optimizer):
        return
    names = ("auto", *OPTIMIZERS)
    if not isinstance(value, str) or value not in names:
        raise ValueError(
            f"{name} must be one of {', '.join(map(repr, names))} or a class of torch "
            f"optimizer; got {value!r}."
        )


def compile(name: str, value: Any) -> None:
    if not isinstance(value, str):
        boolean(name, value)
        return
    backends = torch.compiler.list_backends(exclude_tags=())
    if value not in backends:
        raise ValueError(
            f"{name} must be True, False or a backend of torch.compile "
            f"({', '.join(map(repr, backends))}); got {value!r}."
        )


def n_jobs(name: str, value: Any) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(
            f"{name} must be None or an integer other than 0; got {value!r}."
        )
    if value == 0:
        raise ValueError(
            f"{name} must be None or an integer other than 0; got {value!r}."
        )


def random_state(name: str, value: Any) -> None:
    try:
        check_random_state(value)
    except ValueError:
        raise ValueError(
            f"{name} must be None, an integer in [0, 2**32) or a "
            f"numpy.random.RandomState; got {value!r}."
        ) from None


def class_weight(name: str, value: Any) -> None:
    if isinstance(value, (list, tuple)) and all(isinstance(v, dict) for v in value):
        for k, of_label in enumerate(value):
            class_weight(f"{name}[{k}]", of_label)
    elif not (isinstance(value, dict) or _is_one_of(value, [None, "balanced"])):
        raise ValueError(
            f"{name} must be None, 'balanced', a dict of class to weight, or a list of "
            f"one for each of several labels; got {value!r}."
        )
    elif isinstance(value, dict):
        for label, weight in value.items():
            number(0.0)(f"{name}[{label!r}]", weight)


def quantiles(name: str, value: Any) -> None:
    is_many = isinstance(value, (list, tuple)) or getattr(value, "ndim", 0) == 1
    levels = [*value] if is_many else [value]
    rule = (
        f"{name} must be a number in (0, 1), or a sequence of such numbers that rise, "
        f"e.g. (0.05, 0.5, 0.95); got {value!r}."
    )
    if any(isinstance(v, bool) or not isinstance(v, Real) for v in levels):
        raise TypeError(rule)
    inside = all(0 < v < 1 for v in levels)
    if not (levels and inside and all(a < b for a, b in pairwise(levels))):
        raise ValueError(rule)


def column(name: str, value: Any) -> None:
    is_name = isinstance(value, (str, Integral)) and not isinstance(value, bool)
    if value is not None and not is_name:
        raise TypeError(
            f"{name} must be None, or the name or position of a column of X; got "
            f"{value!r}. Add an array to X as a column."
        )


def checkpoint(name: str, value: Any) -> None:
    if value is not None and not isinstance(value, (str, os.PathLike)):
        raise TypeError(f"{name} must be None or the path of a file; got {value!r}.")
    if value is not None and not os.fspath(value):
        raise ValueError(f"{name} must be None or the path of a file; got {value!r}.")


def verbose(name: str, value: Any) -> None:
    if not isinstance(value, bool):
        check_count(name, value, minimum=0)


def device(name: str, value: Any) -> None:
    if not isinstance(value, (str, torch.device)):
        raise TypeError(
            f"{name} must be 'auto' or the name of a torch device; got {value!r}."
        )


def callbacks(name: str, value: Any) -> None:
    entries = [] if value is None else value
    if isinstance(entries, (list, tuple)):
        callbacks = [e[-1] if isinstance(e, tuple) and e else e for e in entries]
        if all(hasattr(callback, "on_train_begin") for callback in callbacks):
            return
    raise TypeError(
        f"{name} must be None or a list of skorch callbacks, or of (name, callback); "
        f"got {value!r}."
    )


# What net_params must leave alone: it is built here, or has a parameter of its own.
OWNED_BY_ESTIMATOR = {
    "module": "set the network's parameters on the estimator",
    "criterion": "use loss of the estimator",
    "dataset": "the table is encoded by the estimator",
    "train_split": "use early_stopping, validation_fraction or X_val",
    "iterator_train": "batches are slices of tensors",
    "iterator_valid": "batches are slices of tensors",
    "warm_start": "use warm_start of the estimator",
    "max_epochs": "use max_epochs of the estimator",
    "batch_size": "use batch_size of the estimator",
    "lr": "use learning_rate",
    "optimizer": "use optimizer",
    "callbacks": "use callbacks of the estimator",
    "device": "use device of the estimator",
    "verbose": "use verbose of the estimator",
    "embedding_l2": "use embedding_l2 of the estimator",
    "embedding_l2_scope": "use embedding_l2_scope of the estimator",
    "optimizer__lr": "use learning_rate",
    "optimizer__param_groups": "the groups are those with and without weight decay",
    "optimizer__weight_decay": "use weight_decay",
    "record_batches": "batches are recorded where callbacks are given",
    "seed": "use random_state",
    "initial_logits": "they follow from the target",
    "dtype": "use dtype of the estimator",
    "autocast": "use dtype='bfloat16'",
    "meaning": "it follows from the target",
    "compile": "use compile of the estimator",
}


def net_params(name: str, value: Any) -> None:
    if value is None:
        return
    if not isinstance(value, dict):
        raise TypeError(
            f"{name} must be None or a dict of parameters of skorch.NeuralNet; got "
            f"{value!r}."
        )
    for key in value:
        prefix, *option = str(key).split("__")
        # optimizer__betas and its like are free, but for those with a parameter here.
        owned = str(key) if prefix == "optimizer" and option else prefix
        if owned in OWNED_BY_ESTIMATOR:
            raise ValueError(
                f"{name} must not set {key!r}: {OWNED_BY_ESTIMATOR[owned]}."
            )
