"""The suites of the whole job and its frontier, and the width of classes."""

import json
import os
import subprocess
import sys
from argparse import Namespace
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from helpers.paths import REPO

sys.path.insert(0, str(REPO))  # the benchmarks are run from there, not installed

from benchmarks import environment, frontier, job, job_contenders, width
from benchmarks.workers import Outcome

TREES = "HistGradientBoosting"  # no other library is needed for it


def outcome(seconds, losses, task="binary"):
    """Return an outcome whose figures are given, seed by seed; None is an error."""
    turns = [
        {"seed": seed, "seconds": s, "loss": loss, "n_train": 9, "n_test": 3}
        | {"fit_seconds": s, "predict_seconds": 0.0}
        | dict.fromkeys(("log_loss", "auc", "rmse", "accuracy"), loss)
        if s is not None
        else {"seed": seed, "error": "ValueError: no"}
        for seed, (s, loss) in enumerate(zip(seconds, losses, strict=True))
    ]
    return Outcome({"task": task, "data_mib": 1.0}, turns, 2.0)


@pytest.fixture
def directory(tmp_path):
    """Return a directory with a table of each task, one of them with lists."""
    pytest.importorskip("pyarrow")
    rng = np.random.default_rng(0)
    n = 600
    X = pd.DataFrame(
        {
            "id": pd.Series(rng.integers(300, size=n)).map("u{}".format),
            "level": rng.choice(["a", "b", None], n),
            "tags": rng.choice(["x|y", "y", "x|y|z"], n),
            "number": np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n)),
        }
    )
    score = (X["level"] == "a") + X["number"].fillna(0) + rng.normal(size=n) / 2
    targets = {"binary": (score > 0).astype(int), "regression": score}
    targets["multiclass"] = pd.cut(score, 3, labels=False)
    directory, index = tmp_path / "tables", []
    directory.mkdir()
    for task, y in targets.items():
        X.assign(y=y).to_parquet(directory / f"{task}.parquet")
        entry = {"name": task, "file": f"{task}.parquet", "task": task, "target": "y"}
        index.append(entry | {"lists": {"tags": "|"}})
    (directory / "INDEX.json").write_text(json.dumps(index))
    return directory


def run_benchmarks(*arguments):
    """Return what a suite prints."""
    result = subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments],
        cwd=REPO,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


# The job ------------------------------------------------------------------------------


@pytest.mark.parametrize("task", ["binary", "regression", "multiclass"])
@pytest.mark.filterwarnings("ignore:`TargetEncoder.shuffle`:FutureWarning")  # since 1.9
def test_turns_are_seeds(directory, task):
    options = Namespace(tables=directory, names=task)
    (table,) = job.choose_tables(options).values()
    contender = job_contenders.Job(TREES, vars(table), 300, threads=1)
    first, second = contender.turn(), contender.turn()
    assert [first["seed"], second["seed"]] == [0, 1]
    assert [first["n_train"], first["n_test"]] == [300, 150]
    assert first["loss"] != second["loss"]
    assert first["seconds"] == pytest.approx(
        first["fit_seconds"] + first["predict_seconds"]
    )
    again = job_contenders.Job(TREES, vars(table), 300, threads=1).turn()
    assert again["loss"] == first["loss"]


def test_errors_are_kept(directory, monkeypatch):
    (table,) = job.choose_tables(Namespace(tables=directory, names="binary")).values()
    contender = job_contenders.Job(TREES, vars(table), None, threads=1)

    def fail(self, split):
        raise MemoryError("too much")

    monkeypatch.setattr(job_contenders.Default, "fit", fail)
    assert contender.turn() == {"seed": 0, "error": "MemoryError: too much"}


def test_rows_to_stop_by_are_held_out():
    """A tenth of the training rows, drawn within the fit."""

    class Kept:
        has_classes, seed = True, 0

        def fit(self, split):
            self.split = split

    class Stopping(job_contenders.HeldOut, Kept):
        pass

    X, y = pd.DataFrame({"x": range(200)}), np.arange(200) % 2
    model = Stopping()
    model.fit(job_contenders.Split(X, y, None, None, None, None))
    split = model.split
    assert [len(split.X_fit), len(split.X_valid)] == [180, 20]
    assert sorted([*split.X_fit["x"], *split.X_valid["x"]]) == list(range(200))
    assert split.y_valid.mean() == 0.5


def test_presets_that_are_not_there_are_skipped(monkeypatch, capsys):
    unknown = {"x": (job_contenders.Preset, {"preset": "no such"})}
    monkeypatch.setattr(
        job_contenders, "CONTENDERS", job_contenders.CONTENDERS | unknown
    )
    options = Namespace(only=["sklearn-dcn", "x", TREES], require_all=False)
    assert job.choose_names(options) == ["sklearn-dcn", TREES]
    assert "x: no such preset" in capsys.readouterr().err
    options.require_all = True
    with pytest.raises(SystemExit, match="x: no such preset"):
        job.choose_names(options)


