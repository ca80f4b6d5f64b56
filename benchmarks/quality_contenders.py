"""Contenders of the suite `quality`: each takes the raw frame and stops when it likes.

A contender has `fit` of a `Split` and `predict` of a frame: P(y = 1), or the number.
Those that stop early by a validation split are given the same one; the others, and
those that make a split of their own, get all training rows.
"""

from __future__ import annotations

import copy
import inspect
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
    TargetEncoder,
)

from .quality_tables import with_lists
from .trees import CategoricalDtypes

MOST_ROUNDS, PATIENCE = 2000, 50  # of boosting; CatBoost keeps its default of 1000
MOST_EPOCHS, EPOCHS_OF_PATIENCE = 50, 5  # of DeepCTR-Torch, which has no defaults
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
    task : {"binary", "regression"}
    seed : int
        Random state.
    lists : dict
        Columns of several levels a cell -> separator.
    """

    packages: tuple = ()
    model = None

    def __init__(self, task, seed, lists):
        self.task, self.seed, self.lists = task, seed, lists
        self.is_binary = task == "binary"

    def fit(self, split):
        """Train."""
        raise NotImplementedError

    def predict(self, X):
        """Return P(y = 1), or the number."""
        return self._answers(self.prepare(X))

    def prepare(self, X):
        """Return the rows in the form that the model takes."""
        return X

    def _answers(self, X):
        if self.is_binary:
            return self.model.predict_proba(X)[:, 1]
        return self.model.predict(X)


class Ours(Rival):
    """The estimator: its default constructor, or a variant."""

    packages = ("sklearn-dcn",)

    def __init__(self, task, seed, lists, **kwargs):
        super().__init__(task, seed, lists)
        from sklearn_dcn import DCNClassifier, DCNRegressor

        estimator = DCNClassifier if self.is_binary else DCNRegressor
        self.model = estimator(random_state=seed).set_params(**kwargs)

    def fit(self, split):
        """Train on all rows; where it stops early the split is its own."""
        self.model.fit(self.prepare(split.X), split.y)

    def prepare(self, X):
        """Return the frame with lists in the cells, as the default understands them."""
        return with_lists(X, self.lists)


class Linear(Rival):
    """Logistic or ridge regression on one-hot categories and scaled numbers."""

    def make_model(self):
        """Return the last step."""
        from sklearn.linear_model import LogisticRegression, Ridge

        return LogisticRegression(max_iter=2000) if self.is_binary else Ridge()

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

    def make_model(self):
        """Return the last step."""
        from sklearn.neural_network import MLPClassifier, MLPRegressor

        mlp = MLPClassifier if self.is_binary else MLPRegressor
        return mlp(early_stopping=True, random_state=self.seed)


class Boosting(Rival):
    """Trees that know the dtype of categories."""

    def fit(self, split):
        """Train until the loss of the validation split has not fallen for a while."""
        self.dtypes = CategoricalDtypes().fit(split.X_fit)
        X, X_valid = self.prepare(split.X_fit), self.prepare(split.X_valid)
        self.train(X, split.y_fit, X_valid, split.y_valid)

    def prepare(self, X):
        """Return the frame with categories, its columns under names that all take."""
        X = self.dtypes.transform(X)
        return X.set_axis([f"x{j}" for j in range(X.shape[1])], axis=1)

    def train(self, X, y, X_valid, y_valid):
        """Make and train the model."""
        raise NotImplementedError


class LightGBM(Boosting):
    """LightGBM."""

    packages = ("lightgbm",)

    def train(self, X, y, X_valid, y_valid):
        """Make and train the model."""
        import lightgbm

        model = lightgbm.LGBMClassifier if self.is_binary else lightgbm.LGBMRegressor
        self.model = model(
            n_estimators=MOST_ROUNDS, n_jobs=1, random_state=self.seed, verbose=-1
        )
        stop = lightgbm.early_stopping(PATIENCE, verbose=False)
        self.model.fit(X, y, eval_set=[(X_valid, y_valid)], callbacks=[stop])


class XGBoost(Boosting):
    """XGBoost."""

    packages = ("xgboost",)

    def train(self, X, y, X_valid, y_valid):
        """Make and train the model."""
        import xgboost

        model = xgboost.XGBClassifier if self.is_binary else xgboost.XGBRegressor
        self.model = model(
            n_estimators=MOST_ROUNDS,
            early_stopping_rounds=PATIENCE,
            enable_categorical=True,
            n_jobs=1,
            random_state=self.seed,
        )
        self.model.fit(X, y, eval_set=[(X_valid, y_valid)], verbose=False)


class CatBoost(Rival):
    """CatBoost, which takes strings as they are."""

    packages = ("catboost",)

    def fit(self, split):
        """Train until the loss of the validation split has not fallen for a while."""
        import catboost

        model = catboost.CatBoostClassifier
        if not self.is_binary:
            model = catboost.CatBoostRegressor
        self.model = model(
            cat_features=strings_of(split.X),
            thread_count=1,
            random_seed=self.seed,
            early_stopping_rounds=PATIENCE,
            verbose=False,
            allow_writing_files=False,
        )
        valid = (self.prepare(split.X_valid), split.y_valid)
        self.model.fit(self.prepare(split.X_fit), split.y_fit, eval_set=valid)

    def prepare(self, X):
        """Return the frame; a missing category is a level."""
        return X.fillna(dict.fromkeys(strings_of(X), "missing"))


class HistGradientBoosting(Boosting):
    """scikit-learn's trees; columns of many levels become means of the target."""

    def fit(self, split):
        """Train, with the encoder of many levels before the categories."""
        X = split.X_fit
        self.many = [c for c in strings_of(X) if X[c].nunique() > MOST_LEVELS]
        # Cross-fitted in the training rows, so that no row sees its own target.
        self.means = TargetEncoder(random_state=self.seed)
        if self.many:
            coded = self.means.fit_transform(X[self.many], split.y_fit)
            X = X.assign(**dict(zip(self.many, coded.T, strict=True)))
        self.dtypes = CategoricalDtypes().fit(X)
        X, X_valid = super().prepare(X), self.prepare(split.X_valid)
        self.train(X, split.y_fit, X_valid, split.y_valid)

    def prepare(self, X):
        """Return the frame with means and categories."""
        if self.many:
            coded = self.means.transform(X[self.many])
            X = X.assign(**dict(zip(self.many, coded.T, strict=True)))
        return super().prepare(X)

    def train(self, X, y, X_valid, y_valid):
        """Make and train the model."""
        from sklearn import ensemble

        model = ensemble.HistGradientBoostingClassifier
        if not self.is_binary:
            model = ensemble.HistGradientBoostingRegressor
        self.model = model(
            max_iter=MOST_ROUNDS,
            n_iter_no_change=PATIENCE,
            early_stopping=True,
            categorical_features="from_dtype",
            random_state=self.seed,
        )
        valid = {"X_val": X_valid, "y_val": y_valid}
        if "X_val" not in inspect.signature(self.model.fit).parameters:
            # Before scikit-learn 1.7 the split is its own, of all training rows.
            X, y, valid = pd.concat([X, X_valid]), np.concatenate([y, y_valid]), {}
        self.model.fit(X, y, **valid)


