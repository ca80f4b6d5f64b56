"""Predictions of tables that are not in memory: block by block, or into a file."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from .._scan import Scan, open_source, scan
from .predicting import PredictsLogits
from .scans import scan_of

__all__ = ["PredictsFiles"]

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
            As `predict_proba` of a classifier, or `predict` of a regressor, of up to
            65,536 rows.
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

        The file appears when it is whole. Until then its parts are in the folder
        ``<out>.parts``: a call that was cut short goes on from there.

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
            The file. Its columns are those asked for, and "probability of <class>" for
            each class, or "prediction" (of several outputs "prediction 0" and so on).

        Raises
        ------
        ValueError
            If the file is of no known kind, or its folder is not there.
        """
        check_is_fitted(self, "net_")
        path = os.path.abspath(out)
        if os.path.splitext(path)[1] not in FORMATS:
            raise ValueError(
                f"out must end in {', '.join(FORMATS)}; got {os.fspath(out)!r}."
            )
        if not os.path.isdir(os.path.dirname(path)):
            raise ValueError(
                f"out must be in a folder that is there; got {os.fspath(out)!r}. "
                "Create it."
            )
        rows = _as_scan(X)
        parts = _Parts(f"{path}.parts", self._mark(rows, columns))
        names = self._answer_names()
        beside = [] if columns is None else list(columns)
        for k, (block, ids) in enumerate(self._scanned(rows, beside)):
            if not parts.has(k):
                answers = self._answers(block).reshape(len(block), -1)
                for name, values in zip(names, answers.T, strict=True):
                    ids[name] = values
                parts.write(k, ids)
        parts.join(path)
        return path

    def _answers(self, X: Any) -> NDArray[Any]:
        method = getattr(self, "predict_proba", None) or self.predict
        found: NDArray[Any] = method(X)
        return found

    def _answer_names(self) -> list[str]:
        classes = getattr(self, "classes_", None)
        if classes is not None:
            return [f"probability of {label}" for label in classes.tolist()]
        outputs = range(self.module_.d_out)
        if len(outputs) == 1:
            return ["prediction"]
        return [f"prediction {k}" for k in outputs]

    def _mark(self, rows: Scan, columns: Sequence[str] | None) -> str:
        """Return a hash of what predicts, and of what."""
        found = hashlib.blake2b(digest_size=16)
        for name, tensor in self.module_.state_dict().items():
            found.update(name.encode())
            found.update(np.ascontiguousarray(tensor.cpu().numpy()).data)
        told = [rows.source.title, rows.n_rows, [*rows.schema.names], columns]
        found.update(json.dumps(told, default=str).encode())
        return found.hexdigest()


def _as_scan(X: Any) -> Scan:
    found = scan_of(X)
    if found is None:
        open_source(X)  # which says what can be read
        found = scan(X)
    return found


class _Parts:
    """Blocks of predictions, in a folder until all are there.

    Parameters
    ----------
    folder : str
    mark : str
        What they are of; parts of anything else are removed.
    """

    def __init__(self, folder: str, mark: str) -> None:
        self.folder = folder
        self.n = 0
        note = os.path.join(folder, "of.json")
        try:
            with open(note, encoding="utf-8") as file:
                known = json.load(file)
        except (OSError, ValueError):
            known = None
        if known != mark:
            shutil.rmtree(folder, ignore_errors=True)
            os.makedirs(folder)
            with open(note, "w", encoding="utf-8") as file:
                json.dump(mark, file)

    def _path(self, k: int) -> str:
        return os.path.join(self.folder, f"{k:08}.arrow")

    def has(self, k: int) -> bool:
        """Tell whether a part is there."""
        self.n = k + 1
        return os.path.exists(self._path(k))

    def write(self, k: int, frame: Any) -> None:
        """Write a part, which is there as a whole or not at all."""
        import pyarrow

        table = pyarrow.Table.from_pandas(frame, preserve_index=False)
        path = self._path(k)
        with pyarrow.ipc.new_file(f"{path}.new", table.schema) as writer:
            writer.write_table(table)
        os.replace(f"{path}.new", path)

    def join(self, path: str) -> None:
        """Write all parts to one file, and remove them."""
        import pyarrow

        new = f"{path}.new"
        with pyarrow.ipc.open_file(self._path(0)) as first:
            schema = first.schema
        with _writer(new, os.path.splitext(path)[1], schema) as writer:
            for k in range(self.n):
                with pyarrow.memory_map(self._path(k)) as file:
                    writer.write_table(pyarrow.ipc.open_file(file).read_all())
        os.replace(new, path)
        shutil.rmtree(self.folder, ignore_errors=True)


def _writer(path: str, kind: str, schema: Any) -> Any:
    if kind == ".parquet":
        import pyarrow.parquet as parquet

        return parquet.ParquetWriter(path, schema)
    if kind == ".csv":
        import pyarrow.csv as csv

        return csv.CSVWriter(path, schema)
    import pyarrow

    return pyarrow.ipc.new_file(path, schema)
