"""The binary search of a graph is that of NumPy."""

import numpy as np
import pytest
from helpers.graphs import start

from sklearn_dcn.onnx._graph import Graph


@pytest.mark.parametrize("side", ["left", "right"])
def test_search_is_that_of_numpy(side):
    rng = np.random.default_rng(0)
    edges = [np.sort(rng.normal(size=size)) for size in (0, 1, 2, 7, 1000)]
    graph = Graph(["x", "at"])
    at = graph.search(graph.input("x", "double", len(edges)), edges, side)
    graph.output(at, "at", "int64", len(edges))
    x = np.concatenate([rng.normal(size=(50, 5)), np.full((1, 5), edges[1][0])])
    x[:7] = edges[3][:, None]
    found = start(graph.to_model()).run(None, {"x": x})[0]
    expected = [np.searchsorted(e, c, side) for e, c in zip(edges, x.T, strict=True)]
    np.testing.assert_array_equal(found, np.stack(expected, axis=1))
