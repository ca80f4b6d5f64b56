"""The average of weights: against NumPy, lazy against dense, and what a fit keeps."""

import copy
import pickle

import numpy as np
import pytest
import torch
from helpers.lazy import OPTIONS as LAZY
from helpers.lazy import assert_same_weights, make_ids
from helpers.tables import make_mixed
from numpy.testing import assert_allclose
from sklearn.exceptions import ConvergenceWarning
from skorch.callbacks import Callback

from sklearn_dcn import DCNClassifier
from sklearn_dcn._training.averaging import WeightAverage
from sklearn_dcn._training.lazy_adamw import AdamW


def average_of(path, decay, start, n_before=0):
    """Return the averages after each of the weights of a path, by the formula."""
    a, averages = np.array(start, dtype=float), []
    for t, w in enumerate(path, start=1 + n_before):
        delta = min(decay, t / (9 + t))
        a = delta * a + (1 - delta) * np.asarray(w)
        averages.append(a)
    return averages


def test_first_steps_by_hand():
    """From 0 by weights 1 and 2: decays 1/10 and 2/11, averages 0.9 and 1.8."""
    module = torch.nn.Linear(1, 1, bias=False).double()
    module.weight.data.zero_()
    average = WeightAverage(module, 0.999)
    with average.training():
        for w in (1.0, 2.0):
            module.weight.data.fill_(w)
            average.before_step()
            average.after_step()
        assert module.weight.item() == 2.0
    assert_allclose(module.weight.item(), 2 / 11 * 0.9 + 9 / 11 * 2.0)


class Table(torch.nn.Module):
    """An embedding, a matrix, and a statistic that is no parameter."""

    def __init__(self, sparse):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        draw = torch.randn(6, 2, dtype=torch.float64, generator=generator)
        self.table = torch.nn.Parameter(draw)
        self.matrix = torch.nn.Parameter(draw[:2].clone())
        self.register_buffer("mean", draw[0].clone())
        self.register_buffer("count", torch.tensor(3))
        self.sparse = sparse

    def forward(self, ids):
        """Return a number."""
        e = torch.nn.functional.embedding(ids, self.table, sparse=self.sparse)
        return (e @ self.matrix).sin().sum()


# Row 5 never comes, row 0 after a long pause, ids repeat, a batch is empty.
BATCHES = [[0, 1, 1, 4], [1, 2], [], [3, 3, 3], [2, 1, 2, 4, 1], [0, 0], [4, 0, 1]]
EPOCHS = [BATCHES[:3], BATCHES[3:4], BATCHES[4:]]


@pytest.mark.parametrize("decay", [0.2, 0.5, 0.9999])
def test_lazy_rows_equal_the_formula(decay):
    """Rows that are brought up to date late are those of the dense formula, to 1e-12.

    The weights of every step go into the formula in full; several epochs, between
    which the module has the average.
    """
    module = Table(sparse=True)
    optimizer = AdamW(module.parameters(), lr=0.1)
    average = WeightAverage(module, decay, [module.table])
    path, start = [], module.table.detach().numpy().copy()
    matrices, first = [], module.matrix.detach().numpy().copy()
    means = []
    for epoch in EPOCHS:
        with average.training():
            for ids in epoch:
                optimizer.zero_grad()
                module(torch.tensor(ids, dtype=torch.int64)).backward()
                average.before_step()
                optimizer.step()
                module.mean += 1.0
                average.after_step()
                path.append(module.table.detach().numpy().copy())
                matrices.append(module.matrix.detach().numpy().copy())
                means.append(module.mean.numpy().copy())
        expected = average_of(path, decay, start)[-1]
        assert_allclose(module.table.detach(), expected, rtol=1e-12)
        assert_allclose(
            module.matrix.detach(), average_of(matrices, decay, first)[-1], rtol=1e-12
        )
        assert_allclose(module.mean, average_of(means, decay, start[0])[-1], rtol=1e-12)
    assert np.abs(path[-1] - expected)[:5].min() > 1e-6
    assert_allclose(path[-1][5], expected[5], rtol=1e-12)  # which never moved
    assert module.count == 3


