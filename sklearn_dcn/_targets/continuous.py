"""Numbers -> standardised and their error; logits -> the units of y."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_array, column_or_1d
from torch import Tensor

from .intervals import conformal_margin, weighted_quantiles
from .number_losses import NumberLoss

__all__ = ["ContinuousTarget"]

# Beyond this size, and below it a spread, there is no room in a float to compute in.
LARGEST = 1e304
SMALLEST = 1e-300

# Losses that an outlier must not rule: neither must it rule units and statistics.
ROBUST = ("absolute_error", "huber", "quantile")
FURTHEST = 5.0  # spreads from the median, in statistics of those

QUARTILES = (0.25, 0.5, 0.75)


class ContinuousTarget:
    """Numbers in the caller's units -> standardised -> their error, and back.

    Standardised by mean and standard deviation; of robust losses by the median and what
    a normal distribution with the same quartiles has for a standard deviation, or if it
    is more, a tenth of that with the same mean absolute deviation.

    Parameters
    ----------
    y : ndarray of shape (n,) or (n, n_outputs)
        The training target; with an offset (n, 2), whose second column that is.
    weight : ndarray of shape (n,)
        Row weights of mean and standard deviation.
    loss : {"squared_error", "absolute_error", "huber"}, default="squared_error"
        The error.
    huber_delta : float, default=1.0
        Of "huber".
    has_offset : bool, default=False
        Whether y has an offset, which predictions are the sum of with what is learned.
    """

    estimator_type = "regressor"  # in scikit-learn's words
    link = "identity"
    initial_spread: Any = 1.0  # factor of the logits of an untrained network
    loss = "squared_error"  # of older files
    huber_delta = 1.0
    has_offset = False

    def __init__(
        self,
        y: NDArray[np.float64],
        weight: NDArray[np.float64],
        loss: str = "squared_error",
        huber_delta: float = 1.0,
        has_offset: bool = False,
    ) -> None:
        self.loss = loss
        self.huber_delta = huber_delta
        self.has_offset = has_offset
        self.is_1d = y.ndim == 1 or has_offset
        y, offset = self.split(y)
        y = y if offset is None else y - offset
        self.d_out = y.shape[1]
        # By a power of two, which rounds nothing: no square overflows or vanishes.
        exponent = np.frexp(np.abs(y).max(axis=0))[1]
        u = np.ldexp(y, -exponent)
        center, scale = (_quartiles if loss in ROBUST else _moments)(u, weight)
        constant = (y == y[0]).all(axis=0)
        self.center = np.where(constant, y[0], np.ldexp(center, exponent))
        unit = np.where(y[0] == 0, 1.0, np.abs(y[0]))  # of parts that are to come
        self.scale = np.where(constant, unit, np.ldexp(scale, exponent))
        if self.scale.min() < SMALLEST:
            raise ValueError(
                f"y must be constant or have a standard deviation of at least "
                f"{SMALLEST:g}; got {self.scale.min():g}. Multiply it, e.g. by 1e200."
            )

    @property
    def n_outputs(self) -> int:
        """Number of columns of y and of predictions."""
        return self.d_out

    @property
    def criterion(self) -> NumberLoss:
        """The loss."""
        return NumberLoss(self.loss, delta=self.huber_delta, has_offset=self.has_offset)

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

    # y and tensor ---------------------------------------------------------------------

    def split(self, y: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any] | None]:
        """Return y of shape (n, n_outputs), or encoded as that, and the offset."""
        y = y.reshape(len(y), -1)
        return (y[:, :-1], y[:, -1:]) if self.has_offset else (y, None)

    def plain(self, y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return y as the caller has it, without the offset beside it."""
        return y[:, 0] if self.has_offset else y

    def encode(self, y: NDArray[np.float64], name: str = "y") -> NDArray[np.float64]:
        """Return what the loss takes, of shape (n, n_outputs), with an offset one more.

        It is y standardised, what an offset leaves of it, and the offset in such units.

        Raises
        ------
        ValueError
            If `y` has another number of outputs.
        """
        y, offset = self.split(y)
        if y.shape[1] != self.n_outputs:
            raise ValueError(
                f"{name} must have {self.n_outputs} output(s), as y in fit; got "
                f"{y.shape[1]}."
            )
        if offset is None:
            return self._encode(y, 0.0)
        return np.hstack([self._encode(y, offset), self.shift(offset)])

    def decode(self, y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what `encode` standardised, in the caller's units and shape."""
        y, shift = self.split(y)
        y = self._to_units(y if shift is None else y + shift)
        return y[:, 0] if self.is_1d else y

    def columns(self, y: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        """Return the outputs, standardised, by what follows a statistic's name."""
        outputs = self._for_statistics(*self.split(self.encode(y))).T
        if len(outputs) == 1:
            return {"": outputs[0]}
        return {f" of output {k}": output for k, output in enumerate(outputs)}

    def score(self, y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the first output, standardised."""
        return next(iter(self.columns(y).values()))

    def tensor(self, y: NDArray[np.float64], dtype: torch.dtype) -> Tensor:
        """Return what the loss compares with the logits."""
        return torch.from_numpy(y).to(dtype)

    def initial_logits(
        self, y: NDArray[np.float64], weight: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the one number of least loss of the encoded y, shape (d_out,)."""
        y, _ = self.split(y)
        if self.loss == "squared_error":
            return np.average(y, axis=0, weights=weight)
        median = np.array([weighted_quantiles(of, weight, (0.5,))[0] for of in y.T])
        if self.loss == "absolute_error":
            return median
        best = median
        for _ in range(100):  # means of rows, those that are far by less weight
            far = np.maximum(np.abs(y - best), self.huber_delta)
            best = np.average(y, axis=0, weights=weight[:, None] / far)
        return best

    def constant_outputs(self, y: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell which logits of an encoded target are one number."""
        y, _ = self.split(y)
        return np.asarray((y == y[0]).all(axis=0))

    # Logits ---------------------------------------------------------------------------

    def shift(self, offset: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what an offset in the units of the link adds to the logits."""
        return offset / self.scale

    def shifted(
        self, logits: NDArray[np.float64], shift: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return logits with a shift (n, 1) added to those of predictions."""
        logits = logits.copy()
        logits[:, self.locations] += shift
        return logits

    def predictions(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return predictions in the caller's units and shape."""
        y = self._to_units(logits[:, self.locations])
        return y[:, 0] if self.is_1d else y

    @property
    def locations(self) -> slice:
        """Which of the logits are those of predictions, one for each output."""
        return slice(0, self.n_outputs)

    def on_link_scale(self, logits: NDArray[np.float64], k: int) -> NDArray[np.float64]:
        """Return logits of output k in the units of y, or of its logarithm."""
        return logits * self.scale[k] + self.center[k]

    # Intervals ------------------------------------------------------------------------

    def residuals(
        self, logits: NDArray[np.float64], y: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return how far encoded y is from a prediction, (n, 1), in its own spread."""
        y, _ = self.split(y)
        middle = logits[:, self.locations]
        return np.abs(y - middle) / self._spread(logits)

    def interval(
        self,
        logits: NDArray[np.float64],
        residuals: NDArray[np.float64],
        weight: NDArray[np.float64],
        coverage: float,
    ) -> NDArray[np.float64]:
        """Return intervals (n, 2) that hold y with a probability of `coverage`.

        Parameters
        ----------
        logits : ndarray of shape (n, d_out)
        residuals : ndarray of shape (m, k)
            Of rows that no network has seen.
        weight : ndarray of shape (m,)
        coverage : float
        """
        margin = conformal_margin(residuals[:, 0], weight, coverage)
        middle, reach = logits[:, self.locations], margin * self._spread(logits)
        return self._to_units(np.hstack([middle - reach, middle + reach]))

    # Hooks ----------------------------------------------------------------------------

    def _encode(self, y: NDArray[np.float64], offset: Any) -> NDArray[np.float64]:
        return (y - offset - self.center) / self.scale

    def _to_units(self, y: NDArray[np.float64]) -> NDArray[np.float64]:
        return y * self.scale + self.center

    def _for_statistics(
        self, y: NDArray[np.float64], shift: NDArray[np.float64] | None
    ) -> NDArray[np.float64]:
        """Return what statistics of the encoded target are means of."""
        return y.clip(-FURTHEST, FURTHEST) if self.loss in ROBUST else y

    def _spread(self, logits: NDArray[np.float64]) -> Any:
        """Return how far from the predictions y is to be expected, for each row."""
        return 1.0


def _moments(y: NDArray[np.float64], weight: NDArray[np.float64]) -> tuple[Any, Any]:
    """Return mean and standard deviation of each column."""
    center = np.average(y, axis=0, weights=weight)
    return center, np.sqrt(np.average((y - center) ** 2, axis=0, weights=weight))


def _quartiles(y: NDArray[np.float64], weight: NDArray[np.float64]) -> tuple[Any, Any]:
    """Return the median of each column, and its spread by the quartiles."""
    each = [weighted_quantiles(column, weight, QUARTILES) for column in y.T]
    low, center, high = np.array(each).T
    mean = np.average(np.abs(y - center), axis=0, weights=weight)
    # What a normal distribution of standard deviation 1 has: 1.349 and 0.798.
    return center, np.maximum((high - low) / 1.349, mean / 7.98)
