"""Watching a fit: progress, the table of epochs, interrupts, callbacks of two kinds."""

import io
import pickle
import re
import signal
import sys
import warnings
from functools import partial
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import make_mixed
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from skorch.callbacks import (
    Callback,
    Checkpoint,
    EarlyStopping,
    MlflowLogger,
    TensorBoard,
    WandbLogger,
)

from sklearn_dcn import DCNClassifier
from sklearn_dcn._training import progress as _progress
from sklearn_dcn._training.progress import Progress

LINE = re.compile(
    r"epoch (\d)/3  loss (\S+)  validation (\S+)  [\d,]+ rows/s  \d:\d\d left"
)
SMALL = {"hidden_layer_sizes": (8,), "batch_size": 64, "random_state": 0}


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        """Say so."""
        return True


class AtBatch(Callback):
    """Calls a function in a training step of an epoch, both counted from 1."""

    def __init__(self, epoch, function, batch=2):
        self.epoch = epoch
        self.function = function
        self.batch = batch

    def on_batch_end(self, net, training, **kwargs):
        """Count the step."""
        epoch = net.history[-1]
        at = (epoch["epoch"], len(epoch["batches"]))
        if training and at == (self.epoch, self.batch):
            self.function()


class AtEpochEnd(Callback):
    """Calls a function at the end of an epoch."""

    def __init__(self, epoch, function):
        self.epoch = epoch
        self.function = function

    def on_epoch_end(self, net, **kwargs):
        """Call it."""
        if len(net.history) == self.epoch:
            self.function()


def press_ctrl_c():
    signal.raise_signal(signal.SIGINT)


def stop():
    raise KeyboardInterrupt


