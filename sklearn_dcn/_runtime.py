"""Where and how work runs: device, dtype, threads, and what "auto" stands for."""

from __future__ import annotations

import re
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from numbers import Integral
from typing import Any

import joblib
import numpy as np
import torch
from sklearn.utils import check_random_state

__all__ = [
    "ADAPT_FROM",
    "compiled",
    "is_seldom",
    "keeping_filters",
    "map_threads",
    "ignoring",
    "mixed_precision",
    "naming_memory",
    "resolve_batch_size",
    "resolve_device",
    "resolve_dtype",
    "resolve_early_stopping",
    "resolve_epochs",
    "resolve_learning_rate",
    "resolve_members",
    "resolve_random_state",
    "resolve_table",
    "torch_threads",
]

# Up to this many rows dtype="auto" computes in float64: it costs little there, and
# makes weights and repeated rows, or rows alone and in a batch, agree to rounding.
SMALL_TABLE = 500

# early_stopping="auto" holds rows out from this size on.
EARLY_STOPPING_FROM = 500

# n_members="auto" is more than one network from and to so many rows if early stopping
# ends the fit: with more a fit is long, and there is less to gain. It is as many as
# have so many rows together, so that the tenths that they hold out tell when to stop.
MEMBERS_FROM, MEMBERS_TO = EARLY_STOPPING_FROM, 200_000
ROWS_TOGETHER, MAX_MEMBERS = 10_000, 8

# From this many training rows on "auto" looks for more in the table: numbers that mean
# something by themselves, curves, memorised crosses. Fewer rows cannot tell.
ADAPT_FROM = 1000

# How torch says so on Linux, Windows and MPS, and of sizes beyond 64 bits.
OUT_OF_MEMORY = re.compile(
    "can't allocate memory|not enough memory|out of memory|Storage size calculation"
)

# From this many rows on columns are encoded in threads, which take 0.1 ms to start.
THREADS_FROM = 20_000


def resolve_device(device: str | torch.device) -> torch.device:
    """Return the device that "auto" or a name stands for.

    Raises
    ------
    ValueError
        If the name is no device, or the device is not there.
    """
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        if torch.backends.mps.is_available():
            return torch.device("mps")
        return torch.device("cpu")
    rule = "device must be 'auto' or the name of a torch device, e.g. 'cpu' or 'cuda:0'"
    try:
        resolved = torch.device(device)
    except (RuntimeError, TypeError):
        raise ValueError(f"{rule}; got {device!r}.") from None
    count = {
        "cpu": 1,
        "cuda": torch.cuda.device_count() if torch.cuda.is_available() else 0,
        "mps": int(torch.backends.mps.is_available()),
    }.get(resolved.type)
    if count is None:
        raise ValueError(f"{rule}; got {device!r}, which is not supported.")
    if (resolved.index or 0) >= count:
        raise ValueError(
            f"device={str(device)!r} is not there: torch sees {count} of type "
            f"{resolved.type!r}. Use device='auto' or device='cpu'."
        )
    return resolved


def resolve_dtype(dtype: str, n_rows: int | None, device: torch.device) -> torch.dtype:
    """Return the dtype of the weights; `n_rows` is None if not all are known."""
    if dtype == "auto":
        small = n_rows is not None and n_rows <= SMALL_TABLE
        return torch.float64 if small and device.type != "mps" else torch.float32
    if dtype == "float64" and device.type == "mps":
        raise ValueError("dtype='float64' does not exist on device 'mps'. Use 'auto'.")
    return torch.float64 if dtype == "float64" else torch.float32


def resolve_batch_size(batch_size: int | str, n_rows: int) -> int:
    """Return the number of rows in a batch that "auto" stands for."""
    if isinstance(batch_size, Integral):
        return int(batch_size)
    # About 64 steps an epoch, in the range where a step's fixed cost is paid for.
    smallest = 128 if n_rows >= 512 else 64
    return int(np.clip(2 ** round(np.log2(n_rows / 64)), smallest, 1024))


