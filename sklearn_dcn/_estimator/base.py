"""What the estimators share: `fit`, step by step."""

from __future__ import annotations

import copy
from abc import abstractmethod
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import issparse

from .._roles import Mask
from .._scan import is_scan
from .._table import (
    ENCODING,
    Supervision,
    TableEncoder,
    Tell,
    check_references,
)
from .._training import (
    PREDICT_BATCH_SIZE_CPU,
    CallbackSupportMixin,
    DCNNet,
    Encoded,
    Preparation,
    build_net,
    calibrate,
    count_products,
    forget_unseen,
    own_torch,
    reads_gradients,
    scale_outputs,
    to_tensors,
    with_callbacks,
)
from .._world import ALONE, World
from ..network.parts import table_rows
from .architecture import network_arguments, resolve_network, resolved_before
from .defaults import (
    BULK,
    resolve_device,
    resolve_dtype,
    resolve_members,
    resolve_optimizer,
    resolve_products,
    resolve_table,
)
from .epochs import resolve_early_stopping
from .going_on import GoesOnFitting
from .memory import naming_memory
from .merging import check_alike
from .offsets import left_out
from .parameters import check_parameters
from .pickling import KeepsNet
from .rivals import naming_rivals
from .rows import Rows
from .saving import SavesToFile
from .scans import read_scan

__all__ = ["BaseDCN"]

# Parameters of the encoding that learn from the target.
STATISTICS = ("category_encoder", "memorized_crosses")


