"""Tests of the embeddings of numbers against the formulas of Gorishniy et al. 2022."""

import math
import pickle
import re

import numpy as np
import pytest
import torch
from helpers.networks import normal, seeded
from torch import nn

from sklearn_dcn._training.module_weights import allocate
from sklearn_dcn._training.optimizers import parameter_groups
from sklearn_dcn.network.numeric import NUMERIC_EMBEDDINGS, NumericEmbedding

EDGES = [[-1.5, -0.5, 0.25, 2.0], [0.0, 1.0], [-1.0, 0.0, 0.1]]  # T = 3, 1, 2
N_BINS = [3, 1, 2]


def build(kind, n_num=3, dim=4, **options):
    """Return an embedding of `kind`; piecewise linear ones have EDGES."""
    if kind == "piecewise_linear":
        options.setdefault("bin_edges", EDGES[:n_num])
    return NumericEmbedding(n_num, dim, kind, **options)


def randomize(module, seed=0, scale=0.5):
    """Return `module` in float64 with every parameter, biases too, random."""
    module = module.double()
    module.reset_parameters(seeded(seed))  # the edges, too, in float64
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(std=scale, generator=seeded(seed))
    return module


# ----------------------------------------------------------------------------------
# The paper's formulas, for a single number
# ----------------------------------------------------------------------------------


def ple(x, edges):
    """Piecewise linear encoding, the paper's equation 1 case by case."""
    n_bins = len(edges) - 1
    encoding = np.empty(n_bins)
    for t in range(1, n_bins + 1):
        if x < edges[t - 1] and t > 1:
            encoding[t - 1] = 0.0
        elif x >= edges[t] and t < n_bins:
            encoding[t - 1] = 1.0
        else:
            encoding[t - 1] = (x - edges[t - 1]) / (edges[t] - edges[t - 1])
    return encoding


def periodic(x, frequencies):
    """[sin(v), cos(v)] with v = [2 pi c_1 x, ..., 2 pi c_k x]."""
    v = [2.0 * np.pi * c * x for c in frequencies]
    return np.array([np.sin(v_l) for v_l in v] + [np.cos(v_l) for v_l in v])


def embed_oracle(module, x_num):
    """Return all embeddings of a batch, number by number."""
    parameters = {name: p.detach().numpy() for name, p in module.named_parameters()}
    rows = []
    for x in x_num.numpy():
        fields = []
        for j, x_j in enumerate(x):
            if module.kind == "linear":
                v = np.array([x_j])
            elif module.kind == "piecewise_linear":
                v = ple(x_j, module.bin_edges[j])
            else:
                v = periodic(x_j, parameters["frequencies"][j])
            V, b = parameters["vectors"][j][:, : len(v)], parameters["b"][j]
            field = [
                sum(V[i, t] * v[t] for t in range(len(v))) + b[i] for i in range(len(b))
            ]
            if module.kind == "periodic":
                field = [max(e, 0.0) for e in field]
            fields += field
        rows.append(fields)
    return np.array(rows)


@pytest.mark.parametrize("kind", NUMERIC_EMBEDDINGS)
@pytest.mark.parametrize(
    ("n_num", "dim", "n_rows"), [(3, 4, 200), (1, 1, 20), (2, 5, 1)]
)
def test_equals_oracle(kind, n_num, dim, n_rows):
    """Field j stands at the columns j dim to (j + 1) dim."""
    module = randomize(build(kind, n_num, dim))
    x_num = 2.0 * normal(n_rows, n_num)
    embedded = module(x_num)
    assert embedded.shape == (n_rows, module.d_out) == (n_rows, n_num * dim)
    assert embedded.is_contiguous()
    expected = embed_oracle(module, x_num)
    np.testing.assert_allclose(embedded.detach().numpy(), expected, atol=1e-13)


@pytest.mark.parametrize("kind", NUMERIC_EMBEDDINGS)
def test_single_precision(kind):
    """In float32, up to its rounding, the embedding is the one of float64."""
    module = build(kind)
    x_num = 2.0 * normal(100, 3)
    single = module(x_num.float())
    assert single.dtype == torch.float32
    torch.testing.assert_close(
        single.double(), module.double()(x_num), rtol=0, atol=1e-5
    )


