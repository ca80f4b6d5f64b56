"""Boosted trees as pipelines from the raw DataFrame: what one would use instead."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

# Name -> the module that it needs beside scikit-learn.
LIBRARIES = {
    "lightgbm": ("lightgbm",),
    "catboost": ("catboost",),
    "xgboost": ("xgboost",),
    "HistGradientBoosting": (),
}


class CategoricalDtypes(TransformerMixin, BaseEstimator):
    """Strings -> pandas categories: those of `fit`, a new level is missing.

    LightGBM and XGBoost know categories by this dtype.
    """

    def fit(self, X, y=None):
        """Learn the levels of every column that is not numeric."""
        self.dtypes_ = {
            name: pd.CategoricalDtype(X[name].dropna().unique())
            for name in X.columns.difference(X.select_dtypes("number").columns)
        }
        return self

    def transform(self, X):
        """Return the frame with categories."""
        codes = {
            name: pd.Categorical.from_codes(
                dtype.categories.get_indexer(X[name]), dtype=dtype
            )
            for name, dtype in self.dtypes_.items()
        }
        return X.assign(**codes)


def make_trees(library, X, threads, n_trees=None):
    """Return a classifier that takes the frame as it is.

    Parameters
    ----------
    library : str
        One of `LIBRARIES`.
    X : DataFrame
        For its columns.
    threads : int
        Number of threads.
    n_trees : int or None
        Number of trees; None is the library's default.
    """
    numbers = list(X.select_dtypes("number").columns)
    strings = [name for name in X.columns if name not in numbers]
    if library == "lightgbm":
        from lightgbm import LGBMClassifier

        model = LGBMClassifier(
            n_estimators=n_trees or 100, n_jobs=threads, random_state=0, verbose=-1
        )
        return make_pipeline(CategoricalDtypes(), model)
    if library == "xgboost":
        from xgboost import XGBClassifier

        model = XGBClassifier(
            n_estimators=n_trees,
            enable_categorical=True,
            n_jobs=threads,
            random_state=0,
        )
        return make_pipeline(CategoricalDtypes(), model)
    if library == "catboost":
        from catboost import CatBoostClassifier

        return CatBoostClassifier(  # takes the strings as they are
            iterations=n_trees,
            cat_features=strings,
            thread_count=threads,
            random_seed=0,
            verbose=False,
            allow_writing_files=False,
        )
    from sklearn.ensemble import HistGradientBoostingClassifier

    unknown = {"handle_unknown": "use_encoded_value", "unknown_value": np.nan}
    return make_pipeline(
        make_column_transformer(
            (OrdinalEncoder(**unknown), strings),
            remainder="passthrough",
        ),
        HistGradientBoostingClassifier(max_iter=n_trees or 100, random_state=0),
    )
