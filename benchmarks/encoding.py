"""Encoding a DataFrame into tensors, against arrow's dictionary encoding of it."""

from __future__ import annotations

import ctypes
import gc
import importlib
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from .data import load_clicks
from .report import Panel, Report, ratio, short, spread
from .workers import choose, measure, reset_peak_memory

DEFAULTS = {"rows": 1_000_000, "repeats": 5}
FIT, TRANSFORM = "sklearn-dcn fit", "sklearn-dcn transform"
ARROWS = ("arrow (1 thread)", "arrow (threads)")
TARGET = 1.5  # the most that a fit may take, in times of the faster arrow
CONTENDERS = (
    (FIT, "Fit", {}, ()),
    (TRANSFORM, "Transform", {}, ()),
    (ARROWS[0], "Arrow", {"in_threads": False}, ("pyarrow",)),
    (ARROWS[1], "Arrow", {"in_threads": True}, ("pyarrow",)),
    ("scikit-learn", "Pipeline", {"library": "sklearn.preprocessing"}, ()),
    (
        "category_encoders",
        "Pipeline",
        {"library": "category_encoders"},
        ("category_encoders",),
    ),
)
NAMES = [name for name, *_ in CONTENDERS]


def give_memory_back():
    """Return to the system what allocators keep, where they can be asked to.

    Else it would count as the data's, and what is measured would use it for nothing.
    """
    gc.collect()
    if "pyarrow" in sys.modules:
        sys.modules["pyarrow"].default_memory_pool().release_unused()
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError, TypeError):
        pass  # not the C library of GNU


class Encoding:
    """A contender whose turn is to encode a click log, and its strings alone.

    A subclass has `encode`, which takes a frame and returns what it becomes.

    Parameters
    ----------
    rows : int
        Rows of the frame.
    threads : int
        Number of threads.
    """

    def __init__(self, rows, threads):
        self.threads = threads
        # What a library imports late, and its threads, are no part of a turn.
        self.encode(load_clicks(2000).frame())
        self.X = load_clicks(rows).frame()
        self.strings = self.X.select_dtypes(exclude="number")
        self.info = {"columns": list(self.X.shape)[1], "strings": len(self.strings.T)}
        self.info["dtype"] = str(self.strings.dtypes.iloc[0])
        give_memory_back()
        self.info["data_mib"] = reset_peak_memory()

    def encode(self, X):
        """Return the frame encoded."""
        raise NotImplementedError

    def turn(self):
        """Return the seconds of all columns, and of those of strings alone."""
        start = time.perf_counter()
        encoded = self.encode(self.X)
        seconds = time.perf_counter() - start
        del encoded  # not while the strings are encoded
        start = time.perf_counter()
        self.encode(self.strings)
        return {"seconds": seconds, "strings_seconds": time.perf_counter() - start}


class Arrow(Encoding):
    """Dictionary encoding alone: nothing is normalised, and no tensor is made.

    Parameters
    ----------
    in_threads : bool
        Whether columns are shared out among threads.
    **config
        As `Encoding`.
    """

    def __init__(self, in_threads, **config):
        self.in_threads = in_threads
        super().__init__(**config)

    def encode(self, X):
        """Return the columns as dictionary arrays."""
        import pyarrow

        def encode(name):
            return pyarrow.array(X[name], from_pandas=True).dictionary_encode()

        if not self.in_threads:
            return [encode(name) for name in X]
        with ThreadPoolExecutor(self.threads) as pool:
            return list(pool.map(encode, X))


class Fit(Encoding):
    """Our encoding as `fit` has it: levels and scales are learnt."""

    def encode(self, X):
        """Return the frame as tensors."""
        return self.learn(X)[1]

    def learn(self, X):
        """Return a fitted encoder, and the frame as tensors."""
        import torch

        from sklearn_dcn._table.encoder import TableEncoder
        from sklearn_dcn._table.reading.tables import check_table
        from sklearn_dcn._training.batches import to_tensors

        encoder, weight = TableEncoder(), np.ones(len(X))
        encoded = encoder.fit_transform(
            check_table(X),
            list(X),
            weight,
            np.float32,
            n_threads=torch.get_num_threads(),
        )
        return encoder, to_tensors(encoded)


class Transform(Fit):
    """Our encoding as `predict` has it."""

    def __init__(self, **config):
        self.encoders = {}
        super().__init__(**config)
        self.encoders = {X.shape[1]: self.learn(X)[0] for X in (self.X, self.strings)}
        give_memory_back()
        reset_peak_memory()  # that of learning; what the encoders hold stays in it

    def encode(self, X):
        """Return the frame as tensors."""
        import torch

        from sklearn_dcn._table.reading.tables import check_table
        from sklearn_dcn._training.batches import to_tensors

        encoder = self.encoders.get(X.shape[1])
        if encoder is None:
            encoder, _ = self.learn(X)
        n_threads = torch.get_num_threads()
        return to_tensors(encoder.transform(check_table(X), np.float32, n_threads))


