"""One mixed table as every source that a scan takes."""

import itertools
import shutil

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.dataset
import pyarrow.feather
import pyarrow.parquet as pq

GROUP = 250  # rows of a row group


def make_table(n=1000, seed=0):
    """Return a table of arrow whose gaps are in some row groups alone."""
    rng = np.random.default_rng(seed)
    row = np.arange(n)
    second = (row >= GROUP) & (row < 2 * GROUP)
    city = rng.choice(["Bern", "Oslo", "Rome", "Kyiv"], n)
    device = rng.choice(["phone", "web"], n)
    price = rng.lognormal(0, 2, n).round(4)
    some = rng.random(n) < 0.1
    logit = 3.0 * ((city == "Oslo") ^ (device == "web")) - 1.5
    tags = [[["a", "b", "c"][k] for k in range(m)] for m in rng.integers(1, 4, n)]
    days = np.datetime64("2024-01-01", "us") + row.astype("timedelta64[h]")
    return pa.table(
        {
            "city": pa.array(city, mask=second | (row % 11 == 0)),
            "device": pa.array(device).dictionary_encode(),
            "price": pa.array(price, mask=some),
            "visits": pa.array(rng.poisson(3, n), mask=second & some),
            "age": pa.array(rng.integers(18, 80, n)),
            "is_new": pa.array(rng.random(n) < 0.5),
            "is_club": pa.array(rng.random(n) < 0.5, mask=second & some),
            "seen": pa.array(days),
            "tags": pa.array(tags),
            "weight": pa.array(rng.integers(1, 4, n)),
            "click": pa.array((rng.random(n) < 1 / (1 + np.exp(-logit))).astype(int)),
        }
    )


def frame_of(table):
    """Return what pandas reads of the table in a Parquet file."""
    return table.to_pandas()


def parts_of(table, n=3):
    """Return the table in parts of unlike sizes."""
    stops = [0, len(table) // 5, len(table) // 2, len(table)][-n - 1 :]
    return [table.slice(a, b - a) for a, b in itertools.pairwise(stops)]


def parquet(table, folder, name="table.parquet"):
    path = folder / name
    pq.write_table(table, path, row_group_size=GROUP)
    return path


def _files(table, folder):
    below = folder / "files"
    below.mkdir()
    for k, part in enumerate(parts_of(table)):
        parquet(part, below, f"{k}.parquet")
    return below


def _feather(table, folder):
    path = str(folder / "table.feather")
    pa.feather.write_feather(table, path, chunksize=GROUP)
    return path


def csv(table, folder, suffix=".csv"):
    """Write the table but for its lists."""
    path = folder / f"table{suffix}"
    options = pa.csv.WriteOptions(delimiter="," if suffix.startswith(".csv") else "\t")
    plain = table.drop_columns(["tags"])
    plain = plain.set_column(1, "device", plain["device"].cast(pa.string()))
    with pa.output_stream(str(path), compression="detect") as file:
        pa.csv.write_csv(plain, file, options)
    return str(path)


def _frames(table, convert):
    """Return a function that gives the table in frames, and some empty ones."""

    def frames():
        yield convert(table.slice(0, 0))
        for part in parts_of(table):
            yield convert(part)
            yield convert(part.slice(0, 0))

    return frames


def _hive(table, folder):
    """Write the parts to folders, and read them as a data set."""
    below = folder / "hive"
    for k, part in enumerate(parts_of(table)):
        (below / f"part={k}").mkdir(parents=True)
        parquet(part, below / f"part={k}")
    schema = table.schema
    return pa.dataset.dataset(below, schema=schema, partitioning="hive")


def reader(table, folder=None):
    """Return a stream that can be read once."""
    return pa.RecordBatchReader.from_batches(table.schema, table.to_batches(170))


class Stream:
    """A stream of no known class that can be read once."""

    def __init__(self, table):
        self.reader = reader(table)

    def __arrow_c_stream__(self, requested_schema=None):
        return self.reader.__arrow_c_stream__(requested_schema)


SOURCES = {
    "path": lambda t, folder: str(parquet(t, folder)),
    "Path": parquet,
    "folder": _files,
    "glob": lambda t, folder: f"{_files(t, folder)}/*.parquet",
    "list": lambda t, folder: sorted(_files(t, folder).iterdir()),
    "feather": _feather,
    "dataset": lambda t, folder: pa.dataset.dataset(parquet(t, folder)),
    "hive": _hive,
    "lazy": lambda t, folder: pl.scan_parquet(parquet(t, folder)),
    "table": lambda t, folder: t,
    "polars": lambda t, folder: pl.from_arrow(t),
    "pandas": lambda t, folder: frame_of(t),
    "reader": reader,
    "stream": lambda t, folder: Stream(t),
    "pandas frames": lambda t, folder: _frames(t, lambda part: part.to_pandas()),
    "polars frames": lambda t, folder: _frames(t, pl.from_arrow),
    "tables": lambda t, folder: _frames(t, lambda part: part),
}
CSVS = (".csv", ".csv.gz", ".tsv", ".csv.bz2")


def empty(folder):
    """Remove what is in a folder."""
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def assert_same_frames(found, expected):
    """Compare frames to the bit and by dtype; categories by their values."""
    assert list(found.columns) == list(expected.columns)
    for name in found.columns:
        a, b = found[name], expected[name]
        assert str(a.dtype) == str(b.dtype), name
        if str(a.dtype) == "category":
            a, b = a.astype(str), b.astype(str)
        if name == "tags":
            a, b = a.map(list), b.map(list)
        pd.testing.assert_series_equal(a, b, check_names=False, check_index=True)
