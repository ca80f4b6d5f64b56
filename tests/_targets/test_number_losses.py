"""The losses of numbers, against scikit-learn, scipy and finite differences."""

import numpy as np
import pytest
import torch
from helpers.draws import rng
from numpy.testing import assert_allclose
from scipy.special import huber
from scipy.stats import norm
from sklearn.metrics import (
    mean_absolute_error,
    mean_pinball_loss,
    mean_squared_error,
    mean_tweedie_deviance,
)

from sklearn_dcn._targets.number_losses import (
    SMALLEST_VARIANCE,
    NumberLoss,
    half_deviance,
    to_quantiles,
)

LEVELS = (0.05, 0.3, 0.5, 0.9)
N = 40
OPTIONS = {
    "squared_error": {},
    "absolute_error": {},
    "huber": {"delta": 0.7},
    "deviance": {"power": 1.5},
    "quantile": {"quantiles": LEVELS, "center": 2},
    "gaussian": {},
}


def draw(kind, n_outputs=1):
    """Return logits and targets of a loss."""
    n_logits = {"quantile": len(LEVELS), "gaussian": 2 * n_outputs}
    logits = rng(1).normal(size=(N, n_logits.get(kind, n_outputs)))
    y = rng(2).normal(size=(N, n_outputs))
    return logits, np.abs(y) + 0.1 if kind == "deviance" else y


def loss_of(loss, logits, y, weight=None):
    batch = {"y": torch.from_numpy(y)}
    if weight is not None:
        batch["weight"] = torch.from_numpy(weight / weight.mean())
    return float(loss(torch.from_numpy(logits), batch))


def oracle(kind, z, y, weight):
    """Return the weighted mean loss as other libraries have it."""
    if kind == "squared_error":
        return mean_squared_error(y, z, sample_weight=weight) / 2
    if kind == "absolute_error":
        return mean_absolute_error(y, z, sample_weight=weight)
    if kind == "huber":
        return np.average(huber(0.7, y - z).mean(axis=1), weights=weight)
    if kind == "deviance":
        each = [
            mean_tweedie_deviance(a, np.exp(b), power=1.5, sample_weight=weight)
            for a, b in zip(y.T, z.T, strict=True)
        ]
        return np.mean(each) / 2
    if kind == "quantile":
        gap = np.log1p(np.exp(z))
        q = np.stack(
            [
                z[:, 2] - gap[:, 1] - gap[:, 0],
                z[:, 2] - gap[:, 1],
                z[:, 2],
                z[:, 2] + gap[:, 3],
            ],
            axis=1,
        )
        each = [
            mean_pinball_loss(y[:, 0], q[:, k], alpha=level, sample_weight=weight)
            for k, level in enumerate(LEVELS)
        ]
        return np.mean(each)
    n = y.shape[1]
    std = np.sqrt(np.log1p(np.exp(z[:, n:])) + SMALLEST_VARIANCE)
    return np.average(-norm.logpdf(y, z[:, :n], std).mean(axis=1), weights=weight)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("kind", OPTIONS)
def test_each_loss_is_that_of_other_libraries(kind, n_outputs, weighted):
    if kind == "quantile" and n_outputs > 1:
        n_outputs = 1
    logits, y = draw(kind, n_outputs)
    weight = rng(3).random(N) + 0.1 if weighted else None
    found = loss_of(NumberLoss(kind, **OPTIONS[kind]), logits, y, weight)
    assert found == pytest.approx(oracle(kind, logits, y, weight), rel=1e-12)


@pytest.mark.parametrize("kind", OPTIONS)
def test_gradients(kind):
    """As finite differences have them."""
    logits, y = draw(kind)
    z = torch.from_numpy(logits).requires_grad_()
    batch = {"y": torch.from_numpy(y)}
    loss = NumberLoss(kind, **OPTIONS[kind])
    assert torch.autograd.gradcheck(lambda z: loss(z, batch), z)


@pytest.mark.parametrize("power", [1.0, 1.2, 1.5, 1.9, 2.0, 2.5, 3.0])
def test_deviance_of_every_power(power):
    """scikit-learn's, and its derivative is (m - y) m ** (1 - power)."""
    y = np.abs(rng(4).normal(size=N)) + 0.1
    if power < 2:
        y[:5] = 0.0
    z = torch.from_numpy(rng(5).normal(size=N)).requires_grad_()
    each = half_deviance(z, torch.from_numpy(y), power)
    m = np.exp(z.detach().numpy())
    expected = mean_tweedie_deviance(y, m, power=power)
    assert 2 * each.detach().numpy().mean() == pytest.approx(expected, rel=1e-12)
    each.sum().backward()
    assert_allclose(z.grad, (m - y) * m ** (1 - power), rtol=1e-10)


@pytest.mark.parametrize("kind", OPTIONS)
def test_offset(kind):
    """It is added to the logits of a deviance; of others y has lost it already."""
    logits, y = draw(kind)
    offset = rng(6).normal(size=(N, 1))
    with_offset = NumberLoss(kind, **OPTIONS[kind], has_offset=True)
    found = loss_of(with_offset, logits, np.hstack([y, offset]))
    moved = logits + offset if kind == "deviance" else logits
    assert found == loss_of(NumberLoss(kind, **OPTIONS[kind]), moved, y)


def test_quantiles_by_hand():
    """One logit is a quantile, the others' softplus are distances."""
    z = np.log(np.expm1([[1.0, 2.0, 0.0, 3.0]]) + 1e-300)
    z[0, 2] = 10.0
    found = to_quantiles(torch.from_numpy(z), 2).numpy()
    assert_allclose(found, [[7.0, 8.0, 10.0, 13.0]], rtol=1e-12)


@pytest.mark.parametrize("center", range(5))
def test_quantiles_never_cross(center):
    """Whatever the logits; far below zero a distance is 0, but not less."""
    logits = torch.from_numpy(rng(7).normal(0, 50, (2000, 5)))
    found = to_quantiles(logits, center)
    assert (found.diff(dim=1) >= 0).all()
    assert torch.equal(found[:, center], logits[:, center])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", OPTIONS)
def test_far_logits_have_finite_losses(kind, dtype):
    logits, y = draw(kind)
    logits = torch.tensor(20 * logits, dtype=dtype).requires_grad_()
    loss = NumberLoss(kind, **OPTIONS[kind])(
        logits, {"y": torch.tensor(y, dtype=dtype)}
    )
    loss.backward()
    assert loss.isfinite()
    assert logits.grad.isfinite().all()
