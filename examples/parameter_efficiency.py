"""Fewer parameters at equal loss: the DCN paper's own claim, checked.

Tables 2 and 3 and figure 2 of the DCN paper (arXiv:1708.05123) say that a DCN reaches
the log loss of a plain deep network (DNN) with fewer parameters, and a lower one with
as many. Parameters of embeddings are not counted, as both networks have the same.

The click table is made up and full of crosses: its log-odds are products of latent
vectors of pairs of ids, of ids and numbers, and of pairs of numbers. That is in favour
of cross layers, and the point: the claim is about such data. The truth is known, and
so is the loss below which no model gets, the floor. Rows are many and ids few, so that
rare ids play no part.

A DNN of two hidden layers is compared with three DCNs, which have two cross layers
beside the same hidden layers:

- "vector": the DCN paper's own cross layer, 2 d parameters for an input of width d;
- "low_rank": that of DCN-V2 with a product of thin matrices;
- "matrix": that of DCN-V2, d^2 + d parameters.

What comes out: with "low_rank" and "matrix" the claim holds; the smallest of either has
a lower loss than DNNs of twenty times its size. With "vector" it does not: a layer adds
one product of two linear functions, too few for this table, so that it helps the
smallest networks at most. And where a high loss will do, a small DNN is enough, with
fewer parameters than the layers of "matrix" have.

    python examples/parameter_efficiency.py --output parameters.png

A few minutes on two cores. The picture needs matplotlib, the rest does not.
"""

import argparse
import time

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scipy import special

from sklearn_dcn import DCNClassifier

N_IDS, N_LEVELS, N_NUMBERS = 6, 20, 4
LATENT_DIM = 3
TEST_ROWS = 20_000

# Nothing that matters is left to the defaults.
SETTINGS = {
    "embedding_dim": 4,
    "category_dropout": 0.0,
    "numeric_transform": "quantile",
    "numeric_embedding": None,
    "n_cross_layers": 2,
    "cross_rank": 6,
    "activation": "relu",
    "dropout": 0.0,
    "normalization": None,
    "optimizer": "adamw",
    "learning_rate": 0.005,
    "weight_decay": 0.01,
    "embedding_l2": 0.0,
    "batch_size": 512,
    "max_epochs": 40,
    "early_stopping": True,
    "validation_fraction": 0.1,
    "n_iter_no_change": 3,
    "n_members": 1,
    "calibrate": False,
    "tol": 0.0,
    "dtype": "float32",
    "n_jobs": 1,
}
# Nor to those of parameters that not every version has.
IF_THERE = {"numeric_levels": None, "memorized_crosses": None}

NETWORKS = {
    "DNN": {"structure": "deep"},
    "DCN, vector": {"structure": "parallel", "cross": "vector"},
    "DCN, low_rank": {"structure": "parallel", "cross": "low_rank"},
    "DCN, matrix": {"structure": "parallel", "cross": "matrix"},
}


# The table ----------------------------------------------------------------------------


