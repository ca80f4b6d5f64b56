"""What comes back from a file is what was fitted, and a bad write loses nothing."""

import errno
import json
import os
import stat
import subprocess
import sys
import zipfile
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from category_encoders import TargetEncoder
from helpers.tables import make_mixed
from numpy.testing import assert_array_equal
from scipy.sparse import csr_matrix
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import OrdinalEncoder
from skorch.callbacks import EpochScoring

import sklearn_dcn
from sklearn_dcn import DCNClassifier, DCNRegressor, load
from sklearn_dcn.preprocessing import (
    CategoricalEmbedder,
    CategoryEncoder,
    ContinuousNormalizer,
)

TINY = {"max_epochs": 2, "hidden_layer_sizes": (8,), "random_state": 0}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.dcn"


def back(estimator, path, **options):
    """Return what comes back from a file."""
    estimator.save(path)
    return load(path, **options)


def assert_same(loaded, model, X, y):
    """All that can be asked of a fitted estimator has the same answer, to the bit."""
    assert type(loaded) is type(model)
    assert vars(loaded).keys() == vars(model).keys()
    for method in ("predict", "predict_proba", "decision_function"):
        if hasattr(model, method):
            assert_array_equal(getattr(loaded, method)(X), getattr(model, method)(X))
    assert loaded.score(X, y) == model.score(X, y)
    if not isinstance(model.random_state, np.random.RandomState):
        assert repr(loaded) == repr(model)
    assert repr(loaded.encoder_) == repr(model.encoder_)
    assert loaded.encoder_.schema() == model.encoder_.schema()
    for name in ("n_iter_", "best_epoch_", "history_", "n_features_in_", "_dtype"):
        assert getattr(loaded, name) == getattr(model, name), name
    assert not loaded.module_.training
    state, expected = loaded.module_.state_dict(), model.module_.state_dict()
    assert state.keys() == expected.keys()
    assert all(torch.equal(state[key], expected[key]) for key in state)


# What comes back ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"cross": "vector", "structure": "stacked"},
        {"cross": "low_rank", "cross_rank": 3, "dtype": "float32"},
        {"cross": "mixture", "expert_activation": "tanh", "n_experts": 2},
        {"cross": "gated", "structure": "cross"},
        {"structure": "deep", "normalization": "batch", "dropout": 0.1},
        {"normalization": "layer", "activation": "gelu", "dtype": "bfloat16"},
        {"numeric_embedding": "periodic", "numeric_transform": "robust"},
        {"numeric_embedding": "linear", "embedding_dim": 4, "ema_decay": None},
        {"numeric_embedding": "piecewise_linear", "numeric_transform": "signed_log"},
        {"numeric_transform": None, "hashing": {"city": 3}, "min_frequency": 2},
        {"embedding_dim": {"city": 3}, "optimizer": "lazy_adamw"},
        {"hashing": {"city": 3}, "collision_weight": True, "pair_logit": "weighted"},
        {"pair_logit": "plain", "cross": "onlydense", "optimizer": "lazy_adamw"},
        {"memorized_crosses": [("city", "device"), ("price", "city")]},
        {"numeric_levels": 20, "memorized_crosses": 3, "max_categories": 3},
        {"loss": "focal", "class_weight": {0: 1.0, 1: 2}, "label_smoothing": 0.1},
        {"negative_sampling": 0.5, "early_stopping": True, "categorical_features": [0]},
        {"net_params": {"optimizer__betas": (0.8, 0.9)}, "class_weight": "balanced"},
        {"dtype": "float64", "random_state": np.random.RandomState(3)},
    ],
    ids=lambda options: "-".join(options) or "default",
)
def test_a_classifier_comes_back(options, mixed, path):
    X, y = mixed
    if "categorical_features" in options:
        X = X[["city", "price", "visits"]]
    with config_context(assume_finite=True):
        model = DCNClassifier(**TINY | options).fit(X, y)
    loaded = back(model, path)
    assert_same(loaded, model, X, y)
    parameters = model.get_params()
    if isinstance(parameters["random_state"], np.random.RandomState):
        states = [m.get_params().pop("random_state") for m in (model, loaded)]
        assert states[0].get_state()[2] == states[1].get_state()[2]
        assert states[0].randint(9**9) == states[1].randint(9**9)
        return
    assert loaded.get_params() == parameters
    assert_array_equal(loaded.classes_, model.classes_)
    assert clone(loaded).get_params() == parameters
    again, before = (clone(m).fit(X, y) for m in (loaded, model))
    assert_array_equal(again.predict_proba(X), before.predict_proba(X))


