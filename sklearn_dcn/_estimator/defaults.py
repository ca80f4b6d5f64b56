"""Everything that "auto" stands for, in one place.

===================== ==================================================================
parameter             "auto" is decided by
===================== ==================================================================
device                `resolve_device`: what the machine has
dtype                 `resolve_dtype`: rows; `resolve_products`: what the device has
early_stopping        `resolve_early_stopping` in `epochs`: rows
n_members             `resolve_members`: rows, levels, order, width of x_0, stopping
validation            `looks_closer`: rows; which way: `loss_by_order`
numeric_embedding     `resolve_table`: rows; `resolve_curves`: levels; `resolve_widths`:
                      columns
numeric_levels        `resolve_table`: rows; which numbers: `NumberLevels`
memorized_crosses     `resolve_table`: rows, classes; which pairs: `CrossChoice`
embedding_dim         `sklearn_dcn.network.embedding.auto_embedding_dim`: levels; in a
                      wide table `resolve_widths`: columns
cross, cross_rank     `resolve_cross`: width of x_0
optimizer             `resolve_optimizer`: ids
learning_rate         `resolve_learning_rate`: rows, levels, order, early stopping
batch_size            `resolve_batch_size`: rows
n_iter_no_change,     `plan_epochs` in `epochs`: rows, levels, early stopping; how the
max_epochs            loss goes
random_state          `resolve_random_state`: None is fresh entropy
===================== ==================================================================

The rules depend only on the size of the table, never on its target. There are two
exceptions: whether rows are in an order, and which pairs are worth memorising.
docs/quality.md has the measured effect of each.

One idea bounds the width: many fields share `MAX_WIDTH` of x_0, cross layers of a wide
x_0 have a bounded rank, and networks share `WIDTH_TOGETHER`. So weights grow linearly
with the columns. Tables of up to about sixty columns are not affected.
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
import torch
from sklearn.utils import check_random_state

from .._training import find_device, multiplies_bfloat16
from .epochs import EARLY_STOPPING_FROM

__all__ = [
    "looks_closer",
    "resolve_batch_size",
    "resolve_cross",
    "resolve_curves",
    "resolve_device",
    "resolve_dtype",
    "resolve_learning_rate",
    "resolve_members",
    "resolve_optimizer",
    "resolve_products",
    "resolve_random_state",
    "resolve_table",
    "resolve_widths",
]

# Up to this many rows dtype="auto" computes in float64: it costs little there, and
# makes weights and repeated rows, or rows alone and in a batch, agree to rounding.
SMALL_TABLE = 500

# dtype="auto" multiplies in bfloat16, on devices with instructions for it, from so many
# products a batch on. Of fewer the casts cost as much as is saved.
HALF_FROM = 22_000_000
BULK = 4096  # rows of a prediction that do so; fewer have the bits of other machines

# n_members="auto" is more than one network from and to so many rows if early stopping
# ends the fit: with more a fit is long, and there is less to gain. It is as many as
# have so many rows together, so that the tenths that they hold out tell when to stop.
MEMBERS_FROM, MEMBERS_TO = EARLY_STOPPING_FROM, 200_000
ROWS_TOGETHER, MAX_MEMBERS = 10_000, 8

# From this many training rows on "auto" looks for more in the table: numbers that mean
# something by themselves, curves, memorised crosses. Fewer rows cannot tell.
ADAPT_FROM = 1000

# memorized_crosses="auto" memorises none of more classes than this: each class would be
# a column of the network, for every pair.
MEMORISE_UP_TO = 32

# Fields are together no wider than this in x_0, as long as each has room of its own.
MAX_WIDTH = 1024
NUMBER_WIDTH = 8  # of a number's embedding

# cross="auto" has full matrices up to this width of x_0, and low rank beyond: there the
# losses are equal, at a fraction of the time and weights.
FULL_MATRIX_UP_TO = 512
MAX_RANK = 128

# n_members="auto" is no more networks than are together so wide, but 2.
WIDTH_TOGETHER = 4096

# optimizer="auto" is lazy from this many ids on. Below, the dense form costs a few per
# cent more a step at most, and its losses were equal or lower on real tables of ids.
LAZY_FROM = 50_000

# The run ------------------------------------------------------------------------------


def resolve_device(device: str | torch.device) -> torch.device:
    """Return the device that "auto" or a name stands for.

    Raises
    ------
    ValueError
        If the name is not that of a device, or the device is not available.
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


def resolve_products(
    dtype: str, weights: torch.dtype, device: torch.device, n_products: int
) -> torch.dtype | None:
    """Return the dtype for `n_products` of a batch; None is that of `weights`."""
    if dtype == "bfloat16":
        return torch.bfloat16
    is_worth_it = weights == torch.float32 and n_products >= HALF_FROM
    if dtype == "auto" and is_worth_it and multiplies_bfloat16(device):
        return torch.bfloat16
    return None


def resolve_random_state(random_state: Any) -> np.random.RandomState:
    """Return the source of randomness that None or an integer stands for."""
    # None is fresh entropy, not numpy's global state, which a fit leaves alone.
    if random_state is None:
        return np.random.RandomState()
    return check_random_state(random_state)


# The table ----------------------------------------------------------------------------


def looks_closer(n_rows: int) -> bool:
    """Return whether there are enough rows to learn more than single columns."""
    return n_rows >= ADAPT_FROM


