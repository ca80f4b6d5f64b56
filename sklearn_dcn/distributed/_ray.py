"""Processes that Ray Train starts, and starts again."""

from __future__ import annotations

import os
from typing import Any

from .._checks import check_count
from .._world import TIMEOUT
from ._engines import Engine, Group, Work

__all__ = ["Ray"]


class Ray(Engine):
    """Workers of a Ray cluster, started together by Ray Train.

    If a worker is lost, or fails, Ray starts all of them again, and the fit goes on
    from its last checkpoint.

    Parameters
    ----------
    workers : int, default=2
        How many.
    gpu : bool, default=False
        Whether each has a GPU of its own.
    max_failures : int, default=0
        How often they may be started again.
    storage : str or None, default=None
        A folder that all machines see, for Ray's records and for the checkpoint of a
        fit that does not set one. With None, Ray uses its own folder, and such a fit
        has no checkpoint.
    resources : dict or None, default=None
        What each worker needs, e.g. ``{"CPU": 4}``; None is one CPU.
    timeout : float, default=120.0
        Seconds without a sign of life after which a worker counts as lost.

    Notes
    -----
    A cluster that `ray.init` has named is used; otherwise one is started on this
    machine.
    """

    def __init__(
        self,
        workers: int = 2,
        gpu: bool = False,
        max_failures: int = 0,
        storage: str | None = None,
        resources: dict[str, float] | None = None,
        timeout: float = TIMEOUT,
    ) -> None:
        self.workers = check_count("workers", workers, minimum=1)
        self.max_failures = check_count("max_failures", max_failures, minimum=0)
        self.gpu, self.storage, self.resources = gpu, storage, resources
        self.timeout = timeout

    def __repr__(self) -> str:
        return f"Ray(workers={self.workers})"

    def _run(self, work: Work, arguments: tuple[Any, ...]) -> Any:
        try:
            import ray
            from ray.train import FailureConfig, RunConfig, ScalingConfig
            from ray.train.torch import TorchConfig, TorchTrainer
            from ray.util.queue import Queue
        except ImportError as error:
            raise ImportError(
                "Ray(...) needs Ray Train. Install it: pip install sklearn-dcn[ray]"
            ) from error
        if not ray.is_initialized():
            ray.init()
        found = Queue(actor_options={"num_cpus": 0})
        given = ray.put(arguments)
        timeout = self.timeout

        def loop() -> None:
            answer = Group(timeout).run(work, *ray.get(given))
            if os.environ["RANK"] == "0":
                found.put(answer)

        trainer = TorchTrainer(
            loop,
            torch_config=TorchConfig(timeout_s=int(max(1, timeout))),
            scaling_config=ScalingConfig(
                num_workers=self.workers,
                use_gpu=self.gpu,
                resources_per_worker=self.resources,
            ),
            run_config=RunConfig(
                storage_path=self.storage,
                failure_config=FailureConfig(max_failures=self.max_failures),
            ),
        )
        try:
            trainer.fit()
            return found.get(block=False)
        finally:
            found.shutdown()
