"""Fits that go on from existing weights, as new rows arrive."""

from __future__ import annotations

import copy
from abc import abstractmethod
from typing import Any, Self

import numpy as np

from .._scan import is_scan
from .._training import (
    Encoded,
    Preparation,
    grow_net,
    own_torch,
    set_statistics,
)
from .epochs import Epochs
from .long_fit import FitsLongTables
from .memory import naming_memory
from .parameters import check_continuation, check_parameters
from .rows import Rows
from .scans import read_scan

__all__ = ["GoesOnFitting"]


class GoesOnFitting(FitsLongTables):
    """Later fits of `warm_start`, and `partial_fit`."""

    new_levels: str
    statistics_decay: float | None

    @property
    def _goes_on(self) -> bool:
        """Whether later rows change the encoding."""
        return self.new_levels == "learn" or self.statistics_decay is not None

    def _partial_fit(self, X: Any, y: Any, sample_weight: Any, **start: Any) -> Self:
        check_parameters(self.get_params(deep=False), in_parts=True)
        X, y, sample_weight = read_scan(self, X, y, sample_weight, in_parts=True)
        if not is_scan(X):
            return self._learn_part(X, y, sample_weight, **start)
        for block in X.blocks():
            self._learn_part(block.X, block.y, block.weight, **start)
        return self

    def _learn_part(self, X: Any, y: Any, sample_weight: Any, **start: Any) -> Self:
        first = not hasattr(self, "net_")
        fitted = copy.copy(self)
        with own_torch(self.n_jobs), naming_memory(self):
            rows = fitted._check_rows(
                X, y, sample_weight, reset=first, can_vanish=not first, **start
            )
            if not (first or fitted._has_weight(rows)):
                return self  # nothing to learn from: momentum must not move it either
            tell = self._preparation()
            if first:
                fitted._begin_random()
                encoded, *_ = fitted._learn(rows, tell, False, all_rows=False)
            else:
                encoded = fitted._continue(rows)
            data = fitted._training_table(encoded, rows)
            fitted._train(data, None, Epochs(1), out=tell.out)
            fitted._keep_residuals(None)
        self.__dict__ = fitted.__dict__
        return self

    def _continue(self, rows: Rows) -> Encoded:
        """Encode more rows for the net that is there, none by its own target."""
        check_continuation(self._params_in_fit, self.get_params(deep=False))
        encoder = self.encoder_
        if not self._goes_on:
            return self._encode_again(rows)
        self._target.encode(rows.y)  # where a label is unknown nothing changes
        if self.new_levels == "learn":
            fresh = encoder.learn_levels(rows.X, rows.weight)
            bags = [bag.n_ids for bag in encoder.bags]
            grow_net(self.net_, encoder.cardinalities, bags, fresh)
        w, targets = rows.weight, self._target.columns(rows.y)
        values = np.stack([w, *(w * of for of in targets.values())], axis=1)
        encoded = self._encode_again(rows, learns=(w, values))
        set_statistics(self.net_, encoder.of_unknown)
        return encoded

    # Of `BaseDCN`:

    @abstractmethod
    def _learn(
        self, rows: Rows, tell: Preparation, holds_out: bool, all_rows: bool = ...
    ) -> tuple[Encoded, Rows, Any]:
        """Learn the encoding of table and target, and build the net for it."""
