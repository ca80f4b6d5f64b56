"""What the estimators share. `base.py` has `fit`, step by step."""

from .base import BaseDCN
from .defaults import resolve_device
from .multitasking import BaseMultiTask
from .offsets import left_out
from .parameters import RULES, check_parameters
from .predicting_files import ScoresScans
from .ranking import BaseRanker
from .regressing import PredictsNumbers
from .rivals import naming_rivals
from .rows import Rows
from .saving import FORMAT, FORMAT_VERSION, MAX_CONFIG, SPELLING, SavesToFile

__all__ = [
    "BaseDCN",
    "BaseMultiTask",
    "BaseRanker",
    "FORMAT",
    "FORMAT_VERSION",
    "MAX_CONFIG",
    "PredictsNumbers",
    "RULES",
    "Rows",
    "SPELLING",
    "SavesToFile",
    "ScoresScans",
    "check_parameters",
    "left_out",
    "naming_rivals",
    "resolve_device",
]
