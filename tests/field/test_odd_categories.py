"""Ids of every row, numbers as text, twins and strange spellings are told."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest

import sklearn_dcn
from sklearn_dcn import DCNClassifier

RNG = np.random.default_rng(0)
N = 400
TINY = {"max_epochs": 1, "hidden_layer_sizes": (4,), "random_state": 0}
X = pd.DataFrame({"city": RNG.choice(["Bern", "Oslo"], N), "x": RNG.normal(size=N)})
Y = RNG.integers(0, 2, N)
KEYS = [f"key {i}" for i in range(N)]
NEW = "^Column 'key' has a new level in nearly every row.*Drop.*min_frequency=1"


def row_of(model, name):
    return next(row for row in model.encoder_.schema() if row.column == name)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_key_of_every_row(frame, tmp_path):
    """It is left out, which is told and saved, and predictions do not warn of it."""
    table = frame(X.assign(key=KEYS).to_dict("list"))
    with pytest.warns(UserWarning, match=NEW):
        model = DCNClassifier(**TINY).fit(table, Y)
    row = row_of(model, "key")
    assert (row.levels, row.rare) == (0, 1.0)
    assert row.note.startswith("new in nearly every row")
    p = model.predict_proba(frame(X.assign(key="other").to_dict("list")))
    np.testing.assert_array_equal(model.predict_proba(table), p)
    model.save(tmp_path / "model.dcn")
    again = sklearn_dcn.load(tmp_path / "model.dcn")
    assert again.encoder_.schema() == model.encoder_.schema()


def test_levels_that_repeat_are_kept():
    """In a column of keys those of several rows stay; below nine tenths all do."""
    some = np.array(KEYS, dtype=object)
    some[:20] = "none"
    with pytest.warns(UserWarning, match=NEW):
        model = DCNClassifier(**TINY).fit(X.assign(key=some), Y)
    assert model.encoder_.categories[2].levels == ["none"]
    some[:60] = "none"
    model = DCNClassifier(**TINY).fit(X.assign(key=some), Y)
    assert len(model.encoder_.categories[2].levels) == N - 59


def test_who_keeps_all_levels():
    """`min_frequency=1`, a part of the rows, a short table: every level has an id."""
    table = X.assign(key=KEYS)
    model = DCNClassifier(min_frequency=1, **TINY).fit(table, Y)
    assert row_of(model, "key").levels == N
    model = DCNClassifier(**TINY).partial_fit(table, Y, classes=[0, 1])
    assert row_of(model, "key").levels == N
    model = DCNClassifier(**TINY).fit(table[:20], Y[:20])
    assert row_of(model, "key").levels == 20


def test_a_column_of_keys_alone():
    with pytest.warns(UserWarning, match=NEW):
        model = DCNClassifier(**TINY).fit(pd.DataFrame({"key": KEYS}), Y)
    p = model.predict_proba(pd.DataFrame({"key": ["new", "key 1"]}))
    np.testing.assert_array_equal(p[0], p[1])


NOTES = {
    "numbers as text?": ["12.5", "3", "1e3", "-.5"],
    "1 and '1' are two levels": [1, "1", 2, "a"],
    "": ["1", "2", "10", "3"],  # integers may be codes
}


@pytest.mark.parametrize("note", NOTES)
def test_notes(note):
    levels = np.array(NOTES[note], dtype=object)
    table = X.assign(c=levels[np.arange(N) % 4])
    assert row_of(DCNClassifier(**TINY).fit(table, Y), "c").note == note


def test_no_known_level():
    """20 rows or more of several levels, all unknown: the column is named."""
    model = DCNClassifier(**TINY).fit(X, Y)
    upper = X.assign(city=X["city"].str.upper())
    message = (
        "^Column 'city' has no level that fit has seen, in 20 rows: it holds, e.g., "
        "'(BERN|OSLO)', and held '(Bern|Oslo)' in fit"
    )
    for table in (
        upper[:20],
        upper[:20].astype({"city": pd.CategoricalDtype(["Bern", "BERN", "OSLO"])}),
        pl.DataFrame(upper[:20].to_dict("list")),
    ):
        with pytest.warns(UserWarning, match=message):
            model.predict(table)
    with pytest.warns(UserWarning, match="in 100 rows"):
        model.predict(upper[:100])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.predict(upper[:19])
        model.predict(upper[:1])
        model.predict(pd.concat([upper[:49], X[:1]]))
        model.predict(X.assign(city="Lima"))  # what if?
        model.predict(X[:50].assign(city=None))
