"""The score of the validation rows, by a scorer of scikit-learn or the user's own."""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import config_context, get_config
from sklearn.metrics import check_scoring, get_scorer, get_scorer_names

__all__ = ["ValidationScore", "check_scorer"]


class ValidationScore:
    """Scores the logits of the validation rows, as an estimator's, during its fit.

    Parameters
    ----------
    estimator : BaseDCN
        The estimator, which already has its encoder and net.
    X, y, weight
        The validation rows, in the caller's terms.
    """

    def __init__(
        self, estimator: Any, X: Any, y: NDArray[Any], weight: NDArray[np.float64]
    ) -> None:
        self.estimator = estimator
        self.X = X
        self.y, more = estimator._scored(y)
        self.scorer = check_scorer("scoring", estimator.scoring)
        if weight.min() < weight.max():
            more["sample_weight"] = weight
        self.options = {k: v for k, v in more.items() if _takes(self.scorer, k)}
        self._has_groups = "groups" in self.options

    def __call__(self, logits: NDArray[np.float64]) -> float:
        """Return the score, a finite number."""
        model = copy.copy(self.estimator)

        def known(X: Any) -> NDArray[np.float64]:
            return logits if X is self.X else type(model)._logits(model, X)

        model._logits = known  # which all predictions are made of
        try:
            # A scorer is given more than rows and target where metadata are routed.
            routes = bool(get_config()["enable_metadata_routing"] or self._has_groups)
            with config_context(enable_metadata_routing=routes):
                score = self.scorer(model, self.X, self.y, **self.options)
        except Exception as error:
            scoring = self.estimator.scoring
            error.add_note(f"It was raised by scoring={scoring!r}, of validation rows.")
            raise
        try:
            number = float(score)
        except (TypeError, ValueError):
            number = math.nan
        if not math.isfinite(number):
            raise ValueError(
                f"scoring={self.estimator.scoring!r} must give a finite number; got "
                f"{score!r} for the {len(self.y)} validation rows. Use another scorer, "
                "or more of these rows."
            )
        return number


def check_scorer(name: str, value: Any) -> Callable[..., Any]:
    """Return the scorer that a parameter names or is.

    Raises
    ------
    ValueError
        If the parameter is neither.
    """
    reason = ""
    if isinstance(value, str):
        names = get_scorer_names()
        if value in names:
            return get_scorer(value)
        if near := get_close_matches(value, names):
            reason = f", which is close to {' and '.join(map(repr, near))}"
    elif callable(value):
        try:
            return check_scoring(None, value)
        except ValueError as error:
            reason = f" ({error})"
    raise ValueError(
        f"{name} must be None, 'loss', a scorer's name from sklearn.metrics."
        f"get_scorer_names(), or a callable (estimator, X, y); got {value!r}"
        f"{reason}."
    )


def _takes(scorer: Callable[..., Any], name: str) -> bool:
    """Tell whether a scorer, or the metric in it, has an argument."""
    function = getattr(scorer, "_score_func", scorer)
    try:
        return name in inspect.signature(function).parameters
    except (TypeError, ValueError):  # a function of C
        return False
