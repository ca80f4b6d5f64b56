"""Fits and scores of scans: in memory and block by block the same, or refused."""

import functools
import warnings

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from helpers.scans import (
    SOURCES,
    csv,
    frame_of,
    make_table,
    parquet,
    reader,
)
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from sklearn_dcn import DCNClassifier, DCNRegressor, scan
from sklearn_dcn._scan import SourceError

TABLE = make_table()
WHOLE = frame_of(TABLE)
X = WHOLE.drop(columns=["click", "weight"])


def tiny(Estimator=DCNClassifier, **parameters):
    options = {"max_epochs": 2, "hidden_layer_sizes": (8,), "random_state": 0}
    return Estimator(**{**options, "n_members": 1, **parameters})


@functools.cache
def fitted_to_frame(is_long):
    """Return a fit to the frame; `is_long` says whether `streamed` is in force."""
    return tiny().fit(X, WHOLE["click"], WHOLE["weight"])


@pytest.fixture
def streamed(monkeypatch):
    """Let tables of more than 500 rows be long ones."""
    for module in ("long_fit", "scans"):
        monkeypatch.setattr(f"sklearn_dcn._estimator.{module}.LONG", 500)
    monkeypatch.setattr("sklearn_dcn._table.summaries.sample.SAMPLE_ROWS", 600)


def weights_of(model):
    return {name: t.numpy() for name, t in model.module_.state_dict().items()}


def assert_same(a, b):
    """Compare two fits to the bit."""
    one, other = weights_of(a), weights_of(b)
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)
    rows = WHOLE[list(a.feature_names_in_)]
    np.testing.assert_array_equal(a._logits(rows), b._logits(rows))


def state(model):
    return dict(vars(model))


@pytest.mark.parametrize("kind", SOURCES)
def test_a_short_scan_is_fitted_as_a_frame(kind, tmp_path):
    rows = scan(SOURCES[kind](TABLE, tmp_path), "click", "weight", list(X.columns))
    assert_same(tiny().fit(rows), fitted_to_frame(is_long=False))


@pytest.mark.parametrize("kind", SOURCES)
def test_a_long_scan_is_fitted_as_a_frame(kind, tmp_path, streamed):
    rows = scan(SOURCES[kind](TABLE, tmp_path), "click", "weight", list(X.columns))
    assert_same(tiny().fit(rows), fitted_to_frame(is_long=True))


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".tsv"])
def test_csv_is_fitted_as_parquet(suffix, tmp_path, streamed):
    plain = TABLE.drop_columns(["tags"])
    plain = plain.set_column(1, "device", plain["device"].cast(pa.string()))
    path = parquet(plain, tmp_path)
    text = csv(TABLE, tmp_path, suffix)
    a, b = tiny().fit(path, "click"), tiny().fit(text, "click")
    for name, one in weights_of(a).items():
        np.testing.assert_array_equal(one, weights_of(b)[name], err_msg=name)
    np.testing.assert_array_equal(a.predict_proba(path), b.predict_proba(text))


def test_a_duckdb_relation(tmp_path, streamed):
    duckdb = pytest.importorskip("duckdb")
    path = parquet(TABLE, tmp_path)
    rows = scan(duckdb.sql(f"SELECT * FROM '{path}'"), "click", "weight")
    assert_same(tiny().fit(rows), tiny().fit(scan(path, "click", "weight")))


# Paths instead of tables --------------------------------------------------------------


def test_paths_and_names(tmp_path):
    path = parquet(TABLE, tmp_path)
    expected = tiny().fit(scan(path, "click"))
    assert_same(tiny().fit(path, "click"), expected)
    assert_same(tiny().fit([str(path)], "click"), expected)
    assert_same(tiny().fit([path], "click"), expected)
    assert_same(tiny().fit(str(tmp_path / "*.parquet"), "click"), expected)
    assert_same(
        tiny().fit(path, "click", sample_weight="weight"),
        tiny().fit(scan(path, "click", "weight")),
    )


