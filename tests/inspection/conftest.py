"""What the tests of the displays share: drawing to memory, and an estimator."""

import pytest
from helpers.inspecting import two_crosses
from helpers.tables import make_mixed

from sklearn_dcn import DCNClassifier

__all__ = ["agg", "model", "two_crosses"]


@pytest.fixture
def agg():
    """Draw to memory, and forget every figure."""
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("Agg")
    yield
    pyplot.close("all")


@pytest.fixture(scope="module")
def model():
    """Return an estimator that has learned a cross."""
    X, y = make_mixed(600)
    return DCNClassifier(
        hidden_layer_sizes=(8,), max_epochs=3, memorized_crosses=None, random_state=0
    ).fit(X, y)
