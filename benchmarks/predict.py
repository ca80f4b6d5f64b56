"""Predicting: many rows at once, and one row at a time, from raw columns."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import torch
from sklearn.base import clone
from torch import nn

from .data import load_clicks
from .networks import BATCH_SIZE, LEARNING_RATE, PlainDCN
from .neural import encoded_tensors, estimator
from .report import Panel, Report, ratio, spread
from .trees import LIBRARIES, make_trees
from .workers import choose, measure, reset_peak_memory

OURS = "sklearn-dcn"
FLOAT32 = f"{OURS} (float32)"
DEFAULTS = {"rows": 100_000, "repeats": 5}
N_TREES = 300
CONTENDERS = (
    (OURS, "Ours", {}, ()),
    (FLOAT32, "Ours", {"dtype": "float32"}, ()),
    *((name, "Trees", {"library": name}, needs) for name, needs in LIBRARIES.items()),
    ("ColumnTransformer + skorch", "Pipeline", {}, ()),
    ("deepctr-torch (encoded)", "DeepCTR", {}, ("deepctr_torch",)),
)
NAMES = [name for name, *_ in CONTENDERS]


class Predictor:
    """A fitted model whose turn is to predict.

    A subclass fits in its constructor and has `predict`, from a frame to P(y = 1).

    Parameters
    ----------
    rows : int
        Rows to predict at once.
    train_rows : int
        Rows to fit on.
    calls : int
        Single rows to predict.
    cross : str
        Parameterisation of the cross layers, for networks.
    threads : int
        Number of threads.
    """

    def __init__(self, rows, train_rows, calls, cross, threads):
        self.cross, self.threads, self.calls = cross, threads, calls
        clicks = load_clicks(rows + train_rows)
        X = clicks.frame()
        self.y_train = clicks.y[:train_rows].astype(int)
        self.X_train, self.X = X.iloc[:train_rows], X.iloc[train_rows:]
        self.single = [self.X.iloc[i : i + 1] for i in range(calls)]
        self.dicts = self.X.iloc[:calls].to_dict("records")
        self.info = {"data_mib": reset_peak_memory()}

    def predict(self, X):
        """Return P(y = 1) of the rows of a frame."""
        raise NotImplementedError

    def turn(self):
        """Return rows a second of many, and milliseconds of each call with one."""
        start = time.perf_counter()
        self.predict(self.X)
        figures = {"rows_per_second": len(self.X) / (time.perf_counter() - start)}
        self.predict(self.single[0])
        figures["frame_ms"] = timed_calls(self.predict, self.single)
        from_dict = timed_calls(
            lambda row: self.predict(pd.DataFrame([row])), self.dicts
        )
        return figures | {"dict_ms": from_dict}


def timed_calls(function, arguments):
    """Return the milliseconds of a call with each of the arguments."""
    times = [time.perf_counter()]
    for argument in arguments:
        function(argument)
        times.append(time.perf_counter())
    return (np.diff(times) * 1000).tolist()


class Ours(Predictor):
    """`DCNClassifier`; also its parts alone, and rows of NumPy or as they are.

    Parameters
    ----------
    dtype : str, default="auto"
        Its precision.
    **config
        As `Predictor`.
    """

    def __init__(self, dtype="auto", **config):
        super().__init__(**config)
        made = estimator(self.cross, max_epochs=1, dtype=dtype)
        self.model = clone(made).fit(self.X_train, self.y_train)
        # On NumPy's rows of objects, too.
        self.on_arrays = made.fit(self.X_train.to_numpy(object), self.y_train)
        self.arrays = list(self.X.to_numpy(object)[: self.calls, None])

    def predict(self, X):
        """Return P(y = 1) of the rows of a frame."""
        return self.model.predict_proba(X)[:, 1]

    def turn(self):
        """As the others'; also other kinds of rows, and our time by its parts."""
        figures = super().turn()
        figures["array_ms"] = timed_calls(self.on_arrays.predict_proba, self.arrays)
        rows = [[row] for row in self.dicts]
        figures["dict_alone_ms"] = timed_calls(self.model.predict_proba, rows)
        # Whole and parts in turns: a few times, as their ratio has to be sharp.
        whole, encoding, network = np.median([self._parts() for _ in range(3)], axis=0)
        figures["encoding_rows_per_second"] = len(self.X) / encoding
        figures["network_rows_per_second"] = len(self.X) / network
        figures["share"] = (encoding + network) / whole
        return figures

    def _parts(self):
        from sklearn_dcn._training import predict_logits

        times = [time.perf_counter()]
        self.model.predict_proba(self.X)
        times.append(time.perf_counter())
        x = encoded_tensors(self.model, self.X)
        times.append(time.perf_counter())
        predict_logits(self.model.net_, x)
        times.append(time.perf_counter())
        return np.diff(times)


class Trees(Predictor):
    """Boosted trees.

    Parameters
    ----------
    library : str
        Which.
    **config
        As `Predictor`.
    """

    def __init__(self, library, **config):
        super().__init__(**config)
        model = make_trees(library, self.X_train, self.threads, n_trees=N_TREES)
        self.model = model.fit(self.X_train, self.y_train)

    def predict(self, X):
        """Return P(y = 1) of the rows of a frame."""
        return self.model.predict_proba(X)[:, 1]


def from_zero(ids):
    """Return ids from 0, which stands for unknown levels, -1 before."""
    return ids + 1


class Columns(nn.Module):
    """The plain network behind a single matrix, as a ColumnTransformer gives it."""

    def __init__(self, n_num, cardinalities, cross):
        super().__init__()
        self.n_num = n_num
        self.network = PlainDCN(n_num, cardinalities, cross)

    def forward(self, X):
        """Return the logits of shape (B, 1)."""
        return self.network(X[:, : self.n_num], X[:, self.n_num :].long())


