"""Learning rates: numbers worked by hand, groups, what a fit records and refuses."""

import math

import numpy as np
import pytest
import torch
from helpers.tables import make_mixed
from numpy.testing import assert_allclose
from skorch.callbacks import Callback, LRScheduler

from sklearn_dcn import DCNClassifier
from sklearn_dcn._training.schedule import LearningRate

N_STEPS = 10
COSINE_OF_8 = [(1 + math.cos(math.pi * k / 8)) / 2 for k in range(8)]


def make(schedule, rates=(1.0,), **options):
    """Return a schedule of ten steps, and its optimizer with a group for each rate."""
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": r} for r in rates]
    optimizer = torch.optim.SGD(groups, lr=1.0)
    options = {"warmup": 0.0, "n_steps": N_STEPS, "patience": 2, "tol": 0.0} | options
    return LearningRate(optimizer, schedule, **options), optimizer


def run(rates, optimizer, n_steps=N_STEPS):
    """Return the rates of each group in every step."""
    path = []
    for _ in range(n_steps):
        rates.before_step()
        path.append([group["lr"] for group in optimizer.param_groups])
    return np.array(path)


@pytest.mark.parametrize(
    ("schedule", "warmup", "expected"),
    [
        ("linear", 0.0, [1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1]),
        ("linear", 0.2, [0.5, 1, 1, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125]),
        ("cosine", 0.2, [0.5, 1, *COSINE_OF_8]),
        (None, 0.4, [0.25, 0.5, 0.75, *[1] * 7]),
        (None, 0.31, [0.25, 0.5, 0.75, *[1] * 7]),
        (None, 0.99, [k / 9 for k in range(1, 10)] + [1]),
        ("plateau", 0.1, [1] * 10),
    ],
)
def test_rates_by_hand(schedule, warmup, expected):
    """Every step has the share that the formula gives, in each group of its own rate.

    A warm-up is rounded up to whole steps, and leaves one to the schedule.
    """
    rates, optimizer = make(schedule, (1.0, 0.03), warmup=warmup)
    path = run(rates, optimizer)
    assert_allclose(path[:, 0], expected, rtol=1e-12)
    assert_allclose(path[:, 1], 0.03 * np.array(expected), rtol=1e-12)


def test_cosine_and_linear_equal_torch():
    """Without a warm-up they are torch's CosineAnnealingLR and LinearLR."""
    for schedule, theirs in (
        ("cosine", lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, N_STEPS)),
        ("linear", lambda o: torch.optim.lr_scheduler.LinearLR(o, 1.0, 0.0, N_STEPS)),
    ):
        _, optimizer = make(None, (0.2,))
        scheduler = theirs(optimizer)
        expected = []
        for _ in range(N_STEPS):
            expected.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
        assert_allclose(run(*make(schedule, (0.2,)))[:, 0], expected, rtol=1e-9)


@pytest.mark.parametrize(
    ("patience", "tol", "losses", "expected"),
    [
        (1, 0.0, [5, 4, 4, 3, 3, 3, 3, 3], [1, 1, 0.1, 0.1, 0.01, 0.001, 0.001, 0.001]),
        (2, 0.0, [5, 6, 4, 4, 5, 3, 3, 3], [1, 1, 1, 1, 0.1, 0.1, 0.1, 0.01]),
        (1, 0.5, [5, 4.6, 4.5, 4.4, 4], [1, 0.1, 0.01, 0.01, 0.001]),
        (1, 0.0, [math.nan, math.nan], [0.1, 0.01]),
    ],
)
def test_plateau_by_hand(patience, tol, losses, expected):
    """A tenth after so many epochs without a fall by more than tol; then it waits."""
    rates, _ = make("plateau", patience=patience, tol=tol)
    factors = []
    for loss in losses:
        rates.after_epoch(loss)
        factors.append(rates.factor())
    assert_allclose(factors, expected, rtol=1e-12)


def test_restore():
    """At the end the groups have their own full rates again."""
    rates, optimizer = make("linear", (0.5, 0.03))
    run(rates, optimizer)
    rates.restore()
    assert [group["lr"] for group in optimizer.param_groups] == [0.5, 0.03]


