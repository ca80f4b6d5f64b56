"""What classifier and regressor share: `fit`, step by step, and predictions."""

from __future__ import annotations

import copy
from abc import abstractmethod
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from ._batches import TensorTable
from ._encoding import TableEncoder
from ._parameters import check_continuation, check_parameters
from ._rows import Rows, check_weight, take_rows, train_validation_split
from ._runtime import resolve_device, resolve_dtype, torch_threads
from ._table import check_table, has_columns, is_records, records_to_array
from ._targets import ClassTarget, ContinuousTarget
from ._training import DCNNet, build_net, predict_logits, train
from .network import DeepCrossNetwork

__all__ = ["BaseDCN"]

# early_stopping="auto" holds rows out from this size on, as HistGradientBoosting.
EARLY_STOPPING_FROM = 10_000

# Parameters that go to the network as they are.
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
)


class BaseDCN(BaseEstimator):
    """Fit and predict of a Deep & Cross Network, whatever the target.

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
        2. Hold out a validation set, where early stopping asks for one.
        3. Learn the encoding of the columns and of the target on the training rows.
        4. Build the network; its output starts at the target's mean.
        5. Train it, and keep the weights of the best epoch.

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
        """
        check_parameters(self.get_params(deep=False))
        warm = self.warm_start and hasattr(self, "net_")
        fitted = copy.copy(self)  # all or nothing: a failed fit leaves self as it was
        with torch_threads(self.n_jobs):
            fitted._fit(X, y, sample_weight, (X_val, y_val, sample_weight_val), warm)
        self.__dict__ = fitted.__dict__
        return self

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
            self._rng = _random_state(self.random_state)
        rows, held_out = self._hold_out(rows, validation)
        if warm:
            data = self._continue(rows)
            self.net_ = copy.deepcopy(self.net_)
        else:
            data = self._learn(rows, dtype_rows=len(rows.y))
        valid = None if held_out is None else self._encode(held_out, suffix="_val")
        stops = valid is not None and bool(self.early_stopping)  # "auto" or True
        self._train(data, valid, epochs=self._n_epochs(len(data), stops), stops=stops)
        if not self.warm_start:  # a fitted estimator is small
            self.net_.optimizer_.state.clear()

    def _partial_fit(self, X: Any, y: Any, sample_weight: Any, **start: Any) -> Self:
        check_parameters(self.get_params(deep=False))
        first = not hasattr(self, "net_")
        fitted = copy.copy(self)
        with torch_threads(self.n_jobs):
            rows = fitted._check_rows(X, y, sample_weight, reset=first, **start)
            if first:
                fitted._rng = _random_state(self.random_state)
                data = fitted._learn(rows, dtype_rows=None)
            else:
                data = fitted._continue(rows)
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
        if len(X) != len(y):
            raise ValueError(
                f"X{suffix} and y{suffix} must have the same number of rows; got "
                f"{len(X)} and {len(y)}."
            )
        weight = check_weight(sample_weight, len(y), f"sample_weight{suffix}")
        kept = weight > 0
        if not kept.all():
            X, y, weight = take_rows(X, kept), y[kept], weight[kept]
        if reset:
            self._check_target(y, classes)
        return Rows(X, y, weight)

    def _check_X(self, X: Any, *, reset: bool) -> Any:
        names = None if reset else getattr(self, "feature_names_in_", None)
        if names is not None and is_records(X):
            return records_to_array(X, dict.fromkeys(names))
        X = check_table(X)
        if names is not None and has_columns(X, names):
            return X  # what validate_data would find at ten times the cost
        return validate_data(self, X, reset=reset, skip_check_array=True)

    def _hold_out(
        self, rows: Rows, validation: tuple[Any, ...]
    ) -> tuple[Rows, Rows | None]:
        """Return training rows, and validation rows where there are any."""
        X_val, y_val, weight_val = validation
        if X_val is not None and y_val is not None:
            return rows, self._check_rows(
                X_val, y_val, weight_val, reset=False, suffix="_val"
            )
        if any(given is not None for given in validation):
            raise ValueError(
                "X_val and y_val must be given together, and sample_weight_val only "
                "with them."
            )
        stops = self.early_stopping
        if stops == "auto":
            stops = len(rows.y) >= EARLY_STOPPING_FROM
        if not stops:
            return rows, None
        strata = self._strata(rows.y)
        split = train_validation_split(
            len(rows.y), strata, self.validation_fraction, self._draw_seed()
        )
        a, b = (
            Rows(take_rows(rows.X, at), rows.y[at], rows.weight[at]) for at in split
        )
        return a, b

    def _learn(self, rows: Rows, dtype_rows: int | None) -> TensorTable:
        """Learn the encoding of table and target, and build the net for it."""
        device = resolve_device(self.device)
        self._dtype = resolve_dtype(self.dtype, dtype_rows, device)
        self.encoder_ = TableEncoder(
            categorical_features=self.categorical_features,
            min_frequency=self.min_frequency,
            max_categories=self.max_categories,
            numeric_transform=self.numeric_transform,
        )
        names = getattr(self, "feature_names_in_", None)
        encoded = self.encoder_.fit_transform(
            rows.X, names, rows.weight, dtype=self._numpy_dtype
        )
        self._target = self._make_target(rows)
        self._params_in_fit = self.get_params(deep=False)
        y, weight = self._encode_target(rows)
        self.net_ = self._build_net(self._target.initial_logits(y, weight), device)
        return self._tensors(encoded, y, weight)

    def _continue(self, rows: Rows) -> TensorTable:
        """Encode more rows for the net that is there."""
        check_continuation(self._params_in_fit, self.get_params(deep=False))
        return self._encode(rows)

    def _encode(self, rows: Rows, suffix: str = "") -> TensorTable:
        encoded = self.encoder_.transform(rows.X, dtype=self._numpy_dtype)
        return self._tensors(encoded, *self._encode_target(rows, suffix))

    def _encode_target(
        self, rows: Rows, suffix: str = ""
    ) -> tuple[NDArray[Any], NDArray[np.float64]]:
        """Return the target as the loss takes it, and the weights of the loss."""
        y = self._target.encode(rows.y, name=f"y{suffix}")
        return y, self._loss_weight(y, rows.weight)

    def _tensors(
        self,
        encoded: dict[str, NDArray[Any]],
        y: NDArray[Any],
        weight: NDArray[np.float64],
    ) -> TensorTable:
        has_weights = weight.min() < weight.max()
        return TensorTable(
            _to_tensors(encoded),
            self._target.tensor(y, self._dtype),
            torch.from_numpy(weight).to(self._dtype) if has_weights else None,
        )

    def _build_net(
        self, initial_logits: NDArray[np.float64], device: torch.device
    ) -> DCNNet:
        architecture = {name: getattr(self, name) for name in ARCHITECTURE}
        architecture |= {
            "n_num": self.encoder_.n_num,
            "cardinalities": self.encoder_.cardinalities,
            "d_out": len(initial_logits),
            "embedding_dim": self.encoder_.resolve_dims(self.embedding_dim),
        }
        return build_net(
            self._target.criterion,
            architecture,
            seed=self._draw_seed(),
            initial_logits=initial_logits,
            dtype=self._dtype,
            autocast=self.dtype == "bfloat16",
            device=device,
            optimizer=self.optimizer,
            weight_decay=self.weight_decay,
            callbacks=self.callbacks,
            net_params=self.net_params,
        )

    def _train(
        self,
        data: TensorTable,
        valid: TensorTable | None,
        *,
        epochs: int,
        stops: bool,
    ) -> None:
        self.net_.set_params(
            lr=self.learning_rate,
            batch_size=self._n_batch(len(data)),
            embedding_l2=self.embedding_l2,
            verbose=int(self.verbose),
        )
        data.generator = torch.Generator().manual_seed(self._draw_seed())
        self.best_epoch_ = train(
            self.net_,
            data,
            valid,
            epochs=epochs,
            patience=self.n_iter_no_change if stops else None,
            tol=self.tol,
            seed=self._draw_seed(),
            compile=self.compile,
        )
        self.n_iter_ = len(self.net_.history)
        self.history_ = [
            {key: value for key, value in epoch.items() if key != "batches"}
            for epoch in self.net_.history
        ]
        is_finite = np.isfinite(self.history_[-1].get("train_loss", 0.0))
        if not is_finite or not all(
            p.isfinite().all() for p in self.module_.parameters()
        ):
            raise ValueError(
                "Training diverged: loss or weights are not finite after epoch "
                f"{self.n_iter_}. Lower learning_rate={self.learning_rate!r}, clip the "
                "gradients with skorch's GradientNormClipping in callbacks, or keep "
                "numeric_transform='quantile'."
            )

    def _n_batch(self, n_rows: int) -> int:
        if self.batch_size != "auto":
            return self.batch_size
        # About 64 steps an epoch, in the range where a step's fixed cost is paid for.
        smallest = 128 if n_rows >= 512 else 64
        return int(np.clip(2 ** round(np.log2(n_rows / 64)), smallest, 1024))

    def _n_epochs(self, n_rows: int, stops: bool) -> int:
        if self.max_epochs != "auto":
            return self.max_epochs
        if stops:
            return 50
        # Nothing else ends the fit before it over-fits. A network that sees an id once
        # or twice an epoch has memorised it by the third. But a tiny table has epochs
        # of few steps, and needs more of them to be learned at all.
        seldom = 2 * sum(self.encoder_.cardinalities) > n_rows
        epochs, least_steps = (2, 30) if seldom else (10, 100)
        steps = -(-n_rows // self._n_batch(n_rows))
        return max(epochs, -(-least_steps // steps))

    def _draw_seed(self) -> int:
        return int(self._rng.randint(np.iinfo(np.int32).max))

    # Hooks of the subclasses ----------------------------------------------------------

    _target: Any  # ClassTarget or ContinuousTarget
    net_: DCNNet

    @abstractmethod
    def _check_y(self, y: Any) -> NDArray[Any]:
        """Return the target as a checked array."""

    @abstractmethod
    def _check_target(self, y: NDArray[Any], classes: Any) -> None:
        """Learn from all rows what does not depend on the training rows alone."""

    @abstractmethod
    def _make_target(self, rows: Rows) -> ClassTarget | ContinuousTarget:
        """Return the target's encoding, learned on the training rows."""

    @abstractmethod
    def _loss_weight(
        self, y: NDArray[Any], weight: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the weight in the loss of rows with encoded target `y`."""

    @abstractmethod
    def _strata(self, y: NDArray[Any]) -> NDArray[Any] | None:
        """Return the classes that a validation split keeps in proportion."""

    # Predicting -----------------------------------------------------------------------

    @property
    def _numpy_dtype(self) -> Any:
        return np.float64 if self._dtype == torch.float64 else np.float32

    @property
    def module_(self) -> DeepCrossNetwork:
        """The fitted torch module."""
        return self.net_.module_

    def _logits(self, X: Any) -> NDArray[np.float64]:
        """Return the network's output for a table, of shape (n_samples, d_out)."""
        check_is_fitted(self, "net_")
        X = self._check_X(X, reset=False)
        x = _to_tensors(self.encoder_.transform(X, dtype=self._numpy_dtype))
        with torch_threads(self.n_jobs):
            logits = predict_logits(self.net_, x)
        if not np.isfinite(logits).all():
            row = int(np.flatnonzero(~np.isfinite(logits).all(axis=1))[0])
            raise ValueError(
                f"The network's output is not finite, first in row {row} of X: its "
                "numbers are too far outside those of fit. Use "
                "numeric_transform='quantile' or 'robust', or clip them."
            )
        return logits

    def __sklearn_tags__(self) -> Any:
        """Say what scikit-learn may expect."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        # Strings are welcome, but the tag would ask that dicts in cells are as well.
        tags.input_tags.string = False
        return tags


def _to_tensors(encoded: dict[str, NDArray[Any]]) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(values) for name, values in encoded.items()}


def _random_state(random_state: Any) -> np.random.RandomState:
    # None is fresh entropy, not numpy's global state, which a fit leaves alone.
    if random_state is None:
        return np.random.RandomState()
    return check_random_state(random_state)
