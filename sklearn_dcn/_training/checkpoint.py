"""The state of a training in a file, from which a fit that was cut short goes on.

A file holds all that the rest of the training depends on: weights, moments, averages,
schedule, early stopping, history, and the states of the random generators, among them
the one that the fit began with, as split and seeds are drawn from it anew. It also says
of which parameters and data it is, by their values or hashes.

skorch's `Checkpoint` saves weights, optimiser and history as three files, of which two
are pickles, and neither generators nor early stopping: a fit would go on from it, but
as another one, or from files that do not belong together.
"""

from __future__ import annotations

import copy
import os
import warnings
from collections.abc import Mapping
from importlib.util import find_spec
from time import perf_counter
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator
from torch import Tensor

from .._files import (
    ARRAYS,
    CONFIG,
    Archive,
    Decoder,
    Encoder,
    from_json,
    map_leaves,
    remove_remnants,
    to_json,
    write_archive,
)
from .._show_versions import installed_version
from .._world import ALONE, World
from .batches import TensorTable, digest
from .history import plain_records, replay
from .leaves import to_numpy, to_tensor
from .stopping import Stopping
from .watcher import Watcher

__all__ = ["Checkpoint"]

FORMAT = "sklearn_dcn checkpoint 1"
SHARE = 0.05  # of the training's time that may go into writing
LONG = 60.0  # seconds of an epoch after which it is written in its midst as well
STEPS = 32  # of several processes, between two of which they ask rank 0

# Parameters that have no part in what is computed, or in its precision alone.
FREE = {"checkpoint", "n_jobs", "verbose"}


