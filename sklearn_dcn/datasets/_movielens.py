"""Reader of MovieLens: ratings from a file, joined with films and users."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .._scan import Scan, Source, SourceError, scan
from ._lines import Layout, Lines, refuse_archive

__all__ = ["read_movielens"]

YEAR = re.compile(r"\((\d{4})\b[^()]*\)")  # "(1995)", "(2006-2007)"
NO_GENRES = "(no genres listed)"
# The last 19 cells of a film in u.item.
FLAGS = (
    *("unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime"),
    *("Documentary", "Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery"),
    *("Romance", "Sci-Fi", "Thriller", "War", "Western"),
)

CELLS: dict[str, str | None] = {
    "user_id": "level",
    "movie_id": "level",
    "rating": "rating",
    "timestamp": "seconds",
}
# "::" between cells is two separators of arrow, with an empty cell between them.
DOTTED: dict[str, str | None] = {
    "user_id": "level",
    "1": None,
    "movie_id": "level",
    "2": None,
    "rating": "rating",
    "3": None,
    "timestamp": "seconds",
}


@dataclass(frozen=True)
class Side:
    """A small table of details of films, or of users.

    Attributes
    ----------
    file : str
        Its name in the folder.
    delimiter : str
    n_cells : int
        Of each line.
    read : callable
        Cells of a line -> dict of {name: value}.
    kinds : dict of {str: {"level", "number", "lists"}}
        The columns that `read` gives.
    header : tuple of str
        The cells of the first line; none where that has values already.
    """

    file: str
    delimiter: str
    n_cells: int
    read: Callable[[list[str]], dict[str, Any]]
    kinds: dict[str, str]
    header: tuple[str, ...] = ()


def _read_flags(cells: list[str]) -> dict[str, Any]:
    flags = zip(FLAGS[1:], cells[6:], strict=True)  # "unknown" is no genre
    return {
        "genres": [genre for genre, flag in flags if flag == "1"],
        "year": _year(cells[1]),
    }


def _read_film(cells: list[str]) -> dict[str, Any]:
    is_listed = cells[2] not in ("", NO_GENRES)
    genres = cells[2].split("|") if is_listed else []
    return {"genres": genres, "year": _year(cells[1])}


def _read_user(cells: list[str]) -> dict[str, Any]:
    _, age, gender, occupation, zip_code = cells
    return {
        "age": float(age) if age else float("nan"),
        "gender": gender,
        "occupation": occupation,
        "zip_code": zip_code,
    }


def _read_coded_user(cells: list[str]) -> dict[str, Any]:
    _, gender, age, occupation, zip_code = cells
    return {
        "age": age,  # the first of a range of years, a code
        "gender": gender,
        "occupation": occupation,
        "zip_code": zip_code,
    }


def _year(title: str) -> float:
    """Return the year at the end of a title, NaN without one."""
    found = YEAR.findall(title)
    return float(found[-1]) if found else float("nan")


FILM = {"genres": "lists", "year": "number"}
USER = {"age": "number", "gender": "level", "occupation": "level", "zip_code": "level"}
CODED_USER = {**USER, "age": "level"}

# The ratings of each layout, and what is joined with them, by column.
LAYOUTS: dict[str, tuple[Layout, dict[str, Side]]] = {
    "u.data": (
        Layout("MovieLens 100K", CELLS, "rating", "\t"),
        {
            "movie_id": Side("u.item", "|", 24, _read_flags, FILM),
            "user_id": Side("u.user", "|", 5, _read_user, USER),
        },
    ),
    "ratings.dat": (
        Layout("MovieLens 1M", DOTTED, "rating", ":"),
        {
            "movie_id": Side("movies.dat", "::", 3, _read_film, FILM),
            "user_id": Side("users.dat", "::", 5, _read_coded_user, CODED_USER),
        },
    ),
    "ratings.csv": (
        Layout(
            *("MovieLens", CELLS, "rating", ","),
            header=("userId", "movieId", "rating", "timestamp"),
        ),
        {
            "movie_id": Side(
                *("movies.csv", ",", 3, _read_film, FILM),
                header=("movieId", "title", "genres"),
            ),
        },
    ),
}


class Ratings(Source):
    """Ratings, each with the details of its film and its user.

    Parameters
    ----------
    lines : Lines
        The ratings.
    sides : dict of {str: (DataFrame, dict of kinds)}
        Name of a column of ids -> a frame with these as its index.
    """

    def __init__(
        self, lines: Lines, sides: dict[str, tuple[Any, dict[str, str]]]
    ) -> None:
        self.lines, self.sides = lines, sides
        self.title = lines.layout.name

    def schema(self) -> Any:
        """Return the columns as an arrow schema."""
        import pyarrow

        types = {
            "level": pyarrow.string(),
            "number": pyarrow.float64(),
            "lists": pyarrow.list_(pyarrow.string()),
        }
        own = self.lines.schema()
        fields = [own.field(name) for name in ("user_id", "movie_id", "timestamp")]
        for _, kinds in self.sides.values():
            fields += [pyarrow.field(name, types[kind]) for name, kind in kinds.items()]
        return pyarrow.schema([*fields, own.field("rating")])

    def pieces(self, columns: Sequence[str], size: int, whole: bool) -> Iterator[Any]:
        """Yield pandas frames of up to `size` rows with these columns."""
        joined = {
            key: [name for name in kinds if name in columns]
            for key, (_, kinds) in self.sides.items()
        }
        keys = [key for key, names in joined.items() if names]
        own = [name for name in self.lines.schema().names if name in {*columns, *keys}]
        for frame in self.lines.frames(own, size, exact=False, whole=whole):
            for key in keys:
                side, _ = self.sides[key]
                known = side[joined[key]].reindex(frame[key])
                for name in known:
                    frame[name] = known[name].array
            yield frame[list(columns)]


def read_movielens(path: Any, **options: Any) -> Scan:
    r"""Describe the ratings of a MovieLens data set, with details of films and users.

    Each row is a rating of a film by a user, and the target is the rating: 0.5 to 5
    stars, in some sets 1 to 5. The ratings are streamed; the tables of films and users,
    which are small, are in memory. The data sets come from GroupLens [1]_, [2]_ and are
    free for research that credits them; ask first if you want to pass them on or to use
    them for revenue. The README of each set states its terms.

    Parameters
    ----------
    path : path
        The folder that the data set was unpacked to. Its files tell the layout:
        ``u.data``, ``u.item`` and ``u.user`` of 100K; ``ratings.dat``, ``movies.dat``
        and ``users.dat`` of 1M; ``ratings.csv`` and ``movies.csv`` of 20M, 25M, 32M
        and "latest".
    **options : Any
        More arguments of `scan`: `columns`, `cache`, `buffer_rows`, `epoch_rows`.

    Returns
    -------
    scan : Scan
        Its target is "rating", a float. Rows are in the order of the file: in most
        sets by user, not by time. `user_id` and `movie_id` are strings; `timestamp` is
        in UTC, without a zone; `genres` is a list of strings, empty if a film has none;
        `year` is the number in the title. 100K and 1M also have `age`, `gender`,
        `occupation` and `zip_code`: strings, except `age` in 100K, which is a number.
        In 1M `age` and `occupation` are codes. What is unknown is missing.

    Raises
    ------
    SourceError
        If a file does not exist or breaks the layout; the message names file and row.

    References
    ----------
    .. [1] https://grouplens.org/datasets/movielens/
    .. [2] Harper, F. M. and Konstan, J. A. (2015). "The MovieLens Datasets: History and
       Context". ACM Transactions on Interactive Intelligent Systems 5 (4).
       https://doi.org/10.1145/2827872

    Examples
    --------
    >>> import os, tempfile
    >>> from sklearn_dcn.datasets import read_movielens
    >>> folder = tempfile.mkdtemp()
    >>> with open(os.path.join(folder, "ratings.csv"), "w") as file:
    ...     _ = file.write("userId,movieId,rating,timestamp\n7,1,4.5,964982703\n")
    >>> with open(os.path.join(folder, "movies.csv"), "w") as file:
    ...     _ = file.write("movieId,title,genres\n1,Heat (1995),Action|Crime\n")
    >>> block = read_movielens(folder).load()
    >>> block.X[["user_id", "genres", "year"]]
      user_id           genres    year
    0       7  [Action, Crime]  1995.0
    >>> block.y.tolist()
    [4.5]
    """
    folder = _check_folder(path)
    file = next((name for name in LAYOUTS if _has(folder, name)), None)
    if file is None:
        raise SourceError(
            f"The folder {folder!r} has no file of ratings: {' or '.join(LAYOUTS)}. "
            "Give the folder to which a data set of MovieLens was unpacked."
        )
    layout, described = LAYOUTS[file]
    for side in described.values():
        if not _has(folder, side.file):
            raise SourceError(
                f"The folder {folder!r} has {file!r}, but not {side.file!r} of the "
                "same data set. Unpack all files of the data set."
            )
    lines = Lines.of_file(os.path.join(folder, file), layout)
    sides = {
        key: (_read_side(os.path.join(folder, side.file), key, side), side.kinds)
        for key, side in described.items()
    }
    return scan(Ratings(lines, sides), target="rating", **options)


def _check_folder(path: Any) -> str:
    """Return the path of a folder."""
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"path must be the path of a folder; got {path!r}.")
    folder = os.fspath(path)
    refuse_archive(folder)
    if not os.path.isdir(folder):
        is_file = os.path.exists(folder)
        got = "a file" if is_file else "a path that does not exist"
        raise SourceError(
            f"{folder!r} must be the folder of a MovieLens data set; it is {got}. "
            + ("Give the folder that it is in." if is_file else "Correct the path.")
        )
    return folder


def _has(folder: str, name: str) -> bool:
    return os.path.isfile(os.path.join(folder, name))


def _read_side(path: str, key: str, side: Side) -> Any:
    """Return a small table as a frame, its index the ids."""
    import pandas

    ids: dict[str, int] = {}
    columns: dict[str, list[Any]] = {name: [] for name in side.kinds}
    for row, cells in _rows(path, side):
        if len(cells) != side.n_cells:
            raise SourceError(
                f"Line {row:,} of {path!r} must have {side.n_cells} cells, separated "
                f"by {side.delimiter!r}; got {len(cells)}. Repair the line."
            )
        if (before := ids.setdefault(cells[0], row)) != row:
            raise SourceError(
                f"Lines {before:,} and {row:,} of {path!r} both have the {key} "
                f"{cells[0]!r}. Leave one of them out."
            )
        try:
            known = side.read(cells)
        except ValueError as error:
            raise SourceError(
                f"Line {row:,} of {path!r}: {error}. Repair the line."
            ) from error
        for name, values in columns.items():
            values.append(None if known[name] == "" else known[name])
    frame = pandas.DataFrame(columns, index=pandas.Index(list(ids), name=key))
    numbers = [name for name, kind in side.kinds.items() if kind == "number"]
    return frame.astype(dict.fromkeys(numbers, "float64"))


def _rows(path: str, side: Side) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the cells of each line that is not empty."""
    # The older files are of latin-1, in which any bytes can be read.
    encoding = "utf-8" if side.header else "latin-1"
    with open(path, encoding=encoding, newline="" if side.header else None) as file:
        if side.header:
            lines: Iterator[list[str]] = csv.reader(file)
        else:
            lines = (line.rstrip("\n").split(side.delimiter) for line in file)
        for row, cells in enumerate(lines, 1):
            if row == 1 and side.header:
                if tuple(cells) != side.header:
                    raise SourceError(
                        f"The first line of {path!r} must be "
                        f"{','.join(side.header)!r}; got {','.join(cells)[:100]!r}. "
                        "Give the file as it was published."
                    )
            elif cells and cells != [""]:
                yield row, cells