def resolve_members(
    n_members: int | str, stops: bool, n_rows: int | None, n_ids: int
) -> int:
    """Return the number of networks that "auto" stands for.

    Parameters
    ----------
    n_members : int or "auto"
        An integer stands for itself.
    stops : bool
        Whether early stopping ends the fit.
    n_rows : int or None
        Rows; None if not all are known yet, as in `partial_fit`.
    n_ids : int
        Ids of all columns.
    """
    if isinstance(n_members, Integral):
        return int(n_members)
    if not stops or n_rows is None or not MEMBERS_FROM <= n_rows <= MEMBERS_TO:
        return 1
    # A fit that ends after an epoch or two is short, and what it ends with is noisy.
    fewest = 4 if is_seldom(n_ids, n_rows) else 2
    return int(np.clip(round(ROWS_TOGETHER / n_rows), fewest, MAX_MEMBERS))


def resolve_early_stopping(early_stopping: bool | str, n_rows: int) -> bool:
    """Return whether rows are held out, of `n_rows` in all."""
    if isinstance(early_stopping, str):  # "auto"
        return n_rows >= EARLY_STOPPING_FROM
    return bool(early_stopping)


def resolve_epochs(
    max_epochs: int | str, stops: bool, n_rows: int, batch_size: int, n_ids: int
) -> int:
    """Return the number of epochs that "auto" stands for.

    Parameters
    ----------
    max_epochs : int or "auto"
        An integer stands for itself.
    stops : bool
        Whether early stopping ends the fit.
    n_rows, batch_size : int
        Training rows, all and in a batch.
    n_ids : int
        Ids of all columns.
    """
    if isinstance(max_epochs, Integral):
        return int(max_epochs)
    if stops:
        return 50
    # Nothing else ends the fit before it over-fits. A network that sees an id once or
    # twice an epoch has memorised it by the third. But a tiny table has epochs of few
    # steps, and needs more of them to be learned at all.
    epochs, least_steps = (2, 30) if is_seldom(n_ids, n_rows) else (10, 100)
    steps = -(-n_rows // batch_size)
    return max(epochs, -(-least_steps // steps))


def resolve_learning_rate(
    learning_rate: float | str, stops: bool, n_rows: int, n_ids: int
) -> float:
    """Return the learning rate that "auto" stands for.

    Parameters
    ----------
    learning_rate : float or "auto"
        A number stands for itself.
    stops : bool
        Whether early stopping ends the fit.
    n_rows : int
        Training rows.
    n_ids : int
        Ids of all columns.
    """
    if not isinstance(learning_rate, str):
        return float(learning_rate)
    # A number of epochs that is set beforehand is too many at twice the rate, and so
    # is one epoch of ids that are seldom seen. Few rows are over-fitted at once.
    is_slow = n_rows < ADAPT_FROM or is_seldom(n_ids, n_rows)
    return 0.002 if stops and not is_slow else 0.001


def is_seldom(n_ids: int, n_rows: int) -> bool:
    """Tell whether a table's ids are seldom seen: over half as many as its rows.

    A fit then ends after an epoch or two, before it has learned curves of numbers or
    embeddings of their values: curves cost 0.9 % of the loss on 6,000 clicks with
    25,000 ids, values 0.1 % and a quarter of the time.
    """
    return 2 * n_ids > n_rows


def resolve_table(parameters: dict[str, Any], n_rows: int | None) -> dict[str, Any]:
    """Return what "auto" stands for in the parameters of numbers and crosses.

    Parameters
    ----------
    parameters : dict
        An estimator's parameters by name.
    n_rows : int or None
        Training rows; None if not all are known yet, as in `partial_fit`.
    """
    adapts = n_rows is not None and n_rows >= ADAPT_FROM
    auto = {
        "numeric_levels": "auto",  # where values are isolated
        "numeric_embedding": "piecewise_linear",
        "memorized_crosses": "auto",  # as many as are significant
    }
    return {
        name: (value if adapts else None)
        if isinstance(parameters[name], str) and parameters[name] == "auto"
        else parameters[name]
        for name, value in auto.items()
    }


def resolve_random_state(random_state: Any) -> np.random.RandomState:
    """Return the source of randomness that None or an integer stands for."""
    # None is fresh entropy, not numpy's global state, which a fit leaves alone.
    if random_state is None:
        return np.random.RandomState()
    return check_random_state(random_state)


def map_threads(
    function: Callable[[Any], Any], parts: Sequence[Any], n_rows: int
) -> list[Any]:
    """Return the function's results, computed in as many threads as torch has.

    Parameters
    ----------
    function : callable
        Takes one of the parts.
    parts : sequence
        Columns, or blocks of rows, of a table.
    n_rows : int
        Rows of the table: in a short one, threads do not pay.
    """
    n_threads = min(torch.get_num_threads(), len(parts))
    if n_rows < THREADS_FROM or n_threads < 2:
        return [function(part) for part in parts]
    with ThreadPoolExecutor(n_threads) as pool:
        return list(pool.map(function, parts))


def mixed_precision(device: torch.device, enabled: bool) -> torch.autocast:
    """Return a context that multiplies matrices in bfloat16, or as they are."""
    # Without the cache, which keeps the cast of a weight until the outermost context
    # ends: that may be the caller's, and the weight has changed by then.
    return torch.autocast(
        device.type, torch.bfloat16, enabled=enabled, cache_enabled=False
    )


@contextmanager
def compiled(module: Any, backend: bool | str) -> Iterator[None]:
    """Compile what is behind the embedding while in the block."""
    if not backend:
        yield
        return
    backend = "inductor" if backend is True else backend
    # Shadows the method: a compiled function is no part of a fitted module.
    for member in module.members:
        member.combine = torch.compile(member.combine, backend=backend)
    try:
        yield
    finally:
        for member in module.members:
            del member.combine


_filters_lock = threading.RLock()  # filters of warnings are those of all threads


@contextmanager
def ignoring(*categories: type[Warning], module: str = "") -> Iterator[None]:
    """Hide warnings of these categories, from modules that match, in the block."""
    with _filters_lock, warnings.catch_warnings():
        for category in categories:
            warnings.filterwarnings("ignore", "", category, module)
        yield


def keeping_filters() -> AbstractContextManager[None]:
    """Return a context whose block may import torch's compiler without a trace."""
    # Optimizers of torch do so, and sympy, which that needs, adds a filter of warnings.
    return nullcontext() if "sympy" in sys.modules else ignoring()


@contextmanager
def naming_memory(estimator: Any) -> Iterator[None]:
    """Turn the errors of memory that runs out into one that says what to change."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not (
            isinstance(error, (MemoryError, torch.OutOfMemoryError))
            or OUT_OF_MEMORY.search(str(error))
        ):
            raise
        names = ("batch_size", "embedding_dim", "hidden_layer_sizes", "max_categories")
        now = ", ".join(f"{name}={getattr(estimator, name)!r}" for name in names)
        raise MemoryError(
            f"Memory ran out ({error}). Of the table's levels: lower embedding_dim, or "
            "limit levels by max_categories, min_frequency or hashing. Of a batch: "
            "lower batch_size or hidden_layer_sizes. Of the rows: fit fewer, or give "
            f"them in parts to partial_fit. Now {now}."
        ) from error


_threads_lock = threading.Lock()
_threads_users = 0
_threads_before = 0


@contextmanager
def torch_threads(n_jobs: int | None) -> Iterator[None]:
    """Let torch use `n_jobs` threads inside the block.

    The number is one of the process. So when blocks overlap in several Python
    threads, the last one to end restores what the first one found.

    Parameters
    ----------
    n_jobs : int or None
        Number of threads; None leaves it alone, -1 means all cores, -2 all but one.
    """
    global _threads_users, _threads_before
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
