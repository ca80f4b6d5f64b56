"""The losses and their gradients, against scikit-learn and finite differences."""

import numpy as np
import pytest
import torch
from helpers.draws import rng
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import log_softmax
from sklearn.base import clone
from sklearn.metrics import log_loss, mean_squared_error

from sklearn_dcn import DCNClassifier
from sklearn_dcn._targets.classes import ClassTarget
from sklearn_dcn._targets.continuous import ContinuousTarget
from sklearn_dcn._targets.losses import WeightedLoss
from sklearn_dcn._targets.number_losses import NumberLoss

# ----------------------------------------------------------------------------------
# Losses
# ----------------------------------------------------------------------------------


def loss_of(target, logits, y, weight=None):
    """Return the loss of a batch as a float."""
    batch = {"y": target.tensor(target.encode(y), torch.float64)}
    if weight is not None:
        batch["weight"] = torch.from_numpy(weight / weight.mean())
    return float(target.criterion(torch.from_numpy(logits), batch))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_log_loss(n_classes, weighted):
    """The loss is scikit-learn's log loss of the probabilities, weighted alike."""
    y = rng(2).integers(n_classes, size=40)
    target = ClassTarget(np.arange(n_classes))
    logits = rng(3).normal(0, 2, (40, target.d_out))
    weight = rng(4).random(40) + 0.1 if weighted else None
    expected = log_loss(
        y,
        target.probabilities(logits),
        sample_weight=weight,
        labels=np.arange(n_classes),
    )
    assert loss_of(target, logits, y, weight) == pytest.approx(expected, rel=1e-12)


def test_cross_entropy_of_extreme_logits():
    """The loss stays finite and exact where probabilities round to 0."""
    binary = ClassTarget(np.array([0, 1]))
    assert loss_of(binary, np.array([[1e4], [-1e4]]), np.array([0, 1])) == 1e4
    logits = np.array([[1e4, 0.0, -1e4]])
    multiclass = ClassTarget(np.arange(3))
    expected = -log_softmax(logits, axis=1)[0, 2]
    assert loss_of(multiclass, logits, np.array([2])) == expected == 2e4


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_outputs", [1, 3])
def test_squared_error(n_outputs, weighted):
    """Half the mean squared error of the standardised target, over outputs too."""
    y = rng(5).normal(10, 3, (40, n_outputs))
    target = ContinuousTarget(y, np.ones(40))
    logits = rng(6).normal(size=(40, n_outputs))
    weight = rng(7).random(40) + 0.1 if weighted else None
    z = (y - y.mean(axis=0)) / y.std(axis=0)
    expected = mean_squared_error(z, logits, sample_weight=weight) / 2
    assert loss_of(target, logits, y, weight) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("kind", ["log_loss", "softmax", "squared_error"])
def test_gradients(kind):
    """The gradient is weight * (prediction - target) / n, as the link is canonical."""
    n, k = 6, 1 if kind == "log_loss" else 3
    logits = torch.from_numpy(rng(8).normal(size=(n, k))).requires_grad_()
    weight = rng(9).random(n) + 0.5
    weight /= weight.mean()
    z = logits.detach().numpy()
    if kind == "log_loss":
        y = rng(10).integers(2, size=n).astype(float)
        error = 1 / (1 + np.exp(-z)) - y[:, None]
    elif kind == "softmax":
        y = rng(10).integers(k, size=n)
        error = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True) - np.eye(k)[y]
    else:
        y = rng(10).normal(size=(n, k))
        error = (z - y) / k
    batch = {"y": torch.from_numpy(y), "weight": torch.from_numpy(weight)}
    loss = NumberLoss if kind == "squared_error" else WeightedLoss
    loss(kind)(logits, batch).backward()
    np.testing.assert_allclose(logits.grad, weight[:, None] * error / n, rtol=1e-12)


def focal_loss(p, y, gamma):
    """Return the focal loss of every row by the paper's equation 4."""
    p_t = p[np.arange(len(y)), y]
    return -((1 - p_t) ** gamma) * np.log(p_t)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("gamma", [0.5, 2.0, 5.0])
