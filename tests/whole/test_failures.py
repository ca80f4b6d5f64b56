"""A fit that diverges or runs out of memory says what to change, and harms nothing."""

import itertools

import numpy as np
import pytest
import torch
from helpers.tables import make_mixed
from numpy.testing import assert_array_equal
from sklearn.exceptions import ConvergenceWarning

from sklearn_dcn import DCNClassifier, DCNRegressor
from sklearn_dcn._files import archive as _archive
from sklearn_dcn._training.net import DCNNet
from sklearn_dcn._training.steps import Steps

SMALL = {"hidden_layer_sizes": (8,), "batch_size": 64, "random_state": 0}
N_STEPS = 5  # of an epoch

ESTIMATORS = pytest.mark.parametrize("Estimator", [DCNClassifier, DCNRegressor])


@pytest.fixture
def at_step(monkeypatch):
    """Return a function that lets a step, counted from 1, do something more."""

    def patch(at, action):
        count, before_step = itertools.count(1), Steps.before_step

        def step(self):
            before_step(self)
            if next(count) == at:
                action(self)

        monkeypatch.setattr(Steps, "before_step", step)

    return patch


def spoil(steps):
    """Let the weights be no numbers."""
    with torch.no_grad():
        steps.optimizer.param_groups[0]["params"][0].fill_(np.nan)


def count_epochs(monkeypatch):
    """Return a list that grows with every pass over training rows."""
    passes, run = [], DCNNet.run_single_epoch

    def counted(self, iterator, training, **kwargs):
        passes.extend([1] * training)
        return run(self, iterator, training, **kwargs)

    monkeypatch.setattr(DCNNet, "run_single_epoch", counted)
    return passes


# Divergence ---------------------------------------------------------------------------


@ESTIMATORS
def test_divergence_ends_in_its_epoch(Estimator, mixed, at_step, monkeypatch):
    """A loss that is not finite is an error at the end of its epoch, not of the fit."""
    X, y = mixed
    model = Estimator(**SMALL, max_epochs=50, early_stopping=False).fit(
        X[:100], y[:100]
    )
    before = model._logits(X)
    passes = count_epochs(monkeypatch)
    at_step(2 * N_STEPS + 2, spoil)
    with pytest.raises(ValueError, match=r"diverged.*in epoch 3\. Lower learning_rate"):
        model.fit(X, y)
    assert len(passes) == 3
    assert_array_equal(model._logits(X), before)


@pytest.mark.parametrize("ema_decay", [None, 0.9])
def test_divergence_after_good_epochs_keeps_the_best(
    ema_decay, mixed, at_step, monkeypatch
):
    """With early stopping the weights are those of a fit of the epochs before."""
    X, y = mixed
    options = SMALL | {"early_stopping": True, "ema_decay": ema_decay}
    expected = DCNClassifier(**options, max_epochs=3).fit(X, y)
    passes = count_epochs(monkeypatch)
    at_step(3 * N_STEPS + 2, spoil)
    model = DCNClassifier(**options, max_epochs=50)
    with pytest.warns(ConvergenceWarning, match="diverged in epoch 4.*learning_rate"):
        model.fit(X, y)
    assert len(passes) == 4
    assert model.n_iter_ == len(model.history_) == 3
    assert model.best_epoch_ == expected.best_epoch_
    assert_array_equal(model.predict_proba(X), expected.predict_proba(X))


def test_divergence_in_the_first_epoch_is_an_error(mixed, at_step):
    """There is nothing to keep, early stopping or not; in a warm start, the old fit."""
    X, y = mixed
    model = DCNClassifier(**SMALL, early_stopping=True, warm_start=True, max_epochs=2)
    model.fit(X, y)
    before = model.predict_proba(X)
    at_step(2, spoil)
    with pytest.raises(ValueError, match=r"diverged.*in epoch 3\."):
        model.fit(X, y)
    assert_array_equal(model.predict_proba(X), before)
    assert model.n_iter_ == 2


def test_weights_that_diverge_in_the_last_step_are_an_error(mixed, monkeypatch):
    """No loss has seen them."""
    X, y = mixed
    after_step, count = Steps.after_step, itertools.count(1)

    def step(self):
        after_step(self)
        if next(count) == 2 * N_STEPS:
            spoil(self)

    monkeypatch.setattr(Steps, "after_step", step)
    model = DCNClassifier(**SMALL, max_epochs=2, ema_decay=None)
    with pytest.raises(ValueError, match=r"Training diverged.*in epoch 2\."):
        model.fit(X, y)
    assert not hasattr(model, "net_")


# Memory and disk ----------------------------------------------------------------------

OUT_OF_MEMORY = {
    "numpy": MemoryError("Unable to allocate 7.45 TiB for an array"),
    "torch on a CPU": RuntimeError(
        "[enforce fail at alloc_cpu.cpp:124] . DefaultCPUAllocator: can't allocate "
        "memory: you tried to allocate 8000000000000 bytes. Error code 12"
    ),
    "torch on Windows": RuntimeError("DefaultCPUAllocator: not enough memory"),
    "torch on CUDA": torch.OutOfMemoryError("CUDA out of memory."),
    "torch on MPS": RuntimeError("MPS backend out of memory"),
}


@pytest.mark.parametrize("case", OUT_OF_MEMORY)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_out_of_memory(case, method, mixed, at_step):
    """The error names what takes memory; the estimator predicts as before."""
    X, y = mixed
    model = DCNClassifier(**SMALL).fit(X, y)
    before = model.predict_proba(X)

    def fail(steps):
        raise OUT_OF_MEMORY[case]

    at_step(1, fail)
    with pytest.raises(
        MemoryError,
        match=r"batch_size.*Now cross=.*, embedding_dim=.*, batch_size=64, ",
    ) as raised:
        getattr(model, method)(X, y)
    assert raised.value.__cause__ is OUT_OF_MEMORY[case]
    assert_array_equal(model.predict_proba(X), before)


def test_size_beyond_all_memory(mixed):
    """An embedding that no machine has room for."""
    X, y = mixed
    model = DCNClassifier(**SMALL, embedding_dim={"city": 10**13})
    with pytest.raises(MemoryError, match="lower embedding_dim"):
        model.fit(X, y)


def test_other_errors_pass(mixed, at_step):
    """A RuntimeError of something else stays what it is."""
    error = RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    def fail(steps):
        raise error

    at_step(1, fail)
    with pytest.raises(RuntimeError) as raised:
        DCNClassifier(**SMALL).fit(*mixed)
    assert raised.value is error


def test_full_disk_in_save(mixed, tmp_path, monkeypatch):
    """The error passes on; the file that was there, and the estimator, are whole."""
    X, y = make_mixed()
    model = DCNClassifier(**SMALL, max_epochs=1).fit(X, y)
    path = tmp_path / "model"
    model.save(path)
    content = path.read_bytes()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_archive.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        model.fit(X, 1 - y).save(path)
    assert [file.name for file in tmp_path.iterdir()] == ["model"]
    assert path.read_bytes() == content
    monkeypatch.undo()
    model.save(path)
