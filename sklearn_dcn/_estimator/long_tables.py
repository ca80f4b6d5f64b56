"""The fit of a long table, in memory or from a scan: it reads the blocks a few times.

1. Every column is counted, and a sample is drawn: these decide the encoding.
2. Crosses that were chosen on the sample are summed up.
3. Rows are encoded, and train from memory or from a scratch file.

A row's roles depend only on its number. So a table has the same encoding wherever its
rows are, and the same fit if a buffer holds all of them.
"""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from .._roles import MAX_HELD_OUT, N_FOLDS, HashRoles, LastRoles, Roles, uniform
from .._table import (
    ENCODING,
    HELD_OUT,
    BlockEncoder,
    SampledRows,
    Supervision,
    TableEncoder,
    TableSummary,
    Tell,
    advise,
    learn_summary,
)
from .._training import SeenLevels, TensorTable, joined, take, to_tensors
from .blocks import BlockOfRows, Blocks, ScannedRows
from .defaults import (
    resolve_curves,
    resolve_device,
    resolve_dtype,
)
from .epochs import resolve_early_stopping
from .merging import merge_crosses, merge_masses, merged
from .offsets import left_out
from .rows import HasRows, Rows

__all__ = ["Dealt", "LearnsLongTables", "LongFit"]


N_STRETCHES = 10  # of the rows that train, in an order of time: of each the earlier


class Dealt(NamedTuple):
    """How the rows of a long table are dealt out.

    Attributes
    ----------
    n_rows : int
    share : float
        Share of the rows that validate.
    split_seed, fold_seed : int
    cuts : ndarray or None
        For rows in order of time: where each stretch but the first begins, and where
        the rows that validate begin, as times or row numbers. None is for random rows.
    is_timed : bool
        Whether the cuts are times.
    """

    n_rows: int
    share: float
    split_seed: int
    fold_seed: int
    cuts: NDArray[Any] | None
    is_timed: bool

    @property
    def n_folds(self) -> int:
        """Folds of the rows that train."""
        return N_FOLDS if self.cuts is None else N_STRETCHES

    def folds(self, rows: NDArray[np.intp], time: Any = None) -> NDArray[np.intp]:
        """Return the fold of each row, `HELD_OUT` for those that validate."""
        roles = HashRoles(rows, self.n_rows)
        if self.cuts is None:
            fold = roles.folds(N_FOLDS, self.fold_seed)
            if self.share:
                fold[~roles.training(self.share, 1, self.split_seed)[:, 0]] = HELD_OUT
            return fold
        place = time if self.is_timed else rows
        fold = np.searchsorted(self.cuts, place, side="right")
        return np.where(fold < N_STRETCHES, fold, HELD_OUT)


class LongFit(NamedTuple):
    """What `_learn_long` has found beside the encoder and the net.

    Attributes
    ----------
    encoder : BlockEncoder
    dealt : Dealt
    loss_unit : float or None
        Mean weight in the loss; None where all weights are 1.
    rate : float
        Share of the negatives that are kept.
    """

    encoder: BlockEncoder
    dealt: Dealt
    loss_unit: float | None
    rate: float | None


