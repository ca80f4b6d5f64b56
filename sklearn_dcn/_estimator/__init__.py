"""What classifier and regressor share. `base.py` has `fit`, step by step."""

from .base import BaseDCN
from .defaults import resolve_device
from .parameters import RULES, check_parameters
from .predicting_files import ScoresScans
from .rivals import naming_rivals
from .rows import Rows
from .saving import FORMAT, FORMAT_VERSION, MAX_CONFIG, SPELLING, SavesToFile

__all__ = [
    "BaseDCN",
    "FORMAT",
    "FORMAT_VERSION",
    "MAX_CONFIG",
    "RULES",
    "Rows",
    "SPELLING",
    "SavesToFile",
    "ScoresScans",
    "check_parameters",
    "naming_rivals",
    "resolve_device",
]