@pytest.mark.parametrize("kind", NUMERIC_EMBEDDINGS)
def test_gradients(kind):
    """Gradients of the numbers and of every parameter equal numeric ones."""
    module = randomize(build(kind, dim=2))
    names = [name for name, _ in module.named_parameters()]
    assert all(p.requires_grad for p in module.parameters())

    def function(x_num, *parameters):
        return torch.func.functional_call(
            module, dict(zip(names, parameters, strict=True)), (x_num,)
        )

    x_num = (1.5 * normal(8, 3)).requires_grad_()
    assert torch.autograd.gradcheck(function, (x_num, *module.parameters()))


@pytest.mark.parametrize("kind", NUMERIC_EMBEDDINGS)
def test_numbers_and_rows_are_independent(kind):
    """A field depends on its own number alone, a row on itself alone."""
    module = randomize(build(kind, dim=2))
    x_num = normal(6, 3)
    changed = x_num.clone()
    changed[4, 1] += 1.0
    moved = module(x_num) != module(changed)
    assert moved[4, 2:4].any()
    moved[4, 2:4] = False
    assert not moved.any()
    torch.testing.assert_close(module(x_num[2:3]), module(x_num)[2:3])
    assert module(x_num[:0]).shape == (0, 6)


@pytest.mark.parametrize("kind", NUMERIC_EMBEDDINGS)
def test_takes_any_layout(kind):
    """Columns of a larger, transposed table are embedded as a copy of them is."""
    module = randomize(build(kind))
    x_num = normal(5, 7).T[:, 1:4]
    assert torch.equal(module(x_num), module(x_num.clone().contiguous()))


# ----------------------------------------------------------------------------------
# Piecewise linear
# ----------------------------------------------------------------------------------


def encoder(*edges):
    """Return a module whose field is the encoding itself: V_j = 1, b_j = 0."""
    dim = max(map(len, edges)) - 1
    module = NumericEmbedding(len(edges), dim, "piecewise_linear", bin_edges=edges)
    with torch.no_grad():
        module.vectors.copy_(torch.eye(dim))
    return module.double()


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (-1.0, [-1.0, 0.0, 0.0]),  # below the first bin: no lower bound
        (0.0, [0.0, 0.0, 0.0]),
        (0.25, [0.25, 0.0, 0.0]),
        (1.0, [1.0, 0.0, 0.0]),
        (2.5, [1.0, 0.75, 0.0]),  # (2.5 - 1) / (3 - 1)
        (3.0, [1.0, 1.0, 0.0]),
        (5.0, [1.0, 1.0, 0.5]),  # (5 - 3) / (7 - 3)
        (9.0, [1.0, 1.0, 1.5]),  # beyond the last bin: no upper bound
    ],
)
def test_piecewise_linear_by_hand(x, expected):
    """Bins [0, 1), [1, 3) and [3, 7]."""
    module = encoder([0.0, 1.0, 3.0, 7.0])
    assert module(torch.tensor([[x]], dtype=torch.float64)).tolist() == [expected]


def test_one_bin_is_linear():
    """T = 1: the only bin has neither bound."""
    module = encoder([1.0, 3.0])
    x_num = torch.tensor([[-3.0], [1.0], [2.0], [9.0]], dtype=torch.float64)
    assert module(x_num).flatten().tolist() == [-2.0, 0.0, 0.5, 4.0]