class Checkpoint(Watcher):
    """Writes the state of a training between epochs, and in long ones; goes on from it.

    Parameters
    ----------
    path : str or PathLike
        The file. If there is one, the training goes on from it.
    parameters : dict
        What must be the same then, by name.
    rng : RandomState
        Source of the fit's random numbers; it is set to where the fit in the file
        began.
    world : World, default=ALONE
        The processes that train together.

    Raises
    ------
    ValueError
        If there is no such folder, or a file that is no checkpoint of this fit.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        parameters: Mapping[str, Any],
        rng: np.random.RandomState,
        world: World = ALONE,
    ) -> None:
        self.world = world
        self.path = os.path.abspath(path)
        self.next = 0.0  # when it may be written again
        self.failed = False
        self.n_batches = 0  # of the epoch that are done
        self._check_place()
        versions = {name: installed_version(name) for name in ("sklearn_dcn", "torch")}
        self.fit = {name: _plain(parameters[name]) for name in parameters.keys() - FREE}
        self.fit |= {f"version of {name}": value for name, value in versions.items()}
        # Rank 0 alone reads and writes: the others need not see its disk.
        self.found = world.broadcast(self._read() if world.rank == 0 else None)
        self._compare(self.fit)
        if self.found is not None:
            rng.set_state(self.found["rng"].get_state())
        self.rng = copy.deepcopy(rng)
        if world.rank == 0:
            remove_remnants(self.path)

    @property
    def n_done(self) -> int:
        """Epochs in the history of the file."""
        return 0 if self.found is None else len(self.found["history"])

    def begin(
        self, net: Any, data: Any, valid: TensorTable | None, stopping: Any
    ) -> None:
        """Begin a training, or go on with that of the file."""
        self.net, self.course, self.stopping = net, net.course, stopping
        self.generators: dict[str, Any] = {"order": data.generator}
        self.generators["dropout"] = net.course.generator
        digests = data.digests()
        if valid is not None:
            digests |= {f"{k} of validation": v for k, v in valid.digests().items()}
        digests["initial weights"] = digest(net.module_.state_dict())
        self._compare({name: {"hash": value} for name, value in digests.items()})
        if self.found is not None:
            self._restore(map_leaves(np.ndarray, to_tensor, self.found))
            self.found = None
        self.n_written = len(net.history)

    def begin_epoch(self) -> None:
        """Write the state, unless that would take too much of the time."""
        now = perf_counter()
        is_new = self.course.n_finished > self.n_written
        if self.world.rank == 0 and is_new and now >= self.next:
            self._try_to_write(None)
        self.since = perf_counter()
        resumed = self.course.resumed
        self.n_batches = int(resumed["n_batches"]) if resumed else 0
        # The order of an epoch's rows is drawn at its beginning.
        self.order = self.generators["order"].get_state()

    def end_batch(self, n_rows: int) -> None:
        """Write the state in the midst of an epoch that takes long."""
        self.n_batches += 1
        if self.world.size > 1 and self.n_batches % STEPS:
            return
        is_due = perf_counter() >= max(self.next, self.since + LONG)
        if not self.world.agree(self.world.rank == 0 and is_due):
            return
        within = self.course.progress(self.n_batches)
        if self.world.rank == 0:
            with self.course.steps.paused():
                self._try_to_write(within)
        self.since = perf_counter()

    def _try_to_write(self, within: dict[str, Any] | None) -> None:
        """Write the state, perhaps of the midst of an epoch; a failure is a warning."""
        start = perf_counter()
        try:
            self._write(within)
        except (OSError, MemoryError) as error:
            if self.failed:  # as it is likely to in every epoch
                return
            self.failed = True
            warnings.warn(
                f"checkpoint={self.path!r} could not be written after epoch "
                f"{self.course.n_finished} ({error!r}). The fit goes on; if it is cut "
                "short, it begins anew, or from the last file that was written. Free "
                "some room, or give another path.",
                RuntimeWarning,
                stacklevel=3,
            )
        now = perf_counter()
        self.next = now + (now - start) / SHARE

    def close(self, best: int | None) -> None:
        """Remove the file, unless the training is one to go on with."""
        ending = self.course.ending
        if self.world.rank:
            return
        if ending == "diverged" or (best is not None and ending is None):
            try:
                os.unlink(self.path)
            except FileNotFoundError:
                pass
            except OSError as error:
                warnings.warn(
                    f"checkpoint={self.path!r} could not be removed at the end of the "
                    f"fit ({error}). Delete it.",
                    RuntimeWarning,
                    stacklevel=2,
                )

    # The file -------------------------------------------------------------------------

    def _check_place(self) -> None:
        if self.world.rank:
            return
        folder = os.path.dirname(self.path)
        if not os.path.isdir(folder) or os.path.isdir(self.path):
            raise ValueError(
                "checkpoint must be the path of a file, in a folder that is there; got "
                f"{self.path!r}. Create the folder, or name a file in it."
            )
        if find_spec("safetensors") is None:
            raise ImportError(
                "checkpoint needs safetensors. Install it with pip install safetensors."
            )

    def _write(self, within: dict[str, Any] | None) -> None:
        from safetensors.numpy import save

        state = {"fit": self.fit, "rng": self.rng, **self._state(within)}
        encoder = Encoder({})
        encoded = encoder.encode(map_leaves(Tensor, to_numpy, state))
        config = to_json({"format": FORMAT, "state": encoded})
        write_archive(self.path, {CONFIG: config, ARRAYS: save(encoder.arrays)})
        if within is None:
            self.n_written = self.course.n_finished

    def _read(self) -> dict[str, Any] | None:
        from safetensors.numpy import load

        if not os.path.exists(self.path):
            return None
        try:
            with Archive(self.path) as archive:
                config = from_json(archive.read(CONFIG))
                if config["format"] != FORMAT:
                    raise archive.error(f"it is of the format {config['format']!r}")
                arrays = load(archive.read(ARRAYS))
            return Decoder({}, arrays).decode(config["state"])
        except Exception as error:  # of any kind, from a file that is something else
            raise ValueError(
                f"checkpoint={self.path!r} is a file, but not a checkpoint that this "
                f"release can read ({error}). Delete it, or give another path."
            ) from error

    def _compare(self, part: dict[str, Any]) -> None:
        """Raise a ValueError if the file is of another fit in this part."""
        self.fit |= part
        if self.found is None:
            return
        before = self.found["fit"]
        differing = [
            f"{name} is {_short(value)}, and was {_short(before.get(name))}"
            if not isinstance(value, dict)
            else f"{name} differs"
            for name, value in sorted(part.items())
            if value != before.get(name)
        ]
        if differing:
            raise ValueError(
                f"checkpoint={self.path!r} is from an interrupted fit with other "
                f"parameters or data: {'; '.join(differing)}. Delete the file to begin "
                "anew, give another path, or set them back to go on."
            )

    # The training ---------------------------------------------------------------------

    def _state(self, within: dict[str, Any] | None) -> dict[str, Any]:
        net, stopping = self.net, self.stopping
        generators = {k: g.get_state() for k, g in self.generators.items()}
        if within is not None:
            generators["order"] = self.order
        optimizer = net.optimizer_.state_dict()
        # "average" is of a fit before, and the content of "slot" does not matter.
        states = {k: v for k, v in optimizer["state"].items() if k != "average"}
        optimizer["state"] = {
            k: {name: value for name, value in state.items() if name != "slot"}
            for k, state in states.items()
        }
        return {
            "weights": net.module_.state_dict(),
            "optimizer": optimizer,
            "steps": self.course.steps.progress(),
            "stopping": dict.fromkeys(Stopping.STATE)
            if stopping is None
            else stopping.progress(),
            "generators": generators,
            "history": plain_records(net.history[: self.course.n_finished]),
            "within": within,
        }

    def _restore(self, state: dict[str, Any]) -> None:
        net = self.net
        net.module_.load_state_dict(state["weights"])
        net.optimizer_.load_state_dict(state["optimizer"])
        self.course.steps.go_on(state["steps"])
        if self.stopping is not None:
            self.stopping.resumed = state["stopping"]
        for name, generator in self.generators.items():
            generator.set_state(state["generators"][name])
        replay(net.history, state["history"])
        self.course.resumed = state.get("within")
        if net.callbacks:
            warnings.warn(
                f"The fit goes on after epoch {self.n_done} of {self.path!r}, but its "
                "callbacks begin anew: a checkpoint does not hold their state.",
                UserWarning,
                stacklevel=2,
            )


def _plain(value: Any) -> Any:
    """Return what tells a parameter from another one, of a type of JSON."""
    if isinstance(value, (np.ndarray, np.generic)):
        return _plain(value.tolist())
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return [[_plain(key), _plain(entry)] for key, entry in value.items()]
    if isinstance(value, BaseEstimator):  # an encoder
        return [type(value).__name__, _plain(value.get_params(deep=False))]
    if isinstance(value, torch.device):
        return str(value)
    # A random state is that of the file, a callback what its class is.
    return value.__qualname__ if isinstance(value, type) else type(value).__qualname__


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
