"""Sparse matrices as tables: read as they are, learned from, never dense."""

import pickle
import re
import time

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch
from helpers.sparse import make_sparse, same_but
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction import DictVectorizer, FeatureHasher
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from sklearn_dcn import DCNClassifier, DCNRegressor
from sklearn_dcn._table.reading.tables import check_table

UNKNOWN, FIRST = 0, 2
FORMATS = {
    f"{kind} {what}": getattr(sp, f"{kind}_{what}")
    for kind in ("csr", "csc", "coo", "dok", "lil")
    for what in ("matrix", "array")
}
IN_FORMATS = pytest.mark.parametrize("make", FORMATS.values(), ids=FORMATS)


def make_words(n=300, seed=0):
    """Return texts of which one word decides, and the target."""
    rng = np.random.default_rng(seed)
    words = np.array([f"w{k}" for k in range(40)])
    texts = [
        " ".join(rng.choice(words, rng.integers(3, 9))) + " hit" * rng.integers(3)
        for _ in range(n)
    ]
    return texts, np.array([int("hit" in text) for text in texts])


@pytest.fixture
def never_dense(monkeypatch):
    """Make scipy refuse to turn a sparse matrix into a dense one."""

    def refusing(method):
        def made_dense(self, *args, **kwargs):
            if self.shape[-1] > 2:  # log_loss of scikit-learn has two columns of y
                raise AssertionError(f"a table of shape {self.shape} is made dense")
            return method(self, *args, **kwargs)

        return made_dense

    for make in FORMATS.values():
        for name in ("toarray", "todense"):
            monkeypatch.setattr(make, name, refusing(getattr(make, name)))


# ----------------------------------------------------------------------------------
# Never dense
# ----------------------------------------------------------------------------------


@IN_FORMATS
def test_never_dense(make, never_dense, tiny):
    """Neither in fit, with weights and a validation set, nor in prediction."""
    X, y = make_sparse()
    with pytest.raises(AssertionError, match="is made dense"):
        X.toarray()
    X = make(X)
    weight = np.arange(len(y)) % 3
    model = DCNClassifier(**tiny, early_stopping=True).fit(X, y, weight)
    assert np.isfinite(model.predict_proba(X)).all()
    DCNClassifier(**tiny).fit(X, y, X_val=X, y_val=y)
    DCNRegressor(**tiny).fit(X, y).predict(X)


def test_five_million_columns(tiny):
    """A table of 8 GB, were it dense, is one of its non-zeros."""
    rng = np.random.default_rng(0)
    n, n_columns, each = 200, 5_000_000, 20
    at = rng.integers(n_columns, size=n * each)
    X = sp.csr_matrix(
        (np.ones(n * each), at, np.arange(0, n * each + 1, each)), (n, n_columns)
    )
    y = np.arange(n) % 2
    start = time.perf_counter()
    model = DCNClassifier(**tiny).fit(X, y)
    p = model.predict_proba(X)
    assert time.perf_counter() - start < 60  # in fact 1 to 2 seconds
    assert np.isfinite(p).all()
    assert model.encoder_.block.n_ids == FIRST + len(np.unique(X.indices))


def test_cost_follows_the_non_zeros(monkeypatch, tiny):
    """Embeddings are looked up for the entries of the batch alone, once an epoch."""
    counts = []
    embedding_bag = torch.nn.functional.embedding_bag

    def counted(ids, *args, **kwargs):
        counts.append(len(ids))
        return embedding_bag(ids, *args, **kwargs)

    monkeypatch.setattr(torch.nn.functional, "embedding_bag", counted)
    X, y = make_sparse()
    wide = sp.csr_matrix((X.data, X.indices * 1000, X.indptr), (len(y), 30_000))
    for table in (X, wide):
        counts.clear()
        model = DCNClassifier(**tiny).fit(table, y)
        assert sum(counts) == tiny["max_epochs"] * X.nnz
        counts.clear()
        model.predict_proba(table)
        assert sum(counts) == X.nnz


