"""Where rows that are not in memory come from, and what their columns are for."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from html import escape
from importlib.util import find_spec
from typing import Any, NamedTuple

from .._printing import html_table, quantity, text_table
from .base import BLOCK, Source, SourceError
from .checking import check_target, check_weights
from .frames import saved_index, words_of
from .sources import check_kind, open_source

__all__ = ["Block", "Scan", "is_scan", "scan"]

BUFFER_ROWS = 262_144
SHOWN = 12  # columns of the repr


class Block(NamedTuple):
    """Consecutive rows.

    Attributes
    ----------
    start : int
        The number of the first row, counted from 0.
    X : DataFrame
    y : Series, DataFrame or None
        The target, if the scan has one.
    weight : Series or None
    beside : DataFrame or None
        Further columns, if they were asked for.
    """

    start: int
    X: Any
    y: Any
    weight: Any
    beside: Any = None


class Scan:
    """Rows that are read block by block; what `scan` returns.

    Attributes
    ----------
    target : str, list of str or None
    weight : str or None
    cache : {"auto"}, str or None
    buffer_rows : int
    epoch_rows : int or None
        As given to `scan`.
    """

    def __init__(
        self,
        source: Any,
        target: Any,
        weight: str | None,
        columns: Sequence[str] | None,
        cache: str | None,
        buffer_rows: int,
        epoch_rows: int | None,
    ) -> None:
        self._given = source
        self._opened: list[Source] = []  # which copies share
        self.target = target
        self.weight = weight
        self._columns = None if columns is None else list(columns)
        self.cache = cache
        self.buffer_rows = buffer_rows
        self.epoch_rows = epoch_rows

    @property
    def source(self) -> Source:
        """What reads the rows."""
        if not self._opened:
            if find_spec("pyarrow") is None:
                raise ImportError(
                    "Reading a scan needs pyarrow. Install it: pip install "
                    "sklearn-dcn[stream]"
                )
            self._opened.append(open_source(self._given, self.cache))
        return self._opened[0]

    @property
    def schema(self) -> Any:
        """All columns of the source, as an arrow schema."""
        return self.source.schema()

    @property
    def targets(self) -> list[str]:
        """The columns of the target."""
        if self.target is None:
            return []
        return [self.target] if isinstance(self.target, str) else list(self.target)

    @property
    def columns(self) -> list[str]:
        """The columns of X.

        Raises
        ------
        SourceError
            If a named column does not exist, or if no column is left.
        """
        own = [*self.targets, *([self.weight] if self.weight else [])]
        self.check_columns([*own, *(self._columns or [])])
        index = saved_index(self.schema)
        there = [name for name in self.schema.names if name not in index]
        found = [name for name in (self._columns or there) if name not in own]
        if not found:
            raise SourceError(
                f"{self.source.title}: there is no column besides target and weight. "
                "Name some: columns=[...]."
            )
        return found

    def choose_columns(self, names: list[str]) -> None:
        """Use these columns, and no others, as X."""
        self._columns, self.target, self.weight = names, None, None

    def check_columns(self, names: Sequence[str]) -> None:
        """Raise an error for a column that does not exist or occurs twice."""
        there = self.schema.names
        for name in names:
            if name not in there:
                like = get_close_matches(name, there, 3) or there[:SHOWN]
                raise SourceError(
                    f"{self.source.title}: there is no column {name!r}; among the "
                    f"{len(there):,} columns are {', '.join(map(repr, like))}."
                )
        if len(set(there)) < len(there):
            twice = next(name for name in there if there.count(name) > 1)
            raise SourceError(
                f"{self.source.title}: the column {twice!r} occurs twice. Rename one."
            )

    @property
    def n_rows(self) -> int | None:
        """The number of rows, or None while it is unknown."""
        return self.source.n_rows

    def blocks(
        self,
        size: int = BLOCK,
        with_target: bool = True,
        beside: Sequence[str] | None = None,
        between: tuple[int, int] | None = None,
    ) -> Iterator[Block]:
        """Yield all rows in their order, `size` at a time.

        Parameters
        ----------
        size : int, default=65536
        with_target : bool, default=True
            Whether to read target and weight too, and to give every block the dtypes
            of the whole table.
        beside : list of str or None, default=None
            Columns to return as they are; they need not be features.
        between : tuple of (int, int) or None, default=None
            As of `Source.frames`.
        """
        names, wanted = self._wanted(with_target, beside)
        whole = with_target and self._columns is None
        start = 0 if between is None else between[0]
        for frame in self.source.frames(wanted, size, with_target, whole, between):
            yield self._block(start, frame, names, with_target, beside)
            start += len(frame)

    def count_weighted(self, between: tuple[int, int]) -> int:
        """Return the number of rows between these whose weight is above 0."""
        assert self.weight is not None
        self.check_columns([self.weight])
        n = 0
        for frame in self.source.frames([self.weight], BLOCK, True, False, between):
            n += int((frame[self.weight] > 0).sum())
        return n

    def load(self, most: int | None = None) -> Block | None:
        """Return all rows in memory; None if they are more than `most`."""
        names, wanted = self._wanted(True, None)
        frame = self.source.load(wanted, self._columns is None, most)
        return None if frame is None else self._block(0, frame, names, True, None)

    def read_target(self) -> tuple[Any, Any]:
        """Load only the target and the weights, of all rows."""
        own = [*self.targets, *([self.weight] if self.weight else [])]
        self.check_columns(own)
        frame = self.source.load(own, whole=False, most=None)
        block = self._block(0, frame, own, True, None)
        return block.y, block.weight

    def _wanted(
        self, with_target: bool, beside: Sequence[str] | None
    ) -> tuple[list[str], list[str]]:
        """Return the columns of X, and all that are to be read."""
        names = self.columns
        self.check_columns(beside or [])
        own = [*self.targets, *([self.weight] if self.weight else [])]
        others = [*(own if with_target else []), *(beside or [])]
        return names, [*dict.fromkeys([*names, *others])]

    def _block(
        self,
        start: int,
        frame: Any,
        names: list[str],
        with_target: bool,
        beside: Sequence[str] | None,
    ) -> Block:
        y = weight = None
        if with_target and self.target is not None:
            y = frame[self.target if isinstance(self.target, str) else self.targets]
            check_target(self.source.title, frame, self.targets, start)
        if with_target and self.weight is not None:
            weight = frame[self.weight]
            check_weights(self.source.title, weight, start)
        rest = None if beside is None else frame[list(beside)]
        return Block(start, frame[names], y, weight, rest)

    def __repr__(self) -> str:
        header, rows, more = self._table()
        lines = [self._title(), *text_table(header, rows, ())]
        return "\n".join([*lines, *([more] if more else [])])

    def _repr_html_(self) -> str:
        header, rows, more = self._table()
        table = html_table(header, rows, ())
        title = f"<p>{escape(self._title())}</p>"
        return title + table + (f"<p>{escape(more)}</p>" if more else "")

    def _title(self) -> str:
        n = self.n_rows
        rows = "rows not counted yet" if n is None else quantity(n, "row")
        return f"Scan of {self.source.title}: {rows}, " + quantity(
            len(self.columns), "column"
        )

    def _table(self) -> tuple[list[str], list[list[str]], str]:
        roles = dict.fromkeys(self.columns, "")
        roles = dict.fromkeys(self.targets, "target") | roles
        if self.weight:
            roles = {self.weight: "weight"} | roles
        rows = [
            [str(name), words_of(self.schema.field(name).type), role]
            for name, role in roles.items()
        ]
        left = len(rows) - SHOWN
        more = f"... and {quantity(left, 'more column')}" if left > 0 else ""
        return ["column", "type", "role"], rows[:SHOWN], more


def scan(
    source: Any,
    target: str | Sequence[str] | None = None,
    weight: str | None = None,
    columns: Sequence[str] | None = None,
    cache: str | os.PathLike[str] | None = "auto",
    buffer_rows: int = BUFFER_ROWS,
    epoch_rows: int | None = None,
) -> Scan:
    """Describe rows on disk or in a stream, for fits and predictions block by block.

    Nothing is read before it is needed. A table of up to 200,000 rows is loaded and
    treated like a DataFrame; of a longer one, memory holds only a sample and a few
    blocks.

    Parameters
    ----------
    source : path, list of paths, or object
        - A path, a folder, a glob or a list of files: Parquet, Feather (Arrow IPC),
          CSV or TSV; the last two may also end in .gz or .bz2.
        - A `pyarrow.dataset.Dataset`, a `polars.LazyFrame`, a relation of DuckDB.
        - An object with ``__arrow_c_stream__``, such as a frame of polars or pandas.
        - A function that returns a new iterator of frames (pandas, polars, arrow) in
          each call.
    target : str, list of str or None, default=None
        The target's column, or several for several outputs. None if only predicting.
    weight : str or None, default=None
        The column that holds the rows' weights.
    columns : list of str or None, default=None
        The columns of X; None means all but target and weight.
    cache : {"auto"}, path or None, default="auto"
        The folder in which a fit keeps the encoded rows, 4 bytes a cell, until it
        ends; "auto" is the system's folder for temporary files. With None, rows are
        read and encoded again in each epoch.
    buffer_rows : int, default=262144
        Number of rows that are shuffled together. If the table has more, blocks of
        1,024 rows come in random order, and rows are shuffled within the buffer.
    epoch_rows : int or None, default=None
        Number of rows that count as an epoch: after them the network is validated, may
        stop and is written to the checkpoint. `max_epochs` counts these. None is all.

    Returns
    -------
    scan : Scan
        For the `X` of `fit`, `predict`, `predict_proba` and `predict_to`.

    Raises
    ------
    ValueError, TypeError
        If a parameter breaks its rule.

    Examples
    --------
    >>> import os, tempfile
    >>> from sklearn_dcn import DCNClassifier, scan
    >>> from sklearn_dcn.datasets import load_online_shoppers
    >>> X, y = load_online_shoppers(return_X_y=True)
    >>> path = os.path.join(tempfile.mkdtemp(), "visits.parquet")
    >>> X.assign(bought=y).to_parquet(path)
    >>> visits = scan(path, target="bought")
    >>> visits.n_rows
    12330
    >>> model = DCNClassifier(max_epochs=1, validation="random").fit(visits)
    """
    _check_names("target", target, several=True)
    _check_names("weight", weight, several=False)
    if columns is not None and (
        isinstance(columns, str)
        or not len(columns)
        or not all(isinstance(name, str) for name in columns)
    ):
        raise TypeError(f"columns must be a list of names; got {columns!r}.")
    _check_apart(target, weight, columns)
    _check_rows("buffer_rows", buffer_rows)
    if epoch_rows is not None:
        _check_rows("epoch_rows", epoch_rows)
    if cache is not None and not isinstance(cache, (str, os.PathLike)):
        raise TypeError(
            f"cache must be 'auto', the path of a folder or None; got {cache!r}."
        )
    folder = None if cache is None else os.fspath(cache)
    check_kind(source)
    return Scan(source, target, weight, columns, folder, buffer_rows, epoch_rows)


def is_scan(X: Any) -> bool:
    """Tell whether `X` is a scan."""
    return isinstance(X, Scan)


def _check_names(name: str, value: Any, several: bool) -> None:
    is_list = isinstance(value, (list, tuple)) and several and len(value)
    names = value if is_list else [value]
    if value is not None and not all(isinstance(one, str) for one in names):
        kinds = "a column's name, or a list of names" if several else "a column's name"
        raise TypeError(f"{name} must be {kinds}; got {value!r}.")


def _check_apart(target: Any, weight: Any, columns: Any) -> None:
    """Raise a ValueError for a column that is named twice."""
    targets = [target] if isinstance(target, str) else target or []
    own = [*targets, *([] if weight is None else [weight])]
    for what, names in (("target and weight", own), ("columns", columns or [])):
        twice = [name for name in names if list(names).count(name) > 1]
        if twice:
            raise ValueError(
                f"{what} must name each column once; got {twice[0]!r} twice."
            )


def _check_rows(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{name} must be a number of rows, at least 1; got {value!r}.")
