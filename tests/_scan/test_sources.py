"""Every kind of source gives the same rows, again and again; errors name the file."""

import gc
import os
import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.dataset
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from helpers.paths import REPO
from helpers.scans import (
    CSVS,
    SOURCES,
    Stream,
    assert_same_frames,
    csv,
    frame_of,
    make_table,
    parquet,
    reader,
)

from sklearn_dcn import scan
from sklearn_dcn._scan import SourceError, base

TABLE = make_table()
WHOLE = frame_of(TABLE)
WITHOUT_TORCH = f"""
import sys, types
house = types.ModuleType("sklearn_dcn")
house.__path__ = [{str(REPO / "sklearn_dcn")!r}]
sys.modules["sklearn_dcn"] = house
from sklearn_dcn._scan import scan
"""


def blocks_of(source, size=170, **options):
    return [block.X for block in scan(source, **options).blocks(size)]


def assert_gives(source, expected, size=170, **options):
    """Compare two passes of blocks, and the table as loaded, to a frame."""
    rows = scan(source, columns=list(expected.columns), **options)
    for _ in range(2):
        start = 0
        for block in rows.blocks(size):
            part = expected.iloc[start : start + size].reset_index(drop=True)
            assert_same_frames(block.X, part)
            start += len(block.X)
        assert start == len(expected)
    assert rows.n_rows == len(expected)
    assert_same_frames(rows.load().X, expected)


# Kinds of sources ---------------------------------------------------------------------


@pytest.mark.parametrize("kind", SOURCES)
def test_every_source_gives_the_rows_of_parquet(kind, tmp_path):
    source = SOURCES[kind](TABLE, tmp_path)
    assert_gives(source, WHOLE)
    if kind not in ("reader", "stream"):  # which are gone
        assert scan(source).columns[: WHOLE.shape[1]] == list(WHOLE.columns)


@pytest.mark.parametrize("suffix", CSVS)
def test_csv(suffix, tmp_path):
    expected = WHOLE.drop(columns="tags")
    expected["device"] = expected["device"].astype(expected["city"].dtype)
    found = scan(csv(TABLE, tmp_path, suffix)).load().X
    assert found["seen"].dtype.kind == "M"
    expected["seen"] = expected["seen"].astype(found["seen"].dtype)
    assert_gives(csv(TABLE, tmp_path, suffix), expected)


