"""
How do I use text beside categories?
====================================

A ticket has a text, a product and a channel. Vectorizers make sparse matrices, and
categories are strings: how do you get both into one model, and is it better than TF-IDF
with a logistic regression?
"""

# %%
# The table
# ---------
# Made-up tickets of a help desk: will one be passed on to the second line? Some words
# say so by themselves. Others do so only for some products: a *screen* that *flickers*
# is serious on a laptop, but a matter of settings in an app. Names of people and places
# say nothing.

from itertools import product

import numpy as np
import pandas as pd

rng = np.random.default_rng(0)
n = 8_000
serious = "smoke lost twice refund lawyer urgent".split()
hardware = "screen flickers battery cable noise fan".split()
software = "login update crash password sync error".split()
filler = "please hello since the my it again now still after day help with we".split()
parts = ["Bar Dun Kel Lor Mar Nor Pel Ros Tam Wil".split(), "a e i o u".split()]
parts.append("berg dale ford ham lin mer son ton well wick".split())
names = ["".join(syllables) for syllables in product(*parts)]  # 500
words = np.array(serious + hardware + software + filler + names)
weights = np.repeat([1.5, 4.0, 3.0, 0.04], [6, 12, 14, 500])
drawn = rng.choice(len(words), size=(n, 14), p=weights / weights.sum())
item = rng.choice(["laptop", "phone", "app", "web shop"], n)
is_device = np.isin(item, ["laptop", "phone"])
n_serious = (drawn < 6).sum(axis=1)
n_hard = ((drawn >= 6) & (drawn < 12)).sum(axis=1)
n_soft = ((drawn >= 12) & (drawn < 18)).sum(axis=1)
logit = -1 + 0.9 * n_serious + np.where(is_device, 0.6, -0.6) * (n_hard - n_soft)

X = pd.DataFrame(
    {
        "text": [" ".join(words[row]) for row in drawn],
        "product": item,
        "channel": rng.choice(["mail", "phone", "chat"], n),
    }
)
y = (rng.random(n) < 1 / (1 + np.exp(-logit))).astype(int)
print(f"{y.mean():.0%} are passed on")
X.assign(passed_on=y).head()

# %%
# What does not work
# ------------------
# The obvious pipeline puts TF-IDF into a `ColumnTransformer` and lets the rest pass.
# But a sparse matrix and strings do not fit into one array:

from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from sklearn_dcn import DCNClassifier

X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0, stratify=y)
columns = make_column_transformer((TfidfVectorizer(), "text"), remainder="passthrough")
try:
    make_pipeline(columns, DCNClassifier()).fit(X_train, y_train)
except ValueError as error:
    print(error)

# %%
# With a dense matrix (`sparse_threshold=0`) every word of the vocabulary would be a
# column of numbers: for real texts, tens of thousands of columns. In the raw table,
# each text would be a category that no other row has; `fit` notices, and says what to
# do:

import textwrap
import warnings

with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    DCNClassifier(max_epochs=1, random_state=0).fit(X_train, y_train)
print(textwrap.fill(str(told[0].message), 80))

# %%
# What works
# ----------
# Name the column. Its cells become bags of n-grams (words, pairs of words, and letters
# within words), with TF-IDF weights; the other columns are read as always.

import time

start = time.perf_counter()
model = DCNClassifier(text_features=["text"], random_state=0)
model.fit(X_train, y_train)
seconds = {"DCN": time.perf_counter() - start}
print(model.encoder_)

# %%
# Against TF-IDF and a logistic regression
# ----------------------------------------
# A strong and very fast baseline, here with the penalty that suits it best. It adds up
# what words say and what products say. The table shows how far each model gets with the
# text alone, and what the other columns add.

from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.preprocessing import OneHotEncoder

tfidf = TfidfVectorizer(sublinear_tf=True, min_df=2)
one_hot = OneHotEncoder(handle_unknown="ignore")
linear = {
    "text": make_column_transformer((tfidf, "text")),
    "text, product, channel": make_column_transformer(
        (tfidf, "text"), (one_hot, ["product", "channel"])
    ),
}
results = []
for name, encoder in linear.items():
    used = name.split(", ")
    start = time.perf_counter()
    logistic = make_pipeline(encoder, LogisticRegression(C=0.3))
    logistic.fit(X_train[used], y_train)
    seconds["logistic regression"] = time.perf_counter() - start
    dcn = DCNClassifier(text_features=["text"], random_state=0)
    dcn.fit(X_train[used], y_train)
    for kind, fitted in {"logistic regression": logistic, "DCN": dcn}.items():
        p = fitted.predict_proba(X_test[used])[:, 1]
        row = (name, kind, log_loss(y_test, p), roc_auc_score(y_test, p))
        results.append(row)
table = pd.DataFrame(results, columns=["columns", "model", "log loss", "AUC"])
print(table.round(4).to_string(index=False))
print({name: f"{s:.2f} s" for name, s in seconds.items()})

# %%
import matplotlib.pyplot as plt

fig, ax = plt.subplots(figsize=(7, 2.5))
for (name, part), marker in zip(table.groupby("model"), "ox", strict=True):
    ax.plot(part["log loss"], part["columns"], marker, markersize=9, label=name)
ax.set(title="New tickets, by the columns that a model has", xlabel="log loss")
ax.margins(y=0.4)
ax.legend(frameon=False)
fig.tight_layout()

# %%
# What does it cross?
# -------------------
# To the network the text is one column, so you can ask for its crosses with others:

from sklearn_dcn.inspection import interaction_strengths, rank_interactions

print(rank_interactions(interaction_strengths(model, X_test)).round(2))

# %%
# A vectorizer of your own
# ------------------------
# If you have a fitted vectorizer, or a tokenizer of your own, `BagColumn` turns its
# matrix into *one* column, which passes through a `ColumnTransformer`:

from sklearn_dcn.preprocessing import BagColumn

columns = make_column_transformer(
    (BagColumn(TfidfVectorizer(min_df=2)), "text"),
    ("passthrough", ["product", "channel"]),
    verbose_feature_names_out=False,
).set_output(transform="pandas")
pipeline = make_pipeline(
    columns, DCNClassifier(pooling={"text": "sum"}, random_state=0)
)
pipeline.fit(X_train, y_train)
print(f"log loss {log_loss(y_test, pipeline.predict_proba(X_test)):.4f}")

# %%
# What was learned
# ----------------
# - ``text_features=["text"]`` is all that text needs: no vectorizer, no dense matrix.
#   The pipeline that comes to mind first fails, and the raw table raises a warning.
# - With the text alone, TF-IDF and a logistic regression are as good and many times
#   faster. You do not need a network for that.
# - Product and channel add nothing to the linear model and much to the DCN: here the
#   same words mean different things for different products, which no sum can express.
#   The interaction strengths find that cross.
# - Words are hashed, so texts of later rows need no vocabulary. ONNX graphs have no
#   n-grams; :doc:`/tables` has the options, and what to do about that.
