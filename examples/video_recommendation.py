"""Which film will a viewer like? A DCN against cosine similarity and ALS.

One table has who watches (user, age, occupation), what is watched (item, year, genres,
of which a film has several), and whether it was liked. Three ways to learn from it:

- content-based cosine similarity compares the genres of a film with those that the user
  liked, and knows neither the item nor other users;
- matrix factorisation by alternating least squares (ALS) gives factors to users and to
  items, and knows nothing but the two ids;
- a Deep & Cross Network takes ids and content, and crosses them.

All are tested twice: on held-out views of items that they know, and on items without a
single view in training, as on the day of a release.

Then each viewer gets a list: a second DCN learns what was liked beside films that the
viewer did not see, drawn by popularity, and all films that are left are ranked. Its
lists stand beside those of popularity, of neighbours by cosine similarity, and of the
ALS of `implicit`, where it is installed. Most of a minute on two cores.

    python examples/video_recommendation.py                    # a made-up log
    python examples/video_recommendation.py PATH               # MovieLens 100K
    python examples/video_recommendation.py --output models.png

PATH is the folder of the release (u.data, u.item, u.user), or one joined table, CSV or
parquet. The picture needs matplotlib, the rest does not.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.neighbors import NearestNeighbors

from sklearn_dcn import DCNClassifier
from sklearn_dcn.recommend import (
    evaluate_recommendations,
    item_log_q,
    recommend,
    sample_negatives,
)

CATEGORIES = ["user", "item", "gender", "occupation"]
FEATURES = [*CATEGORIES, "age", "year", "genres"]
OF_USERS = ["user", "gender", "occupation", "age"]
OF_ITEMS = ["item", "year", "genres"]

# Those of MovieLens, and some of its occupations.
GENRES = np.array(
    "unknown Action Adventure Animation Children's Comedy Crime Documentary Drama "
    "Fantasy Film-Noir Horror Musical Mystery Romance Sci-Fi Thriller War "
    "Western".split()
)
OCCUPATIONS = np.array(
    "student retired engineer educator healthcare artist lawyer programmer".split()
)


# The table ----------------------------------------------------------------------------


def make_views(n_users=1000, n_items=1500, n_views=100_000, seed=0):
    r"""Draw a log of views with their true probabilities of being liked.

    A user u is lenient or strict, and has an age, an occupation that goes with it, and
    a taste. An item i has one to three genres, a year, and a quality. Then::

        logit P(liked) = leniency_u + quality_i
                         + mean over genres g of i of
                             slope_g (age_u - 38) / 14 + A[occupation_u, g] + B[u, g]
                         + nostalgia of u for the year of i
                         + taste_u . factors_i

    All letters are normal variates. `slope` and `A` are shared by people alike, `B` is
    the user's own, and nostalgia is a bump around the year in which u was twenty.
    Quality and the last line are what no content tells.

    Who sees what: items are popular by the law of Zipf, good ones somewhat more than
    bad ones; users differ in activity, and see the genres that they like more often.
    No user sees an item twice.

    Returns
    -------
    views : DataFrame
        The features, `liked`, and two probabilities that no model sees: `p_true`, the
        ceiling, and `p_new`, about the ceiling for items without views: `quality_i` and
        `taste_u . factors_i` are averaged out.
    """
    rng = np.random.default_rng(seed)

    age = np.clip(13 + rng.gamma(2.5, 9, n_users), 13, 80).astype(int)
    job = rng.integers(2, len(OCCUPATIONS), n_users)
    job[age < rng.integers(18, 27, n_users)] = 0  # student
    job[age > rng.integers(58, 68, n_users)] = 1  # retired

    year = 1998 - np.minimum(rng.exponential(12, n_items), 75).astype(int)
    share = rng.permutation(1 / np.arange(2, len(GENRES) + 2))
    share[0] = 0  # "unknown" is for MovieLens
    has_genre = np.zeros((n_items, len(GENRES)))
    for flags in has_genre:
        n = rng.choice([1, 2, 3], p=[0.4, 0.4, 0.2])
        flags[rng.choice(len(GENRES), n, replace=False, p=share / share.sum())] = 1
    genres = np.array(["|".join(GENRES[flags > 0]) for flags in has_genre])

    affinity = np.outer((age - 38) / 14, rng.normal(0, 0.8, len(GENRES)))
    affinity += rng.normal(0, 0.8, (len(OCCUPATIONS), len(GENRES)))[job]
    affinity += rng.normal(0, 0.5, (n_users, len(GENRES)))
    affinity = affinity @ (has_genre / has_genre.sum(axis=1, keepdims=True)).T

    born = 1998 - age
    content = affinity + rng.normal(-0.2, 0.7, (n_users, 1))
    content += 0.8 * np.exp(-(((year - born[:, None] - 20) / 10) ** 2))
    quality = rng.normal(0, 0.9, n_items)
    own = quality + rng.normal(0, 0.7, (n_users, 4)) @ rng.normal(0, 0.4, (4, n_items))

    # Gumbel noise: the largest n_views keys are a weighted draw without replacement.
    rank = np.argsort(np.argsort(-quality - rng.normal(0, 1.5, n_items)))
    key = 0.5 * affinity - np.log(rank + 10) + rng.normal(0, 0.8, (n_users, 1))
    key += rng.gumbel(size=key.shape)
    user, item = np.unravel_index(np.argsort(-key, axis=None)[:n_views], key.shape)

    content, own = content[user, item], own[user, item]
    p_true = expit(content + own)
    views = pd.DataFrame(
        {
            "user": user,
            "item": item,
            "age": age[user],
            "occupation": OCCUPATIONS[job[user]],
            "year": year[item],
            "genres": genres[item],
            "liked": (rng.random(n_views) < p_true).astype(int),
            "p_true": p_true,
            # The mean of expit(content + own) over own, as if that were normal.
            "p_new": expit((content + own.mean()) / np.sqrt(1 + 0.39 * own.var())),
        }
    )
    return views.sample(frac=1, random_state=seed, ignore_index=True)


def read_views(path):
    """Read a joined table, or the folder of MovieLens 100K; 4 and 5 stars are liked."""
    path = Path(path)
    if path.is_dir():
        views = read_movielens(path)
    elif path.suffix == ".parquet":
        views = pd.read_parquet(path)
    else:
        views = pd.read_csv(path)
    names = {"user_id": "user", "movie_id": "item", "release_year": "year"}
    views = views.rename(columns=names)
    if "liked" not in views:
        views["liked"] = (views["rating"] >= 4).astype(int)
    return views


def read_movielens(folder):
    """Join the three files of MovieLens 100K: ratings, films and users."""
    ratings = pd.read_csv(
        folder / "u.data", sep="\t", names=["user", "item", "rating", "timestamp"]
    )
    users = pd.read_csv(
        folder / "u.user", sep="|", names=["user", "age", "gender", "occupation", "zip"]
    )
    meta = ["item", "title", "date", "video_date", "url"]
    items = pd.read_csv(
        folder / "u.item", sep="|", names=[*meta, *GENRES], encoding="latin-1"
    )
    items["year"] = items["date"].str[-4:].astype(float)  # 01-Jan-1995
    items["genres"] = ["|".join(GENRES[row]) for row in items[GENRES].to_numpy(bool)]
    return ratings.merge(users, on="user").merge(
        items[["item", "year", "genres"]], on="item"
    )


def split_views(views, new_items=0.1, test_size=0.2, seed=0):
    """Return training views, held-out views of known items, views of new items."""
    rng = np.random.default_rng(seed)
    items = np.unique(views["item"])
    new = views["item"].isin(rng.choice(items, int(new_items * len(items)), False))
    held_out = ~new & (rng.random(len(views)) < test_size)
    train = views[~new & ~held_out]
    known = views[held_out & views["item"].isin(train["item"])]
    return train, known, views[new]


# The models: functions of training rows and of rows to predict ------------------------


def item_mean(train, rows):
    """Return the share of likes of each item, drawn to the base rate if it has few."""
    base_rate = train["liked"].mean()
    likes = train.groupby("item")["liked"].agg(["sum", "count"])
    mean = (likes["sum"] + 10 * base_rate) / (likes["count"] + 10)
    return rows["item"].map(mean).fillna(base_rate).to_numpy()


def cosine(train, rows):
    """Return the cosine of a film's genres and its user's profile, or 0 without one.

    The profile is the mean of the genres' 0/1 vectors over the films that the user
    liked, less that over those that she did not.
    """
    flags = pd.concat([train["genres"], rows["genres"]]).str.get_dummies("|")
    seen, film = np.split(flags.to_numpy(float), [len(train)])
    means = [
        pd.DataFrame(seen[mask]).groupby(train["user"].to_numpy()[mask]).mean()
        for mask in (train["liked"] == 1, train["liked"] == 0)
    ]
    profile = means[0].sub(means[1], fill_value=0)
    profile = profile.reindex(rows["user"], fill_value=0).to_numpy()
    norms = np.linalg.norm(profile, axis=1) * np.linalg.norm(film, axis=1)
    return (profile * film).sum(axis=1) / np.maximum(norms, 1e-12)


def ridge_of_each(ids, n_ids, A, y, l2):
    """Return for each id the ridge coefficients of y on A over its rows.

    A last row, of zeros, is that of ids without rows: the index -1 finds it.
    """
    coefficients = np.zeros((n_ids + 1, A.shape[1]))
    order = np.argsort(ids, kind="stable")
    ends = np.cumsum(np.bincount(ids, minlength=n_ids))
    for i, rows in enumerate(np.split(order, ends[:-1])):
        a = A[rows]
        gram = a.T @ a + l2 * np.eye(A.shape[1])
        coefficients[i] = np.linalg.solve(gram, a.T @ y[rows])
    return coefficients


def fit_als(user, item, y, rank=8, l2=5.0, n_steps=10, seed=0):
    """Fit y ~ b_u + c_i + p_u . q_i by turns: all users, then all items, by ridge.

    Returns
    -------
    users, items : ndarray of shape (n_users + 1, 1 + rank), (n_items + 1, 1 + rank)
        Rows (b_u, p_u) and (c_i, q_i), and last zeros for what was not seen.
    """
    n_users, n_items = user.max() + 1, item.max() + 1
    rng = np.random.default_rng(seed)
    items = rng.normal(0, 0.1, (n_items + 1, 1 + rank))
    items[:, 0] = 0
    ones = np.ones((len(y), 1))
    for _ in range(n_steps):
        A = np.hstack([ones, items[item, 1:]])
        users = ridge_of_each(user, n_users, A, y - items[item, 0], l2)
        A = np.hstack([ones, users[user, 1:]])
        items = ridge_of_each(item, n_items, A, y - users[user, 0], l2)
    return users, items


def als(train, rows, rank, l2):
    """Return scores of matrix factorisation; a new item has its user's bias alone."""
    user, user_ids = pd.factorize(train["user"])
    item, item_ids = pd.factorize(train["item"])
    y = train["liked"].to_numpy(float)
    users, items = fit_als(user, item, y - y.mean(), rank, l2)
    u = users[user_ids.get_indexer(rows["user"])]
    i = items[item_ids.get_indexer(rows["item"])]
    return y.mean() + u[:, 0] + i[:, 0] + (u[:, 1:] * i[:, 1:]).sum(axis=1)


