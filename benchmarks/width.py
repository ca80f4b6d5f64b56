"""Seconds, memory and weights of a default fit as the columns of each kind grow."""

from __future__ import annotations

import time

import numpy as np

from .report import Panel, Report, short, spread
from .workers import Contender, Worker, progress, reset_peak_memory

DEFAULTS = {"rows": 2000, "repeats": 1}
NAMES = ["numbers", "booleans", "categories", "ids", "vectors"]
COLUMNS = (10, 30, 100, 300, 1000, 3000, 5000)


def make_table(kind, n_rows, n_columns, seed=0):
    """Return a frame of columns of one kind, and a target that ten of them tell.

    "vectors" are float32 whose columns go together, as embeddings of texts; "ids" have
    so many levels that each is in twenty rows.
    """
    import pandas as pd

    rng = np.random.default_rng(seed)
    shape = n_rows, n_columns
    if kind == "numbers":
        x = rng.normal(size=shape)
        cells = x
    elif kind == "vectors":
        x = rng.normal(size=(n_rows, 16)) @ rng.normal(size=(16, n_columns)) / 4
        cells = x.astype(np.float32)
    elif kind == "booleans":
        cells = rng.random(shape) < 0.5
        x = 2.0 * cells - 1
    else:
        n_levels = 10 if kind == "categories" else max(2, n_rows // 20)
        codes = rng.integers(n_levels, size=shape)
        effects = rng.normal(size=(n_levels, n_columns))
        x = np.take_along_axis(effects, codes, axis=0)
        cells = np.char.add("level ", codes.astype(str)).astype(object)
    logit = x[:, :10].sum(axis=1) / 2
    y = rng.random(n_rows) < 1 / (1 + np.exp(-logit))
    names = [f"{kind[:3]}{j}" for j in range(n_columns)]
    return pd.DataFrame(cells, columns=names), y.astype(int)


class Fit:
    """A fit of `DCNClassifier` with its defaults.

    Parameters
    ----------
    kind : str
        One of `NAMES`.
    rows, columns : int
        Size of the table.
    """

    def __init__(self, kind, rows, columns):
        from sklearn_dcn import DCNClassifier

        self.model = DCNClassifier(random_state=0)
        self.model.fit(*make_table("numbers", 600, 3))  # late imports
        self.X, self.y = make_table(kind, rows, columns)
        reset_peak_memory()

    def turn(self):
        """Return the seconds of a fit, its epochs, weights and networks."""
        start = time.perf_counter()
        self.model.fit(self.X, self.y)
        seconds = time.perf_counter() - start
        module = self.model.module_
        return {
            "seconds": seconds,
            "epochs": self.model.n_iter_,
            "weights": sum(p.numel() for p in module.parameters()),
            "networks": len(module.members),
            "width": module.members[0].embedding.d_out,
        }


def add_options(parser):
    """Add this suite's options."""
    parser.add_argument(
        "--most", type=int, default=COLUMNS[-1], help="the most columns"
    )


def run(options):
    """Measure each kind, every fit in a process of its own."""
    report = Report("width", vars(options))
    columns = [n for n in COLUMNS if n <= options.most]
    seconds, weights = {}, {}
    for kind in options.only:
        rows = []
        for n in columns:
            turns = []
            for _ in range(options.repeats):
                progress(f"{options.rows} rows, {n} columns of {kind}")
                turns.append(_measure(kind, options.rows, n, options.threads))
            report.raw[f"{kind} {n}"] = turns
            found = {name: spread(turn[name] for turn in turns) for name in turns[0]}
            rows.append(
                {
                    "columns": f"{n:,}",
                    "fit, s": found["seconds"],
                    "epochs": short(found["epochs"].median),
                    "networks": short(found["networks"].median),
                    "width of x_0": short(found["width"].median),
                    "weights": short(found["weights"].median),
                    "weights a column": short(found["weights"].median / n),
                    "peak MiB": found["peak_mib"],
                }
            )
            seconds.setdefault(kind, {})[n] = found["seconds"]
            weights.setdefault(kind, {})[n] = found["weights"]
        report.table(f"{options.rows:,} rows, columns of {kind}", rows)
    title = f"default fit; {options.rows:,} rows"
    report.panels.append(Panel(title, "columns", "seconds", seconds))
    report.panels.append(
        Panel("weights of all networks", "columns", "weights", weights)
    )
    return report


def _measure(kind, rows, columns, threads):
    config = {"kind": kind, "rows": rows, "columns": columns}
    contender = Contender("fit", "benchmarks.width:Fit", config)
    with Worker(contender, threads) as worker:
        figures = worker.call("turn")
        return figures | {"peak_mib": worker.call("peak_memory")}
