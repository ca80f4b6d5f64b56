"""A graph takes the parts of dates, and `make_inputs` makes them of dates."""

import sys

import numpy as np
import onnxruntime
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline

from sklearn_dcn import DCNClassifier
from sklearn_dcn.onnx import export, make_inputs

N = 400
TINY = {"max_epochs": 1, "hidden_layer_sizes": (8,), "n_members": 1, "random_state": 0}


def make_table(zone="Europe/Zurich"):
    rng = np.random.default_rng(0)
    when = pd.Series(pd.Timestamp("2024-01-01") + pd.to_timedelta(range(N), "D"))
    when += pd.to_timedelta(rng.integers(0, 86_400, N), "s")
    when[2] = pd.NaT
    town = rng.choice(["Bern", "Oslo"], N)
    took = pd.to_timedelta(rng.integers(0, 999, N), "s")
    when = when.astype("M8[us]").dt.tz_localize("UTC").dt.tz_convert(zone)
    X = pd.DataFrame({"town": town, "when": when, "took": took})
    return X, rng.integers(0, 2, N)


def run(model, **options):
    graph = export(model, **options)
    return onnxruntime.InferenceSession(graph.SerializeToString())


def check(session, model, X, *tables):
    for table in (X, *tables):
        _, p = session.run(None, make_inputs(session, table))
        assert_allclose(p, model.predict_proba(X), atol=1e-6)


@pytest.mark.parametrize("inputs", ["columns", "matrix"])
@pytest.mark.parametrize("zone", ["Europe/Zurich", None])
def test_graph(inputs, zone):
    X, y = make_table(zone)
    model = DCNClassifier(**TINY).fit(X, y)
    session = run(model, inputs=inputs, missing_text="none")
    names = {each.name for each in session.get_inputs()}
    parts = {f"when: {part}" for part in ("hour", "weekday", "month", "day_of_year")}
    assert names == (
        {"town", "took"} | parts if inputs == "columns" else {"categories", "numbers"}
    )
    frame = pl.from_pandas(X)
    check(session, model, X, frame, frame.to_arrow(), X.to_dict("records"))


def test_parts_by_hand():
    """Who has no `make_inputs` gives the parts."""
    X, y = make_table(None)
    options = {"datetime_parts": ["hour", "weekday"], "memorized_crosses": None}
    model = DCNClassifier(**options, **TINY).fit(X, y)
    session = run(model)
    row = {
        "town": [["Bern"]],
        "when: hour": [[18.5]],
        "when: weekday": [["Monday"]],
        "took": [[90.0]],
    }
    _, p = session.run(None, row)
    time, took = pd.Timestamp("2024-07-01 18:30"), pd.Timedelta(90, "s")
    expected = model.predict_proba({"town": "Bern", "when": time, "took": took})
    assert_allclose(p, expected, atol=1e-6)


def test_without_names_and_numbers_alone():
    X, y = make_table(None)
    X = X.drop(columns="town").dropna()
    model = DCNClassifier(categorical_features=None, **TINY)
    model.fit(X.to_numpy(), y[: len(X)])
    session = run(model)
    assert "x0: weekday" in {each.name for each in session.get_inputs()}
    check(session, model, X.to_numpy())


def test_chosen_columns():
    X, y = make_table()
    chosen = make_column_transformer(("passthrough", ["took", "when"]))
    model = make_pipeline(
        chosen.set_output(transform="pandas"), DCNClassifier(**TINY)
    ).fit(X, y)
    check(run(model), model, X, pl.from_pandas(X))


def test_wrong_cells():
    X, y = make_table()
    session = run(DCNClassifier(**TINY).fit(X, y))
    with pytest.raises(TypeError, match=r"'when' holds dates.*str"):
        make_inputs(session, X.astype({"when": str}))
    with pytest.raises(ValueError, match="'when' had the zone Europe/Zurich in fit"):
        make_inputs(session, X.assign(when=X["when"].dt.tz_localize(None)))


def test_other_graphs_do_not_need_the_package(monkeypatch):
    """The file of `make_inputs` asks for it where there are dates."""
    X, y = make_table()
    X = X[["town"]]
    session = run(DCNClassifier(**TINY).fit(X, y))
    monkeypatch.setitem(sys.modules, "sklearn_dcn.onnx._apart", None)
    assert make_inputs(session, X)["town"].shape == (N, 1)
