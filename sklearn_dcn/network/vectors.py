"""Projections of vectors: x_vec -> one field of x_0 for each of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .._checks import check_count, check_option, check_sizes
from ._init import normal_
from ._widths import auto_vector_dim

__all__ = ["VectorProjections"]


class VectorProjections(nn.Module):
    r"""Project each vector, e.g. an embedding of a text or a picture, to a field.

    .. math:: e_j = W_j v_j

    There is no bias: vectors are standardised, so that their mean is 0.

    Parameters
    ----------
    vector_widths : sequence of int
        Number of entries of each vector.
    vector_dim : int, sequence of int or "auto", default="auto"
        One width for all fields, or one for each; "auto" is the width of the vector,
        rounded up to a multiple of 4, at most 16.

    Attributes
    ----------
    widths, dims : list of int
        Width of each vector, and of each field.
    d_out : int
        Width of all fields together.
    projections : nn.ModuleList of nn.Linear
        One for each vector; its `weight` of shape (dim, width) is :math:`W_j`. Unlike
        embeddings it is subject to weight decay, like any matrix that all rows train.

    Examples
    --------
    >>> import torch
    >>> from sklearn_dcn.network.vectors import VectorProjections
    >>> fields = VectorProjections([384, 6])(torch.randn(5, 390))
    >>> [field.shape[1] for field in fields]
    [16, 8]
    """

    def __init__(
        self,
        vector_widths: Sequence[int],
        vector_dim: int | Sequence[int] | str = "auto",
    ) -> None:
        super().__init__()
        self.widths = check_sizes("vector_widths", vector_widths)
        self.dims = _resolve_dims(vector_dim, self.widths)
        self.d_out = sum(self.dims)
        self.projections = nn.ModuleList(
            nn.Linear(width, dim, bias=False)
            for width, dim in zip(self.widths, self.dims, strict=True)
        )
        self.reset_parameters()

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw every `W` anew, from `generator` or torch's own.

        A field has an expected squared length of 1, as that of a number.
        """
        for W in self.projections.parameters():
            normal_(W, 1.0 / math.sqrt(W.numel()), generator)

    def forward(self, x_vec: Tensor | None) -> list[Tensor]:
        """Project a batch.

        Parameters
        ----------
        x_vec : float tensor of shape (B, sum of vector_widths)
            All vectors, side by side.

        Returns
        -------
        fields : list of tensors of shape (B, dim)
            Where the weights have an axis of members, (n_members, B, dim).
        """
        if x_vec is None or x_vec.shape[-1] != sum(self.widths):
            raise ValueError(
                f"x_vec must have {sum(self.widths)} columns; got "
                f"{None if x_vec is None else tuple(x_vec.shape)}."
            )
        parts = torch.split(x_vec, self.widths, dim=-1)
        matrices = (cast(nn.Linear, each).weight for each in self.projections)
        return [_project(v, W) for v, W in zip(parts, matrices, strict=True)]


def _project(v: Tensor, W: Tensor) -> Tensor:
    """Return W v of rows v (B, width); of members all, in one product."""
    if W.ndim == 2:
        return F.linear(v, W)
    n_members, dim, _ = W.shape
    e = F.linear(v, W.flatten(0, 1))  # (B, n_members * dim)
    return e.reshape(-1, n_members, dim).transpose(0, 1)


def _resolve_dims(
    vector_dim: int | Sequence[int] | str, widths: Sequence[int]
) -> list[int]:
    """Return the width of the field of each vector."""
    if isinstance(vector_dim, str):
        check_option("vector_dim", vector_dim, ("auto",))
        return [auto_vector_dim(width) for width in widths]
    if isinstance(vector_dim, Sequence):
        if len(vector_dim) != len(widths):
            raise ValueError(
                f"vector_dim must have one entry for each of {len(widths)} vectors; "
                f"got {len(vector_dim)}."
            )
        return check_sizes("vector_dim", vector_dim)
    dim = check_count("vector_dim", vector_dim, minimum=1, also="'auto'")
    return [dim] * len(widths)
