"""The training: epochs, early stopping, and how a fit ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from .._world import World
from .apart import MembersApart
from .batches import BatchIterator, TensorTable, place
from .checkpoint import Checkpoint
from .course import Course, divergence, warn_of_ending
from .devices import compiled, own_precision
from .module_weights import is_finite
from .net import DCNNet
from .sharding import ShardedTables
from .spool import StreamedTable
from .steps import Steps
from .stopping import Ending, Stopping
from .watcher import Watcher

__all__ = ["TRAINING", "Together", "train"]

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
    data: TensorTable | StreamedTable,
    validation: TensorTable | None,
    *,
    epochs: int,
    ending: Ending | None,
    tol: float,
    seed: int,
    compile: bool | str,
    watchers: Sequence[Watcher] = (),
    checkpoint: Checkpoint | None = None,
    score: Callable[[NDArray[np.float64]], float] | None = None,
    together: Together | None = None,
    **options: Any,
) -> int:
    """Train `net` and return the epoch (from 1) whose weights it ends with.

    With an `ending` early stopping ends it, by the validation loss, or with `score` by
    that, where a change of `tol` is no improvement; then it ends with a copy of the
    best epoch's weights, else with those of the last epoch. `score` is that of
    `Course`, `options` are those of `Steps`. Of several processes each has its part of
    the batches, and all end with the same weights.
    With a `checkpoint` of epochs that are done it makes the others.

    An interrupt of the keyboard ends it with a warning and the best weights so far; in
    the first epoch it is raised on. A loss that is not finite ends it with a warning
    and the best weights, where early stopping has some; else it is an error.
    """
    _refuse_scheduler(net, options)
    stopping = None
    if ending is not None:
        stopping = net.stop_by(ending, tol, score is not None)
    device = torch.device(net.device)
    rows = place(data, device)
    n_steps = epochs * len(BatchIterator(data, net.batch_size, shuffle=True))
    options |= {"n_steps": n_steps, "tol": tol}
    net.course = course = _begin(net, rows, seed, score, together, options)
    if validation is not None:
        net.validate_by(place(validation, device))
    n_before, best = len(net.history), None
    if checkpoint is not None:
        checkpoint.begin(net, data, validation, stopping)
        watchers = [*watchers, checkpoint]
    course.watchers, course.n_finished = watchers, len(net.history)
    rows.epoch = n_done = course.n_finished - n_before
    try:
        with (
            torch.enable_grad(),
            own_precision(device),
            compiled(net.module_, compile),
        ):
            net.partial_fit(net.as_dataset(rows), y=None, epochs=epochs - n_done)
        if course.sharded is not None:
            course.sharded.close()
        best_known = getattr(stopping, "best_epoch_", 0)
        diverged = course.ending == "diverged"
        if not is_finite(net.module_) or (diverged and not best_known):
            course.ending = "diverged"
            raise divergence(course.n_finished + diverged, net.lr)
        if course.n_finished == n_before:
            raise KeyboardInterrupt  # which skorch ends a fit with
        best = best_known or course.n_finished
    finally:
        if len(net.history) > course.n_finished and course.ending is None:
            course.ending = "interrupted"
        _give_back(net, course, best, stopping)
        for watcher in watchers:
            watcher.close(best)
    warn_of_ending(course, best, net.lr, knows_best=stopping is not None)
    return best


class Together(NamedTuple):
    """How several processes train.

    Attributes
    ----------
    world : World
    apart : MembersApart or None
        The networks of this process, if it has not all.
    shards_tables : bool
        Whether it has a part of the tables alone.
    """

    world: World
    apart: MembersApart | None
    shards_tables: bool


def _begin(
    net: DCNNet,
    rows: Any,
    seed: int,
    score: Any,
    together: Together | None,
    options: dict[str, Any],
) -> Course:
    """Return the course of a training, perhaps with other processes."""
    sharded = None
    if together is not None and together.shards_tables:
        sharded = ShardedTables(together.world, net.module_)
    steps = Steps(net.module_, net.optimizer_, sharded, **options)
    n_rows = rows.epoch_rows or len(rows)
    course = Course(
        steps, seed, torch.device(net.device), n_rows, score, sharded=sharded
    )
    if together is not None:
        course.join(together.world, together.apart, net.module_, rows)
    return course


def _give_back(
    net: DCNNet, course: Course, best: int | None, stopping: Stopping | None
) -> None:
    """Take what `train` has lent: a net holds no rows, generator, gradients, copies."""
    del net.history[course.n_finished :]
    course.steps.end(is_last=best == course.n_finished)
    net.course = net.train_split = None
    net.callbacks_ = [(name, cb) for name, cb in net.callbacks_ if cb is not stopping]
    net.module_.zero_grad(set_to_none=True)
    net.module_.eval()


def _refuse_scheduler(net: DCNNet, options: dict[str, Any]) -> None:
    """Raise a ValueError if a callback sets the learning rate as well."""
    is_set = options.get("learning_rate_schedule") or options.get("warmup")
    if is_set and net.scheduler is not None:
        raise ValueError(
            "learning_rate_schedule and warmup set the learning rate, and so does "
            f"{type(net.scheduler).__name__} in callbacks. Leave one of them out."
        )
