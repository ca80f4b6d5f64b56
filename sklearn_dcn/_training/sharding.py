"""Tables of embeddings whose rows are divided among processes.

Row i of a table is with process i mod R, and so are its moments and its moving average.
For a batch a process fetches the rows that its ids name, and computes with them as with
a network of so few levels; then it sends their gradients to the rows' owners, who make
the step. So a process holds an R-th of the tables, and the rows of a batch; rank 0 gets
whole ones at the end.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .._ids import N_RESERVED_IDS
from .._world import World
from ..network.ensemble import Network
from ..network.parts import table_rows
from .batches import Encoded
from .sum_by_row import sum_by_row

ROWS = 65_536  # of each process' part of a table that are sent at a time

__all__ = ["ShardedTables", "gradient_of_rows", "rows_of_gradient", "slot_of"]


class ShardedTables:
    """The tables of one network, as long as it is trained.

    Parameters
    ----------
    world : World
    module : DeepCrossNetwork
        With the rows of this process, see `keep_part`. Its tables are without rows
        until `close`, but those that a batch was lent.

    Attributes
    ----------
    shards : list of nn.Parameter
        Of each table the rows of this process.
    """

    def __init__(self, world: World, module: Network) -> None:
        self.world, self.module = world, module
        self.stack = stack = module.members[0].embedding
        self.shards = [*stack.tables, *stack.bag_tables]
        self.starts = stack.offsets.clone()  # of the columns, in the whole tables
        self.best: list[Tensor] | None = None
        self.rows: list[Tensor] = []  # of the batch that was lent, by table
        self.dense = [p for p in module.parameters() if _is_not(p, self.shards)]
        self.release()

    @property
    def owned(self) -> nn.Module:
        """What this process moves: all dense weights, and its rows of the tables."""
        owned = nn.Module()
        for k, p in enumerate(self.dense):
            owned.register_parameter(f"dense_{k}", p)
        for k, shard in enumerate(self.shards):
            owned.register_parameter(f"shard_{k}", shard)
        return owned

    def lend(self, x: Encoded) -> Encoded:
        """Give the module the rows that a batch names; return it with their places."""
        lent = dict(x)
        self.rows = []
        if "x_cat" in x:
            lent["x_cat"] = self._lend_columns(x["x_cat"])
        bags = []
        for ids, *rest in x.get("x_bag", []):
            levels, places = _levels(ids)
            self.rows.append(levels)
            bags.append([places, *rest])
        if bags:
            lent["x_bag"] = bags
        fetched = zip(self.rows, self.shards, strict=True)
        self._put([nn.Parameter(self._fetch(*both)) for both in fetched])
        return lent

    def _put(self, tables: list[nn.Parameter]) -> None:
        """Let the module have other tables: new ones, as gradients know their sizes."""
        self.lent = tables
        n = len(self.stack.tables)
        for k, p in enumerate(tables):
            own = self.stack.tables if k < n else self.stack.bag_tables
            own[k if k < n else k - n] = p
        batched = self.module.__dict__.get("_batched")
        if batched is not None:
            batched.join()

    def _lend_columns(self, x_cat: Tensor) -> Tensor:
        """Return the places of ids (B, n_cat) in tables of the levels that are here."""
        found, offsets = torch.empty_like(x_cat), torch.empty_like(self.starts)
        k = 0  # columns in the order of their tables
        for columns in self.stack._groups.values():
            rows, at = [], 0
            for c in columns:
                levels, found[:, c] = _levels(x_cat[:, c])
                rows.append(levels + self.starts[k])
                offsets[k] = at
                at += len(levels)
                k += 1
            self.rows.append(torch.cat(rows))
        self._place(offsets)
        return found

    def _place(self, offsets: Tensor) -> None:
        """Set where the columns begin in their tables."""
        self.stack.offsets.copy_(offsets)
        batched = self.module.__dict__.get("_batched")
        if batched is not None:
            own = batched.network.embedding.offsets
            own.copy_(offsets.reshape(own.shape))

    @torch.no_grad()
    def _fetch(self, rows: Tensor, shard: Tensor) -> Tensor:
        """Return some rows of a table, from their owners."""
        order, parts = self._by_owner(rows)
        asked = self.world.deal(parts)
        answers = self.world.deal([shard[ids].flatten() for ids in asked])
        found = shard.new_empty(len(rows), shard.shape[1])
        found[order] = torch.cat(answers).reshape(found.shape)
        return found

    def _by_owner(self, rows: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return an order of rows by owner, and where each owner's are in its shard."""
        size = self.world.size
        owner = rows % size
        order = torch.argsort(owner, stable=True)
        counts = torch.bincount(owner, minlength=size).tolist()
        return order, [*torch.split(rows[order] // size, counts)]

    def push(self, n_rows: int, n_all: int) -> None:
        """Send the gradients of so many rows of a batch of `n_all` to the owners."""
        for p, rows, shard in zip(self.lent, self.rows, self.shards, strict=True):
            at, values = rows_of_gradient(p, n_rows, slot_of(p))
            order, parts = self._by_owner(rows[at])
            sent = torch.split(values[order], [len(part) for part in parts])
            here = torch.cat(self.world.deal(parts))
            came = torch.cat(self.world.deal([part.flatten() for part in sent]))
            came = came.reshape(-1, shard.shape[1]) / n_all
            shard.grad = gradient_of_rows(shard, here, came)

    def keep(self) -> None:
        """Remember the rows of this epoch, the best one until now."""
        self.best = [shard.detach().clone() for shard in self.shards]

    def restore(self) -> None:
        """Go back to the rows of the best epoch."""
        for shard, best in zip(self.shards, self.best or [], strict=True):
            shard.data.copy_(best)

    def release(self) -> None:
        """Leave the module's tables without rows, at the end of an epoch."""
        self._put([nn.Parameter(shard.detach()[:0].clone()) for shard in self.shards])

    def close(self) -> None:
        """Give the module of rank 0 whole tables; others keep their rows."""
        for p, n in zip(self.shards, table_rows(self.stack), strict=True):
            whole = self._gather(p.detach(), n)
            p.grad = None
            if whole is not None:
                p.data = whole
        self._place(self.starts)
        self._put(self.shards)
        if self.world.rank == 0:
            self.stack.part = 0, 1

    def _gather(self, shard: Tensor, n_rows: int) -> Tensor | None:
        """Return a whole table, in rank 0, of some rows of each process at a time."""
        rank, size = self.world.rank, self.world.size
        whole = shard.new_empty(n_rows, shard.shape[1]) if rank == 0 else None
        for first in range(0, -(-n_rows // size), ROWS):
            rows = shard[first : first + ROWS].flatten()
            came = self.world.deal([rows if k == 0 else rows[:0] for k in range(size)])
            if whole is not None:
                block = whole[first * size : (first + ROWS) * size]
                for k, part in enumerate(came):
                    block[k::size] = part.reshape(-1, shard.shape[1])
        return whole


def _is_not(p: Tensor, others: list[Any]) -> bool:
    return all(p is not other for other in others)


def slot_of(p: Tensor) -> Tensor:
    """Return the room that sums by the rows of a table need."""
    return torch.empty(len(p), dtype=torch.int64, device=p.device)


def rows_of_gradient(p: Tensor, n_rows: int, slot: Tensor) -> tuple[Tensor, Tensor]:
    """Return the ids of a table's gradient, each once, and the sums over so many rows.

    None, where no row has counted.
    """
    gradient: Any = p.grad
    if gradient is None or not n_rows:
        return slot[:0], p.new_empty(0, p.shape[1])
    ids, values = gradient._indices()[0], gradient._values()
    ids, means = sum_by_row(ids, values, slot, compact=True)
    return ids, means * n_rows


def gradient_of_rows(p: Tensor, ids: Tensor, values: Tensor) -> Tensor:
    """Return the sparse gradient of a table that has values in some rows."""
    return torch.sparse_coo_tensor(ids[None], values, p.shape, check_invariants=False)


def _levels(ids: Tensor) -> tuple[Tensor, Tensor]:
    """Return the distinct ids, those of no level first, and the place of each cell."""
    reserved = torch.arange(N_RESERVED_IDS, dtype=ids.dtype, device=ids.device)
    levels, places = torch.unique(torch.cat([reserved, ids]), return_inverse=True)
    return levels.long(), places[N_RESERVED_IDS:].to(ids.dtype)
