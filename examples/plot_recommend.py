"""
Ten films for everyone
======================

All you have is who watched what. How do you get from there to a list of ten titles for
each viewer, and how do you know that the lists are better than the charts?
"""

# %%
# Who watched what
# ----------------
# The page makes up viewers and films: some films are popular, and people like certain
# genres and films from the years when they were young. There is no row for a film that
# was *not* watched.

import numpy as np
import pandas as pd

rng = np.random.default_rng(0)
adjectives = (
    "Quiet Last Broken Golden Silent Hidden Cold Long Lost First Blue Small Wild"
)
nouns = "River Summer Promise Harbour Winter Letter Road Night Garden Train Island"
names = [f"The {a} {b}" for a in adjectives.split() for b in nouns.split()]
n_viewers, n_films = 600, len(names)
films = pd.DataFrame({"film": np.arange(n_films) + 1000})
films["year"] = rng.integers(1950, 2025, n_films)
films["genre"] = rng.choice(["comedy", "drama", "thriller", "western"], n_films)
films["title"] = rng.permutation(names) + films["year"].map(" ({})".format)
viewers = pd.DataFrame({"viewer": np.arange(n_viewers), "age": 0})
viewers["age"] = rng.integers(16, 80, n_viewers)

at_20 = 2025 - viewers["age"].to_numpy()[:, None] + 20
liking = -abs(at_20 - films["year"].to_numpy()) / 12
liking += 1.5 * rng.normal(size=(n_viewers, 4))[:, films["genre"].factorize()[0]]
fame = 0.8 * rng.normal(size=n_films)
when = rng.gumbel(size=(n_viewers, n_films)) + liking + fame
viewer, film = np.nonzero(when > np.quantile(when, 0.9))
views = pd.DataFrame({"viewer": viewer, "film": film + 1000})
views["time"] = rng.random(len(views))
views = views.sort_values("time", ignore_index=True)
print(f"{len(views):,} views of {n_films} films by {views['viewer'].nunique()} viewers")
views.merge(films, on="film").head(3)

# %%
# Hold out each viewer's last view
# --------------------------------
# The lists should name what people watch next, so each viewer's last view is put aside.

from sklearn_dcn.recommend import leave_one_out

train, held_out = leave_one_out(views, user="viewer", time="time")
print(f"{len(train):,} views to learn from, {len(held_out)} to be found")

# %%
# Make negatives
# --------------
# A classifier needs both classes. For each view, `sample_negatives` adds four films
# that this viewer did not watch, popular ones more often. Join the features afterwards,
# as the negatives are other films.

from sklearn_dcn.recommend import sample_negatives

pairs = sample_negatives(
    train[["viewer", "film"]],
    films,
    user="viewer",
    item="film",
    strategy="popularity",
    random_state=0,
)
rows = pairs.merge(viewers, on="viewer").merge(films, on="film")
rows[["viewer", "film", "label", "age", "year", "genre"]].head(6)

# %%
# Fit
# ---
# Ids are integers here, as so often. Name them, or they are read as numbers. Memorised
# crosses are off: a viewer's pair with a film that they have yet to watch has no
# history.

from sklearn_dcn import DCNClassifier

columns = ["viewer", "age", "film", "year", "genre"]
model = DCNClassifier(
    categorical_features=["viewer", "film"],
    memorized_crosses=None,
    n_members=1,
    max_epochs=5,
    random_state=0,
)
model.fit(rows[columns], rows["label"])
print(model.summary())

# %%
# Ten titles for each viewer
# --------------------------
# `recommend` scores all films for all viewers and leaves out what they have seen.
# Popular films were drawn as negatives more often, so their log-odds are too low, by
# the logarithm of how often; `item_offset` corrects that. The lists have ids; a merge
# adds the titles.

from sklearn_dcn.recommend import item_log_q, recommend

offset = item_log_q(train, films, item="film")
lists = recommend(model, viewers, films, k=10, exclude=train, item_offset=offset)

titled = lists.merge(films, on="film").sort_values(["viewer", "rank"])
watched = train.merge(films, on="film")
for someone in (viewers["age"].idxmin(), viewers["age"].idxmax()):
    print(f"Aged {viewers.loc[someone, 'age']}")
    for what, table in {"has watched": watched, "might like": titled}.items():
        for row in table[table["viewer"] == someone].head(4).itertuples():
            print(f"{what:>12} {row.title:25} {row.genre}")

# %%
# Nobody told the model that people like films from their youth. Its lists show it:

from matplotlib import pyplot as plt

years = titled.groupby("viewer")["year"].mean()
figure, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
ax.plot(viewers["age"], years.loc[viewers["viewer"]], ".")
_ = ax.set(xlabel="age of a viewer", ylabel="mean year of the ten films")

# %%
# Better than the charts?
# -----------------------
# Popularity is the first rival to beat. Instead of a model, `recommend` also takes a
# function of viewers and films.

from sklearn_dcn.recommend import evaluate_recommendations

count = train["film"].value_counts()


def popularity(some_viewers, some_films):
    """Return the number of views, the same for each viewer."""
    views_of = some_films["film"].map(count).fillna(0).to_numpy(dtype=float)
    return np.tile(views_of, (len(some_viewers), 1))


charts = recommend(popularity, viewers, films, exclude=train)
bare = recommend(model, viewers, films, exclude=train)
scores = pd.DataFrame(
    {
        name: evaluate_recommendations(found, held_out, n_items=n_films)
        for name, found in {
            "charts": charts,
            "DCN": lists,
            "DCN without offset": bare,
        }.items()
    }
).T
assert scores["HitRate@10"].idxmax() == "DCN"
scores.drop(columns=["recall@10", "users"]).round(3)

# %%
# New viewers
# -----------
# A viewer without views has no embedding of their own, but does have an age. Levels
# that `fit` has not seen share an embedding that was trained for this case.

newcomers = pd.DataFrame({"viewer": [9001, 9002], "age": [18, 75]})
first = recommend(model, newcomers, films, k=3, item_offset=offset)
first = first.merge(films, on="film").merge(newcomers, on="viewer")
for age, titles in first.groupby("age")["title"]:
    print(f"{age}: {', '.join(titles)}")

# %%
# What was learned
# ----------------
# - Views become a table with `sample_negatives`, and a classifier becomes lists with
#   `recommend`. If negatives were drawn by popularity, do not leave out `item_offset`.
# - Evaluate lists over *all* films, and compare them with the charts. Here the film
#   that comes next is more often among the DCN's first ten, and its lists show far more
#   of the catalogue.
# - These films were made up so that genre, year and age matter. With ids alone, matrix
#   factorisation (ALS) is faster and can be better: :doc:`/recommend` has figures for
#   MovieLens and Last.fm.
