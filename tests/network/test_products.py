"""Products whose gradients are written down: against autograd's, and differences."""

import pytest
import torch
from torch.autograd import gradcheck
from torch.nn import functional as F

from sklearn_dcn.network._products import (
    add_product,
    linear,
    look_up,
    matrix_crosses,
    relu_layers,
)

K, B, D = 2, 4, 3


def draw(*shape, seed=0):
    """Return a float64 tensor that wants a gradient."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(
        *shape, generator=generator, dtype=torch.float64
    ).requires_grad_()


def layers(n, d=D):
    """Return W and b of square layers of all members."""
    Ws = [draw(K, d, d, seed=i + 1) for i in range(n)]
    return Ws, [draw(K, d, seed=i + 11) for i in range(n)]


@pytest.mark.parametrize("d_out", [1, 5])
@pytest.mark.parametrize("bias", [True, False])
def test_linear(d_out, bias):
    x, W = draw(K, B, D), draw(K, d_out, D, seed=1)
    b = draw(K, d_out, seed=2) if bias else None
    each = [F.linear(x[k], W[k], None if b is None else b[k]) for k in range(K)]
    torch.testing.assert_close(linear(x, W, b), torch.stack(each))
    assert gradcheck(lambda *tensors: linear(*tensors), (x, W, b))


def test_linear_of_one_network():
    x, W, b = draw(B, D), draw(5, D, seed=1), draw(5, seed=2)
    assert torch.equal(linear(x, W, b), F.linear(x, W, b))


def test_add_product():
    x, y, z = (draw(K, B, D, seed=i) for i in range(3))
    torch.testing.assert_close(add_product(x, y, z), x + y * z)
    assert gradcheck(add_product, (x, y, z))


@pytest.mark.parametrize("n", [1, 3])
def test_matrix_crosses(n):
    """DCN-V2's equation 1, layer by layer."""
    x_0, (Ws, bs) = draw(K, B, D), layers(n)
    x_l = x_0
    for W, b in zip(Ws, bs, strict=True):
        x_l = x_0 * (torch.einsum("kij,kbj->kbi", W, x_l) + b[:, None]) + x_l
    torch.testing.assert_close(matrix_crosses(x_0, Ws, bs), x_l)
    assert gradcheck(
        lambda x_0, *weights: matrix_crosses(x_0, weights[:n], weights[n:]),
        (x_0, *Ws, *bs),
    )


@pytest.mark.parametrize("n", [1, 3])
def test_relu_layers(n):
    """DCN's equation 4, layer by layer."""
    x, (Ws, bs) = draw(K, B, D), layers(n)
    h = x
    for W, b in zip(Ws, bs, strict=True):
        h = (torch.einsum("kij,kbj->kbi", W, h) + b[:, None]).relu()
    torch.testing.assert_close(relu_layers(x, Ws, bs), h)
    assert gradcheck(
        lambda x, *weights: relu_layers(x, weights[:n], weights[n:]), (x, *Ws, *bs)
    )


@pytest.mark.parametrize("sparse", [True, False])
def test_look_up(sparse):
    table = draw(5, D)
    ids = torch.tensor([[0, 3, 3], [4, 0, 3]])
    found = look_up(table, ids, sparse)
    assert torch.equal(found, table[ids])
    weight = draw(2, 3, D, seed=1).detach()
    (found * weight).sum().backward()
    expected = torch.zeros(5, D, dtype=torch.float64)
    for row, w in zip(ids.flatten(), weight.flatten(0, 1), strict=True):
        expected[row] += w
    assert table.grad.is_sparse == sparse
    torch.testing.assert_close(table.grad.to_dense(), expected)
