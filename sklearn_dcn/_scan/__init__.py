"""Rows that are not in memory, described: `scan`; and read block by block."""

from .scan import Block, Scan, is_scan, scan
from .sources import BLOCK, Source, SourceError, open_source

__all__ = [
    "BLOCK",
    "Block",
    "Scan",
    "Source",
    "SourceError",
    "is_scan",
    "open_source",
    "scan",
]
