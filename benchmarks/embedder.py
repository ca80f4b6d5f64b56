"""`CategoricalEmbedder` before other models, against ordinal codes in its place."""

from __future__ import annotations

import importlib.util
import os
import time

import numpy as np

from .data import load_clicks
from .report import Panel, Report, spread
from .workers import Contender, NotInstalled, measure, progress

DEFAULTS = {"rows": 100_000, "repeats": 5}
ORDINAL, EMBEDDER = "ordinal codes", "CategoricalEmbedder"
CONTENDERS = (
    (ORDINAL, "Ordinal"),
    ("target encoding", "Target"),
    (EMBEDDER, "Embedder"),
    (f"{EMBEDDER} (of other rows)", "EmbedderOfOthers"),
)
NAMES = [name for name, _ in CONTENDERS]
LIGHTGBM = "LightGBM"
MODELS = ("LogisticRegression", LIGHTGBM, "HistGradientBoosting")


class Coding:
    """A way from categories to numbers, and what the models make of them.

    A turn is a split into training and test rows, another one each time, the same for
    all contenders. Numbers are prepared before the coding, the same way for all.

    A subclass has `encode`.

    Parameters
    ----------
    name : str
        In the report.
    models : list of str
        Some of `MODELS`.
    table : dict
        Arguments of `load_table`.
    threads : int
        Number of threads.
    """

    def __init__(self, name, models, table, threads):
        self.name, self.models, self.threads = name, models, threads
        self.X, self.y = load_table(**table)
        self.seed = 0
        categories = categorical_names(self.X)
        self.info = {"rows": len(self.X), "columns": len(self.X.columns)}
        self.info["categories"] = len(categories)
        self.info["levels"] = sum(self.X[name].nunique() for name in categories)

    def encode(self, X, y, X_test, seed):
        """Yield ways to encode: name, training rows, their y, test rows.

        Parameters
        ----------
        X, X_test : DataFrame
            Training and test rows, the numbers prepared.
        y : ndarray
            Of the training rows.
        seed : int
            Random state.
        """
        raise NotImplementedError

    def turn(self):
        """Return the figures of every way to encode: seconds, loss and AUC a model."""
        from sklearn.model_selection import train_test_split

        seed, self.seed = self.seed, self.seed + 1
        split = train_test_split(self.X, self.y, stratify=self.y, random_state=seed)
        X, X_test, y, y_test = split
        X, X_test = prepare_numbers(X, X_test)
        figures = {}
        start = time.perf_counter()
        for name, Z, y_of_Z, Z_test in self.encode(X, y, X_test, seed):
            figures[name] = {"seconds": time.perf_counter() - start}
            figures[name]["columns"] = Z.shape[1]
            for model in self.models:
                progress(f"seed {seed}: {model} on {name}")
                figures[name][model] = self._score(
                    make_model(model, seed, self.threads), Z, y_of_Z, Z_test, y_test
                )
            start = time.perf_counter()
        return figures

    def _score(self, model, Z, y, Z_test, y_test):
        from sklearn.metrics import log_loss, roc_auc_score

        p = model.fit(Z, y).predict_proba(Z_test)[:, 1]
        return {"log_loss": log_loss(y_test, p), "auc": roc_auc_score(y_test, p)}


class Ordinal(Coding):
    """Every level a number, in the order of their names."""

    def encode(self, X, y, X_test, seed):
        """Yield the only way."""
        from sklearn.preprocessing import OrdinalEncoder

        unknown = {"handle_unknown": "use_encoded_value", "unknown_value": -1}
        encoder = beside_numbers(OrdinalEncoder(**unknown, encoded_missing_value=-2), X)
        yield self.name, encoder.fit_transform(X, y), y, encoder.transform(X_test)


class Target(Coding):
    """scikit-learn's mean target of a level, cross-fitted."""

    def encode(self, X, y, X_test, seed):
        """Yield the only way."""
        from sklearn.preprocessing import TargetEncoder

        encoder = beside_numbers(TargetEncoder(random_state=seed), X)
        yield self.name, encoder.fit_transform(X, y), y, encoder.transform(X_test)


