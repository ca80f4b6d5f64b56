"""The networks of an ensemble, each trained by one of several processes.

No gradient is sent: processes agree on the mean loss of an epoch, and at the end send
each other their networks. All of them have all rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor, nn

from .._world import World
from ..network.draws import Draws
from ..network.ensemble import Network, has_own_weights
from .batches import TensorTable

__all__ = ["MembersApart"]


class MembersApart:
    """Which networks this process trains.

    Parameters
    ----------
    world : World
    module : DeepCrossEnsemble
        It has as many members at least as there are processes.
    """

    def __init__(self, world: World, module: Network) -> None:
        self.world, self.module = world, module
        self.n_members = len(module.members)
        if self.n_members < world.size:
            raise ValueError(
                f"split='members' gives each process networks of its own; got "
                f"{self.n_members} for {world.size} processes. Set n_members="
                f"{world.size} or more, use fewer processes, or split='rows'."
            )
        first, end = world.part(self.n_members)
        self.mine = slice(first, end)
        self.n_mine = end - first

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Let the module have this process' members alone; then all, as trained."""
        module = cast(Any, self.module)
        every = module.members
        self._set(every[self.mine])
        try:
            yield
        finally:
            self._set(every)
        trained = {k: member.state_dict() for k, member in enumerate(every)}
        mine = {k: trained[k] for k in range(self.mine.start, self.mine.stop)}
        for part in self.world.gather(mine):
            for k, state in part.items():
                every[k].load_state_dict(state)

    def _set(self, members: nn.ModuleList) -> None:
        cast(Any, self.module).members = members
        self.module.__dict__.pop("_batched", None)

    def own(self, table: TensorTable) -> TensorTable:
        """Return rows with what is each member's own, of those of this process."""
        part = table.taken(slice(0, len(table)))
        if "x_own" in part.x:
            part.x["x_own"] = part.x["x_own"][:, self.mine]
        if has_own_weights(part.target):
            part.target["weight"] = part.target["weight"][:, self.mine]
        return part

    def draws(self, generator: torch.Generator, n_rows: int) -> Draws:
        """Return the source of dropout of a batch of so many rows."""
        places = torch.arange(n_rows, device=generator.device)
        return Draws(generator, places, n_rows, (), self.n_members, self.mine)

    def mean_logits(self, logits: Tensor) -> Tensor:
        """Return the mean logits (B, d_out) of all members, of those here."""
        return self.world.total(logits.sum(1)) / self.n_members

    def mean(self, loss: float) -> float:
        """Return the mean loss of all members, of that of those here."""
        self.world.agree(False)  # sums do not wait for long, and an epoch may take long
        share = torch.tensor([loss * self.n_mine / self.n_members], dtype=torch.float64)
        return float(self.world.total(share))
