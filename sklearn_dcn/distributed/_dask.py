"""Processes that are workers of a Dask cluster."""

from __future__ import annotations

import itertools
import os
import time
from typing import Any

from .._checks import check_count
from .._world import TIMEOUT, RankLostError, host_store
from ._engines import Engine, Work, run_rank

__all__ = ["Dask"]

PAUSE = 0.2  # seconds between two looks at the workers
_names = itertools.count()
_stores: dict[str, Any] = {}  # of a worker, by the fit that they are of


class Dask(Engine):
    """Workers of a Dask cluster, one process each.

    If a worker is lost, the work begins anew on those that are left, and a fit goes on
    from its last checkpoint.

    Parameters
    ----------
    client : distributed.Client
        Client of the cluster.
    workers : int or None, default=None
        Number of workers; None is all.
    max_failures : int, default=1
        How often the work may begin anew.
    storage : str or None, default=None
        A folder that all workers see, for the checkpoint of a fit that does not set
        one. With None such a fit has no checkpoint.
    timeout : float, default=120.0
        Seconds without a sign of life after which a worker counts as lost.
    """

    def __init__(
        self,
        client: Any,
        workers: int | None = None,
        max_failures: int = 1,
        storage: str | None = None,
        timeout: float = TIMEOUT,
    ) -> None:
        if not hasattr(client, "scheduler"):
            raise TypeError(
                f"client must be a distributed.Client; got {type(client).__name__}."
            )
        if workers is not None:
            check_count("workers", workers, minimum=1)
        self.client, self.workers, self.storage = client, workers, storage
        self.max_failures = check_count("max_failures", max_failures, minimum=0)
        self.timeout = timeout

    def __repr__(self) -> str:
        return f"Dask(workers={self.workers})"

    def _run(self, work: Work, arguments: tuple[Any, ...]) -> Any:
        failures = 0
        while True:
            try:
                return self._run_once(work, arguments)
            except RankLostError:
                failures += 1
                if failures > self.max_failures:
                    raise
                time.sleep(1.0)  # in which the scheduler notices who has gone

    def _run_once(self, work: Work, arguments: tuple[Any, ...]) -> Any:
        addresses = sorted(self.client.nthreads())[: self.workers]
        if not addresses:
            raise RankLostError("The Dask cluster has no worker.")
        name = f"sklearn_dcn-{os.getpid()}-{next(_names)}"
        first = addresses[0]
        ports = self.client.run(_open_store, name, workers=[first])
        address = first.split("://")[-1].rsplit(":", 1)[0], ports[first]
        given = self.client.scatter(arguments, hash=False)
        futures = [
            self.client.submit(
                _run_on_worker,
                rank,
                len(addresses),
                address,
                name,
                self.timeout,
                work,
                given,
                workers=[worker],
                allow_other_workers=False,
                pure=False,
                retries=0,
                key=f"{name}-{rank}",
            )
            for rank, worker in enumerate(addresses)
        ]
        try:
            self._wait(futures, addresses)
            return self._answer(futures)
        finally:
            self.client.cancel(futures, force=True)

    def _wait(self, futures: list[Any], addresses: list[str]) -> None:
        """Wait for all workers, or raise an error if one of them has gone.

        A task whose worker has gone would wait for it for ever.
        """
        while not all(future.done() for future in futures):
            if lost := set(addresses) - set(self.client.nthreads()):
                raise RankLostError(
                    f"The Dask worker {min(lost)} was lost during the work."
                )
            time.sleep(PAUSE)

    def _answer(self, futures: list[Any]) -> Any:
        """Return what rank 0 has returned; an error is that of who has raised it."""
        errors = [e for e in (future.exception() for future in futures) if e]
        own = [e for e in errors if not isinstance(e, RankLostError)]
        for error in own or errors:
            raise error
        return futures[0].result()


def _open_store(name: str) -> int:
    """Open a store on this worker; return its port."""
    _stores.clear()  # of fits that have ended
    _stores[name] = host_store()
    port: int = _stores[name].port
    return port


def _run_on_worker(
    rank: int,
    size: int,
    address: tuple[str, int],
    name: str,
    timeout: float,
    work: Work,
    arguments: tuple[Any, ...],
) -> Any:
    return run_rank(rank, size, address, name, timeout, None, work, arguments)
