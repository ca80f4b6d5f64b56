"""How many threads torch computes with, for the time of a block.

A process that is forked from one whose threads have computed has none of them, but
OpenMP waits for them for ever. So there a block has one thread.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import joblib
import torch

__all__ = ["torch_threads"]

_threads_lock = threading.Lock()
_threads_users = 0
_threads_before = 0
_is_forked = False


def _after_fork() -> None:
    global _is_forked, _threads_lock, _threads_users
    _is_forked = True
    # Another thread may have held it, or been in a block.
    _threads_lock, _threads_users = threading.Lock(), 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


@contextmanager
def torch_threads(n_jobs: int | None) -> Iterator[None]:
    """Let torch use `n_jobs` threads inside the block, in a forked process one.

    The number is one of the process. So when blocks overlap in several Python
    threads, the last one to end restores what the first one found.

    Parameters
    ----------
    n_jobs : int or None
        Number of threads; None leaves it alone, -1 means all cores, -2 all but one.
    """
    global _threads_users, _threads_before
    if _is_forked:
        n_jobs = 1
    if n_jobs is None:
        yield
        return
    n_threads = n_jobs if n_jobs > 0 else max(1, joblib.cpu_count() + 1 + n_jobs)
    with _threads_lock:
        if _threads_users == 0:
            _threads_before = torch.get_num_threads()
        _threads_users += 1
        torch.set_num_threads(n_threads)
    try:
        yield
    finally:
        with _threads_lock:
            _threads_users -= 1
            if _threads_users == 0:
                torch.set_num_threads(_threads_before)
