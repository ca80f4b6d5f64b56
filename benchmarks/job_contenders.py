"""Contenders of the suites `job` and `frontier`, each a process of its own."""

from __future__ import annotations

import time
import traceback
from importlib.util import find_spec

import numpy as np
import pandas as pd

from .quality_cell import VALID_SIZE, score, split_rows
from .quality_contenders import Ours
from .quality_networks import RealMLP
from .quality_rivals import (
    CatBoost,
    HistGradientBoosting,
    LightGBM,
    Split,
    XGBoost,
)
from .quality_tables import Table
from .workers import reset_peak_memory

OURS, STOPPED = "sklearn-dcn", "CatBoost early stopping"


class Preset(Ours):
    """The estimator with the parameters of a preset; "" is the default."""

    def __init__(self, task, seed, lists, preset=""):
        super().__init__(task, seed, lists, **parameters_of(preset))


class Default:
    """Trees as they come: all training rows, the library's own number of trees."""

    def fit(self, split):
        """Train on all rows."""
        X = self.learn(split.X, split.y)
        self.model = self.make_model().fit(X, split.y)


class DefaultLightGBM(Default, LightGBM):
    """LightGBM, 100 trees."""


class DefaultXGBoost(Default, XGBoost):
    """XGBoost, 100 trees."""


class DefaultCatBoost(Default, CatBoost):
    """CatBoost, 1,000 trees."""


class DefaultHistGradientBoosting(Default, HistGradientBoosting):
    """scikit-learn's trees, 100 of them, fewer where they stop by themselves."""


class HeldOut:
    """Early stopping that holds out its rows itself: the time for it is the fit's."""

    def fit(self, split):
        """Draw the rows to stop by, and train on the others."""
        from sklearn.model_selection import train_test_split

        X_fit, X_valid, y_fit, y_valid = train_test_split(
            split.X,
            split.y,
            test_size=VALID_SIZE,
            stratify=split.y if self.has_classes else None,
            random_state=self.seed,
        )
        super().fit(Split(split.X, split.y, X_fit, y_fit, X_valid, y_valid))


class StoppingCatBoost(HeldOut, CatBoost):
    """CatBoost with early stopping, 1,000 trees at most."""


class StoppingRealMLP(HeldOut, RealMLP):
    """RealMLP-TD; it keeps its best epoch."""


# Name -> class, arguments. Those of ours come first.
CONTENDERS = {
    OURS: (Preset, {}),
    f"{OURS} fast": (Preset, {"preset": "fast"}),
    f"{OURS} best": (Preset, {"preset": "best"}),
    "LightGBM": (DefaultLightGBM, {}),
    STOPPED: (StoppingCatBoost, {}),
    "CatBoost": (DefaultCatBoost, {}),
    "XGBoost": (DefaultXGBoost, {}),
    "HistGradientBoosting": (DefaultHistGradientBoosting, {}),
    "RealMLP": (StoppingRealMLP, {}),
}


def parameters_of(preset):
    """Return the parameters of a preset; ValueError, if there is none of the name."""
    if not preset:
        return {}
    from sklearn_dcn.presets import get_preset

    return get_preset(preset)


def reason_to_skip(name):
    """Return why a contender cannot take part, or None."""
    contender, arguments = CONTENDERS[name]
    if missing := [module for module in contender.modules if find_spec(module) is None]:
        return f"not installed (no module {missing[0]})"
    try:
        parameters_of(arguments.get("preset", ""))
    except ValueError as error:
        return f"no such preset ({error})"
    return None


class Job:
    """Fits and predictions of one contender on a table, another split each time.

    Parameters
    ----------
    name : str
        One of `CONTENDERS`.
    table : dict
        Arguments of `Table`.
    rows : int or None
        The most training rows; tables that are not split at random keep all.
    threads : int
        Number of threads.
    """

    def __init__(self, name, table, rows, threads):
        self.contender, self.arguments = CONTENDERS[name]
        self.table, self.rows, self.threads = Table(**table), rows, threads
        self.X, self.y, self.task, self.keys = self.table.load_with_keys()
        self.info = {"data_mib": reset_peak_memory(), "task": self.task}
        self.seed = 0
        self._fit_a_little()  # what a library imports late is no part of a fit

    def turn(self):
        """Fit and predict; return the seconds of both and the quality, or an error."""
        seed = self.seed
        self.seed += 1
        try:
            return {"seed": seed} | self._measure(seed)
        except Exception as error:  # one table more or less must not end a long run
            words = traceback.format_exception_only(error)[-1].strip()
            return {"seed": seed, "error": words[:300]}

    def _measure(self, seed):
        how, X, y = self.table.split, self.X, self.y
        split, X_test, y_test = split_rows(X, y, self.task, seed, None, how, self.keys)
        if how == "random" and self.rows is not None and self.rows < len(split.y):
            split, *_ = split_rows(X, y, self.task, seed, self.rows)
        model = self._make(self.task, seed, self.table.lists)
        start = time.perf_counter()
        model.fit(split)
        fitted = time.perf_counter()
        answers = model.predict(X_test)
        ended = time.perf_counter()
        seconds = {"fit_seconds": fitted - start, "predict_seconds": ended - fitted}
        seconds |= {"seconds": ended - start}
        sizes = {"n_train": len(split.y), "n_test": len(y_test)}
        return seconds | sizes | score(self.task, y_test, np.asarray(answers))

    def _make(self, task, seed, lists):
        model = self.contender(task, seed, lists, **self.arguments)
        model.threads = self.threads
        return model

    def _fit_a_little(self):
        rng = np.random.default_rng(0)
        X = pd.DataFrame({"x": rng.normal(size=400), "level": ["a", "b"] * 200})
        y = np.arange(400) % (3 if self.task == "multiclass" else 2)
        y = y + rng.normal(size=400) if self.task == "regression" else y
        model = self._make(self.task, 0, {})
        model.fit(Split(X, y, X, y, X, y))
        model.predict(X)
