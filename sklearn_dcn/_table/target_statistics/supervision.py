"""What statistics of the target are learned from, and who hears of progress."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..._roles import N_FOLDS, Mask, Roles

__all__ = ["N_FOLDS", "Supervision", "Tell", "do_nothing"]

Tell = Callable[[str, float], None]  # of what is done, and which share of it


class Supervision(NamedTuple):
    """What encoders that learn from the target are given of a table's rows.

    Attributes
    ----------
    targets : dict of {str: ndarray of shape (n,)}
        What to learn, by what follows the name of the statistic: nothing if there is
        one target, else the class, of which it is the indicator, or output.
    is_class : bool
        Whether targets are indicators of classes.
    seed : int
        That of the folds, and of encoders that have a random state.
    roles : Roles
        The folds of the rows, or their order.
    trains : bool ndarray of shape (n, n_members) or None, default=None
        Which rows each network learns from; None if it is all of them.
    """

    targets: dict[str, NDArray[Any]]
    is_class: bool
    seed: int
    roles: Roles
    trains: Mask | None = None

    @property
    def fold(self) -> NDArray[np.intp]:
        """The fold of each row; in an order of time the earliest rows are in 0."""
        return self.roles.folds(N_FOLDS, self.seed)

    @property
    def stretch(self) -> NDArray[np.intp]:
        """The fold of each row, for judging what is worth learning."""
        return self.roles.stretches(N_FOLDS, self.seed)

    @property
    def by_member(self) -> Mask:
        """`trains`, or that of one network if it is None."""
        if self.trains is None:
            return np.ones((self.roles.n_rows, 1), dtype=bool)
        return self.trains


def do_nothing(what: str, done: float) -> None:
    """Tell nobody."""
