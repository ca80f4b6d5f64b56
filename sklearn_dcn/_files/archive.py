"""The envelope of a saved estimator: a zip file of which no byte can change unseen.

A file is a zip archive, and its comment, the last bytes of all, is the SHA-256 of all
bytes before it. Members are stored, not compressed, so that reading one takes no more
memory than the file has bytes. docs/persistence.md has the specification.
"""

from __future__ import annotations

import io
import os
import re
import secrets
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Self

from .checksum import COMMENT, N_DIGEST, checksum
from .foreign import recognise

__all__ = [
    "ARRAYS",
    "CONFIG",
    "Archive",
    "LoadError",
    "Target",
    "remove_remnants",
    "write_archive",
]

Target = str | os.PathLike[str] | BinaryIO  # a path, or an open binary file

CONFIG, ARRAYS = "config.json", "arrays.safetensors"  # members of every archive here
DATE = (1980, 1, 1, 0, 0, 0)  # the same content is the same file
NAME = r"[a-z]+\.[a-z]+"  # of a member
ENCRYPTED_OR_STREAMED = 0b1001  # flags of members whose header does not say it all


class LoadError(ValueError):
    """A file that cannot be loaded: damaged, tampered with, or of a newer version.

    Examples
    --------
    >>> import tempfile
    >>> import sklearn_dcn
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     try:
    ...         sklearn_dcn.load(file.name)
    ...     except sklearn_dcn.LoadError as error:
    ...         print("not a saved estimator")
    not a saved estimator
    """


# Writing ------------------------------------------------------------------------------


def write_archive(target: Target, members: Mapping[str, bytes | memoryview]) -> None:
    """Write members by name; a path has the old file or all of the new one.

    Raises
    ------
    OSError
        If the file cannot be written. A file that was there is then as it was.
    TypeError
        If `target` is a file that is open for text.
    """
    if not isinstance(target, (str, os.PathLike)):
        _check_open(target, "write")
        content = io.BytesIO()  # an open file may be for writing alone
        _write(content, members)
        target.write(content.getbuffer())
        return
    with _replacing(target) as file:
        _write(file, members)


def _write(file: BinaryIO, members: Mapping[str, bytes | memoryview]) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.comment = b" " * N_DIGEST
        for name, content in members.items():
            info = zipfile.ZipInfo(name, DATE)
            info.file_size = len(content)  # zip64 where that is needed
            with archive.open(info, "w") as member:
                member.write(content)
    n = file.tell() - N_DIGEST
    ending = checksum(file, n)
    file.seek(n)
    file.write(ending)


def _check_open(file: Any, method: str) -> None:
    if isinstance(file, io.TextIOBase) or not hasattr(file, method):
        raise TypeError(
            "path must be a str, a PathLike or a file that is open for bytes, as of "
            f"open(path, 'wb') or 'rb'; got {file!r}."
        )


@contextmanager
def _replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a new file that takes the place of `path` once it is safely on the disk."""
    target = Path(os.path.realpath(path))  # a link stays one
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "x+b") as file:  # tempfile's are for nobody else to read
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if os.name == "posix":  # the new name is on the disk, too
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def remove_remnants(path: str | os.PathLike[str]) -> None:
    """Remove what processes that were killed while they wrote to `path` have left."""
    target = Path(os.path.realpath(path))
    remnant = rf"\.{re.escape(target.name)}\.[0-9a-f]{{16}}\.tmp"
    for file in target.parent.iterdir():
        if re.fullmatch(remnant, file.name):
            file.unlink(missing_ok=True)


# Reading ------------------------------------------------------------------------------


class Archive:
    """An open archive, of which everything but the members' content is checked.

    Parameters
    ----------
    source : str, PathLike or binary file
        The file. One that is open is read from its beginning, and stays open.

    Attributes
    ----------
    sizes : dict of {str: int}
        Bytes of each member.

    Raises
    ------
    LoadError
        If it is no archive, or not as `write_archive` left it.
    OSError
        If it cannot be read.
    """

    def __init__(self, source: Target) -> None:
        self._closes = isinstance(source, (str, os.PathLike))
        self._file: BinaryIO
        if isinstance(source, (str, os.PathLike)):
            self.path = os.fspath(source)
            self._refuse_folder()
            self._file = open(source, "rb")
        else:
            _check_open(source, "read")
            self.path = str(getattr(source, "name", type(source).__name__))
            seekable = hasattr(source, "seekable") and source.seekable()
            self._file = source if seekable else io.BytesIO(source.read())
        try:
            self._check_digest()
            self._zip = self._open()
            self.sizes = self._check_members()
        except BaseException:
            self._close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._close()

    def _close(self) -> None:
        if self._closes:
            self._file.close()

    def _refuse_folder(self) -> None:
        if os.path.isfile(os.path.join(self.path, "MLmodel")):
            raise self.error(
                "it is a folder of mlflow. Load it with mlflow.sklearn.load_model, "
                "which may run code of it, so only if you trust who wrote it"
            )

    def read(self, name: str) -> bytes:
        """Return the content of a member."""
        try:
            return self._zip.read(name)
        except Exception as error:
            raise self.error(f"its member {name!r} cannot be read ({error})") from error

    def error(self, what: str) -> LoadError:
        """Return the error to raise, which names the file."""
        return LoadError(f"{self.path!r} cannot be loaded: {what}.")

    def _no_file(self, what: str) -> LoadError:
        return self.error(f"it is no file that save() of sklearn_dcn wrote. {what}")

    def _check_digest(self) -> None:
        size = self._file.seek(0, os.SEEK_END)
        self._file.seek(0)
        if self._file.read(4) != b"PK\x03\x04":
            raise self._no_file(recognise(self._file))
        n = size - N_DIGEST
        self._file.seek(max(n, 0))
        comment = self._file.read()
        if not re.fullmatch(COMMENT, comment):
            if what := recognise(self._file):
                raise self._no_file(what)
            raise self.error(
                "the checksum at its end is missing, so it is cut short, or was packed "
                "by another program. Copy or save it again"
            )
        if comment != checksum(self._file, n):
            raise self.error(
                "its checksum does not match, so bytes of it have changed. Copy or "
                "save it again"
            )

    def _open(self) -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(self._file)
        except Exception as error:  # of any kind, from a file made to do so
            raise self.error(f"it is not a zip file ({error})") from error

    def _check_members(self) -> dict[str, int]:
        size = self._file.seek(0, os.SEEK_END)
        sizes: dict[str, int] = {}
        for info in self._zip.infolist():
            if not re.fullmatch(NAME, info.filename) or info.filename in sizes:
                raise self.error(f"it has a member of the name {info.filename!r}")
            if (
                info.compress_type != zipfile.ZIP_STORED
                or info.flag_bits & ENCRYPTED_OR_STREAMED
                or info.compress_size != info.file_size
            ):
                raise self.error(f"its member {info.filename!r} is not plainly stored")
            sizes[info.filename] = info.file_size
        # Members that overlap would be more than the file.
        if sum(sizes.values()) > size:
            raise self.error("its members are larger than itself")
        return sizes
