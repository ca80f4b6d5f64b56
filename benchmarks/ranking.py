r"""Rankers beside LightGBM's and XGBoost's, and beside the order of probabilities.

    python -m benchmarks.ranking --seeds 5
    python -m benchmarks.ranking --data lastfm_implicit.parquet --group user
    python -m benchmarks.ranking --data movielens100k.parquet --target rating \
        --drop liked,timestamp,movie_title,zip_code

Without --data the groups are queries of a segment with items, graded 0 to 3 by a
factorisation of both and a price that suits a budget or not. Some queries are graded
more strictly than others, which no column tells. Those that are scored are new.

Rows of a file are drawn for the training from each group at random, so that those that
are scored are other rows of known groups. Early stopping is by rows of the same kind
for all.
"""

from __future__ import annotations

import argparse
import time
import warnings

import numpy as np
import pandas as pd

from sklearn_dcn import DCNClassifier, DCNRanker, DCNRegressor
from sklearn_dcn.metrics import group_auc_score, mean_reciprocal_rank, ndcg_at_k

FACTORS = 4
LOSSES = ("softmax", "lambdarank", "pairwise")
NAMES = (*LOSSES, "pointwise", "LightGBM", "XGBoost")


def make_queries(rows, seed):
    """Return queries with items: table, grades, groups, and which are to be scored."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(5, 26, rows // 15)
    n = int(sizes.sum())
    group = np.repeat(np.arange(len(sizes)), sizes)
    segment = rng.integers(0, 40, len(sizes))[group]
    item = rng.zipf(1.3, n) % 150
    of_segment = rng.normal(size=(40, FACTORS))
    of_item = rng.normal(size=(150, FACTORS))
    quality, price = rng.normal(size=150)[item], rng.normal(size=n)
    budget = rng.normal(size=len(sizes))[group]
    utility = 0.7 * (of_segment[segment] * of_item[item]).sum(axis=1) + 0.5 * quality
    strictness = 1.5 * rng.normal(size=len(sizes))[group]
    utility += 0.7 * price * budget - strictness + rng.normal(size=n)
    grade = np.digitize(utility, np.quantile(utility, [0.6, 0.8, 0.93]))
    table = pd.DataFrame(
        {
            "segment": np.char.add("s", segment.astype(str)),
            "item": np.char.add("i", item.astype(str)),
            "price": price,
            "budget": budget,
        }
    )
    return table, grade, group, group >= 0.75 * len(sizes)


def read_rows(path, rows, seed, group, target, drop):
    """Return some of the groups of a file, and which of their rows are to be scored."""
    rng = np.random.default_rng(seed)
    table = pd.read_parquet(path).drop(columns=[name for name in drop if name])
    codes = pd.factorize(table[group])[0]
    turn = rng.permutation(codes.max() + 1)
    kept = turn < np.searchsorted(np.cumsum(np.bincount(turn[codes])), rows) + 1
    table = table[kept[codes]]
    table = table.iloc[np.argsort(pd.factorize(table[group])[0], kind="stable")]
    table = table.reset_index(drop=True)
    y = table.pop(target).to_numpy()
    codes = pd.factorize(table[group])[0]
    ids = [name for name in table if name.endswith("_id")]
    table = table.astype(dict.fromkeys(ids, str))
    return table, y, codes, rng.random(len(y)) < 0.25


def fit_dcn(name, X, y, group, seed, validation):
    """Return the scores' function of one of our estimators."""
    texts = X.select_dtypes(exclude="number")
    lists = {
        c: "|"
        for c in texts
        if texts[c].astype(str).str.contains("|", regex=False).any()
    }
    how = {"validation": validation, "random_state": seed}
    how["multivalued_features"] = lists or "from_dtype"
    if name in LOSSES:
        return DCNRanker(loss=name, **how).fit(X, y, qid=group).predict
    if validation == "groups":
        how["validation_groups"] = group
    if len(np.unique(y)) > 2:
        return DCNRegressor(**how).fit(X, y).predict
    return DCNClassifier(**how).fit(X, y).decision_function


