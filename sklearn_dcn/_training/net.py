"""The net that skorch manages: its steps and epochs, its network and optimiser."""

from __future__ import annotations

import copy
import math
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from skorch import NeuralNet
from skorch.callbacks import EpochTimer, LRScheduler, PrintLog
from skorch.dataset import Dataset, unpack_data
from skorch.helper import predefined_split
from torch import Tensor, nn

from ..network.ensemble import (
    Network,
    by_holder,
    by_member,
    has_own_weights,
)
from .answers import AnswersScorers
from .batches import TensorTable, held_out
from .course import Course
from .history import BatchLosses
from .module_weights import add_l2_of_tables, allocate, assign, without_storage
from .optimizers import parameter_groups
from .steps import Steps
from .stopping import Ending, Stopping
from .towers import tower_losses
from .watcher import Watcher

__all__ = ["DCNNet"]


class EpochLog(PrintLog):
    """skorch's line for every epoch, in colour only where there is a terminal."""

    def format_row(self, row: dict[str, Any], key: str, color: str) -> Any:
        """Format one cell; without the mark of a best value it has no colour."""
        if not sys.stdout.isatty():
            row = {key: row[key]}
        return super().format_row(row, key, color)


class DecodedTable(TensorTable, Dataset):
    """A table as skorch's callbacks know data sets: with `X`, and with `y` decoded."""

    meaning: Any  # ClassTarget or ContinuousTarget

    @property
    def X(self) -> DecodedTable:
        """The table, which a net predicts."""
        return self

    @property
    def y(self) -> NDArray[Any]:
        """Labels, or numbers in the caller's units."""
        return self.meaning.decode(self.target["y"].cpu().numpy())


