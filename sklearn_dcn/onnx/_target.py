"""The outputs: logits -> labels and probabilities, or numbers in the units of y."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._targets import (
    ClassTarget,
    ContinuousTarget,
    CountTarget,
    GaussianTarget,
    LabelsTarget,
    QuantileTarget,
    RankTarget,
    TasksTarget,
)
from ._columns import is_unicode
from ._graph import Graph

__all__ = ["add_target", "classes_of", "outputs_of"]

Target = ClassTarget | ContinuousTarget | LabelsTarget | RankTarget | TasksTarget

INT64_MAX = np.iinfo(np.int64).max
LARGEST_LOGIT = 700.0  # of which the exponential is a double


def outputs_of(target: Target) -> list[str]:
    """Return the names that the outputs have, or may get in another fit."""
    if isinstance(target, TasksTarget):
        return [
            f"{task}: {name}"
            for task, of in zip(target.tasks, target.targets, strict=True)
            for name in outputs_of(of)
        ]
    more = {QuantileTarget: ["quantiles"], GaussianTarget: ["std"]}
    return ["label", "probabilities", "variable", *more.get(type(target), [])]


def classes_of(target: Any) -> dict[str, Any]:
    """Return what `metadata_props` say of the columns of outputs."""
    if isinstance(target, ClassTarget):
        return {"classes": target.classes.tolist()}
    if isinstance(target, LabelsTarget):
        return {"labels": target.names.tolist()}
    if isinstance(target, TasksTarget):
        each = zip(target.tasks, target.targets, strict=True)
        return {"tasks": {task: classes_of(of) for task, of in each}}
    return {}


def add_target(
    graph: Graph,
    target: Target,
    logits: str,
    offset: str | None = None,
) -> None:
    """Add the outputs; an offset is in the units of the link."""
    if isinstance(target, TasksTarget):
        parts = zip(target.tasks, target.targets, target.slices, strict=True)
        for task, of, part in parts:
            own = graph.columns(logits, range(part.start, part.stop), target.d_out)
            with graph.prefixing(f"{task}: "):
                add_target(graph, of, own)
        return
    if isinstance(target, ContinuousTarget):
        _add_numbers(graph, target, logits, offset)
        return
    if isinstance(target, RankTarget):
        graph.output(graph.cast(logits, "double"), "variable", "double", target.d_out)
        return
    if isinstance(target, LabelsTarget):
        is_on = graph.node("Greater", logits, graph.constant(np.float32(0)))
        graph.output(graph.cast(is_on, "int64"), "label", "int64", target.d_out)
        p = graph.node("Sigmoid", logits)
        graph.output(p, "probabilities", "float", target.d_out)
        return
    classes, kind = _labels(target.classes)
    if target.is_binary:
        logits = graph.concat([graph.node("Neg", logits), logits])
        p = graph.node("Sigmoid", logits)
    else:
        p = graph.node("Softmax", logits, axis=1)
    at = graph.node("ArgMax", logits, axis=1, keepdims=0)
    label = graph.node("Gather", graph.constant(classes), at)
    graph.output(label, "label", kind)
    graph.output(p, "probabilities", "float", len(classes))


def _add_numbers(
    graph: Graph, target: ContinuousTarget, logits: str, offset: str | None
) -> None:
    """Add the outputs of a regressor."""
    at = range(*target.locations.indices(target.d_out))
    z = graph.cast(graph.columns(logits, at, target.d_out), "double")
    if isinstance(target, CountTarget):
        if offset is not None:
            z = graph.node("Add", z, offset)
            z = graph.node("Sub", z, graph.constant(target.center))
        z = graph.node("Exp", graph.node("Min", z, graph.constant(LARGEST_LOGIT)))
        y = graph.node("Mul", z, graph.constant(target.scale))
        graph.output(y, "variable", "double", target.n_outputs)
        return

    def in_units(value: str) -> str:
        y = graph.node("Mul", value, graph.constant(target.scale))
        y = graph.node("Add", y, graph.constant(target.center))
        return y if offset is None else graph.node("Add", y, offset)

    graph.output(in_units(z), "variable", "double", target.n_outputs)
    if isinstance(target, QuantileTarget):
        ways = graph.constant(_distances(target.d_out, target.middle))
        reach = graph.node("MatMul", _softplus(graph, logits), ways)
        found = in_units(graph.node("Add", reach, z))
        graph.output(found, "quantiles", "double", target.d_out)
    elif isinstance(target, GaussianTarget):
        n = target.n_outputs
        v = graph.columns(logits, range(n, 2 * n), 2 * n)
        least = graph.constant(target.smallest_variance)
        variance = graph.node("Add", _softplus(graph, v), least)
        std = graph.node(
            "Mul", graph.node("Sqrt", variance), graph.constant(target.scale)
        )
        graph.output(std, "std", "double", n)


def _softplus(graph: Graph, logits: str) -> str:
    """Return doubles; the runtime has the operator for floats alone."""
    return graph.cast(graph.node("Softplus", logits), "double")


def _distances(n: int, middle: int) -> NDArray[np.float64]:
    """Return which distances between neighbours each quantile is away from one."""
    k, j = np.indices((n, n))
    return ((middle < k) & (k <= j)) * 1.0 - ((j <= k) & (k < middle)) * 1.0


def _labels(classes: NDArray[Any]) -> tuple[NDArray[Any], str]:
    """Return the classes and their type in a graph."""
    if classes.dtype.kind == "u" and classes.max() > INT64_MAX:
        raise ValueError(
            "Classes that are integers must be at most 2**63 - 1 to be exported; got "
            f"{classes.max()}. Fit to smaller ones, or to strings."
        )
    for kinds, name, dtype in (
        ("iu", "int64", np.int64),
        ("f", "double", np.float64),
        ("b", "bool", np.bool_),
    ):
        if classes.dtype.kind in kinds:
            return classes.astype(dtype), name
    if all(isinstance(c, str) and is_unicode(c) for c in classes.tolist()):
        return np.array([str.__str__(c) for c in classes], dtype=object), "string"
    raise ValueError(
        "Classes must be strings of valid Unicode, numbers or booleans to be "
        "exported; got "
        f"{classes.tolist()}."
    )
