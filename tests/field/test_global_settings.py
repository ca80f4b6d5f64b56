"""Settings of the caller's process change no bit of a fit and its predictions."""

import contextlib
import hashlib
import os
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
import torch
from sklearn.utils.fixes import parse_version

from sklearn_dcn import DCNClassifier, DCNRegressor, load
from sklearn_dcn.inspection import explain, interaction_strengths


@contextlib.contextmanager
def setting(set_to, get, value):
    """Set what torch has no context for."""
    before = get()
    set_to(value)
    try:
        yield
    finally:
        set_to(before)


@contextlib.contextmanager
def pandas_option(name, value):
    """Set an option, if pandas has it, whatever it says of it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            before = {name: pd.get_option(name)}
            pd.set_option(name, value)
        except (KeyError, ImportError):  # this release cannot be set so
            before = {}
    try:
        yield
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for option, was in before.items():
                pd.set_option(option, was)


def string_cache():
    """Return polars' cache, if polars has it."""
    pl = pytest.importorskip("polars")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pl.StringCache()


def on(**options):
    """Return a maker of scikit-learn's context."""
    return lambda: sklearn.config_context(**options)


def option(name, value):
    """Return a maker of pandas' context."""
    return lambda: pandas_option(name, value)


def dtype(value):
    """Return a maker of the context of a default dtype."""
    return lambda: setting(torch.set_default_dtype, torch.get_default_dtype, value)


SETTINGS = {
    "pandas comes out": on(transform_output="pandas"),
    "polars comes out": on(transform_output="polars"),
    "assume_finite": on(assume_finite=True),
    "routing": on(enable_metadata_routing=True),
    "working_memory": on(working_memory=1),
    "display": on(display="text", print_changed_only=False),
    "infer_string": option("future.infer_string", True),
    "no infer_string": option("future.infer_string", False),
    "copy_on_write": option("mode.copy_on_write", True),
    "no copy_on_write": option("mode.copy_on_write", False),
    "use_inf_as_na": option("mode.use_inf_as_na", True),
    "chained_assignment": option("mode.chained_assignment", "raise"),
    "string_storage": option("mode.string_storage", "python"),
    "max_columns": option("display.max_columns", 1),
    "float_format": option("display.float_format", "{:.1f}".format),
    "numpy raises": lambda: np.errstate(all="raise"),
    "numpy prints": lambda: np.printoptions(precision=1, threshold=2, suppress=True),
    "string cache": string_cache,
    "float64": dtype(torch.float64),
    "bfloat16": dtype(torch.bfloat16),
    "default device": lambda: torch.device("meta"),
    "no gradients": torch.no_grad,
    "inference mode": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "deterministic": lambda: setting(
        torch.use_deterministic_algorithms,
        torch.are_deterministic_algorithms_enabled,
        True,
    ),
    "anomalies": lambda: torch.autograd.set_detect_anomaly(True),
    "precision": lambda: setting(
        torch.set_float32_matmul_precision,
        torch.get_float32_matmul_precision,
        "medium",
    ),
}


def make_table(n=600):
    """Return a frame of several dtypes, and labels."""
    rng = np.random.default_rng(0)
    a = np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n))
    X = pd.DataFrame(
        {
            "a": a,
            "count": rng.integers(0, 30, n),
            "city": rng.choice(list("abcd"), n),
            "kind": pd.Categorical(rng.choice(["x", "y"], n)),
        }
    )
    y = np.where(rng.random(n) < 0.3 + 0.4 * (X["city"] == "a"), "yes", "no")
    return X, y


def digest(path):
    """Return a hash of all that comes of fits, of loaded ones and of explanations."""
    X, y = make_table()
    numbers = []
    options = {"random_state": 0, "max_epochs": 1, "hidden_layer_sizes": (8,)}
    options |= {"n_members": 2, "memorized_crosses": 1}
    for model, target in (
        (DCNClassifier(**options, scoring="roc_auc"), y),
        (DCNRegressor(**options), (y == "yes") * 2.0 + X["a"].fillna(0)),
    ):
        model.fit(X, target)
        model.save(path)
        for each in (model, load(path)):
            numbers.append(np.asarray(each.predict(X)).astype(str))
            numbers.append(each._logits(X))
        numbers.append(model.feature_importances_)
        numbers.append([model.history_[0][k] for k in ("train_loss", "valid_loss")])
        explained = explain(model, X.iloc[:2], background=X.iloc[:20])
        numbers += [explained.logit, explained.pairs.to_numpy()]
        for method in ("contribution", "weight"):
            strengths = interaction_strengths(model, X.iloc[:40], method=method)
            numbers.append(np.asarray(strengths, dtype=float))
        numbers.append(model.partial_fit(X, target).predict(X).astype(str))
        assert model.summary() and repr(model.encoder_)
    found = hashlib.blake2b()
    for value in numbers:
        found.update(np.ascontiguousarray(value).astype("S32").tobytes())
    return found.hexdigest()


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """Return the hash without any setting."""
    return digest(tmp_path_factory.mktemp("plain") / "model.dcn")


@pytest.mark.parametrize("name", SETTINGS)
def test_setting_changes_nothing(name, plain, tmp_path):
    """All of it computes, to the same bits.

    But where the caller has asked for products in bfloat16, of a processor that has
    them: there it computes.
    """
    context = SETTINGS[name]()
    a = torch.randn(256, 256, generator=torch.Generator().manual_seed(0))
    product = a @ a
    with context:
        found = digest(tmp_path / "model.dcn")
        has_other_products = name == "precision" and not torch.equal(a @ a, product)
    assert found == plain or has_other_products


@pytest.mark.parametrize(
    "code",
    [
        "import sklearn; sklearn.set_config(array_api_dispatch=True)",
        "import torch; torch.set_default_device('meta')",
        "import torch; torch.set_grad_enabled(False)",
        "import numpy; numpy.seterr(all='raise')",
    ],
)
def test_setting_of_a_process(code, plain, tmp_path):
    """Set once at the start, as programs do; warnings are errors."""
    if "array_api" in code and parse_version(sklearn.__version__) < parse_version(
        "1.7"
    ):
        pytest.importorskip("array_api_compat")  # which later ones bring along
    here = os.path.dirname(__file__)
    program = (
        f"import sys; sys.path.insert(0, {here!r})\n{code}\n"
        "import torch; torch.set_num_threads(1)\n"
        "import test_global_settings as t\n"
        f"print(t.digest({str(tmp_path / 'model.dcn')!r}))"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "SCIPY_ARRAY_API": "1"},
        capture_output=True,
        text=True,
    )
    assert result.stdout.strip() == plain, result.stderr
