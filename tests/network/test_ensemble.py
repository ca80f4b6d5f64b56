"""Several networks side by side: their logits, their mean, their first weights."""

import pytest
import torch
from numpy.testing import assert_allclose

from sklearn_dcn.network import DeepCrossEnsemble, DeepCrossNetwork
from sklearn_dcn.network.ensemble import by_member, mean_logits


@pytest.fixture
def ensemble():
    """Return three members, and a batch."""
    torch.manual_seed(0)
    network = DeepCrossEnsemble(3, n_num=2, cardinalities=[5, 9], d_out=2).double()
    batch = {"x_num": torch.randn(7, 2).double(), "x_cat": torch.randint(0, 5, (7, 2))}
    return network.eval(), batch


def test_logits_are_those_of_the_members(ensemble):
    network, batch = ensemble
    each = [member(**batch) for member in network.members]
    logits, embeddings = network(**batch, return_embeddings=True)
    assert logits.shape == (7, 3, 2)
    assert torch.equal(network(**batch), logits)
    each = torch.stack(each, dim=1).detach()
    assert_allclose(logits.detach(), each, rtol=1e-12)
    assert embeddings.shape[1] == sum(m.embedding.d_embedded for m in network.members)
    assert not torch.equal(each[:, 0], each[:, 1])


def test_mean_of_the_members(ensemble):
    network, batch = ensemble
    x_0 = network.stack(**batch)
    assert x_0.shape == (7, network.d_stack)
    by_hand = sum(member(**batch) for member in network.members) / 3
    assert_allclose(network.combine(x_0).detach(), by_hand.detach(), atol=1e-12)
    assert_allclose(
        mean_logits(network(**batch)).detach(), by_hand.detach(), atol=1e-12
    )


def test_a_network_is_an_ensemble_of_one(ensemble):
    network = ensemble[0].members[0]
    assert network.members == (network,)
    x_0 = network.stack(**ensemble[1])
    assert torch.equal(network.combine(x_0), network(**ensemble[1]))
    assert mean_logits(network(**ensemble[1])).shape == (7, 2)
    assert (network.d_out, network.d_stack) == (2, x_0.shape[1])


def test_members_are_drawn_one_after_the_other():
    """So that the first of them is the network that would be alone."""
    options = {"n_num": 2, "cardinalities": [5, 9]}
    alone, both = DeepCrossNetwork(**options), DeepCrossEnsemble(2, **options)
    for network in (alone, both):
        network.reset_parameters(torch.Generator().manual_seed(3))
    for own, first in zip(
        alone.parameters(), both.members[0].parameters(), strict=True
    ):
        assert torch.equal(own, first)


def test_rows_of_members():
    logits = torch.arange(12.0).reshape(2, 3, 2)
    weight = torch.arange(6.0).reshape(2, 3)
    target = {"y": torch.tensor([5, 7]), "weight": weight}
    rows, own = by_member(logits, target)
    assert rows.tolist() == logits.reshape(6, 2).tolist()
    assert own["y"].tolist() == [5, 5, 5, 7, 7, 7]
    assert own["weight"].tolist() == [0, 1, 2, 3, 4, 5]
    _, common = by_member(logits, {"y": target["y"], "weight": torch.tensor([1, 2])})
    assert common["weight"].tolist() == [1, 1, 1, 2, 2, 2]