class DCNNet(AnswersScorers, NeuralNet):
    """skorch's `NeuralNet`, seeded, with a training step of its own.

    Embeddings have a penalty, on just the rows of the batch or on all; losses stay on
    the device, so that an epoch waits for it once. `train` lends it the `Course`.

    Parameters
    ----------
    module : type
        The network's class; its arguments are ``module__...``.
    criterion : nn.Module
        The loss.
    seed : int
        Seed of the initial weights.
    initial_logits : ndarray of shape (d_out,)
        Where the network's output starts.
    dtype : torch.dtype
        Precision of the weights.
    embedding_l2 : float, default=0.0
        The penalty's factor: adds ``embedding_l2 / 2`` times the squared norm of a
        row's embeddings, averaged over the batch.
    embedding_l2_scope : {"batch", "table"}, default="batch"
        "table" adds ``embedding_l2 / 2`` times the squared norm of all embeddings.
    record_batches : bool, default=False
        Whether the history keeps the loss of every batch, for callbacks that read it.
        It costs one synchronisation a batch.
    meaning : ClassTarget or ContinuousTarget or None, default=None
        What y and logits mean to the caller, for callbacks.
    **kwargs
        As `NeuralNet`.
    """

    def __init__(
        self,
        module: type[Network],
        criterion: nn.Module,
        *,
        seed: int,
        initial_logits: NDArray[np.float64],
        dtype: torch.dtype,
        embedding_l2: float = 0.0,
        embedding_l2_scope: str = "batch",
        record_batches: bool = False,
        meaning: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(module, criterion, **kwargs)
        self.seed = seed
        self.initial_logits = initial_logits
        self.dtype = dtype
        self.embedding_l2 = embedding_l2
        self.embedding_l2_scope = embedding_l2_scope
        self.record_batches = record_batches
        self.meaning = meaning

    # What cross and deep layers compute in, if not as the weights; in predictions of
    # `bulk_from` rows and more, `bulk`.
    products: torch.dtype | None = None
    bulk: torch.dtype | None = None
    bulk_from = 0
    tower_loss: str | None = None  # of both towers beside, see `towers`
    # Lent for the time of `train`: it is no part of a fitted net.
    course: Course | None = None
    # Lent for the time of `initialize`, where the weights are not to be drawn.
    weights: dict[str, Tensor] | None = None
    part: tuple[int, int] | None = None  # of the tables' rows, see `keep_part`

    @property
    def _default_callbacks(self) -> list[tuple[str, Any]]:
        # Four decimals of a rate say little, and all epochs have as many rows.
        log = EpochLog(keys_ignored=["lr", "train_rows"])
        return [("epoch_timer", EpochTimer()), ("print_log", log)]

    @property
    def steps(self) -> Steps | None:
        """What is done around the steps of the training under way."""
        return None if self.course is None else self.course.steps

    @property
    def watchers(self) -> Sequence[Watcher]:
        """Who is told how far the training under way is."""
        return () if self.course is None else self.course.watchers

    @property
    def scheduler(self) -> LRScheduler | None:
        """The callback that sets the learning rate, if there is one."""
        return next((c for _, c in self.callbacks_ if isinstance(c, LRScheduler)), None)

    def as_dataset(self, table: TensorTable) -> TensorTable:
        """Return the table as callbacks are to see it."""
        if self.meaning is None or hasattr(table, "batches"):  # from disk
            return table
        seen = object.__new__(DecodedTable)
        seen.__dict__.update(vars(table), meaning=self.meaning)
        return seen

    def validate_by(self, table: TensorTable) -> None:
        """Validate every epoch by the rows of a table."""
        self.train_split = predefined_split(self.as_dataset(table))

    def stop_by(self, ending: Ending, tol: float, score: bool) -> Stopping:
        """Return a new last callback, which ends a training by its validation rows."""
        stopping = Stopping.by(ending, tol, score)
        self.callbacks_.append(("early_stopping", stopping))
        return stopping

    def initialize_module(self) -> DCNNet:
        """Build the network from the seed, its output at `initial_logits`.

        It is built without storage and then filled from a generator, so that the
        global random state, default dtype and device have no part in it.
        """
        arguments = self.get_params_for("module")
        module = without_storage(self.module, arguments, self.part)
        if self.weights is not None:
            assign(module, self.weights, self.dtype)
            for member in module.members:
                member.embedding.fill_positions()
            self.module_ = module.eval()
            return self
        allocate(module, self.dtype)
        module.reset_parameters(torch.Generator().manual_seed(self.seed))
        with torch.no_grad():
            for member in module.members:
                member.head.bias.copy_(torch.from_numpy(self.initial_logits))
        self.module_ = module
        return self

    def get_params_for_optimizer(
        self, prefix: str, named_parameters: Any
    ) -> tuple[Any, dict[str, Any]]:
        """Exempt embeddings, biases and norms from weight decay."""
        _, kwargs = super().get_params_for_optimizer(prefix, iter(()))
        return [parameter_groups(named_parameters)], kwargs

    def infer(self, x: Any, **fit_params: Any) -> Any:
        """Compute the network's output in the precision of the fit."""
        return super().infer(x, dtype=self.products, **fit_params)

    def get_loss(self, y_pred: Tensor, y_true: Any, *args: Any, **kwargs: Any) -> Any:
        """Compute the loss in the precision of the weights, the mean over members."""
        y_pred = y_pred.to(self.dtype)
        if y_pred.ndim == 3:
            y_pred, y_true = by_member(y_pred, y_true)
        return super().get_loss(y_pred, y_true, *args, **kwargs)

    def train_step_single(self, batch: Any, **fit_params: Any) -> dict[str, Any]:
        """Compute loss and gradients of one batch, of which others may have a part."""
        if not self.module_.training:  # a walk through all modules
            self._set_training(True)
        Xi, yi = unpack_data(batch)
        n_given, course = len(yi["y"]), self.course
        Xi = Xi if course is None else course.lend(Xi)
        step = self._gradients(Xi, yi, **fit_params) if n_given else self._no_rows()
        n_mine = n_rows = n_given if course is None else course.count(n_given)
        if course is not None and course.share is not None:
            n_rows = course.share(n_mine)
        if self.embedding_l2 and self.embedding_l2_scope == "table":
            add_l2_of_tables(self.module_, self.embedding_l2)
        if self.steps is not None:
            self.steps.after_backward()
        return {**step, "n_mine": n_mine, "n_rows": n_rows}

    def _no_rows(self) -> dict[str, Any]:
        """Return the step of a process that has no row of the batch."""
        zero = next(self.module_.parameters()).new_zeros
        if self.tower_loss is not None and self.course is not None:
            self.course.mean(zero(len(self.module_.members), 3), 0)  # the others wait
        return {"loss": zero(()), "y_pred": zero(0, self.module_.d_out)}

    def _gradients(
        self, Xi: dict[str, Any], yi: dict[str, Tensor], **fit_params: Any
    ) -> dict[str, Any]:
        """Compute loss and gradients of rows, the means over these."""
        generator = self.course and self.course.draws(len(yi["y"]))
        of_batch = bool(self.embedding_l2) and self.embedding_l2_scope == "batch"
        options = {"generator": generator, "return_embeddings": of_batch}
        options |= {} if self.tower_loss is None else {"by_tower": True}
        logits = self.infer(Xi, **options, **fit_params)
        penalty = 0.0
        if of_batch:
            logits, used = logits
            penalty = self.embedding_l2 / 2 * used.square().sum(-1).mean()
        if self.tower_loss is None:
            loss = learned = self.get_loss(logits, yi, X=Xi, training=True)
        else:
            get_loss = partial(self.get_loss, X=Xi, training=True)
            how = self.tower_loss, self.course
            loss, learned = tower_losses(get_loss, logits.to(self.dtype), yi, *how)
            logits = logits.mean(0)
        # Each member learns as it would alone.
        (learned * len(self.module_.members) + penalty).backward()
        return {"loss": loss, "y_pred": logits}

    @torch.no_grad()
    def validation_step(self, batch: Any, **fit_params: Any) -> dict[str, Any]:
        """Compute the loss of one batch, of each row by the members that held it out.

        Rows that all members have not seen count by the mean of these.
        """
        self._set_training(False)
        Xi, yi = unpack_data(batch)
        Xi = Xi if self.course is None else self.course.lend(Xi)
        each = self.infer(Xi, **fit_params).to(self.dtype)
        apart = None if self.course is None else self.course.apart
        if apart is not None and not has_own_weights(yi):
            each = apart.mean_logits(each)
        loss = self.get_loss(*by_holder(each, yi), X=Xi, training=False)
        return {"loss": loss, "y_pred": each}

    def evaluation_step(self, batch: Any, training: bool = False) -> Any:
        """Compute the logits of one batch, of each row by the members it is of."""
        return self._as_answer(super().evaluation_step(batch, training), batch[1])

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        """Tell the watchers, or end the fit if one of them asked for it."""
        course = self.course
        if course is not None and course.stops:
            raise KeyboardInterrupt  # skorch's way for callbacks to end a fit
        super().on_epoch_begin(net, **kwargs)
        if course is not None:
            course.begin_epoch(len(self.history))
        for watcher in self.watchers:
            watcher.begin_epoch()

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Tell the schedule the epoch's loss, and watchers; callbacks come after it."""
        super().on_epoch_end(net, **kwargs)
        course, epoch = self.course, self.history[-1]
        if course is None:
            return
        losses = epoch["train_loss"], epoch.get("valid_loss", 0.0)
        if not all(map(math.isfinite, losses)):
            course.ending = "diverged"
            raise KeyboardInterrupt  # before the epoch counts
        course.steps.after_epoch(epoch.get("valid_loss", epoch["train_loss"]))
        self._set_training(False)  # watchers may predict
        asked = any([w.end_epoch(epoch) for w in course.watchers])  # noqa: C419
        course.stops = course.world.agree(asked)
        course.n_finished = len(self.history)

    def snapshot(self) -> DCNNet:
        """Return a net that goes on predicting as this one does now, in a fit."""
        net = object.__new__(type(self))
        module = copy.deepcopy(self.module_)
        for member in module.members:
            member.__dict__.pop("combine", None)  # compiled for the module of the fit
        lent = {"course": None, "train_split": None}
        net.__dict__ = {**self.__dict__, **lent, "module_": module}
        return net

    def run_single_epoch(
        self,
        iterator: Any,
        training: bool,
        prefix: str,
        step_fn: Any,
        **fit_params: Any,
    ) -> None:
        """Train on, or validate, every batch; record the epoch's mean loss."""
        if iterator is None:
            return
        losses, logits = BatchLosses(), []
        steps = self.steps if training else None
        score = None if training or self.course is None else self.course.score
        # Scores and callbacks see all rows, in their order.
        if not (training or score or self.record_batches):
            iterator = held_out(iterator)
        if training and self.course is not None:
            iterator, losses = self.course.begin_steps(iterator)
        with nullcontext() if steps is None else steps.epoch():
            for batch in iterator:
                seen = self._as_seen(batch)
                self.notify("on_batch_begin", batch=seen, training=training)
                if steps is not None:
                    steps.before_step()
                step = step_fn(batch, **fit_params)
                n_mine = step.pop("n_mine", len(batch[1]["y"]))
                losses.add(step["loss"].detach(), n_mine)
                n_rows = step.pop("n_rows", n_mine)  # of all processes
                if steps is not None:
                    steps.after_step()
                    for watcher in self.watchers:
                        watcher.end_batch(n_rows)
                if self.record_batches or score:
                    step["y_pred"] = self._as_answer(step["y_pred"], batch[1])
                if score:
                    logits.append(step["y_pred"])
                if self.record_batches:
                    self.history.record_batch(f"{prefix}_loss", step["loss"].item())
                    self.history.record_batch(f"{prefix}_batch_size", n_mine)
                self.notify("on_batch_end", batch=seen, training=training, **step)
        # The weighted mean over the data set, as weights have mean 1.
        each, sizes = losses.read(), losses.sizes
        if self.course is None:
            loss = float(np.average(each, weights=sizes))
        else:
            loss = self.course.end_pass(each, sizes, has_all=bool(score))
        if training:  # of the last step
            self.history.record("lr", self.optimizer_.param_groups[0]["lr"])
            if self.course is not None:
                self.history.record("train_rows", self.course.epoch_rows)
        self.history.record(f"{prefix}_batch_count", len(sizes))
        self._record(f"{prefix}_loss", loss, sign=-1)
        if score:
            found = score(torch.cat(logits).cpu().double().numpy())
            self._record("valid_score", found, sign=1)

    def _as_seen(self, batch: Any) -> Any:
        """Return a batch as callbacks, if there are any, are to see it."""
        if not self.record_batches or self.meaning is None:
            return batch
        return batch[0], self.meaning.decode(batch[1]["y"].cpu().numpy())

    def _record(self, name: str, value: float, sign: int) -> None:
        """Record a figure of the epoch, and whether it is the best up to now."""
        before = [sign * e[name] for e in self.history[:-1] if name in e]
        self.history.record(name, value)
        self.history.record(f"{name}_best", sign * value > max(before, default=-np.inf))
