"""Losses of the order of rows in groups: of pairs, of NDCG, of lists."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["RANK_LOSSES", "RankLoss"]

RANK_LOSSES = ("lambdarank", "pairwise", "softmax")

# Rows of a group that "pairwise" compares with each other: those of a larger one are in
# so large parts, so that its pairs grow with its rows, not with their square.
MAX_COMPARED = 512

# Pairs that are computed at once.
AT_ONCE = 1 << 21


class Rows(NamedTuple):
    """Rows that have others of unlike relevance in their group, group after group.

    `group` is from 0 without gaps, and `weight` is relative to the group's mean.
    """

    score: Tensor
    y: Tensor
    gain: Tensor
    weight: Tensor
    group: Tensor
    group_weight: Tensor  # of shape (n_groups,)

    def sums(self, values: Tensor) -> Tensor:
        """Return the sum of each group."""
        return torch.zeros_like(self.group_weight).index_add(0, self.group, values)

    def by_score(self) -> Rows:
        """Return the rows of each group from the greatest score to the least."""
        at = self.score.detach().argsort(descending=True, stable=True)
        at = at[self.group[at].argsort(stable=True)]
        return self.taken(at)

    def taken(self, at: Tensor) -> Rows:
        """Return the rows in another order."""
        of_rows = (self.score, self.y, self.gain, self.weight, self.group)
        score, y, gain, weight, group = (values[at] for values in of_rows)
        return Rows(score, y, gain, weight, group, self.group_weight)

    def places(self) -> Tensor:
        """Return the place of each row in its group, from 0."""
        size = torch.bincount(self.group)
        start = size.cumsum(0) - size
        return torch.arange(len(self.group), device=size.device) - start[self.group]


class RankLoss(nn.Module):
    r"""Sum over the groups of a batch of :math:`w_g \ell_g`, divided by its rows.

    Rows of weight 0, and groups whose rows have one relevance, have no part in it. With
    scores s, gains G and relative weights u of a group's rows its loss is

    - "pairwise": the mean of :math:`\log(1 + e^{s_j - s_i})` over the pairs of
      :math:`y_i > y_j`, weighted by :math:`u_i u_j`;
    - "lambdarank": the sum of the same over pairs that have a row in the first
      `truncation` places, weighted by :math:`u_i u_j |\Delta NDCG_{ij}|`, what NDCG
      changes by if i and j change places; the weights are constants to the gradient;
    - "softmax": :math:`-\sum_i q_i \log p_i` with :math:`q_i = u_i G_i / \sum u_j G_j`
      and :math:`p_i = e^{s_i} / \sum_j u_j e^{s_j}`.

    The gradients of the first two are computed with the loss, pairs after pairs, so
    that memory is bounded however large a group is.

    Parameters
    ----------
    kind : {"lambdarank", "pairwise", "softmax"}
    k : int or None
        Places of the NDCG that validates "lambdarank": 1 - NDCG@k is its loss then.
    truncation : int
        First places, one row of each of the pairs of "lambdarank" is in.
    gain : {"exponential", "linear"}
        G of relevance.
    """

    def __init__(self, kind: str, k: int | None, truncation: int, gain: str) -> None:
        super().__init__()
        self.kind = kind
        self.k = k
        self.truncation = truncation
        self.gain = gain

    def forward(self, logits: Tensor, target: dict[str, Tensor]) -> Tensor:
        """Return the scalar loss.

        Parameters
        ----------
        logits : tensor of shape (B, 1)
        target : dict of tensors of shape (B,)
            "y", relevance; "group", integers in any order; perhaps "weight".
        """
        rows = self._rows(logits.squeeze(-1), target)
        if not len(rows.group):
            return logits.sum() * 0.0
        if self.kind == "softmax":
            total = _of_lists(rows)
        elif self.kind == "pairwise":
            total = _of_pairs(rows)
        elif self.training:
            total = _of_lambdas(rows.by_score(), self.truncation)
        else:
            total = _of_ndcg(rows.by_score(), self.k)
        return total / len(logits)

    def _rows(self, score: Tensor, target: dict[str, Tensor]) -> Rows:
        """Return the rows that say something, in the order of their groups."""
        y, group = target["y"], target["group"]
        weight = target.get("weight", torch.ones_like(score))
        at = (weight > 0).nonzero().squeeze(1)
        at = at[group[at].argsort(stable=True)]
        code = _count_groups(group[at])
        # A group counts if its greatest relevance is not its least.
        of_group = y.new_zeros(int(code.max()) + 1 if len(code) else 0)
        most = of_group.scatter_reduce(0, code, y[at], "amax", include_self=False)
        least = of_group.scatter_reduce(0, code, y[at], "amin", include_self=False)
        at = at[(most > least)[code]]
        code = _count_groups(group[at])
        w = weight[at].to(score.dtype)
        size = torch.bincount(code)
        total = w.new_zeros(len(size)).index_add(0, code, w)
        gain = torch.exp2(y[at]) - 1 if self.gain == "exponential" else y[at]
        relative = w * (size / total)[code]
        return Rows(score[at], y[at], gain.to(score.dtype), relative, code, total)


def _count_groups(group: Tensor) -> Tensor:
    """Return ascending groups as integers from 0 without gaps."""
    is_new = torch.zeros_like(group)
    is_new[1:] = group.diff() != 0
    return is_new.cumsum(0)


def _of_lists(rows: Rows) -> Tensor:
    """Return the weighted sum of the cross-entropies of groups."""
    group, score = rows.group, rows.score
    top = torch.zeros_like(rows.group_weight)
    top = top.scatter_reduce(0, group, score.detach(), "amax", include_self=False)
    shifted = score - top[group]
    mass = rows.sums(rows.weight * shifted.exp())
    q = rows.weight * rows.gain
    q = q / rows.sums(q)[group]
    loss: Tensor = (q * (mass.log()[group] - shifted) * rows.group_weight[group]).sum()
    return loss


def _of_ndcg(rows: Rows, k: int | None) -> Tensor:
    """Return the weighted sum of 1 - NDCG@k of groups, of rows in their order."""
    place = rows.places()
    discount = 1 / torch.log2(place.to(rows.score.dtype) + 2)
    if k is not None:
        discount = discount * (place < k)
    ndcg = rows.sums(rows.gain * discount) / _best(rows, discount)
    return (rows.group_weight * (1 - ndcg)).sum() + 0.0 * rows.score.sum()


def _best(rows: Rows, discount: Tensor) -> Tensor:
    """Return the greatest DCG of each group, of discounts in the order of places."""
    order = rows.gain.argsort(descending=True)
    order = order[rows.group[order].argsort(stable=True)]
    return rows.sums(rows.gain[order] * discount)


def _of_pairs(rows: Rows) -> Tensor:
    """Return the weighted sum of the mean losses of the pairs of groups."""
    size = torch.bincount(rows.group)
    n_parts = (size + MAX_COMPARED - 1).div(MAX_COMPARED, rounding_mode="floor")
    part = (
        rows.places() % n_parts[rows.group] + (n_parts.cumsum(0) - n_parts)[rows.group]
    )
    order = part.argsort(stable=True)
    rows = rows.taken(order)
    found = _compare(rows, torch.bincount(part), None, None)
    mass = rows.sums(found.mass)
    # A group's parts may have no pair, if these are few and the group is large.
    scale = torch.where(mass > 0, rows.group_weight / mass, 0.0)[rows.group]
    return _with_gradient(rows, found, scale)


def _of_lambdas(rows: Rows, truncation: int) -> Tensor:
    """Return the weighted sum of the losses of LambdaRank, of rows in their order."""
    place = rows.places()
    discount = 1 / torch.log2(place.to(rows.score.dtype) + 2)
    gain = rows.gain / _best(rows, discount)[rows.group]
    found = _compare(
        rows, torch.bincount(rows.group), torch.stack([gain, discount]), truncation
    )
    return _with_gradient(rows, found, rows.group_weight[rows.group])


class Compared(NamedTuple):
    """What comparisons of each row with others give, before it is weighted.

    The sums over pairs are those of the row that has the pair first.
    """

    loss: Tensor
    slope: Tensor  # of the loss by the row's score
    mass: Tensor  # weights of its pairs


def _with_gradient(rows: Rows, found: Compared, scale: Tensor) -> Tensor:
    """Return the sum of losses times `scale`, whose gradient is known."""
    value = (found.loss * scale).sum()
    linear = (found.slope * scale * rows.score).sum()
    return value + (linear - linear.detach())


@torch.no_grad()
def _compare(
    rows: Rows, sizes: Tensor, worth: Tensor | None, truncation: int | None
) -> Compared:
    """Compare rows that are next to each other, in runs of so many.

    Parameters
    ----------
    rows : Rows
    sizes : integer tensor of shape (n_runs,)
    worth : tensor of shape (2, n) or None
        Gain and discount of each row, whose differences weigh a pair.
    truncation : int or None
        First rows of a run, one of which each pair has.
    """
    found = Compared(*(torch.zeros_like(rows.score) for _ in range(3)))
    starts = sizes.cumsum(0) - sizes
    bucket = torch.log2(sizes.double()).ceil()  # runs of like size are computed at once
    for one in sorted(set(bucket.tolist())):
        runs = (bucket == one).nonzero().squeeze(1)
        n_rows = int(sizes[runs].max())
        n_first = n_rows if truncation is None else min(n_rows, truncation)
        for some in runs.split(max(1, AT_ONCE // (n_first * n_rows))):
            places = torch.arange(n_rows, device=sizes.device)
            is_there = places < sizes[some, None]
            at = (starts[some, None] + places).where(is_there, starts[some, None])
            _compare_runs(rows, at, is_there, n_first, worth, found)
    return found


def _compare_runs(
    rows: Rows,
    at: Tensor,
    is_there: Tensor,
    n_first: int,
    worth: Tensor | None,
    found: Compared,
) -> None:
    """Add the comparisons of runs (n_runs, n_rows) of rows at some positions."""
    first = at[:, :n_first]
    places = torch.arange(at.shape[1], device=at.device)
    sign = (rows.y[first].unsqueeze(2) - rows.y[at].unsqueeze(1)).sign()
    u = rows.weight[at] * is_there
    weight = sign.abs() * u[:, :n_first, None] * u[:, None]
    weight *= places > places[:n_first, None]  # each pair once
    if worth is not None:
        for values in worth:
            weight *= (values[first].unsqueeze(2) - values[at].unsqueeze(1)).abs()
    ahead = sign * (rows.score[first].unsqueeze(2) - rows.score[at].unsqueeze(1))
    slope = -weight * sign * torch.sigmoid(-ahead)
    found.loss.index_add_(
        0, first.flatten(), (weight * F.softplus(-ahead)).sum(2).flatten()
    )
    found.mass.index_add_(0, first.flatten(), weight.sum(2).flatten())
    found.slope.index_add_(0, first.flatten(), slope.sum(2).flatten())
    found.slope.index_add_(0, at.flatten(), -slope.sum(1).flatten())
