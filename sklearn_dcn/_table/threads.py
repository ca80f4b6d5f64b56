"""Columns, or blocks of rows, in several threads at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

__all__ = ["map_threads"]

# From this many rows on threads pay, which take 0.1 ms to start.
THREADS_FROM = 20_000


def map_threads(
    function: Callable[[Any], Any],
    parts: Sequence[Any],
    n_rows: int,
    n_threads: int,
    after: Callable[[int], None] = lambda n_done: None,
) -> list[Any]:
    """Return the function's results for all parts, in their order.

    Parameters
    ----------
    function : callable
        Takes one of the parts.
    parts : sequence
        Columns, or blocks of rows, of a table.
    n_rows : int
        Rows of the table: in a short one, threads do not pay.
    n_threads : int
        Threads at most.
    after : callable, optional
        Is called in this thread with the number of parts that are done, after each.
    """
    n_threads = min(n_threads, len(parts))
    if n_rows < THREADS_FROM or n_threads < 2:
        return _collect(map(function, parts), after)
    with ThreadPoolExecutor(n_threads) as pool:
        return _collect(pool.map(function, parts), after)


def _collect(results: Iterator[Any], after: Callable[[int], None]) -> list[Any]:
    collected = []
    for result in results:
        collected.append(result)
        after(len(collected))
    return collected
