"""What a fitted estimator does with new tables, whatever its target."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted, validate_data

from .._scan import Scan
from .._table import (
    TableEncoder,
    check_table,
    has_columns,
    header,
    is_records,
    records_to_array,
)
from .._training import (
    DCNNet,
    Encoded,
    own_torch,
    predict_logits,
    predict_stack,
    to_tensors,
)
from ..network.ensemble import Network
from .inspecting import InspectsColumns
from .offsets import left_out, read_offset
from .scans import scan_of
from .summarizing import Summarizes

__all__ = ["PredictsLogits"]


class PredictsLogits(InspectsColumns, Summarizes):
    """Tables in, logits out, by a fitted encoder and net."""

    encoder_: TableEncoder
    net_: DCNNet
    _dtype: torch.dtype  # of the weights
    _target: Any  # ClassTarget or ContinuousTarget

    @property
    def _numpy_dtype(self) -> Any:
        return np.float64 if self._dtype == torch.float64 else np.float32

    @property
    def module_(self) -> Network:
        """The fitted torch module."""
        return self.net_.module_

    def _check_X(self, X: Any, *, reset: bool) -> Any:
        names = None if reset else getattr(self, "feature_names_in_", None)
        if names is not None and is_records(X):
            encoder = self.encoder_
            lists = [encoder.names[k] for k in (*encoder.lists, *encoder.vectors)]
            return records_to_array(X, dict.fromkeys(names), lists)
        X = check_table(X)
        if names is not None and has_columns(X, names):
            return X  # what validate_data would find at ten times the cost
        validate_data(self, header(X), reset=reset, skip_check_array=True)
        return X

    def _encode(self, X: Any) -> Encoded:
        """Encode a checked table as `fit` learned to."""
        n_threads = torch.get_num_threads()
        return to_tensors(self.encoder_.transform(X, self._numpy_dtype, n_threads))

    def _logits(self, X: Any) -> NDArray[np.float64]:
        """Return the network's output for a table, of shape (n_samples, d_out)."""
        check_is_fitted(self, "net_")
        scan = scan_of(X)
        if scan is not None:
            each = [self._logits(X) for X, _ in self._scanned(scan)]
            return np.concatenate(each)
        X = self._check_X(X, reset=False)
        with own_torch(self.n_jobs):
            blocks = self.encoder_.transform_in_blocks(
                X, self._numpy_dtype, torch.get_num_threads()
            )
            logits = np.concatenate(
                [predict_logits(self.net_, to_tensors(block)) for block in blocks]
            )
        if not np.isfinite(logits).all():
            row = int(np.flatnonzero(~np.isfinite(logits).all(axis=1))[0])
            raise ValueError(
                f"The network's output is not finite, first in row {row} of X: its "
                "numbers are too far outside those of fit. Use "
                "numeric_transform='quantile' or 'robust', or clip them."
            )
        return self._shifted(X, logits)

    def _with_offset(self, X: Any, y: NDArray[Any]) -> NDArray[Any]:
        """Return the target with the offset of each row beside it, if there is one."""
        offset = read_offset(self, X)
        if offset is None:
            return y
        if y.ndim == 2:
            name = " and ".join(left_out(self))
            raise ValueError(
                f"{name} must be None for a target of several outputs; got y of shape "
                f"{y.shape}. Fit one estimator to each output."
            )
        return np.column_stack([y, offset])

    def _shifted(self, X: Any, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the network's output with the offset of a checked table, if any."""
        offset = read_offset(self, X)
        if offset is None:
            return logits
        shift = self._target.shift(offset[:, None])
        found: NDArray[np.float64] = self._target.shifted(logits, shift)
        return found

    def _scanned(
        self, scan: Scan, beside: Sequence[str] | None = None
    ) -> Iterator[tuple[Any, Any]]:
        """Yield the columns of `fit` in blocks of a scan, and others beside them."""
        names = getattr(self, "feature_names_in_", None)
        if names is None:
            raise TypeError(
                "A scan has named columns, but fit was given a table without names. "
                "Fit to a DataFrame or a scan."
            )
        scan = copy.copy(scan)
        scan.choose_columns([str(name) for name in names])
        for block in scan.blocks(with_target=False, beside=beside):
            yield block.X, block.beside

    def _stack(self, X: Any) -> NDArray[np.float64]:
        """Return x_0 of a checked table, of shape (n_samples, d)."""
        with own_torch(self.n_jobs):
            return predict_stack(self.net_, self._encode(X))

    def __sklearn_tags__(self) -> Any:
        """Say what scikit-learn may expect."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        # Strings are welcome, but the tag would ask that dicts in cells are as well.
        tags.input_tags.string = False
        return tags
