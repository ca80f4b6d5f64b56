"""What the target was for levels and pairs: crosses, encoders of the user."""

from .column_statistics import ColumnStatistics
from .cross_codes import bin_codes, cuts_of
from .crosses import CrossStatistics
from .folds import Supervision, Tell, do_nothing
from .foreign_encoders import copy_unfitted

__all__ = [
    "ColumnStatistics",
    "CrossStatistics",
    "Supervision",
    "Tell",
    "bin_codes",
    "copy_unfitted",
    "cuts_of",
    "do_nothing",
]
