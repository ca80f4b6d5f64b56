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

# Beyond this size, and below it a spread, there is no room in a float to compute in.
LARGEST = 1e304
SMALLEST = 1e-300


class ContinuousTarget:
    """Numbers in the caller's units -> standardised -> squared error, and back.

    Parameters
    ----------
    y : ndarray of shape (n,) or (n, n_outputs)
        The training target.
    weight : ndarray of shape (n,)
        Row weights of mean and standard deviation.
    """

    estimator_type = "regressor"  # in scikit-learn's words

    def __init__(self, y: NDArray[np.float64], weight: NDArray[np.float64]) -> None:
        self.is_1d = y.ndim == 1
        y = y.reshape(len(y), -1)
        self.d_out = y.shape[1]
        # By a power of two, which rounds nothing: no square overflows or vanishes.
        exponent = np.frexp(np.abs(y).max(axis=0))[1]
        u = np.ldexp(y, -exponent)
        center = np.average(u, axis=0, weights=weight)
        scale = np.sqrt(np.average((u - center) ** 2, axis=0, weights=weight))
        constant = (y == y[0]).all(axis=0)
        self.center = np.where(constant, y[0], np.ldexp(center, exponent))
        unit = np.where(y[0] == 0, 1.0, np.abs(y[0]))  # of parts that are to come
        self.scale = np.where(constant, unit, np.ldexp(scale, exponent))
        if self.scale.min() < SMALLEST:
            raise ValueError(
                f"y must be one number or spread by {SMALLEST:g}; got a standard "
                f"deviation of {self.scale.min():g}. Multiply it, e.g. by 1e200."
            )

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
            If a value is missing, infinite, beyond 1e304 or no number.
        """
        y = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
        if y.size and np.abs(y).max() > LARGEST:
            raise ValueError(
                f"y must lie within {-LARGEST:g} and {LARGEST:g}; got "
                f"{y.flat[np.abs(y).argmax()]:g}. Divide it, e.g. by 1e200."
            )
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

    def decode(self, y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what `encode` standardised, in the caller's units and shape."""
        y = y * self.scale + self.center
        return y[:, 0] if self.is_1d else y

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

    def constant_outputs(self, y: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell which outputs of an encoded target are one number."""
        return (y == y[0]).all(axis=0)

    def predictions(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return predictions in the caller's units and shape."""
        return self.decode(logits)
