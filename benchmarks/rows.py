"""Rows of clicks at scale: Parquet files of any length, written in bounded memory.

    python -m benchmarks.rows OUT_DIR --rows 10000000 --files 10

They look like Criteo's: a label, 13 skewed numbers with gaps, 26 columns of Zipf ids as
strings, and the labels have the crosses of `data.py`. Row i is the same whatever the
number of files, and in random order whatever the number of rows: a million rows are the
first of ten million, and the last of several files is a test set for the others.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass, fields
from itertools import pairwise
from pathlib import Path

import numpy as np

from . import data

GROUP = 65_536  # rows that are drawn at a time, and that a row group has
ORDERS = ("random", "day", "label")
DRIFT = 0.8  # by how much the log-odds rise from the first day to the last
NOISE = 0.2  # the standard deviation of what is a day's own


@dataclass
class Rows:
    """Some rows, not yet in the form of a table.

    Parameters
    ----------
    y : int8 ndarray of shape (n,)
    numbers : float32 ndarray of shape (n, 13)
        NaN where missing.
    ids : int32 ndarray of shape (26, n)
        Column by column, as they are drawn and written.
    day : int32 ndarray of shape (n,)
    """

    y: np.ndarray
    numbers: np.ndarray
    ids: np.ndarray
    day: np.ndarray

    def take(self, rows):
        """Return some of the rows, by a slice or a mask."""
        return Rows(self.y[rows], self.numbers[rows], self.ids[:, rows], self.day[rows])


def join(parts):
    """Return rows that follow each other as one."""
    if len(parts) == 1:
        return parts[0]
    columns = {
        field.name: np.concatenate(
            [getattr(part, field.name) for part in parts],
            axis=1 if field.name == "ids" else 0,
        )
        for field in fields(Rows)
    }
    return Rows(**columns)


class Log:
    """A click log whose blocks of `GROUP` rows can be drawn in any order.

    Parameters
    ----------
    seed : int
    scale : float
        Factor of the numbers of possible ids, 319,737 with 1.
    rate : float
        The share of positives, where the days do not move it.
    rows : int or None
        The rows that the days are spread over; None is a log without days.
    days : int
    """

    def __init__(self, seed, scale=1.0, rate=data.POSITIVE_RATE, rows=None, days=30):
        self.seed, self.rows, self.days = seed, rows, days
        self.sizes = data.column_sizes(data.N_CAT, scale)
        # Of the log itself, apart from the blocks' own, which start at 1.
        rng = np.random.default_rng([seed, 0])
        self.spread = rng.uniform(0.5, 2.5, data.N_NUM).astype(np.float32)
        self.offset = rng.uniform(0, 4, data.N_NUM).astype(np.float32)
        self.effects = data.draw_effects(rng, self.sizes)
        self.drift = np.linspace(-DRIFT / 2, DRIFT / 2, days)
        self.drift += NOISE * rng.standard_normal(days)
        # Integers are drawn and compared in half the time of floats.
        self.shares = [
            (data.zipf_shares(size)[:-1] * 2**32).astype(np.uint32)
            for size in self.sizes
        ]
        self.shift = 0.0
        _, z, ids = self._draw(np.random.default_rng([seed, 1]))
        self.shift = data.shift_to_rate(self.effects.log_odds(ids.T, z), rate)

    def block(self, at):
        """Return the rows from `at * GROUP` on."""
        rng = np.random.default_rng([self.seed, 1 + at])
        numbers, z, ids = self._draw(rng)
        logit = self.effects.log_odds(ids.T, z) - self.shift
        day = np.zeros(GROUP, dtype=np.int32)
        if self.rows is not None:
            row = np.arange(at * GROUP, (at + 1) * GROUP)
            day = np.minimum(row * self.days // self.rows, self.days - 1)
            logit += self.drift[day]
        y = rng.random(GROUP) * (1 + np.exp(-logit)) < 1
        return Rows(y.astype(np.int8), numbers, ids, day.astype(np.int32))

    def _draw(self, rng):
        """Return numbers with gaps, the normal numbers behind them, and ids."""
        ids = np.empty((len(self.sizes), GROUP), dtype=np.int32)
        for c, shares in enumerate(self.shares):
            drawn = rng.integers(2**32, size=GROUP, dtype=np.uint32)
            ids[c] = np.searchsorted(shares, drawn, side="right")
        z = rng.standard_normal((GROUP, data.N_NUM), dtype=np.float32)
        numbers = np.exp(self.spread * z + self.offset)
        numbers[:, ::2] = np.floor(numbers[:, ::2])  # half of them are counts
        gaps = rng.random(numbers.shape, dtype=np.float32) < data.MISSING_RATE
        numbers[gaps] = np.nan
        return numbers, z, ids


def draw(log, rows, order):
    """Yield the rows of a log in their order, block by block."""
    for label in (0, 1) if order == "label" else (None,):
        for start in range(0, rows, GROUP):
            block = log.block(start // GROUP).take(slice(rows - start))
            yield block if label is None else block.take(block.y == label)


def cut(blocks, sizes):
    """Yield the rows of blocks again, so many at a time."""
    parts, n = [], 0
    for size in sizes:
        while n < size:
            parts.append(next(blocks))
            n += len(parts[-1].y)
        whole = join(parts)
        yield whole.take(slice(size))
        n -= size
        parts = [whole.take(slice(size, None))] if n else []


class Writer:
    """What makes tables of rows, and files of tables.

    Parameters
    ----------
    sizes : list of int
        Number of possible ids of each column.
    has_day : bool
        Whether there is a column of days.
    """

    def __init__(self, sizes, has_day):
        import pyarrow as pa

        self.has_day = has_day
        self.levels = [pa.array(data.level_names(c, n)) for c, n in enumerate(sizes)]
        numbers = [(f"I{j + 1}", pa.float32()) for j in range(data.N_NUM)]
        self.names = [f"C{c + 1}" for c in range(len(sizes))]
        ids = [(name, pa.dictionary(pa.int32(), pa.string())) for name in self.names]
        day = [("day", pa.int32())] if has_day else []
        self.schema = pa.schema([("label", pa.int8()), *day, *numbers, *ids])
        self.counted = [name for name in self.schema.names if name not in self.names]

    def table(self, rows):
        """Return rows as an arrow table, ids as dictionaries of their strings."""
        import pyarrow as pa

        columns = [pa.array(rows.y)]
        if self.has_day:
            columns.append(pa.array(rows.day))
        for x in rows.numbers.T:
            columns.append(pa.array(np.ascontiguousarray(x), from_pandas=True))
        for levels, ids in zip(self.levels, rows.ids, strict=True):
            # The ids of these rows alone: a file has a dictionary in each row group.
            is_there = np.bincount(ids, minlength=len(levels)) > 0
            code = (np.cumsum(is_there) - 1).astype(np.int32)
            there = levels.take(pa.array(np.flatnonzero(is_there)))
            columns.append(pa.DictionaryArray.from_arrays(code[ids], there))
        return pa.Table.from_arrays(columns, schema=self.schema)

    def write(self, path, groups):
        """Write rows to a file, a row group for each item."""
        import pyarrow.parquet as parquet

        with parquet.ParquetWriter(
            path,
            self.schema,
            use_dictionary=self.names,
            store_schema=False,  # in which ids would be dictionaries, not strings
            # Those of strings take as long as the rest of the writing.
            write_statistics=self.counted,
        ) as writer:
            for rows in groups:
                writer.write_table(self.table(rows), row_group_size=GROUP)


def write_rows(
    folder,
    rows,
    files=1,
    seed=0,
    order="random",
    scale=1.0,
    rate=data.POSITIVE_RATE,
    days=30,
    progress=None,
):
    """Write a click log to Parquet files.

    Parameters
    ----------
    folder : path
        Where the files go; it is made, and must have no Parquet files.
    rows, files : int
        In all. Each file has as many rows as the others, or one more.
    seed : int, default=0
        The same seed gives the same rows, on whatever number of files.
    order : {"random", "day", "label"}, default="random"
        "day" has a column `day`, from 0 on, in its order; the rate rises over the days.
        "label" has all negatives first, and draws every row twice.
    scale : float, default=1.0
        Factor of the numbers of possible ids, 319,737 with 1.
    rate : float, default=0.25
        The share of positives, with days about that.
    days : int, default=30
        With the order "day".
    progress : callable or None, default=None
        Called with the number of rows so far, after each file.

    Returns
    -------
    paths : list of Path
        The files, in order.
    """
    if order not in ORDERS:
        raise ValueError(f"order must be one of {ORDERS}; got {order!r}")
    if not 1 <= files <= rows:
        raise ValueError(f"files must be 1 to the number of rows, {rows}; got {files}")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    if old := sorted(folder.glob("*.parquet")):
        raise FileExistsError(
            f"{folder} has {old[0].name} already: name another folder"
        )
    by_day = order == "day"
    log = Log(seed, scale, rate, rows if by_day else None, days)
    writer = Writer(log.sizes, by_day)
    ends = [rows * file // files for file in range(files + 1)]
    sizes = [_groups(end - start) for start, end in pairwise(ends)]
    groups = cut(draw(log, rows, order), [size for file in sizes for size in file])
    paths = [folder / f"rows-{file:05d}.parquet" for file in range(files)]
    for path, size, end in zip(paths, sizes, ends[1:], strict=True):
        writer.write(path, (next(groups) for _ in size))
        if progress is not None:
            progress(end)
    return paths


def _groups(rows):
    """Return the sizes of a file's row groups."""
    return [min(GROUP, rows - start) for start in range(0, rows, GROUP)]


def main(arguments=None):
    """Write files; say how fast."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.rows",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", help="where the files go")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--files", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--order", choices=ORDERS, default="random")
    parser.add_argument(
        "--scale", type=float, default=1.0, help="of the numbers of ids"
    )
    parser.add_argument("--rate", type=float, default=data.POSITIVE_RATE)
    parser.add_argument("--days", type=int, default=30, help="with --order day")
    options = vars(parser.parse_args(arguments))
    start = time.perf_counter()

    def progress(rows):
        seconds = time.perf_counter() - start
        print(
            f"{rows:,} rows, {rows / seconds:,.0f} a second",
            file=sys.stderr,
            flush=True,
        )

    write_rows(**options, progress=progress)


if __name__ == "__main__":
    main()
