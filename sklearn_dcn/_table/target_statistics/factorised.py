r"""A small factorisation machine: what products of embeddings can tell of a target.

.. math::
    \hat z = w_0 + \sum_i w_i + \sum_{i < j} \langle v_i, v_j \rangle

over the levels i of a row. A cross layer begins with the same, and this takes a second
or so. Of the pairs of columns that a linear model leaves over, those that it explains
are learned by the network too, and need not be memorised.

References
----------
Rendle, "Factorization Machines", 2010; the steps are AdaGrad's, as in Juan et al.,
"Field-aware Factorization Machines for CTR Prediction", 2016, algorithm 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from .groups import Floats, Single
from .target_rows import Codes

__all__ = ["FactorisationMachine"]

N_FACTORS = 8
INIT_STD = 0.05
RATE = 0.1
DECAY = 1e-3  # of embeddings, for each row of their level
ACCUMULATED = 0.01  # squares of gradients at the start
BATCH = 512
MAX_EPOCHS = 6
MAX_CELLS = 500_000  # that an epoch learns from: rows times columns


class FactorisationMachine:
    """A factorisation machine of columns of codes.

    Parameters
    ----------
    sizes : sequence of int
        Number of codes of each column.
    is_logit : bool
        Whether it learns by the log loss, else by squares.
    rng : RandomState
        Source of its first embeddings, and of the order of rows.
    """

    def __init__(
        self, sizes: Sequence[int], is_logit: bool, rng: np.random.RandomState
    ) -> None:
        self.starts = np.cumsum([0, *sizes[:-1]])
        self.is_logit = is_logit
        self.rng = rng
        n = sum(sizes)
        self.v = rng.normal(0, INIT_STD, (n, N_FACTORS)).astype(np.float32)
        self.w = np.zeros(n, np.float32)
        self._squares = np.full((n, N_FACTORS + 1), ACCUMULATED, np.float32)

    def fit_predict(
        self,
        codes: Codes,
        y: Floats,
        weight: Floats,
        fit: NDArray[np.intp],
        test: NDArray[np.intp],
    ) -> Floats:
        """Learn from some rows; return z of others, after the best epoch for them.

        Parameters
        ----------
        codes : sequence of integer ndarrays of shape (n,)
        y, weight : ndarray of shape (n,)
        fit, test : ndarray of int
            Positions of the rows.
        """
        cells = np.stack([c + s for c, s in zip(codes, self.starts, strict=True)], 1)
        mean = np.average(y[fit], weights=weight[fit])
        self.w_0 = float(np.log(mean / (1 - mean)) if self.is_logit else mean)
        fit = self.rng.permutation(fit)[: max(1, MAX_CELLS // len(codes))]
        found, least = np.full(len(test), self.w_0), np.inf
        for _ in range(MAX_EPOCHS):
            for start in range(0, len(fit), BATCH):
                at = fit[start : start + BATCH]
                self._step(cells[at], y[at], weight[at])
            z = self._logits(cells[test])[0]
            loss = float(weight[test] @ self._losses(z, y[test]))
            if loss >= least:
                break
            found, least = z, loss
            fit = self.rng.permutation(fit)
        return found.astype(np.float64)

    def _logits(self, cells: NDArray[np.intp]) -> tuple[Single, Single, Single]:
        """Return z (B,), embeddings (B, n_columns, K) and their sums (B, 1, K)."""
        v = self.v[cells]
        total = v.sum(axis=1, keepdims=True)
        products = (total[:, 0] ** 2).sum(axis=1) - (v**2).sum(axis=(1, 2))
        return self.w_0 + self.w[cells].sum(axis=1) + products / 2, v, total

    def _losses(self, z: Single, y: Floats) -> Floats:
        return np.logaddexp(0, z) - y * z if self.is_logit else (z - y) ** 2

    def _step(self, cells: NDArray[np.intp], y: Floats, weight: Floats) -> None:
        z, v, total = self._logits(cells)
        slope = ((expit(z) if self.is_logit else z) - y) * weight
        slope = slope.astype(np.float32)[:, None, None]
        # d z / d v_i is the sum of the other embeddings, d z / d w_i is 1.
        each = np.concatenate([slope * (total - v), 0 * v[:, :, :1] + slope], axis=2)
        levels, position = np.unique(cells, return_inverse=True)
        position, each = position.reshape(-1), each.reshape(-1, N_FACTORS + 1)
        gradient = np.stack(
            [np.bincount(position, part, len(levels)) for part in each.T], axis=1
        ).astype(np.float32)
        n_rows = np.bincount(position, minlength=len(levels))[:, None]
        gradient[:, :-1] += DECAY * n_rows * self.v[levels]
        self._squares[levels] += gradient**2
        move = RATE * gradient / np.sqrt(self._squares[levels])
        self.v[levels] -= move[:, :-1]
        self.w[levels] -= move[:, -1]
