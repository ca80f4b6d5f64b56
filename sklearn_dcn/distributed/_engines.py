"""Where processes are: on this machine, or started by a launcher."""

from __future__ import annotations

import itertools
import os
import signal
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import joblib
import torch
from joblib.externals.loky.process_executor import TerminatedWorkerError

from .._checks import check_count
from .._world import (
    TIMEOUT,
    RankLostError,
    Ranks,
    World,
    ask_to_stop,
    host_store,
    reach_store,
    store_of_environment,
)

__all__ = ["Engine", "Group", "Local", "Work", "run_rank"]

Work = Callable[..., Any]
_meetings = itertools.count()


class Engine(ABC):
    """Starts processes, or is one of them.

    Attributes
    ----------
    storage : str or None
        A folder for the checkpoint of a fit that does not set one.
    """

    storage: str | None = None

    def run(self, work: Work, *arguments: Any) -> Any:
        """Call a function in all processes.

        Parameters
        ----------
        work : callable
            Takes a `World`, by which the processes talk, and the arguments.
        *arguments : object

        Returns
        -------
        found : object
            What rank 0 returned.
        """
        return self._run(work, arguments)

    @abstractmethod
    def _run(self, work: Work, arguments: tuple[Any, ...]) -> Any:
        """Call `work(world, *arguments)` in all processes; return what rank 0 has."""


class Local(Engine):
    """Processes on this machine.

    They are started once, and serve later calls, too. Arguments are sent to each
    process, except large arrays, which the processes share.

    Parameters
    ----------
    n : int
        Number of processes.
    timeout : float, default=120.0
        Seconds without a sign of life after which a process counts as lost.

    Examples
    --------
    >>> from sklearn_dcn.distributed import Local
    >>> Local(2)
    Local(n=2)
    """

    def __init__(self, n: int, timeout: float = TIMEOUT) -> None:
        self.n = check_count("n", n, minimum=1)
        self.timeout = timeout

    def __repr__(self) -> str:
        return f"Local(n={self.n})"

    def _run(self, work: Work, arguments: tuple[Any, ...]) -> Any:
        if self.n == 1:
            return work(World(), *arguments)
        store, name = host_store(), "local"
        threads = max(1, joblib.cpu_count() // self.n)
        with joblib.parallel_config(backend="loky"):
            if joblib.effective_n_jobs(self.n) < self.n:
                raise RuntimeError(
                    f"{self} cannot start processes here, as in a worker of joblib or "
                    "a daemon. Call it from the main process, outside of n_jobs."
                )
            pool = joblib.Parallel(self.n, batch_size=1, pre_dispatch="all")
            ranks = (
                joblib.delayed(run_rank)(
                    rank,
                    self.n,
                    ("127.0.0.1", store.port),
                    name,
                    self.timeout,
                    threads,
                    work,
                    arguments,
                )
                for rank in range(self.n)
            )
            try:
                with _stopping(lambda: ask_to_stop(store, name)):
                    return pool(ranks)[0]
            except TerminatedWorkerError as error:
                raise RankLostError(
                    f"One of the {self.n} processes of this fit was ended, perhaps by "
                    "the system for lack of memory. With checkpoint=path the same call "
                    "goes on from the last epoch."
                ) from error


def run_rank(
    rank: int,
    size: int,
    address: tuple[str, int],
    name: str,
    timeout: float,
    threads: int | None,
    work: Work,
    arguments: tuple[Any, ...],
) -> Any:
    """Be one of the processes of an engine; return what `work` does."""
    if threads is not None:
        torch.set_num_threads(threads)
    if torch.cuda.is_available():  # NCCL takes one process for each of them
        torch.cuda.set_device(rank % torch.cuda.device_count())
    store = reach_store(*address, timeout)
    with Ranks(rank, size, store, name, timeout) as world:
        return work(world, *arguments)


@contextmanager
def _stopping(ask: Callable[[], None]) -> Iterator[None]:
    """Ask the processes to stop at the first interrupt; raise at the second."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)

    def first(*_: Any) -> None:
        signal.signal(signal.SIGINT, before)
        ask()

    signal.signal(signal.SIGINT, first)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class Group(Engine):
    """The place of this process among several that a launcher has started.

    ``torchrun``, Slurm, Kubeflow and Spark's TorchDistributor tell each process its
    place by RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT. All of them make the same
    calls in the same order, and each gets the fitted estimator.

    Parameters
    ----------
    timeout : float, default=120.0
        Seconds without a sign of life after which a process counts as lost.
    """

    def __init__(self, timeout: float = TIMEOUT) -> None:
        self.timeout = timeout

    def __repr__(self) -> str:
        return "Group()"

    def _run(self, work: Work, arguments: tuple[Any, ...]) -> Any:
        rank, size, store = store_of_environment(self.timeout)
        if "LOCAL_RANK" in os.environ and torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        # Those that a launcher has started again meet anew.
        start = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
        name = f"sklearn_dcn/{start}/{next(_meetings)}"
        with Ranks(rank, size, store, name, self.timeout) as world:
            return work(world, *arguments)
