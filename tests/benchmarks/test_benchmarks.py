"""The benchmarks measure what they say: data, statistics, FLOPs, workers, a run."""

import json
import os
import subprocess
import sys
from argparse import Namespace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.paths import REPO

sys.path.insert(0, str(REPO))  # the benchmarks are run from there, not installed

from benchmarks import data, embedder, encoding, ids, networks, report, workers
from sklearn_dcn.network import DeepCrossNetwork

# Data ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def clicks():
    """Return a small click log."""
    return data.make_clicks(20_000, seed=3)


def test_rates_and_shape(clicks):
    assert clicks.numbers.shape == (20_000, 13)
    assert clicks.ids.shape == (20_000, 26)
    assert clicks.y.mean() == pytest.approx(0.25, abs=0.015)
    assert np.isnan(clicks.numbers).mean() == pytest.approx(0.05, abs=0.005)
    x = clicks.numbers[~np.isnan(clicks.numbers[:, 0]), 0]
    assert x.mean() > 1.05 * np.median(x)  # skewed


def test_vocabulary():
    sizes = data.column_sizes(26)
    assert sorted(sizes) == sorted(data.SIZES)
    assert min(sizes) == 10
    assert max(sizes) == 100_000
    assert sum(sizes) == pytest.approx(320_000, rel=0.01)
    assert data.column_sizes(26, scale=2.0) == [2 * size for size in sizes]
    assert len(data.column_sizes(60)) == 60


def test_ids_are_zipf(clicks):
    """Ids lie in their column's range, and a few of them fill most of the rows."""
    for c, size in enumerate(clicks.sizes):
        assert 0 <= clicks.ids[:, c].min() <= clicks.ids[:, c].max() < size
    largest = np.argmax(clicks.sizes)
    counts = np.bincount(clicks.ids[:, largest], minlength=clicks.sizes[largest])
    assert counts[:100].sum() > 0.25 * len(clicks.y)
    assert counts[:10].sum() > counts[10:20].sum() > counts[20:30].sum()


def test_same_seed_same_data():
    a, b = (data.make_clicks(500, n_num=3, n_cat=4, seed=7) for _ in range(2))
    np.testing.assert_array_equal(a.ids, b.ids)
    np.testing.assert_array_equal(a.numbers, b.numbers)
    np.testing.assert_array_equal(a.y, b.y)
    other = data.make_clicks(500, n_num=3, n_cat=4, seed=8)
    assert (a.ids != other.ids).any()


def test_labels_hold_crosses():
    """Effects differ with an id by far more than chance: of an id, and of a number."""
    clicks = data.make_clicks(100_000, n_num=2, n_cat=2, scale=0.02, seed=0)
    assert clicks.sizes == [2, 2]
    table = pd.DataFrame(clicks.ids, columns=["a", "b"]).assign(
        y=clicks.y.astype(float), rank=pd.Series(clicks.numbers[:, 1]).rank(pct=True)
    )
    # Of two ids: the contrast of the four log-odds, which is 0 without a cross.
    p, n = (
        table.groupby(["a", "b"])["y"].agg(how).unstack() for how in ("mean", "size")
    )
    contrast = np.log(p / (1 - p)).diff().diff(axis=1).iloc[1, 1]
    assert abs(contrast) > 5 * np.sqrt((1 / (n * p * (1 - p))).to_numpy().sum())
    # Of an id and a number: how much higher the number ranks where y is 1. A rank has
    # the variance of a uniform number, 1/12.
    by = table.dropna().groupby(["a", "y"])["rank"]
    difference = by.mean().unstack().diff(axis=1)[1.0].diff().iloc[1]
    assert abs(difference) > 5 * np.sqrt((1 / by.size()).sum() / 12)


