"""Fits with lazy AdamW: equal to dense ones where they must be, and going on."""

import copy
import pickle

import numpy as np
import pytest
import torch
from helpers.lazy import (
    OPTIONS,
    assert_same_weights,
    fit,
    is_lazily_fitted,
    make_ids,
    table_distance,
)
from helpers.recording import Results
from numpy.testing import assert_allclose, assert_array_equal
from skorch.callbacks import Callback

from sklearn_dcn import DCNClassifier, DCNRegressor

# ----------------------------------------------------------------------------------
# Lazy against dense
# ----------------------------------------------------------------------------------


@pytest.mark.parametrize("Estimator", [DCNClassifier, DCNRegressor])
@pytest.mark.parametrize("embedding_l2", [0.0, 0.3])
def test_lazy_equals_dense_on_whole_batches(Estimator, embedding_l2):
    """With every level in every batch the two fits are one.

    The ids of unknown and missing levels are in no batch of either. Their gradients
    are zero all along, so that they keep their initial values in the dense fit too.
    """
    dense, lazy = (
        fit(Estimator, optimizer=name, embedding_l2=embedding_l2)
        for name in ("adamw", "lazy_adamw")
    )
    assert [m.module_.embedding.sparse for m in (dense, lazy)] == [False, True]
    assert_same_weights(dense, lazy)
    start = fit(Estimator, learning_rate=1e-300)
    assert table_distance(start, lazy) > 1e-3
    for c in range(2):
        weights = [m.module_.embedding.column_weight(c) for m in (start, dense, lazy)]
        assert all(torch.equal(weights[0][:2], w[:2]) for w in weights)
        assert not torch.isclose(weights[0][2:], weights[2][2:], atol=1e-6).any()
    losses = [[epoch["train_loss"] for epoch in m.history_] for m in (dense, lazy)]
    assert_allclose(*losses, rtol=1e-9)
    X = make_ids()[0]
    assert_allclose(dense.predict(X), lazy.predict(X), rtol=1e-8)


def test_they_differ_on_small_batches():
    """The identity is no triviality: with absent levels momentum tells them apart."""
    dense, lazy = (
        fit(optimizer=name, batch_size=8) for name in ("adamw", "lazy_adamw")
    )
    assert table_distance(dense, lazy) > 1e-4


def test_penalty_of_one_step():
    """After a step with embedding_l2 the moments, linear in g, are those of dense."""
    options = {"max_epochs": 1, "warm_start": True, "embedding_l2": 0.7}
    dense, lazy = (fit(optimizer=o, **options) for o in ("adamw", "lazy_adamw"))
    plain = fit(optimizer="lazy_adamw", **options | {"embedding_l2": 0.0})
    assert_same_weights(dense, lazy)
    moments = [
        [m.net_.optimizer_.state[t]["exp_avg"] for t in m.module_.embedding.tables]
        for m in (dense, lazy, plain)
    ]
    for m_dense, m_lazy, m_plain in zip(*moments, strict=True):
        torch.testing.assert_close(m_dense, m_lazy, rtol=1e-9, atol=1e-13)
        assert (m_lazy - m_plain).abs().max() > 1e-4


def test_only_the_rows_of_the_batch_move():
    """After each batch the embeddings of other ids are the same bits as before."""

    class Watch(Callback):
        moved = 0

        def on_batch_begin(self, net, batch, training, **kwargs):
            self.before = [t.detach().clone() for t in net.module_.embedding.tables]

        def on_batch_end(self, net, batch, training, **kwargs):
            embedding = net.module_.embedding
            ids = batch[0]["x_cat"] + embedding.offsets
            for group, columns in enumerate(embedding._groups.values()):
                in_batch = torch.zeros(len(embedding.tables[group]), dtype=bool)
                in_batch[ids[:, columns].flatten()] = True
                change = (embedding.tables[group] - self.before[group]).abs().sum(1)
                assert torch.equal(change > 0, in_batch)
                Watch.moved += int(in_batch.sum())

    fit(optimizer="lazy_adamw", batch_size=4, callbacks=[Watch()], max_epochs=2)
    assert Watch.moved > 0


