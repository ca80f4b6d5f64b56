"""Tables of the suite `quality`: parquet files, the shipped ones, synthetic clicks."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

CLICKS, CLICK_ROWS = "clicks", 140_000  # a quarter is for tests: 105,000 to train on
# What the index of the tables does not tell.
MORE = {
    "movielens100k": {
        "task": "binary",
        "target": "liked",
        "not_features": ["rating", "timestamp", "movie_title"],
        "lists": {"genres": "|"},
    }
}
# Tables without a column of another one: how long a call took is known after it.
WITHOUT = {
    "bank_marketing_no_duration": ("bank_marketing", "duration"),
    "bank_time_no_duration": ("bank_time", "duration"),
}
FEW = 20  # numeric targets of more values are for regression
SPLITS = ("random", "last", "groups")  # how a table is cut: see `split_rows`


@dataclass(frozen=True)
class Table:
    """Where a table is and what its columns are.

    Parameters
    ----------
    name : str
        In the results.
    source : str
        A path of a parquet file, the name of a loader of `sklearn_dcn.datasets`, or
        `CLICKS`.
    target : str or None
        Its column; None is the loader's own.
    task : {"binary", "multiclass", "regression"} or None
        None says that the target tells, if it is none of several classes.
    categorical : tuple of str
        Columns of categories, beside those that are no numbers.
    dropped : tuple of str
        Columns that are no features.
    lists : dict
        Column -> separator of the levels in its cells.
    rows : int
        Number of rows.
    split : {"random", "last", "groups"}
        Which rows are for tests: any, those that come last, or those of whole groups.
    by : str or None
        The column that orders the rows or names their group; a feature, unless it is in
        `dropped`. None, for "last" alone: the rows are in their order.
    """

    name: str
    source: str
    target: str | None = None
    task: str | None = None
    categorical: tuple = ()
    dropped: tuple = ()
    lists: dict = field(default_factory=dict)
    rows: int = 0
    split: str = "random"
    by: str | None = None

    def __post_init__(self):
        if self.split not in SPLITS:
            raise ValueError(f"split must be one of {SPLITS}; got {self.split!r}.")
        if self.by is None and self.split == "groups":
            raise ValueError("Groups need a column `by` that names them.")

    def load(self):
        """Return a frame, its target and the task.

        Categories are Python strings, NaN where missing; a target of two values is 0
        or 1, of several classes their place in ascending order. Rows that `by` orders
        are in this order.
        """
        return self.load_with_keys()[:3]

    def load_with_keys(self):
        """Return a frame, its target, the task, and what the rows are split by.

        The keys are numbers: the place in time, the same for rows of the same time, or
        the group. None, if the split is random.
        """
        X, y = self._read()
        keys = None
        if self.split != "random":
            by = np.arange(len(X)) if self.by is None else X[self.by]
            keys, _ = pd.factorize(by, sort=True, use_na_sentinel=False)
        if self.split == "last":
            order = np.argsort(keys, kind="stable")
            X, y, keys = X.iloc[order], y.iloc[order], keys[order]
        X = X.drop(columns=list(self.dropped))
        X.columns = X.columns.map(str)
        others = X.columns.difference(X.select_dtypes(["number", "bool"]).columns)
        for name in {*self.categorical, *others}:
            texts = X[name].astype("object").map(str, na_action="ignore")
            X[name] = texts.where(X[name].notna(), np.nan)
        flags = X.select_dtypes("bool").columns
        X = X.astype(dict.fromkeys(flags, "int64")).reset_index(drop=True)
        return X, *as_target(y.reset_index(drop=True), self.task), keys

    def _read(self):
        if self.source == CLICKS:
            from .data import load_clicks

            clicks = load_clicks(self.rows)
            return clicks.frame(), pd.Series(clicks.y.astype(int))
        if self.source.startswith("load_"):
            from sklearn_dcn import datasets

            return getattr(datasets, self.source)(return_X_y=True)
        frame = pd.read_parquet(self.source)
        frame = frame[frame[self.target].notna()]
        return frame.drop(columns=self.target), frame[self.target]


def as_target(y, task=None):
    """Return an array of classes, 0 and 1 of two, or of numbers, and the task."""
    values = sorted(y.unique())
    if task is None:
        is_number = pd.api.types.is_numeric_dtype(y) and len(values) > FEW
        task = "regression" if is_number else "binary"
    if task == "regression":
        return y.to_numpy(dtype=float), task
    if task == "multiclass":
        return np.searchsorted(values, y), task
    if len(values) != 2:
        raise ValueError(
            f"{y.name} must hold two values, or more than {FEW} numbers; it has "
            f"{len(values)}."
        )
    return (y == values[1]).to_numpy().astype(int), task


def with_lists(X, lists):
    """Return the frame with lists of levels in the cells of some columns."""
    cells = {}
    for name, separator in lists.items():
        cells[name] = [
            text.split(separator) if isinstance(text, str) else [] for text in X[name]
        ]
    return X.assign(**cells)


def find_tables(directory=None, target=None):
    """Return the tables by name, those with fewer rows first.

    Parameters
    ----------
    directory : str or None, default=None
        Where parquet files are, perhaps with an INDEX.json that tells their columns;
        None takes the tables that are shipped with the package.
    target : str or None, default=None
        Target of the files that the index does not know.
    """
    tables = _shipped() if directory is None else _files(Path(directory), target)
    for name, (whole, column) in WITHOUT.items():
        if whole in tables and name not in tables:
            dropped = (*tables[whole].dropped, column)
            tables[name] = replace(tables[whole], name=name, dropped=dropped)
    ordered = sorted(tables.values(), key=lambda table: table.rows)
    return {table.name: table for table in ordered}


def clicks_table(rows=CLICK_ROWS):
    """Return the synthetic click log as a table."""
    return Table(CLICKS, CLICKS, rows=rows)


def _shipped():
    from sklearn_dcn import datasets

    tables = {}
    for loader in datasets.__all__:
        if loader.startswith("load_"):
            name = loader.removeprefix("load_")
            rows = len(getattr(datasets, loader)(return_X_y=True)[1])
            tables[name] = Table(name, loader, rows=rows)
    return tables


def _files(directory, target):
    from pyarrow import parquet

    index = directory / "INDEX.json"
    entries = {}
    if index.exists():
        for entry in json.loads(index.read_text(encoding="utf-8")):
            entries[entry["file"]] = entry | MORE.get(entry["name"], {})
    tables = {}
    for path in sorted(directory.glob("*.parquet")):
        file = parquet.ParquetFile(path)
        entry = entries.get(path.name, {"name": path.stem, "target": target})
        if entry["target"] not in file.schema_arrow.names:
            continue  # the index does not know it, nor is the target in it
        dropped = set(entry.get("not_features", ()))
        categorical = [c for c in entry.get("categorical", ()) if c not in dropped]
        tables[entry["name"]] = Table(
            entry["name"],
            str(path.resolve()),
            entry["target"],
            entry.get("task"),
            tuple(categorical),
            tuple(sorted(dropped)),
            entry.get("lists", {}),
            file.metadata.num_rows,
            entry.get("split") or "random",  # an index may leave it empty
            entry.get("by"),
        )
    return tables
