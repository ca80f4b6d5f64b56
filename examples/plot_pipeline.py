"""
In a pipeline
=============

You build models from scikit-learn's parts: one step makes columns, the last step is the
model, and a search turns the knobs of both. How does a DCN fit in, and which of your
usual steps should you leave out?
"""

# %%
# The table
# ---------
# Clients of a bank, with their limit, and the bills and payments of half a year: will
# they fail to pay next month? Codes are strings here, so they are read as categories.

from sklearn.model_selection import train_test_split

from sklearn_dcn.datasets import load_credit_default

X, y = load_credit_default(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, train_size=5000, random_state=0, stratify=y
)
X_train.iloc[:3, :12]

# %%
# A step that knows something
# ---------------------------
# What a bill means depends on the limit. A quotient of two columns is hard to learn but
# easy to write down, so it gets a step. Everything else passes through **as it is**.
# `set_output` keeps the result a DataFrame with names and dtypes. Without it, strings
# and numbers share an array of objects whose columns are called 0, 1, 2.

from sklearn.compose import make_column_transformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_dcn import DCNClassifier

bills = [f"BILL_AMT{month}" for month in range(1, 7)]


def bills_over_limit(table):
    """Return the limit, and each bill as a share of it."""
    shares = table[bills].div(table["LIMIT_BAL"], axis=0)
    return shares.add_suffix("_share").assign(LIMIT_BAL=table["LIMIT_BAL"])


columns = make_column_transformer(
    (FunctionTransformer(bills_over_limit), ["LIMIT_BAL", *bills]),
    ("passthrough", X.columns.drop(["LIMIT_BAL", *bills])),
    verbose_feature_names_out=False,
).set_output(transform="pandas")
pipeline = Pipeline([("columns", columns), ("dcn", DCNClassifier(random_state=0))])
pipeline.fit(X_train, y_train)
print(pipeline["dcn"].encoder_)

# %%
# The names reach everything that reports on columns:

import pandas as pd
from matplotlib import pyplot as plt

dcn = pipeline["dcn"]
importances = pd.Series(dcn.feature_importances_, dcn.feature_names_in_)
figure, ax = plt.subplots(figsize=(7, 3), layout="constrained")
_ = importances.nlargest(8)[::-1].plot.barh(ax=ax, xlabel="importance")

# %%
# Steps to leave out
# ------------------
# Most recipes for neural networks begin with `StandardScaler` and `OneHotEncoder`. Both
# repeat what the estimator does by itself, and one-hot encoding hides something from
# it: which of the many columns of zeros and ones belong together. Compare both on the
# same rows.

import time

from sklearn.metrics import log_loss
from sklearn.preprocessing import OneHotEncoder, StandardScaler

codes = X.select_dtypes(["object", "string"]).columns
scaled = make_column_transformer(
    (OneHotEncoder(sparse_output=False, handle_unknown="ignore"), codes),
    (StandardScaler(), X.columns.drop(codes)),
)
usual = Pipeline([("columns", scaled), ("dcn", DCNClassifier(random_state=0))])
raw = DCNClassifier(random_state=0)
for name, model in {"raw": raw, "scaled and one-hot": usual}.items():
    start = time.perf_counter()
    model.fit(X_train, y_train)
    seconds = time.perf_counter() - start
    loss = log_loss(y_test, model.predict_proba(X_test)[:, 1])
    print(f"{name:20} {seconds:5.1f} s   log loss {loss:.4f}")
loss = log_loss(y_test, pipeline.predict_proba(X_test)[:, 1])
print(f"{'with shares of limit':20} {'':9}log loss {loss:.4f}")

# %%
# Cross-validation and search
# ---------------------------
# `cross_val_score` clones the pipeline for each fold, so everything about columns is
# learned from training rows alone. A search reaches the parameters of the network as
# `dcn__...`, and a whole step by its name: here "passthrough" replaces the quotients.
# So the grid can also decide whether a step is worth it.

from sklearn.model_selection import GridSearchCV, cross_val_score

pipeline.set_params(dcn__n_members=1)
scores = cross_val_score(pipeline, X_train, y_train, cv=3, scoring="neg_log_loss")
print(f"log loss {-scores.mean():.4f}, each fold: {(-scores).round(4)}")

step = "columns__functiontransformer"
search = GridSearchCV(
    pipeline,
    {step: [columns.transformers[0][1], "passthrough"], "dcn__n_cross_layers": [1, 2]},
    scoring="neg_log_loss",
    cv=2,
).fit(X_train, y_train)
found = pd.DataFrame(search.cv_results_)
found["bills"] = [
    "as they are" if kind == "passthrough" else "over the limit"
    for kind in found[f"param_{step}"]
]
found["cross layers"] = found["param_dcn__n_cross_layers"]
found["log loss"] = -found["mean_test_score"]
found[["bills", "cross layers", "log loss"]].sort_values("log loss").round(4)

# %%
# Clones
# ------
# A clone has the parameters, but nothing that was learned. With an integer
# `random_state` it learns the same again, bit for bit.

import numpy as np
from sklearn.base import clone

first = search.best_estimator_
again = clone(first).fit(X_train, y_train)
assert np.array_equal(first.predict_proba(X_test), again.predict_proba(X_test))

# %%
# What was learned
# ----------------
# - Before a DCN, put only steps that tell it what it cannot know, and pass the rest
#   through raw. Scaling and one-hot encoding take longer and predict no better.
# - A step of your own is a guess: let the grid decide. Here the quotients win the
#   search, but hardly help on the test rows.
# - With `set_output(transform="pandas")` names and dtypes survive, so that strings stay
#   categories and importances can be read.
# - Pickle the pipeline like any other. `save` keeps only the estimator, and the graphs
#   of :doc:`/serving` cannot contain steps of your own: one more reason to do little
#   before the estimator.
