"""Strengths and explanations to draw."""

from types import SimpleNamespace

import numpy as np
import pandas as pd

LONG = [
    f"{kind}{i} with a rather long name, of field {i}"
    for kind in "CI"
    for i in range(20)
]
LONG = LONG[:39]


def make_strengths(names, seed=0, diagonal=np.nan):
    """Return a symmetric table of random strengths."""
    s = np.random.default_rng(seed).gamma(0.5, 0.1, (len(names), len(names)))
    s = s + s.T
    np.fill_diagonal(s, diagonal)
    return pd.DataFrame(s, names, names)


def make_explanation(n_columns=4, n_rows=2, exact=False):
    """Return an explanation of random effects."""
    rng = np.random.default_rng(0)
    names = [f"c{i}" for i in range(n_columns)]
    pairs = pd.MultiIndex.from_tuples(
        [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    )
    features = pd.DataFrame(rng.normal(size=(n_rows, n_columns)), columns=names)
    of_pairs = pd.DataFrame(rng.normal(size=(n_rows, len(pairs))), columns=pairs)
    values = pd.DataFrame(rng.normal(size=(n_rows, n_columns)), columns=names)
    return SimpleNamespace(
        baseline=-1.5,
        logit=-1.5 + features.sum(axis=1).to_numpy() + of_pairs.sum(axis=1).to_numpy(),
        features=features,
        pairs=of_pairs,
        features_error=0.0 * features,
        pairs_error=(0.0 if exact else 0.1) * of_pairs.abs(),
        exact=exact,
        values=values.astype(object),
    )
