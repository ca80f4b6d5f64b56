"""Generators of random numbers."""

import numpy as np


def rng(seed=0):
    """Return a generator."""
    return np.random.default_rng(seed)
