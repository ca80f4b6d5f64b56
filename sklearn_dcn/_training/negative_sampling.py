"""Some of the negative rows in place of all, and what corrects for it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["sample_negatives"]


def sample_negatives(
    is_negative: NDArray[np.bool_], weight: NDArray[np.float64], rate: float, seed: int
) -> tuple[NDArray[np.intp], float]:
    r"""Draw some of the negative rows, and say what the log-odds become by it.

    Where negatives are kept with probability r, a row of probability p is positive in
    the sample with probability q, :math:`q / (1 - q) = p / (1 - p) / r`. So its
    log-odds are those of p, plus -log r. Where the loss adds that to the logits of the
    sampled rows, the logits themselves are learned as those of all rows; adding log r
    to the bias of a network that was trained without would give the same [1]_:
    :math:`p = q / (q + (1 - q) / r)`.

    Parameters
    ----------
    is_negative : ndarray of shape (n,)
        Which rows may be left out.
    weight : ndarray of shape (n,)
        Weight of each row.
    rate : float in (0, 1)
        Fraction of the negatives that are kept, and at least one of them.
    seed : int
        Source of the draw.

    Returns
    -------
    kept : ndarray of int
        Positions of the rows, ascending.
    offset : float
        -log r, of the fraction of the negatives' weight that is kept: so the base rate
        is exact also where few negatives have most of the weight.

    References
    ----------
    .. [1] He et al., "Practical Lessons from Predicting Clicks on Ads at Facebook",
       ADKDD 2014, section 6.3; King and Zeng, "Logistic Regression in Rare Events
       Data", 2001, section 4.1.
    """
    negatives = np.flatnonzero(is_negative)
    if len(negatives) == 0:
        return np.arange(len(weight)), 0.0
    rng = np.random.default_rng(seed)
    n_kept = max(1, round(rate * len(negatives)))
    kept = rng.choice(negatives, n_kept, replace=False)
    offset = np.log(weight[negatives].sum() / weight[kept].sum())
    return np.sort(np.concatenate([np.flatnonzero(~is_negative), kept])), float(offset)
