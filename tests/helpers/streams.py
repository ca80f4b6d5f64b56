"""Long tables that are short: the rules of long ones, from a few hundred rows on."""

import importlib
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

LONG, SAMPLE, BLOCK = 300, 1200, 256


@pytest.fixture
def streamed(monkeypatch):
    """Let tables of more than `LONG` rows count as long, in memory and in files."""
    for module in ("long_fit", "scans"):
        found = importlib.import_module(f"sklearn_dcn._estimator.{module}")
        monkeypatch.setattr(found, "LONG", LONG)
    sample = importlib.import_module("sklearn_dcn._table.summaries.sample")
    monkeypatch.setattr(sample, "SAMPLE_ROWS", SAMPLE)
    blocks = importlib.import_module("sklearn_dcn._estimator.blocks")
    monkeypatch.setattr(blocks, "BLOCK", BLOCK)


def make_clicks(n=2000, seed=0):
    """Return a mixed table with gaps, dates and lists, and clicks that it tells."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {
            "price": rng.lognormal(size=n),
            "gap": np.where(rng.random(n) < 0.2, np.nan, rng.normal(size=n)),
            "few": rng.integers(0, 7, n) * 10.0,
            "age": rng.integers(0, 50, n),
            "kind": rng.choice(["a", "b", "c", None], n, p=[0.3, 0.3, 0.3, 0.1]),
            "user": [f"u{k}" for k in rng.zipf(1.3, n) % 60],
            "new": rng.random(n) < 0.3,
            "day": pd.Timestamp("2024-01-01")
            + pd.to_timedelta(rng.integers(0, 900, n), unit="h"),
            "tags": [
                list(rng.choice(["x", "y", "z"], rng.integers(0, 3), replace=False))
                for _ in range(n)
            ],
        }
    )
    effect = dict(zip(range(60), np.random.default_rng(9).normal(size=60), strict=True))
    z = np.array([effect[int(user[1:])] for user in X["user"]]) + np.tanh(X["gap"])
    z = z.fillna(0.0).to_numpy() + 1.5 * (X["kind"] == "a").to_numpy()
    return X, (rng.random(n) < 1 / (1 + np.exp(0.5 - z))).astype(int)


def write(folder, X, rows=400, files=1, **columns):
    """Write a table as Parquet files of several row groups; return their glob."""
    whole = X.assign(**columns)
    bounds = np.linspace(0, len(whole), files + 1).astype(int)
    for k, (start, stop) in enumerate(pairwise(bounds)):
        part = whole.iloc[start:stop].reset_index(drop=True)
        part.to_parquet(folder / f"part-{k:02}.parquet", row_group_size=rows)
    return str(folder / "*.parquet")
