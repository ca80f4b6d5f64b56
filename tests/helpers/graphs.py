"""Graphs of ONNX: how they are run, and compared with their estimators."""

import json

import numpy as np
import onnx
import onnxruntime
import pandas as pd

from sklearn_dcn.onnx import export

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


def make_lists(separator=None, n=300):
    rng = np.random.default_rng(0)
    names = ["drama", "film noir", "war", "été"]
    lists = [[*rng.choice(names, rng.integers(0, 4), replace=False)] for _ in range(n)]
    cells = lists if separator is None else [separator.join(cell) for cell in lists]
    X = pd.DataFrame({"tags": pd.Series(cells, dtype=object), "x": rng.normal(size=n)})
    return X, np.array([int("war" in cell) for cell in lists])
