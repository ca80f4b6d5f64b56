"""The rows of a fit: weights count as repeated rows, held-out ones teach nothing."""

import copy
import pickle

import numpy as np
import pytest
from helpers.tables import make_mixed
from numpy.testing import assert_allclose, assert_array_equal
from torch.nn.utils import parameters_to_vector

from sklearn_dcn import DCNClassifier, DCNRegressor, load
from sklearn_dcn._estimator.rows import _to_mean_one


def test_weights_that_leave_nothing(mixed, tiny):
    """Class weights of zero for every class, and labels missing in classes."""
    X, y = mixed
    with pytest.raises(ValueError, match="class_weight must leave some weight"):
        DCNClassifier(**tiny, class_weight={0: 0, 1: 0}).fit(X, y)
    with pytest.raises(ValueError, match="NaN"):
        DCNClassifier(**tiny).partial_fit(X, y, classes=[0, 1, np.nan])
    for weight in (["a"] * 300, 2.0, "a"):
        with pytest.raises(ValueError, match="sample_weight must"):
            DCNClassifier(**tiny).fit(X, y, sample_weight=weight)


@pytest.mark.parametrize("Estimator", [DCNClassifier, DCNRegressor])
def test_weights_equal_repeated_rows(Estimator):
    """Integer weights equal repeated rows in a mixed table, in every statistic."""
    X, y = make_mixed(100)
    w = np.random.default_rng(0).integers(0, 4, 100)
    options = {"random_state": 0, "category_dropout": 0.0, "batch_size": 1000}
    options |= {"min_frequency": 0.08, "dtype": "float64"}
    weighted = Estimator(**options).fit(X, y, sample_weight=w)
    repeated = Estimator(**options).fit(X.loc[X.index.repeat(w)], np.repeat(y, w))
    assert_allclose(weighted._logits(X), repeated._logits(X), rtol=1e-6, atol=1e-8)


def test_equal_weights_change_nothing(mixed, tiny):
    """Weights of one number each are as no weights (skorch#630)."""
    X, y = mixed
    plain = DCNClassifier(**tiny).fit(X, y)
    model = DCNClassifier(**tiny).fit(X, y, sample_weight=np.full(300, 2.5))
    assert_array_equal(model.predict_proba(X), plain.predict_proba(X))


def test_validation_rows_teach_nothing():
    """Levels and scales come from the training rows alone (DeepTab#361)."""
    X, y = make_mixed(100)
    X_val = X.assign(city="Lima", price=1e9)
    model = DCNClassifier(random_state=0, max_epochs=1)
    model.fit(X, y, X_val=X_val, y_val=y)
    plain = DCNClassifier(random_state=0, max_epochs=1).fit(X, y)
    assert model.encoder_.categories[0].levels == plain.encoder_.categories[0].levels
    assert_array_equal(model.encoder_.numbers[3].knots, plain.encoder_.numbers[3].knots)
    assert "Lima" not in model.encoder_.categories[0].levels


# The scale of weights over calls ------------------------------------------------------

ONE_BATCH = {
    "random_state": 0,
    "batch_size": 1000,
    "category_dropout": 0.0,
    "ema_decay": None,
    "early_stopping": False,
    "max_epochs": 1,
}


def binary(n=200):
    X, y = make_mixed(n)
    return X, (y > 0).astype(int)


def loss_of(model, X, y, weight=None, how="partial_fit"):
    """Return the training loss of one more call, and the model after it."""
    model = copy.deepcopy(model)
    getattr(model, how)(X, y, sample_weight=weight)
    return model.history_[-1]["train_loss"], model


def log_losses(model, X, y):
    p = model.predict_proba(X)
    return -np.log(p[np.arange(len(y)), y])


