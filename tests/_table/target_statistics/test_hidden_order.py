"""Rows in an order of time are told from shuffled ones, by kind of drift and target."""

import numpy as np
import pytest
from helpers.memorising import supervise

from sklearn_dcn._roles import RandomRoles
from sklearn_dcn._table.target_statistics.hidden_order import loss_by_order
from sklearn_dcn._table.target_statistics.target_rows import TargetRows

N = 4000


def drifting(seed, kind, drift="day"):
    """Return codes of two columns and a target whose mean is each day's own.

    "day": a column names the day, which never comes again; "turn": what a column tells
    turns into its opposite.
    """
    rng = np.random.default_rng(seed)
    place = np.arange(N)
    codes = np.stack([rng.integers(5, size=N), rng.integers(8, size=N)])
    if drift == "day":
        codes[1] = place * 40 // N
        score = rng.normal(0, 1.5, 40)[codes[1]]
    else:
        score = np.where(place < N / 2, 1.0, -1.0) * rng.normal(0, 1, 8)[codes[1]]
    if kind == "number":
        return codes, score + rng.normal(size=N)
    if kind == "binary":
        return codes, (rng.random(N) < 1 / (1 + np.exp(-score))).astype(int)
    return codes, np.digitize(score + rng.normal(size=N), [-1, 0, 1])


def share(codes, y, kind, order=None, time=None):
    """Return the loss by order of rows in an order, all of one weight."""
    order = np.arange(N) if order is None else order
    y = y[order]
    roles = RandomRoles(N, None if kind == "number" else y, time)
    rows = TargetRows(codes[:, order], np.ones(N), supervise(y, kind, roles=roles))
    return loss_by_order(rows)


@pytest.mark.parametrize("kind", ["binary", "number", "classes"])
@pytest.mark.parametrize("drift", ["day", "turn"])
def test_time_is_seen_and_shuffled_rows_are_not(kind, drift):
    for seed in range(3):
        codes, y = drifting(seed, kind, drift)
        assert share(codes, y, kind) > 0.02
        shuffled = np.random.default_rng(seed).permutation(N)
        assert share(codes, y, kind, shuffled) == 0
        assert share(codes, y, kind, shuffled, time=shuffled) > 0.02


def test_no_order_of_noise():
    """Of fifty tables none."""
    found = []
    for seed in range(50):
        rng = np.random.default_rng(seed)
        codes, y = rng.integers(300, size=(3, N)), rng.integers(2, size=N)
        found.append(share(codes, y, "binary"))
    assert max(found) == 0


@pytest.mark.parametrize("kind", ["binary", "number", "classes"])
def test_rows_sorted_by_the_target_are_in_no_order_of_time(kind):
    codes, y = drifting(0, kind)
    order = np.argsort(y, kind="stable")
    assert share(codes, y, kind, order) == 0
    assert share(codes, y, kind, order[::-1]) == 0


def test_few_rows_are_not_asked():
    rows = TargetRows(np.zeros((1, 6), int), np.ones(6), supervise(np.arange(6) % 2))
    assert loss_by_order(rows) == 0
