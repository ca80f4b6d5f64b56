"""Pickles of any kind are small, need no CUDA, and hold types of this package alone."""

import copy
import io
import pickle
import pickletools

import cloudpickle
import joblib
import numpy as np
import pytest
import torch
from helpers.tables import make_mixed
from numpy.testing import assert_array_equal
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_dcn import DCNClassifier, DCNRegressor
from sklearn_dcn.preprocessing import (
    CategoricalEmbedder,
    CategoryEncoder,
    ContinuousNormalizer,
)

TINY = {"max_epochs": 2, "hidden_layer_sizes": (8,), "random_state": 0}


def by_joblib(model):
    buffer = io.BytesIO()
    joblib.dump(model, buffer)
    buffer.seek(0)
    return joblib.load(buffer)


def by_skops(model):
    """Load with only types of this package trusted."""
    skops = pytest.importorskip("skops.io")
    data = skops.dumps(model)
    types = skops.get_untrusted_types(data=data)
    assert all(name.startswith("sklearn_dcn.") for name in types), types
    return skops.loads(data, trusted=types)


WAYS = {
    "pickle": lambda model: pickle.loads(pickle.dumps(model)),
    "protocol 2": lambda model: pickle.loads(pickle.dumps(model, protocol=2)),
    "cloudpickle": lambda model: cloudpickle.loads(cloudpickle.dumps(model)),
    "joblib": by_joblib,
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
    "skops": by_skops,
}


@pytest.fixture(scope="module")
def models():
    """Return fitted estimators of several kinds, with the tables of their fits."""
    X, y = make_mixed(1200)
    X["tags"] = [["a", "b", 7][: k % 4] for k in range(len(X))]
    options = {"numeric_embedding": "piecewise_linear", "hashing": {"city": 3}}
    yes = np.array(["no", "yes"])[y]
    sparse = csr_matrix(np.eye(60, 30))
    return {
        "mixed": (DCNClassifier(**TINY, **options).fit(X, yes), X, yes),
        "warm": (DCNClassifier(**TINY, warm_start=True).fit(X, y), X, y),
        "batch": (DCNClassifier(**TINY, normalization="batch").fit(X, y), X, y),
        "lazy": (DCNRegressor(**TINY, optimizer="lazy_adamw").fit(X, y), X, y),
        "sparse": (DCNRegressor(**TINY).fit(sparse, y[:60]), sparse, y[:60]),
    }


@pytest.mark.parametrize("way", WAYS)
def test_every_way_keeps_the_estimator(way, models):
    for model, X, _ in models.values():
        other = WAYS[way](model)
        assert other is not model
        assert_array_equal(other.predict(X), model.predict(X))
        if hasattr(model, "predict_proba"):
            assert_array_equal(other.predict_proba(X), model.predict_proba(X))
        assert other.get_params() == model.get_params()
        assert repr(other.encoder_) == repr(model.encoder_)
        assert other.history_ == model.history_
        assert len(other.net_.history) == other.n_iter_
        assert vars(other).keys() == vars(model).keys()
        assert other._dtype is model._dtype


@pytest.mark.parametrize("way", [way for way in WAYS if way != "copy"])
def test_a_warm_start_goes_on_to_the_same_bits(way, models):
    """With the moments of the optimiser, and the weights behind their average."""
    model, X, y = models["warm"]
    other = WAYS[way](model)
    expected = copy.deepcopy(model).fit(X, y)
    assert_array_equal(other.fit(X, y).predict_proba(X), expected.predict_proba(X))
    assert other.n_iter_ == 2 * model.n_iter_


def test_a_copy_and_its_original_train_apart(models):
    """A loaded net shares no memory with that of the original."""
    model, X, y = models["mixed"]
    p = model.predict_proba(X)
    for way in ("pickle", "deepcopy", "skops"):
        WAYS[way](model).partial_fit(X, y)
    assert_array_equal(model.predict_proba(X), p)


def test_a_pickle_holds_no_object_of_torch_or_skorch(models):
    """What it asks for to be imported: this package, numpy, scipy and builtins."""
    for model, _, _ in models.values():
        data = pickle.dumps(model, protocol=2)
        asked = {arg for op, arg, _ in pickletools.genops(data) if op.name == "GLOBAL"}
        packages = {name.split(".")[0].split()[0] for name in asked}
        assert "sklearn_dcn" in packages
        assert packages <= {
            *("sklearn_dcn", "numpy", "_codecs", "__builtin__", "copy_reg"),
            "collections",
        }, asked


