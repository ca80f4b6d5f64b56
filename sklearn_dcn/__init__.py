"""Deep & Cross Networks for mixed tables, as scikit-learn estimators.

The data flows one way, a file for each stage::

    table            _table.py        any table -> columns (_columns.py, _lists.py)
      -> encoding    _encoding.py     columns by kind; _categories.py: level -> id
                                      _bags.py: several levels -> ids with weights
                                      _numbers.py: number -> normalised float
                                      _scaled.py: such columns side by side
                                      _crosses.py: pairs of levels -> statistics
                                      _statistics.py: encoders of category-encoders
                                      _schema.py: what was found, in print
      -> target      _targets.py      y <-> tensor; loss and link function
      -> batches     _members.py      who trains, who validates which network
                     _net.py          slices of tensors; steps and epochs
                     _training.py     early stopping, the end of a fit
                     _calibration.py  logits scaled and shifted by held-out rows
                     _steps.py        learning rates, clipping, average of weights
                     _progress.py     how far a fit is; _callbacks.py: scikit-learn's
      -> network     network/         embedding -> cross, deep -> logits (torch alone)

`classifier.py` and `regressor.py` hold the public estimators, `_base.py` what they
share: `fit`, step by step; `_summary.py` has what a notebook shows, `_inspecting.py`
what an estimator says of its columns by itself. `inspection/` asks what a fitted
network crosses, and draws it; `onnx/` exports it. `preprocessing/` has the steps of the
encoding as transformers, `metrics.py` measures of probabilities, `presets.py` the
published recipes and search spaces.
"""

from ._archive import LoadError
from ._loading import load
from ._show_versions import show_versions
from ._version import __version__
from .classifier import DCNClassifier
from .regressor import DCNRegressor

__all__ = [
    "DCNClassifier",
    "DCNRegressor",
    "LoadError",
    "__version__",
    "load",
    "show_versions",
]
