"""The ids of a batch: checked, and in training some of them made unknown."""

from __future__ import annotations

from torch import Tensor

from .._ids import N_RESERVED_IDS, UNKNOWN_ID
from .draws import Source, uniform

__all__ = ["check_ids", "drop_levels"]


def check_ids(x_cat: Tensor | None, n_columns: int) -> Tensor:
    """Return `x_cat`.

    Raises
    ------
    ValueError
        If it is not there, or has another number of columns.
    TypeError
        If it holds floats.
    """
    if x_cat is None or x_cat.shape[-1] != n_columns:
        raise ValueError(
            f"x_cat must have {n_columns} columns; got "
            f"{None if x_cat is None else tuple(x_cat.shape)}."
        )
    if x_cat.is_floating_point():
        raise TypeError(
            f"x_cat must hold integer ids; got {x_cat.dtype}, which rounds large "
            "ids together."
        )
    return x_cat


def drop_levels(
    ids: Tensor,
    rate: float,
    n_members: int | None = None,
    generator: Source = None,
    bag: int | None = None,
) -> Tensor:
    """Return ids whose known levels are unknown with probability `rate`.

    Parameters
    ----------
    ids : integer tensor
    rate : float
    n_members : int or None, default=None
        Draw for so many members, on a first axis.
    generator : torch.Generator, Draws or None, default=None
        None is torch's own.
    bag : int or None, default=None
        Which bag the ids are of.
    """
    members = () if n_members is None else (n_members,)
    u = uniform(ids, members, generator, bag)
    return ids.masked_fill((u < rate) & (ids >= N_RESERVED_IDS), UNKNOWN_ID)
