"""Indicators of several labels a row -> log losses; logits -> probabilities of each."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import issparse
from scipy.special import expit, log_expit
from torch import Tensor, nn

from .losses import WeightedLoss

__all__ = ["LabelsTarget", "has_labels"]

REMEDY = (
    "sklearn.preprocessing.MultiLabelBinarizer makes such columns of lists of labels; "
    "for several columns of classes use sklearn_dcn.DCNMultiTask, or "
    "sklearn.multioutput.MultiOutputClassifier."
)


class LabelsTarget:
    """Columns of 0 and 1, one for each label -> the mean of their log losses, and back.

    Parameters
    ----------
    names : ndarray of shape (n_labels,)
        Strings, or the numbers of the columns.
    weights : ndarray of shape (n_labels, 2)
        Weight of a 0, and of a 1, of each label.
    gamma : float, default=0.0
        Exponent of the focal loss; 0 for the log loss.
    label_smoothing : float, default=0.0
        See `WeightedLoss`.
    """

    estimator_type = "classifier"  # in scikit-learn's words
    initial_spread = 1.0  # factor of the logits of an untrained network

    def __init__(
        self,
        names: NDArray[Any],
        weights: NDArray[np.float64],
        gamma: float = 0.0,
        label_smoothing: float = 0.0,
    ) -> None:
        self.names = names
        self.weights = weights
        self.gamma = gamma
        self.label_smoothing = label_smoothing
        self.d_out = len(names)

    @property
    def n_outputs(self) -> int:
        """Number of labels."""
        return self.d_out

    @property
    def classes(self) -> NDArray[np.int64]:
        """0 and 1 for each label."""
        return np.tile([0, 1], (self.d_out, 1))

    @property
    def criterion(self) -> LabelsLoss:
        """The loss."""
        return LabelsLoss(self.weights, self.gamma, self.label_smoothing)

    @staticmethod
    def check(y: Any) -> NDArray[np.int8]:
        """Return `y` as a matrix of 0 and 1, of shape (n, n_labels).

        Raises
        ------
        ValueError
            If it has other values, or rows of different lengths.
        """
        y = y.toarray() if issparse(y) else y
        try:
            values = np.asarray(y, dtype=np.float64)
        except (TypeError, ValueError):
            raise ValueError(
                "y should be a 1d array of labels, or columns of 0 and 1, one for each "
                f"label; got rows such as {_first(y)!r}. {REMEDY}"
            ) from None
        if values.ndim != 2 or values.shape[1] < 2:
            raise ValueError(
                f"y should be a 1d array, or have at least 2 columns; got shape "
                f"{values.shape}. For a one-column matrix pass y.toarray().ravel()."
            )
        if np.isnan(values).any():
            raise ValueError(
                "Input y contains NaN: every row needs every label. A task of "
                "sklearn_dcn.DCNMultiTask may have rows without one."
            )
        if bad := sorted({*np.unique(values).tolist()} - {0.0, 1.0})[:5]:
            raise ValueError(
                "y should be a 1d array of labels, or columns of 0 and 1, one for each "
                f"label; got {values.shape[1]} columns with {bad}. {REMEDY}"
            )
        return values.astype(np.int8)

    @staticmethod
    def names_of(y: Any) -> NDArray[Any] | None:
        """Return the names of the columns of `y`, if all are strings.

        Raises
        ------
        ValueError
            If two are the same.
        """
        columns = getattr(y, "columns", None)
        names = [] if columns is None else [*columns]
        if not names or not all(isinstance(name, str) for name in names):
            return None
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(
                f"y must have columns of different names; got {twice[0]!r} twice. "
                "Rename one."
            )
        return np.array(names, dtype=object)

    @staticmethod
    def class_weights(
        class_weight: Any, y: NDArray[Any], weight: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the weights of 0 and 1 of each label, of mean 1 over all of `y`.

        Parameters
        ----------
        class_weight : list of dict, "balanced" or None
            A dict of each label; "balanced" gives both values of each the same total.
        y : ndarray of shape (n, n_labels)
        weight : ndarray of shape (n,)
        """
        ones = weight @ y
        mass = np.stack([weight.sum() - ones, ones], axis=1)
        found = np.ones_like(mass)
        if isinstance(class_weight, str):
            found = mass.sum(axis=1, keepdims=True) / np.maximum(mass, 1e-12) / 2
            found[mass == 0] = 0.0
        elif class_weight is not None:
            found = np.array([[of.get(c, 1.0) for c in (0, 1)] for of in class_weight])
        mean = (found * mass).sum() / mass.sum()
        if mean == 0:
            raise ValueError(
                "class_weight must leave some weight to a value of a label; got only "
                "zeros."
            )
        return np.asarray(found / mean, dtype=np.float64)

    @staticmethod
    def check_weights(class_weight: Any, n_labels: int) -> None:
        """Raise a ValueError unless there is a dict of 0 and 1 for each label.

        "balanced" and None are for any number of them.
        """
        if class_weight is None or isinstance(class_weight, str):
            return
        if isinstance(class_weight, dict) or len(class_weight) != n_labels:
            raise ValueError(
                "class_weight must be 'balanced' or a list with a dict for each of the "
                f"{n_labels} labels, e.g. [{{1: 5.0}}, ...]; got {class_weight!r}."
            )
        for k, of in enumerate(class_weight):
            if not of.keys() <= {0, 1}:
                raise ValueError(
                    f"class_weight[{k}] must have the keys 0 and 1 alone; got {of!r}."
                )

    @staticmethod
    def check_classes(classes: Any, n_labels: int) -> None:
        """Raise a ValueError unless there are 0 and 1 for each label, or it is None."""
        if classes is None:
            return
        each = [{*np.ravel(of).tolist()} for of in classes]
        if len(each) != n_labels or any(of != {0, 1} for of in each):
            raise ValueError(
                f"classes must be None, or [0, 1] for each of the {n_labels} labels of "
                f"y; got {classes!r}."
            )

    @staticmethod
    def masses(y: NDArray[Any], weight: NDArray[np.float64]) -> dict[Any, float]:
        """Return the weight of the rows of each label, and at -1 that of all."""
        return {-1: float(weight.sum())} | dict(enumerate((weight @ y).tolist()))

    @staticmethod
    def standing_for(
        mass: dict[Any, float],
    ) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
        """Return rows, one more than labels, and weights that have these masses.

        Row k has the k most frequent labels.
        """
        of_label = np.array([mass[k] for k in range(len(mass) - 1)])
        order = np.argsort(-of_label, kind="stable")
        rank = np.empty(len(order), dtype=np.intp)
        rank[order] = np.arange(len(order))
        y = (rank < np.arange(len(mass))[:, None]).astype(np.int8)
        steps = np.concatenate([[mass[-1]], of_label[order], [0.0]])
        return y, np.maximum(-np.diff(steps), 0.0)

    @staticmethod
    def strata(y: NDArray[Any]) -> NDArray[np.intp]:
        """Return which of the labels of each row is the rarest, from 1; 0 for none."""
        order = np.argsort(y.sum(axis=0), kind="stable")
        rarest = order[y[:, order].argmax(axis=1)]
        return np.where(y.any(axis=1), rarest + 1, 0)

    def encode(self, y: NDArray[Any], name: str = "y") -> NDArray[np.int8]:
        """Return `y`.

        Raises
        ------
        ValueError
            If it has another number of columns.
        """
        if y.ndim != 2 or y.shape[1] != self.d_out:
            got = y.shape[1] if y.ndim == 2 else 1
            raise ValueError(
                f"{name} must have {self.d_out} columns of 0 and 1, one for each label "
                f"of y in fit; got {got}."
            )
        return y

    def decode(self, y: NDArray[Any]) -> NDArray[np.int64]:
        """Return the indicators that the loss was given."""
        return y.astype(np.int64)

    def columns(self, y: NDArray[Any]) -> dict[str, NDArray[np.int64]]:
        """Return the indicators of the labels, by what follows a statistic's name."""
        each = self.encode(y).T.astype(np.int64)
        return {
            f" of {name!r}": of
            for name, of in zip(self.names.tolist(), each, strict=True)
        }

    def score(self, y: NDArray[Any]) -> NDArray[np.float64]:
        """Return the indicators of the label that is nearest to every second row."""
        k = np.abs(self.encode(y).mean(axis=0) - 0.5).argmin()
        return y[:, k].astype(np.float64)

    def tensor(self, y: NDArray[Any], dtype: torch.dtype) -> Tensor:
        """Return what the loss compares with the logits."""
        return torch.from_numpy(y).to(dtype)

    def initial_logits(
        self, y: NDArray[Any], weight: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the log-odds of the weighted frequencies, of shape (n_labels,).

        A label that all rows have, or none, has those of a millionth of them.
        """
        ones = weight @ y
        mass = np.stack([weight.sum() - ones, ones], axis=1) * self.weights
        total = mass.sum(axis=1)
        p = mass[:, 1] / np.where(total > 0, total, 1.0)
        p = np.clip(np.where(total > 0, p, 0.5), 1e-6, 1 - 1e-6)
        return np.asarray(np.log(p / (1 - p)))

    def constant_outputs(self, y: NDArray[Any]) -> NDArray[np.bool_]:
        """Tell which labels all rows have, or none."""
        return np.asarray((y == y[0]).all(axis=0))

    def decision(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the log-odds, of shape (n, n_labels)."""
        return logits

    def predictions(self, logits: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return which labels are more probable than not."""
        return (logits > 0).astype(np.int64)

    def probabilities(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return P(label), of shape (n, n_labels)."""
        return np.asarray(expit(logits))

    def log_probabilities(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return log P(label), exact also where a probability rounds to 0 or 1."""
        return np.asarray(log_expit(logits))


class LabelsLoss(nn.Module):
    r"""Mean over rows i and labels k of :math:`w_i v_{k, y_{ik}} \ell(z_{ik}, y_{ik})`.

    Parameters
    ----------
    weights : ndarray of shape (n_labels, 2)
        v, of a 0 and of a 1 of each label.
    gamma, label_smoothing : float
        As of `WeightedLoss`, for each label by itself.
    """

    kind = "labels"
    deviance = 0.0  # of a likelihood
    weights: Tensor

    def __init__(
        self, weights: NDArray[np.float64], gamma: float, label_smoothing: float
    ) -> None:
        super().__init__()
        self.register_buffer("weights", torch.from_numpy(weights), persistent=False)
        self.is_plain = bool((weights == 1).all())
        self.each = WeightedLoss("log_loss", gamma, label_smoothing)

    def forward(self, logits: Tensor, target: dict[str, Tensor]) -> Tensor:
        """Return the scalar loss of logits and "y", both of shape (B, n_labels)."""
        y = target["y"]
        loss = self.each.of_rows(logits.reshape(-1, 1), y.reshape(-1)).view_as(y)
        if not self.is_plain:
            off, on = self.weights.to(y).T
            loss = loss * torch.where(y > 0, on, off)
        loss = loss.mean(-1)
        weight = target.get("weight")
        return loss.mean() if weight is None else (loss * weight).mean()

    def parts(
        self, target: dict[str, Tensor]
    ) -> list[tuple[slice, Any, nn.Module, dict[str, Tensor]]]:
        """Return each label's logit, of all rows, with its loss and target."""
        found: list[tuple[slice, Any, nn.Module, dict[str, Tensor]]] = []
        for k, of in enumerate(self.weights):
            own = LabelsLoss(of[None].cpu().numpy(), self.each.gamma, 0.0).eval()
            y = {"y": target["y"][:, [k]]}
            found.append((slice(k, k + 1), slice(None), own, target | y))
        return found


def has_labels(y: Any) -> bool:
    """Tell whether `y` is a matrix of several columns, or rows that are lists."""
    shape = getattr(y, "shape", None)
    if shape is None and isinstance(y, (list, tuple)):
        return any(
            isinstance(row, (set, frozenset))
            or (isinstance(row, (list, tuple, np.ndarray)) and len(row) > 1)
            for row in y
        )
    return shape is not None and len(shape) == 2 and (shape[1] > 1 or issparse(y))


def _first(y: Any) -> Any:
    """Return the first row, whatever it is."""
    return next(iter(np.asarray(y) if hasattr(y, "columns") else y))
