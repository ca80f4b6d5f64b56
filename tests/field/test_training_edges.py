"""Training goes on from states on other devices, of any size of y, and of few rows."""

import copy

import numpy as np
import pytest
import torch

from sklearn_dcn import DCNClassifier, DCNRegressor
from sklearn_dcn._targets import ContinuousTarget
from sklearn_dcn._training.lazy_adamw import AdamW


@pytest.mark.parametrize("sparse", [False, True])
def test_state_follows_its_parameter(sparse):
    """As from a checkpoint, which is on the CPU; "meta" stands for a device."""
    table = torch.nn.Parameter(torch.ones(4, 2))
    optimizer = AdamW([table])
    ids = torch.tensor([0, 2])
    torch.nn.functional.embedding(ids, table, sparse=sparse).sum().backward()
    optimizer.step()
    state = copy.deepcopy(optimizer.state_dict())
    elsewhere = torch.nn.Parameter(torch.empty(4, 2, device="meta"))
    other = AdamW([elsewhere])
    other.load_state_dict(state)
    devices = {value.device.type for value in other.state[elsewhere].values()}
    assert devices == {"meta"}
    again = AdamW([table])
    again.load_state_dict(state)
    assert again.state[table]["step"] == 1.0


@pytest.mark.parametrize("size", [1e160, 1e300, 1e-200])
def test_y_of_any_size(size):
    """Squares neither overflow nor vanish; a size that is a power of 2 keeps bits."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 2))
    y = 3 * X[:, 0] + 1
    options = {"random_state": 0, "max_epochs": 2, "hidden_layer_sizes": (8,)}
    expected = DCNRegressor(**options).fit(X, y).predict(X)
    found = DCNRegressor(**options).fit(X, y * size).predict(X) / size
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_mean_and_scale_keep_their_bits():
    """As computed without the power of 2."""
    rng = np.random.default_rng(0)
    for _ in range(50):
        y = rng.normal(100, 10.0 ** rng.uniform(-4, 6), size=(30, 2))
        weight = rng.random(30) + 0.1
        target = ContinuousTarget(y, weight)
        center = np.average(y, axis=0, weights=weight)
        scale = np.sqrt(np.average((y - center) ** 2, axis=0, weights=weight))
        np.testing.assert_array_equal(target.center, center)
        np.testing.assert_array_equal(target.scale, scale)


def test_one_row_with_batch_normalization():
    """The error names the parameter and a remedy."""
    model = DCNClassifier(normalization="batch")
    with pytest.raises(ValueError, match=r"'batch' needs at least 2 .*'layer'"):
        model.partial_fit([[1.0]], [0], classes=[0, 1])
    assert not hasattr(model, "net_")
