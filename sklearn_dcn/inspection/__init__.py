"""What a fitted network does with its columns: crosses, explanations, pictures."""

from ._days import DriftDisplay, ProgressiveValidationDisplay
from ._displays import ExplanationDisplay, InteractionDisplay
from ._drift import Drift, drift
from ._effect import EffectDisplay
from ._embedding_map import EmbeddingDisplay
from ._explain import Explanation, explain
from ._interactions import interaction_strengths, rank_interactions
from ._training_curve import TrainingCurveDisplay

__all__ = [
    "Drift",
    "DriftDisplay",
    "EffectDisplay",
    "EmbeddingDisplay",
    "Explanation",
    "ExplanationDisplay",
    "InteractionDisplay",
    "ProgressiveValidationDisplay",
    "TrainingCurveDisplay",
    "drift",
    "explain",
    "interaction_strengths",
    "rank_interactions",
]
