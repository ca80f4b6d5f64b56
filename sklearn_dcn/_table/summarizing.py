"""A long table -> its summary -> an encoder, without all of its rows in memory.

Levels, gaps, extremes and, while they are few, values of numbers are counted in all
rows; means and deviations of vectors are those of all rows. A column's encoder learns
everything else from a sample. A summary is the same however the table is cut into
blocks; its sums are so up to rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from numbers import Integral
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from .._ids import MISSING_ID
from .assigning import assign_columns, find_beside
from .categories import (
    HashedLevels,
    ListLevels,
    Rare,
    TextLevels,
    level_cells,
    stable_hash,
)
from .encoder import TableEncoder
from .learning import ASSIGNING
from .numbers import MAX_LEVELS, NumberLevels, Seen, Target, VectorMoments
from .reading import (
    column_names,
    get_columns,
    join_tables,
    take_rows,
    to_float,
    to_vectors,
)
from .summaries import LevelCounts, NumberCounts, RowSample
from .target_statistics import Tell, do_nothing

__all__ = ["SampledRows", "TableSummary", "learn_summary"]

HEAD = 10_000  # rows that tell what a column is
OWNER_SEED = 0  # of the hashes that tell which process adds up a level
MAX_HELD = 2_000_000  # levels whose counts are in memory, of all columns: about 400 MB


# What is known of a column in all rows.
Counts = LevelCounts | NumberCounts | VectorMoments


class SampledRows(NamedTuple):
    """Some rows: their numbers, table, target and weights."""

    rows: NDArray[np.intp]
    X: Any
    y: NDArray[Any]
    weight: NDArray[np.float64]


class Part(NamedTuple):
    """Rows of one block in a sample."""

    X: Any
    y: NDArray[Any]
    weight: NDArray[np.float64]

    def take(self, at: NDArray[np.intp]) -> Part:
        return Part(take_rows(self.X, at), self.y[at], self.weight[at])


class TableSummary:
    """What an encoder learns from, added up block by block.

    Parameters
    ----------
    options : dict
        Parameters of the encoding by name.
    scratch : str or None, default=None
        The folder that counts go to beyond `MAX_HELD` levels; None is the system's for
        temporary files.
    left_out : sequence of str or int, default=()
        Columns that are not encoded.
    """

    def __init__(
        self,
        options: dict[str, Any],
        scratch: str | None = None,
        left_out: Sequence[Any] = (),
    ) -> None:
        self.options = {name: options[name] for name in ASSIGNING}
        self.left_out = left_out
        self.scratch = scratch
        self.n_rows = 0
        self.total = 0.0  # weight
        self.counts: dict[int, Counts] = {}
        self.sample = RowSample(_join)
        self._lists: dict[int, ListLevels] = {}
        self._hashed: dict[int, HashedLevels] = {}
        self._least: dict[int, Any] = {}  # min_frequency of columns of levels
        self._begun = False

    def add(
        self,
        start: int,
        X: Any,
        y: NDArray[Any],
        weight: NDArray[np.float64],
    ) -> None:
        """Add a checked block whose first row has the number `start`."""
        columns = get_columns(X)
        names = column_names(X) or [*range(len(columns))]
        self.begin(X)
        self.n_rows += len(y)
        self.total += float(weight.sum())
        part = Part(X, y, weight)
        self.sample.add(start, len(y), part.take)
        for j, counts in self.counts.items():
            self._count(j, names[j], columns[j], counts, weight)
        self._bound()

    def merge(self, other: TableSummary) -> Self:
        """Add the summary of other rows of the table."""
        self.n_rows += other.n_rows
        self.total += other.total
        self.sample.merge(other.sample)
        if not self._begun:
            self.counts, self._lists = other.counts, other._lists
            self._hashed, self._least = other._hashed, other._least
            self._begun = other._begun
            return self
        for j, counts in other.counts.items():
            self.counts[j].merge(counts)  # type: ignore[arg-type]
        self._bound()
        return self

    # Of several processes -------------------------------------------------------------

    def split_levels(self, n: int) -> list[dict[int, LevelCounts]]:
        """Take the counts of levels out, in n parts by the hash of the level."""

        def owners(cells: list[Any]) -> NDArray[Any]:
            return stable_hash(cells, OWNER_SEED) % n

        parts: list[dict[int, LevelCounts]] = [{} for _ in range(n)]
        for j, counts in self._level_counts():
            for part, own in zip(parts, counts.split(owners, n), strict=True):
                part[j] = own
            self.counts[j] = LevelCounts()
        return parts

    def add_levels(self, part: dict[int, LevelCounts]) -> None:
        """Add counts of levels, by column."""
        for j, counts in part.items():
            self.counts[j].merge(counts)  # type: ignore[arg-type]
        self._bound()

    def cut_rare(self, part: dict[int, LevelCounts]) -> None:
        """Leave levels below `min_frequency` out of the counts."""
        unit = self.total / max(self.n_rows, 1)
        for j, counts in part.items():
            if (least := self._least[j]) is not None:
                is_count = isinstance(least, Integral)
                counts.cut(least if is_count else least * self.n_rows, unit)

    def _level_counts(self) -> list[tuple[int, LevelCounts]]:
        return [
            (j, counts)
            for j, counts in self.counts.items()
            if isinstance(counts, LevelCounts) and j not in self._hashed
        ]

    def _bound(self) -> None:
        """Move counts to a scratch file, if there are too many, the most of all."""
        held = [counts for _, counts in self._level_counts()]
        n = sum(counts.n_held for counts in held)
        if n <= MAX_HELD:
            return
        for counts in sorted(held, key=lambda counts: -counts.n_held):
            n -= counts.n_held
            counts.spill(self.scratch)
            if n <= MAX_HELD // 2:
                break

    def begin(self, X: Any) -> None:
        """Find out which columns hold levels, lists and numbers, by the first rows."""
        if self._begun:
            return
        self._begun = True
        names = column_names(X) or [*range(X.shape[1])]
        head = take_rows(X, np.arange(min(HEAD, X.shape[0])))
        # Of dates there are parts, whose levels a sample has all.
        beside = find_beside(self.left_out, names)
        assigned = assign_columns(
            get_columns(head), names, **self.options, beside=beside
        )
        sources = _sources([j for j in range(len(names)) if j not in beside], assigned)
        for k, j in enumerate(sources):
            if j in assigned.dates:
                continue
            if k in assigned.lists:
                self._lists[j] = assigned.lists[k]
            ids = assigned.categories.get(
                k, getattr(self._lists.get(j), "levels", None)
            )
            if isinstance(ids, HashedLevels):  # of which there is no end
                self._hashed[j] = ids
            self._least[j] = getattr(ids, "min_frequency", None)
            if k in assigned.vectors:
                self.counts[j] = VectorMoments()
                continue
            levelled = k in assigned.categories or k in assigned.lists
            self.counts[j] = LevelCounts() if levelled else NumberCounts()

    def _count(
        self,
        j: int,
        name: Any,
        column: Any,
        counts: Counts,
        weight: NDArray[np.float64],
    ) -> None:
        if isinstance(counts, VectorMoments):
            counts.add(to_vectors(column, name, counts.width), weight)
            return
        if isinstance(counts, NumberCounts):
            counts.add(to_float(column, name), weight)
            return
        codes, levels, weight = level_cells(column, name, weight, self._lists.get(j))
        if j in self._hashed:
            codes, levels = _buckets(codes, self._hashed[j].find(levels))
        counts.add(codes, levels, weight)

    def sampled(self) -> SampledRows:
        """Return the sample."""
        rows, part = self.sample.rows()
        return SampledRows(rows, *part)


def learn_summary(
    encoder: TableEncoder,
    summary: TableSummary,
    sample: SampledRows,
    names: Sequence[str] | None,
    dtype: Any,
    n_threads: int = 1,
    score: Callable[[NDArray[Any]], NDArray[np.float64]] | None = None,
    tell: Tell = do_nothing,
    stretch: NDArray[np.intp] | None = None,
) -> list[Any]:
    """Learn every column of a table by itself.

    Parameters
    ----------
    encoder : TableEncoder
        It gets fitted.
    summary : TableSummary
    sample : SampledRows
        What `sampled` returned, with weights of mean 1.
    names, dtype, n_threads, tell
        As of `fit_columns`.
    score : callable or None
        Returns a number for each target, which tells codes from numbers.
    stretch : ndarray or None
        In which part of the table each row of the sample is.

    Returns
    -------
    columns : list
        The columns of the sample, encoded.
    """
    target: Target | None = None
    if score is not None:
        target = lambda at: score(sample.y[at])  # noqa: E731
    encoder.fit_columns(
        sample.X,
        names,
        sample.weight,
        dtype,
        n_threads,
        target=target,
        tell=tell,
        stretch=stretch,
    )
    unit = summary.total / summary.n_rows
    wanted = encoder.numeric_levels
    most = MAX_LEVELS if isinstance(wanted, str) else wanted
    dated: dict[int, NumberLevels] = {}
    if most is not None:
        dated = {k: v for k, v in encoder.values.items() if k in encoder.dated}
        encoder.values = {k: NumberLevels(int(most)) for k in encoder.numbers} | dated
    for k in encoder.dated - dated.keys():
        encoder.values.pop(k, None)
    columns = encoder.spread(get_columns(sample.X))
    for k, j in enumerate(encoder.sources):
        if k in encoder.dated:  # the sample has told all
            continue
        counts = summary.counts[j]
        if isinstance(counts, LevelCounts):
            _learn_levels(encoder, k, counts, unit, summary.total)
        elif isinstance(counts, VectorMoments):
            scaler = encoder.vectors[k]
            scaler.fit_moments(counts, scaler.width)
        else:
            x = to_float(columns[k], encoder.names[k])
            _learn_numbers(encoder, k, counts, unit, x, stretch)
    encoder._choose_values()
    return encoder.encode_columns(sample.X, dtype, n_threads)[0]


def _learn_levels(
    encoder: TableEncoder, k: int, counts: LevelCounts, unit: float, total: float
) -> None:
    """Learn the levels of a column by their counts in all rows."""
    is_list = k in encoder.lists
    ids: Any = encoder.lists[k].levels if is_list else encoder.categories[k]
    if isinstance(ids, HashedLevels):
        levels, weight = counts.levels, np.append(counts.weight, counts.missing)
        cells = np.append(np.asarray(levels, dtype=np.intp), MISSING_ID)
        ids.counts = np.bincount(cells, weight / unit, minlength=ids.n_ids)
        if isinstance(text := encoder.lists.get(k), TextLevels):
            text.total = total / unit
        return

    def parts() -> Iterator[tuple[Any, Any, Any]]:
        for part in counts.parts():
            yield part.levels, part.rows, part.weight / unit

    rare = Rare(counts.rare, counts.n_rare, counts.rare_weight / unit)
    missing = counts.missing / unit
    ids.fit_counts(parts, missing, total / unit, keep_lone=is_list, rare=rare)


def _learn_numbers(
    encoder: TableEncoder,
    k: int,
    counts: NumberCounts,
    unit: float,
    x: NDArray[np.float64],
    stretch: NDArray[np.intp] | None,
) -> None:
    """Learn gaps, extremes and values of a column of numbers in all rows.

    `x` are those of the sample, and tell which values come again.
    """
    scaler = encoder.numbers[k]
    scaler.has_missing = counts.has_missing
    scaler.missing_share = counts.missing / counts.total
    if scaler.seen is not None and counts.n:
        n_distinct = len(counts.values or ()) or scaler.seen.n_distinct
        scaler.seen = Seen(
            counts.n, n_distinct, counts.low, counts.high, counts.is_whole
        )
    if k not in encoder.values:
        return
    values = np.array(sorted(counts.values or ()))
    mass = np.array([(counts.values or {})[value] for value in values.tolist()]) / unit
    isolated = isinstance(encoder.numeric_levels, str)
    encoder.values[k].fit_counts(
        values, mass, counts.missing / unit, isolated, x, stretch
    )


def _buckets(
    codes: NDArray[Any], ids: NDArray[np.int32]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return a factorised column with the ids of its levels in place of these."""
    distinct, at = np.unique(ids, return_inverse=True)
    return np.append(at, -1)[codes], distinct.astype(np.int64)


def _sources(positions: Sequence[int], assigned: Any) -> list[int]:
    """Return the column of the table that each encoded one is made of."""
    sources = []
    for j in positions:
        n_parts = len(assigned.dates[j].parts) if j in assigned.dates else 1
        sources += [j] * n_parts
    return sources


def _join(parts: list[Part]) -> Part:
    """Return blocks as one."""
    if len(parts) == 1:
        return parts[0]
    tables, ys, weights = zip(*parts, strict=True)
    return Part(join_tables(tables), np.concatenate(ys), np.concatenate(weights))
