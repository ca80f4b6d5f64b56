"""Steps of several processes: each computes a part of a batch, and all move alike.

A batch is of all ranks together, so that what is learned does not depend on how many
there are. Gradients are the means over its rows: each rank's sums are added up, those
of dense weights in one go, those of the rows of tables one rank after the other.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from .._world import World
from ..network.draws import Draws
from ..network.ensemble import Network
from .batches import TensorTable, place, shuffled, slices_of
from .module_weights import id_tables
from .sharding import ShardedTables, gradient_of_rows, rows_of_gradient, slot_of

__all__ = ["RankTable", "SharedGradients"]


class SharedGradients:
    """Makes the gradients of a rank's rows those of the whole batch.

    Parameters
    ----------
    world : World
    module : DeepCrossNetwork or DeepCrossEnsemble
    sharded : ShardedTables or None, default=None
        Its tables, if no process has them whole.
    """

    def __init__(
        self, world: World, module: Network, sharded: ShardedTables | None = None
    ) -> None:
        self.world, self.sharded = world, sharded
        self.tables = id_tables(module) if module.members[0].embedding.sparse else []
        self.slots = {p: slot_of(p) for p in self.tables if sharded is None}
        lazy = set(map(id, self.tables))
        self.dense = [p for p in module.parameters() if id(p) not in lazy]

    @torch.no_grad()
    def __call__(self, n_rows: int) -> int:
        """Share the gradients of so many rows, perhaps none.

        Returns
        -------
        n_rows : int
            Of all ranks.

        Raises
        ------
        KeyboardInterrupt
            If any of them was asked to stop: it ends in the same step on all.
        """
        n_all = self._share_dense(n_rows)
        if self.sharded is not None:
            self.sharded.push(n_rows, n_all)
        elif self.tables:
            self._share_tables(n_rows, n_all)
        return n_all

    def _share_dense(self, n_rows: int) -> int:
        like = self.dense[0]
        parts = [
            torch.zeros_like(p) if p.grad is None else p.grad * n_rows
            for p in self.dense
        ]
        # Behind the gradients: who has one, how many rows there are, who is to stop.
        tail = [float(p.grad is not None) for p in self.dense]
        tail += [float(n_rows), float(self.world.interrupted())]
        flat = torch.cat([*(part.reshape(-1) for part in parts), like.new_tensor(tail)])
        flat = self.world.total(flat)
        *has, n, stops = flat[-len(tail) :].tolist()
        if stops:
            raise KeyboardInterrupt
        flat /= n
        sizes = [p.numel() for p in self.dense]
        for p, part, known in zip(
            self.dense, torch.split(flat[: sum(sizes)], sizes), has, strict=True
        ):
            p.grad = part.view_as(p) if known else None
        return int(n)

    def _share_tables(self, n_rows: int, n_all: int) -> None:
        """Give each table the rows of all ranks' gradients, in the order of ranks."""
        sums = [rows_of_gradient(p, n_rows, self.slots[p]) for p in self.tables]
        found = self.world.rows(sums)
        for p, (ids, values) in zip(self.tables, found, strict=True):
            p.grad = gradient_of_rows(p, ids, values / n_all)


class RankTable(Dataset[Any]):
    """The rows of a rank, whose batches are parts of those of all ranks.

    Parameters
    ----------
    world : World
    table : TensorTable
        All rows, of whose batches a rank takes an equal part; or its own alone.
    own : int64 tensor or None, default=None
        The places of its own among all rows; None if the table has all.
    n_rows : int or None, default=None
        Number of all rows.
    """

    def __init__(
        self,
        world: World,
        table: TensorTable,
        own: Tensor | None = None,
        n_rows: int | None = None,
    ) -> None:
        self.world, self.table = world, table
        self.n_rows = len(table) if n_rows is None else n_rows
        self.where: Tensor | None = None  # of all rows, in the table, or -1
        if own is not None:
            self.where = torch.full((self.n_rows,), -1)
            self.where[own] = torch.arange(len(own))
        self.epoch = 0
        self.epoch_rows: int | None = None
        self.generator: torch.Generator | None = None  # of one seed on all ranks
        self.batch = torch.empty(0, dtype=torch.int64)  # the rows of the last one
        self.n_mine = 0  # those of them that this rank computes

    @property
    def target(self) -> dict[str, Tensor]:
        """The target of the rows that are there."""
        return self.table.target

    def __len__(self) -> int:
        return self.n_rows

    def __getitem__(self, rows: Any) -> Any:
        return self.table[rows]

    def placed(self, device: torch.device) -> RankTable:
        """Return the table on a device, or with its batches copied there."""
        placed = copy.copy(self)
        placed.table = place(self.table, device)
        return placed

    def batches(self, size: int, shuffle: bool) -> Iterator[Any]:
        """Yield this rank's part of each batch, which may have no row."""
        n, rows = self.n_rows, torch.arange(self.n_rows)
        in_order = (rows[at] for at in slices_of(n, size))
        device = self.table.target["y"].device
        for batch in shuffled(self, n, size) if shuffle else in_order:
            self.batch, mine = batch, self.mine(batch)
            self.n_mine = len(mine)
            if not len(mine) and self.where is None:
                if not shuffle:
                    continue
                mine = self.batch[:1]  # is computed, and does not count
            yield self.table[mine.to(device)]

    def draws(self, generator: torch.Generator) -> torch.Generator | Draws:
        """Return the source of dropout for the batch that was given last."""
        if self.where is not None:  # other rows are not known here
            return generator
        rows, device = self.batch, generator.device
        places = self.mine(torch.arange(len(rows)))
        places = places if len(places) else torch.zeros(1, dtype=torch.int64)
        entries = []
        for _, offsets, _ in self.table.x.get("x_bag", []):
            lengths = offsets.diff().cpu()[rows]
            of_row = torch.repeat_interleave(torch.arange(len(rows)), lengths)
            is_mine = torch.isin(of_row, places)
            at = is_mine.nonzero().squeeze(1).to(device)
            entries.append((at, len(of_row)))
        return Draws(generator, places.to(device), len(rows), entries)

    def mine(self, rows: Tensor) -> Tensor:
        """Return where in the table those of the rows are that this rank computes."""
        if self.where is None:
            return torch.tensor_split(rows, self.world.size)[self.world.rank]
        places = self.where[rows]
        return places[places >= 0]

    def digests(self) -> dict[str, str]:
        """Return hashes of all rows, or where these are apart, their number."""
        if self.where is None:
            return self.table.digests()
        return {"X": f"{self.n_rows} rows"}
