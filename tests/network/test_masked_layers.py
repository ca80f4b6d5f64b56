"""FCN's layers: against their equation, their published sizes, and how they start."""

import numpy as np
import pytest
import torch
from helpers import oracle
from helpers.networks import assert_equals, letters, normal, randomize, seeded, set_

from sklearn_dcn.network import (
    CrossNetwork,
    DeepCrossEnsemble,
    DeepCrossNetwork,
    ExponentialCross,
    LinearCross,
)

LAYERS = {"linear": LinearCross, "exponential": ExponentialCross}
OF_ALL = pytest.mark.parametrize("kind", LAYERS)


# The equation -------------------------------------------------------------------------


def test_hand_worked():
    """C = W x_l = (4, 2), of mean 3 and variance 1: LN(c) = (1, -1), so Mask = (4, 0).

    The factor is [4, 4, 2, 0] + b, of which b is 1 in the last entry.
    """
    W = [[1.0, 0, 0, 1], [0, 1, 0, 0]]
    x_0 = torch.tensor([[1.0, 2.0, 3.0, 5.0]], dtype=torch.float64)
    x_l = torch.tensor([[1.0, 2.0, 4.0, 3.0]], dtype=torch.float64)
    expected = {
        "linear": [[1 * 4 + 1, 2 * 4 + 2, 3 * 2 + 4, 5 * 1 + 3]],
        "exponential": [[1 * 4 + 1, 2 * 4 + 2, 4 * 2 + 4, 3 * 1 + 3]],
    }
    for kind, Layer in LAYERS.items():
        layer = set_(Layer(4).double(), W=W, b=[0.0, 0, 0, 1])
        # The layer normalisation has 1e-5 beside the variance.
        torch.testing.assert_close(
            layer(x_0, x_l),
            torch.tensor(expected[kind], dtype=torch.float64),
            rtol=1e-5,
            atol=0,
        )


