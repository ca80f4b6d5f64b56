"""The training of an estimator's net: watched, kept in a file, reported afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from .._roles import LONG
from .._table import TableEncoder
from .._training import (
    TRAINING,
    Checkpoint,
    DCNNet,
    FitTasks,
    MembersApart,
    Preparation,
    Progress,
    RankTable,
    TensorTable,
    Together,
    Watcher,
    count_products,
    plain_records,
    train,
)
from .._world import ALONE, World
from .defaults import (
    resolve_batch_size,
    resolve_learning_rate,
    resolve_products,
    resolve_random_state,
)
from .epochs import Epochs, plan_epochs
from .offsets import left_out

__all__ = ["TrainsNet"]


class TrainsNet(BaseEstimator):
    """Trains a net on an encoded table."""

    encoder_: TableEncoder
    net_: DCNNet
    n_features_in_: int
    _dtype: torch.dtype  # of the weights
    _rng: np.random.RandomState
    # The processes of the fit under way, and what is divided among them.
    _world: World = ALONE
    _split = "rows"
    _tables = "replicated"

    @property
    def _last_rows_validate(self) -> bool:
        return getattr(self, "validation_", None) == "last"

    def _plan_epochs(self, data: Any, ends_early: bool) -> Epochs:
        """Return the epochs that a training on these rows is to have."""
        # Groups stay together, users have said what an epoch is or count in passes, and
        # the loss of rows that come last goes up and down within a pass.
        is_whole = (
            "group" in getattr(data, "target", {})
            or data.epoch_rows is not None
            or self.learning_rate_schedule == "plateau"
            or self._last_rows_validate
        )
        return plan_epochs(
            self.max_epochs,
            self.n_iter_no_change,
            stops=ends_early,
            n_rows=len(data),
            batch_size=resolve_batch_size(self.batch_size, len(data)),
            is_seldom=self.encoder_.is_seldom,
            can_divide=not is_whole,
        )

    def _train(
        self,
        data: TensorTable,
        valid: TensorTable | None,
        epochs: Epochs,
        watchers: Sequence[Watcher] = (),
        checkpoint: Checkpoint | None = None,
        score: Callable[[NDArray[np.float64]], float] | None = None,
        out: Any = None,
    ) -> None:
        seldom, stops = self.encoder_.is_seldom, epochs.ending is not None
        is_careful = self.warm_start or self._last_rows_validate
        batch_size = resolve_batch_size(self.batch_size, len(data))
        self._check_batches(min(batch_size, len(data)))
        self.net_.set_params(
            lr=resolve_learning_rate(
                self.learning_rate, stops, len(data), seldom, is_careful
            ),
            batch_size=batch_size,
            embedding_l2=self.embedding_l2,
            verbose=int(self.verbose > 1 and self._world.rank == 0),
        )
        self.net_.tower_loss = self.tower_loss
        self.net_.products = resolve_products(
            self.dtype,
            self._dtype,
            torch.device(self.net_.device),
            batch_size * count_products(self.net_.module_),
        )
        epoch_rows = epochs.rows or data.epoch_rows
        if self.verbose == 1 and self._world.rank == 0:
            n_done = checkpoint.n_done if checkpoint else 0
            n_rows = epoch_rows or len(data)
            progress = self._progress(n_rows, epochs, n_done, out)
            watchers = [*watchers, progress]
        data, valid, apart = self._deal_out(data, valid, checkpoint, score)
        data.epoch_rows = epoch_rows
        data.generator = torch.Generator().manual_seed(self._draw_seed())
        with apart.alone() if apart else nullcontext():
            self.best_epoch_ = train(
                self.net_,
                data,
                valid,
                epochs=epochs.n,
                ending=epochs.ending,
                seed=self._draw_seed(),
                watchers=watchers,
                checkpoint=checkpoint,
                score=score,
                together=self._together(apart),
                **{name: getattr(self, name) for name in TRAINING},
            )
        self.__dict__.pop("_importances", None)  # those of the weights before
        self.__dict__.update(self._history())

    def _progress(self, n_rows: int, epochs: Epochs, n_done: int, out: Any) -> Progress:
        """Return what shows the epochs, of which some may be in a checkpoint."""
        n_before = len(self.net_.history)
        patience = epochs.ending and epochs.ending.patience
        n_done = max(n_before, n_done)
        left = epochs.n - (n_done - n_before)
        if patience and n_done > n_before:
            patience = 0  # nobody knows how far the fit before was
        return Progress(n_rows, left, n_done, patience, self.tol, out)

    def _deal_out(
        self, data: Any, valid: Any, checkpoint: Checkpoint | None, score: Any
    ) -> tuple[Any, Any, MembersApart | None]:
        """Return the rows of this process, and its networks, if it has not all."""
        world = self._world
        if world.size == 1:
            return data, valid, None
        if self._split == "members":
            self._check_apart(data, checkpoint, score)
            apart = MembersApart(world, self.module_)
            return apart.own(data), valid and apart.own(valid), apart
        if self._tables == "sharded":
            self._check_sharded(checkpoint)
        if not hasattr(data, "batches"):
            data = RankTable(world, data)
        # Rows of tables are fetched by all processes at once, so of as many batches.
        if valid is not None and score is None and self._tables == "replicated":
            valid = RankTable(world, valid)
        return data, valid, None

    def _together(self, apart: MembersApart | None) -> Together | None:
        """Return how the processes train, if there are several."""
        if self._world.size == 1:
            return None
        return Together(self._world, apart, self._tables == "sharded")

    def _part_of_tables(self) -> tuple[int, int] | None:
        """Return which rows of the tables this process is to have: first and step."""
        if self._tables != "sharded" or self._world.size == 1:
            return None
        return self._world.rank, self._world.size

    @property
    def _has_whole_tables(self) -> bool:
        """Whether this process has all embeddings, when the training is over."""
        return self._world.rank == 0 or self._tables != "sharded"

    def _check_sharded(self, checkpoint: Checkpoint | None) -> None:
        """Raise a ValueError for what tables in parts cannot have."""
        for name, is_there in (
            ("checkpoint", checkpoint is not None),
            ("max_grad_norm", self.max_grad_norm is not None),
            ("warm_start", self.warm_start),
        ):
            if is_there:
                raise ValueError(
                    f"{name} needs whole tables in every process. Leave it out, or "
                    "use tables='replicated'."
                )

    def _check_apart(
        self, data: Any, checkpoint: Checkpoint | None, score: Any
    ) -> None:
        """Raise a ValueError for what networks that are apart cannot have."""
        for name, is_there in (
            ("checkpoint", checkpoint is not None),
            ("scoring", score is not None),
            (f"A table of more than {LONG:,} rows", hasattr(data, "batches")),
            ("warm_start", self.warm_start),
        ):
            if is_there:
                raise ValueError(
                    f"{name} needs all networks in every process, but with "
                    "split='members' each has its own. Use split='rows'."
                )

    def _check_batches(self, n_rows: int) -> None:
        """Raise a ValueError where a batch has too few rows for its statistics."""
        layers = self.net_.module_.modules()
        if not any(isinstance(m, torch.nn.BatchNorm1d) for m in layers):
            return
        if self._world.size > 1 and self._split == "rows":
            raise ValueError(
                "normalization='batch' takes mean and spread of a whole batch, but "
                "each process has only a part of it. Use normalization='layer'."
            )
        if n_rows == 1:
            raise ValueError(
                "normalization='batch' needs at least 2 training rows in a batch, "
                "whose mean and spread it takes; got 1. Give more rows at once and a "
                "batch_size above 1, or use normalization='layer'."
            )

    def _scored(self, y: NDArray[Any]) -> tuple[NDArray[Any], dict[str, Any]]:
        """Return the target as scorers know it, and what else they may take."""
        return (y[:, 0] if left_out(self) else y), {}  # without what is beside it

    def _find_checkpoint(self) -> Checkpoint | None:
        """Return the file that the fit writes to, or goes on from, if any."""
        if self.checkpoint is None:
            return None
        columns = getattr(self, "feature_names_in_", self.n_features_in_)
        parameters = {**self.get_params(deep=False), "columns": columns}
        return Checkpoint(self.checkpoint, parameters, self._rng, self._world)

    def _history(self) -> dict[str, Any]:
        """Return the attributes that tell how the training went, up to now."""
        records = plain_records(self.net_.history)
        return {"n_iter_": len(records), "history_": records}

    def _begin_tasks(
        self, n_epochs: int, X: Any, y: Any, sample_weight: Any
    ) -> list[FitTasks]:
        """Tell scikit-learn's callbacks of the fit, where it has callbacks."""
        if not hasattr(self, "set_callbacks") or self._world.rank:
            return []
        weight = {} if sample_weight is None else {"sample_weight": sample_weight}
        data = {"X": X, "y": y, "metadata": weight}

        def snapshot() -> dict[str, Any]:
            last = {"best_epoch_": len(self.net_.history)}
            return {**self._history(), **last, "net_": self.net_.snapshot()}

        return [FitTasks(self, n_epochs, data, snapshot)]

    def _begin_random(self, warm: bool = False) -> None:
        """Begin with the random state, or go on; all processes with the same."""
        if not warm:
            self._rng = resolve_random_state(self.random_state)
        self._rng.set_state(self._world.broadcast(self._rng.get_state()))

    def _preparation(self) -> Preparation:
        """Return what is told before the first epoch."""
        return Preparation(self.verbose == 1 and self._world.rank == 0)

    def _draw_seed(self) -> int:
        return int(self._rng.randint(np.iinfo(np.int32).max))