def test_unequal_numbers_of_bins_equal_modules_of_one_number():
    """Padding has no effect: each number alone, without any, has the same field."""
    module = randomize(build("piecewise_linear"))
    x_num = 2.0 * normal(50, 3)
    embedded = module(x_num)
    for j, (edges, n_bins) in enumerate(zip(EDGES, N_BINS, strict=True)):
        alone = NumericEmbedding(1, 4, "piecewise_linear", bin_edges=[edges]).double()
        assert alone.vectors.shape == (1, 4, n_bins)
        with torch.no_grad():
            alone.vectors.copy_(module.vectors[j : j + 1, :, :n_bins])
            alone.b.copy_(module.b[j : j + 1])
        torch.testing.assert_close(
            alone(x_num[:, j : j + 1]), embedded[:, 4 * j : 4 * j + 4]
        )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_padding_has_no_part_in_anything(dtype):
    """It starts as 0, has no say when it is not, and gets a gradient of exactly 0."""
    module = build("piecewise_linear").to(dtype)
    is_padding = torch.arange(3) >= torch.tensor(N_BINS)[:, None, None]
    is_padding = is_padding.expand_as(module.vectors)
    assert (module.vectors[is_padding] == 0).all()
    assert (module.vectors[~is_padding] != 0).all()
    on_edges = torch.tensor(EDGES[0])[:, None].expand(4, 3).double()
    x_num = torch.cat([100.0 * normal(50, 3), on_edges, 0 * on_edges + 1.0, on_edges])
    x_num[-4:, 2] = 0.1
    x_num = x_num.to(dtype).requires_grad_()
    before = module(x_num)
    with torch.no_grad():
        module.vectors[is_padding] = 1e6
    after = module(x_num)
    assert torch.equal(before, after)
    after.square().sum().backward()
    assert (module.vectors.grad[is_padding] == 0).all()
    assert (module.vectors.grad[~is_padding] != 0).all()
    assert x_num.grad.isfinite().all()
    assert x_num.grad.abs().max() < 1e6  # what the padding's vectors would bring


def test_extrapolation_is_linear_and_continuous():
    """Continuous everywhere; beyond the edges the slope is the outermost bins'."""
    module = randomize(build("piecewise_linear"))
    for j, edges in enumerate(EDGES):
        field = slice(4 * j, 4 * j + 4)
        at = torch.tensor(edges, dtype=torch.float64)[:, None].expand(-1, 3)
        gap = module(at + 1e-9) - module(at - 1e-9)
        assert gap[:, field].abs().max() < 1e-6
        far = torch.tensor([-1000.0, -500.0, 0.0, 500.0, 1000.0], dtype=torch.float64)
        below = module((edges[0] + far[:3])[:, None].expand(-1, 3))[:, field]
        above = module((edges[-1] + far[2:])[:, None].expand(-1, 3))[:, field]
        for out, t in ((below, 0), (above, N_BINS[j] - 1)):
            slope = module.vectors[j, :, t] / (edges[t + 1] - edges[t])
            for step in (out[1] - out[0], out[2] - out[1]):
                torch.testing.assert_close(step, 500.0 * slope)


def test_edges_that_are_equal_in_the_modules_precision():
    """A bin without width counts as none; the others keep their bounds."""
    edges = [0.0, 1e-9, 1.0, 1.0 + 1e-12, 2.0, 2.0 + 1e-12]
    module = encoder(edges).float()
    x_num = torch.tensor([[-1.0], [0.0], [0.5], [1.0], [1.5], [3.0]])
    assert module.edges.tolist()[0][2:] == [1.0, 1.0, 2.0, 2.0]
    assert module(x_num)[:, 1:].tolist() == [
        [0.0, 0.0, 0.0, 0.0],
        [0.0, 0.0, 0.0, 0.0],
        [0.5, 0.0, 0.0, 0.0],
        [1.0, 0.0, 0.0, 0.0],
        [1.0, 0.0, 0.5, 0.0],
        [1.0, 0.0, 2.0, 0.0],
    ]


def test_edges_are_data_and_no_parameter():
    """The buffer holds the edges, the last repeated; they are not trained."""
    module = randomize(build("piecewise_linear"))
    assert module.edges.tolist() == [
        [-1.5, -0.5, 0.25, 2.0],
        [0.0, 1.0, 1.0, 1.0],
        [-1.0, 0.0, 0.1, 0.1],
    ]
    assert [name for name, _ in module.named_parameters()] == ["vectors", "b"]
    module(normal(3, 3)).sum().backward()
    assert not module.edges.requires_grad
    assert module.edges.grad is None


