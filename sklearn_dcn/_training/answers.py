"""What scikit-learn's scorers ask of a net, in the caller's terms.

Callbacks as skorch's `EpochScoring` give a scorer the net itself. It answers as an
estimator would: with labels, probabilities, or numbers in the units of y.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import ClassifierTags, RegressorTags
from torch import Tensor

from ..network.ensemble import own_mean

__all__ = ["AnswersScorers"]


class AnswersScorers(BaseEstimator):
    """Predictions of a net as those of a classifier or regressor."""

    meaning: Any  # a target
    forward_iter: Any

    @property
    def classes_(self) -> NDArray[Any]:
        """The labels, sorted; of several labels 0 and 1 for each."""
        return self.meaning.classes

    def predict(self, X: Any) -> NDArray[Any]:
        """Return labels, or numbers in the units of y."""
        return self.meaning.predictions(self._logits(X))

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the probability of each class."""
        return self.meaning.probabilities(self._logits(X))

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Return the log-odds of the second class, or one logit for each class."""
        return self.meaning.decision(self._logits(X))

    def _logits(self, X: Any) -> NDArray[np.float64]:
        return torch.cat([*self.forward_iter(X)]).cpu().double().numpy()

    def _as_answer(self, logits: Tensor, target: dict[str, Tensor]) -> Tensor:
        """Return the logits of rows by the members that they are of, with an offset."""
        logits = own_mean(logits.detach(), target)
        if getattr(self.meaning, "has_offset", False):
            logits = logits.clone()
            logits[:, self.meaning.locations] += target["y"][:, -1:]
        return logits

    def __sklearn_tags__(self) -> Any:
        """Say which of the two it is."""
        tags = super().__sklearn_tags__()
        if self.meaning is not None:
            tags.estimator_type = kind = self.meaning.estimator_type
            tags.classifier_tags = ClassifierTags() if kind == "classifier" else None
            tags.regressor_tags = RegressorTags() if kind == "regressor" else None
        return tags