def test_a_long_table_comes_back(path):
    """With what "auto" adds from 1,000 rows on, pairs and several networks."""
    X, y = make_mixed(2500)
    X["visits"] = X["visits"] ** 3  # whose values are isolated
    model = DCNClassifier(memorized_crosses=2, **TINY).fit(X, y)
    assert model.encoder_.crosses.pairs and model.encoder_.values
    loaded = back(model, path)
    assert_same(loaded, model, X, y)
    assert loaded.encoder_.crosses.scores == model.encoder_.crosses.scores
    assert_array_equal(loaded.predict_proba(X[:1]), model.predict_proba(X[:1]))
    assert_array_equal(
        loaded.predict_proba(X[:1].to_dict("records")), model.predict_proba(X[:1])
    )


@pytest.mark.parametrize("n_outputs", [0, 1, 3])
def test_a_regressor_comes_back(n_outputs, mixed, path):
    X, y = mixed
    y = y * 1000.0 if not n_outputs else np.outer(y, np.arange(1, n_outputs + 1.0))
    if n_outputs == 1:
        y = y.ravel()
    model = DCNRegressor(**TINY).fit(X, y)
    assert_same(back(model, path), model, X, y)


def test_tables_of_other_kinds(path):
    """Arrays without names, polars, lists and a sparse matrix."""
    X, y = make_mixed(200)
    tags = [["a", "b", "c"][: k % 4] for k in range(len(X))]
    polars = pl.DataFrame({"city": X["device"].to_list(), "tags": tags, "visits": y})
    weights = [{"x": 2.0, 7: k} for k in range(len(X))]
    frames = [
        (X.to_numpy(dtype=object), {}),
        (polars, {"pooling": {"tags": "sum"}}),
        (csr_matrix(np.eye(len(X), 30)), {"min_frequency": 2}),
        (
            pd.DataFrame({"w": weights, "t": ["a|b", None] * 100}),
            {"multivalued_features": {"w": None, "t": "|"}, "hashing": {"t": 5}},
        ),
    ]
    for table, options in frames:
        model = DCNClassifier(**TINY, **options).fit(table, y)
        assert_same(back(model, path), model, table, y)


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["b", "a", "ü"]),
        np.array(["b", "a", "c"], dtype=object),
        np.array([3, -1, 7], dtype=np.int8),
        np.array([2, 1, 2**40]),
        np.array([1.0, 2.0, 3.0], dtype=np.float32),
        np.array([True, False, True]),
        np.array([2, 1, 3], dtype=object),
        pd.Categorical(["x", "y", "z"]),
        np.array(["2020-01-01", "2021-01-01", "2020-05-05"], "datetime64[D]"),
    ],
    ids=lambda labels: str(labels.dtype),
)
def test_labels_of_every_type(labels, path):
    X = np.arange(60.0)[:, None]
    y = labels[np.arange(60) % 3]
    model = DCNClassifier(**TINY).fit(X, y)
    loaded = back(model, path)
    assert loaded.classes_.dtype == model.classes_.dtype
    assert_array_equal(loaded.classes_, model.classes_)
    assert [*map(type, loaded.classes_.tolist())] == [
        *map(type, model.classes_.tolist())
    ]
    assert_array_equal(loaded.predict(X), model.predict(X))