class Embedder(Coding):
    """The embedder, fitted to the rows that the models are fitted to."""

    def encode(self, X, y, X_test, seed):
        """Yield `fit_transform`, and if it differs from `transform`, this, too."""
        embedder = make_embedder(seed)
        Z = dense(embedder.fit_transform(X, y))
        Z_test = dense(embedder.transform(X_test))
        yield self.name, Z, y, Z_test
        again = dense(embedder.transform(X))
        if not np.allclose(Z, again, rtol=1e-3, atol=1e-4):
            yield f"{self.name} (fit then transform)", again, y, Z_test


class EmbedderOfOthers(Coding):
    """The embedder, fitted to half of the rows, and the models to the other half."""

    def encode(self, X, y, X_test, seed):
        """Yield the only way."""
        from sklearn.model_selection import train_test_split

        split = train_test_split(X, y, test_size=0.5, stratify=y, random_state=seed)
        X_first, X_second, y_first, y_second = split
        embedder = make_embedder(seed).fit(X_first, y_first)
        Z, Z_test = (dense(embedder.transform(part)) for part in (X_second, X_test))
        yield self.name, Z, y_second, Z_test


def make_embedder(seed):
    """Return the embedder with its defaults."""
    from sklearn_dcn.preprocessing import CategoricalEmbedder

    return CategoricalEmbedder(categorical_features="from_dtype", random_state=seed)


def dense(Z):
    """Return what a transformer gave as an array."""
    return np.asarray(Z, dtype=np.float64)


def categorical_names(X):
    """Return the names of the columns that are not numbers."""
    numbers = set(X.select_dtypes("number").columns)
    return [name for name in X.columns if name not in numbers]


def beside_numbers(encoder, X):
    """Return an encoder of the categories that lets the numbers pass."""
    from sklearn.compose import make_column_transformer

    transformer = make_column_transformer(
        (encoder, categorical_names(X)),
        remainder="passthrough",
        sparse_threshold=0.0,
    )
    return transformer


def prepare_numbers(X, X_test):
    """Return both frames with numbers normalised by rank, and imputed.

    An indicator follows for every column of numbers with missing ones.
    """
    import pandas as pd
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import QuantileTransformer

    categories = categorical_names(X)
    if len(categories) == X.shape[1]:
        return X, X_test
    scaler = QuantileTransformer(
        n_quantiles=min(1000, len(X)), output_distribution="normal", random_state=0
    )
    prepare = make_pipeline(scaler, SimpleImputer(add_indicator=True))
    numbers = X.columns.difference(categories, sort=False)
    prepare.fit(X[numbers].astype(float))
    frames = []
    for part in (X, X_test):
        z = prepare.transform(part[numbers].astype(float))
        z = pd.DataFrame(z, index=part.index).add_prefix("number ")
        frames.append(pd.concat([part[categories], z], axis=1))
    return frames


def make_model(name, seed, threads):
    """Return a model of `MODELS` for a table of numbers."""
    if name == LIGHTGBM:
        from lightgbm import LGBMClassifier

        return LGBMClassifier(n_jobs=threads, random_state=seed, verbose=-1)
    if name == "HistGradientBoosting":
        from sklearn.ensemble import HistGradientBoostingClassifier

        return HistGradientBoostingClassifier(random_state=seed)
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))


def load_table(rows, path=None, target=None, categorical=()):
    """Return a frame, and 0 or 1 for every row.

    Parameters
    ----------
    rows : int
        Rows of the synthetic click log.
    path : str or None, default=None
        A file in the format of parquet, in place of the click log; all its rows.
    target : str or None, default=None
        Its column of two values.
    categorical : sequence of str, default=()
        Columns of numbers that are ids.
    """
    if path is None:
        clicks = load_clicks(rows)
        return clicks.frame(), clicks.y.astype(int)
    import pandas as pd

    table = pd.read_parquet(path)
    table.columns = table.columns.map(str)
    table = table[table[target].notna()]
    values = sorted(table[target].unique())
    if len(values) != 2:
        raise ValueError(f"{target} must hold two values; it has {len(values)}.")
    X = table.drop(columns=target).astype(dict.fromkeys(categorical, "category"))
    return X, (table[target] == values[1]).to_numpy().astype(int)


