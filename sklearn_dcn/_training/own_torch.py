"""torch as this package needs it, whatever its caller has set."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch

from .threads import torch_threads

__all__ = ["own_torch"]

CPU = torch.device("cpu")


@contextmanager
def own_torch(n_jobs: int | None = None) -> Iterator[None]:
    """Compute in the block with so many threads, as `torch_threads` has it.

    A caller's inference mode would make tensors that cannot be trained, and a default
    device would take what belongs on the CPU.
    """
    is_default = torch.get_default_device() == CPU  # as a context costs in every call
    with (
        torch_threads(n_jobs),
        torch.inference_mode(False),
        nullcontext() if is_default else CPU,
    ):
        yield
