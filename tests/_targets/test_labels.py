"""Several labels a row: their loss, weights and stand-ins, against scikit-learn."""

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.draws import rng
from numpy.testing import assert_allclose
from scipy.sparse import csr_matrix
from scipy.special import expit
from sklearn.metrics import log_loss
from sklearn.utils.class_weight import compute_class_weight

from sklearn_dcn._targets.labels import LabelsTarget, has_labels

N, K = 60, 3
Y = (rng(0).random((N, K)) < [0.5, 0.2, 0.8]).astype(int)
WEIGHT = rng(1).random(N) + 0.2
WEIGHT /= WEIGHT.mean()
Z = rng(2).normal(0, 2, (N, K))
ONES = np.ones((K, 2))


def make(weights=ONES, **options):
    return LabelsTarget(np.array(["a", "b", "c"], dtype=object), weights, **options)


def loss_of(target, z=Z, weight=None):
    batch = {"y": target.tensor(target.encode(Y), torch.float64)}
    if weight is not None:
        batch["weight"] = torch.from_numpy(weight)
    return target.criterion.eval()(torch.from_numpy(z), batch)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_loss_is_the_mean_of_the_labels_log_losses(weighted):
    weight = WEIGHT if weighted else None
    each = [log_loss(Y[:, k], expit(Z[:, k]), sample_weight=weight) for k in range(K)]
    assert float(loss_of(make(), weight=weight)) == pytest.approx(np.mean(each))


def test_weights_of_classes_multiply_the_losses():
    v = np.array([[1.0, 3.0], [0.5, 2.0], [0.0, 1.0]])
    each = -np.log(np.where(Y == 1, expit(Z), expit(-Z)))
    expected = (np.where(Y == 1, v[:, 1], v[:, 0]) * each * WEIGHT[:, None]).mean()
    assert float(loss_of(make(v), weight=WEIGHT)) == pytest.approx(expected)


def test_focal_loss_and_smoothing():
    p = np.where(Y == 1, expit(Z), expit(-Z))
    focal = loss_of(make(gamma=2.0))
    assert float(focal) == pytest.approx(((1 - p) ** 2 * -np.log(p)).mean())
    target = make(label_smoothing=0.2)
    batch = {"y": target.tensor(Y, torch.float64)}
    found = target.criterion.train()(torch.from_numpy(Z), batch)
    soft = 0.8 * Y + 0.1
    expected = -(soft * np.log(expit(Z)) + (1 - soft) * np.log(expit(-Z))).mean()
    assert float(found) == pytest.approx(expected)
    assert float(loss_of(target)) == float(loss_of(make()))


def test_gradients():
    v = rng(3).random((K, 2)) + 0.1
    criterion = make(v, gamma=1.5).criterion
    batch = {"y": torch.from_numpy(Y).double(), "weight": torch.from_numpy(WEIGHT)}
    z = torch.from_numpy(Z).requires_grad_()
    assert torch.autograd.gradcheck(lambda z: criterion(z, batch), z)


def test_the_loss_starts_where_no_constant_is_better():
    v = LabelsTarget.class_weights([{1: 3.0}, {0: 2.0}, {}], Y, WEIGHT)
    target = make(v)
    start = target.initial_logits(Y, WEIGHT)
    z = torch.from_numpy(start).requires_grad_()
    batch = {"y": torch.from_numpy(Y).double(), "weight": torch.from_numpy(WEIGHT)}
    (slope,) = torch.autograd.grad(target.criterion(z.expand(N, K), batch), z)
    assert_allclose(slope, 0.0, atol=1e-12)


def test_balanced_weights_are_those_of_scikit_learn():
    found = LabelsTarget.class_weights("balanced", Y, np.ones(N))
    for k in range(K):
        expected = compute_class_weight("balanced", classes=np.arange(2), y=Y[:, k])
        assert_allclose(found[k], expected)


@pytest.mark.parametrize("class_weight", [None, "balanced", [{1: 9.0}, {0: 2}, {}]])
def test_weights_have_mean_one(class_weight):
    v = LabelsTarget.class_weights(class_weight, Y, WEIGHT)
    each = np.where(Y == 1, v[:, 1], v[:, 0]) * WEIGHT[:, None]
    assert each.mean() == pytest.approx(1.0)


