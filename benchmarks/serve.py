"""Serving: one row at a time without the Python of the estimator, against trees."""

from __future__ import annotations

import json

import numpy as np

from .data import load_clicks
from .predict import timed_calls
from .report import Panel, Report, ratio, spread
from .trees import LIBRARIES, make_trees
from .workers import choose, measure

OURS = "sklearn-dcn (ONNX)"
DEFAULTS = {"rows": 50_000, "repeats": 5}
N_TREES = 300
N_COMPARED = 1000
RUNTIME = ("onnx", "onnxruntime")
CONTENDERS = (
    (OURS, "Graph", {"inputs": "columns"}, RUNTIME),
    ("sklearn-dcn (ONNX matrix)", "Graph", {"inputs": "matrix"}, RUNTIME),
    (
        "sklearn-dcn (ONNX matrix, mean of 2)",
        "Graph",
        {"inputs": "matrix", "n_members": 2},
        RUNTIME,
    ),
    ("sklearn-dcn (predict_proba)", "Estimator", {}, ()),
    *((name, name.title(), {}, LIBRARIES[name]) for name in ("catboost", "lightgbm")),
)
NAMES = [name for name, *_ in CONTENDERS]


class Server:
    """A fitted model whose turn is to predict for single rows.

    A subclass fits in its constructor; `ready` makes of a row what `predict` takes.

    Parameters
    ----------
    rows : int
        Rows to fit on.
    calls : int
        Single rows to predict.
    cross : str
        Parameterisation of the cross layers, for networks.
    """

    n_members = 1  # networks

    def __init__(self, rows, calls, cross):
        self.cross = cross
        clicks = load_clicks(rows + max(calls, N_COMPARED))
        X = clicks.frame()
        self.numbers = list(X.select_dtypes("number").columns)
        self.strings = [name for name in X if name not in self.numbers]
        self.X_train, self.X = X.iloc[:rows], X.iloc[rows:]
        self.y_train = clicks.y[:rows].astype(int)
        self.dicts = self.X.iloc[:calls].to_dict("records")
        self.info = {}

    def ready(self, row):
        """Return what `predict` takes, of a dict by column."""
        return row

    def predict(self, row):
        """Return P(y = 1) of a row that is ready."""
        raise NotImplementedError

    def turn(self):
        """Return milliseconds of each call, with rows that are ready and with dicts."""
        ready = [self.ready(row) for row in self.dicts]
        self.predict(ready[0])
        return {
            "ready_ms": timed_calls(self.predict, ready),
            "dict_ms": timed_calls(
                lambda row: self.predict(self.ready(row)), self.dicts
            ),
        }

    def _fit_network(self):
        from sklearn_dcn import DCNClassifier

        model = DCNClassifier(
            cross=self.cross, n_members=self.n_members, max_epochs=1, random_state=0
        )
        return model.fit(self.X_train, self.y_train)


class Estimator(Server):
    """`predict_proba` of `DCNClassifier`, which takes the dict itself."""

    def __init__(self, **config):
        super().__init__(**config)
        self.model = self._fit_network()

    def predict(self, row):
        """Return P(y = 1) of a row that is ready."""
        return self.model.predict_proba(row)[0, 1]


class Graph(Server):
    """The exported graph in ONNX Runtime, in one thread.

    Parameters
    ----------
    inputs : {"columns", "matrix"}
        As of `export`.
    n_members : int, default=1
        Networks whose mean it is.
    **config
        As `Server`.
    """

    def __init__(self, inputs, n_members=1, **config):
        self.n_members = n_members
        super().__init__(**config)
        import onnxruntime

        from sklearn_dcn.onnx import export, make_inputs

        model = self._fit_network()
        graph = export(model, inputs=inputs)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        file = graph.SerializeToString()
        self.session = onnxruntime.InferenceSession(file, options)
        self.held = json.loads(
            self.session.get_modelmeta().custom_metadata_map["columns"]
        )
        self.types = {
            each.name: np.float64 if each.type == "tensor(double)" else object
            for each in self.session.get_inputs()
        }
        some = self.X.iloc[:N_COMPARED]
        found = self._run(make_inputs(self.session, some))
        self.info = {
            "mib": len(file) / 2**20,
            "nodes": len(graph.graph.node),
            "difference": float(np.abs(found - model.predict_proba(some)).max()),
        }

    def _run(self, arrays):
        return self.session.run(["probabilities"], arrays)[0]

    def ready(self, row):
        """Return the arrays of the inputs."""
        return {
            name: np.array([[row[column] for column in columns]], self.types[name])
            for name, columns in self.held.items()
        }

    def predict(self, row):
        """Return P(y = 1) of a row that is ready."""
        return self._run(row)[0, 1]


