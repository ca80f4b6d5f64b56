"""What did the network cross? Strengths of pairs, one client explained, and a check.

The table: 45,211 clients of a bank; who took a term deposit? A default
Deep & Cross Network is fitted, asked which pairs of columns it crosses, and its answer
compared with two others: the norms of the first cross layer's weights, and the H
statistic of Friedman and Popescu, by partial dependence, which knows nothing of the
network but its predictions. About 40 seconds.

    python examples/plot_interactions.py
    python examples/plot_interactions.py --rows 5000 --output interactions.png
"""

import argparse
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats import spearmanr
from sklearn.model_selection import train_test_split

from sklearn_dcn import DCNClassifier
from sklearn_dcn.datasets import load_bank_marketing
from sklearn_dcn.inspection import (
    explain,
    interaction_strengths,
    rank_interactions,
)


def partial_dependence(model, X, columns, n_points):
    """Return the mean logit over X with some columns set to those of single rows.

    Returns
    -------
    f : ndarray of shape (n_points,)
        For the first rows of X, less their mean.
    """
    mixed = pd.concat([X] * n_points, ignore_index=True)
    for column in columns:
        mixed[column] = np.repeat(X[column].to_numpy()[:n_points], len(X))
    f = model.decision_function(mixed).reshape(n_points, len(X)).mean(axis=1)
    return f - f.mean()


def h_statistics(model, X, n_points=100):
    """Return Friedman and Popescu's H of all pairs, not divided by the pair's effect.

    The root mean square of f_ij - f_i - f_j, of centred partial dependences: in units
    of the logit, so that pairs of no effect at all do not look strong.
    """
    columns = list(X.columns)
    alone = {c: partial_dependence(model, X, [c], n_points) for c in columns}
    table = pd.DataFrame(0.0, columns, columns)
    for i, j in combinations(columns, 2):
        both = partial_dependence(model, X, [i, j], n_points)
        h = np.sqrt(np.square(both - alone[i] - alone[j]).mean())
        table.loc[i, j] = table.loc[j, i] = h
    return table


def plot(tables, explanation, path):
    """Draw the heat maps, and one row's explanation as bars."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(
        1, 3, figsize=(13, 4.6), width_ratios=[1, 1, 0.8], layout="constrained"
    )
    for axis, (title, table) in zip(axes, tables.items(), strict=False):
        values = table.to_numpy().copy()
        np.fill_diagonal(values, np.nan)
        image = axis.imshow(values, cmap="Blues", vmin=0)
        axis.set_xticks(range(len(table)), table.columns, rotation=90, fontsize=8)
        axis.set_yticks(range(len(table)), table.columns, fontsize=8)
        axis.set_title(title, fontsize=10)
        figure.colorbar(image, ax=axis, shrink=0.7)
    terms = {
        f"{name} = {explanation.values[name].iloc[0]}": value
        for name, value in explanation.features.iloc[0].items()
    } | {f"{i} x {j}": value for (i, j), value in explanation.pairs.iloc[0].items()}
    terms = pd.Series(terms)
    terms = terms[terms.abs().sort_values(ascending=False).index[:12]][::-1]
    colors = np.where(terms > 0, "tab:blue", "tab:orange")
    axes[-1].barh(range(len(terms)), terms, color=colors)
    axes[-1].set_yticks(range(len(terms)), terms.index, fontsize=8)
    axes[-1].axvline(0, color="grey", linewidth=0.8)
    axes[-1].set_title("one client, log-odds", fontsize=10)
    axes[-1].spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=80)


def main(arguments=None):
    """Fit, ask, compare; print what was found, and perhaps draw it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=None, help="rows to use")
    parser.add_argument("--points", type=int, default=100, help="points of the H")
    parser.add_argument("--output", help="where to save the picture")
    options = parser.parse_args(arguments)

    X, y = load_bank_marketing(return_X_y=True)
    X = X.sample(min(options.rows or len(X), len(X)), random_state=0)
    X_train, X_test, y_train, y_test = train_test_split(
        X, y[X.index], stratify=y[X.index], random_state=0
    )
    model = DCNClassifier(random_state=0).fit(X_train, y_train)
    print(
        f"bank_marketing: {len(X):,} clients, accuracy on a quarter of them "
        f"{model.score(X_test, y_test):.3f}"
    )

    importances = pd.Series(model.feature_importances_, X.columns)
    print("\nColumns, share of the variance of the log-odds:")
    print(importances.sort_values(ascending=False).head(6).round(3).to_string())

    strengths = interaction_strengths(model, X_test)
    h = h_statistics(model, X_test[: options.points], options.points)
    weight = interaction_strengths(model, method="weight")
    table = pd.DataFrame(
        {
            "contribution": rank_interactions(strengths),
            "H": rank_interactions(h),
            "weight": rank_interactions(weight),
        }
    ).sort_values("contribution", ascending=False)
    print(
        "\nPairs, in log-odds (weight: norm), the strongest of "
        f"{len(table)} by contribution:"
    )
    print(table.head(8).round(3).to_string())
    for other in ("H", "weight"):
        rho = spearmanr(table["contribution"], table[other]).statistic
        n_shared = len(set(table.index[:10]) & set(table[other].nlargest(10).index))
        print(
            f"contribution and {other}: rank correlation {rho:.2f}, "
            f"{n_shared} of the 10 strongest in common"
        )

    row = X_test.iloc[[int(np.argmax(model.decision_function(X_test)))]]
    explanation = explain(model, row, background=X_train)
    terms = pd.concat([explanation.features.iloc[0], explanation.pairs.iloc[0]])
    print(
        f"\nThe client most likely to take it: log-odds {explanation.logit[0]:.2f} = "
        f"{explanation.baseline:.2f} on average, and {terms.sum():.2f} of its own; "
        f"largest standard error {explanation.pairs_error.to_numpy().max():.3f}"
    )
    if options.output:
        plot(
            {"contribution, log-odds": strengths, "weight, norm of blocks": weight},
            explanation,
            options.output,
        )


if __name__ == "__main__":
    main()
