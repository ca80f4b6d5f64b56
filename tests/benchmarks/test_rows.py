"""Rows at scale: the same on any number of files, in each order, with their signal."""

import sys

import numpy as np
import pandas as pd
import pytest
from helpers.paths import REPO

sys.path.insert(0, str(REPO))  # the benchmarks are run from there, not installed

from benchmarks import data, rows

pytest.importorskip("pyarrow")

ROWS = 5000
IDS = [f"C{c}" for c in range(1, 27)]
NUMBERS = [f"I{j}" for j in range(1, 14)]


def read(paths):
    """Return the rows of files as one frame."""
    return pd.concat(map(pd.read_parquet, paths), ignore_index=True)


@pytest.fixture(scope="module")
def frame(tmp_path_factory):
    """Return a small log, read back from one file."""
    return read(rows.write_rows(tmp_path_factory.mktemp("one"), ROWS))


def test_schema(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as parquet

    paths = rows.write_rows(tmp_path / "new", ROWS, files=2)
    assert [path.name for path in paths] == ["rows-00000.parquet", "rows-00001.parquet"]
    for path in paths:
        schema = parquet.read_schema(path)
        assert schema.names == ["label", *NUMBERS, *IDS]
        assert schema.field("label").type == pa.int8()
        assert {schema.field(name).type for name in NUMBERS} == {pa.float32()}
        assert {schema.field(name).type for name in IDS} == {pa.string()}
        group = parquet.read_metadata(path).row_group(0)
        assert group.num_rows == ROWS / 2
        assert "RLE_DICTIONARY" in group.column(14).encodings


def test_rows_are_the_same_on_any_number_of_files(tmp_path, frame):
    for files in (2, 7):
        paths = rows.write_rows(tmp_path / str(files), ROWS, files)
        assert len(paths) == files
        pd.testing.assert_frame_equal(read(paths), frame)


def test_fewer_rows_are_the_first_of_more(tmp_path, frame):
    fewer = read(rows.write_rows(tmp_path, 1234))
    pd.testing.assert_frame_equal(fewer, frame[:1234])


def test_another_seed_has_other_rows(tmp_path, frame):
    other = read(rows.write_rows(tmp_path, 100, seed=1))
    assert (other["C2"] != frame["C2"][:100]).any()


def test_row_groups_are_whole_across_blocks(tmp_path, monkeypatch):
    import pyarrow.parquet as parquet

    monkeypatch.setattr(rows, "GROUP", 256)
    paths = rows.write_rows(tmp_path / "three", 1000, 3)
    groups = [
        [meta.row_group(g).num_rows for g in range(meta.num_row_groups)]
        for meta in map(parquet.read_metadata, paths)
    ]
    assert groups == [[256, 77], [256, 77], [256, 78]]
    whole = read(rows.write_rows(tmp_path / "one", 1000))
    pd.testing.assert_frame_equal(read(paths), whole)
    assert whole.duplicated().sum() == 0  # blocks differ


def test_rates_and_gaps(frame):
    assert frame["label"].mean() == pytest.approx(data.POSITIVE_RATE, abs=0.02)
    assert frame[NUMBERS].isna().mean().mean() == pytest.approx(0.05, abs=0.005)
    assert frame[IDS].notna().all(axis=None)
    assert (frame[IDS[:3]].map(len) == 8).all(axis=None)


def test_ids_are_zipf():
    log = rows.Log(seed=0)
    block = log.block(0)
    for size, ids in zip(log.sizes, block.ids, strict=True):
        assert 0 <= ids.min() <= ids.max() < size
        share = np.bincount(ids, minlength=size)[:10].sum() / rows.GROUP
        expected = data.zipf_shares(size)[9]
        assert share == pytest.approx(expected, abs=0.01)


def test_labels_are_those_of_one_set_of_effects():
    """Log-odds of the effects tell the labels of all blocks, and equally well."""
    log = rows.Log(seed=0, rate=0.1)
    for at in (0, 5):
        block = log.block(at)
        assert block.y.mean() == pytest.approx(0.1, abs=0.01)
        z = np.nan_to_num((np.log(block.numbers + 0.5) - log.offset) / log.spread)
        logit = log.effects.log_odds(block.ids.T, z)
        gap = logit[block.y == 1].mean() - logit[block.y == 0].mean()
        assert gap > 0.8 * logit.std()


def test_days_are_in_order_and_rates_rise(tmp_path):
    paths = rows.write_rows(tmp_path, ROWS, files=2, order="day", days=4)
    frame = read(paths)
    assert list(frame.columns[:2]) == ["label", "day"]
    assert frame["day"].is_monotonic_increasing
    assert frame["day"].value_counts().tolist() == [ROWS // 4] * 4
    log = rows.Log(seed=0, rows=ROWS, days=4)
    rates = frame.groupby("day")["label"].mean()
    assert np.corrcoef(rates, log.drift)[0, 1] > 0.8


def test_labels_in_order_are_the_same_rows(tmp_path, frame):
    ordered = read(rows.write_rows(tmp_path, ROWS, files=3, order="label"))
    expected = frame.sort_values("label", kind="stable", ignore_index=True)
    pd.testing.assert_frame_equal(ordered, expected)


def test_command_line(tmp_path, capsys, frame):
    folder = tmp_path / "made"
    rows.main([str(folder), "--rows", "300", "--files", "2"])
    assert "300 rows, " in capsys.readouterr().err
    pd.testing.assert_frame_equal(read(sorted(folder.iterdir())), frame[:300])
    with pytest.raises(FileExistsError, match="already: name another folder"):
        rows.write_rows(folder, 10)


def test_what_cannot_be_written(tmp_path):
    with pytest.raises(ValueError, match=r"order must be one of .*'by chance'"):
        rows.write_rows(tmp_path, 10, order="by chance")
    with pytest.raises(ValueError, match="files must be 1 to the number of rows, 2"):
        rows.write_rows(tmp_path, 2, files=3)
