"""
How do I rank competing items?
==============================

Ten offers are shown, and only their order matters. Is a model that learns the order
better than one that predicts each click?
"""

# %%
# Lists of offers
# ---------------
# Each search shows ten offers. What is clicked depends on the device and the kind of
# offer together, on the price, and on the *search*: some people click nearly everything
# and others hardly anything, and no column tells who is who.

import numpy as np
import pandas as pd

rng = np.random.default_rng(0)
n_searches, n_offers = 1_500, 10
search = np.repeat(np.arange(n_searches), n_offers)
n = len(search)
device = rng.integers(4, size=n_searches)[search]
kind = rng.integers(12, size=n)
X = pd.DataFrame(
    {
        "device": np.array(["phone", "tablet", "desktop", "tv"])[device],
        "kind": [f"kind {k:02}" for k in kind],
        "price": rng.lognormal(3, 0.5, n).round(2),
    }
)
liking = rng.normal(0, 1.2, (4, 12))[device, kind] - 0.8 * np.log(X["price"] / 20)
mood = rng.normal(-1.5, 2.5, n_searches)[search]
clicked = (rng.random(n) < 1 / (1 + np.exp(-(liking + mood)))).astype(int)
print(X.assign(search=search, clicked=clicked).head(3).to_string())
sizes = pd.Series(clicked).groupby(search).sum()
print(f"clicks of a search: {sizes.quantile([0, 0.25, 0.5, 0.75, 1]).tolist()}")

# %%
# Fit to groups
# -------------
# `qid` is the group of each row. The loss compares the rows of one search, so anything
# that moves a whole search cancels out. Test searches are kept whole, too.

from sklearn.model_selection import GroupShuffleSplit

from sklearn_dcn import DCNClassifier, DCNRanker

splitter = GroupShuffleSplit(1, test_size=0.25, random_state=0)
train, test = next(splitter.split(X, groups=search))
ranker = DCNRanker(random_state=0)
ranker.fit(X.iloc[train], clicked[train], qid=search[train])
print(f"NDCG@10 {ranker.score(X.iloc[test], clicked[test], qid=search[test]):.4f}")

# %%
# A list has the rows of a search, highest score first. Here is one in which three
# offers were clicked:

rows = next(test[search[test] == s] for s in search[test] if sizes[s] == 3)
shown = X.iloc[rows].assign(clicked=clicked[rows])
shown["score"] = ranker.predict(shown[X.columns])
print(shown.sort_values("score", ascending=False).round(2).to_string(index=False))

# %%
# Against models of single clicks
# -------------------------------
# A classifier's log-odds give an order as well. Both metrics look only within searches:
# NDCG@3 at the top of the list, GAUC (the AUC within each search, averaged) at the
# whole list. They take the scores of any model; "the truth" ranks by the probabilities
# that the table was drawn with.

import time

from sklearn.ensemble import HistGradientBoostingClassifier

from sklearn_dcn.metrics import group_auc_score, ndcg_at_k

categories = {"device": "category", "kind": "category"}
scores, seconds = {}, {}
for name, model in {
    "DCNRanker, pairwise": DCNRanker(random_state=0),
    "DCNRanker, lambdarank": DCNRanker(loss="lambdarank", random_state=0),
    "DCNRanker, softmax": DCNRanker(loss="softmax", random_state=0),
    "DCNClassifier": DCNClassifier(validation_groups=search[train], random_state=0),
    "boosted trees": HistGradientBoostingClassifier(random_state=0),
}.items():
    groups = {"qid": search[train]} if isinstance(model, DCNRanker) else {}
    rows = X.astype(categories) if name == "boosted trees" else X
    start = time.perf_counter()
    model.fit(rows.iloc[train], clicked[train], **groups)
    seconds[name] = time.perf_counter() - start
    predict = model.predict if groups else model.decision_function
    scores[name] = predict(rows.iloc[test])
scores["the truth"] = liking.to_numpy()[test]

who, truth = search[test], clicked[test]
table = pd.DataFrame(
    {
        "NDCG@3": {name: ndcg_at_k(truth, s, who, k=3) for name, s in scores.items()},
        "GAUC": {name: group_auc_score(truth, s, who) for name, s in scores.items()},
        "s": seconds,
    }
).reindex(scores)
print(table.round({"NDCG@3": 4, "GAUC": 4, "s": 1}).to_string(na_rep=""))

# %%
import matplotlib.pyplot as plt

ranked = table["GAUC"].drop("the truth").sort_values()
fig, ax = plt.subplots(figsize=(7, 3))
ax.plot(ranked, ranked.index, "o", color="tab:blue")
ax.axvline(table.loc["the truth", "GAUC"], color="grey", linestyle="--", label="truth")
ax.set(title="AUC within a search, averaged", xlabel="GAUC of new searches")
ax.legend(frameon=False)
fig.tight_layout()

# %%
# What was learned
# ----------------
# - `DCNRanker` takes `qid`, holds out whole groups by itself, and gives scores that can
#   be compared only within a group.
# - Within whole searches its default loss orders a little better than a classifier of
#   single clicks, and comes close to the best possible. At the top of the list it has
#   no lead. It leads only because no column tells the mood of a search: where a column
#   does, such as the id of a known user, the classifier is as good.
# - A classifier also gives probabilities, which you can multiply by prices. Begin with
#   one; :doc:`/targets` compares both on other tables.
# - Boosted trees take a fraction of the time, and rank worse here.
