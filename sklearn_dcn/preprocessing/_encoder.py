"""Categories -> ids, as a transformer."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from .._estimator import check_parameters
from .._ids import MISSING_ID, N_RESERVED_IDS, UNKNOWN_ID
from .._table import (
    UNKNOWN_LEVEL,
    CategoryLevels,
    HashedLevels,
    check_references,
    describe,
    resolve_options,
)
from ._columnwise import ColumnwiseTransformer

__all__ = ["CategoryEncoder"]


class CategoryEncoder(ColumnwiseTransformer):
    """Turn categories into integer ids, the most frequent level first.

    Id 0 is an unknown level (not seen in `fit`, or too rare), 1 a missing one; the
    levels of `fit` follow from 2 on, by falling frequency. Every column is a category,
    whatever its type: choose the columns with a `ColumnTransformer`. The estimators
    give the same ids to the levels of a table by themselves.

    Parameters
    ----------
    min_frequency : int, float or None, default=None
        Levels that occur in fewer rows (a float below 1: in a smaller fraction of the
        rows) share the id of unknown levels.
    max_categories : int or None, default=None
        Upper limit of the ids of a column's levels. The most frequent levels are kept;
        the others share the id of unknown levels, which is included in the limit.
    hashing : dict or None, default=None
        {column: number of buckets} for ids without a vocabulary.

    Attributes
    ----------
    n_ids_ : list of int
        Number of ids of each column, including the two that are reserved.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if all are strings.

    See Also
    --------
    make_dcn_preprocessor : All steps of the estimators in one `ColumnTransformer`.
    sklearn.preprocessing.OrdinalEncoder : Ids by value, as floats; none for missing.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_dcn.preprocessing import CategoryEncoder
    >>> X = np.array([["Oslo"], ["Bern"], ["Oslo"], [None]], dtype=object)
    >>> encoder = CategoryEncoder().fit(X)
    >>> encoder.transform(np.array([["Oslo"], ["Lima"], [None]], dtype=object))
    array([[2],
           [0],
           [1]], dtype=int32)
    """

    def __init__(
        self,
        *,
        min_frequency: float | None = None,
        max_categories: int | None = None,
        hashing: dict[Any, int] | None = None,
    ) -> None:
        self.min_frequency = min_frequency
        self.max_categories = max_categories
        self.hashing = hashing

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn the levels of every column.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Strings, categories, booleans or ids; cells may be missing.
        y : None, default=None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row in the frequencies, scaled to mean 1.

        Returns
        -------
        self : object
            The fitted encoder.

        Raises
        ------
        ValueError, TypeError
            If a parameter or a column breaks a rule.
        """
        check_parameters(self.get_params(deep=False))
        columns, weight = self._check_rows(X, sample_weight)
        check_references(X, self.get_params(deep=False))
        names = self._column_names()
        buckets = resolve_options("hashing", self.hashing, names)
        encoders = [
            HashedLevels(name, buckets[j])
            if j in buckets
            else CategoryLevels(name, self.min_frequency, self.max_categories)
            for j, name in enumerate(names)
        ]
        for column, encoder in zip(columns, encoders, strict=True):
            encoder.fit_transform(column, weight, keep_lone=True)
        self._encoders: list[CategoryLevels | HashedLevels] = encoders
        self.n_ids_ = [encoder.n_ids for encoder in encoders]
        return self

    @property
    def categories_(self) -> list[list[Any]]:
        """The known levels of each column in the order of their ids, from id 2 on."""
        check_is_fitted(self)
        return [encoder.levels for encoder in self._encoders]

    def transform(self, X: Any) -> NDArray[np.int32]:
        """Return the id of every cell.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Rows with the columns of `fit`.

        Returns
        -------
        ids : int32 ndarray of shape (n_samples, n_features)
            A DataFrame if `set_output` asks for one.
        """
        columns = self._check_columns(X)
        encoders = zip(columns, self._encoders, strict=True)
        return np.stack([e.transform(column) for column, e in encoders], axis=1)

    def inverse_transform(self, X: Any) -> NDArray[Any]:
        """Return the levels of ids.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Ids.

        Returns
        -------
        levels : object ndarray of shape (n_samples, n_features)
            None for a missing level, and "⟨unknown⟩" for an unknown one, which
            `transform` turns into id 0 again.

        Raises
        ------
        ValueError
            If an id is out of range, or a column was hashed.
        """
        ids = self._check_output(X, "columns of ids", dtype=np.int64)
        cells = np.empty(ids.shape, dtype=object)
        for j, encoder in enumerate(self._encoders):
            if isinstance(encoder, HashedLevels):
                raise ValueError(
                    f"{describe(encoder.name)} is hashed: a bucket has no single "
                    "level. Leave it out of hashing to invert it."
                )
            if ids[:, j].min() < 0 or ids[:, j].max() >= encoder.n_ids:
                raise ValueError(
                    f"{describe(encoder.name)} has ids in [0, {encoder.n_ids - 1}]; "
                    f"got {ids[:, j].min()} to {ids[:, j].max()}."
                )
            level_of = np.empty(encoder.n_ids, dtype=object)
            level_of[UNKNOWN_ID], level_of[MISSING_ID] = UNKNOWN_LEVEL, None
            level_of[N_RESERVED_IDS:] = encoder.levels
            cells[:, j] = level_of[ids[:, j]]
        return cells

    def __sklearn_tags__(self) -> Any:
        """Say what scikit-learn may expect."""
        tags = super().__sklearn_tags__()
        tags.input_tags.categorical = True
        tags.transformer_tags.preserves_dtype = []  # ids are integers
        return tags