def test_csv_with_quotes_and_lines_in_cells(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('name,x\n"one, or\ntwo",1\n"say ""hi""",2\n,\n', encoding="utf-8")
    frame = scan(path).load().X
    assert frame["name"].tolist()[:2] == ["one, or\ntwo", 'say "hi"']
    assert frame["name"].isna().tolist() == [False, False, True]
    assert frame["x"].tolist()[:2] == [1, 2]


def test_a_later_csv_is_read_with_the_types_of_the_first(tmp_path):
    (tmp_path / "1.csv").write_text("x,s\n1.5,a\n", encoding="utf-8")
    (tmp_path / "2.csv").write_text("x,s\n2,7\n", encoding="utf-8")
    frames = blocks_of(tmp_path, 1)
    assert [frame["x"].tolist() for frame in frames] == [[1.5], [2.0]]
    assert frames[1]["s"].tolist() == ["7"]


def test_older_polars(tmp_path, monkeypatch):
    monkeypatch.delattr(pl.LazyFrame, "collect_batches", raising=False)
    assert_gives(pl.scan_parquet(parquet(TABLE, tmp_path)), WHOLE)


def test_a_query_of_polars_is_not_run_for_its_columns():
    def fail(frame):
        raise AssertionError("it was run")

    query = pl.LazyFrame({"x": [1]}).map_batches(fail, schema={"x": pl.Int64})
    rows = scan(query)
    assert rows.columns == ["x"]
    with pytest.raises(SourceError, match="The LazyFrame of polars cannot be read"):
        rows.load()


def test_duckdb(tmp_path):
    duckdb = pytest.importorskip("duckdb")
    path = parquet(TABLE, tmp_path)
    relation = duckdb.sql(f"SELECT * REPLACE (device::VARCHAR AS device) FROM '{path}'")
    expected = WHOLE.assign(device=WHOLE["device"].astype(WHOLE["city"].dtype))
    assert_gives(relation, expected)
    rows = scan(relation, "click")
    half = rows.blocks(100)
    next(half)
    half.close()
    assert len([*rows.blocks(100)]) == 10  # a pass that was left does no harm
    odd = duckdb.sql('SELECT 1 AS "a ""b""", 2 AS c')
    assert scan(odd).load().X.to_numpy().tolist() == [[1, 2]]


def test_folders_that_name_a_column(tmp_path):
    for k, part in enumerate([TABLE[:400], TABLE[400:]]):
        (tmp_path / f"day={k}").mkdir()
        parquet(part, tmp_path / f"day={k}")
    expected = WHOLE.assign(day=np.repeat([0, 1], [400, 600]).astype(np.int32))
    assert_gives(tmp_path, expected)
    assert repr(scan(tmp_path)).startswith(f"Scan of The folder {str(tmp_path)!r}")


def test_data_sets_that_are_filtered(tmp_path):
    data = pa.dataset.dataset(parquet(TABLE, tmp_path))
    young = data.filter(pa.dataset.field("age") < 30)
    assert_gives(young, WHOLE[WHOLE["age"] < 30].reset_index(drop=True))


def test_folders_leave_hidden_files_and_parts_out(tmp_path):
    parquet(TABLE, tmp_path)
    (tmp_path / "_SUCCESS.csv").write_text("x\n1\n", encoding="utf-8")
    (tmp_path / "out.csv.parts").mkdir()
    csv(TABLE, tmp_path / "out.csv.parts")
    (tmp_path / "readme.md").write_text("x", encoding="utf-8")
    assert scan(tmp_path).n_rows == 1000


def test_names_with_signs_of_globs(tmp_path):
    folder = tmp_path / "a[1]*"
    folder.mkdir()
    path = parquet(TABLE, folder, "b[2].parquet")
    assert scan(folder).n_rows == scan(path).n_rows == 1000


def test_large_pieces_are_cut(monkeypatch):
    """Not more than a block becomes a frame of pandas at a time."""
    sizes = []
    whole = base.to_frame

    def to_frame(rows, dtypes=None):
        sizes.append(len(rows))
        return whole(rows, dtypes)

    monkeypatch.setattr(base, "to_frame", to_frame)
    blocks_of(TABLE, 300)
    assert sizes == [300, 300, 300, 100]


# Streams that can be read once --------------------------------------------------------


@pytest.mark.parametrize("make", [reader, Stream])
def test_a_stream_is_kept_until_the_scan_is_gone(make, tmp_path):
    rows = scan(make(TABLE), "click", cache=tmp_path)
    assert rows.columns[0] == "city"
    assert not [*tmp_path.iterdir()]  # nothing is read for the columns
    assert len([*rows.blocks(100)]) == 10
    (folder,) = tmp_path.iterdir()
    assert f"-{os.getpid()}-" in folder.name  # by which remnants are known
    del rows
    gc.collect()
    assert not [*tmp_path.iterdir()]


def test_a_stream_is_removed_when_the_interpreter_ends(tmp_path):
    code = f"""
        import os, pyarrow
        table = pyarrow.table({{"x": [1, 2], "y": [0, 1]}})
        rows = scan(table.to_reader(), "y", cache={str(tmp_path)!r})
        rows.load()
        if os.fork() == 0:
            raise SystemExit  # which is not the one that wrote it
        os.wait()
        print(*os.listdir({str(tmp_path)!r}))
    """
    result = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH + textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.startswith("sklearn_dcn-")
    assert not [*tmp_path.iterdir()]


def test_a_stream_needs_a_place():
    with pytest.raises(SourceError, match="can be read only once, and with cache=None"):
        scan(reader(TABLE), cache=None).load()
    with pytest.raises(SourceError, match="cache='/nowhere' must be a folder"):
        scan(reader(TABLE), cache="/nowhere").load()


def test_a_stream_that_breaks_leaves_nothing(tmp_path):
    def batches():
        yield from TABLE.to_batches(100)[:3]
        raise OSError("the line is down")

    broken = pa.RecordBatchReader.from_batches(TABLE.schema, batches())
    with pytest.raises(
        SourceError, match="RecordBatchReader of pyarrow cannot be read"
    ):
        scan(broken, cache=tmp_path).load()
    assert not [*tmp_path.iterdir()]


# Functions ----------------------------------------------------------------------------


def test_blocks_of_read_csv(tmp_path):
    """Pandas tells types by the block: gaps make floats, and nothing at all too."""
    path = tmp_path / "a.csv"
    lines = [f"{k},{'' if k < 4 else 'abc'[k % 3]},{k % 2 == 0}" for k in range(12)]
    lines[5] = ",b,"
    path.write_text("\n".join(["n,s,b", *lines]), encoding="utf-8")
    blocks = blocks_of(lambda: pd.read_csv(path, chunksize=4), 4)
    for block in blocks:
        kinds = list(map(str, block.dtypes))
        assert kinds[0] == "float64" and kinds[2] == "object"
        assert kinds[1] in ("str", "object")  # of pandas 3 and before
    assert blocks[0]["s"].isna().all()


def test_categories_of_frames_are_joined():
    def frames():
        yield pd.DataFrame({"c": pd.Categorical(["a", "b"])})
        yield pd.DataFrame({"c": pd.Categorical(["c", "b"])})

    (block,) = blocks_of(frames, 4)
    assert str(block["c"].dtype) == "category"
    assert block["c"].tolist() == ["a", "b", "c", "b"]


def test_categories_of_frames_without_any_are_joined():
    def frames():
        for cells in ([None, None], ["a", "b"]):
            yield pl.DataFrame({"c": pl.Series(cells, dtype=pl.Categorical)})

    (block,) = blocks_of(frames, 4)
    assert str(block["c"].dtype) == "category"
    assert block["c"].isna().tolist() == [True, True, False, False]


def test_frames_that_all_have_gaps_are_cut():
    frame = pa.table({"n": [1, 2, None, 4], "b": [True, False, None, True]})
    for block in blocks_of(lambda: iter([frame, frame]), 2):
        assert list(map(str, block.dtypes)) == ["float64", "object"]


def test_an_iterator_that_is_returned_twice():
    frames = iter([WHOLE[:500], WHOLE[500:]])
    with pytest.raises(SourceError, match="returned the same iterator in two calls"):
        [*scan(lambda: frames, "click").blocks()]


def test_an_iterator_that_is_exhausted_in_the_second_call():
    left = [WHOLE[:500], WHOLE[500:]]

    def frames():
        while left:
            yield left.pop(0)

    rows = scan(frames, "click")
    with pytest.raises(SourceError, match=r"frames\(\) gave 1,000 rows in one .* 0 in"):
        [*rows.blocks()]


def test_a_pass_with_fewer_rows():
    calls = []

    def frames():
        calls.append(0)
        yield WHOLE[: 1000 - len(calls)]

    rows = scan(frames, columns=["price"])
    [*rows.blocks(with_target=False)]
    with pytest.raises(SourceError, match="gave 999 rows in one pass and 998 in"):
        [*rows.blocks(with_target=False)]


@pytest.mark.parametrize(
    ("returned", "kind"), [(3, "int"), (None, "NoneType"), (WHOLE, "DataFrame")]
)
def test_a_function_that_returns_no_iterator(returned, kind):
    with pytest.raises(
        TypeError, match=rf"must return a new iterator of .* got {kind}\."
    ):
        repr(scan(lambda: returned))


def test_an_iterator_of_other_things():
    with pytest.raises(
        TypeError, match="must be a frame of pandas, polars or arrow; got"
    ):
        repr(scan(lambda: iter([np.ones((2, 2))])))


def test_a_function_without_rows():
    for frames in ([], [WHOLE[:0]]):
        with pytest.raises(SourceError, match="there are no rows"):
            [*scan(lambda frames=frames: frames).blocks()]


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (
            {"n": ["a"], "s": ["b"]},
            "Column 'n' .* holds numbers in one .* strings in an",
        ),
        (
            {"n": [1.5], "s": [3]},
            "Column 's' .* holds strings in one .* and numbers in",
        ),
        ({"n": [1.5]}, "has no column 's', which the first one has"),
        (
            {"n": [1], "s": ["a"], "t": [1]},
            "has the column 't', which the first one lacks",
        ),
    ],
)
def test_frames_that_differ(second, message):
    frames = [pd.DataFrame({"n": [1], "s": ["a"]}), pd.DataFrame(second)]
    with pytest.raises(SourceError, match=message):
        blocks_of(lambda: iter(frames))


