"""All steps of the estimators' encoding in one ColumnTransformer."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.utils._set_output import _get_output_config
from sklearn.utils.validation import validate_data

from .._table import (
    Kind,
    check_references,
    check_table,
    column_names,
    describe,
    find_kinds,
    get_columns,
    header,
    is_date_kind,
    mark_ids,
    resolve_lists,
    to_categorical,
    to_lists,
    to_polars,
)
from ._encoder import CategoryEncoder
from ._normalizer import ContinuousNormalizer

__all__ = ["is_preprocessor", "make_dcn_preprocessor"]


def make_dcn_preprocessor(
    *,
    categorical_features: Any = "from_dtype",
    multivalued_features: Any = "from_dtype",
    min_frequency: float | None = None,
    max_categories: int | None = None,
    hashing: dict[Any, int] | None = None,
    numeric_transform: str | None = "quantile",
) -> ColumnTransformer:
    """Return the estimators' encoding as a `ColumnTransformer`.

    Its output says which columns are ids: `DCNClassifier` and `DCNRegressor` find them
    by themselves, and predict as if they had been given the table itself. Output in
    pandas or polars has columns of categories, whose labels are the levels. The default
    output is an array of numbers, and of lists where there are lists.

    Parameters
    ----------
    categorical_features : {"from_dtype"} or array-like of str, int or bool or None, \
default="from_dtype"
        Which columns are categories, as in :class:`~sklearn_dcn.DCNClassifier`.
    multivalued_features : {"from_dtype"}, array-like or dict or None, \
default="from_dtype"
        Which columns hold several levels a cell; their strings are split into lists.
    min_frequency, max_categories, hashing
        As in :class:`CategoryEncoder`.
    numeric_transform : {"quantile", "robust", "standard", "signed_log"} or None, \
default="quantile"
        The `method` of :class:`ContinuousNormalizer`.

    Returns
    -------
    preprocessor : ColumnTransformer
        With the steps "categories", "lists" and "numbers", in this order.

    Notes
    -----
    In the default output, metadata of the array's dtype mark the ids. They survive
    indexing of rows, copying and pickling, but not arithmetic, another
    `ColumnTransformer` or a `FeatureUnion`: after these an estimator would read ids as
    numbers, so use ``set_output(transform="pandas")``.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_dcn import DCNClassifier
    >>> from sklearn_dcn.datasets import load_online_shoppers
    >>> from sklearn_dcn.preprocessing import make_dcn_preprocessor
    >>> X, y = load_online_shoppers(return_X_y=True)
    >>> model = make_pipeline(
    ...     make_dcn_preprocessor(), DCNClassifier(max_epochs=1, validation="last")
    ... )
    >>> model.fit(X, y).predict_proba(X.head(2)).shape
    (2, 2)
    """
    features = (categorical_features, multivalued_features)
    return _Preprocessor(
        [
            (
                "categories",
                CategoryEncoder(
                    min_frequency=min_frequency,
                    max_categories=max_categories,
                    hashing=hashing,
                ),
                ColumnsOfKind("category", *features),
            ),
            (
                "lists",
                ListSplitter(multivalued_features),
                ColumnsOfKind("list", *features),
            ),
            (
                "numbers",
                ContinuousNormalizer(method=numeric_transform),
                ColumnsOfKind("number", *features),
            ),
        ],
        verbose_feature_names_out=False,
    )


class ColumnsOfKind:
    """Selector of the columns that the estimators would read as one kind.

    Parameters
    ----------
    kind : {"category", "list", "number"}
        The kind.
    categorical_features, multivalued_features
        As of the estimators.
    """

    def __init__(
        self, kind: Kind, categorical_features: Any, multivalued_features: Any
    ) -> None:
        self.kind = kind
        self.categorical_features = categorical_features
        self.multivalued_features = multivalued_features

    def __call__(self, X: Any) -> list[Any]:
        """Return names of columns, or positions where they have none."""
        X = check_table(X)
        check_references(X, vars(self))
        names = column_names(X) or [*range(X.shape[1])]
        separators = resolve_lists(self.multivalued_features, names)
        kinds = find_kinds(get_columns(X), names, self.categorical_features, separators)
        for name, kind in zip(names, kinds, strict=True):
            if is_date_kind(kind) or kind == "vector":
                remedy = "use multivalued_features for lists of levels."
                if kind != "vector":
                    remedy = (
                        "replace the column by numbers or categories, e.g. .dt.hour, "
                        ".dt.day_of_week or .dt.total_seconds()."
                    )
                raise TypeError(
                    f"{describe(name)} holds {kind}s, which an estimator reads by "
                    "itself, but make_dcn_preprocessor does not take. Give the "
                    f"estimator the table as it is, or {remedy}"
                )
        return [
            name for name, kind in zip(names, kinds, strict=True) if kind == self.kind
        ]


class ListSplitter(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Separated strings -> lists; lists stay as they are.

    Parameters
    ----------
    multivalued_features
        As in the estimators; it names columns of the original table.
    """

    def __init__(self, multivalued_features: Any = "from_dtype") -> None:
        self.multivalued_features = multivalued_features

    def fit(self, X: Any, y: Any = None) -> Self:
        """Note the names of the columns."""
        validate_data(self, header(check_table(X)), skip_check_array=True)
        return self

    def transform(self, X: Any) -> Any:
        """Return the table with every cell a list, a mapping or None."""
        X = check_table(X)
        columns = get_columns(X)
        names = column_names(X) or [*range(len(columns))]
        wanted = self.multivalued_features
        separators = wanted if isinstance(wanted, dict) else {}
        if column_names(X) is None and separators:  # positions in a larger table
            separators = dict(enumerate(separators[j] for j in sorted(separators)))
        cells = [
            to_lists(column, name, separators.get(name))
            for column, name in zip(columns, names, strict=True)
        ]
        if _get_output_config("transform", self)["dense"] == "polars":
            return to_polars(dict(zip(names, cells, strict=True)))
        table = np.empty((X.shape[0], len(columns)), dtype=object)
        for j, column in enumerate(cells):
            for i, cell in enumerate(column):
                table[i, j] = cell
        return table

    def __sklearn_tags__(self) -> Any:
        """Say what scikit-learn may expect."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def is_preprocessor(transformer: Any) -> bool:
    """Tell whether a transformer was made by `make_dcn_preprocessor`."""
    return isinstance(transformer, _Preprocessor)


class _Preprocessor(ColumnTransformer):
    """A `ColumnTransformer` whose output says which columns are ids."""

    def _hstack(self, Xs: Any, *, n_samples: int) -> Any:
        stacked: Any = super()._hstack(Xs, n_samples=n_samples)
        at = self.output_indices_["categories"]
        if at.start == at.stop:
            return stacked
        encoders = self.named_transformers_["categories"]._encoders
        positions = {at.start + k: e.vocabulary for k, e in enumerate(encoders)}
        if isinstance(stacked, np.ndarray):
            return mark_ids(stacked, positions)
        return to_categorical(stacked, positions)
