"""Lists of items for each user, from tables of interactions, users and items."""

from ._evaluate import evaluate_recommendations
from ._lists import recommend
from ._negatives import item_log_q, sample_negatives
from ._splits import leave_one_out, split_by_time

__all__ = [
    "evaluate_recommendations",
    "item_log_q",
    "leave_one_out",
    "recommend",
    "sample_negatives",
    "split_by_time",
]
