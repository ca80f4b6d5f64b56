"""The network as nodes: x_0 -> logits, by the equations of `sklearn_dcn.network`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import block_diag
from torch import Tensor, nn

from ..network import (
    CrossNetwork,
    DeepCrossNetwork,
    DeepNetwork,
    EmbeddingStack,
    ExponentialCross,
    GatedCross,
    LinearCross,
    LowRankCross,
    MatrixCross,
    MixtureCross,
    NumericEmbedding,
    OnlyDenseCross,
    PairLogit,
)
from ..network.masked_layers import EPS
from ..network.numeric import bins_of
from ._graph import Graph

__all__ = ["add_logits", "add_mean", "add_numbers", "add_vectors", "to_array"]

ACTIVATIONS: dict[str, Callable[[Graph, str], str]] = {
    "relu": lambda g, x: g.node("Relu", x),
    "tanh": lambda g, x: g.node("Tanh", x),
    "hardtanh": lambda g, x: g.node(
        "Clip", x, g.constant(-1.0, np.float32), g.constant(1.0, np.float32)
    ),
    "sigmoid": lambda g, x: g.node("Sigmoid", x),
    "silu": lambda g, x: g.node("Mul", x, g.node("Sigmoid", x)),
    "gelu": lambda g, x: g.node("Gelu", x),
    "leaky_relu": lambda g, x: g.node("LeakyRelu", x, alpha=0.01),
    "selu": lambda g, x: g.node("Selu", x),
}


def to_array(tensor: Tensor) -> NDArray[np.float32]:
    """Return a parameter in the precision of the graph."""
    return tensor.detach().cpu().numpy().astype(np.float32)


def add_logits(graph: Graph, network: DeepCrossNetwork, x_0: str) -> str:
    """Return the logits (n, d_out), as `DeepCrossNetwork.combine` in evaluation."""
    logits = _of_dcn(graph, network, x_0)
    if network.pair is None:
        return logits
    z = _pairs(graph, network.pair, x_0, network.d_stack)
    return graph.node("Add", logits, z)


def _of_dcn(graph: Graph, network: DeepCrossNetwork, x_0: str) -> str:
    W, b = to_array(network.head.weight), to_array(network.head.bias)
    d = network.embedding.d_out
    if network.cross is not None and network.linear_cross is not None:
        exponential = _project(graph, network.cross, x_0, W[:, :d])
        x_L = _cross(graph, network.linear_cross, x_0)
        return graph.node("Add", exponential, _linear(graph, x_L, W[:, d:], b))
    if network.deep is None:
        if network.cross is None:
            return _linear(graph, x_0, W, b)
        return graph.node(
            "Add", _project(graph, network.cross, x_0, W), graph.constant(b)
        )
    if network.cross is None:
        return _linear(graph, _deep(graph, network.deep, x_0), W, b)
    if network.structure == "stacked":
        x_L = _cross(graph, network.cross, x_0)
        return _linear(graph, _deep(graph, network.deep, x_L), W, b)
    crossed = _project(graph, network.cross, x_0, W[:, :d])
    h_L = _deep(graph, network.deep, x_0)
    return graph.node("Add", crossed, _linear(graph, h_L, W[:, d:], b))


def add_mean(graph: Graph, logits: list[str]) -> str:
    """Return the mean of the members' logits."""
    return logits[0] if len(logits) == 1 else graph.node("Mean", *logits)


def _linear(
    graph: Graph, x: str, W: NDArray[Any], b: NDArray[Any] | None = None
) -> str:
    """Return W x + b of every row."""
    weight = graph.constant(np.ascontiguousarray(W.T))
    if b is None:
        return graph.node("MatMul", x, weight)
    return graph.node("Gemm", x, weight, graph.constant(b))


def _pairs(graph: Graph, pair: PairLogit, x_0: str, d: int) -> str:
    """Return z_sim (n, d_out); see `PairLogit`."""
    width = pair.n_fields * pair.dim
    e = x_0 if width == d else _split(graph, x_0, [width, d - width])[0]
    shape = graph.constant([-1, pair.n_fields, pair.dim], np.int64)
    e = graph.node("Transpose", graph.node("Reshape", e, shape), perm=[0, 2, 1])
    axes = graph.constant([1, 2], np.int64)
    logits = []
    for W in to_array(pair.matrices()):  # sum_i <e_i, sum_{j > i} w_ij e_j>
        sums = graph.node("MatMul", e, graph.constant(np.ascontiguousarray(W.T)))
        product = graph.node("Mul", e, sums)
        logits.append(graph.node("ReduceSum", product, axes, keepdims=0))
    last = graph.constant([1], np.int64)
    return graph.concat([graph.node("Unsqueeze", z, last) for z in logits])