@pytest.fixture(autouse=True)
def interrupts():
    """Take SIGINT as Python does, also where a shell in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


# Progress -----------------------------------------------------------------------------


def test_progress_in_a_log_is_a_line_an_epoch(mixed, capsys):
    """The lines hold the losses of the history, and no control characters."""
    X, y = mixed
    model = DCNClassifier(**SMALL, max_epochs=3, verbose=1)
    model.fit(X, y, X_val=X, y_val=y)
    *lines, last = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    for k, (line, epoch) in enumerate(zip(lines, model.history_, strict=True)):
        number, loss, validation = LINE.fullmatch(line).groups()
        assert number == str(k + 1)
        assert loss == f"{epoch['train_loss']:.4f}"
        assert validation == f"{epoch['valid_loss']:.4f}"
    assert last.startswith("3 epochs in 0:0")


def test_progress_tells_the_best_epoch(mixed, capsys):
    """Where it is not the last one."""
    X, y = mixed
    noise = np.random.default_rng(0).permutation(y)
    model = DCNClassifier(**SMALL, max_epochs=9, learning_rate=0.02, verbose=1)
    model.fit(X, y, X_val=X, y_val=noise)
    best = model.best_epoch_
    assert best < model.n_iter_
    loss = model.history_[best - 1]["valid_loss"]
    text = f"best epoch {best} (validation {loss:.4f})"
    assert capsys.readouterr().out.splitlines()[-1].endswith(text)


def test_progress_counts_on(mixed, capsys):
    """With warm_start the epochs of before are counted."""
    X, y = mixed
    model = DCNClassifier(**SMALL, max_epochs=2, warm_start=True).fit(X, y)
    model.set_params(verbose=True).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert [line[:9] for line in lines[:2]] == ["epoch 3/4", "epoch 4/4"]
    assert "at most" not in lines[0]


def test_progress_in_a_terminal_is_one_line(mixed, monkeypatch):
    """It is rewritten in place, never wider than the terminal, and ends as a line."""
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setattr(_progress, "INTERVAL", 0.0)
    monkeypatch.setattr(_progress._Terminal, "interval", 0.0)
    monkeypatch.setenv("COLUMNS", "60")
    X, y = mixed
    DCNClassifier(**SMALL, max_epochs=3, verbose=1).fit(X, y)
    text = sys.stdout.getvalue()
    assert text.count("\n") == 1
    assert text.endswith("\n")
    updates = text.removesuffix("\n").split("\r")[1:]
    assert len(updates) == 3 * 5 + 3 + 1  # steps, ends of epochs, end
    assert all(line.endswith("\x1b[K") and len(line) <= 59 + 3 for line in updates)
    assert updates[0].startswith("[##......................] epoch 1/3")
    assert updates[-2].startswith("[########################] epoch 3/3")
    assert updates[-1].startswith("3 epochs in")


def test_progress_in_a_terminal_ends_where_a_fit_fails(mixed, monkeypatch):
    """What is printed next begins on a clean line."""
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setattr(_progress._Terminal, "interval", 0.0)
    X, y = mixed

    def fail():
        raise RuntimeError("no more")

    model = DCNClassifier(**SMALL, verbose=1, callbacks=[AtBatch(1, fail)])
    with pytest.raises(RuntimeError, match="no more"):
        model.fit(X, y)
    assert sys.stdout.getvalue().endswith("\r\x1b[K")


def test_progress_in_a_notebook_is_updated_in_place(mixed, monkeypatch, capsys):
    """One display, whose HTML is replaced."""
    shown = []
    handle = SimpleNamespace(update=lambda bundle, raw: shown.append(bundle))

    def display(bundle, raw, display_id):
        assert raw
        assert display_id
        assert not shown
        shown.append(bundle)
        return handle

    shell = SimpleNamespace(kernel=object())
    module = SimpleNamespace(get_ipython=lambda: shell)
    monkeypatch.setitem(sys.modules, "IPython", module)
    monkeypatch.setitem(
        sys.modules, "IPython.display", SimpleNamespace(display=display)
    )
    monkeypatch.setattr(_progress._Notebook, "interval", 0.0)
    X, y = mixed
    DCNClassifier(**SMALL, max_epochs=2, verbose=1).fit(X, y)
    assert capsys.readouterr().out == ""
    assert len(shown) == 2 * 5 + 2 + 1
    assert '<progress max="1" value="0.1' in shown[0]["text/html"]
    assert "<code>epoch 1/2  " in shown[0]["text/html"]
    assert "progress" not in shown[-1]["text/html"]
    assert shown[-1]["text/plain"].startswith("2 epochs in")


def test_progress_is_seldom_updated(monkeypatch):
    """A thousand steps in a second are a handful of updates; time left is linear."""
    now = [0.0]
    monkeypatch.setattr(_progress, "perf_counter", lambda: now[0])
    monkeypatch.setattr(sys, "stdout", Terminal())
    progress = Progress(n_rows=8000, n_epochs=10, n_before=0, patience=None)
    for _ in range(1000):
        now[0] += 0.001
        progress.end_batch(8)
    updates = sys.stdout.getvalue().split("\r")[1:]
    assert 4 <= len(updates) <= 5
    # After 0.2 s of 1 s an epoch, of ten epochs.
    assert "epoch 1/10  8,000 rows/s  0:10 left" in updates[0]


def test_clock():
    """Seconds as a clock shows them."""
    assert [_progress._clock(s) for s in (0.4, 59.6, 754, 3723)] == [
        "0:00",
        "1:00",
        "12:34",
        "1:02:03",
    ]


# Interrupts ---------------------------------------------------------------------------


def test_interrupt_keeps_the_best_weights(mixed):
    """Ctrl-C within epoch 4 ends the fit with the best of three epochs."""
    X, y = mixed
    options = SMALL | {"max_epochs": 9, "learning_rate": 0.02, "calibrate": False}
    model = DCNClassifier(**options, callbacks=[AtBatch(4, press_ctrl_c)])
    with pytest.warns(ConvergenceWarning, match=r"after epoch 3\. Kept .* of epoch"):
        model.fit(X, y, X_val=X, y_val=y)
    assert model.n_iter_ == len(model.history_) == len(model.net_.history) == 3
    losses = [epoch["valid_loss"] for epoch in model.history_]
    assert model.best_epoch_ == 1 + int(np.argmin(losses))
    found = log_loss(y, model.predict_proba(X))
    np.testing.assert_allclose(found, min(losses), rtol=1e-9)
    assert not model.net_.watchers


def test_interrupt_without_validation_keeps_what_is_there(mixed):
    """The weights are those of the moment; a later fit goes on from them."""
    X, y = mixed
    callback = AtBatch(3, press_ctrl_c)
    model = DCNClassifier(
        **SMALL, max_epochs=5, warm_start=True, callbacks=[callback], ema_decay=None
    )
    with pytest.warns(ConvergenceWarning, match=r"after epoch 2\. Kept .* this moment"):
        model.fit(X, y)
    assert model.n_iter_ == model.best_epoch_ == 2
    two = DCNClassifier(**SMALL, max_epochs=2, ema_decay=None).fit(X, y)
    assert not np.allclose(model.predict_proba(X), two.predict_proba(X))
    callback.epoch = None
    assert model.fit(X, y).n_iter_ == 7
    assert [epoch["epoch"] for epoch in model.net_.history] == list(range(1, 8))


@pytest.mark.parametrize("fitted", [False, True])
def test_interrupt_in_the_first_epoch_is_raised(mixed, fitted):
    """Nothing is worth keeping yet: the estimator stays as it was."""
    X, y = mixed
    callback = AtBatch(3 if fitted else 1, press_ctrl_c)
    model = DCNClassifier(**SMALL, max_epochs=2, warm_start=True, callbacks=[callback])
    if fitted:
        model.fit(X, y)
        p = model.predict_proba(X)
    before = dict(vars(model))
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    assert vars(model) == before
    if fitted:
        np.testing.assert_array_equal(model.predict_proba(X), p)
        assert model.n_iter_ == len(model.net_.history) == 2


def test_second_interrupt_ends_a_search(mixed):
    """The first ends one fit; one in the first epoch of the next is raised."""
    X, y = mixed
    callbacks = [AtBatch(2, press_ctrl_c), AtBatch(1, lambda: stops.pop()())]
    stops = [press_ctrl_c, lambda: None]
    model = DCNClassifier(**SMALL, max_epochs=3, callbacks=callbacks)
    search = GridSearchCV(model, {}, cv=2)
    with (
        pytest.warns(ConvergenceWarning, match="interrupted after epoch 1"),
        pytest.raises(KeyboardInterrupt),
    ):
        search.fit(X, y)


@pytest.mark.parametrize("how", ["callback", "skorch's early stopping"])
def test_callback_that_stops_is_no_interrupt(mixed, how):
    """Callbacks of skorch end a fit by KeyboardInterrupt too, between two epochs."""
    X, y = mixed
    callback = AtEpochEnd(3, stop)
    if how != "callback":
        callback = EarlyStopping("train_loss", patience=2, threshold=9.0)
    model = DCNClassifier(**SMALL, max_epochs=9, callbacks=[callback])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, y)
    assert model.n_iter_ == model.best_epoch_ == 3


def test_callback_that_stops_in_the_first_epoch(mixed):
    """Early stopping comes after it and has seen no epoch; the weights are kept."""
    X, y = mixed
    model = DCNClassifier(**SMALL, callbacks=[AtEpochEnd(1, stop)])
    model.fit(X, y, X_val=X, y_val=y)
    assert model.n_iter_ == model.best_epoch_ == 1


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


# scikit-learn's callbacks -------------------------------------------------------------


class Monitor:
    """A callback of scikit-learn's protocol that keeps what it is told."""

    def __init__(self, stop_after=None):
        self.stop_after = stop_after
        self.events = []
        self.models = []

    def setup(self, estimator, context):
        """Begin."""
        self.events.append("setup")

    def teardown(self, estimator, context):
        """End."""
        self.events.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        """Begin a task."""
        self.events.append(f"begin {context.task_name}")

    def on_fit_task_end(self, estimator, context, *, X, y, metadata, fitted_estimator):
        """End a task."""
        self.events.append(f"end {context.task_name}")
        self.last = (X, y, metadata)
        self.models.append(fitted_estimator)
        return len(self.models) == self.stop_after


