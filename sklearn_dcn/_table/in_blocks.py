"""Memorised crosses of a table read in blocks, and its rows encoded by others."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .encoder import TableEncoder
from .numbers import Scaled, scale_all
from .target_statistics import (
    CrossSums,
    Supervision,
    TargetRows,
    Tell,
    do_nothing,
    to_values,
)

__all__ = ["BlockEncoder"]


class BlockEncoder:
    """Encodes blocks for a fit: of rows that train each by the others.

    Parameters
    ----------
    encoder : TableEncoder
        Its columns are learned.
    """

    def __init__(self, encoder: TableEncoder) -> None:
        self.encoder = encoder
        self.sums: CrossSums | None = None
        self.targets: list[str] = []

    def choose_crosses(
        self,
        columns: list[Any],
        weight: NDArray[np.float64],
        supervision: Supervision,
        n_rows: int,
        tell: Tell = do_nothing,
    ) -> None:
        """Choose crosses by a sample of the rows.

        Parameters
        ----------
        columns : list
            The sample's, encoded.
        weight : ndarray of shape (n,)
        supervision : Supervision
            The target of these rows.
        n_rows : int
            All rows.
        tell : callable, default=do_nothing
        """
        encoder = self.encoder
        crosses = encoder.make_crosses()
        if crosses is None:
            return
        codes = encoder._codes(columns, encoder._cuts)
        rows = TargetRows(codes, weight, supervision)
        crosses.choose(rows, len(encoder.categories), tell, n_rows)
        if crosses.pairs:
            encoder.crosses, self.targets = crosses, rows.targets
            n_targets = len(rows.targets)
            self.sums = CrossSums(crosses, n_targets, rows.is_logit, codes)

    @property
    def has_pairs(self) -> bool:
        """Whether blocks are to be added before rows can be encoded."""
        return self.sums is not None

    def add(
        self,
        X: Any,
        fold: NDArray[np.intp],
        weight: NDArray[np.float64],
        targets: dict[str, NDArray[Any]],
    ) -> None:
        """Add a block to the sums of the crosses."""
        assert self.sums is not None
        values = to_values(weight, [*targets.values()])
        self.sums.add(self._codes(self._columns(X)), fold, values)

    def finish(
        self, X: Any, fold: NDArray[np.intp], weight: NDArray[np.float64]
    ) -> None:
        """End the sums; X is the sample, by which it is seen how numbers spread."""
        if self.sums is None:
            return
        self.sums.finish()
        codes = self._codes(self._columns(X))
        self.sums.fit_scalers(codes, fold, weight, self.targets)

    def encode(
        self,
        X: Any,
        fold: NDArray[np.intp],
        weight: NDArray[np.float64],
        dtype: Any,
        n_threads: int = 1,
    ) -> dict[str, Any]:
        """Return a block as `TableEncoder.transform` does, but each row by others."""
        columns, _ = self.encoder.encode_columns(X, dtype, n_threads)
        statistics: list[Scaled] = []
        if self.sums is not None:
            x = self.sums.of_others(self._codes(columns), fold, weight)
            scalers = self.sums.crosses.scalers
            statistics = scale_all(scalers, x, dtype)
        return self.encoder._assemble(columns, statistics, n_threads)

    def _columns(self, X: Any) -> list[Any]:
        return self.encoder.encode_columns(X, np.float64)[0]

    def _codes(self, columns: list[Any]) -> list[NDArray[Any]]:
        assert self.sums is not None
        wanted = self.sums.crosses.columns
        return self.encoder._codes(columns, self.encoder._cuts, wanted)
