"""Numbers of which single values matter."""

import numpy as np
from helpers.draws import rng


def spiked(n=4000):
    """Return two numbers and a target whose rate is another at the one value of 40."""
    x = rng().integers(0, 100, n).astype(float)
    x[: n // 20] = 40.0
    x = rng(2).permutation(x)
    p = np.where(x == 40, 0.95, 0.3)
    X = np.stack([x, rng(1).normal(size=n)], axis=1)
    return X, (rng(3).random(n) < p).astype(int)