class BaseDCN(CallbackSupportMixin, KeepsNet, SavesToFile, GoesOnFitting):
    """The fit of a Deep & Cross Network, whatever the target.

    A subclass gives the constructor, the hooks `_check_y`, `_make_target`,
    `_loss_weight` and `_strata`, and its predictions.
    """

    _resolved: dict[str, Any] | None = None  # before there was a rule of widths

    # Fitting --------------------------------------------------------------------------

    @naming_rivals
    def fit(
        self,
        X: Any,
        y: Any = None,
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

        If the fit fails, the estimator stays as it was.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features), scan or path
            Numbers, strings, categories, booleans and ids; cells may be missing. For
            rows in files, a scan from `sklearn_dcn.scan`, or a path that it accepts.
        y : array-like of shape (n_samples,), default=None
            Target; for regression also of shape (n_samples, n_outputs), for several
            labels per row (n_samples, n_labels) of 0 and 1, and for several tasks a
            DataFrame or dict with a column for each. For a path, the name or names of
            its columns; for a scan, None, because the scan names it.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row in the loss and in all statistics. Only their ratios
            matter: they are scaled to mean 1, and whatever counts rows, such as
            `min_frequency`, adds up these weights. Rows of weight 0 are ignored. A
            later fit with `warm_start` scales by the factor of the first.
        X_val : DataFrame or array-like of shape (n_val, n_features), default=None
            Validation rows, instead of rows split from `X`.
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
            diverges. The message names the cause and the remedy.
        TypeError
            If a parameter or the cells of a column are of the wrong type.
        MemoryError
            If memory runs out; the message names what uses it.
        """
        self._fit_in(ALONE, (X, y, sample_weight), (X_val, y_val, sample_weight_val))
        return self

    def _fit_in(
        self,
        world: World,
        rows: tuple[Any, ...],
        validation: tuple[Any, Any, Any],
        split: str = "rows",
        tables: str = "replicated",
    ) -> None:
        """Fit as one of the processes of a world, or all of it; see `fit`."""
        check_parameters(self.get_params(deep=False))
        X, y, sample_weight = read_scan(self, *rows)
        given = read_scan(self, *validation, suffix="_val")
        warm = self.warm_start and hasattr(self, "net_")
        fitted = copy.copy(self)  # all or nothing: a failed fit leaves self as it was
        fitted._world, fitted._split, fitted._tables = world, split, tables
        with own_torch(self.n_jobs), naming_memory(self):
            fitted._fit(X, y, sample_weight, given, warm)
        has_all = fitted._has_whole_tables
        del fitted._world, fitted._split, fitted._tables
        if has_all:
            self.__dict__ = fitted.__dict__

    @with_callbacks  # type: ignore[untyped-decorator]
    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        validation: tuple[Any, ...],
        warm: bool,
    ) -> None:
        if is_scan(X):
            self._fit_scan(X, validation)
            return
        rows = self._check_rows(X, y, sample_weight, reset=not warm)
        self._begin_random(warm)
        checkpoint = self._find_checkpoint()
        tell = self._preparation()
        given = self._check_validation(validation)
        if self._is_long(rows):
            self._fit_long(rows, given, checkpoint, tell, (X, y, sample_weight))
            return
        if warm:
            self.net_ = copy.deepcopy(self.net_)
            if self._goes_on:  # which changes the encoding
                self.encoder_ = copy.deepcopy(self.encoder_)
            encoded = self._continue(rows)
            rows = self._keep_order(rows)
            trains = None if given is not None else self._hold_out(rows)
        else:
            encoded, rows, trains = self._learn(rows, tell, holds_out=given is None)
        data = self._training_table(encoded, rows, trains)
        valid = self._validation_table(encoded, rows, trains, given, warm)
        # Validation rows that were given may be there to be watched alone.
        ends_early = valid is not None and bool(self.early_stopping)  # "auto" or True
        epochs = self._plan_epochs(data, ends_early)
        tasks = self._begin_tasks(epochs.n, X, y, sample_weight)
        score = None if valid is None else self._validation_score(rows, trains, given)
        self._train(data, valid, epochs, tasks, checkpoint, score, tell.out)
        if not self._has_whole_tables:
            return
        if valid is not None and ends_early and self.calibrate and not self.warm_start:
            calibrate(self.net_, valid, self._newest_table(encoded, rows, trains))
        self._keep_residuals(valid)
        if trains is not None and not warm:  # a member knows what it saw in fits before
            forget_unseen(self.module_.members, encoded, trains)
        if not self.warm_start:  # a fitted estimator is small
            self.net_.optimizer_.state.clear()
        for task in tasks:
            task.end()

    # The encoding and the net ---------------------------------------------------------

    def _learn(
        self, rows: Rows, tell: Preparation, holds_out: bool, all_rows: bool = True
    ) -> tuple[Encoded, Rows, Mask | None]:
        """Learn the encoding of table and target, and build the net for it.

        Parameters
        ----------
        rows : Rows
        tell : Preparation
            Is told what is done, and which share of it.
        holds_out : bool
            Whether some of them may validate.
        all_rows : bool, default=True
            Whether there are no more to come.

        Returns
        -------
        encoded : dict
            The rows.
        rows : Rows
            With the roles that they have.
        trains : bool ndarray of shape (n, n_members) or None
            Which of them train which network, if others validate it.
        """
        n_rows = len(rows.y) if all_rows else None
        device = resolve_device(self.device)
        self._dtype = resolve_dtype(self.dtype, n_rows, device)
        self._split_seed = self._loss_unit = None
        self._target = self._make_target(rows.y, rows.weight)
        options = self._resolve_table(rows, n_rows)
        with tell:
            columns = self._learn_columns(rows, options, n_rows is None, tell)
            if all_rows:
                rows = self._find_order(rows, columns)
            self._n_members = self._resolve_members(n_rows)
            trains = self._hold_out(rows) if holds_out else None
            encoded = self._learn_statistics(rows, columns, options, trains, tell)
        if self.warm_start or not all_rows:  # they may come again
            y = self._target.encode(rows.y)
            self.encoder_.remember(rows.X, y, encoded, torch.get_num_threads())
        self.encoder_.keep_numbers(rows.X, rows.weight)
        self._begin_net(rows.y, rows.weight, device)
        return to_tensors(encoded), rows, trains

    def _begin_net(
        self, y: NDArray[Any], weight: NDArray[np.float64], device: torch.device
    ) -> None:
        """Keep what the parameters stand for, and build the net; y is of all rows."""
        self._resolved = resolve_network(
            vars(self), self.encoder_, self._numeric_embedding
        )
        self._resolved["n_ids"] = self.encoder_.n_ids
        self._params_in_fit = self.get_params(deep=False)
        self._params_in_fit["category_encoder"] = self.encoder_.category_encoder
        y, weight = self._encode_target(y, weight)
        logits = self._target.initial_logits(y, weight)
        self.net_ = self._build_net(logits, device, self._draw_seed())
        constant, spread = self._target.constant_outputs(y), self._target.initial_spread
        scale_outputs(self.module_.members, np.where(constant, 0.0, spread))
        self.encoder_.field_slices = self.module_.members[0].embedding.field_slices
        if self._world.size > 1:
            stack = self.module_.members[0].embedding
            shapes = [tuple(p.shape[1:]) for p in self.module_.parameters()]
            fields = [(row.column, row.kind) for row in self.encoder_.schema()]
            check_alike(self._world, [shapes, table_rows(stack), fields])

    def _resolve_table(self, rows: Rows, n_rows: int | None) -> dict[str, Any]:
        """Return the parameters of the encoding, none of them "auto" any more."""
        check_references(rows.X, self.get_params(deep=False))
        options = {name: getattr(self, name) for name in ENCODING}
        n_known = None if issparse(rows.X) else n_rows  # whose columns are one field
        return options | resolve_table(
            self.get_params(False), n_known, self._target.n_outputs
        )

    def _learn_columns(
        self, rows: Rows, options: dict[str, Any], in_parts: bool, tell: Tell
    ) -> list[Any]:
        """Learn every column by itself; return them encoded."""
        self.encoder_ = TableEncoder(**{name: options[name] for name in ENCODING})
        self.encoder_.left_out = [*left_out(self).values()]
        columns = self.encoder_.fit_columns(
            rows.X,
            getattr(self, "feature_names_in_", None),
            rows.weight,
            self._numpy_dtype,
            torch.get_num_threads(),
            target=lambda at: self._target.score(rows.y[at]),
            in_parts=in_parts,
            tell=tell,
            stretch=None if in_parts else rows.stretch,
        )
        self._end_columns(options)
        return columns

    def _learn_statistics(
        self,
        rows: Rows,
        columns: list[Any],
        options: dict[str, Any],
        trains: Mask | None,
        tell: Tell,
    ) -> dict[str, Any]:
        """Learn what is a statistic of the target, if anything is; encode the rows."""
        supervision = None
        if any(options[name] is not None for name in STATISTICS):
            targets, seed = self._target.columns(rows.y), self._draw_seed()
            is_class = self._strata(rows.y) is not None
            supervision = Supervision(targets, is_class, seed, rows.roles, trains)
        return self.encoder_.fit_statistics(
            columns,
            rows.X,
            rows.weight,
            self._numpy_dtype,
            supervision,
            torch.get_num_threads(),
            tell,
        )

    def _resolve_members(self, n_rows: int | None) -> int:
        holds_out = n_rows is not None and resolve_early_stopping(
            self.early_stopping, n_rows
        )
        # Before the statistics, which are each network's own.
        fields = self.encoder_
        resolved = resolve_network(vars(self), fields, self._numeric_embedding)
        width = resolved["width"]
        is_noisy = fields.is_seldom or (holds_out and self.validation_ == "last")
        return resolve_members(self.n_members, holds_out, n_rows, is_noisy, width)

    def _build_net(
        self,
        initial_logits: NDArray[np.float64],
        device: torch.device,
        seed: int,
        weights: dict[str, torch.Tensor] | None = None,
    ) -> DCNNet:
        """Return a net for the encoded table, its weights drawn or given."""
        arguments = network_arguments(
            vars(self),
            self.encoder_,
            len(initial_logits),
            self._numeric_embedding,
            self._resolved or resolved_before(vars(self), self.encoder_),
        )
        optimizer = self.optimizer
        if optimizer == "auto":  # by the ids of the fit, if there are more by now
            whole_tables = self.embedding_l2_scope == "table"
            dense = whole_tables or bool(reads_gradients(self.callbacks))
            n_ids = (self._resolved or {}).get("n_ids", self.encoder_.n_ids)
            optimizer = resolve_optimizer(n_ids, dense)
        net = build_net(
            self._target.criterion,
            arguments,
            n_members=self._n_members,
            seed=seed,
            initial_logits=initial_logits,
            weights=weights,
            dtype=self._dtype,
            meaning=self._target,
            device=device,
            optimizer=optimizer,
            weight_decay=self.weight_decay,
            embedding_l2_scope=self.embedding_l2_scope,
            callbacks=self.callbacks,
            net_params=self.net_params,
            part=self._part_of_tables(),
        )
        n_products = PREDICT_BATCH_SIZE_CPU * count_products(net.module_)
        net.bulk = resolve_products(self.dtype, self._dtype, device, n_products)
        is_asked_for = self.dtype == "bfloat16"
        net.products, net.bulk_from = (net.bulk, 0) if is_asked_for else (None, BULK)
        return net

    # A hook of the subclasses ---------------------------------------------------------

    @abstractmethod
    def _make_target(self, y: NDArray[Any], weight: NDArray[np.float64]) -> Any:
        """Return the target's encoding, learned on the training rows."""
