"""Encoded rows that are not in memory: in a scratch file, or made again in each pass.

Rows are written in chunks of 1,024, mixed within the block that they come in. A pass
takes the chunks in a new order, some hundred at a time, and shuffles their rows
together: so memory holds a buffer, and a table sorted by day or by label is mixed well.
"""

from __future__ import annotations

import errno
import hashlib
import os
import platform
import shutil
import tempfile
from abc import abstractmethod
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from .._roles import uniform
from .batches import (
    TensorTable,
    generator_of_pass,
    joined,
    next_epoch,
    starts_of,
)
from .memory import release_memory

__all__ = ["EncodedAgain", "Spool", "SpoolError", "SpooledTable", "StreamedTable"]

CHUNK = 1024  # rows that stay together on disk
MIX_SEED = 1


class SpoolError(OSError):
    """The scratch file cannot be written; the message names the folder and the room."""


class StreamedTable(Dataset[Any]):
    """Rows that come part by part; batches of a `BatchIterator` are cut from these.

    Parameters
    ----------
    n_rows : int
    epoch_rows : int or None
        Rows of an epoch; None is all. Epochs follow each other through the passes.
    n_all : int or None, default=None
        Rows of all processes, whose batches these are a part of; None is `n_rows`.
    """

    device: torch.device | None = None
    generator: torch.Generator | None = None  # whose seed gives the order of rows
    epoch = 0  # the one that is next
    # Where the passes under way are, and their batches.
    _going: tuple[int, Iterator[TensorTable]] | None = None

    def __init__(
        self, n_rows: int, epoch_rows: int | None = None, n_all: int | None = None
    ) -> None:
        self.n_rows = n_rows
        self.n_all = n_rows if n_all is None else n_all
        self.epoch_rows = epoch_rows

    def __len__(self) -> int:
        return self.n_all

    def __getitem__(self, rows: Any) -> Any:
        raise TypeError("Rows on disk have no numbers in a fit. Read the scan instead.")

    def batches(self, size: int, shuffle: bool) -> Iterator[Any]:
        """Yield the batches of the next epoch, or of all rows in their order."""
        if not shuffle:
            yield from map(self._send, self._pass(size, 0, shuffle))
            return
        in_pass = len(starts_of(self.n_all, size))
        epoch = next_epoch(self, size, in_pass)
        going, self._going = self._going, None
        batches = going[1] if going and going[0] == epoch.start else None
        if batches is None:
            batches = self._passes(size, *divmod(epoch.start, in_pass))
        for batch in islice(batches, len(epoch)):
            yield self._send(batch)
        self._going = epoch.stop, batches

    def _passes(self, size: int, number: int, skipped: int) -> Iterator[TensorTable]:
        """Yield batches from a place in a pass on, for ever."""
        while True:
            yield from islice(self._pass(size, number, True), skipped, None)
            number, skipped = number + 1, 0

    def _pass(self, size: int, number: int, shuffle: bool) -> Iterator[TensorTable]:
        """Yield the batches of one pass, as tables."""
        order = None
        if shuffle:
            assert self.generator is not None
            order = generator_of_pass(self.generator, number)
        rest: list[TensorTable] = []  # fewer rows than a batch, of the part before
        cuts = self._cuts(size)
        k, first = 0, 0  # batches, and rows of the parts before
        for part in self.parts(order):
            n = len(part)
            at = (
                torch.arange(n) if order is None else torch.randperm(n, generator=order)
            )
            used = 0
            while k + 1 < len(cuts) and cuts[k + 1] <= first + n:
                stop = cuts[k + 1] - first
                yield joined([*rest, part.taken(at[used:stop])])
                rest, used, k = [], stop, k + 1
            if used < n:
                rest.append(part.taken(at[used:]))
            first += n
            del part  # before the next one is read

    def _cuts(self, size: int) -> list[int]:
        """Return where the batches of a pass begin, and the end of the last one.

        Of several processes each has as many, of equal parts of its rows.
        """
        if self.n_all == self.n_rows:
            return [*starts_of(self.n_rows, size), self.n_rows]
        n = len(starts_of(self.n_all, size))
        return [self.n_rows * k // n for k in range(n + 1)]

    def _send(self, batch: TensorTable) -> Any:
        batch.device = self.device
        return batch[:]

    @abstractmethod
    def parts(self, order: torch.Generator | None) -> Iterator[TensorTable]:
        """Yield all rows once, in an order by chunks that is drawn from `order`."""

    @abstractmethod
    def digests(self) -> dict[str, str]:
        """Return hashes of the content by name, as a `TensorTable`."""


class Spool:
    """A scratch file that encoded rows are appended to.

    Parameters
    ----------
    folder : str or None
        Where a folder of its own is made; None is the system's for temporary files.
    n_rows : int
        Rows that are to come: it is checked beforehand that there is room.
    """

    def __init__(self, folder: str | None, n_rows: int) -> None:
        self.n_expected = n_rows
        _remove_remnants(tempfile.gettempdir() if folder is None else folder)
        try:
            self.folder = tempfile.mkdtemp(
                prefix=f"{_mark()}{os.getpid()}-", dir=folder
            )
        except OSError as error:
            raise SpoolError(
                error.errno,
                f"cache={folder!r} must be a folder that can be written to "
                f"({error.strerror}). Give another one, or None to keep nothing.",
            ) from error
        self.path = os.path.join(self.folder, "rows")
        self._file: Any = open(self.path, "wb")
        self._offsets = [0]
        self._sizes: list[int] = []  # rows of each chunk
        self._rest: TensorTable | None = None
        self._hash = hashlib.blake2b(digest_size=16)
        self._lengths: list[list[int]] = []  # of each chunk's tensors

    @property
    def n_rows(self) -> int:
        """Rows that were added."""
        return sum(self._sizes) + (0 if self._rest is None else len(self._rest))

    def add(self, start: int, table: TensorTable) -> None:
        """Append rows, the number of the first of which is `start`."""
        place = uniform(np.arange(start, start + len(table)), MIX_SEED)
        mixed = table.taken(torch.from_numpy(np.argsort(place)))
        if self._rest is not None:
            mixed = joined([self._rest, mixed])
        stop = len(mixed) // CHUNK * CHUNK
        for at in range(0, stop, CHUNK):
            self._write(mixed.taken(slice(at, at + CHUNK)))
        self._rest = mixed.taken(slice(stop, len(mixed))) if stop < len(mixed) else None

    def _write(self, chunk: TensorTable) -> None:
        arrays = [tensor.numpy() for tensor in chunk.tensors()]
        data = b"".join(array.tobytes() for array in arrays)
        if not self._sizes:
            self._check_room(len(data) * self.n_expected // len(chunk))
        try:
            self._file.write(data)
        except OSError as error:
            raise self._no_room(len(data) * self.n_expected // len(chunk)) from error
        self._hash.update(data)
        self._offsets.append(self._offsets[-1] + len(data))
        self._sizes.append(len(chunk))
        self._lengths.append([len(array) for array in arrays])
        self._like = chunk

    def _check_room(self, n_bytes: int) -> None:
        if shutil.disk_usage(self.folder).free < n_bytes:
            raise self._no_room(n_bytes)

    def _no_room(self, n_bytes: int) -> SpoolError:
        free = shutil.disk_usage(self.folder).free
        return SpoolError(
            errno.ENOSPC,
            f"The encoded rows take {n_bytes / 2**20:,.0f} MiB, and "
            f"{os.path.dirname(self.folder)!r} has {free / 2**20:,.0f} MiB left. Give "
            "scan(cache=...) another folder, or None to encode rows again in each "
            "epoch",
        )

    def close(
        self, buffer_rows: int, epoch_rows: int | None, n_all: int | None = None
    ) -> SpooledTable:
        """Return the table of the rows."""
        if self._rest is not None:
            self._write(self._rest)
            self._rest = None
        try:
            self._file.close()
        except OSError as error:
            raise self._no_room(self._offsets[-1]) from error
        return SpooledTable(self, buffer_rows, epoch_rows, n_all)

    def remove(self) -> None:
        """Remove the file and its folder."""
        try:
            self._file.close()
        except OSError:  # of a full disk
            pass
        shutil.rmtree(self.folder, ignore_errors=True)


def _mark() -> str:
    """Return how the names of folders begin that processes of this machine make."""
    return f"sklearn_dcn-{platform.node() or 'here'}-"


def _remove_remnants(folder: str) -> None:
    """Remove what processes that were killed have left."""
    mark = _mark()
    try:
        names = [name for name in os.listdir(folder) if name.startswith(mark)]
    except OSError:
        return
    for name in names:
        pid = name[len(mark) :].split("-")[0]
        if pid.isdigit() and not _is_alive(int(pid)):
            shutil.rmtree(os.path.join(folder, name), ignore_errors=True)


def _is_alive(pid: int) -> bool:
    if os.name == "nt":  # where signal 0 would end it
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # of another user
        pass
    return True


class SpooledTable(StreamedTable):
    """The rows of a `Spool`.

    Parameters
    ----------
    spool : Spool
    buffer_rows : int
        Rows in memory at a time.
    epoch_rows, n_all : int or None
    """

    def __init__(
        self,
        spool: Spool,
        buffer_rows: int,
        epoch_rows: int | None = None,
        n_all: int | None = None,
    ) -> None:
        super().__init__(sum(spool._sizes), epoch_rows, n_all)
        self.spool = spool
        self.n_chunks = max(1, buffer_rows // CHUNK)

    def parts(self, order: torch.Generator | None) -> Iterator[TensorTable]:
        """Yield the rows of some chunks at a time."""
        n = len(self.spool._sizes)
        at = torch.arange(n) if order is None else torch.randperm(n, generator=order)
        for some in torch.split(at, self.n_chunks):
            release_memory()
            yield self._read(some.tolist())

    def _read(self, chunks: list[int]) -> TensorTable:
        spool = self.spool
        like = [tensor.numpy() for tensor in spool._like.tensors()]
        lengths = np.array([spool._lengths[c] for c in chunks])
        found = [
            np.empty((n, *array.shape[1:]), dtype=array.dtype)
            for n, array in zip(lengths.sum(axis=0), like, strict=True)
        ]
        filled = np.cumsum(lengths, axis=0) - lengths
        offsets = spool._offsets
        data = bytearray(max(offsets[c + 1] - offsets[c] for c in chunks))
        with open(spool.path, "rb", buffering=0) as file:
            for i, c in enumerate(chunks):
                file.seek(offsets[c])
                n_bytes = offsets[c + 1] - offsets[c]
                file.readinto(memoryview(data)[:n_bytes])
                at = 0
                for k, array in enumerate(found):
                    first, n = filled[i, k], lengths[i, k]
                    to = array[first : first + n]
                    of = np.frombuffer(data, array.dtype, to.size, at)
                    to[...] = of.reshape(to.shape)
                    at += to.nbytes
        sizes = [spool._sizes[c] for c in chunks]
        return spool._like.filled(list(map(torch.from_numpy, found)), sizes)

    def digests(self) -> dict[str, str]:
        """Return a hash of the file, or of several their rows."""
        if self.n_all != self.n_rows:
            return {"X": f"{self.n_all} rows"}
        return {"X": self.spool._hash.hexdigest()}


class EncodedAgain(StreamedTable):
    """Rows that are read and encoded in each pass.

    Parameters
    ----------
    tables : callable
        Returns an iterator of tables, of all rows.
    n_rows : int
    buffer_rows : int
    epoch_rows, n_all : int or None
    """

    def __init__(
        self,
        tables: Callable[[], Iterator[TensorTable]],
        n_rows: int,
        buffer_rows: int,
        epoch_rows: int | None = None,
        n_all: int | None = None,
    ) -> None:
        super().__init__(n_rows, epoch_rows, n_all)
        self.tables, self.buffer_rows = tables, buffer_rows

    def parts(self, order: torch.Generator | None) -> Iterator[TensorTable]:
        """Yield the rows in their order, as many at a time as the buffer takes."""
        waiting: list[TensorTable] = []
        for table in self.tables():
            waiting.append(table)
            if sum(map(len, waiting)) >= self.buffer_rows:
                yield joined(waiting)
                waiting = []
        if waiting:
            yield joined(waiting)

    def digests(self) -> dict[str, str]:
        """Return a hash of the first rows, or of several processes their rows."""
        if self.n_all != self.n_rows:
            return {"X": f"{self.n_all} rows"}
        first = next(self.tables())
        return {name: value for name, value in first.digests().items() if name == "X"}