def resolve_table(
    parameters: dict[str, Any], n_rows: int | None, n_targets: int = 1
) -> dict[str, Any]:
    """Return what "auto" stands for in the parameters of numbers and crosses.

    Parameters
    ----------
    parameters : dict
        An estimator's parameters by name.
    n_rows : int or None
        Training rows; None if not all are known yet, as in `partial_fit`.
    n_targets : int, default=1
        Classes, 1 for two of them, or outputs.
    """
    adapts = n_rows is not None and looks_closer(n_rows)
    memorises = n_targets <= MEMORISE_UP_TO
    auto = {
        "numeric_levels": "auto",  # where values are isolated
        "numeric_embedding": "piecewise_linear",
        "memorized_crosses": "auto" if memorises else None,  # those significant
    }
    return {
        name: (value if adapts else None)
        if isinstance(parameters[name], str) and parameters[name] == "auto"
        else parameters[name]
        for name, value in auto.items()
    }


def resolve_curves(
    numeric_embedding: str | None, resolved: str | None, is_seldom: bool
) -> str | None:
    """Return the embedding of numbers, once the levels are known.

    Parameters
    ----------
    numeric_embedding : str or None
        The parameter.
    resolved : str or None
        What `resolve_table` made of it.
    is_seldom : bool
        Whether a column has levels that are seldom seen.
    """
    if numeric_embedding == "auto" and is_seldom:
        return None  # a short fit does not learn curves
    return resolved


def resolve_widths(
    widths: Sequence[int],
    n_numbers: int,
    n_plain: int,
    number_width: int = NUMBER_WIDTH,
) -> tuple[list[int], int]:
    """Return the widths in x_0 of fields of ids, and of each number.

    Parameters
    ----------
    widths : sequence of int
        The width that each field of ids would have by itself.
    n_numbers : int
        How many numbers are embedded.
    n_plain : int
        How many numbers are not, each of width 1.
    number_width : int, default=8
        The width that each embedded number would have by itself.

    Returns
    -------
    widths : list of int
        The widths, reduced in proportion where their sum is more than `MAX_WIDTH`.
    number_width : int
        Width of each number that is embedded; 0 if there is no room to embed them.
    """
    together = sum(widths) + number_width * n_numbers + n_plain
    if together <= MAX_WIDTH:
        return [*widths], number_width
    share = MAX_WIDTH / together
    number_width = round(share * number_width)
    dims = [max(2, round(share * width)) for width in widths]
    return dims, number_width if number_width > 1 else 0


# The networks -------------------------------------------------------------------------


def resolve_cross(
    cross: str, cross_rank: int | str, width: int, is_fused: bool = False
) -> tuple[str, Any]:
    """Return the kind of the cross layers, and their rank, for a width of x_0."""
    if cross == "auto" and is_fused:
        cross = "exponential"  # beside "linear"
    if cross == "auto":
        cross = "matrix" if width <= FULL_MATRIX_UP_TO else "low_rank"
    if cross == "low_rank" and cross_rank == "auto":
        cross_rank = max(1, min(width // 4, MAX_RANK))
    return cross, cross_rank


def resolve_members(
    n_members: int | str,
    holds_out: bool,
    n_rows: int | None,
    is_noisy: bool,
    width: int = 1,
) -> int:
    """Return the number of networks that "auto" stands for.

    Parameters
    ----------
    n_members : int or "auto"
        An integer stands for itself.
    holds_out : bool
        Whether there are enough rows for early stopping to hold some out.
    n_rows : int or None
        Rows; None if not all are known yet, as in `partial_fit`.
    is_noisy : bool
        Whether chance decides much of the result of a network: levels are seldom seen,
        or the last rows validate.
    width : int, default=1
        Width of x_0.
    """
    if isinstance(n_members, Integral):
        return int(n_members)
    if not holds_out or n_rows is None or not MEMBERS_FROM <= n_rows <= MEMBERS_TO:
        return 1
    # Such a fit ends after an epoch or two, so more networks cost little.
    fewest = 4 if is_noisy else 2
    enough = int(np.clip(round(ROWS_TOGETHER / n_rows), fewest, MAX_MEMBERS))
    return min(enough, max(2, WIDTH_TOGETHER // width))


# The training -------------------------------------------------------------------------


def resolve_optimizer(n_ids: int, dense_gradients: bool) -> str:
    """Return the name of the optimizer that "auto" stands for.

    Parameters
    ----------
    n_ids : int
        Ids of all columns.
    dense_gradients : bool
        Whether something else needs the gradients of all ids.
    """
    return "lazy_adamw" if n_ids >= LAZY_FROM and not dense_gradients else "adamw"


def resolve_batch_size(batch_size: int | str, n_rows: int) -> int:
    """Return the number of rows in a batch that "auto" stands for."""
    if isinstance(batch_size, Integral):
        return int(batch_size)
    # About 64 steps an epoch, in the range where a step's fixed cost is paid for.
    smallest = 128 if n_rows >= 512 else 64
    return int(np.clip(2 ** round(np.log2(n_rows / 64)), smallest, 1024))


def resolve_learning_rate(
    learning_rate: float | str,
    stops: bool,
    n_rows: int,
    is_seldom: bool,
    is_careful: bool,
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
    is_seldom : bool
        Whether a column has levels that are seldom seen.
    is_careful : bool
        Whether the last rows validate, or later fits go on from the weights.
    """
    if not isinstance(learning_rate, str):
        return float(learning_rate)
    # A number of epochs that is set beforehand is too many at twice the rate, and so
    # is one epoch of ids that are seldom seen. Few rows are over-fitted at once.
    if not stops or n_rows < ADAPT_FROM or is_seldom:
        return 0.001
    return 0.002 if is_careful else 0.003
