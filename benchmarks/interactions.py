"""Are planted crosses found? Tables of known truth, several seeds, each cross layer.

    python -m benchmarks.interactions [--seeds 10] [--output docs/results]

Each table has main effects as strong as its cross, and two noise columns that follow
columns of the cross. A run is won if every planted pair ranks above every other pair.
"""

from __future__ import annotations

import argparse
import os
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from sklearn_dcn import DCNRegressor
from sklearn_dcn.inspection import interaction_strengths
from sklearn_dcn.network.cross import CROSS_KINDS

METHODS = ("contribution", "weight")
TABLES = {
    "category x category": ("city", "device"),
    "category x number": ("city", "price"),
    "number x number": ("price", "age"),
    "three ways": ("city", "device", "price"),
}
# Rows and epochs by the number of columns crossed: three take longer to be learned.
SIZES = {2: (3000, 15), 3: (8000, 40)}
SMALL = {
    "hidden_layer_sizes": (32,),
    "embedding_dim": 4,
    "memorized_crosses": None,
    "learning_rate": 0.005,
}
# Structure "cross" has nothing but the cross layers to express a cross with. Two layers
# of "vector" are three sums over all columns, multiplied, which come near to a cross
# beside main effects; a deep network beside them is tried, too.
NETWORKS = {
    **{
        f"{kind}, cross alone": {"cross": kind, "structure": "cross", **SMALL}
        for kind in CROSS_KINDS
    },
    # Without cross layers: products of embeddings are all that it crosses with.
    "pairs alone": {
        "structure": "cross",
        "n_cross_layers": 0,
        "pair_logit": "weighted",
        **SMALL,
    },
    "vector, parallel": {"cross": "vector", **SMALL},
    "fused": {"structure": "fused", **SMALL},
    "default": {"max_epochs": "auto"},
}


def make_planted(table, n_rows, seed):
    """Return a frame, the logit of each row, and its planted pairs.

    The cross has a standard deviation of 1.5, three main effects of 1 each. "echo"
    and "shadow" follow a column of the cross (correlation 0.7, agreement in 60 %), and
    have no effect.
    """
    rng = np.random.default_rng(seed)
    codes = {name: rng.integers(6, size=n_rows) for name in ("city", "device", "shop")}
    numbers = {name: rng.normal(size=n_rows) for name in ("price", "age", "visits")}
    u = np.array([-1.5, -0.9, -0.3, 0.3, 0.9, 1.5])
    u /= u.std()

    def value(name):
        if name in numbers:
            return numbers[name]
        return rng.permutation(u)[codes[name]]

    columns = TABLES[table]
    logit = 1.5 * np.prod([value(name) for name in columns], axis=0)
    for name in ("city", "price", "visits"):
        logit = logit + value(name)
    X = {
        name: np.char.add("abc"[k], c.astype(str))
        for k, (name, c) in enumerate(codes.items())
    } | numbers
    follows = "price" if "price" in columns else "age"
    X["echo"] = 0.7 * numbers[follows] + np.sqrt(0.51) * rng.normal(size=n_rows)
    same = rng.random(n_rows) < 0.6
    X["shadow"] = np.where(same, X["city"], rng.choice(X["city"], n_rows))
    return pd.DataFrame(X), logit, list(combinations(columns, 2))


def is_found(strengths, planted):
    """Tell whether all planted pairs rank above all others."""
    pairs = {frozenset(pair) for pair in planted}
    values = {
        frozenset(pair): strengths.loc[pair]
        for pair in combinations(strengths.columns, 2)
    }
    others = [value for pair, value in values.items() if pair not in pairs]
    return min(values[pair] for pair in pairs) > max(others)


