"""Columns of dates, times of day and durations, as users have them: read, not refused.

scikit-learn and its gradient boosting refuse them, and so did this package: "could not
convert string to float" after `pd.to_datetime`, "Invalid dtype: datetime64[ns]".
"""

import datetime
import pickle

import matplotlib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.inspection import permutation_importance
from sklearn.pipeline import make_pipeline

from sklearn_dcn import DCNClassifier, DCNRegressor, load
from sklearn_dcn.inspection import EffectDisplay, explain, interaction_strengths
from sklearn_dcn.preprocessing import CategoricalEmbedder, make_dcn_preprocessor

matplotlib.use("agg")

N = 1200
TINY = {"max_epochs": 2, "hidden_layer_sizes": (8,), "n_members": 1, "random_state": 0}
PARTS = ["when: hour", "when: weekday", "when: month", "when: day_of_year"]


def make_table():
    """Return calls: a town, when, how long, and whether they were in vain.

    They are on the evenings of weekdays, and on the mornings of weekends.
    """
    rng = np.random.default_rng(0)
    start, seconds = pd.Timestamp("2023-01-01"), rng.integers(0, 700 * 86_400, N)
    when = pd.Series(start + pd.to_timedelta(seconds, "s"), name="when")
    took = pd.Series(pd.to_timedelta(rng.integers(1, 3600, N), "s"), name="took")
    y = (when.dt.hour >= 12) ^ (when.dt.day_of_week >= 5)
    when, took = when.astype("M8[us]"), took.astype("m8[us]")
    when[3], took[4] = pd.NaT, pd.NaT
    town = pd.Series(rng.choice(["Bern", "Oslo"], N), name="town")
    return pd.concat([town, when, took], axis=1), y.to_numpy()


def in_zurich(X):
    zone = {"ambiguous": "NaT", "nonexistent": "NaT"}
    return X.assign(when=X["when"].dt.tz_localize("Europe/Zurich", **zone))


@pytest.fixture(scope="module")
def fitted():
    X, y = make_table()
    return DCNClassifier(**TINY | {"max_epochs": 8}).fit(X, y), X, y


# What is read -------------------------------------------------------------------------


def test_what_comes_again_is_learned(fitted):
    """The hour crosses with the weekday."""
    model, X, y = fitted
    assert model.score(X, y) > 0.95
    strengths = interaction_strengths(model, X)
    assert [*strengths] == ["town", *PARTS, "took"]
    assert strengths.loc["when: hour", "when: weekday"] == strengths.max().max()


def test_schema(fitted):
    model, X, _ = fitted
    rows = {row.column: row for row in model.encoder_.schema()}
    assert [*rows][:6] == ["town", *PARTS, "took"]
    kinds = [rows[part].kind for part in PARTS]
    assert kinds == ["number", "category", "category", "number"]
    assert rows["when: month"].levels == 12
    assert rows["took"].note.endswith(" seconds")
    assert model.feature_names_in_.tolist() == ["town", "when", "took"]
    zoned = DCNClassifier(**TINY).fit(in_zurich(X), fitted[2])
    assert "Europe/Zurich" in repr(zoned.encoder_)


def test_years_only_on_request():
    X, y = make_table()
    model = DCNRegressor(datetime_parts=["elapsed", "year"], **TINY).fit(X, y)
    assert model.encoder_.names == ["town", "when: year", "when: elapsed", "took"]
    assert model.get_params()["datetime_parts"] == ["elapsed", "year"]
    assert clone(model).fit(X, y).encoder_.names == model.encoder_.names


def test_parts_are_numbers_where_there_are_no_categories():
    X, y = make_table()
    model = DCNClassifier(categorical_features=None, **TINY)
    encoder = model.fit(X.drop(columns="town"), y).encoder_
    assert not encoder.categories
    assert len(encoder.numbers) == 5


def test_parts_are_not_asked_for_as_codes(recwarn):
    """Although the weekday and day of the year are whole numbers."""
    X, y = make_table()
    encoder = DCNClassifier(datetime_parts=["day", "day_of_year", "year"], **TINY)
    schema = encoder.fit(X, y).encoder_.schema()
    assert not any("?" in row.note for row in schema)
    assert not recwarn.list


# The same content ---------------------------------------------------------------------

SAME = {
    "polars": pl.from_pandas,
    "arrow": lambda X: pl.from_pandas(X).to_arrow(),
    "arrow in pandas": lambda X: X.convert_dtypes(dtype_backend="pyarrow"),
    "objects": lambda X: X.astype(object),
    "nanoseconds": lambda X: X.assign(when=X["when"].astype("M8[ns]")),
    "dicts": lambda X: X.to_dict("records"),
}


