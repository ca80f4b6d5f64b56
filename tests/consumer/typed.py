"""A user's module, which `make typecheck` checks strictly.

It is not run: what mypy says of it is the test of `py.typed` and of the public types.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sklearn_dcn import DCNClassifier, DCNRegressor, load, scan
from sklearn_dcn.inspection import Explanation, explain
from sklearn_dcn.metrics import ndcg_at_k
from sklearn_dcn.network import CrossNetwork, DeepCrossNetwork
from sklearn_dcn.presets import get_preset


def churn(path: Path, rows: list[dict[str, object]]) -> NDArray[np.float64]:
    """Fit to a file, save, load and predict."""
    model = DCNClassifier(cross="matrix", n_cross_layers=2, random_state=0)
    fitted: DCNClassifier = model.fit(scan(str(path), target="churn"))
    fitted.save(path.with_suffix(".dcn"))
    again = load(path.with_suffix(".dcn"))
    assert isinstance(again, DCNClassifier)
    p: NDArray[np.float64] = again.predict_proba(rows)
    return p


def amounts(X: object, y: NDArray[np.float64]) -> Explanation:
    """Fit a number with a published recipe's parameters, and explain rows."""
    model = DCNRegressor(**{**get_preset("dcn2017"), "loss": "poisson"})
    return explain(model.fit(X, y), X)


def layers(d: int) -> int:
    """Count the weights of a cross network, and of a whole one."""
    cross = CrossNetwork(d, n_layers=3, kind="low_rank")
    whole = DeepCrossNetwork(n_num=3, cardinalities=[10, 20])
    return sum(p.numel() for module in (cross, whole) for p in module.parameters())


def quality(y: NDArray[np.int64], score: NDArray[np.float64]) -> float:
    """Return a measure of lists."""
    return ndcg_at_k(y, score, groups=np.zeros(len(y)), k=10)
