"""Members computed at once: the same logits and gradients as one by one."""

import copy
import pickle
import threading

import pytest
import torch
from numpy.testing import assert_allclose

from sklearn_dcn.network import DeepCrossEnsemble, DeepCrossNetwork

EPS = 2.0**-8  # half of the distance of neighbours in bfloat16, relative
N_ROWS, CARDINALITIES, N_BAG_IDS = 7, (5, 9, 7), 6
NETWORKS = {
    "default": {"numeric_embedding": "piecewise_linear"},
    "plain numbers": {"numeric_embedding": None, "n_plain": 0},
    "lazy vector": {"cross": "vector", "sparse": True, "numeric_embedding": "periodic"},
    "low rank, layer norm": {
        "cross": "low_rank",
        "numeric_embedding": "linear",
        "normalization": "layer",
        "structure": "stacked",
    },
    "mixture, batch norm": {
        "cross": "mixture",
        "expert_activation": "tanh",
        "numeric_embedding": "linear",
        "normalization": "batch",
    },
    "gated alone": {"cross": "gated", "structure": "cross", "numeric_embedding": None},
    "deep alone": {"structure": "deep", "activation": "gelu", "sparse": True},
    "vector alone": {"cross": "vector", "structure": "cross"},
    "onlydense, pairs": {
        "cross": "onlydense",
        "embedding_dim": 3,
        "numeric_embedding": "linear",
        "pair_logit": "weighted",
    },
    "collisions, pairs": {
        "collision_weighted": [1, 3],
        "embedding_dim": 3,
        "numeric_embedding": "linear",
        "pair_logit": "plain",
        "sparse": True,
        "d_out": 1,
    },
    "masked": {"cross": "linear", "numeric_embedding": "linear"},
    "fused": {
        "structure": "fused",
        "cross": "exponential",
        "n_cross_layers": (1, 2),
        "numeric_embedding": None,
    },
    "no layers": {"n_cross_layers": 0, "hidden_layer_sizes": ()},
}


def make_ensemble(n_members=3, **options):
    """Return members of other weights, in float64, biases and all."""
    torch.manual_seed(0)
    defaults = {
        "n_num": 4,
        "n_plain": 2,
        "numeric_dim": 3,
        "cardinalities": CARDINALITIES,
        "embedding_dim": [4, 3, 4, 2],
        "bag_cardinalities": [N_BAG_IDS],
        "hidden_layer_sizes": (8, 5),
        "d_out": 2,
        "statistics": [(3, [0], 0.5)],
    }
    options = defaults | options
    if options.get("numeric_embedding") == "piecewise_linear":
        options["bin_edges"] = [[-1.0, 0.0, 1.0], [-1.0, 1.0]]
    ensemble = DeepCrossEnsemble(n_members, **options).double()
    for parameter in ensemble.parameters():
        if parameter.ndim == 1:
            torch.nn.init.normal_(parameter)
    return ensemble


def make_batch(n_members=3):
    """Return rows of every kind of column, the last number of each member its own."""
    generator = torch.Generator().manual_seed(1)
    numbers = torch.randn(N_ROWS, 3 + n_members, generator=generator).double()
    ids = [torch.randint(v, (N_ROWS,), generator=generator) for v in CARDINALITIES]
    offsets = torch.tensor([0, 2, 2, 5, 7, 9, 10, 11])
    entries = torch.randint(N_BAG_IDS, (11,), generator=generator)
    weights = torch.rand(11, generator=generator).double()
    return {
        "x_num": numbers[:, :3],
        "x_cat": torch.stack(ids, dim=1),
        "x_bag": [(entries, offsets, weights)],
        "x_own": numbers[:, 3:].unsqueeze(-1),
    }


def one_by_one(ensemble, x_num, x_cat, x_bag, x_own):
    """Return the logits by the members' own forward."""
    each = [
        member(torch.cat([x_num, x_own[:, k]], dim=1), x_cat, x_bag)
        for k, member in enumerate(ensemble.members)
    ]
    return torch.stack(each, dim=1)


