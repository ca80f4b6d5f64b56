"""Everything that "auto" stands for, in one place.

===================== ==================================================================
parameter             "auto" is decided by
===================== ==================================================================
device                `resolve_device`: what the machine has
dtype                 `resolve_dtype`: rows
early_stopping        `resolve_early_stopping`: rows
n_members             `resolve_members`: rows, ids, early stopping
numeric_embedding     `resolve_table`: rows, and `resolve_curves`: ids
numeric_levels        `resolve_table`: rows; which numbers: `NumberLevels`
memorized_crosses     `resolve_table`: rows; which pairs: `CrossChoice`
embedding_dim         `sklearn_dcn.network.embedding.auto_embedding_dim`: levels
cross_rank            `sklearn_dcn.network.cross_layers`: width of x_0
optimizer             `resolve_optimizer`: ids
learning_rate         `resolve_learning_rate`: rows, ids, early stopping
batch_size            `resolve_batch_size`: rows
max_epochs            `resolve_epochs`: rows, ids, early stopping
random_state          `resolve_random_state`: None is fresh entropy
===================== ==================================================================

The rules follow from the size of the table alone, never from its target; only which
pairs are worth to be memorised is asked of the rows. docs/quality.md has what each
brings, measured.
"""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
import torch
from sklearn.utils import check_random_state

from .._table import is_seldom
from .._training import find_device

__all__ = [
    "resolve_batch_size",
    "resolve_curves",
    "resolve_device",
    "resolve_dtype",
    "resolve_early_stopping",
    "resolve_epochs",
    "resolve_learning_rate",
    "resolve_members",
    "resolve_optimizer",
    "resolve_random_state",
    "resolve_table",
]

# Up to this many rows dtype="auto" computes in float64: it costs little there, and
# makes weights and repeated rows, or rows alone and in a batch, agree to rounding.
SMALL_TABLE = 500

# early_stopping="auto" holds rows out from this size on.
EARLY_STOPPING_FROM = 500

# n_members="auto" is more than one network from and to so many rows if early stopping
# ends the fit: with more a fit is long, and there is less to gain. It is as many as
# have so many rows together, so that the tenths that they hold out tell when to stop.
MEMBERS_FROM, MEMBERS_TO = EARLY_STOPPING_FROM, 200_000
ROWS_TOGETHER, MAX_MEMBERS = 10_000, 8

# From this many training rows on "auto" looks for more in the table: numbers that mean
# something by themselves, curves, memorised crosses. Fewer rows cannot tell.
ADAPT_FROM = 1000

# optimizer="auto" is lazy from this many ids on. Below, the dense form costs a few per
# cent more a step at most, and its losses were equal or lower on real tables of ids.
LAZY_FROM = 50_000

# The run ------------------------------------------------------------------------------


def resolve_device(device: str | torch.device) -> torch.device:
    """Return the device that "auto" or a name stands for.

    Raises
    ------
    ValueError
        If the name is no device, or the device is not there.
    """
    if device != "auto":
        return find_device(device)
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def resolve_dtype(dtype: str, n_rows: int | None, device: torch.device) -> torch.dtype:
    """Return the dtype of the weights; `n_rows` is None if not all are known."""
    if dtype == "auto":
        small = n_rows is not None and n_rows <= SMALL_TABLE
        return torch.float64 if small and device.type != "mps" else torch.float32
    if dtype == "float64" and device.type == "mps":
        raise ValueError("dtype='float64' does not exist on device 'mps'. Use 'auto'.")
    return torch.float64 if dtype == "float64" else torch.float32


def resolve_random_state(random_state: Any) -> np.random.RandomState:
    """Return the source of randomness that None or an integer stands for."""
    # None is fresh entropy, not numpy's global state, which a fit leaves alone.
    if random_state is None:
        return np.random.RandomState()
    return check_random_state(random_state)


# The table ----------------------------------------------------------------------------


def resolve_table(parameters: dict[str, Any], n_rows: int | None) -> dict[str, Any]:
    """Return what "auto" stands for in the parameters of numbers and crosses.

    Parameters
    ----------
    parameters : dict
        An estimator's parameters by name.
    n_rows : int or None
        Training rows; None if not all are known yet, as in `partial_fit`.
    """
    adapts = n_rows is not None and n_rows >= ADAPT_FROM
    auto = {
        "numeric_levels": "auto",  # where values are isolated
        "numeric_embedding": "piecewise_linear",
        "memorized_crosses": "auto",  # as many as are significant
    }
    return {
        name: (value if adapts else None)
        if isinstance(parameters[name], str) and parameters[name] == "auto"
        else parameters[name]
        for name, value in auto.items()
    }