def test_no_table_is_made_in_training():
    """With the epochs grows what a dense fit allocates of the vocabulary's size.

    That of a lazy fit is made once.
    """
    n, dim = 2000, 8
    X = np.array([[f"v{i}"] for i in range(n)], dtype=object)

    def large(optimizer, max_epochs):
        options = OPTIONS | {"optimizer": optimizer, "max_epochs": max_epochs}
        options |= {"batch_size": 500, "embedding_dim": dim, "embedding_l2": 0.1}
        options |= {"early_stopping": False, "ema_decay": None, "n_members": 1}
        options |= {"min_frequency": 1}  # each level is in one row
        with Results() as results:
            DCNClassifier(**options).fit(X, np.arange(n) % 2)
        return results.of_size(n * dim)

    assert large("lazy_adamw", 3) == large("lazy_adamw", 1) != []
    assert len(large("adamw", 3)) == len(large("adamw", 1)) + 2 * 4


# ----------------------------------------------------------------------------------
# Going on
# ----------------------------------------------------------------------------------


def test_warm_start_goes_on_with_the_moments():
    """Twice three epochs are six at once, to rounding: moments and steps go on."""
    once = fit(optimizer="lazy_adamw")
    twice = fit(optimizer="lazy_adamw", warm_start=True, max_epochs=3)
    first = copy.deepcopy(twice)
    twice.fit(*make_ids()[:2])
    assert table_distance(first, twice) > 1e-3
    assert_same_weights(once, twice)
    assert is_lazily_fitted(twice)
    tables = twice.module_.embedding.tables
    assert [twice.net_.optimizer_.state[t]["step"].item() for t in tables] == [6, 6]


def test_partial_fit_goes_on_with_the_moments():
    """Six calls are six epochs at once."""
    X, y, _ = make_ids()
    model = DCNClassifier(**OPTIONS, optimizer="lazy_adamw")
    for _ in range(6):
        model.partial_fit(X, y)
    assert_same_weights(fit(optimizer="lazy_adamw"), model)


def test_partial_fit_on_parts():
    """A level that a later part lacks keeps its embedding bit for bit."""
    X, y, _ = make_ids()
    # Without the average, which would go on towards the weights.
    options = OPTIONS | {"optimizer": "lazy_adamw", "ema_decay": None}
    model = DCNClassifier(**options).partial_fit(X, y)
    part = X["user"] == X["user"][0]
    before = model.module_.embedding.column_weight(0).detach().clone()
    model.partial_fit(X[part], y[part])
    after = model.module_.embedding.column_weight(0)
    moved = (after != before).any(dim=1)
    [at] = set(model.encoder_.transform(X[part])["x_cat"][:, 0].tolist())
    assert moved.nonzero().flatten().tolist() == [at]


@pytest.mark.parametrize("optimizer", ["lazy_adamw", "adamw"])
def test_a_pickle_goes_on_alike(optimizer):
    """A warm-started estimator continues from its pickle to the same bits."""
    X, y, _ = make_ids()
    model = fit(optimizer=optimizer, warm_start=True, batch_size=16, max_epochs=2)
    loaded = pickle.loads(pickle.dumps(model))
    copied = copy.deepcopy(model)
    p = model.fit(X, y).predict_proba(X)
    for other in (loaded, copied):
        assert not np.array_equal(other.predict_proba(X), p)
        assert_array_equal(other.fit(X, y).predict_proba(X), p)


def test_a_fitted_estimator_keeps_no_moments():
    """Without warm starts the pickle holds the weights, and nothing of their size."""
    plain, warm = (fit(optimizer="lazy_adamw", warm_start=w) for w in (False, True))
    assert not plain.net_.optimizer_.state
    table = warm.module_.embedding.tables[0]
    state = warm.net_.optimizer_.state[table]
    assert state["exp_avg"].shape == table.shape
    assert all(p.grad is None for p in warm.module_.parameters())