class DeepCTR(Rival):
    """DeepCTR-Torch's DCN with its defaults; the best epoch is kept."""

    packages = ("deepctr-torch",)

    def fit(self, split):
        """Train until the validation loss has not fallen for a few epochs."""
        X, y = split.X_fit, split.y_fit
        self.strings, self.numbers = strings_of(X), numbers_of(X)
        unknown = {"handle_unknown": "use_encoded_value", "unknown_value": -1}
        self.codes = OrdinalEncoder(**unknown)
        if self.strings:
            self.codes.fit(X[self.strings].fillna("missing"))
        self.scaler = make_pipeline(
            SimpleImputer(keep_empty_features=True), MinMaxScaler(clip=True)
        )
        if self.numbers:
            self.scaler.fit(X[self.numbers])
        self.model = self._make()
        inputs, valid = self.prepare(X), self.prepare(split.X_valid)
        best, state, waited = np.inf, None, 0
        for _ in range(MOST_EPOCHS):
            self.model.fit(inputs, y.astype("float32"), epochs=1, verbose=0)
            loss = self._loss(split.y_valid, self._answers(valid))
            if loss < best:
                best, waited = loss, 0
                state = copy.deepcopy(self.model.state_dict())
            else:
                waited += 1
            if waited == EPOCHS_OF_PATIENCE:
                break
        self.model.load_state_dict(state)

    def prepare(self, X):
        """Return ids, 0 where unknown, and numbers from 0 to 1."""
        inputs = {}
        if self.strings:
            ids = self.codes.transform(X[self.strings].fillna("missing")) + 1
            inputs = {f"C{c}": codes for c, codes in enumerate(ids.T)}
        if self.numbers:
            scaled = self.scaler.transform(X[self.numbers])
            inputs |= {f"I{j}": x for j, x in enumerate(scaled.T)}
        return inputs

    def _make(self):
        from .libraries import import_deepctr

        deepctr = import_deepctr()
        from deepctr_torch.inputs import DenseFeat, SparseFeat

        columns = [
            SparseFeat(f"C{c}", vocabulary_size=len(levels) + 1)
            for c, levels in enumerate(getattr(self.codes, "categories_", ()))
        ]
        columns += [DenseFeat(f"I{j}", 1) for j in range(len(self.numbers))]
        task = "binary" if self.is_binary else "regression"
        model = deepctr.models.DCN(columns, columns, task=task, seed=self.seed)
        model.compile("adam", "binary_crossentropy" if self.is_binary else "mse")
        return model

    def _answers(self, X):
        return self.model.predict(X, batch_size=8192)[:, 0]

    def _loss(self, y, answers):
        from sklearn.metrics import log_loss, mean_squared_error

        return (log_loss if self.is_binary else mean_squared_error)(y, answers)