def resolve_curves(
    numeric_embedding: str | None, resolved: str | None, n_rows: int, n_ids: int
) -> str | None:
    """Return the embedding of numbers, once it is known how many ids there are.

    Parameters
    ----------
    numeric_embedding : str or None
        The parameter.
    resolved : str or None
        What `resolve_table` made of it.
    n_rows : int
        Training rows.
    n_ids : int
        Ids of all columns.
    """
    if numeric_embedding == "auto" and is_seldom(n_ids, n_rows):
        return None  # a short fit does not learn curves
    return resolved


# The networks -------------------------------------------------------------------------


def resolve_members(
    n_members: int | str, holds_out: bool, n_rows: int | None, n_ids: int
) -> int:
    """Return the number of networks that "auto" stands for.

    Parameters
    ----------
    n_members : int or "auto"
        An integer stands for itself.
    holds_out : bool
        Whether so many rows are enough for early stopping to hold some out.
    n_rows : int or None
        Rows; None if not all are known yet, as in `partial_fit`.
    n_ids : int
        Ids of all columns.
    """
    if isinstance(n_members, Integral):
        return int(n_members)
    if not holds_out or n_rows is None or not MEMBERS_FROM <= n_rows <= MEMBERS_TO:
        return 1
    # A fit that ends after an epoch or two is short, and what it ends with is noisy.
    fewest = 4 if is_seldom(n_ids, n_rows) else 2
    return int(np.clip(round(ROWS_TOGETHER / n_rows), fewest, MAX_MEMBERS))


# The training -------------------------------------------------------------------------


def resolve_early_stopping(early_stopping: bool | str, n_rows: int) -> bool:
    """Return whether rows are held out, of `n_rows` in all."""
    if isinstance(early_stopping, str):  # "auto"
        return n_rows >= EARLY_STOPPING_FROM
    return bool(early_stopping)


def resolve_optimizer(n_ids: int, dense_gradients: bool) -> str:
    """Return the name of the optimizer that "auto" stands for.

    Parameters
    ----------
    n_ids : int
        Ids of all columns.
    dense_gradients : bool
        Whether something else asks for the gradients of all of them.
    """
    return "lazy_adamw" if n_ids >= LAZY_FROM and not dense_gradients else "adamw"


def resolve_batch_size(batch_size: int | str, n_rows: int) -> int:
    """Return the number of rows in a batch that "auto" stands for."""
    if isinstance(batch_size, Integral):
        return int(batch_size)
    # About 64 steps an epoch, in the range where a step's fixed cost is paid for.
    smallest = 128 if n_rows >= 512 else 64
    return int(np.clip(2 ** round(np.log2(n_rows / 64)), smallest, 1024))


def resolve_epochs(
    max_epochs: int | str, stops: bool, n_rows: int, batch_size: int, n_ids: int
) -> int:
    """Return the number of epochs that "auto" stands for.

    Parameters
    ----------
    max_epochs : int or "auto"
        An integer stands for itself.
    stops : bool
        Whether early stopping ends the fit.
    n_rows, batch_size : int
        Training rows, all and in a batch.
    n_ids : int
        Ids of all columns.
    """
    if isinstance(max_epochs, Integral):
        return int(max_epochs)
    if stops:
        return 50
    # Nothing else ends the fit before it over-fits. A network that sees an id once or
    # twice an epoch has memorised it by the third. But a tiny table has epochs of few
    # steps, and needs more of them to be learned at all.
    epochs, least_steps = (2, 30) if is_seldom(n_ids, n_rows) else (10, 100)
    steps = -(-n_rows // batch_size)
    return max(epochs, -(-least_steps // steps))


def resolve_learning_rate(
    learning_rate: float | str, stops: bool, n_rows: int, n_ids: int
) -> float:
    """Return the learning rate that "auto" stands for.

    Parameters
    ----------
    learning_rate : float or "auto"
        A number stands for itself.
    stops : bool
        Whether early stopping ends the fit.
    n_rows : int
        Training rows.
    n_ids : int
        Ids of all columns.
    """
    if not isinstance(learning_rate, str):
        return float(learning_rate)
    # A number of epochs that is set beforehand is too many at twice the rate, and so
    # is one epoch of ids that are seldom seen. Few rows are over-fitted at once.
    is_slow = n_rows < ADAPT_FROM or is_seldom(n_ids, n_rows)
    return 0.002 if stops and not is_slow else 0.001