def calibrated(score, settings=({},)):
    """Turn a function for scores, with the best of its settings, into probabilities.

    A logistic regression of one variable maps them. It learns from a tenth of the
    training rows whose scores were made without them, where the settings compete, too.
    """

    def probabilities(train, rows):
        part = np.random.default_rng(0).random(len(train)) < 0.1
        y = train["liked"][part]
        trials = []
        for setting in settings:
            x = score(train[~part], train[part], **setting)[:, None]
            logistic = LogisticRegression(C=1e6).fit(x, y)
            trials.append((log_loss(y, logistic.predict_proba(x)), logistic, setting))
        _, logistic, setting = min(trials, key=lambda trial: trial[0])
        return logistic.predict_proba(score(train, rows, **setting)[:, None])[:, 1]

    return probabilities


def dcn(train, rows):
    """Return the probabilities of a DCN on ids and content together."""
    features = [name for name in FEATURES if name in train]
    model = DCNClassifier(
        categorical_features=[name for name in CATEGORIES if name in train],
        multivalued_features={"genres": "|"},
        random_state=0,
    )
    model.fit(train[features], train["liked"])
    return model.predict_proba(rows[features])[:, 1]


ALS_SETTINGS = [{"rank": rank, "l2": l2} for rank in (2, 4) for l2 in (5, 10)]
MODELS = {
    "item mean": item_mean,
    "cosine of genres": calibrated(cosine),
    "ALS": calibrated(als, ALS_SETTINGS),
    "DCN": dcn,
}