# ----------------------------------------------------------------------------------
# In a fit
# ----------------------------------------------------------------------------------

OPTIONS = {"hidden_layer_sizes": (4,), "random_state": 0, "learning_rate": 0.01}


class Rates(Callback):
    """Records the rates of both groups after every step."""

    def initialize(self):
        """Begin."""
        self.seen = []

    def on_batch_end(self, net, training, **kwargs):
        """Record."""
        if training:
            self.seen.append([g["lr"] for g in net.optimizer_.param_groups])


def test_steps_and_history_of_a_fit():
    """Three epochs of four steps go to zero; history has the last rate of each."""
    X, y = make_mixed(200)
    record = Rates()
    model = DCNClassifier(
        **OPTIONS, max_epochs=3, batch_size=50, callbacks=[record],
        learning_rate_schedule="linear", warmup=0.25,
    ).fit(X, y)  # fmt: skip
    expected = [1 / 3, 2 / 3, 1, *((9 - k) / 9 for k in range(9))]
    assert_allclose(record.seen, 0.01 * np.array(expected)[:, None].repeat(2, 1))
    assert_allclose([e["lr"] for e in model.history_], [0.01, 0.01 * 5 / 9, 0.01 / 9])
    assert [g["lr"] for g in model.net_.optimizer_.param_groups] == [0.01, 0.01]
    assert model.net_.steps is None


def test_history_has_the_constant_rate():
    """Also without a schedule."""
    model = DCNClassifier(**OPTIONS, max_epochs=2).fit(*make_mixed(100))
    assert [e["lr"] for e in model.history_] == [0.01, 0.01]


@pytest.mark.parametrize("validates", [True, False])
def test_plateau_follows_the_right_loss(validates):
    """Of the validation rows where there are some, else of training."""
    X, y = make_mixed(100)
    rows = {"X_val": X[:50], "y_val": 1 - y[:50]} if validates else {}
    model = DCNClassifier(
        **OPTIONS, max_epochs=8, early_stopping=False, learning_rate_schedule="plateau"
    ).fit(X, y, **rows)
    losses = [e["valid_loss" if validates else "train_loss"] for e in model.history_]
    factor, best, expected = 1.0, math.inf, []
    for loss in losses:
        expected.append(0.01 * factor)
        factor = factor if loss < best else max(1e-3, factor / 10)
        best = min(best, loss)
    assert_allclose([e["lr"] for e in model.history_], expected, rtol=1e-9)
    # With the labels turned round every fall in training is a rise in validation.
    assert (model.history_[-1]["lr"] < 0.01) == validates


def test_warm_start_begins_the_schedule_anew():
    """A later fit has its own steps, from the full rate."""
    X, y = make_mixed(100)
    model = DCNClassifier(
        **OPTIONS, warm_start=True, max_epochs=2, learning_rate_schedule="linear"
    ).fit(X, y)
    model.set_params(max_epochs=4, learning_rate=0.02).fit(X, y)
    n = 2 if len(X) > 64 else 1  # steps of an epoch
    last = [0.01 * (1 - (n * e - 1) / (2 * n)) for e in (1, 2)]
    last += [0.02 * (1 - (n * e - 1) / (4 * n)) for e in (1, 2, 3, 4)]
    assert_allclose([e["lr"] for e in model.history_], last)
    model.set_params(learning_rate_schedule=None, warmup=0.5).fit(X, y)


@pytest.mark.parametrize(
    "option", [{"learning_rate_schedule": "cosine"}, {"warmup": 0.1}]
)
def test_what_does_not_fit_together(option):
    """Parts have no number of steps; two cannot set one rate."""
    X, y = make_mixed(60)
    ((name, value),) = option.items()
    with pytest.raises(
        ValueError, match=rf"^{name}={value!r}.*partial_fit sees only one part"
    ):
        DCNClassifier(**OPTIONS, **option).partial_fit(X, y)
    scheduler = LRScheduler(policy="StepLR", step_size=1)
    model = DCNClassifier(**OPTIONS, **option, callbacks=[scheduler], max_epochs=1)
    with pytest.raises(ValueError, match="so does LRScheduler in callbacks"):
        model.fit(X, y)