def gradients(ensemble, logits):
    """Return the gradients of all parameters of a sum of the logits' squares."""
    ensemble.zero_grad()
    logits.square().sum().backward()
    trained = (p for p in ensemble.parameters() if p.requires_grad)
    return [parameter.grad.to_dense().clone() for parameter in trained]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", NETWORKS)
def test_logits_and_gradients_are_those_of_members_one_by_one(name, training):
    ensemble, batch = make_ensemble(**NETWORKS[name]), make_batch()
    ensemble.train(training)
    statistics = copy.deepcopy(ensemble.state_dict())
    together = ensemble(**batch)
    found = gradients(ensemble, together)
    moved = copy.deepcopy(ensemble.state_dict())
    ensemble.load_state_dict(statistics)  # batch norms have seen the batch
    each = one_by_one(ensemble, **batch)
    assert_allclose(together.detach(), each.detach(), rtol=1e-12, atol=1e-12)
    for own, expected in zip(found, gradients(ensemble, each), strict=True):
        assert_allclose(own, expected, rtol=1e-10, atol=1e-10)
    for key, value in ensemble.state_dict().items():
        assert_allclose(moved[key], value, rtol=1e-12, err_msg=key)


def test_sparse_gradients_stay_sparse():
    ensemble = make_ensemble(**NETWORKS["lazy vector"])
    ensemble(**make_batch()).sum().backward()
    for member in ensemble.members:
        tables = (*member.embedding.tables, *member.embedding.bag_tables)
        assert all(table.grad.is_sparse for table in tables)


def test_level_dropout_is_drawn_for_each_member():
    ensemble = make_ensemble(category_dropout=0.5).train()
    for member in ensemble.members:  # the same weights for all
        member.load_state_dict(ensemble.members[0].state_dict())
    batch = make_batch() | {"x_own": torch.zeros(N_ROWS, 3, 1).double()}
    logits = ensemble(**batch, generator=torch.Generator().manual_seed(0))
    assert not torch.equal(logits[:, 0], logits[:, 1])
    again = ensemble(**batch, generator=torch.Generator().manual_seed(0))
    assert torch.equal(again, logits)
    ensemble.eval()
    logits = ensemble(**batch)
    assert_allclose(logits[:, 0].detach(), logits[:, 1].detach(), rtol=1e-12)


def test_one_member_alone():
    ensemble, batch = make_ensemble(**NETWORKS["default"]).eval(), make_batch()
    every = ensemble(**batch).detach()
    for k in range(3):
        alone = ensemble(**batch, member=k).detach()
        assert alone.shape == (N_ROWS, 1, 2)
        assert_allclose(alone[:, 0], every[:, k], rtol=1e-12)


@pytest.mark.parametrize("name", ["default", "lazy vector", "gated alone"])
def test_one_by_one_in_a_compiler(name, monkeypatch):
    """Where nothing can be joined, logits and embeddings are the same."""
    ensemble, batch = make_ensemble(**NETWORKS[name]).eval(), make_batch()
    expected = ensemble(**batch, return_embeddings=True)
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    for found, other in zip(
        ensemble(**batch, return_embeddings=True), expected, strict=True
    ):
        assert_allclose(found.detach(), other.detach(), rtol=1e-12, atol=1e-12)


# The weights are the members' ---------------------------------------------------------


def test_the_members_weights_are_parts_of_the_joined():
    """What is done to a member is done to what computes, and the other way round."""
    ensemble, batch = make_ensemble().eval(), make_batch()
    ensemble(**batch)
    joined = {slot.name: slot.whole for slot in ensemble.batched.slots}["b"]
    with torch.no_grad():
        ensemble.members[1].cross.layers[1].b.add_(1.0)
        assert torch.equal(joined[1], ensemble.members[1].cross.layers[1].b)
        expected = one_by_one(ensemble, **batch)
        assert_allclose(ensemble(**batch), expected, rtol=1e-12)