# The cross network --------------------------------------------------------------------


def _project(graph: Graph, cross: CrossNetwork, x_0: str, W: NDArray[Any]) -> str:
    """Return W x_L, for "vector" as a number times W x_0, plus a constant."""
    if cross.kind != "vector":
        return _linear(graph, _cross(graph, cross, x_0), W)
    w, b = (to_array(parameter) for parameter in cross._vectors())
    # One product with x_0 for all; the ones are those of a_l + a_l x_0' w_l.
    one = np.concatenate([np.ones(len(w)), np.zeros(len(W))]).astype(np.float32)
    products = _linear(graph, x_0, np.concatenate([w, W]), one)
    *growth, projected = _split(graph, products, [1] * len(w) + [len(W)])
    a_L, c_L = _recurrence(graph, growth, w, b)
    return graph.node("Add", graph.node("Mul", a_L, projected), graph.constant(W @ c_L))


def _cross(graph: Graph, cross: CrossNetwork, x_0: str) -> str:
    """Return x_L of shape (n, d)."""
    if cross.kind == "vector":
        w, b = (to_array(parameter) for parameter in cross._vectors())
        growth = _linear(graph, x_0, w, np.ones(len(w), dtype=np.float32))
        a_L, c_L = _recurrence(graph, _split(graph, growth, [1] * len(w)), w, b)
        return graph.node("Add", graph.node("Mul", a_L, x_0), graph.constant(c_L))
    x_l = x_0
    for layer in cross.layers:
        if isinstance(layer, OnlyDenseCross):
            W, b = (layer.phi * to_array(p) for p in (layer.W, layer.b))
            x_t = graph.node("Relu", _linear(graph, x_l, W, b))
            x_l = graph.node("Mul", x_l, x_t)
            continue
        factor = _factor(graph, layer, x_l)
        times = x_l if isinstance(layer, ExponentialCross) else x_0
        x_l = graph.node("Add", x_l, graph.node("Mul", times, factor))
    return x_l


def _split(graph: Graph, x: str, widths: list[int]) -> list[str]:
    sizes = graph.constant(widths, np.int64)
    return graph.nodes("Split", x, sizes, n_outputs=len(widths), axis=1)


def _recurrence(
    graph: Graph, growth: list[str], w: NDArray[Any], b: NDArray[Any]
) -> tuple[str, NDArray[Any]]:
    """Return a_L (n, 1) and c_L (d,) with x_L = a_L x_0 + c_L; see `CrossNetwork`."""
    c = b.cumsum(axis=0)
    a_l = growth[0]
    for c_l, w_l, growth_l in zip(c[:-1], w[1:], growth[1:], strict=True):
        scaled = graph.node("Mul", a_l, growth_l)
        a_l = graph.node("Add", scaled, graph.constant(c_l @ w_l, np.float32))
    return a_l, c[-1]


def _factor(graph: Graph, layer: nn.Module, x_l: str) -> str:
    """Return what a layer multiplies x_0 with, or x_l: (x_{l+1} - x_l) / x_0."""
    if isinstance(layer, MatrixCross):
        return _linear(graph, x_l, to_array(layer.W), to_array(layer.b))
    if isinstance(layer, LowRankCross):
        v = _linear(graph, x_l, to_array(layer.V.T))
        return _linear(graph, v, to_array(layer.U), to_array(layer.b))
    if isinstance(layer, GatedCross):
        gate = graph.node("Sigmoid", _linear(graph, x_l, to_array(layer.W_g)))
        product = _linear(graph, x_l, to_array(layer.W), to_array(layer.b))
        return graph.node("Mul", product, gate)
    if isinstance(layer, (LinearCross, ExponentialCross)):
        return _masked(graph, layer, x_l)
    assert isinstance(layer, MixtureCross)
    return _mixture(graph, layer, x_l)


def _masked(graph: Graph, layer: LinearCross | ExponentialCross, x_l: str) -> str:
    W, b = to_array(layer.W), to_array(layer.b)
    c = _linear(graph, x_l, W)
    scale, shift = (graph.constant(to_array(p)) for p in (layer.scale, layer.shift))
    normed = shift  # of one entry, which is its own mean; a runtime may refuse it
    if len(W) > 1:
        normed = graph.node("LayerNormalization", c, scale, shift, epsilon=EPS)
    masked = graph.node("Mul", c, graph.node("Relu", normed))
    # c and its masks by turns.
    order = np.arange(2 * len(W)).reshape(2, -1).T.ravel()[: len(b)]
    both = graph.node("Concat", c, masked, axis=1)
    both = graph.node("Gather", both, graph.constant(order, np.int64), axis=1)
    return graph.node("Add", both, graph.constant(b))


