"""What does the default cross in a table of a bank? Three answers, and a picture.

    python -m benchmarks.crosses [--rows 45211] [--output docs/results]

The table: 45,211 clients of a bank; who took a term deposit? A default network is asked
which pairs of columns it crosses; its answer is compared with the norms of the first
cross layer's weights, and with the H statistic of Friedman and Popescu, by partial
dependence, which knows nothing of the network but its predictions.
"""

from __future__ import annotations

import argparse
import datetime
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import spearmanr
from sklearn.model_selection import train_test_split

from sklearn_dcn import DCNClassifier, __version__
from sklearn_dcn.datasets import load_bank_marketing
from sklearn_dcn.inspection import (
    ExplanationDisplay,
    InteractionDisplay,
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


def compare(model, X, n_points=100):
    """Return the pairs by three measures, the strongest contribution first."""
    tables = {
        "contribution": interaction_strengths(model, X),
        "H": h_statistics(model, X[:n_points], n_points),
        "weight": interaction_strengths(model, method="weight"),
    }
    ranked = {name: rank_interactions(table) for name, table in tables.items()}
    return pd.DataFrame(ranked).sort_values("contribution", ascending=False)


def agreement(table, other, n_first=10):
    """Return the rank correlation with the contribution, and the shared first pairs."""
    rho = spearmanr(table["contribution"], table[other]).statistic
    first = set(table["contribution"].nlargest(n_first).index)
    return rho, len(first & set(table[other].nlargest(n_first).index))


def report(table, n_rows):
    """Return the findings as markdown."""
    lines = ["| pair | contribution, log-odds | H, log-odds | norm of weights |"]
    lines.append("| --- | --: | --: | --: |")
    for (first, second), row in table.head(6).iterrows():
        cells = " | ".join(f"{row[name]:.2f}" for name in table.columns)
        lines.append(f"| {first} x {second} | {cells} |")
    lines.append("")
    for other, name in (("H", "H"), ("weight", "Norms of weights")):
        rho, n_shared = agreement(table, other)
        lines.append(
            f"{name}: a rank correlation of {rho:.2f} with the contribution over all "
            f"{len(table)} pairs, and {n_shared} of the 10 strongest in common."
        )
    day = datetime.date.today()
    lines += ["", f"{n_rows:,} rows, sklearn-dcn {__version__}, {day}."]
    return "\n".join(lines) + "\n"


def draw(model, X_train, X_test, path):
    """Draw strengths, norms, and the explanation of the most likely client."""
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(12.5, 9), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=[1.15, 1])
    left, right = above.subplots(1, 2)
    InteractionDisplay.from_estimator(model, X_test, top=9, ax=left)
    left.set_title("strengths of pairs, log-odds")
    InteractionDisplay.from_estimator(model, method="weight", top=9, ax=right)
    right.set_title("norms of the weights' blocks")
    row = X_test.iloc[[int(np.argmax(model.decision_function(X_test)))]]
    explanation = explain(model, row, background=X_train)
    axis = below.subplots()
    ExplanationDisplay(explanation).plot(axis, max_display=10)
    axis.set_title("one client, from the average to the prediction")
    figure.savefig(path, dpi=80)
    plt.close(figure)


def main(arguments=None):
    """Fit, ask, compare; print the findings, perhaps save them and the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=45_211)
    parser.add_argument("--points", type=int, default=100, help="points of the H")
    parser.add_argument("--output", type=Path, help="directory for crosses.md and .png")
    options = parser.parse_args(arguments)

    X, y = load_bank_marketing(return_X_y=True)
    X = X.sample(min(options.rows, len(X)), random_state=0)
    X_train, X_test, y_train, _ = train_test_split(
        X, y[X.index], stratify=y[X.index], random_state=0
    )
    model = DCNClassifier(validation="random", random_state=0).fit(X_train, y_train)
    text = report(compare(model, X_test, options.points), len(X))
    print(text)
    if options.output:
        (options.output / "crosses.md").write_text(text, encoding="utf-8")
        draw(model, X_train, X_test, options.output / "crosses.png")


if __name__ == "__main__":
    main()
