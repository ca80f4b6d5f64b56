"""A table -> the inputs of an exported graph, by what the graph says of its columns.

This file needs NumPy alone, but for dates and vectors. A machine that serves a graph,
and has neither torch nor this package, can have a copy of it.
"""

from __future__ import annotations

import functools
import json
import numbers
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["make_inputs"]

MISSING_TYPES = ("NoneType", "NAType", "NaTType")  # the latter of pandas
EXACT = 2**53  # up to which each integer is a float64

Cells = NDArray[Any] | list[Any]


class _Kind(NamedTuple):
    """What a column holds, as the graph says."""

    # "number", "level" (of numbers or booleans), "entry" (of a sparse matrix), "text",
    of: str  # "hashed" (levels of any type), "vector", "date" (as of `DateColumn`)
    is_list: bool = False
    separator: str | None = None  # of a list that is one string
    also_missing: Sequence[str] = ()  # texts that the graph reads as a missing cell


class _Layout(NamedTuple):
    """What a graph says of its inputs."""

    inputs: dict[str, list[str]]  # the columns that each holds
    kinds: dict[str, _Kind | None]  # of the table, in order; None are in no input
    is_named: bool  # or else called x0, x1 and so on
    missing: str  # the text of a missing cell
    unknown: str  # one that no column knows
    apart: dict[str, Any]  # how those of dates and of vectors are read


def make_inputs(session: Any, X: Any) -> dict[str, NDArray[Any]]:
    """Return a table as the inputs of a graph that `export` wrote.

    Missing cells (None, NaN, pandas.NA or null) become what the graph takes for them:
    NaN among numbers, its `missing_text` among strings.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
        A session of the graph, or anything with its `get_modelmeta`.
    X : DataFrame, array, sparse matrix, dict or list of dicts
        The rows: a frame of pandas, polars, arrow or the like, or dicts by column, with
        the columns of `fit` in any order. Where `fit` had no names, a 2-D array, or a
        sparse matrix.

    Returns
    -------
    inputs : dict of {str: ndarray}
        For ``session.run(None, inputs)``.

    Raises
    ------
    ValueError
        If the graph is not from `export` or is too old, columns are missing or unknown,
        a number is infinite, or a cell is what the graph takes for a missing one.
    TypeError
        If a column holds cells of another type than in `fit`.

    Examples
    --------
    >>> import onnxruntime
    >>> from sklearn_dcn import DCNClassifier
    >>> from sklearn_dcn.datasets import load_online_shoppers
    >>> from sklearn_dcn.onnx import export, make_inputs
    >>> X, y = load_online_shoppers(return_X_y=True)
    >>> X = X[["Month", "PageValues"]]
    >>> graph = export(DCNClassifier(max_epochs=1, validation="last").fit(X, y))
    >>> session = onnxruntime.InferenceSession(graph.SerializeToString())
    >>> rows = [{"Month": "Nov", "PageValues": None}, {"Month": None, "PageValues": 1}]
    >>> session.run(None, make_inputs(session, rows))[1].shape
    (2, 2)
    """
    layout = _read_layout(session)
    table = _read_table(X, layout)
    if layout.apart:
        from ._apart import read_apart  # which needs the package

        table = {**table, **read_apart(X, table, layout.apart, layout.missing)}
    return {
        name: _to_input(held, table, layout) for name, held in layout.inputs.items()
    }


# What the graph says ------------------------------------------------------------------


def _read_layout(session: Any) -> _Layout:
    if not hasattr(session, "get_modelmeta"):
        raise TypeError(
            "session must be an onnxruntime.InferenceSession of a graph that "
            f"sklearn_dcn.onnx.export wrote; got {type(session).__name__}."
        )
    properties = session.get_modelmeta().custom_metadata_map
    if "sklearn_dcn" not in properties:
        raise ValueError(
            "The session's graph is not from sklearn_dcn.onnx.export, and does not say "
            "what its inputs are."
        )
    if "table" not in properties:
        raise ValueError(
            f"sklearn_dcn {properties['sklearn_dcn']} exported the session's graph, "
            "without what make_inputs needs. Export the estimator again."
        )
    return _parse(*(properties[key] for key in ("columns", "table", "missing_text")))


@functools.lru_cache(maxsize=16)
def _parse(inputs: str, table: str, missing: str) -> _Layout:
    about = json.loads(table)
    kinds = [None if kind is None else _Kind(*kind) for kind in about["kinds"]]
    return _Layout(
        json.loads(inputs),
        dict(zip(about["names"], kinds, strict=True)),
        about["named"],
        json.loads(missing),
        about["unknown_text"],
        {what: about[what] for what in ("dates", "vectors") if about.get(what)},
    )


# Any table -> columns -----------------------------------------------------------------


