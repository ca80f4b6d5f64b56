"""
Why did this row get this probability?
======================================

A model says 90 % for one visitor and 2 % for the next. Which columns made the
difference, in this row and in general?
"""

# %%
# A fitted model
# --------------
# Will a visit to a shop end with a purchase?

from sklearn.model_selection import train_test_split

from sklearn_dcn import DCNClassifier
from sklearn_dcn.datasets import load_online_shoppers

X, y = load_online_shoppers(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0, stratify=y)
model = DCNClassifier(random_state=0).fit(X_train, y_train)

# %%
# A row to ask about
# ------------------
# Take the visit with the highest probability among those that ended *without* a
# purchase. What made the model so sure?

left = X_test[y_test == 0]
p = model.predict_proba(left)[:, 1]
row = left.iloc[[p.argmax()]]
print(f"probability of a purchase: {p.max():.2f}\n")
print(row.iloc[0].to_string())

# %%
# `explain` writes the row's log-odds as a sum: the mean of the background rows, then
# what each column adds alone, and what pairs of columns add together. The sum is exact;
# how it is divided is estimated, with a standard error.

from sklearn_dcn.inspection import explain

explanation = explain(model, row, background=X_train)
alone, pairs = explanation.features.iloc[0], explanation.pairs.iloc[0]
print(f"baseline {explanation.baseline:6.2f}")
print(f"columns  {alone.sum():+6.2f}")
print(f"pairs    {pairs.sum():+6.2f}")
print(f"logit    {explanation.logit[0]:6.2f}")
total = explanation.baseline + alone.sum() + pairs.sum()
assert abs(total - explanation.logit[0]) < 1e-6

# %%
# The same as a picture. Read it from the bottom to the top: orange bars raise the
# log-odds, blue bars lower them.

from sklearn_dcn.inspection import ExplanationDisplay

_ = ExplanationDisplay(explanation).plot(max_display=10)

# %%
# The background is part of the question. Do you ask why this visit got more than the
# average visit, or why it got more than visits that did end with a purchase? Here are
# the largest terms for both:

import pandas as pd

buyers = X_train[y_train == 1]
for name, background in {"all visits": X_train, "purchases": buyers}.items():
    e = explain(model, row, background=background)
    terms = pd.concat([e.features.iloc[0], e.pairs.iloc[0]])
    largest = terms[terms.abs().nlargest(4).index].round(2)
    print(f"compared with {name}, log-odds {e.baseline:.2f}:")
    print(largest.to_string(), "\n")

# %%
# One column, all rows
# --------------------
# What does the model make of a column, over all of its values? Each test row is given
# every value in turn, and the predictions are averaged. The band covers four fifths of
# the rows: where it is wide, the effect depends on other columns.

import matplotlib.pyplot as plt

from sklearn_dcn.inspection import EffectDisplay

fig, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
EffectDisplay.from_estimator(model, X_test, "ExitRates", ax=axes[0])
_ = EffectDisplay.from_estimator(model, X_test, "Month", ax=axes[1])

# %%
# Which columns matter?
# ---------------------
# `feature_importances_` is available after `fit` and needs no rows: it is the share of
# the log-odds' variance that would be lost if a column were held fixed. Permutation
# importance needs test rows and their labels: how much worse is the log loss if a
# column is shuffled? scikit-learn's function takes the raw table.

from sklearn.inspection import permutation_importance

shuffled = permutation_importance(
    model, X_test, y_test, scoring="neg_log_loss", n_repeats=3, random_state=0
)
table = pd.DataFrame(
    {
        "feature_importances_": model.feature_importances_,
        "permutation": shuffled.importances_mean,
        "+/-": shuffled.importances_std,
    },
    index=X.columns,
).sort_values("permutation", ascending=False)
print(table.head(8).round(3))
agreement = table["feature_importances_"].corr(table["permutation"], method="spearman")
print(f"rank correlation over all columns: {agreement:.2f}")

# %%
# The two disagree about the month. Look at visits without a page value:

none = X["PageValues"] == 0
bought = y[none].groupby(X.loc[none, "Month"]).agg(["size", "mean"])
print(bought.sort_values("mean").round(3).head(4))

# %%
# In some months none of thousands of visits ended with a purchase, so the network gives
# such visits log-odds far below zero. That is a large share of the log-odds' variance;
# for the log loss it makes hardly any difference whether a probability is a hundredth
# or a ten-thousandth.

# %%
# What was learned
# ----------------
# - The log-odds of a row are a sum of columns and pairs, and `ExplanationDisplay` draws
#   it. Say what the row is compared with: other backgrounds make other columns matter.
# - `EffectDisplay` shows the effect of a column over all its values, and how much the
#   effect differs from row to row.
# - Importance has two meanings. `feature_importances_` says what moves the network's
#   log-odds; permutation importance says what helps to predict these rows. Where they
#   differ, find out why.
# - These are statements about the model. None of them says whether a visitor would act
#   differently if a column were changed.
# - If `shap` is installed, ``explanation.to_shap()`` gives its plots these values, with
#   the value of each pair split between its two columns. :doc:`/interactions` says what
#   the values are.
