"""Relevance and groups -> the loss of a ranking; logits -> scores."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_array, column_or_1d
from torch import Tensor

from .continuous import ContinuousTarget
from .rank_loss import RankLoss

__all__ = ["GAINS", "RankTarget", "check_groups", "check_relevance", "gains_of"]

GAINS = ("exponential", "linear")

# 2^y - 1 of more has no digit left for the relevance of other rows.
LARGEST_EXPONENT = 50


def check_relevance(y: Any, name: str = "y") -> NDArray[np.float64]:
    """Return relevance as floats of shape (n,), none of them below 0.

    Raises
    ------
    ValueError
        If one is missing, infinite, no number or negative, or if there are several
        columns.
    """
    y = check_array(y, ensure_2d=False, dtype=np.float64, input_name=name)
    y = column_or_1d(y, warn=True)
    if y.min() < 0:
        raise ValueError(
            f"{name} must hold relevance, numbers of at least 0; got {y.min():g}. Add "
            "a number to all, or set those below 0 to 0."
        )
    return np.asarray(y)


def check_groups(groups: Any, n_rows: int, name: str) -> NDArray[np.intp]:
    """Return the group of each row as an integer, counted by their first rows.

    Raises
    ------
    ValueError
        If there is not one for each row, one is missing, or they cannot be compared.
    """
    key = np.asarray(groups)
    if key.shape != (n_rows,):
        raise ValueError(
            f"{name} must have one entry for each of the {n_rows} rows; got shape "
            f"{key.shape}."
        )
    missing = key != key
    if key.dtype == object:
        missing = np.array([cell is None or cell != cell for cell in key], dtype=bool)
    if missing.any():
        raise ValueError(
            f"{name} must have no missing entry; row {int(missing.argmax())} has one. "
            "Drop such rows, or give each a group of its own."
        )
    try:
        _, first, codes = np.unique(key, return_index=True, return_inverse=True)
    except TypeError as error:
        raise ValueError(
            f"{name} must hold entries that can be sorted, all of one type: {error}. "
            "Make them strings."
        ) from None
    return np.argsort(np.argsort(first))[codes.reshape(-1)]


def gains_of(y: NDArray[np.float64], gain: str, name: str) -> NDArray[np.float64]:
    r"""Return what a row of each relevance is worth: :math:`2^y - 1`, or y.

    Raises
    ------
    ValueError
        If relevance is too large for an exponent.
    """
    if gain == "linear":
        return y
    if y.size and y.max() > LARGEST_EXPONENT:
        raise ValueError(
            f"{name} must be at most {LARGEST_EXPONENT} with gain='exponential', which "
            f"is 2 to its power; got {y.max():g}. Use gain='linear', or grades as 0 to "
            "4."
        )
    return np.exp2(y) - 1.0


class RankTarget:
    """Relevance of rows in groups -> the loss of their order; logits -> scores.

    Its rows are (relevance, group): an array of shape (n, 2).

    Parameters
    ----------
    y : ndarray of shape (n, 2)
    weight : ndarray of shape (n,)
        Row weights of the mean that statistics of the target are relative to.
    loss : {"lambdarank", "pairwise", "softmax"}
    k, truncation, gain
        As of `RankLoss`.
    """

    estimator_type = None  # scikit-learn has no word for it
    d_out = n_outputs = 1
    link = "identity"
    locations = slice(0, 1)  # the outputs that are predictions
    initial_spread = 1.0  # factor of the logits of an untrained network

    def __init__(
        self,
        y: NDArray[np.float64],
        weight: NDArray[np.float64],
        loss: str,
        k: int | None,
        truncation: int,
        gain: str,
    ) -> None:
        self.relevance = ContinuousTarget(y[:, 0], weight)
        self.loss = loss
        self.k = k
        self.truncation = truncation
        self.gain = gain

    @property
    def criterion(self) -> RankLoss:
        """The loss."""
        return RankLoss(self.loss, self.k, self.truncation, self.gain)

    def encode(self, y: NDArray[np.float64], name: str = "y") -> NDArray[np.float64]:
        """Return relevance standardised, as statistics of it are."""
        return self.relevance.encode(y[:, 0], name)

    def decode(self, y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return relevance as the loss has it, which is the caller's."""
        return y

    def columns(self, y: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        """Return relevance as a number, which statistics are made of."""
        return self.relevance.columns(y[:, 0])

    def score(self, y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return relevance, standardised."""
        return self.relevance.score(y[:, 0])

    def tensor(self, y: NDArray[np.float64], dtype: torch.dtype) -> Tensor:
        """Return what the loss compares with the logits."""
        return torch.from_numpy(np.ascontiguousarray(y[:, 0])).to(dtype)

    @staticmethod
    def groups(y: NDArray[np.float64]) -> Tensor:
        """Return the group of each row."""
        return torch.from_numpy(y[:, 1].astype(np.int64))

    def initial_logits(
        self, y: NDArray[np.float64], weight: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return 0: a loss of differences knows no level."""
        return np.zeros(1)

    def constant_outputs(self, y: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell whether the score need not be learned."""
        return np.zeros(1, dtype=bool)

    def on_link_scale(self, logits: NDArray[np.float64], k: int) -> NDArray[np.float64]:
        """Return logits as they are: a score is in no units."""
        return logits

    def predictions(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return scores: in a group the higher, the further up."""
        return logits[:, 0]
