"""The small factorisation machine: its equation, its steps, what it finds."""

from itertools import combinations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import expit
from sklearn.metrics import log_loss

from sklearn_dcn._table.target_statistics import factorised
from sklearn_dcn._table.target_statistics.factorised import FactorisationMachine

SIZES = [7, 4, 5]


def machine(is_logit=True, seed=0):
    made = FactorisationMachine(SIZES, is_logit, np.random.RandomState(seed))
    made.w_0 = 0.3
    made.w[:] = np.random.default_rng(seed).normal(size=len(made.w))
    made.v[:] = np.random.default_rng(seed).normal(size=made.v.shape)
    return made


def by_hand(made, codes):
    """Return z of one row by Rendle's equation, pair by pair."""
    levels = [int(s + c) for s, c in zip(made.starts, codes, strict=True)]
    z = made.w_0 + sum(made.w[i] for i in levels)
    return z + sum(made.v[i] @ made.v[j] for i, j in combinations(levels, 2))


def draw(n, seed=0):
    rng = np.random.default_rng(seed)
    return np.stack([rng.integers(size, size=n) for size in SIZES])


def test_its_equation():
    made, codes = machine(), draw(50)
    z = made._logits(codes.T + made.starts)[0]
    assert_allclose(z, [by_hand(made, row) for row in codes.T], atol=1e-4)


@pytest.mark.parametrize("is_logit", [True, False])
def test_a_step_is_that_of_adagrad(is_logit, monkeypatch):
    """Along the finite differences of the batch's loss, each by its own size."""
    monkeypatch.setattr(factorised, "DECAY", 0.0)
    made, codes = machine(is_logit), draw(20)
    rng = np.random.default_rng(1)
    y, weight = rng.integers(2, size=20).astype(float), rng.uniform(0.5, 2, 20)

    def loss():
        z = np.array([by_hand(made, row) for row in codes.T])
        p = expit(z)
        if is_logit:
            return -weight @ (y * np.log(p) + (1 - y) * np.log(1 - p))
        return weight @ (z - y) ** 2 / 2

    made.v, made.w = made.v.astype(float), made.w.astype(float)
    slopes = {}
    for name, at in (("v", (3, 2)), ("v", (8, 0)), ("w", (5,)), ("w", (12,))):
        values, kept = getattr(made, name), getattr(made, name)[at]
        values[at] = kept + 1e-4
        up = loss()
        values[at] = kept - 1e-4
        slopes[name, at] = (up - loss()) / 2e-4
        values[at] = kept
    before = {(name, at): getattr(made, name)[at] for name, at in slopes}
    made._step(codes.T + made.starts, y, weight)
    for (name, at), g in slopes.items():
        move = factorised.RATE * g / np.sqrt(factorised.ACCUMULATED + g**2)
        moved = before[name, at] - getattr(made, name)[at]
        assert moved == pytest.approx(move, rel=1e-3)


def test_products_are_found_and_noise_is_not():
    """Of a planted product more than single levels tell; of none only the mean."""
    rng = np.random.default_rng(0)
    n, sizes = 12_000, [60, 50]
    a, b = (rng.integers(size, size=n) for size in sizes)
    u, v = rng.normal(size=(60, 2)), rng.normal(size=(50, 2))
    fit, test = np.arange(9000), np.arange(9000, n)
    for score in ((u[a] * v[b]).sum(axis=1), np.zeros(n)):
        p = expit(score)
        y = (rng.random(n) < p).astype(float)
        made = FactorisationMachine(sizes, True, np.random.RandomState(0))
        z = made.fit_predict([a, b], y, np.ones(n), fit, test)
        loss = log_loss(y[test], expit(z))
        if score.any():
            assert loss < 0.5 * (np.log(2) + log_loss(y[test], p[test]))
        else:
            assert loss < np.log(2) + 0.01


def test_what_is_learned_follows_weights():
    """Rows without one are as if absent."""
    codes, rng = draw(600), np.random.default_rng(0)
    y = rng.integers(2, size=600).astype(float)
    weight = np.ones(600)
    weight[:300] = 0
    fit, test = np.arange(500), np.arange(500, 600)
    other = y.copy()
    other[:300] = 1 - y[:300]
    first, second = (
        FactorisationMachine(SIZES, True, np.random.RandomState(0)).fit_predict(
            codes, target, weight, fit, test
        )
        for target in (y, other)
    )
    assert_allclose(first, second)
