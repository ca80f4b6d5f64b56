"""How a training ends: with its best epoch, by an interrupt, or by a callback."""

import signal
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from helpers.tables import make_mixed
from helpers.watching import SMALL, AtBatch
from numpy.testing import assert_allclose
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback, EarlyStopping
from skorch.history import History

from sklearn_dcn import DCNClassifier, DCNRegressor
from sklearn_dcn._training.stopping import Ending, Stopping

# The best epoch -----------------------------------------------------------------------


@pytest.mark.parametrize("Estimator", [DCNClassifier, DCNRegressor])
def test_early_stopping_keeps_the_best_weights(Estimator):
    """The kept weights have the validation loss of the best epoch in the history."""
    X, y = make_mixed(1200)
    X_val, y_val = make_mixed(400, seed=1)
    model = Estimator(random_state=0, learning_rate=0.02, max_epochs=30)
    model.set_params(n_iter_no_change=4, calibrate=False, dtype="float32")
    model.fit(X, y, X_val=X_val, y_val=y_val)
    losses = [epoch["valid_loss"] for epoch in model.history_]
    assert model.n_iter_ == len(losses) < 30
    assert model.best_epoch_ == np.argmin(losses) + 1 == model.n_iter_ - 4
    logits = model._logits(X_val)
    if Estimator is DCNClassifier:
        p = model.predict_proba(X_val)[np.arange(400), y_val]
        loss = -np.log(p).mean()
    else:
        loss = ((logits[:, 0] - model._target.encode(y_val)[:, 0]) ** 2).mean() / 2
    assert_allclose(loss, min(losses), rtol=1e-5)


# Interrupts ---------------------------------------------------------------------------


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


def test_interrupt_keeps_the_best_weights(mixed):
    """Ctrl-C within epoch 4 ends the fit with the best of three epochs."""
    X, y = mixed
    options = SMALL | {"max_epochs": 9, "learning_rate": 0.02, "calibrate": False}
    model = DCNClassifier(**options, callbacks=[AtBatch(4, press_ctrl_c)])
    with pytest.warns(
        ConvergenceWarning, match=r"after epoch 3\. It keeps .* of epoch"
    ):
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
    with pytest.warns(
        ConvergenceWarning, match=r"after epoch 2\. It keeps .* this mom"
    ):
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


# A callback that interrupts -----------------------------------------------------------


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


@pytest.mark.parametrize("least", [0.5, -0.5])
def test_a_clear_rise_is_one_of_losses_below_zero_too(least):
    """As those of likelihoods are: 1 % of their size above the least, not below it."""
    stopping = Stopping.by(Ending(3, rise=0.01), tol=0.0, score=False)
    stopping.sink, stopping.load_best = str, False
    course = SimpleNamespace(sharded=None)
    net = SimpleNamespace(history=History(), course=course, verbose=0)
    stopping.on_train_begin(net)
    for epoch, loss in enumerate((least, least + 0.004), start=1):
        net.history.new_epoch()
        net.history.record("epoch", epoch)
        net.history.record("valid_loss", loss)
        net.history.record("valid_loss_best", loss == least)
        stopping.on_epoch_end(net)
    assert stopping.misses_ == 1  # and so the fit goes on
    net.history.new_epoch()
    net.history.record("epoch", 3)
    net.history.record("valid_loss", least + 0.02)
    net.history.record("valid_loss_best", False)
    with pytest.raises(KeyboardInterrupt):
        stopping.on_epoch_end(net)


@pytest.mark.parametrize(("best", "waits"), [(1, 2), (6, 2), (9, 3), (12, 4), (30, 4)])
def test_patience_grows_with_the_fit(best, waits):
    """A third of the epochs up to the best, from 2 to 4."""
    stopping = Stopping.by(Ending(2, longest_patience=4), tol=0.0, score=False)
    stopping.sink, stopping.load_best = str, False
    course = SimpleNamespace(sharded=None)
    net = SimpleNamespace(history=History(), course=course, verbose=0)
    stopping.on_train_begin(net)
    with pytest.raises(KeyboardInterrupt):
        for epoch in range(1, 100):
            net.history.new_epoch()
            net.history.record("epoch", epoch)
            net.history.record("valid_loss", abs(best - epoch))
            net.history.record("valid_loss_best", epoch <= best)
            stopping.on_epoch_end(net)
    assert (stopping.best_epoch_, len(net.history)) == (best, best + waits)
