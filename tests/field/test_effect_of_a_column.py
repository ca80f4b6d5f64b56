"""One column's effect, and explanations for shap, on strings and integers."""

import sys
from itertools import combinations
from math import factorial
from types import SimpleNamespace

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose
from scipy.sparse import csr_matrix
from sklearn.inspection import (
    PartialDependenceDisplay,
    partial_dependence,
    permutation_importance,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, TargetEncoder

from sklearn_dcn import DCNClassifier, DCNRegressor
from sklearn_dcn.inspection import EffectDisplay, explain

pyplot = pytest.importorskip("matplotlib.pyplot")

PARAMETERS = {
    "max_epochs": 3,
    "hidden_layer_sizes": (8,),
    "dtype": "float64",
    "random_state": 0,
}
N = 200


@pytest.fixture(autouse=True)
def agg():
    """Draw to memory, and forget every figure."""
    pyplot.switch_backend("Agg")
    yield
    pyplot.close("all")


def make_visits():
    """Return a table of every kind of column."""
    rng = np.random.default_rng(0)
    tags = ["red", "green", "blue"]
    return pd.DataFrame(
        {
            "city": rng.choice(["Bern", "Oslo", "Rome", None], N),
            "visits": rng.poisson(3, N),
            "price": np.where(rng.random(N) < 0.1, np.nan, rng.lognormal(size=N)),
            "is_new": rng.random(N) < 0.5,
            "tags": [[*rng.choice(tags, k % 3, replace=False)] for k in range(N)],
            "words": [{tag: rng.random() for tag in tags[: k % 3]} for k in range(N)],
        }
    )


TARGETS = {
    "binary": lambda rng: rng.choice(["no", "yes"], N),
    "classes": lambda rng: rng.choice(["a", "b", "c"], N),
    "number": lambda rng: 100 + 20 * rng.normal(size=N),
    "numbers": lambda rng: rng.normal(size=(N, 2)),
}


def fit(kind, X, **more):
    """Return an estimator of a kind of target."""
    Estimator = DCNRegressor if kind.startswith("number") else DCNClassifier
    y = TARGETS[kind](np.random.default_rng(1))
    return Estimator(**PARAMETERS, **more).fit(X, y)


def replaced(X, column, cell):
    """Return rows of which all have one cell in a column."""
    return X.assign(**{column: pd.Series([cell] * len(X), index=X.index)})


QUESTIONS = {
    "probability": ("binary", {}, lambda m, X: m.predict_proba(X)[:, 1]),
    "logit": (
        "binary",
        {"response_method": "decision_function"},
        lambda m, X: m.decision_function(X),
    ),
    "probability of a class": (
        "classes",
        {"output": "b"},
        lambda m, X: m.predict_proba(X)[:, 1],
    ),
    "logit of a class": (
        "classes",
        {"output": "b", "response_method": "decision_function"},
        lambda m, X: m.decision_function(X)[:, 1],
    ),
    "prediction": ("number", {}, lambda m, X: m.predict(X)),
    "one of two predictions": (
        "numbers",
        {"output": 1},
        lambda m, X: m.predict(X)[:, 1],
    ),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_effect_is_that_of_a_plain_loop(question):
    """The column is replaced in the raw frame, and the rows are predicted anew."""
    kind, options, predict = QUESTIONS[question]
    X = make_visits()
    model = fit(kind, X)
    for column in X.columns[:4]:
        display = EffectDisplay.from_estimator(model, X, column, **options)
        assert display.individual.shape == (N, len(display.values))
        for k, value in enumerate(display.values):
            cell = None if value == "⟨missing⟩" else value
            by_hand = predict(model, replaced(X, column, cell))
            assert_allclose(display.individual[:, k], by_hand, atol=1e-10)
        assert_allclose(display.average, display.individual.mean(axis=0))
        assert_allclose(display.baseline, predict(model, X).mean(), atol=1e-10)


@pytest.mark.parametrize("column", ["tags", "words"])
def test_effect_of_a_level_of_lists(column):
    """A cell of the level alone, of mappings with its mean weight."""
    X = make_visits()
    model = fit("binary", X, pooling="sum")
    display = EffectDisplay.from_estimator(model, X, column)
    assert sorted(display.values) == (
        ["blue", "green", "red"] if column == "tags" else ["green", "red"]
    )
    for k, level in enumerate(display.values):
        held = [cell for cell in X[column] if level in cell]
        assert display.counts[k] == len(held)
        cell = [level]
        if column == "words":
            cell = {level: np.mean([weights[level] for weights in held])}
        by_hand = model.predict_proba(replaced(X, column, cell))[:, 1]
        assert_allclose(display.individual[:, k], by_hand, atol=1e-10)


def test_effect_with_statistics_and_hashing():
    """Statistics of the target move with the level; hashed levels have names."""
    X = make_visits()[["city", "visits", "is_new"]]
    for more in (
        {"category_encoder": TargetEncoder(random_state=0)},
        {"hashing": {"city": 8}},
        {"memorized_crosses": [("city", "is_new")]},
    ):
        model = fit("binary", X, **more)
        display = EffectDisplay.from_estimator(model, X, "city")
        for k, level in enumerate(display.values):
            cell = None if level == "⟨missing⟩" else level
            by_hand = model.predict_proba(replaced(X, "city", cell))[:, 1]
            assert_allclose(display.individual[:, k], by_hand, atol=1e-10)


def test_values_of_a_number():
    """All if they are few, else quantiles that rows have; then the missing one."""
    X = make_visits()
    model = fit("binary", X)
    visits = EffectDisplay.from_estimator(model, X, "visits")
    assert visits.values.tolist() == sorted(set(X["visits"]))
    price = EffectDisplay.from_estimator(model, X, "price", n_values=7)
    assert len(price.values) == 8
    assert np.isnan(price.values[-1])
    known = price.values[:-1]
    assert (np.diff(known) > 0).all()
    assert set(known) <= set(X["price"])
    share = (X["price"].dropna().to_numpy()[:, None] <= known).mean(axis=0)
    assert_allclose(share, (np.arange(7) + 0.5) / 7, atol=0.02)
    lines = price.ax_.get_legend_handles_labels()[1]
    assert lines == [
        "mean of 200 rows",
        "four fifths of them",
        "if missing",
        "rows as they are",
    ]


def test_curve():
    """The curve is the average, and the band has no width where rows agree."""
    X = make_visits()[["visits", "city"]]
    model = fit("number", X)
    display = EffectDisplay.from_estimator(model, X, "visits", spread=False)
    x, y = display.line_.get_data()
    assert x.tolist() == display.values.tolist()
    assert y.tolist() == display.average.tolist()
    assert display.bars_ is None
    assert not display.ax_.collections
    display.plot(spread=True)
    (band,) = display.ax_.collections
    assert band.get_paths()
    apart = EffectDisplay(
        "x", [1.0, 2.0], np.array([[1.0, 2.0], [5.0, 6.0]]), 3.0
    ).plot()
    (band,) = apart.ax_.collections
    assert sorted(set(band.get_paths()[0].vertices[:, 1])) == [3.0, 4.0]


def test_bars():
    """The greatest mean is on top, with the number of rows; others are counted."""
    X = make_visits()
    X["shop"] = [f"shop {min(k % 40, 33)}" for k in range(N)]
    display = EffectDisplay.from_estimator(fit("binary", X), X, "shop", n_values=30)
    assert len(display.values) == 30
    assert display.n_more == 4
    assert display.values[0] == "shop 33"
    order = np.argsort(-display.average, kind="stable")
    assert display.order_ == order.tolist()
    lengths = [bar.get_width() for bar in display.bars_]
    assert_allclose(lengths, display.average[order] - display.baseline, atol=1e-12)
    labels = [text.get_text() for text in display.ax_.get_yticklabels()]
    assert "shop 33 (35)" in labels
    assert display.ax_.get_title() == "shop: the 30 most frequent of 34 levels"
    assert display.ax_.get_xlabel() == "mean probability of 'yes'"


@pytest.mark.parametrize("cell", [7, "same", None], ids=["number", "level", "missing"])
def test_constant_column(cell):
    """It has one value, which changes nothing."""
    X = make_visits()[["city", "visits"]].assign(constant=cell)
    display = EffectDisplay.from_estimator(fit("binary", X), X, "constant")
    assert len(display.values) == 1
    assert_allclose(display.average, [display.baseline], atol=1e-12)


def test_other_tables():
    """polars, and arrays without names; a part of many rows."""
    X = make_visits()[["city", "visits"]]
    model = fit("binary", X)
    one = EffectDisplay.from_estimator(model, X, "city")
    other = EffectDisplay.from_estimator(model, pl.from_pandas(X), "city")
    assert one.values == other.values
    assert one.average.tolist() == other.average.tolist()
    part = EffectDisplay.from_estimator(model, X, "city", n_samples=50)
    assert part.individual.shape == (50, 4)
    assert part.counts == one.counts
    array = X.to_numpy(dtype=object)
    by_position = EffectDisplay.from_estimator(fit("binary", array), array, 1)
    assert by_position.values.tolist() == sorted(set(X["visits"]))


@pytest.mark.parametrize(
    ("kind", "column", "options", "message"),
    [
        ("binary", "town", {}, r"^column must be one of .*'city'.*; got 'town'"),
        ("binary", "city", {"response_method": "predict"}, "^response_method must be"),
        ("classes", "city", {}, "^output must say which of 3 predictions"),
        ("classes", "city", {"output": "z"}, "^output must be one of the classes_"),
        (
            "number",
            "city",
            {"response_method": "predict_proba"},
            "^response_method must be 'auto' for a regression",
        ),
        ("binary", "city", {"n_values": 0}, "^n_values must be"),
        ("binary", "city", {"n_samples": 0}, "^n_samples must be"),
    ],
)
def test_errors(kind, column, options, message):
    """They name the parameter, the rule and what came."""
    X = make_visits()[["city", "visits"]]
    with pytest.raises(ValueError, match=message):
        EffectDisplay.from_estimator(fit(kind, X), X, column, **options)


def test_errors_of_tables():
    """Lists that are all empty have no level; a sparse matrix has no columns."""
    X = make_visits()[["city", "tags"]]
    model = fit("binary", X)
    empty = X.assign(tags=[[]] * N)
    with pytest.raises(ValueError, match=r"^Column 'tags' holds no level in X"):
        EffectDisplay.from_estimator(model, empty, "tags")
    eye = csr_matrix(np.eye(N, 3))
    with pytest.raises(ValueError, match=r"^The columns of a sparse matrix"):
        EffectDisplay.from_estimator(fit("binary", eye), eye, 0)
    pipeline = make_pipeline(FunctionTransformer(), model)
    with pytest.raises(TypeError, match=r"give the last step"):
        EffectDisplay.from_estimator(pipeline, X, "city")


# shap ---------------------------------------------------------------------------------


def shapley_values(model, row, background):
    """Return exact Shapley values of a row's logit, by all orders' coalitions."""
    names = [*row.columns]
    p = len(names)

    def value(coalition):
        mixed = background.copy()
        for name in coalition:
            mixed[name] = pd.Series([row[name].iloc[0]] * len(mixed), mixed.index)
        return model.decision_function(mixed).mean()

    found = np.zeros(p)
    for j, name in enumerate(names):
        others = [other for other in names if other != name]
        for size in range(p):
            share = factorial(size) * factorial(p - size - 1) / factorial(p)
            for coalition in combinations(others, size):
                gain = value((*coalition, name)) - value(coalition)
                found[j] += share * gain
    return found


@pytest.fixture
def fake_shap(monkeypatch):
    """Put a module in shap's place that keeps what it is given."""

    class Explanation:
        def __init__(self, values, base_values, data, feature_names):
            self.values, self.base_values = values, base_values
            self.data, self.feature_names = data, feature_names

    monkeypatch.setitem(sys.modules, "shap", SimpleNamespace(Explanation=Explanation))


@pytest.mark.usefixtures("fake_shap")
def test_shap_gets_shapley_values():
    """They sum to the logit, and are the Shapley values up to the orders drawn."""
    X = make_visits()[["city", "visits", "is_new", "price"]]
    model = fit("binary", X)
    background = X[10:18]
    explained = explain(model, X[:2], background=background, n_permutations=400)
    found = explained.to_shap()
    assert found.values.shape == (2, 4)
    assert_allclose(
        found.values.sum(axis=1) + found.base_values, explained.logit, atol=1e-10
    )
    by_hand = [shapley_values(model, X[k : k + 1], background) for k in range(2)]
    assert_allclose(found.values, by_hand, atol=0.02 * np.abs(by_hand).max())
    assert found.feature_names == [*X.columns]
    assert found.data[0].tolist() == X.iloc[0].tolist()


@pytest.mark.usefixtures("fake_shap")
def test_shap_of_arrays_and_of_one_column():
    """Positions are names, as text; without a pair a column keeps what it has."""
    X = make_visits()[["city", "visits"]]
    array = X.to_numpy(dtype=object)
    assert explain(fit("binary", array), array[:3]).to_shap().feature_names == [
        "0",
        "1",
    ]
    explained = explain(fit("number", X[["visits"]]), X[["visits"]][:3])
    values = explained.to_shap().values
    assert_allclose(values, explained.features, atol=0)
    values += 1.0  # is a copy
    assert_allclose(values - 1.0, explained.features)


def test_without_shap(monkeypatch):
    """The error says what to install."""
    monkeypatch.setitem(sys.modules, "shap", None)
    X = make_visits()[["city", "visits"]]
    explained = explain(fit("binary", X), X[:2])
    with pytest.raises(
        ImportError, match=r"^Explanation\.to_shap needs shap.*pip inst"
    ):
        explained.to_shap()


# scikit-learn's own -------------------------------------------------------------------


def test_sklearn_inspection_of_strings():
    """Strings and floats are taken as they are, and agree with the display."""
    X = make_visits()[["city", "price", "visits"]].dropna()
    y = np.random.default_rng(0).integers(0, 2, len(X))
    model = DCNClassifier(**PARAMETERS).fit(X, y)
    theirs = partial_dependence(model, X, ["city"], categorical_features=["city"])
    ours = EffectDisplay.from_estimator(model, X, "city")
    at = [ours.values.index(city) for city in theirs["grid_values"][0]]
    assert_allclose(theirs["average"][0], ours.average[at], atol=1e-8)
    PartialDependenceDisplay.from_estimator(
        model, X, ["city", "price"], categorical_features=["city"]
    )
    result = permutation_importance(model, X, y, n_repeats=2, random_state=0)
    assert result.importances.shape == (3, 2)
