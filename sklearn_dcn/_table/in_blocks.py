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
    """Encodes blocks for a fit: training rows are described by the other rows.

    Parameters
    ----------
    encoder : TableEncoder
        Its columns must have been learned.
    dtype : dtype
        The dtype of encoded numbers, as in predictions.
    n_threads : int, default=1
    """

    def __init__(self, encoder: TableEncoder, dtype: Any, n_threads: int = 1) -> None:
        self.encoder, self.dtype, self.n_threads = encoder, dtype, n_threads
        self.sums: CrossSums | None = None
        self.targets: list[str] = []

    def choose_crosses(
        self,
        columns: list[Any],
        weight: NDArray[np.float64],
        supervision: Supervision,
        n_rows: int,
        n_folds: int,
        tell: Tell = do_nothing,
    ) -> None:
        """Choose crosses by a sample of the rows.

        Parameters
        ----------
        columns : list
            The encoded columns of the sample.
        weight : ndarray of shape (n,)
        supervision : Supervision
            The target of these rows.
        n_rows : int
            Number of all rows.
        n_folds : int
            Of those that train. If the roles of the sample have a rank, folds follow
            each other in time, and a row is described by those of earlier ones.
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
            self.sums = CrossSums(
                crosses,
                len(rows.targets),
                rows.is_logit,
                codes,
                n_folds,
                is_ordered=rows.rank is not None,
            )

    @property
    def has_pairs(self) -> bool:
        """Whether blocks must be added before rows can be encoded."""
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
        columns, _ = self.encoder.encode_columns(X, self.dtype, self.n_threads)
        self.sums.add(self._codes(columns), fold, values)

    def parts(self) -> list[NDArray[np.float64]]:
        """Return the sums; sums of other rows may be added to them."""
        return [] if self.sums is None else self.sums.parts()

    def finish(
        self, columns: list[Any], fold: NDArray[np.intp], weight: NDArray[np.float64]
    ) -> None:
        """End the sums; `columns` are the sample's, which tell how numbers spread."""
        if self.sums is None:
            return
        self.sums.finish()
        self.sums.fit_scalers(self._codes(columns), fold, weight, self.targets)

    def encode(
        self,
        X: Any,
        fold: NDArray[np.intp],
        weight: NDArray[np.float64],
    ) -> dict[str, Any]:
        """Encode a block as `TableEncoder.transform`, but each row by others."""
        columns, _ = self.encoder.encode_columns(X, self.dtype, self.n_threads)
        statistics: list[Scaled] = []
        if self.sums is not None:
            x = self.sums.of_others(self._codes(columns), fold, weight)
            scalers = self.sums.crosses.scalers
            statistics = scale_all(scalers, x, self.dtype)
        return self.encoder._assemble(columns, statistics, self.n_threads)

    def _codes(self, columns: list[Any]) -> list[NDArray[Any]]:
        assert self.sums is not None
        wanted = self.sums.crosses.columns
        return self.encoder._codes(columns, self.encoder._cuts, wanted)
