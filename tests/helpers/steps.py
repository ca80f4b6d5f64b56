"""What the tests of several steps of a pipeline share."""

import numpy as np
import pandas as pd
import sklearn
from helpers.tables import make_mixed
from sklearn.utils.fixes import parse_version

AT_1_9 = parse_version(sklearn.__version__) >= parse_version("1.9")


def with_lists(n=300, seed=0):
    """Return a mixed frame with separated strings and lists, and a target."""
    X, y = make_mixed(n, seed)
    rng = np.random.default_rng(seed)
    tags = [
        [*rng.choice([*"abcdef"], k)] if k < 4 else None
        for k in rng.integers(5, size=n)
    ]
    genres = [None if t is None else "|".join(t) for t in tags]
    return X.assign(tags=pd.Series(tags, dtype=object), genres=genres), y


TINY = {"max_epochs": 3, "hidden_layer_sizes": (8,), "random_state": 0}
TINY |= {"dtype": "float64"}  # a row alone is then the same as in a batch
