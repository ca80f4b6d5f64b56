"""Numbers -> normalised floats, as a transformer."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .._checks import check_option
from .._table import NUMERIC_TRANSFORMS, NumberScaler, to_float
from ._columnwise import ColumnwiseTransformer

__all__ = ["ContinuousNormalizer"]


class ContinuousNormalizer(ColumnwiseTransformer):
    r"""Bring numbers to a well-behaved scale, whatever their tails; gaps stay gaps.

    The estimators do the same with the numbers of a table by themselves, except that
    missing ones stay NaN here. Applying "quantile" twice is the same as once.

    Parameters
    ----------
    method : str or None, default="quantile"
        The normalisation.

        - "quantile": to the normal distribution by rank, standardised.
        - "robust": by median and quartiles, then clipped smoothly at 3.
        - "standard": to mean 0 and standard deviation 1.
        - "signed_log": :math:`sign(x) \log(1 + |x|)`, then as "standard".
        - None: not at all.

    Attributes
    ----------
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if all are strings.

    See Also
    --------
    sklearn.preprocessing.QuantileTransformer : Without weights and standardisation.

    References
    ----------
    "robust" follows Holzmüller et al., "Better by Default", 2024, arXiv:2407.04491.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_dcn.preprocessing import ContinuousNormalizer
    >>> X = np.array([[1.0], [10.0], [1e6], [np.nan]])
    >>> ContinuousNormalizer().fit_transform(X).round(3) + 0.0
    array([[-1.225],
           [ 0.   ],
           [ 1.225],
           [   nan]])
    """

    def __init__(self, *, method: str | None = "quantile") -> None:
        self.method = method

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn the distribution of every column.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Numbers; cells may be missing.
        y : None, default=None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row in the statistics; only their ratios matter.

        Returns
        -------
        self : object
            The fitted normaliser.

        Raises
        ------
        ValueError, TypeError
            If the method is unknown, or if a cell is infinite or not a number.
        """
        check_option("method", self.method, NUMERIC_TRANSFORMS)
        columns, weight = self._check_rows(X, sample_weight)
        names = self._column_names()
        self._scalers = [
            NumberScaler(self.method).fit(to_float(column, name), weight)
            for column, name in zip(columns, names, strict=True)
        ]
        return self

    def transform(self, X: Any) -> NDArray[np.float64]:
        """Return the normalised numbers.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Rows with the columns of `fit`.

        Returns
        -------
        z : ndarray of shape (n_samples, n_features)
            NaN where a number is missing. A DataFrame if `set_output` asks for one.
        """
        columns = self._check_columns(X)
        cells = zip(columns, self._scalers, self._column_names(), strict=True)
        z = [s.apply(to_float(column, name), impute=False) for column, s, name in cells]
        return np.stack(z, axis=1)

    def inverse_transform(self, X: Any) -> NDArray[np.float64]:
        """Return numbers in the units of `fit`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Normalised numbers.

        Returns
        -------
        x : ndarray of shape (n_samples, n_features)
            The numbers that `transform` would turn into `X`, within the range of `fit`:
            outside it "quantile" returns the end of the range, and a column that was
            constant comes back as that constant.
        """
        z = self._check_output(
            X, "columns", dtype=np.float64, ensure_all_finite="allow-nan"
        )
        columns = zip(z.T, self._scalers, strict=True)
        return np.stack([scaler.invert(column) for column, scaler in columns], axis=1)
