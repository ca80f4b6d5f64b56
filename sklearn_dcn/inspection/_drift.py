"""Why a model got worse: how rows differ from those of the fit, column by column."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted

from .._checks import check_count
from .._ids import MISSING_ID, N_RESERVED_IDS, UNKNOWN_ID
from .._table import (
    TextLevels,
    check_weight,
    factorize,
    get_columns,
    to_float,
    to_vectors,
)

__all__ = ["Drift", "drift"]

LEAST_SHARE = 1e-4  # of a bin in the index, where none of its rows is there


@dataclass
class Drift:
    """How rows differ from those of the fit; what `drift` returns.

    Attributes
    ----------
    columns : DataFrame
        A row for each column, the most shifted first; see `drift`.
    calibration : DataFrame or None
        A row for each group of a column's cells; None without a target.
    n_rows : int
        Number of rows that were compared.
    """

    columns: Any
    calibration: Any
    n_rows: int

    def __repr__(self) -> str:
        return f"Drift of {self.n_rows:,} rows\n{self.columns.round(4).to_string()}"

    def _repr_html_(self) -> str:
        return f"<p>Drift of {self.n_rows:,} rows</p>{self.columns.round(4).to_html()}"


def drift(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    sample_weight: Any = None,
    n_bins: int = 10,
    n_levels: int = 20,
) -> Drift:
    r"""Return how rows differ from those that a model was fitted to.

    Parameters
    ----------
    estimator : DCNClassifier or DCNRegressor
        A fitted estimator.
    X : DataFrame or array-like of shape (n_samples, n_features)
        Later rows.
    y : array-like of shape (n_samples,), default=None
        Target of these rows, with one output; needed for `calibration`.
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each row.
    n_bins : int, default=10
        Number of bins of a numeric column, of equal weight in the fit.
    n_levels : int, default=20
        Number of levels of a category that are groups of their own: the most frequent
        ones in the fit.

    Returns
    -------
    drift : Drift
        `columns` has, for each column of the table,

        - "unknown" and "unknown_in_fit": the share of cells whose level the model does
          not know; NaN for numbers. "new_levels": the number of such levels.
        - "missing" and "missing_in_fit": the share of missing cells.
        - "psi": the population stability index of its groups; NaN for lists, texts and
          vectors, which have no groups.

        `calibration` has, for each group, "rows" (their weight), "predicted" and
        "observed" (the means of prediction and target), and "ratio" (predicted over
        observed). For a classifier they refer to the last class.

    Notes
    -----
    With the shares :math:`p_g` of a group in the fit and :math:`q_g` now, each counted
    as at least 0.0001,

    .. math:: PSI = \sum_g (q_g - p_g) \ln (q_g / p_g)

    the symmetric form of Kullback's divergence. Groups are bins of a number, or the
    most frequent levels, all other known levels, unknown ones, and missing cells. As a
    rule of thumb, up to 0.1 is noise, and from 0.25 on the column has changed [1]_.
    Small samples differ by chance: n rows in G groups by about (G - 1) / n.

    Raises
    ------
    ValueError
        If the model was fitted to a sparse matrix, or `y` has several outputs.

    References
    ----------
    .. [1] Siddiqi, "Credit Risk Scorecards", 2006; Yurdakul & Naranjo, "Statistical
       Properties of the Population Stability Index", 2020.
    """
    check_is_fitted(estimator)
    n_bins = check_count("n_bins", n_bins, minimum=2)
    n_levels = check_count("n_levels", n_levels, minimum=1)
    encoder = estimator.encoder_
    if encoder.block is not None:
        raise ValueError(
            "drift compares columns, but the model was fitted to a sparse matrix, "
            "whose columns are one field. Fit it to a table."
        )
    checked = estimator._check_X(X, reset=False)
    n_rows = checked.shape[0]
    weight = check_weight(sample_weight, n_rows, "sample_weight", True)
    seen = encoder.unseen(checked, weight)
    cells = encoder.spread(get_columns(checked))
    answer = None if y is None else _answer(estimator, X, y)
    rows, groups = [], []
    for j, name in enumerate(encoder.names):
        if j in encoder.numbers:
            found = _of_number(encoder.numbers[j], cells[j], name, n_bins)
        elif j in encoder.categories:
            found = _of_levels(encoder.categories[j], cells[j], n_levels)
        else:
            found = None  # a list has several levels a cell, a vector none
        row = {"column": name} | _shares(encoder, j, seen.get(j), cells, weight)
        if found is not None:
            names, before, at = found
            now = np.bincount(at, weight, minlength=len(names))
            row["psi"] = _stability(before, now.astype(np.float64))
            if answer is not None:
                groups += _calibration(name, names, at, weight, *answer)
        rows.append(row)
    return _as_frames(rows, groups if answer is not None else None, n_rows)


def _as_frames(rows: list[Any], groups: list[Any] | None, n_rows: int) -> Drift:
    import pandas

    order = ["unknown", "unknown_in_fit", "new_levels"]
    order += ["missing", "missing_in_fit", "psi"]
    columns = pandas.DataFrame(rows).set_index("column").reindex(columns=order)
    columns = columns.sort_values("psi", ascending=False, kind="stable")
    calibration = None if groups is None else pandas.DataFrame(groups)
    return Drift(columns, calibration, n_rows)


def _shares(
    encoder: Any, j: int, seen: Any, cells: list[Any], weight: NDArray[np.float64]
) -> dict[str, float]:
    """Return the shares of unknown and missing cells, now and in the fit."""
    if j in encoder.vectors:
        vectors = encoder.vectors[j]
        x = to_vectors(cells[j], encoder.names[j], vectors.width)
        missing = np.isnan(x).any(axis=1)
        return {
            "missing": float(weight @ missing / weight.sum()),
            "missing_in_fit": vectors.missing_share,
        }
    if isinstance(text := encoder.lists.get(j), TextLevels):
        missing = factorize(cells[j], text.name)[0] < 0
        return {
            "missing": float(weight @ missing / weight.sum()),
            "missing_in_fit": float(text.levels.counts[MISSING_ID] / text.total),
        }
    if j in encoder.numbers:
        missing = np.isnan(to_float(cells[j], encoder.names[j]))
        return {
            "missing": float(weight @ missing / weight.sum()),
            "missing_in_fit": encoder.numbers[j].missing_share,
        }
    ids = encoder.categories[j] if j in encoder.categories else encoder.lists[j].levels
    total = ids.counts.sum()
    shares = {"missing_in_fit": float(ids.counts[MISSING_ID] / total)}
    if seen is None:  # of hashed levels all are known
        return shares
    return shares | {
        "unknown": seen.unknown / seen.cells if seen.cells else 0.0,
        "unknown_in_fit": float(ids.counts[UNKNOWN_ID] / total),
        "new_levels": seen.n_levels,
        "missing": seen.missing / seen.cells if seen.cells else 0.0,
    }


Groups = tuple[list[str], NDArray[np.float64], NDArray[np.intp]]


def _of_number(scaler: Any, column: Any, name: Any, n_bins: int) -> Groups:
    """Return names of a number's groups, their shares in the fit, and each row's."""
    x = to_float(column, name)
    edges, shares, at = scaler.bins(x, n_bins)
    bounds = [f"{edge:.4g}" for edge in edges]
    names = ["all"] if not bounds else [f"up to {bounds[0]}"]
    names += [f"{a} to {b}" for a, b in pairwise(bounds)]
    names += [f"above {bounds[-1]}"] if bounds else []
    present = 1 - scaler.missing_share
    return [*names, "missing"], np.append(present * shares, 1 - present), at


def _of_levels(ids: Any, column: Any, n_levels: int) -> Groups:
    """Return names of a category's groups, their shares in the fit, and each row's."""
    counts = ids.counts
    order = np.argsort(-counts[N_RESERVED_IDS:], kind="stable")[:n_levels]
    own = order + N_RESERVED_IDS
    group = np.full(len(counts), len(own))  # all others
    group[own] = np.arange(len(own))
    group[UNKNOWN_ID], group[MISSING_ID] = len(own) + 1, len(own) + 2
    levels = ids.levels
    names = [str(levels[k]) for k in order]
    names += ["other levels", "unknown", "missing"]
    found = ids.ids(*factorize(column, ids.name))
    shares = np.bincount(group, counts, minlength=len(names)) / counts.sum()
    return names, shares, group[found]


def _stability(before: NDArray[np.float64], now: NDArray[np.float64]) -> float:
    """Return the population stability index of two distributions."""
    p = np.maximum(before / before.sum(), LEAST_SHARE)
    q = np.maximum(now / now.sum(), LEAST_SHARE)
    return float(np.sum((q - p) * np.log(q / p)))


def _answer(
    estimator: Any, X: Any, y: Any
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return predictions and target, of a classifier those of the last class."""
    if getattr(estimator, "_ranks", False):
        raise TypeError(
            f"Scores of a {type(estimator).__name__} have no units to compare with y. "
            "Leave y out."
        )
    if isinstance(y, dict):
        raise ValueError(
            "y must be None for a model of several tasks; got a dict. Leave it out."
        )
    y = np.asarray(y)
    if y.ndim > 1 and y.shape[1] > 1:
        raise ValueError(
            f"y must have one output for the calibration by column; got {y.shape[1]}."
        )
    y = y.ravel()
    if is_classifier(estimator):
        p = estimator.predict_proba(X)[:, -1]
        return p, (y == estimator.classes_[-1]).astype(np.float64)
    return estimator.predict(X).ravel(), y.astype(np.float64)


def _calibration(
    column: Any,
    names: list[str],
    at: NDArray[np.intp],
    weight: NDArray[np.float64],
    predicted: NDArray[np.float64],
    observed: NDArray[np.float64],
) -> list[dict[str, Any]]:
    """Return the means of the groups of a column that have any rows."""
    mass = np.bincount(at, weight, minlength=len(names))
    sums = [
        np.bincount(at, weight * of, minlength=len(names))
        for of in (predicted, observed)
    ]
    found = []
    for g in np.flatnonzero(mass > 0):
        p, o = (float(of[g] / mass[g]) for of in sums)
        row = {"column": column, "group": names[g], "rows": float(mass[g])}
        row |= {"predicted": p, "observed": o, "ratio": p / o if o else np.nan}
        found.append(row)
    return found
