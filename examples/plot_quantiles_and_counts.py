"""
How sure is a prediction, and how do I predict counts?
======================================================

A single number does not say how far off it may be, and half a year of insurance brings
fewer claims than a year. The choice of the loss takes care of both.
"""

# %%
# Intervals
# ---------
# How long does a delivery take? It depends on the town and the distance, and so does
# how much it *varies*: where traffic is bad, anything can happen.

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

rng = np.random.default_rng(0)
n = 8_000
town = rng.integers(30, size=n)
pace = rng.normal(3, 0.5, 30)  # minutes for a kilometre
spread = rng.uniform(0.1, 0.6, 30)
X = pd.DataFrame(
    {
        "town": [f"town {t:02}" for t in town],
        "km": rng.gamma(3, 2, n).round(2),
        "hour": rng.integers(8, 20, n),
    }
)
rush = np.where(X["hour"] >= 16, 1.4, 1.0)
minutes = 5 + pace[town] * X["km"] * rush * np.exp(spread[town] * rng.normal(size=n))
X_train, X_test, y_train, y_test = train_test_split(X, minutes, random_state=0)

# %%
# One network learns three quantiles, which never cross. The middle one is what
# `predict` returns.

from sklearn_dcn import DCNRegressor

quantiles = (0.05, 0.5, 0.95)
model = DCNRegressor(loss="quantile", quantiles=quantiles, random_state=0)
model.fit(X_train, y_train)
print(model.predict_quantiles(X_test.head(3)).round(1))

# %%
# A learned quantile may be too sure of itself. `predict_interval` corrects it with rows
# that a network was not trained on: those that early stopping held out. Compare boosted
# trees, with one model for each end. "score" is the cost of an interval: its width plus
# a penalty for rows outside it (lower is better).

from sklearn.ensemble import HistGradientBoostingRegressor

categories = {"town": "category"}
ends = [
    HistGradientBoostingRegressor(loss="quantile", quantile=q, random_state=0)
    .fit(X_train.astype(categories), y_train)
    .predict(X_test.astype(categories))
    for q in (0.05, 0.95)
]
intervals = {
    "predict_quantiles": model.predict_quantiles(X_test)[:, [0, 2]],
    "predict_interval": model.predict_interval(X_test, coverage=0.9),
    "boosted trees": np.stack(ends, axis=1),
}
for name, interval in intervals.items():
    low, high = interval.T
    inside = (low <= y_test) & (y_test <= high)
    outside = np.maximum(low - y_test, 0) + np.maximum(y_test - high, 0)
    width = high - low
    print(f"{name:18} inside {inside.mean():.1%}, width {width.mean():5.1f}", end="")
    print(f", score {np.mean(width + outside / 0.05):.1f}")

# %%
# Is each town's interval as wide as its deliveries vary? Here is the width for the same
# journey in each town, against the width that the table was drawn with:

import matplotlib.pyplot as plt

same = pd.DataFrame(
    {"town": [f"town {t:02}" for t in range(30)], "km": 6.0, "hour": 12}
)
low, high = model.predict_interval(same, coverage=0.9).T
true_width = pace * 6 * (np.exp(1.645 * spread) - np.exp(-1.645 * spread))
fig, ax = plt.subplots(figsize=(5, 4), layout="constrained")
ax.scatter(true_width, high - low)
ax.axline((20, 20), slope=1, color="0.5", linestyle=":")
_ = ax.set(xlabel="true width of nine tenths, minutes", ylabel="predicted width")

# %%
# Counts with an exposure
# -----------------------
# Claims on motor policies, each insured for a part of a year. Brand and region multiply
# the rate, and one brand is driven badly in some regions.

n = 20_000
policies = pd.DataFrame(
    {
        "brand": rng.choice(["A", "B", "C", "D", "E"], n),
        "region": [f"R{r:02}" for r in rng.integers(20, size=n)],
        "age": rng.integers(18, 85, n),
        "years": rng.uniform(0.05, 1.0, n).round(2),
    }
)
rate = 0.15 * np.exp(1.2 * np.exp(-(policies["age"] - 18) / 8))
rate *= policies["brand"].map({"A": 0.6, "B": 0.8, "C": 1, "D": 1.2, "E": 1.6})
rate *= np.where((policies["brand"] == "A") & (policies["region"] < "R10"), 4, 1)
claims = rng.poisson(rate * policies["years"])
train, test, claims_train, claims_test, _, rate_test = train_test_split(
    policies, claims, rate, random_state=0
)

# %%
# `exposure` names the column that expected claims are proportional to. It is not a
# feature: the same policy for twice the time has exactly twice the expected claims.

counts = DCNRegressor(loss="poisson", exposure="years", random_state=0)
counts.fit(train, claims_train)
policy = test.iloc[[0]]
a_year, half = policy.assign(years=1.0), policy.assign(years=0.5)
print(
    f"a year {counts.predict(a_year)[0]:.3f}, half of it {counts.predict(half)[0]:.3f}"
)
assert np.isclose(counts.predict(a_year), 2 * counts.predict(half)).all()

# %%
# How close does it come to the best possible? scikit-learn's models have no exposure;
# they learn claims per year, with the years as weights, which is equivalent. "True
# rates" is the score of somebody who knows how the table was drawn.

from sklearn.compose import make_column_transformer
from sklearn.linear_model import PoissonRegressor
from sklearn.metrics import mean_poisson_deviance
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KBinsDiscretizer, OneHotEncoder

features = ["brand", "region", "age"]
bins = KBinsDiscretizer(10, quantile_method="averaged_inverted_cdf")
glm = make_pipeline(
    make_column_transformer((OneHotEncoder(), ["brand", "region"]), (bins, ["age"])),
    PoissonRegressor(alpha=1e-4, max_iter=500),
)
trees = HistGradientBoostingRegressor(
    loss="poisson", learning_rate=0.05, random_state=0
)
categories = {"brand": "category", "region": "category"}
yearly, years = claims_train / train["years"], train["years"]
glm.fit(train[features], yearly, poissonregressor__sample_weight=years)
trees.fit(train[features].astype(categories), yearly, sample_weight=years)
rates = {
    "one rate for all": np.full(len(test), claims_train.sum() / years.sum()),
    "PoissonRegressor": glm.predict(test[features]),
    "boosted trees": trees.predict(test[features].astype(categories)),
    "DCN": counts.predict(test.assign(years=1.0)),
    "true rates": rate_test,
}
for name, predicted in rates.items():
    deviance = mean_poisson_deviance(claims_test, predicted * test["years"])
    print(f"{name:17} {deviance:.4f}")

# %%
# What was learned
# ----------------
# - ``loss="quantile"`` gives each row an interval of its own width, from one network,
#   and the ends never cross. Here trees with a model for each end are too sure on new
#   rows.
# - `predict_interval` is corrected with held-out rows. Look at the coverage *and* the
#   width: wide enough intervals cover everything.
# - ``loss="poisson"`` with `exposure` learns rates from policies of any length. The
#   network and the trees find the brand that is driven badly in half of the regions; a
#   linear model finds it only if it is told. Both come close to the true rates.
# - The other losses are in :doc:`/targets`: amounts, outliers, the normal distribution.