# ----------------------------------------------------------------------------------
# Fresh parameters
# ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", NUMERIC_EMBEDDINGS)
def test_a_fresh_field_is_as_long_as_a_number(kind):
    """E |e_j|^2 = 1: for numbers of unit variance, or spread evenly over their bins."""
    n_num, dim = 400, 8
    if kind == "piecewise_linear":
        # Quantiles of the numbers, T from 1 to 20.
        bins = [
            [math.sqrt(12) * (t / n - 0.5) for t in range(n + 1)]
            for n in [1 + j % 20 for j in range(n_num)]
        ]
        module = NumericEmbedding(n_num, dim, kind, bin_edges=bins)
        u = torch.rand(200, n_num, dtype=torch.float64, generator=seeded(1))
        x_num = math.sqrt(12) * (u - 0.5)
    else:
        module = NumericEmbedding(n_num, dim, kind)
        x_num = normal(200, n_num)
    module.reset_parameters(seeded())
    fields = module.double()(x_num).view(200, n_num, dim)
    lengths = fields.square().sum(-1).mean(0)  # expectation over the data
    for part in (lengths, lengths[0::20], lengths[19::20]):
        error = part.std() / math.sqrt(len(part))
        assert abs(part.mean() - 1.0) < 4 * error
        assert error < 0.2
    assert (module.b == 0).all()
    assert fields.abs().max() < 10


def test_periodic_starts_smooth():
    """Frequencies are spread around 0 so that few make a turn within [-2, 2]."""
    module = NumericEmbedding(500, 1)
    module.reset_parameters(seeded())
    c = module.frequencies
    assert abs(c.mean()) < 0.01
    assert 0.0 < (c.abs() > 0.25).double().mean() < 0.05
    assert c.abs().median() > 0.02


@pytest.mark.parametrize("kind", NUMERIC_EMBEDDINGS)
def test_reset_parameters(kind):
    """A generator makes the draw reproducible and leaves the global state alone."""
    module = build(kind)
    with torch.no_grad():
        for tensor in (*module.parameters(), *module.buffers()):
            tensor.fill_(math.nan)
    state = torch.random.get_rng_state()
    draws = []
    for seed in (3, 4, 3):
        module.reset_parameters(seeded(seed))
        draws.append({k: v.clone() for k, v in module.state_dict().items()})
    assert torch.equal(torch.random.get_rng_state(), state)
    for name, first in draws[0].items():
        assert first.isfinite().all()
        assert torch.equal(first, draws[2][name])
        is_drawn = name in ("vectors", "frequencies")
        assert torch.equal(first, draws[1][name]) != is_drawn
    # Nor is the global state looked at.
    torch.manual_seed(99)
    module.reset_parameters(seeded(3))
    assert torch.equal(module.vectors, draws[0]["vectors"])


@pytest.mark.parametrize("kind", NUMERIC_EMBEDDINGS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_meta_construction(kind, dtype):
    """Built without storage, allocated and reset, it is the module built directly."""
    with torch.device("meta"):
        module = build(kind)
        module.reset_parameters(seeded(5))
    assert all(tensor.is_meta for tensor in module.state_dict().values())
    allocate(module, dtype)
    with torch.no_grad():
        for tensor in module.state_dict().values():
            tensor.fill_(math.nan)
    with torch.device("meta"):  # a caller's default device has no part in it
        module.reset_parameters(seeded(5))
    direct = build(kind).to(dtype)
    direct.reset_parameters(seeded(5))
    state = direct.state_dict()
    assert module.state_dict().keys() == state.keys()
    for name, tensor in module.state_dict().items():
        assert tensor.dtype == dtype
        assert torch.equal(tensor, state[name]), name
    x_num = normal(5, 3).to(dtype)
    assert torch.equal(module(x_num), direct(x_num))


def test_edges_are_as_precise_as_the_module():
    """A float64 module that is reset has its edges in float64."""
    module = build("piecewise_linear").double()
    module.reset_parameters(seeded())
    assert module.edges[2, 2].item() == 0.1


@pytest.mark.parametrize("kind", NUMERIC_EMBEDDINGS)
def test_state_round_trip(kind):
    """State and pickle restore the function, edges included."""
    module = randomize(build(kind))
    options = {}
    if kind == "piecewise_linear":
        options["bin_edges"] = [[10.0, 11.0, 12.0, 13.0], [10.0, 11.0], [10.0, 11.0]]
    other = build(kind, **options).double()
    x_num = normal(20, 3)
    assert not torch.allclose(module(x_num), other(x_num))
    other.load_state_dict(module.state_dict())
    assert torch.equal(module(x_num), other(x_num))
    assert torch.equal(module(x_num), pickle.loads(pickle.dumps(module))(x_num))


@pytest.mark.parametrize("kind", NUMERIC_EMBEDDINGS)
def test_exempt_from_weight_decay(kind):
    """As the embeddings of categories; also as a part of a network."""
    network = nn.ModuleDict({"numeric": build(kind)})
    decayed, exempt = parameter_groups(network.named_parameters())
    assert decayed["params"] == []
    assert len(exempt["params"]) == len(list(network.parameters())) > 0
    assert exempt["weight_decay"] == 0.0


# ----------------------------------------------------------------------------------
# Errors
# ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", NUMERIC_EMBEDDINGS)
@pytest.mark.parametrize("shape", [(5, 2), (5, 4), (3,), (5, 3, 1), (5, 1)])
def test_another_width_is_refused(kind, shape):
    """The error has the rule and the shape."""
    with pytest.raises(ValueError, match=r"x_num must have 3 columns; got ") as info:
        build(kind)(torch.zeros(shape))
    assert str(shape) in str(info.value)


@pytest.mark.parametrize("kind", NUMERIC_EMBEDDINGS)
@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.bool])
def test_integers_are_refused(kind, dtype):
    """Ids in the place of numbers are an error, not numbers."""
    with pytest.raises(TypeError, match=rf"x_num must hold floats; got {dtype}"):
        build(kind)(torch.zeros(5, 3, dtype=dtype))