def test_rows_of_nothing(tiny):
    """Empty rows, alone or among others, and an empty matrix are tables as well."""
    X, y = make_sparse()
    X = same_but(X.tolil(), lambda X: X.__setitem__(slice(0, 5), 0)).tocsr()
    assert np.diff(X.indptr)[:5].tolist() == [0] * 5
    model = DCNClassifier(**tiny).fit(X, y)
    p = model.predict_proba(X)
    assert_allclose(p[:5], np.tile(p[0], (5, 1)), rtol=1e-12)
    nothing = sp.csr_matrix((3, 30))
    assert_allclose(model.predict_proba(nothing), np.tile(p[0], (3, 1)), rtol=1e-12)
    alone = DCNClassifier(**tiny).fit(sp.csr_matrix((6, 4)), [0, 1, 1, 1, 0, 1])
    assert_allclose(alone.predict_proba(sp.csr_matrix((2, 4)))[:, 1], 2 / 3, atol=0.1)


# ----------------------------------------------------------------------------------
# Formats
# ----------------------------------------------------------------------------------


@IN_FORMATS
def test_all_formats_are_the_same(make, tiny):
    """The predictions do not depend on the format, in fit or in prediction."""
    X, y = make_sparse()
    expected = DCNClassifier(**tiny).fit(X, y).predict_proba(X)
    model = DCNClassifier(**tiny).fit(make(X), y)
    assert_array_equal(model.predict_proba(make(X)), expected)
    assert_array_equal(model.predict_proba(X), expected)
    assert_allclose(model.predict_proba(make(X[:1])), expected[:1], rtol=1e-12)


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint16", "int64", "float32"])
def test_dtypes(dtype, tiny):
    """Counts and marks of any dtype are as floats."""
    X, y = make_sparse()
    X.data = np.abs(np.rint(X.data)).clip(0, 99).astype(dtype)
    expected = DCNClassifier(**tiny).fit(X.astype(float), y).predict_proba(X)
    model = DCNClassifier(**tiny).fit(X, y)
    assert_allclose(model.predict_proba(X), expected, rtol=1e-12)


@pytest.mark.parametrize("n", [1, 64, 65])
def test_rows_alone_and_in_batches(n, monkeypatch, tiny):
    """Predictions of a row do not depend on the rows beside it."""
    X, y = make_sparse()
    model = DCNClassifier(**tiny).fit(X, y)
    p = model.predict_proba(X)
    assert_allclose(model.predict_proba(X[7 : 7 + n]), p[7 : 7 + n], rtol=1e-12)
    order = np.random.default_rng(0).permutation(len(y))
    assert_allclose(model.predict_proba(X[order]), p[order], rtol=1e-12)
    monkeypatch.setattr("sklearn_dcn._training.inference.PREDICT_BATCH_SIZE_CPU", n)
    assert_allclose(model.predict_proba(X), p, rtol=1e-12)


def test_duplicates_are_summed(tiny):
    """Entries of one cell are their sum; the caller's matrix stays as it is."""
    X, y = make_sparse()
    rows = np.repeat(np.arange(len(y)), np.diff(X.indptr))
    data = np.concatenate([X.data * 3, X.data * -2])
    twice = (data, (np.tile(rows, 2), np.tile(X.indices, 2)))
    expected = DCNClassifier(**tiny).fit(X, y).predict_proba(X)
    order = np.lexsort([np.tile(rows, 2)])
    as_csr = sp.csr_matrix((data[order], twice[1][1][order], X.indptr * 2), X.shape)
    assert as_csr.nnz == 2 * X.nnz
    for table in (sp.coo_matrix(twice, X.shape), as_csr, as_csr.tocsc()):
        before = table.copy()
        model = DCNClassifier(**tiny).fit(table, y)
        assert_allclose(model.predict_proba(table), expected, rtol=1e-10)
        assert table.nnz == before.nnz
        assert_array_equal(table.data, before.data)


