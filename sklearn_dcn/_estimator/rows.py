"""The rows of a fit: checked, and as tensors that train or validate."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from .._roles import N_FOLDS, Mask, Roles
from .._scan import Scan
from .._table import Supervision, check_weight, mean_weight, take_rows, to_mean_one
from .._training import Encoded, TensorTable, hide_unseen, joined, take, to_tensors
from .blocks import ScannedRows
from .defaults import looks_closer
from .epochs import resolve_early_stopping
from .predicting_files import PredictsFiles
from .scoring import ValidationScore
from .training import TrainsNet
from .validation import advise_order, held_out, read_key, roles_of, which_way

__all__ = ["HasRows", "Rows"]

# The same rows get the same answer, whatever the random state.
ORDER_SEED = 0


class Rows(NamedTuple):
    """Checked rows: table, target, and weights, none of them zero.

    Weights have mean 1 in the first call; later calls use the same unit. `roles` says
    which of the rows that a fit begins with may validate.
    """

    X: Any
    y: NDArray[Any]
    weight: NDArray[np.float64]
    roles: Roles

    @property
    def stretch(self) -> NDArray[np.intp]:
        """The part of the table, or of time, that each row is in."""
        return self.roles.stretches(N_FOLDS, ORDER_SEED)


class HasRows(TrainsNet, PredictsFiles):
    """Which rows there are, which of them train, and which validate."""

    validation_: str
    _n_members: int
    # Units of `sample_weight`, and of weights in the loss: their means in the first
    # call that trains, or in the next one of an estimator that is older.
    _row_unit: float | None = None
    _loss_unit: float | None = None
    _split_seed: int | None = None  # before rows were held out

    # Checks ---------------------------------------------------------------------------

    def _check_rows(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        *,
        reset: bool,
        suffix: str = "",
        classes: Any = None,
        can_vanish: bool = False,
    ) -> Rows:
        """Return the rows of weight above zero; `reset` what depends on all of them.

        `can_vanish` says that there may be none.
        """
        if y is None:  # in scikit-learn's words
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is "
                "None."
            )
        X = self._check_X(X, reset=reset)
        y = self._check_y(y)
        if X.shape[0] != len(y):
            raise ValueError(
                f"X{suffix} and y{suffix} must have the same number of rows; got "
                f"{X.shape[0]} and {len(y)}."
            )
        name = f"sample_weight{suffix}"
        weight = check_weight(sample_weight, len(y), name, can_vanish)
        weight = self._in_row_units(weight, reset, is_own=bool(suffix))
        kept = weight > 0
        key = None if suffix else self._read_key(X)
        if not kept.all():
            X, y, weight = take_rows(X, kept), y[kept], weight[kept]
            key = None if key is None else key[kept]
        y = self._with_offset(X, y)
        if reset:
            self._check_target(y, classes)
        return self._with_roles(X, y, weight, key, is_own=bool(suffix))

    def _with_roles(self, X: Any, y: Any, weight: Any, key: Any, is_own: bool) -> Rows:
        """Return checked rows with their roles; they are apart if they validate."""
        way = "random" if is_own else which_way(self.get_params(deep=False))
        return Rows(X, y, weight, roles_of(way, len(y), key, self._strata(y)))

    def _in_row_units(
        self, weight: NDArray[np.float64], reset: bool, is_own: bool
    ) -> NDArray[np.float64]:
        """Return weights in units of the first call, or `is_own`, of their mean."""
        if is_own or not weight.any():
            return to_mean_one(weight) if is_own else weight
        if reset or self._row_unit is None:
            self._row_unit = mean_weight(weight)
            return to_mean_one(weight)
        with np.errstate(over="ignore"):  # a loss that is not finite is an error
            return weight / self._row_unit

    def _check_validation(self, validation: tuple[Any, ...]) -> Rows | Scan | None:
        """Return the validation rows that `fit` was given, if any, or their scan."""
        X_val, y_val, weight_val = validation
        if isinstance(X_val, Scan):
            return X_val
        if X_val is not None and y_val is not None:
            return self._check_rows(
                X_val, y_val, weight_val, reset=False, suffix="_val"
            )
        if any(given is not None for given in validation):
            raise ValueError(
                "X_val and y_val must be given together, and sample_weight_val only "
                "with them."
            )
        return None

    # Which train, which validate ------------------------------------------------------

    def _find_order(self, rows: Rows, columns: list[Any]) -> Rows:
        """Set `validation_`, what "auto" stands for; return the rows with their roles.

        Parameters
        ----------
        rows : Rows
        columns : list
            What `fit_columns` of the encoder made of them.
        """
        self.validation_ = which_way(self.get_params(deep=False))
        if self.validation_ != "auto":
            return rows
        self.validation_ = "random"
        if not looks_closer(len(rows.y)):
            return rows
        by, time = self.encoder_.find_time(rows.X)
        strata = self._strata(rows.y)
        roles = roles_of("random", len(rows.y), time, strata)
        supervision = Supervision(
            self._target.columns(rows.y), strata is not None, ORDER_SEED, roles
        )
        share = self.encoder_.loss_by_order(columns, rows.weight, supervision)
        if share:
            warnings.warn(advise_order(share, by), UserWarning, stacklevel=2)
            self.validation_ = "last"
            roles = roles_of("last", len(rows.y), time, None)
        return rows._replace(roles=roles)

    def _keep_order(self, rows: Rows) -> Rows:
        """Return rows of a later fit with the roles that "auto" stands for."""
        found = getattr(self, "validation_", "random")  # after `partial_fit`
        if which_way(self.get_params(deep=False)) != "auto" or found != "last":
            return rows
        _, time = self.encoder_.find_time(rows.X)
        return rows._replace(roles=roles_of("last", len(rows.y), time, None))

    def _hold_out(self, rows: Rows) -> Mask | None:
        """Return which rows train which member, if others are to validate it."""
        if not resolve_early_stopping(self.early_stopping, len(rows.y)):
            return None
        if self._split_seed is None:  # else of the same rows the same are held out
            self._split_seed = self._draw_seed()
        fraction, seed = self.validation_fraction, self._split_seed
        return rows.roles.training(fraction, self._n_members, seed)

    def _training_table(
        self, encoded: Encoded, rows: Rows, trains: Mask | None = None
    ) -> TensorTable:
        """Return the rows that train, or those of them that are drawn to."""
        at = None if trains is None else np.flatnonzero(trains.any(axis=1))
        at, offset = self._draw_rows(rows, at)
        if at is None:
            return self._tensors(encoded, rows, offset=offset, in_units=True)
        return self._tensors_at(at, encoded, rows, trains, offset, in_units=True)

    def _validation_table(
        self,
        encoded: Encoded,
        rows: Any,
        trains: Mask | None,
        given: Rows | Scan | None,
        warm: bool,
    ) -> TensorTable | None:
        """Return the rows that validate: those given, or held out, if any has weight.

        `warm` says that a fit goes on, whose first one may have known those given.
        """
        if isinstance(given, Scan):
            table = self._encode_scan(given)
        elif given is not None:
            x = self._encode_again(given, "_val") if warm else self._encode(given.X)
            table = self._tensors(x, given, suffix="_val")
        elif trains is not None:
            hidden = hide_unseen(encoded, trains, self.module_.members[0].embedding)
            table = self._tensors_at(held_out(trains), hidden, rows, ~trains)
        else:
            return None
        if bool(table.target.get("weight", table.target["y"].new_ones(1)).any()):
            return table
        warnings.warn(
            "No row validates: class_weight gives the weight 0 to the classes of those "
            "that could. The fit runs for all of max_epochs.",
            UserWarning,
            stacklevel=2,
        )
        return None

    def _encode_scan(self, scan: Scan) -> TensorTable:
        """Return the rows of a scan that validate, all of them in memory."""
        tables = []
        for block in ScannedRows(
            scan,
            lambda X, _: self._check_X(X, reset=False),
            self._check_y,
            self._with_offset,
        ):
            y, weight = self._encode_target(block.y, block.weight, "_val")
            w = torch.from_numpy(weight).to(self._dtype)
            y = self._target.tensor(y, self._dtype)
            tables.append(TensorTable(self._encode(block.X), y, w))
        table = joined(tables)
        w = table.target["weight"]
        if bool((w == w[0]).all()):
            del table.target["weight"]
        else:
            table.target["weight"] = w / w.mean()
        return table

    def _newest_table(
        self, encoded: Encoded, rows: Rows, trains: Mask | None
    ) -> TensorTable | None:
        """Return the rows that have the mean of what is to come, if any are known."""
        newest = None if trains is None else rows.roles.newest(trains)
        if newest is None:
            return None
        return self._tensors_at(np.flatnonzero(newest), encoded, rows, None)

    def _validation_score(
        self, rows: Rows, trains: Mask | None, given: Any
    ) -> ValidationScore | None:
        """Return what scores the rows of `_validation_table`, if anything is to."""
        if self.scoring in (None, "loss"):
            return None
        if given is not None:
            return ValidationScore(self, given.X, given.y, given.weight)
        if trains is None:
            return None
        at = held_out(trains)
        X = take_rows(rows.X, at)
        return ValidationScore(self, X, rows.y[at], rows.weight[at])

    def _tensors_at(
        self,
        at: NDArray[np.intp],
        encoded: Encoded,
        rows: Rows,
        members: Mask | None,
        offset: float = 0.0,
        in_units: bool = False,
    ) -> TensorTable:
        """Return the rows at these positions, each for the members it is of."""
        part = rows._replace(X=None, y=rows.y[at], weight=rows.weight[at])
        is_all = len(at) == len(rows.y)  # positions are in order, and no copy is needed
        taken = encoded if is_all else take(encoded, torch.from_numpy(at))
        own = None if members is None else members[at]
        return self._tensors(taken, part, own, offset, in_units=in_units)

    def _tensors(
        self,
        encoded: Encoded,
        rows: Rows,
        members: Mask | None = None,
        offset: float = 0.0,
        suffix: str = "",
        in_units: bool = False,
    ) -> TensorTable:
        """Return encoded rows with their targets, as the loss takes them.

        Weights have mean 1, or `in_units` of the first call that trained.
        """
        y, weight = self._encode_target(rows.y, rows.weight, suffix)
        share: Any = 1.0
        if members is not None and members.shape[1] > 1:
            weight = weight[:, None] * members
            share = np.maximum(members.mean(axis=0), 1 / len(members))
        scaled = (
            self._in_loss_units(weight, share) if in_units else _to_mean_one(weight)
        )
        w = None
        if (scaled != 1).any():
            w = torch.from_numpy(scaled).to(self._dtype)
        y, group = self._target.tensor(y, self._dtype), self._groups_of(y)
        return TensorTable(encoded, y, w, offset, group)

    def _in_loss_units(
        self, weight: NDArray[np.float64], share: Any
    ) -> NDArray[np.float64]:
        """Return weights of rows that train, in units of the first call that trained.

        `share` is that of the rows that train each network.
        """
        largest = weight.max()
        if largest == 0:
            raise ValueError(
                "class_weight must leave some weight to a class of the training rows; "
                "got only zeros."
            )
        if self._loss_unit is not None:
            return weight / (self._loss_unit * share)
        mean = (weight / largest).mean() / np.mean(share)  # no sum overflows
        self._loss_unit = float(mean * largest)
        return _to_mean_one(weight)

    def _encode_again(
        self, rows: Rows, suffix: str = "", learns: Any = None
    ) -> Encoded:
        """Encode rows for a fit that goes on, none of them by its own target.

        `learns` is that of `TableEncoder.transform_again`.
        """
        y = self._target.encode(rows.y, name=f"y{suffix}")
        return to_tensors(
            self.encoder_.transform_again(
                rows.X, y, self._numpy_dtype, torch.get_num_threads(), learns
            )
        )

    def _has_weight(self, rows: Rows) -> bool:
        """Tell whether any row has a weight in the loss."""
        return len(rows.y) > 0 and bool(
            self._encode_target(rows.y, rows.weight)[1].any()
        )

    def _encode_target(
        self, y: NDArray[Any], weight: NDArray[np.float64], suffix: str = ""
    ) -> tuple[NDArray[Any], NDArray[np.float64]]:
        """Return the target as the loss takes it, and the weights of the loss."""
        y = self._target.encode(y, name=f"y{suffix}")
        return y, self._loss_weight(y, weight)

    # Hooks of the subclasses ----------------------------------------------------------

    @abstractmethod
    def _check_y(self, y: Any) -> NDArray[Any]:
        """Return the target as a checked array."""

    @abstractmethod
    def _check_target(self, y: NDArray[Any], classes: Any) -> None:
        """Learn from all rows what does not depend on the training rows alone."""

    @abstractmethod
    def _loss_weight(
        self, y: NDArray[Any], weight: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the weight in the loss of rows with encoded target `y`."""

    @abstractmethod
    def _strata(self, y: NDArray[Any]) -> NDArray[Any] | None:
        """Return the classes that a validation split keeps in proportion."""

    def _read_key(self, X: Any) -> NDArray[Any] | None:
        """Return what `validation` says of each row of a checked table, if anything."""
        return read_key(self.get_params(deep=False), X)

    def _groups_of(self, y: NDArray[Any]) -> torch.Tensor | None:
        """Return the group of each row of which batches are to have whole ones."""
        return None

    def _keep_residuals(self, valid: TensorTable | None) -> None:
        """Keep what the rows that validate tell of the errors of new ones."""

    def _draw_rows(self, rows: Rows, at: Any) -> tuple[Any, float]:
        """Return those of the training rows (None: all) to train on; their offset."""
        return at, 0.0


def _to_mean_one(weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return weights (n,) or (n, n_members) of mean 1, or all 0, for each network."""
    largest = weight.max()
    if weight.min() == largest:
        return np.sign(weight)
    weight = np.ldexp(weight, -np.frexp(largest)[1])  # no sum overflows
    mean = weight.mean(axis=0)
    return weight / np.where(mean > 0, mean, 1.0)
