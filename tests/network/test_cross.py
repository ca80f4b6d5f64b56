"""The cross network against the papers' equations, layer by layer."""

import numpy as np
import pytest
import torch
from helpers import oracle
from helpers.networks import (
    GATES,
    KINDS,
    assert_equals,
    letters,
    normal,
    randomize,
    set_,
)
from torch.func import functional_call

from sklearn_dcn.network import CrossNetwork, DeepCrossNetwork

# ----------------------------------------------------------------------------------
# Equality with the oracle
# ----------------------------------------------------------------------------------


@pytest.mark.parametrize("n_layers", [1, 2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_network_equals_oracle(kind, n_layers):
    """L layers feed x_l forward and always cross with x_0, in the order of `layers`."""
    d = 6
    network = randomize(CrossNetwork(d, n_layers, kind, rank=2, n_experts=3))
    fixed = {"gate": "softmax", "activation": None} if kind == "mixture" else {}
    x_0 = normal(4, d)
    expected = oracle.batch(
        oracle.cross_network,
        x_0.numpy(),
        kind=kind,
        layers=[letters(layer) | fixed for layer in network.layers],
    )
    assert_equals(network(x_0), expected)


@pytest.mark.parametrize("activation", [None, "tanh"])
@pytest.mark.parametrize("gate", GATES)
def test_network_passes_the_options_on(gate, activation):
    """`rank`, `n_experts`, `gate`, `activation` of the network reach each layer."""
    network = CrossNetwork(
        6, 2, "mixture", rank=3, n_experts=2, gate=gate, activation=activation
    )
    randomize(network)
    x_0 = normal(3, 6)
    expected = oracle.batch(
        oracle.cross_network,
        x_0.numpy(),
        kind="mixture",
        layers=[
            letters(layer) | {"gate": gate, "activation": activation}
            for layer in network.layers
        ],
    )
    assert all(layer.U.shape == (2, 6, 3) for layer in network.layers)
    assert_equals(network(x_0), expected)


# ----------------------------------------------------------------------------------
# Gradients
# ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_gradcheck_network(kind):
    """Gradients hold through a chain of layers that share x_0."""
    network = randomize(CrossNetwork(4, 2, kind, rank=1, n_experts=2), scale=0.3)
    names = [name for name, _ in network.named_parameters()]

    def function(x_0, *parameters):
        parameters = dict(zip(names, parameters, strict=True))
        return functional_call(network, parameters, (x_0,))

    parameters = [p.detach().clone() for p in network.parameters()]
    arguments = [t.requires_grad_() for t in (normal(2, 4), *parameters)]
    assert torch.autograd.gradcheck(function, arguments)


# ----------------------------------------------------------------------------------
# Depth
# ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_no_layers_is_the_identity(kind):
    """A cross network of depth zero returns x_0 and has no parameters."""
    network = CrossNetwork(4, 0, kind)
    x_0 = normal(3, 4)
    assert torch.equal(network(x_0), x_0)
    assert list(network.parameters()) == []


@pytest.mark.parametrize("n_layers", [1, 2, 3])
@pytest.mark.parametrize("kind", ["vector", "matrix", "low_rank", "mixture"])
def test_polynomial_degree(kind, n_layers):
    """Along t x_0, L layers are a polynomial of degree L + 1 in t, no more, no less."""
    d = 4
    network = CrossNetwork(d, n_layers, kind, rank=2, n_experts=2, gate="constant")
    randomize(network)
    t = torch.arange(n_layers + 3, dtype=torch.float64)
    x = network(t[:, None] * normal(1, d))  # (L + 3, d)
    scale = x.abs().max().item()
    degree = n_layers + 1
    difference = np.diff(x.detach().numpy(), n=degree, axis=0)  # constant in t
    assert (np.abs(difference).max(axis=0) > 1e-3).all()
    assert np.abs(np.diff(difference, axis=0)).max() < 1e-11 * scale


# ----------------------------------------------------------------------------------
# Parameters of their own
# ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_layers_share_nothing(kind):
    """Each layer, its gates included, has parameters and memory of its own."""
    network = CrossNetwork(8, 3, kind, rank=2, n_experts=2)
    assert isinstance(network.layers, torch.nn.ModuleList)
    per_layer = [letters(layer) for layer in network.layers]
    assert per_layer[0].keys() == per_layer[1].keys() == per_layer[2].keys()
    parameters = list(network.parameters())  # a shared one would be listed once
    assert len(parameters) == 3 * len(per_layer[0])
    memories = {p.untyped_storage().data_ptr() for p in parameters}
    assert len(memories) == len(parameters)


def test_gates_are_per_layer():
    """Another gate in layer 2 moves the output and leaves layer 1 as it was."""
    network = randomize(CrossNetwork(5, 2, "mixture", rank=2, n_experts=2))
    x_0 = normal(3, 5)
    first, out = network.layers[0](x_0, x_0), network(x_0)
    set_(network.layers[1], G=normal(2, 5, seed=7))
    assert torch.equal(network.layers[0](x_0, x_0), first)
    assert not torch.allclose(network(x_0), out)


DEPTHS = pytest.mark.parametrize("n_layers", [1, 2, 3, 6])
ROWS = pytest.mark.parametrize("n_rows", [1, 5])


def network(kind="vector", n_layers=3, d=6, seed=0, scale=0.5):
    """Return a float64 cross network with random weights and biases."""
    cross = CrossNetwork(d, n_layers, kind, rank=2, n_experts=3)
    return randomize(cross, seed=seed, scale=scale)


def by_layers(cross, x_0):
    """Return x_L from the layers' own equations, one after the other."""
    x_l = x_0
    for layer in cross.layers:
        x_l = layer(x_0, x_l)
    return x_l


def gradients(function, cross, *inputs):
    """Return the output and its gradients by inputs and all parameters.

    The output is weighted by random numbers, so that no two errors cancel.
    """
    inputs = [x.detach().clone().requires_grad_() for x in inputs]
    out = function(*inputs)
    weight = normal(*out.shape, seed=99)
    wanted = [*inputs, *cross.parameters()]
    return out.detach(), torch.autograd.grad((out * weight).sum(), wanted)


def assert_same(ours, expected, tolerance=1e-13):
    """Compare outputs and every gradient, relative to the largest entry of each."""
    pairs = [(ours[0], expected[0]), *zip(ours[1], expected[1], strict=True)]
    for a, b in pairs:
        assert a.shape == b.shape
        assert b.abs().max() > 0
        assert (a - b).abs().max() <= tolerance * b.abs().max()


# ----------------------------------------------------------------------------------
# x_L of the kind "vector"
# ----------------------------------------------------------------------------------


@ROWS
@DEPTHS
@pytest.mark.parametrize("d", [1, 6])
def test_vector_equals_its_layers(d, n_layers, n_rows):
    """The scalar form is the chain of layers: outputs and all gradients."""
    cross, x_0 = network(n_layers=n_layers, d=d), normal(n_rows, d)
    assert_same(
        gradients(cross, cross, x_0),
        gradients(lambda x: by_layers(cross, x), cross, x_0),
    )


@DEPTHS
def test_vector_equals_the_oracle(n_layers):
    """It is the paper's equation, row by row in NumPy."""
    cross, x_0 = network(n_layers=n_layers), normal(5, 6)
    layers = [letters(layer) for layer in cross.layers]
    expected = oracle.batch(
        oracle.cross_network, x_0.numpy(), kind="vector", layers=layers
    )
    assert_equals(cross(x_0), expected)
    assert_equals(by_layers(cross, x_0), expected)


def test_vector_by_hand():
    """Width 1, two layers: x_1 = 2*3*2 + 1 + 2 = 15, x_2 = 2*5*15 + 10 + 15 = 175."""
    cross = network(n_layers=2, d=1)
    with torch.no_grad():
        for layer, w, b in zip(cross.layers, (3.0, 5.0), (1.0, 10.0), strict=True):
            layer.w.fill_(w)
            layer.b.fill_(b)
    x_0 = torch.tensor([[2.0]], dtype=torch.float64)
    assert cross(x_0).tolist() == [[175.0]]
    W = torch.tensor([[-2.0]], dtype=torch.float64)
    assert cross.project(x_0, W).tolist() == [[-350.0]]


def test_every_bias_meets_the_later_weights():
    """A bias of layer l counts in the products of layers after l alone.

    With b_0 = b and w_1 = w, x_2 = x_0 (1 + w' b) + b where x_0' w is left out by
    choosing x_0 orthogonal to w.
    """
    cross = network(n_layers=2, d=2)
    with torch.no_grad():
        for parameter in cross.parameters():
            parameter.zero_()
        cross.layers[0].b.copy_(torch.tensor([3.0, 0.5]))
        cross.layers[1].w.copy_(torch.tensor([2.0, 0.0]))
    x_0 = torch.tensor([[0.0, 10.0]], dtype=torch.float64)
    assert cross(x_0).tolist() == [[3.0, 10.0 * (1 + 6.0) + 0.5]]
    with torch.no_grad():  # the other way round the bias meets no weight
        cross.layers[0].w.copy_(cross.layers[1].w)
        cross.layers[1].w.zero_()
    assert cross(x_0).tolist() == [[3.0, 10.5]]


@ROWS
def test_float32_and_input_stay(n_rows):
    """In float32 it keeps dtype and accuracy; x_0 is not written to."""
    exact = network()
    cross, x_0 = network().float(), normal(n_rows, 6)
    single = x_0.float()
    out = cross(single)
    assert out.dtype == torch.float32
    torch.testing.assert_close(out.double(), exact(x_0), rtol=1e-4, atol=1e-4)
    assert torch.equal(single, x_0.float())


def arguments(cross, *inputs):
    """Return (names, tensors) for gradcheck by inputs and all parameters."""
    names = [name for name, _ in cross.named_parameters()]
    tensors = [*inputs, *(p.detach().clone() for p in cross.parameters())]
    return names, [t.requires_grad_() for t in tensors]


@ROWS
@pytest.mark.parametrize("n_layers", [1, 3])
@pytest.mark.parametrize("check", ["gradcheck", "gradgradcheck"])
def test_gradcheck_vector(check, n_layers, n_rows):
    """First and second derivatives equal numeric ones."""
    cross = network(n_layers=n_layers, d=3, scale=0.3)
    names, tensors = arguments(cross, normal(n_rows, 3))

    def function(x_0, *parameters):
        parameters = dict(zip(names, parameters, strict=True))
        return functional_call(cross, parameters, (x_0,))

    assert getattr(torch.autograd, check)(function, tensors)


# ----------------------------------------------------------------------------------
# Projections of x_L
# ----------------------------------------------------------------------------------


@ROWS
@pytest.mark.parametrize("d_out", [1, 3])
@pytest.mark.parametrize("n_layers", [0, 1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_projection_is_a_linear_map_of_x_L(kind, n_layers, d_out, n_rows):
    """project(x_0, W) is W x_L of the layers one by one, with all gradients."""
    cross = network(kind, n_layers)
    x_0, W = normal(n_rows, 6), normal(d_out, 6, seed=2)

    def expected(x, weight):
        return torch.nn.functional.linear(by_layers(cross, x), weight)

    ours = gradients(cross.project, cross, x_0, W)
    assert ours[0].shape == (n_rows, d_out)
    assert_same(ours, gradients(expected, cross, x_0, W))


@pytest.mark.parametrize("n_layers", [1, 3])
@pytest.mark.parametrize("check", ["gradcheck", "gradgradcheck"])
def test_gradcheck_projection(check, n_layers):
    """Derivatives of the projection of "vector", by W too, equal numeric ones."""

    class Projection(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.cross = network(n_layers=n_layers, d=3, scale=0.3)

        def forward(self, x_0, W):
            return self.cross.project(x_0, W)

    projection = Projection()
    names, tensors = arguments(projection, normal(2, 3), normal(2, 3, seed=2))

    def function(x_0, W, *parameters):
        parameters = dict(zip(names, parameters, strict=True))
        return functional_call(projection, parameters, (x_0, W))

    assert getattr(torch.autograd, check)(function, tensors)


def test_projection_of_a_part_of_a_matrix():
    """W may be a view of some columns of the head, and gets its gradient there."""
    cross, x_0 = network(), normal(4, 6)
    head = normal(3, 10, seed=2).requires_grad_()
    cross.project(x_0, head[:, :6]).sum().backward()
    expected = cross(x_0).detach().sum(0).expand(3, 6)
    torch.testing.assert_close(head.grad[:, :6], expected)
    assert not head.grad[:, 6:].any()


@pytest.mark.parametrize("d_out", [1, 3])
@pytest.mark.parametrize("n_layers", [0, 2])
@pytest.mark.parametrize("structure", ["parallel", "stacked", "cross", "deep"])
@pytest.mark.parametrize("kind", KINDS)
def test_logits_are_the_head_on_both_parts(kind, structure, n_layers, d_out):
    """`combine` is the head's W and b on x_L and h_L side by side, or on one of them.

    That is the oracle's equation, with x_L and h_L from the layers one by one.
    """
    whole = DeepCrossNetwork(
        6, [], d_out=d_out, structure=structure, cross=kind, n_cross_layers=n_layers,
        cross_rank=2, n_experts=3, hidden_layer_sizes=(4,),
    )  # fmt: skip
    randomize(whole)
    x_0 = normal(5, 6)

    def expected(x):
        x_L = x if whole.cross is None else by_layers(whole.cross, x)
        if structure == "parallel":
            parts = [x_L, whole.deep(x)] if n_layers else [whole.deep(x)]
            return whole.head(torch.cat(parts, dim=1))
        return whole.head(
            {"stacked": lambda: whole.deep(x_L), "cross": lambda: x_L}.get(
                structure, lambda: whole.deep(x)
            )()
        )

    ours = gradients(whole.combine, whole, x_0)
    assert np.shape(ours[0]) == (5, d_out)
    assert_same(ours, gradients(expected, whole, x_0), tolerance=1e-12)
    assert torch.equal(whole(x_0), whole.combine(x_0))