# ----------------------------------------------------------------------------------
# In a fit
# ----------------------------------------------------------------------------------

OPTIONS = {
    "hidden_layer_sizes": (4,),
    "random_state": 0,
    "batch_size": 25,
    "learning_rate": 0.02,
}
RAW = {"ema_decay": None, "n_members": 1}  # the default averages


class Path(Callback):
    """Records the weights after every step, and those of the module between epochs."""

    def initialize(self):
        """Begin."""
        self.steps, self.epochs = [], []

    @staticmethod
    def weights(net):
        """Return all parameters in one vector."""
        parts = [p.detach().flatten() for p in net.module_.parameters()]
        return torch.cat(parts).double().numpy().copy()

    def on_train_begin(self, net, **kwargs):
        """Record the start."""
        self.start = self.weights(net)

    def on_batch_end(self, net, training, **kwargs):
        """Record a step."""
        if training:
            self.steps.append(self.weights(net))

    def on_epoch_end(self, net, **kwargs):
        """Record what the module holds after validation."""
        self.epochs.append(self.weights(net))


@pytest.mark.parametrize("optimizer", ["adamw", "lazy_adamw", "sgd"])
def test_a_fit_ends_with_the_average_of_its_path(optimizer):
    """After every epoch and at the end; the path is that without an average."""
    X, y = make_mixed(100)
    options = OPTIONS | {"optimizer": optimizer, "max_epochs": 3}
    plain, averaged = Path(), Path()
    DCNClassifier(**options, callbacks=[plain]).fit(X, y)
    model = DCNClassifier(**options, callbacks=[averaged], ema_decay=0.9).fit(X, y)
    assert_allclose(averaged.steps, plain.steps, rtol=1e-12)
    expected = average_of(averaged.steps, 0.9, averaged.start)
    assert_allclose(averaged.epochs, expected[3::4], rtol=1e-9, atol=1e-12)
    assert_allclose(Path.weights(model.net_), expected[-1], rtol=1e-9, atol=1e-12)
    assert np.abs(averaged.steps[-1] - expected[-1]).max() > 1e-3


def test_lazy_fit_equals_dense_on_whole_batches():
    """With every level in every batch the averages of both forms are one."""
    X, y, _ = make_ids()
    dense, lazy = (
        DCNClassifier(**LAZY, optimizer=name, ema_decay=0.8).fit(X, y)
        for name in ("adamw", "lazy_adamw")
    )
    assert lazy.module_.embedding.sparse
    assert_same_weights(dense, lazy)


def test_validation_sees_the_average():
    """The recorded loss is that of the weights that the model ends with."""
    X, y = make_mixed(100)
    model = DCNClassifier(
        **OPTIONS, max_epochs=3, ema_decay=0.9, normalization="batch",
        early_stopping=False,
    ).fit(X, y, X_val=X, y_val=y)  # fmt: skip
    p = model.predict_proba(X)[np.arange(100), y]
    assert_allclose(model.history_[-1]["valid_loss"], -np.log(p).mean(), rtol=1e-9)


def test_early_stopping_keeps_the_best_average():
    """The weights are the averages of the best epoch, not of the last."""
    X, y = make_mixed(100)
    record = Path()
    model = DCNClassifier(
        **OPTIONS | {"learning_rate": 0.1}, max_epochs=30, ema_decay=0.9,
        n_iter_no_change=2, callbacks=[record], warm_start=True,
    ).fit(X[:50], y[:50], X_val=X[50:], y_val=y[50:])  # fmt: skip
    losses = [e["valid_loss"] for e in model.history_]
    assert model.best_epoch_ == 1 + np.argmin(losses) < model.n_iter_
    best = record.epochs[model.best_epoch_ - 1]
    assert_allclose(Path.weights(model.net_), best, rtol=1e-12)
    # A next fit goes on from them, with the steps that were made.
    assert model.net_.optimizer_.state["average"] == {"n_steps": len(record.steps)}
    start, n_before = len(record.steps), len(record.steps)
    model.set_params(max_epochs=1, early_stopping=False).fit(X[:50], y[:50])
    record = dict(model.net_.callbacks_)["Path"]
    expected = average_of(record.steps[start:], 0.9, best, n_before)
    assert_allclose(Path.weights(model.net_), expected[-1], rtol=1e-9, atol=1e-12)