def make_clicks(rows, seed):
    r"""Draw a click table with its true probabilities.

    An id a of column c has an effect b_c[a] and a latent vector u_c[a], the numbers z
    are normal. Then the log-odds are, up to a factor and a constant::

        sum over c                      0.5 b_c
        + sum over c, next c'           u_c' M_c u_c'
        + sum over numbers j            (u_j . s_j) z_j
        + sum over numbers j, next k    w_j z_j z_k

    where "next" goes round, so that each column is in two pairs. All letters are
    normal variates, M_c matrices among them. The log-odds have mean -1 and standard
    deviation 2.

    Parameters
    ----------
    rows, seed : int
        Another seed draws another truth, too.

    Returns
    -------
    X : DataFrame
        Columns of ids, as strings, and of numbers.
    p : ndarray of shape (rows,)
        True probabilities of a click.
    y : ndarray of shape (rows,)
        Clicks.
    """
    rng = np.random.default_rng(seed)
    effects = rng.normal(size=(N_IDS, N_LEVELS))
    latent = rng.normal(size=(N_IDS, N_LEVELS, LATENT_DIM))
    matrices = rng.normal(size=(N_IDS, LATENT_DIM, LATENT_DIM)) / LATENT_DIM
    slopes = rng.normal(size=(N_NUMBERS, LATENT_DIM)) / LATENT_DIM**0.5
    weights = rng.normal(size=N_NUMBERS)

    ids = rng.integers(N_LEVELS, size=(rows, N_IDS))
    z = rng.normal(size=(rows, N_NUMBERS))
    u = [latent[c, ids[:, c]] for c in range(N_IDS)]
    logit = np.zeros(rows)
    for c in range(N_IDS):
        logit += 0.5 * effects[c, ids[:, c]]
        logit += ((u[c] @ matrices[c]) * u[(c + 1) % N_IDS]).sum(axis=1)
    for j in range(N_NUMBERS):
        logit += (u[j] @ slopes[j]) * z[:, j]
        logit += weights[j] * z[:, j] * z[:, (j + 1) % N_NUMBERS]
    p = special.expit(2 * (logit - logit.mean()) / logit.std() - 1)

    X = pd.DataFrame({f"id{c}": np.char.mod("v%d", ids[:, c]) for c in range(N_IDS)})
    X[[f"x{j}" for j in range(N_NUMBERS)]] = z
    return X, p, (rng.random(rows) < p).astype(int)


def expected_log_loss(p, q):
    """Return the log loss of probabilities q, expected where the true ones are p."""
    return -np.mean(special.xlogy(p, q) + special.xlogy(1 - p, 1 - q))


# The networks -------------------------------------------------------------------------


def make_network(kind, width, seed):
    """Return the estimator of a network of two hidden layers of one width."""
    known = DCNClassifier().get_params()
    return DCNClassifier(
        **SETTINGS,
        **{name: value for name, value in IF_THERE.items() if name in known},
        **NETWORKS[kind],
        hidden_layer_sizes=(width, width),
        random_state=seed,
    )


def count_parameters(model):
    """Return the number of parameters of a fitted network, without embeddings."""
    return sum(
        parameter.numel()
        for name, parameter in model.module_.named_parameters()
        if not name.startswith("embedding.")
    )


