"""Losses beside other libraries': counts with an exposure, and quantiles of a price.

    python -m benchmarks.losses counts --rows 30000 --seeds 5
    python -m benchmarks.losses quantiles --housing california_housing.parquet --seeds 5

Counts are claims of motor policies like those of freMTPL, of rates that are known:
effects multiply, some only for two columns together. Rivals of trees get a tenth of the
rows to stop by, as ours takes. The seconds are not compared: all fits have one thread.
"""

from __future__ import annotations

import argparse
import time
import warnings

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.linear_model import PoissonRegressor
from sklearn.metrics import mean_pinball_loss, mean_poisson_deviance
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    OneHotEncoder,
    StandardScaler,
)

from sklearn_dcn import DCNRegressor

LEVELS = (0.05, 0.5, 0.95)
CATEGORIES = ("brand", "fuel", "area", "region")
QUIET = {"thread_count": 1, "verbose": False, "allow_writing_files": False}
ROUNDS = {"n_estimators": 2000, "learning_rate": 0.05}


def make_claims(rows, seed):
    """Return policies with their exposure, claims, and the rates of a year."""
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 90, rows)
    bonus = np.clip(50 + rng.exponential(15, rows) * (age < 40) * 2, 50, 230)
    table = pd.DataFrame(
        {
            "power": rng.integers(4, 16, rows),
            "vehicle_age": rng.integers(0, 25, rows),
            "driver_age": age,
            "bonus_malus": bonus.round(),
            "brand": [f"B{k}" for k in rng.integers(1, 12, rows)],
            "fuel": rng.choice(["Diesel", "Regular"], rows),
            "area": rng.choice(
                [*"ABCDEF"], rows, p=[0.15, 0.11, 0.28, 0.22, 0.2, 0.04]
            ),
            "density": np.exp(rng.normal(6, 1.8, rows)).round() + 1,
            "region": [f"R{k}" for k in rng.integers(11, 33, rows)],
        }
    )
    effects = np.random.default_rng(1)  # the same in every seed: they are the world
    log_rate = np.full(rows, -2.6)
    for name in CATEGORIES:
        codes = pd.Categorical(table[name], sorted(table[name].unique())).codes
        log_rate += effects.normal(0, 0.15, 40)[codes]
    log_rate += 0.6 * np.exp(-((age - 18) / 8.0)) + 0.012 * (bonus - 50)
    log_rate += 0.05 * np.log(table["density"]) - 0.02 * table["vehicle_age"]
    log_rate += 0.09 * (table["power"] - 8) * (age < 28)
    both = effects.normal(0, 0.3, (40, 40))
    brand = table["brand"].str[1:].astype(int)
    log_rate += both[brand, table["region"].str[1:].astype(int)]
    rate = np.exp(np.asarray(log_rate))
    table["exposure"] = np.where(
        rng.random(rows) < 0.3, 1.0, rng.uniform(0.02, 1, rows)
    )
    return table, rng.poisson(rate * table["exposure"]).astype(float), rate


def linear():
    """Return scikit-learn's Poisson regression, with bins and levels."""
    to_log = FunctionTransformer(np.log, feature_names_out="one-to-one")
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), [*CATEGORIES, "power"]),
        (KBinsDiscretizer(10, random_state=0), ["vehicle_age", "driver_age"]),
        (make_pipeline(to_log, StandardScaler()), ["density"]),
        (StandardScaler(), ["bonus_malus"]),
    )
    return make_pipeline(columns, PoissonRegressor(alpha=1e-4, max_iter=500))


def of_counts(train, test, y, seed):
    """Yield the names and predictions of claims of each library."""
    exposure = train["exposure"].to_numpy()
    model = DCNRegressor(
        loss="poisson", exposure="exposure", validation="random", random_state=seed
    )
    yield "DCNRegressor", lambda: model.fit(train, y).predict(test)
    X, X_test = (table.drop(columns="exposure") for table in (train, test))
    fit, stop = train_test_split(np.arange(len(y)), test_size=0.1, random_state=seed)
    log = np.log(exposure)

    def lightgbm():
        from lightgbm import LGBMRegressor, early_stopping

        a, b = (as_categories(table) for table in (X, X_test))
        found = LGBMRegressor(
            objective="poisson", **ROUNDS, random_state=seed, n_jobs=1, verbose=-1
        )
        found.fit(
            a.iloc[fit], y[fit], init_score=log[fit],
            eval_set=[(a.iloc[stop], y[stop])], eval_init_score=[log[stop]],
            callbacks=[early_stopping(50, verbose=False)],
        )  # fmt: skip
        return np.exp(found.predict(b, raw_score=True)) * test["exposure"]

    def catboost():
        from catboost import CatBoostRegressor, Pool

        found = CatBoostRegressor(loss_function="Poisson", random_seed=seed, **QUIET)
        pools = [
            Pool(X.iloc[at], y[at], cat_features=[*CATEGORIES], baseline=log[at])
            for at in (fit, stop)
        ]
        found.fit(pools[0], eval_set=pools[1], early_stopping_rounds=50)
        raw = found.predict(X_test, prediction_type="RawFormulaVal")
        return np.exp(raw) * test["exposure"]

    yield "LightGBM", lightgbm
    yield "CatBoost", catboost
    rates = linear()
    yield (
        "PoissonRegressor",
        lambda: (
            rates.fit(
                X, y / exposure, poissonregressor__sample_weight=exposure
            ).predict(X_test)
            * test["exposure"]
        ),
    )


