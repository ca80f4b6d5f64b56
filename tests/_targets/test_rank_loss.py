"""The losses of rankings against loops over pairs, finite differences, identities."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy.special import expit

from sklearn_dcn._targets import rank_loss
from sklearn_dcn._targets.rank_loss import RANK_LOSSES, RankLoss

KINDS = pytest.mark.parametrize("kind", RANK_LOSSES)
GAINS = pytest.mark.parametrize("gain", ["exponential", "linear"])


def draw(n=60, n_groups=9, seed=0):
    """Return scores, grades, groups in any order, and weights, some of them 0."""
    rng = np.random.default_rng(seed)
    weight = rng.random(n) + 0.2
    weight[::7] = 0.0
    return (
        rng.normal(size=n),
        rng.integers(0, 4, n),
        rng.integers(0, n_groups, n),
        weight,
    )


def loss_of(kind, s, y, group, weight=None, truncation=30, gain="exponential", k=10):
    """Return the loss of a batch, and its gradient by the scores."""
    logits = torch.tensor(s[:, None], requires_grad=True)
    target = {"y": torch.tensor(y, dtype=torch.float64), "group": torch.tensor(group)}
    if weight is not None:
        target["weight"] = torch.tensor(weight)
    loss = RankLoss(kind, k, truncation, gain)(logits, target)
    loss.backward()
    return float(loss.detach()), logits.grad[:, 0].numpy()


def worth(y, gain):
    return 2.0**y - 1 if gain == "exponential" else y.astype(float)


def by_loops(kind, s, y, group, weight, truncation=30, gain="exponential"):
    """Return the loss and its gradient, group by group, pair by pair."""
    total, slope = 0.0, np.zeros(len(s))
    for g in np.unique(group):
        at = np.flatnonzero((group == g) & (weight > 0))
        if len(at) == 0 or len(np.unique(y[at])) < 2:
            continue
        u = weight[at] / weight[at].mean()
        mass = weight[at].sum()
        grades, scores, gains = y[at], s[at], worth(y[at], gain)
        if kind == "softmax":
            q = u * gains / (u @ gains)
            p = np.exp(scores) / (u @ np.exp(scores))
            total -= mass * q @ np.log(p)
            slope[at] -= mass * (q - u * p)
            continue
        rank = np.argsort(np.argsort(-scores))
        discount = 1 / np.log2(rank + 2)
        best = np.sort(gains)[::-1] @ (1 / np.log2(np.arange(len(at)) + 2))
        losses, weights, slopes = [], [], np.zeros(len(at))
        for i in range(len(at)):
            for j in range(len(at)):
                if grades[i] <= grades[j]:
                    continue
                w = u[i] * u[j]
                if kind == "lambdarank":
                    if min(rank[i], rank[j]) >= truncation:
                        continue
                    swap = (gains[i] - gains[j]) * (discount[i] - discount[j]) / best
                    w *= abs(swap)
                losses.append(w * np.log1p(np.exp(scores[j] - scores[i])))
                weights.append(w)
                rho = w * expit(scores[j] - scores[i])  # Burges' lambda
                slopes[i] -= rho
                slopes[j] += rho
        unit = mass / (sum(weights) if kind == "pairwise" else 1.0)
        total += unit * sum(losses)
        slope[at] += unit * slopes
    return total / len(s), slope / len(s)


# The losses ---------------------------------------------------------------------------


@KINDS
@GAINS
@pytest.mark.parametrize("truncation", [1, 3, 30])
def test_losses_and_gradients_are_those_of_loops_over_pairs(kind, gain, truncation):
    s, y, group, weight = draw()
    how = {"truncation": truncation, "gain": gain}
    loss, slope = loss_of(kind, s, y, group, weight, **how)
    expected, of_pairs = by_loops(kind, s, y, group, weight, **how)
    assert loss == pytest.approx(expected, rel=1e-12)
    assert_allclose(slope, of_pairs, atol=1e-14)


@KINDS
def test_gradients_are_finite_differences(kind):
    s, y, group, weight = draw(24, 4)
    target = {
        "y": torch.tensor(y, dtype=torch.float64),
        "group": torch.tensor(group),
        "weight": torch.tensor(weight),
    }
    loss = RankLoss(kind, 10, 30, "exponential")
    logits = torch.tensor(s[:, None], requires_grad=True)
    assert torch.autograd.gradcheck(lambda z: loss(z, target), (logits,))


def test_pairwise_by_hand():
    """One pair, two apart in the wrong order; the loss is divided by the rows."""
    s, y, group = np.array([1.0, 3.0]), np.array([1, 0]), np.array([5, 5])
    loss, slope = loss_of("pairwise", s, y, group)
    assert loss == pytest.approx(2 * np.log1p(np.exp(2.0)) / 2)
    assert_allclose(slope, np.array([-1, 1]) * 2 * expit(2.0) / 2)


def test_softmax_by_hand():
    """Of one relevant row among three it is the cross-entropy of its softmax."""
    s, y, group = np.log([1.0, 2.0, 5.0]), np.array([0, 1, 0]), np.zeros(3, int)
    loss, _ = loss_of("softmax", s, y, group)
    assert loss == pytest.approx(-np.log(2 / 8))


@KINDS
def test_a_shift_of_the_scores_of_a_group_changes_nothing(kind):
    s, y, group, weight = draw()
    loss, slope = loss_of(kind, s, y, group, weight)
    shifted, of_shifted = loss_of(kind, s + 100.0 * group, y, group, weight)
    assert shifted == pytest.approx(loss, rel=1e-9)
    assert_allclose(of_shifted, slope, atol=1e-12)
    sums = np.bincount(group, slope)
    assert_allclose(sums, 0, atol=1e-14)


@KINDS
def test_rows_of_extreme_scores_have_a_finite_loss(kind):
    s, y, group, _ = draw()
    loss, slope = loss_of(kind, 1e4 * s, y, group)
    assert np.isfinite(loss)
    assert np.isfinite(slope).all()
    assert loss > 100


@pytest.mark.parametrize("kind", ["pairwise", "softmax"])
def test_a_row_of_twice_the_weight_is_a_row_twice(kind):
    """Within its group; that weighs by the mean weight of its rows."""
    s, y, group, _ = draw(20, 1)
    weight = np.ones(20)
    weight[3] = 2.0
    loss, slope = loss_of(kind, s, y, group, weight / weight.sum())
    twice = np.append(np.arange(20), 3)
    same, of_rows = loss_of(kind, s[twice], y[twice], group[twice], np.ones(21) / 21)
    # Weights have mean 1 in the group, so that a softmax of more rows has more mass.
    more = np.log(21 / 20) if kind == "softmax" else 0.0
    assert loss * 20 == pytest.approx(same * 21 - more)
    assert_allclose(20 * slope, 21 * np.bincount(twice, of_rows), atol=1e-13)


@KINDS
@pytest.mark.parametrize("training", [True, False])
def test_groups_of_one_relevance_teach_nothing(kind, training):
    s, group = np.array([1.0, 2.0, 3.0, 4.0]), np.array([0, 0, 1, 2])
    loss = RankLoss(kind, 10, 30, "exponential").train(training)
    logits = torch.tensor(s[:, None], requires_grad=True)
    target = {"y": torch.tensor([2.0, 2.0, 0.0, 1.0]), "group": torch.tensor(group)}
    found = loss(logits, target)
    found.backward()
    assert float(found.detach()) == 0.0
    assert not logits.grad.any()


def test_rows_of_weight_0_are_as_if_absent():
    s, y, group, weight = draw()
    for kind in RANK_LOSSES:
        loss, _ = loss_of(kind, s, y, group, weight)
        kept = weight > 0
        same, _ = loss_of(kind, s[kept], y[kept], group[kept], weight[kept])
        assert loss * len(s) == pytest.approx(same * kept.sum(), rel=1e-12)


# Large groups -------------------------------------------------------------------------


def test_large_groups_compare_rows_in_parts(monkeypatch):
    """Every fourth row with each other: the mean over these pairs."""
    s, y, group, _ = draw(80, 1, seed=3)
    monkeypatch.setattr(rank_loss, "MAX_COMPARED", 20)
    loss, slope = loss_of("pairwise", s, y, group)
    i, j = np.nonzero(
        (y[:, None] > y) & (np.arange(80)[:, None] % 4 == np.arange(80) % 4)
    )
    pairs = np.log1p(np.exp(s[j] - s[i]))
    assert loss == pytest.approx(pairs.mean(), rel=1e-12)
    rho = expit(s[j] - s[i]) / len(i)
    expected = np.bincount(j, rho, 80) - np.bincount(i, rho, 80)
    assert_allclose(slope, expected, atol=1e-14)


@KINDS
def test_pairs_that_are_computed_at_once_do_not_matter(kind, monkeypatch):
    s, y, group, weight = draw(200, 12)
    expected = loss_of(kind, s, y, group, weight)
    monkeypatch.setattr(rank_loss, "AT_ONCE", 50)
    found = loss_of(kind, s, y, group, weight)
    assert found[0] == pytest.approx(expected[0], rel=1e-12)
    assert_allclose(found[1], expected[1], atol=1e-15)


@KINDS
def test_memory_grows_with_the_rows_of_a_group(kind):
    """All 900 million pairs of 30,000 rows would take 3.6 GB for each of the parts."""
    rng = np.random.default_rng(0)
    s, y = rng.normal(size=30_000), (rng.random(30_000) < 0.1).astype(int)
    with torch.profiler.profile(
        activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True
    ) as profile:
        loss_of(kind, s, y, np.zeros(len(s), dtype=int))
    largest = max(event.self_cpu_memory_usage for event in profile.events())
    assert 0 < largest < 1e8


# Validation ---------------------------------------------------------------------------


@GAINS
@pytest.mark.parametrize("k", [2, 10, None])
def test_lambdarank_is_validated_by_ndcg(k, gain):
    """1 - NDCG of each group that has unlike rows, times its weight."""
    from sklearn.metrics import ndcg_score

    s, y, group, weight = draw(seed=5)
    loss = RankLoss("lambdarank", k, 30, gain).eval()
    found = loss(
        torch.tensor(s[:, None]),
        {
            "y": torch.tensor(y, dtype=torch.float64),
            "group": torch.tensor(group),
            "weight": torch.tensor(weight),
        },
    )
    total = 0.0
    for g in np.unique(group):
        at = (group == g) & (weight > 0)
        if len(np.unique(y[at])) > 1:
            total += weight[at].sum() * (
                1 - ndcg_score([worth(y[at], gain)], [s[at]], k=k)
            )
    assert float(found) == pytest.approx(total / len(s), rel=1e-12)