def run(seed, network, table):
    """Fit one network to one table; return whether each method finds the pairs."""
    torch.set_num_threads(1)
    n_rows, n_epochs = SIZES[len(TABLES[table])]
    X, logit, planted = make_planted(table, n_rows, seed)
    rng = np.random.default_rng([seed, 1])
    y = logit + 0.5 * rng.normal(size=n_rows)
    start = time.perf_counter()
    # All levels are seen often: what trains the unknown one would be noise.
    options = {"max_epochs": n_epochs, "category_dropout": 0.02, **NETWORKS[network]}
    model = DCNRegressor(**options, random_state=seed).fit(X, y)
    has_layers = model.module_.members[0].cross is not None  # which have weights
    won = {
        method: is_found(interaction_strengths(model, X, method=method), planted)
        for method in (METHODS if has_layers else METHODS[:1])
    }
    r2 = 1 - np.square(model.predict(X) - y).mean() / y.var()
    seconds = time.perf_counter() - start
    return {
        "table": table,
        "network": network,
        "seed": seed,
        **won,
        "r2": r2,
        "seconds": seconds,
    }


def toy_ratio(seed, n_rows=6000):
    """Return the ratio of two strengths whose effects have the ratio 2 to 0.5.

    Five columns of four levels, 2 a_0 a_1 + 0.5 a_2 a_3 + 0.3 a_4 with noise of 1, and
    a network of one cross layer; by both methods.
    """
    torch.set_num_threads(1)
    rng = np.random.default_rng(seed)
    codes = rng.integers(4, size=(n_rows, 5))
    a = np.array([-1.3416, -0.4472, 0.4472, 1.3416])[codes]
    truth = 2 * a[:, 0] * a[:, 1] + 0.5 * a[:, 2] * a[:, 3] + 0.3 * a[:, 4]
    X = pd.DataFrame(codes.astype(str), columns=[f"a{j}" for j in range(5)])
    model = DCNRegressor(
        structure="cross", n_cross_layers=1, **SMALL, random_state=seed
    ).fit(X, truth + rng.normal(size=n_rows))
    tables = [interaction_strengths(model, X, method=method) for method in METHODS]
    return [s.loc["a0", "a1"] / s.loc["a2", "a3"] for s in tables]


def report(records, ratios):
    """Return the tables as markdown."""
    frame = pd.DataFrame(records)
    lines = ["| network | method | " + " | ".join(TABLES) + " |"]
    lines.append("| --- | --- |" + " --- |" * len(TABLES))
    for network in frame["network"].unique():
        for method in METHODS:
            cells = []
            for table in TABLES:
                chosen = frame[
                    (frame["network"] == network) & (frame["table"] == table)
                ]
                won = chosen[method].dropna()
                cells.append(f"{int(won.sum())} of {len(won)}")
            lines.append(f"| {network} | {method} | {' | '.join(cells)} |")
    r2 = frame.pivot_table(index="network", columns="table", values="r2", sort=False)
    lines += [
        "",
        f"R² on the training rows (that of the truth is {1 - 0.25 / 5.5:.3f}):",
        "",
    ]
    lines.append("| network | " + " | ".join(TABLES) + " |")
    lines.append("| --- |" + " --- |" * len(TABLES))
    for network, row in r2[list(TABLES)].iterrows():
        lines.append(f"| {network} | " + " | ".join(f"{v:.3f}" for v in row) + " |")
    contribution, weight = np.array(ratios).T
    lines += [
        "",
        "Ratio of two strengths on the toy, truth 4, by seed: contribution "
        + ", ".join(f"{r:.2f}" for r in contribution)
        + "; weight "
        + ", ".join(f"{r:.2f}" for r in weight)
        + ".",
    ]
    return "\n".join(lines) + "\n"


def main():
    """Run all cells in processes; print the tables, perhaps save them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--only", help="some of the networks, with ; between them")
    parser.add_argument("--tables", help="some of the tables, with ; between them")
    parser.add_argument("--output", type=Path, help="directory for interactions.md")
    options = parser.parse_args()
    networks = options.only.split(";") if options.only else list(NETWORKS)
    tables = options.tables.split(";") if options.tables else list(TABLES)
    cells = list(product(range(options.seeds), networks, tables))
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        records = []
        for record in pool.map(run, *zip(*cells, strict=True)):
            records.append(record)
            print(record, flush=True)
        ratios = list(pool.map(toy_ratio, range(options.seeds)))
    text = report(records, ratios)
    print(text)
    if options.output:
        (options.output / "interactions.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