@pytest.mark.parametrize("is_long", [False, True])
def test_validation_rows_of_a_scan(is_long, tmp_path, request):
    if is_long:
        request.getfixturevalue("streamed")
    path = parquet(TABLE, tmp_path)
    (tmp_path / "new").mkdir()
    newer = make_table(400, seed=1)
    new = parquet(newer, tmp_path / "new")
    options = {"early_stopping": True, "max_epochs": 3}
    new_frame = frame_of(newer)
    of_frame = {"X_val": new_frame.drop(columns="click"), "y_val": new_frame["click"]}
    fits = [
        tiny(**options).fit(path, "click", **validation)
        for validation in (
            {"X_val": scan(new, "click")},
            {"X_val": new, "y_val": "click"},
            {"X_val": str(new), "y_val": "click"},
            of_frame,
        )
    ]
    for other in fits[1:]:
        assert_same_history(fits[0], other)


def assert_same_history(a, b):
    one, other = (
        [{k: v for k, v in epoch.items() if k != "dur"} for epoch in model.history_]
        for model in (a, b)
    )
    assert one == other


def test_several_targets(tmp_path, streamed):
    path = parquet(TABLE, tmp_path)
    targets = ["age", "click"]
    names = ["city", "device", "is_new"]
    rows = scan(path, targets, columns=names)
    found = tiny(DCNRegressor).fit(rows)
    expected = tiny(DCNRegressor).fit(WHOLE[names], WHOLE[targets])
    np.testing.assert_array_equal(found.predict(path), expected.predict(WHOLE[names]))
    assert found.predict(path).shape == (1000, 2)


# What is refused ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            {"X": "P"},
            TypeError,
            "y must be the name of the target's column; got NoneType",
        ),
        (
            {"X": "P", "y": WHOLE["click"]},
            TypeError,
            "y must be the name .* got Series",
        ),
        (
            {"X": "P", "y": "click", "sample_weight": [1.0]},
            TypeError,
            "sample_weight must be the name of its column; got list",
        ),
        ({"X": "S", "y": "click"}, TypeError, r"scan\(..., target=name\)"),
        ({"X": "S", "sample_weight": "weight"}, TypeError, r"scan\(..., weight=name\)"),
        ({"X": "N"}, ValueError, "The scan of X has no target"),
        ({"X": "S", "X_val": "N"}, ValueError, "The scan of X_val has no target"),
        (
            {"X": "S", "X_val": "S", "y_val": "click"},
            TypeError,
            "y_val must not be given",
        ),
        ({"X": "S", "X_val": "P"}, TypeError, "y_val must be the name of the target's"),
        ({"X": "P", "y": "clik"}, SourceError, "there is no column 'clik'"),
        ({"X": "nowhere.csv", "y": "click"}, SourceError, "no file 'nowhere.csv'"),
        ({"X": "P", "y": "visits"}, SourceError, "target 'visits' is missing in row"),
    ],
)
def test_what_is_refused(arguments, error, message, tmp_path):
    path = str(parquet(TABLE, tmp_path))
    given = {"P": path, "S": scan(path, "click"), "N": scan(path)}
    arguments = {
        name: given.get(value, value) if isinstance(value, str) else value
        for name, value in arguments.items()
    }
    model = tiny().fit(X, WHOLE["click"])
    before = state(model)
    with pytest.raises(error, match=message):
        model.fit(**arguments)
    assert state(model) == before


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"warm_start": True}, "warm_start=True needs all rows in memory"),
        ({"scoring": "roc_auc"}, "scoring='roc_auc' needs all rows in memory"),
        (
            {"validation_time": "seen", "validation": "last"},
            "validation_time='seen' needs",
        ),
    ],
)
def test_parameters_that_need_all_rows(parameters, message, tmp_path, streamed):
    path = parquet(TABLE, tmp_path)
    with pytest.raises(ValueError, match=message):
        tiny(**parameters).fit(path, "click")


