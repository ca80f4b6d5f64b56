"""Labels of any type -> codes and log loss; logits -> probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit, log_expit, log_softmax, softmax
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array, column_or_1d
from torch import Tensor

from .._table import missing_types, unwrap_nullable
from .losses import WeightedLoss

__all__ = ["ClassTarget"]


class ClassTarget:
    """Labels of any type -> codes -> log loss, and back.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        The labels, sorted.
    gamma : float, default=0.0
        Exponent of the focal loss; 0 for the log loss.
    label_smoothing : float, default=0.0
        See `WeightedLoss`.
    """

    estimator_type = "classifier"  # in scikit-learn's words
    initial_spread = 1.0  # factor of the logits of an untrained network

    def __init__(
        self,
        classes: NDArray[Any],
        gamma: float = 0.0,
        label_smoothing: float = 0.0,
    ) -> None:
        self.classes = classes
        self.gamma = gamma
        self.label_smoothing = label_smoothing
        self.is_binary = len(classes) == 2
        self.d_out = 1 if self.is_binary else len(classes)

    @property
    def n_outputs(self) -> int:
        """Number of logits."""
        return self.d_out

    @property
    def criterion(self) -> WeightedLoss:
        """The loss."""
        kind = "log_loss" if self.is_binary else "softmax"
        return WeightedLoss(kind, self.gamma, self.label_smoothing)

    @staticmethod
    def check(y: Any) -> NDArray[Any]:
        """Return `y` as a 1-D array of labels.

        Raises
        ------
        ValueError
            If a label is missing, or `y` is continuous.
        """
        y = column_or_1d(unwrap_nullable(y), warn=True)
        if y.dtype == object:
            labels, missing = y.tolist(), missing_types()
            if any(type(label) in missing or label != label for label in labels):
                raise ValueError("Input y contains NaN: every row needs a label.")
            is_string = {isinstance(label, str) for label in labels}
            if len(is_string) > 1:
                raise ValueError(
                    "y must hold strings or numbers, not both. Convert its labels, "
                    "e.g. with y.astype(str)."
                )
            typed = np.array(labels)
            # Numbers in an object array are labels; scikit-learn refuses their dtype.
            y = typed if typed.dtype.kind in "iufb" else y
        else:
            y = check_array(y, ensure_2d=False, dtype=None, input_name="y")
        check_classification_targets(y)
        return y

    @staticmethod
    def masses(y: NDArray[Any], weight: NDArray[np.float64]) -> dict[Any, float]:
        """Return the weight of the rows of each class."""
        labels, codes = np.unique(y, return_inverse=True)
        found = np.bincount(codes, weight).tolist()
        return dict(zip(labels.tolist(), found, strict=True))

    @staticmethod
    def standing_for(
        mass: dict[Any, float], dtype: Any
    ) -> tuple[NDArray[Any], NDArray[np.float64]]:
        """Return a row of each class, and weights, that have these masses."""
        y = np.array([*mass], dtype=None if dtype.kind in "US" else dtype)
        return y, np.array([*mass.values()])

    def encode(self, y: NDArray[Any], name: str = "y") -> NDArray[np.int64]:
        """Return the position in `classes` of every label.

        Raises
        ------
        ValueError
            If a label is not among the classes.
        """
        if y.ndim > 1:
            raise ValueError(
                f"{name} must be of shape (n,), as in fit; got {y.shape[1]} columns."
            )
        if y.dtype == self.classes.dtype and y.dtype.kind in "biuf":
            at = np.searchsorted(self.classes[1:], y, side="right")
            if (self.classes[at] == y).all():  # half of the time, or less
                return at
        code_of = {label: code for code, label in enumerate(self.classes.tolist())}
        if y.dtype == object and code_of.keys() >= set(y.tolist()):
            return np.fromiter(map(code_of.__getitem__, y.tolist()), np.int64, len(y))
        labels, inverse = np.unique(y, return_inverse=True)
        if unknown := [label for label in labels.tolist() if label not in code_of]:
            raise ValueError(
                f"{name} must hold the classes {self.classes.tolist()} alone; got also "
                f"{unknown}."
            )
        codes = np.array([code_of[label] for label in labels.tolist()], dtype=np.int64)
        return codes[inverse]

    def decode(self, codes: NDArray[Any]) -> NDArray[Any]:
        """Return the labels of codes."""
        return self.classes[codes.astype(np.intp)]

    def columns(self, y: NDArray[Any]) -> dict[str, NDArray[np.int64]]:
        """Return the indicators of the classes, of the second one if binary.

        By what follows the name of a statistic that is learned from one of them.
        """
        codes = self.encode(y)
        if self.is_binary:
            return {"": codes}
        return {
            f" of {label!r}": (codes == code).astype(np.int64)
            for code, label in enumerate(self.classes.tolist())
        }

    def score(self, y: NDArray[Any]) -> NDArray[np.float64]:
        """Return whether each label is the most frequent one."""
        codes = self.encode(y)
        most = np.bincount(codes).argmax()
        return (codes == most).astype(np.float64)

    def tensor(self, codes: NDArray[np.int64], dtype: torch.dtype) -> Tensor:
        """Return what the loss compares with the logits."""
        y = torch.from_numpy(codes)
        return y.to(dtype) if self.is_binary else y

    def initial_logits(
        self, codes: NDArray[np.int64], weight: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the logits of the weighted class frequencies, shape (d_out,)."""
        mass = np.bincount(codes, weight, minlength=len(self.classes))
        if not mass.any():
            raise ValueError(
                "class_weight must leave some weight to a class of the training rows; "
                "got only zeros."
            )
        p = np.clip(mass / mass.sum(), 1e-6, 1.0)  # a class may be all validation
        return np.log(p[1:] / p[:1]) if self.is_binary else np.log(p)

    def constant_outputs(self, codes: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell which logits need not be learned: none of two classes or more."""
        return np.zeros(self.d_out, dtype=bool)

    def decision(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the logits in scikit-learn's shape: (n,) if binary, else (n, K)."""
        return logits[:, 0] if self.is_binary else logits

    def predictions(self, logits: NDArray[np.float64]) -> NDArray[Any]:
        """Return the most probable labels."""
        decision = self.decision(logits)
        return self.decode(decision > 0 if self.is_binary else decision.argmax(axis=1))

    def probabilities(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return P(class) of shape (n, n_classes)."""
        if self.is_binary:
            return np.hstack([expit(-logits), expit(logits)])
        return softmax(logits, axis=1)

    def log_probabilities(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return log P(class), exact also where a probability rounds to 0 or 1."""
        if self.is_binary:
            return np.hstack([log_expit(-logits), log_expit(logits)])
        return log_softmax(logits, axis=1)
