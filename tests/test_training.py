"""Optimizers, penalty, callbacks and history of the training."""

import numpy as np
import pytest
import torch
from helpers.tables import make_mixed
from numpy.testing import assert_allclose
from skorch.callbacks import Callback, GradientNormClipping

from sklearn_dcn import DCNClassifier


def test_weight_decay_reaches_the_optimiser():
    """Two parameter groups arrive, one of them without decay."""
    X, y = make_mixed(50)
    model = DCNClassifier(max_epochs=1, weight_decay=0.3, learning_rate=0.02).fit(X, y)
    groups = model.net_.optimizer_.param_groups
    assert [group["weight_decay"] for group in groups] == [0.3, 0.0]
    assert [group["lr"] for group in groups] == [0.02, 0.02]


def test_embedding_l2_is_the_gradient_of_the_rows_in_use():
    """One step of SGD moves embeddings by the penalty of the batch's rows alone."""
    x_cat = np.array([["a"], ["a"], ["b"], ["a"]], dtype=object)
    y = np.array([0, 1, 0, 1])
    options = {
        "structure": "cross", "n_cross_layers": 0, "optimizer": "sgd",
        "learning_rate": 0.1, "weight_decay": 0.0, "category_dropout": 0.0,
        "max_epochs": 1, "random_state": 0, "batch_size": 4, "ema_decay": None,
    }  # fmt: skip
    start = DCNClassifier(**options | {"learning_rate": 1e-300}).fit(x_cat, y)
    plain = DCNClassifier(**options).fit(x_cat, y)
    penalised = DCNClassifier(**options, embedding_l2=0.5).fit(x_cat, y)
    e_0, e_plain, e_l2 = (
        model.module_.embedding.column_weight(0).detach().numpy()
        for model in (start, plain, penalised)
    )
    # d/de of 0.5 / 2 * mean_rows |e_row|^2 = 0.5 * share of the row in the batch * e
    share = np.array([0, 0, 3 / 4, 1 / 4])[:, None]
    assert_allclose(e_l2 - e_plain, -0.1 * 0.5 * share * e_0, atol=1e-12)
    assert_allclose(
        [h["train_loss"] for h in plain.history_],
        [h["train_loss"] for h in penalised.history_],
    )


def test_history_is_the_weighted_mean_loss():
    """The epoch's loss is the mean over rows, though batches differ in size."""
    X, y = make_mixed(100)
    w = np.random.default_rng(0).random(100)
    model = DCNClassifier(
        random_state=0,
        max_epochs=1,
        batch_size=48,
        learning_rate=1e-12,
        calibrate=False,
    )
    model.fit(X, y, sample_weight=w, X_val=X, y_val=y, sample_weight_val=w)
    p = model.predict_proba(X)[np.arange(100), y]
    loss = np.average(-np.log(p), weights=w)
    assert_allclose(model.history_[0]["valid_loss"], loss, rtol=1e-9)


def test_callbacks_and_net_params_reach_skorch():
    """Callbacks run, see batches, and net_params set what has no parameter here."""
    X, y = make_mixed(100)
    losses = []

    class Record(Callback):
        def on_batch_end(self, net, training, **kwargs):
            losses.append(net.history[-1, "batches", -1, "train_loss"])

    model = DCNClassifier(
        max_epochs=2,
        batch_size=50,
        random_state=0,
        callbacks=[Record(), ("clip", GradientNormClipping(1e-9))],
        net_params={"optimizer__betas": (0.5, 0.6)},
    ).fit(X, y)
    assert len(losses) == 4
    assert model.net_.optimizer_.param_groups[0]["betas"] == (0.5, 0.6)
    assert "batches" not in model.history_[0]
    assert dict(model.net_.callbacks_)["clip"].gradient_clip_value == 1e-9


@pytest.mark.parametrize(
    "optimizer", ["adamw", "adam", "adagrad", "sgd", torch.optim.NAdam]
)
def test_optimizers(optimizer):
    """Every named optimiser, and a class from torch, lowers the loss."""
    X, y = make_mixed(200)
    model = DCNClassifier(
        optimizer=optimizer, learning_rate=0.02, max_epochs=10, random_state=0
    ).fit(X, y)
    assert model.history_[-1]["train_loss"] < model.history_[0]["train_loss"]