def test_levels_of_every_type_come_back(path):
    cells = ["a", b"x", 7, 2.5, True, 10**30, Decimal("0.1"), Fraction(1, 3), None]
    X = pd.DataFrame({"c": cells * 10, "d": np.arange(90) % 2 > 0})
    y = np.arange(90) % 2
    model = DCNClassifier(**TINY, categorical_features=["c", "d"]).fit(X, y)
    loaded = back(model, path)
    assert_same(loaded, model, X, y)
    found = loaded.encoder_.categories[0].levels
    assert found == model.encoder_.categories[0].levels
    assert [*map(type, found)] == [*map(type, model.encoder_.categories[0].levels)]


def test_feature_names_are_checked_as_before(mixed, path):
    X, y = mixed
    loaded = back(DCNClassifier(**TINY).fit(X, y), path)
    with pytest.raises(ValueError, match="feature names should match"):
        loaded.predict(X.rename(columns={"city": "town"}))
    with pytest.raises(TypeError, match="held string cells in fit"):
        loaded.predict(X.assign(city=1))


# Going on -----------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"ema_decay": None, "optimizer": "sgd"}])
def test_partial_fit_goes_on_with_a_fresh_optimizer(options, mixed, path):
    """As the estimator itself does, once it has forgotten the optimiser's state."""
    X, y = mixed
    model = DCNClassifier(**TINY, **options)
    model.partial_fit(X, y).partial_fit(X, y)
    loaded = back(model, path)
    assert model.net_.optimizer_.state or "optimizer" in options
    model.net_.optimizer_.state.clear()
    model.partial_fit(X, y)
    loaded.partial_fit(X, y)
    assert loaded.n_iter_ == model.n_iter_ == 3
    assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    losses = [[e["train_loss"] for e in m.history_] for m in (model, loaded)]
    assert losses[0] == losses[1]


def test_warm_start_goes_on_or_says_why_not(mixed, path):
    X, y = mixed
    model = DCNClassifier(**TINY, warm_start=True).fit(X, y)
    loaded = back(model, path)
    model.net_.optimizer_.state.clear()
    assert_array_equal(
        loaded.fit(X, y).predict_proba(X), model.fit(X, y).predict_proba(X)
    )
    with pytest.raises(ValueError, match="cross must stay 'auto'"):
        loaded.set_params(cross="vector").fit(X, y)


def test_parameters_set_after_the_fit_come_back_as_they_are(mixed, path):
    """The net is that of the fit, the parameters are those of the next one."""
    X, y = mixed
    model = DCNClassifier(**TINY, callbacks=[EpochScoring("accuracy")]).fit(X, y)
    p = model.predict_proba(X)
    model.set_params(cross="vector", hidden_layer_sizes=[3], callbacks=None)
    loaded = back(model, path)
    assert_array_equal(loaded.predict_proba(X), p)
    assert loaded.cross == "vector" and loaded.hidden_layer_sizes == [3]
    assert loaded.module_.cross.kind == "matrix"


def test_compilers_are_not_looked_for(mixed, path):
    """Which would import them all, for ten seconds; found by fuzzing."""
    X, y = mixed
    model = DCNClassifier(**TINY).fit(X, y).set_params(compile="inductor")
    with mock.patch("torch.compiler.list_backends", side_effect=AssertionError):
        assert back(model, path).compile == "inductor"


def test_requests_of_metadata_come_back(mixed, path):
    X, y = mixed
    with config_context(enable_metadata_routing=True):
        model = DCNClassifier(**TINY).fit(X, y)
        model.set_fit_request(sample_weight="w").set_score_request(sample_weight=True)
        loaded = back(model, path)
        requests = loaded.get_metadata_routing()
        assert requests.fit.requests["sample_weight"] == "w"
        assert requests.score.requests == {"sample_weight": True}
        assert str(requests) == str(model.get_metadata_routing())


# What is refused ----------------------------------------------------------------------


