"""Seconds and memory of our fit as rows, columns or batches grow."""

from __future__ import annotations

import time

from .data import load_clicks
from .networks import PLAIN_PARAMS
from .report import Panel, Report, short, spread
from .workers import Contender, Worker, progress, reset_peak_memory, rotated

DEFAULTS = {"rows": 4_000_000, "repeats": 3}
NAMES = ["rows", "columns", "batch"]
ROWS = (10_000, 30_000, 100_000, 300_000, 1_000_000, 2_000_000, 4_000_000)
COLUMNS = (5, 10, 20, 50, 100, 200)
BATCHES = (128, 256, 512, 1024, 2048, 4096, 8192)
# What stays when another grows.
FIXED = {"rows": 100_000, "columns": 39, "batch": 1024}


class Fit:
    """One epoch of `DCNClassifier`, else with its defaults, from a DataFrame.

    Parameters
    ----------
    rows, columns, batch : int
        Size of the table, a third of its columns numeric, and of a batch.
    """

    def __init__(self, rows, columns, batch):
        from sklearn_dcn import DCNClassifier

        self.model = DCNClassifier(
            max_epochs=1,
            batch_size=batch,
            early_stopping=False,
            random_state=0,
            **PLAIN_PARAMS,
        )
        small = load_clicks(2000, n_num=1, n_cat=1)
        self.model.fit(small.frame(), small.y)  # late imports, first use of memory
        clicks = load_clicks(rows, **column_counts(columns))
        self.X, self.y = clicks.frame(), clicks.y
        del clicks
        self.info = {"data_mib": reset_peak_memory()}

    def turn(self):
        """Return the seconds of a fit, and of the epoch in it."""
        start = time.perf_counter()
        self.model.fit(self.X, self.y)
        seconds = time.perf_counter() - start
        return {"fit_seconds": seconds, "epoch_seconds": self.model.history_[-1]["dur"]}


def column_counts(columns):
    """Return the numbers of numeric and of categorical columns."""
    return {"n_num": columns // 3, "n_cat": columns - columns // 3}


def add_options(parser):
    """Add this suite's options: none."""


def run(options):
    """Measure each kind of growth, every fit in a process of its own."""
    report = Report("growth", vars(options))
    grid = {"rows": ROWS, "columns": COLUMNS, "batch": BATCHES}
    fixed = FIXED | {"rows": min(FIXED["rows"], options.rows)}
    for kind in options.only:
        values = [v for v in grid[kind] if kind != "rows" or v <= options.rows]
        settings = {value: fixed | {kind: value} for value in values}
        for setting in settings.values():
            progress(f"making data: {setting}")
            load_clicks(setting["rows"], **column_counts(setting["columns"]))
        turns = {value: [] for value in values}
        for repeat in range(options.repeats):
            for value in rotated(values, repeat):
                progress(f"repeat {repeat + 1} of {options.repeats}: {kind} {value}")
                turns[value].append(_measure(settings[value], options.threads))
        report.raw[kind] = turns
        _add_results(report, kind, fixed, settings, turns)
    return report


def _measure(setting, threads):
    contender = Contender("fit", "benchmarks.growth:Fit", setting)
    with Worker(contender, threads) as worker:
        figures = worker.call("turn")
        peak = worker.call("peak_memory")
        return figures | worker.info | {"peak_mib": peak}


def _add_results(report, kind, fixed, settings, turns):
    rows, fits, peaks = [], {}, {}
    for value, setting in settings.items():
        n = setting["rows"]
        found = {
            name: spread(turn[name] for turn in turns[value])
            for name in ("fit_seconds", "epoch_seconds", "data_mib", "peak_mib")
        }
        rows.append(
            {
                kind: f"{value:,}",
                "fit, s": found["fit_seconds"],
                "of it the epoch, s": found["epoch_seconds"],
                "rows/s of the fit": short(n / found["fit_seconds"].median),
                "peak MiB": found["peak_mib"],
                "data MiB": short(found["data_mib"].median),
            }
        )
        fits[value], peaks[value] = found["fit_seconds"], found["peak_mib"]
    others = ", ".join(f"{v:,} {name}" for name, v in fixed.items() if name != kind)
    report.table(f"Growing {kind}; {others}", rows)
    report.panels.append(Panel(f"fit; {others}", kind, "seconds", {"fit": fits}))
    memory = {"peak": peaks}
    report.panels.append(Panel(f"memory; {others}", kind, "MiB", memory))
