"""Levels, names and labels of any legal kind are saved and exported right, or refused.

What a graph cannot hold is refused by name, so that none loads with other values.
"""

import enum
import pickle

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import make_pipeline

import sklearn_dcn
from sklearn_dcn import DCNClassifier
from sklearn_dcn.onnx import export, make_inputs

onnxruntime.set_default_logger_severity(3)


class Text(enum.StrEnum):
    """Two levels."""

    A = "a"
    B = "b"


class Named(str, enum.Enum):  # noqa: UP042, whose str() is another
    """Two levels."""

    A = "a"
    B = "b"


class Whole(enum.IntEnum):
    """Two levels."""

    A = 1
    B = 2


class Float(float):
    """A number."""


def fit(cells, labels=(0, 1), name="c", **options):
    """Return an estimator of one column of two levels, and its table."""
    n = 60
    series = pd.Series(list(cells) * (n // len(cells)), dtype=object)
    X = pd.DataFrame({0: series}).set_axis(pd.Index([name], dtype=object), axis=1)
    y = np.tile(np.array(labels, dtype=getattr(labels, "dtype", None)), n // 2)
    options = {"categorical_features": [name]} | options
    model = DCNClassifier(
        max_epochs=2,
        n_members=1,
        hidden_layer_sizes=(8,),
        learning_rate=0.05,
        random_state=0,
        **options,
    )
    return model.fit(X, y), X


def check_file(model, X, path):
    """Check that a saved and a pickled estimator say the same."""
    model.save(path / "model.dcn")
    for other in (
        sklearn_dcn.load(path / "model.dcn"),
        pickle.loads(pickle.dumps(model)),
    ):
        np.testing.assert_array_equal(other.predict_proba(X), model.predict_proba(X))
        np.testing.assert_array_equal(other.predict(X), model.predict(X))


def check_graph(model, X):
    for layout in ("columns", "matrix"):
        graph = export(model, missing_text="?", inputs=layout)
        session = onnxruntime.InferenceSession(graph.SerializeToString())
        labels, p = session.run(None, make_inputs(session, X))
        np.testing.assert_allclose(p, model.predict_proba(X), rtol=0, atol=1e-5)
        assert (labels == model.predict(X)).all()


LEVELS = {
    "StrEnum": [Text.A, Text.B],
    "str and Enum": [Named.A, Named.B],
    "np.str_": [np.str_("a"), np.str_("b")],
    "IntEnum": [Whole.A, Whole.B],
    "subclass of float": [Float(0.5), Float(0.25)],
    "bool": [True, False],
    "np.bool_": [np.True_, np.False_],
    "np.int8": [np.int8(1), np.int8(2)],
    "np.float32": [np.float32(0.1), np.float32(0.2)],
    "infinity": [np.inf, 1.0],
    "uint64 that is a float64": [np.uint64(2**63), np.uint64(2**63 + 2048)],
    "empty text": ["", "b"],
    "texts of missing cells": ["nan", "None"],
    "text of unknown levels": ["⟨unknown⟩", "b"],
    "NUL": ["a\0b", "a\0c"],
}


@pytest.mark.parametrize("cells", LEVELS.values(), ids=LEVELS)
@pytest.mark.parametrize("where", ["column", "hashed", "list"])
def test_levels(cells, where, tmp_path):
    options = {"hashing": {"c": 8}} if where == "hashed" else {}
    if where == "list":
        cells = [[cell] for cell in cells]
        options = {"categorical_features": None, "multivalued_features": ["c"]}
    model, X = fit(cells, **options)
    check_file(model, X, tmp_path)
    if where == "list" and "" in cells[0]:
        with pytest.raises(ValueError, match="'c' has the level ''"):
            export(model, missing_text="?")
        return
    check_graph(model, X)


@pytest.mark.parametrize(
    ("cells", "match"),
    [
        ([2**63 + 1, 2**63 + 2049], "level 9223372036854775809, which is no number"),
        ([2**70, 2**70 + 1], "is no number of double precision"),
        ([b"a", b"b"], "levels of the types bytes"),
        (["\ud800", "b"], "which is no valid Unicode"),
        (["?", "b"], "missing_text must not be a level"),
        (["7", 7], "levels of the types number and string"),
        ([["7"], [7]], "levels of the types number and string"),
        ([[b"a"], [b"b"]], "levels of the types bytes"),
    ],
)
def test_levels_that_no_graph_has(cells, match, tmp_path):
    lists = {"categorical_features": None, "multivalued_features": ["c"]}
    model, X = fit(cells, **(lists if isinstance(cells[0], list) else {}))
    check_file(model, X, tmp_path)
    with pytest.raises(ValueError, match=f"'c'.*{match}|{match}.*'c'"):
        export(model, missing_text="?")


@pytest.mark.parametrize(
    "name",
    ["a.b", "a/b", "é", ":", " ", "0", "x0", "a\0b", "onnx::Add_1", "Identity_9"],
)
def test_names(name, tmp_path):
    model, X = fit(["a", "b"], name=name)
    check_file(model, X, tmp_path)
    check_graph(model, X)


@pytest.mark.parametrize("name", ["", "\ud800"])
def test_names_that_no_input_has(name, tmp_path):
    model, X = fit(["a", "b"], name=name)
    check_file(model, X, tmp_path)
    with pytest.raises(ValueError, match="has a name that no input of a graph"):
        export(model)
    graph = export(model, inputs="matrix")
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    p = session.run(None, make_inputs(session, X))[1]
    np.testing.assert_allclose(p, model.predict_proba(X), rtol=0, atol=1e-5)


LABELS = {
    "str": ["n", "é"],
    "empty text": ["", "b"],
    "np.str_": [np.str_("a"), np.str_("b")],
    "StrEnum": [Text.A, Text.B],
    "str and Enum, as objects": np.array([Named.A, Named.B], dtype=object),
    "IntEnum": [Whole.A, Whole.B],
    "bool": [False, True],
    "objects that are bool": np.array([False, True], dtype=object),
    "float": [0.0, 1.0],
    "int8": np.array([0, 1], dtype=np.int8),
    "uint8": np.array([0, 255], dtype=np.uint8),
}


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_labels(labels, tmp_path):
    model, X = fit(["a", "b"], labels)
    check_file(model, X, tmp_path)
    check_graph(model, X)


@pytest.mark.parametrize(
    ("labels", "match"),
    [
        (np.array([1, 2**63 + 1], dtype=np.uint64), r"at most 2\*\*63 - 1.*775809"),
        (["\ud800", "b"], "strings of valid Unicode"),
    ],
)
def test_labels_that_no_graph_has(labels, match, tmp_path):
    model, X = fit(["a", "b"], labels)
    check_file(model, X, tmp_path)
    with pytest.raises(ValueError, match=match):
        export(model)


def test_a_column_that_a_pipeline_takes_twice():
    """Its input would be there twice, in a graph that does not load."""
    X = pd.DataFrame({"c": ["a", "b"] * 30})
    twice = ColumnTransformer([(n, "passthrough", ["c"]) for n in "xy"])
    model = make_pipeline(twice, DCNClassifier(max_epochs=1, n_members=1))
    model.fit(X, [0, 1] * 30)
    with pytest.raises(ValueError, match="that takes 'c' twice"):
        export(model)