PLE = {"kind": "piecewise_linear"}
GOOD = [0.0, 1.0, 2.0]


@pytest.mark.parametrize(
    ("arguments", "name", "value", "error"),
    [
        ({"n_num": 0}, "n_num", "0", ValueError),
        ({"n_num": 1.5}, "n_num", "1.5", TypeError),
        ({"dim": 0}, "dim", "0", ValueError),
        ({"dim": "8"}, "dim", "'8'", TypeError),
        ({"kind": "ple"}, "kind", "'ple'", ValueError),
        ({"kind": None}, "kind", "None", ValueError),
        ({"bin_edges": [GOOD, GOOD]}, "bin_edges", "'periodic'", ValueError),
        ({"kind": "linear", "bin_edges": []}, "bin_edges", "'linear'", ValueError),
        (PLE, "bin_edges", "None", ValueError),
        (PLE | {"bin_edges": [GOOD]}, "bin_edges", "1", ValueError),
        (PLE | {"bin_edges": [GOOD] * 3}, "bin_edges", "3", ValueError),
        (PLE | {"bin_edges": [GOOD, [1.0]]}, r"bin_edges\[1\]", "[1.0]", ValueError),
        (PLE | {"bin_edges": [[0, 0], GOOD]}, r"bin_edges\[0\]", "[0, 0]", ValueError),
        (PLE | {"bin_edges": [GOOD, [1, 2, 0]]}, r"\[1\]", "[1, 2, 0]", ValueError),
        (PLE | {"bin_edges": [GOOD, [0, math.inf]]}, r"\[1\]", "inf", ValueError),
        (PLE | {"bin_edges": [GOOD, [math.nan, 1]]}, r"\[1\]", "nan", ValueError),
        (PLE | {"bin_edges": [GOOD, [False, True]]}, r"\[1\]", "True", TypeError),
        (PLE | {"bin_edges": [GOOD, "01"]}, r"\[1\]", "'01'", TypeError),
        (PLE | {"bin_edges": [0.0, 1.0]}, r"bin_edges\[0\]", "0.0", TypeError),
        (PLE | {"bin_edges": 3}, "bin_edges", "3", TypeError),
        (PLE | {"bin_edges": "edges"}, "bin_edges", "'edges'", TypeError),
    ],
)
def test_bad_arguments(arguments, name, value, error):
    """A bad argument is refused with its name and its value."""
    with pytest.raises(error) as info:
        NumericEmbedding(**{"n_num": 2} | arguments)
    assert re.search(name, str(info.value))
    assert value in str(info.value)


def test_edges_may_be_of_any_sequence_and_real():
    """Arrays, tuples and integers do; the module keeps floats of its own."""
    edges = [np.array([0.0, 0.5], dtype=np.float32), (0, 1, 2)]
    module = NumericEmbedding(2, 3, "piecewise_linear", bin_edges=edges)
    edges[0][0] = 0.25
    assert module.bin_edges == [[0.0, 0.5], [0.0, 1.0, 2.0]]
    assert module.edges.tolist() == [[0.0, 0.5, 0.5], [0.0, 1.0, 2.0]]