def widths_of(kind, widths):
    """Return the widths to try: the DNN's are denser, and reach one step further.

    So there is a DNN with not many more parameters for any DCN.
    """
    if kind == "DNN":
        return sorted({*widths, *(3 * width // 2 for width in widths)})
    return sorted(widths)


def measure(rows, seed, widths):
    """Fit all networks to the table of one seed; return a dict of figures for each."""
    X, p, y = make_clicks(rows + TEST_ROWS, seed)
    X_test, p_test = X[rows:], p[rows:]
    floor = expected_log_loss(p_test, p_test)
    figures = []
    for kind in NETWORKS:
        for width in widths_of(kind, widths):
            model = make_network(kind, width, seed).fit(X[:rows], y[:rows])
            q = model.predict_proba(X_test)[:, 1]
            figures.append(
                {
                    "network": kind,
                    "width": width,
                    "seed": seed,
                    "parameters": count_parameters(model),
                    "loss": expected_log_loss(p_test, q),
                    "floor": floor,
                }
            )
    return figures


def compare(rows, seeds, widths, jobs=1):
    """Fit all networks for every seed, in so many processes.

    Returns
    -------
    figures : DataFrame
        A row for each network and seed: "network", "width", "seed", "parameters",
        "loss" and "floor", both expected under the true probabilities of new rows.
    """
    of_seeds = Parallel(n_jobs=min(jobs, seeds))(
        delayed(measure)(rows, seed, widths) for seed in range(seeds)
    )
    return pd.DataFrame([row for figures in of_seeds for row in figures])


# What it says -------------------------------------------------------------------------


def summarise(figures):
    """Return mean loss and deviation of each network and width, by parameters.

    The seeds' tables differ, and so do their floors. That is no difference between
    networks, so that the deviation is that of the loss above the floor.
    """
    figures = figures.assign(above=figures["loss"] - figures["floor"])
    groups = figures.groupby(["network", "width"], sort=False)
    summary = groups.agg(
        parameters=("parameters", "first"),
        loss=("loss", "mean"),
        above=("above", "mean"),
        deviation=("above", lambda above: above.std(ddof=0)),
    )
    return summary.reset_index()


def parameters_needed(parameters, losses, level):
    """Return how many parameters reach a loss, and whether fewer might.

    Interpolates on the lower envelope of the points, linearly in the logarithm of the
    parameters.

    Returns
    -------
    needed : float
        NaN if none reaches the loss.
    is_bound : bool
        Whether the smallest network does, so that `needed` is an upper bound.
    """
    order = np.argsort(parameters)
    x = np.log(np.asarray(parameters, dtype=float)[order])
    envelope = np.minimum.accumulate(np.asarray(losses, dtype=float)[order])
    if envelope[0] <= level:
        return np.exp(x[0]), True
    if envelope[-1] > level:
        return np.nan, False
    after = np.argmax(envelope <= level)
    high, low = envelope[after - 1], envelope[after]
    share = (high - level) / (high - low)
    return np.exp(x[after - 1] + share * (x[after] - x[after - 1])), False


def table_of_levels(summary, step=0.005):
    """Return the parameters that each network needs for losses `step` apart, as text.

    The losses are those between the DNN's highest and the lowest of all.
    """
    highest = summary.loc[summary["network"] == "DNN", "loss"].max()
    last, first = np.ceil(summary["loss"].min() / step), np.floor(highest / step)
    levels = step * np.arange(first, last - 1, -1)
    table = {}
    for kind, group in summary.groupby("network", sort=False):
        cells = []
        for level in levels:
            needed, is_bound = parameters_needed(
                group["parameters"], group["loss"], level
            )
            cell = "-" if np.isnan(needed) else f"{needed:,.0f}"
            cells.append("<= " + cell if is_bound else cell)
        table[kind] = cells
    return pd.DataFrame(table, index=[f"{level:.3f}" for level in levels])


def pairs(figures):
    """Compare each DCN with the smallest DNN that has at least as many parameters.

    Returns
    -------
    pairs : DataFrame
        A row for each DCN with such a DNN: "gain" and "deviation" are of the DNN's loss
        less the DCN's, seed by seed, and "wins" counts the seeds where it is positive.
    """
    losses = figures.pivot(
        index="seed", columns=["network", "width", "parameters"], values="loss"
    )
    dnn = losses["DNN"].droplevel("width", axis=1).sort_index(axis=1)
    rows = []
    for kind, width, parameters in losses:
        larger = dnn.columns[dnn.columns >= parameters]
        if kind == "DNN" or larger.empty:
            continue
        gain = dnn[larger[0]] - losses[kind, width, parameters]
        rows.append(
            {
                "network": kind,
                "width": width,
                "parameters": parameters,
                "of the DNN": larger[0],
                "gain": gain.mean(),
                "deviation": gain.std(ddof=0),
                "wins": int((gain > 0).sum()),
            }
        )
    return pd.DataFrame(rows)


def print_markdown(table):
    """Print a DataFrame of texts as a Markdown table, aligned."""
    lines = [list(table), ["-"] * table.shape[1], *table.to_numpy().tolist()]
    sizes = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines[1] = ["-" * sizes[0], *("-" * (size - 1) + ":" for size in sizes[1:])]
    for line in lines:
        cells = [line[0].ljust(sizes[0])]
        cells += [cell.rjust(n) for cell, n in zip(line[1:], sizes[1:], strict=True)]
        print("| " + " | ".join(cells) + " |")


def show(figures):
    """Print the three tables."""
    n_seeds = figures["seed"].nunique()
    summary = summarise(figures)
    print("Log loss of new rows, and how far it is above the floor\n")
    print_markdown(
        pd.DataFrame(
            {
                "network": summary["network"],
                "width": summary["width"].map(str),
                "parameters": summary["parameters"].map("{:,}".format),
                "log loss": summary["loss"].map("{:.4f}".format),
                "above the floor": [
                    f"{row.above:.4f} ± {row.deviation:.4f}"
                    for row in summary.itertuples()
                ],
            }
        )
    )
    print("\nParameters needed for a log loss\n")
    print_markdown(table_of_levels(summary).reset_index(names="log loss"))
    print("\nAgainst the smallest DNN with at least as many parameters\n")
    found = pairs(figures)
    print_markdown(
        pd.DataFrame(
            {
                "network": found["network"],
                "width": found["width"].map(str),
                "parameters": found["parameters"].map("{:,}".format),
                "of the DNN": found["of the DNN"].map("{:,}".format),
                "loss of the DNN - own": [
                    f"{row.gain:+.4f} ± {row.deviation:.4f}"
                    for row in found.itertuples()
                ],
                "wins": [f"{wins} of {n_seeds}" for wins in found["wins"]],
            }
        )
    )


def draw(figures):
    """Return the picture: log loss over parameters."""
    from matplotlib import pyplot as plt

    summary = summarise(figures)
    figure, ax = plt.subplots(figsize=(8, 5))
    colors = ["#000000", "#E69F00", "#009E73", "#0072B2"]
    styles = [("o", "-"), ("^", "--"), ("D", "-."), ("s", "-")]
    groups = summary.groupby("network", sort=False)
    for (kind, group), color, (marker, line) in zip(
        groups, colors, styles, strict=True
    ):
        ax.errorbar(
            group["parameters"], group["loss"], yerr=group["deviation"], label=kind,
            color=color, marker=marker, linestyle=line, capsize=3, linewidth=1.5,
        )  # fmt: skip
    floor = figures["floor"].mean()
    ax.axhline(floor, color="0.4", linestyle=":")
    ax.annotate(
        "floor: the true probabilities", (0.99, floor), (0, 4), color="0.3", ha="right",
        xycoords=("axes fraction", "data"), textcoords="offset points",
    )  # fmt: skip
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter("{x:,.0f}")
    ax.set_xlabel("parameters without embeddings")
    ax.set_ylabel("log loss of new rows (less is better)")
    ax.set_title("Log loss over parameters on a table full of crosses", loc="left")
    ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False)
    ax.grid(color="0.92")
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    return figure


def main(arguments=None):
    """Fit the networks, print the tables, draw the picture; return the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=40_000, help="training rows")
    parser.add_argument("--seeds", type=int, default=5, help="number of repetitions")
    parser.add_argument(
        "--widths",
        type=int,
        nargs="+",
        default=[8, 16, 32, 64, 128],
        help="of the hidden layers",
    )
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--output", help="file for the picture; default: show it")
    options = parser.parse_args(arguments)
    if options.rows < 1000 or min(options.seeds, options.jobs, *options.widths) < 1:
        parser.error("--rows must be at least 1000, all else at least 1")

    start = time.perf_counter()
    figures = compare(options.rows, options.seeds, options.widths, options.jobs)
    floors = figures.groupby("seed")["floor"].first()
    print(
        f"{options.rows:,} rows to train, {TEST_ROWS:,} to test; "
        f"{options.seeds} seeds, {time.perf_counter() - start:.0f} s\n"
        f"Floor, the log loss of the true probabilities: {floors.mean():.4f} "
        f"({floors.min():.4f} to {floors.max():.4f})\n"
    )
    show(figures)

    try:
        figure = draw(figures)
    except ImportError:
        print("\nNo picture: pip install matplotlib")
        return figures
    if options.output:
        figure.savefig(options.output, dpi=150)
        print(f"\nPicture: {options.output}")
    else:
        from matplotlib import pyplot as plt

        plt.show()
    return figures


if __name__ == "__main__":
    main()
