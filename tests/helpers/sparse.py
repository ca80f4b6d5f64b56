"""Sparse tables, and copies of them with a change."""

import numpy as np
import scipy.sparse as sp


def make_sparse(n=200, n_columns=30, seed=0):
    """Return a csr matrix of values of any size and sign, and a binary target."""
    rng = np.random.default_rng(seed)
    dense = rng.normal(size=(n, n_columns)) * np.logspace(-3, 3, n_columns)
    dense[rng.random((n, n_columns)) > 0.15] = 0.0
    y = (dense[:, 3] > 0) ^ (dense[:, 7] != 0)
    return sp.csr_matrix(dense), y.astype(int)


def same_but(X, change):
    """Return a copy of a csr matrix, changed."""
    X = X.copy()
    change(X)
    return X
