"""The encoding: a table -> x_num (normalised floats) and x_cat (integer ids)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._categories import CategoryLevels
from ._numbers import NumberScaler
from ._table import column_kind, describe, get_cells, get_columns, to_float

__all__ = ["TableEncoder"]


class TableEncoder:
    """Columns by kind; category -> id, number -> normalised float.

    Parameters
    ----------
    categorical_features : {"from_dtype"}, array-like of str, int or bool, or None
        Which columns are categories.
    min_frequency, max_categories
        See :class:`CategoryLevels`.
    numeric_transform
        See :class:`NumberScaler`.
    embedding_dim : int, "auto" or dict
        Only kept to be resolved against column names, by `resolve_dims`.

    Attributes
    ----------
    names : list of str or int
        Name, or without names the position, of every column.
    categories : dict of {int: CategoryLevels}
        The categorical columns by position.
    numbers : dict of {int: NumberScaler}
        The numeric columns by position.
    """

    def __init__(
        self,
        *,
        categorical_features: Any = "from_dtype",
        min_frequency: float | None = None,
        max_categories: int | None = None,
        numeric_transform: str | None = "quantile",
    ) -> None:
        self.categorical_features = categorical_features
        self.min_frequency = min_frequency
        self.max_categories = max_categories
        self.numeric_transform = numeric_transform

    # What the network needs to know -------------------------------------------------

    @property
    def cardinalities(self) -> list[int]:
        """Number of ids of each categorical column."""
        return [levels.n_ids for levels in self.categories.values()]

    @property
    def n_num(self) -> int:
        """Number of columns of `x_num`: numbers, then indicators of missing ones."""
        return len(self.numbers) + len(self._with_indicator())

    @property
    def field_names(self) -> list[str]:
        """Names of the categorical columns, then of those of `x_num`."""
        names = [str(self.names[j]) for j in (*self.categories, *self.numbers)]
        return names + [f"{self.names[j]} is missing" for j in self._with_indicator()]

    def resolve_dims(self, embedding_dim: Any) -> Any:
        """Return `embedding_dim` with a dict turned into one entry a column.

        Raises
        ------
        ValueError
            If the dict names a column that is not categorical.
        """
        if not isinstance(embedding_dim, dict):
            return embedding_dim
        from .network.embedding import auto_embedding_dim

        position = {self.names[j]: j for j in self.categories}
        for name in embedding_dim:
            if name not in position:
                raise ValueError(
                    f"embedding_dim names {name!r}, which is no categorical column; "
                    f"categorical are {list(position)}."
                )
        return [
            embedding_dim.get(self.names[j], auto_embedding_dim(levels.n_ids))
            for j, levels in self.categories.items()
        ]

    # Fitting and applying -----------------------------------------------------------

    def fit_transform(
        self,
        X: Any,
        names: Sequence[str] | None,
        weight: NDArray[np.float64],
        dtype: Any = np.float64,
    ) -> dict[str, NDArray[Any]]:
        """Learn every column of a checked table, rows weighted by `weight`.

        Returns
        -------
        encoded : dict
            As `transform`.
        """
        columns = get_columns(X)
        self.names: list[Any] = [*range(len(columns))] if names is None else [*names]
        is_categorical = self._categorical_mask(columns)
        self.categories: dict[int, CategoryLevels] = {}
        self.numbers: dict[int, NumberScaler] = {}
        ids, scaled = [], []
        for j, column in enumerate(columns):
            name = self.names[j]
            if is_categorical[j]:
                levels = CategoryLevels(name, self.min_frequency, self.max_categories)
                ids.append(levels.fit_transform(column, weight))
                self.categories[j] = levels
            else:
                x = to_float(column, name)
                self.numbers[j] = NumberScaler(self.numeric_transform).fit(x, weight)
                scaled.append(_scale(self.numbers[j], x, dtype))
        return self._stack(ids, scaled)

    def transform(self, X: Any, dtype: Any = np.float64) -> dict[str, NDArray[Any]]:
        """Encode a checked table.

        Parameters
        ----------
        X : checked table
        dtype : dtype, default=float64
            That of the numbers; they are computed in float64.

        Returns
        -------
        encoded : dict
            "x_num" of shape (n, n_num), and "x_cat", int32 of shape (n, n_cat); each
            only where the table has such columns.
        """
        columns = get_cells(X) or get_columns(X)
        ids = [levels.transform(columns[j]) for j, levels in self.categories.items()]
        scaled = [
            _scale(scaler, to_float(columns[j], self.names[j]), dtype)
            for j, scaler in self.numbers.items()
        ]
        return self._stack(ids, scaled)

    def _stack(
        self, ids: list[NDArray[np.int32]], scaled: list[Scaled]
    ) -> dict[str, NDArray[Any]]:
        encoded: dict[str, NDArray[Any]] = {}
        if scaled:
            missing = [m for _, m in scaled if m is not None]
            encoded["x_num"] = np.stack([*(z for z, _ in scaled), *missing], axis=1)
        if ids:
            encoded["x_cat"] = np.stack(ids, axis=1)
        return encoded

    def _with_indicator(self) -> list[int]:
        return [j for j, scaler in self.numbers.items() if scaler.has_missing]

    # Which columns are categories ---------------------------------------------------

    def _categorical_mask(self, columns: Sequence[Any]) -> list[bool]:
        wanted = self.categorical_features
        if isinstance(wanted, str):
            if wanted == "from_dtype":
                kinds = [
                    column_kind(column, name)
                    for column, name in zip(columns, self.names, strict=True)
                ]
                return [kind == "category" for kind in kinds]
            raise ValueError(
                "categorical_features must be 'from_dtype', None or a list of column "
                f"names, positions or booleans; got {wanted!r}."
            )
        chosen = self._positions(wanted, len(columns))
        for j, column in enumerate(columns):
            if j not in chosen and column.dtype.kind != "b":
                if column_kind(column, self.names[j]) == "category":
                    raise ValueError(
                        f"{describe(self.names[j])} holds categories "
                        f"(dtype={column.dtype}) but is not among "
                        "categorical_features. Add it there, or drop it, or use "
                        "categorical_features='from_dtype'."
                    )
        return [j in chosen for j in range(len(columns))]

    def _positions(self, wanted: Any, n_columns: int) -> set[int]:
        entries = np.asarray([] if wanted is None else wanted)
        if entries.size == 0:
            return set()
        if entries.ndim == 1 and entries.dtype.kind == "b":
            if len(entries) != n_columns:
                raise ValueError(
                    f"categorical_features as a mask must have {n_columns} entries, "
                    f"one for each column; got {len(entries)}."
                )
            return set(np.flatnonzero(entries).tolist())
        if entries.ndim == 1 and entries.dtype.kind in "iu":
            bad = entries[(entries < 0) | (entries >= n_columns)]
            if len(bad):
                raise ValueError(
                    "categorical_features as positions must lie in [0, "
                    f"{n_columns - 1}]; got {bad[0]}."
                )
            return set(entries.tolist())
        if entries.ndim == 1 and all(isinstance(entry, str) for entry in entries):
            unknown = [entry for entry in entries.tolist() if entry not in self.names]
            if unknown:
                raise ValueError(
                    f"categorical_features names {unknown[0]!r}, which is no column of "
                    f"X; its columns are {self.names}."
                )
            return {self.names.index(entry) for entry in entries.tolist()}
        raise ValueError(
            "categorical_features must be 'from_dtype', None or a list of column "
            f"names, positions or booleans; got {wanted!r}."
        )


Scaled = tuple[NDArray[Any], NDArray[Any] | None]


def _scale(scaler: NumberScaler, x: NDArray[np.float64], dtype: Any) -> Scaled:
    """Return z of a column, and the indicator of its missing cells if it has one."""
    z = scaler.apply(x).astype(dtype, copy=False)
    return z, np.isnan(x).astype(dtype) if scaler.has_missing else None
