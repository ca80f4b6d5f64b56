"""The fit of a long table: its rows are encoded into memory or a file, then train."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.sparse import issparse

from .._roles import LONG
from .._scan import Scan
from .._table import HELD_OUT, take_rows
from .._training import (
    Checkpoint,
    EncodedAgain,
    Preparation,
    RankTable,
    SeenLevels,
    Spool,
    TensorTable,
    calibrate,
    joined,
    release_memory,
)
from .blocks import Blocks, RowsInMemory, ScannedRows
from .long_tables import Dealt, LearnsLongTables, LongFit
from .merging import merge_held, merge_seen, places
from .rows import Rows
from .scoring import ValidationScore
from .validation import which_way

__all__ = ["FitsLongTables"]


class FitsLongTables(LearnsLongTables):
    """Fits of tables of more than `LONG` rows, in memory or from a scan."""

    def _is_long(self, rows: Rows) -> bool:
        """Tell whether a table in memory is fitted by blocks, as a scan of it would."""
        parameters = self.get_params(deep=False)
        return (
            len(rows.y) > LONG
            and not self.warm_start
            and self.category_encoder is None
            and not issparse(rows.X)
            and which_way(parameters) in ("auto", "random", "last")
            and self.validation_time is None
        )

    def _fit_long(self, rows: Rows, *how: Any) -> None:
        """Fit a long table in memory."""
        blocks = RowsInMemory(*rows[:3])
        blocks.world = self._world
        self._fit_blocks(blocks, *how)

    def _fit_scan(self, scan: Scan, validation: tuple[Any, ...]) -> None:
        """Fit a table that is not in memory."""
        self._begin_random()
        blocks = ScannedRows(
            scan,
            lambda X, reset: self._check_X(X, reset=reset),
            lambda y: self._check_y(y),
            self._with_offset,
        )
        blocks.share(self._world)
        is_shared = self._world.size > 1  # so that a process may have few rows, or none
        if self.checkpoint is not None or validation[0] is not None or is_shared:
            blocks.head()  # names and number of columns, which these compare
        tell = self._preparation()
        given = self._check_validation(validation)
        checkpoint = self._find_checkpoint()
        self._fit_blocks(blocks, given, checkpoint, tell, scan=scan)

    def _fit_blocks(
        self,
        blocks: Blocks,
        given: Any,
        checkpoint: Checkpoint | None,
        tell: Preparation,
        told: tuple[Any, ...] | None = None,
        scan: Scan | None = None,
    ) -> None:
        """Learn from blocks, encode them, and train.

        `given` are validation rows: checked ones, a scan, or None; `told` is what
        callbacks are to see of the others.
        """
        with tell:
            fit = self._learn_long(blocks, tell, holds_out=given is None)
            seen = SeenLevels(self.module_.members[0].embedding)
            data, held = self._encode_rows(fit, blocks, seen, scan, tell)
            merge_seen(self._world, seen)
            held = merge_held(self._world, held)
            dealt = fit.dealt
            del fit  # its sums take room
            release_memory()
        try:
            valid = self._hold_long(held, seen)
            if given is not None:
                valid = self._validation_table({}, None, None, given, warm=False)
            ends_early = valid is not None and bool(self.early_stopping)
            epochs = self._plan_epochs(data, ends_early)
            tasks = self._begin_tasks(epochs.n, *told) if told else []
            score = self._score_of_long(dealt, blocks, given)
            self._train(data, valid, epochs, tasks, checkpoint, score, tell.out)
        finally:
            if isinstance(getattr(data, "spool", None), Spool):
                data.spool.remove()
        if not self._has_whole_tables:
            return
        if valid is not None and ends_early and self.calibrate:
            calibrate(self.net_, valid)
        self._keep_residuals(valid)
        if dealt.share:
            seen.forget(self.module_.members)
        self.net_.optimizer_.state.clear()
        for task in tasks:
            task.end()

    def _encode_rows(
        self,
        fit: LongFit,
        blocks: Blocks,
        seen: SeenLevels,
        scan: Scan | None,
        tell: Preparation,
    ) -> tuple[Any, list[TensorTable]]:
        """Return the rows that train, perhaps in a file, and those that validate."""
        held: list[TensorTable] = []
        n_rows = fit.dealt.n_rows

        def encoded(is_first: bool) -> Iterator[tuple[int, TensorTable]]:
            for block in blocks:
                train, valid = self._encode_long(fit, block, seen)
                if is_first:
                    n = block.start + len(block.y)
                    tell(f"rows encoded: {n:,} of {n_rows:,}", n / n_rows)
                    held.extend([] if valid is None else [valid])
                if train is not None:
                    yield block.start, train

        if scan is None or n_rows <= scan.buffer_rows:
            parts = [*encoded(True)]
            data: Any = joined([table for _, table in parts])
            if self._world.size > 1:
                starts = [(start, len(table)) for start, table in parts]
                data = RankTable(self._world, data, *places(self._world, starts))
            data.epoch_rows = None if scan is None else scan.epoch_rows
        elif scan.cache is None:
            n_train = sum(len(table) for _, table in encoded(True))
            data = EncodedAgain(
                lambda: (table for _, table in encoded(False)),
                n_train,
                scan.buffer_rows,
                scan.epoch_rows,
                sum(self._world.gather(n_train)),
            )
        else:
            data = self._spool(encoded(True), n_rows, scan)
        return data, held

    def _spool(
        self, tables: Iterator[tuple[int, TensorTable]], n_rows: int, scan: Scan
    ) -> Any:
        """Write encoded rows to a scratch file; return them as a table."""
        n_mine = -(-n_rows // self._world.size)
        spool = Spool(None if scan.cache == "auto" else scan.cache, n_mine)
        try:
            for start, table in tables:
                spool.add(start, table)
            n_all = sum(self._world.gather(spool.n_rows))
            return spool.close(scan.buffer_rows, scan.epoch_rows, n_all)
        except BaseException:
            spool.remove()
            raise

    def _score_of_long(self, dealt: Dealt, blocks: Blocks, given: Any) -> Any:
        """Return what scores the rows that validate, if anything is to."""
        if self.scoring in (None, "loss"):
            return None
        if isinstance(given, Rows):
            return ValidationScore(self, given.X, given.y, given.weight)
        if not dealt.share or not isinstance(blocks, RowsInMemory):
            return None
        rows = np.arange(dealt.n_rows)
        at = np.flatnonzero(self._folds(dealt, rows, blocks.X) == HELD_OUT)
        return ValidationScore(
            self, take_rows(blocks.X, at), blocks.y[at], blocks.weight[at]
        )
