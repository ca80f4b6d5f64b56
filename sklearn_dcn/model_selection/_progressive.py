"""Progressive validation: a model predicts a day, is scored, and learns the day."""

from __future__ import annotations

import time as clock
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone, is_classifier
from sklearn.metrics import log_loss, mean_squared_error, r2_score, roc_auc_score

from .._checks import check_count
from .._table import check_weight, take_rows
from ._splits import periods_of

__all__ = ["progressive_validate"]


def progressive_validate(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    time: Any,
    period: str = "D",
    sample_weight: Any = None,
    n_initial: int = 1,
    n_epochs: int = 1,
    refit_every: int | None = None,
    max_train_periods: int | None = None,
) -> Any:
    """Return how well a model predicts each day before it learns it.

    The first periods are fitted. The rows of each later period are predicted and
    scored, and then learned by `partial_fit`. This shows how good a model that keeps
    learning would have been. No row is scored by a model that has seen it or a later
    one.

    Parameters
    ----------
    estimator : estimator
        One with `partial_fit`, unless `refit_every` is given. It is cloned.
    X : DataFrame or array-like of shape (n_samples, n_features)
        Rows, in any order.
    y : array-like of shape (n_samples,)
        Target.
    time : str, int or array-like of shape (n_samples,)
        When each row was, as in `DaySplit`. A column of this name stays in the table.
    period : str, default="D"
        How long a period of dates is, as an alias of pandas: "D", "W", "M", "h".
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each row, in learning and in the scores.
    n_initial : int, default=1
        How many periods the first `fit` learns.
    n_epochs : int, default=1
        How often the rows of a period are learned. Statistics of the target count
        them as often.
    refit_every : int or None, default=None
        If given, no row is learned by `partial_fit`; instead, whenever this many
        periods have passed, a clone is fitted to all rows up to then.
    max_train_periods : int or None, default=None
        How many of the last periods such a fit learns; None is all.

    Returns
    -------
    table : DataFrame
        A row for each period that was predicted, indexed by the period:

        - "rows", and "seconds" to learn them,
        - "new_ids": the number of levels that the model did not know; "unknown": the
          share of cells with such levels, among all cells of categorical columns. Both
          are for estimators of this package alone.
        - for a classifier, "log_loss", "calibration" (the sum of the probabilities of
          the last class over the number of its rows; 1 is right) and, with two classes,
          "roc_auc"; with several labels a row, the means over the labels; for a
          regressor, "rmse", "r2" and "calibration" (the mean of the predictions over
          that of the target). Missing where a day has one class.

    Raises
    ------
    ValueError
        If there are not more periods than `n_initial`.
    TypeError
        If the estimator has no `partial_fit`, and `refit_every` is None.

    See Also
    --------
    DaySplit : The same periods for `cross_val_score`, each fit anew.
    sklearn_dcn.inspection.ProgressiveValidationDisplay : The table as a picture.

    References
    ----------
    Blum, Kalai & Langford, "Beating the Hold-Out: Bounds for K-fold and Progressive
    Cross-Validation", 1999.
    """
    import pandas

    _check(estimator, n_initial, n_epochs, refit_every, max_train_periods)
    code, names = periods_of(time, X, period)
    if len(names) <= n_initial:
        raise ValueError(
            f"n_initial={n_initial} leaves no period to predict; the rows have "
            f"{len(names)}. Give a shorter period."
        )
    y = np.asarray(y)
    weight = None
    if sample_weight is not None:
        weight = check_weight(sample_weight, len(code), "sample_weight", True)

    def part(at: NDArray[np.intp]) -> tuple[Any, Any, dict[str, Any]]:
        of = {} if weight is None else {"sample_weight": weight[at]}
        return _take(X, at), y[at], of

    def fit(stop: int) -> Any:
        start = 0 if max_train_periods is None else max(0, stop - max_train_periods)
        rows, target, of = part(np.flatnonzero((code >= start) & (code < stop)))
        return clone(estimator).fit(rows, target, **of)

    model, found = fit(n_initial), []
    for k in range(n_initial, len(names)):
        rows, target, of = part(np.flatnonzero(code == k))
        row = {"rows": len(target), **_unseen(model, rows)}
        with warnings.catch_warnings():
            # "unknown" tells that, and the first fit has told of an order of rows.
            warnings.filterwarnings("ignore", message=".*no level that fit has seen")
            warnings.filterwarnings("ignore", message="Rows look as if")
            row |= _scores(model, rows, target, of.get("sample_weight"))
            begun = clock.perf_counter()
            if refit_every is None:
                for _ in range(n_epochs):
                    model.partial_fit(rows, target, **of)
            elif (k + 1 - n_initial) % refit_every == 0 and k + 1 < len(names):
                model = fit(k + 1)
        found.append(row | {"seconds": clock.perf_counter() - begun})
    index = pandas.Index(names[n_initial:], name="period")
    return pandas.DataFrame(found, index=index)


