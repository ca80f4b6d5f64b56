"""Numbers and vectors -> well-behaved floats; ids of values that repeat."""

from .codes import Target, are_codes
from .number_levels import MAX_LEVELS, NumberLevels
from .recent import RecentNumbers, follow
from .scaled import Scaled, fit_scalers, scale, scale_all, scale_cell
from .scaler import N_BINS, NUMERIC_TRANSFORMS, NumberScaler, Seen
from .vectors import VectorMoments, VectorScaler

__all__ = [
    "MAX_LEVELS",
    "NUMERIC_TRANSFORMS",
    "N_BINS",
    "NumberLevels",
    "NumberScaler",
    "RecentNumbers",
    "Scaled",
    "Seen",
    "Target",
    "VectorMoments",
    "VectorScaler",
    "are_codes",
    "fit_scalers",
    "follow",
    "scale",
    "scale_all",
    "scale_cell",
]
