"""Categories -> dense columns for any other model: the embeddings of a small DCN."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import TransformerMixin, clone
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import (
    _check_feature_names_in,
    _num_samples,
    check_is_fitted,
)

from .._estimator import BaseDCN, SavesToFile
from .._table import get_columns, to_float
from ..classifier import DCNClassifier
from ..regressor import DCNRegressor

__all__ = ["CategoricalEmbedder"]


class CategoricalEmbedder(TransformerMixin, SavesToFile):
    """Turn categories into dense columns that are learned from the target.

    `fit` trains a small Deep & Cross Network on the table. `transform` replaces the
    columns of categories, lists and vectors by their embeddings, and returns the
    numbers as they are. A level that `fit` did not see gets the embedding of unknown
    levels, which is trained too.

    Parameters
    ----------
    categorical_features : {"from_dtype"} or array-like of str, int or bool or None, \
default="from_dtype"
        Which columns are categories, as in :class:`~sklearn_dcn.DCNClassifier`.
    multivalued_features : {"from_dtype"}, array-like or dict or None, \
default="from_dtype"
        Which columns hold several levels a cell.
    embedding_dim : int, "auto" or dict, default=4
        Number of columns for each column of categories. Few are enough: levels with
        similar effects get similar embeddings.
    estimator : DCNClassifier, DCNRegressor, DCNMultiTask or None, default=None
        The network to train, with any parameters but the three above; its
        `numeric_levels` and `memorized_crosses` are set to None. None means a
        classifier or a regressor, depending on the target, with one small hidden
        layer, trained for one epoch.
    random_state : int, RandomState instance or None, default=None
        Source of the network's randomness if `estimator` is None.

    Attributes
    ----------
    estimator_ : DCNClassifier, DCNRegressor or DCNMultiTask
        The trained network.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if all are strings.

    See Also
    --------
    sklearn.preprocessing.TargetEncoder : One column per category, without a network.

    References
    ----------
    Guo & Berkhahn, "Entity Embeddings of Categorical Variables", 2016,
    arXiv:1604.06737.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import train_test_split
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_dcn.datasets import load_online_shoppers
    >>> from sklearn_dcn.preprocessing import CategoricalEmbedder
    >>> X, y = load_online_shoppers(return_X_y=True)
    >>> X, _, y, _ = train_test_split(X, y, random_state=0)
    >>> embedder = CategoricalEmbedder(embedding_dim=2, random_state=0)
    >>> model = make_pipeline(embedder, StandardScaler(), LogisticRegression())
    >>> model.fit(X, y).score(X, y) > 0.85
    True
    """

    def __init__(
        self,
        *,
        categorical_features: Any = "from_dtype",
        multivalued_features: Any = "from_dtype",
        embedding_dim: int | str | dict[str, int] = 4,
        estimator: Any = None,
        random_state: Any = None,
    ) -> None:
        self.categorical_features = categorical_features
        self.multivalued_features = multivalued_features
        self.embedding_dim = embedding_dim
        self.estimator = estimator
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train the network.

        Parameters
        ----------
        X : DataFrame, array-like or sparse matrix of shape (n_samples, n_features)
            The table.
        y : array-like of shape (n_samples,)
            Target: labels, or numbers for a regression.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row.

        Returns
        -------
        self : object
            The fitted embedder.

        Raises
        ------
        ValueError, TypeError
            As raised by the network's `fit`.
        """
        estimator = self._make_estimator(y)
        estimator.set_params(
            categorical_features=self.categorical_features,
            multivalued_features=self.multivalued_features,
            embedding_dim=self.embedding_dim,
            # What else says something of a level would take it from its embedding.
            numeric_levels=None,
            memorized_crosses=None,
            n_members=1,
        )
        self.estimator_ = estimator.fit(X, y, sample_weight)
        self.n_features_in_ = estimator.n_features_in_
        if hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        if hasattr(estimator, "feature_names_in_"):
            self.feature_names_in_ = estimator.feature_names_in_
        return self

    feature_names_in_: NDArray[Any]

    def _make_estimator(self, y: Any) -> BaseDCN:
        if self.estimator is not None:
            if not isinstance(self.estimator, (DCNClassifier, DCNRegressor)):
                raise TypeError(
                    "estimator must be a DCNClassifier, a DCNRegressor or None; got "
                    f"{self.estimator!r}."
                )
            return clone(self.estimator)
        if y is None:  # in scikit-learn's words
            raise ValueError(
                "CategoricalEmbedder requires y to be passed, but the target y is None."
            )
        is_continuous = type_of_target(y).startswith("continuous")
        kind = DCNRegressor if is_continuous else DCNClassifier
        # A single pass, in about 90 steps: embeddings that have seen their rows twice
        # look better on those rows than on others to the model behind them.
        n_rows = max(1, _num_samples(y) / 90)
        n_batch = np.clip(2 ** round(np.log2(n_rows)), 64, 1024)
        return kind(
            hidden_layer_sizes=(64,),
            learning_rate=0.002,
            ema_decay=None,
            max_epochs=1,
            batch_size=int(n_batch),
            early_stopping=False,
            random_state=self.random_state,
        )

    def transform(self, X: Any) -> NDArray[np.floating[Any]]:
        """Return embeddings in place of categories, and the numbers.

        Parameters
        ----------
        X : DataFrame, array-like or sparse matrix of shape (n_samples, n_features)
            Rows with the columns of `fit`.

        Returns
        -------
        dense : ndarray of shape (n_samples, n_features_out)
            A DataFrame if `set_output` asks for one.
        """
        check_is_fitted(self)
        X = self.estimator_._check_X(X, reset=False)
        x_0 = self.estimator_._stack(X)
        parts = [x_0[:, part] for part in self._slices()]
        if self.estimator_.encoder_.numbers:
            encoder = self.estimator_.encoder_
            columns, names = encoder.spread(get_columns(X)), encoder.names
            numbers = [to_float(columns[k], names[k]) for k in encoder.numbers]
            parts.append(np.stack(numbers, axis=1))
        return np.hstack(parts)

    def _slices(self) -> list[slice]:
        """Return where the embeddings of categories, lists, vectors stand in x_0."""
        stack = self.estimator_.module_.members[0].embedding
        n = len(stack.embedding_dims) + len(stack.vectors.dims)
        return stack.field_slices[:n]

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """Return the names of the dense columns, e.g. "city_0".

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            If given, must be the names of `fit`. If the columns of `fit` had no names,
            these are used; None means "x0" and so on.

        Returns
        -------
        names : ndarray of str
            First the names of the embeddings, then those of the numbers.
        """
        check_is_fitted(self)
        encoder = self.estimator_.encoder_
        given = _check_feature_names_in(self, input_features)
        names = encoder.spread_names(given)
        columns = (*encoder.categories, *encoder.lists, *encoder.vectors)
        fields = [names[j] for j in columns]
        if encoder.block is not None:
            fields = ["embedding"]
        widths = [part.stop - part.start for part in self._slices()]
        dense = [
            f"{field}_{k}"
            for field, width in zip(fields, widths, strict=True)
            for k in range(width)
        ]
        dense += [names[j] for j in encoder.numbers]
        return np.asarray(dense, dtype=object)

    def __sklearn_tags__(self) -> Any:
        """Say what scikit-learn may expect."""
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = []
        return tags
