"""Numbers -> standardised and squared error; logits -> the units of y."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_array, column_or_1d
from torch import Tensor

from .losses import WeightedLoss

__all__ = ["ContinuousTarget"]


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

    def score(self, y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the first output, standardised."""
        return self.encode(y)[:, 0]

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