class Pipeline(Predictor):
    """scikit-learn's own encoders before the plain network in skorch."""

    def __init__(self, **config):
        super().__init__(**config)
        from sklearn.compose import make_column_transformer
        from sklearn.impute import SimpleImputer
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import (
            FunctionTransformer,
            OrdinalEncoder,
            StandardScaler,
        )
        from skorch import NeuralNetBinaryClassifier

        numbers = self.X.select_dtypes("number").columns
        strings = [name for name in self.X if name not in numbers]
        levels = make_pipeline(
            OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
            FunctionTransformer(from_zero),
        )
        scaled = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
        encoder = make_column_transformer((scaled, numbers), (levels, strings))
        single = FunctionTransformer(np.asarray, kw_args={"dtype": np.float32})
        cardinalities = [self.X_train[name].nunique() + 1 for name in strings]
        net = NeuralNetBinaryClassifier(
            Columns(2 * len(numbers), cardinalities, self.cross),
            optimizer=torch.optim.Adam,
            lr=LEARNING_RATE,
            batch_size=BATCH_SIZE,
            max_epochs=1,
            train_split=None,
            verbose=0,
        )
        self.model = make_pipeline(encoder, single, net)
        self.model.fit(self.X_train, self.y_train.astype(np.float32))

    def predict(self, X):
        """Return P(y = 1) of the rows of a frame."""
        return self.model.predict_proba(X)[:, 1]


class DeepCTR(Predictor):
    """DeepCTR-Torch, from encoded arrays: it has no encoding of its own."""

    def __init__(self, rows, train_rows, **config):
        super().__init__(rows=rows, train_rows=train_rows, **config)
        from .libraries import deepctr_input, deepctr_model

        encoded = load_clicks(rows + train_rows).encoded(train_rows)
        self.model = deepctr_model(encoded, self.cross)
        train = encoded[:train_rows]
        self.model.fit(
            deepctr_input(train), train.y, batch_size=BATCH_SIZE, epochs=1, verbose=0
        )
        test = encoded[train_rows:]
        self.X = EncodedRows(deepctr_input(test))
        self.single = [
            EncodedRows(deepctr_input(test[i : i + 1])) for i in range(self.calls)
        ]
        self.dicts = []  # nothing to make a row of raw values with

    def predict(self, X):
        """Return P(y = 1) of encoded rows."""
        return self.model.predict(X.columns, batch_size=8192)[:, 0]


class EncodedRows:
    """Encoded columns that know their length, as a frame does."""

    def __init__(self, columns):
        self.columns = columns

    def __len__(self):
        """Return the number of rows."""
        return len(next(iter(self.columns.values())))


def add_options(parser):
    """Add this suite's options."""
    parser.add_argument("--cross", default="matrix", help="cross network")
    parser.add_argument("--train-rows", type=int, default=50_000)
    parser.add_argument("--calls", type=int, default=200, help="with a single row")


def run(options):
    """Measure the chosen contenders; return the report."""
    report = Report("predict", vars(options))
    config = {"rows": options.rows, "train_rows": options.train_rows}
    config |= {"calls": options.calls, "cross": options.cross}
    config["threads"] = options.threads
    contenders = choose(CONTENDERS, "predict", config, options.only)
    outcomes = measure(contenders, options)
    report.keep("predict", outcomes)
    report.table(
        "Many rows from a DataFrame",
        [_bulk_row(name, outcomes) for name in outcomes],
    )
    single = [
        _single_row(f"{name}, {label}", outcome, figure)
        for name, outcome in outcomes.items()
        for figure, label in (("frame_ms", "frame"), ("dict_ms", "dict"))
        if outcome.turns[0].get(figure)
    ]
    if OURS in outcomes:
        for figure, label in (("dict_alone_ms", "dict alone"), ("array_ms", "array")):
            single.append(_single_row(f"{OURS}, {label}", outcomes[OURS], figure))
    report.table(
        "One row, milliseconds",
        single,
        "From a frame of one row; from a dict, the making of the frame included; ours "
        "also from a dict that is no frame, and from a row of NumPy objects.",
    )
    if OURS in outcomes:
        report.table("Our time by parts", [_parts_row(outcomes[OURS])])
    bulk = {n: spread(o.figures("rows_per_second")) for n, o in outcomes.items()}
    report.panels.append(Panel("many rows", "rows a second", "", bulk))
    one = {n: spread(_quantiles(o, "frame_ms", 0.5)) for n, o in outcomes.items()}
    report.panels.append(Panel("one row, median", "milliseconds", "", one))
    return report


def _bulk_row(name, outcomes):
    speed = outcomes[name].figures("rows_per_second")
    row = {"contender": name, "rows/s": spread(speed), "ours / it": ""}
    if OURS in outcomes and name != OURS:
        row["ours / it"] = ratio(outcomes[OURS].figures("rows_per_second"), speed)
    row["peak MiB with its fit"] = f"{outcomes[name].peak_mib:.0f}"
    return row


def _single_row(label, outcome, figure):
    middle, high = (_quantiles(outcome, figure, q) for q in (0.5, 0.99))
    return {"contender": label, "p50": spread(middle), "p99": spread(high)}


def _quantiles(outcome, figure, q):
    return [float(np.quantile(times, q)) for times in outcome.figures(figure)]


def _parts_row(outcome):
    return {
        "encoding, rows/s": spread(outcome.figures("encoding_rows_per_second")),
        "network, rows/s": spread(outcome.figures("network_rows_per_second")),
        "(encoding + network) / predict_proba": spread(outcome.figures("share")),
    }