def test_order_of_columns_within_a_row(tiny):
    """Indices that are not sorted are so inside only."""
    X, y = make_sparse()
    reverse = np.concatenate(
        [np.arange(a, b)[::-1] for a, b in zip(X.indptr, X.indptr[1:], strict=False)]
    )
    Z = sp.csr_matrix((X.data[reverse], X.indices[reverse], X.indptr), X.shape)
    indices = Z.indices.copy()
    assert not Z.has_sorted_indices
    expected = DCNClassifier(**tiny).fit(X, y).predict_proba(X)
    assert_array_equal(DCNClassifier(**tiny).fit(Z, y).predict_proba(Z), expected)
    assert_array_equal(Z.indices, indices)


def test_explicit_zeros_are_irrelevant(tiny):
    """A stored zero is no entry: not for the columns known, their scale or rows."""
    X, y = make_sparse()
    X = same_but(X.tolil(), lambda X: X.__setitem__((slice(None), 5), 0)).tocsr()
    rng = np.random.default_rng(0)
    rows, columns = rng.integers(len(y), size=500), rng.integers(30, size=500)
    extra = sp.coo_matrix((np.zeros(500), (rows, columns)), X.shape)
    Z = sp.coo_matrix(
        (
            np.concatenate([X.tocoo().data, extra.data]),
            (
                np.concatenate([X.tocoo().row, extra.row]),
                np.concatenate([X.tocoo().col, extra.col]),
            ),
        ),
        X.shape,
    ).tocsr()
    assert Z.nnz > X.nnz + 300
    for options in ({}, {"min_frequency": 30}, {"min_frequency": 0.15}):
        model = DCNClassifier(**tiny, **options).fit(X, y)
        with_zeros = DCNClassifier(**tiny, **options).fit(Z, y)
        assert with_zeros.encoder_.block.n_ids == model.encoder_.block.n_ids
        p = model.predict_proba(X)
        for fitted, table in ((with_zeros, Z), (with_zeros, X), (model, Z)):
            assert_allclose(fitted.predict_proba(table), p, rtol=1e-12)


def test_the_callers_matrix_stays(tiny):
    """Fit and predict change neither data nor structure."""
    X, y = make_sparse()
    data, indices, indptr = X.data.copy(), X.indices.copy(), X.indptr.copy()
    model = DCNClassifier(**tiny).fit(X, y)
    model.predict_proba(X)
    assert_array_equal(X.data, data)
    assert_array_equal(X.indices, indices)
    assert_array_equal(X.indptr, indptr)


# ----------------------------------------------------------------------------------
# Weights, dense tables, protocols
# ----------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"min_frequency": 50}], ids=str)
def test_sample_weight_equals_repeated_rows(options):
    """Whole-number weights train as repeated rows do."""
    X, y = make_sparse(80)
    weight = np.random.default_rng(1).integers(0, 4, len(y))
    options = {
        "max_epochs": 5,
        "batch_size": 1000,  # one batch an epoch
        "hidden_layer_sizes": (4,),
        "random_state": 0,
        "learning_rate": 0.01,
        **options,
    }
    weighted = DCNClassifier(**options).fit(X, y, sample_weight=weight)
    rows = np.repeat(np.arange(len(y)), weight)
    repeated = DCNClassifier(**options).fit(X[rows], y[rows])
    p = weighted.predict_proba(X)
    assert_allclose(repeated.predict_proba(X), p, rtol=1e-8)
    unweighted = DCNClassifier(**options).fit(X, y).predict_proba(X)
    assert abs(p - unweighted).max() > 1e-3