class Pipeline(Encoding):
    """A library's `OrdinalEncoder`, beside scikit-learn's `QuantileTransformer`.

    Parameters
    ----------
    library : str
        Module of the `OrdinalEncoder`.
    **config
        As `Encoding`.
    """

    def __init__(self, library, **config):
        self.library = library
        super().__init__(**config)

    def encode(self, X):
        """Return the frame as tensors."""
        strings = X.select_dtypes(exclude="number")
        return self.encode_numbers(X.drop(columns=strings)), self.encode_ids(strings)

    def encode_ids(self, X):
        """Return columns of strings as a tensor of ids."""
        import torch

        module = importlib.import_module(self.library)
        params = {}
        if self.library != "category_encoders":  # whose unknown levels are -1 anyway
            params = {"handle_unknown": "use_encoded_value", "unknown_value": -1}
            params["dtype"] = np.int32
        ids = module.OrdinalEncoder(**params).fit_transform(X)
        return torch.from_numpy(np.asarray(ids))

    def encode_numbers(self, X):
        """Return columns of numbers as a tensor, with indicators of missing ones."""
        import torch
        from sklearn.preprocessing import QuantileTransformer

        scaler = QuantileTransformer(output_distribution="normal", random_state=0)
        scaler.set_params(n_quantiles=min(1000, len(X)))
        z = np.nan_to_num(scaler.fit_transform(X))
        return torch.from_numpy(np.hstack([z, X.isna()]).astype(np.float32))

    def turn(self):
        """Return the seconds of all columns, and of those of strings alone."""
        start = time.perf_counter()
        ids = self.encode_ids(self.strings)
        strings = time.perf_counter() - start
        numbers = self.encode_numbers(self.X.drop(columns=self.strings))
        seconds = time.perf_counter() - start
        assert len(ids) == len(numbers)  # both are held until here
        return {"seconds": seconds, "strings_seconds": strings}


def add_options(parser):
    """Add this suite's options: none."""


def run(options):
    """Measure the chosen contenders; return the report."""
    report = Report("encoding", vars(options))
    load_clicks(options.rows)  # into its file
    config = {"rows": options.rows, "threads": options.threads}
    contenders = choose(CONTENDERS, "encoding", config, options.only)
    outcomes = measure(contenders, options)
    report.keep("encoding", outcomes)
    if not outcomes:
        return report
    info = next(iter(outcomes.values())).info
    for figure, what, note in (
        ("seconds", f"{info['columns']} columns", _verdict(outcomes)),
        ("strings_seconds", f"the {info['strings']} columns of strings alone", ""),
    ):
        rows = [_row(name, outcomes, figure, options.rows) for name in outcomes]
        title = f"{options.rows:,} rows x {what} of a DataFrame (strings: "
        report.table(f"{title}{info['dtype']})", rows, note)
        seconds = {name: spread(o.figures(figure)) for name, o in outcomes.items()}
        report.panels.append(Panel(what, "seconds", "", seconds))
    return report


def best_arrow(outcomes, figure="seconds"):
    """Return the name of the faster way with arrow, None without any."""
    arrows = [name for name in ARROWS if name in outcomes]
    if not arrows:
        return None
    return min(arrows, key=lambda name: spread(outcomes[name].figures(figure)).median)


def _row(name, outcomes, figure, n_rows):
    outcome, best = outcomes[name], best_arrow(outcomes, figure)
    seconds = outcome.figures(figure)
    row = {"contender": name, "seconds": spread(seconds)}
    row["rows/s"] = spread(n_rows / s for s in seconds)
    row["it / best arrow"] = ""
    if best:
        row["it / best arrow"] = ratio(seconds, outcomes[best].figures(figure))
    if figure == "seconds":
        row["peak MiB above the frame"] = short(_above_the_frame(outcome))
        row["frame, MiB"] = short(outcome.info["data_mib"])
    return row


def _above_the_frame(outcome):
    return outcome.peak_mib - outcome.info["data_mib"]


def _verdict(outcomes):
    best = best_arrow(outcomes)
    text = (
        "arrow: dictionary encoding alone, of numbers too; all others: to tensors. "
        '"frame" is the process with the DataFrame in it.'
    )
    if best and FIT in outcomes:
        theirs = outcomes[best].figures("seconds")
        found = ratio(outcomes[FIT].figures("seconds"), theirs)
        met = "met" if found.median <= TARGET else "missed"
        text += f" Target: {FIT} / {best} at most {TARGET}. It is {found}: {met}."
    return text
