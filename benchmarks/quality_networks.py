"""Rivals of the suite `quality` that are networks: DeepCTR-Torch, RealMLP, TabM."""

from __future__ import annotations

import copy
from typing import ClassVar

import numpy as np
import pandas as pd
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OrdinalEncoder

from .quality_rivals import Rival, numbers_of, strings_of
from .trees import CategoricalDtypes

MOST_EPOCHS, EPOCHS_OF_PATIENCE = 50, 5  # of DeepCTR-Torch, which has no defaults


class DeepCTR(Rival):
    """DeepCTR-Torch's DCN with its defaults; the best epoch is kept."""

    packages = ("deepctr-torch",)

    def __init__(self, task, seed, lists):
        super().__init__(task, seed, lists)
        if task == "multiclass":
            raise NotImplementedError("DeepCTR-Torch's DCN has one output.")
        from .libraries import import_deepctr

        self.models = import_deepctr().models

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
        from deepctr_torch.inputs import DenseFeat, SparseFeat

        columns = [
            SparseFeat(f"C{c}", vocabulary_size=len(levels) + 1)
            for c, levels in enumerate(getattr(self.codes, "categories_", ()))
        ]
        columns += [DenseFeat(f"I{j}", 1) for j in range(len(self.numbers))]
        task = "binary" if self.is_binary else "regression"
        model = self.models.DCN(columns, columns, task=task, seed=self.seed)
        model.compile("adam", "binary_crossentropy" if self.is_binary else "mse")
        return model

    def _answers(self, X):
        return self.model.predict(X, batch_size=8192)[:, 0]

    def _loss(self, y, answers):
        from sklearn.metrics import log_loss, mean_squared_error

        return (log_loss if self.is_binary else mean_squared_error)(y, answers)


class PyTabKit(Rival):
    """Networks of pytabkit with their tuned defaults; subclasses name them.

    Their classifiers keep the epoch of the fewest errors unless they are told what is
    judged: then the arguments are those that pytabkit recommends for log loss.
    """

    packages = modules = ("pytabkit",)
    classifier = regressor = ""
    for_log_loss: ClassVar[dict] = {"val_metric_name": "cross_entropy"}

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
        name = self.classifier if self.has_classes else self.regressor
        judged = self.for_log_loss if self.has_classes else {}
        self.model = getattr(pytabkit, name)(
            device="cpu", random_state=self.seed, n_threads=self.threads, **judged
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
    for_log_loss = PyTabKit.for_log_loss | {"use_ls": False}


class TabM(PyTabKit):
    """TabM with its defaults."""

    classifier, regressor = "TabM_D_Classifier", "TabM_D_Regressor"
