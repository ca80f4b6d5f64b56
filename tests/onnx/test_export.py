"""One graph from raw columns to probabilities says what the estimator says."""

import importlib
import json
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
from category_encoders import CountEncoder
from helpers.graphs import PARITY, check, make_lists, run, spoil, to_arrays
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_dcn import DCNClassifier, DCNRegressor
from sklearn_dcn.onnx import _export, export
from sklearn_dcn.preprocessing import make_dcn_preprocessor

# Targets ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "labels",
    [["no", "yes", "ähnlich"], [3, 1, 2], [0.0, 1.0, 2.0]],
    ids=["str", "int", "float"],
)
def test_many_classes(labels, small, mixed):
    X, _ = mixed
    y = np.array(labels)[np.arange(len(X)) % 3]
    check(DCNClassifier(**small).fit(X, y), spoil(X))


@pytest.mark.parametrize("labels", [["no", "yes"], [False, True]], ids=["str", "bool"])
def test_two_classes(labels, small, mixed):
    X, y = mixed
    check(DCNClassifier(**small).fit(X, np.array(labels)[y]), X)


@pytest.mark.parametrize("n_outputs", [None, 2])
def test_regression(n_outputs, small, mixed):
    X, y = mixed
    y = 1e4 + 50.0 * y + X["visits"].to_numpy()
    if n_outputs is not None:
        y = np.stack([y * (k + 1) for k in range(n_outputs)], axis=1)
    check(DCNRegressor(**small).fit(X, y), spoil(X))


# Sparse matrices, pipelines -----------------------------------------------------------


@pytest.mark.parametrize("output", ["default", "pandas"])
@pytest.mark.parametrize("transform", ["quantile", "standard", "signed_log"])
def test_pipeline(output, transform, small, mixed):
    X, y = mixed
    X = X.assign(tags=make_lists("|")[0]["tags"])
    steps = make_dcn_preprocessor(
        numeric_transform=transform, multivalued_features={"tags": "|"}
    ).set_output(transform=output)
    if transform == "signed_log":
        small |= {"numeric_levels": None}
    model = make_pipeline(steps, "passthrough", DCNClassifier(**small)).fit(X, y)
    new = spoil(X.drop(columns="tags")).assign(tags=X["tags"])
    graph = export(model, missing_text="?")
    found = run(graph, new, "?")["probabilities"]
    np.testing.assert_allclose(found, model.predict_proba(new), **PARITY)


@pytest.mark.parametrize("output", ["default", "pandas"])
def test_choice_of_columns(output, small, mixed):
    X, y = mixed
    choose = ColumnTransformer(
        [("some", "passthrough", ["visits", "city"]), ("not", "drop", ["is_new"])],
        remainder="passthrough",
    ).set_output(transform=output)
    model = make_pipeline(choose, DCNClassifier(**small)).fit(X, y)
    graph = export(model)
    names = [column.name for column in graph.graph.input]
    assert sorted(names) == ["city", "device", "price", "visits"]
    new = X.assign(city=X["city"].where(X["city"] != "Oslo", "new"))
    found = run(graph, new)["probabilities"]
    np.testing.assert_allclose(found, model.predict_proba(new), **PARITY)


def test_arrays_without_names(small, mixed):
    X, y = mixed
    model = DCNClassifier(**small).fit(X.to_numpy(object), y)
    graph = export(model)
    assert [i.name for i in graph.graph.input] == ["x0", "x1", "x2", "x3", "x4"]
    found = run(graph, X.set_axis(["x0", "x1", "x2", "x3", "x4"], axis=1))
    p = model.predict_proba(X.to_numpy(object))
    np.testing.assert_allclose(found["probabilities"], p, **PARITY)


# The file -----------------------------------------------------------------------------


def test_file_and_metadata(tmp_path, small, mixed):
    X, y = mixed
    model = DCNClassifier(**small).fit(X, np.array(["no", "yes"])[y])
    path = tmp_path / "model.onnx"
    graph = export(model, path, missing_text="?", inputs="matrix")
    session = onnxruntime.InferenceSession(path)
    properties = session.get_modelmeta().custom_metadata_map
    assert json.loads(properties["columns"]) == {
        "categories": ["city", "device"],
        "numbers": ["is_new", "price", "visits"],
    }
    assert json.loads(properties["classes"]) == ["no", "yes"]
    assert json.loads(properties["missing_text"]) == "?"
    assert onnx.load(path) == graph


