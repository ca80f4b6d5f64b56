"""The Deep & Cross Network in torch alone; usable without the estimators."""

from .cross import CrossNetwork
from .cross_layers import (
    GatedCross,
    LowRankCross,
    MatrixCross,
    MixtureCross,
    VectorCross,
)
from .dcn import DeepCrossNetwork
from .deep import DeepNetwork
from .embedding import EmbeddingStack
from .ensemble import DeepCrossEnsemble
from .numeric import NumericEmbedding
from .vectors import VectorProjections

__all__ = [
    "CrossNetwork",
    "DeepCrossEnsemble",
    "DeepCrossNetwork",
    "DeepNetwork",
    "EmbeddingStack",
    "GatedCross",
    "LowRankCross",
    "MatrixCross",
    "MixtureCross",
    "NumericEmbedding",
    "VectorCross",
    "VectorProjections",
]