def fit_trees(name, X, y, group, seed, validation):
    """Return the scores' function of a rival, stopped by a tenth of groups or rows."""
    rng = np.random.default_rng(seed)
    by = group if validation == "groups" else np.arange(len(y))
    held = (rng.permutation(by.max() + 1) < 0.1 * by.max())[by]
    texts = X.select_dtypes(exclude="number").columns
    levels = {name: X[name].dropna().unique() for name in texts}

    def cast(table):
        known = {c: table[c].where(table[c].isin(of)) for c, of in levels.items()}
        return table.assign(
            **{c: pd.Categorical(known[c], of) for c, of in levels.items()}
        )

    X = cast(X)
    train, valid = (X[~held], y[~held]), (X[held], y[held])
    if name == "LightGBM":
        from lightgbm import LGBMRanker, early_stopping

        model = LGBMRanker(
            n_estimators=1000,
            learning_rate=0.05,
            random_state=seed,
            verbose=-1,
            n_jobs=1,
        )
        model.fit(
            *train,
            group=sizes(group[~held]),
            eval_set=[valid],
            eval_group=[sizes(group[held])],
            eval_at=[10],
            callbacks=[early_stopping(50, verbose=False)],
        )
    else:
        from xgboost import XGBRanker

        model = XGBRanker(
            objective="rank:ndcg",
            n_estimators=1000,
            learning_rate=0.05,
            tree_method="hist",
            enable_categorical=True,
            early_stopping_rounds=50,
            eval_metric="ndcg@10",
            random_state=seed,
            n_jobs=1,
        )
        model.fit(
            *train,
            qid=group[~held],
            eval_set=[valid],
            eval_qid=[group[held]],
            verbose=False,
        )
    return lambda table: model.predict(cast(table))


def sizes(group):
    """Return the sizes of groups that follow each other."""
    return np.diff(np.flatnonzero(np.diff(group, prepend=-1, append=-1)))


def run(table, y, group, scored, validation, seed, only):
    """Return the figures of the contenders on one split."""
    found = []
    X, X_test = table[~scored], table[scored]
    # Relevant to reciprocal rank and GAUC is the upper half of grades.
    good = (y[scored] > y.max() / 2).astype(int)
    for name in only:
        fit = fit_trees if name in ("LightGBM", "XGBoost") else fit_dcn
        begun = time.perf_counter()
        predict = fit(name, X, y[~scored], group[~scored], seed, validation)
        seconds = time.perf_counter() - begun
        score, of = predict(X_test), group[scored]
        figures = {
            "NDCG@10": ndcg_at_k(y[scored], score, of),
            "MRR": mean_reciprocal_rank(good, score, of),
            "GAUC": group_auc_score(good, score, of),
            "seconds": seconds,
        }
        print(f"  {name}: {figures}", flush=True)
        found.append({"model": name, **figures})
    return found


def main():
    """Measure; print a table of means and spreads over the seeds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--data", help="a parquet file of rows in groups")
    parser.add_argument("--group", default="user_id", help="its column of groups")
    parser.add_argument("--target", default="label", help="its column of relevance")
    parser.add_argument("--drop", default="", help="columns to leave out")
    parser.add_argument("--only", default=",".join(NAMES), help="the contenders")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    found = []
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        print(f"seed {seed}", flush=True)
        if options.data:
            names = options.group, options.target, options.drop.split(",")
            rows = read_rows(options.data, options.rows, seed, *names)
        else:
            rows = make_queries(options.rows, seed)
        validation = "random" if options.data else "groups"
        found += run(*rows, validation, seed, options.only.split(","))
    frame = pd.DataFrame(found)
    table = frame.groupby("model", sort=False).agg(["mean", "std"])
    print(table.round(4).to_string())


if __name__ == "__main__":
    main()
