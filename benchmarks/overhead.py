"""What the estimator costs over a bare loop, in pairs of epochs in one process."""

from __future__ import annotations

import numpy as np
import torch

from .data import load_clicks
from .networks import CROSSES, run_epoch
from .neural import encoded_tensors, estimator
from .report import Panel, Report, short, spread
from .workers import Contender, Worker, progress

NAMES = ["sklearn-dcn"]
DEFAULTS = {"rows": 100_000, "repeats": 15}
EPOCHS = 2  # of each side of a pair; the last one counts, caches and pages are warm


class Pairs:
    """Our estimator, and two loops around copies of its module and optimiser.

    Parameters
    ----------
    cross : str
        Parameterisation of the cross layers.
    rows : int
        Training rows.
    """

    def __init__(self, cross, rows):
        clicks = load_clicks(rows)
        self.X, self.y = clicks.frame(), clicks.y
        self.model = estimator(cross, warm_start=True, max_epochs=EPOCHS)
        self.model.fit(self.X, self.y)
        self.loops = [self._loop(cross) for _ in range(2)]

    def _loop(self, cross):
        model = estimator(cross, warm_start=True, max_epochs=1).fit(self.X, self.y)
        x, y = encoded_tensors(model, self.X), torch.from_numpy(self.y).float()
        return model.module_, model.net_.optimizer_, x, y

    def ours(self):
        """Return the seconds of our last epoch."""
        self.model.fit(self.X, self.y)
        return self.model.history_[-1]["dur"]

    def loop(self, which=0):
        """Return the seconds of a loop's last epoch."""
        return [run_epoch(*self.loops[which]) for _ in range(EPOCHS)][-1]

    def turn(self, swap):
        """Time a pair ours and loop, and a pair loop and loop, in either order."""
        sides = {"ours": self.ours, "loop": self.loop}
        control = {"a": self.loop, "b": lambda: self.loop(1)}
        order = list if not swap else lambda names: list(names)[::-1]
        seconds = {name: sides[name]() for name in order(sides)}
        return seconds | {name: control[name]() for name in order(control)}


def add_options(parser):
    """Add this suite's options."""
    parser.add_argument("--cross", default=",".join(CROSSES), help="cross networks")


def run(options):
    """Measure pairs; return the report."""
    report = Report("overhead", vars(options))
    rows, shares = [], {}
    for cross in options.cross.split(","):
        config = {"cross": cross, "rows": options.rows}
        contender = Contender("pairs", "benchmarks.overhead:Pairs", config)
        progress(f"setting up {cross}")
        with Worker(contender, options.threads) as worker:
            turns = []
            for repeat in range(options.repeats):
                progress(f"{cross}: pair {repeat + 1} of {options.repeats}")
                turns.append(worker.call("turn", swap=repeat % 2 == 1))
        report.raw[cross] = turns
        share = [turn["loop"] / turn["ours"] for turn in turns]
        control = [turn["a"] / turn["b"] for turn in turns]
        shares |= {f"{cross}": spread(share), f"{cross}: loop / loop": spread(control)}
        row = {"cross": cross, "ours, rows/s": _rows_per_second(options, turns, "ours")}
        row["loop, rows/s"] = _rows_per_second(options, turns, "loop")
        row |= {"ours / loop": quartiles(share), "loop / loop": quartiles(control)}
        rows.append(row)
    report.table(
        "Speed of the estimator's epoch relative to a bare loop's",
        rows,
        "Medians of the pairs' ratios, with their quartiles. loop / loop is that of "
        "two copies of the same: the noise, and what their places in memory make.",
    )
    report.panels.append(Panel("speed relative to a bare loop", "ratio", "", shares))
    return report


def quartiles(values):
    """Return "median [lower quartile, upper quartile]"."""
    low, median, high = np.quantile(values, [0.25, 0.5, 0.75])
    return f"{median:.3f} [{low:.3f}, {high:.3f}]"


def _rows_per_second(options, turns, name):
    return short(float(np.median([options.rows / turn[name] for turn in turns])))
