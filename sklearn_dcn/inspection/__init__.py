"""What a fitted network does with its columns: crosses, explanations, pictures."""

from ._displays import ExplanationDisplay, InteractionDisplay
from ._effect import EffectDisplay
from ._embedding_map import EmbeddingDisplay
from ._explain import Explanation, explain
from ._interactions import interaction_strengths, rank_interactions
from ._training_curve import TrainingCurveDisplay

__all__ = [
    "EffectDisplay",
    "EmbeddingDisplay",
    "Explanation",
    "ExplanationDisplay",
    "InteractionDisplay",
    "TrainingCurveDisplay",
    "explain",
    "interaction_strengths",
    "rank_interactions",
]
