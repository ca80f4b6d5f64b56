"""Rivals of the suite `quality`: linear models, scikit-learn's MLP, boosted trees."""

from __future__ import annotations

import importlib
import inspect
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler, TargetEncoder

from .trees import CategoricalDtypes

MOST_ROUNDS, PATIENCE = 2000, 50  # of boosting; CatBoost keeps its default of 1000
MOST_LEVELS = 254  # that HistGradientBoosting takes as categories, beside missing


@dataclass
class Split:
    """Training rows, and the same rows as a larger and a smaller part.

    Parameters
    ----------
    X, y : DataFrame, ndarray
        All training rows.
    X_fit, y_fit, X_valid, y_valid : DataFrame, ndarray
        Nine tenths of them, and the tenth that says when to stop.
    """

    X: pd.DataFrame
    y: np.ndarray
    X_fit: pd.DataFrame
    y_fit: np.ndarray
    X_valid: pd.DataFrame
    y_valid: np.ndarray


def strings_of(X):
    """Return the names of the columns that are not numbers."""
    numbers = set(X.select_dtypes("number").columns)
    return [name for name in X.columns if name not in numbers]


def numbers_of(X):
    """Return the names of the columns of numbers."""
    return list(X.select_dtypes("number").columns)


class Rival:
    """What all contenders share.

    Parameters
    ----------
    task : {"binary", "multiclass", "regression"}
    seed : int
        Random state.
    lists : dict
        Columns of several levels a cell -> separator.
    """

    packages: tuple = ()  # whose versions the figures depend on
    modules: tuple = ()
    threads = 1
    model = None

    def __init__(self, task, seed, lists):
        self.task, self.seed, self.lists = task, seed, lists
        self.is_binary, self.has_classes = task == "binary", task != "regression"
        for name in self.modules:  # here, as imports are no part of the fit
            importlib.import_module(name)

    def fit(self, split):
        """Train."""
        raise NotImplementedError

    def predict(self, X):
        """Return P(y = 1), of several classes the P of each, or the number."""
        return self._answers(self.prepare(X))

    def prepare(self, X):
        """Return the rows in the form that the model takes."""
        return X

    def _answers(self, X):
        if not self.has_classes:
            return self.model.predict(X)
        p = self.model.predict_proba(X)
        return p[:, 1] if self.is_binary else p


class Linear(Rival):
    """Logistic or ridge regression on one-hot categories and scaled numbers."""

    modules = ("sklearn.linear_model",)

    def make_model(self):
        """Return the last step."""
        from sklearn.linear_model import LogisticRegression, Ridge

        return LogisticRegression(max_iter=2000) if self.has_classes else Ridge()

    def fit(self, split):
        """Train on all rows."""
        scale = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
        columns = make_column_transformer(
            (OneHotEncoder(handle_unknown="ignore"), strings_of(split.X)),
            (scale, numbers_of(split.X)),
        )
        self.model = make_pipeline(columns, self.make_model()).fit(split.X, split.y)


class Perceptron(Linear):
    """scikit-learn's MLP in the place of the linear model; the split is its own."""

    modules = ("sklearn.neural_network",)

    def make_model(self):
        """Return the last step."""
        from sklearn.neural_network import MLPClassifier, MLPRegressor

        mlp = MLPClassifier if self.has_classes else MLPRegressor
        return mlp(early_stopping=True, random_state=self.seed)


class Boosting(Rival):
    """Trees that know the dtype of categories."""

    def fit(self, split):
        """Train until the loss of the validation split has not fallen for a while."""
        X = self.learn(split.X_fit, split.y_fit)
        self.train(X, split.y_fit, self.prepare(split.X_valid), split.y_valid)

    def learn(self, X, y):
        """Learn the levels of the training rows; return the rows prepared."""
        self.dtypes = CategoricalDtypes().fit(X)
        return self.prepare(X)

    def prepare(self, X):
        """Return the frame with categories, its columns under names that all take."""
        X = self.dtypes.transform(X)
        return X.set_axis([f"x{j}" for j in range(X.shape[1])], axis=1)

    def make_model(self, **more):
        """Return the library's default, with more arguments."""
        raise NotImplementedError

    def train(self, X, y, X_valid, y_valid):
        """Make and train the model."""
        raise NotImplementedError


