"""Pairs by their halves: logits are those of the network for each x_0 written out."""

import numpy as np
import pytest
import torch
from helpers.networks import KINDS, normal, randomize

from sklearn_dcn.network import DeepCrossEnsemble
from sklearn_dcn.network.pairs import PairNetwork

OF_USER, OF_ITEM, OF_PAIR = [0, 3], [1, 2, 6], [4, 5]


def network_of(n_members=2, **options):
    """Return a random ensemble of a table of seven numbers, as one network."""
    options = {"hidden_layer_sizes": (5, 4), **options}
    ensemble = DeepCrossEnsemble(n_members, n_num=7, cardinalities=[], **options)
    return randomize(ensemble).eval()


def halves(of_pair):
    """Return x_0 of four users and five items, and the numbers of their pairs."""
    users, items = normal(2, 4, 7, seed=2), normal(2, 5, 7, seed=3)
    return users, items, normal(4, 5, len(of_pair), seed=4)


def written_out(network, users, items, x_pair, of_pair):
    """Return the logits of every pair, from an x_0 of its own."""
    x_0 = items.unsqueeze(1).repeat(1, 4, 1, 1)  # (K, users, items, d)
    for u, i in np.ndindex(4, 5):
        x_0[:, u, i, OF_USER] = users[:, u, OF_USER]
        x_0[:, u, i, of_pair] = x_pair[u, i]
    return network.combine(x_0.flatten(1, 2)).mean(0).reshape(4, 5)


CASES = [
    *({"cross": kind, "n_cross_layers": n} for kind in KINDS for n in (1, 2, 3)),
    *({"structure": "cross", "cross": k} for k in ("matrix", "low_rank", "vector")),
    *({"structure": "cross", "cross": k} for k in ("linear", "exponential")),
    {"structure": "fused", "cross": "exponential", "n_cross_layers": (2, 1)},
    {"structure": "stacked"},
    {"structure": "stacked", "n_cross_layers": 0},
    {"structure": "stacked", "hidden_layer_sizes": ()},
    {"structure": "deep"},
    {"structure": "deep", "hidden_layer_sizes": (6,)},
    {"structure": "cross", "n_cross_layers": 0},
    {"n_cross_layers": 0, "hidden_layer_sizes": ()},
    {"normalization": "batch"},
    {"normalization": "layer", "activation": "gelu"},
    {"activation": "tanh"},
]


@pytest.mark.parametrize("of_pair", [OF_PAIR, []], ids=["pairs", "sides"])
@pytest.mark.parametrize("options", CASES, ids=str)
@torch.no_grad()
def test_logits_are_those_of_pairs_written_out(options, of_pair):
    of_item = OF_ITEM if of_pair else [*OF_ITEM, *OF_PAIR]
    ensemble = network_of(**options)
    users, items, x_pair = halves(of_pair)
    with ensemble.batched.lent(False) as network:
        pairs = PairNetwork(network, OF_USER, of_item, of_pair)
        of_users = pairs.half(users, is_user=True)
        of_items = pairs.half(items, is_user=False)
        expected = written_out(network, users, items, x_pair, of_pair)
        for tile in (None, 3, 12):
            found = pairs.logits(of_users, of_items, x_pair, tile)
            torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    assert expected.std() > 0.1


@pytest.mark.parametrize(
    ("options", "is_product"),
    [
        ({"structure": "cross"}, True),
        ({"structure": "cross", "cross": "low_rank", "n_cross_layers": 1}, True),
        ({"structure": "cross", "n_cross_layers": 3}, False),
        ({"structure": "cross", "cross": "vector"}, False),
        ({"structure": "stacked"}, False),
        ({"structure": "cross", "cross": "exponential"}, False),
        ({"structure": "fused", "cross": "exponential"}, False),
    ],
)
@torch.no_grad()
def test_two_cross_layers_are_one_product(options, is_product):
    """Of three numbers for each one of x_0."""
    ensemble = network_of(n_members=1, **options)
    with ensemble.batched.lent(False) as network:
        pairs = PairNetwork(network, OF_USER, [*OF_ITEM, *OF_PAIR])
        assert pairs.is_product == is_product
        half = pairs.half(normal(1, 40, 7), is_user=True)
        assert (half.factors is not None) == is_product
        if is_product:
            assert half.factors.shape[-1] == 3 * 7


@torch.no_grad()
def test_other_precision_is_of_later_layers_alone():
    ensemble = network_of(hidden_layer_sizes=(6, 6))
    bulk = ensemble.copied_network(torch.bfloat16)
    assert bulk.deep.dtype == torch.bfloat16
    users, items, _ = halves([])
    parts = OF_USER, [*OF_ITEM, *OF_PAIR]
    with ensemble.batched.lent(False) as network:
        found = []
        for other in (None, bulk):
            pairs = PairNetwork(network, *parts, bulk=other)
            of_users = pairs.half(users, is_user=True)
            of_items = pairs.half(items, is_user=False)
            found.append(pairs.logits(of_users, of_items))
    error = (found[0] - found[1]).abs().max() / found[0].abs().max()
    assert 1e-6 < error < 0.02  # bfloat16 has 8 bits


def test_several_outputs_are_refused():
    ensemble = network_of(d_out=3)
    with (
        ensemble.batched.lent(False) as network,
        pytest.raises(ValueError, match="must have one output; got 3"),
    ):
        PairNetwork(network, OF_USER, OF_ITEM)
