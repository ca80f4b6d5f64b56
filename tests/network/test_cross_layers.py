"""The cross layers against the papers' equations.

The oracle settles, among others, three mistakes seen in other implementations: the
place of the bias (outside the product in DCN, inside in DCN-V2) and a layer input
that is overwritten before the residual is added.
"""

import math
import re

import numpy as np
import pytest
import torch
from helpers import oracle
from helpers.networks import (
    GATES,
    assert_equals,
    letters,
    normal,
    randomize,
    seeded,
    set_,
)
from torch.func import functional_call

from sklearn_dcn.network import (
    CrossNetwork,
    GatedCross,
    LowRankCross,
    MatrixCross,
    MixtureCross,
    OnlyDenseCross,
    VectorCross,
)

ACTIVATIONS = (None, "tanh", "relu", "hardtanh")
LAYERS = {
    "vector": VectorCross,
    "matrix": MatrixCross,
    "low_rank": lambda d: LowRankCross(d, rank=2),
    "mixture": lambda d: MixtureCross(d, rank=2, n_experts=3),
    "mixture-sigmoid": lambda d: MixtureCross(d, rank=2, n_experts=2, gate="sigmoid"),
    "mixture-constant": lambda d: MixtureCross(d, rank=2, n_experts=2, gate="constant"),
    "mixture-tanh": lambda d: MixtureCross(d, rank=2, n_experts=2, activation="tanh"),
    "gated": GatedCross,
    "onlydense": OnlyDenseCross,
}


# ----------------------------------------------------------------------------------
# Hand-worked numbers
# ----------------------------------------------------------------------------------


def test_vector_hand_worked():
    """x_l . w = 3*1 + 5*10 = 53, times x_0, plus b (outside) and x_l."""
    layer = set_(VectorCross(2).double(), w=[1.0, 10.0], b=[0.5, -0.5])
    x_0 = torch.tensor([[2.0, -1.0]], dtype=torch.float64)
    x_l = torch.tensor([[3.0, 5.0]], dtype=torch.float64)
    assert layer(x_0, x_l).tolist() == [[2 * 53 + 0.5 + 3, -53 - 0.5 + 5]]


def test_matrix_hand_worked():
    """W x_l = [3 + 50, 300 + 5000]; the bias is inside: x_0 multiplies it."""
    W = [[1.0, 10.0], [100.0, 1000.0]]
    layer = set_(MatrixCross(2).double(), W=W, b=[0.5, -0.5])
    x_0 = torch.tensor([[2.0, -1.0]], dtype=torch.float64)
    x_l = torch.tensor([[3.0, 5.0]], dtype=torch.float64)
    expected = [[2 * (53 + 0.5) + 3, -(5300 - 0.5) + 5]]
    assert layer(x_0, x_l).tolist() == expected


@pytest.mark.parametrize("kind", ["matrix", "low_rank", "mixture", "gated"])
def test_row_index_is_the_output(kind):
    """A weight from input 2 to output 0 crosses x_0[0] with x_l[2] and nothing else."""
    U, V = torch.zeros(3, 1), torch.zeros(3, 1)
    U[0, 0], V[2, 0] = 1.0, 1.0
    layer = {
        "matrix": lambda: set_(MatrixCross(3), W=U @ V.T),
        "low_rank": lambda: set_(LowRankCross(3, rank=1), U=U, V=V),
        "mixture": lambda: set_(
            MixtureCross(3, rank=1, n_experts=1, gate="constant"), U=U[None], V=V[None]
        ),
        "gated": lambda: set_(GatedCross(3), W=U @ V.T, W_g=torch.zeros(3, 3)),
    }[kind]()
    set_(layer, b=torch.zeros(3))
    x_0, x_l = torch.tensor([[2.0, 3.0, 5.0]]), torch.tensor([[7.0, 11.0, 13.0]])
    gate = 0.5 if kind == "gated" else 1.0
    assert (layer(x_0, x_l) - x_l).tolist() == [[gate * 2 * 13, 0.0, 0.0]]


# ----------------------------------------------------------------------------------
# Equality with the oracle
# ----------------------------------------------------------------------------------


