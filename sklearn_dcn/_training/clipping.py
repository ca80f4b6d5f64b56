"""Gradients scaled down where their norm is too large."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor, nn

from .sum_by_row import sum_by_row

__all__ = ["GradientClipper"]


class GradientClipper:
    """Scales gradients down where the norm of all together exceeds a limit.

    It waits for no device. A sparse gradient counts with the sums of its repeated rows,
    as the dense one that it stands for.

    Parameters
    ----------
    parameters : iterable of nn.Parameter
        All parameters of a network.
    max_norm : float
        The greatest Euclidean norm that is left alone.

    References
    ----------
    Pascanu et al., "On the difficulty of training recurrent neural networks", 2013,
    arXiv:1211.5063, algorithm 1.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], max_norm: float) -> None:
        self.parameters = list(parameters)
        self.max_norm = max_norm
        self._slots: dict[int, Tensor] = {}

    @torch.no_grad()
    def __call__(self) -> None:
        """Scale the gradients of all parameters that have one."""
        dense, values, norms = [], [], []
        for i, p in enumerate(self.parameters):
            if p.grad is None:
                continue
            if p.grad.is_sparse:
                values.append(p.grad._values())
                norms.append(self._sparse_norm(i, p))
            else:
                dense.append(p.grad)
        norms += torch._foreach_norm(dense) if dense else []
        if not norms:
            return
        norm = torch.linalg.vector_norm(torch.stack(norms))
        torch._foreach_mul_([*dense, *values], (self.max_norm / norm).clamp_(max=1.0))

    def _sparse_norm(self, i: int, p: nn.Parameter) -> Tensor:
        if i not in self._slots:
            self._slots[i] = torch.empty(len(p), dtype=torch.int64, device=p.device)
        gradient = cast(Tensor, p.grad)
        ids, values = gradient._indices()[0], gradient._values()
        # Each value times the sum of its id: added up over all of an id it is the
        # square of the sum, and needs no list of the distinct ids.
        _, sums = sum_by_row(ids, values, self._slots[i], compact=False)
        return (values * sums).sum().clamp_(min=0.0).sqrt()