def test_an_interrupted_epoch_ends_with_the_average():
    """Also where it ends in the middle."""
    X, y = make_mixed(100)

    class Interrupt(Path):
        def on_batch_end(self, net, training, **kwargs):
            super().on_batch_end(net, training, **kwargs)
            if len(self.steps) == 6:
                raise KeyboardInterrupt

    record = Interrupt()
    model = DCNClassifier(**OPTIONS, max_epochs=3, ema_decay=0.9, callbacks=[record])
    with pytest.warns(ConvergenceWarning, match="interrupted after epoch"):
        model.fit(X, y)
    # The step in which it came had moved the weights and the average.
    expected = average_of(record.steps, 0.9, record.start)[-1]
    assert_allclose(Path.weights(model.net_), expected, rtol=1e-9, atol=1e-12)


# ----------------------------------------------------------------------------------
# Going on
# ----------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["adamw", "lazy_adamw"])
@pytest.mark.parametrize(
    "way", [lambda m: m, copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))]
)
def test_warm_start_goes_on_with_weights_and_average(optimizer, way):
    """Two fits have the path that they have without, and one average of it."""
    X, y = make_mixed(100)
    options = OPTIONS | {"optimizer": optimizer, "max_epochs": 2, "warm_start": True}
    records = []
    for decay in (None, 0.9):
        model = DCNClassifier(**options, ema_decay=decay, callbacks=[Path()]).fit(X, y)
        start = dict(model.net_.callbacks_)["Path"].start
        model = way(model).fit(X, y)
        records.append(dict(model.net_.callbacks_)["Path"])
    plain, averaged = records
    assert len(averaged.steps) == 16
    assert_allclose(averaged.steps, plain.steps, rtol=1e-9, atol=1e-13)
    expected = average_of(averaged.steps, 0.9, start)
    assert_allclose(averaged.epochs, expected[3::4], rtol=1e-9, atol=1e-12)


def test_partial_fit_goes_on():
    """Calls of one epoch have one average of all their steps."""
    X, y = make_mixed(100)
    model = DCNClassifier(**OPTIONS, ema_decay=0.9, callbacks=[Path()])
    for part in (slice(0, 50), slice(50, 100), slice(0, 50)):
        model.partial_fit(X[part], y[part], classes=[0, 1])
        record = dict(model.net_.callbacks_)["Path"]
        if part.start == 0 and len(record.steps) == 2:
            start = record.start
    expected = average_of(record.steps, 0.9, start)[-1]
    assert len(record.steps) == 6
    assert_allclose(Path.weights(model.net_), expected, rtol=1e-6, atol=1e-7)


def test_a_fitted_model_is_small():
    """Without warm_start there is one copy of the weights; with it there are four."""
    X = np.array([[f"v{i}"] for i in range(3000)], dtype=object)
    y = np.arange(3000) % 2
    options = OPTIONS | {"max_epochs": 1, "embedding_dim": 16, "batch_size": 500}

    def size(**more):
        more = {**RAW, "early_stopping": False, "min_frequency": 1, **more}
        model = DCNClassifier(**options, **more).fit(X, y)
        return len(pickle.dumps(model))

    table = 3000 * 16 * 4
    assert size(ema_decay=0.9) < size() + 1000
    warm = size(warm_start=True)
    assert 0 < size(warm_start=True, ema_decay=0.9) - warm - table < 20_000


def test_a_changed_decay_is_refused():
    """It is built into the average that is there."""
    X, y = make_mixed(60)
    model = DCNClassifier(**OPTIONS, max_epochs=1, warm_start=True, ema_decay=0.9)
    model.fit(X, y)
    with pytest.raises(ValueError, match=r"ema_decay must stay 0\.9; got None"):
        model.set_params(ema_decay=None).fit(X, y)
