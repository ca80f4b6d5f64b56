"""Two networks in one pipeline: the first chooses variables, the second predicts.

The table: 30,000 holders of a credit card, 9 codes and 14 amounts; who will default?
scikit-learn's `SelectFromModel` keeps the columns of the greatest
`feature_importances_` of a first Deep & Cross Network, and a second one is fitted to
these alone. A model of few variables is cheaper to run and easier to explain. What it
loses is measured against the network of all columns, and what the choice is worth
against as many columns taken at random.
About 40 seconds on two cores.

    python examples/credit_cascade.py
    python examples/credit_cascade.py --keep 5 --seeds 5
"""

import argparse
from collections import Counter

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.feature_selection import SelectFromModel
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline

from sklearn_dcn import DCNClassifier
from sklearn_dcn.datasets import load_credit_default


def make_cascade(keep, seed):
    """Return the pipeline: one network chooses `keep` columns, another takes them."""
    network = DCNClassifier(random_state=seed)
    select = SelectFromModel(
        network,
        max_features=keep,
        threshold=-np.inf,  # the number decides, not the mean of the importances
    )
    # By default the second network would get an array, without names and dtypes.
    select.set_output(transform="pandas")
    return Pipeline([("select", select), ("dcn", clone(network))])


def scores(model, X, y):
    """Return log loss and AUC."""
    p = model.predict_proba(X)[:, 1]
    return {"log loss": log_loss(y, p), "AUC": roc_auc_score(y, p)}


def compare(X, y, keep, seeds):
    """Measure all columns, the cascade and random columns for every seed.

    Returns
    -------
    figures : DataFrame
        A row for each model and seed.
    chosen : Counter
        How often the cascade kept each column.
    """
    figures, chosen = [], Counter()
    for seed in range(seeds):
        X_train, X_test, y_train, y_test = train_test_split(
            X, y, test_size=0.3, stratify=y, random_state=seed
        )
        cascade = make_cascade(keep, seed).fit(X_train, y_train)
        chosen.update(cascade["select"].get_feature_names_out())
        # The network that chooses is the one of all columns.
        full = cascade["select"].estimator_
        rng = np.random.default_rng(seed)
        some = rng.choice(X.columns, keep, replace=False)
        random = DCNClassifier(random_state=seed).fit(X_train[some], y_train)
        for name, model, columns in (
            (f"all {X.shape[1]} columns", full, X.columns),
            (f"cascade, {keep} columns", cascade, X.columns),
            (f"{keep} random columns", random, some),
        ):
            result = scores(model, X_test[columns], y_test)
            figures.append({"model": name, "seed": seed, **result})
    return pd.DataFrame(figures), chosen


def main(arguments=None):
    """Compare, and print the figures and the columns kept."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", type=int, default=8, help="columns to keep")
    parser.add_argument("--rows", type=int, default=30_000, help="rows to use")
    parser.add_argument("--seeds", type=int, default=3, help="number of repetitions")
    options = parser.parse_args(arguments)

    X, y = load_credit_default(return_X_y=True)
    X = X.sample(min(options.rows, len(X)), random_state=0)
    y = y[X.index]
    print(f"credit_default: {len(X):,} clients, {y.mean():.1%} default\n")
    figures, chosen = compare(X, y, options.keep, options.seeds)
    by_model = figures.drop(columns="seed").groupby("model", sort=False)
    mean, spread = by_model.mean(), by_model.std(ddof=0)
    print(f"{'':<20}" + "".join(f"{name:>18}" for name in mean))
    for name in mean.index:
        pairs = zip(mean.loc[name], spread.loc[name], strict=True)
        cells = [f"{value:.4f} ± {deviation:.4f}" for value, deviation in pairs]
        print(f"{name:<20}" + "".join(f"{cell:>18}" for cell in cells))
    print(f"\nKept, in how many of {options.seeds} splits:")
    print(", ".join(f"{name} {count}" for name, count in chosen.most_common()))


if __name__ == "__main__":
    main()