def as_categories(table):
    """Return the columns of strings as LightGBM reads them, of the same levels."""
    levels = {
        "brand": [f"B{k}" for k in range(1, 12)],
        "fuel": ["Diesel", "Regular"],
        "area": [*"ABCDEF"],
        "region": [f"R{k}" for k in range(11, 33)],
    }
    types = {name: pd.CategoricalDtype(known) for name, known in levels.items()}
    return table.astype(types)


def run_counts(rows, seed):
    """Return the deviance of claims, and how far it is above that of the true rates."""
    table, y, rate = make_claims(2 * rows, seed)
    train, test = table.iloc[:rows], table.iloc[rows:]
    truth = (rate * table["exposure"])[rows:]
    least = mean_poisson_deviance(y[rows:], truth)
    mean = y[:rows].sum() / train["exposure"].sum() * test["exposure"]
    base = mean_poisson_deviance(y[rows:], mean)
    for name, predict in of_counts(train, test, y[:rows], seed):
        begun = time.perf_counter()
        found = mean_poisson_deviance(y[rows:], np.asarray(predict()))
        yield (
            name,
            {
                "deviance": found,
                "of what can be told": (base - found) / (base - least),
                "seconds": time.perf_counter() - begun,
            },
        )


def of_quantiles(train, test, y, seed):
    """Yield the names, quantiles and, of ours, intervals of each library."""
    model = DCNRegressor(
        loss="quantile", quantiles=LEVELS, validation="random", random_state=seed
    )

    def ours():
        model.fit(train, y)
        return model.predict_quantiles(test), model.predict_interval(test)

    yield "DCNRegressor", ours
    fit, stop = train_test_split(np.arange(len(y)), test_size=0.1, random_state=seed)

    def lightgbm():
        from lightgbm import LGBMRegressor, early_stopping

        each = []
        for level in LEVELS:
            found = LGBMRegressor(
                objective="quantile", alpha=level, **ROUNDS,
                random_state=seed, n_jobs=1, verbose=-1,
            )  # fmt: skip
            found.fit(
                train.iloc[fit], y[fit], eval_set=[(train.iloc[stop], y[stop])],
                callbacks=[early_stopping(50, verbose=False)],
            )  # fmt: skip
            each.append(found.predict(test))
        return np.stack(each, axis=1), None

    def catboost():
        from catboost import CatBoostRegressor

        levels = ",".join(map(str, LEVELS))
        found = CatBoostRegressor(
            loss_function=f"MultiQuantile:alpha={levels}", iterations=2000,
            random_seed=seed, **QUIET,
        )  # fmt: skip
        eval_set = (train.iloc[stop], y[stop])
        found.fit(train.iloc[fit], y[fit], eval_set=eval_set, early_stopping_rounds=50)
        return found.predict(test), None

    yield "LightGBM", lightgbm
    yield "CatBoost", catboost


def run_quantiles(path, seed):
    """Return pinball losses, coverage and width of intervals, and crossings."""
    table = pd.read_parquet(path)
    y = table.pop("MedHouseVal").to_numpy()
    train, test, y, y_test = train_test_split(table, y, random_state=seed)
    for name, predict in of_quantiles(train, test, y, seed):
        begun = time.perf_counter()
        q, interval = predict()
        seconds = time.perf_counter() - begun
        each = [
            mean_pinball_loss(y_test, q[:, k], alpha=level)
            for k, level in enumerate(LEVELS)
        ]
        found = {
            "pinball loss": np.mean(each),
            "of the median": each[1],
            **_of_ends(q[:, 0], q[:, -1], y_test),
            "crossed": np.mean((np.diff(q) < 0).any(axis=1)),
            "seconds": seconds,
        }
        yield name, found
        if interval is not None:
            yield f"{name}, predict_interval", _of_ends(*interval.T, y_test)


def _of_ends(low, high, y):
    inside = (low <= y) & (y <= high)
    return {"inside": np.mean(inside), "width": np.mean(high - low)}


def main():
    """Measure; print a table of means and spreads over the seeds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suite", choices=("counts", "quantiles"))
    parser.add_argument("--rows", type=int, default=30_000, help="of training")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--housing", help="parquet file of california_housing")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", "Bins whose width are too small")
    found = []
    for seed in range(options.seeds):
        if options.suite == "counts":
            figures = run_counts(options.rows, seed)
        else:
            figures = run_quantiles(options.housing, seed)
        for name, row in figures:
            print(f"  {seed} {name}: {row}", flush=True)
            found.append({"model": name, **row})
    frame = pd.DataFrame(found)
    table = frame.groupby("model", sort=False).agg(["mean", "std"])
    print(table.round(4).to_string())


if __name__ == "__main__":
    main()
