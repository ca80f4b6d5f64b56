"""Explanations of rows add up to their logits, against closed forms."""

from itertools import combinations

import numpy as np
import pytest
from helpers.inspecting import FAST, quadratic

from sklearn_dcn import DCNClassifier, DCNRegressor
from sklearn_dcn.inspection import explain, interaction_strengths


def total(e):
    return e.baseline + e.features.sum(axis=1) + e.pairs.sum(axis=1)


def test_explanation_of_a_quadratic_form(two_crosses):
    """By hand, from the weights: every value of every row, averaged over background."""
    X, model = two_crosses
    Q, q = quadratic(model)
    rows, behind = X[:6].to_numpy(), X[50:70].to_numpy()
    e = explain(model, X[:6], background=X[50:70])
    for r, x in enumerate(rows):
        for i in range(4):
            moved = []
            for z in behind:
                mix = z.copy()
                mix[i] = x[i]
                moved.append(mix @ Q @ mix + q @ mix - z @ Q @ z - q @ z)
            assert e.features.iloc[r, i] == pytest.approx(np.mean(moved), abs=1e-9)
        for i, j in combinations(range(4), 2):
            D = (Q[i, j] + Q[j, i]) * (x[i] - behind[:, i]) * (x[j] - behind[:, j])
            assert e.pairs.loc[r, (f"x{i}", f"x{j}")] == pytest.approx(D.mean())
    assert e.exact
    assert not e.pairs_error.to_numpy().any()
    np.testing.assert_allclose(total(e), e.logit, atol=1e-10)
    np.testing.assert_allclose(e.logit, model.predict(X[:6]), atol=1e-10)
    assert e.baseline == pytest.approx(model.predict(X[50:70]).mean())


@pytest.mark.parametrize(
    ("parameters", "exact"),
    [
        ({"structure": "cross", "n_cross_layers": 0}, True),
        ({"structure": "cross", "n_cross_layers": 1, "cross": "vector"}, True),
        ({"structure": "cross", "n_cross_layers": 1, "cross": "matrix"}, True),
        ({"structure": "cross", "n_cross_layers": 1, "cross": "low_rank"}, True),
        ({"structure": "cross", "n_cross_layers": 1, "cross": "gated"}, False),
        ({"structure": "cross", "n_cross_layers": 1, "cross": "exponential"}, False),
        ({"structure": "fused", "n_cross_layers": 1}, False),
        ({"structure": "cross", "n_cross_layers": 2}, False),
        ({"structure": "stacked"}, False),
        ({"structure": "cross", "n_cross_layers": 1, "pair_logit": "weighted"}, True),
        ({"structure": "cross", "n_cross_layers": 0, "pair_logit": "plain",
          "memorized_crosses": [("city", "price")]}, True),
        ({"structure": "cross", "n_cross_layers": 1, "cross": "onlydense"}, False),
        ({"structure": "cross", "n_cross_layers": 0,
          "memorized_crosses": [("city", "price")]}, True),
        ({"structure": "cross", "n_cross_layers": 1,
          "memorized_crosses": [("city", "price")]}, False),
    ],
)  # fmt: skip
def test_rows_sum_to_their_logit(mixed, parameters, exact):
    X, y = mixed
    model = DCNClassifier(**FAST, **parameters, dtype="float64").fit(X, y)
    for background in (X[:10], None):
        e = explain(model, X[10:15], background=background)
        np.testing.assert_allclose(total(e), e.logit, atol=1e-9)
        np.testing.assert_allclose(e.logit, model.decision_function(X[10:15]))
        assert e.exact == exact
        assert list(e.features.index) == list(range(10, 15))
        assert e.pairs.shape == e.pairs_error.shape == (5, 10)
        assert e.values.equals(X[10:15])
    if exact:  # any order gives the same
        again = explain(model, X[10:15], background=X[:10], random_state=7)
        first = explain(model, X[10:15], background=X[:10])
        np.testing.assert_allclose(again.pairs, first.pairs, atol=1e-12)


def test_standard_error_of_pairs(mixed):
    """Estimates of other orders differ by about what their errors say."""
    X, y = mixed
    model = DCNClassifier(**{**FAST, "max_epochs": 20}, dtype="float64").fit(X, y)
    many = [
        explain(model, X[:3], background=X[:8], n_permutations=3, random_state=seed)
        for seed in range(40)
    ]
    spread = np.std([e.pairs.to_numpy() for e in many], axis=0, ddof=1)
    stated = np.sqrt(np.mean([e.pairs_error.to_numpy() ** 2 for e in many], axis=0))
    assert stated.max() > 1e-3
    np.testing.assert_allclose(np.median(spread / stated), 1.0, atol=0.15)


def test_explanation_of_one_of_several_outputs(mixed):
    X, _ = mixed
    labels = X["city"].fillna("none")
    model = DCNClassifier(**FAST).fit(X.drop(columns="city"), labels)
    X = X.drop(columns="city")
    with pytest.raises(ValueError, match="output must say which of 5"):
        explain(model, X[:3])
    with pytest.raises(ValueError, match=r"one of the classes_ .* got 'x'"):
        explain(model, X[:3], output="x")
    e = explain(model, X[:3], output="Oslo", background=X[:20])
    k = model.classes_.tolist().index("Oslo")
    np.testing.assert_allclose(e.logit, model.decision_function(X[:3])[:, k], rtol=1e-5)
    np.testing.assert_allclose(total(e), e.logit, atol=1e-5)
    assert interaction_strengths(model, X).shape == (4, 4)
    y = np.stack([X["visits"], -3.0 * X["visits"]], axis=1)
    model = DCNRegressor(**FAST).fit(X, y)
    e = explain(model, X[:3], output=1)
    np.testing.assert_allclose(e.logit, model.predict(X[:3])[:, 1], rtol=1e-5)


def test_explanation_of_rows_that_are_no_frame(mixed, two_crosses):
    X, model = two_crosses
    records = X[:2].to_dict("records")
    e = explain(model, records, background=X)
    np.testing.assert_allclose(e.values.to_numpy(float), X[:2])
    model = DCNRegressor(**FAST).fit(X[["x0"]].to_numpy(), X["x0"])
    e = explain(model, X[["x0"]].to_numpy()[:2])
    assert e.pairs.shape == (2, 0)
    assert e.exact