class PyTabKit(Rival):
    """Networks of pytabkit with their tuned defaults; subclasses name them."""

    packages = ("pytabkit",)
    classifier = regressor = ""

    def fit(self, split):
        """Train; the epoch that is best on the validation split is kept."""
        import pytabkit

        X = split.X_fit
        self.numbers = numbers_of(X)
        self.imputer = SimpleImputer(
            strategy="median", add_indicator=True, keep_empty_features=True
        )
        if self.numbers:
            self.imputer.fit(X[self.numbers])
        self.dtypes = CategoricalDtypes().fit(X)
        name = self.classifier if self.is_binary else self.regressor
        self.model = getattr(pytabkit, name)(
            device="cpu", random_state=self.seed, n_threads=1
        )
        X_valid = self.prepare(split.X_valid)
        self.model.fit(self.prepare(X), split.y_fit, X_valid, split.y_valid)

    def prepare(self, X):
        """Return categories, and numbers, which these networks want to be there."""
        categories = self.dtypes.transform(X).drop(columns=self.numbers)
        if not self.numbers:
            return categories
        numbers = pd.DataFrame(self.imputer.transform(X[self.numbers]), X.index)
        return pd.concat([categories, numbers.add_prefix("number ")], axis=1)


class RealMLP(PyTabKit):
    """RealMLP-TD."""

    classifier, regressor = "RealMLP_TD_Classifier", "RealMLP_TD_Regressor"


class TabM(PyTabKit):
    """TabM with its defaults."""

    classifier, regressor = "TabM_D_Classifier", "TabM_D_Regressor"


OURS = "dcn"
CONTENDERS = {
    OURS: Ours,
    "linear": Linear,
    "LightGBM": LightGBM,
    "XGBoost": XGBoost,
    "HistGradientBoosting": HistGradientBoosting,
    "CatBoost": CatBoost,
    "DeepCTR-Torch DCN": DeepCTR,
    "MLP": Perceptron,
    "RealMLP": RealMLP,
    "TabM": TabM,
}
TREES = ("LightGBM", "CatBoost", "XGBoost")  # whose best the others are set against
# Variants of ours: a name that begins with "dcn: " -> arguments of the constructor.
ABLATIONS: dict[str, dict] = {}


def version_of(name):
    """Return the versions that a contender's figures depend on; None: not there."""
    packages = CONTENDERS[name].packages or ("scikit-learn",)
    try:
        return " ".join(f"{package} {version(package)}" for package in packages)
    except PackageNotFoundError:
        return None
