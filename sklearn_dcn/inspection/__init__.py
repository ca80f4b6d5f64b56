"""What a fitted network does with its columns, in pictures."""

from ._displays import ExplanationDisplay, InteractionDisplay
from ._embedding_map import EmbeddingDisplay
from ._training_curve import TrainingCurveDisplay

__all__ = [
    "EmbeddingDisplay",
    "ExplanationDisplay",
    "InteractionDisplay",
    "TrainingCurveDisplay",
]
