"""The processes that fit one network together, and what they tell each other.

`World` is one process alone: what it is asked costs nothing. `Ranks` are several, each
of which has the same methods, and all of which call them in the same order. The only
module that knows torch.distributed.
"""

from __future__ import annotations

import json
import os
import pickle  # between the processes of one fit, that trust each other
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

__all__ = [
    "ALONE",
    "RankLostError",
    "Ranks",
    "TIMEOUT",
    "World",
    "ask_to_stop",
    "host_store",
    "reach_store",
    "store_of_environment",
]

TIMEOUT = 120.0  # seconds without a sign of life
LAST_WORDS = 5.0  # that a rank which fails has to say why
# Errors that are raised as they are on all ranks; any other is a RuntimeError there.
ERRORS = {
    kind.__name__: kind
    for kind in (ValueError, TypeError, MemoryError, OSError, KeyboardInterrupt)
}


class RankLostError(RuntimeError):
    """A process of a fit has gone without a word, or is no longer to be heard."""


class World:
    """One process, which has all rows.

    Attributes
    ----------
    rank : int
        Which of the processes this is, from 0.
    size : int
        How many there are.
    """

    rank = 0
    size = 1

    def total(self, tensor: Tensor) -> Tensor:
        """Return the sum of the tensors of all ranks, of one shape, in place."""
        return tensor

    def rows(self, parts: Sequence[tuple[Tensor, Tensor]]) -> list[Any]:
        """Return the rows of tables that any rank has, in the order of the ranks.

        Parameters
        ----------
        parts : list of (ids, values)
            Of each table int64 ids of shape (n,), and values of shape (n, d).

        Returns
        -------
        parts : list of (ids, values)
        """
        return [*parts]

    def gather(self, value: Any) -> list[Any]:
        """Return the values of all ranks, on each of them."""
        return [value]

    def exchange(self, values: Sequence[Any]) -> list[Any]:
        """Send the k-th value to rank k; return those that came, in rank order."""
        return [*values]

    def broadcast(self, value: Any) -> Any:
        """Return the value of rank 0."""
        return value

    def agree(self, flag: bool) -> bool:
        """Tell whether any rank says yes."""
        return flag

    def interrupted(self) -> bool:
        """Tell whether this process was asked to stop; `Ranks` do not raise at once."""
        return False


ALONE = World()


