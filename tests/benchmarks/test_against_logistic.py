"""The benchmark against logistic regression measures what it says."""

import numpy as np
import pytest
from helpers.processes import load_script
from sklearn.metrics import log_loss


@pytest.mark.slow
def test_benchmark_against_logistic_measures():
    """The benchmark's figures are those of its two models on one split."""
    benchmark = load_script("benchmarks/against_logistic.py")
    X, y = benchmark.load_online_shoppers(return_X_y=True)
    loss, auc, seconds = benchmark.measure(benchmark.logistic_regression(X), X, y, 0)
    base_rate = np.full(len(y), y.mean())
    assert loss < log_loss(y, base_rate)
    assert 0.85 < auc < 1
    assert seconds > 0
