"""A sparse matrix as one field: its values by their formulas, its columns as levels."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from helpers.sparse import make_sparse, same_but
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_dcn import DCNClassifier
from sklearn_dcn._table.categories.sparse_block import SparseBlock

UNKNOWN, FIRST = 0, 2


# ----------------------------------------------------------------------------------
# Values
# ----------------------------------------------------------------------------------


def oracle(X, weight, transform, now):
    """Return the values of a dense table by the formulas, and 0 elsewhere."""
    z = np.zeros_like(now)
    for j in range(X.shape[1]):
        is_there = X[:, j] != 0
        mass = weight[is_there].sum()
        if mass == 0:
            continue
        rms = np.sqrt((weight * X[:, j] ** 2).sum() / mass)
        u = now[:, j] / (rms if transform is not None else 1.0)
        z[:, j] = u / np.sqrt(1 + (u / 3) ** 2) if transform == "quantile" else u
    return z


@pytest.mark.parametrize("transform", ["quantile", "standard", None])
@pytest.mark.parametrize("weighted", [False, True])
def test_values(transform, weighted):
    """Values are those of the formulas, ids those of the columns by frequency."""
    rng = np.random.default_rng(0)
    X, _ = make_sparse()
    X = same_but(X.tolil(), lambda X: X.__setitem__((slice(None), 5), 0)).tocsr()
    weight = rng.integers(1, 5, 200).astype(float) if weighted else np.ones(200)
    now, _ = make_sparse(seed=1)
    block = SparseBlock(numeric_transform=transform)
    fitted = block.fit_transform(X, weight, np.float64)
    dense = X.toarray()
    mass = weight @ (dense != 0)
    expected_ids = np.zeros(30, dtype=int)
    order = sorted(range(30), key=lambda j: (-mass[j], j))
    for i, j in enumerate(j for j in order if mass[j]):
        expected_ids[j] = FIRST + i
    for table, bag in ((X, fitted), (now, block.transform(now, np.float64))):
        z = oracle(dense, weight, transform, table.toarray())
        rows = np.repeat(np.arange(200), np.diff(table.indptr))
        assert_allclose(bag.weights, z[rows, table.indices], rtol=1e-12, atol=1e-15)
        assert_array_equal(bag.ids, expected_ids[table.indices])
        assert_array_equal(bag.offsets, table.indptr)
        assert (bag.ids.dtype, bag.offsets.dtype) == (np.int32, np.int64)
    if transform == "quantile":
        assert abs(bag.weights).max() < 3
    assert block.transform(now, np.float32).weights.dtype == np.float32


def test_pooled_embedding():
    """The network's field is the sum of value times embedding, as a matrix product."""
    X, y = make_sparse()
    model = DCNClassifier(max_epochs=1, numeric_transform="standard").fit(X, y)
    [bag] = model.encoder_.transform(X)["x_bag"]
    table = model.module_.embedding.bag_tables[0].detach().numpy()
    dense = X.toarray()
    rms = np.sqrt((dense**2).sum(axis=0) / (dense != 0).sum(axis=0))
    expected = (dense / rms) @ table[model.encoder_.block._id_of]
    x_0 = model.module_.embedding.eval()(x_bag=[[*map(torch.from_numpy, bag)]])
    assert_allclose(x_0.detach().numpy(), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("scale", [1e-300, 1e-170, 1.0, 1e170, 1e300])
def test_scale_is_irrelevant(scale):
    """Values are those of a column in units of its own, however small or large."""
    X, _ = make_sparse()
    expected = SparseBlock().fit_transform(X, np.ones(200), np.float64)
    X.data *= scale
    block = SparseBlock()
    bag = block.fit_transform(X, np.ones(200), np.float64)
    assert_allclose(bag.weights, expected.weights, rtol=1e-10)
    X.data[:] = np.copysign(1.7e308, X.data)
    assert_allclose(abs(block.transform(X, np.float64).weights), 3, rtol=1e-3)


def test_the_ends_of_float64():
    """Neither the largest nor the smallest numbers overflow."""
    info = np.finfo(np.float64)
    values = np.array([info.max, -info.max, info.tiny, info.smallest_subnormal, 1.0])
    X = sp.csr_matrix(values)
    bag = SparseBlock().fit_transform(X, np.ones(1), np.float64)
    assert_allclose(bag.weights[[0, 1, 2, 4]], np.array([1, -1, 1, 1]) * 0.9**0.5)
    assert 0 <= bag.weights[3] < 1
    block = SparseBlock()
    block.fit_transform(
        sp.csr_matrix([[1.0, 1e-308, 1e308, 1.0, 1.0]]), np.ones(1), np.float64
    )
    bag = block.transform(X, np.float64)
    assert_allclose(bag.weights[:2], [3, -3])
    assert_allclose(bag.weights[2:4], 0, atol=1e-300)


def test_rows_of_no_weight_do_not_scale():
    """Values of held-out rows have no say in the scale, however large."""
    X = sp.csr_matrix(np.array([[1.0, 2.0], [1e308, -3e200]]))
    alone = SparseBlock().fit_transform(X[:1], np.ones(1), np.float64)
    both = SparseBlock().fit_transform(X, np.array([1.0, 0.0]), np.float64)
    assert_array_equal(both.weights[:2], alone.weights)


def test_huge_counts_are_harmless(tiny):
    """A value a billion times those of fit moves predictions no more than a large."""
    X, y = make_sparse()
    model = DCNClassifier(**tiny).fit(X, y)
    now = X[:3] * 1e9
    assert_allclose(
        model.predict_proba(now), model.predict_proba(X[:3] * 1e6), rtol=1e-4
    )


# ----------------------------------------------------------------------------------
# Columns
# ----------------------------------------------------------------------------------


def test_unseen_columns_contribute_nothing(tiny):
    """A column without an entry in fit counts as 0 when it comes."""
    X, y = make_sparse()
    X = same_but(X.tolil(), lambda X: X.__setitem__((slice(None), 5), 0)).tocsr()
    model = DCNClassifier(**tiny).fit(X, y)
    now = same_but(X.tolil(), lambda X: X.__setitem__((slice(None), 5), 7)).tocsr()
    assert now.nnz == X.nnz + 200
    assert_allclose(model.predict_proba(now), model.predict_proba(X), rtol=1e-12)
    # Nor do columns of held-out rows, and of rows of weight 0, alone.
    weight = np.ones(200)
    weight[:50] = 0
    X = same_but(X.tolil(), lambda X: X.__setitem__((slice(50), 5), 7)).tocsr()
    model = DCNClassifier(**tiny).fit(X, y, weight)
    assert_allclose(model.predict_proba(now), model.predict_proba(
        same_but(now.tolil(), lambda X: X.__setitem__((slice(None), 5), 0))
    ), rtol=1e-12)  # fmt: skip
    block = SparseBlock()
    bag = block.fit_transform(X, weight, np.float64)
    assert (bag.weights[X.indices == 5] == 0).all()


def test_min_frequency_folds_columns(tiny):
    """Rare columns share an embedding, but not their scale; thresholds are of rows."""
    X, y = make_sparse()
    counts = np.bincount(X.indices, minlength=30)
    threshold = int(np.median(counts))
    for min_frequency in (threshold, threshold / 200):
        block = SparseBlock(min_frequency)
        bag = block.fit_transform(X, np.ones(200), np.float64)
        rare = counts < threshold
        assert 5 < rare.sum() < 25
        assert block.n_ids == FIRST + (~rare).sum()
        assert_array_equal(bag.ids == UNKNOWN, rare[X.indices])
        every = SparseBlock().fit_transform(X, np.ones(200), np.float64)
        assert_array_equal(bag.weights, every.weights)
    model = DCNClassifier(**tiny, min_frequency=threshold).fit(X, y)
    assert model.encoder_.block.n_ids == block.n_ids
    assert np.isfinite(model.predict_proba(X)).all()


def test_max_categories_bounds_the_embeddings(tiny):
    """The most frequent columns keep theirs; the shared one counts."""
    X, y = make_sparse()
    model = DCNClassifier(**tiny, max_categories=10).fit(X, y)
    block = model.encoder_.block
    assert block.n_ids == FIRST + 9
    counts = np.bincount(X.indices, minlength=30)
    kept = sorted(range(30), key=lambda j: (-counts[j], j))[:9]
    assert block.levels.levels == kept
