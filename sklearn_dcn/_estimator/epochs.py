"""How long a fit takes: its epochs, how many rows each has, and what ends them."""

from __future__ import annotations

from numbers import Integral
from typing import NamedTuple

from .._training import Ending

__all__ = ["EARLY_STOPPING_FROM", "Epochs", "plan_epochs", "resolve_early_stopping"]

# early_stopping="auto" holds rows out from this size on.
EARLY_STOPPING_FROM = 500

# Passes of a fit that early stopping ends, at most.
MOST_PASSES = 50

# Epochs of half a pass find the end of a fit sooner, where they have so many steps:
# the average of the weights is over some hundred.
LEAST_STEPS = 20

# Epochs without improvement that end a fit. Of half a pass they are a third of those
# up to the best, within this range: a fit of few epochs turns sooner than a long one.
PATIENCE, LONGEST_PATIENCE = 2, 4

# A loss that rises by more than this share has turned, and the fit ends at once. Of
# whole passes this holds where levels are seldom seen: they are known by heart then.
CLEAR_RISE = 0.01


class Epochs(NamedTuple):
    """The epochs of a fit.

    Attributes
    ----------
    n : int
        Their number, at most.
    ending : Ending or None
        When early stopping ends the fit; None if it does not.
    rows : int or None
        Training rows of each; None is all.
    """

    n: int
    ending: Ending | None = None
    rows: int | None = None


def resolve_early_stopping(early_stopping: bool | str, n_rows: int) -> bool:
    """Return whether rows are held out, of `n_rows` in all."""
    if isinstance(early_stopping, str):  # "auto"
        return n_rows >= EARLY_STOPPING_FROM
    return bool(early_stopping)


def plan_epochs(
    max_epochs: int | str,
    n_iter_no_change: int | str,
    *,
    stops: bool,
    n_rows: int,
    batch_size: int,
    is_seldom: bool,
    can_divide: bool,
) -> Epochs:
    """Return the epochs that parameters, or "auto", stand for.

    Parameters
    ----------
    max_epochs, n_iter_no_change : int or "auto"
        An integer stands for itself, and for epochs of whole passes.
    stops : bool
        Whether early stopping ends the fit.
    n_rows, batch_size : int
        Training rows, all and in a batch.
    is_seldom : bool
        Whether a column has levels that are seldom seen.
    can_divide : bool
        Whether an epoch may be a part of a pass.
    """
    steps = -(-n_rows // batch_size)
    n = int(max_epochs) if isinstance(max_epochs, Integral) else None
    if not stops:
        if n is not None:
            return Epochs(n)
        # Nothing ends the fit before it over-fits. A network that sees an id once or
        # twice an epoch has memorised it by the third. But a tiny table has epochs of
        # few steps, and needs more of them to be learned at all.
        passes, least_steps = (2, 30) if is_seldom else (10, 100)
        return Epochs(max(passes, -(-least_steps // steps)))
    if isinstance(n_iter_no_change, Integral):
        return Epochs(n or MOST_PASSES, Ending(int(n_iter_no_change)))
    half = -(-steps // 2)
    if n is None and can_divide and half >= LEAST_STEPS:
        ending = Ending(PATIENCE, LONGEST_PATIENCE, CLEAR_RISE)
        return Epochs(2 * MOST_PASSES, ending, half * batch_size)
    ending = Ending(PATIENCE, rise=CLEAR_RISE if is_seldom else None)
    return Epochs(n or MOST_PASSES, ending)