# The comparison -----------------------------------------------------------------------


def compare(models, train, known, new):
    """Fit every model once; return one row of figures each, and rows for the truth."""
    rows = pd.concat([known, new])
    results = []
    for name, model in models.items():
        start = time.perf_counter()
        p = model(train, rows)
        results.append((name, p, f"{time.perf_counter() - start:.1f}"))
    if "p_true" in rows:
        results.append(("best without the item", rows["p_new"].to_numpy(), "-"))
        results.append(("true probabilities", rows["p_true"].to_numpy(), "-"))
    return pd.DataFrame(
        [
            {
                "model": name,
                "AUC, known": roc_auc_score(known["liked"], p[: len(known)]),
                "AUC, new": roc_auc_score(new["liked"], p[len(known) :]),
                "log loss, known": log_loss(known["liked"], p[: len(known)]),
                "log loss, new": log_loss(new["liked"], p[len(known) :]),
                "seconds": seconds,
            }
            for name, p, seconds in results
        ]
    ).set_index("model")


def print_table(results):
    """Print the rows as a Markdown table, aligned."""
    cells = results.map(lambda x: x if isinstance(x, str) else f"{x:.4f}")
    width = max(map(len, results.index))
    print(f"| {'model':{width}} |", " | ".join(cells), "|")
    print(
        f"| {'-' * width} |", " | ".join("-" * (len(h) - 1) + ":" for h in cells), "|"
    )
    for name, row in cells.iterrows():
        line = [cell.rjust(len(head)) for head, cell in row.items()]
        print(f"| {name:{width}} |", " | ".join(line), "|")


