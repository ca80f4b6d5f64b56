"""Small jobs: a fit of a thousand rows, warm and in a new process; the import."""

from __future__ import annotations

import time

from .data import load_clicks
from .report import Panel, Report, ratio, spread
from .workers import Contender, Worker, progress, rotated

DEFAULTS = {"rows": 1000, "repeats": 10}
N_NUM, N_CAT = 4, 6
EPOCHS = 20
FIT, IMPORT = "fit", "import"
NAMES = [FIT, IMPORT]
# What the package needs in any case.
FOUNDATION = ("torch", "sklearn.base", "sklearn.utils.validation", "skorch")
OURS, BELOW = "import of sklearn_dcn", "import of torch, scikit-learn, skorch"


class Fit:
    """Fits of a small table; the first in its process is the cold one.

    Parameters
    ----------
    rows : int
        Rows of the table.
    """

    def __init__(self, rows):
        from sklearn_dcn import DCNClassifier

        clicks = load_clicks(rows, N_NUM, N_CAT)
        self.X, self.y = clicks.frame(), clicks.y
        self.model = DCNClassifier(
            max_epochs=EPOCHS, early_stopping=False, random_state=0
        )

    def turn(self):
        """Return the seconds of a fit."""
        start = time.perf_counter()
        self.model.fit(self.X, self.y)
        return time.perf_counter() - start


def add_options(parser):
    """Add this suite's options: none."""


def run(options):
    """Measure fits and imports; return the report."""
    report = Report("small", vars(options))
    load_clicks(options.rows, N_NUM, N_CAT)  # into its file
    if FIT in options.only:
        _run_fit(options, report)
    if IMPORT in options.only:
        _run_import(options, report)
    return report


def _run_fit(options, report):
    fit = Contender("fit", "benchmarks.small:Fit", {"rows": options.rows})
    cold, warm = [], []
    with Worker(fit, options.threads) as worker:
        worker.call("turn")
        for repeat in range(options.repeats):
            progress(f"fit: {repeat + 1} of {options.repeats}")
            cold.append(first_turn(fit, options.threads))
            warm.append(worker.call("turn"))
    report.raw["fit"] = {"cold": cold, "warm": warm}
    report.table(
        f"Fit of {options.rows:,} rows x {N_NUM + N_CAT} columns, {EPOCHS} epochs",
        [
            {"fit": "warm", "seconds": spread(warm), "cold / warm": ""},
            {
                "fit": "first in its process, without imports",
                "seconds": spread(cold),
                "cold / warm": ratio(cold, warm),
            },
        ],
    )
    seconds = {"warm": spread(warm), "first in its process": spread(cold)}
    report.panels.append(Panel("fit of a small table", "seconds", "", seconds))


def _run_import(options, report):
    imports = {BELOW: FOUNDATION, OURS: ("sklearn_dcn",)}
    contenders = [
        Contender(name, "benchmarks.imports:Imports", {"modules": modules})
        for name, modules in imports.items()
    ]
    seconds = {name: [] for name in imports}
    for repeat in range(options.repeats):
        progress(f"import: {repeat + 1} of {options.repeats}")
        for contender in rotated(contenders, repeat):
            seconds[contender.name].append(first_turn(contender, options.threads))
    report.raw["import"] = seconds
    rows = [
        {"import": BELOW, "seconds": spread(seconds[BELOW]), "ratio": ""},
        {
            "import": OURS,
            "seconds": spread(seconds[OURS]),
            "ratio": ratio(seconds[OURS], seconds[BELOW]),
        },
    ]
    report.table("Import in a new process", rows)
    bars = {name: spread(values) for name, values in seconds.items()}
    report.panels.append(Panel("import", "seconds", "", bars))


def first_turn(contender, threads):
    """Return what the first turn of a new process gives."""
    with Worker(contender, threads) as worker:
        return worker.call("turn")