@pytest.fixture
def sklearn_callback():
    """Return the module, of scikit-learn 1.9 and later."""
    return pytest.importorskip("sklearn.callback")


@pytest.mark.usefixtures("sklearn_callback")
def test_callback_of_sklearn_is_told_of_every_epoch(mixed):
    """It gets a model as of each epoch, which later epochs leave alone."""
    X, y = mixed
    weight = np.ones(len(y))
    monitor = Monitor()
    model = DCNClassifier(**SMALL, max_epochs=3).set_callbacks(monitor)
    model.fit(X, y, sample_weight=weight, X_val=X, y_val=y)
    assert monitor.events == [
        *("setup", "begin fit"),
        *(["begin epoch", "end epoch"] * 3),
        *("end fit", "teardown"),
    ]
    *epochs, whole = monitor.models
    for k, (epoch, row) in enumerate(zip(epochs, model.history_, strict=True)):
        found = log_loss(y, epoch.predict_proba(X))
        np.testing.assert_allclose(found, row["valid_loss"], rtol=1e-9)
        assert epoch.n_iter_ == epoch.best_epoch_ == len(epoch.history_) == k + 1
    np.testing.assert_array_equal(whole.predict_proba(X), model.predict_proba(X))
    assert monitor.last[0] is X
    assert monitor.last[1] is y
    assert monitor.last[2]["sample_weight"] is weight
    loaded = pickle.loads(pickle.dumps(epochs[0]))
    np.testing.assert_array_equal(loaded.predict(X), epochs[0].predict(X))


