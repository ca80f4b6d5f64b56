"""Where and in what precision the network computes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import torch

__all__ = [
    "DTYPES",
    "compiled",
    "find_device",
    "multiplies_bfloat16",
    "own_precision",
]

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


def own_precision(device: torch.device) -> torch.autocast:
    """Return a context without a caller's autocast."""
    return torch.autocast(device.type, torch.bfloat16, enabled=False)


@cache
def multiplies_bfloat16(device: torch.device) -> bool:
    """Tell whether a device has instructions for products of bfloat16.

    Of a CPU it has to be AVX512_BF16, AMX or ARM's BF16; CUDA has them from Ampere on.
    """
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    has_onednn = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    if device.type != "cpu" or not has_onednn:
        return False
    flags = {"avx512_bf16", "amx_bf16", "bf16"}
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="ignore")
    except OSError:  # not Linux
        return bool(getattr(torch.cpu, "_is_avx512_bf16_supported", bool)())
    # Of the first core: "flags" on x86, "Features" on ARM.
    found = re.search(r"^(?:flags|Features)\s*:(.*)$", text, re.MULTILINE)
    return found is not None and not flags.isdisjoint(found[1].split())


@contextmanager
def compiled(module: Any, backend: bool | str) -> Iterator[None]:
    """Compile what is behind the embedding while in the block."""
    if not backend:
        yield
        return
    backend = "inductor" if backend is True else backend
    # Shadows the method: a compiled function is no part of a fitted module.
    networks = [*module.members, module.batched.network]
    for network in networks:
        network.combine = torch.compile(network.combine, backend=backend)
    try:
        yield
    finally:
        for network in networks:
            del network.combine