def _mixture(graph: Graph, layer: MixtureCross, x_l: str) -> str:
    n_experts, d, rank = layer.U.shape
    V = to_array(layer.V.transpose(1, 2)).reshape(n_experts * rank, d)
    U = to_array(layer.U.transpose(1, 2)).reshape(n_experts * rank, d)
    v = _linear(graph, x_l, V)
    if layer.activation is not None and layer.C is not None:
        g = ACTIVATIONS[layer.activation]
        # C of all experts as one block-diagonal matrix.
        C = block_diag(*to_array(layer.C))
        v = g(graph, _linear(graph, g(graph, v), C))
    b = to_array(layer.b)
    if layer.G is None:
        return _linear(graph, v, U.T, n_experts * b)
    logits = _linear(graph, x_l, to_array(layer.G))
    gates = graph.node("Softmax" if layer.gate == "softmax" else "Sigmoid", logits)
    # Each gate as often as its expert has ranks, by a product with zeros and ones.
    spread = np.repeat(np.eye(n_experts, dtype=np.float32), rank, axis=0)
    gated = graph.node("Mul", v, _linear(graph, gates, spread))
    biases = _linear(graph, gates, np.repeat(b[:, None], n_experts, axis=1))
    return graph.node("Add", _linear(graph, gated, U.T), biases)


# The deep network ---------------------------------------------------------------------


def _deep(graph: Graph, deep: DeepNetwork, x: str) -> str:
    """Return h_L, without dropout, batch normalisation by its running statistics."""
    for i, linear in enumerate(deep.linears):
        assert isinstance(linear, nn.Linear)
        W, b = to_array(linear.weight), to_array(linear.bias)
        norm = deep.norms[i] if deep.norms else None
        if isinstance(norm, nn.BatchNorm1d):
            assert norm.running_var is not None and norm.running_mean is not None
            scale = to_array(norm.weight / (norm.running_var + norm.eps).sqrt())
            W = W * scale[:, None]
            b = (b - to_array(norm.running_mean)) * scale + to_array(norm.bias)
        x = _linear(graph, x, W, b)
        if isinstance(norm, nn.LayerNorm):
            weight, bias = (
                graph.constant(to_array(p)) for p in (norm.weight, norm.bias)
            )
            x = graph.node("LayerNormalization", x, weight, bias, epsilon=norm.eps)
        x = ACTIVATIONS[deep.activation](graph, x)
    return x


# Vectors and numbers ------------------------------------------------------------------


def add_vectors(graph: Graph, stack: EmbeddingStack, x_vec: list[str]) -> list[str]:
    """Return the part of x_0 that each vector is; see `VectorProjections`."""
    matrices = stack.vectors.parameters()
    each = zip(x_vec, matrices, strict=True)
    return [_linear(graph, v, to_array(W)) for v, W in each]


def add_numbers(graph: Graph, stack: EmbeddingStack, x_num: str) -> list[str]:
    """Return the parts of x_0 that the numbers (n, n_num) are."""
    if stack.numbers is None:
        return [x_num]
    n = stack.numbers.n_num
    if n == stack.n_num:
        return [_embed(graph, stack.numbers, x_num)]
    embedded, plain = _split(graph, x_num, [n, stack.n_num - n])
    return [_embed(graph, stack.numbers, embedded), plain]


def _embed(graph: Graph, numbers: NumericEmbedding, x_num: str) -> str:
    """Return the embeddings (n, n_num * dim) of numbers (n, n_num)."""
    # With the numbers first, (n_num, n, k): one product of matrices for each.
    last = graph.constant([2], np.int64)
    x = graph.node("Unsqueeze", graph.node("Transpose", x_num, perm=[1, 0]), last)
    if numbers.frequencies is not None:
        turns = 2.0 * np.pi * to_array(numbers.frequencies)
        phase = graph.node("Mul", x, graph.constant(turns[:, None], np.float32))
        sines = [graph.node(f, phase) for f in ("Sin", "Cos")]
        x = graph.node("Concat", *sines, axis=2)
    elif numbers.edges is not None:
        left, width, low, high = (
            graph.constant(to_array(part)[:, None])
            for part in bins_of(numbers.edges.float())
        )
        x = graph.node("Div", graph.node("Sub", x, left), width)
        x = graph.node("Min", graph.node("Max", x, low), high)
    vectors = graph.constant(to_array(numbers.vectors.transpose(1, 2)))
    e = graph.node("MatMul", x, vectors)
    e = graph.node("Add", e, graph.constant(to_array(numbers.b)[:, None]))
    if numbers.kind == "periodic":
        e = graph.node("Relu", e)
    e = graph.node("Transpose", e, perm=[1, 0, 2])
    return graph.node("Reshape", e, graph.constant([-1, numbers.d_out], np.int64))