def explain(results):
    """Print who is ahead, and what becomes of each model when the item is new."""
    for kind in ("known", "new"):
        ranked = results[f"AUC, {kind}"].sort_values(ascending=False)
        order = ", ".join(f"{name} {auc:.3f}" for name, auc in ranked.items())
        print(f"\nBy AUC, of {kind} items: {order}", end="")
    pairs = results[["AUC, known", "AUC, new"]].itertuples()
    auc = {name: f"{known:.3f} -> {new:.3f}" for name, known, new in pairs}
    print(
        f"""

AUC from known to new items:
- item mean ({auc["item mean"]}): without views no mean; all new items are alike.
- cosine of genres ({auc["cosine of genres"]}): it never looked at the item, so it
  does not miss it; but the genres are all it has.
- ALS ({auc["ALS"]}): without views no factors. The user's bias is left, which tells
  lenient users from strict ones, but not one new item from another.
- DCN ({auc["DCN"]}): the id becomes the unknown item, whose embedding is trained.
  Genres and year are left, crossed with the user, who has an age and an occupation."""
    )


# The lists ----------------------------------------------------------------------------


class Likes:
    """Liked views, and the tables of users and items that they are of.

    Parameters
    ----------
    train : DataFrame
        Views to learn from.
    views : DataFrame
        All views, which have all users and items.
    """

    def __init__(self, train, views):
        of_users = [name for name in OF_USERS if name in views]
        self.users = views[of_users].drop_duplicates("user", ignore_index=True)
        self.items = views[OF_ITEMS].drop_duplicates("item", ignore_index=True)
        self.pairs = train.loc[train["liked"] == 1, ["user", "item"]]

    def matrix(self):
        """Return the likes as a 0/1 matrix of users and items."""
        row = pd.Index(self.users["user"]).get_indexer(self.pairs["user"])
        column = pd.Index(self.items["item"]).get_indexer(self.pairs["item"])
        shape = len(self.users), len(self.items)
        return csr_matrix((np.ones(len(row)), (row, column)), shape=shape)

    def lookup(self, scores):
        """Return scores of users, by their positions, as `recommend` takes them.

        Of equal ones chance decides for each user: in the order of views the first
        items are popular, and a model that knows nothing of new ones must not know it.
        """
        user, item = pd.Index(self.users["user"]), pd.Index(self.items["item"])
        rng = np.random.default_rng(0)

        def score(users, items):
            of_all = scores(user.get_indexer(users["user"]))
            found = of_all[:, item.get_indexer(items["item"])]
            return found + 1e-9 * rng.random(found.shape)

        return score


