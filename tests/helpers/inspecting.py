"""Networks whose interactions have closed forms."""

import numpy as np
import pandas as pd
import pytest

from sklearn_dcn import DCNRegressor
from sklearn_dcn.network.cross import CROSS_KINDS

KINDS = [*CROSS_KINDS]
FAST = {"max_epochs": 2, "hidden_layer_sizes": (8,), "random_state": 0}


def numbers(n=200, p=4, seed=0):
    """Return a frame of independent numbers."""
    X = np.random.default_rng(seed).normal(size=(n, p))
    return pd.DataFrame(X, columns=[f"x{j}" for j in range(p)])


def one_layer(kind="matrix", **parameters):
    """Return an unfitted network that is a quadratic form of the numbers themselves."""
    return DCNRegressor(
        **{**FAST, "structure": "cross", "cross": kind, "n_cross_layers": 1},
        numeric_transform=None,
        numeric_embedding=None,
        numeric_levels=None,
        memorized_crosses=None,
        dtype="float64",
        **parameters,
    )


def quadratic(model):
    """Return the matrix Q and vector q of f(x) = x'Qx + q'x + c, from the weights."""
    layer, target = model.module_.cross.layers[0], model._target
    h = model.module_.head.weight.detach().numpy()[0]
    get = {name: p.detach().numpy() for name, p in layer.named_parameters()}
    W = get["W"] if "W" in get else get["U"] @ get["V"].T
    scale = target.scale[0]
    return scale * h[:, None] * W, scale * h * (1 + get["b"])


@pytest.fixture(scope="module")
def two_crosses():
    """Return numbers and a network fitted to a product of two of them."""
    X = numbers()
    y = 2 * X["x0"] * X["x1"] + X["x2"]
    return X, one_layer().fit(X, y)