def test_summary_by_hand():
    """Only seeds that both have count; of the tables the median."""
    results = {
        "one": {
            "sklearn-dcn": outcome([2, 4, 9], [0.5, 0.5, 0.9]),
            TREES: outcome([1, 1, None], [0.6, 0.6, None]),
        },
        "two": {
            "sklearn-dcn": outcome([1, 1], [0.3, 0.5]),
            TREES: outcome([2, 2], [0.2, 0.2]),
        },
    }
    (row,) = job.summary_rows(results, "sklearn-dcn")
    assert row["it"] == TREES
    assert str(row["seconds, ours / it"]) == "1.75 (0.500..3.00)"
    assert [row["faster on"], row["loss below on"]] == ["1 of 2", "1 of 2"]
    assert row["loss, ours / it"] == "1.4167 (0.8333..2.0000)"
    text = job.make_report("job", Namespace(rows=None), results).text()
    assert f"{TREES} failed on seed 2: ValueError: no" in text
    assert "### one, 9 rows, 3 held out" in text
    seconds, losses = frontier.relative(results)[TREES]
    np.testing.assert_allclose(seconds, [0.375, 2])
    np.testing.assert_allclose(losses, [1.2, 0.5])


@pytest.mark.slow
def test_job_and_frontier_run(directory, tmp_path):
    """What a file has is not measured again."""
    common = ["--tables", str(directory), "--threads=1", "--output", str(tmp_path)]
    some = ["--rows=300", "--names=binary,regression"]
    text = run_benchmarks("job", *common, *some, f"--only={TREES}", "--repeats=2")
    assert "### binary, 300 rows, 150 held out" in text
    assert "RMSE" in text and "against the others" not in text
    known = ["--add", str(tmp_path / "job.json")]
    only = ["--only=sklearn-dcn", "--repeats=1"]
    text = run_benchmarks("frontier", *common, *some, *known, *only)
    assert "### sklearn-dcn against the others, 2 tables" in text
    assert "### Relative to sklearn-dcn" in text
    saved = json.loads((tmp_path / "frontier.json").read_text(encoding="utf-8"))
    figures = saved["figures"]["regression"]
    assert [len(figures[name]["turns"]) for name in ("sklearn-dcn", TREES)] == [1, 2]
    assert saved["machine"].keys() >= {"processor", "bfloat16 products"}


# The picture --------------------------------------------------------------------------


def test_labels_cover_nothing(tmp_path):
    """Neither each other nor a point, though the points are close together."""
    pytest.importorskip("matplotlib").use("agg")
    from matplotlib import pyplot as plt

    rng = np.random.default_rng(0)
    points = {}
    for name in frontier.STYLES:
        x, y = np.exp(rng.normal()), 1 + rng.normal() / 100
        points[name] = (x, 0.9 * x, 1.1 * x), (y, y - 0.001, y + 0.001)
    figure, ax = plt.subplots(figsize=(5.2, 3.9))
    frontier.panel(ax, points, size=7.5)
    figure.canvas.draw()
    boxes = [text.get_window_extent().extents for text in ax.texts]
    assert len(boxes) == len(points)
    for one, other in combinations(boxes, 2):
        assert frontier._overlap(one, other) == 0
    for x, y in points.values():
        at = ax.transData.transform((x[0], y[0]))
        assert not any((box[:2] < at).all() and (at < box[2:]).all() for box in boxes)
    plt.close(figure)


def test_pictures_are_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    pair = {"sklearn-dcn": outcome([2, 4], [0.5, 0.6]), TREES: outcome([1], [0.7])}
    frontier.draw({"one": pair, "two": pair}, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        "frontier.png",
        "frontier-mean.png",
    }


# Width and the machine ----------------------------------------------------------------


def test_every_class_has_two_rows():
    for n_rows, n_classes in ((100, 3), (10, 30)):
        X, y = width.make_classes(n_rows, n_classes)
        assert X.shape == (max(n_rows, 2 * n_classes), width.CLASS_COLUMNS)
        counts = np.bincount(y, minlength=n_classes)
        assert len(counts) == n_classes and counts.min() >= 2


@pytest.mark.slow
def test_width_of_classes_runs(tmp_path):
    text = run_benchmarks(
        *"width --only classes --most 10 --rows 120 --threads 1".split(),
        *("--output", str(tmp_path)),
    )
    assert "### 120 rows, 20 columns of numbers" in text
    assert "weights a class" in text
    saved = json.loads((tmp_path / "width.json").read_text(encoding="utf-8"))
    assert list(saved["figures"]) == ["classes 2", "classes 10"]


def test_products_of_bfloat16(monkeypatch):
    def tell(**found):
        monkeypatch.setattr(environment, "_cpuinfo", lambda: found)
        return environment.machine()

    found = tell(
        **{"model name": "X", "model": "17", "flags": "sse amx_bf16 avx512_bf16"}
    )
    assert found["processor"] == "X (model 17)"
    assert found["bfloat16 products"] == "avx512_bf16, amx_bf16"
    assert tell(Features="fp bf16")["bfloat16 products"] == "bf16"
    assert tell(flags="sse")["bfloat16 products"] == "none"
    assert tell()["bfloat16 products"] is None