def test_errors_of_a_function_are_its_own():
    def frames():
        yield WHOLE
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        blocks_of(frames)


# Files that cannot be read ------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("no.parquet", "There is no file '{}/no.parquet'. Give"),
        ("*.parquet", r"No file matches '{}/\*.parquet'"),
        ("folder", "The folder '{}/folder' has no file that can be read"),
        ("a.xlsx", "'{}/a.xlsx' must end in one of .arrow, .csv"),
        ("a.parquet.gz", "'{}/a.parquet.gz' must end in one of"),
    ],
)
def test_no_file(source, message, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "a.xlsx").write_text("x", encoding="utf-8")
    (tmp_path / "a.parquet.gz").write_text("x", encoding="utf-8")
    with pytest.raises(SourceError, match=message.format(tmp_path)):
        scan(f"{tmp_path}/{source}").load()


@pytest.mark.parametrize("suffix", [".parquet", ".feather", ".csv", ".csv.gz"])
def test_empty_and_broken_files(suffix, tmp_path):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"")
    with pytest.raises(SourceError, match=f"a{suffix}' cannot be read"):
        scan(path).load()
    if suffix == ".csv":
        path.write_text("x,y\n", encoding="utf-8")
        with pytest.raises(SourceError, match=r"a.csv': there are no rows"):
            scan(path).load()
        return
    path.write_bytes(b"\x1f\x8b no such thing" * 9)
    with pytest.raises(SourceError, match=f"a{suffix}' cannot be read"):
        scan(path).load()