@pytest.mark.parametrize("how", ["data", "parameter", "float32", "assign"])
def test_weights_that_were_replaced_count(how):
    ensemble, batch = make_ensemble().eval(), make_batch()
    ensemble(**batch)
    head = ensemble.members[2].head
    if how == "data":
        head.weight.data = head.weight.data + 1
    elif how == "parameter":
        head.weight = torch.nn.Parameter(head.weight.detach() + 1)
    elif how == "float32":
        ensemble.float()
        batch |= {k: batch[k].float() for k in ("x_num", "x_own")}
        ids, offsets, weights = batch["x_bag"][0]
        batch["x_bag"] = [(ids, offsets, weights.float())]
    else:
        state = {k: v + 1 for k, v in ensemble.state_dict().items() if "head" in k}
        ensemble.load_state_dict(state, strict=False, assign=True)
    with torch.no_grad():
        expected = one_by_one(ensemble, **batch)
        assert_allclose(ensemble(**batch), expected, rtol=1e-5)


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))]
)
def test_copies_and_pickles(copied):
    ensemble, batch = make_ensemble().eval(), make_batch()
    expected = ensemble(**batch)
    other = copied(ensemble)
    assert torch.equal(other(**batch), expected)
    assert list(other.state_dict()) == list(ensemble.state_dict())
    with torch.no_grad():
        other.members[0].head.bias.add_(1)
        assert torch.equal(ensemble(**batch), expected)


def test_weights_joined_in_inference_can_be_trained():
    ensemble, batch = make_ensemble(), make_batch()
    with torch.inference_mode():
        ensemble(**batch)
    ensemble(**batch).sum().backward()
    assert all(p.grad is not None for p in ensemble.parameters())


def test_threads_that_predict_with_one_ensemble():
    ensemble, batch = make_ensemble().eval(), make_batch()
    with torch.no_grad():
        expected = copy.deepcopy(ensemble)(**batch)
        found = []

        def predict():
            with torch.no_grad():
                found.append(ensemble(**batch))

        threads = [threading.Thread(target=predict) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(found) == 8
    assert all(torch.equal(logits, expected) for logits in found)


# Another precision --------------------------------------------------------------------


def single(ensemble, batch):
    """Return both in float32."""
    ids, offsets, weights = batch["x_bag"][0]
    numbers = {name: batch[name].float() for name in ("x_num", "x_own")}
    bag = {"x_bag": [(ids, offsets, weights.float())]}
    return ensemble.float(), batch | numbers | bag


@pytest.mark.parametrize("name", NETWORKS)
def test_products_in_bfloat16(name):
    """Logits and gradients within a few roundings, these in the weights' precision."""
    ensemble, batch = single(make_ensemble(**NETWORKS[name]).eval(), make_batch())
    plain, half = ensemble(**batch), ensemble(**batch, dtype=torch.bfloat16)
    assert half.dtype == torch.float32
    scale = plain.abs().max()
    assert (plain - half).abs().max() < 10 * EPS * scale
    expected, found = gradients(ensemble, plain), gradients(ensemble, half)
    assert {gradient.dtype for gradient in found} == {torch.float32}
    for one, other in zip(expected, found, strict=True):
        assert (one - other).norm() <= 10 * EPS * one.norm() + 1e-6
    if name not in ("vector alone", "no layers"):  # nothing of theirs is cast
        assert not torch.equal(plain, half)


def test_a_network_alone_in_bfloat16():
    torch.manual_seed(0)
    network = DeepCrossNetwork(n_num=3, cardinalities=[5]).eval()
    x_num, x_cat = torch.randn(6, 3), torch.randint(5, (6, 1))
    plain = network(x_num, x_cat)
    half, embedded = network(x_num, x_cat, dtype=torch.bfloat16, return_embeddings=True)
    assert half.shape == plain.shape
    assert embedded.shape == (6, network.embedding.d_embedded)
    assert 0 < (plain - half).abs().max() < 10 * EPS * plain.abs().max()
    half.sum().backward()
    assert network.head.weight.grad.shape == network.head.weight.shape


def test_a_copy_for_predictions():
    """It has the logits of `forward`, and leaves the module as it is."""
    ensemble, batch = single(make_ensemble().eval(), make_batch())
    with torch.no_grad():
        plain = ensemble(**batch)
        expected = ensemble(**batch, dtype=torch.bfloat16)
        assert torch.equal(ensemble.copied(torch.bfloat16)(**batch), expected)
        assert torch.equal(ensemble(**batch), plain)
