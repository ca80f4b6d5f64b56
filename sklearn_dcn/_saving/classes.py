"""What a file may hold of estimators with classes: their labels, and those of tasks."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._files import Check, Stored
from .._targets import (
    ClassTarget,
    ContinuousTarget,
    CountTarget,
    LabelsTarget,
    QuantileTarget,
    TasksTarget,
    options_of,
)
from .rules import a, array, each, is_floats, mapping, number, whole

__all__ = ["CLASSES", "SEVERAL", "TASK_CLASSES", "labels_fit", "tasks_fit"]

CLASSES: dict[str, Check] = {
    "classes_": lambda v: type(v) is np.ndarray and v.ndim in (1, 2),
    "label_names_": lambda v: type(v) is np.ndarray and v.ndim == 1,
    "_class_weights": lambda v: array(np.float64, np.ndim(v))(v) and np.ndim(v) < 3,
}

TASK_CLASSES: dict[str, Check] = {
    "classes_": mapping(
        lambda k: type(k) is str, lambda v: type(v) is np.ndarray and v.ndim == 1
    ),
}


def labels_fit(state: dict[str, Any]) -> bool:
    """Tell whether the labels of a classifier are those of its target."""
    classes, weights = state["classes_"].tolist(), state["_class_weights"]
    names = state.get("label_names_")
    if type(state["_target"]) is LabelsTarget:
        return (
            names is not None
            and names.tolist() == state["_target"].names.tolist()
            and classes == [[0, 1]] * len(names)
            and weights.shape == (len(names), 2)
        )
    labels = state["_target"].classes.tolist()
    return names is None and classes == labels and len(weights) == len(labels)


def tasks_fit(state: dict[str, Any]) -> bool:
    """Tell whether tasks and their targets are those of the losses and classes."""
    target, losses = state["_target"], state["_params_in_fit"]["losses"]
    classes = {
        task: of.classes.tolist()
        for task, of in zip(target.tasks, target.targets, strict=True)
        if isinstance(of, ClassTarget)
    }
    found = [getattr(of, "loss", "log_loss") for of in target.targets]
    return (
        target.tasks == [*losses]
        and found == [options_of(of)["loss"] for of in losses.values()]
        and classes == {task: of.tolist() for task, of in state["classes_"].items()}
    )


def _label_weights_fit(target: LabelsTarget) -> bool:
    return (
        target.weights.shape == (target.d_out, 2)
        and target.d_out == len(target.names) >= 2
        and bool((target.weights >= 0).all())
    )


def _task_weights_fit(target: TasksTarget) -> bool:
    n = len(target.tasks)
    return (
        len(target.targets) == len(target.weights) == len(target.units) == n > 0
        and len({*target.tasks}) == n
        and target.d_out == sum(of.d_out for of in target.targets)
        and bool((target.weights > 0).all())
        and bool((target.units > 0).all())
        and all(type(of) is ClassTarget or of.n_outputs == 1 for of in target.targets)
    )


# Targets of several labels, or tasks.
SEVERAL: dict[str, Stored] = {
    "LabelsTarget": Stored(
        LabelsTarget,
        {
            "names": lambda v: type(v) is np.ndarray and v.ndim == 1,
            "weights": array(np.float64, 2),
            "gamma": number(0),
            "label_smoothing": number(0, 1),
            "d_out": whole(1),
        },
        fits=_label_weights_fit,
    ),
    "TasksTarget": Stored(
        TasksTarget,
        {
            "tasks": each(a(str)),
            "targets": each(
                a(ClassTarget, ContinuousTarget, CountTarget, QuantileTarget)
            ),
            "weights": is_floats,
            "units": is_floats,
            "d_out": whole(1),
        },
        fits=_task_weights_fit,
    ),
}
