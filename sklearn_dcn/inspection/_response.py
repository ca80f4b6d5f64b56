"""What the effect of a column is measured in: the prediction, or its logit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._analysis import Floats, MixedLogits, Pool, output_names
from ._plotting import shorten

__all__ = ["make_response"]


def make_response(
    estimator: Any, response_method: str, output: Any
) -> tuple[MixedLogits, Callable[[Pool, NDArray[np.intp]], Floats], str]:
    """Return what reads rows, what predicts for mixes of them, and its name."""
    mixed = MixedLogits(estimator, output=output)
    if mixed.n_outputs > 1:
        raise ValueError(
            f"output must say which of {mixed.n_outputs} predictions to show: a class, "
            "or the number of an output; got None."
        )
    classes = getattr(estimator, "classes_", None)
    if isinstance(classes, dict):  # of several tasks
        return _response_of_task(mixed, estimator, response_method, output)
    if classes is None and response_method != "auto":
        raise ValueError(
            f"response_method must be 'auto' for a regression; got {response_method!r}."
        )

    def logit(pool: Pool, source: NDArray[np.intp]) -> Floats:
        return mixed(pool, source)[:, 0]

    if classes is None:
        of = "prediction" if output is None else f"prediction of output {output}"
        is_log = estimator._target.link == "log"
        return mixed, (lambda *of: np.exp(logit(*of))) if is_log else logit, of
    names, _ = output_names(estimator)
    k = 1 if output is None else names.index(output)
    of = shorten(f"of {names[k]!r}")
    if response_method == "decision_function":
        return mixed, logit, f"logit {of}"
    of_all = mixed if output is None else MixedLogits(estimator)

    def probability(pool: Pool, source: NDArray[np.intp]) -> Floats:
        return estimator._target.probabilities(of_all(pool, source))[:, k]

    return mixed, probability, f"probability {of}"


def _response_of_task(
    mixed: MixedLogits, estimator: Any, response_method: str, output: Any
) -> tuple[MixedLogits, Callable[[Pool, NDArray[np.intp]], Floats], str]:
    names, _ = output_names(estimator)
    inverse, of = estimator._target.response(names.index(output))
    if response_method == "decision_function":
        inverse, of = np.asarray, f"logit of {output!r}"
    return mixed, lambda pool, source: inverse(mixed(pool, source)[:, 0]), of
