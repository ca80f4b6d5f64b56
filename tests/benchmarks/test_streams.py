"""The suite of rows on disk: its arrays, its passes, a run."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from helpers.paths import REPO

sys.path.insert(0, str(REPO))  # the benchmarks are run from there, not installed

from benchmarks import streams, streams_contenders, streams_rivals
from sklearn_dcn import scan

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder of two files of 50 and 30 rows, in groups of up to 20."""
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("rows")
    for file, n in enumerate((50, 30)):
        columns = {"label": rng.integers(0, 2, n).astype(np.int8)}
        for name in streams_rivals.NUMBERS:
            x = rng.random(n).astype(np.float32)
            x[rng.random(n) < 0.2] = np.nan
            columns[name] = pa.array(x, from_pandas=True)
        for name in streams_rivals.IDS:
            columns[name] = rng.choice(["a", "b", "c"], n, p=[0.2, 0.7, 0.1])
        table = pa.table(columns)
        parquet.write_table(table, path / f"rows-{file}.parquet", row_group_size=20)
    return str(path)


@pytest.fixture(scope="module")
def groups(folder):
    """Return their row groups."""
    return streams_rivals.RowGroups(folder)


def test_numbers_of_rows():
    assert streams.read_rows("1000000,2e6") == [1_000_000, 2_000_000]


def test_row_groups_are_the_table(folder, groups):
    """In its order; ids are ranks, of which 0 is the most frequent one."""
    table = parquet.read_table(folder).to_pandas()
    assert len(groups) == 5
    X, y = map(np.concatenate, zip(*map(groups.read, range(5)), strict=True))
    np.testing.assert_array_equal(y, table["label"])
    numbers = table[streams_rivals.NUMBERS]
    np.testing.assert_array_equal(X[:, : numbers.shape[1]], numbers)
    for c, name in enumerate(streams_rivals.IDS):
        levels = table[name].value_counts().index
        assert [*levels] == [*groups.levels[c]]
        found = levels.to_numpy()[X[:, numbers.shape[1] + c].astype(int)]
        np.testing.assert_array_equal(found, table[name])


def test_unknown_ids_are_missing(folder, groups):
    known = [levels[:1] for levels in groups.levels]
    X, _ = streams_rivals.RowGroups(folder, known).read(0)
    ids = X[:, -len(known) :]
    assert np.isnan(ids).any()
    assert set(np.unique(ids[~np.isnan(ids)])) == {0}


def test_sequence_gives_rows_across_groups(groups):
    pytest.importorskip("lightgbm")
    rows = streams_rivals.lightgbm_rows(groups)
    X = np.concatenate([groups.read(at)[0] for at in range(5)])
    assert len(rows) == len(X)
    for part in (slice(0, 80), slice(15, 55), slice(49, 51), slice(75, 80)):
        np.testing.assert_array_equal(rows[part], X[part])
    for row in (0, 19, 20, 50, 79):
        np.testing.assert_array_equal(rows[row], X[row])


def test_whole_passes_are_watched(folder):
    rows = scan(folder, "label")
    passes = streams_contenders.watch_passes(rows)
    for _ in rows.blocks(10):
        break
    assert not passes
    for _ in range(3):
        assert sum(len(block.X) for block in rows.blocks(10)) == 80
    found = streams_contenders.named_passes(passes)
    assert [*found] == ["counted", "learned from the sample", "crosses", "encoded"]
    assert all(one["seconds"] >= one.get("reading", 0.0) >= 0 for one in found.values())
    found = streams_contenders.named_passes(passes[:2])
    assert [*found] == ["counted", "learned from the sample", "encoded"]


def test_steps_by_their_ends():
    steps = streams_contenders.timed_steps(1.0, a=3.0, b=3.5)["passes"]
    assert steps == {"a": {"seconds": 2.0}, "b": {"seconds": 0.5}}


def test_disk_keeps_the_most(tmp_path):
    with streams_contenders.Disk(tmp_path) as disk:
        (tmp_path / "deeper").mkdir()
        (tmp_path / "deeper" / "file").write_bytes(bytes(1000))
    assert disk.peak == 1000


@pytest.mark.slow
def test_streams_run(tmp_path, monkeypatch):
    """Rows are written once; a table has each contender, another one its passes."""
    rows = pytest.importorskip("benchmarks.rows")
    names = ["sklearn-dcn scan (plain)", "sklearn-dcn in memory"]
    arguments = f"streams --rows 2000 --threads 1 --output {tmp_path}".split()
    cache = tmp_path / "cache"
    result = subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments, "--only", ",".join(names)],
        cwd=REPO,
        env={**os.environ, "BENCH_CACHE": str(cache)},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert "### 2,000 rows" in result.stdout
    assert "### Passes over 2,000 rows" in result.stdout
    saved = json.loads((tmp_path / "streams.json").read_text(encoding="utf-8"))
    figures = saved["figures"]["2,000 rows"]
    assert [*figures] == names
    for name in names:
        (turn,) = figures[name]["turns"]
        assert 0 < turn["log_loss"] < 1
        assert turn["passes"]["epoch"]["seconds"] < turn["seconds"]
    monkeypatch.setattr(rows, "write_rows", None)
    files = streams.find_files(2000, cache)
    assert [streams.count_rows(files[name]) for name in files] == [2000, 500]