@pytest.mark.parametrize("n_rows", [1, 4])
@pytest.mark.parametrize("d", [1, 2, 5, 9])
@pytest.mark.parametrize("kind", ["vector", "matrix", "gated", "onlydense"])
def test_layer_equals_oracle(kind, d, n_rows):
    """One layer with random weights and biases is its paper's equation."""
    layer = randomize(LAYERS[kind](d))
    x_0, x_l = normal(n_rows, d, seed=1), normal(n_rows, d, seed=2)
    expected = oracle.batch(
        oracle.CROSS_LAYERS[kind], x_0.numpy(), x_l.numpy(), **letters(layer)
    )
    assert_equals(layer(x_0, x_l), expected)


@pytest.mark.parametrize("n_rows", [1, 4])
@pytest.mark.parametrize(("d", "rank"), [(1, 1), (5, 2), (6, 6), (9, 3)])
def test_low_rank_equals_oracle(d, rank, n_rows):
    """A low-rank layer is equation 2 of DCN-V2."""
    layer = randomize(LowRankCross(d, rank=rank))
    assert {k: v.shape for k, v in letters(layer).items()} == {
        "U": (d, rank),
        "V": (d, rank),
        "b": (d,),
    }
    x_0, x_l = normal(n_rows, d, seed=1), normal(n_rows, d, seed=2)
    expected = oracle.batch(
        oracle.low_rank_cross, x_0.numpy(), x_l.numpy(), **letters(layer)
    )
    assert_equals(layer(x_0, x_l), expected)


@pytest.mark.parametrize(("d", "rank", "n_experts"), [(4, 2, 1), (5, 3, 2), (7, 1, 4)])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("gate", GATES)
def test_mixture_equals_oracle(gate, activation, d, rank, n_experts):
    """A mixture layer is equations 3 and 4 of DCN-V2, with the papers' letters."""
    layer = randomize(
        MixtureCross(
            d, rank=rank, n_experts=n_experts, gate=gate, activation=activation
        )
    )
    shapes = {"U": (n_experts, d, rank), "V": (n_experts, d, rank), "b": (d,)}
    if activation is not None:
        shapes["C"] = (n_experts, rank, rank)
    if gate != "constant":
        shapes["G"] = (n_experts, d)
    assert {k: v.shape for k, v in letters(layer).items()} == shapes
    x_0, x_l = normal(3, d, seed=1), normal(3, d, seed=2)
    expected = oracle.batch(
        oracle.mixture_cross,
        x_0.numpy(),
        x_l.numpy(),
        gate=gate,
        activation=activation,
        **letters(layer),
    )
    assert_equals(layer(x_0, x_l), expected)


@pytest.mark.parametrize("kind", LAYERS)
def test_inputs_are_not_overwritten(kind):
    """A forward pass leaves x_0 and x_l as they were."""
    layer = randomize(LAYERS[kind](5))
    x_0, x_l = normal(3, 5, seed=1), normal(3, 5, seed=2)
    before = x_0.clone(), x_l.clone()
    layer(x_0, x_l)
    assert torch.equal(x_0, before[0])
    assert torch.equal(x_l, before[1])


# ----------------------------------------------------------------------------------
# Gradients
# ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", LAYERS)
def test_gradcheck(kind):
    """Gradients by both inputs and all parameters equal numeric ones."""
    layer = randomize(LAYERS[kind](4))
    names = [name for name, _ in layer.named_parameters()]

    def function(x_0, x_l, *parameters):
        parameters = dict(zip(names, parameters, strict=True))
        return functional_call(layer, parameters, (x_0, x_l))

    inputs = normal(2, 4, seed=1), normal(2, 4, seed=2)
    parameters = [p.detach().clone() for p in layer.parameters()]
    arguments = [t.requires_grad_() for t in (*inputs, *parameters)]
    assert torch.autograd.gradcheck(function, arguments)


# ----------------------------------------------------------------------------------
# Identities between the parameterisations
# ----------------------------------------------------------------------------------


def test_matrix_of_equal_rows_is_vector():
    """DCN-V2, section 3.1: with W = 1 w^T (and b = 0) a matrix layer is DCN's."""
    d = 6
    vector, matrix = randomize(VectorCross(d)), MatrixCross(d).double()
    set_(vector, b=torch.zeros(d))
    set_(matrix, W=vector.w.detach().expand(d, d), b=torch.zeros(d))
    x_0, x_l = normal(5, d, seed=1), normal(5, d, seed=2)
    torch.testing.assert_close(matrix(x_0, x_l), vector(x_0, x_l))


