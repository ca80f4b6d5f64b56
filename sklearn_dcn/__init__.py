"""Deep & Cross Networks for mixed tables, as scikit-learn estimators.

The folders follow the path of the data, and imports point one way along it::

    _scan/         rows on disk or in a stream -> blocks
    _table/        a user's table -> ids and floats
    _targets/      y <-> tensor; the losses and their links
    _training/     batches, members, steps, epochs (skorch, in two files)
    network/       embedding -> cross, deep -> logits (torch alone)
    _estimator/    what the estimators share; base.py has `fit`, defaults.py "auto"
    classifier.py, regressor.py, ranker.py, multitask.py

    _analysis/     what a fitted network is asked      -> inspection/
    _files/        bytes: archive, checksum, JSON      -> _saving/, `load`
    preprocessing/, onnx/, presets/, recommend/, datasets/, metrics/

docs/architecture.md shows the folders and the path of a table through `fit` and
`predict`; tests/test_architecture.py lists the imports that are allowed.
"""

from ._files import LoadError
from ._saving import lead_to_moved, load
from ._scan import scan
from ._show_versions import show_versions
from ._version import __version__
from .classifier import DCNClassifier
from .multitask import DCNMultiTask
from .ranker import DCNRanker
from .regressor import DCNRegressor

__all__ = [
    "DCNClassifier",
    "DCNMultiTask",
    "DCNRanker",
    "DCNRegressor",
    "LoadError",
    "__version__",
    "load",
    "scan",
    "show_versions",
]

lead_to_moved()