@OF_ALL
@pytest.mark.parametrize("n_rows", [1, 4])
@pytest.mark.parametrize("d", [1, 2, 3, 6, 9])
def test_layer_equals_oracle(kind, d, n_rows):
    """Of an odd d c is of (d + 1) / 2, and the mask of its last entry left out."""
    layer = randomize(LAYERS[kind](d))
    assert {k: v.shape for k, v in letters(layer).items()} == {
        **{"W": ((d + 1) // 2, d), "b": (d,)},
        **dict.fromkeys(("scale", "shift"), ((d + 1) // 2,)),
    }
    x_0, x_l = normal(n_rows, d, seed=1), normal(n_rows, d, seed=2)
    expected = oracle.batch(
        oracle.CROSS_LAYERS[kind], x_0.numpy(), x_l.numpy(), **letters(layer)
    )
    assert_equals(layer(x_0, x_l), expected)


@OF_ALL
@pytest.mark.parametrize("d", [2, 5])
def test_gradients_are_those_of_differences(kind, d):
    layer = randomize(LAYERS[kind](d))
    names = [name for name, _ in layer.named_parameters()]

    def function(x_0, x_l, *values):
        weights = dict(zip(names, values, strict=True))
        return torch.func.functional_call(layer, weights, (x_0, x_l))

    given = (normal(3, d, seed=1), normal(3, d, seed=2), *layer.parameters())
    given = [t.detach().clone().requires_grad_() for t in given]
    assert torch.autograd.gradcheck(function, given)


@OF_ALL
def test_degrees_grow_by_one_or_double(kind):
    """Without masks L layers are a polynomial of degree L + 1, or 2^L, in a scale of x.

    With c positive and LN(c) at a shift of 1 alone the mask is 1, so W is all there is.
    """
    network = randomize(CrossNetwork(4, 3, kind))
    for layer in network.layers:
        set_(layer, scale=torch.zeros(2), shift=torch.ones(2))
    degree = {"linear": 4, "exponential": 8}[kind]
    t = torch.linspace(-1, 1, degree + 3, dtype=torch.float64)[:, None]
    x = network(t * normal(1, 4)).detach().numpy()
    for column in x.T:
        for of, fits in ((degree, True), (degree - 1, False)):
            found = np.polynomial.Polynomial.fit(t[:, 0].numpy(), column, of)
            assert np.allclose(found(t[:, 0].numpy()), column, atol=1e-9) == fits


@OF_ALL
def test_order_is_the_authors_up_to_that_of_a_fields_entries(kind):
    """Their x has all fields' first halves before the second ones, and [c || Mask(c)].

    Fields of 4 and 2: theirs are 0 1 | 4 and 2 3 | 5, of which (0, 2), (1, 3), (4, 5)
    share an entry of c. Ours, with each field's halves by turns, is the same layer.
    """
    layer = randomize(LAYERS[kind](6))
    W, b, scale, shift = (letters(layer)[k] for k in ("W", "b", "scale", "shift"))
    theirs = [0, 1, 4, 2, 3, 5]  # where each of their entries is in a field-wise x
    ours = [0, 2, 1, 3, 4, 5]
    x_0, x_l = normal(2, 6, seed=1).numpy()
    back = np.argsort(ours)
    c = W[:, back] @ x_l  # W of the plain order, for one of ours
    normed = (c - c.mean()) / np.sqrt(c.var() + 1e-5) * scale + shift
    H = np.concatenate([c, c * np.maximum(0, normed)])
    factor = np.empty(6)
    factor[theirs] = H
    factor += b[back]
    expected = (x_0 if kind == "linear" else x_l) * factor + x_l
    given = (torch.from_numpy(x[ours][None]) for x in (x_0, x_l))
    assert_equals(layer(*given)[0], expected[ours])


# Sizes --------------------------------------------------------------------------------

# Ids of the columns of Criteo_x4, with levels seen less than ten times as one: from the
# authors' logs, github.com/salmon1802/FCN, as all numbers of parameters here. They are
# first-hand.
CRITEO = [
    *(1446, 39530, 5131, 156656, 3176, 28, 11043, 148913, 12, 4560, 2003, 554, 5),
    *(154564, 18, 17, 53031, 82, 40955, 157339, 117822, 306, 18, 11882, 630, 5),
    *(44, 6, 27, 37, 72, 99, 122, 41, 220, 112, 80, 69, 92),
]


def count(cardinalities, **options):
    """Count the parameters of a network, without making them."""
    with torch.device("meta"):
        network = DeepCrossNetwork(0, cardinalities, embedding_dim=16, **options)
    return sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize(
    ("n_layers", "published"), [((3, 4), 15_944_754), ((4, 5), 16_336_626)]
)
def test_fused_has_the_published_size_on_criteo(n_layers, published):
    """FCN's two heads have a bias each, here there is one."""
    options = {"structure": "fused", "cross": "exponential"}
    assert count(CRITEO, n_cross_layers=n_layers, **options) == published - 1


def test_exponential_has_the_published_sizes_on_criteo():
    """ECN alone with one to six layers, to the digit."""
    published = [14_768_513 + 195_936 * n for n in range(6)]
    assert published[-1] == 15_748_193
    options = {"structure": "cross", "cross": "exponential"}
    found = [count(CRITEO, n_cross_layers=n, **options) for n in range(1, 7)]
    assert found == published


def test_dcn_v2_has_the_published_size_on_criteo():
    """BARS, DCNv2_criteo_x4_001_005_c2376d55, of the same ids: 20,382,577."""
    sizes = {"hidden_layer_sizes": (1000,) * 5, "normalization": "batch"}
    assert count(CRITEO, n_cross_layers=3, **sizes) == 20_382_577


def test_crosses_have_the_published_sizes_on_criteo_x1():
    """BARS, CrossNet (12 layers) and CrossNetv2 (5): 753,090 lie between the two.

    Their ids are not in the logs, but are the same; fields are 39 of width 10.
    """
    found = [
        sum(p.numel() for p in CrossNetwork(390, n, kind).parameters())
        for n, kind in ((12, "vector"), (5, "matrix"))
    ]
    assert found[1] - found[0] == 21_626_001 - 20_872_911


def test_a_layer_has_the_logged_size():
    """The logs' difference of a layer: 195,936 on Criteo, and 22,050 on KDD12.

    KDD12's, of 208 numbers, also has the 2 of a batch normalisation.
    """
    for d, logged in ((39 * 16, 195_936), (13 * 16, 22_050 - 2)):
        for Layer in LAYERS.values():
            found = sum(p.numel() for p in Layer(d).parameters())
            assert found == d * d // 2 + 2 * d == logged


# How they start -----------------------------------------------------------------------


def forward_and_gradient(kind, d, n_layers, gain=None):
    """Return the scale of x_L, and of the gradient of its projection by x_0."""
    network = CrossNetwork(d, n_layers, kind)
    network.reset_parameters(seeded(0))
    if gain is not None:
        with torch.no_grad():
            for layer in network.layers:
                layer.W.normal_(std=gain / d**0.5, generator=seeded(1))
    x_0 = torch.randn(256, d, generator=seeded(2), requires_grad=True)
    x_L = network(x_0)
    w = torch.randn(d, generator=seeded(3)) / d**0.5
    (gradient,) = torch.autograd.grad((x_L @ w).sum(), x_0)
    return float(x_L.detach().std()), float(gradient.square().sum(-1).mean().sqrt())


@pytest.mark.parametrize("d", [16, 200, 1000])
def test_plain_xavier_explodes(d):
    """Entries of variance 1 become 1e12 and more, or NaN, in six layers."""
    x, gradient = forward_and_gradient("exponential", d, 6, gain=2 / 3**0.5)
    assert not x < 1e12 and not gradient < 1e12


def test_plain_xavier_explodes_in_the_papers_equation():
    """The oracle, plain NumPy, says so too."""
    d, rng = 64, np.random.default_rng(0)
    layers = [
        {
            "W": rng.normal(scale=2 / (3 * d) ** 0.5, size=(d // 2, d)),
            **{"b": np.zeros(d), "scale": np.ones(d // 2), "shift": np.zeros(d // 2)},
        }
        for _ in range(6)
    ]
    x_0 = rng.normal(size=(20, d))
    x_L = oracle.batch(oracle.cross_network, x_0, kind="exponential", layers=layers)
    assert x_L.std() > 1e12


@pytest.mark.parametrize("d", [16, 200, 1000])
@pytest.mark.parametrize("n_layers", range(1, 9))
def test_fresh_layers_keep_the_scale(n_layers, d):
    """At most a twelfth more a layer of the exponential, a third of the linear."""
    x, gradient = forward_and_gradient("exponential", d, n_layers)
    assert 0.9 < x < 1.08**n_layers
    assert 0.5 < gradient < 2 * 1.08**n_layers
    x, gradient = forward_and_gradient("linear", d, n_layers)
    assert 0.9 < x < 1.35**n_layers
    assert 0.5 < gradient < 2 * 1.35**n_layers


def test_growth_is_as_derived():
    """The mean square grows by 1 + s / 2 + 5 s^2 / 4, s the deviation of c."""
    d = 2000
    layer = ExponentialCross(d)
    for gain in (0.1, 0.5):
        with torch.no_grad():
            layer.W.normal_(std=gain / d**0.5, generator=seeded(0))
        x = torch.randn(500, d, generator=seeded(1))
        grown = layer(x, x).detach().square().mean() / x.square().mean()
        assert float(grown) == pytest.approx(1 + gain / 2 + 1.25 * gain**2, rel=0.02)


# Towers -------------------------------------------------------------------------------


def make(structure, n_members=3, **more):
    """Return an ensemble in float64, with random biases, and a batch."""
    options = {"n_num": 3, "cardinalities": [5, 7], "embedding_dim": 2, "d_out": 2}
    options |= {"structure": structure, "hidden_layer_sizes": (6, 4)} | more
    ensemble = randomize(DeepCrossEnsemble(n_members, **options), scale=0.3)
    x_cat = torch.randint(0, 5, (9, 2), generator=seeded(4))
    return ensemble, {"x_num": normal(9, 3), "x_cat": x_cat}


TOWERS = {
    "fused": {"cross": "exponential", "n_cross_layers": (1, 2)},
    "parallel": {"cross": "linear"},
}


@pytest.mark.parametrize("structure", TOWERS)
def test_towers_have_logits_of_their_own(structure):
    """z_t = 2 W_t x_t + b, of which z is the mean."""
    ensemble, batch = make(structure, **TOWERS[structure])
    towers = ensemble(**batch, by_tower=True)
    assert towers.shape == (2, 9, 3, 2)
    torch.testing.assert_close(towers.mean(0), ensemble(**batch))
    for k, member in enumerate(ensemble.members):
        x_0 = member.stack(**batch)
        second = member.deep or member.linear_cross
        parts = [member.cross(x_0), second(x_0)]
        W, d = member.head.weight, member.d_stack
        expected = [
            2 * x_t @ W_t.T + member.head.bias
            for x_t, W_t in zip(parts, (W[:, :d], W[:, d:]), strict=True)
        ]
        torch.testing.assert_close(towers[:, :, k], torch.stack(expected))
        torch.testing.assert_close(member(**batch, by_tower=True), towers[:, :, k])


@pytest.mark.parametrize("structure", TOWERS)
def test_towers_in_bfloat16(structure):
    """Cross layers of both towers are cast, the head is not."""
    ensemble, batch = make(structure, **TOWERS[structure])
    towers = ensemble(**batch, by_tower=True).detach()
    low = ensemble(**batch, by_tower=True, dtype=torch.bfloat16).detach()
    assert low.dtype == torch.float64
    assert 0 < (low - towers).abs().max() < 0.05 * towers.abs().max()
    with ensemble.batched.lent(False, torch.bfloat16) as network:
        crosses = [*network.crosses]
        assert len(crosses) == (2 if structure == "fused" else 1)
        for cross in crosses:
            assert all(layer.W.dtype == torch.bfloat16 for layer in cross.layers)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"cross": "matrix"}, ValueError, "cross must be 'exponential'; got 'matrix'"),
        ({"n_cross_layers": 0}, ValueError, "at least 1 or a pair of such; got 0"),
        ({"n_cross_layers": (2, 0)}, ValueError, "at least 1 or a pair of such; got 0"),
        ({"n_cross_layers": (1, 2, 3)}, TypeError, "n_cross_layers must be an integer"),
    ],
)
def test_what_fused_cannot_have(options, error, message):
    options = {"structure": "fused", "cross": "exponential"} | options
    with pytest.raises(error, match=message):
        DeepCrossNetwork(2, [5], **options)


def test_a_pair_of_depths_is_of_fused_alone():
    with pytest.raises(ValueError, match=r"n_cross_layers=\(1, 2\) is for the two"):
        DeepCrossNetwork(2, [5], n_cross_layers=(1, 2))