def test_keyboard_interrupt_keeps_the_best_weights():
    """An interrupted fit ends as a fitted estimator with the best weights so far."""
    X, y = make_mixed(200)

    class Interrupt(Callback):
        def on_epoch_end(self, net, **kwargs):
            if len(net.history) == 3:
                raise KeyboardInterrupt

    model = DCNClassifier(max_epochs=50, random_state=0, callbacks=[Interrupt()])
    model.fit(X, y, X_val=X, y_val=y)
    assert model.n_iter_ == 3
    assert 1 <= model.best_epoch_ <= 3
    assert np.isfinite(model.predict_proba(X)).all()


def test_embedding_l2_of_the_table_is_the_gradient_of_all_rows():
    """One step of SGD shrinks every embedding, whether or not the batch has it."""
    x_cat = np.array([["a"], ["a"], ["b"], ["a"]], dtype=object)
    y = np.array([0, 1, 0, 1])
    options = {
        "structure": "cross", "n_cross_layers": 0, "optimizer": "sgd",
        "learning_rate": 0.1, "weight_decay": 0.0, "category_dropout": 0.0,
        "max_epochs": 1, "random_state": 0, "batch_size": 4, "ema_decay": None,
        "embedding_l2_scope": "table",
    }  # fmt: skip
    start = DCNClassifier(**options | {"learning_rate": 1e-300}).fit(x_cat, y)
    plain = DCNClassifier(**options).fit(x_cat, y)
    penalised = DCNClassifier(**options, embedding_l2=0.5).fit(x_cat, y)
    e_0, e_plain, e_l2 = (
        model.module_.embedding.column_weight(0).detach().numpy()
        for model in (start, plain, penalised)
    )
    # d/de of 0.5 / 2 * |E|^2 = 0.5 * e, also of the unknown and the missing level
    assert len(e_0) == 4
    assert_allclose(e_l2 - e_plain, -0.1 * 0.5 * e_0, atol=1e-12)
    assert [h["train_loss"] for h in plain.history_] == [
        h["train_loss"] for h in penalised.history_
    ]


def test_embedding_l2_of_the_table_is_the_l2_of_adam():
    """It is what torch's Adam calls weight_decay, of the embeddings alone."""
    x_cat = np.array([["a"], ["a"], ["b"], ["c"]] * 8, dtype=object)
    y = np.array([0, 1, 0, 1] * 8)
    options = {
        "structure": "cross", "n_cross_layers": 0, "optimizer": "adam",
        "max_epochs": 5, "batch_size": 8, "random_state": 0, "weight_decay": 0.0,
    }  # fmt: skip

    class Decay(Callback):
        def on_train_begin(self, net, **kwargs):
            net.optimizer_.param_groups[1]["weight_decay"] = 0.3  # also of the bias

        def on_batch_begin(self, net, training, **kwargs):
            net.module_.head.bias.requires_grad_(False)

    models = [
        DCNClassifier(**options, callbacks=[Decay()]),
        DCNClassifier(
            **options,
            embedding_l2=0.3,
            embedding_l2_scope="table",
            callbacks=[Freeze()],
        ),
        DCNClassifier(**options, callbacks=[Freeze()]),
    ]
    by_adam, ours, without = (
        model.fit(x_cat, y).module_.embedding.column_weight(0) for model in models
    )
    torch.testing.assert_close(ours, by_adam, rtol=1e-9, atol=1e-12)
    assert (ours - without).abs().max() > 1e-3


class Freeze(Callback):
    """Keeps the bias of the head where it starts."""

    def on_batch_begin(self, net, training, **kwargs):
        """Freeze it."""
        net.module_.head.bias.requires_grad_(False)


def test_embedding_l2_of_the_table_needs_dense_gradients(monkeypatch):
    """The optimiser "auto" is dense then, and a lazy optimiser is refused."""
    monkeypatch.setattr("sklearn_dcn._estimator.defaults.LAZY_FROM", 1)
    X, y = make_mixed(60)
    model = DCNClassifier(max_epochs=1, embedding_l2_scope="table").fit(X, y)
    assert not model.module_.embedding.sparse
    with pytest.raises(ValueError, match=r"^embedding_l2_scope='table' .*lazy_adamw"):
        model.set_params(optimizer="lazy_adamw").fit(X, y)
    with pytest.raises(ValueError, match=r"must not set 'embedding_l2_scope'"):
        DCNClassifier(net_params={"embedding_l2_scope": "table"}).fit(X, y)
