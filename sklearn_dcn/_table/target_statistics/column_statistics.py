"""Columns of categories -> statistics of their levels, by an encoder of the user's.

If the encoder learns from the target, it is cross-fitted: the statistics that describe
a training row must not contain its own target.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._ids import MISSING_ID, N_RESERVED_IDS, UNKNOWN_ID
from ..categories import Vocabulary, families
from ..numbers import NumberScaler, fit_scalers
from ..reading import Column, IdColumn, Levels, describe, factorize
from .foreign_encoders import (
    Cells,
    encode_cells,
    fit_copy,
    is_ordinal,
    learns_from_target,
)
from .supervision import Supervision

__all__ = ["ColumnStatistics"]

# What an OrdinalEncoder of category-encoders makes of levels that `fit` did not see,
# and of missing cells where it saw none.
UNKNOWN_CODE = -1
MISSING_CODE = -2


class ColumnStatistics:
    """An encoder of columns of categories, and the scaling of what comes out.

    Codes of an `OrdinalEncoder` are levels, so its columns come back as ids. All other
    columns are numbers.

    Parameters
    ----------
    encoder : transformer
        It is copied, and itself stays unchanged.
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

    # The floats that a column held in fit; none in older pickles.
    _floats: Mapping[str, Vocabulary] = MappingProxyType({})

    def __init__(
        self, encoder: Any, names: Sequence[str | int], numeric_transform: str | None
    ) -> None:
        if not names:
            raise ValueError(
                f"category_encoder={encoder!r} needs a column of categories, and X has "
                "none. Name them in categorical_features, or leave category_encoder "
                "out."
            )
        self.encoder = encoder
        self.names = names
        self.numeric_transform = numeric_transform
        self.gives_ids = is_ordinal(encoder)
        self.scalers: dict[str, NumberScaler] = {}

    @property
    def learns(self) -> bool:
        """Whether the encoder learns from the target."""
        return learns_from_target(self.encoder)

    def fit_ids(
        self, columns: Sequence[Column], weight: NDArray[np.float64]
    ) -> dict[str, IdColumn]:
        """For an encoder that gives ids: learn codes, and return the columns as ids.

        Parameters
        ----------
        columns : sequence of columns of n rows
        weight : ndarray of shape (n,)
            Weight of each row; the encoder gets it if it takes weights.
        """
        cells, levels = self._begin(columns)
        self.fitted = {"": fit_copy(self.encoder, cells, None, weight, seed=0)}
        names, x = self._encode(self.fitted, cells)
        self._families = {name: families(found) for name, found in levels.items()}
        return _to_ids(names, x, cells, in_fit=True)

    def fit_transform(
        self,
        columns: Sequence[Column],
        weight: NDArray[np.float64],
        supervision: Supervision,
    ) -> NDArray[np.float64]:
        """For an encoder that gives numbers: learn from the rows, and encode them.

        Parameters
        ----------
        columns, weight
            As `fit_ids`.
        supervision : Supervision

        Returns
        -------
        x : ndarray of shape (n, n_members, len(scalers))
            As `transform`, but by other rows that train the network.
        """
        cells, _ = self._begin(columns)
        learns = self.learns
        targets = supervision.targets if learns else {"": None}
        self.fitted = {
            target: fit_copy(self.encoder, cells, y, weight, supervision.seed)
            for target, y in targets.items()
        }
        names, x = self._encode(self.fitted, cells)
        each = [x]
        if learns:
            each = [
                self._cross_fit(cells, weight, supervision, names, trains)
                for trains in supervision.by_member.T
            ]
        x = np.stack(each, axis=1)
        self.scalers = fit_scalers(names, x, weight, self.numeric_transform)
        return x

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
            If the encoder fails, or gives anything but finite or missing numbers.
        """
        cells, levels = self._read(columns)
        names, x = self._encode(self.fitted, cells)
        if self.gives_ids:
            ids = _to_ids(names, x, cells)
            self._check_families(names, x, levels)
            return ids, x[:, :0]
        if names != [*self.scalers]:
            self._raise_other_columns(names, [*self.scalers], "transform")
        return {}, x

    # The steps of both ----------------------------------------------------------------

    def _begin(self, columns: Sequence[Column]) -> tuple[Cells, dict[str, Any]]:
        """Return cells and levels as `_read`, and keep which floats are among them."""
        self._floats, self.scalers = {}, {}  # of an earlier fit
        cells, levels = self._read(columns)
        self._floats = {
            name: Vocabulary([v for v in found if isinstance(v, (float, np.floating))])
            for name, found in levels.items()
        }
        return cells, levels

    def _read(self, columns: Sequence[Column]) -> tuple[Cells, dict[str, Any]]:
        """Return cells and levels of every column, whatever the table, by name."""
        cells, found = {}, {}
        for name, column in zip(self.names, columns, strict=True):
            codes, levels = factorize(column, name)
            levels = self._in_precision_of_fit(str(name), levels)
            found[str(name)] = levels
            # NaN at the end, where code -1 finds it. Not None: in category-encoders 2.8
            # some encoders know missing cells as NaN alone.
            values = np.full(len(levels) + 1, np.nan, dtype=object)
            values[:-1] = levels.tolist() if isinstance(levels, np.ndarray) else levels
            cells[str(name)] = values[codes]
        return cells, found

    def _in_precision_of_fit(self, name: str, levels: Levels) -> Levels:
        """Return levels, floats as `fit` saw them: in single or double precision."""
        known = self._floats.get(name)
        if not known or isinstance(levels, np.ndarray):
            return levels
        return [
            known[at] if at >= 0 else level
            for level, at in zip(levels, known.find(levels).tolist(), strict=True)
        ]

    def _cross_fit(
        self,
        rows: Cells,
        weight: NDArray[np.float64],
        supervision: Supervision,
        names: list[str],
        trains: NDArray[np.bool_],
    ) -> NDArray[np.float64]:
        """Return every row's numbers by encoders of other rows that train a network.

        They are those of other folds, or earlier ones where rows have an order.
        """
        fold = supervision.fold
        if len(np.unique(fold[trains])) < 2:
            raise ValueError(
                f"category_encoder={self.encoder!r} learns from the target, so it "
                "needs at least 2 training rows, of different groups or times; got "
                f"{trains.sum()}. Leave it out."
            )
        x = np.empty((len(weight), len(names)))
        is_ordered = supervision.roles.rank is not None
        for inside, others in _parts(fold, trains, is_ordered):
            cells = _take(rows, others)
            fitted = {
                target: fit_copy(
                    self.encoder, cells, y[others], weight[others], supervision.seed
                )
                for target, y in supervision.targets.items()
            }
            found, x_k = self._encode(fitted, _take(rows, inside))
            if found != names:
                self._raise_other_columns(found, names, "a part of the training rows")
            x[inside] = x_k
        return x

    def _encode(
        self, fitted: dict[str, Any], cells: Cells
    ) -> tuple[list[str], NDArray[np.float64]]:
        """Return names and numbers that one encoder for each target makes of cells."""
        names: list[str] = []
        parts = []
        for target, encoder in fitted.items():
            found, x = encode_cells(self.encoder, encoder, cells)
            names += [self._name(name, target) for name in found]
            parts.append(x)
        if not names:
            raise ValueError(f"category_encoder={self.encoder!r} gives no column.")
        return names, np.hstack(parts)

    def _name(self, name: str, target: str) -> str:
        if self.gives_ids:
            return name
        return f"{type(self.encoder).__name__}({name}){target}"

    def _raise_other_columns(
        self, found: list[str], names: list[str], where: str
    ) -> None:
        differ = sorted(set(found) ^ set(names)) or found
        raise ValueError(
            f"category_encoder={self.encoder!r} must give the same columns for all "
            f"rows; those of {where} differ in {differ[:5]}. Choose options that do "
            "not drop columns, e.g. drop_invariant=False."
        )

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


def _parts(
    fold: NDArray[np.intp], trains: NDArray[np.bool_], is_ordered: bool
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Yield rows that are described together, and the rows that describe them.

    In an order of time the first stretch, which has none before it, has the next.
    """
    present = np.unique(fold[trains])
    for k in present:
        is_before = fold < k if k > present[0] else fold == present[1]
        others = is_before if is_ordered else fold != k
        yield np.flatnonzero((fold == k) & trains), np.flatnonzero(others & trains)
    if not trains.all():
        yield np.flatnonzero(~trains), np.flatnonzero(trains)


def _take(cells: Cells, at: NDArray[np.intp]) -> Cells:
    return {name: column[at] for name, column in cells.items()}


def _to_ids(
    names: list[str],
    x: NDArray[np.float64],
    cells: Cells,
    in_fit: bool = False,
) -> dict[str, IdColumn]:
    """Return the codes of an OrdinalEncoder as ids, with the codes for levels."""
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


def _as_integer(code: float) -> float:
    return int(code) if code == int(code) else float(code)