def test_a_pickle_is_small(models):
    """Without warm starts it is the weights and the encoding."""
    model, _, _ = models["mixed"]
    n_bytes = sum(t.nbytes for t in model.module_.state_dict().values())
    assert len(pickle.dumps(model)) < n_bytes + 60_000


def test_a_pickle_of_a_device_that_is_not_there(models, monkeypatch):
    """It predicts on what is there, and can be fitted on."""
    model, X, y = models["mixed"]
    data = pickle.dumps(copy.deepcopy(model).set_params(device="cuda"))
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.warns(UserWarning, match="device='cuda' is not there.*'auto' instead"):
        other = pickle.loads(data)
    assert other.device == "auto"
    assert all(p.device.type == "cpu" for p in other.module_.parameters())
    assert_array_equal(other.predict_proba(X), model.predict_proba(X))
    other.partial_fit(X, y)


def test_tensors_leave_their_device(models, monkeypatch):
    """Weights and moments go by way of Tensor.cpu, wherever they are."""
    model, _, _ = models["warm"]
    seen = []
    cpu = torch.Tensor.cpu

    def spy(tensor):
        seen.append(tensor)
        return cpu(tensor)

    monkeypatch.setattr(torch.Tensor, "cpu", spy)
    state = model.__getstate__()["net_"]
    n_weights = len(model.module_.state_dict())
    assert len(seen) > 3 * n_weights  # weights, two moments, weights of the average
    assert not any(
        isinstance(value, torch.Tensor)
        for value in [*state["weights"].values(), *state["optimizer"]["state"].values()]
    )


def test_a_mapped_file_is_not_trained_into(models, tmp_path):
    """By joblib, which can map arrays from a file; the net has them in memory."""
    model, X, y = models["mixed"]
    path = tmp_path / "model.joblib"
    joblib.dump(model, path)
    content = path.read_bytes()
    for mode in ("r", "r+", "c"):
        other = joblib.load(path, mmap_mode=mode)
        assert_array_equal(other.predict_proba(X), model.predict_proba(X))
        other.partial_fit(X, y)
        assert path.read_bytes() == content


@pytest.mark.parametrize("way", ["joblib", "skops"])
def test_steps_and_pipelines(way, models):
    """A pipeline is saved as scikit-learn's are."""
    _, X, y = models["warm"]
    X = X.drop(columns="tags")
    numbers = X[["price", "visits"]].fillna(0.0)
    for step, table in (
        (
            make_pipeline(StandardScaler(), DCNClassifier(**TINY)),
            numbers,
        ),
        (make_pipeline(ContinuousNormalizer(), DCNRegressor(**TINY)), numbers),
        (CategoryEncoder(), X[["city", "device", "is_new"]]),
        (CategoricalEmbedder(estimator=DCNClassifier(**TINY)), X),
    ):
        step.fit(table, y)
        other = WAYS[way](step)
        name = "predict" if hasattr(step, "predict") else "transform"
        assert_array_equal(getattr(other, name)(table), getattr(step, name)(table))


def test_an_unfitted_estimator_stays_one():
    for way, function in WAYS.items():
        other = function(DCNClassifier(cross="vector"))
        assert other.cross == "vector" and not hasattr(other, "net_"), way


# Pickles of a classifier --------------------------------------------------------------


def test_small_and_light_when_fitted(mixed):
    """A pickle holds weights and encoding: no optimiser state, no rows, no copies."""
    X, y = mixed
    model = DCNClassifier(random_state=0, early_stopping=True, max_epochs=3).fit(X, y)
    n_bytes = sum(p.numel() * p.element_size() for p in model.module_.parameters())
    assert len(pickle.dumps(model)) < n_bytes + 40_000
    assert not model.net_.optimizer_.state
    assert all(p.grad is None for p in model.module_.parameters())
    assert clone(model).get_params() == model.get_params()


def test_pickle_predicts_the_same(mixed, tiny):
    """Encoder, network and labels survive a pickle together."""
    X, y = mixed
    model = DCNClassifier(**tiny).fit(X, np.where(y, "yes", "no"))
    copy = pickle.loads(pickle.dumps(model))
    assert_array_equal(copy.predict_proba(X), model.predict_proba(X))
    assert_array_equal(copy.predict(X), model.predict(X))