class Marked:
    """An object that no file can hold."""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("callbacks", [EpochScoring("accuracy")]),
        ("category_encoder", TargetEncoder()),
        ("category_encoder", OrdinalEncoder()),
        ("optimizer", torch.optim.SGD),
        ("net_params", {"optimizer__lr_fn": Marked()}),
        ("hidden_layer_sizes", range(4, 5)),
        ("categorical_features", np.array(["city", Marked()], dtype=object)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_objects_are_refused_by_name(name, value, mixed, path):
    X, y = mixed
    model = DCNClassifier(**TINY).fit(X, y).set_params(**{name: value})
    with pytest.raises(TypeError, match=rf"(?s)^{name}.* holds .*joblib\.dump"):
        model.save(path)
    assert not path.exists()
    default = DCNClassifier().get_params()[name]
    assert_same(back(model.set_params(**{name: default}), path), model, X, y)


def test_a_fitted_category_encoder_is_refused(mixed, path):
    X, y = mixed
    model = DCNClassifier(**TINY, category_encoder=TargetEncoder()).fit(X, y)
    model.set_params(category_encoder=None)
    with pytest.raises(TypeError, match=r"^category_encoder holds TargetEncoder"):
        model.save(path)


def test_other_estimators_are_refused(mixed, path):
    X, y = mixed

    class Mine(DCNClassifier):
        pass

    with pytest.raises(TypeError, match=r"Mine cannot be saved.*DCNClassifier itself"):
        Mine(**TINY).fit(X, y).save(path)
    with pytest.raises(NotFittedError):
        DCNClassifier().save(path)
    model = DCNClassifier(**TINY).fit(X, y)
    model.note = "mine"
    with pytest.raises(TypeError, match="note is an attribute that DCNClassifier"):
        model.save(path)
    del model.note
    with pytest.raises(ValueError, match="cross must be one of"):
        model.set_params(cross="none").save(path)


# Devices ------------------------------------------------------------------------------


def test_a_device_that_is_not_there(mixed, path):
    """The default falls back with a warning; one that is asked for is an error."""
    X, y = mixed
    model = DCNClassifier(**TINY).fit(X, y)
    p = model.predict_proba(X)
    model.set_params(device="cuda").save(path)
    with mock.patch("torch.cuda.is_available", return_value=False):
        with pytest.warns(UserWarning, match="'cuda' is not there.*device='auto' ins"):
            loaded = load(path)
        assert loaded.device == "auto"
        assert_array_equal(loaded.predict_proba(X), p)
        loaded.partial_fit(X, y)  # goes on with the device that is there
        with pytest.raises(ValueError, match="device='cuda:1' is not there"):
            load(path, device="cuda:1")
    loaded = load(path, device=torch.device("cpu"))
    assert loaded.device == torch.device("cpu")
    assert_array_equal(loaded.predict_proba(X), p)
    loaded.partial_fit(X, y)


def test_float64_stays_off_mps(mixed, path):
    """A net in float64 is loaded on the CPU where the device would be mps."""
    X, y = mixed
    DCNClassifier(**TINY).fit(X, y).save(path)
    with mock.patch(
        "sklearn_dcn._estimator.pickling.resolve_device",
        return_value=torch.device("mps"),
    ):
        assert load(path).net_.device == "cpu"


# Steps --------------------------------------------------------------------------------


def test_transformers_come_back(mixed, path):
    X, y = mixed
    numbers, levels = X[["price", "visits"]], X[["city", "device", "is_new"]]
    steps = [
        (CategoryEncoder(hashing={"device": 3}, min_frequency=2), levels),
        (CategoryEncoder(), levels.to_numpy(dtype=object)),
        (ContinuousNormalizer(method="robust"), numbers),
        (CategoricalEmbedder(embedding_dim=2, random_state=0), X),
        (CategoricalEmbedder(estimator=DCNClassifier(**TINY)), X.to_numpy(object)),
    ]
    for step, table in steps:
        step.fit(table, y)
        loaded = back(step, path, device="cpu")
        expected = step.transform(table)
        assert_array_equal(loaded.transform(table), expected)
        nets = [vars(e).get("estimator_") for e in (step, loaded)]
        assert nets[0] is nets[1] or nets[1].device == "cpu"
        names = step.get_feature_names_out()
        assert_array_equal(loaded.get_feature_names_out(), names)
        frames = back(step.set_output(transform="pandas"), path).transform(table)
        assert [*frames.columns] == [*names]


# Writing ------------------------------------------------------------------------------


def listing(path):
    return sorted(p.name for p in path.parent.iterdir())


@pytest.mark.parametrize("call", ["os.fsync", "os.replace", "zipfile.ZipFile.open"])
def test_a_failed_write_leaves_the_old_file(call, mixed, path):
    """Whatever part of the writing fails."""
    X, y = mixed
    model = DCNClassifier(**TINY).fit(X, y)
    model.save(path)
    content = path.read_bytes()
    model.partial_fit(X, y)
    full = OSError(errno.ENOSPC, "No space left on device")
    with mock.patch(call, side_effect=full), pytest.raises(OSError, match="No space"):
        model.save(path)
    assert path.read_bytes() == content
    assert listing(path) == ["model.dcn"]
    model.save(path)
    assert load(path).n_iter_ == 3


PROCESS = """
import os, resource, signal, sys
import sklearn_dcn
model = sklearn_dcn.load(sys.argv[1])
model.learning_rate = 0.5
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4000, resource.RLIM_INFINITY))
try:
    model.save(sys.argv[1])
except OSError as error:
    print(error.strerror, os.listdir())
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
os.fsync = lambda file: os._exit(3)  # the process ends when all is written
model.save(sys.argv[1])
"""


def test_a_full_disk_or_a_crash_leaves_the_old_file(mixed, path):
    """As the system does it: files of 4 kB at most, and a process that ends."""
    X, y = mixed
    DCNClassifier(**TINY).fit(X, y).save(path)
    content = path.read_bytes()
    result = subprocess.run(
        [sys.executable, "-c", PROCESS, path.name],
        env={**os.environ, "PYTHONPATH": str(Path(sklearn_dcn.__file__).parents[1])},
        cwd=path.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stdout == "File too large ['model.dcn']\n", result.stderr
    assert result.returncode == 3
    assert len(listing(path)) == 2  # what a crash leaves has another name
    assert path.read_bytes() == content
    assert load(path).learning_rate == "auto"


def test_the_file_is_one_like_any_other(mixed, path, tmp_path):
    """It is readable as the umask says, replaces the end of a link, and is stable."""
    X, y = mixed
    model = DCNClassifier(**TINY).fit(X, y)
    link = tmp_path / "link.dcn"
    link.symlink_to(path)
    before = os.umask(0o022)
    try:
        model.save(str(link))
    finally:
        os.umask(before)
    assert link.is_symlink() and not path.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    content = path.read_bytes()
    load(path).save(path)
    assert path.read_bytes() == content
    with pytest.raises(FileNotFoundError):
        model.save(tmp_path / "none" / "model.dcn")
    with pytest.raises(IsADirectoryError):
        model.save(tmp_path)


def test_the_content_can_be_read_without_this_package(mixed, path):
    from safetensors.numpy import load as load_arrays

    X, y = mixed
    model = DCNClassifier(**TINY).fit(X, y)
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["config.json", "arrays.safetensors"]
        config = json.loads(archive.read("config.json"))
        arrays = load_arrays(archive.read("arrays.safetensors"))
    assert config["format"] == "sklearn_dcn" and config["format_version"] == 2
    assert config["versions"]["torch"] == torch.__version__
    assert [row["column"] for row in config["schema"]] == [*X.columns]
    name, fields = config["state"]["object"]
    assert name == "DCNClassifier" and fields["max_epochs"] == 2
    assert_array_equal(
        arrays["net_.weights.head.weight"], model.module_.head.weight.detach()
    )


def test_a_file_is_about_as_large_as_its_arrays(path):
    """A hundred thousand strings take their text and 8 bytes each."""
    ids = [f"user {k}" for k in range(100_000)]
    model = DCNClassifier(**TINY | {"max_epochs": 1}, embedding_dim=1, n_members=1)
    model.set_params(min_frequency=1)
    model.fit(pd.DataFrame({"id": ids}), np.arange(len(ids)) % 2)
    model.save(path)
    known = load(path).encoder_.categories[0].levels
    n_bytes = sum(map(len, known)) + len(known) * (8 + 8 + 4)  # length, count, weight
    assert n_bytes < path.stat().st_size < n_bytes + 50_000
