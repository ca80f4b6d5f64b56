"""Several processes, and what they tell each other by gloo, or NCCL on CUDA."""

from __future__ import annotations

import json
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

from .alone import World
from .stores import TIMEOUT, PrefixStore, Signs

__all__ = ["RankLostError", "Ranks"]

LAST_WORDS = 5.0  # that a rank which fails has to say why
# Errors that are raised as they are on all ranks; any other is a RuntimeError there.
ERRORS = {
    kind.__name__: kind
    for kind in (ValueError, TypeError, MemoryError, OSError, KeyboardInterrupt)
}


class RankLostError(RuntimeError):
    """A process of a fit has gone without a word, or is no longer to be heard."""


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
        self._store = PrefixStore(name, store)
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

    def deal(self, parts: Sequence[Tensor]) -> list[Tensor]:
        sent = [len(part) for part in parts]
        device = parts[0].device
        counts = torch.stack(self._all(torch.tensor(sent, device=device)))
        came = counts[:, self.rank].tolist()
        found = parts[0].new_empty(sum(came))
        with self._listening():
            group = self._group(device.type)
            group.alltoall_base(found, torch.cat([*parts]), came, sent).wait()
        return [*torch.split(found, came)]

    def gather(self, value: Any) -> list[Any]:
        self._meet()
        message = _packed(value)
        sizes = [int(n) for n in self._all(torch.tensor([len(message)]))]
        return [_unpacked(part) for part in self._padded(message, sizes)]

    def exchange(self, values: Sequence[Any]) -> list[Any]:
        self._meet()
        return [_unpacked(part) for part in self.deal([_packed(v) for v in values])]

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
            store = PrefixStore(device, self._store)
            limit = timedelta(seconds=self.timeout)
            place = store, self.rank, self.size
            with self._listening():
                if device == "cuda":
                    options = dist.ProcessGroupNCCL.Options()
                    options._timeout = limit
                    self._groups[device] = dist.ProcessGroupNCCL(*place, options)
                else:
                    self._groups[device] = dist.ProcessGroupGloo(*place, limit)
        return self._groups[device]

    def _meet(self) -> None:
        """Wait for all ranks, however long they take, while they are alive."""
        self._n_met += 1
        keys = [f"met/{self._n_met}/{k}" for k in range(self.size)]
        with self._listening():
            self._store.set(keys[self.rank], "")
            pause, signs = 0.0005, Signs(self._store, self.size, self.timeout)
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


def _packed(value: Any) -> Tensor:
    return torch.frombuffer(bytearray(pickle.dumps(value)), dtype=torch.uint8)


def _unpacked(message: Tensor) -> Any:
    return pickle.loads(message.numpy().tobytes())