def test_a_fit_that_fails_leaves_nothing(tmp_path, streamed):
    path = parquet(TABLE, tmp_path)
    cache = tmp_path / "cache"
    cache.mkdir()
    model = tiny().fit(X, WHOLE["click"])
    before = state(model)

    n_failed = 0
    for n_calls in range(1, 8):
        calls = []

        def frames(calls=calls, n_calls=n_calls):
            calls.append(0)
            yield WHOLE[:600]
            if len(calls) == n_calls:
                raise ZeroDivisionError
            yield WHOLE[600:]

        options = {"cache": str(cache), "buffer_rows": 100}
        try:
            model.fit(scan(frames, "click", **options))
        except ZeroDivisionError:
            assert state(model) == before
            n_failed += 1
        else:
            before = state(model)
        assert not [*cache.iterdir()]
    assert n_failed > 2
    diverging = tiny(learning_rate=1e30, numeric_transform=None, max_epochs=5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            diverging.fit(scan(path, "click", cache=str(cache), buffer_rows=100))
        except ValueError:
            pass
    assert not [*cache.iterdir()]


def test_rows_that_fail_are_named(tmp_path, streamed):
    def frames():
        yield WHOLE[:600]
        bad = WHOLE[600:].reset_index(drop=True)
        bad.loc[5, "price"] = np.inf
        yield bad

    with pytest.raises(ValueError) as found:
        tiny().fit(scan(frames, "click"))
    assert "price" in str(found.value)


# Predictions and scores ---------------------------------------------------------------


def test_predictions_of_scans_are_those_of_frames(tmp_path):
    path = parquet(TABLE, tmp_path)
    model = tiny().fit(X, WHOLE["click"])
    for given in (scan(path), scan(path, "click", "weight"), path, str(path)):
        for method in ("predict", "predict_proba", "decision_function"):
            ask = getattr(model, method)
            np.testing.assert_array_equal(ask(given), ask(X))
    rows = scan(reader(TABLE))
    for _ in range(2):
        np.testing.assert_array_equal(model.predict(rows), model.predict(X))


def test_scores(tmp_path):
    path = parquet(TABLE, tmp_path)
    y, weight = WHOLE["click"], WHOLE["weight"]
    model = tiny().fit(X, y)
    assert model.score(scan(path, "click")) == model.score(X, y)
    assert model.score(path, "click") == model.score(X, y)
    assert model.score(scan(path), y) == model.score(X, y)
    weighted = model.score(X, y, weight)
    assert model.score(scan(path, "click", "weight")) == weighted
    assert model.score(path, "click", "weight") == weighted
    with pytest.raises(ValueError, match="has no target"):
        model.score(scan(path))
    with pytest.raises(TypeError, match="score needs y"):
        model.score(X)
    with pytest.raises(
        TypeError, match="sample_weight must not be given beside a scan"
    ):
        model.score(scan(path, "click"), sample_weight=weight)
    regressor = tiny(DCNRegressor).fit(X, WHOLE["age"])
    assert regressor.score(path, "age") == regressor.score(X, WHOLE["age"])


def test_predictions_of_other_columns(tmp_path):
    path = parquet(TABLE.drop_columns(["city"]), tmp_path)
    model = tiny().fit(X, WHOLE["click"])
    with pytest.raises(SourceError, match="there is no column 'city'"):
        model.predict(path)
    plain = tiny().fit(np.ones((20, 2)) * np.arange(20)[:, None], [0, 1] * 10)
    with pytest.raises(TypeError, match="A scan has named columns, but fit was given"):
        plain.predict(path)
    with pytest.raises(NotFittedError):
        tiny().predict(path)


def test_clone_and_pipeline(tmp_path):
    path = parquet(TABLE, tmp_path)
    rows = scan(path, "click")
    model = clone(tiny().fit(rows)).fit(rows)
    pipe = make_pipeline(tiny()).fit(rows)
    assert_same(pipe[-1], model)
    np.testing.assert_array_equal(pipe.predict(rows), model.predict(rows))
    assert pipe.score(rows) == model.score(rows)


def test_the_seed_of_torch_is_left_alone(tmp_path, streamed):
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    tiny().fit(parquet(TABLE, tmp_path), "click")
    torch.testing.assert_close(torch.rand(3), expected)
    assert isinstance(WHOLE, pd.DataFrame)
