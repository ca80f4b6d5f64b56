"""A step that makes a sparse matrix -> one column of words and weights."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn import config_context
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.utils.validation import _num_samples, check_is_fitted

from .._table import check_table, to_sparse

__all__ = ["BagColumn"]


class BagColumn(TransformerMixin, BaseEstimator):
    """Wrap a transformer so that its output is one column of a table.

    A row of the sparse matrix becomes one cell: a dict that maps the names of its
    non-zero columns to their values. So text can stand beside strings and numbers in
    one `ColumnTransformer`, which can't stack strings with a sparse matrix and would
    make the matrix dense. :class:`~sklearn_dcn.DCNClassifier` and
    :class:`~sklearn_dcn.DCNRegressor` read such a column as weighted levels.

    Parameters
    ----------
    transformer : transformer
        The transformer to wrap, e.g. `TfidfVectorizer()`, `CountVectorizer()` or a
        pipeline of them. It gets the input of this step, and returns numbers.

    Attributes
    ----------
    transformer_ : transformer
        The fitted transformer.

    See Also
    --------
    sklearn_dcn.DCNClassifier : `pooling` says how the words of a cell are pooled.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.compose import make_column_transformer
    >>> from sklearn.feature_extraction.text import TfidfVectorizer
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_dcn import DCNClassifier
    >>> from sklearn_dcn.preprocessing import BagColumn
    >>> X = pd.DataFrame({"title": ["red car", "old car"] * 50, "city": ["Oslo"] * 100})
    >>> columns = make_column_transformer(
    ...     (BagColumn(TfidfVectorizer()), "title"), ("passthrough", ["city"])
    ... )
    >>> model = make_pipeline(columns, DCNClassifier(max_epochs=1, random_state=0))
    >>> model.fit(X, [0, 1] * 50).predict_proba(X.head(3)).shape
    (3, 2)
    """

    def __init__(self, transformer: Any) -> None:
        self.transformer = transformer

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit a copy of the transformer.

        Parameters
        ----------
        X : array-like
            What the transformer takes: a column of texts, or a table.
        y : array-like of shape (n_samples,), default=None
            The target, for a transformer that asks for it.

        Returns
        -------
        self : object
            The fitted transformer.
        """
        inner = self._begin(X)
        with config_context(transform_output="default"):  # no frame is sparse
            inner.fit(X, y)
        return self

    def fit_transform(self, X: Any, y: Any = None) -> Any:
        """Fit a copy of the transformer, and return its output as one column.

        Parameters
        ----------
        X : array-like
            What the transformer takes.
        y : array-like of shape (n_samples,), default=None
            The target, for a transformer that asks for it.

        Returns
        -------
        column : ndarray of shape (n_samples, 1)
            As of `transform`.
        """
        inner = self._begin(X)
        with config_context(transform_output="default"):
            made = inner.fit_transform(X, y)
        return self._to_column(made, _num_samples(X))

    def transform(self, X: Any) -> Any:
        """Return the transformer's output as one column.

        Parameters
        ----------
        X : array-like
            What the transformer takes.

        Returns
        -------
        column : ndarray of shape (n_samples, 1)
            Dicts {name: value} of the columns that are not 0; where the transformer
            gives no names, positions stand for them. A DataFrame if `set_output` asks
            for one.
        """
        check_is_fitted(self)
        with config_context(transform_output="default"):
            made = self.transformer_.transform(X)
        return self._to_column(made, _num_samples(X))

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """Return the name of the column: the input column's name, or "bag".

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of the input columns; None means those of `fit`.

        Returns
        -------
        name : ndarray of shape (1,)
            The name.
        """
        check_is_fitted(self)
        names = self._names if input_features is None else [*input_features]
        return np.asarray(names if len(names) == 1 else ["bag"], dtype=object)

    def _begin(self, X: Any) -> Any:
        """Return a copy of the transformer, to be fitted."""
        if not hasattr(self.transformer, "fit") or isinstance(self.transformer, type):
            raise TypeError(
                "transformer must be a transformer, e.g. TfidfVectorizer(); got "
                f"{self.transformer!r}."
            )
        self.transformer_ = clone(self.transformer)
        names = getattr(X, "columns", [getattr(X, "name", None)])
        self._names = [name for name in names if isinstance(name, str)]
        return self.transformer_

    def _to_column(self, X: Any, n_rows: int) -> Any:
        """Return the transformer's output for so many rows as one column."""
        X = to_sparse(check_table(X))
        if X.shape[0] != n_rows:
            raise ValueError(
                f"{type(self.transformer).__name__} made {X.shape[0]} rows of "
                f"{n_rows}. A transformer that reads texts takes a single column: name "
                "it as a string, 'title', and not as a list, ['title']."
            )
        names = np.arange(X.shape[1])
        if hasattr(self.transformer_, "get_feature_names_out"):
            found = np.asarray(self.transformer_.get_feature_names_out(), dtype=object)
            names = found if len(set(found)) == len(found) else names
        is_there = X.data != 0
        ends = np.concatenate([[0], np.cumsum(is_there)])[X.indptr]
        words, values = names[X.indices[is_there]].tolist(), X.data[is_there].tolist()
        column = np.empty((X.shape[0], 1), dtype=object)
        for i, (start, end) in enumerate(pairwise(ends.tolist())):
            column[i, 0] = dict(zip(words[start:end], values[start:end], strict=True))
        return column
