"""Tests of the targets: labels and numbers, losses and links, against NumPy."""

import re

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose
from scipy.special import log_softmax, logsumexp
from sklearn.metrics import log_loss, mean_squared_error

from sklearn_dcn import DCNClassifier
from sklearn_dcn._targets.classes import ClassTarget
from sklearn_dcn._targets.continuous import ContinuousTarget
from sklearn_dcn._targets.losses import WeightedLoss


def rng(seed=0):
    """Return a generator."""
    return np.random.default_rng(seed)


# ----------------------------------------------------------------------------------
# Labels
# ----------------------------------------------------------------------------------

LABELS = {
    "str": np.array(["no", "yes", "no", "maybe"]),
    "object of str": np.array(["no", "yes", "no", "maybe"], dtype=object),
    "int": np.array([3, -1, 3, 7]),
    "uint8": np.array([3, 1, 3, 7], dtype=np.uint8),
    "object of int": np.array([3, -1, 3, 7], dtype=object),
    "bool": np.array([True, False, True, False]),
    "object of bool": np.array([True, False, True, False], dtype=object),
    "float": np.array([1.0, 0.0, 1.0, 2.0]),
    "list": ["b", "a", "b", "c"],
    "Series of str": pd.Series(["b", "a", "b", "c"], dtype="str"),
    "Series of string": pd.Series(["b", "a", "b", "c"], dtype="string"),
    "Series of category": pd.Series(["b", "a", "b", "c"], dtype="category"),
    "Series of Int64": pd.Series([2, 1, 2, 5], dtype="Int64"),
}


@pytest.mark.parametrize("y", LABELS.values(), ids=LABELS)
def test_labels_round_trip(y):
    """Codes are positions in the sorted classes; classes[codes] are the labels."""
    checked = ClassTarget.check(y)
    classes = np.unique(checked)
    codes = ClassTarget(classes).encode(checked)
    assert codes.dtype == np.int64
    assert classes[codes].tolist() == list(y)
    ordered = sorted(set(y))
    assert codes.tolist() == [ordered.index(label) for label in y]


@pytest.mark.parametrize("n", [2, 3])
def test_encode_other_types(n):
    """Equal labels of another type have the same code."""
    target = ClassTarget(np.arange(n))
    assert target.encode(np.array([1.0, 0.0])).tolist() == [1, 0]
    assert target.encode(np.array([True, False])).tolist() == [1, 0]


@pytest.mark.parametrize(
    ("classes", "y", "unseen"),
    [
        ([0, 1], [0, 1, 2, 5], "[2, 5]"),
        (["a", "b"], ["b", "c"], "['c']"),
        ([0, 1], ["a"], "['a']"),
        (["0", "1"], [0, 1], "[0, 1]"),
    ],
)
def test_unseen_labels(classes, y, unseen):
    """A label that is no class is named, with the argument and the classes."""
    message = re.escape(
        f"y_val must hold the classes {classes} alone; got also {unseen}"
    )
    with pytest.raises(ValueError, match="^" + message):
        ClassTarget(np.array(classes)).encode(np.array(y), name="y_val")


@pytest.mark.parametrize(
    "y",
    [
        np.array([1.0, np.nan]),
        np.array(["a", None], dtype=object),
        np.array(["a", np.nan], dtype=object),
        np.array(["a", pd.NA], dtype=object),
        np.array([1, pd.NaT], dtype=object),
        pd.Series(["a", None], dtype="str"),
        pd.Series(["a", None], dtype="string"),
        pd.Series(["a", None], dtype="category"),
        pd.Series([1, None], dtype="Int64"),
        pd.Series([True, None], dtype="boolean"),
        [None, "a"],
    ],
    ids=repr,
)
def test_missing_labels(y):
    """A missing label of any kind is the same ValueError."""
    with pytest.raises(ValueError, match=r"^Input y contains NaN"):
        ClassTarget.check(y)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([0.5, 1.5, 2.5], "Unknown label type: continuous"),
        ([[1, 0], [0, 1]], "y should be a 1d array"),
        (3, "y should be a 1d array"),
        ([], r"0 sample\(s\)"),
        ([np.inf, 1.0], "Input y contains infinity"),
        ([1j, 2j], "Complex data not supported"),
        (np.array([{}, {}], dtype=object), "Unknown label type"),
        (np.array(["a", 1], dtype=object), "^y must hold strings or numbers, not both"),
        (np.array([1, "a"], dtype=object), "^y must hold strings or numbers, not both"),
    ],
    ids=repr,
)
def test_no_labels(y, message):
    """What is no column of labels is a ValueError."""
    with pytest.raises(ValueError, match=message):
        ClassTarget.check(y)


