"""
Rows in order of time
=====================

The validation said one thing, and the next month another. Why does a random split
mislead where rows are in order of time, and what tells the truth?
"""

# %%
# Calls of a bank
# ---------------
# Thirty months of calls, in order, with a month but no year: one of many logs that do
# not record their order. Counting the changes of the month recovers the periods. The
# share of clients who say yes changes over time:

from matplotlib import pyplot as plt

from sklearn_dcn.datasets import load_bank_marketing

X, y = load_bank_marketing(return_X_y=True)
X = X.drop(columns="duration")  # known only when the answer is
period = (X["month"] != X["month"].shift()).cumsum()
months = y.groupby(period).agg(["size", "mean"])

figure, ax = plt.subplots(figsize=(7.5, 3), layout="constrained")
ax.bar(months.index, months["mean"], width=0.7)
ax.axvspan(11.5, 14.5, color="0.9", zorder=0)
_ = ax.set(xlabel="month of the log", ylabel="share of yes")

# %%
# Suppose that the eleventh month is over. How good will a model be in the next three
# months, which are grey in the picture?

past, future = period <= 11, (period > 11) & (period <= 14)
X_past, y_past, X_future, y_future = X[past], y[past], X[future], y[future]
print(f"{past.sum():,} rows, {y_past.mean():.1%} yes; then {y_future.mean():.1%}")

# %%
# A random split
# --------------
# First the usual test: a fifth of the past, drawn at random. For each of its rows, the
# model has learned from other calls of the same days.

from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import train_test_split

from sklearn_dcn import DCNClassifier

X_fit, X_held, y_fit, y_held = train_test_split(
    X_past, y_past, test_size=0.2, random_state=0, stratify=y_past
)


def scores(target, p):
    """Return log loss and AUC as text."""
    return f"log loss {log_loss(target, p):.3f}, AUC {roc_auc_score(target, p):.3f}"


by_chance = DCNClassifier(validation="random", random_state=0).fit(X_fit, y_fit)
p = by_chance.predict_proba(X_held)[:, 1]
print(f"promised: {scores(y_held, p)}")

by_chance.fit(X_past, y_past)
p = by_chance.predict_proba(X_future)[:, 1]
losses = {"DCN, validation='random'": log_loss(y_future, p)}
print(f"came:     {scores(y_future, p)}")

# %%
# Whole months
# ------------
# `DaySplit` tests on months that the training has not reached. (It cuts dates into
# days, weeks or hours; if you pass numbers, as here, each number is a period.) Its
# result is unpleasant, and much closer to what came.

from sklearn.model_selection import cross_val_score

from sklearn_dcn.model_selection import DaySplit

by_month = -cross_val_score(
    by_chance,
    X_past,
    y_past,
    cv=DaySplit(period[past], n_splits=3),
    scoring="neg_log_loss",
)
for month, score in zip(months.index[8:11], by_month, strict=True):
    size, share = months.loc[month]
    print(f"month {month}: log loss {score:.3f} ({size:.0f} rows, {share:.0%} yes)")

# %%
# The fit validates, too
# ----------------------
# A fit holds out rows by itself: to stop in time, to choose pairs to memorise, and to
# calibrate its probabilities. By default it checks whether the rows are in order of
# time. If they are, the last ones validate, and a warning says how to confirm or reject
# that.

import textwrap
import warnings

with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    last = DCNClassifier(random_state=0).fit(X_past, y_past)
print(textwrap.fill(str(told[0].message), 80))
assert last.validation_ == "last"

# %%
# Nobody can foresee how many will say yes. But a model that stops, and is calibrated,
# on the latest rows is less wrong than one that uses rows from the whole past. Boosted
# trees and the past's base rate are there for comparison:

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier

p = last.predict_proba(X_future)[:, 1]
losses["DCN, validation='last'"] = log_loss(y_future, p)
strings = X.select_dtypes(["object", "string"]).columns
codes = X.astype(dict.fromkeys(strings, "category"))
trees = HistGradientBoostingClassifier(random_state=0).fit(codes[past], y_past)
losses["trees"] = log_loss(y_future, trees.predict_proba(codes[future])[:, 1])
base_rate = np.full(len(y_future), y_past.mean())
losses["base rate of the past"] = log_loss(y_future, base_rate)
assert losses["DCN, validation='last'"] == min(losses.values())
assert losses["DCN, validation='random'"] > losses["base rate of the past"]
found = pd.Series(losses, name="log loss of the next three months")
found.sort_values().to_frame().round(3)

# %%
# What has shifted?
# -----------------
# `drift` compares columns of new rows with those of the fit. By a common rule of thumb,
# a value of 0.25 or more means that the column has changed.

from sklearn_dcn.inspection import DriftDisplay, drift

report = drift(last, X_future, y_future)
_ = DriftDisplay(report).plot()

# %%
# If you pass the target, it also tells where predictions are off: in these groups far
# more clients say yes than the model expects.

groups = report.calibration
groups[groups["rows"] > 300].sort_values("ratio").head(6).round(3)

# %%
# What was learned
# ----------------
# - A random split asks about the same days that the model has learned from. So it
#   promised half of the loss that came: it cannot know that the share of yes will
#   double, and it is also too optimistic about the order of the rows. It would have
#   passed a model that was worse than the base rate.
# - Test on whole periods after the training, with `DaySplit`, and look at each period.
# - `validation="last"` stops and calibrates by the newest rows; it is the default if
#   rows turn out to be in order of time. It softens the blow of a change that has
#   begun, but foresees none.
# - `drift` tells which columns and groups have changed. Look at these before you fit
#   again.
