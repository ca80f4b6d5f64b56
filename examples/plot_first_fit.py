"""
A first fit
===========

You have a table of strings and numbers, and want probabilities. What is the least that
you have to write, and what does the model tell you afterwards?
"""

# %%
# The table
# ---------
# A year of visits to a shop; the last column says whether something was bought. Months,
# browsers and regions are categories, durations are heavily skewed numbers.

from sklearn.model_selection import train_test_split

from sklearn_dcn.datasets import load_online_shoppers

X, y = load_online_shoppers(return_X_y=True)
X.head()

# %%
# Fit it
# ------
# There is nothing to prepare: no list of columns, no encoding, no scaling. The table is
# sorted by time; this split draws test rows from the whole year.

import time

from sklearn_dcn import DCNClassifier

X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0, stratify=y)
start = time.perf_counter()
model = DCNClassifier(random_state=0)
model.fit(X_train, y_train)
seconds = time.perf_counter() - start

# %%
# A notebook shows the fitted model: what was made of each column, and how the training
# went. Open its parts.

model

# %%
# The same in text, for a log:

print(model.summary())

# %%
# Was it worth it?
# ----------------
# Compare it on the same rows with boosted trees from scikit-learn, which must be told
# that strings are categories, and with the plain mean of both.

from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss, roc_auc_score

as_categories = dict.fromkeys(X.select_dtypes(["object", "string"]), "category")
start = time.perf_counter()
trees = HistGradientBoostingClassifier(random_state=0)
trees.fit(X_train.astype(as_categories), y_train)
print(f"trees: {time.perf_counter() - start:.1f} s; DCN: {seconds:.1f} s")

p_dcn = model.predict_proba(X_test)[:, 1]
p_trees = trees.predict_proba(X_test.astype(as_categories))[:, 1]
for name, p in {
    "DCN": p_dcn,
    "trees": p_trees,
    "mean of both": (p_dcn + p_trees) / 2,
}.items():
    print(f"{name:12} log loss {log_loss(y_test, p):.4f}", end="  ")
    print(f"AUC {roc_auc_score(y_test, p):.4f}")

# %%
# How the training went
# ---------------------
# Early stopping kept the epoch with the lowest loss on held-out rows.

from sklearn_dcn.inspection import TrainingCurveDisplay

_ = TrainingCurveDisplay.from_estimator(model)

# %%
# New data
# --------
# Neither a level that `fit` never saw nor a missing cell is an error: each of the two
# has an embedding of its own, which was trained.

new = X_test.head(2).copy()
new.loc[new.index[0], "Month"] = "Brumaire"
new.loc[new.index[1], "VisitorType"] = None
print(model.predict_proba(new)[:, 1].round(3))

# %%
# What was learned
# ----------------
# - A few lines fit a mixed table as well as boosted trees do, in seconds where trees
#   take tenths of a second. The mean of both is better than either, as they err on
#   different rows. A DCN is ahead where ids and their crosses matter.
# - `model` in a notebook and `model.summary()` in a log say what `fit` made of the
#   table. Read them once: a number that is an id should be named in
#   `categorical_features`.