@pytest.mark.parametrize("n", [1, 64, 65, 200])
def test_dense_tables_after_a_sparse_fit(n, tiny):
    """An array, or a list, of the same numbers has the same predictions."""
    X, y = make_sparse()
    model = DCNClassifier(**tiny).fit(X, y)
    expected = model.predict_proba(X[:n])
    dense = X.toarray()[:n]
    for table in (
        dense,
        dense.astype(object),
        dense.tolist(),
        np.asfortranarray(dense),
    ):
        assert_array_equal(model.predict_proba(table), expected)
    frame = pd.DataFrame(dense)
    assert_array_equal(model.predict_proba(frame), expected)


def test_partial_fit_and_warm_start(tiny):
    """Training goes on with more rows of the same columns."""
    X, y = make_sparse()
    model = DCNClassifier(**tiny).partial_fit(X, y, classes=[0, 1])
    before = model.predict_proba(X)
    model.partial_fit(X[:50].tocsc(), y[:50])
    assert abs(model.predict_proba(X) - before).max() > 0
    warm = DCNClassifier(**tiny, warm_start=True).fit(X, y)
    before = warm.predict_proba(X)
    assert abs(warm.fit(X, y).predict_proba(X) - before).max() > 0


def test_clone_pickle_and_optimizers(tiny):
    """A copy that is fitted, or restored, predicts the same."""
    X, y = make_sparse()
    for optimizer in ("adamw", "lazy_adamw"):
        model = DCNClassifier(**tiny, optimizer=optimizer).fit(X, y)
        p = model.predict_proba(X)
        assert np.isfinite(p).all()
        assert_array_equal(clone(model).fit(X, y).predict_proba(X), p)
        assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(X), p)


# ----------------------------------------------------------------------------------
# What makes sparse matrices in scikit-learn
# ----------------------------------------------------------------------------------


def dicts(texts):
    """Return texts as counts of their words."""
    return [{word: text.split().count(word) for word in text.split()} for text in texts]


MAKERS = {
    "CountVectorizer": [CountVectorizer()],
    "CountVectorizer, binary": [CountVectorizer(binary=True, dtype=bool)],
    "TfidfVectorizer": [TfidfVectorizer()],
    "TfidfVectorizer, float32": [TfidfVectorizer(dtype=np.float32)],
    "DictVectorizer": [FunctionTransformer(dicts), DictVectorizer()],
    "FeatureHasher": [FunctionTransformer(dicts), FeatureHasher(n_features=2**16)],
}


@pytest.mark.parametrize("steps", MAKERS.values(), ids=MAKERS)
def test_words(steps, never_dense):
    """A pipeline of words learns which one decides, and generalises."""
    texts, y = make_words()
    new, y_new = make_words(seed=1)
    model = make_pipeline(
        *map(clone, steps),
        DCNClassifier(
            hidden_layer_sizes=(16,),
            max_epochs=15,
            learning_rate=0.01,
            random_state=0,
        ),
    ).fit(texts, y)
    base = log_loss(y_new, np.full(len(y_new), y.mean()))
    assert log_loss(y_new, model.predict_proba(new)) < 0.5 * base
    unseen = [*new[:3], "words never seen", ""]
    p = model.predict_proba(unseen)
    assert np.isfinite(p).all()
    assert_allclose(p[:3], model.predict_proba(new)[:3], rtol=1e-10)


