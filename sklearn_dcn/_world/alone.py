"""One process alone: what it is asked costs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

__all__ = ["ALONE", "World"]


class World:
    """One process, which has all rows.

    Attributes
    ----------
    rank : int
        Which of the processes this is, from 0.
    size : int
        How many there are.
    """

    rank = 0
    size = 1

    def part(self, n: int) -> tuple[int, int]:
        """Return the first of n things that are this rank's, and the one after them."""
        return n * self.rank // self.size, n * (self.rank + 1) // self.size

    def total(self, tensor: Tensor) -> Tensor:
        """Return the sum of the tensors of all ranks, of one shape, in place."""
        return tensor

    def rows(self, parts: Sequence[tuple[Tensor, Tensor]]) -> list[Any]:
        """Return the rows of tables that any rank has, in the order of the ranks.

        Parameters
        ----------
        parts : list of (ids, values)
            Of each table int64 ids of shape (n,), and values of shape (n, d).

        Returns
        -------
        parts : list of (ids, values)
        """
        return [*parts]

    def deal(self, parts: Sequence[Tensor]) -> list[Tensor]:
        """Send the k-th tensor, of one axis, to rank k; return those that came."""
        return [*parts]

    def gather(self, value: Any) -> list[Any]:
        """Return the values of all ranks, on each of them."""
        return [value]

    def exchange(self, values: Sequence[Any]) -> list[Any]:
        """Send the k-th value to rank k; return those that came, in rank order."""
        return [*values]

    def broadcast(self, value: Any) -> Any:
        """Return the value of rank 0."""
        return value

    def agree(self, flag: bool) -> bool:
        """Tell whether any rank says yes."""
        return flag

    def interrupted(self) -> bool:
        """Tell whether this process was asked to stop; `Ranks` do not raise at once."""
        return False


ALONE = World()
