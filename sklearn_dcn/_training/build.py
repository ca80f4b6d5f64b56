"""A net around one or more networks, with weights that are drawn or given."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from .._warnings import ignoring
from ..network import DeepCrossEnsemble, DeepCrossNetwork
from .batches import BatchIterator
from .net import DCNNet
from .optimizers import OPTIMIZERS, is_lazy
from .stopping import reads_gradients

__all__ = ["build_net"]


def build_net(
    criterion: nn.Module,
    architecture: dict[str, Any],
    *,
    n_members: int,
    optimizer: str | type[torch.optim.Optimizer],
    weight_decay: float,
    embedding_l2_scope: str,
    device: torch.device,
    callbacks: Sequence[Any] | None,
    net_params: dict[str, Any] | None,
    weights: dict[str, Tensor] | None = None,
    part: tuple[int, int] | None = None,
    **kwargs: Any,
) -> DCNNet:
    """Return an initialised net around one or more networks of this architecture.

    Its weights are drawn anew, or those of a state that is given; of tables perhaps a
    part of the rows alone, as `keep_part` has it.
    """
    _check_gradients(optimizer, callbacks, embedding_l2_scope)
    optimizer_class = OPTIMIZERS[optimizer] if isinstance(optimizer, str) else optimizer
    accepted = inspect.signature(optimizer_class).parameters
    if "weight_decay" in accepted:
        kwargs["optimizer__weight_decay"] = weight_decay
    if "fused" in accepted and device.type in ("cpu", "cuda"):
        kwargs["optimizer__fused"] = True
    kwargs |= {f"module__{name}": value for name, value in architecture.items()}
    kwargs["module__sparse"] = is_lazy(optimizer)
    module = DeepCrossNetwork if n_members == 1 else DeepCrossEnsemble
    if n_members > 1:
        kwargs["module__n_members"] = n_members
    kwargs["embedding_l2_scope"] = embedding_l2_scope
    kwargs |= net_params or {}
    try:
        net = DCNNet(
            module,
            criterion,
            optimizer=optimizer_class,
            device=str(device),
            callbacks=list(callbacks or []),
            record_batches=bool(callbacks),
            train_split=None,
            iterator_train=BatchIterator,
            iterator_train__shuffle=True,
            iterator_valid=BatchIterator,
            **kwargs,
        )
        net.weights, net.part = weights, part
        with _keeping_filters():
            net.initialize()
        net.weights = net.part = None
        return net
    except (TypeError, ValueError) as error:
        if not net_params:
            raise
        raise ValueError(
            f"net_params={net_params!r} is not accepted: {error}"
        ) from error


def _check_gradients(
    optimizer: str | type[torch.optim.Optimizer],
    callbacks: Sequence[Any] | None,
    embedding_l2_scope: str,
) -> None:
    """Raise a ValueError where all gradients are asked for, but only some are there."""
    if not is_lazy(optimizer):
        return
    if embedding_l2_scope == "table":
        raise ValueError(
            f"embedding_l2_scope='table' moves all embeddings in every step, but "
            f"optimizer={optimizer!r} moves only those of the batch's ids. Use "
            "optimizer='adamw', or embedding_l2_scope='batch'."
        )
    if readers := reads_gradients(callbacks):
        raise ValueError(
            f"callbacks hold {readers[0]!r}, which needs all gradients, but "
            f"optimizer={optimizer!r} has only those of the batch's ids. Use "
            "optimizer='adamw', or leave the callback out."
        )


def _keeping_filters() -> AbstractContextManager[None]:
    """Return a context whose block may import torch's compiler without a trace."""
    # Optimizers of torch do so, and sympy, which that needs, adds a filter of warnings.
    return nullcontext() if "sympy" in sys.modules else ignoring()
