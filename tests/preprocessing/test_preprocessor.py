"""All steps in front of an estimator change nothing, in any kind of output."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from helpers.steps import AT_1_9, TINY, with_lists
from helpers.tables import make_mixed
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils import _safe_indexing

from sklearn_dcn import DCNClassifier, DCNRegressor
from sklearn_dcn.preprocessing import (
    CategoryEncoder,
    ContinuousNormalizer,
    make_dcn_preprocessor,
)

# Older releases' ColumnTransformer does not know frames of today's polars.
POLARS = pytest.param("polars", marks=pytest.mark.skipif(not AT_1_9, reason="1.9"))
OUTPUTS = pytest.mark.parametrize("output", ["default", "pandas", POLARS])


def to_polars(X):
    """Return a pandas frame as one of polars, missing cells null."""
    return pl.DataFrame({name: cells_of(X[name]) for name in X}, strict=False)


def cells_of(column):
    """Return the cells of a Series, None where missing."""
    cells = column.astype(object).tolist()
    return [None if isinstance(c, float) and c != c else c for c in cells]


@OUTPUTS
@pytest.mark.parametrize("kind", ["pandas", POLARS])
@pytest.mark.parametrize(
    "parameters",
    [{}, {"early_stopping": True}, {"numeric_embedding": "piecewise_linear"}],
    ids=["plain", "held-out rows", "numbers embedded"],
)
def test_pipeline_equals_the_raw_table(output, kind, parameters):
    """The preprocessor in front changes nothing, to rounding."""
    X, y = with_lists(600)
    new = with_lists(200, seed=1)[0].assign(city="Lima")  # unseen
    lists = {"genres": "|", "tags": None}
    raw = DCNClassifier(multivalued_features=lists, **TINY, **parameters).fit(X, y)
    expected = raw.predict_proba(X), raw.predict_proba(new)
    step = make_dcn_preprocessor(multivalued_features=lists).set_output(
        transform=output
    )
    model = make_pipeline(step, DCNClassifier(**TINY, **parameters))
    if kind == "polars":
        X, new = to_polars(X), to_polars(new)
    model.fit(X, y)
    again = pickle.loads(pickle.dumps(model))
    for table, p in zip((X, new), expected, strict=True):
        np.testing.assert_allclose(model.predict_proba(table), p, rtol=1e-9)
        np.testing.assert_array_equal(
            again.predict_proba(table), model.predict_proba(table)
        )
    one = model.predict_proba(new[:1])
    np.testing.assert_allclose(one, expected[1][:1], rtol=1e-9)


@OUTPUTS
def test_pipeline_with_rare_levels(output):
    X, y = make_mixed(500)
    rare = {"min_frequency": 60, "max_categories": 4}
    expected = DCNClassifier(**rare, **TINY).fit(X, y).predict_proba(X)
    step = make_dcn_preprocessor(**rare).set_output(transform=output)
    if output == "polars":
        X = to_polars(X)
    model = make_pipeline(step, DCNClassifier(**TINY)).fit(X, y)
    np.testing.assert_allclose(model.predict_proba(X), expected, rtol=1e-9)


@OUTPUTS
def test_pipeline_for_an_array_and_a_regression(output):
    if output == "pandas" and not AT_1_9:
        pytest.skip("columns of an array have the same names in every step")
    X, y = make_mixed(400)
    X = X.astype(object).where(X.notna(), None).to_numpy()
    target = y + X[:, 4].astype(float)
    expected = DCNRegressor(**TINY).fit(X, target).predict(X)
    step = make_dcn_preprocessor().set_output(transform=output)
    model = make_pipeline(step, DCNRegressor(**TINY)).fit(X, target)
    np.testing.assert_allclose(model.predict(X), expected, rtol=1e-9)


@OUTPUTS
def test_integer_ids_that_are_all_unseen(output):
    """Their label is a string, which the levels of `fit` are not."""
    X = pd.DataFrame({"id": [1, 2, 3] * 40, "c": [*"ab"] * 60})
    y = [0, 1] * 60
    ids = ["id", "c"]
    step = make_dcn_preprocessor(categorical_features=ids)
    step.set_output(transform=output)
    model = make_pipeline(step, DCNClassifier(**TINY)).fit(X, y)
    raw = DCNClassifier(categorical_features=ids, **TINY).fit(X, y)
    new = pd.DataFrame({"id": [7, 8], "c": ["a", "b"]})
    np.testing.assert_allclose(
        model.predict_proba(new), raw.predict_proba(new), rtol=1e-9
    )


def test_ids_are_found_by_themselves():
    """Without the mark an array of ids would be one of numbers."""
    X, y = make_mixed(300)
    encoded = make_dcn_preprocessor().fit_transform(X)
    assert type(encoded) is np.ndarray and encoded.dtype == np.float64
    model = DCNClassifier(**TINY).fit(encoded, y)
    assert len(model.encoder_.categories) == 3
    unmarked = DCNClassifier(**TINY).fit(np.array(encoded.tolist()), y)
    assert not unmarked.encoder_.categories


@pytest.mark.parametrize(
    "change",
    [
        lambda a: a[np.arange(100)],
        lambda a: a[10:110],
        lambda a: _safe_indexing(a, np.arange(100)),
        lambda a: a[np.arange(300) % 3 == 0],
        lambda a: a.copy()[:100],
        lambda a: pickle.loads(pickle.dumps(a))[:100],
    ],
)
def test_mark_goes_along_with_rows(change):
    X, y = make_mixed(300)
    encoded = make_dcn_preprocessor().fit_transform(X)
    model = DCNClassifier(**TINY).fit(change(encoded), y[:100])
    assert len(model.encoder_.categories) == 3


def test_encoded_array_that_was_changed():
    X, y = make_mixed(300)
    encoded = make_dcn_preprocessor().fit_transform(X)
    model = DCNClassifier(**TINY).fit(encoded, y)
    with pytest.raises(ValueError, match=r"^X has 2 of the 5 columns of an encoded"):
        DCNClassifier(**TINY).fit(encoded[:, :2], y)
    wrong = encoded.copy()
    wrong[0, 0] = 0.5
    with pytest.raises(ValueError, match=r"^Column 0 of an encoded array must hold"):
        model.predict(wrong)


def test_frames_have_readable_labels():
    X, _ = with_lists(300)
    step = make_dcn_preprocessor(
        min_frequency=40, multivalued_features={"genres": "|", "tags": None}
    )
    frame = step.set_output(transform="pandas").fit_transform(X)
    assert list(frame) == [*X.columns[:3], "tags", "genres", "price", "visits"]
    assert frame.index.equals(X.index)
    assert isinstance(frame["city"].dtype, pd.CategoricalDtype)
    kept = frame["city"].notna() & (frame["city"] != "⟨unknown⟩")
    assert (frame["city"][kept].astype(str) == X["city"][kept]).all()
    assert (frame["city"].isna() == X["city"].isna()).all()
    assert frame["genres"][3] == (X["genres"][3].split("|") if X["genres"][3] else [])


def test_preprocessor_in_model_selection():
    X, y = with_lists(300)
    model = make_pipeline(
        make_dcn_preprocessor(multivalued_features={"genres": "|", "tags": None}),
        DCNClassifier(**TINY),
    )
    assert np.isfinite(cross_val_score(model, X, y, scoring="neg_log_loss")).all()
    grid = {"columntransformer__categories__min_frequency": [None, 20]}
    name = model.steps[0][0]
    grid = {key.replace("columntransformer", name): v for key, v in grid.items()}
    search = GridSearchCV(clone(model), grid, cv=2).fit(X, y)
    assert search.predict_proba(X).shape == (300, 2)


def test_steps_in_a_column_transformer_of_ones_own():
    """With pandas output the ids are integers, so the estimator is told which."""
    X, y = make_mixed(300)
    step = ColumnTransformer(
        [
            ("c", CategoryEncoder(), ["city", "device", "is_new"]),
            ("n", ContinuousNormalizer(), ["price", "visits"]),
        ],
        verbose_feature_names_out=False,
    ).set_output(transform="pandas")
    ids = ["city", "device", "is_new"]
    model = make_pipeline(step, DCNClassifier(categorical_features=ids, **TINY))
    assert np.isfinite(model.fit(X, y).predict_proba(X)).all()
    assert list(model[:-1].get_feature_names_out()) == list(X)
