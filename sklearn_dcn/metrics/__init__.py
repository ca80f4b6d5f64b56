"""Measures of probabilities where positives are rare, and of rankings; their scorers.

`_probabilities.py` has those of probabilities, `_ranking.py` those of the order of rows
in each group, which `_order.py` finds.
"""

from ._probabilities import (
    expected_calibration_error,
    neg_expected_calibration_error_scorer,
    neg_normalized_entropy_scorer,
    normalized_entropy_score,
)
from ._ranking import (
    group_auc_score,
    group_auc_scorer,
    hit_rate_at_k,
    hit_rate_at_k_scorer,
    mean_reciprocal_rank,
    mean_reciprocal_rank_scorer,
    ndcg_at_k,
    ndcg_at_k_scorer,
)

__all__ = [
    "expected_calibration_error",
    "group_auc_score",
    "group_auc_scorer",
    "hit_rate_at_k",
    "hit_rate_at_k_scorer",
    "mean_reciprocal_rank",
    "mean_reciprocal_rank_scorer",
    "ndcg_at_k",
    "ndcg_at_k_scorer",
    "neg_expected_calibration_error_scorer",
    "neg_normalized_entropy_scorer",
    "normalized_entropy_score",
]
