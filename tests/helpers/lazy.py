"""Fits of ids with and without lazy AdamW, and how they are compared."""

import numpy as np
import pandas as pd
import torch

from sklearn_dcn import DCNClassifier

N = 60
OPTIONS = {
    "category_dropout": 0.0,
    "batch_size": N,
    "max_epochs": 6,
    "hidden_layer_sizes": (8,),
    "learning_rate": 0.01,
    "weight_decay": 0.1,
    "dtype": "float64",
    "random_state": 0,
}


def make_ids():
    """Return two columns of ids of different widths, a number, and two targets."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "user": [f"u{k}" for k in rng.permutation(N) % 25],
            "item": [f"i{k}" for k in rng.permutation(N) % 3],
            "price": rng.normal(size=N),
        }
    )
    score = X["price"] + (X["item"] == "i1") + rng.normal(size=N)
    return X, (score > 0.3).astype(int).to_numpy(), score.to_numpy()


def fit(Estimator=DCNClassifier, **options):
    """Return an estimator fitted to the ids."""
    X, labels, score = make_ids()
    y = labels if Estimator is DCNClassifier else score
    return Estimator(**OPTIONS | options).fit(X, y)


def assert_same_weights(a, b, rtol=1e-8, atol=1e-10):
    """Compare the parameters of two fitted estimators, or nets, to rounding."""
    a, b = (dict(m.module_.named_parameters()) for m in (a, b))
    assert a.keys() == b.keys()
    for name in a:
        torch.testing.assert_close(a[name], b[name], rtol=rtol, atol=atol, msg=name)


def table_distance(a, b):
    """Return the largest difference between the embeddings of two estimators."""
    tables = zip(a.module_.embedding.tables, b.module_.embedding.tables, strict=True)
    return max((s - t).abs().max().item() for s, t in tables)


def is_lazily_fitted(model):
    """Tell whether the tables had sparse gradients."""
    return model.module_.embedding.sparse