@pytest.mark.usefixtures("sklearn_callback")
def test_callback_of_sklearn_changes_nothing(mixed):
    """Neither the fitted weights, nor what is left in the estimator."""
    X, y = mixed
    plain = DCNClassifier(**SMALL, max_epochs=3, dropout=0.2).fit(X, y)
    watched = clone(plain).set_callbacks(Monitor()).fit(X, y)
    np.testing.assert_array_equal(plain.predict_proba(X), watched.predict_proba(X))
    assert set(vars(watched)) - set(vars(plain)) == {"_skl_callbacks"}


@pytest.mark.usefixtures("sklearn_callback")
def test_callback_of_sklearn_stops_the_fit(mixed):
    """The epoch after which it asks for it is the last one, and others see it."""
    X, y = mixed
    model = DCNClassifier(**SMALL, max_epochs=9).set_callbacks(Monitor(stop_after=2))
    model.fit(X, y, X_val=X, y_val=y)
    assert model.n_iter_ == 2
    losses = [epoch["valid_loss"] for epoch in model.history_]
    assert model.best_epoch_ == 1 + int(np.argmin(losses))


@pytest.mark.usefixtures("sklearn_callback")
def test_callback_of_sklearn_is_torn_down_where_a_fit_fails(mixed):
    """And the estimator stays as it was."""
    X, y = mixed

    def fail():
        raise RuntimeError("no more")

    monitor = Monitor()
    model = DCNClassifier(**SMALL, callbacks=[AtBatch(1, fail)])
    model.set_callbacks(monitor)
    before = dict(vars(model))
    with pytest.raises(RuntimeError, match="no more"):
        model.fit(X, y)
    assert monitor.events == ["setup", "begin fit", "begin epoch", "teardown"]
    assert vars(model) == before


def test_scoring_monitor_in_a_search(mixed, sklearn_callback):
    """Every epoch of every fit is scored."""
    X, y = mixed
    monitor = sklearn_callback.ScoringMonitor(scoring="neg_log_loss")
    model = DCNClassifier(**SMALL, max_epochs=2).set_callbacks(monitor)
    GridSearchCV(model, {"cross": ["vector", "matrix"]}, cv=2).fit(X, y)
    (log,) = monitor.get_logs(select="all")
    epochs = [row for row in log.data if row["task_name"] == "epoch"]
    assert len(epochs) == 2 * (2 * 2 + 1)
    assert all(np.isfinite(row["neg_log_loss"]) for row in epochs)


def test_progress_bar_of_sklearn(mixed, sklearn_callback, capsys):
    """It shows a pipeline's fit with the estimator's in it."""
    pytest.importorskip("rich")
    X, y = mixed
    model = DCNClassifier(**SMALL, max_epochs=2)
    pipeline = make_pipeline(FunctionTransformer(), model)
    pipeline.set_callbacks(sklearn_callback.ProgressBar())
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The estimator FunctionTransformer does not")
        pipeline.fit(X, y)
    printed = capsys.readouterr().out
    assert "Pipeline - fit" in printed
    assert "100%" in printed


def test_scikit_learn_without_callbacks():
    """Before 1.9 the estimators have no such method, and fit as they do."""
    X, y = make_mixed(60)
    model = DCNClassifier(**SMALL, max_epochs=1).fit(X, y)
    assert hasattr(model, "set_callbacks") == (
        find_spec("sklearn.callback") is not None
    )