@pytest.mark.parametrize("how", ["partial_fit", "fit"])
@pytest.mark.parametrize("unit", [1.0, 1e-200])
@pytest.mark.parametrize("Estimator", [DCNClassifier, DCNRegressor])
def test_later_weights_are_in_the_unit_of_the_first(Estimator, unit, how):
    """REVIEW D7: they were scaled to mean 1 in each call, 1e-9 as 1e9."""
    X, y = binary()
    w = np.random.default_rng(0).choice([1.0, 3.0], len(y))
    for first in (w, np.ones(len(y))):
        model = Estimator(**ONE_BATCH, warm_start=True)
        getattr(model, how)(X, y, sample_weight=first * unit)
        expected, _ = loss_of(model, X, y, first * unit, how)
        for factor in (1e-9, 1e-3, 1e9):
            found, _ = loss_of(model, X, y, first * unit * factor, how)
            assert found == pytest.approx(factor * expected, rel=1e-4)
        half, _ = loss_of(model, X[:50], y[:50], np.full(50, first.mean() * unit), how)
        plain, _ = loss_of(Estimator(**ONE_BATCH), X, y)
        assert 0.1 * plain < half < 10 * plain


def test_a_thousandth_of_the_weight_is_a_thousandth_of_the_gradient():
    """By plain gradient descent, whose steps are as long as the gradient."""
    X, y = binary()
    options = {"optimizer": "sgd", "weight_decay": 0.0, "learning_rate": 0.1}
    options |= {"embedding_l2": 0.0, "dtype": "float64", "max_grad_norm": None}
    model = DCNClassifier(**ONE_BATCH | options).partial_fit(X, y)
    start = parameters_to_vector(model.module_.parameters())
    steps = [
        parameters_to_vector(loss_of(model, X, y, w)[1].module_.parameters()) - start
        for w in (None, np.full(len(y), 1e-3))
    ]
    assert steps[0].abs().max() > 1e-3
    assert_allclose(steps[1].detach(), 1e-3 * steps[0].detach(), atol=1e-12)


@pytest.mark.parametrize("class_weight", [{0: 1.0, 1: 9.0}, {0: 1e-3}, "balanced"])
def test_class_weights_of_a_part_are_those_of_the_first(class_weight):
    """By hand: of rows of one class, too, whose weights are equal."""
    X, y = binary()
    model = DCNClassifier(**ONE_BATCH, class_weight=class_weight, dtype="float32")
    if class_weight == "balanced":
        with pytest.raises(ValueError, match="needs all rows at once"):
            model.partial_fit(X, y)
        model.fit(X, y)
        each = len(y) / (2 * np.bincount(y))
    else:
        model.partial_fit(X, y)
        each = np.array([class_weight.get(0, 1.0), class_weight.get(1, 1.0)])
    for label in (0, 1):
        part = y == label
        found, _ = loss_of(model, X[part], y[part])
        expected = log_losses(model, X[part], y[part]).mean() * each[label]
        assert found == pytest.approx(expected / each[y].mean(), rel=1e-4)


@pytest.mark.parametrize("Estimator", [DCNClassifier, DCNRegressor])
def test_without_weight_nothing_moves(Estimator):
    """Nor by the momentum of the calls before, or decay."""
    X, y = binary()
    model = Estimator(**ONE_BATCH).partial_fit(X, y).partial_fit(X, y)
    calls = [(X, y, np.zeros(len(y)))]
    if Estimator is DCNClassifier:
        model = Estimator(**ONE_BATCH, class_weight={0: 0.0})
        model.partial_fit(X, y).partial_fit(X, y)
        calls.append((X[y == 0], y[y == 0], None))
        calls.append((X, y, (y == 0) * 2.0))
    before = model._logits(X)
    for part, target, weight in calls:
        model.partial_fit(part, target, sample_weight=weight)
        assert_array_equal(model._logits(X), before)
        assert model.n_iter_ == 2
    model.partial_fit(X, y)
    assert np.abs(model._logits(X) - before).max() > 1e-3
    with pytest.raises(ValueError, match="all the weights are zero"):
        Estimator(**ONE_BATCH).partial_fit(X, y, sample_weight=np.zeros(len(y)))
    model.set_params(warm_start=True)
    with pytest.raises(ValueError, match="all the weights are zero"):
        model.fit(X, y, sample_weight=np.zeros(len(y)))


