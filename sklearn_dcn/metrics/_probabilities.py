"""Measures of probabilities where positives are rare, and scorers made of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr
from sklearn.metrics import log_loss, make_scorer
from sklearn.utils.validation import check_array, check_consistent_length

from .._checks import check_count, check_option
from .._table import check_weight
from .._targets import ClassTarget

__all__ = [
    "expected_calibration_error",
    "neg_expected_calibration_error_scorer",
    "neg_normalized_entropy_scorer",
    "normalized_entropy_score",
]

Checked = tuple[NDArray[np.int64], NDArray[np.floating[Any]], NDArray[np.float64]]


def normalized_entropy_score(
    y_true: Any, y_proba: Any, *, sample_weight: Any = None, labels: Any = None
) -> float:
    r"""Return the log loss divided by that of the base rate; less is better.

    The log loss is low wherever positives are rare. This normalised entropy is 1 for a
    model that predicts the frequencies of the classes in `y_true` for every row, 0 for
    a perfect one, and above 1 for one that is worse than the frequencies [1]_:

    .. math::

        NE = \frac{-\sum_i w_i \log p_{i, y_i}}{-\sum_i w_i \log \bar{p}_{y_i}},
        \qquad \bar{p}_k = \frac{\sum_{i: y_i = k} w_i}{\sum_i w_i}

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels.
    y_proba : array-like of shape (n_samples,) or (n_samples, n_classes)
        Probabilities of the classes in sorted order, as `predict_proba` returns them;
        if 1-D, those of the second class.
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each row.
    labels : array-like of shape (n_classes,), default=None
        All classes, if `y_true` may not have them all; None takes those of `y_true`.

    Returns
    -------
    score : float
        A ratio, at least 0.

    Raises
    ------
    ValueError
        If `y_true` holds one class alone, whose entropy is 0; if a probability lies
        outside [0, 1]; or if rows or classes do not match.

    See Also
    --------
    sklearn.metrics.log_loss : The numerator.

    References
    ----------
    .. [1] He et al., "Practical Lessons from Predicting Clicks on Ads at Facebook",
       ADKDD 2014, section 2.1.

    Examples
    --------
    >>> from sklearn_dcn.metrics import normalized_entropy_score
    >>> y_true = [0, 0, 0, 1]
    >>> float(normalized_entropy_score(y_true, [0.25, 0.25, 0.25, 0.25]))
    1.0
    >>> print(f"{normalized_entropy_score(y_true, [0.1, 0.2, 0.1, 0.6]):.3f}")
    0.420
    """
    codes, p, weight = _check(y_true, y_proba, sample_weight, labels)
    mass = np.bincount(codes, weight, minlength=p.shape[1])
    if (mass > 0).sum() < 2:
        raise ValueError(
            "y_true must hold at least 2 classes of positive weight, as the entropy of "
            "a single one is 0; got only "
            f"{np.asarray(y_true)[weight > 0][0]!r}. Score more rows at once, or "
            "use sklearn.metrics.log_loss."
        )
    loss = log_loss(codes, p, sample_weight=weight, labels=np.arange(p.shape[1]))
    return float(loss / entr(mass / mass.sum()).sum())


def expected_calibration_error(
    y_true: Any,
    y_proba: Any,
    *,
    n_bins: int = 15,
    strategy: str = "quantile",
    sample_weight: Any = None,
    labels: Any = None,
) -> float:
    r"""Return how far probabilities are from frequencies, in bins; less is better.

    The expected calibration error, ECE: rows are put in bins :math:`B_m` by their
    probability :math:`p_i`. In each bin, the mean probability is compared with the
    frequency of the event [1]_:

    .. math::

        ECE = \frac{\sum_m \big| \sum_{i \in B_m} w_i (y_i - p_i) \big|}{\sum_i w_i}

    For two classes :math:`p_i` is the probability of the second and :math:`y_i` says
    whether the row is of it; for more, :math:`p_i` is the greatest probability of the
    row and :math:`y_i` says whether its class is right [2]_.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels.
    y_proba : array-like of shape (n_samples,) or (n_samples, n_classes)
        Probabilities of the classes in sorted order, as `predict_proba` returns them;
        if 1-D, those of the second class.
    n_bins : int, default=15
        Number of bins.
    strategy : {"quantile", "uniform"}, default="quantile"
        Bins of equal weight, which never divide equal probabilities; or bins of equal
        width, the first of which has almost all rows if positives are rare.
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each row.
    labels : array-like of shape (n_classes,), default=None
        All classes, if `y_true` may not have them all; None takes those of `y_true`.

    Returns
    -------
    error : float
        In units of probability, between 0 and 1.

    Raises
    ------
    ValueError, TypeError
        If a probability lies outside [0, 1], if rows or classes do not match, or if
        `n_bins` or `strategy` breaks its rule.

    See Also
    --------
    sklearn.calibration.CalibrationDisplay : The same bins as a curve.

    Notes
    -----
    In bins of few rows, frequencies are far from any probability, so the error is above
    0 even for true probabilities. Compare models on the same rows.

    References
    ----------
    .. [1] Naeini et al., "Obtaining Well Calibrated Probabilities Using Bayesian
       Binning", AAAI 2015.
    .. [2] Guo et al., "On Calibration of Modern Neural Networks", ICML 2017,
       :arxiv:`1706.04599`, equation 3.

    Examples
    --------
    >>> from sklearn_dcn.metrics import expected_calibration_error
    >>> y_true, p = [0, 1, 1, 1], [0.1, 0.3, 0.5, 0.7]
    >>> print(f"{expected_calibration_error(y_true, p, n_bins=2):.2f}")
    0.35
    """
    n_bins = check_count("n_bins", n_bins, minimum=1)
    check_option("strategy", strategy, ("quantile", "uniform"))
    codes, p, weight = _check(y_true, y_proba, sample_weight, labels)
    confidence = p[:, 1] if p.shape[1] == 2 else p.max(axis=1)
    right = codes == (1 if p.shape[1] == 2 else p.argmax(axis=1))
    if strategy == "quantile":
        values, at = np.unique(confidence, return_inverse=True)
        mass = np.bincount(at, weight, minlength=len(values))
        middle = (np.cumsum(mass) - mass / 2) / mass.sum()
        bins = np.minimum(middle * n_bins, n_bins - 1).astype(np.int64)[at]
    else:  # edges belong to the bin below, as in the paper and in scikit-learn
        edges = np.linspace(0, 1, n_bins + 1)[1:-1]
        bins = np.searchsorted(edges, confidence)
    gaps = np.bincount(bins, weight * (right - confidence))
    return float(np.abs(gaps).sum() / weight.sum())


def _check(y_true: Any, y_proba: Any, sample_weight: Any, labels: Any) -> Checked:
    """Return codes of the labels, probabilities of shape (n, n_classes), weights."""
    y = ClassTarget.check(y_true)
    p = check_array(
        y_proba, ensure_2d=False, dtype=[np.float64, np.float32], input_name="y_proba"
    )
    check_consistent_length(y, p)
    weight = check_weight(sample_weight, len(y), "sample_weight")
    if p.min() < 0 or p.max() > 1:
        raise ValueError(
            f"y_proba must hold probabilities in [0, 1]; got {p.min():g} to "
            f"{p.max():g}. Give the result of predict_proba, not of decision_function."
        )
    p = p.reshape(len(p), -1)
    if p.shape[1] == 1:
        p = np.hstack([1 - p, p])
    elif not np.allclose(p.sum(axis=1), 1, rtol=0, atol=1e-3):
        raise ValueError(
            "y_proba must hold a probability of every class, so that rows sum to 1; "
            f"got a row that sums to {p.sum(axis=1).min():g}."
        )
    classes = np.unique(y if labels is None else ClassTarget.check(labels))
    if len(classes) != p.shape[1]:
        raise ValueError(
            f"y_proba must have a column for each class of "
            f"{'y_true' if labels is None else 'labels'}, {classes.tolist()}, or be "
            f"1-D for two; got {p.shape[1]} classes. Name them in labels."
        )
    return ClassTarget(classes).encode(y, "y_true"), p, weight


#: Scorer of `normalized_entropy_score` for `scoring=`, negative: greater is better.
neg_normalized_entropy_scorer = make_scorer(
    normalized_entropy_score, response_method="predict_proba", greater_is_better=False
)
#: Scorer of `expected_calibration_error` for `scoring=`, negative: greater is better.
neg_expected_calibration_error_scorer = make_scorer(
    expected_calibration_error, response_method="predict_proba", greater_is_better=False
)