def list_popular(likes):
    """Score films by their likes."""
    count = np.asarray(likes.matrix().sum(axis=0))
    return likes.lookup(lambda users: np.repeat(count, len(users), axis=0)), None


def list_neighbours(likes, n_neighbors=100):
    """Score films by their cosines with those that the user liked."""
    R = likes.matrix()
    n_neighbors = min(n_neighbors, len(likes.items))
    nearest = NearestNeighbors(n_neighbors=n_neighbors, metric="cosine").fit(R.T)
    near = nearest.kneighbors_graph(R.T, mode="distance")
    near.data = 1 - near.data
    near.setdiag(0)
    return likes.lookup(lambda users: (R[users] @ near.T).toarray()), None


def list_als(likes):
    """Score films by factors of implicit feedback."""
    from implicit.als import AlternatingLeastSquares

    model = AlternatingLeastSquares(
        factors=16, regularization=10, alpha=5, random_state=0, num_threads=1
    )
    model.fit(likes.matrix(), show_progress=False)
    factors = model.user_factors, model.item_factors
    return likes.lookup(lambda users: factors[0][users] @ factors[1].T), None


def list_dcn(likes):
    """Score films by a DCN of likes beside films that the user did not like.

    These are drawn by popularity, so the network learns how much more than others a
    user likes a film. The second result gives the popularity back.
    """
    rows = sample_negatives(
        likes.pairs,
        likes.items,
        user="user",
        item="item",
        n_negatives=3,
        strategy="popularity",
        random_state=0,
    )
    rows = rows.sample(frac=1, random_state=0)
    rows = rows.merge(likes.users, on="user").merge(likes.items, on="item")
    features = [*likes.users.columns, *likes.items.columns]
    model = DCNClassifier(
        categorical_features=[name for name in CATEGORIES if name in features],
        multivalued_features={"genres": "|"},
        memorized_crosses=None,
        n_members=1,
        max_epochs=4,
        validation="random",
        random_state=0,
    )
    model.fit(rows[features], rows["label"])
    return model, item_log_q(likes.pairs, likes.items, item="item")


LISTS = {
    "popularity": list_popular,
    "cosine neighbours": list_neighbours,
    "ALS (implicit)": list_als,
    "DCN": list_dcn,
}


def compare_lists(lists, train, known, new, views):
    """Rank all films; return figures of each model, and lists of three viewers.

    Of known items the likes of `known` are to be found among all films that were not
    seen; of new ones those of `new`, among the new films alone.
    """
    likes = Likes(train, views)
    is_new = likes.items["item"].isin(new["item"]).to_numpy()
    figures, shown = [], None
    for name, fit in lists.items():
        try:
            model, offset = fit(likes)
        except ImportError:
            print(f"{name} is left out: pip install implicit")
            continue
        row = {"model": name}
        for rows, part, what in ((known, ~is_new, "known"), (new, is_new, "new")):
            liked = rows.loc[rows["liked"] == 1, ["user", "item"]]
            users = likes.users[likes.users["user"].isin(liked["user"])]
            given = recommend(
                model,
                users,
                likes.items[part],
                exclude=train[["user", "item"]],
                item_offset=None if offset is None else offset[part],
            )
            found = evaluate_recommendations(given, liked)
            for figure in ("HitRate@10", "NDCG@10"):
                row[f"{figure}, {what}"] = found[figure]
        figures.append(row)
        if name == "DCN":
            some = pick_viewers(likes)
            shown = recommend(
                model,
                some,
                likes.items,
                k=5,
                exclude=train[["user", "item"]],
                item_offset=offset,
            )
    return pd.DataFrame(figures).set_index("model"), likes, shown