def test_frame_has_strings(clicks):
    frame = clicks.frame()
    assert len(frame.columns) == 39
    assert all(len(level) == 8 and int(level, 16) >= 0 for level in frame["C1"][:100])
    for c in (0, int(np.argmax(clicks.sizes))):  # no two ids share a string
        assert frame[f"C{c + 1}"].nunique() == len(np.unique(clicks.ids[:, c]))


def test_encoded(clicks):
    """Unknown is 0, missing would be 1, levels of the training rows follow."""
    encoded = clicks.encoded(10_000)
    assert encoded.x_num.shape == (20_000, 26)
    assert np.isfinite(encoded.x_num).all()
    for c, cardinality in enumerate(encoded.cardinalities):
        train, test = encoded.x_cat[:10_000, c], encoded.x_cat[10_000:, c]
        assert set(train) == set(range(2, cardinality))
        is_new = ~np.isin(clicks.ids[10_000:, c], clicks.ids[:10_000, c])
        np.testing.assert_array_equal(test == 0, is_new)


def test_files_keep_the_data(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "CACHE", tmp_path / "cache")
    made, read = (data.load_clicks(300, n_num=2, n_cat=3) for _ in range(2))
    np.testing.assert_array_equal(made.numbers, read.numbers)
    np.testing.assert_array_equal(made.ids, read.ids)
    assert read.sizes == made.sizes
    assert len(list((tmp_path / "cache").glob("*.npz"))) == 1


# Statistics and tables ----------------------------------------------------------------


def test_statistics_by_hand():
    assert report.spread([3, 1, 2, 10]) == report.Spread(2.5, 1, 10)
    # Ratios 2, 1/2 and 3; those of the medians would be 4 / 4 = 1.
    assert report.ratio([4, 2, 12], [2, 4, 4]) == report.Spread(2, 0.5, 3)
    assert str(report.spread([2.0])) == "2.00"
    assert str(report.spread([1.0, 2.0])) == "1.50 (1.00..2.00)"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.01234, "0.0123"), (1.234, "1.23"), (123.4, "123"), (56789.1, "56,789")],
)
def test_short_numbers(value, text):
    assert report.short(value) == text


def test_markdown():
    rows = [{"a": 1, "long": "x"}, {"a": 22, "long": "y"}]
    assert report.markdown(rows).splitlines() == [
        "| a  | long |",
        "| -- | ---- |",
        "| 1  | x    |",
        "| 22 | y    |",
    ]


def test_order_is_rotated():
    assert [workers.rotated([1, 2, 3], by) for by in range(4)] == [
        [1, 2, 3],
        [2, 3, 1],
        [3, 1, 2],
        [1, 2, 3],
    ]


# Networks -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cross", "products"),
    [
        # Deep 10 * 4, head 10 + 4, and two cross layers.
        ("vector", 40 + 14 + 2 * 10),
        ("matrix", 40 + 14 + 2 * 10 * 10),
        ("low_rank", 40 + 14 + 2 * (10 * 2 + 2 * 10)),
    ],
)
def test_flops_by_hand(cross, products):
    """Two for each product and its sum; backward is twice the forward."""
    flops = networks.flops_per_row(10, cross, hidden=(4,), n_cross_layers=2)
    assert flops == 2 * 3 * products


def test_plain_network_has_the_flops():
    """Torch's own count of a forward pass is a third of ours."""
    from torch.utils.flop_counter import FlopCounterMode

    plain = networks.PlainDCN(4, [5, 6], "matrix")
    with FlopCounterMode(display=False) as counter:
        plain(torch.randn(7, 4), torch.zeros(7, 2, dtype=torch.int64))
    d = 2 * networks.EMBEDDING_DIM + 4
    assert counter.get_total_flops() == 7 * networks.flops_per_row(d, "matrix") / 3


