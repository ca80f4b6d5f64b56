"""What the transformers that work column by column share."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.base import OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from .._estimator import SavesToFile
from .._table import (
    check_table,
    check_weight,
    get_columns,
    header,
    take_rows,
    to_mean_one,
)

__all__ = ["ColumnwiseTransformer"]


class ColumnwiseTransformer(OneToOneFeatureMixin, TransformerMixin, SavesToFile):
    """One column in, one column out, any table in."""

    def _check_rows(
        self, X: Any, sample_weight: Any
    ) -> tuple[list[Any], NDArray[np.float64]]:
        """Return columns, and weights of mean 1, of the rows of weight above zero."""
        X = self._check_X(X, reset=True)
        weight = check_weight(sample_weight, X.shape[0], "sample_weight")
        weight = to_mean_one(weight)
        kept = weight > 0
        if not kept.all():
            X, weight = take_rows(X, kept), weight[kept]
        return get_columns(X), weight

    def _check_columns(self, X: Any) -> list[Any]:
        """Return the columns of a table that has those of `fit`."""
        check_is_fitted(self)
        return get_columns(self._check_X(X, reset=False))

    def _check_X(self, X: Any, *, reset: bool) -> Any:
        X = check_table(X)
        if issparse(X):
            raise TypeError(
                f"{type(self).__name__} takes a table of columns; got a sparse matrix. "
                "Use it before the step that makes the matrix, or pass X.toarray()."
            )
        validate_data(self, header(X), reset=reset, skip_check_array=True)
        return X

    def _check_output(self, X: Any, what: str, **options: Any) -> NDArray[Any]:
        """Return what `transform` gave, checked, for `inverse_transform`."""
        check_is_fitted(self)
        array: NDArray[Any] = check_array(X, **options)
        if array.shape[1] != self.n_features_in_:
            raise ValueError(
                f"X must have {self.n_features_in_} {what}; got {array.shape[1]}."
            )
        return array

    def _column_names(self) -> list[Any]:
        names = getattr(self, "feature_names_in_", None)
        return [*range(self.n_features_in_)] if names is None else [*names]

    n_features_in_: int

    def __sklearn_tags__(self) -> Any:
        """Say what scikit-learn may expect."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags
