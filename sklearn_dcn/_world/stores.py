"""Where processes meet, and leave each other signs of life."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from typing import Any

from torch.distributed import (  # type: ignore[attr-defined]
    PrefixStore,
    TCPStore,
    is_initialized,
    rendezvous,
)

__all__ = [
    "TIMEOUT",
    "PrefixStore",
    "Signs",
    "ask_to_stop",
    "host_store",
    "reach_store",
    "store_of_environment",
]

TIMEOUT = 120.0  # seconds without a sign of life


def host_store() -> Any:
    """Return a store of this process, which others reach by `reach_store`."""
    return TCPStore("0.0.0.0", 0, is_master=True, wait_for_workers=False)


def reach_store(host: str, port: int, timeout: float = TIMEOUT) -> Any:
    """Return the store of another process."""
    limit = timedelta(seconds=timeout)
    return TCPStore(host, port, is_master=False, timeout=limit)


def store_of_environment(timeout: float = TIMEOUT) -> tuple[int, int, Any]:
    """Return rank, size and the store of the processes that a launcher has started.

    They are told by RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT.

    Raises
    ------
    ValueError
        If the environment lacks one of them.
    """
    names = "RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"
    if lacking := [name for name in names if name not in os.environ]:
        raise ValueError(
            f"Group() needs the environment of a launcher, which lacks {lacking[0]}. "
            "Start the script with python -m torch.distributed.run "
            "--nproc-per-node 2 script.py, or use Local(2)."
        )
    rank, size, host, port = (os.environ[name] for name in names)
    key = (host, port)
    if key not in _stores:
        if is_initialized():  # by the launcher, whose store is there
            _stores[key] = reach_store(host, int(port), timeout)
        else:
            found = rendezvous("env://", timeout=timedelta(seconds=timeout))
            _stores[key] = next(iter(found))[0]
    return int(rank), int(size), _stores[key]


# Of the launchers' addresses: a store ends with the last one that holds it.
_stores: dict[tuple[str, str], Any] = {}


def ask_to_stop(store: Any, name: str) -> None:
    """Ask all ranks of a meeting to stop, at the end of a step."""
    PrefixStore(name, store).set("stop", "")


class Signs:
    """Signs of life of all ranks, looked at while one waits for them."""

    def __init__(self, store: Any, size: int, timeout: float) -> None:
        self.store, self.size, self.timeout = store, size, timeout
        self.seen: list[Any] = [None] * size
        self.since = [time.monotonic()] * size
        self.next = time.monotonic() + min(1.0, timeout / 8)

    def look(self) -> None:
        """Raise an error if a rank has given none for too long."""
        now = time.monotonic()
        if now < self.next:
            return
        self.next = now + min(1.0, self.timeout / 8)
        for k in range(self.size):
            key = f"alive/{k}"
            sign = self.store.get(key) if self.store.check([key]) else None
            if sign != self.seen[k]:
                self.seen[k], self.since[k] = sign, now
            elif now - self.since[k] > self.timeout:
                raise RuntimeError(f"rank {k} gave no sign for {self.timeout:g} s")
