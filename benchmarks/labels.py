"""Several labels a row, and several tasks, in one network beside a fit for each.

    python -m benchmarks.labels --seeds 5
    python -m benchmarks.labels --tasks --seeds 5
    python -m benchmarks.labels --tasks --movielens movielens100k.parquet --seeds 5

Labels are columns of the shipped tables that others predict, and generated ones.
LightGBM takes part where it is installed, one fit for each label: with its defaults,
and stopped by a tenth of the rows. The time of a fit is that of one thread.
"""

from __future__ import annotations

import argparse
import importlib.util
import time

import numpy as np
import pandas as pd
from sklearn.datasets import make_multilabel_classification
from sklearn.metrics import log_loss, mean_squared_error, roc_auc_score
from sklearn.model_selection import train_test_split

from sklearn_dcn import DCNClassifier, DCNMultiTask, DCNRegressor
from sklearn_dcn.datasets import (
    load_adult,
    load_bank_marketing,
    load_online_shoppers,
)

ROWS = 6000  # of a table, of which a quarter is predicted
LEAST = 1e-6  # a probability of LightGBM may be 0
MOST_ROUNDS, PATIENCE = 2000, 50


def shipped(load, labels, dropped, seed):
    """Return some rows of a table, and columns of it as labels.

    Parameters
    ----------
    load : callable
    labels : dict of str to (column, callable)
        What makes a label of a column, which is then no feature.
    dropped : list of str
        Columns that tell a label.
    seed : int
    """
    data = load()
    table = data.frame.sample(ROWS, random_state=seed).reset_index(drop=True)
    y = {name: of(table[column]) for name, (column, of) in labels.items()}
    away = {column for column, _ in labels.values()} | {*dropped}
    return table.drop(columns=[*away]), pd.DataFrame(y).astype(int)


def adult(seed):
    """Return income, marriage, sex and long hours."""
    labels = {
        "rich": ("income", lambda of: of == 1),
        "married": ("marital-status", lambda of: of.str.startswith("Married")),
        "male": ("gender", lambda of: of == "Male"),
        "long hours": ("hours-per-week", lambda of: of > 40),
    }
    return shipped(load_adult, labels, ["relationship", "fnlwgt"], seed)


def bank(seed):
    """Return the answer to an offer, and which loans there are."""
    labels = {
        "deposit": ("deposit", lambda of: of == 1),
        "housing": ("housing", lambda of: of == "yes"),
        "loan": ("loan", lambda of: of == "yes"),
        "in debt": ("balance", lambda of: of < 0),
    }
    return shipped(load_bank_marketing, labels, ["duration"], seed)


def shoppers(seed):
    """Return a purchase, a weekend, a new visitor, and whether the visit bounced."""
    labels = {
        "purchase": ("Revenue", lambda of: of == 1),
        "weekend": ("Weekend", lambda of: of == 1),
        "new": ("VisitorType", lambda of: of == "New_Visitor"),
        "bounce": ("BounceRates", lambda of: of > 0),
    }
    return shipped(load_online_shoppers, labels, ["ExitRates"], seed)


def generated(seed):
    """Return scikit-learn's bags of words, with eight labels."""
    X, y = make_multilabel_classification(ROWS, 20, n_classes=8, random_state=seed)
    names = [f"label {k}" for k in range(8)]
    return pd.DataFrame(X).add_prefix("word "), pd.DataFrame(y, columns=names)


TABLES = {
    "adult": adult,
    "bank marketing": bank,
    "online shoppers": shoppers,
    "generated": generated,
}


def ours(X, y, seed):
    """Return the probabilities of one network for all labels."""
    model = DCNClassifier(random_state=seed, validation="random", n_jobs=1).fit(X, y)
    return model.predict_proba


def each_alone(X, y, seed):
    """Return those of one network for each label."""
    models = [
        DCNClassifier(random_state=seed, validation="random", n_jobs=1).fit(X, y[name])
        for name in y
    ]
    return lambda X: np.column_stack([m.predict_proba(X)[:, 1] for m in models])


def boosted(X, y, seed, stops=False):
    """Return those of LightGBM, one model for each label."""
    from lightgbm import LGBMClassifier, early_stopping

    def categories(X):
        strings = X.select_dtypes(exclude="number").columns
        return X.astype({name: levels[name] for name in strings})

    strings = X.select_dtypes(exclude="number").columns
    levels = {name: pd.CategoricalDtype(X[name].dropna().unique()) for name in strings}
    X, models = categories(X), []
    for name in y:
        quiet = {"random_state": seed, "n_jobs": 1, "verbose": -1}
        if not stops:
            models.append(LGBMClassifier(**quiet).fit(X, y[name]))
            continue
        X_fit, X_val, y_fit, y_val = train_test_split(
            X, y[name], test_size=0.1, random_state=seed, stratify=y[name]
        )
        model = LGBMClassifier(n_estimators=MOST_ROUNDS, **quiet)
        stop = early_stopping(PATIENCE, verbose=False)
        model.fit(X_fit, y_fit, eval_set=[(X_val, y_val)], callbacks=[stop])
        models.append(model)
    return lambda X: np.column_stack(
        [model.predict_proba(categories(X))[:, 1] for model in models]
    )


