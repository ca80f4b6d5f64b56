"""How wide an interval must be, by the rows that no network has seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["conformal_margin", "weighted_quantiles"]


def weighted_quantiles(
    y: NDArray[np.float64], weight: NDArray[np.float64], levels: Sequence[float]
) -> NDArray[np.float64]:
    """Return of each level the least y that has so much of the weight up to it.

    Parameters
    ----------
    y, weight : ndarray of shape (n,)
    levels : sequence of float
        In (0, 1).
    """
    order = np.argsort(y, kind="stable")
    mass = np.cumsum(weight[order])
    # A sum that rounds must not go on to the next row.
    wanted = np.asarray(levels) * mass[-1] * (1 - 1e-12)
    at = np.searchsorted(mass, wanted).clip(max=len(y) - 1)
    return y[order][at]


def conformal_margin(
    scores: NDArray[np.float64], weight: NDArray[np.float64], coverage: float
) -> float:
    """Return the score that a new row has, or less, with a probability of `coverage`.

    It is the ceil((n + 1) coverage)-th of n scores: a new row is as likely to be at any
    place among them. With weights a new row has the mean of them.

    Parameters
    ----------
    scores, weight : ndarray of shape (n,)
        Of rows that are as new ones.
    coverage : float

    Raises
    ------
    ValueError
        If there are too few rows for such a coverage.

    References
    ----------
    Vovk et al., "Algorithmic Learning in a Random World", 2005; Lei et al.,
    "Distribution-Free Predictive Inference for Regression", 2018, arXiv:1604.04173.
    """
    n = len(scores)
    share = coverage * (n + 1) / n
    if share > 1 + 1e-12:
        least = int(np.ceil(coverage / (1 - coverage) - 1e-9))
        raise ValueError(
            f"coverage={coverage} needs at least {least} rows that were held out; the "
            f"fit had {n}. Ask for less, or hold out more by validation_fraction or "
            "X_val."
        )
    return float(weighted_quantiles(scores, weight, [min(share, 1.0)])[0])
