"""Labels and their codes, the links to probabilities, and where the logits start."""

import re

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.draws import rng
from scipy.special import logsumexp

from sklearn_dcn._targets.classes import ClassTarget
from sklearn_dcn._targets.continuous import ContinuousTarget

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


# ----------------------------------------------------------------------------------
# Numbers
# ----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_tensors(dtype):
    """Tensors have the dtype of the computation; class codes of softmax stay ints."""
    codes = np.array([0, 1, 1])
    assert ClassTarget(np.arange(2)).tensor(codes, dtype).dtype == dtype
    assert ClassTarget(np.arange(3)).tensor(codes, dtype).dtype == torch.int64
    numbers = ContinuousTarget(np.arange(3.0), np.ones(3))
    tensor = numbers.tensor(numbers.encode(np.arange(3.0)), dtype)
    assert (tensor.dtype, tensor.shape) == (dtype, (3, 1))
