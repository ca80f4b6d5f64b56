"""Where and in what precision the network computes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

__all__ = ["DTYPES", "compiled", "find_device", "mixed_precision"]

DTYPES = {"float32": torch.float32, "float64": torch.float64}  # of weights


def find_device(device: str | torch.device) -> torch.device:
    """Return the device of a name.

    Raises
    ------
    ValueError
        If the name is no device, or the device is not there.
    """
    rule = "device must be 'auto' or the name of a torch device, e.g. 'cpu' or 'cuda:0'"
    try:
        found = torch.device(device)
    except (RuntimeError, TypeError):
        raise ValueError(f"{rule}; got {device!r}.") from None
    count = {
        "cpu": 1,
        "cuda": torch.cuda.device_count() if torch.cuda.is_available() else 0,
        "mps": int(torch.backends.mps.is_available()),
    }.get(found.type)
    if count is None:
        raise ValueError(f"{rule}; got {device!r}, which is not supported.")
    if (found.index or 0) >= count:
        raise ValueError(
            f"device={str(device)!r} is not there: torch sees {count} of type "
            f"{found.type!r}. Use device='auto' or device='cpu'."
        )
    return found


def mixed_precision(device: torch.device, enabled: bool) -> torch.autocast:
    """Return a context that multiplies matrices in bfloat16, or as they are."""
    # Without the cache, which keeps the cast of a weight until the outermost context
    # ends: that may be the caller's, and the weight has changed by then.
    return torch.autocast(
        device.type, torch.bfloat16, enabled=enabled, cache_enabled=False
    )


@contextmanager
def compiled(module: Any, backend: bool | str) -> Iterator[None]:
    """Compile what is behind the embedding while in the block."""
    if not backend:
        yield
        return
    backend = "inductor" if backend is True else backend
    # Shadows the method: a compiled function is no part of a fitted module.
    for member in module.members:
        member.combine = torch.compile(member.combine, backend=backend)
    try:
        yield
    finally:
        for member in module.members:
            del member.combine
