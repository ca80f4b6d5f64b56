"""Columns of numbers as nodes: normalised in double precision, as `NumberScaler`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._ids import MISSING_ID, UNKNOWN_ID
from .._table import NumberScaler, VectorScaler
from ._graph import Graph

__all__ = ["Numbers", "clip_smoothly", "find_values", "scale", "scale_vectors"]

MOST_DEVIATIONS = 1e150  # whose square is finite


class Numbers(NamedTuple):
    """Columns of numbers, and which of them are missing; both of shape (n, width)."""

    values: str
    missing: str
    width: int

    def take(self, graph: Graph, at: Sequence[int]) -> Numbers:
        """Return some of the columns."""
        values, missing = (
            graph.columns(value, at, self.width)
            for value in (self.values, self.missing)
        )
        return Numbers(values, missing, len(at))


def scale(
    graph: Graph, x: Numbers, scalers: Sequence[NumberScaler], *, impute: bool = True
) -> str:
    """Return z (n, len(scalers)) in double precision; see `NumberScaler.apply`.

    The scalers have one transform.
    """
    transform = scalers[0].transform
    if transform == "quantile":
        z = _interpolate(graph, x.values, scalers)
        fill = graph.constant(0.0 if impute else np.nan)
        return graph.node("Where", x.missing, fill, z)
    center, spread, fills = (
        graph.constant([getattr(scaler, name) for scaler in scalers], np.float64)
        for name in ("center", "scale", "fill")
    )
    u = _signed_log(graph, x.values) if transform == "signed_log" else x.values
    if impute:
        u = graph.node("Where", x.missing, fills, u)
    z = graph.node("Div", graph.node("Sub", u, center), spread)
    return clip_smoothly(graph, z) if transform == "robust" else z


def scale_vectors(graph: Graph, x: str, scaler: VectorScaler) -> str:
    """Return z of vectors, with the indicator, as float; see `VectorScaler.apply`."""
    gaps = graph.cast(graph.node("IsNaN", x), "float")
    axis = graph.constant([1], np.int64)
    n_gaps = graph.node("ReduceSum", gaps, axis, keepdims=1)
    nothing = graph.constant(0.0, np.float32)
    is_missing = graph.node("Greater", n_gaps, nothing)
    z = graph.node("Sub", x, graph.constant(scaler.center))
    z = graph.node("Div", z, graph.constant(scaler.scale))
    z = graph.cast(graph.node("Where", is_missing, graph.constant(0.0), z), "float")
    if not scaler.has_missing:
        return z
    return graph.concat([z, graph.cast(is_missing, "float")])


def clip_smoothly(graph: Graph, u: str) -> str:
    """Return u / sqrt(1 + (u/3)^2)."""
    most, least = (graph.constant(sign * MOST_DEVIATIONS) for sign in (1.0, -1.0))
    u = graph.node("Max", graph.node("Min", u, most), least)
    third = graph.node("Div", u, graph.constant(3.0))
    square = graph.node("Mul", third, third)
    length = graph.node("Sqrt", graph.node("Add", square, graph.constant(1.0)))
    return graph.node("Div", u, length)


def _interpolate(graph: Graph, x: str, scalers: Sequence[NumberScaler]) -> str:
    """Return ``np.interp(x, knots, scores)`` of every column, to the last bit."""
    knots = [scaler.knots for scaler in scalers]
    # Constant outside the knots.
    low, high = (graph.constant([k[end] for k in knots], np.float64) for end in (0, -1))
    x = graph.node("Min", graph.node("Max", x, low), high)
    slopes = [np.append(np.diff(s.scores) / np.diff(s.knots), 0.0) for s in scalers]
    at = graph.search(x, [k[1:] for k in knots])
    at = _offset(graph, at, knots)
    left, slope, score = (
        graph.node("Gather", graph.constant(np.concatenate(table), np.float64), at)
        for table in (knots, slopes, [scaler.scores for scaler in scalers])
    )
    rise = graph.node("Mul", slope, graph.node("Sub", x, left))
    return graph.node("Add", rise, score)


def _signed_log(graph: Graph, x: str) -> str:
    """Return sign(x) log(1 + |x|), exact also for small x.

    log(1 + a) = a log(u) / (u - 1) with u = 1 + a as it is rounded.
    """
    one = graph.constant(1.0)
    size = graph.node("Abs", x)
    u = graph.node("Add", size, one)
    is_small = graph.node("Equal", u, one)
    rest = graph.node("Where", is_small, one, graph.node("Sub", u, one))
    # a / (u - 1), which is about 1, comes first: a log(u) may overflow.
    log = graph.node("Mul", graph.node("Div", size, rest), graph.node("Log", u))
    log = graph.node("Where", is_small, size, log)
    return graph.node("Mul", graph.node("Sign", x), log)


def _offset(graph: Graph, at: str, tables: Sequence[NDArray[Any]]) -> str:
    """Return positions in all tables one after another from those in each."""
    starts = np.cumsum([0, *map(len, tables[:-1])])
    return graph.node("Add", at, graph.constant(starts, np.int64))


def find_values(
    graph: Graph,
    x: Numbers,
    values: Sequence[NDArray[Any]],
    ids: Sequence[NDArray[Any]],
) -> str:
    """Return the ids (n, len(values)) of the columns' numbers, as int64.

    Parameters
    ----------
    graph : Graph
    x : Numbers
        The columns.
    values, ids : sequences of ndarrays
        The known numbers of each column in increasing order, and the id of each; at
        least one.
    """
    at = _offset(graph, graph.search(x.values, [v[1:] for v in values]), values)
    nearest = graph.node(
        "Gather", graph.constant(np.concatenate(values), np.float64), at
    )
    found = graph.node("Gather", graph.constant(np.concatenate(ids), np.int64), at)
    unknown, missing = (graph.constant(i, np.int64) for i in (UNKNOWN_ID, MISSING_ID))
    is_known = graph.node("Equal", nearest, x.values)
    found = graph.node("Where", is_known, found, unknown)
    return graph.node("Where", x.missing, missing, found)
