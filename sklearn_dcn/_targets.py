"""The target: y -> tensor and loss; logits -> probabilities, labels or units of y.

A loss and its link function stand here side by side, so the network returns logits
and nothing else knows what they mean.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit, log_expit, log_softmax, softmax
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array, column_or_1d
from torch import Tensor, nn
from torch.nn import functional as F

from ._columns import missing_types, unwrap_nullable

__all__ = ["ClassTarget", "ContinuousTarget"]


class WeightedLoss(nn.Module):
    r"""Mean over a batch of :math:`w_i\, \ell(logits_i, y_i)`.

    Weights have mean 1 over the data set, so a batch's gradient is an unbiased
    estimate of that of the weighted mean loss.

    Parameters
    ----------
    kind : {"log_loss", "softmax", "squared_error"}
        "log_loss" of one logit, cross-entropy of the "softmax" of K logits, or half
        the "squared_error", averaged over outputs.
    gamma : float, default=0.0
        Exponent of the focal loss, which multiplies a row's log loss by
        :math:`(1 - p_{y_i})^\gamma`: 0 for the log loss itself.
    label_smoothing : float, default=0.0
        Share of a row's label that is spread evenly over the classes, in training
        alone: the loss of validation rows is that of their labels.
    """

    def __init__(
        self, kind: str, gamma: float = 0.0, label_smoothing: float = 0.0
    ) -> None:
        super().__init__()
        self.kind = kind
        self.gamma = gamma
        self.label_smoothing = label_smoothing

    def forward(self, logits: Tensor, target: dict[str, Tensor]) -> Tensor:
        """Return the scalar loss.

        Parameters
        ----------
        logits : tensor of shape (B, d_out)
        target : dict of tensors of shape (B, ...)
            "y"; perhaps "weight", and "offset", which is added to the logits of rows
            that are drawn from others (see `sample_negatives`).
        """
        y = target["y"]
        if "offset" in target:
            logits = logits + target["offset"].unsqueeze(-1)
        smoothing = self.label_smoothing if self.training else 0.0
        if self.kind == "log_loss":
            soft = torch.lerp(y, torch.full_like(y, 0.5), smoothing) if smoothing else y
            loss = F.binary_cross_entropy_with_logits(
                logits.squeeze(-1), soft, reduction="none"
            )
        elif self.kind == "softmax":
            loss = F.cross_entropy(
                logits, y, reduction="none", label_smoothing=smoothing
            )
        else:
            loss = (logits - y).square().mean(-1) / 2
        if self.gamma:
            loss = loss * torch.exp(self.gamma * _log_error(logits, y))
        weight = target.get("weight")
        return loss.mean() if weight is None else (loss * weight).mean()


def _log_error(logits: Tensor, y: Tensor) -> Tensor:
    """Return log(1 - P(label)), of shape (B,), stable for logits of any size."""
    if logits.shape[-1] == 1:
        return F.logsigmoid(logits.squeeze(-1) * (1 - 2 * y))
    others = logits.scatter(-1, y.unsqueeze(-1), -torch.inf)
    return others.logsumexp(-1) - logits.logsumexp(-1)


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
            If a label is missing or `y` is continuous.
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

    def encode(self, y: NDArray[Any], name: str = "y") -> NDArray[np.int64]:
        """Return the position in `classes` of every label.

        Raises
        ------
        ValueError
            If a label is not among the classes.
        """
        labels, inverse = np.unique(y, return_inverse=True)
        code_of = {label: code for code, label in enumerate(self.classes.tolist())}
        if unknown := [label for label in labels.tolist() if label not in code_of]:
            raise ValueError(
                f"{name} must hold the classes {self.classes.tolist()} alone; got also "
                f"{unknown}."
            )
        codes = np.array([code_of[label] for label in labels.tolist()], dtype=np.int64)
        return codes[inverse]

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
                "class_weight must leave a class of the training rows some weight; got "
                "only zeros."
            )
        p = np.clip(mass / mass.sum(), 1e-6, 1.0)  # a class may be all validation
        return np.log(p[1:] / p[:1]) if self.is_binary else np.log(p)

    def decision(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the logits in scikit-learn's shape: (n,) if binary, else (n, K)."""
        return logits[:, 0] if self.is_binary else logits

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


class ContinuousTarget:
    """Numbers in the caller's units -> standardised -> squared error, and back.

    Parameters
    ----------
    y : ndarray of shape (n,) or (n, n_outputs)
        The training target.
    weight : ndarray of shape (n,)
        Row weights of mean and standard deviation.
    """

    def __init__(self, y: NDArray[np.float64], weight: NDArray[np.float64]) -> None:
        self.is_1d = y.ndim == 1
        y = y.reshape(len(y), -1)
        self.d_out = y.shape[1]
        self.center = np.average(y, axis=0, weights=weight)
        scale = np.sqrt(np.average((y - self.center) ** 2, axis=0, weights=weight))
        constant = scale <= 1e-12 * np.abs(y).max(axis=0)
        self.scale = np.where(constant, 1.0, scale)

    @property
    def criterion(self) -> WeightedLoss:
        """The loss."""
        return WeightedLoss("squared_error")

    @staticmethod
    def check(y: Any) -> NDArray[np.float64]:
        """Return `y` as floats of shape (n,) or (n, n_outputs).

        Raises
        ------
        ValueError
            If a value is missing, infinite or no number.
        """
        y = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
        return column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y

    def encode(self, y: NDArray[np.float64], name: str = "y") -> NDArray[np.float64]:
        """Return `y` standardised, of shape (n, n_outputs).

        Raises
        ------
        ValueError
            If `y` has another number of outputs.
        """
        y = y.reshape(len(y), -1)
        if y.shape[1] != self.d_out:
            raise ValueError(
                f"{name} must have {self.d_out} output(s), as y in fit; got "
                f"{y.shape[1]}."
            )
        return (y - self.center) / self.scale

    def columns(self, y: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        """Return the outputs, standardised, by what follows a statistic's name."""
        outputs = self.encode(y).T
        if len(outputs) == 1:
            return {"": outputs[0]}
        return {f" of output {k}": output for k, output in enumerate(outputs)}

    def tensor(self, y: NDArray[np.float64], dtype: torch.dtype) -> Tensor:
        """Return what the loss compares with the logits."""
        return torch.from_numpy(y).to(dtype)

    def initial_logits(
        self, y: NDArray[np.float64], weight: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the weighted mean of the standardised target, shape (d_out,)."""
        return np.average(y, axis=0, weights=weight)

    def predictions(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return predictions in the caller's units and shape."""
        y = logits * self.scale + self.center
        return y[:, 0] if self.is_1d else y
