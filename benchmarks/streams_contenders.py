"""Fits of rows on disk: what all contenders have in common, and ours."""

from __future__ import annotations

import os
import threading
import time
from itertools import pairwise

import numpy as np

from .data import make_clicks
from .workers import memory, reset_peak_memory

TARGET = "label"
LOOK_EVERY = 0.1  # seconds between two looks at the scratch folder


class Disk:
    """The most that the files of a folder took, looked at within a ``with``."""

    def __init__(self, folder):
        self.folder, self.peak = folder, 0
        self.stop = threading.Event()

    def __enter__(self):
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *exception):
        self.stop.set()
        self.thread.join()

    def _watch(self):
        while not self.stop.wait(LOOK_EVERY):
            self.peak = max(self.peak, folder_size(self.folder))
        self.peak = max(self.peak, folder_size(self.folder))


def folder_size(folder):
    """Return the bytes of all files in a folder."""
    size = 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                size += os.path.getsize(os.path.join(root, name))
            except FileNotFoundError:  # removed since it was listed
                pass
    return size


class Fit:
    """A fit of files, and what it predicts of others.

    Parameters
    ----------
    train, test : str
        Folders of Parquet files.
    threads : int
    scratch : str
        An empty folder.
    """

    def __init__(self, train, test, threads, scratch):
        self.train, self.test = train, test
        self.threads, self.scratch = threads, scratch
        self.prepare()
        self.held_mib = reset_peak_memory()

    def turn(self):
        """Return the figures of one fit."""
        from sklearn.metrics import log_loss, roc_auc_score

        with Disk(self.scratch) as disk:
            start = time.perf_counter()
            more = self.fit()
            seconds = time.perf_counter() - start
            peak = memory("VmHWM") - self.held_mib
        y, p = read_target(self.test), np.clip(self.predict(), 1e-7, 1 - 1e-7)
        return {
            "seconds": seconds,
            "peak_mib": peak,
            "disk_mib": disk.peak / 2**20,
            "log_loss": log_loss(y, p),
            "auc": roc_auc_score(y, p),
            **more,
        }

    def prepare(self):
        """Import the library, and do what a process does once."""

    def fit(self):
        """Fit, from files to a model; return more figures, seconds of "passes"."""
        raise NotImplementedError

    def predict(self):
        """Return P(y = 1) of the rows of the test."""
        raise NotImplementedError


def read_target(folder):
    """Return the labels of all rows in a folder."""
    import pyarrow.parquet as parquet

    return parquet.read_table(folder, columns=[TARGET])[TARGET].to_numpy()


def timed_steps(start, **ends):
    """Return the seconds of steps by the times at which they ended; None is now."""
    now = time.perf_counter()
    times = [start, *(now if end is None else end for end in ends.values())]
    seconds = [stop - begin for begin, stop in pairwise(times)]
    steps = zip(ends, seconds, strict=True)
    return {"passes": {name: {"seconds": value} for name, value in steps}}


# Ours ---------------------------------------------------------------------------------


class Scan(Fit):
    """`DCNClassifier` on a scan, one epoch.

    Parameters
    ----------
    plain : bool, default=False
        Whether with the network of the other suites, and nothing beside it.
    buffer_rows : int or None, default=None
        Of the scan; None is its default.
    **config
        As `Fit`.
    """

    def __init__(self, plain=False, buffer_rows=None, **config):
        self.plain = plain
        self.options = {} if buffer_rows is None else {"buffer_rows": buffer_rows}
        super().__init__(**config)

    def prepare(self):
        """Fit a few rows: late imports, first use of memory."""
        from sklearn_dcn import DCNClassifier

        from .networks import ESTIMATOR_PARAMS

        params = ESTIMATOR_PARAMS | {"cross": "matrix"} if self.plain else {}
        params = {"random_state": 0} | params | {"max_epochs": 1}
        self.model = DCNClassifier(**params)
        few = make_clicks(2000, n_num=1, n_cat=1)
        self.model.fit(few.frame(), few.y)

    def fit(self):
        """Fit the scan; the seconds of its passes are those of reading its blocks."""
        from sklearn_dcn import scan

        rows = scan(self.train, TARGET, cache=self.scratch, **self.options)
        passes = watch_passes(rows)
        self.model.fit(rows)
        return {"passes": named_passes(passes) | self._epochs()}

    def predict(self):
        """Return the probabilities of a scan."""
        from sklearn_dcn import scan

        return self.model.predict_proba(scan(self.test))[:, 1]

    def _epochs(self):
        return {"epoch": {"seconds": sum(one["dur"] for one in self.model.history_)}}


class InMemory(Scan):
    """The same from a DataFrame; reading it is part of the fit."""

    def fit(self):
        """Read all files, and fit."""
        import pandas as pd

        start = time.perf_counter()
        table = pd.read_parquet(self.train)
        y = table.pop(TARGET)
        passes = {"read": {"seconds": time.perf_counter() - start}}
        self.model.fit(table, y)
        return {"passes": passes | self._epochs()}


def watch_passes(rows):
    """Return a list that gets a dict for each whole pass over a scan."""
    passes, blocks = [], rows.blocks

    def watched(*args, **kwargs):
        start, reading = time.perf_counter(), 0.0
        each = blocks(*args, **kwargs)
        while True:
            before = time.perf_counter()
            block = next(each, None)
            reading += time.perf_counter() - before
            if block is None:
                break
            yield block
        stop = time.perf_counter()
        passes.append({"start": start, "stop": stop, "reading": reading})

    rows.blocks = watched
    return passes


def named_passes(passes):
    """Return the passes of a fit by what they are for.

    The first one counts and the last one encodes; one between them sums up crosses,
    if any were chosen. Before it columns are learned from the sample.
    """
    names = ["counted", "crosses", "encoded"]
    if len(passes) == 2:
        names = ["counted", "encoded"]
    elif len(passes) < 2:  # few rows, which are loaded
        return {}
    found = {}
    for k, (name, one) in enumerate(zip(names, passes, strict=True)):
        if k == 1:
            gap = one["start"] - passes[0]["stop"]
            found["learned from the sample"] = {"seconds": gap}
        seconds = one["stop"] - one["start"]
        found[name] = {"seconds": seconds, "reading": one["reading"]}
    return found
