"""The export: a fitted estimator or pipeline -> a model of ONNX."""

from __future__ import annotations

import json
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from .._checks import check_option
from .._estimator import BaseDCN, left_out
from .._table import UNKNOWN_LEVEL
from .._version import __version__
from ._columns import Layout, add_inputs, column_kinds, is_unicode, sort_columns
from ._encoding import Stacker, add_block, add_fields, add_stack
from ._graph import Graph
from ._network import add_logits, add_mean, to_array
from ._steps import Raw, unwrap
from ._target import add_target, classes_of, outputs_of

__all__ = ["export"]

MOST_BYTES = 1_900_000_000  # of one file: protobuf's limit is 2 GiB


def export(
    model: Any,
    path: str | PathLike[str] | None = None,
    *,
    inputs: Layout = "columns",
    missing_text: str = "",
) -> onnx.ModelProto:
    """Write a fitted estimator as one ONNX graph, from raw columns to probabilities.

    The graph holds the encoding too, with levels that are missing or were never seen,
    so that any ONNX Runtime can serve it, without Python. It computes in the precision
    of the estimators: numbers are normalised in float64, the network is in float32.

    Parameters
    ----------
    model : DCNClassifier, DCNRegressor, DCNRanker, DCNMultiTask or Pipeline
        A fitted one. In a pipeline, `make_dcn_preprocessor`, or a `ColumnTransformer`
        that only chooses columns, may come before the estimator.
    path : str, path or None, default=None
        Where to write the model, usually "....onnx". None writes nothing. Weights of
        more than 1.9 GB go to a second file beside it, of the same name with ".data".
    inputs : {"columns", "matrix"}, default="columns"
        "columns": an input of shape (n, 1) for each column, with its name. "matrix":
        all categories as one input "categories", all numbers as one input "numbers",
        which is faster for a single row. Columns of lists and of vectors always
        have inputs of their own.
    missing_text : str, default=""
        What stands for a missing cell in inputs of strings.

    Returns
    -------
    graph : onnx.ModelProto
        A classifier has the outputs "label" of shape (n,) and "probabilities", float32
        of shape (n, n_classes); both are of shape (n, n_labels) if a row has several
        labels. A regressor or ranker has "variable", float64 of shape (n, n_outputs),
        with "quantiles" (n, n_quantiles) or "std" (n, n_outputs) where its loss has
        them. Outputs of a task begin with its name, e.g. "click: label".
        `metadata_props` say which columns each input holds, the classes or labels,
        `missing_text` and the version, as JSON.

    Raises
    ------
    TypeError
        If `model` is not such an estimator or pipeline.
    NotFittedError
        If it is not fitted.
    ValueError
        If a part of it cannot be expressed: `category_encoder`, other steps of a
        pipeline, `text_features`, columns that mix strings and numbers, levels that are
        bytes; or if `missing_text` is a level of a column.

    Notes
    -----
    Columns of strings, and hashed columns, are inputs of strings. Columns of numbers,
    and of levels that are numbers or booleans, are inputs of float64 with NaN for a
    missing cell. A column of lists is an input of strings of shape (n, most), where ""
    fills up shorter lists; with a separator it is one of shape (n, 1). A column of
    vectors is an input of float64 of shape (n, width), with NaN for a missing one. Each
    part of a column of dates is an input, e.g. "day: month": a string such as "May", or
    a number. `make_inputs` derives them from the dates. A sparse matrix becomes one
    dense input "X". An infinite number, which the estimators refuse, gives
    probabilities of NaN.

    Examples
    --------
    >>> import onnxruntime
    >>> from sklearn_dcn import DCNClassifier
    >>> from sklearn_dcn.datasets import load_online_shoppers
    >>> from sklearn_dcn.onnx import export
    >>> X, y = load_online_shoppers(return_X_y=True)
    >>> columns = ["Month", "PageValues"]
    >>> model = DCNClassifier(max_epochs=1, validation="last").fit(X[columns], y)
    >>> graph = export(model)
    >>> session = onnxruntime.InferenceSession(graph.SerializeToString())
    >>> row = {"Month": [["Nov"]], "PageValues": [[0.0]]}
    >>> label, p = session.run(None, row)
    >>> p.shape
    (1, 2)
    """
    check_option("inputs", inputs, ("columns", "matrix"))
    if not isinstance(missing_text, str):
        raise TypeError(f"missing_text must be a string; got {missing_text!r}.")
    estimator, raw = unwrap(model)
    encoder = estimator.encoder_
    if encoder.statistics is not None:
        raise ValueError(
            f"category_encoder={encoder.category_encoder!r} cannot be exported: it is "
            "Python code. Fit with category_encoder=None; memorized_crosses are "
            "statistics of the target that can."
        )
    if encoder.block is not None:
        graph, held, logits = _of_matrix(estimator, raw)
    else:
        graph, held, logits = _of_columns(estimator, raw, inputs, missing_text)
    add_target(graph, estimator._target, logits, _add_offset(graph, estimator, raw))
    proto = graph.to_model(
        producer_name="sklearn-dcn",
        producer_version=__version__,
        doc_string=f"A fitted {type(estimator).__name__}, from raw columns.",
    )
    properties = {
        "columns": held,
        "missing_text": missing_text,
        "table": _describe(estimator, raw),
    }
    properties |= classes_of(estimator._target)
    texts = {key: json.dumps(value) for key, value in properties.items()}
    onnx.helper.set_model_props(proto, texts | {"sklearn_dcn": __version__})
    if path is not None:
        _save(proto, path)
    return proto


