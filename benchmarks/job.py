"""The whole job: from a raw DataFrame to predictions, with every library's defaults."""

from __future__ import annotations

import time

from sklearn.metrics import log_loss, roc_auc_score

from .data import load_clicks
from .report import Panel, Report, ratio, spread
from .trees import LIBRARIES, make_trees
from .workers import Contender, measure, reset_peak_memory

OURS = "sklearn-dcn"
DEFAULTS = {"rows": 100_000, "repeats": 5}
NAMES = [OURS, *LIBRARIES]


class Job:
    """Fits and predictions of one library, another random state each time.

    Parameters
    ----------
    library : str
        One of `NAMES`. HistGradientBoosting is given scikit-learn's TargetEncoder.
    rows : int
        Training rows; a quarter as many more are held out.
    threads : int
        Number of threads.
    """

    def __init__(self, library, rows, threads):
        self.library, self.threads = library, threads
        clicks = load_clicks(rows + rows // 4)
        X, y = clicks.frame(), clicks.y.astype(int)
        del clicks
        self.X, self.y = X.iloc[:rows], y[:rows]
        self.X_test, self.y_test = X.iloc[rows:], y[rows:]
        self.info = {"data_mib": reset_peak_memory()}
        self.seed = 0
        # What a library imports late is no part of a fit.
        self._model(n_trees=2).fit(self.X[:2000], self.y[:2000])

    def _model(self, n_trees=None):
        if self.library != OURS:
            return make_trees(
                self.library,
                self.X,
                self.threads,
                self.seed,
                n_trees=n_trees,
                target_encoding=True,
            )
        from sklearn_dcn import DCNClassifier

        return DCNClassifier(random_state=self.seed)

    def turn(self):
        """Fit and predict; return the seconds of both and the quality."""
        model = self._model()
        self.seed += 1
        start = time.perf_counter()
        model.fit(self.X, self.y)
        fitted = time.perf_counter()
        p = model.predict_proba(self.X_test)[:, 1].astype(float)
        return {
            "fit_seconds": fitted - start,
            "predict_seconds": time.perf_counter() - fitted,
            "log_loss": log_loss(self.y_test, p),
            "auc": roc_auc_score(self.y_test, p),
        }


def add_options(parser):
    """Add this suite's options: none."""


def run(options):
    """Measure the chosen libraries; return the report."""
    report = Report("job", vars(options))
    config = {"rows": options.rows, "threads": options.threads}
    contenders = [
        Contender(
            name,
            "benchmarks.job:Job",
            config | {"library": name},
            LIBRARIES.get(name, ()),
        )
        for name in options.only
    ]
    outcomes = measure(contenders, options)
    report.keep("job", outcomes)
    rows = [_row(name, outcomes) for name in outcomes]
    report.table(f"{options.rows:,} rows, {options.rows // 4:,} held out", rows)
    for figure, label in (("fit_seconds", "seconds"), ("log_loss", "log loss")):
        values = {name: spread(o.figures(figure)) for name, o in outcomes.items()}
        report.panels.append(Panel(figure.replace("_", " "), label, "", values))
    return report


def _row(name, outcomes):
    outcome = outcomes[name]
    seconds = outcome.figures("fit_seconds")
    row = {"contender": name, "fit, s": spread(seconds), "it / ours": ""}
    if OURS in outcomes and name != OURS:
        row["it / ours"] = ratio(seconds, outcomes[OURS].figures("fit_seconds"))
    row["predict, s"] = spread(outcome.figures("predict_seconds"))
    row["log loss"] = _decimals(outcome.figures("log_loss"))
    row["AUC"] = _decimals(outcome.figures("auc"))
    row["peak MiB"] = f"{outcome.peak_mib:.0f} (data {outcome.info['data_mib']:.0f})"
    return row


def _decimals(values):
    found = spread(values)
    text = f"{found.median:.4f}"
    if found.low < found.high:
        text += f" ({found.low:.4f}..{found.high:.4f})"
    return text
