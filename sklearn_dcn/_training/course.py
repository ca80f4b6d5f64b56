"""A training under way: what it lends its net, and what becomes of it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor

from .._world import ALONE, World
from .apart import MembersApart
from .history import BatchLosses
from .sharding import ShardedTables
from .sharing import RankTable, SharedGradients
from .steps import Steps
from .watcher import Watcher

__all__ = ["Course", "divergence", "warn_of_ending"]


@dataclass
class Course:
    """What `train` lends a net, and takes back at the end.

    Attributes
    ----------
    steps : Steps
        What is done around the steps.
    seed : int
        Of dropout.
    device : torch.device
        Where it is drawn.
    epoch_rows : int
        Training rows of an epoch, of all processes.
    watchers : sequence of Watcher
        Who is told how far the fit is.
    score : callable or None
        Takes the logits of the validation rows, float64 of shape (n, d_out), and
        returns their score.
    n_finished : int
        Epochs that are whole, those of fits before among them. An epoch that is cut
        short is in the history, but does not count.
    stops : bool
        Whether a watcher asks to stop before the next epoch.
    ending : {"diverged", "interrupted"} or None
        How the training ended in the midst of an epoch, if it did.
    world : World
        The processes that train together.
    share : SharedGradients or None
        What makes their gradients one; None is for a process alone.
    rows : RankTable or None
        The rows that train, if they are a part of each batch.
    apart : MembersApart or None
        Which networks are trained here, if not all.
    sharded : ShardedTables or None
        The tables, if no process has them whole.
    losses : BatchLosses
        Those of the epoch under way.
    resumed : dict or None
        `progress` of the epoch to go on with.
    """

    steps: Steps
    seed: int
    device: torch.device
    epoch_rows: int
    score: Callable[[NDArray[np.float64]], float] | None = None
    watchers: Sequence[Watcher] = ()
    n_finished: int = 0
    stops: bool = False
    ending: str | None = None
    world: World = ALONE
    share: SharedGradients | None = None
    rows: RankTable | None = None
    apart: MembersApart | None = None
    sharded: ShardedTables | None = None
    losses: BatchLosses = field(default_factory=BatchLosses)
    resumed: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        self.generator = torch.Generator(self.device).manual_seed(self.seed)

    def join(
        self, world: World, apart: MembersApart | None, module: Any, rows: Any
    ) -> None:
        """Train with other processes, if there are any."""
        self.world, self.apart = world, apart
        if world.size > 1 and apart is None:
            self.share = SharedGradients(world, module, self.sharded)
            self.rows = rows if isinstance(rows, RankTable) else None

    def draws(self, n_rows: int) -> Any:
        """Return the source of dropout for a batch of so many rows."""
        if self.apart is not None:
            return self.apart.draws(self.generator, n_rows)
        return self.generator if self.rows is None else self.rows.draws(self.generator)

    def lend(self, x: Any) -> Any:
        """Return a batch as the module is to see it, which has what it names."""
        return x if self.sharded is None else self.sharded.lend(x)

    def begin_steps(self, batches: Iterable[Any]) -> tuple[Any, BatchLosses]:
        """Begin an epoch, or go on in its midst; return what is left of its batches."""
        progress, self.resumed = self.resumed, None
        self.losses = BatchLosses()
        if progress is None:
            return batches, self.losses
        of_ranks = progress["ranks"]
        if len(of_ranks) == self.world.size:
            mine = of_ranks[self.world.rank]
            self.generator.set_state(mine["dropout"])
            self.losses = BatchLosses(mine["losses"], mine["sizes"])
        elif self.world.rank == 0:  # of as many processes as there were
            each = [loss for mine in of_ranks for loss in mine["losses"]]
            sizes = [size for mine in of_ranks for size in mine["sizes"]]
            self.losses = BatchLosses(each, sizes)
        return islice(batches, int(progress["n_batches"]), None), self.losses

    def progress(self, n_batches: int) -> dict[str, Any]:
        """Return how far an epoch is after so many batches, of all processes."""
        mine = {
            "losses": self.losses.read(),
            "sizes": self.losses.sizes,
            "dropout": self.generator.get_state(),
        }
        return {"n_batches": n_batches, "ranks": self.world.gather(mine)}

    def end_pass(self, losses: list[float], sizes: list[int], has_all: bool) -> float:
        """End a pass over rows; return their mean loss, over those of all processes.

        `has_all` says that each has all of them.
        """
        if self.sharded is not None:
            self.sharded.release()
        if self.world.size == 1 or has_all:
            return float(np.average(losses, weights=sizes))
        if self.apart is not None:
            return self.apart.mean(float(np.average(losses, weights=sizes)))
        parts = [float(np.dot(losses, sizes)), float(sum(sizes))]
        whole, n_rows = self.world.total(torch.tensor(parts, dtype=torch.float64))
        return float(whole / n_rows)

    def count(self, n_given: int) -> int:
        """Return how many of the rows of a batch count as this process' own."""
        return n_given if self.rows is None else self.rows.n_mine

    def mean(self, means: Tensor, n_rows: int) -> Tensor:
        """Return means over a batch, of those over the rows that are here."""
        if self.share is None:
            return means
        # Rows that do not count may have losses that are not finite.
        sums = means * n_rows if n_rows else torch.zeros_like(means)
        flat = torch.cat([sums.reshape(-1), sums.new_tensor([n_rows])])
        flat = self.world.total(flat)
        return (flat[:-1] / flat[-1]).view_as(means)

    def begin_epoch(self, number: int) -> None:
        """Begin an epoch, in which each process may have dropout of its own.

        The generator's state follows from the epoch, so that it need not be kept.
        """
        has_own = self.rows is None or self.rows.where is not None
        if self.share is not None and has_own:
            own = np.random.SeedSequence([self.seed, self.world.rank, number])
            self.generator.manual_seed(int(own.generate_state(1)[0]))


def divergence(epoch: int, learning_rate: float) -> ValueError:
    """Return the error of a training that diverged in an epoch, from 1."""
    return ValueError(
        "Training diverged: loss or weights are not finite in epoch "
        f"{epoch}. {_remedy(learning_rate)}."
    )


def warn_of_ending(
    course: Course, best: int, learning_rate: float, knows_best: bool
) -> None:
    """Warn of a training that ended before its time, but has weights to keep.

    Parameters
    ----------
    course : Course
    best : int
        The epoch, from 1, whose weights are kept.
    learning_rate : float
    knows_best : bool
        Whether early stopping tells which epoch is best.
    """
    if course.ending == "diverged":
        text = (
            f"Training diverged in epoch {course.n_finished + 1}. The fit keeps the "
            f"weights of epoch {best}, the best before it. {_remedy(learning_rate)}."
        )
    elif course.ending == "interrupted":
        kept = f"of epoch {best}, the best so far"
        if not knows_best:
            kept = (
                "of this moment, as without early_stopping none are known to be better"
            )
        text = (
            f"The fit was interrupted after epoch {course.n_finished}. It keeps the "
            f"weights {kept}."
        )
    else:
        return
    warnings.warn(text, ConvergenceWarning, stacklevel=3)


def _remedy(learning_rate: float) -> str:
    return (
        f"Lower learning_rate={learning_rate!r}, set max_grad_norm, or keep "
        "numeric_transform='quantile'"
    )