def add_options(parser):
    """Add this suite's options."""
    parser.add_argument("--table", help="a parquet file, in place of synthetic clicks")
    parser.add_argument("--target", help="its column of two values")
    parser.add_argument("--categorical", help="NAME,NAME of its numbers that are ids")


def run(options):
    """Measure the chosen codings before every model; return the report."""
    if (options.table is None) != (options.target is None):
        raise SystemExit("--table and --target go together")
    report = Report("embedder", vars(options))
    models = list(MODELS)
    if importlib.util.find_spec("lightgbm") is None:
        if options.require_all:
            raise NotInstalled("no module lightgbm")
        progress(f"{LIGHTGBM}: not installed, skipped")
        models.remove(LIGHTGBM)
    table = {"rows": options.rows, "target": options.target}
    if options.table:
        table["path"] = os.path.abspath(options.table)
        names = options.categorical.split(",") if options.categorical else []
        table["categorical"] = names
    else:
        load_clicks(options.rows)  # into its file
    config = {"models": models, "table": table, "threads": options.threads}
    contenders = [
        Contender(name, f"benchmarks.embedder:{target}", config | {"name": name})
        for name, target in CONTENDERS
        if name in options.only
    ]
    outcomes = measure(contenders, options)
    report.keep("embedder", outcomes)
    codings = {
        name: [turn[name] for turn in outcome.turns]
        for outcome in outcomes.values()
        for name in outcome.turns[0]
    }
    info = next(iter(outcomes.values())).info
    for model in models:
        rows = [_row(name, codings, model) for name in codings]
        report.table(f"{model}; splits: {options.repeats}", rows)
        losses = {
            name: spread(turn[model]["log_loss"] for turn in turns)
            for name, turns in codings.items()
        }
        report.panels.append(Panel(model, "log loss", "", losses))
    report.table(
        f"The coding: {info['rows']:,} rows, {info['categories']} of "
        f"{info['columns']} columns with {info['levels']:,} levels",
        [_coding_row(name, turns) for name, turns in codings.items()],
        _note(codings, models),
    )
    return report


def _row(name, codings, model):
    loss, auc = (_figures(codings[name], model, f) for f in ("log_loss", "auc"))
    row = {"coding": name, "log loss": _mean(loss), "AUC": _mean(auc)}
    row |= {f"log loss less than of {ORDINAL}": "", "on": ""}
    if ORDINAL in codings and name != ORDINAL:
        less = _figures(codings[ORDINAL], model, "log_loss") - loss
        row[f"log loss less than of {ORDINAL}"] = _mean(less)
        row["on"] = f"{(less > 0).sum()} of {len(less)}"
    return row


def _coding_row(name, turns):
    row = {"coding": name, "columns": turns[0]["columns"]}
    row["fit and transform, s"] = spread(turn["seconds"] for turn in turns)
    return row


def _figures(turns, model, figure):
    return np.array([turn[model][figure] for turn in turns])


def _mean(values):
    deviation = f" ± {np.std(values, ddof=1):.4f}" if len(values) > 1 else ""
    return f"{np.mean(values):.4f}{deviation}"


def _note(codings, models):
    notes = ["Cells are mean ± standard deviation over the splits, 75 / 25."]
    if EMBEDDER in codings:
        if f"{EMBEDDER} (fit then transform)" in codings:
            notes.append(
                f'"{EMBEDDER}" is its fit_transform, which gives the training rows '
                'other columns than transform; "(fit then transform)" is without that.'
            )
        else:
            notes.append(
                f'"{EMBEDDER}" is its fit_transform, which gives the training rows '
                "what transform gives: embeddings that have seen their y."
            )
    if {ORDINAL, EMBEDDER} <= codings.keys():
        for model in models:
            ours, theirs = (
                _figures(codings[name], model, "log_loss").mean()
                for name in (EMBEDDER, ORDINAL)
            )
            verdict = "beats" if ours < theirs else "does not beat"
            notes.append(f"{model}: {EMBEDDER} {verdict} {ORDINAL}.")
    return " ".join(notes)
