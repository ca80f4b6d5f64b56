"""Where a network computes, and in what precision: what is in bfloat16, what not."""

import copy
import pickle

import numpy as np
import pytest
import torch
from helpers.options import BRIEF as OPTIONS
from helpers.tables import make_mixed
from numpy.testing import assert_allclose, assert_array_equal
from skorch.callbacks import Callback

from sklearn_dcn import DCNClassifier, DCNRegressor
from sklearn_dcn.network.cross import CROSS_KINDS, CrossNetwork
from sklearn_dcn.network.dcn import STRUCTURES
from sklearn_dcn.network.deep import DeepNetwork

ESTIMATORS = pytest.mark.parametrize("Estimator", [DCNClassifier, DCNRegressor])
EPS = 2.0**-8  # half of the distance of neighbours in bfloat16, relative


@pytest.fixture
def dtypes(monkeypatch):
    """Record the dtypes of the deep network's output, in training and out of it."""
    seen = {True: set(), False: set()}
    forward, beside = DeepNetwork.forward, CrossNetwork.beside

    def recorded(self, *args):
        out = forward(self, *args)
        seen[self.training].add(out.dtype)
        return out

    def recorded_beside(self, deep, *args):
        out = beside(self, deep, *args)
        if out is not None:
            seen[self.training].add(deep.dtype)
        return out

    monkeypatch.setattr(DeepNetwork, "forward", recorded)
    monkeypatch.setattr(CrossNetwork, "beside", recorded_beside)
    return seen


def outputs(model, X):
    """Return probabilities or predictions."""
    return getattr(model, "predict_proba", model.predict)(X)


@ESTIMATORS
@pytest.mark.parametrize(
    ("dtype", "weights", "products"),
    [
        ("bfloat16", torch.float32, torch.bfloat16),
        ("float32", torch.float32, torch.float32),
        ("float64", torch.float64, torch.float64),
        ("auto", torch.float64, torch.float64),
    ],
)
def test_products_weights_loss_and_predictions(
    Estimator, dtype, weights, products, dtypes
):
    """Products are in bfloat16, in fit as in predictions; nothing that is kept is."""
    X, y = make_mixed(100)
    options = OPTIONS | {"max_epochs": 1, "ema_decay": None}
    model = Estimator(**options, dtype=dtype, warm_start=True)
    model.fit(X, y, X_val=X, y_val=y)
    assert dtypes == {True: {products}, False: {products}}  # False: validation
    dtypes[False].clear()
    prediction = outputs(model, X)
    assert dtypes[False] == {products}
    assert prediction.dtype == np.float64
    assert {p.dtype for p in model.module_.parameters()} == {weights}
    state = model.net_.optimizer_.state.values()
    assert {s[k].dtype for s in state for k in ("exp_avg", "exp_avg_sq")} == {weights}


@ESTIMATORS
def test_the_loss_has_the_precision_of_the_weights(Estimator):
    """Logits are cast before the loss, which is taken outside of autocast."""
    X, y = make_mixed(100)
    seen = []

    class Watched(Estimator):
        def _build_net(self, *args):
            net = super()._build_net(*args)
            net.criterion_.register_forward_pre_hook(
                lambda criterion, inputs: seen.append(
                    (inputs[0].dtype, torch.is_autocast_enabled("cpu"))
                )
            )
            net.criterion_.register_forward_hook(
                lambda criterion, inputs, loss: seen.append((loss.dtype, False))
            )
            return net

    options = OPTIONS | {"max_epochs": 1, "dtype": "bfloat16", "calibrate": False}
    Watched(**options).fit(X, y, X_val=X, y_val=y)
    assert len(seen) == 2 * 4  # batches of training and validation
    assert set(seen) == {(torch.float32, False)}


@ESTIMATORS
@pytest.mark.parametrize(
    ("cross", "structure"),
    [*((kind, "parallel") for kind in CROSS_KINDS if kind not in ("vector", "matrix"))]
    + [("vector", structure) for structure in STRUCTURES[:-1] if structure != "cross"]
    + [("matrix", structure) for structure in STRUCTURES[:-1]]
    + [("exponential", "fused")],
)
def test_one_network_in_both_precisions(Estimator, cross, structure):
    """The weights of a float32 fit give about the same predictions in bfloat16.

    Each product rounds its inputs to a relative error of 2^-8. And they do differ.
    """
    X, y = make_mixed(200)
    options = OPTIONS | {"cross": cross, "structure": structure}
    single = Estimator(**options, dtype="float32").fit(X, y)
    half = copy.deepcopy(single).set_params(dtype="bfloat16")
    half.net_.bulk, half.net_.bulk_from = torch.bfloat16, 0
    expected, rounded = outputs(single, X), outputs(half, X)
    scale = 1.0 if Estimator is DCNClassifier else np.abs(expected).max()
    error = np.abs(rounded - expected).max() / scale
    assert 1e-6 < error < 10 * EPS