def test_large_weights_go_to_a_second_file(tmp_path, monkeypatch, tiny, mixed):
    monkeypatch.setattr(_export, "MOST_BYTES", 1000)
    X, y = mixed
    model = DCNClassifier(**tiny).fit(X, y)
    graph = export(model, tmp_path / "model.onnx")
    assert {path.name for path in tmp_path.iterdir()} == {
        "model.onnx",
        "model.onnx.data",
    }
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    found = session.run(["probabilities"], to_arrays(session, X))[0]
    np.testing.assert_array_equal(found, run(graph, X)["probabilities"])


def test_export_leaves_the_estimator_alone(small, mixed):
    X, y = mixed
    model = DCNClassifier(**small).fit(X, y)
    before = model.predict_proba(X)
    assert export(model) == export(model)
    np.testing.assert_array_equal(model.predict_proba(X), before)


# What cannot be exported --------------------------------------------------------------


def test_models_that_are_none(small, mixed):
    X, y = mixed
    with pytest.raises(TypeError, match=r"got StandardScaler.*best_estimator_"):
        export(StandardScaler())
    with pytest.raises(NotFittedError):
        export(DCNClassifier())
    model = DCNClassifier(**small).fit(X, y)
    with pytest.raises(ValueError, match="inputs must be one of 'columns', 'matrix'"):
        export(model, inputs="rows")
    with pytest.raises(TypeError, match="missing_text must be a string; got None"):
        export(model, missing_text=None)


def test_other_steps(small, mixed):
    X, y = mixed
    X = X[["price", "visits"]].fillna(0.0)
    small |= {"memorized_crosses": None}
    model = make_pipeline(StandardScaler(), DCNClassifier(**small)).fit(X, y)
    with pytest.raises(ValueError, match=r"Step 'standardscaler'.*StandardScaler"):
        export(model)
    choose = ColumnTransformer([("scale", StandardScaler(), ["price"])])
    model = make_pipeline(choose, DCNClassifier(**small)).fit(X, y)
    with pytest.raises(ValueError, match=r"Step 'columntransformer'.*with 'scale'"):
        export(model)
    steps = make_dcn_preprocessor(numeric_transform="robust")
    model = make_pipeline(steps, DCNClassifier(**small)).fit(X, y)
    with pytest.raises(ValueError, match=r"numeric_transform='robust'.*numeric_levels"):
        export(model)


def test_hashing_in_a_step(small, mixed):
    X, y = mixed
    steps = make_dcn_preprocessor(hashing={"city": 8})
    model = make_pipeline(steps, DCNClassifier(**small)).fit(X, y)
    with pytest.raises(ValueError, match="cannot be exported with hashing"):
        export(model)


def test_category_encoder(small, mixed):
    X, y = mixed
    model = DCNClassifier(category_encoder=CountEncoder(), **small).fit(X, y)
    with pytest.raises(ValueError, match=r"category_encoder=CountEncoder.*Python code"):
        export(model)


def test_names_that_clash(tiny, mixed):
    X, y = mixed
    model = DCNClassifier(**tiny).fit(X.rename(columns={"city": "label"}), y)
    with pytest.raises(ValueError, match="'label' has the name of an output"):
        export(model)
    check(model, X.rename(columns={"city": "label"}), inputs="matrix")
    X = X.assign(numbers=make_lists()[0]["tags"])
    model = DCNClassifier(multivalued_features=["numbers"], **tiny).fit(X, y)
    with pytest.raises(ValueError, match="'numbers' has the name of an input"):
        export(model, inputs="matrix")


def test_without_the_package_onnx(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("sklearn_dcn.onnx")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"pip install 'sklearn-dcn\[onnx\]'"):
        importlib.import_module("sklearn_dcn.onnx")
