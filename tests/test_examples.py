"""The examples run, and what they show is true."""

import numpy as np
import pytest
from conftest import load_script
from sklearn.metrics import log_loss


@pytest.mark.slow
def test_demo_compares_three_models(capsys):
    """On shipped data the DCN beats logistic regression on the same split."""
    demo = load_script("examples/demo.py")
    X, y = demo.load_online_shoppers(return_X_y=True)
    models = demo.make_models(X)
    models["DCN, grid search"].set_params(
        cv=2, param_grid={"dcnclassifier__n_cross_layers": [1, 2]}
    )
    rows = {row["model"]: row for row in demo.compare(models, X, y)}
    demo.print_table(list(rows.values()))
    assert (
        rows["DCN, grid search"]["log loss"] < rows["logistic regression"]["log loss"]
    )
    assert all(0 <= row["calibration error"] < 0.1 for row in rows.values())
    assert len(capsys.readouterr().out.splitlines()) == 4


def test_expected_calibration_error():
    """Hand-worked: two bins, predicted .2 and .6, true rates .5 and 1."""
    demo = load_script("examples/demo.py")
    y = np.array([0, 1, 1, 1])
    p = np.array([0.1, 0.3, 0.5, 0.7])
    error = demo.expected_calibration_error(y, p, n_bins=2)
    assert error == pytest.approx((2 * 0.3 + 2 * 0.4) / 4)


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
