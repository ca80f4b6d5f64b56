"""The rules of parameters that say which tasks there are."""

from __future__ import annotations

from typing import Any

from .._targets import TASK_LOSSES
from .rules import fraction, number, option

__all__ = ["check_tasks", "losses", "task_weights"]


def losses(name: str, value: Any) -> None:
    """Check the loss of each task and its parameters."""
    if not isinstance(value, dict) or not all(isinstance(k, str) for k in value):
        raise TypeError(
            f"{name} must be a dict of a loss for each task, by the names of columns "
            "of y, e.g. {'click': 'log_loss', 'watched': 'squared_error'}; got "
            f"{value!r}."
        )
    if not value:
        raise ValueError(f"{name} must have at least one task; got {value!r}.")
    own = {
        "tweedie": ("power", number(1.0)),
        "huber": ("huber_delta", number(0.0, inclusive=False)),
        "quantile": ("quantiles", fraction),
    }
    for task, given in value.items():
        where = f"{name}[{task!r}]"
        entries = given if isinstance(given, dict) else {"loss": given}
        option(*TASK_LOSSES)(where, entries.get("loss"))
        known, rule = own.get(entries["loss"], (None, None))
        if more := entries.keys() - {"loss", known}:
            also = "no parameter" if known is None else f"{known!r} alone"
            raise ValueError(
                f"{where} must have {also} beside 'loss'; got {sorted(more)}."
            )
        if rule is not None and known in entries:
            rule(f"{where}[{known!r}]", entries[known])


def task_weights(name: str, value: Any) -> None:
    if value is not None and not isinstance(value, dict):
        raise TypeError(
            f"{name} must be None or a dict of a weight for each task; got {value!r}."
        )
    for task, weight in (value or {}).items():
        number(0.0, inclusive=False)(f"{name}[{task!r}]", weight)


def check_tasks(parameters: dict[str, Any]) -> None:
    """Raise a ValueError for a weight of a task that does not exist."""
    if (
        more := (parameters.get("task_weights") or {}).keys()
        - parameters.get("losses", {}).keys()
    ):
        raise ValueError(
            f"task_weights must have only tasks of losses, {[*parameters['losses']]}; "
            f"got also {sorted(more)}."
        )
