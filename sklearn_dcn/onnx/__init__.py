"""A fitted estimator as one ONNX graph, from raw columns to probabilities."""

try:
    import onnx as _onnx  # noqa: F401
except ImportError as error:
    raise ImportError(
        "sklearn_dcn.onnx needs the package onnx: pip install 'sklearn-dcn[onnx]'."
    ) from error

from ._export import export
from .inputs import make_inputs

__all__ = ["export", "make_inputs"]
