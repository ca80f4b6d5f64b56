"""Models of rows that come day by day: new ids learned, unknown, hashed, or refitted.

    python -m benchmarks.days --rows 2000000 --days 60 --seeds 5
    python -m benchmarks.days --movielens ml-100k --seeds 5

Every day is predicted before it is learned (progressive validation). In the synthetic
stream users and videos arrive and vanish; a click follows a factorisation of both, that
a model can know of ids alone. river's logistic regression takes part where it is
installed.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import pandas as pd
from sklearn.metrics import log_loss, roc_auc_score

from sklearn_dcn import DCNClassifier
from sklearn_dcn.model_selection import progressive_validate

FACTORS = 4
REFIT = 7  # days between two full fits
BUCKETS = 4096  # of a hashed column
NAMES = ("learn", "unknown", "hashing", "refit", "river")


def make_stream(rows, days, seed):
    """Return clicks (table, y, day) of users and videos that come and go.

    A tenth of the ids that are there on a day is new, and as many have gone: an id
    lives for ten days on average.
    """
    rng = np.random.default_rng(seed)
    per_day = rows // days
    n_alive = {"user": max(50, per_day // 20), "video": max(20, per_day // 60)}
    alive, known = {}, {}
    for name in n_alive:
        known[name] = 0
        alive[name] = np.empty(0, dtype=int)
    factors = {name: np.empty((0, FACTORS + 1)) for name in n_alive}
    parts = []
    for day in range(days):
        drawn = {}
        for name, n in n_alive.items():
            stays = rng.random(len(alive[name])) < 0.9
            n_new = n - int(stays.sum())
            new = np.arange(known[name], known[name] + n_new)
            known[name] += n_new
            more = rng.normal(size=(n_new, FACTORS + 1))
            factors[name] = np.vstack([factors[name], more])
            alive[name] = np.concatenate([alive[name][stays], new])
            share = 1 / np.arange(1, n + 1) ** 0.7
            drawn[name] = rng.choice(alive[name], per_day, p=share / share.sum())
        u, v = factors["user"][drawn["user"]], factors["video"][drawn["video"]]
        logit = -1.0 + 0.5 * u[:, -1] + v[:, -1]
        logit += 0.6 * (u[:, :-1] * v[:, :-1]).sum(axis=1)
        hour = rng.integers(0, 24, per_day)
        logit += 0.3 * np.sin(hour / 24 * 2 * np.pi)
        parts.append(
            pd.DataFrame(
                {
                    "user": np.char.add("u", drawn["user"].astype(str)),
                    "video": np.char.add("v", drawn["video"].astype(str)),
                    "hour": hour.astype(float),
                    "taste": np.where(v[:, 0] > 0, "a", "b"),
                    "day": day,
                    "click": rng.random(per_day) < 1 / (1 + np.exp(-logit)),
                }
            )
        )
    table = pd.concat(parts, ignore_index=True)
    y = table.pop("click").to_numpy().astype(int)
    return table, y, table.pop("day").to_numpy()


def read_stream(path):
    """Return ratings of MovieLens, whether they are 4 or more, and their weeks."""
    if str(path).endswith(".parquet"):
        table = pd.read_parquet(path)
        seconds = table["timestamp"]
        names = ["user_id", "movie_id", "age", "gender", "occupation", "genres"]
        liked = table["rating"] >= 4
        table = table[names].astype({"user_id": str, "movie_id": str})
    else:
        from sklearn_dcn.datasets import read_movielens

        rows = read_movielens(path)
        block = next(iter(rows.blocks(size=200_000)))
        table, liked = block.X, block.y >= 4
        seconds = table.pop("timestamp").astype("int64") // 10**9
    week = (seconds - seconds.min()) // (7 * 86_400)
    order = np.argsort(seconds.to_numpy(), kind="stable")
    table = table.iloc[order].reset_index(drop=True)
    return table, np.asarray(liked, dtype=int)[order], week.to_numpy()[order]


def contenders(seed, ids):
    """Return estimators, and how each learns."""
    common = {"random_state": seed}
    hashed = common | {"hashing": dict.fromkeys(ids, BUCKETS)}
    return {
        "learn": (DCNClassifier(**common, new_levels="learn"), {}),
        "unknown": (DCNClassifier(**common), {}),
        "hashing": (DCNClassifier(**hashed), {}),
        "refit": (DCNClassifier(**common), {"refit_every": REFIT}),
    }


def run(table, y, day, seed, ids, only):
    """Return figures of some contenders: log loss, AUC, seconds of the processor."""
    found = {}
    for name, (model, how) in contenders(seed, ids).items():
        if name not in only:
            continue
        begun = time.process_time()
        days = progressive_validate(model, table, y, time=day, n_initial=7, **how)
        weight = days["rows"].to_numpy()
        found[name] = {
            "log_loss": np.average(days["log_loss"], weights=weight),
            "roc_auc": np.average(days["roc_auc"].fillna(0.5), weights=weight),
            "unknown": np.average(days["unknown"], weights=weight),
            "seconds": time.process_time() - begun,
        }
        print(f"  {name}: {found[name]}", flush=True)
    if "river" in only and (river := _river(table, y, day)) is not None:
        found["river logistic regression"] = river
    return found


def _river(table, y, day):
    """Return the figures of river's logistic regression of levels, row by row."""
    try:
        from river import linear_model, optim, preprocessing
    except ImportError:
        return None
    model = preprocessing.OneHotEncoder() | linear_model.LogisticRegression(
        optim.AdaGrad(0.1)
    )
    begun = time.process_time()
    rows = table.astype(str).to_dict(orient="records")
    p = np.empty(len(y))
    for start in np.unique(day):  # a day is predicted, then learned
        at = np.flatnonzero(day == start)
        for k in at:
            p[k] = model.predict_proba_one(rows[k]).get(True, 0.5)
        for k in at:
            model.learn_one(rows[k], bool(y[k]))
    scored = day >= np.unique(day)[7]
    p, y = np.clip(p[scored], 1e-6, 1 - 1e-6), y[scored]
    return {
        "log_loss": log_loss(y, p),
        "roc_auc": roc_auc_score(y, p),
        "unknown": np.nan,
        "seconds": time.process_time() - begun,
    }


def main():
    """Measure; print a table of means and spreads over the seeds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--days", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--movielens", help="folder or parquet file of the ratings")
    parser.add_argument("--only", default=",".join(NAMES), help="the contenders")
    options = parser.parse_args()
    found = []
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        print(f"seed {seed}", flush=True)
        if options.movielens:
            stream, ids = read_stream(options.movielens), ("user_id", "movie_id")
        else:
            stream = make_stream(options.rows, options.days, seed)
            ids = ("user", "video")
        for name, figures in run(*stream, seed, ids, options.only.split(",")).items():
            found.append({"model": name, "seed": seed, **figures})
    frame = pd.DataFrame(found).drop(columns="seed")
    table = frame.groupby("model", sort=False).agg(["mean", "std"])
    print(table.round(4).to_string())


if __name__ == "__main__":
    main()
