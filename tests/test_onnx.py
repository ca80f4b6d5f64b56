"""One graph from raw columns to probabilities says what the estimator says."""

import importlib
import json
import sys

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
from category_encoders import CountEncoder
from helpers.tables import make_mixed
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import random as random_sparse
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_dcn import DCNClassifier, DCNRegressor, datasets
from sklearn_dcn._table.numbers.scaler import NUMERIC_TRANSFORMS, NumberScaler
from sklearn_dcn.network.cross import CROSS_KINDS
from sklearn_dcn.network.dcn import STRUCTURES
from sklearn_dcn.network.deep import ACTIVATIONS
from sklearn_dcn.network.numeric import NUMERIC_EMBEDDINGS
from sklearn_dcn.onnx import _export, export
from sklearn_dcn.onnx._graph import Graph
from sklearn_dcn.onnx._numbers import Numbers, scale
from sklearn_dcn.preprocessing import make_dcn_preprocessor

onnxruntime.set_default_logger_severity(3)
PARITY = {"rtol": 0, "atol": 1e-5}


def is_missing(cell):
    return cell is None or cell is pd.NA or (isinstance(cell, float) and cell != cell)


def to_arrays(session, X, missing_text=""):
    """Return a frame's cells as the arrays that a session takes."""
    held = json.loads(session.get_modelmeta().custom_metadata_map["columns"])
    arrays = {}
    for each in session.get_inputs():
        columns = [X[name].tolist() for name in held[each.name]]
        if each.type == "tensor(double)":
            cells = [
                [np.nan if is_missing(c) else float(c) for c in col] for col in columns
            ]
            arrays[each.name] = np.array(cells, dtype=np.float64).T
        elif each.shape[1] == len(columns):
            texts = [
                [missing_text if is_missing(c) else str(c) for c in col]
                for col in columns
            ]
            arrays[each.name] = np.array(texts, dtype=object).T
        else:
            lists = [[None] if is_missing(cell) else [*cell] for cell in columns[0]]
            table = np.full((len(lists), max(map(len, lists), default=0)), "", object)
            for row, cell in zip(table, lists, strict=True):
                row[: len(cell)] = [missing_text if c is None else str(c) for c in cell]
            arrays[each.name] = table
    return arrays


def start(graph):
    """Return a session of a graph that is valid."""
    onnx.checker.check_model(graph, full_check=True)
    return onnxruntime.InferenceSession(graph.SerializeToString())


def run(graph, X, missing_text=""):
    """Return the outputs for a frame, {name: array}."""
    session = start(graph)
    names = [output.name for output in session.get_outputs()]
    outputs = session.run(names, to_arrays(session, X, missing_text))
    return dict(zip(names, outputs, strict=True))


