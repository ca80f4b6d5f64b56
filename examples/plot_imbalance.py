"""Two clients of a hundred say yes: ways to treat rare positives, and what they cost.

The table is that of a bank's campaign, of whose positives so many are left out that
2 % remain, as among clicks. Networks that differ in how they treat them, on the same
rows:

- plain: the log loss of all rows;
- class_weight="balanced": as if both classes were equally frequent;
- the same, with its probabilities calibrated again by scikit-learn;
- loss="focal": rows that are right already count little;
- negative_sampling=0.1: a tenth of the negatives, with the log-odds corrected.

A ranking hardly needs any of it, and only the plain and the sampled network, and the
one that is calibrated again, tell probabilities. Under a minute on two cores.

    python examples/plot_imbalance.py --output calibration.png

The picture needs matplotlib, the rest does not.
"""

import argparse
import time

import numpy as np
import pandas as pd
from sklearn.calibration import CalibratedClassifierCV
from sklearn.metrics import average_precision_score, log_loss, roc_auc_score
from sklearn.model_selection import StratifiedShuffleSplit, train_test_split

from sklearn_dcn import DCNClassifier
from sklearn_dcn.datasets import load_bank_marketing
from sklearn_dcn.metrics import expected_calibration_error, normalized_entropy_score

RATE = 0.02


def get_rows(rows, seed):
    """Draw a table of so many rows of which 2 % are positive."""
    X, y = load_bank_marketing(return_X_y=True)
    X = X.drop(columns="duration")  # known only when the answer is
    rng = np.random.default_rng(seed)
    n_positive = round(RATE * rows)
    drawn = np.concatenate(
        [
            rng.choice(np.flatnonzero(y == label), size, replace=False)
            for label, size in ((1, n_positive), (0, rows - n_positive))
        ]
    )
    return X.iloc[drawn], y.iloc[drawn]


def make_models(seed):
    """Return the networks by name."""
    held_out = StratifiedShuffleSplit(1, test_size=0.25, random_state=seed)
    balanced = DCNClassifier(class_weight="balanced", random_state=seed)
    return {
        "plain": DCNClassifier(random_state=seed),
        "balanced": balanced,
        "balanced, calibrated": CalibratedClassifierCV(balanced, cv=held_out),
        "focal": DCNClassifier(loss="focal", random_state=seed),
        "negative_sampling=0.1": DCNClassifier(
            negative_sampling=0.1, random_state=seed
        ),
    }


def measure(model, X, y, seed):
    """Fit to 70 % of the rows; return figures of the others, labels, probabilities."""
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=0.3, stratify=y, random_state=seed
    )
    start = time.perf_counter()
    model.fit(X_train, y_train)
    seconds = time.perf_counter() - start
    p = model.predict_proba(X_test)[:, 1]
    figures = {
        "log loss": log_loss(y_test, p),
        "norm. entropy": normalized_entropy_score(y_test, p),
        "AUC": roc_auc_score(y_test, p),
        "av. precision": average_precision_score(y_test, p),
        "calibration error": expected_calibration_error(y_test, p),
        "mean p": p.mean(),
        "fit, s": seconds,
    }
    return figures, y_test.to_numpy(), p


def compare(rows, seeds):
    """Measure all networks for every seed.

    Returns
    -------
    figures : DataFrame
        A row for each network and seed.
    predictions : dict
        Name to labels and probabilities of the test rows of all seeds.
    """
    figures, predictions = [], {}
    for seed in range(seeds):
        X, y = get_rows(rows, seed)
        for name, model in make_models(seed).items():
            result, y_test, p = measure(model, X, y, seed)
            figures.append({"network": name, "seed": seed, **result})
            predictions.setdefault(name, []).append((y_test, p))
    joined = {
        name: tuple(map(np.concatenate, zip(*parts, strict=True)))
        for name, parts in predictions.items()
    }
    return pd.DataFrame(figures), joined


def print_table(figures):
    """Print mean and standard deviation over the seeds."""
    by_network = figures.drop(columns="seed").groupby("network", sort=False)
    mean, spread = by_network.mean(), by_network.std(ddof=0)
    print(f"{'':<22}" + "".join(f"{name:>18}" for name in mean))
    for name in mean.index:
        pairs = zip(mean.loc[name], spread.loc[name], strict=True)
        cells = [f"{value:.4f} ± {deviation:.4f}" for value, deviation in pairs]
        cells[-1] = f"{mean.loc[name].iloc[-1]:.1f} ± {spread.loc[name].iloc[-1]:.1f}"
        print(f"{name:<22}" + "".join(f"{cell:>18}" for cell in cells))


def draw(predictions):
    """Return scikit-learn's calibration curves, on logarithmic axes."""
    from matplotlib import pyplot as plt
    from matplotlib.ticker import PercentFormatter
    from sklearn.calibration import CalibrationDisplay

    figure, ax = plt.subplots(figsize=(7, 5.5))
    colors = ["#0072B2", "#D55E00", "#E69F00", "#CC79A7", "#009E73"]
    markers = "osD^v"
    for (name, (y, p)), color, marker in zip(
        predictions.items(), colors, markers, strict=True
    ):
        CalibrationDisplay.from_predictions(
            y, p, n_bins=8, strategy="quantile", ax=ax, name=name,
            color=color, marker=marker, markersize=6, linewidth=1.5,
        )  # fmt: skip
    ax.set(xscale="log", yscale="log", xlim=(0.002, 1), ylim=(0.002, 0.3))
    ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=None))
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=None))
    ax.set_xlabel("mean predicted probability of a bin")
    ax.set_ylabel("share of positives in it")
    ax.set_title("Which probabilities are true? 2 % positives", loc="left")
    ax.legend(loc="upper left", frameon=False)
    ax.grid(color="0.92")
    ax.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    return figure


def main(arguments=None):
    """Compare the networks, print the table, draw the curves."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=20_000, help="rows of the table")
    parser.add_argument("--seeds", type=int, default=3, help="number of repetitions")
    parser.add_argument("--output", help="file for the picture; default: show it")
    options = parser.parse_args(arguments)
    if not 500 <= options.rows <= 40_000:
        parser.error("--rows must be between 500 and 40,000")

    print(
        f"bank_marketing: {options.rows:,} rows, {RATE:.0%} positive, 70 % to train; "
        f"{options.seeds} seeds\n"
    )
    figures, predictions = compare(options.rows, options.seeds)
    print_table(figures)

    try:
        figure = draw(predictions)
    except ImportError:
        print("\nNo picture: pip install matplotlib")
        return
    if options.output:
        figure.savefig(options.output, dpi=150)
        print(f"\nPicture: {options.output}")
    else:
        from matplotlib import pyplot as plt

        plt.show()


if __name__ == "__main__":
    main()