@pytest.mark.parametrize("change", SAME.values(), ids=SAME)
def test_tables_of_the_same_content(fitted, change):
    model, X, _ = fitted
    expected = model.predict_proba(X)
    assert_array_equal(model.predict_proba(change(X)), expected)
    few = [model.predict_proba(change(X[i : i + 1])) for i in range(5)]
    assert_allclose(np.concatenate(few), expected[:5], rtol=1e-5)


@pytest.mark.parametrize("change", [pl.from_pandas, lambda X: X.astype(object)])
def test_fits_of_the_same_content(change):
    """With a zone, too."""
    X, y = make_table()
    for table in (X, in_zurich(X)):
        one, other = (DCNRegressor(**TINY).fit(T, y) for T in (table, change(table)))
        assert_array_equal(one.predict(table), other.predict(table))


def test_another_zone_of_the_same_instants():
    X, y = make_table()
    X = in_zurich(X)
    model = DCNRegressor(**TINY).fit(X, y)
    for zone in ("UTC", "America/New_York", "+05:30"):
        moved = X.assign(when=X["when"].dt.tz_convert(zone))
        assert_array_equal(model.predict(moved), model.predict(X))
    with pytest.raises(ValueError, match=r"'when' had the zone Europe/Zurich in fit"):
        model.predict(X.assign(when=X["when"].dt.tz_localize(None)))


def test_tables_without_names():
    """Parameters choose columns by their positions in the table."""
    X, y = make_table()
    X = X.dropna().assign(code=np.arange(len(X.dropna())) % 5)
    options = {"categorical_features": [3], "memorized_crosses": [(0, 3)]}
    model = DCNClassifier(**options, **TINY).fit(X.to_numpy(), y[: len(X)])
    encoder = model.encoder_
    assert encoder.names == [0, *(f"1{part[4:]}" for part in PARTS), 2, 3]
    assert sorted(encoder.names[k] for k in encoder.categories if k > 3) == [3]
    crosses = encoder.crosses
    assert [[crosses.names[c] for c in pair] for pair in crosses.pairs] == [["0", "3"]]
    assert model.predict(X.to_numpy()).shape == (len(X),)
    model.set_params(memorized_crosses=[(0, 1)])
    with pytest.raises(ValueError, match="names column 1, which holds dates; name a"):
        model.fit(X.to_numpy(), y[: len(X)])


def test_arrays_of_dates_alone():
    X, y = make_table()
    dates = X[["when"]].to_numpy()
    assert dates.dtype.kind == "M"
    model = DCNClassifier(**TINY).fit(dates, y)
    assert model.predict(dates[:1]).shape == (1,)


# Edges --------------------------------------------------------------------------------


def test_missing_alone_and_constants():
    X, y = make_table()
    for cell in (pd.NaT, pd.Timestamp("2024-02-29")):
        one = X.assign(when=pd.Series([cell] * N, dtype="M8[us]"))
        model = DCNClassifier(**TINY).fit(one, y)
        assert "when: day_of_year" in model.encoder_.names
        assert np.isfinite(model.predict_proba(X)).all()  # where they are others


def test_one_row():
    X, _ = make_table()
    model = DCNRegressor(early_stopping=False, **TINY).fit(X[:1], [1.0])
    assert np.isfinite(model.predict(X)).all()


def test_partial_fit():
    """Parts that are constant in the first rows are there for the next ones."""
    X, y = make_table()
    X, y = X.iloc[np.argsort(X["when"])], y[np.argsort(X["when"])]
    model = DCNClassifier(**TINY).partial_fit(X[:100], y[:100], classes=[False, True])
    assert model.encoder_.names == ["town", *PARTS, "took"]
    model.partial_fit(X[100:], y[100:])
    assert np.isfinite(model.predict_proba(X)).all()


@pytest.mark.parametrize("parameter", ["categorical_features", "multivalued_features"])
def test_dates_as_categories_or_lists(parameter):
    X, y = make_table()
    model = DCNClassifier(**{parameter: ["when"]}, **TINY)
    with pytest.raises(
        TypeError, match=r"^Column 'when' holds .*reads dates by itself"
    ):
        model.fit(X, y)


def test_a_name_that_is_taken():
    X, y = make_table()
    X["when: hour"] = 1.0
    with pytest.raises(ValueError, match="'when: hour' has the name of a part of"):
        DCNClassifier(**TINY).fit(X, y)


