"""Tables with and without a pair to memorise, and encoders that know their target."""

import numpy as np
import pandas as pd

from sklearn_dcn._roles import RandomRoles
from sklearn_dcn._table.encoder import TableEncoder
from sklearn_dcn._table.target_statistics.supervision import Supervision

PRIOR = 10.0  # rows, as docs/maths.md says


def supervise(y, kind="binary", seed=0, trains=None, roles=None):
    """Return what encoders are given of rows with this target."""
    y = np.asarray(y)
    is_class = kind != "number"
    roles = RandomRoles(len(y), y if is_class else None) if roles is None else roles
    targets = {"": y if is_class else y.astype(float)}
    if kind not in ("number", "binary"):
        targets = {f" of {k}": (y == k).astype(int) for k in np.unique(y).tolist()}
    return Supervision(targets, is_class, seed, roles, trains)


def encode(X, y, kind="binary", weight=None, **options):
    """Return a fitted encoder, and the encoded rows of `fit` in float64."""
    names = [*X.columns] if isinstance(X, pd.DataFrame) else None
    encoder = TableEncoder(**{"memorized_crosses": "auto", **options})
    weight = np.ones(len(X)) if weight is None else weight
    supervision = supervise(y, kind)
    encoded = encoder.fit_transform(X, names, weight, np.float64, supervision)
    return encoder, encoded


def names_of(encoder):
    """Return the chosen pairs as sets of names."""
    crosses = encoder.crosses
    return [{crosses.names[a], crosses.names[b]} for a, b in crosses.pairs]


def small(n=80, seed=0):
    """Return codes of two columns, with ids 2 to 4 and 2 to 5, and weights."""
    rng = np.random.default_rng(seed)
    codes = np.stack([rng.integers(2, 5, n), rng.integers(2, 6, n)], axis=1)
    return codes, rng.choice([0.5, 1.0, 3.0], n), rng


def noise(n, seed=0):
    """Return three columns of categories and five of numbers, two of them 0 and 1."""
    rng = np.random.default_rng(seed)
    table = {f"c{k}": rng.integers(0, 8, n).astype(str) for k in range(3)}
    table |= {f"b{k}": rng.integers(0, 2, n) for k in range(2)}
    table |= {f"x{k}": rng.normal(size=n) for k in range(3)}
    return pd.DataFrame(table), rng


def planted(kind, seed=0, n=2000):
    """Return a table and a target of one pair, whose columns alone say nothing."""
    X, rng = noise(n, seed)
    a, b = {
        "categories": (X["c0"].astype(int) % 2, X["c2"].astype(int) % 2),
        "numbers": (X["x0"] > 0, X["x2"] > 0),
        "0 and 1": (X["b0"], X["b1"]),
        "number and category": (X["x1"] > 0, X["c1"].astype(int) % 2),
    }[kind]
    is_odd = (a != b).to_numpy()
    return X, np.where(rng.random(n) < 0.1, ~is_odd, is_odd).astype(int)
