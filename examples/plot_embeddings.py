"""
Can other models use the embeddings?
====================================

A network learns a few numbers for each level of a column. What do they say, and do
they help a logistic regression or the boosted trees that you have in production?
"""

# %%
# A table with many levels
# ------------------------
# Orders, and whether they were sent back. 400 products belong to 8 kinds, 50 towns to 4
# regions, and whether a kind is sent back depends on the region. The table has neither
# kinds nor regions, only names and a price.

import numpy as np
import pandas as pd

rng = np.random.default_rng(0)
n = 20_000
kinds = ["shoes", "coats", "lamps", "books", "games", "tools", "wines", "rings"]
product = rng.zipf(1.3, n * 2)
product = product[product <= 400][:n] - 1
town = rng.integers(50, size=n)
returned = rng.normal(0, 1.2, size=(8, 4))  # by kind and region
X = pd.DataFrame(
    {
        "product": [f"{p // 8:02}-{kinds[p % 8]}" for p in product],
        "town": [f"{t // 4:02}{'NSEW'[t % 4]}" for t in town],
        "price": rng.lognormal(3, 0.7, n).round(2),
    }
)
logit = returned[product % 8, town % 4] + 0.6 * np.log(X["price"] / 20) - 0.5
y = (rng.random(n) < 1 / (1 + np.exp(-logit))).astype(int)
print(X.assign(returned=y).head(), "\n")
print(X[["product", "town"]].nunique().to_string())

# %%
# What the network found
# ----------------------
# The names contain the kind ("07-shoes") and the region ("03N"), so that we can check
# the result. The models cannot read them: to a model a name is only an id.

from sklearn.model_selection import train_test_split

from sklearn_dcn import DCNClassifier

X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0, stratify=y)
model = DCNClassifier(memorized_crosses=None, random_state=0).fit(X_train, y_train)
print(model.nearest_levels("town", "03N", n=5).round(2))

# %%
# All towns on a map; the larger the dot, the more rows. Towns of a region lie together:

from sklearn_dcn.inspection import EmbeddingDisplay

_ = EmbeddingDisplay.from_estimator(model, "town", max_labels=50)

# %%
# In front of another model
# -------------------------
# `CategoricalEmbedder` is a transformer. It trains a small network, in a single pass
# over the rows, and replaces each column of categories by a few numbers. Four ways to
# give the same columns to two models:

from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
    TargetEncoder,
)

from sklearn_dcn.preprocessing import CategoricalEmbedder

names = ["product", "town"]
unknown = {"handle_unknown": "use_encoded_value", "unknown_value": -1}
folds = StratifiedKFold(shuffle=True, random_state=0)
encoders = {
    "one-hot": OneHotEncoder(handle_unknown="ignore", sparse_output=False),
    "ordinal codes": OrdinalEncoder(**unknown),
    "target encoding": TargetEncoder(cv=folds),
}
codings = {
    name: make_column_transformer((encoder, names), remainder="passthrough")
    for name, encoder in encoders.items()
}
codings["embeddings"] = CategoricalEmbedder(random_state=0)

others = {
    "logistic regression": make_pipeline(StandardScaler(), LogisticRegression()),
    "boosted trees": HistGradientBoostingClassifier(random_state=0),
}
table = pd.DataFrame(index=[*codings], columns=[*others], dtype=float)
for coding in codings:
    for other in others:
        pipeline = make_pipeline(codings[coding], others[other]).fit(X_train, y_train)
        p = pipeline.predict_proba(X_test)
        table.loc[coding, other] = log_loss(y_test, p)
print("log loss of new rows\n")
print(table.round(4).to_string())
print(f"\nthe DCN itself {log_loss(y_test, model.predict_proba(X_test)):.4f}")

# %%
# The new columns have names, so later steps stay readable, and unseen levels are no
# error:

embedder = CategoricalEmbedder(random_state=0).fit(X_train, y_train)
embedder.set_output(transform="pandas")
new = pd.DataFrame({"product": ["99-boats"], "town": ["03N"], "price": [12.5]})
print(embedder.transform(new).round(2).T.to_string(header=False))

# %%
# What was learned
# ----------------
# - Embeddings show which levels act alike, by name: the towns of a region are
#   neighbours, though nothing but the target tells them apart.
# - Boosted trees gain most. A town's effect depends on the product, so one number for a
#   town, as target encoding gives, cannot tell regions apart; four numbers can, and
#   trees cross them.
# - A logistic regression cannot cross its inputs, so embeddings help it no more than
#   target encoding does. Where the effects of columns just add up, use target encoding,
#   which needs no network.
# - Here the DCN itself predicts better than any model in the table. Use an embedder for
#   a model that you cannot replace.
