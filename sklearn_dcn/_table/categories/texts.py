"""Fields of free text: a cell is a bag of hashed n-grams."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._ids import MISSING_ID, N_RESERVED_IDS
from ..reading import Levels, Lists, describe, factorize
from .bags import Bag, ListLevels
from .column_ids import spread
from .hashed_levels import HashedLevels

__all__ = ["ANALYZERS", "TextBuckets", "TextLevels"]

# The lengths of n-grams where they are not given, of each analyzer of scikit-learn.
ANALYZERS = {"word": (1, 2), "char": (3, 3), "char_wb": (3, 3)}
TOGETHER = ("word", "char_wb")  # where no analyzer is given
N_BUCKETS = 1 << 16
LEAST_ROWS = 2  # in fewer an n-gram cannot tell of other rows


class TextBuckets(HashedLevels):
    """The buckets of n-grams that are already hashed: a bucket's level is its number.

    Parameters
    ----------
    name, n_buckets
        As of :class:`HashedLevels`.
    """

    def find(self, levels: Levels) -> NDArray[np.int32]:
        """Return the ids of buckets."""
        return (np.asarray(levels, dtype=np.int64) + N_RESERVED_IDS).astype(np.int32)


class TextLevels(ListLevels):
    r"""One column of text -> ids of hashed n-grams, weighted by TF-IDF.

    If an n-gram is in a cell t times, and in m of the n rows of `fit`, its weight is

    .. math:: w = (1 + \ln t) \left(1 + \ln \frac{1 + n}{1 + m}\right)

    divided by the Euclidean norm of the cell's weights. N-grams in fewer than two rows
    of `fit` are ignored. A missing cell is a level of its own.

    Parameters
    ----------
    name : str or int
        The column, for errors.
    analyzer : {"word", "char", "char_wb"} or None, default=None
        As of :class:`sklearn.feature_extraction.text.TfidfVectorizer`; None is words
        and, beside them, characters within words.
    ngram_range : tuple of (int, int) or None, default=None
        The shortest and longest n-grams; None is what `ANALYZERS` has.
    n_features : int, default=65536
        Number of buckets.

    Attributes
    ----------
    total : float
        Weight of all rows in `fit`.
    """

    total = 0.0
    grams: list[tuple[str, int, int]]
    levels: TextBuckets

    def __init__(
        self,
        name: str | int,
        analyzer: str | None = None,
        ngram_range: Sequence[int] | None = None,
        n_features: int = N_BUCKETS,
    ) -> None:
        super().__init__(TextBuckets(name, n_features), None, "sum")
        self.grams = []
        for kind in TOGETHER if analyzer is None else [analyzer]:
            low, high = ngram_range or ANALYZERS[kind]
            self.grams.append((kind, int(low), int(high)))

    def split(self, column: Any) -> Lists:
        """Return the n-grams of every cell as buckets, each once, and their counts.

        Raises
        ------
        TypeError
            If a cell is no string.
        """
        codes, levels = factorize(column, self.name)
        texts = levels.tolist() if isinstance(levels, np.ndarray) else levels
        for text in texts:
            if not isinstance(text, str):
                raise TypeError(
                    f"{describe(self.name)} is in text_features, so a cell must be a "
                    f"string or missing; got {type(text).__name__} {text!r}. Convert "
                    "the column, or take it out of text_features."
                )
        indptr, buckets, times = self._count(texts)
        # Those that occur, and at the end a text of one missing level.
        occurs = np.zeros(self.levels.n_buckets, dtype=bool)
        occurs[buckets] = True
        at = np.append((np.cumsum(occurs) - 1)[buckets], -1)
        starts = np.append(indptr[:-1], len(buckets))
        lengths = np.append(np.diff(indptr), 1)[codes]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        entries = np.repeat(starts[codes] - offsets[:-1], lengths)
        entries += np.arange(offsets[-1])
        times = np.append(times, 1.0)[entries]
        return Lists(at[entries], np.flatnonzero(occurs), offsets, times)

    def fit_transform(
        self, column: Any, weight: NDArray[np.float64], dtype: Any
    ) -> Bag:
        """Learn how many rows hold each n-gram; return the bag of the column."""
        lists = self.split(column)
        self.total = float(weight.sum())
        of_entries = np.repeat(weight, np.diff(lists.offsets))
        self.levels.fit(lists.codes, lists.levels, of_entries)
        return self._weigh(lists, dtype)

    def transform(self, column: Any, dtype: Any) -> Bag:
        """Return the bag of a column.

        Raises
        ------
        TypeError
            If a cell is no string.
        """
        return self._weigh(self.split(column), dtype)

    @property
    def idf(self) -> NDArray[np.float64]:
        """The second factor of the weight of each id; 0 for ids that are ignored."""
        return self._idf_of(np.arange(self.n_ids))

    def _idf_of(self, ids: NDArray[Any]) -> NDArray[np.float64]:
        counts = self.levels.counts[ids]
        idf = 1 + np.log((1 + self.total) / (1 + np.maximum(counts, 0)))
        idf[counts < LEAST_ROWS] = 0.0
        idf[ids == MISSING_ID] = 1.0
        return np.maximum(idf, 0.0)

    @property
    def n_grams(self) -> int:
        """How many n-grams a cell of `fit` had on average, rounded, at least 1."""
        known = self.levels.counts[N_RESERVED_IDS:]
        return max(1, round(known[known >= LEAST_ROWS].sum() / max(self.total, 1.0)))

    def _weigh(self, lists: Lists, dtype: Any) -> Bag:
        assert lists.weight is not None
        ids = spread(lists.codes, self.levels.find(lists.levels))
        weights = (1 + np.log(lists.weight)) * self._idf_of(ids)
        n = len(lists.offsets) - 1
        kept = weights > 0
        row = np.repeat(np.arange(n), np.diff(lists.offsets))[kept]
        ids, weights = ids[kept], weights[kept]
        norm = np.sqrt(np.bincount(row, np.square(weights), minlength=n))
        offsets = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=n))])
        return Bag(ids, offsets.astype(np.int64), (weights / norm[row]).astype(dtype))

    def _count(
        self, texts: list[str]
    ) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.float64]]:
        """Return the buckets of texts and how often each is there, as of a csr."""
        if not texts:
            return np.zeros(1, dtype=np.int64), np.zeros(0, dtype=int), np.zeros(0)
        # Here, as it takes a tenth of a second to import.
        from sklearn.feature_extraction.text import HashingVectorizer

        vectorizer = HashingVectorizer(
            analyzer=_analyzer(self.grams),
            n_features=self.levels.n_buckets,
            norm=None,
            alternate_sign=False,
        )
        try:
            counts = vectorizer.transform(texts)
        except UnicodeEncodeError:  # half of a surrogate pair
            clean = (text.encode("utf-8", "replace").decode() for text in texts)
            counts = vectorizer.transform(clean)
        return counts.indptr.astype(np.int64), counts.indices, counts.data


def _analyzer(
    grams: Iterable[tuple[str, int, int]],
) -> Callable[[str], Iterable[str]]:
    """Return what makes n-grams of a text, those of characters told from words."""
    from sklearn.feature_extraction.text import HashingVectorizer

    analyzers = [
        (
            "" if kind == "word" else "#",  # which no word begins with
            HashingVectorizer(analyzer=kind, ngram_range=(low, high)).build_analyzer(),
        )
        for kind, low, high in grams
    ]

    def analyze(text: str) -> Iterable[str]:
        return chain.from_iterable(
            [mark + gram for gram in split(text)] if mark else split(text)
            for mark, split in analyzers
        )

    return analyze
