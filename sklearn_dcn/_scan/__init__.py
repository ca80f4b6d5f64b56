"""Rows that are not in memory, described: `scan`; and read block by block."""

from .scan import Scan, is_scan, scan
from .sources import BLOCK, Source, SourceError, open_source

__all__ = [
    "BLOCK",
    "Scan",
    "Source",
    "SourceError",
    "is_scan",
    "open_source",
    "scan",
]
