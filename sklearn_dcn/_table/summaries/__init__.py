"""What is kept of a table that is read in blocks: summaries that can be added up."""

from .counts import LevelCounts, NumberCounts
from .sample import RowSample

__all__ = ["LevelCounts", "NumberCounts", "RowSample"]
