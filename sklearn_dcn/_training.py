"""The training: epochs, early stopping, and how a fit ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from skorch.callbacks import EarlyStopping, LRScheduler
from skorch.helper import predefined_split

from ._batches import BatchIterator, TensorTable, place
from ._endings import divergence, warn_of_divergence, warn_of_interrupt
from ._net import DCNNet
from ._progress import Watcher
from ._runtime import compiled, mixed_precision
from ._steps import Steps
from ._weights import is_finite

if TYPE_CHECKING:
    from ._checkpoint import Checkpoint

__all__ = ["TRAINING", "train"]

# Parameters of the estimators that go to `train` as they are.
TRAINING = (
    "tol",
    "compile",
    "max_grad_norm",
    "ema_decay",
    "learning_rate_schedule",
    "warmup",
    "plateau_epochs",
)


def train(
    net: DCNNet,
    data: TensorTable,
    validation: TensorTable | None,
    *,
    epochs: int,
    patience: int | None,
    tol: float,
    seed: int,
    compile: bool | str,
    watchers: Sequence[Watcher] = (),
    checkpoint: Checkpoint | None = None,
    **options: Any,
) -> int:
    """Train `net` and return the epoch (from 1) whose weights it ends with.

    With `patience` it stops after that many epochs without an improvement of the
    validation loss by more than `tol`, and ends with a copy of the best epoch's
    weights; else with those of the last epoch. `options` are those of `Steps`.
    With a `checkpoint` of epochs that are done it makes the others.

    An interrupt of the keyboard ends it with a warning and the best weights so far; in
    the first epoch it is raised on. A loss that is not finite ends it with a warning
    and the best weights, where early stopping has some; else it is an error.
    """
    if options.get("learning_rate_schedule") or options.get("warmup"):
        _refuse_schedulers(net)
    stopping = None if patience is None else _stop_early(net, patience, tol)
    device = torch.device(net.device)
    if validation is not None:
        net.train_split = predefined_split(place(validation, device))
    net.generator = torch.Generator(device).manual_seed(seed)
    n_steps = epochs * len(BatchIterator(data, net.batch_size))
    net.steps = Steps(net.module_, net.optimizer_, n_steps=n_steps, tol=tol, **options)
    n_before, best = len(net.history), None
    if checkpoint is not None:
        checkpoint.begin(net, data, validation, stopping)
        watchers = [*watchers, checkpoint]
    net.watchers, net.n_finished = watchers, len(net.history)
    net.stops, net.ending = False, None
    try:
        with (
            torch.enable_grad(),
            mixed_precision(device, False),
            compiled(net.module_, compile),
        ):
            left = epochs - (net.n_finished - n_before)
            net.partial_fit(place(data, device), y=None, epochs=left)
        best_known = getattr(stopping, "best_epoch_", 0)
        if not is_finite(net.module_) or (net.ending == "diverged" and not best_known):
            epoch = net.n_finished + (net.ending == "diverged")
            net.ending = "diverged"
            raise divergence(epoch, net.lr)
        if net.n_finished == n_before:
            raise KeyboardInterrupt  # which skorch ends a fit with
        best = best_known or net.n_finished
    finally:
        if len(net.history) > net.n_finished and net.ending is None:
            net.ending = "interrupted"
        _give_back(net, best, stopping)
        for watcher in watchers:
            watcher.close(best)
    if net.ending == "diverged":
        warn_of_divergence(net.n_finished + 1, best, net.lr)
    elif net.ending == "interrupted":
        warn_of_interrupt(net.n_finished, best if stopping is not None else None)
    return best


def _give_back(net: DCNNet, best: int | None, stopping: Any) -> None:
    """Take what `train` has lent: a net holds no rows, generator, gradients, copies."""
    del net.history[net.n_finished :]
    if net.steps is not None:
        net.steps.end(is_last=best == net.n_finished)
    net.steps = net.train_split = net.generator = None
    net.watchers = ()
    net.callbacks_ = [(name, cb) for name, cb in net.callbacks_ if cb is not stopping]
    net.module_.zero_grad(set_to_none=True)
    net.module_.eval()


def _stop_early(net: DCNNet, patience: int, tol: float) -> EarlyStopping:
    """Return the last of the net's callbacks, for the time of `train`."""
    stopping = EarlyStopping(
        monitor="valid_loss",
        patience=patience,
        threshold=tol,
        threshold_mode="abs",
        load_best=True,
    )
    stopping.initialize()
    net.callbacks_.append(("early_stopping", stopping))
    return stopping


def _refuse_schedulers(net: DCNNet) -> None:
    """Raise a ValueError if a callback sets the learning rate as well."""
    for _, callback in net.callbacks_:
        if isinstance(callback, LRScheduler):
            raise ValueError(
                "learning_rate_schedule and warmup set the learning rate, and so does "
                f"{type(callback).__name__} in callbacks. Leave one of them out."
            )
