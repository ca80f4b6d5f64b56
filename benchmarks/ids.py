"""Memory of a fit with a column of distinct ids, against what its embeddings take."""

from __future__ import annotations

import gc
import pickle
import tempfile
import time
from pathlib import Path

import numpy as np

from .encoding import give_memory_back
from .networks import PLAIN_PARAMS
from .report import Report, short, spread
from .workers import Contender, Worker, memory, progress, reset_peak_memory, rotated

DEFAULTS = {"rows": 4_000_000, "repeats": 1}
NAMES = ["integers", "strings"]
TIMES = 2  # that every id occurs
FEW = 1000  # ids of the fit beside it, whose rows are as many
EMBEDDING_DIM = 16
BATCH_SIZE = 8192
N_UNSEEN = 1000
MIB = 2**20


def make_levels(kind, n, first=0):
    """Return `n` distinct 64-bit integers, or strings of 12 hexadecimal digits.

    Parameters
    ----------
    kind : {"integers", "strings"}
        What they are.
    n : int
        Their number.
    first : int, default=0
        Those from different ranges are different.
    """
    numbers = np.arange(first, first + n, dtype=np.uint64)
    if kind == "integers":  # times an odd number: different modulo a power of two
        return (numbers * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(1)).astype(
            np.int64
        )
    numbers = numbers * np.uint64(0x9E3779B97F4B) % np.uint64(2**48)
    return [f"{number:012x}" for number in numbers.tolist()]


def make_frame(kind, n_ids, rows, seed=0):
    """Return a frame of a column of ids, as often as each other, and one of numbers."""
    import pandas as pd

    rng = np.random.default_rng(seed)
    levels = pd.Series(make_levels(kind, n_ids))
    at = rng.permutation(rows) % n_ids
    return pd.DataFrame({"id": levels.array.take(at), "x": rng.standard_normal(rows)})


class Fit:
    """A fit of one epoch by the lazy optimizer, and predictions for ids unseen in it.

    Parameters
    ----------
    kind : {"integers", "strings"}
        What the ids are.
    n_ids, rows : int
        Size of the table.
    path : str
        File for the fitted encoder.
    """

    def __init__(self, kind, n_ids, rows, path):
        from sklearn_dcn import DCNClassifier

        self.kind, self.n_ids, self.path = kind, n_ids, path
        self.model = DCNClassifier(
            categorical_features=["id"],
            embedding_dim=EMBEDDING_DIM,
            optimizer="lazy_adamw",
            batch_size=BATCH_SIZE,
            max_epochs=1,
            early_stopping=False,
            dtype="float32",
            random_state=0,
            **PLAIN_PARAMS,
        )
        # Late imports, and the working memory of a batch in several threads.
        small = make_frame(kind, FEW, 4 * BATCH_SIZE)
        self.model.fit(small, small["x"] > 0)
        self.model.predict_proba(small)
        del small
        self.X = make_frame(kind, n_ids, rows)
        self.y = self._labels()
        give_memory_back()
        self.info = {"data_mib": reset_peak_memory()}

    def _labels(self):
        rng = np.random.default_rng(1)
        return (rng.standard_normal(len(self.X)) < self.X["x"]).to_numpy().astype(int)

    def turn(self):
        """Return the seconds and the memory of a fit, and of its embeddings."""
        start = time.perf_counter()
        self.model.fit(self.X, self.y)
        figures = {"seconds": time.perf_counter() - start}
        figures["peak_mib"] = memory("VmHWM") - self.info["data_mib"]
        tables = self.model.module_.embedding.tables
        n_bytes = sum(table.numel() * table.element_size() for table in tables)
        figures["table_mib"] = n_bytes / MIB
        figures["ids"] = sum(self.model.encoder_.cardinalities) - 2
        with open(self.path, "wb") as file:
            pickle.dump(self.model.encoder_, file, pickle.HIGHEST_PROTOCOL)
        figures["pickle_mib"] = Path(self.path).stat().st_size / MIB
        figures["unseen_ids"] = self._predict_unseen()
        return figures

    def _predict_unseen(self):
        """Return for how many unseen ids there is a prediction, that of no id."""
        import pandas as pd

        ids = make_levels(self.kind, N_UNSEEN, first=self.n_ids)
        unseen = pd.DataFrame({"id": ids, "x": 0.5})
        p = self.model.predict_proba(unseen)[:, 1]
        is_same = np.isclose(p, self.model.predict_proba(unseen[:1])[0, 1], atol=1e-5)
        return int((np.isfinite(p) & is_same).sum())


class Encode:
    """The encoding of the same table alone, whose peak is not that of the training.

    Parameters
    ----------
    kind, n_ids, rows
        As `Fit`.
    """

    def __init__(self, kind, n_ids, rows):
        self._encode(make_frame(kind, FEW, 4 * BATCH_SIZE))
        self.X = make_frame(kind, n_ids, rows)
        give_memory_back()
        self.info = {"data_mib": reset_peak_memory()}

    def _encode(self, X):
        from sklearn_dcn._table.encoder import TableEncoder

        encoder = TableEncoder(categorical_features=["id"])
        return encoder.fit_transform(X, list(X), np.ones(len(X)), np.float32)

    def turn(self):
        """Return the seconds and the memory."""
        start = time.perf_counter()
        self._encode(self.X)
        figures = {"seconds": time.perf_counter() - start}
        return figures | {"peak_mib": memory("VmHWM") - self.info["data_mib"]}