def test_column_vectors_warn():
    """A target of shape (n, 1) is taken with scikit-learn's warning."""
    with pytest.warns(Warning, match="column-vector y was passed"):
        assert ClassTarget.check(np.array([[1], [0]])).tolist() == [1, 0]
    with pytest.warns(Warning, match="column-vector y was passed"):
        assert ContinuousTarget.check(np.array([[1.5], [0]])).tolist() == [1.5, 0.0]


# ----------------------------------------------------------------------------------
# Links
# ----------------------------------------------------------------------------------

EXTREME = np.array([-1e4, -745.2, -100.0, -1.0, 0.0, 1e-12, 3.0, 36.8, 710.0, 1e4])


def test_binary_links():
    """P = 1 / (1 + exp(-logit)); logs are exact where P rounds to 0 or 1."""
    target = ClassTarget(np.array([0, 1]))
    logits = EXTREME[:, None]
    with np.errstate(all="raise", under="ignore"):
        p = target.probabilities(logits)
        log_p = target.log_probabilities(logits)
    # log(1 + exp(x)), by numpy's own stable formula.
    expected = -np.stack([np.logaddexp(0, EXTREME), np.logaddexp(0, -EXTREME)], axis=1)
    np.testing.assert_allclose(log_p, expected, rtol=1e-13)
    np.testing.assert_allclose(p, np.exp(expected), rtol=1e-13, atol=1e-300)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-15)
    np.testing.assert_array_equal(target.decision(logits), EXTREME)


def test_multiclass_links():
    """P = softmax, log P = log_softmax, also of logits thousands apart."""
    target = ClassTarget(np.arange(3))
    logits = np.vstack(
        [
            rng(1).normal(0, 5, (20, 3)),
            [[1e4, 0, -1e4], [-1e4, -1e4, -1e4], [750, 0, 1]],
        ]
    )
    with np.errstate(all="raise", under="ignore"):
        p = target.probabilities(logits)
        log_p = target.log_probabilities(logits)
    expected = logits - logsumexp(logits, axis=1, keepdims=True)
    np.testing.assert_allclose(log_p, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(p, np.exp(expected), rtol=1e-12, atol=1e-300)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-14)
    assert target.decision(logits) is logits


@pytest.mark.parametrize(("n_classes", "d_out"), [(2, 1), (3, 3), (7, 7)])
def test_number_of_logits(n_classes, d_out):
    """Two classes need one logit, more need one each."""
    assert ClassTarget(np.arange(n_classes)).d_out == d_out


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
    WeightedLoss(kind)(logits, batch).backward()
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
# Where the output starts
# ----------------------------------------------------------------------------------


@pytest.mark.parametrize("n_classes", [2, 4])
def test_initial_logits_are_the_base_rate(n_classes):
    """The first probabilities are the weighted class frequencies."""
    y = rng(11).choice(
        n_classes, 200, p=np.arange(1, n_classes + 1) / sum(range(n_classes + 1))
    )
    weight = rng(12).random(200)
    target = ClassTarget(np.arange(n_classes))
    logits = target.initial_logits(y, weight)
    assert logits.shape == (target.d_out,)
    expected = [weight[y == k].sum() / weight.sum() for k in range(n_classes)]
    np.testing.assert_allclose(
        target.probabilities(logits[None])[0], expected, rtol=1e-12
    )


@pytest.mark.parametrize("n_classes", [2, 4])
def test_initial_logits_of_an_absent_class(n_classes):
    """A class without training rows starts rare, not impossible."""
    target = ClassTarget(np.arange(n_classes))
    for absent in (0, n_classes - 1):
        codes = np.array([k for k in range(n_classes) if k != absent] * 5)
        with np.errstate(all="raise"):
            logits = target.initial_logits(codes, np.ones(len(codes)))
        p = target.probabilities(logits[None])[0]
        assert np.isfinite(logits).all()
        assert p[absent] == pytest.approx(1e-6, rel=1e-3)


