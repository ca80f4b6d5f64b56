"""Predictions block by block, and into files that are whole or not there."""

import functools
import os

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from helpers.scans import SOURCES, frame_of, make_table, parquet
from sklearn.exceptions import NotFittedError

from sklearn_dcn import DCNClassifier, DCNRegressor, scan
from sklearn_dcn._scan import SourceError

TABLE = make_table().append_column(
    "big", pa.array([None if k % 7 == 3 and k > 300 else k for k in range(1000)])
)
WHOLE = frame_of(TABLE)
NAMES = ["city", "device", "price", "visits", "is_club", "tags"]


def tiny(Estimator=DCNClassifier, **parameters):
    options = {"max_epochs": 2, "hidden_layer_sizes": (8,), "random_state": 0}
    return Estimator(**{**options, "n_members": 1, **parameters})


@functools.cache
def fitted():
    return tiny().fit(WHOLE[NAMES], WHOLE["click"])


@pytest.fixture(autouse=True)
def blocks_of_256(monkeypatch):
    blocks = scan("x").blocks.__func__
    monkeypatch.setattr(
        "sklearn_dcn._scan.Scan.blocks",
        lambda self, size=256, *args, **options: blocks(self, size, *args, **options),
    )


@pytest.fixture
def path(tmp_path):
    return str(parquet(TABLE, tmp_path))


def read(path):
    if path.endswith(".csv"):
        return pd.read_csv(path)
    table = pq.read_table(path) if path.endswith("t") else pa.feather.read_table(path)
    return table.to_pandas()


# Blocks -------------------------------------------------------------------------------


def test_batches_are_in_order(path):
    model = fitted()
    batches = [*model.predict_batches(path)]
    assert [len(batch) for batch in batches] == [256] * 3 + [232]
    expected = model.predict_proba(WHOLE[NAMES])
    np.testing.assert_array_equal(np.concatenate(batches), expected)


@pytest.mark.parametrize("kind", SOURCES)
def test_batches_of_every_source(kind, tmp_path):
    source = SOURCES[kind](TABLE, tmp_path)
    batches = [*fitted().predict_batches(source)]
    expected = fitted().predict_proba(WHOLE[NAMES])
    np.testing.assert_array_equal(np.concatenate(batches), expected)


def test_batches_of_a_regressor(path):
    model = tiny(DCNRegressor).fit(WHOLE[NAMES], WHOLE["age"])
    batches = [*model.predict_batches(scan(path, "age"))]
    np.testing.assert_array_equal(np.concatenate(batches), model.predict(WHOLE[NAMES]))


def test_batches_are_refused(path):
    with pytest.raises(NotFittedError):
        [*tiny().predict_batches(path)]
    with pytest.raises(TypeError, match="source must be a path"):
        [*fitted().predict_batches(3)]
    with pytest.raises(SourceError, match=r"There is no file 'nowhere.csv'"):
        [*fitted().predict_batches("nowhere.csv")]


# Files --------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".parquet", ".feather", ".csv"])
def test_ids_stand_beside_probabilities(suffix, path, tmp_path):
    out = str(tmp_path / f"out{suffix}")
    ids = ["big", "seen", "city", "device", "is_club"]  # some are features, some not
    assert fitted().predict_to(path, out, columns=ids) == out
    found = read(out)
    assert list(found.columns) == [*ids, "probability of 0", "probability of 1"]
    p = fitted().predict_proba(WHOLE[NAMES])
    # To the last digits: older releases read a CSV so.
    np.testing.assert_allclose(found.iloc[:, -2:].to_numpy(), p, rtol=1e-14)
    for name in ids:
        cells = found[name].astype(object).where(found[name].notna(), None).tolist()
        given = WHOLE[name].astype(object).where(WHOLE[name].notna(), None).tolist()
        if name == "seen" and suffix == ".csv":
            cells = [pd.Timestamp(cell) for cell in cells]
        assert cells == given, name
    if suffix == ".parquet":
        kinds = pq.read_schema(out)
        assert str(kinds.field("big").type) == "int64"
        assert str(kinds.field("is_club").type) == "bool"
        assert str(kinds.field("seen").type) == "timestamp[us]"
    assert sorted(os.listdir(tmp_path)) == sorted([f"out{suffix}", "table.parquet"])


