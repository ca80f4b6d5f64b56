"""Predictions of tables that are not in memory: block by block, or into a file."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from .._scan import Parts, Scan, refuse_lists, scan
from .._world import ALONE, World
from .predicting import PredictsLogits
from .scans import read_targets, scan_of

__all__ = ["PredictsFiles", "ScoresScans"]

FORMATS = (".parquet", ".feather", ".csv")


class PredictsFiles(PredictsLogits):
    """Predictions of scans."""

    def predict_batches(self, X: Any) -> Iterator[NDArray[Any]]:
        """Yield the predictions of a scan, block by block, in the order of its rows.

        Parameters
        ----------
        X : scan, path, or another source of `sklearn_dcn.scan`
            Rows with the columns of `fit`.

        Yields
        ------
        predictions : ndarray of shape (n, ...)
            As from `predict_proba` of a classifier, or `predict` of a regressor, for up
            to 65,536 rows.
        """
        check_is_fitted(self, "net_")
        for block, _ in self._scanned(_as_scan(X)):
            yield self._answers(block)

    def predict_to(
        self,
        X: Any,
        out: str | os.PathLike[str],
        columns: Sequence[str] | None = None,
    ) -> str:
        """Write the predictions of a scan to a file.

        The file appears once it is complete. Until then its parts are in the folder
        ``<out>.parts``; after an interruption, the same call goes on from there.

        Parameters
        ----------
        X : scan, path, or another source of `sklearn_dcn.scan`
            Rows with the columns of `fit`.
        out : path
            A file that ends in .parquet, .feather or .csv.
        columns : list of str or None, default=None
            Columns of X, such as ids, to be written before the predictions.

        Returns
        -------
        path : str
            The file. Its columns are those in `columns`, and "probability of <class>"
            for each class or label, or "prediction" (with several outputs "prediction
            0" and so on).

        Raises
        ------
        ValueError
            If the kind of file is unknown, its folder does not exist, or the columns
            cannot be written to it.
        """
        return self._predict_to(ALONE, X, out, columns)

    def _predict_to(
        self,
        world: World,
        X: Any,
        out: str | os.PathLike[str],
        columns: Sequence[str] | None,
    ) -> str:
        """Write predictions as one of several processes, each of some of the blocks."""
        check_is_fitted(self, "net_")
        path = os.path.abspath(out)
        kind = os.path.splitext(path)[1]
        _check_path(path, kind)
        rows = _as_scan(X)
        names = self._answer_names()
        beside = [] if columns is None else list(columns)
        _check_beside(rows, beside, names, kind)
        parts = Parts(f"{path}.parts", self._mark(names, beside))
        types = [rows.schema.field(name).type for name in beside]
        start = 0
        for k, (block, ids) in enumerate(self._scanned(rows, beside)):
            is_mine = k % world.size == world.rank
            if not parts.has(block, ids) and is_mine:
                try:
                    answers = self._answers(block).reshape(len(block), -1)
                except (TypeError, ValueError) as error:
                    stop = start + len(block)
                    error.add_note(f"It is in rows {start:,} to {stop:,} of the scan.")
                    raise
                parts.write(ids, types, names, answers)
            start += len(block)
        world.agree(True)  # that all parts are there
        if world.rank == 0:
            parts.join(path, kind)
        world.agree(True)
        return path

    def _answers(self, X: Any) -> NDArray[Any]:
        method = getattr(self, "predict_proba", None) or self.predict
        found: NDArray[Any] = method(X)
        return found

    def _answer_names(self) -> list[str]:
        classes = getattr(self, "label_names_", getattr(self, "classes_", None))
        if classes is not None:
            return [f"probability of {label}" for label in classes.tolist()]
        outputs = range(self._target.n_outputs)
        if len(outputs) == 1:
            return ["prediction"]
        return [f"prediction {k}" for k in outputs]

    def _mark(self, names: list[str], beside: list[str]) -> str:
        """Return a hash of what predicts, and of the columns that are written."""
        found = hashlib.blake2b(repr([names, beside]).encode(), digest_size=16)
        for name, tensor in self.module_.state_dict().items():
            array = tensor.cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
            found.update(name.encode())
            found.update(array.tobytes())
        return found.hexdigest()


class ScoresScans:
    """The score of rows whose target may be a column of a scan."""

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return the accuracy of a classifier, or R² of a regressor.

        With `loss` "poisson", "gamma" or "tweedie" a regressor has D² of the deviance,
        as in scikit-learn's estimators for these, and with "quantile" D² of the pinball
        loss of what `predict` returns. All are explained shares; 1 is best.

        Parameters
        ----------
        X : table, scan or path
            Rows with the columns of `fit`.
        y : array-like of shape (n_samples, ...), default=None
            Their target; None for a scan, which has its own; for a path the column's
            name.
        sample_weight : array-like of shape (n_samples,), default=None
            Their weights; for a path the column's name.

        Returns
        -------
        score : float
        """
        y, sample_weight = read_targets(X, y, sample_weight)
        found: float = super().score(X, y, sample_weight)  # type: ignore[misc]
        return found


def _as_scan(X: Any) -> Scan:
    return scan_of(X) or scan(X)


def _check_path(path: str, kind: str) -> None:
    """Raise a ValueError for a file that cannot be written."""
    if kind not in FORMATS:
        raise ValueError(f"out must end in {', '.join(FORMATS)}; got {path!r}.")
    if os.path.isdir(path):
        raise ValueError(f"out must be a file; {path!r} is a folder. Add a name.")
    if not os.path.isdir(os.path.dirname(path)):
        raise ValueError(
            f"out must be in a folder that exists; got {path!r}. Create the folder."
        )


def _check_beside(rows: Scan, beside: list[str], names: list[str], kind: str) -> None:
    """Raise a ValueError for columns that cannot be written beside the predictions."""
    rows.check_columns(beside)
    all_names = [*beside, *names]
    for name in all_names:
        if all_names.count(name) > 1:
            raise ValueError(
                f"columns must be distinct, and differ from the names of the "
                f"predictions; got {name!r}."
            )
    if kind == ".csv":
        refuse_lists(rows.schema, beside)