def test_bias_places_differ():
    """With no weights, DCN adds b and DCN-V2 adds x_0 * b."""
    d = 3
    b = torch.tensor([1.0, -2.0, 0.5])
    vector = set_(VectorCross(d), w=torch.zeros(d), b=b)
    matrix = set_(MatrixCross(d), W=torch.zeros(d, d), b=b)
    x_0, x_l = normal(4, d, seed=1).float(), normal(4, d, seed=2).float()
    torch.testing.assert_close(vector(x_0, x_l), b + x_l)
    torch.testing.assert_close(matrix(x_0, x_l), x_0 * b + x_l)


def test_full_rank_expresses_matrix():
    """Rank d with U = W and V = I is the matrix layer."""
    d = 5
    matrix, low_rank = randomize(MatrixCross(d)), LowRankCross(d, rank=d).double()
    set_(low_rank, U=matrix.W.detach(), V=torch.eye(d), b=matrix.b.detach())
    x_0, x_l = normal(4, d, seed=1), normal(4, d, seed=2)
    torch.testing.assert_close(low_rank(x_0, x_l), matrix(x_0, x_l))


def test_one_constant_expert_is_low_rank():
    """DCN-V2, section 3.2: K = 1 and G = 1 give equation 2 back."""
    d, rank = 6, 2
    low_rank = randomize(LowRankCross(d, rank=rank))
    mixture = MixtureCross(d, rank=rank, n_experts=1, gate="constant").double()
    U, V, b = (p.detach() for p in (low_rank.U, low_rank.V, low_rank.b))
    set_(mixture, U=U[None], V=V[None], b=b)
    x_0, x_l = normal(4, d, seed=1), normal(4, d, seed=2)
    torch.testing.assert_close(mixture(x_0, x_l), low_rank(x_0, x_l))


def test_equal_experts_under_softmax_are_low_rank():
    """Softmax gates add up to one: equal experts are one expert, bias counted once."""
    d, rank, K = 6, 2, 3
    low_rank = randomize(LowRankCross(d, rank=rank))
    mixture = randomize(MixtureCross(d, rank=rank, n_experts=K), seed=3)
    U, V, b = (p.detach() for p in (low_rank.U, low_rank.V, low_rank.b))
    set_(mixture, U=U.expand(K, d, rank), V=V.expand(K, d, rank), b=b)
    x_0, x_l = normal(4, d, seed=1), normal(4, d, seed=2)
    torch.testing.assert_close(mixture(x_0, x_l), low_rank(x_0, x_l))


def test_constant_experts_are_one_of_their_total_rank():
    """K ungated experts of rank r are one of rank K r; each of them adds the bias."""
    d, rank, K = 6, 2, 3
    mixture = MixtureCross(d, rank=rank, n_experts=K, gate="constant")
    randomize(mixture)
    low_rank = LowRankCross(d, rank=K * rank).double()
    U, V = (torch.cat(list(p.detach()), dim=1) for p in (mixture.U, mixture.V))
    set_(low_rank, U=U, V=V, b=K * mixture.b.detach())
    x_0, x_l = normal(4, d, seed=1), normal(4, d, seed=2)
    torch.testing.assert_close(mixture(x_0, x_l), low_rank(x_0, x_l))


@pytest.mark.parametrize(("logit", "share"), [(1e3, 1.0), (-1e3, 0.0), (0.0, 0.5)])
def test_gated_between_matrix_and_identity(logit, share):
    """GDCN: an open gate gives DCN-V2, a closed one x_l, a neutral one the half."""
    d = 5
    matrix, gated = randomize(MatrixCross(d)), GatedCross(d).double()
    W_g = torch.full((d, d), logit)
    set_(gated, W=matrix.W.detach(), b=matrix.b.detach(), W_g=W_g)
    x_0, x_l = normal(4, d, seed=1), normal(4, d, seed=2).abs() + 0.1  # W_g x_l > 0
    crossed = matrix(x_0, x_l) - x_l
    torch.testing.assert_close(gated(x_0, x_l), share * crossed + x_l)


def test_softmax_gate_is_shift_invariant_and_reads_x_l():
    """Gates depend on x_l, not x_0, and softmax ignores what all experts share."""
    d = 4
    mixture = randomize(MixtureCross(d, rank=1, n_experts=3))
    x_0, x_l = normal(5, d, seed=1), normal(5, d, seed=2)
    out = mixture(x_0, x_l)
    # The crossed part is linear in x_0 once x_l, and with it the gate, is fixed.
    torch.testing.assert_close(mixture(2 * x_0, x_l) - x_l, 2 * (out - x_l))
    set_(mixture, G=mixture.G.detach() + normal(d, seed=5))
    torch.testing.assert_close(mixture(x_0, x_l), out)


