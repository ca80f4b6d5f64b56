"""Counts with an exposure, and how a regressor of each loss is made to fit them."""

import numpy as np
import pandas as pd

from sklearn_dcn import DCNRegressor
from sklearn_dcn._targets import LOG_LINK, NUMBER_LOSSES

SMALL = {
    "hidden_layer_sizes": (8,),
    "max_epochs": 2,
    "n_members": 2,
    "early_stopping": True,
    "validation": "random",
    "memorized_crosses": None,
    "numeric_levels": None,
    "dtype": "float64",
    "random_state": 0,
}
LEVELS = (0.1, 0.5, 0.9)


def make_counts(n=400, seed=0):
    """Return a frame with a column "years", and claims in proportion to it."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {
            "age": rng.uniform(18, 80, n),
            "years": rng.uniform(0.1, 3.0, n),
            "kind": rng.choice(["car", "van", "bus"], n),
        }
    )
    rate = np.exp(0.03 * (50 - X["age"]) + 0.7 * (X["kind"] == "bus"))
    return X, rng.poisson(rate * X["years"]).astype(float)


def beside(loss):
    """Return the parameter that makes "years" the exposure or offset of a loss."""
    return {"exposure" if loss in LOG_LINK else "offset": "years"}


def make(loss, **options):
    """Return a small regressor of a loss."""
    return DCNRegressor(loss=loss, quantiles=LEVELS, **SMALL | options)


def of_loss(loss, y):
    """Return numbers that a loss takes."""
    return y + 0.5 if loss == "gamma" else y


__all__ = ["LEVELS", "LOG_LINK", "NUMBER_LOSSES", "beside", "make", "make_counts"]
__all__ += ["of_loss"]
