"""Projections of vectors: W v, for one network and for members at once."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from sklearn_dcn.network import DeepCrossEnsemble, DeepCrossNetwork, EmbeddingStack
from sklearn_dcn.network.vectors import VectorProjections


def test_fields_are_products():
    module = VectorProjections([6, 3], [4, 2]).double()
    x = torch.randn(5, 9, dtype=torch.float64)
    fields = module(x)
    matrices = [W.detach().numpy() for W in module.parameters()]
    given = x.numpy()
    assert_allclose(fields[0].detach(), given[:, :6] @ matrices[0].T)
    assert_allclose(fields[1].detach(), given[:, 6:] @ matrices[1].T)
    assert torch.autograd.gradcheck(
        lambda x: torch.cat(module(x), 1), x.requires_grad_()
    )


def test_a_fresh_field_has_the_length_of_a_number():
    module = VectorProjections([384])
    module.reset_parameters(torch.Generator().manual_seed(0))
    (field,) = module(
        torch.randn(2000, 384, generator=torch.Generator().manual_seed(1))
    )
    assert float(field.detach().square().sum(1).mean()) == pytest.approx(1.0, rel=0.1)


def test_widths_of_auto():
    assert VectorProjections([2, 4, 5, 16, 384]).dims == [4, 4, 8, 16, 16]
    assert VectorProjections([2, 300], 6).dims == [6, 6]


def test_vectors_stand_between_bags_and_numbers():
    stack = EmbeddingStack(
        2, [5], 4, bag_cardinalities=[7], vector_widths=[3, 6], vector_dim=[2, 8]
    )
    widths = [part.stop - part.start for part in stack.field_slices]
    assert widths == [4, 4, 2, 8, 1, 1]
    assert (stack.d_embedded, stack.d_out) == (8, 20)
    x_num, x_vec = torch.randn(3, 2), torch.randn(3, 9)
    bag = (torch.tensor([2, 3, 4]), torch.tensor([0, 1, 2, 3]), torch.ones(3))
    x_0 = stack(x_num, torch.tensor([[2], [3], [0]]), [bag], x_vec=x_vec)
    one, two = stack.vectors(x_vec)
    assert_allclose(x_0[:, 8:10].detach(), one.detach())
    assert_allclose(x_0[:, 10:18].detach(), two.detach())
    assert_allclose(x_0[:, 18:].detach(), x_num)


def test_vectors_alone_are_a_table():
    network = DeepCrossNetwork(0, [], vector_widths=[5])
    assert network(x_vec=torch.randn(4, 5)).shape == (4, 1)


def test_members_at_once_are_members_one_by_one():
    ensemble = DeepCrossEnsemble(3, 1, [4], vector_widths=[5, 2]).double()
    x = {
        "x_num": torch.randn(6, 1, dtype=torch.float64),
        "x_cat": torch.randint(0, 4, (6, 1)),
        "x_vec": torch.randn(6, 7, dtype=torch.float64),
    }
    together = ensemble(**x).detach().numpy()
    alone = [member(**x).detach().numpy() for member in ensemble.members]
    assert_allclose(together, np.stack(alone, axis=1), rtol=1e-12)
    stacked = ensemble.stack(**x).detach().numpy()
    each = [member.stack(**x).detach().numpy() for member in ensemble.members]
    assert_allclose(stacked, np.concatenate(each, axis=1), rtol=1e-12)
    ensemble(**x).sum().backward()
    for member in ensemble.members:
        assert all(W.grad is not None for W in member.embedding.vectors.parameters())


@pytest.mark.parametrize("x_vec", [None, torch.zeros(2, 3)])
def test_other_widths_are_refused(x_vec):
    network = DeepCrossNetwork(0, [], vector_widths=[5])
    with pytest.raises(ValueError, match="x_vec must have 5 columns; got"):
        network(x_vec=x_vec)


@pytest.mark.parametrize(
    "widths, dim, error, message",
    [
        ([0], "auto", ValueError, "vector_widths must be"),
        ([5], 0, ValueError, "vector_dim must be an integer of at least 1"),
        ([5], "wide", ValueError, "vector_dim must be one of 'auto'"),
        ([5], [4, 4], ValueError, "vector_dim must have one entry for each of 1"),
        ([5], 4.0, TypeError, "vector_dim must be an integer"),
    ],
)
def test_wrong_arguments(widths, dim, error, message):
    with pytest.raises(error, match=message):
        VectorProjections(widths, dim)
