"""GridSearchCV with one and with two processes, on a shipped table."""

from __future__ import annotations

import math
import time
import warnings

from .networks import PLAIN_PARAMS
from .report import Panel, Report, ratio, spread
from .workers import SECONDS_TO_SETTLE, Contender, Worker, progress, rotated

NAMES = ["n_jobs=1", "n_jobs=2", "n_jobs=2 (cold)"]
DEFAULTS = {"rows": 10_000, "repeats": 5}
GRID = {
    "cross": ["vector", "matrix"],
    "n_cross_layers": [1, 2],
    "learning_rate": [1e-3, 3e-3],
}
FOLDS = 3
EPOCHS = 3


class Search:
    """Grid searches on the adult table.

    Parameters
    ----------
    rows : int
        Rows of it to take.
    """

    def __init__(self, rows):
        from sklearn_dcn.datasets import load_adult

        X, y = load_adult(return_X_y=True)
        self.X, self.y = X.iloc[:rows], y[:rows]
        self.info = {"rows": len(self.X)}

    def search(self, n_jobs):
        """Return the seconds of a search, its refit left out."""
        from sklearn.model_selection import GridSearchCV

        from sklearn_dcn import DCNClassifier

        model = DCNClassifier(
            **PLAIN_PARAMS, max_epochs=EPOCHS, early_stopping=False, random_state=0
        )
        search = GridSearchCV(
            model,
            GRID,
            scoring="neg_log_loss",
            cv=FOLDS,
            n_jobs=n_jobs,
            refit=False,
            error_score="raise",
        )
        start = time.perf_counter()
        with warnings.catch_warnings():
            # joblib's, when a worker has grown and is replaced.
            warnings.filterwarnings("ignore", "A worker stopped while some jobs")
            search.fit(self.X, self.y)
        seconds = time.perf_counter() - start
        return {"seconds": seconds, "best": float(search.best_score_)}

    def turn(self, name):
        """Search as one of `NAMES` says."""
        if name == "n_jobs=1":
            return self.search(1)
        if name == "n_jobs=2 (cold)":
            from joblib.externals.loky import get_reusable_executor

            get_reusable_executor().shutdown(wait=True)
        return self.search(2)


def add_options(parser):
    """Add this suite's options: none."""


def run(options):
    """Measure the searches in one process; return the report."""
    report = Report("search", vars(options))
    contender = Contender("search", "benchmarks.search:Search", {"rows": options.rows})
    turns = {name: [] for name in options.only}
    # joblib shares the cores out among its processes, but for what a variable says.
    with Worker(contender, None) as worker:
        for name in options.only:
            progress(f"warming up: {name}")
            worker.call("turn", name=name)
        for repeat in range(options.repeats):
            for name in rotated(options.only, repeat):
                progress(f"repeat {repeat + 1} of {options.repeats}: {name}")
                if name == "n_jobs=2":  # its processes have fitted before
                    worker.call("turn", name=name)
                time.sleep(SECONDS_TO_SETTLE)
                turns[name].append(worker.call("turn", name=name))
        info = worker.info
    report.raw["search"] = turns
    seconds = {n: [turn["seconds"] for turn in turns[n]] for n in options.only}
    rows = []
    for name, values in seconds.items():
        row = {"search": name, "seconds": spread(values), "n_jobs=1 / it": ""}
        if name != NAMES[0] and NAMES[0] in seconds:
            row["n_jobs=1 / it"] = ratio(seconds[NAMES[0]], values)
        row["best log loss"] = f"{-turns[name][-1]['best']:.4f}"
        rows.append(row)
    n_candidates = math.prod(len(values) for values in GRID.values())
    title = f"{n_candidates} candidates x {FOLDS} folds on {info['rows']:,} rows"
    report.table(title, rows)
    bars = {name: spread(values) for name, values in seconds.items()}
    report.panels.append(Panel("grid search", "seconds", "", bars))
    return report
