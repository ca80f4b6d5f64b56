"""What the parts of DCN^2 bring: collision weights, the logit of pairs, "onlydense".

    python -m benchmarks.dcn2 --tables DIRECTORY --seeds 5 --output docs/results

Log loss on a random quarter of the rows. Columns of ids with at least `MANY` levels
have all of them, or share a quarter or a sixteenth as many buckets. One network, no
memorised crosses: ids are told apart by their embeddings alone.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from sklearn_dcn import DCNClassifier

from . import data

MANY = 100  # levels of a column that is hashed
SHARES = (1, 4, 16)  # levels for each bucket
ROWS = 60_000  # of a table at most
PLAIN = {"n_members": 1, "memorized_crosses": None}
# Of a part, whether it has an effect where nothing is hashed, and where something is.
PARTS = {
    "none of it": ({}, True, True),
    "collision_weight": ({"collision_weight": True}, False, True),
    "pair_logit, weighted": ({"pair_logit": "weighted"}, True, True),
    "pair_logit, plain": ({"pair_logit": "plain"}, True, False),
    "onlydense": ({"cross": "onlydense"}, True, False),
}
FILES = {
    "criteo_dac_8k": {"target": "label"},
    "movielens100k": {
        "target": "liked",
        "dropped": ["rating", "timestamp", "movie_title"],
        "lists": {"genres": "|"},
    },
    "lastfm_implicit": {"target": "label", "lists": {"tags": "|"}},
}


def make_table(n_rows, seed=0):
    """Return a frame of clicks with a tenth of a large log's ids, and its target."""
    clicks = data.make_clicks(n_rows, scale=0.1, seed=seed)
    X = pd.DataFrame(clicks.numbers, columns=[f"I{j}" for j in range(1, 14)])
    for c, ids in enumerate(clicks.ids.T, 1):
        X[f"C{c}"] = np.char.add("v", ids.astype(str))
    return X, np.asarray(clicks.y, dtype=int), {}


def read_table(directory, name):
    """Return a frame, its target, and the separators of its lists."""
    of = FILES[name]
    frame = pd.read_parquet(Path(directory) / f"{name}.parquet")
    if len(frame) > ROWS:
        frame = frame.sample(ROWS, random_state=0).reset_index(drop=True)
    y = frame.pop(of["target"]).to_numpy()
    return frame.drop(columns=of.get("dropped", [])), y, of.get("lists", {})


def buckets_of(X, lists, share):
    """Return `hashing`: a share of the levels of every column that has many."""
    if share == 1:
        return None
    sizes = {
        name: X[name].nunique()
        for name in X
        if name not in lists and not pd.api.types.is_numeric_dtype(X[name])
    }
    return {name: max(1, n // share) for name, n in sizes.items() if n >= MANY}


def run_cell(table, part, share, seed, **more):
    """Return the log loss of one fit, and its seconds.

    Parameters
    ----------
    table : (DataFrame, ndarray, dict)
    part : str
        One of `PARTS`.
    share : int
        Levels for each bucket; 1 hashes nothing.
    seed : int
        Of the split and of the fit.
    **more
        Parameters of the estimator.
    """
    X, y, lists = table
    options = PLAIN | PARTS[part][0] | more
    if lists:
        options["multivalued_features"] = lists
    model = DCNClassifier(
        **options, hashing=buckets_of(X, lists, share), random_state=seed
    )
    given = train_test_split(X, y, random_state=seed, stratify=y)
    X_train, X_test, y_train, y_test = given
    start = time.perf_counter()
    model.fit(X_train, y_train)
    seconds = time.perf_counter() - start
    loss = log_loss(y_test, model.predict_proba(X_test)[:, 1])
    return {"part": part, "share": share, "loss": loss, "seconds": seconds}


def cells():
    """Return the parts, and shares of buckets, that there are to be run."""
    return [
        (part, share)
        for part, (_, whole, hashed) in PARTS.items()
        for share in SHARES
        if (whole if share == 1 else hashed)
    ]


def report(records):
    """Return the means over seeds, and differences from none of it, as markdown."""
    frame = pd.DataFrame(records)
    shares = [f"1/{share}" if share > 1 else "all" for share in SHARES]
    lines = ["| table | part | " + " | ".join(shares) + " |", "| --- " * 5 + "|"]
    for name, own in frame.groupby("table", sort=False):
        base = own[own["part"] == "none of it"].set_index(["share", "seed"])["loss"]
        for part, of_part in own.groupby("part", sort=False):
            found = []
            for share in SHARES:
                loss = of_part[of_part["share"] == share].set_index("seed")["loss"]
                found.append(_cell(loss, base[share], part) if len(loss) else "")
            lines.append(f"| {name} | {part} | " + " | ".join(found) + " |")
    return "\n".join(lines) + "\n"


def _cell(loss, base, part):
    if part == "none of it":
        return f"{loss.mean():.4f}"
    difference = (loss - base).to_numpy()
    error = difference.std(ddof=1) / np.sqrt(len(loss)) if len(loss) > 1 else np.nan
    return f"{difference.mean():+.4f} ± {error:.4f}"


def main():
    """Run all cells; print the table, perhaps save it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", help="directory of parquet files")
    parser.add_argument("--rows", type=int, default=ROWS, help="of the clicks")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--output", type=Path, help="directory for dcn2.md")
    options = parser.parse_args()
    records = []
    for name in ["clicks", *(FILES if options.tables else ())]:
        is_made = name == "clicks"
        table = (
            make_table(options.rows) if is_made else read_table(options.tables, name)
        )
        for seed in range(options.seeds):
            for part, share in cells():
                record = run_cell(table, part, share, seed)
                records.append({"table": name, "seed": seed} | record)
                print(records[-1], flush=True)
    text = report(records)
    print(text)
    if options.output:
        (options.output / "dcn2.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