@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_focal_loss(n_classes, gamma, weighted):
    """The weighted mean of -(1 - p_t)^gamma log p_t."""
    y = rng(2).integers(n_classes, size=40)
    target = ClassTarget(np.arange(n_classes), gamma)
    logits = rng(3).normal(0, 2, (40, target.d_out))
    weight = rng(4).random(40) + 0.1 if weighted else None
    each = focal_loss(target.probabilities(logits), y, gamma)
    expected = np.average(each, weights=weight)
    assert loss_of(target, logits, y, weight) == pytest.approx(expected, rel=1e-12)


def test_focal_loss_of_one_logit_is_that_of_two():
    """Two classes by one logit z are those of the logits 0 and z."""
    z = torch.from_numpy(rng(5).normal(0, 3, 30))
    y = torch.from_numpy(rng(6).integers(2, size=30))
    one = WeightedLoss("log_loss", 1.5)(z[:, None], {"y": y.double()})
    two = WeightedLoss("softmax", 1.5)(
        torch.stack([torch.zeros_like(z), z], dim=1), {"y": y}
    )
    assert float(one) == pytest.approx(float(two), rel=1e-12)


@pytest.mark.parametrize("gamma", [0.5, 2.0])
@pytest.mark.parametrize("kind", ["log_loss", "softmax"])
def test_gradient_of_focal_loss(kind, gamma):
    """As finite differences have it."""
    k = 1 if kind == "log_loss" else 3
    logits = torch.from_numpy(rng(7).normal(0, 3, (8, k))).requires_grad_()
    y = torch.from_numpy(rng(8).integers(2 if k == 1 else 3, size=8))
    batch = {"y": y.double() if k == 1 else y}
    assert torch.autograd.gradcheck(
        lambda z: WeightedLoss(kind, gamma)(z, batch), logits
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_focal_loss_of_extreme_logits(gamma, dtype):
    """Right rows count nothing, wrong ones as in the log loss; gradients are finite."""
    binary = torch.tensor([[1e4], [-1e4], [1e4], [-1e4]], dtype=dtype)
    multi = torch.tensor([[1e4, 0.0, -1e4]] * 3, dtype=dtype)
    for kind, logits, y, expected in (
        ("log_loss", binary, torch.tensor([1, 0, 0, 1], dtype=dtype), 2e4 / 4),
        ("softmax", multi, torch.tensor([0, 1, 2]), (0 + 1e4 + 2e4) / 3),
    ):
        logits.requires_grad_()
        loss = WeightedLoss(kind, gamma)(logits, {"y": y})
        loss.backward()
        assert loss.detach().item() == pytest.approx(expected, rel=1e-6)
        assert logits.grad.isfinite().all()
        assert logits.grad.abs().max() > 0


def test_offset_is_added_to_the_logits():
    """The loss of a sample's rows is that of the probabilities in the sample."""
    rate, p = 0.1, rng(9).random(20)
    q = p / (p + (1 - p) * rate)  # Bayes: negatives are seen with probability rate
    y = rng(10).integers(2, size=20)
    batch = {
        "y": torch.from_numpy(y).double(),
        "offset": torch.full((20,), -np.log(rate)).double(),
    }
    logits = torch.from_numpy(np.log(p / (1 - p)))[:, None]
    loss = WeightedLoss("log_loss")(logits, batch)
    assert float(loss) == pytest.approx(log_loss(y, q), rel=1e-6)


# ----------------------------------------------------------------------------------
# Label smoothing
# ----------------------------------------------------------------------------------


@pytest.mark.parametrize("n_classes", [2, 3])
def test_label_smoothing_is_the_loss_of_soft_targets(n_classes):
    """In training: sum over classes of -q log p, q = (1 - e) onehot + e / K.

    In validation q is the label. Weights multiply the rows in both.
    """
    codes, weight = rng().integers(0, n_classes, 9), rng().random(9)
    logits = rng(1).normal(size=(9, 1 if n_classes == 2 else n_classes))
    target = ClassTarget(np.arange(n_classes), label_smoothing=0.3)
    scores = logits if n_classes > 2 else np.hstack([np.zeros((9, 1)), logits])
    log_p = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    one_hot = np.eye(n_classes)[codes]
    batch = {
        "y": target.tensor(codes, torch.float64),
        "weight": torch.from_numpy(weight),
    }
    for training, q in ((True, 0.7 * one_hot + 0.3 / n_classes), (False, one_hot)):
        loss = target.criterion.train(training)(torch.from_numpy(logits), batch).item()
        assert_allclose(loss, (weight * -(q * log_p).sum(axis=1)).mean(), rtol=1e-12)


def test_label_smoothing_bounds_the_confidence():
    """A fit on two separable levels ends at 1 - e / 2, the minimum of the loss."""
    X = np.array([["a"], ["b"]] * 20, dtype=object)
    y = np.array([0, 1] * 20)
    model = DCNClassifier(
        label_smoothing=0.2, learning_rate=0.05, max_epochs=300, random_state=0,
        category_dropout=0.0, weight_decay=0.0, early_stopping=False,
    ).fit(X, y, X_val=X, y_val=y)  # fmt: skip
    p = model.predict_proba(X[:2])
    assert_allclose(p, [[0.9, 0.1], [0.1, 0.9]], atol=1e-3)
    # The training loss is the entropy of (0.9, 0.1), that of validation -log 0.9.
    last = model.history_[-1]
    entropy = -(0.9 * np.log(0.9) + 0.1 * np.log(0.1))
    assert_allclose(last["train_loss"], entropy, atol=1e-3)
    assert_allclose(last["valid_loss"], -np.log(0.9), atol=2e-3)


# The focal loss in a fit --------------------------------------------------------------


def test_focal_loss_of_gamma_0_is_the_log_loss(mixed, tiny):
    X, y = mixed
    plain = DCNClassifier(**tiny).fit(X, y)
    focal = DCNClassifier(**tiny, loss="focal", focal_gamma=0.0).fit(X, y)
    assert_array_equal(focal.predict_proba(X), plain.predict_proba(X))
    unused = DCNClassifier(**tiny, focal_gamma=5.0).fit(X, y)
    assert_array_equal(unused.predict_proba(X), plain.predict_proba(X))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_history_is_the_focal_loss(mixed, tiny, n_classes):
    """Which early stopping monitors."""
    X, y = mixed
    y = y if n_classes == 2 else y + (X["visits"] > 4).to_numpy()
    model = DCNClassifier(**tiny, loss="focal", focal_gamma=1.5, early_stopping=False)
    model.fit(X, y, X_val=X[:100], y_val=y[:100])
    p = model.predict_proba(X[:100])[np.arange(100), y[:100]]
    expected = np.mean(-((1 - p) ** 1.5) * np.log(p))
    assert model.history_[-1]["valid_loss"] == pytest.approx(expected, rel=1e-6)
    stopped = clone(model).set_params(early_stopping=True, max_epochs=30)
    stopped.set_params(calibrate=False)
    stopped.fit(X[100:], y[100:], X_val=X[:100], y_val=y[:100])
    p = stopped.predict_proba(X[:100])[np.arange(100), y[:100]]
    losses = [epoch["valid_loss"] for epoch in stopped.history_]
    assert np.mean(-((1 - p) ** 1.5) * np.log(p)) == pytest.approx(min(losses))
    assert stopped.best_epoch_ == np.argmin(losses) + 1


def test_focal_probabilities_are_drawn_towards_equal_ones():
    """One constant column: the minimum of the expected focal loss, found on a grid."""
    rate, gamma = 0.1, 2.0
    y = (np.arange(400) < 400 * rate).astype(int)
    options = {"max_epochs": 400, "learning_rate": 0.02, "batch_size": 400}
    model = DCNClassifier(loss="focal", focal_gamma=gamma, **options, random_state=0)
    p = model.fit(np.zeros((400, 1)), y).predict_proba(np.zeros((1, 1)))[0, 1]
    grid = np.linspace(0.001, 0.999, 9981)
    positive = -((1 - grid) ** gamma) * np.log(grid)
    negative = -(grid**gamma) * np.log(1 - grid)
    best = grid[(rate * positive + (1 - rate) * negative).argmin()]
    assert best > 2 * rate
    assert p == pytest.approx(best, abs=0.005)
