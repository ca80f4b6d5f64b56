"""Fits and predictions of several processes, on one machine or on many.

`fit` and `predict_to` take the place of the estimator's methods; `on` says where the
processes are. A plain `fit` never waits for others.
"""

from .._world import RankLostError
from ._dask import Dask
from ._engines import Group, Local
from ._fit import fit, predict_to
from ._ray import Ray

__all__ = [
    "Dask",
    "Group",
    "Local",
    "RankLostError",
    "Ray",
    "fit",
    "predict_to",
]
