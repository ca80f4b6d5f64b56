"""Which target and loss the parameters of a regressor stand for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .continuous import ContinuousTarget
from .counts import CountTarget
from .gaussian import GaussianTarget
from .quantiles import QuantileTarget

__all__ = ["LOG_LINK", "NUMBER_LOSSES", "check_range", "make_target", "to_levels"]

# The losses whose logit is the logarithm of the expected target, with the power of the
# variance; None is that of the parameter.
LOG_LINK: dict[str, float | None] = {"poisson": 1.0, "gamma": 2.0, "tweedie": None}

NUMBER_LOSSES = (
    *("squared_error", "absolute_error", "huber"),
    *(*LOG_LINK, "quantile", "gaussian"),
)


def to_levels(quantiles: Any) -> tuple[float, ...]:
    """Return the quantiles that a number, or a sequence of numbers, stands for."""
    is_one = np.ndim(quantiles) == 0
    return tuple(map(float, [quantiles] if is_one else quantiles))


def check_range(
    y: NDArray[np.float64], loss: str, power: float, name: str = "y"
) -> None:
    """Raise a ValueError for numbers that are not of the loss's distribution."""
    if loss not in LOG_LINK:
        return
    found = LOG_LINK[loss] or power
    has_zero = found < 2
    if y.size and (y.min() < 0 or (y.min() == 0 and not has_zero)):
        row = int((y if y.ndim == 1 else y.min(axis=1)).argmin())
        said = f"loss={loss!r}" + (f" with power={power}" if loss == "tweedie" else "")
        raise ValueError(
            f"{name} must be {'>= 0' if has_zero else '> 0'} for {said}; got "
            f"{y.min():g} in row {row}. Take such rows out, or use "
            + ("loss='tweedie', which takes 0" if y.min() == 0 else "another loss")
            + "."
        )


def make_target(
    y: NDArray[np.float64],
    weight: NDArray[np.float64],
    *,
    loss: str,
    power: float,
    huber_delta: float,
    quantiles: float | Sequence[float],
    has_offset: bool,
) -> ContinuousTarget:
    """Return the target that the parameters of `DCNRegressor` stand for.

    Parameters
    ----------
    y : ndarray of shape (n,) or (n, n_outputs)
        The training target, with an offset beside it if it `has_offset`.
    weight : ndarray of shape (n,)
    loss, power, huber_delta, quantiles
        As of the estimator.
    has_offset : bool
    """
    if loss in LOG_LINK:
        found = LOG_LINK[loss] or float(power)
        return CountTarget(y, weight, loss, found, has_offset)
    if loss == "quantile":
        return QuantileTarget(y, weight, to_levels(quantiles), has_offset)
    if loss == "gaussian":
        return GaussianTarget(y, weight, has_offset)
    return ContinuousTarget(y, weight, loss, float(huber_delta), has_offset)
