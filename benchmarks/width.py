"""Seconds, memory and weights of a default fit as columns, or classes, grow."""

from __future__ import annotations

import time

import numpy as np

from .report import Panel, Report, Spread, short, spread
from .workers import Contender, Worker, progress, reset_peak_memory

DEFAULTS = {"rows": 2000, "repeats": 1}
NAMES = ["numbers", "booleans", "categories", "ids", "vectors", "classes"]
COLUMNS = (10, 30, 100, 300, 1000, 3000, 5000)
CLASSES, CLASS_COLUMNS = (2, 10, 30, 100, 300, 1000), 20
FIGURES = {"seconds": "seconds", "peak_mib": "peak MiB", "weights": "weights"}


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


def make_classes(n_rows, n_classes, seed=0):
    """Return a frame of numbers around the middle of their class, and the classes.

    All classes have as many rows, two at least: there are more rows if need be.
    """
    import pandas as pd

    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(max(n_rows, 2 * n_classes)) % n_classes)
    middles = rng.normal(size=(n_classes, CLASS_COLUMNS))
    cells = middles[y] + rng.normal(size=(len(y), CLASS_COLUMNS))
    return pd.DataFrame(cells, columns=[f"num{j}" for j in range(CLASS_COLUMNS)]), y


class Fit:
    """A fit of `DCNClassifier` with its defaults.

    Parameters
    ----------
    kind : str
        One of `NAMES`.
    rows, columns : int
        Size of the table; of the kind "classes" the number of classes.
    """

    def __init__(self, kind, rows, columns):
        from sklearn_dcn import DCNClassifier

        self.model = DCNClassifier(random_state=0)
        self.model.fit(*make_table("numbers", 600, 3))  # late imports
        if kind == "classes":
            self.X, self.y = make_classes(rows, columns)
        else:
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
        "--most", type=int, default=COLUMNS[-1], help="the most columns, or classes"
    )


def run(options):
    """Measure each kind, every fit in a process of its own."""
    report = Report("width", vars(options))
    curves = {"seconds": {}, "weights": {}}
    for kind in options.only:
        found = _measure_kind(report, kind, options)
        if kind == "classes":
            of_classes = {
                label: _times_the_first({n: v[figure] for n, v in found.items()})
                for figure, label in FIGURES.items()
            }
            continue
        for figure, curve in curves.items():
            curve[kind] = {n: values[figure] for n, values in found.items()}
    if curves["seconds"]:
        title = f"default fit; {options.rows:,} rows"
        report.panels += [
            Panel(title, "columns", "seconds", curves["seconds"]),
            Panel("weights of all networks", "columns", "weights", curves["weights"]),
        ]
    if "classes" in options.only:
        title = f"{options.rows:,} rows, {CLASS_COLUMNS} columns of numbers"
        label = f"times those of {CLASSES[0]} classes"
        report.panels.append(Panel(title, "classes", label, of_classes))
    return report


def _times_the_first(curve):
    first = next(iter(curve.values())).median
    return {
        n: Spread(value.median / first, value.low / first, value.high / first)
        for n, value in curve.items()
    }


def _measure_kind(report, kind, options):
    """Add the table of a kind; return {columns or classes: {figure: spread}}."""
    what, one, grid = "columns", "column", COLUMNS
    title = f"{options.rows:,} rows, columns of {kind}"
    if kind == "classes":
        what, one, grid = "classes", "class", CLASSES
        title = f"{options.rows:,} rows, {CLASS_COLUMNS} columns of numbers"
    rows, all_found = [], {}
    for n in grid:
        if n > options.most:
            continue
        turns = []
        for _ in range(options.repeats):
            progress(f"{options.rows} rows, {n} of {kind}")
            turns.append(_measure(kind, options.rows, n, options.threads))
        report.raw[f"{kind} {n}"] = turns
        found = {name: spread(turn[name] for turn in turns) for name in turns[0]}
        all_found[n] = found
        rows.append(
            {
                what: f"{n:,}",
                "fit, s": found["seconds"],
                "epochs": short(found["epochs"].median),
                "networks": short(found["networks"].median),
                "width of x_0": short(found["width"].median),
                "weights": short(found["weights"].median),
                f"weights a {one}": short(found["weights"].median / n),
                "peak MiB": found["peak_mib"],
            }
        )
    report.table(title, rows)
    return all_found


def _measure(kind, rows, columns, threads):
    config = {"kind": kind, "rows": rows, "columns": columns}
    contender = Contender("fit", "benchmarks.width:Fit", config)
    with Worker(contender, threads) as worker:
        figures = worker.call("turn")
        return figures | {"peak_mib": worker.call("peak_memory")}