@pytest.mark.parametrize("cross", networks.CROSSES)
def test_plain_network_is_ours(cross):
    """With the same weights it is the same function: rivals do the same work."""
    ours = DeepCrossNetwork(
        4,
        [5, 6],
        embedding_dim=networks.EMBEDDING_DIM,
        cross=cross,
        n_cross_layers=networks.N_CROSS_LAYERS,
        hidden_layer_sizes=networks.HIDDEN,
    )
    plain = networks.PlainDCN(4, [5, 6], cross)
    assert networks.n_parameters(plain) == networks.n_parameters(ours)
    with torch.no_grad():
        plain.embedding.weight.copy_(ours.embedding.tables[0])
        for i, layer in enumerate(ours.cross.layers):
            layer.b.normal_()
            if cross == "vector":
                pairs = [(plain.w[i], layer.w), (plain.b[i], layer.b)]
            elif cross == "matrix":
                pairs = [(plain.W[i].weight, layer.W), (plain.W[i].bias, layer.b)]
            else:
                pairs = [(plain.V[i].weight, layer.V.T), (plain.U[i].weight, layer.U)]
                pairs.append((plain.U[i].bias, layer.b))
            for target, source in pairs:
                target.copy_(source)
        for target, source in zip(plain.deep[::2], ours.deep.linears, strict=True):
            target.load_state_dict(source.state_dict())
        plain.head.load_state_dict(ours.head.state_dict())
    x_num, x_cat = torch.randn(8, 4), torch.randint(5, (8, 2))
    torch.testing.assert_close(plain(x_num, x_cat), ours(x_num, x_cat))


def test_epoch_trains():
    torch.manual_seed(0)
    x = {"x_num": torch.randn(3000, 2), "x_cat": torch.randint(4, (3000, 1))}
    y = (x["x_num"][:, 0] > 0).float()
    plain = networks.PlainDCN(2, [4], "vector")
    optimizer = torch.optim.Adam(plain.parameters(), lr=0.01)
    for _ in range(5):
        assert networks.run_epoch(plain, optimizer, x, y) > 0
    p = networks.probabilities(plain, x, batch_size=1000)
    assert ((p > 0.5) == y.numpy()).mean() > 0.9


# Encoding, ids, embedder --------------------------------------------------------------


def test_best_arrow_has_the_lower_median():
    def outcome(*seconds):
        return workers.Outcome({}, [{"seconds": s} for s in seconds], 0.0)

    one, threads = encoding.ARROWS
    outcomes = {one: outcome(1, 5, 5), threads: outcome(2, 2, 9), "x": outcome(0)}
    assert encoding.best_arrow(outcomes) == threads
    assert encoding.best_arrow({"x": outcome(0)}) is None


@pytest.mark.parametrize("kind", ids.NAMES)
def test_levels_are_distinct(kind):
    seen, unseen = ids.make_levels(kind, 50_000), ids.make_levels(kind, 100, 50_000)
    assert len({*seen, *unseen}) == 50_100
    if kind == "strings":
        assert {len(level) for level in seen} == {12}
    else:
        assert seen.dtype == np.int64
        assert (seen >= 0).all()


def test_frame_has_every_id_twice():
    frame = ids.make_frame("strings", 500, 1000)
    assert (frame["id"].value_counts() == 2).all()
    assert frame["id"].nunique() == 500


def test_numbers_are_prepared_once_for_all_codings():
    X = pd.DataFrame({"a": ["u", None, "v", "u"], "b": [1, 2, np.nan, 8], "c": 3})
    train, test = embedder.prepare_numbers(X, X[::-1])
    assert list(train) == ["a", "number 0", "number 1", "number 2"]
    assert train["number 2"].tolist() == [0, 0, 1, 0]  # where b is missing
    assert np.isfinite(train.drop(columns="a").to_numpy()).all()
    pd.testing.assert_frame_equal(test[::-1], train)
    texts, _ = embedder.prepare_numbers(X[["a"]], X[["a"]])
    pd.testing.assert_frame_equal(texts, X[["a"]])


