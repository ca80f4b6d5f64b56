"""A column of vectors: the mean and spread of each component, standardised."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["N_DRAWN", "VectorMoments", "VectorScaler"]

BLOCK = 4096  # rows in float64 at a time, for vectors in single precision
N_DRAWN = 256  # vectors that are kept, to draw others like them
EPSILON = np.finfo(np.float64).eps


class VectorMoments:
    """Weight, mean and squared deviation of vectors, which can be added up.

    Attributes
    ----------
    total, missing : float
        Weight of all cells, and of those without a vector.
    n : int
        Vectors.
    mean, squares : ndarray of shape (width,), or None before there is a vector
        Of each component its weighted mean, and the sum of weighted squares of its
        deviations from that.

    References
    ----------
    Chan, Golub & LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing
    Sample Variances", 1979.
    """

    def __init__(self) -> None:
        self.n = 0
        self.total = self.missing = 0.0
        self.has_missing = False
        self.mean: NDArray[np.float64] | None = None
        self.squares = np.zeros(0)

    @property
    def width(self) -> int | None:
        """The width of the vectors, None before there is one."""
        return None if self.mean is None else len(self.mean)

    def add(self, x: NDArray[Any], weight: NDArray[np.float64]) -> Self:
        """Add vectors of shape (n, width), with NaN where one is missing."""
        for start in range(0, len(x), BLOCK):
            rows = slice(start, start + BLOCK)
            self._add_block(x[rows].astype(np.float64), weight[rows])
        return self

    def _add_block(self, x: NDArray[np.float64], weight: NDArray[np.float64]) -> None:
        part = VectorMoments()
        part.total = float(weight.sum())
        is_missing = np.isnan(x).any(axis=1)
        if is_missing.any():
            part.has_missing = True
            part.missing = float(weight[is_missing].sum())
            x, weight = x[~is_missing], weight[~is_missing]
        if len(x):
            part.n = len(x)
            # From the first one, so that what is constant deviates by exactly 0.
            x = x - (first := x[0].copy())
            mean = weight @ x / weight.sum()
            x -= mean
            part.mean, part.squares = first + mean, weight @ np.square(x)
        self.merge(part)

    def merge(self, other: VectorMoments) -> Self:
        """Add the moments of other rows."""
        mine, theirs = self.total - self.missing, other.total - other.missing
        self.n += other.n
        self.total += other.total
        self.missing += other.missing
        self.has_missing = self.has_missing or other.has_missing
        if other.mean is None:
            return self
        if self.mean is None:
            self.mean, self.squares = other.mean.copy(), other.squares.copy()
            return self
        both = mine + theirs
        delta = other.mean - self.mean
        self.mean = self.mean + delta * (theirs / both)
        self.squares = (
            self.squares + other.squares + np.square(delta) * (mine * theirs / both)
        )
        return self


class VectorScaler:
    r"""Standardisation of one column of vectors, component by component.

    .. math:: z_k = (x_k - mean_k) / std_k

    A vector that is missing or lacks a number becomes 0, the mean of z. If `fit` saw
    such a vector, an indicator follows the components, and is 1 for it. A constant
    component becomes 0.

    Parameters
    ----------
    name : str or int
        The column, for errors.

    Attributes
    ----------
    center, scale : ndarray of shape (width,)
        Mean and standard deviation; the latter is infinite for a constant.
    has_missing : bool
        Whether `fit` saw a missing vector.
    missing_share : float
        Share of the weight of `fit` that is on missing ones.
    n : int
        Vectors seen in `fit`.
    drawn : float32 ndarray of shape (at most 256, width)
        Some of them, drawn at random.
    """

    def __init__(self, name: str | int) -> None:
        self.name = name

    @property
    def width(self) -> int:
        """Number of components."""
        return len(self.center)

    @property
    def d_in(self) -> int:
        """Number of components, plus the indicator if there is one."""
        return self.width + self.has_missing

    def fit(self, x: NDArray[Any], weight: NDArray[np.float64]) -> Self:
        """Learn from vectors (n, width), NaN where missing, rows weighted."""
        present = np.flatnonzero(~np.isnan(x).any(axis=1))
        if len(present) > N_DRAWN:
            rng = np.random.default_rng(0)
            present = np.sort(rng.choice(present, N_DRAWN, replace=False))
        self.drawn = x[present].astype(np.float32)
        return self.fit_moments(VectorMoments().add(x, weight), x.shape[1])

    def fit_moments(self, moments: VectorMoments, width: int) -> Self:
        """Learn from the moments of all rows."""
        self.n = moments.n
        self.has_missing = moments.has_missing
        self.missing_share = moments.missing / moments.total
        self.center, self.scale = np.zeros(width), np.full(width, np.inf)
        if moments.mean is not None:
            self.center = moments.mean
            present = moments.total - moments.missing
            std = np.sqrt(moments.squares / present)
            least = 4 * EPSILON * np.abs(self.center)
            self.scale = np.where(std > least, std, np.inf)
        return self

    def apply(self, x: NDArray[Any], dtype: Any) -> NDArray[Any]:
        """Return z, and the indicator if there is one, of shape (n, d_in)."""
        found = np.empty((len(x), self.d_in), dtype=dtype)
        for start in range(0, len(x), BLOCK):
            rows = slice(start, start + BLOCK)
            z = (x[rows].astype(np.float64) - self.center) / self.scale
            is_missing = np.isnan(z).any(axis=1)
            z[is_missing] = 0.0
            found[rows, : self.width] = z
            if self.has_missing:
                found[rows, self.width] = is_missing
        return found

    def draw(self, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return n vectors as `fit` saw them, with the same share of missing ones."""
        x = np.full((n, self.width), np.nan)
        is_present = rng.uniform(size=n) >= self.missing_share
        if len(self.drawn):
            at = rng.integers(len(self.drawn), size=n)
            x[is_present] = self.drawn[at[is_present]]
        return x
