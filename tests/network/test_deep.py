"""Tests of the deep network against its equation."""

import re

import numpy as np
import pytest
import torch
from helpers import oracle
from helpers.networks import normal, randomize, seeded
from torch import nn
from torch.func import functional_call

from sklearn_dcn.network import DeepNetwork


def linears(deep):
    """Return (W, b) of the linear layers in order, as arrays."""
    return [
        (m.weight.detach().numpy(), m.bias.detach().numpy())
        for m in deep.modules()
        if isinstance(m, nn.Linear)
    ]


def passing(d, n_layers, **options):
    """Return a ReLU network that passes positive input through unchanged."""
    deep = DeepNetwork(d, (d,) * n_layers, **options)
    with torch.no_grad():
        for module in deep.modules():
            if isinstance(module, nn.Linear):
                module.weight.copy_(torch.eye(d))
                module.bias.zero_()
    return deep


@pytest.mark.parametrize("sizes", [(3,), (6, 2), (4, 5, 1)])
@pytest.mark.parametrize(
    "activation",
    ["relu", "tanh", "hardtanh", "sigmoid", "silu", "gelu", "leaky_relu", "selu"],
)
def test_equals_oracle(activation, sizes):
    """Every layer, the last one too, is f(W h + b)."""
    deep = randomize(DeepNetwork(5, sizes, activation=activation))
    x = normal(4, 5)
    expected = oracle.batch(
        oracle.deep_network, x.numpy(), layers=linears(deep), activation=activation
    )
    assert (deep.d_in, deep.d_out) == (5, sizes[-1])
    assert [W.shape for W, _ in linears(deep)] == list(
        zip(sizes, (5, *sizes[:-1]), strict=True)
    )
    np.testing.assert_allclose(deep(x).detach().numpy(), expected, rtol=1e-10)


def test_default_activation_is_relu():
    """DCN, equation 4: the deep part uses ReLU."""
    deep = randomize(DeepNetwork(5, (3, 2)))
    expected = oracle.batch(
        oracle.deep_network, normal(4, 5).numpy(), layers=linears(deep)
    )
    np.testing.assert_allclose(deep(normal(4, 5)).detach().numpy(), expected)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_layer_normalization_comes_before_the_activation(activation):
    """Linear, then layer normalisation with its gain and shift, then activation."""
    deep = DeepNetwork(5, (6, 3), activation=activation, normalization="layer")
    deep = randomize(deep)
    norms = [
        {"gain": m.weight.tolist(), "shift": m.bias.tolist(), "eps": m.eps}
        for m in deep.modules()
        if isinstance(m, nn.LayerNorm)
    ]
    x = normal(4, 5)
    expected = oracle.batch(
        oracle.deep_network,
        x.numpy(),
        layers=linears(deep),
        activation=activation,
        norms=norms,
    )
    np.testing.assert_allclose(deep(x).detach().numpy(), expected, rtol=1e-9)


def test_batch_normalization_uses_the_batch_and_then_what_it_remembers():
    """Train mode standardises by the batch before ReLU; eval by running moments."""
    deep = DeepNetwork(5, (6,), normalization="batch").double()
    [norm] = [m for m in deep.modules() if isinstance(m, nn.BatchNorm1d)]
    x = normal(50, 5)
    [(W, b)] = linears(deep)
    z = x.numpy() @ W.T + b
    mean, variance = z.mean(axis=0), z.var(axis=0)

    def relu_of_standardised(mean, variance):
        return np.maximum((z - mean) / np.sqrt(variance + norm.eps), 0.0)

    out = deep(x).detach().numpy()
    np.testing.assert_allclose(out, relu_of_standardised(mean, variance), atol=1e-10)
    deep.eval()
    m = norm.momentum  # moved from (0, 1) by one step
    running = m * mean, (1 - m) + m * variance * 50 / 49
    out = deep(x).detach().numpy()
    np.testing.assert_allclose(out, relu_of_standardised(*running), atol=1e-10)


@pytest.mark.parametrize("normalization", [None, "batch", "layer"])
def test_no_hidden_layers_is_the_identity(normalization):
    """An empty tower returns its input, also in training and with dropout."""
    deep = DeepNetwork(4, (), dropout=0.5, normalization=normalization)
    x = normal(3, 4).float()
    assert torch.equal(deep(x), x)
    assert (deep.d_in, deep.d_out) == (4, 4)
    assert list(deep.parameters()) == []


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_dropout_rate_and_scale(p):
    """A share p of the activations is zero, the others are divided by 1 - p."""
    d, n = 50, 400
    deep = passing(d, 1, dropout=p)
    x = torch.rand(n, d, generator=seeded(1)) + 1.0
    ratio = deep(x, generator=seeded(2)) / x
    dropped = ratio == 0
    torch.testing.assert_close(
        ratio[~dropped], torch.full_like(ratio[~dropped], 1 / (1 - p))
    )
    rate, sd = dropped.double().mean().item(), (p * (1 - p) / (n * d)) ** 0.5
    assert abs(rate - p) < 5 * sd
    by_unit = dropped.double().mean(dim=0)  # no unit and no row is privileged
    assert (by_unit - p).abs().max() < 6 * (p * (1 - p) / n) ** 0.5


