"""Encoded rows as tensors, and batches as slices of them, on the device in time."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

__all__ = ["BatchIterator", "TensorTable", "place"]

# Share of the device's free memory that a table may take: the rest is for the network.
FREE_SHARE = 0.5


class TensorTable(Dataset[Any]):
    """An encoded table in memory, indexed by whole batches.

    Parameters
    ----------
    x : dict of {str: Tensor of shape (n, ...)}
        Arguments of the network's `forward`.
    y : Tensor of shape (n, ...)
        Target.
    weight : Tensor of shape (n,) or None
        Row weights, scaled to mean 1 here; None for equal ones.
    """

    # Where batches are copied to on their way out; None leaves them where they are.
    device: torch.device | None = None
    # Source of the order of rows when shuffled; None is torch's own.
    generator: torch.Generator | None = None

    def __init__(
        self, x: dict[str, Tensor], y: Tensor, weight: Tensor | None = None
    ) -> None:
        self.x = x
        self.target = {"y": y}
        if weight is not None:
            self.target["weight"] = weight * (len(weight) / weight.sum())

    def __len__(self) -> int:
        return len(self.target["y"])

    def __getitem__(
        self, rows: slice | Tensor
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        return (
            {name: self._take(tensor, rows) for name, tensor in self.x.items()},
            {name: self._take(tensor, rows) for name, tensor in self.target.items()},
        )

    @property
    def n_bytes(self) -> int:
        """Memory of all tensors."""
        return sum(t.nbytes for t in (*self.x.values(), *self.target.values()))

    def _take(self, tensor: Tensor, rows: slice | Tensor) -> Tensor:
        if isinstance(rows, slice):
            taken = tensor[rows]
        else:
            taken = tensor.index_select(0, rows)
        if self.device is None:
            return taken
        # From page-locked memory the copy runs while the CPU prepares the next batch.
        return taken.pin_memory().to(self.device, non_blocking=True)


def place(table: TensorTable, device: torch.device) -> TensorTable:
    """Return `table` on `device` where it fits, else with its batches copied there."""
    if device.type == "cpu":
        return table
    fits = table.n_bytes <= FREE_SHARE * _free_memory(device)
    placed = copy.copy(table)
    placed.device = None if fits else device
    placed.x, placed.target = (
        {name: t.to(device) if fits else t for name, t in tensors.items()}
        for tensors in (table.x, table.target)
    )
    return placed


def _free_memory(device: torch.device) -> int:
    """Return the bytes that are free on a device other than the CPU."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()


class BatchIterator:
    """Batches of a `TensorTable` as slices of its tensors, in skorch's protocol.

    Ten to a hundred times faster than a DataLoader, which collates row by row.

    Parameters
    ----------
    dataset : TensorTable
        The rows.
    batch_size : int
        Rows in a batch. A last batch of one row joins the one before it: batch
        normalisation has no statistics of a single row.
    shuffle : bool, default=False
        Whether every pass takes the rows in a new order.
    """

    def __init__(
        self, dataset: TensorTable, batch_size: int, shuffle: bool = False
    ) -> None:
        self.dataset = dataset
        self.batch_size = batch_size
        self.shuffle = shuffle

    def __iter__(self) -> Iterator[tuple[dict[str, Tensor], dict[str, Tensor]]]:
        starts = self._starts()
        stops = [*starts[1:], len(self.dataset)]
        order = None
        if self.shuffle:
            order = torch.randperm(stops[-1], generator=self.dataset.generator)
            # Drawn on the CPU: the same order wherever the rows are.
            order = order.to(self.dataset.target["y"].device)
        for start, stop in zip(starts, stops, strict=True):
            rows = slice(start, stop)
            yield self.dataset[rows if order is None else order[rows]]

    def __len__(self) -> int:
        return len(self._starts())

    def _starts(self) -> list[int]:
        n = len(self.dataset)
        starts = list(range(0, n, self.batch_size))
        return starts[:-1] if len(starts) > 1 and n - starts[-1] == 1 else starts
