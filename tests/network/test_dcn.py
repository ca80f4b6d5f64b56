"""Tests of the whole network: structures, composition, state."""

import numpy as np
import pytest
import torch
from helpers import oracle
from helpers.networks import KINDS, seeded
from torch import nn
from torch.func import functional_call

from sklearn_dcn.network import DeepCrossNetwork

STRUCTURES = ("parallel", "stacked", "cross", "deep")
COMBINED = [(structure, kind) for structure in STRUCTURES for kind in KINDS]
COMBINED.append(("fused", "exponential"))
CARDINALITIES = [5, 3, 7]
SMALL = {
    "embedding_dim": [2, 1, 2],
    "cross_rank": 2,
    "n_experts": 2,
    "hidden_layer_sizes": (4, 3),
}


def small(n_num=2, cardinalities=CARDINALITIES, seed=0, **options):
    """Return a small float64 network with every parameter, biases too, random."""
    options = SMALL | options
    if not cardinalities:
        options["embedding_dim"] = "auto"
    network = DeepCrossNetwork(n_num, cardinalities, **options).double()
    generator = seeded(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(std=0.5, generator=generator)
    return network


def rows(n=6, n_num=2, cardinalities=CARDINALITIES, seed=1):
    """Return x_num and x_cat of n random rows."""
    generator = seeded(seed)
    x_num = torch.randn(n, n_num, dtype=torch.float64, generator=generator)
    x_cat = [torch.randint(v, (n,), generator=generator) for v in cardinalities]
    return x_num, torch.stack(x_cat, dim=1)


def composed(network, structure, x_num, x_cat):
    """Put the logits together by hand from the network's parts."""
    x_0 = network.embedding(x_num, x_cat)
    x_L = x_0 if network.cross is None else network.cross(x_0)
    if structure == "cross":
        return network.head(x_L)
    if structure == "deep":
        return network.head(network.deep(x_0))
    if structure == "stacked":
        return network.head(network.deep(x_L))
    if structure == "fused":
        return network.head(torch.cat([x_L, network.linear_cross(x_0)], dim=1))
    assert structure == "parallel"
    return network.head(torch.cat([x_L, network.deep(x_0)], dim=1))


def arrays(module):
    """Return the module's parameters as {name: array}."""
    return {name: p.detach().numpy() for name, p in module.named_parameters()}


def linears(module):
    """Return (W, b) of the linear layers in order, as arrays."""
    if module is None:
        return []
    return [
        (m.weight.detach().numpy(), m.bias.detach().numpy())
        for m in module.modules()
        if isinstance(m, nn.Linear)
    ]


def n_parameters(module):
    """Count the trained numbers."""
    return sum(p.numel() for p in module.parameters())


# ----------------------------------------------------------------------------------
# Structures
# ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("structure", "kind"), COMBINED)
def test_equals_oracle(structure, kind):
    """From ids and numbers to logits, the network is the papers' equations."""
    network = small(structure=structure, cross=kind, n_cross_layers=2, d_out=2)
    x_num, x_cat = rows()
    tables = [network.embedding.column_weight(c).detach().numpy() for c in range(3)]
    fixed = {"gate": "softmax", "activation": None} if kind == "mixture" else {}
    cross = [] if network.cross is None else network.cross.layers
    linear = [] if network.linear_cross is None else network.linear_cross.layers
    expected = []
    for numbers, ids in zip(x_num.numpy(), x_cat.tolist(), strict=True):
        fields = [*oracle.embed(ids, tables=tables), *numbers[:, None]]
        x_0 = np.empty(network.embedding.d_out)
        for field, where in zip(fields, network.embedding.field_slices, strict=True):
            x_0[where] = field
        expected.append(
            oracle.logits(
                x_0,
                structure=structure,
                kind=kind,
                cross=[arrays(layer) | fixed for layer in cross],
                linear=list(map(arrays, linear)),
                deep=linears(network.deep),
                head=linears(network.head)[0],
            )
        )
    logits = network(x_num, x_cat)
    assert logits.shape == (6, 2)
    np.testing.assert_allclose(logits.detach().numpy(), expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(("structure", "kind"), COMBINED)
def test_composition_of_the_parts(structure, kind):
    """`embedding`, `cross`, `deep` and `head` put together by hand are the network."""
    network = small(structure=structure, cross=kind)
    torch.testing.assert_close(
        network(*rows()), composed(network, structure, *rows()), rtol=1e-13, atol=1e-14
    )


@pytest.mark.parametrize(
    ("structure", "d_final"), [("parallel", 7 + 3), ("stacked", 3), ("cross", 7)]
)
def test_width_of_the_head(structure, d_final):
    """x_0 has 2 + 1 + 2 + 2 entries, the last hidden layer 3."""
    network = small(structure=structure, d_out=4)
    assert isinstance(network.head, nn.Linear)
    assert tuple(network.head.weight.shape) == (4, d_final)
    assert tuple(network.head.bias.shape) == (4,)


def test_structures_count_the_papers_parameters():
    """DCN, sections 2.2 and 2.3: 2 d L cross and d m + m + (m^2 + m)(L - 1) deep."""
    d, m = 10, 6
    numbers = {"n_num": d, "cardinalities": [], "hidden_layer_sizes": (m, m, m)}
    vector = DeepCrossNetwork(**numbers, cross="vector", n_cross_layers=4)
    assert n_parameters(vector.cross) == 2 * d * 4
    assert n_parameters(vector.deep) == d * m + m + (m**2 + m) * 2
    matrix = DeepCrossNetwork(**numbers, cross="matrix", n_cross_layers=4)
    assert n_parameters(matrix.cross) == (d**2 + d) * 4


@pytest.mark.parametrize(
    ("option", "shapes"),
    [
        ({"cross": "low_rank", "cross_rank": 3}, {"U": (7, 3), "V": (7, 3)}),
        (
            {"cross": "mixture", "cross_rank": 3, "n_experts": 5},
            {"U": (5, 7, 3), "V": (5, 7, 3), "G": (5, 7)},
        ),
        (
            {"cross": "mixture", "expert_activation": "tanh"},
            {"U": (2, 7, 2), "V": (2, 7, 2), "G": (2, 7), "C": (2, 2, 2)},
        ),
        (
            {"cross": "mixture", "expert_gate": "constant"},
            {"U": (2, 7, 2), "V": (2, 7, 2)},
        ),
    ],
)
def test_cross_options_reach_the_layers(option, shapes):
    """Rank, experts, gate and activation shape every cross layer."""
    network = small(n_cross_layers=3, **option)
    assert len(network.cross.layers) == 3
    for layer in network.cross.layers:
        got = {k: v.shape for k, v in arrays(layer).items()}
        assert got == shapes | {"b": (7,)}


@pytest.mark.parametrize("structure", ["parallel", "stacked"])
def test_no_cross_layers_is_the_deep_network(structure):
    """Without cross layers, both structures are the papers' DNN."""
    deep = small(structure="deep")
    other = small(structure=structure, n_cross_layers=0, seed=5)
    other.load_state_dict(deep.state_dict())
    assert torch.equal(other(*rows()), deep(*rows()))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("structure", ["parallel", "stacked"])
def test_no_hidden_layers_is_the_cross_network(structure, kind):
    """Without hidden layers, both structures are the cross network alone."""
    cross = small(structure="cross", cross=kind)
    other = small(structure=structure, cross=kind, hidden_layer_sizes=(), seed=5)
    other.load_state_dict(cross.state_dict())
    assert torch.equal(other(*rows()), cross(*rows()))


@pytest.mark.parametrize(
    ("structure", "options"),
    [(s, {"n_cross_layers": 0, "hidden_layer_sizes": ()}) for s in STRUCTURES]
    + [("cross", {"n_cross_layers": 0}), ("deep", {"hidden_layer_sizes": ()})],
)
def test_neither_part_is_a_linear_model(structure, options):
    """With no layers at all, the head reads x_0 once."""
    network = small(structure=structure, **options)
    x_0 = network.embedding(*rows())
    assert network.head.in_features == network.embedding.d_out
    torch.testing.assert_close(network(*rows()), network.head(x_0))


@pytest.mark.parametrize("structure", STRUCTURES)
def test_only_numbers(structure):
    """A table without categorical columns needs no x_cat."""
    network = small(3, [], structure=structure)
    x_num, _ = rows(n_num=3)
    torch.testing.assert_close(
        network(x_num), composed(network, structure, x_num, None)
    )
    logits, embeddings = network(x_num, return_embeddings=True)
    assert logits.shape == (6, 1)
    assert embeddings.shape == (6, 0)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_only_categories(structure):
    """A table without numbers needs no x_num."""
    network = small(0, structure=structure)
    _, x_cat = rows()
    expected = composed(network, structure, None, x_cat)
    torch.testing.assert_close(network(x_cat=x_cat), expected)
    torch.testing.assert_close(network(None, x_cat), expected)


@pytest.mark.parametrize("normalization", [None, "batch", "layer"])
@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("kind", KINDS)
def test_batch_of_one(kind, structure, normalization):
    """In eval mode a row alone gets the logits it gets in a batch."""
    network = small(cross=kind, structure=structure, normalization=normalization).eval()
    x_num, x_cat = rows()
    together = network(x_num, x_cat)
    for i in (0, 3):
        alone = network(x_num[i : i + 1], x_cat[i : i + 1])
        assert alone.shape == (1, 1)
        torch.testing.assert_close(alone[0], together[i], rtol=1e-11, atol=1e-11)


# ----------------------------------------------------------------------------------
# Gradients
# ----------------------------------------------------------------------------------


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("kind", KINDS)
def test_gradcheck(kind, structure):
    """Gradients by the numbers and by all parameters equal numeric ones."""
    network = small(
        structure=structure,
        cross=kind,
        activation="tanh",
        hidden_layer_sizes=(3,),
        embedding_dim=[1, 1, 2],
        cross_rank=1,
    )
    names = [name for name, _ in network.named_parameters()]
    x_num, x_cat = rows(n=3)

    def function(x_num, *parameters):
        parameters = dict(zip(names, parameters, strict=True))
        return functional_call(network, parameters, (x_num, x_cat))

    parameters = [p.detach().clone() for p in network.parameters()]
    arguments = [t.requires_grad_() for t in (x_num, *parameters)]
    assert torch.autograd.gradcheck(function, arguments)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("structure", STRUCTURES)
def test_every_parameter_is_trained(structure, kind):
    """No parameter is left over: the loss has a gradient by each of them."""
    network = small(structure=structure, cross=kind, activation="tanh")
    network(*rows(n=40)).square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


# ----------------------------------------------------------------------------------
# Embeddings beside the logits
# ----------------------------------------------------------------------------------


@pytest.mark.parametrize("structure", STRUCTURES)
def test_return_embeddings(structure):
    """The embeddings are the first part of x_0; the logits stay as they were."""
    network = small(structure=structure)
    x_num, x_cat = rows()
    logits, embeddings = network(x_num, x_cat, return_embeddings=True)
    assert torch.equal(logits, network(x_num, x_cat))
    d_embedded = network.embedding.d_embedded
    assert d_embedded == 5
    expected = network.embedding(x_num, x_cat)[:, :d_embedded]
    assert embeddings.shape == (6, 5)
    assert torch.equal(embeddings, expected)


def test_penalty_on_the_returned_embeddings_reaches_the_tables():
    """The gradient of a penalty on a batch's embeddings is 2 w for its rows alone."""
    network = small()
    weights = [network.embedding.column_weight(c).clone() for c in range(3)]
    x_cat = torch.tensor([[4, 0, 3]])
    _, embeddings = network(rows(n=1)[0], x_cat, return_embeddings=True)
    embeddings.square().sum().backward()
    with torch.no_grad():  # read the gradient through the columns' views
        for table in network.embedding.parameters():
            table.copy_(table.grad.to_dense())
    for c in range(3):
        expected = torch.zeros_like(weights[c])
        expected[x_cat[0, c]] = 2 * weights[c][x_cat[0, c]]
        torch.testing.assert_close(network.embedding.column_weight(c), expected)


def test_returned_embeddings_are_those_in_use():
    """Under category dropout the logits follow from the embeddings returned."""
    network = small(structure="cross", category_dropout=0.5)
    x_num, x_cat = rows(n=30)
    logits, embeddings = network(
        x_num, x_cat, generator=seeded(), return_embeddings=True
    )
    network.eval()
    assert not torch.equal(embeddings, network(x_num, x_cat, return_embeddings=True)[1])
    x_0 = torch.cat([embeddings, x_num], dim=1)
    torch.testing.assert_close(network.head(network.cross(x_0)), logits)


# ----------------------------------------------------------------------------------
# Random numbers and state
# ----------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["dropout", "category_dropout"])
@pytest.mark.parametrize("structure", ["parallel", "stacked", "deep"])
def test_training_noise_is_drawn_from_the_generator(structure, source):
    """Both kinds of dropout follow the generator and leave the global state alone."""
    network = small(structure=structure, **{source: 0.5})
    x_num, x_cat = rows(n=30)
    state = torch.random.get_rng_state()
    generator = seeded(3)
    first = network(x_num, x_cat, generator=generator)
    second = network(x_num, x_cat, generator=generator)
    assert torch.equal(network(x_num, x_cat, generator=seeded(3)), first)
    assert not torch.equal(first, second)
    assert torch.equal(torch.random.get_rng_state(), state)
    network.eval()
    predicted = network(x_num, x_cat, generator=generator)
    assert torch.equal(predicted, network(x_num, x_cat))
    assert not torch.equal(predicted, first)


@pytest.mark.parametrize("normalization", [None, "batch", "layer"])
@pytest.mark.parametrize("kind", KINDS)
def test_meta_construction(kind, normalization):
    """Built on the meta device, then filled by `reset_parameters`, a network works.

    `to_empty` promises nothing about the memory: here it is filled with rubbish, so
    that everything `reset_parameters` forgets would show.
    """
    options = SMALL | {"cross": kind, "normalization": normalization}

    def build(seed):
        with torch.device("meta"):
            network = DeepCrossNetwork(2, CARDINALITIES, **options)
        network.to_empty(device="cpu")
        for tensor in [*network.parameters(), *network.buffers()]:
            rubbish = float("nan") if tensor.is_floating_point() else -(10**9)
            tensor.detach().fill_(rubbish)
        network.reset_parameters(seeded(seed))
        return network.eval()

    state = torch.random.get_rng_state()
    network, same, other = build(3), build(3), build(4)
    x_num, x_cat = rows()
    logits = network(x_num.float(), x_cat)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert logits.isfinite().all()
    assert torch.equal(same(x_num.float(), x_cat), logits)
    for name, tensor in network.state_dict().items():
        assert torch.equal(same.state_dict()[name], tensor), name
    drawn = {n for n, t in network.named_parameters() if t.unique().numel() > 1}
    assert drawn
    for name, parameter in other.named_parameters():
        if name in drawn:
            assert not torch.equal(parameter, network.get_parameter(name)), name

    # A network built on the CPU and given this state computes the same.
    usual = DeepCrossNetwork(2, CARDINALITIES, **options).eval()
    usual.load_state_dict(network.state_dict())
    assert torch.equal(usual(x_num.float(), x_cat), logits)


def test_reset_parameters_redraws_every_weight():
    """No weight survives a reset, and the biases are zero."""
    network = DeepCrossNetwork(2, CARDINALITIES, **SMALL | {"cross": "mixture"})
    before = {n: p.detach().clone() for n, p in network.named_parameters()}
    with torch.no_grad():
        for layer in network.cross.layers:
            layer.b.fill_(7.0)
    network.reset_parameters(seeded())
    for name, parameter in network.named_parameters():
        if name.startswith(("head", "deep")) and parameter.ndim == 1:
            continue
        if name.endswith(".b"):
            assert not parameter.any(), name
        elif not name.startswith("head"):
            assert not torch.equal(parameter, before[name]), name


@pytest.mark.parametrize("kind", KINDS)
def test_state_round_trip(kind):
    """The state dict holds all that predictions depend on."""
    network = small(cross=kind, normalization="batch")
    network(*rows(n=20))  # moves the running moments
    other = small(cross=kind, normalization="batch", seed=9)
    other.load_state_dict(network.state_dict())
    assert torch.equal(other.eval()(*rows()), network.eval()(*rows()))


# ----------------------------------------------------------------------------------
# Arguments
# ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "name", "value", "error"),
    [
        ({"structure": "serial"}, "structure", "'serial'", ValueError),
        ({"structure": None}, "structure", "None", (ValueError, TypeError)),
        ({"cross": "tensor"}, "cross|kind", "'tensor'", ValueError),
        ({"n_cross_layers": -1}, "layers", "-1", ValueError),
        ({"n_cross_layers": "2"}, "layers", "'2'", TypeError),
        ({"cross": "low_rank", "cross_rank": 0}, "rank", "0", ValueError),
        ({"cross": "low_rank", "cross_rank": "full"}, "rank", "'full'", ValueError),
        ({"cross": "mixture", "n_experts": 0}, "n_experts", "0", ValueError),
        ({"cross": "mixture", "expert_gate": "hard"}, "gate", "'hard'", ValueError),
        (
            {"cross": "mixture", "expert_activation": "sin"},
            "activation",
            "'sin'",
            ValueError,
        ),
        ({"activation": "sin"}, "activation", "'sin'", ValueError),
        ({"dropout": 1.5}, "dropout", "1.5", ValueError),
        ({"category_dropout": -0.5}, "category_dropout", "-0.5", ValueError),
        ({"normalization": "group"}, "normalization", "'group'", ValueError),
        ({"hidden_layer_sizes": (8, -1)}, "hidden_layer_sizes", "-1", ValueError),
        ({"d_out": 0}, "d_out", "0", ValueError),
        ({"d_out": 1.5}, "d_out", "1.5", TypeError),
        ({"embedding_dim": 0}, "embedding_dim", "0", ValueError),
        ({"n_num": -1}, "n_num", "-1", ValueError),
        ({"cardinalities": [5, 0]}, "cardinalities", "0", ValueError),
        ({"n_num": 0, "cardinalities": []}, "n_num", "0", ValueError),
    ],
)
def test_bad_arguments(options, name, value, error):
    """A bad argument is refused with its name and its value."""
    with pytest.raises(error, match=name) as info:
        DeepCrossNetwork(**{"n_num": 1, "cardinalities": [5, 4]} | options)
    assert value in str(info.value)


@pytest.mark.parametrize("structure", ["parallel", "stacked"])
def test_float_ids_are_refused(structure):
    """The whole network refuses ids in a float, too."""
    x_num, x_cat = rows()
    with pytest.raises(TypeError, match="x_cat"):
        small(structure=structure)(x_num, x_cat.double())