@pytest.mark.parametrize("share", [0.01, 0.5, 0.999])
def test_files_that_were_cut(share, tmp_path):
    for kind in ("path", "feather"):
        path = SOURCES[kind](TABLE, tmp_path)
        with open(path, "r+b") as file:
            file.truncate(int(os.path.getsize(path) * share))
        with pytest.raises(SourceError, match=f"{path}' cannot be read"):
            scan(path).load()
    path = csv(TABLE, tmp_path, ".csv.gz")
    with open(path, "r+b") as file:
        file.truncate(int(os.path.getsize(path) * share))
    with pytest.raises(SourceError, match=f"{path}' cannot be read"):
        scan(path).load()


def test_no_rows(tmp_path):
    for kind in ("path", "feather", "dataset", "lazy", "table", "polars", "pandas"):
        with pytest.raises(SourceError, match="no rows"):
            [*scan(SOURCES[kind](TABLE[:0], tmp_path)).blocks()]


def write_ten(folder, tenth):
    """Write ten files, the last of which is another table."""
    first = pa.table({"n": [1, 2], "s": ["a", "b"]})
    for k in range(9):
        pq.write_table(first, folder / f"{k}.parquet")
    pq.write_table(pa.table(tenth), folder / "9.parquet")


@pytest.mark.parametrize(
    ("tenth", "message"),
    [
        (
            {"n": [1.5], "s": ["a"]},
            "Column 'n' is double in .*9.parquet', and int64 in",
        ),
        ({"n": [1]}, "9.parquet' has no column 's'"),
        ({"n": [1], "s": ["a"], "t": [0]}, "9.parquet' has the column 't', which"),
    ],
)
def test_files_that_differ(tenth, message, tmp_path):
    write_ten(tmp_path, tenth)
    with pytest.raises(SourceError, match=message):
        scan(tmp_path).load()
    if "t" in tenth:  # columns that nobody asks for may be new
        assert len(scan(tmp_path, columns=["s", "n"]).load().X) == 19


