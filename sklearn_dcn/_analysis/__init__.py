"""What a fitted network is asked: mixes of rows, effects of columns, layers."""

from .importances import total_effects
from .layers import Layer, get_layers
from .loss_curve import training_curve
from .mixing import Floats, MixedLogits, Pool, import_pandas, join, output_names, whole
from .weight_norms import block_norms

__all__ = [
    "Floats",
    "Layer",
    "MixedLogits",
    "Pool",
    "block_norms",
    "get_layers",
    "import_pandas",
    "join",
    "output_names",
    "total_effects",
    "training_curve",
    "whole",
]
