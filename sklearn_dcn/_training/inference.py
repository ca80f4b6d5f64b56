"""Encoded tables through a fitted network, batch by batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..network.ensemble import mean_logits
from .batches import Encoded, count_rows, send, take
from .devices import own_precision

if TYPE_CHECKING:
    from .net import DCNNet

__all__ = ["predict_logits", "predict_stack"]

# Rows of a prediction's batch. On a CPU its activations must stay in the cache: 8192
# rows take half as long again as 1024.
PREDICT_BATCH_SIZE_CPU = 1024
PREDICT_BATCH_SIZE = 16384


def predict_logits(net: DCNNet, x: Encoded) -> NDArray[np.float64]:
    """Return the logits, of shape (n, d_out), of encoded rows."""
    module = net.module_
    if net.bulk is None or count_rows(x) < net.bulk_from:
        return _in_batches(net, module, module.d_out, x)
    with torch.inference_mode():
        return _in_batches(net, module.copied(net.bulk), module.d_out, x)


def predict_stack(net: DCNNet, x: Encoded) -> NDArray[np.float64]:
    """Return x_0, of all members side by side, of shape (n, d_stack)."""
    return _in_batches(net, net.module_.stack, net.module_.d_stack, x)


def _in_batches(
    net: DCNNet, module: Callable[..., Tensor], d_out: int, x: Encoded
) -> NDArray[np.float64]:
    device = torch.device(net.device)
    size = PREDICT_BATCH_SIZE_CPU if device.type == "cpu" else PREDICT_BATCH_SIZE
    n = count_rows(x)
    with torch.inference_mode(), own_precision(device):
        if n <= size:  # a quarter of the time of one row goes into the parts
            out = mean_logits(module(**send(x, device)).to(net.dtype))
            return out.cpu().numpy().astype(np.float64)
        out = torch.empty((n, d_out), dtype=net.dtype, device=device)
        for start in range(0, n, size):
            at = slice(start, start + size)
            out[at] = mean_logits(module(**send(take(x, at), device)).to(net.dtype))
    return out.cpu().numpy().astype(np.float64)