def _read_table(X: Any, layout: _Layout) -> Mapping[str, Cells]:
    """Return the columns of a table by name."""
    if isinstance(X, dict):
        X = [X]
    if isinstance(X, (list, tuple)) and X and isinstance(X[0], dict):
        return _read_records(X, layout)
    if hasattr(X, "collect") and not hasattr(X, "shape"):
        raise TypeError(
            f"X must be in memory; got {type(X).__name__}. Compute it first, e.g. with "
            "X.collect()."
        )
    # Those of arrow have their names elsewhere.
    names = getattr(X, "column_names", getattr(X, "columns", None))
    if names is None:
        return _read_array(X, layout)
    names = [*names]
    if not layout.is_named and not all(isinstance(name, str) for name in names):
        return _read_array(X, layout)
    _check_names(names, layout, "X")
    return {name: _to_array(X[name]) for name in names if layout.kinds[name]}


def _read_records(rows: Sequence[Any], layout: _Layout) -> Mapping[str, Cells]:
    for i, row in enumerate(rows):
        if not isinstance(row, dict):
            raise TypeError(
                "The rows of X must all be dicts, as the first; row "
                f"{i} is of type {type(row).__name__}."
            )
        if row.keys() != layout.kinds.keys():
            _check_names([*row], layout, f"row {i}")
    names = [name for name, kind in layout.kinds.items() if kind]
    return {name: [row[name] for row in rows] for name in names}


def _check_names(names: list[Any], layout: _Layout, what: str) -> None:
    needed = {name for name, kind in layout.kinds.items() if kind}
    lacking = [name for name in layout.kinds if name in needed - {*names}]
    unknown = [name for name in names if name not in layout.kinds]
    if lacking or unknown:
        hint = (
            "A missing cell is None."
            if layout.is_named
            else "The table of fit had no names; give X.to_numpy(), whose columns are "
            "taken in their order."
        )
        raise ValueError(
            f"{what} must have the columns of fit; it lacks {lacking} and has the "
            f"unknown {unknown}. {hint}"
        )
    if len({*names}) < len(names):
        raise ValueError(f"Column names must be unique; got {names}.")


def _read_array(X: Any, layout: _Layout) -> Mapping[str, Cells]:
    if layout.is_named:
        raise ValueError(
            "X must have names of columns, as the table of fit had: "
            f"{[*layout.kinds]}; got {type(X).__name__} without. Give a DataFrame, or "
            "rows that are dicts."
        )
    if hasattr(X, "toarray"):
        X = X.toarray()
    # Among strings, numpy would make strings of numbers.
    array = np.array(X, dtype=object) if isinstance(X, (list, tuple)) else np.asarray(X)
    if array.ndim != 2 or array.shape[1] != len(layout.kinds):
        raise ValueError(
            f"X must be a table of {len(layout.kinds)} columns, as that of fit; got "
            f"{type(X).__name__} of shape {array.shape}."
        )
    return dict(zip(layout.kinds, array.T, strict=True))


def _to_array(column: Any) -> Cells:
    if str(getattr(column, "type", "")).startswith("dictionary"):
        return column.to_pylist()  # in the array of arrow no cell is null
    return np.asarray(column)


# Columns -> inputs --------------------------------------------------------------------


def _to_input(
    names: Sequence[str], table: Mapping[str, Cells], layout: _Layout
) -> NDArray[Any]:
    parts = []
    for name in names:
        kind, cells = layout.kinds.get(name), table[name]
        if kind is None or kind.of in ("date", "vector"):  # which are ready
            parts.append(np.asarray(cells))
        elif kind.is_list and kind.separator is None:
            return _lists(name, kind, cells, layout)
        elif kind.is_list:
            parts.append(_separated(name, kind, cells, layout))
        elif kind.of in ("text", "hashed"):
            convert = _converter(name, kind, layout)
            texts = [convert(cell, i) for i, cell in enumerate(_list(cells))]
            parts.append(np.array(texts, dtype=object))
        else:
            parts.append(_numbers(name, kind, cells))
    return parts[0] if parts[0].ndim == 2 else np.stack(parts, axis=1)


def _list(cells: Cells) -> list[Any]:
    return cells if isinstance(cells, list) else cells.tolist()


def _is_missing(cell: Any) -> bool:
    return type(cell).__name__ in MISSING_TYPES or (
        isinstance(cell, (float, np.floating, Decimal)) and bool(cell != cell)
    )


def _is_number(cell: Any) -> bool:
    return isinstance(cell, (numbers.Real, Decimal, np.bool_))


def _numbers(name: str, kind: _Kind, cells: Cells) -> NDArray[np.float64]:
    must = "finite number" if kind.of != "level" else "number or boolean"
    if _is_exact(cells, kind.of == "level"):
        values = np.asarray(cells, dtype=np.float64)
    else:
        values = np.empty(len(cells))
        for i, cell in enumerate(_list(cells)):
            if type(cell) is float:
                values[i] = cell
            elif _is_missing(cell):
                values[i] = np.nan
            elif not _is_number(cell):
                raise _wrong(name, f"a {must}", cell, i, "Convert the column")
            else:
                values[i] = _to_float(cell, kind.of == "level")
    if kind.of != "level" and np.isinf(values).any():
        i = int(np.isinf(values).argmax())
        raise ValueError(
            f"Column {name!r} must be a finite number or missing; got "
            f"{cells[i]!r} in row {i}. Replace it."
        )
    if kind.of == "entry" and np.isnan(values).any():
        raise ValueError(
            f"Column {name!r} must be a finite number, as of a sparse matrix; it is "
            f"missing in row {int(np.isnan(values).argmax())}. Replace it."
        )
    return values


