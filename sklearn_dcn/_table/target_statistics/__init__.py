"""What the target was for levels and pairs: crosses, encoders of the user."""

from .column_statistics import ColumnStatistics
from .cross_codes import bin_codes, cuts_of
from .crosses import CrossStatistics
from .foreign_encoders import copy_unfitted
from .supervision import Supervision, Tell, do_nothing

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
