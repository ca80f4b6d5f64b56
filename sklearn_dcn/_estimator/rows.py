"""The rows of a fit: checked, and as tensors that train or validate."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from .._roles import Mask, Roles
from .._table import check_weight, take_rows, to_mean_one
from .._training import Encoded, TensorTable, hide_unseen, take, to_tensors
from .defaults import resolve_early_stopping
from .predicting import PredictsLogits
from .scoring import ValidationScore
from .training import TrainsNet
from .validation import read_key, roles_of

__all__ = ["HasRows", "Rows"]


class Rows(NamedTuple):
    """Checked rows: table, target, and weights of mean 1, none of them zero.

    `roles` says which of them may validate, of those that a fit begins with.
    """

    X: Any
    y: NDArray[Any]
    weight: NDArray[np.float64]
    roles: Roles


class HasRows(TrainsNet, PredictsLogits):
    """Which rows there are, which of them train, and which validate."""

    _n_members: int
    _split_seed: int | None = None  # before rows were held out
    _target: Any  # ClassTarget or ContinuousTarget

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
    ) -> Rows:
        """Return the rows of weight above zero; `reset` what depends on all of them."""
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
        weight = check_weight(sample_weight, len(y), f"sample_weight{suffix}")
        weight = to_mean_one(weight)
        kept = weight > 0
        key = None if suffix else read_key(self.get_params(deep=False), X)
        if not kept.all():
            X, y, weight = take_rows(X, kept), y[kept], weight[kept]
            key = None if key is None else key[kept]
        if reset:
            self._check_target(y, classes)
        roles = roles_of(self.validation, len(y), key, self._strata(y))
        return Rows(X, y, weight, roles)

    def _check_validation(self, validation: tuple[Any, ...]) -> Rows | None:
        """Return the validation rows that `fit` was given, if any."""
        X_val, y_val, weight_val = validation
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

    def _hold_out(self, rows: Rows) -> Mask | None:
        """Return which rows train which member, if others are to validate it."""
        if not resolve_early_stopping(self.early_stopping, len(rows.y)):
            return None
        if (
            self._split_seed is None
        ):  # else those of the first fit, if rows are the same
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
            return self._tensors(encoded, rows, offset=offset)
        return self._tensors_at(at, encoded, rows, trains, offset)

    def _validation_table(
        self,
        encoded: Encoded,
        rows: Rows,
        trains: Mask | None,
        given: Rows | None,
        warm: bool,
    ) -> TensorTable | None:
        """Return the rows that validate: those given, or held out, if any do.

        `warm` says that a fit goes on, whose first one may have known those given.
        """
        if given is not None:
            x = self._encode_again(given, "_val") if warm else self._encode(given.X)
            return self._tensors(x, given, suffix="_val")
        if trains is None:
            return None
        hidden = hide_unseen(encoded, trains, self.module_.members[0].embedding)
        return self._tensors_at(_held_out(trains), hidden, rows, ~trains)

    def _validation_score(
        self, rows: Rows, trains: Mask | None, given: Rows | None
    ) -> ValidationScore | None:
        """Return what scores the rows of `_validation_table`, if anything is to."""
        if self.scoring in (None, "loss"):
            return None
        if given is not None:
            return ValidationScore(self, given.X, given.y, given.weight)
        if trains is None:
            return None
        at = _held_out(trains)
        X = take_rows(rows.X, at)
        return ValidationScore(self, X, rows.y[at], rows.weight[at])

    def _tensors_at(
        self,
        at: NDArray[np.intp],
        encoded: Encoded,
        rows: Rows,
        members: Mask | None,
        offset: float = 0.0,
    ) -> TensorTable:
        """Return the rows at these positions, each for the members it is of."""
        part = rows._replace(X=None, y=rows.y[at], weight=rows.weight[at])
        taken = take(encoded, torch.from_numpy(at))
        return self._tensors(
            taken, part, None if members is None else members[at], offset
        )

    def _tensors(
        self,
        encoded: Encoded,
        rows: Rows,
        members: Mask | None = None,
        offset: float = 0.0,
        suffix: str = "",
    ) -> TensorTable:
        """Return encoded rows with their targets, as the loss takes them."""
        y, weight = self._encode_target(rows.y, rows.weight, suffix)
        if members is not None and members.shape[1] > 1:
            weight = weight[:, None] * members
        has_weights = weight.min() < weight.max()
        w = None
        if has_weights:  # by a power of two: float32 must hold them
            weight = np.ldexp(weight, -np.frexp(weight.max())[1])
            w = torch.from_numpy(weight).to(self._dtype)
        return TensorTable(encoded, self._target.tensor(y, self._dtype), w, offset)

    def _encode_again(self, rows: Rows, suffix: str = "") -> Encoded:
        """Encode rows for a fit that goes on, none of them by its own target."""
        y = self._target.encode(rows.y, name=f"y{suffix}")
        return to_tensors(
            self.encoder_.transform_again(
                rows.X, y, self._numpy_dtype, torch.get_num_threads()
            )
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

    def _draw_rows(self, rows: Rows, at: Any) -> tuple[Any, float]:
        """Return those of the training rows (None: all) to train on; their offset."""
        return at, 0.0


def _held_out(trains: Mask) -> NDArray[np.intp]:
    """Return the positions of the rows that validate a member."""
    return np.flatnonzero(~trains.all(axis=1))
