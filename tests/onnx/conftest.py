"""What the tests of the graphs share: shipped tables, and a small estimator."""

import numpy as np
import pytest
from helpers.graphs import spoil

from sklearn_dcn import datasets

LOADERS = [name for name in datasets.__all__ if name.startswith("load_")]


@pytest.fixture(scope="module", params=LOADERS)
def table(request):
    """Return a shipped table: 1,500 rows to fit to, 300 others, spoiled, to predict."""
    X, y = getattr(datasets, request.param)(return_X_y=True)
    rows = np.random.default_rng(0).permutation(len(X))[:1800]
    X, y = X.iloc[rows], np.asarray(y)[rows]
    return X[:1500], y[:1500], spoil(X[1500:])


@pytest.fixture
def small():
    """Return parameters of an estimator with all of the encoding, of one epoch."""
    return {
        "max_epochs": 1,
        "hidden_layer_sizes": (8,),
        "numeric_levels": 100,
        "memorized_crosses": 3,
        "learning_rate": 0.02,
        "random_state": 0,
    }
