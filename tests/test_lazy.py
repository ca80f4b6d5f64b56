"""Fits with lazy AdamW: equal to dense ones where they must be, and when chosen."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from skorch.callbacks import Callback, GradientNormClipping, LRScheduler
from test_optimizers import Results

from sklearn_dcn import DCNClassifier, DCNRegressor
from sklearn_dcn._training.lazy_adamw import AdamW

N = 60
OPTIONS = {
    "category_dropout": 0.0,
    "batch_size": N,
    "max_epochs": 6,
    "hidden_layer_sizes": (8,),
    "learning_rate": 0.01,
    "weight_decay": 0.1,
    "dtype": "float64",
    "random_state": 0,
}


def make_ids():
    """Return two columns of ids of different widths, a number, and two targets."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "user": [f"u{k}" for k in rng.permutation(N) % 25],
            "item": [f"i{k}" for k in rng.permutation(N) % 3],
            "price": rng.normal(size=N),
        }
    )
    score = X["price"] + (X["item"] == "i1") + rng.normal(size=N)
    return X, (score > 0.3).astype(int).to_numpy(), score.to_numpy()


def fit(Estimator=DCNClassifier, **options):
    """Return an estimator fitted to the ids."""
    X, labels, score = make_ids()
    y = labels if Estimator is DCNClassifier else score
    return Estimator(**OPTIONS | options).fit(X, y)


def assert_same_weights(a, b, rtol=1e-8, atol=1e-10):
    """Compare the parameters of two fitted estimators, or nets, to rounding."""
    a, b = (dict(m.module_.named_parameters()) for m in (a, b))
    assert a.keys() == b.keys()
    for name in a:
        torch.testing.assert_close(a[name], b[name], rtol=rtol, atol=atol, msg=name)


def table_distance(a, b):
    """Return the largest difference between the embeddings of two estimators."""
    tables = zip(a.module_.embedding.tables, b.module_.embedding.tables, strict=True)
    return max((s - t).abs().max().item() for s, t in tables)


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
        with Results() as results:
            DCNClassifier(**options).fit(X, np.arange(n) % 2)
        return results.of_size(n * dim)

    assert large("lazy_adamw", 3) == large("lazy_adamw", 1) != []
    assert len(large("adamw", 3)) == len(large("adamw", 1)) + 2 * 4


# ----------------------------------------------------------------------------------
# What "auto" stands for
# ----------------------------------------------------------------------------------

CLIP = {
    "instance": lambda: GradientNormClipping(0.1),
    "class": lambda: GradientNormClipping,
    "named instance": lambda: ("clip", GradientNormClipping(0.1)),
    "named class": lambda: ("clip", GradientNormClipping),
}


@pytest.fixture
def many_ids(monkeypatch):
    """Let the 25 + 3 levels of these tests, with 2 * 2 others, count as many."""
    monkeypatch.setattr("sklearn_dcn._estimator.defaults.LAZY_FROM", 32)


def is_lazily_fitted(model):
    """Tell whether the tables had sparse gradients."""
    return model.module_.embedding.sparse


@pytest.mark.parametrize(("limit", "lazy"), [(31, True), (32, True), (33, False)])
def test_auto_counts_all_ids(monkeypatch, limit, lazy):
    """The ids of all columns count together, those of unknown and missing as well."""
    monkeypatch.setattr("sklearn_dcn._estimator.defaults.LAZY_FROM", limit)
    model = fit(max_epochs=1)
    assert sum(model.encoder_.cardinalities) == 32
    assert is_lazily_fitted(model) == lazy
    assert type(model.net_.optimizer_) is AdamW


def test_auto_without_categories_is_dense():
    """Numbers alone have nothing to be lazy about, also if asked to be."""
    X = np.random.default_rng(0).normal(size=(N, 3))
    y = np.arange(N) % 2
    auto, lazy, dense = (
        DCNClassifier(**OPTIONS | {"optimizer": o}).fit(X, y)
        for o in ("auto", "lazy_adamw", "adamw")
    )
    assert not is_lazily_fitted(auto)
    assert_array_equal(auto.predict_proba(X), dense.predict_proba(X))
    assert_array_equal(lazy.predict_proba(X), dense.predict_proba(X))


@pytest.mark.parametrize("clip", CLIP.values(), ids=CLIP)
def test_auto_is_dense_for_callbacks_that_read_gradients(clip, many_ids):
    """A callback with `on_grad_computed` gets the gradients of all rows."""
    assert not is_lazily_fitted(fit(callbacks=[clip()], max_epochs=1))


def test_auto_stays_lazy_for_other_callbacks(many_ids):
    """Callbacks that read no gradients change nothing; the schedule of lr is used."""
    seen = []

    class Record(Callback):
        def on_batch_end(self, net, **kwargs):
            seen.append(net.optimizer_.param_groups[0]["lr"])

    schedule = LRScheduler("StepLR", step_size=1, gamma=0.5)
    model = fit(callbacks=[Record(), ("schedule", schedule)], max_epochs=3)
    assert is_lazily_fitted(model)
    assert_allclose(seen, [0.01, 0.005, 0.0025])


@pytest.mark.parametrize("clip", CLIP.values(), ids=CLIP)
def test_lazy_refuses_callbacks_that_read_gradients(clip):
    """The error names callback and remedy; a fitted estimator stays as it was."""
    X, y, _ = make_ids()
    model = fit(optimizer="lazy_adamw", max_epochs=1)
    model.set_params(callbacks=[clip()])
    before, p = dict(vars(model)), model.predict_proba(X)
    message = (
        r"^callbacks hold .*GradientNormClipping.*optimizer='lazy_adamw'.*"
        r"Use optimizer='adamw', or leave the callback out"
    )
    for method in (model.fit, DCNClassifier(**model.get_params()).partial_fit):
        with pytest.raises(ValueError, match=message):
            method(X, y)
    assert all(vars(model)[name] is value for name, value in before.items())
    assert vars(model).keys() == before.keys()
    assert_array_equal(model.predict_proba(X), p)


def test_clipping_works_on_dense_gradients(many_ids):
    """Where "auto" gave way, the norm of all gradients really is clipped."""
    norms = []

    class Norm(Callback):
        def on_grad_computed(self, net, named_parameters, **kwargs):
            gradients = [p.grad for _, p in named_parameters if p.grad is not None]
            assert not any(g.is_sparse for g in gradients)
            norms.append(torch.cat([g.flatten() for g in gradients]).norm().item())

    fit(callbacks=[GradientNormClipping(1e-3), Norm()], max_epochs=2)
    assert_allclose(norms, 1e-3, rtol=1e-3)


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
