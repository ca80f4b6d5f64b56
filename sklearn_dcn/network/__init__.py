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
from .dense_cross import OnlyDenseCross
from .embedding import EmbeddingStack
from .ensemble import DeepCrossEnsemble
from .masked_layers import ExponentialCross, LinearCross
from .numeric import NumericEmbedding
from .pair_logit import PairLogit
from .vectors import VectorProjections

__all__ = [
    "CrossNetwork",
    "DeepCrossEnsemble",
    "DeepCrossNetwork",
    "DeepNetwork",
    "EmbeddingStack",
    "ExponentialCross",
    "GatedCross",
    "LinearCross",
    "LowRankCross",
    "MatrixCross",
    "MixtureCross",
    "NumericEmbedding",
    "OnlyDenseCross",
    "PairLogit",
    "VectorCross",
    "VectorProjections",
]