def test_any_table_of_two_classes(tmp_path):
    pytest.importorskip("pyarrow")
    path = tmp_path / "table.parquet"
    table = pd.DataFrame({"id": [7, 8, 7, 9], "x": [0.5, 1, 2, 3]})
    table.assign(y=["no", "yes", None, "no"]).to_parquet(path)
    X, y = embedder.load_table(0, path, "y", categorical=["id"])
    assert embedder.categorical_names(X) == ["id"]
    assert X["id"].tolist() == [7, 8, 9]
    assert y.tolist() == [0, 1, 0]
    with pytest.raises(ValueError, match="x must hold two values; it has 4"):
        embedder.load_table(0, path, "x")


# Workers and a run --------------------------------------------------------------------


def contender(*modules, requires=()):
    """Return a contender that imports."""
    config = {"modules": modules}
    return workers.Contender("x", "benchmarks.imports:Imports", config, requires)


def test_worker_answers():
    with workers.Worker(contender("csv"), threads=1) as worker:
        assert worker.call("turn") > 0
        assert 1 < worker.call("peak_memory") < 200  # not this process's


def test_worker_passes_errors_on():
    with workers.Worker(contender("no_such_module"), threads=1) as worker:
        with pytest.raises(RuntimeError, match=r"(?s)x: .*no_such_module"):
            worker.call("turn")
        with pytest.raises(RuntimeError, match="no_such_method"):
            worker.call("no_such_method")


def test_missing_rivals_are_skipped(capfd):
    rivals = [contender("csv", requires=("no_such_module",))]
    options = Namespace(repeats=1, threads=1, require_all=False)
    assert workers.measure(rivals, options) == {}
    assert "x: not installed (no module no_such_module)" in capfd.readouterr().err
    options.require_all = True
    with pytest.raises(workers.NotInstalled, match="no_such_module"):
        workers.measure(rivals, options)


def run_benchmarks(tmp_path, *arguments):
    """Return the finished process of ``python -m benchmarks``."""
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments],
        cwd=REPO,
        env={**os.environ, "BENCH_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
    )


@pytest.mark.slow
def test_train_runs(tmp_path):
    """The tables of the report are those that are saved, with the figures."""
    names = ["sklearn-dcn", "torch loop (our module)", "GEMM bound"]
    arguments = f"train --rows 4000 --repeats 1 --threads 1 --output {tmp_path}"
    result = run_benchmarks(
        tmp_path, *arguments.split(), "--cross=vector", f"--only={','.join(names)}"
    )
    assert result.returncode == 0, result.stderr
    assert '### cross="vector"' in result.stdout
    lines = [line for line in result.stdout.splitlines() if line.startswith("| ")]
    assert [line.split("|")[1].strip() for line in lines[2:]] == names
    assert (tmp_path / "train.md").read_text(encoding="utf-8") in result.stdout
    saved = json.loads((tmp_path / "train.json").read_text(encoding="utf-8"))
    outcome = saved["figures"]["vector"]["sklearn-dcn"]
    (turn,) = outcome["turns"]
    assert turn["rows_per_second"] > 0
    assert 0 < turn["log_loss"] < 1
    # The network's size follows from the data alone.
    encoded = data.make_clicks(5000).encoded(4000)
    d = 26 * networks.EMBEDDING_DIM + 26
    n = networks.EMBEDDING_DIM * sum(encoded.cardinalities)
    n += networks.N_CROSS_LAYERS * 2 * d
    n += sum((a + 1) * b for a, b in pairwise([d, *networks.HIDDEN]))
    assert outcome["info"]["parameters"] == n + d + networks.HIDDEN[-1] + 1


@pytest.mark.slow
def test_unknown_contenders_are_refused(tmp_path):
    result = run_benchmarks(tmp_path, "train", "--only", "nobody")
    assert result.returncode == 2
    assert "--only names ['nobody']" in result.stderr


