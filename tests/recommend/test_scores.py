"""Scores of pairs: by halves as by a table of pairs, of every kind of model."""

import copy

import numpy as np
import pandas as pd
import pytest
from helpers.interactions import make_sides, make_views
from scipy.special import expit, logit
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC

from sklearn_dcn import DCNClassifier, DCNRegressor
from sklearn_dcn._table import check_table
from sklearn_dcn.recommend import recommend
from sklearn_dcn.recommend._halves import HalfScores
from sklearn_dcn.recommend._scores import GivenScores, PlainScores, shift

COMMON = {
    "categorical_features": ["user", "item", "job"],
    "multivalued_features": ["tags"],
    "dtype": "float64",
    "validation": "random",
    "max_epochs": 1,
    "hidden_layer_sizes": (8, 8),
    "random_state": 0,
}


@pytest.fixture(scope="module")
def sides():
    return make_sides()


@pytest.fixture(scope="module")
def views(sides):
    return make_views(*sides)


@pytest.fixture(scope="module")
def model(views):
    """Return a classifier with crosses of users with items."""
    crosses = [("user", "item"), ("year", "age"), ("user", "job")]
    X, y = views
    return DCNClassifier(**COMMON, memorized_crosses=crosses, n_members=2).fit(X, y)


def both_ways(model, users, items):
    """Return the scores of all pairs by halves, and by a table of them."""
    assert HalfScores.takes(model)
    tables = check_table(users), check_table(items)
    halves = HalfScores(model, {*users.columns}, *tables, n_pairs=10**9)
    plain = PlainScores(model, model.feature_names_in_.tolist())
    return [
        way.scores(way.users(tables[0]), way.items(tables[1]), slice(None))
        for way in (halves, plain)
    ]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"memorized_crosses": None, "cross": "low_rank", "n_cross_layers": 3},
        {"memorized_crosses": None, "structure": "cross"},
        {"memorized_crosses": [("item", "job")], "structure": "stacked"},
        {"cross": "mixture", "numeric_embedding": "periodic", "n_members": 1},
        {"cross": "gated", "numeric_levels": 8, "normalization": "batch"},
        {"cross": "onlydense", "pair_logit": "weighted", "n_members": 2},
        {"pair_logit": "plain", "memorized_crosses": [("item", "job")]},
        {"pair_logit": "weighted", "structure": "stacked", "embedding_dim": 4},
        {
            "structure": "cross",
            "memorized_crosses": None,
            "pair_logit": "weighted",
            "hashing": {"item": 16},
            "collision_weight": True,
        },
        {"cross": "vector", "hashing": {"item": 16}, "embedding_dim": 4},
    ],
    ids=str,
)
def test_halves_are_the_plain_way_of_classifiers(sides, views, options):
    fitted = DCNClassifier(**{**COMMON, **options}).fit(*views)
    halves, plain = both_ways(fitted, *sides)
    np.testing.assert_allclose(logit(halves), logit(plain), rtol=0, atol=1e-10)
    assert plain.shape == (30, 40)
    assert plain.std() > 1e-3


def test_crosses_of_users_with_items_are_looked_up(sides, model):
    names = [model.encoder_.crosses.names[c] for c in (0, 1)]
    assert names == ["user", "job"]
    halves, plain = both_ways(model, *sides)
    np.testing.assert_allclose(logit(halves), logit(plain), rtol=0, atol=1e-10)


def test_halves_are_the_plain_way_of_regressors(sides, views):
    X, _ = views
    y = 100 + 5 * X["age"] + X["year"].fillna(1990)
    fitted = DCNRegressor(**COMMON).fit(X, y)
    halves, plain = both_ways(fitted, *sides)
    np.testing.assert_allclose(halves, plain, rtol=1e-12)
    assert plain.std() > 1


def test_halves_of_float32_differ_by_rounding_alone(sides, views):
    fitted = DCNClassifier(**{**COMMON, "dtype": "float32"}).fit(*views)
    halves, plain = both_ways(fitted, *sides)
    np.testing.assert_allclose(logit(halves), logit(plain), atol=1e-4)


def test_halves_in_bfloat16_are_as_near_as_it_is(sides, views):
    fitted = DCNClassifier(**{**COMMON, "dtype": "bfloat16"}).fit(*views)
    halves, plain = both_ways(fitted, *sides)
    np.testing.assert_allclose(logit(halves), logit(plain), atol=0.05)


def test_halves_after_partial_fit_and_a_loaded_file(sides, views, model, tmp_path):
    from sklearn_dcn import load

    again = copy.deepcopy(model).partial_fit(*(part[:200] for part in views))
    again.save(tmp_path / "model.dcn")
    before = both_ways(model, *sides)
    for fitted in (again, load(tmp_path / "model.dcn")):
        halves, plain = both_ways(fitted, *sides)
        np.testing.assert_allclose(halves, plain, rtol=0, atol=1e-12)
        assert abs(halves - before[0]).max() > 1e-4