@pytest.mark.parametrize("class_weight", [None, "balanced"])
@pytest.mark.parametrize("label", [0, 1])
def test_a_label_that_all_rows_have_or_none(class_weight, label):
    y = Y.copy()
    y[:, 1] = label
    v = LabelsTarget.class_weights(class_weight, y, np.ones(N))
    start = make(v).initial_logits(y, np.ones(N))
    assert expit(start[1]) == pytest.approx(label, abs=2e-6)
    assert make(v).constant_outputs(y).tolist() == [False, True, False]


def test_only_weights_of_zero():
    with pytest.raises(ValueError, match=r"^class_weight must leave some weight"):
        LabelsTarget.class_weights([{0: 0, 1: 0}] * K, Y, WEIGHT)


def test_few_rows_stand_for_all():
    """They have the weight of every label, and of all rows."""
    y, weight = LabelsTarget.standing_for(LabelsTarget.masses(Y, WEIGHT))
    assert y.shape == (K + 1, K)
    assert_allclose(weight @ y, WEIGHT @ Y)
    assert weight.sum() == pytest.approx(WEIGHT.sum())
    assert (weight >= 0).all()
    v = LabelsTarget.class_weights("balanced", y, weight)
    assert_allclose(v, LabelsTarget.class_weights("balanced", Y, WEIGHT))
    start = make(v).initial_logits(y, weight)
    assert_allclose(start, make(v).initial_logits(Y, WEIGHT))


def test_strata_are_the_rarest_labels():
    y = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 0], [1, 0, 1], [1, 1, 0]])
    assert LabelsTarget.strata(y).tolist() == [1, 2, 0, 3, 2]


@pytest.mark.parametrize(
    "y",
    [
        Y,
        Y.tolist(),
        [*Y],
        Y.astype(bool),
        Y.astype(float),
        Y.astype(object),
        pd.DataFrame(Y),
        pd.DataFrame(Y).astype("boolean"),
        csr_matrix(Y),
    ],
    ids=["int", "lists", "arrays", "bool", "float", "object", "frame", "null", "csr"],
)
def test_indicators_of_any_type(y):
    assert has_labels(y)
    found = LabelsTarget.check(y)
    assert found.dtype == np.int8
    assert (found == Y).all()


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (Y + 1, r"0 and 1.*; got 3 columns with \[2.0\].*DCNMultiTask"),
        (Y * 0.5, "0 and 1"),
        ([["a"], ["b", "c"]] * 3, r"rows such as \['a'\]. .*MultiLabelBinarizer"),
        ([{"a"}, {"b", "c"}] * 3, "rows such as.*MultiLabelBinarizer"),
        (pd.DataFrame({"a": ["x", "y"], "b": ["x", "z"]}), "DCNMultiTask"),
        (np.where(Y == 1, np.nan, 0.0), "contains NaN.*DCNMultiTask"),
        (csr_matrix(Y[:, :1]), "at least 2 columns.*ravel"),
    ],
    ids=["1 and 2", "halves", "ragged", "sets", "strings", "missing", "one"],
)
def test_no_indicators(y, message):
    assert has_labels(y)
    with pytest.raises(ValueError, match=message):
        LabelsTarget.check(y)


def test_other_columns_than_in_fit():
    with pytest.raises(ValueError, match=r"^y_val must have 3 columns .* got 2"):
        make().encode(Y[:, :2], "y_val")
    with pytest.raises(ValueError, match="got 1"):
        make().encode(Y[:, 0])


def test_what_the_logits_mean():
    target = make()
    assert_allclose(target.probabilities(Z), expit(Z))
    assert_allclose(target.log_probabilities(Z), np.log(expit(Z)))
    assert (target.predictions(Z) == (Z > 0)).all()
    assert [*target.columns(Y)] == [" of 'a'", " of 'b'", " of 'c'"]
    assert (target.columns(Y)[" of 'b'"] == Y[:, 1]).all()
    assert (target.score(Y) == Y[:, 0]).all()  # half of the rows have it


def test_names():
    assert LabelsTarget.names_of(pd.DataFrame(Y, columns=[*"xyz"])).tolist() == [*"xyz"]
    assert LabelsTarget.names_of(pd.DataFrame(Y)) is None
    assert LabelsTarget.names_of(Y) is None
    with pytest.raises(ValueError, match=r"^y must have columns of .* got 'a' twice"):
        LabelsTarget.names_of(pd.DataFrame(Y, columns=["a", "b", "a"]))
