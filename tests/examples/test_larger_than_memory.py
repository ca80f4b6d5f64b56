"""The example of rows on disk: its files, its watchers, its picture."""

import mmap
import time

import numpy as np
import pandas as pd
import pytest
from helpers.processes import load_script

from sklearn_dcn import scan

pytest.importorskip("pyarrow")


@pytest.fixture(scope="module")
def example():
    """Return the example as a module."""
    return load_script("examples/larger_than_memory.py")


@pytest.fixture
def few(example, monkeypatch):
    """Let files have 300 rows."""
    monkeypatch.setattr(example, "FILE_ROWS", 300)


def test_files_hold_the_rows(example, few, tmp_path):
    """Each once, whatever the files, and the test has others."""
    train, test, n_bytes = example.write_files(str(tmp_path), 700)
    rows = scan(train, "click", columns=example.FEATURES)
    assert rows.n_rows == 700
    assert rows.columns == example.FEATURES
    tables = [pd.read_parquet(path) for path in sorted(tmp_path.glob("train-*"))]
    assert [len(table) for table in tables] == [300, 300, 100]
    table = pd.concat([*tables, pd.read_parquet(test)])
    assert table["request"].tolist() == [*range(700), *range(900, 1200)]
    whole = pd.concat(tables, ignore_index=True).memory_usage(deep=True).sum()
    assert n_bytes == pytest.approx(whole, rel=0.05)


def test_parts_depend_on_their_number_alone(example):
    first, again = (example.Clicks(seed=1).part(3, 200) for _ in range(2))
    pd.testing.assert_frame_equal(first, again)
    other = example.Clicks(seed=1).part(4, 200)
    assert not first["user"].equals(other["user"])
    assert 0.05 < example.Clicks().part(0, 5000)["click"].mean() < 0.5


def test_memory_is_seen(example):
    with example.Memory() as memory:
        # Of the system itself: an array may be of what other tests have freed.
        held = np.frombuffer(mmap.mmap(-1, 40 * 2**20), dtype=np.uint8)
        held[:] = 1
        time.sleep(0.2)
    assert held.nbytes * 0.8 < max(memory.bytes) < held.nbytes * 2
    assert memory.seconds == sorted(memory.seconds)


def test_phases_follow_each_other(example):
    phases = example.named_phases([(0, 1), (3, 4), (4, 6)], 9, 10)
    names = ["count", "learn from the sample", "crosses", "encode", "train"]
    assert [name for name, *_ in phases] == [*names, "predict"]
    assert [start for _, start, _ in phases[1:]] == [stop for *_, stop in phases[:-1]]
    without = example.named_phases([(0, 1), (4, 6)], 9, 10)
    assert [name for name, *_ in without] == [*names[:2], *names[3:], "predict"]


def test_few_rows_are_refused(example, capsys):
    with pytest.raises(SystemExit):
        example.main(["--rows", "1000"])
    assert "fewer rows are loaded" in capsys.readouterr().err


@pytest.mark.slow
def test_larger_than_memory_example(example, tmp_path, capsys):
    """All passes are seen, and the model has learned something."""
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("Agg")
    picture = tmp_path / "memory.png"
    arguments = ["--rows", "210000", "--epoch-rows", "50000", "--epochs", "2"]
    example.main([*arguments, "--output", str(picture)])
    pyplot.close("all")
    assert picture.stat().st_size > 10_000
    lines = capsys.readouterr().out.splitlines()
    names = ("count", "learn", "crosses", "encode", "train", "predict")
    for name in names:
        assert any(line.startswith(name) for line in lines), name
    [auc] = [float(line.split()[-1]) for line in lines if line.startswith("AUC")]
    assert auc > 0.7