def test_frames_of_polars(sides, model):
    polars = pytest.importorskip("polars")
    given = [polars.DataFrame(side.to_dict("list")) for side in sides]
    given[1] = given[1].with_columns(polars.col("year").fill_nan(None))
    found, expected = both_ways(model, *given), both_ways(model, *sides)
    np.testing.assert_allclose(found[0], found[1], rtol=0, atol=1e-12)
    np.testing.assert_allclose(found[0], expected[0], rtol=0, atol=1e-12)


def test_what_halves_are_not_for():
    assert not HalfScores.takes(LogisticRegression())
    assert not HalfScores.takes(DCNClassifier())


def test_several_classes_are_refused(sides, views):
    X, y = views
    fitted = DCNClassifier(**COMMON).fit(X, y + (X["age"] > 50))
    assert not HalfScores.takes(fitted)
    with pytest.raises(ValueError, match="as with two classes; got 3 classes"):
        recommend(fitted, *sides)


def test_several_labels_are_refused(sides, views):
    """Two of them are not two classes: the second is no answer for both."""
    users, items = sides
    X, y = views
    numbers = X[["age", "year"]].fillna(0)
    both = np.column_stack([y, 1 - y])
    fitted = KNeighborsClassifier().fit(numbers, both)
    with pytest.raises(ValueError, match="got several labels"):
        recommend(fitted, users, items.fillna(0))


# The plain way ------------------------------------------------------------------------


def one_hot(final):
    columns = ["user", "item", "job"]
    encoded = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), columns), (StandardScaler(), ["age"])
    )
    return make_pipeline(encoded, final)


@pytest.mark.parametrize(
    ("final", "of"),
    [
        (LogisticRegression(), lambda m, X: m.predict_proba(X)[:, 1]),
        (LinearSVC(), lambda m, X: m.decision_function(X)),
    ],
)
def test_pipelines_of_scikit_learn(sides, views, final, of):
    X, y = views
    fitted = one_hot(final).fit(X, y)
    users, items = sides
    plain = PlainScores(fitted, fitted.feature_names_in_.tolist())
    found = plain.scores(users, items, slice(4, 7))
    pairs = users[4:7].merge(items, how="cross")
    np.testing.assert_allclose(found.ravel(), of(fitted, pairs), rtol=1e-12)


def test_regressors_predict(sides):
    users, items = sides
    X = users[["age"]].merge(items[["year"]], how="cross")
    y = X["age"] + X["year"].isna()
    fitted = HistGradientBoostingRegressor(max_iter=5).fit(X, y)
    found = PlainScores(fitted, ["age", "year"]).scores(users, items, slice(None))
    np.testing.assert_array_equal(found.ravel(), fitted.predict(X))


def test_what_does_not_predict_is_refused(sides):
    with pytest.raises(TypeError, match="got StandardScaler"):
        recommend(StandardScaler().fit([[1.0]]), *sides)


def test_models_of_several_outputs_are_refused(sides):
    users, items = sides
    X = users[["age"]].merge(items[["year"]].fillna(0), how="cross")
    fitted = make_pipeline(StandardScaler(), LogisticRegressionOfTwo()).fit(X)
    with pytest.raises(ValueError, match=r"shape \(1200, 2\)"):
        PlainScores(fitted, ["age", "year"]).scores(users, items.fillna(0), slice(None))


class LogisticRegressionOfTwo(StandardScaler):
    """A step whose `predict` has two columns."""

    def predict(self, X):
        """Return two of the columns."""
        return np.asarray(X)[:, :2]


def test_functions_of_the_wrong_shape_are_refused(sides):
    given = GivenScores(lambda users, items: np.zeros((len(items), len(users))))
    with pytest.raises(ValueError, match=r"array of shape \(30, 40\).*got \(40, 30\)"):
        given.scores(*sides, slice(None))


def test_offsets_are_added_to_the_log_odds():
    p, offset = np.array([[0.2, 0.7]]), np.array([1.0, -2.0])
    odds = p / (1 - p) * np.exp(offset)
    np.testing.assert_allclose(shift(p, offset, True), odds / (1 + odds), rtol=1e-12)
    np.testing.assert_array_equal(shift(p, offset, False), p + offset)
    assert expit(logit(0.0)) == 0  # what is excluded for certain stays so


def test_cold_ids_are_scored_without_a_warning(sides, model, recwarn):
    """The last user and item are in no row of the fit."""
    users, items = (side.iloc[-1:] for side in sides)
    halves, plain = both_ways(model, users, items)
    np.testing.assert_allclose(halves, plain, rtol=0, atol=1e-12)
    assert pd.Series(halves.ravel()).between(0, 1).all()
