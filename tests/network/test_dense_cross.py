"""The "onlydense" layer: its equation, gradients, and where it starts."""

import pytest
import torch
from helpers import oracle
from helpers.networks import assert_equals, letters, normal, randomize, seeded, set_

from sklearn_dcn.network import CrossNetwork, OnlyDenseCross


def test_hand_worked():
    """W x_l + b = [23, -1], of which the ReLU leaves [23, 0]; times phi x_l."""
    layer = OnlyDenseCross(2, phi=2.0).double()
    layer = set_(layer, W=[[1.0, 4.0], [0.0, -1.0]], b=[0.0, 4.0])
    x_l = torch.tensor([[3.0, 5.0]], dtype=torch.float64)
    assert layer(torch.zeros_like(x_l), x_l).tolist() == [[2 * 23 * 3.0, 0.0]]


@pytest.mark.parametrize("phi", [1.0, 1.7, 3.0])
def test_layer_equals_oracle(phi):
    layer = randomize(OnlyDenseCross(5, phi=phi))
    x_0, x_l = normal(4, 5, seed=1), normal(4, 5, seed=2)
    expected = oracle.batch(
        oracle.only_dense_cross, x_0.numpy(), x_l.numpy(), **letters(layer), phi=phi
    )
    assert_equals(layer(x_0, x_l), expected)


def test_gradients():
    layer, x_l = randomize(OnlyDenseCross(4, phi=2.0)), normal(3, 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda x, *_: layer(x, x), (x_l, layer.W, layer.b))


@pytest.mark.parametrize("phi", [0.5, 3.1, float("nan")])
def test_phi_is_in_its_range(phi):
    with pytest.raises(ValueError, match=r"phi must be a number in \[1, 3\]"):
        OnlyDenseCross(4, phi=phi)


def scale_after(std, n_layers=4, phi=1.0, from_zero=False, d=64):
    """Return the scale of the output of fresh layers, relative to that of the input."""
    network = CrossNetwork(d, n_layers, "onlydense").double()
    network.layers = torch.nn.ModuleList(
        OnlyDenseCross(d, phi).double() for _ in range(n_layers)
    )
    for k, layer in enumerate(network.layers):
        layer.reset_parameters(seeded(k))
        if from_zero:
            torch.nn.init.zeros_(layer.b)
    x_0 = std * normal(500, d)
    return (network(x_0).square().mean().sqrt() / x_0.square().mean().sqrt()).item()


@pytest.mark.parametrize("phi", [1.0, 2.0, 3.0])
def test_it_starts_near_the_identity(phi):
    """Embeddings of 0.05 keep their scale, numbers of unit variance grow a little."""
    assert scale_after(0.05, phi=phi) == pytest.approx(1.0, abs=0.05)
    # E max(0, 1 + z / 2)^2 = 1.25 Phi(2) + phi(2) / 2 = 1.247 for a standard normal z
    assert scale_after(1.0, n_layers=1, phi=phi) == pytest.approx(1.117, abs=0.03)
    assert 1.0 < scale_after(1.0, n_layers=4, phi=phi) < 4.0


def test_without_that_start_signals_vanish_and_explode():
    """From b = 0 a layer squares: 0.05 is lost in three of them, 8 blows up."""
    assert scale_after(0.05, n_layers=3, from_zero=True) < 1e-5
    assert scale_after(8.0, n_layers=3, from_zero=True) > 100


def test_degree_doubles():
    """Along a ray on which no ReLU turns, two layers are a polynomial of degree 4."""
    layers = [set_(OnlyDenseCross(3).double(), b=[9.0] * 3) for _ in range(2)]
    x = 0.01 * normal(1, 3)
    values = []
    for t in range(6):
        x_l = t * x
        for layer in layers:
            x_l = layer(x_l, x_l)
        values.append(x_l)
    differences = torch.cat(values).diff(n=5, dim=0)
    torch.testing.assert_close(differences, 0 * differences, rtol=0, atol=1e-9)
