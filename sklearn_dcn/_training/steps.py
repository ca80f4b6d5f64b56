"""What is done around the steps of a fit: learning rates, clipping, averaging."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn
from torch.optim import Optimizer

from ..network.ensemble import Network
from .averaging import WeightAverage
from .clipping import GradientClipper
from .module_weights import id_tables
from .schedule import LearningRate
from .sharding import ShardedTables

__all__ = ["Steps"]


class Steps:
    """The options of a fit that act step by step; those that are off do nothing.

    Parameters
    ----------
    module : DeepCrossNetwork or DeepCrossEnsemble
        The network.
    optimizer : Optimizer
        Its optimizer. Its state has what an average needs to go on in a next fit, so
        that it is kept, copied and dropped with the moments.
    sharded : ShardedTables or None, default=None
        The tables of the network, if they are divided among processes.
    n_steps : int
        Steps of the whole fit.
    tol : float
        Fall of the loss that counts as one.
    max_grad_norm, ema_decay, learning_rate_schedule, warmup, plateau_epochs
        As of the estimators.
    """

    def __init__(
        self,
        module: Network,
        optimizer: Optimizer,
        sharded: ShardedTables | None = None,
        *,
        n_steps: int,
        tol: float,
        max_grad_norm: float | None = None,
        ema_decay: float | None = None,
        learning_rate_schedule: str | None = None,
        warmup: float = 0.0,
        plateau_epochs: int = 1,
    ) -> None:
        self.optimizer = optimizer
        self.clips: list[GradientClipper] = []
        self.average: WeightAverage | None = None
        self.rates: LearningRate | None = None
        if max_grad_norm is not None:
            self.clips = [
                GradientClipper(member.parameters(), max_grad_norm)
                for member in module.members
            ]
        if ema_decay is not None:
            is_lazy = module.members[0].embedding.sparse
            lazy = id_tables(module) if is_lazy else []
            state = optimizer.state.get("average")  # type: ignore[call-overload]
            averaged: nn.Module = module
            if sharded is not None:
                averaged, lazy = sharded.owned, sharded.shards
            self.average = WeightAverage(averaged, ema_decay, lazy, state)
        if learning_rate_schedule is not None or warmup:
            self.rates = LearningRate(
                optimizer,
                learning_rate_schedule,
                warmup=warmup,
                n_steps=n_steps,
                patience=plateau_epochs,
                tol=tol,
            )

    @contextmanager
    def epoch(self) -> Iterator[None]:
        """Surround the steps of an epoch."""
        if self.average is None:
            yield
            return
        with self.average.training():
            yield

    @contextmanager
    def paused(self) -> Iterator[None]:
        """In the midst of an epoch, let the module have what it has after one."""
        if self.average is None:
            yield
            return
        with self.average.paused():
            yield

    def before_step(self) -> None:
        """Prepare a step."""
        if self.rates is not None:
            self.rates.before_step()

    def after_backward(self) -> None:
        """Go on when the gradients are there, before they are used."""
        for clip in self.clips:
            clip()
        if self.average is not None:
            self.average.before_step()

    def after_step(self) -> None:
        """End a step, when the weights have moved."""
        if self.average is not None:
            self.average.after_step()

    def after_epoch(self, loss: float) -> None:
        """End an epoch with this loss."""
        if self.rates is not None:
            self.rates.after_epoch(loss)

    def progress(self) -> dict[str, Any]:
        """Return how far the fit is, between epochs or in a block of `paused`."""
        parts = {"average": self.average, "rates": self.rates}
        return {k: part.progress() for k, part in parts.items() if part is not None}

    def go_on(self, progress: dict[str, Any]) -> None:
        """Go on in the fit that `progress` is of."""
        if self.average is not None:
            self.average.go_on(progress["average"])
        if self.rates is not None:
            self.rates.go_on(progress["rates"])

    def end(self, *, is_last: bool) -> None:
        """End the fit.

        Parameters
        ----------
        is_last : bool
            Whether the module has the average of the last epoch. Else a next fit goes
            on from what it has, as the weights that belong to it are gone.
        """
        if self.rates is not None:
            self.rates.restore()
        if self.average is not None:
            state: dict[Any, Any] = self.optimizer.state
            state["average"] = self.average.state(weights=is_last)
