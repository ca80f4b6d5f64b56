"""Bags of hashed n-grams are those of scikit-learn's vectorizers."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer

from sklearn_dcn._ids import MISSING_ID, N_RESERVED_IDS
from sklearn_dcn._table import TextBuckets, TextLevels

TEXTS = [
    "The old man and the sea",
    "Old men, old seas!",
    "A man of the sea",
    "The old man and the sea",
    "",
    "Nobody",
    "The sea, the sea, the sea",
]
OPTIONS = [("word", (1, 1)), ("word", (1, 3)), ("char", (2, 4)), ("char_wb", (3, 3))]


def dense(bag, n_ids):
    """Return a bag as a matrix."""
    rows = csr_matrix(
        (bag.weights, bag.ids, bag.offsets), (len(bag.offsets) - 1, n_ids)
    )
    return rows.toarray()


def tfidf(counts):
    """Return sublinear TF-IDF of counts, n-grams of fewer than two rows left out."""
    counts = counts.multiply((counts > 0).sum(axis=0) >= 2).tocsr()
    counts.eliminate_zeros()
    return TfidfTransformer(sublinear_tf=True).fit_transform(counts).toarray()


@pytest.mark.parametrize("analyzer, ngram_range", OPTIONS)
def test_weights_are_tfidf_of_hashed_ngrams(analyzer, ngram_range):
    levels = TextLevels("t", analyzer, ngram_range, 512)
    bag = levels.fit_transform(TEXTS, np.ones(len(TEXTS)), np.float64)
    found = dense(bag, levels.n_ids)
    hasher = HashingVectorizer(
        analyzer=analyzer,
        ngram_range=ngram_range,
        n_features=512,
        norm=None,
        alternate_sign=False,
    )
    # Characters are marked, so that "sea" and #sea are two; words are as they are.
    if analyzer != "word":
        analyze = hasher.build_analyzer()
        hasher.set_params(analyzer=lambda text: ["#" + gram for gram in analyze(text)])
    expected = tfidf(hasher.transform(TEXTS))
    assert_allclose(found[:, N_RESERVED_IDS:], expected, atol=1e-14)
    assert not found[:, :N_RESERVED_IDS].any()
    assert_array_equal(dense(levels.transform(TEXTS, np.float64), levels.n_ids), found)


def test_words_and_characters_together():
    both = TextLevels("t", n_features=1 << 14)
    assert both.grams == [("word", 1, 2), ("char_wb", 3, 3)]
    lists = both.split(["old sea"])
    alone = [
        set(TextLevels("t", kind, None, 1 << 14).split(["old sea"]).levels)
        for kind in ("word", "char_wb")
    ]
    assert set(lists.levels) == alone[0] | alone[1]
    assert len(alone[0]) == 3  # old, sea, old sea
    assert len(alone[1]) == 6  # of " old " and " sea "


def test_missing_cells_are_a_level_and_empty_ones_none():
    levels = TextLevels("t", "word", (1, 1), 64)
    cells = [*TEXTS, None, np.nan, None]
    bag = levels.fit_transform(cells, np.ones(len(cells)), np.float64)
    lengths = np.diff(bag.offsets)
    assert lengths[4] == 0
    assert_array_equal(lengths[-3:], 1)
    assert_array_equal(bag.ids[-3:], MISSING_ID)
    assert_array_equal(bag.weights[-3:], 1.0)
    assert levels.levels.counts[MISSING_ID] == 3
    assert levels.total == len(cells)


def test_ngrams_that_fit_has_not_seen_twice_count_as_none():
    levels = TextLevels("t", "word", (1, 1), 1 << 16)
    levels.fit_transform(TEXTS, np.ones(len(TEXTS)), np.float64)
    assert np.diff(levels.transform(["Nobody knew"], np.float64).offsets) == [0]
    assert np.diff(levels.transform(["Nobody at sea"], np.float64).offsets) == [1]
    assert levels.n_grams == 2  # 16 of the 7 texts: old, man, and, the, sea


def test_counts_are_weighted_rows():
    levels = TextLevels("t", "word", (1, 1), 64)
    weight = np.array([2.0, 1.0, 0.5, 1.0, 1.0, 1.0, 0.5])
    levels.fit_transform(TEXTS, weight, np.float64)
    sea = levels.levels.find([levels.split(["sea"]).levels[0]])
    assert levels.levels.counts[sea] == 4.0  # three times in a row count once
    assert levels.total == weight.sum()


@pytest.mark.parametrize(
    "make",
    [list, pd.Series, lambda t: pd.Series(t, dtype="category"), np.array],
)
def test_every_form_gives_the_same_bag(make):
    levels = TextLevels("t")
    first = levels.fit_transform(TEXTS, np.ones(len(TEXTS)), np.float64)
    for part, other in zip(
        first, levels.transform(make(TEXTS), np.float64), strict=True
    ):
        assert_array_equal(part, other)


def test_polars_gives_the_same_bag():
    import narwhals.stable.v2 as narwhals

    levels = TextLevels("t")
    first = levels.fit_transform(TEXTS, np.ones(len(TEXTS)), np.float64)
    series = narwhals.from_native(pl.Series(TEXTS), series_only=True)
    for part, other in zip(first, levels.transform(series, np.float64), strict=True):
        assert_array_equal(part, other)


def test_half_of_a_surrogate_pair_is_read():
    levels = TextLevels("t", "word", (1, 1), 64)
    levels.fit_transform(["old \ud800 man", "old man"], np.ones(2), np.float64)
    assert levels.n_grams == 2


@pytest.mark.parametrize("cell", [5, 0.5, True, b"text"])
def test_other_cells_are_refused(cell):
    with pytest.raises(
        TypeError, match="'t' is in text_features, so a cell must be a s"
    ):
        TextLevels("t").split([cell])


def test_buckets_are_their_numbers():
    buckets = TextBuckets("t", 10)
    assert_array_equal(buckets.find(np.array([0, 9])), [2, 11])
    assert buckets.n_ids == 12
