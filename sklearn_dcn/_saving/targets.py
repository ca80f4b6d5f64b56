"""What a file may hold of targets, and whether a ranker has that of its parameters."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._files import Check, Stored
from .._targets import (
    GAINS,
    LOG_LINK,
    NUMBER_LOSSES,
    RANK_LOSSES,
    ClassTarget,
    ContinuousTarget,
    CountTarget,
    GaussianTarget,
    QuantileTarget,
    RankTarget,
)
from .rules import a, is_floats, number, one_of, optional, rises, whole

__all__ = ["TARGETS", "ranks_fit"]


def ranks_fit(state: dict[str, Any]) -> bool:
    """Tell whether a ranker's target is that of its parameters."""
    target, in_fit = state["_target"], state["_params_in_fit"]
    how = (in_fit[name] for name in ("loss", "ndcg_k", "truncation_level", "gain"))
    return (target.loss, target.k, target.truncation, target.gain) == tuple(how)


def _classes_fit(target: ClassTarget) -> bool:
    n = len(target.classes)
    is_binary = n == 2
    return (
        n >= 2
        and target.is_binary == is_binary
        and target.d_out == (1 if is_binary else n)
    )


def _units_fit(target: ContinuousTarget) -> bool:
    n = target.n_outputs
    return (
        len(target.center) == len(target.scale) == n
        and bool((target.scale > 0).all())
        and (n == 1 or not (target.is_1d or target.has_offset))
        and target.d_out == (2 * n if type(target) is GaussianTarget else n)
    )


def _counts_fit(target: CountTarget) -> bool:
    spread = target.spread
    return (
        _units_fit(target)
        and len(spread) == target.d_out
        and bool((spread > 0).all())
        and target.loss in LOG_LINK
    )


def _quantiles_fit(target: QuantileTarget) -> bool:
    levels = target.quantiles
    return (
        len(target.center) == len(target.scale) == 1
        and bool((target.scale > 0).all())
        and target.d_out == len(levels) > 0
        and rises(np.array(levels))
        and 0 < levels[0] <= levels[-1] < 1
    )


def _rank_fits(target: RankTarget) -> bool:
    return (
        target.relevance.is_1d and target.loss is not None and target.gain is not None
    )


UNITS: dict[str, Check] = {
    "is_1d": a(bool),
    "d_out": whole(1),
    "center": is_floats,
    "scale": is_floats,
    "loss": one_of(*NUMBER_LOSSES),
    "huber_delta": number(0),
    "has_offset": a(bool),
}
TARGETS: dict[str, Stored] = {
    "ClassTarget": Stored(
        ClassTarget,
        {
            "classes": lambda v: type(v) is np.ndarray and v.ndim == 1,
            "gamma": number(0),
            "label_smoothing": number(0, 1),
            "is_binary": a(bool),
            "d_out": whole(1),
        },
        fits=_classes_fit,
    ),
    "ContinuousTarget": Stored(
        ContinuousTarget,
        UNITS,
        frozenset({"loss", "huber_delta", "has_offset"}),
        fits=_units_fit,
    ),
    "RankTarget": Stored(
        RankTarget,
        {
            "relevance": a(ContinuousTarget),
            "loss": one_of(*RANK_LOSSES),
            "k": optional(whole(1)),
            "truncation": whole(1),
            "gain": one_of(*GAINS),
        },
        fits=_rank_fits,
    ),
    "CountTarget": Stored(
        CountTarget,
        {k: v for k, v in UNITS.items() if k != "huber_delta"}
        | {"power": number(1), "spread": is_floats},
        fits=_counts_fit,
    ),
    "QuantileTarget": Stored(
        QuantileTarget,
        UNITS | {"quantiles": lambda v: type(v) is tuple and all(map(number(0, 1), v))},
        fits=_quantiles_fit,
    ),
    "GaussianTarget": Stored(GaussianTarget, UNITS, fits=_units_fit),
}
