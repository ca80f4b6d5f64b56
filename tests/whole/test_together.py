"""What a fitted estimator can do, it can do when it comes back from a file."""

import pickle

import pandas as pd
import pytest
from helpers.graphs import check
from helpers.tables import make_mixed
from numpy.testing import assert_allclose, assert_array_equal

import sklearn_dcn
from sklearn_dcn import DCNClassifier
from sklearn_dcn.inspection import explain, interaction_strengths
from sklearn_dcn.onnx import export


@pytest.fixture(scope="module")
def table():
    """Return rows enough for all that the defaults look for."""
    return make_mixed(1500)


@pytest.fixture(scope="module")
def model(table):
    """Return a fitted estimator that has been asked for everything."""
    X, y = table
    model = DCNClassifier(
        hidden_layer_sizes=(8,), memorized_crosses=2, max_epochs=2, random_state=0
    ).fit(X, y)
    assert model.encoder_.crosses.pairs
    assert model.feature_importances_.sum() == pytest.approx(1.0)
    model._repr_html_()
    return model


def through_pickle(model, path):
    """Return a copy by a pickle."""
    return pickle.loads(pickle.dumps(model))


def through_file(model, path):
    """Return a copy by a file."""
    model.save(path)
    return sklearn_dcn.load(path)


@pytest.fixture(params=[through_pickle, through_file])
def copy(request, model, tmp_path):
    """Return what came back."""
    return request.param(model, tmp_path / "model.dcn")


def test_it_answers_as_before(copy, model, table):
    X, _ = table
    rows = X.head(50)
    assert_array_equal(copy.predict_proba(rows), model.predict_proba(rows))
    assert_array_equal(copy.feature_importances_, model.feature_importances_)
    assert copy.summary() == model.summary()
    pd.testing.assert_frame_equal(copy.embeddings("city"), model.embeddings("city"))
    strengths = [
        interaction_strengths(m, rows, n_samples=20, random_state=0)
        for m in (copy, model)
    ]
    pd.testing.assert_frame_equal(*strengths)
    one, other = (
        explain(m, rows[:2], background=rows, n_permutations=2, random_state=0)
        for m in (copy, model)
    )
    pd.testing.assert_frame_equal(one.pairs, other.pairs)
    assert_allclose(one.logit, copy.decision_function(rows[:2]), rtol=1e-6, atol=1e-7)


def test_it_is_exported_as_before(copy, model):
    """To the byte: the weights and the vocabulary are the same."""
    assert export(copy).SerializeToString() == export(model).SerializeToString()


def test_the_graph_knows_what_the_defaults_found(model, table):
    """Curves, crosses and indicators are in it."""
    names = model.encoder_.field_names
    assert model.module_.members[0].embedding.numbers is not None
    assert any(" x " in name for name in names)
    assert any(name.endswith(" is missing") for name in names)
    check(model, table[0])
    check(model, table[0], inputs="matrix")
