"""Gradient clipping: the norm by NumPy, sparse as dense, and one step of a fit."""

import numpy as np
import pytest
import torch
from helpers.gradients import draw, sparse, weights
from helpers.lazy import OPTIONS as LAZY
from helpers.lazy import assert_same_weights, make_ids
from helpers.recording import Results
from helpers.tables import make_mixed
from numpy.testing import assert_allclose

from sklearn_dcn import DCNClassifier
from sklearn_dcn._training.clipping import GradientClipper

IDS = [3, 1, 3, 3, 0, 1]


def gradients(lazy):
    """Return a table, a matrix, a scalar and an unused parameter with gradients."""
    table, matrix, scalar = weights(5, 2), weights(3, 2), weights()
    gradient = sparse(IDS, draw(len(IDS), 2, seed=1), 5)
    table.grad = gradient if lazy else gradient.to_dense()
    matrix.grad, scalar.grad = draw(3, 2, seed=2), draw(seed=3)
    return [table, matrix, scalar, weights(4)]


def dense(p):
    """Return a gradient as an array."""
    gradient = p.grad.to_dense() if p.grad.is_sparse else p.grad
    return gradient.numpy().copy()


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("share", [0.25, 0.999, 1.001, 1000.0])
def test_norm_and_direction(lazy, share):
    """Above the limit all gradients are scaled alike to it, else they stay, to the bit.

    The norm of the sparse one is that of its rows added up.
    """
    params = gradients(lazy)
    before = [dense(p) for p in params[:3]]
    norm = np.sqrt(sum((g**2).sum() for g in before))
    clip = GradientClipper(params, share * norm)
    clip()
    after = [dense(p) for p in params[:3]]
    for old, new in zip(before, after, strict=True):
        assert_allclose(new, old * min(1.0, share), rtol=1e-12)
        assert share < 1 or np.array_equal(new, old)
    assert params[3].grad is None
    assert params[0].grad.is_sparse == lazy


def test_repeated_rows_that_cancel():
    """Rows 3 and 4 of a gradient that add up to (3, 4) have norm 5, not more."""
    p = weights(2, 2)
    values = torch.tensor([[100.0, 50.0], [-97.0, -46.0]], dtype=torch.float64)
    p.grad = sparse([1, 1], values, 2)
    GradientClipper([p], 1.0)()
    assert_allclose(dense(p), [[0, 0], [0.6, 0.8]], atol=1e-12)


def test_nothing_to_scale():
    """Gradients of zero stay zero; without any there is nothing to do."""
    p, table = weights(3), weights(4, 2)
    GradientClipper([p], 1.0)()
    assert p.grad is None
    p.grad, table.grad = torch.zeros_like(p), sparse([], draw(0, 2, seed=0), 4)
    GradientClipper([p, table], 1.0)()
    assert torch.equal(p.grad, torch.zeros_like(p))
    assert not table.grad.to_dense().any()


def test_one_step_of_sgd():
    """A step of a fit has the length learning_rate * max_grad_norm, and its direction.

    The penalty of embeddings is clipped with the rest.
    """
    X, y = make_mixed(64)
    options = {
        "optimizer": "sgd", "learning_rate": 0.1, "max_epochs": 1, "batch_size": 64,
        "weight_decay": 0.0, "embedding_l2": 5.0, "random_state": 0,
        "ema_decay": None,
    }  # fmt: skip

    def fitted(**more):
        model = DCNClassifier(**options | more).fit(X, y)
        parts = [p.detach().flatten() for p in model.module_.parameters()]
        return torch.cat(parts).numpy()

    start = fitted(learning_rate=1e-300)
    free = fitted() - start
    clipped = fitted(max_grad_norm=1e-3) - start
    assert np.linalg.norm(free) > 1e-2
    assert_allclose(np.linalg.norm(clipped), 0.1 * 1e-3, rtol=1e-9)
    length = np.linalg.norm(free)
    assert_allclose(clipped / 1e-4, free / length, atol=1e-9)
    assert_allclose(fitted(max_grad_norm=length / 0.1 * 1.01) - start, free, atol=1e-14)


@pytest.mark.parametrize("n_members", [1, 4])
def test_each_network_has_a_limit_of_its_own(n_members):
    """A step of SGD is as long for each of several networks as for one."""
    X, y = make_mixed(200)
    steps = []
    options = {"optimizer": "sgd", "learning_rate": 1.0, "weight_decay": 0.0}
    options |= {"max_epochs": 1, "batch_size": 200, "ema_decay": None}
    options |= {"dtype": "float64", "random_state": 0, "early_stopping": False}
    for norm in (0.01, 1e-12):
        model = DCNClassifier(**options, n_members=n_members, max_grad_norm=norm)
        members = model.fit(X, y).module_.members
        steps.append(
            [torch.cat([p.flatten() for p in m.parameters()]) for m in members]
        )
    for moved, still in zip(*steps, strict=True):
        assert_allclose((moved - still).detach().norm(), 0.01, rtol=1e-6)


def test_lazy_fit_equals_dense_on_whole_batches():
    """The tables' share of the norm is the same in both forms."""
    X, y, _ = make_ids()
    options = LAZY | {"max_grad_norm": 0.02, "embedding_l2": 0.3}
    dense, lazy, free = (
        DCNClassifier(**options | more).fit(X, y)
        for more in (
            {"optimizer": "adamw"},
            {"optimizer": "lazy_adamw"},
            {"optimizer": "adamw", "max_grad_norm": None},
        )
    )
    assert lazy.module_.embedding.sparse
    assert_same_weights(dense, lazy)
    with pytest.raises(AssertionError):
        assert_same_weights(dense, free, rtol=1e-4, atol=1e-4)


def test_no_number_of_rows_is_asked_for():
    """On CUDA the host would wait for it, as for a scalar: neither is read."""
    params = gradients(lazy=True)
    with Results() as results:
        GradientClipper(params, 0.1)()
    assert results.names("nonzero", "unique", "item", "_local_scalar_dense") == []
    assert results.names("mul")
