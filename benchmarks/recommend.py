"""Lists of ten from all unseen items: ours, popularity, cosine neighbours and ALS.

    python -m benchmarks.recommend --movielens ml-100k.parquet --seeds 5
    python -m benchmarks.recommend --lastfm lastfm.parquet --seeds 5 --users 300
    python -m benchmarks.recommend --movielens ml-100k.parquet --speed

One interaction of each user is held out: the last one by time, or without times any,
drawn anew for each seed. Every item that the user has not taken is ranked. ALS is that
of `implicit`, and takes part where it is installed. `--speed` measures our scoring of
pairs by halves against that of a table of pairs, in turns.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from sklearn.neighbors import NearestNeighbors

from sklearn_dcn import DCNClassifier
from sklearn_dcn.recommend import (
    _lists,
    evaluate_recommendations,
    item_log_q,
    leave_one_out,
    recommend,
    sample_negatives,
)

K = 10
HISTORY = 10  # items that a user took before, as a column of levels


class Log:
    """Interactions, and what is known of users and items."""

    def __init__(self, interactions, users, items, time=None):
        self.interactions, self.users = interactions, users
        # Of equal scores the first item wins: in the order of a log, a popular one.
        self.items = items.sample(frac=1, random_state=0)
        self.time = time

    def split(self, seed):
        """Return interactions to train on, in their order, and one of each user."""
        rows = self.interactions
        if self.time is None:
            rows = rows.sample(frac=1, random_state=seed, ignore_index=True)
        else:
            rows = rows.sort_values(self.time, kind="stable", ignore_index=True)
        return leave_one_out(rows[["user", "item"]], user="user")


def read_movielens(path):
    """Return all ratings of MovieLens 100K as interactions."""
    rows = pd.read_parquet(path).rename(
        columns={"user_id": "user", "movie_id": "item", "release_year": "year"}
    )
    rows["genres"] = rows["genres"].str.split("|")
    users = rows[["user", "age", "gender", "occupation"]].drop_duplicates("user")
    items = rows[["item", "year", "genres"]].drop_duplicates("item")
    return Log(rows[["user", "item", "timestamp"]], users, items, "timestamp")


def read_lastfm(path):
    """Return the artists that users of Last.fm listened to."""
    rows = pd.read_parquet(path).rename(columns={"artist": "item"})
    rows["tags"] = rows["tags"].fillna("").str.split("|")
    users = rows[["user", "n_friends"]].drop_duplicates("user")
    items = rows[["item", "tags"]].drop_duplicates("item")
    return Log(rows.loc[rows["label"] == 1, ["user", "item"]], users, items)


# The rivals: scores of users and items from a matrix ----------------------------------


def matrix_of(train, log):
    """Return the 0/1 matrix of users and items."""
    row = pd.Index(log.users["user"]).get_indexer(train["user"])
    column = pd.Index(log.items["item"]).get_indexer(train["item"])
    shape = len(log.users), len(log.items)
    return csr_matrix((np.ones(len(row)), (row, column)), shape=shape).minimum(1)


def lookup(scores, log):
    """Return scores of users by their positions as a function for `recommend`."""
    user, item = pd.Index(log.users["user"]), pd.Index(log.items["item"])

    def score(users, items):
        of_all = scores(user.get_indexer(users["user"]))
        return of_all[:, item.get_indexer(items["item"])]

    return score


def popularity(train, log, seed):
    """Score items by their interactions."""
    count = np.asarray(matrix_of(train, log).sum(axis=0)).ravel()
    return lookup(lambda at: np.tile(count, (len(at), 1)), log)


def cosine(train, log, seed, n_neighbors=100):
    """Score items by their cosines with those that the user took, of the nearest."""
    R = matrix_of(train, log)
    n_neighbors = min(n_neighbors, len(log.items) - 1)
    nearest = NearestNeighbors(n_neighbors=n_neighbors, metric="cosine").fit(R.T)
    near = nearest.kneighbors_graph(mode="distance")
    near.data = 1 - near.data
    return lookup(lambda at: (R[at] @ near.T).toarray(), log)


def als(train, log, seed, factors=32, regularization=10.0, alpha=5.0):
    """Score items by factors of implicit feedback (Hu, Koren & Volinsky, 2008)."""
    from implicit.als import AlternatingLeastSquares

    model = AlternatingLeastSquares(
        factors=factors,
        regularization=regularization,
        alpha=alpha,
        random_state=seed,
        num_threads=1,
    )
    model.fit(matrix_of(train, log), show_progress=False)
    return lookup(lambda at: model.user_factors[at] @ model.item_factors.T, log)


RIVALS = {"popularity": popularity, "cosine": cosine, "ALS": als}


# Ours ---------------------------------------------------------------------------------


def with_history(train, log):
    """Return interactions and users with the items that the user took before."""
    before, taken = [], {}
    for user, item in train.itertuples(index=False):
        items = taken.setdefault(user, [])
        before.append(items[-HISTORY:])
        items.append(item)
    last = [taken.get(user, [])[-HISTORY:] for user in log.users["user"]]
    return train.assign(history=before), log.users.assign(history=last)


def dcn(train, log, seed, strategy="uniform", history=False, **settings):
    """Fit a DCN to interactions and negatives; return it and the users."""
    users = log.users
    if history:
        train, users = with_history(train, log)
    rows = sample_negatives(
        train,
        log.items,
        user="user",
        item="item",
        n_negatives=4,
        strategy=strategy,
        random_state=seed,
    )
    rows = rows.sample(frac=1, random_state=seed)
    table = rows.merge(log.users, on="user").merge(log.items, on="item")
    columns = [*users.columns, *log.items.columns]
    names = ["user", "item", "gender", "occupation"]
    options = {"max_epochs": 4, "n_members": 1, **settings}
    model = DCNClassifier(
        categorical_features=[name for name in names if name in columns],
        multivalued_features=[c for c in ("genres", "tags", "history") if c in columns],
        memorized_crosses=None,
        validation="random",
        random_state=seed,
        **options,
    )
    return model.fit(table[columns], table["label"]), users


OURS = {
    "DCN, uniform": {},
    "DCN, popular, not corrected": {"strategy": "popularity", "corrected": False},
    "DCN, popular": {"strategy": "popularity"},
    "DCN, popular, history": {"strategy": "popularity", "history": True},
}


def run(log, seed, n_users, only):
    """Return the figures of all contenders."""
    train, held_out = log.split(seed)
    if n_users is not None:
        some = held_out["user"].sample(n_users, random_state=seed)
        held_out = held_out[held_out["user"].isin(some)]
    found, fitted = {}, {}

    def judge(name, model, users, offset, seconds):
        begun = time.perf_counter()
        users = users[users["user"].isin(held_out["user"])]
        lists = recommend(model, users, log.items, K, exclude=train, item_offset=offset)
        figures = evaluate_recommendations(lists, held_out, k=K, n_items=len(log.items))
        found[name] = figures.to_dict() | {
            "fit seconds": seconds,
            "list seconds": time.perf_counter() - begun,
        }
        shown = {key: round(value, 4) for key, value in found[name].items()}
        print(f"  {name}: {shown}", flush=True)

    for name, rival in RIVALS.items():
        if name not in only:
            continue
        begun = time.perf_counter()
        try:
            model = rival(train, log, seed)
        except ImportError:
            print(f"  {name} is left out: pip install implicit")
            continue
        judge(name, model, log.users, None, time.perf_counter() - begun)
    for name, options in OURS.items():
        if name not in only:
            continue
        options = dict(options)
        corrected = options.pop("corrected", True)
        key = str(options)  # one fit, with and without its correction
        if key not in fitted:
            begun = time.perf_counter()
            fitted[key] = *dcn(train, log, seed, **options), time.perf_counter() - begun
        model, users, seconds = fitted[key]
        strategy = options.get("strategy", "uniform")
        offset = item_log_q(train, log.items, item="item", strategy=strategy)
        judge(name, model, users, offset if corrected else None, seconds)
    return found


def measure_speed(log, turns=5):
    """Print pairs a second by halves and by a table of pairs, in turns.

    Seconds are of the processor, as other work would disturb those of the clock; by
    a table some users stand for all.
    """
    train, _ = log.split(0)
    kinds = {"default": {}, "cross alone": {"structure": "cross"}}
    n_users = {"halves": len(log.users), "table": 40}
    takes = _lists.HalfScores.takes
    for name, settings in kinds.items():
        options = {"max_epochs": 1, "n_members": 2, **settings}
        model, users = dcn(train.sample(5000, random_state=0), log, 0, **options)
        rates = []
        for turn in range(turns):
            rate = {}
            for way in ("halves", "table")[:: 1 if turn % 2 else -1]:
                if way == "table":
                    _lists.HalfScores.takes = staticmethod(lambda model: False)
                begun = time.process_time()
                recommend(model, users[: n_users[way]], log.items, K)
                seconds = time.process_time() - begun
                rate[way] = n_users[way] * len(log.items) / seconds
                _lists.HalfScores.takes = staticmethod(takes)
            rates.append(rate)
        table = pd.DataFrame(rates)
        ratio = table["halves"] / table["table"]
        halves, plain = table["halves"].median(), table["table"].median()
        print(
            f"{name}: {halves:,.0f} and {plain:,.0f} pairs a second, ratio "
            f"{ratio.median():.1f} ({ratio.min():.1f} to {ratio.max():.1f})"
        )


def main():
    """Measure; print means and spreads over the seeds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--movielens", help="parquet file of the ratings")
    parser.add_argument("--lastfm", help="parquet file of users and artists")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--users", type=int, help="how many are tested; default: all")
    parser.add_argument("--only", help="contenders, with ; between")
    parser.add_argument("--speed", action="store_true")
    options = parser.parse_args()
    only = options.only.split(";") if options.only else [*RIVALS, *OURS]
    for read, path in (
        (read_movielens, options.movielens),
        (read_lastfm, options.lastfm),
    ):
        if path is None:
            continue
        log = read(path)
        if options.speed:
            measure_speed(log)
            continue
        found = []
        for seed in range(options.seeds):
            print(f"seed {seed}", flush=True)
            for name, figures in run(log, seed, options.users, only).items():
                found.append({"model": name, **figures})
        table = pd.DataFrame(found).groupby("model", sort=False).agg(["mean", "std"])
        print(table.round(4).to_string())


if __name__ == "__main__":
    main()
