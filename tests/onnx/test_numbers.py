"""Numbers in a graph: any transform, any number, to the last bit where it matters."""

import numpy as np
import pandas as pd
import pytest
from helpers.graphs import PARITY, is_missing, run, start, to_arrays
from helpers.tables import make_mixed
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_dcn import DCNClassifier
from sklearn_dcn._table.numbers.scaler import NUMERIC_TRANSFORMS, NumberScaler
from sklearn_dcn.network.dcn import STRUCTURES
from sklearn_dcn.onnx import export
from sklearn_dcn.onnx._graph import Graph
from sklearn_dcn.onnx._numbers import Numbers, scale


@pytest.fixture(scope="module")
def scaled():
    """Return {transform: estimator} of a skewed number and a city, and graphs."""
    X, y = make_mixed(400)
    X = X[["city", "price"]].assign(tiny=1e-9 * X["price"])
    models = {}
    for transform in NUMERIC_TRANSFORMS:
        model = DCNClassifier(
            numeric_transform=transform,
            hidden_layer_sizes=(8,),
            memorized_crosses=[("city", "price")],
            max_epochs=1,
            random_state=0,
        ).fit(X, y)
        session = start(export(model))
        models[transform] = model, session
    return models


FAR = st.floats(allow_nan=True, allow_infinity=False)
NEAR = st.one_of(st.none(), st.floats(-1e3, 1e3))
TEXTS = st.one_of(st.none(), st.sampled_from(["Oslo", "Bern"]), st.text(min_size=1))


def check_rows(model, session, rows):
    X = pd.DataFrame(rows, columns=["city", "price", "tiny"])
    X = X.astype({"city": object, "price": float, "tiny": float})
    X["city"] = [None if is_missing(city) else city for city in X["city"]]
    found = session.run(["probabilities"], to_arrays(session, X))[0]
    np.testing.assert_allclose(found, model.predict_proba(X), **PARITY)


@pytest.mark.parametrize("transform", ["quantile", "robust", "signed_log"])
@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(TEXTS, FAR, FAR), min_size=1, max_size=5))
def test_any_finite_number_and_text(scaled, transform, rows):
    check_rows(*scaled[transform], rows)


@pytest.mark.parametrize("transform", ["standard", None])
@settings(max_examples=40, deadline=None)
@given(rows=st.lists(st.tuples(TEXTS, NEAR, st.none()), min_size=1, max_size=5))
def test_numbers_without_bound(scaled, transform, rows):
    check_rows(*scaled[transform], rows)


def test_quantiles_to_the_last_bit():
    """Numbers between knots, on them and outside are those of np.interp."""
    rng = np.random.default_rng(0)
    columns = [rng.lognormal(0, 3, 5000), rng.integers(0, 4, 5000) * 0.1, np.ones(5000)]
    scalers = [NumberScaler().fit(x, np.ones(5000)) for x in columns]
    graph = Graph(["x", "z"])
    x = graph.input("x", "double", 3)
    numbers = Numbers(x, graph.node("IsNaN", x), 3)
    graph.output(scale(graph, numbers, scalers), "z", "double", 3)
    new = np.concatenate([np.stack(columns, 1), rng.normal(0, 9, (500, 3))])
    new[-1] = np.nan
    z = start(graph.to_model()).run(None, {"x": new})[0]
    expected = [s.apply(column) for s, column in zip(scalers, new.T, strict=True)]
    np.testing.assert_array_equal(z, np.stack(expected, axis=1))


@pytest.mark.parametrize("structure", STRUCTURES)
def test_infinite_numbers_give_nan(structure, tiny, mixed):
    X, y = mixed
    model = DCNClassifier(structure=structure, **tiny).fit(X, y)
    new = X[:3].assign(price=[np.inf, 1.0, -np.inf])
    p = run(export(model), new)["probabilities"]
    assert np.isnan(p[[0, 2]]).all()
    np.testing.assert_allclose(p[1:2], model.predict_proba(new[1:2]), **PARITY)
