"""What the target was for levels and pairs: crosses, encoders of the user."""

from .column_statistics import ColumnStatistics
from .cross_codes import bin_codes, cuts_of
from .cross_sums import HELD_OUT, CrossSums, to_values
from .cross_totals import CrossTotals
from .crosses import CrossStatistics
from .foreign_encoders import copy_unfitted
from .hidden_order import loss_by_order
from .supervision import Supervision, Tell, do_nothing
from .target_rows import TargetRows

__all__ = [
    "ColumnStatistics",
    "CrossStatistics",
    "CrossSums",
    "CrossTotals",
    "HELD_OUT",
    "Supervision",
    "TargetRows",
    "Tell",
    "bin_codes",
    "copy_unfitted",
    "cuts_of",
    "do_nothing",
    "loss_by_order",
    "to_values",
]
