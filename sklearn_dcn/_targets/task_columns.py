"""The columns of several tasks -> one array, with what is known of each."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._table import missing_types, unwrap_nullable
from .classes import ClassTarget
from .continuous import ContinuousTarget
from .numbers import NUMBER_LOSSES, check_range

__all__ = ["TASK_LOSSES", "options_of", "read_tasks"]

# Of what a task predicts: a spread beside it has `DCNRegressor`.
TASK_LOSSES = ("log_loss", *(loss for loss in NUMBER_LOSSES if loss != "gaussian"))

# A task's own parameters, as those of `DCNRegressor`.
OPTIONS: dict[str, Any] = {"power": 1.5, "huber_delta": 1.0, "quantiles": 0.5}


def options_of(loss: Any) -> dict[str, Any]:
    """Return what a task's loss, a name or a dict with "loss", stands for."""
    given = loss if isinstance(loss, dict) else {"loss": loss}
    return OPTIONS | given


def read_tasks(y: Any, losses: dict[str, Any]) -> NDArray[Any]:
    """Return the targets by task as a structured array of shape (n,).

    It has a field "0", "1" ... for each task, in the order of `losses`, and a field
    "known 0" ... that says in which rows there is a target.

    Raises
    ------
    TypeError
        If `y` has no columns by name.
    ValueError
        If a task has no column, or its column is not of its loss.
    """
    columns = _columns_of(y, [*losses])
    fields, arrays = [], []
    for k, (task, column) in enumerate(columns.items()):
        known, values = _known(task, column)
        try:
            found = _check_task(task, values[known], options_of(losses[task]))
        except (TypeError, ValueError) as error:
            error.add_note(f"It is y[{task!r}].")
            raise
        whole = np.zeros(len(known), dtype=found.dtype)
        whole[known] = found
        fields += [(f"{k}", found.dtype), (f"known {k}", np.bool_)]
        arrays += [whole, known]
    if len({len(array) for array in arrays}) > 1:
        sizes = {task: len(arrays[2 * k]) for k, task in enumerate(columns)}
        raise ValueError(f"y must have equally many rows for each task; got {sizes}.")
    rows = np.empty(len(arrays[0]), dtype=fields)
    for (name, _), array in zip(fields, arrays, strict=True):
        rows[name] = array
    return rows


def _columns_of(y: Any, tasks: list[str]) -> dict[str, Any]:
    """Return the column of each task."""
    if not (isinstance(y, dict) or hasattr(y, "columns")):
        raise TypeError(
            "y must be a DataFrame or a dict with a column for each task of losses, "
            f"{tasks}; got {type(y).__name__}."
        )
    there = [*(y if isinstance(y, dict) else y.columns)]
    if missing := [task for task in tasks if task not in there]:
        raise ValueError(
            f"y must have a column for each task of losses, {tasks}; got {there}, "
            f"without {missing}."
        )
    return {task: y[task] for task in tasks}


def _known(task: str, column: Any) -> tuple[NDArray[np.bool_], NDArray[Any]]:
    """Return in which rows a task has a target, and the column as an array."""
    # A list of strings and None or NaN would become strings.
    kind = object if isinstance(column, (list, tuple)) else None
    values = np.asarray(unwrap_nullable(column), dtype=kind)
    if values.ndim != 1:
        raise ValueError(
            f"y[{task!r}] must be one column; got shape {values.shape}. Give each "
            "column a task of its own."
        )
    if values.dtype.kind == "f":
        return ~np.isnan(values), values
    known = np.ones(len(values), dtype=bool)
    if values.dtype == object:
        missing = missing_types()
        cells = values.tolist()
        known[:] = [type(v) not in missing and v == v for v in cells]
    return known, values


def _check_task(task: str, y: NDArray[Any], options: dict[str, Any]) -> NDArray[Any]:
    """Return the known targets of a task, checked by its loss."""
    if not len(y):
        is_class = options["loss"] == "log_loss"
        return np.zeros(0, dtype=y.dtype if is_class else np.float64)
    if options["loss"] == "log_loss":
        return ClassTarget.check(y)
    found = ContinuousTarget.check(y)
    check_range(found, options["loss"], options["power"], f"y[{task!r}]")
    return found