class Ranks(World):
    """One of several processes.

    Within a ``with`` statement, at the end of which all of them are to be done. Where
    one fails the others raise its error, and where one is gone, a `RankLostError`.

    Parameters
    ----------
    rank, size : int
    store : dist.Store
        Where they meet.
    name : str
        Of this meeting, as a store may have several.
    timeout : float, default=120.0
        Seconds after which a process that gives no sign of life is lost.
    """

    def __init__(
        self,
        rank: int,
        size: int,
        store: Any,
        name: str,
        timeout: float = TIMEOUT,
    ) -> None:
        self.rank, self.size, self.timeout = rank, size, timeout
        self._name, self._store = name, dist.PrefixStore(name, store)
        self._groups: dict[str, Any] = {}
        self._n_met = 0
        self._asked_to_stop = False
        self._has_ended = threading.Event()

    def __enter__(self) -> Ranks:
        self._pulse = threading.Thread(target=self._beat, daemon=True)
        self._pulse.start()
        self._handler = None
        if threading.current_thread() is threading.main_thread():
            self._handler = signal.signal(signal.SIGINT, self._ask_to_stop)
        try:
            self._meet()
            self._group("cpu")
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self

    def __exit__(self, kind: Any, error: BaseException | None, _: Any) -> None:
        try:
            if error is None:
                self._meet()  # a store goes with its process
            elif not isinstance(error, RankLostError):
                self._tell(error)
        finally:
            self._has_ended.set()
            self._groups.clear()  # others that wait for this process do so no longer
            if self._handler is not None:
                signal.signal(signal.SIGINT, self._handler)

    # What they say --------------------------------------------------------------------

    def total(self, tensor: Tensor) -> Tensor:
        with self._listening():
            self._group(tensor.device.type).allreduce([tensor]).wait()
        return tensor

    def rows(self, parts: Sequence[tuple[Tensor, Tensor]]) -> list[Any]:
        device = parts[0][0].device
        sizes = self._all(torch.tensor([len(ids) for ids, _ in parts], device=device))
        counts = torch.stack(sizes).tolist()  # by rank and table
        widths = [values.shape[1] for _, values in parts]
        n_ids = [sum(count) for count in counts]
        n_values = [sum(n * d for n, d in zip(c, widths, strict=True)) for c in counts]
        ids = self._padded(torch.cat([ids for ids, _ in parts]), n_ids)
        flat = torch.cat([values.reshape(-1) for _, values in parts])
        values = self._padded(flat, n_values)
        of_rank = [
            (
                torch.split(i, count),
                torch.split(v, [n * d for n, d in zip(count, widths, strict=True)]),
            )
            for i, v, count in zip(ids, values, counts, strict=True)
        ]
        return [
            (
                torch.cat([i[t] for i, _ in of_rank]),
                torch.cat([v[t] for _, v in of_rank]).reshape(-1, widths[t]),
            )
            for t in range(len(parts))
        ]

    def gather(self, value: Any) -> list[Any]:
        self._meet()
        message = _packed(value)
        sizes = [int(n) for n in self._all(torch.tensor([len(message)]))]
        return [_unpacked(part) for part in self._padded(message, sizes)]

    def exchange(self, values: Sequence[Any]) -> list[Any]:
        self._meet()
        messages = [_packed(value) for value in values]
        sent = [len(message) for message in messages]
        counts = torch.stack(self._all(torch.tensor(sent)))
        came = counts[:, self.rank].tolist()
        found = torch.empty(sum(came), dtype=torch.uint8)
        with self._listening():
            group = self._group("cpu")
            group.alltoall_base(found, torch.cat(messages), came, sent).wait()
        return [_unpacked(part) for part in torch.split(found, came)]

    def broadcast(self, value: Any) -> Any:
        self._meet()
        message = _packed(value if self.rank == 0 else None)
        size = self._all(torch.tensor([len(message)]))[0]
        if self.rank:
            message = torch.empty(int(size), dtype=torch.uint8)
        with self._listening():
            self._group("cpu").broadcast(message, 0).wait()
        return _unpacked(message)

    def agree(self, flag: bool) -> bool:
        self._meet()
        return bool(self.total(torch.tensor([float(flag)]))[0])

    def interrupted(self) -> bool:
        return self._asked_to_stop

    def _all(self, tensor: Tensor) -> list[Tensor]:
        """Return the tensors of all ranks, which have one shape."""
        found = [torch.empty_like(tensor) for _ in range(self.size)]
        with self._listening():
            self._group(tensor.device.type).allgather([found], [tensor]).wait()
        return found

    def _padded(self, tensor: Tensor, sizes: list[int]) -> list[Tensor]:
        """Return the tensors of all ranks, of one axis and of these lengths."""
        full = tensor.new_zeros(max(sizes))
        full[: len(tensor)] = tensor
        every = zip(self._all(full), sizes, strict=True)
        return [each[:n] for each, n in every]

    # How they hear each other ---------------------------------------------------------

    def _group(self, device: str) -> Any:
        """Return what sends tensors of a device: gloo, or NCCL of CUDA."""
        if device not in self._groups:
            store = dist.PrefixStore(device, self._store)
            limit = timedelta(seconds=self.timeout)
            if device == "cuda":
                options = dist.ProcessGroupNCCL.Options()
                options._timeout = limit
                group = dist.ProcessGroupNCCL(store, self.rank, self.size, options)
            else:
                with self._listening():
                    group = dist.ProcessGroupGloo(store, self.rank, self.size, limit)
            self._groups[device] = group
        return self._groups[device]

    def _meet(self) -> None:
        """Wait for all ranks, however long they take, while they are alive."""
        self._n_met += 1
        keys = [f"met/{self._n_met}/{k}" for k in range(self.size)]
        with self._listening():
            self._store.set(keys[self.rank], "")
            pause, signs = 0.0005, _Signs(self._store, self.size, self.timeout)
            while not self._store.check(keys):
                if self._last_words() is not None:
                    raise RuntimeError("another rank has failed")
                signs.look()
                time.sleep(pause)
                pause = min(2 * pause, 0.1)

    def _beat(self) -> None:
        """Give a sign of life; see whether all are asked to stop."""
        count = 0
        while not self._has_ended.is_set():
            try:
                self._store.set(f"alive/{self.rank}", str(count))
                if self._store.check(["stop"]):
                    self._asked_to_stop = True
            except Exception:  # the store has gone, as others will notice
                return
            count += 1
            self._has_ended.wait(min(1.0, self.timeout / 8))

    def _ask_to_stop(self, *_: Any) -> None:
        """Ask all ranks to stop, at the end of a step."""
        if self._asked_to_stop:  # the second time
            raise KeyboardInterrupt
        self._asked_to_stop = True

    @contextmanager
    def _listening(self) -> Iterator[None]:
        """Raise the error of the rank that failed, where others no longer hear it."""
        try:
            yield
        except RankLostError:
            raise
        except RuntimeError as error:  # of torch, all kinds of which are one
            begun = time.monotonic()
            while (words := self._last_words()) is None:
                if time.monotonic() - begun > LAST_WORDS:
                    raise RankLostError(
                        "A process of this fit has gone, or is not to be heard: "
                        f"{str(error).splitlines()[0]} (this is rank {self.rank} of "
                        f"{self.size}). With checkpoint=path the same call goes on "
                        "from the last epoch."
                    ) from error
                time.sleep(0.05)
            kind = ERRORS.get(words["kind"], RuntimeError)
            raise kind(f"{words['text']} (raised by rank {words['rank']})") from None

    def _tell(self, error: BaseException) -> None:
        """Leave the error for the others, if it is the first."""
        known = [k.__name__ for k in type(error).__mro__ if k.__name__ in ERRORS]
        kind = type(error).__name__
        text = str(error) if known else f"{kind}: {error}"
        words = {"kind": (known or [kind])[0], "text": text, "rank": self.rank}
        try:
            self._store.compare_set("error", "", json.dumps(words))
        except RuntimeError:  # the store has gone
            pass

    def _last_words(self) -> Any:
        try:
            if not self._store.check(["error"]):
                return None
            return json.loads(self._store.get("error"))
        except RuntimeError:
            return None


