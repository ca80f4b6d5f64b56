"""Checked rows of table, target and weights; rows held out for validation."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit
from sklearn.utils.validation import check_array

__all__ = ["Rows", "check_weight", "sample_negatives", "train_validation_split"]


class Rows(NamedTuple):
    """Checked rows: table, target and weights, none of them zero."""

    X: Any
    y: NDArray[Any]
    weight: NDArray[np.float64]


def check_weight(weight: Any, n_rows: int, name: str) -> NDArray[np.float64]:
    """Return row weights, ones for None."""
    if weight is None:
        return np.ones(n_rows)
    weight = np.array(weight)
    if weight.dtype.kind not in "biufO":
        raise ValueError(f"{name} must hold numbers; got dtype {weight.dtype}.")
    if weight.ndim:
        weight = check_array(weight, ensure_2d=False, dtype=np.float64, input_name=name)
    if weight.shape != (n_rows,):
        raise ValueError(
            f"{name} must be 1-D with one weight a row, shape ({n_rows},); got shape "
            f"{weight.shape}."
        )
    if (weight < 0).any():
        row = int((weight < 0).argmax())
        raise ValueError(
            f"{name} must not be negative; got {weight[row]} in row {row}."
        )
    if not weight.any():
        raise ValueError(
            f"{name} must have a positive weight; got only zeros: all the weights are "
            "zero."
        )
    return weight


def train_validation_split(
    n_rows: int, strata: NDArray[Any] | None, fraction: float, seed: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Split rows at random, keeping the proportions of `strata`.

    Classes of a single row stay in the training rows; where there are fewer held-out
    rows than classes, the split is not stratified.

    Returns
    -------
    training, validation : ndarray of int
        Positions of the rows.

    Raises
    ------
    ValueError
        If there is only one row.
    """
    if n_rows < 2:
        raise ValueError(
            "Early stopping needs at least 2 rows to split; got 1 sample. Set "
            "early_stopping=False or pass X_val and y_val."
        )
    if strata is not None:
        _, code, counts = np.unique(strata, return_inverse=True, return_counts=True)
        single = counts[code] < 2
        rows = np.flatnonzero(~single)
        if min(fraction, 1 - fraction) * len(rows) >= max(1, (counts >= 2).sum()):
            splitter = StratifiedShuffleSplit(1, test_size=fraction, random_state=seed)
            a, b = next(splitter.split(rows, strata[rows]))
            return np.concatenate([rows[a], np.flatnonzero(single)]), rows[b]
    n_held_out = min(math.ceil(fraction * n_rows), n_rows - 1)  # one row to train on
    splitter = ShuffleSplit(1, test_size=n_held_out, random_state=seed)
    return next(splitter.split(np.empty(n_rows)))


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
