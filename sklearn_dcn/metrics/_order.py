"""Rows in the order of their scores, group after group."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_array, check_consistent_length, column_or_1d

from .._checks import check_count
from .._table import check_weight
from .._targets import check_groups, check_relevance

__all__ = ["Floats", "Integers", "Order", "order_rows"]

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]


class Order(NamedTuple):
    """Rows in the order of their groups, then of their scores, the greatest first.

    `place` is from 0 in each group, and `tie` the number of a run of equal scores.
    """

    y: Floats
    group: Integers
    place: Integers
    tie: Integers
    weight: Floats

    def sums(self, values: Floats) -> Floats:
        """Return the sum of each group."""
        return np.bincount(self.group, values).astype(np.float64)

    def of_ties(self, values: Floats) -> Floats:
        """Return, for each row, the mean over the rows of the same score."""
        return (np.bincount(self.tie, values) / np.bincount(self.tie))[self.tie]

    def first_hits(self) -> tuple[Integers, Integers, Integers, Integers]:
        """Return the first tie with a relevant row, of each group that has one.

        As its group, the rows before it, how many it has, and how many are relevant.
        """
        relevant = np.bincount(self.tie, self.y > 0).astype(np.intp)
        starts = np.flatnonzero(np.diff(self.tie, prepend=-1))
        ties = np.flatnonzero(relevant)
        group, at = np.unique(self.group[starts[ties]], return_index=True)
        ties = ties[at]
        return (
            group,
            self.place[starts[ties]],
            np.bincount(self.tie)[ties],
            relevant[ties],
        )

    def spread(self, groups: Integers, values: Any) -> Floats:
        """Return values of some of the groups as those of all, else 0."""
        found = np.zeros(self.group[-1] + 1)
        found[groups] = values
        return found

    def mean(self, scores: Floats) -> float:
        """Return the mean score of groups with a relevant row, by their weights."""
        weight = self.sums(self.weight) / np.bincount(self.group)
        weight = np.where(self.sums(self.y) > 0, weight, 0.0)
        if not weight.any():
            raise ValueError(
                "sample_weight must leave some weight to a group with a relevant row; "
                "got only zeros for these."
            )
        return float(np.average(scores, weights=weight))


def order_rows(
    y_true: Any, y_score: Any, groups: Any, k: int | None, sample_weight: Any = None
) -> Order:
    """Return checked rows in order."""
    if k is not None:
        check_count("k", k, minimum=1, also="None")
    y = check_relevance(y_true, "y_true")
    score = check_array(
        y_score, ensure_2d=False, dtype=[np.float64, np.float32], input_name="y_score"
    )
    score = column_or_1d(score)
    check_consistent_length(y, score)
    if not y.any():
        raise ValueError(
            "y_true must have a row of relevance above 0; got only zeros. Score more "
            "rows at once."
        )
    group = check_groups(groups, len(y), "groups")
    weight = check_weight(sample_weight, len(y), "sample_weight")
    order = np.lexsort((-score, group))
    group, score = group[order], score[order]
    is_first = np.diff(group, prepend=-1) != 0
    starts = np.flatnonzero(is_first)
    is_new = is_first | (np.diff(score, prepend=np.nan) != 0)
    place, tie = np.arange(len(y)) - starts[group], np.cumsum(is_new) - 1
    return Order(y[order], group, place, tie, weight[order])
