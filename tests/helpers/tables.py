"""Tables that many tests fit to."""

import numpy as np
import pandas as pd


def make_mixed(n=300, seed=0):
    """Return a mixed frame and a binary target that depends on a cross of two ids."""
    rng = np.random.default_rng(seed)
    city = rng.choice(["Bern", "Oslo", "Rome", "Kyiv"], n, p=[0.4, 0.3, 0.2, 0.1])
    device = rng.choice(["phone", "web"], n)
    price = rng.lognormal(0, 2, n)
    X = pd.DataFrame(
        {
            "city": pd.Series(city).where(rng.random(n) > 0.1),
            "device": pd.Categorical(device),
            "is_new": rng.random(n) < 0.5,
            "price": np.where(rng.random(n) < 0.1, np.nan, price),
            "visits": rng.poisson(3, n),
        }
    )
    logit = 3.0 * ((city == "Oslo") ^ (device == "web")) - 1.5 + 0.3 * np.log(price)
    y = (rng.random(n) < 1 / (1 + np.exp(-logit))).astype(int)
    return X, y
