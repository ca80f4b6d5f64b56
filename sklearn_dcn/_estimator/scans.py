"""Tables given as paths or scans: read or refused."""

from __future__ import annotations

import os
from typing import Any

from .._roles import LONG
from .._scan import BLOCK, Scan, is_scan, scan

__all__ = ["check_scannable", "read_scan", "read_targets", "scan_of"]


def read_scan(
    estimator: Any,
    X: Any,
    y: Any,
    sample_weight: Any,
    suffix: str = "",
    in_parts: bool = False,
) -> tuple[Any, Any, Any]:
    """Return a table as it was given, or the rows of a short scan or path.

    Parameters
    ----------
    estimator : BaseDCN
    X : table, scan or path
    y : array-like or None; of a path the column's name
    sample_weight : array-like or None; of a path the column's name or None
    suffix : str, default=""
        Suffix of the arguments' names.
    in_parts : bool, default=False
        Whether the rows are to be learned block by block.

    Returns
    -------
    X, y, sample_weight
        The scan, None and None, if it has too many rows to load.

    Raises
    ------
    ValueError, TypeError
        If a scan has no target, or is given one beside it.
    """
    if _is_path(X):
        if not _is_name(y):
            raise TypeError(
                f"For rows in files, y{suffix} must be the name of the target's "
                f"column; got {type(y).__name__}. Or pass X{suffix}=scan(path, "
                "target=name)."
            )
        if sample_weight is not None and not isinstance(sample_weight, str):
            raise TypeError(
                f"For rows in files, sample_weight{suffix} must be the name of its "
                f"column; got {type(sample_weight).__name__}."
            )
        X, y, sample_weight = scan(X, target=y, weight=sample_weight), None, None
    if not is_scan(X):
        return X, y, sample_weight
    beside = ("y", y, "target"), ("sample_weight", sample_weight, "weight")
    for name, value, of in beside:
        if value is not None:
            raise TypeError(
                f"{name}{suffix} must not be given beside a scan, whose {of} is a "
                f"column: scan(..., {of}=name)."
            )
    if X.target is None:
        raise ValueError(
            f"The scan of X{suffix} has no target. Name its column: "
            "scan(..., target=name)."
        )
    block = X.load(LONG)
    if block is not None:
        return block.X, block.y, block.weight
    if not in_parts:
        check_scannable(estimator)
    elif not hasattr(estimator, "net_") and estimator.new_levels == "unknown":
        raise ValueError(
            f"The scan has more than {LONG:,} rows, and a first call of partial_fit "
            f"would know only the levels of its first {BLOCK:,}. Call fit, or set "
            "new_levels='learn'."
        )
    return X, None, None


def check_scannable(estimator: Any) -> None:
    """Raise a ValueError for a parameter that needs all rows in memory."""
    needs: tuple[tuple[str, Any, str], ...] = (
        ("warm_start", (False,), "Fit again, or call partial_fit with frames"),
        ("category_encoder", (None,), "Leave it out: levels have embeddings"),
        ("validation_groups", (None,), "Pass X_val, of other groups"),
        ("validation_time", (None,), "Pass X_val, of later rows"),
        ("scoring", (None, "loss"), "Leave it out, or load the rows"),
    )
    for name, allowed, remedy in needs:
        value = getattr(estimator, name)
        if not any(
            value is one or (isinstance(value, str) and value == one) for one in allowed
        ):
            raise ValueError(
                f"{name}={value!r} needs all rows in memory, but the scan has more "
                f"than {LONG:,}. {remedy}."
            )


def _is_path(X: Any) -> bool:
    if isinstance(X, (list, tuple)):
        return bool(X) and all(isinstance(one, (str, os.PathLike)) for one in X)
    return isinstance(X, (str, os.PathLike))


def _is_name(y: Any) -> bool:
    return isinstance(y, str) or (
        isinstance(y, list) and bool(y) and all(isinstance(name, str) for name in y)
    )


def scan_of(X: Any) -> Scan | None:
    """Return a scan, or the scan of a path; None for other tables."""
    if _is_path(X):
        return scan(X)
    return X if is_scan(X) else None


def read_targets(X: Any, y: Any, sample_weight: Any) -> tuple[Any, Any]:
    """Return the target of rows to be scored, and their weights.

    Parameters
    ----------
    X : table, scan or path
    y : array-like or None
        None for a scan, which has its own; for a path the column's name.
    sample_weight : array-like or None
        For a path the column's name or None.

    Raises
    ------
    ValueError, TypeError
        If there is no target.
    """
    is_named = _is_path(X) and _is_name(y)
    if not is_named and (y is not None or not is_scan(X)):
        if y is None:
            raise TypeError("score needs y, except for a scan with a target.")
        return y, sample_weight
    rows = scan(X, target=y, weight=sample_weight) if is_named else X
    if rows.target is None:
        raise ValueError(
            "The scan of X has no target. Name its column: scan(..., target=name)."
        )
    if not is_named and sample_weight is not None:
        raise TypeError(
            "sample_weight must not be given beside a scan, whose weight is a column: "
            "scan(..., weight=name)."
        )
    return rows.read_target()
