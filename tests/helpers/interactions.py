"""Users, items and what users took, for lists of recommendations."""

import numpy as np
import pandas as pd


def make_sides(n_users=30, n_items=40, seed=0):
    """Return tables of users and items: ids, numbers with a gap, lists of levels."""
    rng = np.random.default_rng(seed)
    users = pd.DataFrame(
        {
            "user": [f"u{k}" for k in range(n_users)],
            "age": rng.integers(15, 80, n_users).astype(float),
            "job": rng.choice(list("abc"), n_users),
        }
    )
    tags = [[*rng.choice(list("xyz"), n, False)] for n in rng.integers(1, 4, n_items)]
    items = pd.DataFrame(
        {"item": np.arange(n_items), "year": rng.normal(1980, 9, n_items), "tags": tags}
    )
    items.loc[3, "year"] = np.nan
    return users, items


def make_views(users, items, n=1500, seed=1):
    """Return a table of pairs without the last user and item, and a binary target."""
    rng = np.random.default_rng(seed)
    one = users.iloc[rng.integers(0, len(users) - 1, n)].reset_index(drop=True)
    other = items.iloc[rng.integers(0, len(items) - 1, n)].reset_index(drop=True)
    table = pd.concat([one, other], axis=1)
    sign = np.where(table["job"] == "a", 1, -1)
    z = sign * (table["year"].fillna(1980) - 1980) / 9 + (table["age"] - 45) / 20
    return table, (z + rng.normal(size=n) > 0).astype(int)