def host_store() -> Any:
    """Return a store of this process, which others reach by `reach_store`."""
    return dist.TCPStore("0.0.0.0", 0, is_master=True, wait_for_workers=False)


def reach_store(host: str, port: int, timeout: float = TIMEOUT) -> Any:
    """Return the store of another process."""
    limit = timedelta(seconds=timeout)
    return dist.TCPStore(host, port, is_master=False, timeout=limit)


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
        if dist.is_initialized():  # by the launcher, whose store is there
            _stores[key] = reach_store(host, int(port), timeout)
        else:
            found = dist.rendezvous("env://", timeout=timedelta(seconds=timeout))
            _stores[key] = next(iter(found))[0]
    return int(rank), int(size), _stores[key]


# Of the launchers' addresses: a store ends with the last one that holds it.
_stores: dict[tuple[str, str], Any] = {}


def ask_to_stop(store: Any, name: str) -> None:
    """Ask all ranks of a meeting to stop, at the end of a step."""
    dist.PrefixStore(name, store).set("stop", "")


class _Signs:
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


def _packed(value: Any) -> Tensor:
    return torch.frombuffer(bytearray(pickle.dumps(value)), dtype=torch.uint8)


def _unpacked(message: Tensor) -> Any:
    return pickle.loads(message.numpy().tobytes())