class Catboost(Server):
    """CatBoost, which takes the strings as they are, from a list of cells."""

    def __init__(self, **config):
        super().__init__(**config)
        model = make_trees("catboost", self.X_train, 2, n_trees=N_TREES)
        self.model = model.fit(self.X_train, self.y_train)
        self.columns = list(self.X_train)

    def ready(self, row):
        """Return the cells in the columns' order."""
        return [row[name] for name in self.columns]

    def predict(self, row):
        """Return P(y = 1) of a row that is ready."""
        return self.model.predict_proba([row], thread_count=1)[0, 1]


class Lightgbm(Server):
    """LightGBM's booster, from an array of numbers and codes of categories."""

    def __init__(self, **config):
        super().__init__(**config)
        model = make_trees("lightgbm", self.X_train, 2, n_trees=N_TREES)
        model.fit(self.X_train, self.y_train)
        self.booster = model[-1].booster_
        self.columns = list(self.booster.feature_name())
        # A dict for each column: pandas' own categories take 100 times as long.
        self.codes = {
            name: {level: code for code, level in enumerate(dtype.categories)}
            for name, dtype in model[0].dtypes_.items()
        }

    def ready(self, row):
        """Return the array."""
        cells = [
            self.codes[name].get(row[name], np.nan) if name in self.codes else row[name]
            for name in self.columns
        ]
        return np.array([cells], dtype=np.float64)

    def predict(self, row):
        """Return P(y = 1) of a row that is ready."""
        return self.booster.predict(row, num_threads=1)[0]


def add_options(parser):
    """Add this suite's options."""
    parser.add_argument("--cross", default="vector", help="cross network")
    parser.add_argument("--calls", type=int, default=1000, help="with a single row")


def run(options):
    """Measure the chosen contenders; return the report."""
    report = Report("serve", vars(options))
    config = {"rows": options.rows, "calls": options.calls, "cross": options.cross}
    contenders = choose(CONTENDERS, "serve", config, options.only)
    outcomes = measure(contenders, options)
    report.keep("serve", outcomes)
    report.table(
        "One row, microseconds",
        [_row(name, outcomes) for name in outcomes],
        "13 numbers, 26 columns of ids. Ready: arrays for ONNX Runtime, a list for "
        "CatBoost, an array of codes for LightGBM, a dict for predict_proba. From a "
        "dict: the making of that included. One thread a call.",
    )
    graphs = [
        {
            "graph": name,
            "MiB": f"{outcome.info['mib']:.1f}",
            "nodes": outcome.info["nodes"],
            "largest difference to predict_proba": f"{outcome.info['difference']:.0e}",
        }
        for name, outcome in outcomes.items()
        if outcome.info
    ]
    report.table("The graphs", graphs)
    middle = {
        name: spread(_microseconds(outcome, "ready_ms", 0.5))
        for name, outcome in outcomes.items()
    }
    report.panels.append(Panel("one row, ready", "microseconds", "", middle))
    return report


def _row(name, outcomes):
    outcome, row = outcomes[name], {"contender": name}
    for figure, title in (("ready_ms", "ready"), ("dict_ms", "from a dict")):
        middle = _microseconds(outcome, figure, 0.5)
        row[f"{title}, p50"] = spread(middle)
        row[f"{title}, p99"] = spread(_microseconds(outcome, figure, 0.99))
        if OURS in outcomes:
            ours = _microseconds(outcomes[OURS], figure, 0.5)
            row[f"{title}, it / ours"] = "" if name == OURS else ratio(middle, ours)
    return row


def _microseconds(outcome, figure, q):
    return [1000 * float(np.quantile(times, q)) for times in outcome.figures(figure)]
