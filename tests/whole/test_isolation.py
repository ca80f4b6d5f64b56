"""A fit leaves no trace, and depends on nothing but its arguments and its seed."""

import hashlib
import random
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pytest
import torch
from category_encoders import TargetEncoder
from helpers.options import NOISY
from helpers.paths import TESTS
from helpers.processes import print_elsewhere
from helpers.tables import make_mixed
from numpy.testing import assert_array_equal
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback

from sklearn_dcn import DCNClassifier, DCNRegressor

SLOW = pytest.mark.slow  # starts processes


def state():
    """Return the process-wide settings that a fit could touch."""
    return (
        torch.get_rng_state().tolist(),
        [part.tolist() if isinstance(part, np.ndarray) else part
         for part in np.random.get_state()],
        random.getstate(),
        torch.get_num_threads(),
        torch.get_default_dtype(),
        torch.is_grad_enabled(),
        torch.is_autocast_enabled("cpu"),
        torch.is_inference_mode_enabled(),
        torch.are_deterministic_algorithms_enabled(),
        np.geterr(),
        warnings.filters[:],
    )  # fmt: skip


class Failing(Callback):
    """A callback that raises in the second epoch."""

    def on_epoch_end(self, net, **kwargs):
        """Raise."""
        if len(net.history) == 2:
            raise RuntimeError("stop here")


@pytest.mark.parametrize("Estimator", [DCNClassifier, DCNRegressor])
@pytest.mark.parametrize("random_state", [0, None])
def test_no_trace(Estimator, random_state):
    """Random states, threads, dtype, grad mode and warning filters stay the same."""
    X, y = make_mixed()
    before = state()
    model = Estimator(**NOISY, random_state=random_state, n_jobs=1).fit(X, y)
    model.predict(X)
    Estimator(**NOISY | {"early_stopping": False}).partial_fit(X, y)
    assert state() == before


@pytest.mark.parametrize("where", ["parameter", "table", "training", "divergence"])
def test_no_trace_of_a_failure(where):
    """So they do when the fit fails, early or late; and the estimator stays too."""
    X, y = make_mixed()
    n_threads = threading.active_count()
    torch.set_num_threads(2)
    try:
        before = state()
        model = DCNClassifier(**NOISY, n_jobs=1, random_state=0).fit(X, y)
        fitted = dict(vars(model))
        p = model.predict_proba(X)
        if where == "parameter":
            model.set_params(dropout=2.0)
        elif where == "table":
            X = X.assign(price=np.inf)
        elif where == "divergence":
            model.set_params(optimizer="sgd", learning_rate=1e200)
        else:
            model.set_params(callbacks=[Failing()])
        with pytest.raises((ValueError, RuntimeError)):
            model.fit(X, y)
        assert state() == before
        unchanged = {k: v for k, v in vars(model).items() if k.endswith("_")}
        assert all(unchanged[k] is fitted[k] for k in unchanged)
        model.set_params(dropout=0.3, callbacks=None)
        assert threading.active_count() == n_threads
        assert_array_equal(model.predict_proba(make_mixed()[0]), p)
    finally:
        torch.set_num_threads(1)


def fit_noisy(seed):
    """Return the predictions of a seeded fit with every kind of randomness."""
    X, y = make_mixed()
    return DCNClassifier(**NOISY, random_state=seed).fit(X, y).predict_proba(X)


def test_same_seed_same_bits():
    """Repeats are bit-identical, whatever the random state or dtype of the caller."""
    first = fit_noisy(0)
    torch.manual_seed(123)
    np.random.seed(123)
    torch.set_default_dtype(torch.float64)
    try:
        with torch.no_grad():
            again = fit_noisy(0)
    finally:
        torch.set_default_dtype(torch.float32)
    assert_array_equal(first, again)
    assert not np.array_equal(first, fit_noisy(1))


