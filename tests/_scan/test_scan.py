"""What a scan says and gives: blocks, roles of columns, errors."""

import copy
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.scans import (
    SOURCES,
    assert_same_frames,
    frame_of,
    make_table,
    parquet,
)

from sklearn_dcn import scan
from sklearn_dcn._scan import SourceError

TABLE = make_table()


@pytest.fixture
def path(tmp_path):
    return str(parquet(TABLE, tmp_path))


def test_nothing_is_read_before_it_is_needed():
    rows = scan("nowhere/*.parquet", target="click", weight="w", columns=["a"])
    assert (rows.target, rows.weight) == ("click", "w")
    for ask in (repr, lambda rows: rows.columns, lambda rows: rows.n_rows):
        with pytest.raises(SourceError, match=r"No file matches 'nowhere/\*.parquet'"):
            ask(rows)


@pytest.mark.parametrize("size", [1, 7, 250, 333, 1000, 5000])
def test_blocks_are_of_one_size_and_in_order(path, size):
    rows = scan(path, "click", "weight", ["city", "visits", "is_club"])
    whole = frame_of(TABLE)
    table = whole if size > 1 else whole[:30]
    start = 0
    for block in rows.blocks(size):
        stop = min(start + size, len(whole))
        assert block.start == start
        assert len(block.X) == stop - start
        part = whole.iloc[start:stop].reset_index(drop=True)
        assert_same_frames(block.X, part[rows.columns])
        assert_same_frames(block.y.to_frame(), part[["click"]])
        assert_same_frames(block.weight.to_frame(), part[["weight"]])
        assert block.beside is None
        start = stop
        if start >= len(table):
            break
    assert start >= len(table)
    assert rows.n_rows == len(whole)


def test_several_targets_and_columns_beside(path):
    rows = scan(path, target=["age", "visits"])
    assert rows.columns == [
        name for name in TABLE.column_names if name not in ("age", "visits")
    ]
    block = next(scan(path, ["age", "click"]).blocks(10, beside=["city", "age"]))
    assert list(block.y.columns) == ["age", "click"]
    assert list(block.beside.columns) == ["city", "age"]


def test_without_target(path):
    block = next(scan(path, "click", "weight").blocks(10, with_target=False))
    assert block.y is None and block.weight is None


def test_load_is_what_pandas_reads(path):
    rows = scan(path, "click")
    block = rows.load()
    whole = pd.read_parquet(path)
    assert_same_frames(block.X, whole[rows.columns])
    assert block.start == 0
    assert rows.load(999) is None
    assert rows.load(1000) is not None
    assert scan(SOURCES["tables"](TABLE, None), "click").load(999) is None


def test_a_saved_index_is_no_column(tmp_path):
    frame = pd.DataFrame({"x": [1.0, 2.0], "y": [0, 1]}, index=[5, 3])
    for name in (None, "key"):
        path = tmp_path / f"{name}.parquet"
        frame.rename_axis(name).to_parquet(path)
        rows = scan(path, "y")
        assert rows.columns == ["x"]
        assert list(rows.load().X.index) == [0, 1]
        assert next(rows.blocks()).X.index.tolist() == [0, 1]
    named = scan(path, "y", columns=["key", "x"])
    assert named.load().X["key"].tolist() == [5, 3]


def test_dtypes_of_pandas_are_kept(tmp_path):
    frame = pd.DataFrame(
        {
            "whole": pd.array([1, None, 3, 4], dtype="Int64"),
            "flag": pd.array([True, None, False, True], dtype="boolean"),
            "a.b": [1, 2, 3, 4],
            "a": [1.5, 2, 3, None],
            "y": [0, 1, 0, 1],
        }
    )
    path = tmp_path / "a.parquet"
    frame.to_parquet(path, row_group_size=2)
    blocks = [block.X for block in scan(path, "y").blocks(2)]
    for block in blocks:
        assert list(map(str, block.dtypes)) == ["Int64", "boolean", "int64", "float64"]


def test_statistics_are_not_needed(tmp_path):
    path = tmp_path / "plain.parquet"
    pq.write_table(TABLE, path, write_statistics=False, row_group_size=250)
    for block in scan(path, "click").blocks(250):
        assert block.X["visits"].dtype == float
        assert block.X["age"].dtype == int
        assert block.X["is_club"].dtype == object
        assert block.X["is_new"].dtype == bool


def test_names_that_are_numbers(tmp_path):
    frame = pd.DataFrame(np.arange(6.0).reshape(3, 2))
    path = tmp_path / "numbers.parquet"
    frame.to_parquet(path)
    for source in (path, frame, lambda: iter([frame])):
        rows = scan(source, target="1")
        assert rows.columns == ["0"]
        assert next(rows.blocks()).X["0"].tolist() == [0, 2, 4]


def test_copies_share_what_was_read_once():
    rows = scan(SOURCES["reader"](TABLE, None))
    for _ in range(2):
        other = copy.copy(rows)
        other.choose_columns(["age"])
        assert len(other.load().X) == 1000
    assert rows.columns == TABLE.column_names


# Words --------------------------------------------------------------------------------