def _is_exact(cells: Cells, is_level: bool) -> bool:
    """Tell whether a column is an array whose numbers are as they are as floats."""
    if isinstance(cells, list) or cells.dtype.kind not in "biuf":
        return False
    whole = is_level and cells.dtype.kind in "iu"
    return not whole or bool((np.abs(cells.astype(float)) < EXACT).all())


def _to_float(cell: Any, is_level: bool) -> float:
    try:
        value = float(cell)
    except OverflowError:
        return np.inf
    # A level that is no float64 is no known one; rounded, it could become one.
    return np.inf if is_level and value != cell else value


def _converter(name: str, kind: _Kind, layout: _Layout) -> Callable[[Any, int], str]:
    """Return what makes the text of a cell, or of a list's entry, in a row."""
    taken = {layout.missing, *kind.also_missing, *[""] * kind.is_list}  # it fills up

    def convert(cell: Any, i: int) -> str:
        if type(cell) is not str or kind.of == "level":
            if _is_missing(cell):
                return layout.missing
            cell = _spell(name, kind, cell, i)
        if cell not in taken and (cell.isascii() or _is_unicode(cell)):
            return cell
        if kind.of != "hashed":  # no known level then
            return layout.unknown
        raise ValueError(
            f"Column {name!r} holds {cell!r} in row {i}, which the graph takes for a "
            "missing cell, or cannot take. Export with another missing_text, or "
            "replace the cell."
        )

    return convert


def _spell(name: str, kind: _Kind, cell: Any, i: int) -> str:
    """Return the text of a level that is no plain string."""
    if isinstance(cell, str) and kind.of in ("text", "hashed"):
        return str.__str__(cell)  # of a subclass, as of an enumeration
    if kind.of == "hashed" and isinstance(cell, bytes):
        return cell.decode("utf-8", "surrogateescape")
    if not (_is_number(cell) and kind.of in ("level", "hashed")):
        must = {"text": "a string", "level": "a number"}.get(kind.of, "a level")
        raise _wrong(name, must, cell, i, "Convert the column to its type in fit")
    # Equal numbers, as 1, 1.0 and True, have one text.
    value = float(cell)
    if isinstance(cell, numbers.Integral | np.bool_) or value.is_integer():
        return str(int(cell))
    return str(np.float32(value)) if kind.of == "hashed" else str(value)


def _is_unicode(text: str) -> bool:
    return text == text.encode("utf-8", "replace").decode()


def _lists(name: str, kind: _Kind, cells: Cells, layout: _Layout) -> NDArray[Any]:
    """Return a column of lists, each filled up with "" to the longest."""
    convert = _converter(name, kind, layout)
    lists = []
    for i, cell in enumerate(_list(cells)):
        if _is_missing(cell):
            lists.append([layout.missing])
            continue
        if hasattr(cell, "tolist"):
            cell = cell.tolist()
        if not isinstance(cell, (list, tuple, set, frozenset)):
            raise _wrong(name, "a list", cell, i, "Lists cannot weigh their levels")
        lists.append([convert(entry, i) for entry in cell])
        _check_entries(name, lists[-1], i, layout)
    table = np.full((len(lists), max([1, *map(len, lists)])), "", dtype=object)
    for row, texts in zip(table, lists, strict=True):
        row[: len(texts)] = texts
    return table


def _separated(name: str, kind: _Kind, cells: Cells, layout: _Layout) -> NDArray[Any]:
    """Return a column of strings that hold several levels each."""
    convert = _converter(name, kind, layout)
    texts = []
    for i, cell in enumerate(_list(cells)):
        if _is_missing(cell):
            texts.append(layout.missing)
            continue
        if not isinstance(cell, str):
            must = f"a string of levels with {kind.separator!r} between them"
            raise _wrong(name, must, cell, i, "Join the levels")
        parts = [part.strip() for part in cell.split(kind.separator)]
        levels = [convert(part, i) for part in parts if part]
        _check_entries(name, levels, i, layout)
        assert kind.separator is not None
        texts.append(kind.separator.join(levels))
    return np.array(texts, dtype=object)


def _check_entries(name: str, texts: list[str], i: int, layout: _Layout) -> None:
    """Raise a ValueError for what is as if nothing were there, or all were missing."""
    if not layout.missing and (not texts or (len(texts) > 1 and "" in texts)):
        what = "a missing entry" if texts else "an empty list"
        raise ValueError(
            f"Column {name!r} holds {what} in row {i}, which this graph cannot express "
            "as '' is its missing_text. Give None for a missing cell, or export with "
            "another missing_text."
        )


def _wrong(name: str, must: str, cell: Any, i: int, remedy: str) -> TypeError:
    return TypeError(
        f"Column {name!r} must be {must} or missing, as in fit; got {cell!r} in row "
        f"{i}. {remedy}."
    )