def stopped(X, y, seed):
    """Return those of LightGBM with early stopping."""
    return boosted(X, y, seed, stops=True)


CONTENDERS = {
    "one network": ours,
    "a network each": each_alone,
    "LightGBM each": boosted,
    "stopped LightGBM each": stopped,
}


def run_labels(seed, names):
    """Yield the figures of each table and contender."""
    for table, make in TABLES.items():
        X, y = make(seed)
        X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=seed)
        for name in names:
            begun = time.perf_counter()
            predict = CONTENDERS[name](X_train, y_train, seed)
            seconds = time.perf_counter() - begun
            p = np.clip(predict(X_test), LEAST, 1 - LEAST)
            losses = [log_loss(of, q) for of, q in zip(y_test.to_numpy().T, p.T)]  # noqa: B905
            yield {
                **{"table": table, "model": name},
                "log loss": np.mean(losses),
                "macro AUC": roc_auc_score(y_test, p),
                "seconds": seconds,
            }


# Tasks --------------------------------------------------------------------------------


def make_views(rows, seed):
    """Return clicks on videos, and the watch time of those that were clicked."""
    rng = np.random.default_rng(seed)
    user, video = rng.integers(0, 400, rows), rng.zipf(1.3, rows) % 200
    of_user, of_video = rng.normal(size=(400, 5)), rng.normal(size=(200, 5))
    taste = (of_user[user, :4] * of_video[video, :4]).sum(axis=1)
    click = rng.random(rows) < 1 / (1 + np.exp(2.0 - taste - of_video[video, 4]))
    watched = 60 + 20 * taste + 15 * rng.normal(size=rows)
    X = pd.DataFrame({"user": user, "video": video, "hour": rng.integers(0, 24, rows)})
    X = X.astype({"user": str, "video": str})
    number = np.where(click, watched, np.nan)
    return X, pd.DataFrame({"click": click.astype(int), "number": number})


def read_movielens(path, rows, seed):
    """Return some ratings, and whether they are of 4 or 5 stars."""
    table = pd.read_parquet(path).sample(rows, random_state=seed)
    X = table.drop(columns=["rating", "liked"], errors="ignore").reset_index(drop=True)
    ids = [name for name in X if name.endswith("_id")]
    X = X.astype(dict.fromkeys(ids, str))
    rating = table["rating"].to_numpy(dtype=float)
    return X, pd.DataFrame({"click": (rating >= 4).astype(int), "number": rating})


def run_tasks(seed, options):
    """Yield the figures of one network for both tasks, and of one for each."""
    if options.movielens:
        X, y = read_movielens(options.movielens, options.rows, seed)
    else:
        X, y = make_views(options.rows, seed)
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=seed)
    known, measured = y_train["number"].notna(), y_test["number"].notna()
    shared = {"random_state": seed, "validation": "random", "n_jobs": 1}

    begun = time.perf_counter()
    losses = {"click": "log_loss", "number": "squared_error"}
    model = DCNMultiTask(losses, **shared).fit(X_train, y_train)
    seconds = time.perf_counter() - begun
    p = model.predict_proba(X_test)["click"][:, 1]
    number = model.predict(X_test)["number"]
    yield {"model": "both tasks", **of_tasks(y_test, p, number, measured, seconds)}

    begun = time.perf_counter()
    one = DCNClassifier(**shared).fit(X_train, y_train["click"])
    other = DCNRegressor(**shared).fit(X_train[known], y_train["number"][known])
    seconds = time.perf_counter() - begun
    p, number = one.predict_proba(X_test)[:, 1], other.predict(X_test)
    yield {"model": "a fit each", **of_tasks(y_test, p, number, measured, seconds)}


def of_tasks(y, p, number, measured, seconds):
    """Return the figures of predictions of both tasks."""
    error = mean_squared_error(y["number"][measured], number[measured])
    return {
        "log loss": log_loss(y["click"], p),
        "AUC": roc_auc_score(y["click"], p),
        "RMSE": np.sqrt(error),
        "seconds": seconds,
    }


def main():
    """Measure; print a table of means and spreads over the seeds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", action="store_true", help="tasks in place of labels")
    parser.add_argument("--movielens", help="parquet file of the ratings, of tasks")
    parser.add_argument("--rows", type=int, default=20_000, help="of tasks")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--only", default=",".join(CONTENDERS), help="the contenders")
    parser.add_argument("--output", help="CSV file of the figures of every seed")
    options = parser.parse_args()
    names = options.only.split(",")
    if importlib.util.find_spec("lightgbm") is None:
        names = [name for name in names if "LightGBM" not in name]
    found = []
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        figures = run_tasks(seed, options) if options.tasks else run_labels(seed, names)
        for row in figures:
            print(f"seed {seed}", row, flush=True)
            found.append(row)
    frame = pd.DataFrame(found)
    if options.output:
        frame.to_csv(options.output, index=False)
    by = ["model"] if options.tasks else ["table", "model"]
    table = frame.groupby(by, sort=False).agg(["mean", "std"])
    print(table.round(4).to_string())


if __name__ == "__main__":
    main()
