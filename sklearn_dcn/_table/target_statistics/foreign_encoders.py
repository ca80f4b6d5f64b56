"""Encoders of other libraries: how they are called, and what they may return.

An encoder is one of category-encoders, or another transformer in scikit-learn's form.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.utils.validation import has_fit_parameter

from ..._warnings import ignoring

__all__ = [
    "Cells",
    "copy_unfitted",
    "encode_cells",
    "fit_copy",
    "is_ordinal",
    "learns_from_target",
]

Cells = dict[str, NDArray[Any]]  # the cells of each column by its name


# What an encoder is -------------------------------------------------------------------


def copy_unfitted(encoder: Any) -> Any:
    """Return an unfitted copy of an encoder, or None."""
    try:
        return clone(encoder, safe=False)
    except RuntimeError as error:  # its constructor changes parameters
        message = f"category_encoder={encoder!r} can't be copied: {error}"
        raise ValueError(message) from error


def learns_from_target(encoder: Any) -> bool:
    """Tell whether `fit` of an encoder, or of one inside of it, needs the target."""
    parts = [encoder]
    if hasattr(encoder, "get_params"):  # a pipeline does not say so of its steps
        parts += encoder.get_params(deep=True).values()
    return any(
        _requires_y(part)
        for part in parts
        if hasattr(part, "fit") and not inspect.isclass(part)
    )


def _requires_y(encoder: Any) -> bool:
    if hasattr(encoder, "__sklearn_tags__"):
        if encoder.__sklearn_tags__().target_tags.required:
            return True
    y = inspect.signature(encoder.fit).parameters.get("y")
    return y is not None and y.default is inspect.Parameter.empty


def is_ordinal(encoder: Any) -> bool:
    """Tell whether an encoder is an OrdinalEncoder, without importing its library."""
    return any(
        cls.__name__ == "OrdinalEncoder"
        and cls.__module__.split(".")[0] in ("category_encoders", "sklearn")
        for cls in type(encoder).__mro__
    )


# What it does -------------------------------------------------------------------------


def fit_copy(
    encoder: Any, cells: Cells, y: Any, weight: NDArray[np.float64], seed: int
) -> Any:
    """Return a copy of an encoder, fitted to rows.

    Parameters
    ----------
    encoder : transformer
    cells : dict of {str: ndarray of shape (n,)}
    y : ndarray of shape (n,) or None
        The target, if the encoder learns from it.
    weight : ndarray of shape (n,)
        Weight of each row, for an encoder that takes weights.
    seed : int
        The seed for random states that are None.

    Raises
    ------
    ValueError
        If the encoder fails.
    """
    copied = _with_seed(copy_unfitted(encoder), seed)
    options = {}
    if has_fit_parameter(copied, "sample_weight") and weight.min() < weight.max():
        options["sample_weight"] = weight
    with _calling(encoder, "fit"):
        # Its result is not used: wrappers of category-encoders return None.
        if y is None:
            copied.fit(_to_frame(cells), **options)
        else:
            copied.fit(_to_frame(cells), y, **options)
    return copied


def encode_cells(
    encoder: Any, fitted: Any, cells: Cells
) -> tuple[list[str], NDArray[np.float64]]:
    """Return names and numbers of shape (n, n_out) that a fitted copy makes of cells.

    Raises
    ------
    ValueError
        If the encoder fails, or gives anything but a table of numbers.
    """
    with _calling(encoder, "transform"):
        output = fitted.transform(_to_frame(cells))
        found = _names_out(fitted, output)
    table = output.toarray() if issparse(output) else np.asarray(output)
    n_rows = len(next(iter(cells.values())))
    if table.ndim != 2 or len(table) != n_rows or table.shape[1] != len(found):
        raise ValueError(
            f"category_encoder={encoder!r} must give a table of {n_rows} rows and "
            f"{len(found)} named columns; got shape {table.shape}."
        )
    ignored = _passed_through(fitted, cells)
    kept = [j for j, name in enumerate(found) if name not in ignored]
    x = np.empty((n_rows, len(kept)))
    for k, j in enumerate(kept):
        x[:, k] = _to_numbers(encoder, table[:, j], found[j])
    return [found[j] for j in kept], x


def _with_seed(encoder: Any, seed: int) -> Any:
    """Return an encoder with random states that are None set to a seed."""
    if hasattr(encoder, "get_params"):
        states = {
            name: seed
            for name, value in encoder.get_params(deep=True).items()
            if value is None and name.split("__")[-1] == "random_state"
        }
        if states:
            encoder.set_params(**states)
    if hasattr(encoder, "set_output"):  # as if nobody had asked for frames
        encoder.set_output(transform="default")
    return encoder


def _to_frame(cells: Cells) -> Any:
    """Return cells as a pandas frame, which category-encoders knows columns by."""
    import pandas

    return pandas.DataFrame(cells, dtype=object)  # or pandas 3 would make strings


def _names_out(encoder: Any, output: Any) -> list[str]:
    """Return the names of an encoder's columns, numbers if it has none."""
    if hasattr(output, "columns"):
        return [str(name) for name in output.columns]
    try:
        return [str(name) for name in encoder.get_feature_names_out()]
    except AttributeError:  # of a pipeline, perhaps from a step inside
        return [str(j) for j in range(output.shape[1])]


def _passed_through(encoder: Any, cells: Cells) -> set[str]:
    """Return the columns that an encoder with `cols` leaves as they are."""
    cols = getattr(encoder, "cols", None)
    return set(cells).difference(cols) if isinstance(cols, list) else set()


def _to_numbers(encoder: Any, column: NDArray[Any], name: str) -> NDArray[np.float64]:
    rule = (
        f"category_encoder={encoder!r} must give numbers, finite or missing; got, in "
        f"its column {name!r},"
    )
    try:
        numbers = column.astype(np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{rule} cells such as {column[0]!r}.") from None
    if np.isinf(numbers).any():
        row = int(np.isinf(numbers).argmax())
        raise ValueError(f"{rule} infinity (first in row {row}).")
    return numbers


@contextmanager
def _calling(encoder: Any, method: str) -> Iterator[None]:
    """Name the parameter in what the encoder raises."""
    try:
        with _quiet_library():
            yield
    except Exception as error:
        raise ValueError(
            f"category_encoder={encoder!r} failed in {method}: "
            f"{type(error).__name__}: {error}"
        ) from error


@contextmanager
def _quiet_library() -> Iterator[None]:
    """Hide what category-encoders warns of itself, and nothing else.

    On 2026-11-24, 2.11.2 sets an option that pandas 3 deprecates (Pandas4Warning).
    """
    if "category_encoders" not in sys.modules:
        yield
        return
    with ignoring(DeprecationWarning, FutureWarning, module=r"category_encoders\."):
        yield