class LightGBM(Boosting):
    """LightGBM."""

    packages = modules = ("lightgbm",)

    def make_model(self, **more):
        """Return the library's default, with more arguments."""
        import lightgbm

        model = lightgbm.LGBMClassifier if self.has_classes else lightgbm.LGBMRegressor
        same = {"n_jobs": self.threads, "random_state": self.seed, "verbose": -1}
        return model(**same, **more)

    def train(self, X, y, X_valid, y_valid):
        """Make and train the model."""
        import lightgbm

        self.model = self.make_model(n_estimators=MOST_ROUNDS)
        stop = lightgbm.early_stopping(PATIENCE, verbose=False)
        self.model.fit(X, y, eval_set=[(X_valid, y_valid)], callbacks=[stop])


class XGBoost(Boosting):
    """XGBoost."""

    packages = modules = ("xgboost",)

    def make_model(self, **more):
        """Return the library's default, with more arguments."""
        import xgboost

        model = xgboost.XGBClassifier if self.has_classes else xgboost.XGBRegressor
        same = {"n_jobs": self.threads, "random_state": self.seed}
        return model(enable_categorical=True, **same, **more)

    def train(self, X, y, X_valid, y_valid):
        """Make and train the model."""
        self.model = self.make_model(
            n_estimators=MOST_ROUNDS, early_stopping_rounds=PATIENCE
        )
        self.model.fit(X, y, eval_set=[(X_valid, y_valid)], verbose=False)


class CatBoost(Rival):
    """CatBoost, which takes strings as they are."""

    packages = modules = ("catboost",)

    def fit(self, split):
        """Train until the loss of the validation split has not fallen for a while."""
        X = self.learn(split.X_fit, split.y_fit)
        self.model = self.make_model(early_stopping_rounds=PATIENCE)
        valid = (self.prepare(split.X_valid), split.y_valid)
        self.model.fit(X, split.y_fit, eval_set=valid)

    def learn(self, X, y):
        """Learn which columns are categories; return the rows prepared."""
        self.strings = strings_of(X)
        return self.prepare(X)

    def make_model(self, **more):
        """Return the library's default, with more arguments."""
        import catboost

        model = catboost.CatBoostClassifier
        if not self.has_classes:
            model = catboost.CatBoostRegressor
        return model(
            cat_features=self.strings,
            thread_count=self.threads,
            random_seed=self.seed,
            verbose=False,
            allow_writing_files=False,
            **more,
        )

    def prepare(self, X):
        """Return the frame; a missing category is a level."""
        return X.fillna(dict.fromkeys(self.strings, "missing"))


class HistGradientBoosting(Boosting):
    """scikit-learn's trees; columns of many levels become means of the target."""

    modules = ("sklearn.ensemble",)

    def learn(self, X, y):
        """Learn the means of many levels, then the categories; return the rows."""
        self.many = [c for c in strings_of(X) if X[c].nunique() > MOST_LEVELS]
        # Cross-fitted in the training rows, so that no row sees its own target.
        # Told what the target is: numbers without fractions look like classes.
        kind = self.task if self.has_classes else "continuous"
        self.means = TargetEncoder(target_type=kind, random_state=self.seed)
        if self.many:
            X = self._with_means(X, self.means.fit_transform(X[self.many], y))
        self.dtypes = CategoricalDtypes().fit(X)
        return super().prepare(X)

    def prepare(self, X):
        """Return the frame with means and categories."""
        if self.many:
            X = self._with_means(X, self.means.transform(X[self.many]))
        return super().prepare(X)

    def _with_means(self, X, coded):
        """Return the frame with means for levels, one for each of several classes."""
        names = self.means.get_feature_names_out()
        replaced = [name for name in self.many if name not in names]
        means = dict(zip(names, coded.T, strict=True))
        return X.drop(columns=replaced).assign(**means)

    def make_model(self, **more):
        """Return the library's default, with more arguments."""
        from sklearn import ensemble

        model = ensemble.HistGradientBoostingClassifier
        if not self.has_classes:
            model = ensemble.HistGradientBoostingRegressor
        same = {"categorical_features": "from_dtype", "random_state": self.seed}
        return model(**same, **more)

    def train(self, X, y, X_valid, y_valid):
        """Make and train the model."""
        self.model = self.make_model(
            max_iter=MOST_ROUNDS, n_iter_no_change=PATIENCE, early_stopping=True
        )
        valid = {"X_val": X_valid, "y_val": y_valid}
        if "X_val" not in inspect.signature(self.model.fit).parameters:
            # Before scikit-learn 1.7 the split is its own, of all training rows.
            X, y, valid = pd.concat([X, X_valid]), np.concatenate([y, y_valid]), {}
        self.model.fit(X, y, **valid)
