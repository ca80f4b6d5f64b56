"""The parallel structure at once: against the papers' equations, and differences."""

import pytest
import torch
from torch.autograd import gradcheck

from sklearn_dcn.network._parallel import matrix_parallel, vector_parallel

K, B, D, DEEP = 2, 4, 3, (5, 2)


def draw(*shape, seed=0):
    """Return a float64 tensor that wants a gradient."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(
        *shape, generator=generator, dtype=torch.float64
    ).requires_grad_()


def tower(kind, n_cross, d_out, n_deep=2):
    """Return x_0, head, crosses and layers."""
    sizes = (D, *DEEP[:n_deep])
    layers = [
        [draw(K, sizes[i + 1], sizes[i], seed=i + 30) for i in range(n_deep)],
        [draw(K, sizes[i + 1], seed=i + 40) for i in range(n_deep)],
    ]
    if kind == "vector":
        crosses = [draw(K, n_cross, D, seed=1), draw(K, n_cross, D, seed=2)]
    else:
        crosses = [
            [draw(K, D, D, seed=i + 10) for i in range(n_cross)],
            [draw(K, D, seed=i + 20) for i in range(n_cross)],
        ]
    head = draw(K, d_out, D + sizes[-1], seed=3), draw(K, d_out, seed=4)
    return draw(K, B, D), head, crosses, layers


def by_the_equations(kind, x_0, head, crosses, layers):
    """Return the logits of each member and row, in the papers' words."""
    logits = []
    for k in range(K):
        each = []
        for row in x_0[k]:
            x = row
            if kind == "matrix":  # DCN-V2, equation 1
                for W, b in zip(*crosses, strict=True):
                    x = row * (W[k] @ x + b[k]) + x
            else:  # DCN, equation 3
                for w, b in zip(*(c[k] for c in crosses), strict=True):
                    x = row * (x @ w) + b + x
            h = row
            for W, b in zip(*layers, strict=True):  # DCN, equation 4
                h = (W[k] @ h + b[k]).clamp(min=0)
            each.append(head[0][k] @ torch.cat([x, h]) + head[1][k])
        logits.append(torch.stack(each))
    return torch.stack(logits)


FUNCTIONS = {"matrix": matrix_parallel, "vector": vector_parallel}


@pytest.mark.parametrize("d_out", [1, 3])
@pytest.mark.parametrize("n_cross", [1, 2, 4])
@pytest.mark.parametrize("kind", FUNCTIONS)
def test_logits_and_gradients(kind, n_cross, d_out):
    x_0, *weights = tower(kind, n_cross, d_out)
    logits = FUNCTIONS[kind](x_0, *weights)
    expected = by_the_equations(kind, x_0, *weights)
    torch.testing.assert_close(logits, expected)
    every = [x_0, weights[0][0], weights[0][1]]
    every += [w for pair in weights[1:] for part in pair for w in as_list(part)]
    toward = draw(K, B, d_out, seed=5).detach()
    found = torch.autograd.grad(logits, every, toward)
    wanted = torch.autograd.grad(expected, every, toward)
    for a, b in zip(found, wanted, strict=True):
        torch.testing.assert_close(a, b)


def as_list(part):
    """Return a tensor, or tensors, as a list."""
    return [part] if isinstance(part, torch.Tensor) else part


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_gradients_are_the_differences(kind):
    x_0, head, crosses, layers = tower(kind, n_cross=2, d_out=1, n_deep=1)

    def of_input(x_0, W):
        return FUNCTIONS[kind](x_0, (W, head[1]), crosses, layers)

    assert gradcheck(of_input, (x_0, head[0]))


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_cross_and_deep_layers_in_bfloat16(kind):
    """Weights of the layers alone are cast; what comes out is float32, and near."""
    x_0, head, crosses, layers = tower(kind, n_cross=2, d_out=1)
    expected = FUNCTIONS[kind](x_0, head, crosses, layers)

    def cast(part, dtype):
        if isinstance(part, torch.Tensor):
            return part.detach().to(dtype).requires_grad_()
        return [cast(w, dtype) for w in part]

    x_0 = cast(x_0, torch.float32)
    head, exact = cast(head, torch.float32), cast(layers, torch.float32)
    own = torch.float32 if kind == "vector" else torch.bfloat16
    crosses, layers = cast(crosses, own), cast(layers, torch.bfloat16)
    logits = FUNCTIONS[kind](x_0, head, crosses, layers)
    assert logits.dtype == torch.float32
    assert_near(logits, expected)
    logits.sum().backward()
    assert x_0.grad.dtype == head[0].grad.dtype == torch.float32
    assert layers[0][0].grad.dtype == torch.bfloat16
    y = x_0.detach().requires_grad_()
    crosses = cast(crosses, torch.float32)
    FUNCTIONS[kind](y, head, crosses, exact).sum().backward()
    assert_near(x_0.grad, y.grad)


def assert_near(rounded, exact):
    """Check that a tensor is another, but for the rounding of bfloat16."""
    error = (rounded - exact).abs().max().detach() / exact.abs().max().detach()
    assert 0 < float(error) < 0.03
