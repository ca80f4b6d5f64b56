"""The target: y -> tensor and loss; logits -> probabilities, labels or units of y.

A loss and its link function stand here side by side, so the network returns logits
and nothing else knows what they mean. `numbers.py` says which target a regressor's
`loss` stands for.
"""

from .classes import ClassTarget
from .continuous import ContinuousTarget
from .counts import CountTarget
from .gaussian import GaussianTarget
from .labels import LabelsTarget, has_labels
from .numbers import LOG_LINK, NUMBER_LOSSES, check_range, make_target
from .quantiles import QuantileTarget
from .rank_loss import RANK_LOSSES
from .ranking import GAINS, RankTarget, check_groups, check_relevance, gains_of
from .task_columns import TASK_LOSSES, options_of, read_tasks
from .tasks import TasksTarget

__all__ = [
    "GAINS",
    "LOG_LINK",
    "NUMBER_LOSSES",
    "RANK_LOSSES",
    "TASK_LOSSES",
    "ClassTarget",
    "ContinuousTarget",
    "CountTarget",
    "GaussianTarget",
    "LabelsTarget",
    "QuantileTarget",
    "RankTarget",
    "TasksTarget",
    "check_groups",
    "check_range",
    "check_relevance",
    "gains_of",
    "has_labels",
    "make_target",
    "options_of",
    "read_tasks",
]