class Loaded:
    """The fitted encoder in a process without anything else.

    Parameters
    ----------
    path : str
        Its file.
    """

    def __init__(self, path):
        import sklearn_dcn._table.encoder  # noqa: F401

        self.path = path

    def turn(self):
        """Return the memory that it takes."""
        give_memory_back()
        before = memory()
        with open(self.path, "rb") as file:
            self.encoder = pickle.load(file)
        give_memory_back()
        return {"mib": memory() - before}


class Dict:
    """A dict of the ids and their positions, as one would write it.

    Parameters
    ----------
    kind, n_ids
        As `Fit`.
    """

    def __init__(self, kind, n_ids):
        self.kind, self.n_ids = kind, n_ids

    def turn(self):
        """Return the memory that it takes, levels included."""
        gc.collect()
        before, step = memory(), 10_000
        self.index = {}
        for first in range(0, self.n_ids, step):
            n = min(step, self.n_ids - first)
            levels = make_levels(self.kind, n, first)
            if isinstance(levels, np.ndarray):
                levels = levels.tolist()
            self.index.update(zip(levels, range(first, first + n), strict=True))
        give_memory_back()
        return {"mib": memory() - before}


def add_options(parser):
    """Add this suite's options: none."""


def run(options):
    """Measure each kind of ids, everything in a process of its own."""
    report = Report("ids", vars(options))
    n_ids = options.rows // TIMES
    fits, encoders = [], []
    for kind in options.only:
        turns = _measure(kind, n_ids, options)
        report.raw[kind] = turns
        for name in ("many", "few"):
            fits.append(_fit_row(kind, turns, name))
        encoders.append(_encoder_row(kind, turns))
    report.table(
        f"Fit of {options.rows:,} rows, an id and a number; "
        f"width {EMBEDDING_DIM}, batches of {BATCH_SIZE:,}",
        fits,
        'Peaks are above the DataFrame and y. "beyond": peak less table and two '
        "moments, which training them needs at least. Per id: the peak less that with "
        f"few ids and as many rows; table and moments are {12 * EMBEDDING_DIM} bytes. "
        f'"unseen": of {N_UNSEEN:,} ids unseen in the fit, those with the prediction '
        "of an unknown one.",
    )
    report.table(
        "The encoder of these ids",
        encoders,
        "Resident memory of the unpickled encoder, and of a dict from the same ids to "
        "their positions, the ids included, each in a process of its own.",
    )
    return report


def _measure(kind, n_ids, options):
    """Return {what: figures of every repeat}."""
    with tempfile.TemporaryDirectory() as directory:
        path = str(Path(directory) / "encoder.pickle")
        size = {"kind": kind, "n_ids": n_ids, "rows": options.rows}
        few = size | {"n_ids": min(FEW, n_ids), "path": f"{path}-few"}
        contenders = [
            Contender("many", "benchmarks.ids:Fit", size | {"path": path}),
            Contender("few", "benchmarks.ids:Fit", few),
            Contender("encode", "benchmarks.ids:Encode", size),
            Contender("dict", "benchmarks.ids:Dict", {"kind": kind, "n_ids": n_ids}),
        ]
        loaded = Contender("loaded", "benchmarks.ids:Loaded", {"path": path})
        turns = {contender.name: [] for contender in (*contenders, loaded)}
        for repeat in range(options.repeats):
            for contender in (*rotated(contenders, repeat), loaded):  # once it is saved
                progress(
                    f"repeat {repeat + 1} of {options.repeats}: {kind}, "
                    f"{contender.name}"
                )
                with Worker(contender, options.threads) as worker:
                    figures = worker.call("turn")
                    turns[contender.name].append(figures | worker.info)
    return turns


def _figures(turns, name, figure):
    return [turn[figure] for turn in turns[name]]


def _fit_row(kind, turns, name):
    peak = _figures(turns, name, "peak_mib")
    table = _figures(turns, name, "table_mib")
    ids = turns[name][0]["ids"]
    row = {"ids": kind, "distinct": f"{ids:,}"}
    row["fit, s"] = spread(_figures(turns, name, "seconds"))
    row["table, MiB"] = short(table[0])
    row["table and moments, MiB"] = short(3 * table[0])
    row["peak, MiB"] = spread(peak)
    row["beyond, MiB"] = spread(p - 3 * t for p, t in zip(peak, table, strict=True))
    row["bytes per id"] = ""
    if name == "many":
        few = _figures(turns, "few", "peak_mib")
        more = ids - turns["few"][0]["ids"]
        if more > 0:
            row["bytes per id"] = spread(
                (p - q) * MIB / more for p, q in zip(peak, few, strict=True)
            )
    row["unseen"] = f"{turns[name][0]['unseen_ids']:,}"
    row["data, MiB"] = short(turns[name][0]["data_mib"])
    return row


def _encoder_row(kind, turns):
    row = {"ids": kind, "distinct": f"{turns['many'][0]['ids']:,}"}
    row["encoder, MiB"] = spread(_figures(turns, "loaded", "mib"))
    row["its pickle, MiB"] = short(turns["many"][0]["pickle_mib"])
    row["dict, MiB"] = spread(_figures(turns, "dict", "mib"))
    row["encoding alone, s"] = spread(_figures(turns, "encode", "seconds"))
    row["its peak, MiB"] = spread(_figures(turns, "encode", "peak_mib"))
    return row