# ----------------------------------------------------------------------------------
# Batches of one, parameters of their own, options
# ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", LAYERS)
def test_batch_of_one(kind):
    """A single row keeps its batch axis and its value in any batch."""
    layer = randomize(LAYERS[kind](5))
    x_0, x_l = normal(4, 5, seed=1), normal(4, 5, seed=2)
    together = layer(x_0, x_l)
    for i in range(4):
        alone = layer(x_0[i : i + 1], x_l[i : i + 1])
        assert alone.shape == (1, 5)
        torch.testing.assert_close(alone[0], together[i], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("d", "rank"), [(1, 1), (4, 1), (11, 2), (64, 16), (66, 16)])
def test_auto_rank(d, rank):
    """DCN-V2, section 7: a rank of d / 4 preserves the accuracy."""
    layer = LowRankCross(d)
    assert layer.rank == rank
    assert layer.U.shape == layer.V.shape == (d, rank)


@pytest.mark.parametrize(
    ("d", "n_experts", "rank"), [(64, 4, 4), (64, 1, 16), (70, 4, 4), (4, 4, 1)]
)
def test_auto_rank_of_a_mixture_is_shared(d, n_experts, rank):
    """The experts divide d / 4 among themselves, with at least one each."""
    layer = MixtureCross(d, n_experts=n_experts)
    assert layer.rank == rank
    assert layer.U.shape == layer.V.shape == (n_experts, d, rank)


@pytest.mark.parametrize(
    ("make", "name", "value", "error"),
    [
        (lambda: CrossNetwork(4, -1), "n_layers", "-1", ValueError),
        (lambda: CrossNetwork(4, "2"), "n_layers", "'2'", TypeError),
        (lambda: CrossNetwork(4, 1.5), "n_layers", "1.5", TypeError),
        (lambda: CrossNetwork(0, 1), "d", "0", ValueError),
        (lambda: CrossNetwork(4, 1, "tensor"), "kind", "'tensor'", ValueError),
        (lambda: VectorCross(0), "d", "0", ValueError),
        (lambda: MatrixCross(-3), "d", "-3", ValueError),
        (lambda: GatedCross(2.5), "d", "2.5", TypeError),
        (lambda: LowRankCross(4, rank=0), "rank", "0", ValueError),
        (lambda: LowRankCross(4, rank="full"), "rank", "'full'", ValueError),
        (lambda: LowRankCross(4, rank=1.5), "rank", "1.5", TypeError),
        (lambda: MixtureCross(4, n_experts=0), "n_experts", "0", ValueError),
        (lambda: MixtureCross(4, n_experts=2.0), "n_experts", "2.0", TypeError),
        (lambda: MixtureCross(4, gate="hard"), "gate", "'hard'", ValueError),
        (lambda: MixtureCross(4, activation="sin"), "activation", "'sin'", ValueError),
        (
            lambda: CrossNetwork(4, 1, "mixture", gate="hard"),
            "gate",
            "'hard'",
            ValueError,
        ),
    ],
)
def test_bad_arguments(make, name, value, error):
    """A bad argument is refused with its name and its value."""
    with pytest.raises(error) as info:
        make()
    assert re.search(rf"\b{name}\b", str(info.value))
    assert value in str(info.value)


# ----------------------------------------------------------------------------------
# Initialisation
# ----------------------------------------------------------------------------------


def assert_xavier(weight, fan_in, fan_out, rtol):
    """Check mean, standard deviation and normality of Xavier normal entries."""
    std = math.sqrt(2.0 / (fan_in + fan_out))
    w = weight.detach().flatten() / std
    assert w.std().item() == pytest.approx(1.0, rel=rtol)
    assert abs(w.mean().item()) < 5 / math.sqrt(w.numel())
    # 4.6 % of a normal, but none of a uniform variable lies beyond 2 deviations.
    assert (w.abs() > 2).double().mean().item() == pytest.approx(0.0455, abs=0.02)