def test_lists_beside(path, tmp_path):
    out = fitted().predict_to(path, tmp_path / "out.parquet", columns=["tags"])
    assert list(map(list, read(out)["tags"])) == list(map(list, WHOLE["tags"]))
    with pytest.raises(
        ValueError, match=r"'tags' is list<.*>, which a CSV cannot hold"
    ):
        fitted().predict_to(path, tmp_path / "out.csv", columns=["tags"])


def test_classes_and_outputs_name_columns(path, tmp_path):
    X = WHOLE[NAMES]
    model = tiny(validation="random").fit(X, WHOLE["city"].fillna("none"))
    found = read(model.predict_to(path, tmp_path / "a.parquet"))
    assert list(found.columns) == [f"probability of {c}" for c in model.classes_]
    np.testing.assert_allclose(found.to_numpy(), model.predict_proba(X), rtol=1e-14)
    model = tiny(DCNRegressor).fit(X, WHOLE[["age", "click"]])
    found = read(model.predict_to(path, tmp_path / "b.parquet", columns=["age"]))
    assert list(found.columns) == ["age", "prediction 0", "prediction 1"]
    np.testing.assert_allclose(
        found.iloc[:, 1:].to_numpy(), model.predict(X), rtol=1e-14
    )
    model = tiny(DCNRegressor).fit(X, WHOLE["age"])
    found = read(model.predict_to(path, tmp_path / "c.csv"))
    np.testing.assert_allclose(found["prediction"], model.predict(X), rtol=1e-14)


def test_ids_of_functions_whose_frames_differ(tmp_path):
    def frames():
        for start in range(0, 1000, 200):
            part = WHOLE[start : start + 200].reset_index(drop=True)
            part["note"] = [None if start == 0 else "x"] * 200
            yield part

    out = fitted().predict_to(frames, tmp_path / "a.parquet", columns=["note", "big"])
    found = read(out)
    assert found["note"].isna().sum() == 200
    assert found["big"].isna().tolist() == WHOLE["big"].isna().tolist()


# Cut short ----------------------------------------------------------------------------


def failing_at(model, k):
    """Let the prediction of block k, from 0, fail; return what counts the calls."""
    calls = []
    answers = type(model)._answers

    def fail(X):
        calls.append(len(X))
        if len(calls) == k + 1:
            raise KeyboardInterrupt
        return answers(model, X)

    model._answers = fail
    return calls


@pytest.mark.parametrize("suffix", [".parquet", ".feather", ".csv"])
def test_a_second_call_goes_on(suffix, path, tmp_path):
    model = tiny().fit(WHOLE[NAMES], WHOLE["click"])
    once = model.predict_to(path, tmp_path / f"once{suffix}", columns=["big"])
    out = tmp_path / f"out{suffix}"
    failing_at(model, 3)
    with pytest.raises(KeyboardInterrupt):
        model.predict_to(path, out, columns=["big"])
    assert not out.exists()
    parts = tmp_path / f"out{suffix}.parts"
    assert len([*parts.iterdir()]) == 3
    calls = failing_at(model, 99)
    model.predict_to(path, out, columns=["big"])
    assert len(calls) == 1
    assert out.read_bytes() == (tmp_path / once).read_bytes()
    assert not parts.exists()


def test_parts_of_others_are_not_taken(path, tmp_path):
    model = tiny().fit(WHOLE[NAMES], WHOLE["click"])
    out = tmp_path / "out.parquet"

    def cut():
        failing_at(model, 3)
        with pytest.raises(KeyboardInterrupt):
            model.predict_to(path, out, columns=["big"])
        del model._answers

    cut()
    other = tiny(random_state=1).fit(WHOLE[NAMES], WHOLE["click"])
    calls = failing_at(other, 99)
    other.predict_to(path, out, columns=["big"])
    assert len(calls) == 4
    np.testing.assert_array_equal(
        read(str(out)).iloc[:, 1:].to_numpy(), other.predict_proba(WHOLE[NAMES])
    )
    # The same file with other rows, and other columns.
    cut()
    parquet(make_table(seed=3).append_column("big", TABLE["big"]), tmp_path)
    calls = failing_at(model, 99)
    model.predict_to(path, out, columns=["big"])
    assert len(calls) == 4
    parquet(TABLE, tmp_path)
    del model._answers
    cut()
    calls = failing_at(model, 99)
    model.predict_to(path, out, columns=["age"])
    assert len(calls) == 4