def _describe(estimator: BaseDCN, raw: Raw) -> dict[str, Any]:
    """Return what `make_inputs` has to know of the table."""
    kinds = column_kinds(estimator.encoder_, raw.separators)
    kind_of: dict[str, Any] = dict(zip(raw.names, kinds, strict=True))
    beside = [raw.columns[j] for j in estimator.encoder_.beside]
    kind_of |= dict.fromkeys(beside, ("number", False, None))
    dates: dict[str, Any] = {}
    for j, date in estimator.encoder_.dates.items():
        name = raw.columns[j]
        are_texts = [kind_of[part][0] != "number" for part in date.names_of(name)]
        dates[name] = date.kind, date.zone, date.parts, are_texts
    kind_of |= dict.fromkeys(dates, ("date", False, None))
    return {
        "named": raw.is_named,
        "names": raw.table,
        "kinds": [kind_of.get(name) for name in raw.table],
        "dates": dates,
        "vectors": {
            raw.names[j]: scaler.width
            for j, scaler in estimator.encoder_.vectors.items()
        },
        "unknown_text": UNKNOWN_LEVEL,
    }


def _save(proto: onnx.ModelProto, path: str | PathLike[str]) -> None:
    size = sum(len(tensor.raw_data) for tensor in proto.graph.initializer)
    apart = size > MOST_BYTES
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)  # saving apart takes the weights out of the model
    onnx.save_model(
        copy if apart else proto,
        path,
        save_as_external_data=apart,
        location=f"{Path(path).name}.data" if apart else None,
    )


# The parts ----------------------------------------------------------------------------


def _of_columns(
    estimator: BaseDCN, raw: Raw, layout: Layout, missing_text: str
) -> tuple[Graph, dict[str, list[str]], str]:
    """Return the graph up to the logits, and the columns that each input holds."""
    columns = sort_columns(estimator.encoder_)
    held = columns.by_input(raw.names, layout)
    held |= {raw.columns[j]: [raw.columns[j]] for j in estimator.encoder_.beside}
    graph = Graph(_check_names(held, outputs_of(estimator._target)))
    inputs = add_inputs(graph, columns, raw.names, layout, raw.separators)
    stacker = Stacker(
        graph,
        estimator.encoder_,
        inputs,
        columns,
        missing_text,
        raw.scalers,
        estimator._numpy_dtype,
    )
    fields = add_fields(graph, stacker, raw.separators)
    each = [
        add_logits(graph, member, add_stack(graph, member.embedding, fields))
        for member in estimator.module_.members
    ]
    logits = add_mean(graph, each)
    infinite = stacker.infinite()
    return (
        graph,
        held,
        logits if infinite is None else graph.node("Add", logits, infinite),
    )


def _of_matrix(estimator: BaseDCN, raw: Raw) -> tuple[Graph, dict[str, list[str]], str]:
    """Return the graph up to the logits of an estimator of a sparse matrix."""
    encoder = estimator.encoder_
    assert encoder.block is not None
    graph = Graph(["X", *outputs_of(estimator._target)])
    x = graph.input("X", "double", len(encoder.names))
    each = []
    for member in estimator.module_.members:
        table = to_array(member.embedding.column_weight(0))
        x_0 = add_block(graph, encoder.block, table, x)
        each.append(add_logits(graph, member, x_0))
    logits = add_mean(graph, each)
    # 0 for finite rows, else NaN.
    zeros = graph.node("Mul", x, graph.constant(0.0))
    nothing = graph.node("ReduceSum", zeros, graph.constant([1], np.int64))
    logits = graph.node("Add", logits, graph.cast(nothing, "float"))
    return graph, {"X": raw.names}, logits


def _add_offset(graph: Graph, estimator: BaseDCN, raw: Raw) -> str | None:
    """Return the sum of the columns that are no features, as inputs of their own."""
    total: str | None = None
    for name, j in zip(left_out(estimator), estimator.encoder_.beside, strict=True):
        x = graph.input(raw.columns[j], "double", 1)
        x = graph.node("Log", x) if name == "exposure" else x
        total = x if total is None else graph.node("Add", total, x)
    return total


def _check_names(held: dict[str, list[str]], outputs: Sequence[str]) -> list[str]:
    """Return the names of inputs and outputs."""
    for name in held:
        if not name or not is_unicode(name):
            raise ValueError(
                f"Column {name!r} has a name that no input of a graph can have: it is "
                "empty, or no valid Unicode. Rename it before fit, or, if it is no "
                "list, export with inputs='matrix'."
            )
    if clash := set(held) & set(outputs):
        raise ValueError(
            f"Column {clash.pop()!r} has the name of an output of the graph. Rename "
            "it before fit, or export with inputs='matrix'."
        )
    return [*held, *outputs]
