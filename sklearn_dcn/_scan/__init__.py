"""Rows that are not in memory: `scan` describes them, and they are read in blocks."""

from .base import BLOCK, Source, SourceError
from .parts import Parts, refuse_lists
from .scan import Scan, is_scan, scan

__all__ = [
    "BLOCK",
    "Parts",
    "Scan",
    "Source",
    "SourceError",
    "is_scan",
    "refuse_lists",
    "scan",
]