def test_a_file_that_is_there_is_replaced_at_the_end(path, tmp_path):
    model = tiny().fit(WHOLE[NAMES], WHOLE["click"])
    out = tmp_path / "out.csv"
    out.write_text("before", encoding="utf-8")
    failing_at(model, 2)
    with pytest.raises(KeyboardInterrupt):
        model.predict_to(path, out)
    assert out.read_text(encoding="utf-8") == "before"
    del model._answers
    model.predict_to(path, out)
    assert len(read(str(out))) == 1000


def test_a_file_in_the_folder_that_is_scanned(path, tmp_path):
    model = tiny().fit(WHOLE[NAMES], WHOLE["click"])
    failing_at(model, 2)
    out = tmp_path / "out.csv"
    with pytest.raises(KeyboardInterrupt):
        model.predict_to(tmp_path, out)
    del model._answers
    model.predict_to(tmp_path, out)
    assert len(read(str(out))) == 1000


def test_a_full_disk_leaves_no_file(path, tmp_path, monkeypatch):
    def fail(*args, **options):
        raise OSError(28, "No space left on device")

    out = tmp_path / "out.parquet"
    with monkeypatch.context() as patch:
        patch.setattr(pq.ParquetWriter, "write_table", fail)
        with pytest.raises(OSError, match="No space left"):
            fitted().predict_to(path, out)
    assert sorted(os.listdir(tmp_path)) == ["out.parquet.parts", "table.parquet"]
    fitted().predict_to(path, out)
    assert len(read(str(out))) == 1000


@pytest.mark.parametrize(
    ("out", "columns", "message"),
    [
        ("a.xlsx", None, r"out must end in .parquet, .feather, .csv; got"),
        ("nowhere/a.csv", None, "out must be in a folder that exists.*Create the f"),
        ("is.csv", None, "out must be a file; .* is a folder"),
        ("a.csv", ["idd"], "there is no column 'idd'"),
        ("a.csv", ["big", "big"], "distinct.*got 'big'"),
        ("a.csv", ["probability of 1"], "the names of the predictions"),
    ],
)
def test_files_that_cannot_be_written(out, columns, message, tmp_path):
    table = TABLE.append_column("probability of 1", TABLE["price"])
    path = parquet(table, tmp_path)
    (tmp_path / "is.csv").mkdir()
    with pytest.raises(ValueError, match=message):
        fitted().predict_to(path, tmp_path / out, columns=columns)
    assert sorted(os.listdir(tmp_path)) == ["is.csv", "table.parquet"]


def test_a_folder_that_cannot_be_written_to(path, tmp_path, monkeypatch):
    def fail(*args, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "makedirs", fail)
    with pytest.raises(
        PermissionError, match=r"cannot be written to .Permission denied"
    ):
        fitted().predict_to(path, tmp_path / "a.csv")


def test_rows_that_fail_are_named(tmp_path):
    bad = WHOLE.copy()
    bad["price"] = bad["price"].astype(object)
    bad.loc[700, "price"] = "dear"
    with pytest.raises((TypeError, ValueError)) as found:
        fitted().predict_to(lambda: iter([bad]), tmp_path / "a.csv")
    assert "rows 512 to 768 of the scan" in "".join(found.value.__notes__)


def test_all_estimators_answer(tmp_path):
    frame = pd.DataFrame({"x": np.arange(40.0), "y": np.arange(40) % 2})
    frame.to_parquet(tmp_path / "a.parquet")
    model = tiny().fit(tmp_path / "a.parquet", "y")
    out = model.predict_to(
        tmp_path / "a.parquet", tmp_path / "b.feather", columns=["y"]
    )
    assert read(out)["y"].tolist() == frame["y"].tolist()