def test_files_of_several_kinds(tmp_path):
    parquet(TABLE, tmp_path)
    csv(TABLE, tmp_path)
    with pytest.raises(SourceError, match=r"must be of one kind.*csv' and .*parquet'"):
        scan(tmp_path).load()


def test_a_file_that_vanishes(tmp_path):
    path = parquet(TABLE, tmp_path)
    rows = scan(path)
    [*rows.blocks()]
    path.unlink()
    with pytest.raises(SourceError, match=r"table.parquet' cannot be read"):
        [*rows.blocks()]


def test_a_file_that_grows(tmp_path):
    path = parquet(TABLE, tmp_path)
    rows = scan(path)
    [*rows.blocks()]
    parquet(pa.concat_tables([TABLE, TABLE]), tmp_path)
    with pytest.raises(SourceError, match="gave 1,000 rows in one pass and 2,000 in"):
        [*rows.blocks()]


def test_csv_with_a_ragged_line(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("x,y\n1,2\n3,4,5\n", encoding="utf-8")
    with pytest.raises(SourceError, match=r"a.csv' cannot be read.*Expected 2 columns"):
        scan(path).load()


def test_csv_whose_type_changes(tmp_path, monkeypatch):
    monkeypatch.setattr("sklearn_dcn._scan.files.CSV_BLOCK", 1000)
    path = tmp_path / "a.csv"
    path.write_text("t,x\n" + "a,1\n" * 1000 + "a,1.5\n", encoding="utf-8")
    message = "Column 'x' of .*a.csv' is read as int64.*invalid value '1.5'"
    for columns in (None, ["x"]):
        with pytest.raises(SourceError, match=message):
            scan(path, columns=columns).load()
    (tmp_path / "b.csv").write_text("t,x\nb,2.5\n", encoding="utf-8")
    path.write_text("t,x\na,1\n", encoding="utf-8")
    with pytest.raises(SourceError, match=r"Column 'x' of .*b.csv' is read as int64"):
        scan(tmp_path).load()


# Memory -------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["path", "dataset", "feather"])
def test_memory_stays_flat(kind, tmp_path):
    """Of a table of 150 MB not more than some blocks are there at a time."""
    n = 10_000
    rng = np.random.default_rng(0)
    path = str(tmp_path / ("a.feather" if kind == "feather" else "a.parquet"))
    schema = pa.schema({f"x{k}": pa.float64() for k in range(10)})
    with (
        pa.ipc.new_file(path, schema)
        if kind == "feather"
        else pq.ParquetWriter(path, schema)
    ) as writer:
        for _ in range(200):
            group = {name: rng.random(n) for name in schema.names}
            writer.write_table(pa.table(group))
    code = f"""
        import resource, sys
        import pyarrow.dataset
        path = {path!r}
        source = pyarrow.dataset.dataset(path) if {kind == "dataset"} else path
        peaks = []
        for block in scan(source).blocks(20_000):
            peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        assert len(peaks) == 100
        print(peaks[-1] - peaks[5])
    """
    result = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH + textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=True,
    )
    # Pages of a mapped file count, and are given back when others need them.
    allowed = 220 if kind == "feather" else 60
    assert int(result.stdout) < allowed * 1024
