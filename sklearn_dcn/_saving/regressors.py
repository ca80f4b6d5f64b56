"""What a file may hold of a regressor alone: its loss, and errors of held-out rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._files import Check
from .._targets import (
    LOG_LINK,
    ContinuousTarget,
    CountTarget,
    GaussianTarget,
    QuantileTarget,
)
from .rules import array, optional

__all__ = ["ADDED_TO_REGRESSOR", "RESIDUALS", "numbers_fit"]

# Parameters that older files have not.
ADDED_TO_REGRESSOR = {
    "loss": "squared_error",
    "power": 1.5,
    "huber_delta": 1.0,
    "quantiles": 0.5,
    "exposure": None,
    "offset": None,
}

# Of held-out rows, if there were any.
RESIDUALS: dict[str, Check] = {
    "_residuals": optional(array(np.float64, 2)),
    "_residual_weight": optional(
        lambda v: array(np.float64)(v) and len(v) > 0 and bool((v > 0).all())
    ),
}
TARGETS: dict[str, type[ContinuousTarget]] = {
    **dict.fromkeys(LOG_LINK, CountTarget),
    "quantile": QuantileTarget,
    "gaussian": GaussianTarget,
}


def numbers_fit(state: dict[str, Any]) -> bool:
    """Tell whether a regressor's target is that of its loss, and its residuals fit."""
    target = state["_target"]
    in_fit = state["_params_in_fit"]
    n_columns = target.d_out if type(target) is QuantileTarget else 1
    residuals, weight = state.get("_residuals"), state.get("_residual_weight")
    beside = [in_fit[name] for name in ("exposure", "offset")]
    return (
        isinstance(target, TARGETS.get(in_fit["loss"], ContinuousTarget))
        and target.loss == in_fit["loss"]
        and target.has_offset == any(name is not None for name in beside)
        and (
            residuals is None
            if weight is None
            else residuals is not None and residuals.shape == (len(weight), n_columns)
        )
    )