def test_one_hot_encoder(never_dense):
    """The cross of two one-hot encoded columns is learned."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.integers(6, size=(400, 2)), columns=["a", "b"]).astype(str)
    y = ((X["a"] < "3") ^ (X["b"] < "3")).astype(int).to_numpy()
    model = make_pipeline(
        make_column_transformer(
            (OneHotEncoder(handle_unknown="ignore"), ["a", "b"]), sparse_threshold=1.0
        ),
        DCNClassifier(
            structure="cross", max_epochs=30, learning_rate=0.01, random_state=0
        ),
    )
    p = cross_val_predict(model, X, y, cv=3, method="predict_proba")
    assert log_loss(y, p) < 0.5 * np.log(2)
    fitted = model.fit(X, y)
    assert np.isfinite(fitted.predict_proba(X.head(3).assign(a="unseen"))).all()


def test_regression_and_search(tiny):
    """A grid search splits the rows of a sparse matrix."""
    X, _ = make_sparse()
    y = X @ np.random.default_rng(0).normal(size=30) / 100
    search = GridSearchCV(
        DCNRegressor(**tiny), {"min_frequency": [None, 20]}, cv=2, error_score="raise"
    ).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert np.isfinite(search.predict(X)).all()


# ----------------------------------------------------------------------------------
# Refused matrices
# ----------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@IN_FORMATS
def test_entries_that_are_not_finite(make, value, tiny):
    """NaN and infinity are refused in fit and in prediction."""
    X, y = make_sparse()
    model = DCNClassifier(**tiny).fit(X, y)
    bad = X.copy()
    bad.data[17] = value
    message = re.escape("A sparse X must hold finite numbers; got infinity or NaN")
    for call in (
        lambda: DCNClassifier(**tiny).fit(make(bad), y),
        lambda: model.predict(make(bad)),
    ):
        with pytest.raises(ValueError, match=rf"{message}.*{value}"):
            call()


def test_missing_in_a_dense_table_after_a_sparse_fit(tiny):
    """Nor is a missing cell a 0."""
    X, y = make_sparse()
    model = DCNClassifier(**tiny).fit(X, y)
    dense = X.toarray()
    dense[2, 3] = np.nan
    with pytest.raises(ValueError, match="A sparse X must hold finite numbers"):
        model.predict(dense)
    with pytest.raises(ValueError, match="could not convert string to float: 'a'"):
        model.predict(np.full((2, 30), "a", dtype=object))


def of_objects():
    """Return a matrix of Python objects, which scipy warns of or refuses to make."""
    X = sp.csr_matrix(np.eye(4, 3))
    X.data = X.data.astype(object)
    return X


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (
            sp.csr_matrix((4, 3), dtype=complex),
            ValueError,
            "Complex data not supported",
        ),
        (sp.csr_matrix((0, 3)), ValueError, "Found array with 0 sample"),
        (sp.csr_matrix((4, 0)), ValueError, "Found array with 0 feature"),
        (sp.coo_array(np.ones(4)), ValueError, "Expected 2D array"),
        (of_objects(), TypeError, "A sparse X must hold numbers; got dtype object"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_refused_matrices(X, error, message, tiny):
    """What is no table of numbers is refused in scikit-learn's words."""
    if message == "Expected 2D array" and X.ndim == 2:
        pytest.skip("scipy before 1.13 has no sparse array of one dimension")
    with pytest.raises(error, match=message):
        check_table(X)
    with pytest.raises(error, match=message):
        DCNClassifier(**tiny).fit(X, [0, 1, 0, 1])


def test_a_sparse_matrix_after_a_fit_to_columns(tiny):
    """A model of columns does not take a sparse matrix for them."""
    X, y = make_sparse()
    model = DCNClassifier(**tiny).fit(X.toarray(), y)
    with pytest.raises(TypeError, match=r"X was a table of columns in fit.*toarray"):
        model.predict(X)


def test_other_number_of_columns(tiny):
    """scikit-learn's error of the number of columns."""
    X, y = make_sparse()
    model = DCNClassifier(**tiny).fit(X, y)
    for table in (X[:, :29], X[:, :29].toarray()):
        with pytest.raises(ValueError, match="X has 29 features, but DCNClassifier is"):
            model.predict(table)


@pytest.mark.parametrize(
    "options",
    [
        {"categorical_features": [0]},
        {"multivalued_features": [0]},
        {"hashing": {0: 10}},
        {"categorical_features": ["a"]},
    ],
    ids=str,
)
def test_options_of_columns(options, tiny):
    """A sparse matrix is one field, whose columns have no options of their own."""
    X, y = make_sparse()
    [name] = options
    with pytest.raises(ValueError, match=rf"^{name} must be .* for a sparse X"):
        DCNClassifier(**tiny, **options).fit(X, y)
