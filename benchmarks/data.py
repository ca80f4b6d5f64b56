"""Data in the shape of a click log: skewed numbers, Zipf ids, labels with crosses."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
CACHE = Path(os.environ.get("BENCH_CACHE", ROOT / ".bench-cache"))
VERSION = 1  # in the names of cached files; raise it when the generator changes

N_NUM, N_CAT = 13, 26
# Possible ids of 26 columns, in all 319,737; a million rows hold nine tenths of them.
SIZES = (10, 12, 15, 18, 20, 27, 50, 85, 100, 300, 550, 650, 1400, 2000, 3000, 4500)
SIZES += (5000, 9000, 11000, 12000, 18000, 22000, 30000, 45000, 55000, 100000)
ZIPF_EXPONENT, ZIPF_SHIFT = 1.05, 2.0  # p(rank) ~ (rank + shift) ** -exponent
POSITIVE_RATE = 0.25
MISSING_RATE = 0.05
LATENT_DIM = 3  # of the vectors whose products are the crosses of two ids


@dataclass
class Clicks:
    """A click log, not yet in the form that a model takes.

    Parameters
    ----------
    numbers : float32 ndarray of shape (n, n_num)
        Skewed numbers; NaN where missing.
    ids : int32 ndarray of shape (n, n_cat)
        Ids, in each column the frequent ones first.
    y : int8 ndarray of shape (n,)
        Clicks.
    sizes : list of int
        Number of possible ids of each column.
    """

    numbers: np.ndarray
    ids: np.ndarray
    y: np.ndarray
    sizes: list[int]

    def frame(self):
        """Return the columns as a DataFrame, ids as strings of 8 hexadecimal digits."""
        import pandas as pd

        columns = {f"I{j + 1}": x for j, x in enumerate(self.numbers.T.astype(float))}
        for c, size in enumerate(self.sizes):
            levels = pd.Series(level_names(c, size))
            columns[f"C{c + 1}"] = levels.array.take(self.ids[:, c])
        return pd.DataFrame(columns)

    def encoded(self, n_train):
        """Return the arrays for a network, encoded as the first `n_train` rows say.

        Ids are those seen in training, after one for unknown and one for missing
        levels; numbers are normalised by their rank, with an indicator of missing
        ones: the sizes that the estimators give their network for the same rows.

        Returns
        -------
        encoded : Encoded
            All rows.
        """
        from sklearn.preprocessing import QuantileTransformer

        x_cat = np.empty(self.ids.shape, dtype=np.int64)
        cardinalities = []
        for c, size in enumerate(self.sizes):
            is_seen = np.bincount(self.ids[:n_train, c], minlength=size) > 0
            new_id = np.where(is_seen, np.cumsum(is_seen) + 1, 0)
            x_cat[:, c] = new_id[self.ids[:, c]]
            cardinalities.append(int(is_seen.sum()) + 2)
        scaler = QuantileTransformer(
            n_quantiles=min(1000, n_train),
            output_distribution="normal",
            random_state=0,
        )
        scaled = scaler.fit(self.numbers[:n_train]).transform(self.numbers)
        is_missing = np.isnan(self.numbers)
        x_num = np.hstack([np.nan_to_num(scaled), is_missing]).astype(np.float32)
        return Encoded(x_num, x_cat, self.y.astype(np.float32), cardinalities)


@dataclass
class Encoded:
    """Arrays for a network.

    Parameters
    ----------
    x_num : float32 ndarray of shape (n, n_num)
    x_cat : int64 ndarray of shape (n, n_cat)
    y : float32 ndarray of shape (n,)
    cardinalities : list of int
    """

    x_num: np.ndarray
    x_cat: np.ndarray
    y: np.ndarray
    cardinalities: list[int]

    def __getitem__(self, rows):
        """Return some of the rows."""
        x_num, x_cat, y = self.x_num[rows], self.x_cat[rows], self.y[rows]
        return Encoded(x_num, x_cat, y, self.cardinalities)


def column_sizes(n_cat, scale=1.0):
    """Return the numbers of possible ids of `n_cat` columns, small and large mixed."""
    order = [7 * c % len(SIZES) for c in range(n_cat)]  # 7 is coprime to 26
    return [max(2, round(SIZES[k] * scale)) for k in order]


def level_names(column, size):
    """Return the strings of the ids of a column, 8 hexadecimal digits each."""
    # Times an odd number modulo a power of two: no two ids share a string.
    codes = (np.arange(size, dtype=np.uint64) * 2654435761 + column) % 2**32
    return [f"{code:08x}" for code in codes.tolist()]


def make_clicks(rows, n_num=N_NUM, n_cat=N_CAT, scale=1.0, seed=0):
    """Draw a click log.

    The log-odds of a click are a sum of effects of ids and numbers, of products of two
    ids' vectors, and of slopes of numbers that depend on an id.

    Parameters
    ----------
    rows, n_num, n_cat : int
        Shape.
    scale : float, default=1.0
        Factor of the numbers of possible ids.
    seed : int, default=0
        The same seed gives the same data.

    Returns
    -------
    clicks : Clicks
    """
    rng = np.random.default_rng(seed)
    sizes = column_sizes(n_cat, scale)
    ids = np.stack([_zipf(rng, size, rows) for size in sizes], axis=1)
    z = rng.standard_normal((rows, n_num))
    spread = rng.uniform(0.5, 2.5, n_num)
    numbers = np.exp(spread * z + rng.uniform(0, 4, n_num)).astype(np.float32)
    numbers[:, ::2] = np.floor(numbers[:, ::2])  # half of them are counts
    logit = draw_effects(rng, sizes).log_odds(ids, z)
    p = 1 / (1 + np.exp(-(logit - shift_to_rate(logit, POSITIVE_RATE))))
    y = (rng.random(rows) < p).astype(np.int8)
    numbers[rng.random(numbers.shape) < MISSING_RATE] = np.nan
    return Clicks(numbers, ids, y, sizes)


def load_clicks(rows, n_num=N_NUM, n_cat=N_CAT, scale=1.0, seed=0):
    """Return `make_clicks` of the same arguments, kept in files for the next time."""
    name = f"clicks-{VERSION}-{rows}-{n_num}-{n_cat}-{scale:g}-{seed}.npz"
    if not (CACHE / name).exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        (CACHE / ".gitignore").write_text("*\n", encoding="utf-8")
        clicks = make_clicks(rows, n_num, n_cat, scale, seed)
        unfinished = CACHE / f"{os.getpid()}-{name}"
        np.savez(unfinished, numbers=clicks.numbers, ids=clicks.ids, y=clicks.y)
        unfinished.replace(CACHE / name)
    with np.load(CACHE / name) as stored:
        arrays = {key: stored[key] for key in ("numbers", "ids", "y")}
    return Clicks(**arrays, sizes=column_sizes(n_cat, scale))


@dataclass
class Effects:
    """What ids and numbers add to the log-odds of a click.

    Parameters
    ----------
    of_ids : list of ndarray of shape (size,)
        Of the first columns of ids.
    pairs : list of two ndarrays of shape (size, LATENT_DIM)
        Vectors of the ids of two columns that follow each other, the first columns'
        first.
    slopes : list of ndarray of shape (size,)
        Of numbers, the last number's first, by the ids of the first columns.
    """

    of_ids: list
    pairs: list
    slopes: list

    def log_odds(self, ids, z):
        """Return the log-odds of rows, up to what all rows have in common."""
        n_num = z.shape[1]
        logit = 0.3 * z[:, : max(1, n_num // 3)].sum(axis=1)
        for c, effect in enumerate(self.of_ids):
            logit += 0.4 * effect[ids[:, c]]
        for pair, (u, v) in enumerate(self.pairs):
            a = 2 * pair
            logit += 0.4 * (u[ids[:, a]] * v[ids[:, a + 1]]).sum(axis=1)
        for c, slope in enumerate(self.slopes):
            logit += 0.4 * slope[ids[:, c]] * z[:, -1 - c % n_num]
        return logit


def draw_effects(rng, sizes):
    """Draw the effects of ids of columns with so many of them.

    Returns
    -------
    effects : Effects
    """
    n_cat = len(sizes)
    return Effects(
        of_ids=[rng.standard_normal(size) for size in sizes[:8]],
        pairs=[
            tuple(rng.standard_normal((sizes[c], LATENT_DIM)) for c in (a, a + 1))
            for a in range(0, min(12, n_cat - 1), 2)
        ],
        slopes=[rng.standard_normal(size) for size in sizes[:4]],
    )


def zipf_shares(size):
    """Return the share of rows that have at most each id, the frequent ones first."""
    weights = (np.arange(1, size + 1) + ZIPF_SHIFT) ** -ZIPF_EXPONENT
    return np.cumsum(weights) / weights.sum()


def _zipf(rng, size, n):
    ids = np.searchsorted(zipf_shares(size), rng.random(n))
    return np.minimum(ids, size - 1).astype(np.int32)


def shift_to_rate(logit, rate):
    """Return what to take off log-odds so that so many labels are positive."""
    low, high = logit.min() - 10, logit.max() + 10
    for _ in range(60):
        middle = (low + high) / 2
        too_many = (1 / (1 + np.exp(-(logit - middle)))).mean() > rate
        low, high = (middle, high) if too_many else (low, middle)
    return middle