def _check(
    estimator: Any,
    n_initial: int,
    n_epochs: int,
    refit_every: int | None,
    max_train_periods: int | None,
) -> None:
    """Raise an error if an argument is out of bounds."""
    check_count("n_initial", n_initial, minimum=1)
    check_count("n_epochs", n_epochs, minimum=1)
    if getattr(estimator, "_ranks", False):
        raise TypeError(
            f"Scores of a {type(estimator).__name__} have no units to compare with y. "
            "Fit and score it day by day, with DaySplit."
        )
    if refit_every is not None:
        check_count("refit_every", refit_every, minimum=1)
    elif not hasattr(estimator, "partial_fit"):
        raise TypeError(
            f"{type(estimator).__name__} has no partial_fit. Give refit_every, for "
            "fits to all rows until then."
        )
    if max_train_periods is not None:
        check_count("max_train_periods", max_train_periods, minimum=1)


def _take(X: Any, at: NDArray[np.intp]) -> Any:
    rows = X.iloc[at] if hasattr(X, "iloc") else take_rows(X, at)
    return rows.reset_index(drop=True) if hasattr(rows, "reset_index") else rows


def _unseen(model: Any, X: Any) -> dict[str, Any]:
    """Return how many levels are new to a model, and the share of their cells."""
    if not hasattr(model, "encoder_"):
        return {}
    checked = model._check_X(X, reset=False)
    columns = model.encoder_.unseen(checked).values()
    cells = sum(column.cells for column in columns)
    unknown = sum(column.unknown for column in columns)
    return {
        "new_ids": sum(column.n_levels for column in columns),
        "unknown": unknown / cells if cells else 0.0,
    }


def _scores(model: Any, X: Any, y: NDArray[Any], weight: Any) -> dict[str, float]:
    """Return the scores of rows that the model has not learned."""
    if not is_classifier(model):
        found = model.predict(X)
        means = [np.average(of, weights=weight, axis=0).sum() for of in (found, y)]
        error = mean_squared_error(y, found, sample_weight=weight)
        r2 = r2_score(y, found, sample_weight=weight) if len(y) > 1 else np.nan
        return {"rmse": float(np.sqrt(error)), "r2": r2, "calibration": _ratio(*means)}
    p, classes = model.predict_proba(X), model.classes_
    if hasattr(model, "label_names_"):  # several labels a row
        return _scores_of_labels(y, p, weight)
    is_last = y == classes[-1]
    scores = {
        "log_loss": log_loss(y, p, labels=classes, sample_weight=weight),
        "calibration": _ratio(
            np.average(p[:, -1], weights=weight), np.average(is_last, weights=weight)
        ),
    }
    if len(classes) == 2:
        has_both = 0 < is_last.sum() < len(y)
        scores["roc_auc"] = (
            roc_auc_score(is_last, p[:, 1], sample_weight=weight)
            if has_both
            else np.nan
        )
    return scores


def _scores_of_labels(
    y: NDArray[Any], p: NDArray[np.float64], weight: Any
) -> dict[str, float]:
    """Return the means of the labels' scores."""
    each = [
        log_loss(y_k, p_k, labels=[0, 1], sample_weight=weight)
        for y_k, p_k in zip(y.T, p.T, strict=True)
    ]
    means = [np.average(of, weights=weight, axis=0).sum() for of in (p, y)]
    has_both = bool((y.min(axis=0) < y.max(axis=0)).all())
    auc = roc_auc_score(y, p, sample_weight=weight) if has_both else np.nan
    return {
        "log_loss": float(np.mean(each)),
        "calibration": _ratio(*means),
        "roc_auc": auc,
    }


def _ratio(one: float, other: float) -> float:
    return float(one / other) if other else np.nan
