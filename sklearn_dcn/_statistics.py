"""Columns of categories -> statistics of their levels, by any encoder.

An encoder is one of category-encoders, or another transformer in scikit-learn's form.
If it learns from the target it is cross-fitted: a training row must not be described by
statistics that its own target is part of.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.utils.validation import has_fit_parameter

from ._categories import families
from ._columns import Column, IdColumn, describe, factorize
from ._numbers import NumberScaler
from ._runtime import ignoring
from .network.embedding import MISSING_ID, N_RESERVED_IDS, UNKNOWN_ID

__all__ = ["ColumnStatistics", "Supervision", "copy_unfitted"]

N_FOLDS = 5

# What an OrdinalEncoder of category-encoders makes of levels that `fit` did not see,
# and of missing cells where it saw none.
UNKNOWN_CODE = -1
MISSING_CODE = -2

Cells = dict[str, NDArray[Any]]


class Supervision(NamedTuple):
    """What encoders that learn from the target are given of a table's rows.

    Attributes
    ----------
    targets : dict of {str: ndarray of shape (n,)}
        What to learn, by what follows the name of the statistic: nothing if there is
        one target, else the class, of which it is the indicator, or output.
    strata : ndarray of shape (n,) or None
        Classes that the folds keep in proportion.
    seed : int
        That of the folds, and of encoders that have a random state.
    """

    targets: dict[str, NDArray[Any]]
    strata: NDArray[Any] | None
    seed: int


class ColumnStatistics:
    """An encoder of columns of categories, and the scaling of what comes out.

    Codes of an `OrdinalEncoder` are levels, so its columns come back as ids. All else
    are numbers.

    Parameters
    ----------
    encoder : transformer
        It is copied, and stays as it is.
    names : sequence of str or int
        The columns.
    numeric_transform : str or None
        As of the estimators.

    Attributes
    ----------
    fitted : dict of {str: transformer}
        The encoders fitted on all training rows, by the target of `Supervision`.
    scalers : dict of {str: NumberScaler}
        The columns of numbers by name, e.g. "TargetEncoder(city)".
    """

    def __init__(
        self, encoder: Any, names: Sequence[str | int], numeric_transform: str | None
    ) -> None:
        if not names:
            raise ValueError(
                f"category_encoder={encoder!r} needs a column of categories, and X has "
                "none. Name them in categorical_features, or leave it out."
            )
        self.encoder = encoder
        self.names = names
        self.numeric_transform = numeric_transform
        self.gives_ids = _is_ordinal(encoder)

    def fit_transform(
        self,
        columns: Sequence[Column],
        weight: NDArray[np.float64],
        supervision: Supervision,
    ) -> tuple[dict[str, IdColumn], NDArray[np.float64]]:
        """Learn from the rows, and encode them.

        Parameters
        ----------
        columns : sequence of columns of n rows
        weight : ndarray of shape (n,)
            Weight of each row. It enters the encoder if that can take it.
        supervision : Supervision

        Returns
        -------
        ids : dict of {str: IdColumn}
            As `transform`.
        x : ndarray of shape (n, len(scalers))
            As `transform`, but cross-fitted.
        """
        cells, levels = self._read(columns)
        seed = supervision.seed
        learns = learns_from_target(self.encoder)
        targets = supervision.targets if learns else {"": None}
        self.fitted = {
            target: self._fit_one(cells, y, weight, seed)
            for target, y in targets.items()
        }
        names, x = self._encode(self.fitted, cells)
        if learns:
            x = self._cross_fit(cells, weight, supervision, names)
        self.scalers = {}
        if self.gives_ids:
            self._families = {name: families(found) for name, found in levels.items()}
            return self._to_ids(names, x, cells, in_fit=True), x[:, :0]
        for k, name in enumerate(names):
            scaler = NumberScaler(self.numeric_transform)
            self.scalers[name] = scaler.fit(x[:, k], weight)
        return {}, x

    def transform(
        self, columns: Sequence[Column]
    ) -> tuple[dict[str, IdColumn], NDArray[np.float64]]:
        """Encode columns with what `fit_transform` learned from all training rows.

        Returns
        -------
        ids : dict of {str: IdColumn}
            The columns that are ids, by name.
        x : ndarray of shape (n, len(scalers))
            The numbers, not scaled yet, missing ones as NaN.

        Raises
        ------
        ValueError
            If the encoder fails, or if what it gives is not finite or no number.
        """
        cells, levels = self._read(columns)
        names, x = self._encode(self.fitted, cells)
        if self.gives_ids:
            ids = self._to_ids(names, x, cells)
            self._check_families(names, x, levels)
            return ids, x[:, :0]
        if names != [*self.scalers]:
            self._raise_other_columns(names, [*self.scalers], "transform")
        return {}, x

    # The steps of both ----------------------------------------------------------------

    def _read(self, columns: Sequence[Column]) -> tuple[Cells, dict[str, Any]]:
        """Return cells and levels of every column, whatever the table, by name."""
        cells, found = {}, {}
        for name, column in zip(self.names, columns, strict=True):
            codes, levels = factorize(column, name)
            found[str(name)] = levels
            # NaN at the end, where code -1 finds it. Not None: in category-encoders 2.8
            # some encoders know missing cells as NaN alone.
            values = np.full(len(levels) + 1, np.nan, dtype=object)
            values[:-1] = levels.tolist() if isinstance(levels, np.ndarray) else levels
            cells[str(name)] = values[codes]
        return cells, found

    def _fit_one(
        self, rows: Cells, y: Any, weight: NDArray[np.float64], seed: int
    ) -> Any:
        """Return a copy of the encoder, fitted to rows."""
        encoder = _with_seed(copy_unfitted(self.encoder), seed)
        options = {}
        if has_fit_parameter(encoder, "sample_weight") and weight.min() < weight.max():
            options["sample_weight"] = weight
        with self._calling("fit"):
            # Its result is not used: wrappers of category-encoders return None.
            if y is None:
                encoder.fit(_to_frame(rows), **options)
            else:
                encoder.fit(_to_frame(rows), y, **options)
        return encoder

    def _cross_fit(
        self,
        rows: Cells,
        weight: NDArray[np.float64],
        supervision: Supervision,
        names: list[str],
    ) -> NDArray[np.float64]:
        """Return every row's numbers by encoders that were fitted without its fold."""
        n = len(weight)
        if n < 2:
            raise ValueError(
                f"category_encoder={self.encoder!r} learns from the target, which "
                f"takes at least 2 training rows; got {n}. Leave it out."
            )
        fold = assign_folds(n, supervision.strata, supervision.seed)
        x = np.empty((n, len(names)))
        for k in range(min(n, N_FOLDS)):
            held_out, rest = np.flatnonzero(fold == k), np.flatnonzero(fold != k)
            fitted = {
                target: self._fit_one(
                    _take(rows, rest), y[rest], weight[rest], supervision.seed
                )
                for target, y in supervision.targets.items()
            }
            found, x_k = self._encode(fitted, _take(rows, held_out))
            if found != names:
                self._raise_other_columns(found, names, "a part of the training rows")
            x[held_out] = x_k
        return x

    def _encode(
        self, fitted: dict[str, Any], cells: Cells
    ) -> tuple[list[str], NDArray[np.float64]]:
        """Return names and numbers that one encoder for each target makes of cells."""
        names, parts = [], []
        for target, encoder in fitted.items():
            with self._calling("transform"):
                output = encoder.transform(_to_frame(cells))
                found = _names_out(encoder, output)
            table = output.toarray() if issparse(output) else np.asarray(output)
            n_rows = len(next(iter(cells.values())))
            if table.ndim != 2 or len(table) != n_rows or table.shape[1] != len(found):
                raise ValueError(
                    f"category_encoder={self.encoder!r} must give a table of {n_rows} "
                    f"rows and {len(found)} named columns; got shape {table.shape}."
                )
            ignored = _passed_through(encoder, cells)
            for j, name in enumerate(found):
                if name not in ignored:
                    parts.append(self._to_numbers(table[:, j], name))
                    names.append(self._name(name, target))
        if not parts:
            raise ValueError(f"category_encoder={self.encoder!r} gives no column.")
        return names, np.stack(parts, axis=1)

    def _name(self, name: str, target: str) -> str:
        if self.gives_ids:
            return name
        return f"{type(self.encoder).__name__}({name}){target}"

    def _to_numbers(self, column: NDArray[Any], name: str) -> NDArray[np.float64]:
        rule = (
            f"category_encoder={self.encoder!r} must give numbers, finite or missing; "
            f"got, in its column {name!r},"
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
    def _calling(self, method: str) -> Iterator[None]:
        """Name the parameter in what the encoder raises."""
        try:
            with _quiet_library():
                yield
        except Exception as error:
            raise ValueError(
                f"category_encoder={self.encoder!r} failed in {method}: "
                f"{type(error).__name__}: {error}"
            ) from error

    def _raise_other_columns(
        self, found: list[str], names: list[str], where: str
    ) -> None:
        differ = sorted(set(found) ^ set(names)) or found
        raise ValueError(
            f"category_encoder={self.encoder!r} must give the same columns for all "
            f"rows; those of {where} differ in {differ[:5]}. Choose options that do "
            "not drop columns, e.g. drop_invariant=False."
        )

    # Codes that are levels ------------------------------------------------------------

    def _to_ids(
        self,
        names: list[str],
        x: NDArray[np.float64],
        cells: Cells,
        in_fit: bool = False,
    ) -> dict[str, IdColumn]:
        """Return codes as ids, with the codes for levels."""
        columns = {}
        for name, codes in zip(names, x.T, strict=True):
            codes = np.where(np.isnan(codes), UNKNOWN_CODE, codes)
            # A missing cell is that, also where it has a code like any other.
            missing = (cells[name] != cells[name]) | (codes == MISSING_CODE)
            levels, position = np.unique(codes, return_inverse=True)
            ids = position.astype(np.int64) + N_RESERVED_IDS
            if in_fit:  # later it is not among the known levels
                ids[codes == UNKNOWN_CODE] = UNKNOWN_ID
            ids[missing] = MISSING_ID
            columns[name] = IdColumn(ids, [_as_integer(code) for code in levels])
        return columns

    def _check_families(
        self, names: list[str], x: NDArray[np.float64], levels: dict[str, Any]
    ) -> None:
        """Raise a TypeError if a column's levels are unknown for being of other type.

        As `CategoryLevels`, which sees the codes alone.
        """
        for name, codes in zip(names, x.T, strict=True):
            before, now = self._families[name], families(levels[name])
            is_unknown = np.isnan(codes) | (codes <= UNKNOWN_CODE)
            if before and now and before.isdisjoint(now) and is_unknown.all():
                held, holds = (" and ".join(sorted(map(str, f))) for f in (before, now))
                raise TypeError(
                    f"{describe(name)} is categorical and held {held} cells in fit, "
                    f"but now {holds} cells, which are all unknown. Convert the "
                    "column to the type that it had in fit."
                )


def _as_integer(code: float) -> float:
    return int(code) if code == int(code) else float(code)


# Rows ---------------------------------------------------------------------------------


def _take(cells: Cells, at: NDArray[np.intp]) -> Cells:
    return {name: column[at] for name, column in cells.items()}


def _to_frame(cells: Cells) -> Any:
    """Return cells as a pandas frame, which category-encoders knows columns by."""
    import pandas

    return pandas.DataFrame(cells, dtype=object)  # or pandas 3 would make strings


def assign_folds(
    n_rows: int, strata: NDArray[Any] | None, seed: int
) -> NDArray[np.intp]:
    """Return the fold of each row, drawn at random, strata spread evenly over folds.

    Rows are dealt out in turn, so any two folds differ by at most one row, also of one
    stratum, and two rows of a stratum are never in one fold while another has none.
    """
    order = np.random.RandomState(seed).permutation(n_rows)
    if strata is not None:
        _, codes = np.unique(strata, return_inverse=True)
        order = order[np.argsort(codes[order], kind="stable")]
    fold = np.empty(n_rows, dtype=np.intp)
    fold[order] = np.arange(n_rows) % N_FOLDS
    return fold


# Encoders -----------------------------------------------------------------------------


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


def _is_ordinal(encoder: Any) -> bool:
    """Tell whether an encoder is an OrdinalEncoder, without importing its library."""
    return any(
        cls.__name__ == "OrdinalEncoder"
        and cls.__module__.split(".")[0] in ("category_encoders", "sklearn")
        for cls in type(encoder).__mro__
    )


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
