"""The layers of a network: widths and counts by hand, each parameter in one of them."""

import numpy as np
import pandas as pd
import pytest

from sklearn_dcn import DCNClassifier, DCNRegressor
from sklearn_dcn._analysis.layers import get_layers


def test_layers_worked_by_hand():
    """A column of 2 levels, and one number: widths and counts on paper."""
    X = pd.DataFrame({"city": ["a", "b", "a", "b"], "price": [1.0, 2.0, 3.0, 4.0]})
    model = DCNClassifier(
        embedding_dim=3,
        numeric_embedding=None,
        n_cross_layers=1,
        hidden_layer_sizes=(5,),
        normalization="layer",
        max_epochs=1,
    ).fit(X, [0, 1, 0, 1])
    assert get_layers(model.module_) == [
        ("embedding of levels", "1 field, 4 ids", None, 3, 4 * 3),
        ("numbers", "1 field", None, 1, 0),
        ("cross 1", "matrix", 4, 4, 4 * 4 + 4),
        ("deep 1", "LayerNorm, relu", 4, 5, 4 * 5 + 5 + 2 * 5),
        ("head", "linear", 4 + 5, 1, 9 + 1),
    ]


def test_numbers_that_are_embedded_and_plain():
    """A curve of 2 bins, 8 wide, is 8 * (2 + 1) parameters; an indicator has none."""
    X = pd.DataFrame({"price": [1.0, 2.0, 3.0, np.nan]})
    model = DCNClassifier(numeric_embedding="piecewise_linear", max_epochs=1)
    layers = get_layers(model.fit(X, [0, 1, 0, 1]).module_)
    assert layers[:2] == [
        ("embedding of numbers", "1 field, piecewise_linear", None, 8, 8 * 3),
        ("numbers", "1 field", None, 1, 0),
    ]


@pytest.mark.parametrize("structure", ["parallel", "stacked", "cross", "deep"])
@pytest.mark.parametrize(
    "options",
    [
        {"cross": "mixture", "numeric_embedding": "periodic"},
        {"cross": "vector", "numeric_embedding": "piecewise_linear"},
        {"cross": "gated", "normalization": "batch", "numeric_levels": 9},
    ],
)
def test_layers_hold_all_parameters(structure, options, mixed, tiny):
    """Whatever the network is, each of its parameters is in one layer."""
    X, y = mixed
    X = X.assign(tags=[["a", "b"][: i % 3] for i in range(len(X))])
    model = DCNRegressor(**tiny, structure=structure, **options)
    module = model.fit(X, np.stack([y, -y], 1)).module_
    layers = get_layers(module)
    assert sum(layer.n_parameters for layer in layers) == sum(
        parameter.numel() for parameter in module.parameters()
    )
    columns = [layer.d_out for layer in layers if layer.d_in is None]
    assert sum(columns) == module.embedding.d_out
    assert [layer.name for layer in layers][:2] == [
        "embedding of levels",
        "embedding of lists",
    ]