def test_repr_says_files_rows_columns_and_roles(path):
    text = repr(scan(path, "click", "weight"))
    lines = text.splitlines()
    assert lines[0] == f"Scan of {path!r}: 1,000 rows, 9 columns"
    assert lines[1].split() == ["column", "type", "role"]
    assert lines[2].split() == ["weight", "int64", "weight"]
    assert lines[3].split() == ["click", "int64", "target"]
    assert lines[4].split() == ["city", "string"]
    assert lines[5].split() == ["device", "categories", "of", "string"]
    html = scan(path, "click", "weight")._repr_html_()
    assert "1,000 rows" in html and "<td>target</td>" in html
    assert "<p></p>" not in html


def test_repr_of_many_columns_and_files_is_short(tmp_path):
    wide = pa.table({f"<{k}>": [1.0] for k in range(1000)})
    for k in range(3):
        pq.write_table(wide, tmp_path / f"{k}.parquet")
    rows = scan(tmp_path, target="<5>")
    assert len(repr(rows).splitlines()) == 15
    assert repr(rows).splitlines()[0].endswith("2 more files: 3 rows, 999 columns")
    assert repr(rows).endswith("... and 988 more columns")
    assert len(rows._repr_html_()) < 4000
    assert "<5>" not in rows._repr_html_()


def test_repr_of_rows_not_counted():
    assert "rows not counted yet" in repr(scan(SOURCES["tables"](TABLE, None)))


# Errors -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"source": 5}, TypeError, "source must be a path"),
        ({"source": iter([])}, TypeError, "source must be a path"),
        ({"source": []}, TypeError, "source must be a path"),
        ({"target": 3}, TypeError, "target must be a column's name"),
        ({"target": []}, TypeError, "target must be a column's name"),
        ({"weight": ["w"]}, TypeError, "weight must be a column's name; got"),
        ({"columns": "city"}, TypeError, "columns must be a list"),
        ({"columns": []}, TypeError, "columns must be a list"),
        ({"columns": ["a", 1]}, TypeError, "columns must be a list"),
        ({"columns": ["a", "b", "a"]}, ValueError, "'a' twice"),
        ({"target": "a", "weight": "a"}, ValueError, "'a' twice"),
        ({"buffer_rows": 0}, ValueError, "buffer_rows must be a number of rows"),
        ({"epoch_rows": True}, ValueError, "epoch_rows must be a number of rows"),
        ({"cache": 3}, TypeError, "cache must be 'auto'"),
    ],
)
def test_parameters_are_checked_when_a_scan_is_made(options, error, message):
    with pytest.raises(error, match=message):
        scan(**{"source": "nowhere.parquet", **options})


@pytest.mark.parametrize(
    "options",
    [{"target": "clik"}, {"weight": "clik"}, {"columns": ["age", "clik"]}],
)
def test_unknown_columns(path, options):
    with pytest.raises(
        SourceError, match=r"there is no column 'clik'.*'click'"
    ) as found:
        next(scan(path, **options).blocks())
    assert path in str(found.value)


def test_unknown_columns_among_many(tmp_path):
    pq.write_table(
        pa.table({f"c{k}": [1] for k in range(1000)}), tmp_path / "a.parquet"
    )
    with pytest.raises(SourceError) as found:
        repr(scan(tmp_path, target="zz"))
    assert len(str(found.value)) < 400


def test_no_column_is_left(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"y": [1]}), path)
    with pytest.raises(
        SourceError, match="there is no column besides target and weight"
    ):
        next(scan(path, "y").blocks())


def test_a_column_that_is_there_twice():
    table = pa.table([[1], [2], [3]], names=["a", "a", "y"])
    with pytest.raises(SourceError, match=r"the column 'a' occurs twice. Rename one."):
        next(scan(table, "y").blocks())


def test_missing_targets_and_bad_weights(path):
    for load in (lambda rows: rows.load(), lambda rows: [*rows.blocks(100)]):
        with pytest.raises(
            SourceError, match="target 'visits' is missing in row 2"
        ) as e:
            load(scan(path, "visits"))
        assert path in str(e.value)
        with pytest.raises(
            SourceError, match=r"weight 'price' must be finite.*nan in row"
        ):
            load(scan(path, "click", "price"))
        with pytest.raises(SourceError, match="weight 'city' must be a number"):
            load(scan(path, "click", "city"))
    endless = TABLE.append_column("z", pa.array(np.r_[np.ones(999), -np.inf]))
    with pytest.raises(SourceError, match=r"target 'z' must be finite; .* in row 999"):
        scan(endless, "z").load()
    negative = TABLE.append_column(
        "minus", pa.array(np.r_[np.ones(300), -np.ones(700)])
    )
    with pytest.raises(SourceError, match=r"-1.0 in row 300"):
        [*scan(negative, "click", "minus").blocks(100)]


def test_without_pyarrow_it_is_told(monkeypatch):
    # The module, whose name is that of the function as well.
    module = sys.modules["sklearn_dcn._scan.scan"]
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"sklearn-dcn\[stream\]"):
        scan("clicks.parquet", "click").n_rows  # noqa: B018