def check(model, X, **options):
    """Compare a graph with its estimator on a frame, and on its last row alone."""
    graph = export(model, **options)
    found = run(graph, X, options.get("missing_text", ""))
    one = run(graph, X[-1:], options.get("missing_text", ""))
    if "variable" in found:
        y = model.predict(X).reshape(len(X), -1)
        np.testing.assert_allclose(found["variable"], y, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(one["variable"], y[-1:], rtol=1e-5, atol=1e-5)
        return
    p = model.predict_proba(X)
    np.testing.assert_allclose(found["probabilities"], p, **PARITY)
    np.testing.assert_allclose(one["probabilities"], p[-1:], **PARITY)
    clear = np.sort(p, axis=1)[:, -1] - np.sort(p, axis=1)[:, -2] > 1e-4
    assert clear.any()
    labels = found["label"]
    assert labels.tolist()[0] in model.classes_.tolist()
    np.testing.assert_array_equal(labels[clear], model.predict(X)[clear])


def spoil(X, seed=0):
    """Return a frame with gaps, unseen levels and far-off numbers in every column."""
    rng = np.random.default_rng(seed)
    spoiled = {}
    for name in X:
        cells = X[name].astype(object).to_numpy(copy=True)
        is_number = pd.api.types.is_numeric_dtype(X[name])
        odd = [None, 1e9, -7.25, -0.0] if is_number else [None, "⟨neu⟩", "Ünseen", " "]
        if pd.api.types.is_bool_dtype(X[name]):
            odd = [None]
        for cell in odd:
            cells[rng.integers(len(X), size=max(1, len(X) // 30))] = cell
        spoiled[name] = cells
    return pd.DataFrame(spoiled)


@pytest.fixture(scope="module", params=datasets.__all__)
def table(request):
    """Return a shipped table: 1,500 rows to fit to, 300 others, spoiled, to predict."""
    X, y = getattr(datasets, request.param)(return_X_y=True)
    rows = np.random.default_rng(0).permutation(len(X))[:1800]
    X, y = X.iloc[rows], np.asarray(y)[rows]
    return X[:1500], y[:1500], spoil(X[1500:])


@pytest.fixture
def small():
    """Return parameters of an estimator with all of the encoding, of one epoch."""
    return {
        "max_epochs": 1,
        "hidden_layer_sizes": (8,),
        "numeric_levels": 100,
        "memorized_crosses": 3,
        "learning_rate": 0.02,
        "random_state": 0,
    }


@pytest.mark.parametrize("n_classes", [2, 3])
def test_rows_of_rare_pairs(n_classes, small):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({name: rng.integers(0, 60, 400).astype(str) for name in "ab"})
    X["kind"] = rng.choice(["p", "q"], 400)
    pairs = [("kind", "a"), ("a", "b"), ("b", "b")]
    small |= {"memorized_crosses": pairs, "n_members": 2}
    model = DCNClassifier(**small).fit(X, np.arange(400) % n_classes)
    assert model.encoder_.crosses.counted == (0, 1, 2)
    new = pd.DataFrame({name: rng.integers(0, 80, 200).astype(str) for name in "ab"})
    check(model, new.assign(kind=rng.choice(["p", "q", "new"], 200)))
    X["a"] = X["kind"]  # of many rows a level, and not counted
    model.fit(X, np.arange(400) % n_classes)
    assert model.encoder_.crosses.counted == (1, 2)
    check(model, new.assign(kind="q", a="p"))


# Networks -----------------------------------------------------------------------------


@pytest.mark.parametrize("cross", CROSS_KINDS)
@pytest.mark.parametrize("n_members", [1, 3])
def test_shipped_tables(table, cross, n_members, small):
    X, y, new = table
    model = DCNClassifier(cross=cross, n_members=n_members, **small).fit(X, y)
    assert model.encoder_.crosses.pairs and model.encoder_.values
    check(model, new)


def test_default_constructor(table):
    X, y, new = table
    model = DCNClassifier(max_epochs=1, random_state=0).fit(X, y)
    check(model, new, inputs="matrix")


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("cross", CROSS_KINDS)
def test_structures(structure, cross, small, mixed):
    X, y = mixed
    model = DCNClassifier(structure=structure, cross=cross, **small).fit(X, y)
    check(model, spoil(X))


@pytest.mark.parametrize("n_cross_layers", [0, 1, 3])
@pytest.mark.parametrize("cross", ["vector", "matrix"])
def test_depths(cross, n_cross_layers, small, mixed):
    X, y = mixed
    small |= {"n_cross_layers": n_cross_layers, "cross": cross}
    check(DCNClassifier(**small).fit(X, y), X)
    small |= {"hidden_layer_sizes": ()}
    check(DCNClassifier(**small).fit(X, y), X)


@pytest.mark.parametrize("gate", ["softmax", "sigmoid", "constant"])
@pytest.mark.parametrize("activation", [None, "tanh", "gelu"])
def test_experts(gate, activation, small, mixed):
    X, y = mixed
    small |= {"expert_gate": gate, "expert_activation": activation, "n_experts": 3}
    check(DCNClassifier(cross="mixture", **small).fit(X, y), X)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations(activation, tiny, mixed):
    X, y = mixed
    check(DCNClassifier(activation=activation, **tiny).fit(X, y), X)


@pytest.mark.parametrize("normalization", ["batch", "layer"])
def test_normalizations(normalization, tiny, mixed):
    X, y = mixed
    model = DCNClassifier(normalization=normalization, dropout=0.3, **tiny)
    check(model.fit(X, y), X)


@pytest.mark.parametrize("kind", [None, *NUMERIC_EMBEDDINGS])
def test_embeddings_of_numbers(kind, small, mixed):
    X, y = mixed
    check(DCNClassifier(numeric_embedding=kind, **small).fit(X, y), spoil(X))


def test_widths_of_embeddings(small, mixed):
    X, y = mixed
    small |= {"embedding_dim": {"device": 8, "city": 4}, "category_dropout": 0.2}
    check(DCNClassifier(**small).fit(X, y), spoil(X))


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


# Numbers ------------------------------------------------------------------------------


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


@pytest.mark.parametrize("side", ["left", "right"])
def test_search_is_that_of_numpy(side):
    rng = np.random.default_rng(0)
    edges = [np.sort(rng.normal(size=size)) for size in (0, 1, 2, 7, 1000)]
    graph = Graph(["x", "at"])
    at = graph.search(graph.input("x", "double", len(edges)), edges, side)
    graph.output(at, "at", "int64", len(edges))
    x = np.concatenate([rng.normal(size=(50, 5)), np.full((1, 5), edges[1][0])])
    x[:7] = edges[3][:, None]
    found = start(graph.to_model()).run(None, {"x": x})[0]
    expected = [np.searchsorted(e, c, side) for e, c in zip(edges, x.T, strict=True)]
    np.testing.assert_array_equal(found, np.stack(expected, axis=1))


@pytest.mark.parametrize("structure", STRUCTURES)
def test_infinite_numbers_give_nan(structure, tiny, mixed):
    X, y = mixed
    model = DCNClassifier(structure=structure, **tiny).fit(X, y)
    new = X[:3].assign(price=[np.inf, 1.0, -np.inf])
    p = run(export(model), new)["probabilities"]
    assert np.isnan(p[[0, 2]]).all()
    np.testing.assert_allclose(p[1:2], model.predict_proba(new[1:2]), **PARITY)


# Categories ---------------------------------------------------------------------------


def test_levels_of_every_type(small):
    """Also texts that are easily mangled, rare levels, and 1, 1.0 and True as one."""
    rng = np.random.default_rng(0)
    n = 400
    texts = ["", " ", "a", "A", "a ", "1", "1:a", "日本", "é", "e\u0301", "a\nb"]
    X = pd.DataFrame(
        {
            "text": rng.choice(texts, n),
            "whole": rng.choice([-5, 0, 1, 2**53 - 1], n),
            "fraction": rng.choice([0.1, 0.5, 7.0, np.nan], n),
            "flag": rng.random(n) < 0.5,
            "maybe": pd.Series(rng.choice([True, False, None], n), dtype=object),
            "empty": pd.Series([None] * n, dtype=object),
            "one": ["same"] * n,
            "rare": rng.choice(["x", "y", *map(str, range(200))], n),
        }
    )
    small |= {"categorical_features": [*X], "min_frequency": 3, "memorized_crosses": 5}
    y = (X["flag"] ^ (X["text"] == "a")).astype(int)
    model = DCNClassifier(**small).fit(X, y)
    new = X.assign(
        text=[None, "x"] * (n // 2),
        whole=np.where(rng.random(n) < 0.5, X["whole"], 2),
        fraction=np.where(rng.random(n) < 0.5, X["fraction"], 0.1 + 1e-12),
    )
    for layout in ("columns", "matrix"):
        check(model, X, missing_text="?", inputs=layout)
        check(model, new, missing_text="?", inputs=layout)


def test_columns_without_a_known_level(tiny, mixed):
    X, y = mixed
    X = X.assign(number=np.arange(300), text=[f"id {i}" for i in range(300)])
    model = DCNClassifier(
        categorical_features=["number", "text"], min_frequency=2, **tiny
    ).fit(X.drop(columns=["city", "device"]), y)
    assert [levels.n_ids for levels in model.encoder_.categories.values()] == [2, 2]
    new = X.drop(columns=["city", "device"]).astype({"number": object})
    new.loc[:9, ["number", "text"]] = None
    check(model, new)


@pytest.mark.parametrize("missing_text", ["", "NULL"])
def test_hashed_columns(missing_text, small, mixed):
    X, y = mixed
    X = X.assign(user=np.arange(len(X)) % 70, path=[f"/é/{i % 90}" for i in range(300)])
    X.loc[:5, "path"] = None
    small |= {"hashing": {"user": 16, "path": 32}}
    small |= {"categorical_features": ["user", "path", "city", "device", "is_new"]}
    model = DCNClassifier(**small).fit(X, y)
    check(model, X.assign(user=X["user"] + 40, path="new"), missing_text=missing_text)
    check(model, X, missing_text=missing_text)


# Lists --------------------------------------------------------------------------------


def make_lists(separator=None, n=300):
    rng = np.random.default_rng(0)
    names = ["drama", "film noir", "war", "été"]
    lists = [[*rng.choice(names, rng.integers(0, 4), replace=False)] for _ in range(n)]
    cells = lists if separator is None else [separator.join(cell) for cell in lists]
    X = pd.DataFrame({"tags": pd.Series(cells, dtype=object), "x": rng.normal(size=n)})
    return X, np.array([int("war" in cell) for cell in lists])


@pytest.mark.parametrize("pooling", ["mean", "sum"])
@pytest.mark.parametrize("hashing", [None, {"tags": 8}])
def test_lists(pooling, hashing, small):
    small["n_members"] = 2
    X, y = make_lists()
    X.loc[:9, "tags"] = None
    small |= {"memorized_crosses": None, "hashing": hashing, "pooling": pooling}
    model = DCNClassifier(multivalued_features=["tags"], **small).fit(X, y)
    X.at[11, "tags"] = ["unseen", "war"]
    X.at[12, "tags"] = []
    check(model, X, missing_text="?")
    is_list = X["tags"].map(lambda cell: cell is None or len(cell) > 0)
    check(model, X[is_list])
    # Where "" is what is missing, an empty list is so, too.
    p = run(export(model), X[12:13])["probabilities"]
    missing = X[12:13].assign(tags=pd.Series([None], dtype=object, index=[12]))
    np.testing.assert_allclose(p, model.predict_proba(missing), **PARITY)


@pytest.mark.parametrize("hashing", [None, {"tags": 8}])
@pytest.mark.parametrize("separator", ["|", ", ", "::"])
def test_separated_lists(separator, hashing, small):
    X, y = make_lists(separator)
    small |= {"memorized_crosses": None, "hashing": hashing}
    small |= {"multivalued_features": {"tags": separator}}
    model = DCNClassifier(**small).fit(X, y)
    X.loc[:3, "tags"] = [None, separator.join(["", "war", ""]), "unseen", ""]
    if hashing is None:
        X.loc[4, "tags"] = f"war {separator} drama"
    check(model, X, missing_text="?")


def test_lists_of_numbers(small):
    X, y = make_lists()
    X["tags"] = X["tags"].map(lambda cell: [len(tag) for tag in cell])
    small |= {"memorized_crosses": None, "multivalued_features": ["tags"]}
    check(DCNClassifier(**small).fit(X, y), X, missing_text="?")


# Sparse matrices, pipelines -----------------------------------------------------------


@pytest.mark.parametrize("n_members", [1, 2])
@pytest.mark.parametrize("transform", ["quantile", "standard", None])
def test_sparse_matrix(transform, n_members, tiny):
    X = random_sparse(300, 20, density=0.2, format="lil", random_state=0) * 10
    X = X.tolil()
    X[:, 7] = 0
    X = X.tocsr()
    y = (X[:, 0].toarray()[:, 0] > 0).astype(int)
    options = {"numeric_transform": transform, "n_members": n_members, **tiny}
    model = DCNClassifier(min_frequency=55, **options)
    model.fit(X, y)
    X = X.tolil()
    X[0, 7] = 3.0
    session = start(export(model))
    found = session.run(["probabilities"], {"X": X.toarray()})[0]
    np.testing.assert_allclose(found, model.predict_proba(X.tocsr()), **PARITY)
    bad = np.where(np.arange(20) == 7, [[np.nan], [np.inf]], 0.0)
    assert np.isnan(session.run(["probabilities"], {"X": bad})[0]).all()


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


@pytest.mark.parametrize(
    ("cells", "match"),
    [
        (["a", 1], "'c' has levels of the types number and string"),
        ([b"a", b"b"], "'c' has levels of the types bytes"),
        ([2**53 + 1, 1], "'c' has the level 9007199254740993"),
        (["\ud800", "a"], r"'c' has the level '\\ud800', which is no valid Unicode"),
        (["", "a"], "missing_text must not be a level; '' is one of Column 'c'"),
    ],
)
def test_levels_that_are_no_input(cells, match, tiny, mixed):
    _, y = mixed
    X = pd.DataFrame({"c": pd.Series(cells * 150, dtype=object)})
    model = DCNClassifier(categorical_features=["c"], **tiny).fit(X, y)
    with pytest.raises(ValueError, match=match):
        export(model)


def test_padding_that_is_a_level(tiny):
    X, y = make_lists()
    X["tags"] = X["tags"].map(lambda cell: [*cell, ""])
    model = DCNClassifier(multivalued_features=["tags"], **tiny).fit(X, y)
    with pytest.raises(ValueError, match="'tags' has the level '', which fills up"):
        export(model, missing_text="?")


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
