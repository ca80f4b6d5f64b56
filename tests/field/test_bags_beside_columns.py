"""Text and other sparse output stands beside columns, as one column of bags."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from numpy.testing import assert_allclose
from scipy.sparse import csr_matrix
from sklearn import config_context
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import (
    CountVectorizer,
    HashingVectorizer,
    TfidfVectorizer,
)
from sklearn.feature_selection import SelectKBest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from sklearn_dcn import DCNClassifier
from sklearn_dcn.preprocessing import BagColumn

PARAMETERS = {"max_epochs": 2, "hidden_layer_sizes": (8,), "random_state": 0}
N = 120


@pytest.fixture
def ads():
    """Return titles beside a string and a number, and a target."""
    rng = np.random.default_rng(0)
    words = [f"word{k}" for k in range(12)]
    frame = pd.DataFrame(
        {
            "title": [" ".join(rng.choice(words, k % 5)) for k in range(N)],
            "city": rng.choice(["Bern", "Oslo"], N),
            "price": rng.lognormal(size=N),
        }
    )
    return frame, rng.integers(0, 2, N)


def beside(step, columns="title", output="default"):
    """Return a step for text beside a string and a number."""
    steps = make_column_transformer((step, columns), ("passthrough", ["city", "price"]))
    return steps.set_output(transform=output)


# Cells that are dicts -----------------------------------------------------------------

CELLS = [{"a": 1.0, "b": 0.5}, {"b": 2.0}, None, {}] * 10


@pytest.mark.parametrize(
    "make",
    [
        lambda: pd.DataFrame({"tags": pd.Series(CELLS, dtype=object)}),
        lambda: pd.DataFrame(
            {"tags": [np.nan if cell is None else cell for cell in CELLS]}
        ),
        lambda: pl.DataFrame({"tags": pl.Series(CELLS, dtype=pl.Object)}),
        lambda: pa.table({"tags": pa.array(CELLS, pa.map_(pa.string(), pa.float64()))}),
        lambda: np.array(CELLS, dtype=object)[:, None],
    ],
    ids=["pandas", "pandas with NaN", "polars", "arrow", "numpy"],
)
def test_mappings_are_found_by_themselves(make):
    """They are a list whose values are weights, as if they had been named."""
    X, y = make(), [0, 1] * 20
    found = DCNClassifier(**PARAMETERS).fit(X, y)
    column = 0 if isinstance(X, np.ndarray) else "tags"
    named = DCNClassifier(multivalued_features=[column], **PARAMETERS).fit(X, y)
    assert [*found.encoder_.lists] == [0]
    assert sorted(found.encoder_.lists[0].levels.levels) == ["a", "b"]
    assert found.predict_proba(X).tolist() == named.predict_proba(X).tolist()


def test_mappings_where_lists_are_off():
    """None says that no column holds several levels."""
    X = pd.DataFrame({"tags": CELLS})
    with pytest.raises(TypeError, match=r"^Column 'tags' holds lists but is not among"):
        DCNClassifier(multivalued_features=None, **PARAMETERS).fit(X, [0, 1] * 20)


@pytest.mark.parametrize(
    "X",
    [
        pl.DataFrame({"place": [{"lat": 1.0, "lon": 2.0}] * 40}),
        pl.DataFrame({"place": [{"lat": 1.0, "lon": 2.0}] * 40}).to_arrow(),
        pd.DataFrame({"place": [{"lat": 1.0}, 2.0] * 20}),
    ],
    ids=["struct of polars", "struct of arrow", "dict beside a number"],
)
def test_structs_are_asked_about(X):
    """A struct may be any record; where its values are weights, it can be named."""
    with pytest.raises(
        TypeError, match=r"^Column 'place' holds .*name it in multivalued_features"
    ):
        DCNClassifier(**PARAMETERS).fit(X, [0, 1] * 20)


def test_values_that_are_no_weights():
    """The column is named."""
    X = pd.DataFrame({"place": [{"street": "a"}] * 40})
    with pytest.raises(ValueError, match=r"^Column 'place': the weights .* got 'a'"):
        DCNClassifier(**PARAMETERS).fit(X, [0, 1] * 20)


# BagColumn ----------------------------------------------------------------------------


@pytest.mark.parametrize("output", ["default", "pandas", "polars"])
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_text_beside_columns(ads, output, library):
    """One column of words, one of strings, one of numbers; new words are unknown."""
    X, y = ads
    table = X if library == "pandas" else pl.from_pandas(X)
    model = make_pipeline(
        beside(BagColumn(TfidfVectorizer()), output=output), DCNClassifier(**PARAMETERS)
    )
    p = model.fit(table, y).predict_proba(table)
    encoder = model[-1].encoder_
    assert [[*encoder.lists], [*encoder.categories], [*encoder.numbers]] == [
        [0],
        [1],
        [2],
    ]
    assert len(encoder.lists[0].levels.levels) == 12
    # Whole and row by row; and as from any other library and output.
    assert_allclose(model.predict_proba(table[:3]), p[:3], atol=1e-6)
    by_hand = TfidfVectorizer().fit(X["title"])
    rows = by_hand.transform(X["title"])
    words = by_hand.get_feature_names_out()
    bags = [
        dict(zip(words[row.indices], row.data, strict=True))
        for row in (rows[i] for i in range(N))
    ]
    given = DCNClassifier(**PARAMETERS).fit(X.assign(title=bags), y)
    assert_allclose(given.predict_proba(X.assign(title=bags)), p, atol=1e-6)


@pytest.mark.parametrize(
    "step",
    [
        CountVectorizer(),
        HashingVectorizer(n_features=16),
        make_pipeline(TfidfVectorizer(), SelectKBest(k=5)),
    ],
    ids=["counts", "hashed", "supervised pipeline"],
)
def test_a_bag_is_a_row_of_the_matrix(ads, step):
    """By name of its columns, by position where there are none; zeros are left out."""
    X, y = ads
    column = BagColumn(step)
    cells = column.fit_transform(X["title"], y)
    matrix = clone(step).fit(X["title"], y).transform(X["title"])
    names = np.arange(matrix.shape[1])
    if hasattr(step, "get_feature_names_out"):
        names = column.transformer_.get_feature_names_out()
    assert cells.shape == (N, 1)
    dense = np.array([[cell.get(name, 0.0) for name in names] for cell in cells[:, 0]])
    assert_allclose(dense, matrix.toarray(), atol=1e-15)
    n_entries = (matrix.toarray() != 0).sum(axis=1)
    assert [len(cell) for cell in cells[:, 0]] == n_entries.tolist()
    again = column.transform(X["title"])[:, 0]
    assert [[*cell] for cell in again] == [[*cell] for cell in cells[:, 0]]


def test_levels_of_several_columns(ads):
    """A table in, one column out; frames that are asked for do not reach the inside."""
    X, _ = ads
    column = BagColumn(OneHotEncoder())
    with config_context(transform_output="pandas"):
        bags = column.fit(X[["city", "title"]]).transform(X[["city", "title"]])
    assert bags.columns.tolist() == ["bag"]
    assert set(bags["bag"][0]) == {f"city_{X['city'][0]}", f"title_{X['title'][0]}"}
    assert column.get_feature_names_out(["one"]).tolist() == ["one"]


def test_names_that_occur_twice():
    """Positions tell the columns apart, so that no value is lost."""

    class Twice(TransformerMixin, BaseEstimator):
        def fit(self, X, y=None):
            return self

        def transform(self, X):
            return csr_matrix([[1.0, 2.0, 0.0]] * len(X))

        def get_feature_names_out(self, input_features=None):
            return np.array(["a", "a", "b"], dtype=object)

    assert BagColumn(Twice()).fit_transform(["x"])[0, 0] == {0: 1.0, 1: 2.0}


@pytest.mark.parametrize(
    ("step", "columns", "error", "message"),
    [
        (
            BagColumn(TfidfVectorizer()),
            ["title"],
            ValueError,
            r"^TfidfVectorizer made 1 rows of 120\. .*'title', and not as a list",
        ),
        (
            BagColumn(TfidfVectorizer),
            "title",
            TypeError,
            r"^transformer must be a transformer, e\.g\. TfidfVectorizer\(\)",
        ),
        (BagColumn("tfidf"), "title", TypeError, "^transformer must be a transformer"),
    ],
    ids=["a list of one", "a class", "a string"],
)
def test_errors_of_bag_column(ads, step, columns, error, message):
    """They say what to write."""
    with pytest.raises(error, match=message):
        beside(step, columns).fit_transform(ads[0], ads[1])


# What comes dense ---------------------------------------------------------------------


def test_many_columns_of_zeros_are_warned_of():
    """Of an array and of a frame, before anything is learned; a sparse one is fine."""
    n = 100
    X = np.zeros((n, 1200))
    X[np.arange(n), np.arange(n)] = 1.0
    mixed = np.hstack([X, np.full((n, 1), "a", dtype=object)])
    model = DCNClassifier(
        cross="low_rank", cross_rank=2, hidden_layer_sizes=(), max_epochs=1, n_members=1
    )
    for table in (X, mixed, pd.DataFrame(X), pl.from_numpy(X)):
        with pytest.warns(UserWarning, match=r"^X has 1,200 columns .*BagColumn"):
            model.fit(table, [0, 1] * 50)
    model.fit(csr_matrix(X), [0, 1] * 50)
    model.fit(X[:, :1000], [0, 1] * 50)
    model.fit(X + 1.0, [0, 1] * 50)


def test_options_of_columns_for_a_sparse_matrix():
    """The error says how a sparse matrix gets columns beside it."""
    X = csr_matrix(np.eye(20))
    with pytest.raises(ValueError, match=r"^categorical_features .*BagColumn"):
        DCNClassifier(categorical_features=[0]).fit(X, [0, 1] * 10)
