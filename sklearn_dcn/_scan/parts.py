"""Predictions of blocks, as files in a folder until they are joined to one file."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Sequence
from typing import Any

import numpy as np

from .frames import bytes_of

__all__ = ["Parts", "refuse_lists"]


class Parts:
    """Predictions of blocks, and columns beside them, in a folder.

    A part is named by its place and by a hash of what predicts and of the rows, so that
    parts of another run are never taken.

    Parameters
    ----------
    folder : str
    mark : str
        A hash of what predicts.
    """

    def __init__(self, folder: str, mark: str) -> None:
        self.folder, self.mark = folder, mark
        self.paths: list[str] = []
        try:
            os.makedirs(folder, exist_ok=True)
        except OSError as error:
            raise type(error)(
                error.errno,
                f"The output folder cannot be written to ({error.strerror}). Give "
                "another one, or make this one writable",
                os.path.dirname(folder),
            ) from error

    def has(self, block: Any, beside: Any) -> bool:
        """Begin the next block; tell whether its part exists."""
        found = hashlib.blake2b(self.mark.encode(), digest_size=16)
        for frame in (block, beside):
            for name in frame.columns:
                found.update(repr([name, str(frame[name].dtype)]).encode())
                found.update(bytes_of(frame[name]))
        name = f"{len(self.paths):08}-{found.hexdigest()}.arrow"
        self.paths.append(os.path.join(self.folder, name))
        return os.path.exists(self.paths[-1])

    def write(
        self, beside: Any, types: Sequence[Any], names: Sequence[str], answers: Any
    ) -> None:
        """Write the part of the block: as a whole, or not at all.

        Parameters
        ----------
        beside : DataFrame
            Columns that come before the predictions.
        types : list of arrow types
            The types of these columns in the source.
        names : list of str
        answers : ndarray of shape (n, len(names))
        """
        import pyarrow

        columns = {
            name: _plain(beside[name], kind)
            for name, kind in zip(beside.columns, types, strict=True)
        }
        for name, values in zip(names, answers.T, strict=True):
            columns[name] = pyarrow.array(np.ascontiguousarray(values))
        table = pyarrow.table(columns)
        path = self.paths[-1]
        with pyarrow.ipc.new_file(f"{path}.new", table.schema) as writer:
            writer.write_table(table)
        os.replace(f"{path}.new", path)

    def join(self, path: str, kind: str) -> None:
        """Write all parts to one file, and remove the parts."""
        import pyarrow

        schemas = []
        for part in self.paths:
            with pyarrow.memory_map(part) as file:
                schemas.append(pyarrow.ipc.open_file(file).schema)
        # A column whose cells are all missing in a block has no type there.
        schema = pyarrow.unify_schemas(schemas, promote_options="permissive")
        new = f"{path}.new"
        try:
            with _writer(new, kind, schema) as writer:
                for part in self.paths:
                    with pyarrow.memory_map(part) as file:
                        table = pyarrow.ipc.open_file(file).read_all()
                        writer.write_table(table.cast(schema))
            os.replace(new, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.remove(new)
            raise
        shutil.rmtree(self.folder, ignore_errors=True)


def refuse_lists(schema: Any, names: Sequence[str]) -> None:
    """Raise a ValueError for columns of lists, which a CSV cannot hold."""
    import pyarrow

    for name in names:
        kind = schema.field(name).type
        if pyarrow.types.is_nested(kind):
            raise ValueError(
                f"{name!r} is {kind}, which a CSV cannot hold. Leave it out, or write "
                "a .parquet."
            )


def _plain(column: Any, kind: Any) -> Any:
    """Return a column as an arrow array of the type that it has in the source."""
    import pyarrow

    array = pyarrow.Array.from_pandas(column)
    if pyarrow.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pyarrow.types.is_dictionary(kind):
        kind = kind.value_type
    if pyarrow.types.is_null(kind):
        return array
    try:
        return array.cast(kind)
    except pyarrow.ArrowException:  # frames of a function may differ
        return array


def _writer(path: str, kind: str, schema: Any) -> Any:
    if kind == ".parquet":
        import pyarrow.parquet as parquet

        return parquet.ParquetWriter(path, schema)
    if kind == ".csv":
        import pyarrow.csv as csv

        return csv.CSVWriter(path, schema)
    import pyarrow

    return pyarrow.ipc.new_file(path, schema)