class LearnsLongTables(HasRows):
    """The encoding of a long table, and its rows encoded block by block."""

    def _learn_long(self, blocks: Blocks, tell: Tell, holds_out: bool) -> LongFit:
        """Learn the encoding of table and target, and build the net for it."""
        device = resolve_device(self.device)
        self._split_seed = self._loss_unit = None
        summary, mass = self._sum_up(blocks, tell)
        n_rows = blocks.n_rows = blocks.some(summary.n_rows)
        blocks.unit = summary.total / n_rows
        self._dtype = resolve_dtype(self.dtype, n_rows, device)
        sample = summary.sampled()
        sample = sample._replace(weight=sample.weight / blocks.unit)
        rows = Rows(*sample[1:], HashRoles(sample.rows, n_rows))
        # A class's rows are as one of all their weight.
        y, weight = rows.y, rows.weight
        if mass:
            y, weight = self._standing_for(mass, rows.y)
            weight = weight / blocks.unit
            if isinstance(blocks, ScannedRows):  # else they are known
                self._check_target(y, None)
        self._target = self._make_target(y, weight)
        options = self._resolve_table(rows, n_rows)
        columns = self._learn_by_summary(rows, summary, sample, options, tell)
        rows = self._find_order(rows, columns)
        self._n_members = self._resolve_members(n_rows)
        dealt = self._deal(n_rows, holds_out, sample.X)
        encoder = self._learn_crosses(blocks, rows, sample, columns, dealt, tell)
        self._begin_net(y, weight, device)  # these stand for those of all rows
        return LongFit(encoder, dealt, *self._loss_units(blocks, y, weight))

    def _sum_up(
        self, blocks: Blocks, tell: Tell
    ) -> tuple[TableSummary, dict[Any, float]]:
        """Read all rows once; return their summary, and the weight of each class."""
        world = blocks.world
        beside = [*left_out(self).values()]
        summary = TableSummary(self.get_params(deep=False), blocks.scratch, beside)
        mass: dict[Any, float] = {}
        if world.size > 1:  # what a column is, is told by the same rows to all
            summary.begin(blocks.head())
        for block in blocks:
            summary.add(*block)
            for label, more in self._masses(block.y, block.weight).items():
                mass[label] = mass.get(label, 0.0) + more
            n = summary.n_rows * world.size
            tell(f"rows counted: {n:,}", min(n / (blocks.n_rows or 2 * n), 1.0))
        return merged(world, summary), merge_masses(world, mass)

    def _learn_by_summary(
        self,
        rows: Rows,
        summary: TableSummary,
        sample: SampledRows,
        options: dict[str, Any],
        tell: Tell,
    ) -> list[Any]:
        """Learn every column by itself; return those of the sample, encoded."""
        self.encoder_ = TableEncoder(**{name: options[name] for name in ENCODING})
        self.encoder_.left_out = [*left_out(self).values()]
        columns = learn_summary(
            self.encoder_,
            summary,
            sample,
            getattr(self, "feature_names_in_", None),
            self._numpy_dtype,
            torch.get_num_threads(),
            self._target.score,
            tell,
            rows.stretch,
        )
        self._end_columns(options)
        return columns

    def _end_columns(self, options: dict[str, Any]) -> None:
        """Tell what was guessed of columns, of any table, and what follows."""
        for text in advise(self.encoder_):
            warnings.warn(text, UserWarning, stacklevel=3)
        curves = options["numeric_embedding"]
        self._numeric_embedding = resolve_curves(
            self.numeric_embedding, curves, self.encoder_.is_seldom
        )

    def _deal(self, n_rows: int, holds_out: bool, X: Any) -> Dealt:
        """Return which rows validate, and which describe each other."""
        share, split_seed = 0.0, 0
        if holds_out and resolve_early_stopping(self.early_stopping, n_rows):
            share = min(self.validation_fraction, MAX_HELD_OUT / n_rows)
            split_seed = self._split_seed = self._draw_seed()
        fold_seed, cuts, time = self._draw_seed(), None, None
        if self.validation_ == "last":
            _, time = self.encoder_.find_time(X)
            steps = np.arange(1, N_STRETCHES + bool(share)) / N_STRETCHES
            cuts = np.rint(steps * (1 - share) * n_rows).astype(np.intp)
            if time is not None:
                cuts = np.sort(time)[(cuts / n_rows * len(time)).astype(np.intp)]
        return Dealt(n_rows, share, split_seed, fold_seed, cuts, time is not None)

    def _folds(self, dealt: Dealt, rows: NDArray[np.intp], X: Any) -> NDArray[np.intp]:
        """Return the fold of each of these rows."""
        return dealt.folds(rows, self._time(dealt, X))

    def _time(self, dealt: Dealt, X: Any) -> NDArray[Any] | None:
        """Return the time of each of these rows, if it tells their folds."""
        return self.encoder_.find_time(X)[1] if dealt.is_timed else None

    def _learn_crosses(
        self,
        blocks: Blocks,
        rows: Rows,
        sample: SampledRows,
        columns: list[Any],
        dealt: Dealt,
        tell: Tell,
    ) -> BlockEncoder:
        """Choose crosses by the sample, and learn them from all rows."""
        encoder = BlockEncoder(
            self.encoder_, self._numpy_dtype, torch.get_num_threads()
        )
        if self.encoder_.memorized_crosses is None:
            return encoder
        fold = self._folds(dealt, sample.rows, sample.X)
        roles: Roles = HashRoles(sample.rows, dealt.n_rows)
        if dealt.cuts is not None:  # a row may be described by earlier ones alone
            roles = LastRoles(len(fold), self._time(dealt, sample.X))
        supervision = Supervision(
            self._target.columns(rows.y),
            self._strata(rows.y) is not None,
            dealt.fold_seed,
            roles,
            (fold != HELD_OUT)[:, None],
        )
        encoder.choose_crosses(
            columns, rows.weight, supervision, dealt.n_rows, dealt.n_folds, tell
        )
        if encoder.has_pairs:
            for block in blocks:
                targets = self._target.columns(block.y)
                fold_of = self._folds(dealt, block.rows, block.X)
                encoder.add(block.X, fold_of, block.weight, targets)
                n = block.start + len(block.y)
                tell(f"crosses: {n:,} of {dealt.n_rows:,} rows", n / dealt.n_rows)
            merge_crosses(blocks.world, encoder)
        encoder.finish(columns, fold, rows.weight)
        return encoder

    def _loss_units(
        self, blocks: Blocks, y: NDArray[Any], weight: NDArray[np.float64]
    ) -> tuple[float | None, float | None]:
        """Return the mean weight in the loss, and which share of negatives is kept."""
        _, own = self._encode_target(y, weight)
        mean = float(own.sum() / weight.sum())
        self._loss_unit = mean
        is_plain = not blocks.has_weights and bool((own == weight * mean).all())
        return None if is_plain else mean, getattr(self, "negative_sampling", None)

    # The rows, encoded ----------------------------------------------------------------

    def _encode_long(
        self, fit: LongFit, block: BlockOfRows, seen: SeenLevels
    ) -> tuple[TensorTable | None, TensorTable | None]:
        """Return the rows of a block that train, and those that validate."""
        fold = self._folds(fit.dealt, block.rows, block.X)
        encoded = to_tensors(fit.encoder.encode(block.X, fold, block.weight))
        trains = np.flatnonzero((fold != HELD_OUT) & self._is_drawn(fit, block))
        held = np.flatnonzero(fold == HELD_OUT)
        tables = [self._long_tensors(fit, encoded, block, at) for at in (trains, held)]
        train, valid = tables
        if train is not None:
            seen.add(train.x)
            if fit.rate is not None:
                y = train.target["y"]
                train.target["offset"] = torch.full_like(y, -np.log(fit.rate))
        return train, valid

    def _is_drawn(self, fit: LongFit, block: BlockOfRows) -> NDArray[np.bool_]:
        """Tell which rows are among those that train, as sampled negatives are."""
        if fit.rate is None:
            return np.ones(len(block.y), dtype=bool)
        drawn = uniform(block.rows, fit.dealt.fold_seed + 1) < fit.rate
        return np.asarray(drawn | (block.y != self._target.classes[0]))

    def _long_tensors(
        self, fit: LongFit, encoded: Any, block: BlockOfRows, at: NDArray[np.intp]
    ) -> TensorTable | None:
        if not len(at):
            return None
        y, weight = self._encode_target(block.y[at], block.weight[at])
        w = None
        if fit.loss_unit is not None:
            w = torch.from_numpy(weight / fit.loss_unit).to(self._dtype)
        x = encoded if len(at) == len(block.y) else take(encoded, torch.from_numpy(at))
        return TensorTable(x, self._target.tensor(y, self._dtype), w)

    def _hold_long(
        self, valid: list[TensorTable], seen: SeenLevels
    ) -> TensorTable | None:
        """Return the rows that validate, of levels that the others have."""
        if not valid:
            return None
        table = joined(valid)
        table.x = seen.hide(table.x)
        return table

    # Hooks of the subclasses ----------------------------------------------------------

    def _masses(self, y: NDArray[Any], weight: NDArray[np.float64]) -> dict[Any, float]:
        """Return the weight of the rows of each class, if there are classes."""
        return {}

    def _standing_for(
        self, mass: dict[Any, float], y: NDArray[Any]
    ) -> tuple[NDArray[Any], NDArray[np.float64]]:
        """Return targets such as `y`, and weights, that have these masses."""
        raise NotImplementedError
