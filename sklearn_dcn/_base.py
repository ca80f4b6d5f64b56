"""What classifier and regressor share: `fit`, step by step."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Sequence
from numbers import Integral
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import issparse

from ._batches import Encoded, TensorTable, take, to_tensors
from ._calibration import calibrate
from ._callbacks import CallbackSupportMixin, FitTasks, with_callbacks
from ._checkpoint import Checkpoint
from ._encoding import ENCODING, TableEncoder
from ._history import plain_records
from ._members import Mask, draw_training_rows, forget_unseen, hide_unseen
from ._net import DCNNet, build_net
from ._parameters import check_continuation, check_parameters
from ._pickling import KeepsNet
from ._predicting import PredictsLogits
from ._progress import Progress, Watcher
from ._rows import Rows, check_weight
from ._runtime import (
    is_seldom,
    naming_memory,
    resolve_batch_size,
    resolve_device,
    resolve_dtype,
    resolve_early_stopping,
    resolve_epochs,
    resolve_learning_rate,
    resolve_members,
    resolve_random_state,
    resolve_table,
    torch_threads,
)
from ._saving import SavesToFile
from ._statistics import Supervision
from ._table import take_rows
from ._targets import ClassTarget, ContinuousTarget
from ._training import TRAINING, train

__all__ = ["BaseDCN"]

# Parameters that go to the network as they are; `ENCODING` are those of the encoding.
ARCHITECTURE = (
    "category_dropout",
    "structure",
    "cross",
    "n_cross_layers",
    "cross_rank",
    "n_experts",
    "expert_gate",
    "expert_activation",
    "hidden_layer_sizes",
    "activation",
    "dropout",
    "normalization",
)  # and `n_members`, resolved


class BaseDCN(CallbackSupportMixin, KeepsNet, SavesToFile, PredictsLogits):
    """The fit of a Deep & Cross Network, whatever the target.

    A subclass gives the constructor, the hooks `_check_y`, `_make_target`,
    `_loss_weight` and `_strata`, and its predictions.
    """

    # Fitting --------------------------------------------------------------------------

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Self:
        """Fit the network to a table.

        1. Check parameters, table, target and weights.
        2. Learn the encoding of the columns and of the target.
        3. Build the networks; their output starts at the target's mean.
        4. Hold out rows to validate each, where early stopping asks for it.
        5. Train them, and keep the weights of the best epoch.

        If any of it fails, the estimator stays as it was.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Numbers, strings, categories, booleans and ids; cells may be missing.
        y : array-like of shape (n_samples,)
            Target; for regression also of shape (n_samples, n_outputs).
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row in the loss and in all statistics. Rows of weight 0 are
            as if absent.
        X_val : DataFrame or array-like of shape (n_val, n_features), default=None
            Validation rows, instead of some split from `X`.
        y_val : array-like of shape (n_val,), default=None
            Their target.
        sample_weight_val : array-like of shape (n_val,), default=None
            Their weights.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter, column, target or weight breaks a rule, or if training
            diverges. The message names what, and the remedy.
        TypeError
            If a parameter or the cells of a column are of the wrong type.
        MemoryError
            If memory runs out; the message names what takes it.
        """
        check_parameters(self.get_params(deep=False))
        warm = self.warm_start and hasattr(self, "net_")
        fitted = copy.copy(self)  # all or nothing: a failed fit leaves self as it was
        with torch_threads(self.n_jobs), naming_memory(self):
            fitted._fit(X, y, sample_weight, (X_val, y_val, sample_weight_val), warm)
        self.__dict__ = fitted.__dict__
        return self

    @with_callbacks  # type: ignore[untyped-decorator]
    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        validation: tuple[Any, ...],
        warm: bool,
    ) -> None:
        rows = self._check_rows(X, y, sample_weight, reset=not warm)
        if not warm:
            self._rng = resolve_random_state(self.random_state)
        checkpoint = self._find_checkpoint()
        given = self._check_validation(validation)
        if warm:
            encoded = self._continue(rows)
            self.net_ = copy.deepcopy(self.net_)
        else:
            encoded = self._learn(rows)
        trains = None if given is not None else self._hold_out(rows)
        data = self._training_table(encoded, rows, trains)
        valid = self._validation_table(encoded, rows, trains, given)
        stops = valid is not None and bool(self.early_stopping)  # "auto" or True
        n_batch = resolve_batch_size(self.batch_size, len(data))
        n_ids = self.encoder_.n_ids
        epochs = resolve_epochs(self.max_epochs, stops, len(data), n_batch, n_ids)
        tasks = self._begin_tasks(epochs, X, y, sample_weight)
        self._train(data, valid, epochs, stops, tasks, checkpoint)
        if valid is not None and stops and self.calibrate and not self.warm_start:
            calibrate(self.net_, valid)
        if trains is not None and not warm:  # else it may know them from before
            forget_unseen(self.module_.members, encoded, trains)
        if not self.warm_start:  # a fitted estimator is small
            self.net_.optimizer_.state.clear()
        for task in tasks:
            task.end()

    def _partial_fit(self, X: Any, y: Any, sample_weight: Any, **start: Any) -> Self:
        check_parameters(self.get_params(deep=False), in_parts=True)
        first = not hasattr(self, "net_")
        fitted = copy.copy(self)
        with torch_threads(self.n_jobs), naming_memory(self):
            rows = fitted._check_rows(X, y, sample_weight, reset=first, **start)
            if first:
                fitted._rng = resolve_random_state(self.random_state)
                encoded = fitted._learn(rows, all_rows=False)
            else:
                encoded = fitted._continue(rows)
            data = fitted._training_table(encoded, rows)
            fitted._train(data, None, epochs=1, stops=False)
        self.__dict__ = fitted.__dict__
        return self

    # The steps of a fit ---------------------------------------------------------------

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
        kept = weight > 0
        if not kept.all():
            X, y, weight = take_rows(X, kept), y[kept], weight[kept]
        if reset:
            self._check_target(y, classes)
        return Rows(X, y, weight)

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

    def _hold_out(self, rows: Rows) -> Mask | None:
        """Return which rows train which member, if others are to validate it."""
        if not resolve_early_stopping(self.early_stopping, len(rows.y)):
            return None
        seeds = [self._draw_seed() for _ in range(self._n_members)]
        fraction = self.validation_fraction
        return draw_training_rows(len(rows.y), self._strata(rows.y), fraction, seeds)

    def _learn(self, rows: Rows, all_rows: bool = True) -> Encoded:
        """Learn the encoding of table and target, and build the net for it."""
        y, weight = rows.y, rows.weight
        n_rows = len(y) if all_rows else None
        device = resolve_device(self.device)
        self._dtype = resolve_dtype(self.dtype, n_rows, device)
        self._target = self._make_target(y, weight)
        options = {name: getattr(self, name) for name in ENCODING}
        n_known = None if issparse(rows.X) else n_rows  # whose columns are one field
        options |= resolve_table(self.get_params(False), n_known)
        self._numeric_embedding = options.pop("numeric_embedding")
        supervision = None
        if not options["category_encoder"] is options["memorized_crosses"] is None:
            targets, seed = self._target.columns(y), self._draw_seed()
            supervision = Supervision(targets, self._strata(y), seed)
        self.encoder_ = TableEncoder(**options)
        names = getattr(self, "feature_names_in_", None)
        encoded = self.encoder_.fit_transform(
            rows.X, names, rows.weight, self._numpy_dtype, supervision
        )
        n_ids = self.encoder_.n_ids
        if self.numeric_embedding == "auto" and is_seldom(n_ids, len(y)):
            self._numeric_embedding = None  # a short fit does not learn curves
        stops = resolve_early_stopping(self.early_stopping, len(y))
        self._n_members = resolve_members(self.n_members, stops, n_rows, n_ids)
        self._params_in_fit = self.get_params(deep=False)
        self._params_in_fit["category_encoder"] = self.encoder_.category_encoder
        target = self._encode_target(y, weight)
        logits = self._target.initial_logits(*target)
        self.net_ = self._build_net(logits, device, self._draw_seed())
        self.encoder_.field_slices = self.module_.members[0].embedding.field_slices
        return to_tensors(encoded)

    def _continue(self, rows: Rows) -> Encoded:
        """Encode more rows for the net that is there."""
        check_continuation(self._params_in_fit, self.get_params(deep=False))
        return self._encode(rows.X)

    def _encode_target(
        self, y: NDArray[Any], weight: NDArray[np.float64], suffix: str = ""
    ) -> tuple[NDArray[Any], NDArray[np.float64]]:
        """Return the target as the loss takes it, and the weights of the loss."""
        y = self._target.encode(y, name=f"y{suffix}")
        return y, self._loss_weight(y, weight)

    def _training_table(
        self, encoded: Encoded, rows: Rows, trains: Mask | None = None
    ) -> TensorTable:
        """Return the rows that train, or those of them that are drawn to."""
        at = None if trains is None else np.flatnonzero(trains.any(axis=1))
        at, offset = self._draw_rows(rows, at)
        return self._tensors(encoded, rows, at, offset, trains)

    def _validation_table(
        self, encoded: Encoded, rows: Rows, trains: Mask | None, given: Rows | None
    ) -> TensorTable | None:
        """Return the rows that validate: those given, or held out, if any do."""
        if given is not None:
            return self._tensors(self._encode(given.X), given, suffix="_val")
        if trains is None:
            return None
        hidden = hide_unseen(encoded, trains, self.module_.members[0].embedding)
        at = np.flatnonzero(~trains.all(axis=1))
        return self._tensors(hidden, rows, at, members=~trains)

    def _tensors(
        self,
        encoded: Encoded,
        rows: Rows,
        at: NDArray[np.intp] | None = None,
        offset: float = 0.0,
        members: Mask | None = None,
        suffix: str = "",
    ) -> TensorTable:
        """Return rows for the training: all or at positions, all members' or each's."""
        y, weight = rows.y, rows.weight
        if at is not None:
            encoded = take(encoded, torch.from_numpy(at))
            y, weight = y[at], weight[at]
        y, weight = self._encode_target(y, weight, suffix)
        if members is not None and members.shape[1] > 1:
            weight = weight[:, None] * (members if at is None else members[at])
        has_weights = weight.min() < weight.max()
        w = torch.from_numpy(weight).to(self._dtype) if has_weights else None
        return TensorTable(encoded, self._target.tensor(y, self._dtype), w, offset)

    def _build_net(
        self,
        initial_logits: NDArray[np.float64],
        device: torch.device,
        seed: int,
        weights: dict[str, torch.Tensor] | None = None,
    ) -> DCNNet:
        architecture = {name: getattr(self, name) for name in ARCHITECTURE}
        architecture |= {
            "n_num": self.encoder_.n_num,
            "cardinalities": self.encoder_.cardinalities,
            "bag_cardinalities": [bag.n_ids for bag in self.encoder_.bags],
            "d_out": len(initial_logits),
            "embedding_dim": self.encoder_.resolve_dims(self.embedding_dim),
        }
        if self.encoder_.block is not None:  # its columns are numbers, not levels
            architecture["category_dropout"] = 0.0
        if isinstance(self.embedding_dim, Integral):
            architecture["numeric_dim"] = self.embedding_dim
        architecture["numeric_embedding"] = self._numeric_embedding
        # Statistics and indicators mean the same all along: they need no curves.
        architecture["n_plain"] = self.encoder_.n_num - len(self.encoder_.numbers)
        if self._numeric_embedding == "piecewise_linear":
            architecture["bin_edges"] = self.encoder_.bin_edges
        return build_net(
            self._target.criterion,
            architecture,
            n_members=self._n_members,
            seed=seed,
            initial_logits=initial_logits,
            weights=weights,
            dtype=self._dtype,
            autocast=self.dtype == "bfloat16",
            device=device,
            optimizer=self.optimizer,
            weight_decay=self.weight_decay,
            embedding_l2_scope=self.embedding_l2_scope,
            callbacks=self.callbacks,
            net_params=self.net_params,
        )

    def _train(
        self,
        data: TensorTable,
        valid: TensorTable | None,
        epochs: int,
        stops: bool,
        watchers: Sequence[Watcher] = (),
        checkpoint: Checkpoint | None = None,
    ) -> None:
        self.net_.set_params(
            lr=resolve_learning_rate(
                self.learning_rate, stops, len(data), self.encoder_.n_ids
            ),
            batch_size=resolve_batch_size(self.batch_size, len(data)),
            embedding_l2=self.embedding_l2,
            verbose=int(self.verbose > 1),
        )
        data.generator = torch.Generator().manual_seed(self._draw_seed())
        if self.verbose == 1:
            n_before = len(self.net_.history)
            n_done = max(n_before, checkpoint.n_done if checkpoint else 0)
            left = epochs - (n_done - n_before)
            watchers = [*watchers, Progress(len(data), left, n_done, stops)]
        self.best_epoch_ = train(
            self.net_,
            data,
            valid,
            epochs=epochs,
            patience=self.n_iter_no_change if stops else None,
            seed=self._draw_seed(),
            watchers=watchers,
            checkpoint=checkpoint,
            **{name: getattr(self, name) for name in TRAINING},
        )
        self.__dict__.pop("_importances", None)  # those of the weights before
        self.__dict__.update(self._history())

    def _find_checkpoint(self) -> Checkpoint | None:
        """Return the file that the fit writes to, or goes on from, if any."""
        if self.checkpoint is None:
            return None
        columns = getattr(self, "feature_names_in_", self.n_features_in_)
        parameters = {**self.get_params(deep=False), "columns": columns}
        return Checkpoint(self.checkpoint, parameters, self._rng)

    def _history(self) -> dict[str, Any]:
        """Return the attributes that tell how the training went, up to now."""
        records = plain_records(self.net_.history)
        return {"n_iter_": len(records), "history_": records}

    def _begin_tasks(
        self, n_epochs: int, X: Any, y: Any, sample_weight: Any
    ) -> list[FitTasks]:
        """Tell scikit-learn's callbacks of the fit, where it has callbacks."""
        if not hasattr(self, "set_callbacks"):
            return []
        weight = {} if sample_weight is None else {"sample_weight": sample_weight}
        data = {"X": X, "y": y, "metadata": weight}

        def snapshot() -> dict[str, Any]:
            last = {"best_epoch_": len(self.net_.history)}
            return {**self._history(), **last, "net_": self.net_.snapshot()}

        return [FitTasks(self, n_epochs, data, snapshot)]

    def _draw_seed(self) -> int:
        return int(self._rng.randint(np.iinfo(np.int32).max))

    # Hooks of the subclasses ----------------------------------------------------------

    _target: Any  # ClassTarget or ContinuousTarget

    @abstractmethod
    def _check_y(self, y: Any) -> NDArray[Any]:
        """Return the target as a checked array."""

    @abstractmethod
    def _check_target(self, y: NDArray[Any], classes: Any) -> None:
        """Learn from all rows what does not depend on the training rows alone."""

    @abstractmethod
    def _make_target(
        self, y: NDArray[Any], weight: NDArray[np.float64]
    ) -> ClassTarget | ContinuousTarget:
        """Return the target's encoding, learned on the training rows."""

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
