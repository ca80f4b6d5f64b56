"""Norms of the blocks of a cross layer's weights, by hand and by differentiation."""

from itertools import combinations

import numpy as np
import pytest
import torch
from helpers.inspecting import FAST, one_layer

from sklearn_dcn import DCNClassifier
from sklearn_dcn.inspection import interaction_strengths


def test_weight_is_the_norm_of_blocks(mixed):
    """Fields of a column together, both orders of a pair; on the diagonal one."""
    X, y = mixed
    model = DCNClassifier(**FAST, numeric_levels=20).fit(X, y)
    W = model.module_.cross.layers[1].W.detach().numpy()
    names = model.encoder_.field_names
    slices = model.module_.embedding.field_slices
    at = {
        column: np.concatenate(
            [
                np.arange(part.start, part.stop)
                for name, part in zip(names, slices, strict=True)
                if name.split(" ")[0] == column
            ]
        )
        for column in X
    }
    found = interaction_strengths(model, method="weight", layer=1)
    for i, j in combinations(X, 2):
        both = [W[np.ix_(at[i], at[j])], W[np.ix_(at[j], at[i])]]
        expected = np.sqrt(sum(np.square(block).sum() for block in both))
        assert found.loc[i, j] == pytest.approx(expected, rel=1e-5)
    own = np.linalg.norm(W[np.ix_(at["price"], at["price"])])
    assert found.loc["price", "price"] == pytest.approx(own, rel=1e-5)


@pytest.mark.parametrize("kind", ["vector", "low_rank", "gated"])
def test_matrix_of_a_layer(two_crosses, kind):
    """With fields of width 1, |W_ij| and |W_ji| of the kind's W."""
    X, _ = two_crosses
    model = one_layer(kind).fit(X, X["x0"])
    layer = model.module_.cross.layers[0]
    with torch.no_grad():
        W = {
            "vector": lambda: torch.ones(4, 1) * layer.w,
            "low_rank": lambda: layer.U @ layer.V.T,
            "gated": lambda: layer.W,
        }[kind]().numpy()
    found = interaction_strengths(model, method="weight").to_numpy()
    expected = np.sqrt(W**2 + W.T**2)
    np.fill_diagonal(expected, np.abs(np.diag(W)))
    np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize("n", [3, 4])
@pytest.mark.parametrize("kind", ["linear", "exponential"])
def test_matrix_of_a_mask(two_crosses, kind, n):
    """Odd rows are those of W times the mean of max(0, LN(W x)) over the table's."""
    X, y = two_crosses[0].iloc[:, :n], two_crosses[0]["x0"]
    model = one_layer(kind).fit(X, y)
    layer = model.module_.cross.layers[0]
    with torch.no_grad():
        layer.shift.fill_(0.3)
        W = layer.W.numpy()
    c = X.to_numpy() @ W.T
    normed = (c - c.mean(1, keepdims=True)) / np.sqrt(c.var(1, keepdims=True) + 1e-5)
    scaled = normed * layer.scale.detach().numpy() + 0.3
    mask = np.maximum(0, scaled).mean(axis=0)
    whole = np.empty((n, n))
    whole[::2], whole[1::2] = W, (mask[:, None] * W)[: n // 2]
    found = interaction_strengths(model, X, method="weight").to_numpy()
    expected = np.sqrt(whole**2 + whole.T**2)
    np.fill_diagonal(expected, np.abs(np.diag(whole)))
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_layers_of_fused_towers(mixed):
    """Those of the exponential tower come first, then those of the linear one."""
    X, y = mixed
    fused = {"structure": "fused", "n_cross_layers": (1, 2)}
    model = DCNClassifier(**FAST | fused).fit(X, y)
    found = [
        interaction_strengths(model, method="weight", layer=layer).to_numpy()
        for layer in range(3)
    ]
    assert not np.allclose(found[0], found[1])
    with pytest.raises(ValueError, match="number of cross layers, which is 3"):
        interaction_strengths(model, method="weight", layer=3)
    with torch.no_grad():
        model.module_.linear_cross.layers[0].W.zero_()
    again = interaction_strengths(model, method="weight", layer=1).to_numpy()
    assert not again.any()


@pytest.mark.parametrize("activation", [None, "tanh"])
@pytest.mark.parametrize("gate", ["softmax", "sigmoid", "constant"])
def test_matrix_of_a_mixture(two_crosses, gate, activation):
    """Mean of gate times Jacobian of each expert, by automatic differentiation."""
    X, _ = two_crosses
    model = one_layer(
        "mixture", expert_gate=gate, expert_activation=activation, cross_rank=2
    ).fit(X, X["x0"])
    layer = model.module_.cross.layers[0]
    x = torch.tensor(X.to_numpy())
    W = torch.zeros(4, 4, dtype=torch.float64)
    for row in x:
        gates = layer.gates(row[None])[0].detach()

        def inside(x_l, gates=gates):
            total = 0.0
            for k, gate in enumerate(gates):
                v = x_l @ layer.V[k]
                if activation is not None:
                    v = torch.tanh(layer.C[k] @ torch.tanh(v))
                total = total + gate * (layer.U[k] @ v)
            return total

        W += torch.autograd.functional.jacobian(inside, row) / len(x)
    found = interaction_strengths(model, X, method="weight").to_numpy()
    W = W.detach().numpy()
    np.testing.assert_allclose(
        found[0, 1], np.hypot(W[0, 1], W[1, 0]), rtol=1e-6, atol=1e-12
    )
    np.testing.assert_allclose(np.diag(found), np.abs(np.diag(W)), rtol=1e-6)