@pytest.mark.parametrize("activation", [None, "tanh"])
def test_experts_are_initialised_each_on_its_own(activation):
    """Xavier takes the fans of one expert's matrix, not of the (K, d, r) stack."""
    d, rank, K = 1000, 32, 4
    layer = MixtureCross(d, rank=rank, n_experts=K, activation=activation)
    layer.reset_parameters(seeded())
    for k in range(K):
        assert_xavier(layer.U[k], d, rank, rtol=0.03)  # std 0.0440
        assert_xavier(layer.V[k], d, rank, rtol=0.03)
        if activation is not None:
            assert_xavier(layer.C[k], rank, rank, rtol=0.10)  # std 0.177
    assert_xavier(layer.G, d, K, rtol=0.06)
    assert not torch.equal(layer.U[0], layer.U[1])
    assert not layer.b.any()


@pytest.mark.parametrize("kind", ["vector", "matrix", "low_rank", "gated"])
def test_initialisation(kind):
    """Weights are Xavier normal with the fans of their own shape, biases zero."""
    d, rank = 400, 50
    layer = {"low_rank": lambda: LowRankCross(d, rank=rank)}.get(
        kind, lambda: LAYERS[kind](d)
    )()
    layer.reset_parameters(seeded())
    if kind == "vector":
        assert_xavier(layer.w, d, d, rtol=0.12)
    elif kind == "low_rank":
        assert_xavier(layer.U, d, rank, rtol=0.03)
        assert_xavier(layer.V, d, rank, rtol=0.03)
    else:
        assert_xavier(layer.W, d, d, rtol=0.02)
    if kind == "gated":
        assert_xavier(layer.W_g, d, d, rtol=0.02)
    assert not layer.b.any()


@pytest.mark.parametrize("gate", GATES)
def test_mixture_starts_as_strong_as_low_rank(gate):
    """A fresh mixture moves x_0 about as much as a low-rank network of its rank."""
    d, rank = 1000, 32
    x_0 = torch.randn(64, d, generator=seeded(1))

    def change(kind):
        network = CrossNetwork(d, 2, kind, rank=rank, n_experts=4, gate=gate)
        for i, layer in enumerate(network.layers):
            layer.reset_parameters(seeded(i))
        return ((network(x_0) - x_0).norm() / x_0.norm()).item()

    assert 0.25 < change("mixture") / change("low_rank") < 4


# With b = 0 and unit-variance input, W x_l has the variance of x_l, so a layer at most
# doubles the variance (the vector kind is W = 1 w', |w| = 1): 8 in three layers, a
# ratio of 2.8. RecBole's unit-variance weights grow with d instead.
GROWTH = 4.0


@pytest.mark.parametrize("d", [32, 256])
@pytest.mark.parametrize("kind", LAYERS)
def test_initial_scale(kind, d):
    """Three fresh layers neither shrink unit-variance input nor blow it up."""
    generator = seeded(5)
    layers = [LAYERS[kind](d) for _ in range(3)]
    variances = []
    for _ in range(20):
        x_0 = x_l = torch.randn(500, d, generator=generator)
        for layer in layers:
            layer.reset_parameters(generator)
            x_l = layer(x_0, x_l)
        variances.append(x_l.var().item())
    assert 0.99 < math.sqrt(np.mean(variances)) < GROWTH


@pytest.mark.parametrize("kind", LAYERS)
def test_reset_parameters(kind):
    """A generator makes the draw reproducible and leaves the global state alone."""
    layer = LAYERS[kind](6)
    set_(layer, b=torch.ones(6))
    state = torch.random.get_rng_state()
    layer.reset_parameters(seeded(3))
    first = letters(layer)
    first = {name: value.copy() for name, value in first.items()}
    layer.reset_parameters(seeded(4))
    other = {name: value.copy() for name, value in letters(layer).items()}
    layer.reset_parameters(seeded(3))
    assert torch.equal(torch.random.get_rng_state(), state)
    for name, value in letters(layer).items():
        assert np.array_equal(value, first[name]), name
        assert name == "b" or not np.array_equal(value, other[name]), name
    assert (layer.b == (1.0 if kind == "onlydense" else 0.0)).all()


def test_reset_parameters_without_a_generator():
    """Without a generator the draw comes from torch's global state, and redraws."""
    layer = MatrixCross(4)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layer.reset_parameters()
        first = layer.W.detach().clone()
        layer.reset_parameters()
        second = layer.W.detach().clone()
        torch.manual_seed(0)
        layer.reset_parameters()
    assert torch.equal(layer.W, first)
    assert not torch.equal(first, second)