def pick_viewers(likes, least=5):
    """Return the youngest, the middle and the oldest of users with some likes."""
    count = likes.pairs["user"].value_counts()
    known = likes.users[likes.users["user"].isin(count.index[count >= least])]
    by_age = known.sort_values("age", kind="stable")
    return by_age.iloc[[0, len(by_age) // 2, len(by_age) - 1]]


def print_lists(likes, lists):
    """Print the lists of viewers beside the genres that they like most."""
    films = likes.items.set_index("item")
    for user, of_user in lists.groupby("user", sort=False):
        viewer = likes.users.set_index("user").loc[user]
        liked = likes.pairs.loc[likes.pairs["user"] == user, "item"]
        genres = films.loc[liked, "genres"].str.split("|").explode().value_counts()
        print(
            f"\nViewer {user}, {viewer['age']}, {viewer['occupation']}; likes "
            f"{', '.join(genres.index[:3])}:"
        )
        for row in of_user.itertuples():
            film = films.loc[row.item]
            year = "" if pd.isna(film["year"]) else f"{film['year']:.0f}"
            print(f"  {row.rank}. film {row.item}, {year}, {film['genres']}")


# The picture --------------------------------------------------------------------------


def draw(results, figures, title):
    """Return the picture: for each model the way from known to new items."""
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(
        1, 3, figsize=(13.5, 4), width_ratios=[1, 1, 0.9], layout="constrained"
    )
    axes[1].sharey(axes[0])
    axes[1].tick_params(labelleft=False)
    panels = [(results, "AUC"), (results, "log loss"), (figures, "HitRate@10")]
    for ax, (table, score) in zip(axes, panels, strict=True):
        lines = range(len(table))
        known, new = table[f"{score}, known"], table[f"{score}, new"]
        ax.hlines(lines, known, new, color="0.75", linewidth=2, zorder=1)
        ax.scatter(known, lines, s=110, color="#0072B2", label="known items")
        ax.scatter(new, lines, s=32, color="#D55E00", marker="D", label="new items")
        if table is results and len(results) > len(MODELS):  # the truth is below
            ax.axhline(len(MODELS) - 0.5, color="0.6", linewidth=1, linestyle=":")
        ax.margins(y=0.1)
        ax.set_xlabel(
            f"{score} ({'less' if score == 'log loss' else 'more'} is better)"
        )
        ax.grid(axis="x", color="0.92")
        ax.set_axisbelow(True)
        ax.xaxis.set_major_locator(plt.MaxNLocator(6))
        ax.spines[["top", "right", "left"]].set_visible(False)
        ax.tick_params(axis="y", length=0)
    for ax, table in ((axes[0], results), (axes[2], figures)):
        ax.set_yticks(range(len(table)), table.index)
        ax.invert_yaxis()
    axes[0].set_title(title, loc="left")
    axes[2].set_title("Lists of ten", loc="left")
    axes[1].legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False)
    return figure


def get_views(path=None, rows=None, seed=0):
    """Read the views or a sample of them, or make them, as dense for any number."""
    if path is not None:
        views = read_views(path)
        return views.sample(min(rows or len(views), len(views)), random_state=seed)
    rows = rows or 100_000
    scale = (rows / 100_000) ** 0.5
    return make_views(int(1000 * scale), int(1500 * scale), rows, seed)


def main(arguments=None):
    """Get the views, split them, compare the models, show the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", nargs="?", help="MovieLens 100K: folder or joined file")
    parser.add_argument("--rows", type=int, help="views to make, or to draw from PATH")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", help="file for the picture; default: show it")
    options = parser.parse_args(arguments)

    views = get_views(options.path, options.rows, options.seed)
    train, known, new = split_views(views, seed=options.seed)
    name = "made-up log" if options.path is None else Path(options.path).name
    print(
        f"{name}: {len(views):,} views of {views['item'].nunique():,} films by "
        f"{views['user'].nunique():,} users, {views['liked'].mean():.0%} liked\n"
        f"{len(train):,} views to train; to test {len(known):,} of known items, "
        f"{len(new):,} of new ones\n"
    )
    results = compare(MODELS, train, known, new)
    print_table(results)
    explain(results)

    print("\nLists of ten, of all films that a viewer has not seen:\n")
    figures, likes, lists = compare_lists(LISTS, train, known, new, views)
    print_table(figures)
    print_lists(likes, lists)

    try:
        figure = draw(results, figures, f"Who likes what: {name}")
    except ImportError:
        print("\nNo picture: pip install matplotlib")
        return
    if options.output:
        figure.savefig(options.output, dpi=150)
        print(f"\nPicture: {options.output}")
    else:
        from matplotlib import pyplot as plt

        plt.show()


if __name__ == "__main__":
    main()
