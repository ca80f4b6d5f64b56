"""What a regressor predicts beside the expected target: quantiles and intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.metrics import d2_pinball_score, d2_tweedie_score
from sklearn.utils.validation import check_is_fitted

from .._checks import check_rate
from .._targets import ContinuousTarget, CountTarget, GaussianTarget, QuantileTarget
from .._training import DCNNet, TensorTable, held_out_rows

__all__ = ["PredictsNumbers"]

MOST_RESIDUALS = 10_000  # of held-out rows that are kept


class PredictsNumbers(RegressorMixin):
    """Predictions of an estimator with a target of `ContinuousTarget` or its kin."""

    loss: str
    net_: DCNNet
    _target: ContinuousTarget
    # How far held-out rows were from their predictions; None where there were none.
    _residuals: NDArray[np.float64] | None = None
    _residual_weight: NDArray[np.float64] | None = None

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return R², or D² for losses for which that is scikit-learn's score."""
        target = self._target_of()
        kind: Any
        if isinstance(target, CountTarget):
            kind, option = d2_tweedie_score, {"power": target.power}
        elif isinstance(target, QuantileTarget):
            option = {"alpha": target.quantiles[target.middle]}
            kind = d2_pinball_score
        else:
            found: float = super().score(X, y, sample_weight)
            return found
        y, predicted = ContinuousTarget.check(y), self.predict(X)
        outputs = (of.reshape(len(y), -1).T for of in (y, predicted))
        scores = [
            kind(*output, sample_weight=sample_weight, **option)
            for output in zip(*outputs, strict=True)
        ]
        return float(np.mean(scores))

    def predict_quantiles(self, X: Any) -> NDArray[np.float64]:
        """Return the quantiles of the target that `quantiles` asks for.

        Parameters
        ----------
        X : DataFrame, array-like of shape (n_samples, n_features), list of dict or dict
            Rows with the columns of `fit`.

        Returns
        -------
        quantiles : ndarray of shape (n_samples, n_quantiles)
            In the units of `fit`, rising from left to right.

        Raises
        ------
        AttributeError
            If the loss is not "quantile".
        """
        target = self._target_of()
        if not isinstance(target, QuantileTarget):
            raise AttributeError(
                f"predict_quantiles needs a fit with loss='quantile'; got "
                f"{target.loss!r}. Set loss and quantiles and fit again, or call "
                "predict_interval, which works with every loss."
            )
        return target.of_quantiles(self._logits(X))

    def predict_std(self, X: Any) -> NDArray[np.float64]:
        """Return the standard deviation of the target around what `predict` returns.

        Parameters
        ----------
        X : DataFrame, array-like of shape (n_samples, n_features), list of dict or dict
            Rows with the columns of `fit`.

        Returns
        -------
        std : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            In the units of `fit`.

        Raises
        ------
        AttributeError
            If the loss is not "gaussian".
        """
        target = self._target_of()
        if not isinstance(target, GaussianTarget):
            raise AttributeError(
                f"predict_std needs a fit with loss='gaussian'; got {target.loss!r}. "
                "Set loss and fit again, or call predict_interval, which works with "
                "every loss."
            )
        return target.std(self._logits(X))

    def predict_interval(self, X: Any, coverage: float = 0.9) -> NDArray[np.float64]:
        """Return intervals that hold the target of a given share of new rows.

        The rows held out in `fit` decide how wide the intervals are (conformal
        prediction): if new rows are like these, a share of at least `coverage` is
        inside, on average over fits, whatever the network has learned. As these rows
        also chose the epoch, they make intervals slightly too narrow; in return, only
        the networks that held a row out predicted it, not all of them.

        - "quantile": from the quantile nearest to (1 - coverage) / 2 to the one nearest
          to (1 + coverage) / 2, both moved by one distance [1]_.
        - "gaussian": the mean, and a multiple of each row's standard deviation.
        - "poisson", "gamma", "tweedie": the expectation m, and a multiple of
          m ** (power / 2); not below 0.
        - others: the prediction, and one distance for all rows.

        Parameters
        ----------
        X : DataFrame, array-like of shape (n_samples, n_features), list of dict or dict
            Rows with the columns of `fit`.
        coverage : float, default=0.9
            In (0, 1).

        Returns
        -------
        interval : ndarray of shape (n_samples, 2)
            Lower and upper ends, in the units of `fit`.

        Raises
        ------
        ValueError
            If no rows were held out, or too few for this coverage; or if the target has
            several outputs.

        References
        ----------
        .. [1] Romano et al., "Conformalized Quantile Regression", 2019,
           :arxiv:`1905.03222`.
        """
        target = self._target_of()
        check_rate("coverage", coverage)
        if coverage == 0:
            raise ValueError(f"coverage must be a number in (0, 1); got {coverage!r}.")
        if target.n_outputs > 1:
            raise ValueError(
                f"predict_interval is for one output; the target has "
                f"{target.n_outputs}. Fit one estimator to each."
            )
        if self._residuals is None or self._residual_weight is None:
            raise ValueError(
                "predict_interval needs rows that were held out in fit, but there were "
                "none, or partial_fit has trained since. Fit with early_stopping=True, "
                "or give X_val and y_val."
            )
        logits = self._logits(X)
        known = self._residuals, self._residual_weight
        return target.interval(logits, *known, coverage)

    def _target_of(self) -> ContinuousTarget:
        check_is_fitted(self, "net_")
        return self._target

    def _keep_residuals(self, valid: TensorTable | None) -> None:
        """Keep how far rows that validated are from their predictions."""
        self._residuals = self._residual_weight = None
        if valid is None or self._target.n_outputs > 1:
            return
        n = len(valid)
        if n > MOST_RESIDUALS:
            at = np.linspace(0, n - 1, MOST_RESIDUALS).astype(np.int64)
            valid = valid.taken(torch.from_numpy(at))
        logits, y, weight = held_out_rows(self.net_, valid)
        self._residuals = self._target.residuals(logits, y)
        self._residual_weight = weight
