"""Graphs of every loss say what the estimator says, with exposure and offset."""

import numpy as np
import onnxruntime
import pytest
from helpers.graphs import PARITY, run
from helpers.losses import NUMBER_LOSSES, beside, make, make_counts, of_loss
from numpy.testing import assert_allclose

from sklearn_dcn.onnx import export, make_inputs


@pytest.fixture(scope="module")
def table():
    return make_counts(300)


def check_outputs(model, found, X):
    """Check every output of a graph."""
    expected = {"variable": model.predict(X).reshape(len(X), -1)}
    if model.loss == "quantile":
        expected["quantiles"] = model.predict_quantiles(X)
    if model.loss == "gaussian":
        expected["std"] = model.predict_std(X).reshape(len(X), -1)
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        assert_allclose(found[name], values, **PARITY)


@pytest.mark.parametrize("inputs", ["columns", "matrix"])
@pytest.mark.parametrize("with_offset", [False, True])
@pytest.mark.parametrize("loss", NUMBER_LOSSES)
def test_every_loss(table, loss, with_offset, inputs):
    X, y = table
    options = beside(loss) if with_offset else {}
    model = make(loss, max_epochs=1, **options).fit(X, of_loss(loss, y))
    graph = export(model, inputs=inputs)
    check_outputs(model, run(graph, X), X)
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    names = [output.name for output in session.get_outputs()]
    found = session.run(names, make_inputs(session, X[:7]))
    check_outputs(model, dict(zip(names, found, strict=True)), X[:7])


@pytest.mark.parametrize("loss", ["poisson", "gaussian"])
def test_several_outputs(table, loss):
    X, y = table
    model = make(loss, max_epochs=1).fit(X, np.column_stack([y, 2 * y + 1]))
    check_outputs(model, run(export(model), X), X)


def test_exposure_and_offset(table):
    """Two inputs of their own, beside those of the columns."""
    X, y = table
    X = X.assign(more=X["age"] / 100)
    model = make("tweedie", max_epochs=1, exposure="years", offset="more").fit(X, y)
    check_outputs(model, run(export(model), X), X)


def test_names_of_outputs_are_taken(table):
    X, y = table
    X = X.rename(columns={"age": "std"})
    with pytest.raises(ValueError, match="'std' has the name of an output"):
        export(make("gaussian", max_epochs=1).fit(X, y))
    export(make("huber", max_epochs=1).fit(X, y))
