"""Whether rows are in an order that tells of the target, like order of time.

If so, random rows tell more about each other than about rows to come. Columns alone
show it, before there is a network: a linear model of their statistics predicts the last
rows worse if it has learned from the rows before them than if it has learned from as
many random ones. If rows were shuffled, the two are the same.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .groups import Floats
from .linear_models import MAX_LINEAR, MAX_TARGETS, linear_losses, standardise
from .supervision import N_FOLDS
from .target_rows import TEST_FOLDS, TargetRows

__all__ = ["loss_by_order"]

# So much more is lost, of the loss, and in standard errors of the mean over rows. Of
# 112 shuffled splits of real tables none passed, the nearest with 3.2 errors
# (docs/quality.md).
LEAST_SHARE, LEAST_ERRORS = 0.02, 4.0


def loss_by_order(rows: TargetRows) -> float:
    """Return the share by which coming last raises the loss; 0 if by chance.

    Parameters
    ----------
    rows : TargetRows
    """
    if rows.are_sorted:
        return 0.0
    rows = rows.sample(MAX_LINEAR).halve_classes(MAX_TARGETS)
    n = len(rows.weight)
    is_late = rows.stretch >= N_FOLDS - TEST_FOLDS
    early, late = np.flatnonzero(~is_late), np.flatnonzero(is_late)
    if len(early) < N_FOLDS or len(late) < N_FOLDS:
        return 0.0
    after = _losses(rows, early, late)
    among = np.empty(len(late))
    half = rows.rng.permutation(len(late)) % 2
    for k in range(2):  # each half by as many others as are early
        others = np.setdiff1d(np.arange(n), late[half == k])
        drawn = np.sort(rows.rng.permutation(others)[: len(early)])
        among[half == k] = _losses(rows, drawn, late[half == k])
    weight = rows.weight[late] / rows.weight[late].sum()
    more = after - among
    mean = float(weight @ more)
    error = float(np.sqrt((weight**2) @ (more - mean) ** 2))
    share = mean / max(float(weight @ among), 1e-12)
    return share if share > LEAST_SHARE and mean > LEAST_ERRORS * error else 0.0


def _losses(rows: TargetRows, fit: NDArray[np.intp], test: NDArray[np.intp]) -> Floats:
    """Return the loss of each test row by what the others tell of single columns."""
    is_fit = np.zeros(len(rows.weight), dtype=bool)
    is_fit[fit] = True
    features = standardise(rows.told_by(is_fit).statistics(rows.codes))
    return linear_losses(rows, features, fit, test)
