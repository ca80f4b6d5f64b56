"""The net: its penalties, skorch's callbacks and options, no waiting in an epoch."""

import collections
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers.recording import Results
from helpers.tables import make_mixed
from helpers.watching import SMALL
from numpy.testing import assert_allclose
from sklearn.metrics import log_loss
from skorch.callbacks import (
    Callback,
    Checkpoint,
    GradientNormClipping,
    MlflowLogger,
    TensorBoard,
    WandbLogger,
)

from sklearn_dcn import DCNClassifier, DCNRegressor
from sklearn_dcn._training.sum_by_row import sum_by_row

# Options of the net -------------------------------------------------------------------


def test_weight_decay_reaches_the_optimiser():
    """Two parameter groups arrive, one of them without decay."""
    X, y = make_mixed(50)
    model = DCNClassifier(max_epochs=1, weight_decay=0.3, learning_rate=0.02).fit(X, y)
    groups = model.net_.optimizer_.param_groups
    assert [group["weight_decay"] for group in groups] == [0.3, 0.0]
    assert [group["lr"] for group in groups] == [0.02, 0.02]


def step_of_sgd(**more):
    """Return embeddings before, and after a step without and with their penalty.

    And the two estimators that made the step.
    """
    x_cat = np.array([["a"], ["a"], ["b"], ["a"]], dtype=object)
    y = np.array([0, 1, 0, 1])
    options = {
        "structure": "cross", "n_cross_layers": 0, "optimizer": "sgd",
        "learning_rate": 0.1, "weight_decay": 0.0, "category_dropout": 0.0,
        "max_epochs": 1, "random_state": 0, "batch_size": 4, "ema_decay": None,
    } | more  # fmt: skip
    start = DCNClassifier(**options | {"learning_rate": 1e-300}).fit(x_cat, y)
    plain = DCNClassifier(**options).fit(x_cat, y)
    penalised = DCNClassifier(**options, embedding_l2=0.5).fit(x_cat, y)
    e_0, e_plain, e_l2 = (
        model.module_.embedding.column_weight(0).detach().numpy()
        for model in (start, plain, penalised)
    )
    return (e_0, e_plain, e_l2), plain, penalised


def test_embedding_l2_is_the_gradient_of_the_rows_in_use():
    """One step of SGD moves embeddings by the penalty of the batch's rows alone."""
    (e_0, e_plain, e_l2), plain, penalised = step_of_sgd()
    # d/de of 0.5 / 2 * mean_rows |e_row|^2 = 0.5 * share of the row in the batch * e
    share = np.array([0, 0, 3 / 4, 1 / 4])[:, None]
    assert_allclose(e_l2 - e_plain, -0.1 * 0.5 * share * e_0, atol=1e-12)
    assert_allclose(
        [h["train_loss"] for h in plain.history_],
        [h["train_loss"] for h in penalised.history_],
    )


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


def test_embedding_l2_of_the_table_is_the_gradient_of_all_rows():
    """One step of SGD shrinks every embedding, whether or not the batch has it."""
    (e_0, e_plain, e_l2), plain, penalised = step_of_sgd(embedding_l2_scope="table")
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


# skorch's callbacks -------------------------------------------------------------------


def test_checkpoint_of_skorch(mixed, tmp_path):
    """It writes the weights of the best epoch, which can be loaded."""
    X, y = mixed
    noise = np.random.default_rng(0).permutation(y)
    checkpoint = Checkpoint(
        monitor="valid_loss_best", f_pickle=None, dirname=str(tmp_path)
    )
    model = DCNClassifier(
        **SMALL, max_epochs=9, learning_rate=0.02, early_stopping=False
    ).set_params(callbacks=[checkpoint])
    model.fit(X, y, X_val=X, y_val=noise)
    losses = [epoch["valid_loss"] for epoch in model.history_]
    assert np.argmin(losses) < 8
    model.net_.load_params(f_params=tmp_path / "params.pt")
    found = log_loss(noise, model.predict_proba(X))
    np.testing.assert_allclose(found, min(losses), rtol=1e-9)


class Recorder:
    """Stands in for the client of a service: keeps the calls of its methods."""

    def __init__(self, *methods, **attributes):
        self.calls = []
        vars(self).update(attributes)
        for name in methods:
            setattr(self, name, partial(self.keep, name))

    def keep(self, name, *args, **kwargs):
        """Keep a call."""
        self.calls.append((name, args, kwargs))

    def of(self, name):
        """Return the calls of a method."""
        return [call[1:] for call in self.calls if call[0] == name]


def test_tensorboard_of_skorch(mixed):
    """Every loss arrives under its epoch, and the writer is closed."""
    X, y = mixed
    writer = Recorder("add_scalar", "close")
    model = DCNClassifier(**SMALL, max_epochs=3, callbacks=[TensorBoard(writer)])
    model.fit(X, y, X_val=X, y_val=y)
    found = {
        (call["tag"], call["global_step"]): call["scalar_value"]
        for _, call in writer.of("add_scalar")
    }
    for k, epoch in enumerate(model.history_):
        for part in ("train", "valid"):
            assert found[f"Loss/{part}_loss", k + 1] == epoch[f"{part}_loss"]
    assert len(writer.of("close")) == 1


