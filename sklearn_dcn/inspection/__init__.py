"""What a fitted network does with its columns: crosses, and explanations of rows."""

from ._explain import Explanation, explain
from ._interactions import interaction_strengths, rank_interactions

__all__ = ["Explanation", "explain", "interaction_strengths", "rank_interactions"]