def table_lines(result, title):
    """Return the lines of one table of a report, as lists of cells."""
    assert result.returncode == 0, result.stderr
    after = result.stdout.partition(f"### {title}")[2].partition("\n\n")[2]
    lines = after.partition("\n\n")[0].splitlines()
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]


@pytest.mark.slow
def test_encoding_runs(tmp_path):
    """All contenders that are installed encode all columns; ratios are to arrow."""
    pytest.importorskip("pyarrow")
    names = "sklearn-dcn fit,sklearn-dcn transform,arrow (1 thread),scikit-learn"
    result = run_benchmarks(
        tmp_path, *"encoding --rows 3000 --repeats 1 --threads 1 --only".split(), names
    )
    for title in ("3,000 rows x 39 columns", "3,000 rows x the 26 columns of strings"):
        header, _, *rows = table_lines(result, title)
        assert [row[0] for row in rows] == names.split(",")
        at = header.index("it / best arrow")
        assert rows[2][at] == "1.00"
        assert float(rows[3][at]) > 1
    assert "Target: sklearn-dcn fit / arrow (1 thread) at most 1.5" in result.stdout


@pytest.mark.slow
def test_ids_runs(tmp_path):
    """Every id has an embedding, and every unseen one a prediction."""
    result = run_benchmarks(
        tmp_path, *"ids --rows 4000 --threads 1 --only strings".split()
    )
    header, _, many, few = table_lines(result, "Fit of 4,000 rows")
    many, few = (dict(zip(header, row, strict=True)) for row in (many, few))
    assert [many["distinct"], few["distinct"]] == ["2,000", "1,000"]
    assert many["unseen"] == few["unseen"] == "1,000"
    table_mib = float(many["table, MiB"])
    assert table_mib == pytest.approx(2002 * 16 * 4 / 2**20, rel=0.01)
    assert float(many["table and moments, MiB"]) == pytest.approx(3 * table_mib, 0.01)
    header, _, row = table_lines(result, "The encoder of these ids")
    assert row[:2] == ["strings", "2,000"]


@pytest.mark.slow
def test_embedder_runs(tmp_path):
    """Codings share their splits, and are compared before every model."""
    pytest.importorskip("sklearn_dcn.preprocessing")
    arguments = f"embedder --rows 1500 --repeats 2 --threads 1 --output {tmp_path}"
    names = ["ordinal codes", "CategoricalEmbedder"]
    result = run_benchmarks(tmp_path, *arguments.split(), "--only", ",".join(names))
    header, _, *rows = table_lines(result, "LogisticRegression; splits: 2")
    assert [row[0] for row in rows] == names
    assert rows[1][header.index("on")] in ("0 of 2", "1 of 2", "2 of 2")
    saved = json.loads((tmp_path / "embedder.json").read_text(encoding="utf-8"))
    for name in names:
        first, second = saved["figures"]["embedder"][name]["turns"]
        losses = [t[name]["HistGradientBoosting"]["log_loss"] for t in (first, second)]
        assert losses[0] != losses[1]  # of another split


@pytest.mark.slow
def test_serve_runs(tmp_path):
    """A graph says what the estimator says; its table has a row for each contender."""
    pytest.importorskip("onnxruntime")
    names = ["sklearn-dcn (ONNX)", "sklearn-dcn (ONNX matrix)"]
    arguments = (
        f"serve --threads 1 --rows 1500 --repeats 1 --calls 20 --output {tmp_path}"
    )
    result = run_benchmarks(tmp_path, *arguments.split(), "--only", ",".join(names))
    header, _, *rows = table_lines(result, "One row, microseconds")
    assert [row[0] for row in rows] == names
    ready = header.index("ready, p50")
    assert all(float(row[ready].replace(",", "")) > 0 for row in rows)
    header, _, *graphs = table_lines(result, "The graphs")
    assert [row[0] for row in graphs] == names
    assert all(float(row[-1]) < 1e-5 for row in graphs)