def test_a_later_fit_without_weight_is_an_error():
    X, y = binary()
    model = DCNClassifier(**ONE_BATCH, class_weight={0: 0.0}, warm_start=True)
    model.fit(X, y)
    with pytest.raises(ValueError, match="class_weight must leave some weight"):
        model.fit(X[y == 0], y[y == 0])


@pytest.mark.parametrize("scoring", [None, "roc_auc"])
def test_rows_without_weight_do_not_validate(scoring):
    """REVIEW D7: they did, with weight 1, and ended the fit by a loss of 15.6."""
    X, _ = make_mixed(600)
    y = np.zeros(600, dtype=int)
    y[7] = 1
    options = {**ONE_BATCH, "early_stopping": True, "max_epochs": 3}
    model = DCNClassifier(**options, class_weight={0: 0.0}, scoring=scoring)
    with pytest.warns(UserWarning, match="No row validates"):
        model.fit(X, y)
    assert model.n_iter_ == 3
    assert not {"valid_loss", "valid_score"} & model.history_[-1].keys()
    with pytest.warns(UserWarning, match="No row validates"):
        model.fit(X, y, X_val=X[10:], y_val=y[10:])
    model.fit(X, y, X_val=X, y_val=y)
    expected = log_losses(model, X[7:8], y[7:8])[0]
    assert model.history_[model.best_epoch_ - 1]["valid_loss"] == pytest.approx(
        expected, rel=0.2
    )


@pytest.mark.parametrize("Estimator", [DCNClassifier, DCNRegressor])
def test_equal_weights_of_any_call_are_as_none(Estimator):
    X, y = binary()
    plain = Estimator(**ONE_BATCH).partial_fit(X, y).partial_fit(X[:90], y[:90])
    for w in (2.5, 1e-30):
        model = Estimator(**ONE_BATCH).partial_fit(X, y, sample_weight=np.full(200, w))
        model.partial_fit(X[:90], y[:90], sample_weight=np.full(90, w))
        assert_array_equal(model._logits(X), plain._logits(X))


def test_units_are_kept(tmp_path):
    """In pickles and files; an older estimator takes those of its next call."""
    X, y = binary()
    model = DCNClassifier(**ONE_BATCH, class_weight={0: 1.0, 1: 9.0})
    model.partial_fit(X, y, sample_weight=np.full(200, 4.0))
    expected, _ = loss_of(model, X[:50], y[:50])
    model.save(tmp_path / "m.dcn")
    for copied in (pickle.loads(pickle.dumps(model)), load(tmp_path / "m.dcn")):
        assert loss_of(copied, X[:50], y[:50])[0] == pytest.approx(expected)
    state = vars(copy.deepcopy(model))
    del state["_row_unit"], state["_loss_unit"]
    older = copy.copy(model)
    older.__dict__ = state
    assert loss_of(older, X[:50], y[:50])[0] == pytest.approx(4 * expected, rel=0.5)
    older.partial_fit(X, y, sample_weight=np.full(200, 4.0))
    assert older._row_unit == 4.0


def test_weights_of_each_network_have_mean_one():
    """Of the rows that train it, or validate it; all zeros stay zeros."""
    weight = np.array([[1.0, 0.0], [3.0, 5.0], [0.0, 1.0], [2.0, 0.0]])
    found = _to_mean_one(weight)
    assert_allclose(found.mean(axis=0), 1)
    assert_allclose(found[:, 0], [2 / 3, 2, 0, 4 / 3])
    assert_array_equal(_to_mean_one(weight * [1, 0])[:, 1], 0)
    assert_array_equal(_to_mean_one(np.full(3, 1e300)), [1, 1, 1])
    assert_array_equal(_to_mean_one(np.zeros(3)), [0, 0, 0])
