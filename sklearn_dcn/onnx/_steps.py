"""The model to export: an estimator, and what a pipeline does before it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.validation import check_is_fitted

from .._estimator import BaseDCN
from .._table import NumberScaler, TableEncoder, resolve_lists
from ..preprocessing import is_preprocessor

__all__ = ["Raw", "unwrap"]


class Raw(NamedTuple):
    """The columns that go in, in the order of the estimator's table.

    Attributes
    ----------
    names : list of str
        Of dates those of their parts.
    columns : list of str
        The same with dates as the table has them.
    table : list of str
        All columns of the table, also those that a pipeline drops.
    is_named : bool
        Whether the table had names.
    scalers : list of NumberScaler
        What a pipeline does to the numbers before the estimator; none if nothing.
    separators : dict of {int: str or None}
        What stands between the levels of a cell of each column of lists.
    """

    names: list[str]
    columns: list[str]
    table: list[str]
    is_named: bool
    scalers: list[NumberScaler]
    separators: dict[int, str | None]


def unwrap(model: Any) -> tuple[BaseDCN, Raw]:
    """Return the estimator, and what is before it."""
    steps = model.steps if isinstance(model, Pipeline) else [("", model)]
    estimator = steps[-1][1]
    if not isinstance(estimator, BaseDCN):
        raise TypeError(
            "model must be a fitted DCNClassifier, DCNRegressor, DCNRanker or Pipeline "
            f"that ends in one; got {type(model).__name__}. From a search, export "
            "best_estimator_."
        )
    check_is_fitted(estimator, "net_")
    encoder = estimator.encoder_
    names, is_named = _spell(encoder.names)
    separators = {j: bag.separator for j, bag in encoder.lists.items()}
    table, _ = _spell(encoder.table_names)
    raw = Raw(names, table, table, is_named, [], separators)
    before = [
        (name, step) for name, step in steps[:-1] if step not in ("passthrough", None)
    ]
    for name, step in before:
        if not isinstance(step, ColumnTransformer) or len(before) > 1:
            raise _no_step(name, f"a {type(step).__name__}")
        raw = _before(step, encoder, name)
    return estimator, raw


def _no_step(name: str, what: str) -> ValueError:
    return ValueError(
        f"Step {name!r} of the pipeline, {what}, cannot be exported. Only a single "
        "make_dcn_preprocessor can be, or a ColumnTransformer that only chooses "
        "columns. Fit the estimator alone, which takes raw columns by itself; or "
        "export pipeline[-1], and give make_inputs the table that "
        "pipeline[:-1].transform returns."
    )


def _before(transformer: Any, encoder: TableEncoder, step: str) -> Raw:
    """Return what a fitted `ColumnTransformer` does to the table."""
    at, parts = [], {}
    for name, part, _ in transformer.transformers_:
        positions = list(transformer._transformer_to_input_indices[name])
        if len(positions) and part != "drop":
            at += positions
            parts[name] = part
    names = getattr(transformer, "feature_names_in_", range(transformer.n_features_in_))
    names, is_named = _spell(names)
    scalers: list[NumberScaler] = []
    separators: dict[int, str | None] = dict.fromkeys(encoder.lists)
    if is_preprocessor(transformer):
        if "numbers" in parts:
            scalers = parts["numbers"]._scalers
        _check_preprocessor(parts, scalers, encoder, step)
        if "lists" in parts:
            found = resolve_lists(parts["lists"].multivalued_features, names) or {}
            separators = {j: found.get(at[j]) for j in encoder.lists}
    else:
        for name, part in parts.items():
            # What "passthrough" becomes in fit.
            is_identity = isinstance(part, FunctionTransformer) and part.func is None
            if part != "passthrough" and not is_identity:
                what = f"a ColumnTransformer with {name!r}, a {type(part).__name__}"
                raise _no_step(step, what)
        separators = {j: bag.separator for j, bag in encoder.lists.items()}
    if len({*at}) < len(at):
        twice = next(i for i in at if at.count(i) > 1)
        raise _no_step(step, f"a ColumnTransformer that takes {names[twice]!r} twice")
    columns = [names[i] for i in at]
    fields = encoder.spread_names(columns)
    return Raw(fields, columns, names, is_named, scalers, separators)


def _spell(names: Iterable[Any]) -> tuple[list[str], bool]:
    """Return the names of columns, and whether they had any."""
    is_named = all(isinstance(name, str) for name in names)
    return [str(n) if is_named else f"x{n}" for n in names], is_named


def _check_preprocessor(
    parts: dict[str, Any], scalers: list[NumberScaler], encoder: TableEncoder, step: str
) -> None:
    """Raise a ValueError for what cannot be exported of `make_dcn_preprocessor`."""
    if "categories" in parts and parts["categories"].hashing:
        raise ValueError(
            f"Step {step!r} of the pipeline cannot be exported with hashing. Leave the "
            "hashing to the estimator."
        )
    inexact = {scaler.transform for scaler in scalers} & {"robust", "signed_log"}
    if inexact and encoder.values:
        raise ValueError(
            f"Step {step!r} of the pipeline, with numeric_transform={inexact.pop()!r}, "
            "cannot be exported before an estimator with numeric_levels, which must "
            "find its numbers to the last bit. Give numeric_transform to the estimator "
            "instead, or set numeric_levels=None."
        )
