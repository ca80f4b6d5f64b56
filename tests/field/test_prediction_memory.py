"""Long tables are predicted by blocks of rows: the same bits, in little memory."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from sklearn_dcn import DCNClassifier
from sklearn_dcn._table import TableEncoder
from sklearn_dcn._training import predict_logits, to_tensors

N = 300
rng = np.random.default_rng(0)
CROSSES = [(a, b) for a in range(9) for b in range(a)][:32]


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr("sklearn_dcn._table.encoder.BLOCK", 128)


def test_blocks_are_the_rows_in_order(small_blocks, tiny):
    """Categories, numbers with gaps and levels, lists, statistics, crosses."""
    X = pd.DataFrame(
        {
            "c": rng.integers(0, 5, N).astype(str),
            "x": np.where(rng.random(N) < 0.2, np.nan, rng.integers(0, 4, N)),
            "tags": [["a"] * (i % 4) for i in range(N)],
        }
    )
    y = rng.integers(0, 2, N)
    options = {"memorized_crosses": [("c", "x")], "numeric_levels": 8}
    model = DCNClassifier(**tiny, **options).fit(X, y)
    encoder = model.encoder_
    whole = encoder.transform(X)
    blocks = [*encoder.transform_in_blocks(X)]
    assert [len(block["x_num"]) for block in blocks] == [128, 128, 44]
    for name in ("x_num", "x_cat"):
        assert_array_equal(np.concatenate([b[name] for b in blocks]), whole[name])
    bags = [block["x_bag"][0] for block in blocks]
    assert_array_equal(np.concatenate([bag.ids for bag in bags]), whole["x_bag"][0].ids)
    weights = np.concatenate([bag.weights for bag in bags])
    assert_array_equal(weights, whole["x_bag"][0].weights)
    lengths = np.concatenate([np.diff(bag.offsets) for bag in bags])
    assert_array_equal(lengths, np.diff(whole["x_bag"][0].offsets))
    assert all(bag.offsets[0] == 0 for bag in bags)
    logits = predict_logits(model.net_, to_tensors(encoder.transform(X, np.float64)))
    assert_array_equal(model._logits(X), logits)


def test_blocks_of_target_encoders(small_blocks):
    """A table that is encoded by another library, too."""
    ce = pytest.importorskip("category_encoders")
    X = pd.DataFrame({"c": rng.integers(0, 5, N).astype(str), "x": rng.random(N)})
    y = rng.integers(0, 2, N)
    model = DCNClassifier(
        category_encoder=ce.TargetEncoder(),
        max_epochs=1,
        hidden_layer_sizes=(4,),
        random_state=0,
    ).fit(X, y)
    blocks = model.encoder_.transform_in_blocks(X)
    found = np.concatenate([block["x_num"] for block in blocks])
    assert_array_equal(found, model.encoder_.transform(X)["x_num"])


def test_peak_of_many_crosses():
    """32 of them took 1 kB a row; the columns alone take 0.1."""
    X = rng.integers(0, 20, (3000, 9)).astype(np.float32)
    model = DCNClassifier(
        memorized_crosses=CROSSES,
        max_epochs=1,
        hidden_layer_sizes=(4,),
        n_members=1,
        cross="vector",
        numeric_levels=None,
        numeric_embedding=None,
        random_state=0,
    ).fit(X, rng.integers(0, 2, 3000))
    peaks = []
    for n in (150_000, 300_000):
        table = np.tile(X, (n // 3000, 1))
        tracemalloc.start()
        for _ in model.encoder_.transform_in_blocks(table, np.float32):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert (peaks[1] - peaks[0]) / 150_000 < 150  # bytes a row


def test_sparse_tables_are_one_block():
    """Their rows are bags already."""
    from scipy.sparse import random

    X = random(N, 10, density=0.3, format="csr", random_state=0)
    encoder = TableEncoder()
    encoder.fit_transform(X, None, np.ones(N))
    (block,) = encoder.transform_in_blocks(X)
    assert_array_equal(block["x_bag"][0].ids, encoder.transform(X)["x_bag"][0].ids)