def test_initial_output_of_a_regressor():
    """It starts at the weighted mean, 0 after standardising with the same weights."""
    y = rng(13).normal(50, 3, (30, 2))
    weight = rng(14).random(30)
    target = ContinuousTarget(y, weight)
    np.testing.assert_allclose(
        target.initial_logits(target.encode(y), weight), [0, 0], atol=1e-13
    )


# ----------------------------------------------------------------------------------
# Numbers
# ----------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(40,), (40, 1), (40, 3)])
def test_numbers_round_trip(shape):
    """Predictions of the encoded target are the target, in units and shape."""
    y = rng(15).normal(-7, 1e5, shape)
    target = ContinuousTarget(y, np.ones(40))
    z = target.encode(y)
    assert z.shape == (40, target.d_out)
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(z.std(axis=0), 1, rtol=1e-12)
    back = target.predictions(z)
    assert back.shape == shape
    np.testing.assert_allclose(back, y, rtol=1e-12, atol=1e-9)


def test_weights_equal_repeated_rows():
    """Mean and scale of weighted rows are those of repeated ones."""
    y = rng(16).normal(3, 2, (20, 2))
    weight = rng(17).integers(0, 4, 20)
    weighted = ContinuousTarget(y, weight.astype(float))
    rows = np.repeat(y, weight, axis=0)
    np.testing.assert_allclose(
        weighted.encode(y), (y - rows.mean(axis=0)) / rows.std(axis=0), rtol=1e-12
    )


@pytest.mark.parametrize("value", [0.0, 0.1, -1e9, 1e100])
def test_constant_outputs(value):
    """A constant output becomes 0 and comes back as itself, beside one that is not."""
    y = np.column_stack([np.full(30, value), np.arange(30.0)])
    target = ContinuousTarget(y, rng(18).random(30))
    z = target.encode(y)
    assert np.abs(z[:, 0]).max() <= 1e-9 * max(abs(value), 1)
    assert z[:, 1].std() > 0.5
    np.testing.assert_allclose(target.predictions(z), y, rtol=1e-14)


def test_other_number_of_outputs():
    """A validation target with other outputs is named."""
    target = ContinuousTarget(np.ones((4, 2)), np.ones(4))
    with pytest.raises(ValueError, match=r"^y_val must have 2 output\(s\).*got 1"):
        target.encode(np.ones(4), name="y_val")


@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        ([1.0, np.nan], ValueError, "Input y contains NaN"),
        ([1.0, None], ValueError, "Input y contains NaN"),
        (pd.Series([1, None], dtype="Int64"), ValueError, "Input y contains NaN"),
        ([1.0, -np.inf], ValueError, "Input y contains infinity"),
        (["a", "b"], ValueError, "could not convert string to float: .*'a'"),
        ([], ValueError, r"0 sample\(s\)"),
        (np.ones((2, 2, 2)), ValueError, "Found array with dim 3"),
        (np.array([1j, 2j]), ValueError, "Complex data not supported"),
        ([{}, {}], TypeError, "must be a string or a real number"),
    ],
    ids=repr,
)
def test_no_numbers(y, error, message):
    """What is no table of finite numbers is an error."""
    with pytest.raises(error, match=message):
        ContinuousTarget.check(y)


@pytest.mark.parametrize(
    "y",
    [
        [1, 2],
        np.array([1, 2], dtype=object),
        pd.Series([1, 2], dtype="Int64"),
        [True, 2],
    ],
    ids=repr,
)
def test_numbers_of_any_type(y):
    """Numbers of any dtype become floats."""
    checked = ContinuousTarget.check(y)
    assert checked.dtype == np.float64
    assert checked.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_tensors(dtype):
    """Tensors have the dtype of the computation; class codes of softmax stay ints."""
    codes = np.array([0, 1, 1])
    assert ClassTarget(np.arange(2)).tensor(codes, dtype).dtype == dtype
    assert ClassTarget(np.arange(3)).tensor(codes, dtype).dtype == torch.int64
    numbers = ContinuousTarget(np.arange(3.0), np.ones(3))
    tensor = numbers.tensor(numbers.encode(np.arange(3.0)), dtype)
    assert (tensor.dtype, tensor.shape) == (dtype, (3, 1))


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