def test_refit_equals_a_fresh_fit():
    """A second fit of one object does not remember the first."""
    X, y = make_mixed()
    model = DCNClassifier(**NOISY, random_state=0)
    first = model.fit(X, y).predict_proba(X)
    model.fit(X.iloc[:100], y[:100])
    assert_array_equal(model.fit(X, y).predict_proba(X), first)


def test_threads_equal_sequential():
    """Four fits at once equal the same four in turn, dropout included."""
    sequential = [fit_noisy(seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        concurrent = list(pool.map(fit_noisy, range(4)))
    assert_array_equal(sequential, concurrent)


def test_threads_leave_no_trace():
    """Fits at once restore what is of the process, as filters of warnings, too."""
    X, y = make_mixed(1200)  # enough for crosses, which hide warnings of their own
    options = {"max_epochs": 1, "memorized_crosses": 2, "n_jobs": 1, "random_state": 0}

    def fit(_):
        model = DCNClassifier(**options, category_encoder=TargetEncoder(cols=["city"]))
        return model.fit(X, y).predict_proba(X)

    before = state()
    with ThreadPoolExecutor(4) as pool:
        concurrent = list(pool.map(fit, range(4)))
    assert state() == before
    assert_array_equal(concurrent, [fit(0)] * 4)


def test_processes_are_equal():
    """Another process, with another seed of Python's hashes, computes the same bits."""
    X, y = make_mixed(1200)
    options = NOISY | {"memorized_crosses": 2, "random_state": 0, "n_jobs": 1}
    expected = DCNClassifier(**options).fit(X, y).predict_proba(X)
    printed = print_elsewhere(
        "import hashlib, sys\n"
        f"sys.path.insert(0, {str(TESTS)!r})\n"
        "from helpers.tables import make_mixed\n"
        "from sklearn_dcn import DCNClassifier\n"
        "X, y = make_mixed(1200)\n"
        f"p = DCNClassifier(**{options!r}).fit(X, y).predict_proba(X)\n"
        "print(hashlib.sha256(p.tobytes()).hexdigest())"
    )
    assert printed.strip() == hashlib.sha256(expected.tobytes()).hexdigest()


@pytest.mark.parametrize("backend", ["threading", pytest.param("loky", marks=SLOW)])
def test_searches_are_equal(backend):
    """A search over two workers has the scores and the model of one worker."""
    X, y = make_mixed()
    grid = {"dropout": [0.0, 0.3], "random_state": [0, 1]}
    model = DCNClassifier(**NOISY, n_jobs=1)
    searches = []
    for n_jobs in (1, 2):
        search = GridSearchCV(model, grid, cv=2, n_jobs=n_jobs, scoring="neg_log_loss")
        with joblib.parallel_backend(backend, n_jobs=n_jobs):
            searches.append(search.fit(X, y))
    one, two = searches
    for key in ("split0_test_score", "split1_test_score"):
        assert_array_equal(one.cv_results_[key], two.cv_results_[key])
    assert_array_equal(one.predict_proba(X), two.predict_proba(X))


def test_autocast_of_the_caller_has_no_effect():
    """Predictions inside the caller's autocast are those outside."""
    X, y = make_mixed()
    model = DCNClassifier(**NOISY, random_state=0, dtype="float32").fit(X, y)
    outside = model.predict_proba(X)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = model.predict_proba(X)
        again = DCNClassifier(**NOISY, random_state=0, dtype="float32").fit(X, y)
    assert_array_equal(inside, outside)
    assert_array_equal(again.predict_proba(X), outside)


def test_parameters_are_not_changed():
    """A fit changes no parameter, and no argument."""
    X, y = make_mixed()
    w = np.linspace(0, 1, len(y))
    copies = X.copy(), y.copy(), w.copy()
    model = DCNClassifier(**NOISY)
    before = model.get_params()
    model.fit(X, y, sample_weight=w)
    assert model.get_params() == before
    assert X.equals(copies[0])
    assert_array_equal(y, copies[1])
    assert_array_equal(w, copies[2])