def test_periods_and_strings():
    """A period is no date, and after a fit to dates strings are not."""
    X, y = make_table()
    periods = X.assign(when=X["when"].dt.to_period("D"))
    with pytest.raises(TypeError, match=r"'when' holds period.*\.dt\.to_timestamp"):
        DCNClassifier(**TINY).fit(periods, y)
    model = DCNClassifier(**TINY).fit(X, y)
    rows = X[:3].astype({"when": str}).to_dict("records")
    with pytest.raises(
        TypeError, match=r"'when' holds dates.*str\. Convert the column, e\.g\."
    ):
        model.predict(rows)


# Parameters that name parts -----------------------------------------------------------


def test_parts_in_parameters():
    X, y = make_table()
    model = DCNClassifier(
        memorized_crosses=[("when: hour", "when: weekday")],
        embedding_dim={"when: month": 3},
        **TINY,
    ).fit(X, y)
    crosses = model.encoder_.crosses
    assert [crosses.names[c] for c in crosses.pairs[0]] == [PARTS[0], PARTS[1]] or [
        crosses.names[c] for c in crosses.pairs[0]
    ] == [PARTS[1], PARTS[0]]
    assert model.embeddings("when: month").shape == (14, 4)
    assert "Monday" in model.embeddings("when: weekday").index


# What is asked of a fitted one --------------------------------------------------------


def test_inspection(fitted):
    """Importances are of the table's columns; all others are of the parts."""
    model, X, y = fitted
    importances = model.feature_importances_
    assert importances.shape == (3,)
    assert importances[1] > 0.9
    few, names = X[:200], ["town", *PARTS, "took"]
    shuffled = permutation_importance(model, few, y[:200], n_repeats=2, random_state=0)
    assert shuffled.importances_mean.argmax() == 1
    explained = explain(model, X[:2], background=few)
    assert [*explained.features] == [*explained.values] == names
    assert explained.values["when: weekday"].iloc[0] == X["when"].dt.day_name().iloc[0]
    total = explained.features.sum(axis=1) + explained.pairs.sum(axis=1)
    assert_allclose(total + explained.baseline, explained.logit)
    curve = EffectDisplay.from_estimator(model, few, "when: hour")
    assert curve.line_ is not None
    bars = EffectDisplay.from_estimator(model, few, "when: weekday")
    assert {"Monday", "Sunday"} < set(bars.values)
    with pytest.raises(ValueError, match=r"when: hour.*got 'when'"):
        EffectDisplay.from_estimator(model, few, "when")


def test_pickles_and_files(tmp_path):
    X, y = make_table()
    X = in_zurich(X)
    model = DCNClassifier(datetime_parts=["hour", "year"], **TINY).fit(X, y)
    model.save(tmp_path / "model.dcn")
    for other in (pickle.loads(pickle.dumps(model)), load(tmp_path / "model.dcn")):
        assert_array_equal(other.predict_proba(X), model.predict_proba(X))
        assert other.encoder_.dates[1].zone == "Europe/Zurich"
        assert other.get_params() == model.get_params()


def test_steps_alone():
    """The embedder reads dates as the estimators do; the preprocessor names them."""
    X, y = make_table()
    embedder = CategoricalEmbedder(embedding_dim=2, random_state=0)
    dense = embedder.fit(X, y).transform(X)
    assert dense.shape == (N, 9)
    names = embedder.get_feature_names_out().tolist()
    assert names[-3:] == ["when: hour", "when: day_of_year", "took"]
    assert_array_equal(dense[:, -1], X["took"].dt.total_seconds())
    step = make_pipeline(make_dcn_preprocessor(), DCNClassifier(**TINY))
    with pytest.raises(TypeError, match="'when' holds dates, which an estimator reads"):
        step.fit(X, y)


def test_the_category_encoder_gets_the_parts():
    encoders = pytest.importorskip("category_encoders")
    X, y = make_table()
    encoder = encoders.TargetEncoder()
    model = DCNClassifier(category_encoder=encoder, **TINY).fit(X, y)
    assert_array_equal(model.predict_proba(X), model.predict_proba(pl.from_pandas(X)))
    assert explain(model, X[:2], background=X[:9]).features.shape == (2, 6)


def test_dates_of_python(fitted):
    model = fitted[0]
    row = {
        "town": "Bern",
        "when": datetime.datetime(2024, 7, 1, 18),
        "took": datetime.timedelta(minutes=3),
    }
    evening = model.predict_proba(row)[0, 1]
    morning = model.predict_proba(row | {"when": datetime.datetime(2024, 7, 1, 6)})[
        0, 1
    ]
    assert morning < 0.2 < 0.8 < evening
    day = model.predict_proba(row | {"when": datetime.date(2024, 7, 1), "took": None})
    assert np.isfinite(day).all()
