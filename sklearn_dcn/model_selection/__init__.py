"""Validation on rows that come day by day: each day is predicted, then learned."""

from ._progressive import progressive_validate
from ._splits import DaySplit

__all__ = ["DaySplit", "progressive_validate"]