def test_mlflow_of_skorch(mixed):
    """Losses of epochs and of batches arrive, and the run is ended."""
    X, y = mixed
    client = Recorder("log_metric", "set_terminated")
    run = SimpleNamespace(info=SimpleNamespace(run_id="a run"))
    logger = MlflowLogger(run, client, create_artifact=False, log_on_batch_end=True)
    model = DCNClassifier(**SMALL, max_epochs=2, callbacks=[logger]).fit(X, y)
    metrics = [(args, kw["step"]) for args, kw in client.of("log_metric")]
    losses = [args[2] for args, _ in metrics if args[1] == "train_loss_epoch"]
    assert losses == [epoch["train_loss"] for epoch in model.history_]
    steps = [step for args, step in metrics if args[1] == "train_loss_batch"]
    assert steps == list(range(1, 11))
    assert {args[0] for args, _ in metrics} == {"a run"}
    assert len(client.of("set_terminated")) == 1


def test_wandb_of_skorch(mixed, tmp_path):
    """The network is watched, losses arrive, and the best weights are written."""
    X, y = mixed
    run = Recorder("watch", "log", dir=str(tmp_path))
    model = DCNClassifier(**SMALL, max_epochs=2, callbacks=[WandbLogger(run)])
    model.fit(X, y, X_val=X, y_val=y)
    ((watched,), _) = run.of("watch")[0]
    assert watched is model.module_
    losses = [args[0]["valid_loss"] for args, _ in run.of("log")]
    assert losses == [epoch["valid_loss"] for epoch in model.history_]
    assert (tmp_path / "best_model.pth").stat().st_size > 1000


# Nothing waits for the device within an epoch -----------------------------------------


READS = ("item", "tolist", "numpy", "cpu", "__array__", "__bool__", "__float__",
         "__int__", "__index__", "nonzero")  # fmt: skip


@pytest.fixture
def reads(monkeypatch):
    """Count every method of a tensor that a device would have to be waited for."""
    counter = collections.Counter()

    def counted(name, method):
        def call(*args, **kwargs):
            counter[name] += 1
            return method(*args, **kwargs)

        return call

    for name in READS:
        monkeypatch.setattr(
            torch.Tensor, name, counted(name, getattr(torch.Tensor, name))
        )
    return counter


def count_reads(reads, Estimator, batch_size, **options):
    """Return how often a fit reads values, by methods and by operations of torch."""
    X, y = make_mixed(96)
    X["visits"] = X["visits"].astype(str)
    options = {"hidden_layer_sizes": (8,), "random_state": 0} | options
    options |= {"calibrate": False}  # which takes as many steps as it needs
    model = Estimator(batch_size=batch_size, max_epochs=2, **options)
    weight = np.linspace(1, 2, len(y))
    reads.clear()
    with Results() as results:
        model.fit(X, y, sample_weight=weight, X_val=X, y_val=y)
    names = ("_local_scalar_dense", "nonzero", "masked_select", "unique", "is_nonzero")
    return dict(reads) | {name: len(results.names(name)) for name in names}


VARIANTS = {
    "dense": {"optimizer": "adamw"},
    "lazy": {"optimizer": "lazy_adamw"},
    "noisy": {"dropout": 0.2, "category_dropout": 0.2, "embedding_l2": 0.1},
    "bfloat16": {"dtype": "bfloat16"},
    "vector": {"cross": "vector"},
    "mixture": {"cross": "mixture", "expert_activation": "tanh"},
    "batch norm": {"normalization": "batch"},
}


@pytest.mark.parametrize(
    ("Estimator", "options"),
    [*((DCNClassifier, v) for v in VARIANTS.values()), (DCNRegressor, {})],
    ids=[*VARIANTS, "regressor"],
)
def test_no_batch_waits(reads, monkeypatch, Estimator, options):
    """Six times as many batches read values no more often: twice an epoch or so.

    Sums by id are those of other devices, which need no number of ids.
    """
    monkeypatch.setattr(
        "sklearn_dcn._training.lazy_adamw.sum_by_row",
        lambda *args: sum_by_row(*args, compact=False),
    )
    few, many = (count_reads(reads, Estimator, n, **options) for n in (96, 16))
    assert few == many
    assert few["tolist"] >= 4  # the losses of two epochs and two tables


def test_the_count_sees_what_waits(reads):
    """Losses recorded for callbacks, and compact sums, are counted batch by batch."""
    few, many = (
        count_reads(reads, DCNClassifier, n, callbacks=[Callback()]) for n in (96, 16)
    )
    more = 2 * 2 * (96 // 16 - 1)  # epochs, tables
    assert many["item"] == few["item"] + more
    assert many["_local_scalar_dense"] == few["_local_scalar_dense"] + more
    few, many = (
        count_reads(reads, DCNClassifier, n, optimizer="lazy_adamw") for n in (96, 16)
    )
    assert many["nonzero"] > few["nonzero"]


def test_bags_wait_once_a_batch(reads):
    """A shuffled bag has as many entries as its rows; nothing else is waited for."""
    X, y = make_mixed(96)
    X = X[["price"]].assign(tags=[["a", "b"][: i % 3] for i in range(96)])
    counts = []
    for n_batches in (1, 6):
        model = DCNClassifier(
            batch_size=96 // n_batches, max_epochs=2, hidden_layer_sizes=(8,)
        )
        reads.clear()
        with Results() as results:
            model.fit(X, y)
        counts.append(dict(reads) | {"": len(results.names("_local_scalar_dense"))})
        assert len(results.names("repeat_interleave")) == 2 * n_batches
    assert counts[0] == counts[1]
