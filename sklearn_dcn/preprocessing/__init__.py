"""The steps of the estimators' encoding, one by one, for pipelines and other models."""

from ._bag_column import BagColumn
from ._embedder import CategoricalEmbedder
from ._encoder import CategoryEncoder
from ._normalizer import ContinuousNormalizer
from ._preprocessor import is_preprocessor as is_preprocessor
from ._preprocessor import make_dcn_preprocessor

__all__ = [
    "BagColumn",
    "CategoricalEmbedder",
    "CategoryEncoder",
    "ContinuousNormalizer",
    "make_dcn_preprocessor",
]