def test_dropout_comes_after_the_activation():
    """What survives is f(z) / (1 - p), not f(z / (1 - p))."""
    deep = randomize(DeepNetwork(5, (40,), activation="tanh", dropout=0.5))
    x = normal(6, 5)
    expected = deep.eval()(x)
    out = deep.train()(x, generator=seeded())
    kept = out != 0
    assert kept.any()
    torch.testing.assert_close(out[kept], 2 * expected[kept])


def test_dropout_masks_of_layers_are_independent():
    """Two layers with p = 1/2 let a quarter through, four times as large."""
    deep = passing(50, 2, dropout=0.5)
    x = torch.ones(400, 50)
    out = deep(x, generator=seeded())
    assert sorted(out.unique().tolist()) == [0.0, 4.0]
    assert (out > 0).double().mean().item() == pytest.approx(0.25, abs=0.02)


def test_dropout_is_drawn_from_the_generator():
    """Equal generators, equal masks; the generator moves on, torch's own does not."""
    deep = randomize(DeepNetwork(5, (20, 20), dropout=0.5))
    x = normal(6, 5)
    state = torch.random.get_rng_state()
    generator = seeded(3)
    first, second = deep(x, generator=generator), deep(x, generator=generator)
    assert torch.equal(deep(x, generator=seeded(3)), first)
    assert not torch.equal(first, second)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_dropout_without_a_generator_follows_the_global_seed():
    """Without a generator the masks come from torch's global state."""
    deep = randomize(DeepNetwork(5, (20,), dropout=0.5))
    x = normal(6, 5)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        first, second = deep(x), deep(x)
        torch.manual_seed(0)
        again = deep(x)
    assert torch.equal(first, again)
    assert not torch.equal(first, second)


def test_dropout_is_off_in_eval_mode():
    """Prediction is deterministic and does not draw from the generator."""
    deep = randomize(DeepNetwork(5, (20,), dropout=0.5))
    plain = DeepNetwork(5, (20,)).double()
    plain.load_state_dict(deep.state_dict())
    x, generator = normal(6, 5), seeded()
    state = generator.get_state()
    assert torch.equal(deep.eval()(x, generator=generator), plain(x))
    assert torch.equal(generator.get_state(), state)


@pytest.mark.parametrize("normalization", [None, "batch", "layer"])
def test_batch_of_one(normalization):
    """In eval mode a row alone gets what it gets in a batch."""
    deep = randomize(DeepNetwork(5, (6, 3), normalization=normalization)).eval()
    x = normal(4, 5)
    together = deep(x)
    for i in range(4):
        alone = deep(x[i : i + 1])
        assert alone.shape == (1, 3)
        torch.testing.assert_close(alone[0], together[i], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("normalization", [None, "batch", "layer"])
def test_gradcheck(normalization):
    """Gradients by input and parameters equal numeric ones, dropout included."""
    deep = randomize(
        DeepNetwork(
            3, (4, 2), activation="tanh", dropout=0.3, normalization=normalization
        )
    )
    names = [name for name, _ in deep.named_parameters()]

    def function(x, *parameters):
        parameters = dict(zip(names, parameters, strict=True))
        return functional_call(deep, parameters, (x, seeded(5)))

    parameters = [p.detach().clone() for p in deep.parameters()]
    arguments = [t.requires_grad_() for t in (normal(5, 3), *parameters)]
    assert torch.autograd.gradcheck(function, arguments)


@pytest.mark.parametrize(
    ("options", "name", "value", "error"),
    [
        ({"activation": "sin"}, "activation", "'sin'", ValueError),
        ({"normalization": "group"}, "normalization", "'group'", ValueError),
        ({"dropout": 1.0}, "dropout", "1.0", ValueError),
        ({"dropout": -0.1}, "dropout", "-0.1", ValueError),
        ({"dropout": "0.5"}, "dropout", "'0.5'", TypeError),
        ({"hidden_layer_sizes": (8, 0)}, "hidden_layer_sizes", "0", ValueError),
        ({"hidden_layer_sizes": (8.5,)}, "hidden_layer_sizes", "8.5", TypeError),
        ({"hidden_layer_sizes": None}, "hidden_layer_sizes", "None", TypeError),
        ({"d_in": 0}, "d_in", "0", ValueError),
        ({"d_in": "4"}, "d_in", "'4'", TypeError),
    ],
)
def test_bad_arguments(options, name, value, error):
    """A bad argument is refused with its name and its value."""
    with pytest.raises(error) as info:
        DeepNetwork(**{"d_in": 4} | options)
    assert re.search(rf"\b{name}\b", str(info.value))
    assert value in str(info.value)
