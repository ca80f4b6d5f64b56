"""Random parameters, and the dense and sparse gradients that they may have."""

import torch


def draw(*shape, seed, dtype=torch.float64):
    """Return standard normal numbers."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, dtype=torch.float64, generator=generator).to(dtype)


def weights(*shape, seed=0, dtype=torch.float64):
    """Return a random parameter."""
    return torch.nn.Parameter(draw(*shape, seed=seed, dtype=dtype))


def sparse(ids, values, n_rows):
    """Return the gradient that an embedding of `n_rows` has for a batch of `ids`."""
    table = torch.zeros(n_rows, values.shape[1], dtype=values.dtype, requires_grad=True)
    ids = torch.as_tensor(ids, dtype=torch.int64)
    embedded = torch.nn.functional.embedding(ids, table, sparse=True)
    embedded.backward(values)
    assert table.grad.is_sparse
    return table.grad
