"""What is kept of a table that is read in blocks: parts that can be added up."""

from .counts import LevelCounts, NumberCounts
from .sample import SAMPLE_ROWS, RowSample

__all__ = ["LevelCounts", "NumberCounts", "RowSample", "SAMPLE_ROWS"]
