"""Fits that rank the rows of groups: batches and validation take whole groups."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from .._roles import GroupRoles, LastRoles, Mask, RandomRoles, Roles
from .._table import (
    check_table,
    column_names,
    drop_column,
    get_columns,
    is_records,
    take_rows,
)
from .._targets import RankTarget, check_groups, check_relevance
from .._world import ALONE
from .base import BaseDCN
from .rows import Rows
from .rules import column
from .scans import scan_of
from .validation import read_key, which_way

__all__ = ["BaseRanker", "Grouped"]


class Grouped(NamedTuple):
    """A target, the group of each row or None, and the argument with the groups."""

    y: Any
    groups: Any
    name: str


class BaseRanker(BaseDCN):
    """The fit of a network that ranks rows in groups.

    The checked target has two columns: relevance, and the number of the row's group.
    """

    qid: Any
    loss: str
    ndcg_k: int | None
    truncation_level: int
    gain: str
    # Scores have no scale to be calibrated to.
    calibrate = False
    _ranks = True

    def _fit_groups(self, rows: tuple[Any, ...], validation: tuple[Any, ...]) -> None:
        """Fit to X, y, weights, `qid` and `group`, and validate by others if given."""
        X, y, weight, qid, group = rows
        X_val, y_val, weight_val, qid_val, group_val = validation
        y = None if y is None else self._grouped(X, y, qid, group)
        if X_val is not None and y_val is not None:
            y_val = self._grouped(X_val, y_val, qid_val, group_val, "_val")
        elif qid_val is not None or group_val is not None:
            raise ValueError(
                "qid_val and group_val need X_val and y_val; give these as well."
            )
        self._fit_in(ALONE, (X, y, weight), (X_val, y_val, weight_val))

    # Groups ---------------------------------------------------------------------------

    def _grouped(
        self, X: Any, y: Any, qid: Any, group: Any, suffix: str = ""
    ) -> Grouped:
        """Return a target with the groups of its rows, by whichever name they came.

        Raises
        ------
        ValueError, TypeError
            If there is not one way to know them, or they do not fit the rows.
        """
        column("qid", self.qid)
        if scan_of(X) is not None:
            raise TypeError(
                f"{type(self).__name__} needs all rows of X{suffix} in memory, so that "
                "groups are together; got a scan or a path. Load it, e.g. with "
                "pandas.read_parquet."
            )
        names = {
            f"qid{suffix}": qid is not None,
            f"group{suffix}": group is not None,
            f"the parameter qid={self.qid!r}": self.qid is not None,
        }
        given = [name for name, is_given in names.items() if is_given]
        if len(given) != 1:
            raise ValueError(
                f"Groups of rows must be given in one way: qid{suffix}, the group of "
                f"each row; group{suffix}, the sizes of groups that follow each other; "
                "or the parameter qid, the column of X that holds the groups. Got "
                f"{' and '.join(given) or 'none'}."
            )
        if qid is not None:
            return Grouped(y, qid, given[0])
        if group is not None:
            return Grouped(y, _from_sizes(group, X, given[0]), given[0])
        X = check_table(X)
        return Grouped(y, self._column_of_groups(X), "qid")

    def _column_of_groups(self, X: Any) -> Any:
        """Return the cells of the column that `qid` names."""
        at = self._position_of_groups(X)
        if at is None:
            names = column_names(X)
            known = [*range(X.shape[1])] if names is None else names
            raise ValueError(
                f"qid names {self.qid!r}, which is no column of X; its columns are "
                f"{known[:10]}{'...' if len(known) > 10 else ''}. Or leave it None and "
                "pass groups to fit."
            )
        if X.shape[1] < 2:
            raise ValueError(
                "X must have a column beside that of qid; got only that one."
            )
        return np.asarray(get_columns(X)[at])

    def _position_of_groups(self, X: Any) -> int | None:
        """Return where a checked table has the column that `qid` names, if it does."""
        names = column_names(X)
        if isinstance(self.qid, str):
            return names.index(self.qid) if names and self.qid in names else None
        at = None if self.qid is None else int(self.qid)
        return at if at is not None and 0 <= at < X.shape[1] else None

    def _check_X(self, X: Any, *, reset: bool) -> Any:
        if self.qid is None:
            return super()._check_X(X, reset=reset)
        names = getattr(self, "feature_names_in_", None)
        if not reset and names is not None and is_records(X):
            records = [X] if isinstance(X, dict) else X
            X = [
                {k: v for k, v in row.items() if k != self.qid or k in names}
                if isinstance(row, dict)
                else row
                for row in records
            ]
            return super()._check_X(X, reset=False)
        X = check_table(X)
        at = self._position_of_groups(X)
        n_features = getattr(self, "n_features_in_", 0)
        # In predictions the column may be there or not.
        if at is not None and (reset or X.shape[1] == n_features + 1):
            X = drop_column(X, at)
        return super()._check_X(X, reset=reset)

    # Rows -----------------------------------------------------------------------------

    def _check_y(self, y: Any) -> NDArray[np.float64]:
        relevance = check_relevance(y.y)
        codes = check_groups(y.groups, len(relevance), y.name)
        return np.stack([relevance, codes.astype(np.float64)], axis=1)

    def _check_target(self, y: NDArray[Any], classes: Any) -> None:
        if not _has_pairs(y):
            raise ValueError(
                "y must differ within a group, or there is nothing to rank; got "
                f"{len(np.unique(y[:, 1]))} groups with one relevance each. Check that "
                "qid is the query or user of each row."
            )

    def _make_target(self, y: NDArray[Any], weight: NDArray[np.float64]) -> RankTarget:
        how = self.loss, self.ndcg_k, self.truncation_level, self.gain
        return RankTarget(y, weight, *how)

    def _encode_target(
        self, y: NDArray[Any], weight: NDArray[np.float64], suffix: str = ""
    ) -> tuple[NDArray[Any], NDArray[np.float64]]:
        return y, self._loss_weight(y, weight)

    def _loss_weight(
        self, y: NDArray[Any], weight: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        return weight

    def _strata(self, y: NDArray[Any]) -> None:
        return None

    def _groups_of(self, y: NDArray[Any]) -> torch.Tensor:
        return RankTarget.groups(y)

    def _has_weight(self, rows: Rows) -> bool:
        return super()._has_weight(rows) and _has_pairs(rows.y)

    def _scored(self, y: NDArray[Any]) -> tuple[NDArray[Any], dict[str, Any]]:
        return y[:, 0], {"groups": y[:, 1].astype(np.intp)}

    def _is_long(self, rows: Rows) -> bool:
        return False  # groups are to stay together

    # Which train, which validate ------------------------------------------------------

    @property
    def _way(self) -> str:
        """Which way rows validate: "auto" is by groups."""
        way = which_way(self.get_params(deep=False))
        return "groups" if way == "auto" else way

    def _read_key(self, X: Any) -> NDArray[Any] | None:
        parameters = self.get_params(deep=False)
        by = parameters["validation_groups"]
        is_qid = by is None or (isinstance(by, (str, int)) and by == self.qid)
        if is_qid and self._way == "groups":
            parameters |= {"validation": "auto", "validation_groups": None}
        return read_key(parameters, X)

    def _with_roles(self, X: Any, y: Any, weight: Any, key: Any, is_own: bool) -> Rows:
        """Return rows with whole groups one after the other, and their roles."""
        codes = y[:, 1].astype(np.intp)
        if not is_own and self._way == "last":
            key = _latest(codes, np.arange(len(y)) if key is None else key)
        order = np.argsort(codes, kind="stable")
        if (np.diff(order) < 0).any():
            X, y, weight, codes = (
                take_rows(X, order),
                y[order],
                weight[order],
                codes[order],
            )
            key = None if key is None else key[order]
        roles: Roles = RandomRoles(len(y))
        if not is_own and self._way == "last":
            roles = LastRoles(len(y), key)
        elif not is_own and self._way == "groups":
            if key is not None:
                _check_nested(codes, key)
            roles = GroupRoles(codes if key is None else key)
        return Rows(X, y, weight, roles)

    def _find_order(self, rows: Rows, columns: list[Any]) -> Rows:
        self.validation_ = self._way
        return rows

    def _keep_order(self, rows: Rows) -> Rows:
        return rows

    def _hold_out(self, rows: Rows) -> Mask | None:
        trains = super()._hold_out(rows)
        if trains is None:
            return None
        apart = rows.y[trains[:, 0], 1], rows.y[~trains[:, 0], 1]
        if self._way == "last" and np.isin(*apart).any():
            raise ValueError(
                "validation='last' holds out whole groups, but y has only 1. Use "
                "validation='random', early_stopping=False, or pass X_val."
            )
        for trained, what in ((trains.T, "train"), (~trains.T, "validate")):
            if not any(_has_pairs(rows.y[part]) for part in trained):
                raise ValueError(
                    f"Rows that {what} must differ in relevance within a group; with "
                    f"validation={self._way!r} and validation_fraction="
                    f"{self.validation_fraction!r} none do. Use validation='groups', "
                    "another fraction, early_stopping=False, or pass X_val."
                )
        return trains


def _from_sizes(group: Any, X: Any, name: str) -> NDArray[np.intp]:
    """Return the group of each row, of the sizes of groups that follow each other."""
    sizes = np.asarray(group)
    n_rows = X.shape[0] if hasattr(X, "shape") else len(X)
    if sizes.ndim != 1 or sizes.dtype.kind not in "iu" or (sizes < 1).any():
        raise ValueError(
            f"{name} must hold the sizes of groups, integers of at least 1; got "
            f"{group!r}. Pass the group of each row as qid."
        )
    if sizes.sum() != n_rows:
        raise ValueError(
            f"{name} must hold sizes that sum to the {n_rows} rows of X; got "
            f"{sizes.sum()}. Pass the group of each row as qid."
        )
    return np.repeat(np.arange(len(sizes)), sizes)


def _has_pairs(y: NDArray[Any]) -> bool:
    """Tell whether rows of a group are of unlike relevance."""
    order = np.lexsort((y[:, 0], y[:, 1]))
    relevance, group = y[order].T
    return bool(((np.diff(group) == 0) & (np.diff(relevance) != 0)).any())


def _latest(codes: NDArray[np.intp], time: NDArray[Any]) -> NDArray[np.intp]:
    """Return for each row the rank of its group by the time of its latest row."""
    latest = np.full(codes.max(initial=-1) + 1, -1)
    np.maximum.at(latest, codes, time)
    rank = np.empty(len(latest), dtype=np.intp)
    rank[np.argsort(latest, kind="stable")] = np.arange(len(latest))
    return rank[codes]


def _check_nested(codes: NDArray[np.intp], key: NDArray[Any]) -> None:
    """Raise a ValueError if rows of one group are in several of `validation_groups`."""
    first = np.flatnonzero(np.diff(codes, prepend=-1))
    size = np.diff(np.append(first, len(codes)))
    torn = np.flatnonzero(key != np.repeat(key[first], size))
    if len(torn):
        raise ValueError(
            "validation_groups must hold whole groups of qid; the one of row "
            f"{int(torn[0])}, in the order of groups, is in several. Leave it None, or "
            "give all rows of a qid the same one."
        )