@ESTIMATORS
def test_each_batch_sees_the_weights_of_the_last_step(Estimator):
    """Logits in training follow from the weights of now, within the roundings."""
    X, y = make_mixed(200)
    errors, moves = [], []

    class Watch(Callback):
        def on_batch_begin(self, net, batch, training, **kwargs):
            before = getattr(self, "logits", None)
            with torch.no_grad(), torch.autocast("cpu", enabled=False):
                self.logits = net.module_(**batch[0])
            if before is not None:
                moves.append((self.logits - before).abs().max().item())

        def on_batch_end(self, net, training, y_pred, **kwargs):
            errors.append((y_pred - self.logits).abs().max().item())

    options = OPTIONS | {"learning_rate": 0.05, "category_dropout": 0.0}
    options |= {"batch_size": 200, "callbacks": [Watch()]}
    Estimator(**options, dtype="bfloat16").fit(X, y)
    assert max(moves) > 0.3
    assert max(errors) < 10 * EPS


def test_the_callers_autocast_keeps_no_old_weights():
    """Predictions after another step follow the new weights, inside it as outside."""
    X, y = make_mixed(100)
    model = DCNClassifier(**OPTIONS | {"learning_rate": 0.05}, dtype="bfloat16")
    model.partial_fit(X, y)
    with torch.autocast("cpu", torch.bfloat16):
        model.predict_proba(X)
        for _ in range(5):
            model.partial_fit(X, y)
        inside = model.predict_proba(X)
    assert_array_equal(inside, model.predict_proba(X))


def test_validation_does_not_stop_training():
    """Weights cast without gradients, in validation, are none of training's."""
    X, y = make_mixed(200)
    plain, validated = (
        DCNClassifier(**OPTIONS, dtype="bfloat16", calibrate=False).fit(
            X, y, **validation
        )
        for validation in ({}, {"X_val": X, "y_val": y})
    )
    assert_array_equal(plain.predict_proba(X), validated.predict_proba(X))
    loss = [epoch["valid_loss"] for epoch in validated.history_]
    p = validated.predict_proba(X)[np.arange(200), y]
    assert_allclose(loss[-1], -np.log(p).mean(), rtol=0.01)


@ESTIMATORS
@pytest.mark.parametrize(
    ("cross", "optimizer"),
    [*((kind, "adamw") for kind in CROSS_KINDS), ("matrix", "lazy_adamw")],
)
def test_a_fit_is_close_to_that_in_float32(Estimator, optimizer, cross):
    """Losses and predictions of whole fits agree within a few roundings."""
    X, y = make_mixed(200)
    options = OPTIONS | {"cross": cross, "optimizer": optimizer}
    single, half = (
        Estimator(**options, dtype=dtype).fit(X, y) for dtype in ("float32", "bfloat16")
    )
    losses = [[h["train_loss"] for h in model.history_] for model in (single, half)]
    assert_allclose(*losses, rtol=10 * EPS)
    assert losses[0] != losses[1]
    assert losses[1][-1] < losses[1][0]
    assert np.abs(outputs(single, X) - outputs(half, X)).mean() < 4 * EPS


@ESTIMATORS
def test_a_pickle_predicts_alike(Estimator, dtypes):
    """Pickled and copied, it goes on predicting in bfloat16, to the same bits."""
    X, y = make_mixed(100)
    model = Estimator(**OPTIONS, dtype="bfloat16", warm_start=True).fit(X, y)
    expected = outputs(model, X)
    for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        dtypes[False].clear()
        assert_array_equal(outputs(other, X), expected)
        assert dtypes[False] == {torch.bfloat16}
        other.fit(X, y)
        assert dtypes[True] == {torch.bfloat16}


def test_reproducible_and_deaf_to_the_callers_autocast():
    """Same seed, same bits, also inside of autocast to another type."""
    X, y = make_mixed(100)
    options = OPTIONS | {"dropout": 0.2, "dtype": "bfloat16"}
    expected = DCNClassifier(**options).fit(X, y).predict_proba(X)
    with torch.autocast("cpu", torch.float16):
        again = DCNClassifier(**options).fit(X, y).predict_proba(X)
    assert_array_equal(again, expected)
    assert not torch.is_autocast_enabled("cpu")


# Where the network computes -----------------------------------------------------------


def test_missing_device_is_an_error(mixed, tiny, monkeypatch):
    """A device that is not there is named; "auto" takes what is."""
    X, y = mixed
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="device='cuda:1' is not there"):
        DCNClassifier(**tiny, device="cuda:1").fit(X, y)
    model = DCNClassifier(**tiny).fit(X, y)
    expected = "mps" if torch.backends.mps.is_available() else "cpu"
    assert model.module_.head.weight.device.type == expected
