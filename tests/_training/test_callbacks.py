"""scikit-learn's callbacks are told of the fit and its epochs, and change nothing."""

import pickle
import warnings
from importlib.util import find_spec

import numpy as np
import pytest
from helpers.tables import make_mixed
from helpers.watching import SMALL, AtBatch
from sklearn.base import clone
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_dcn import DCNClassifier


class Monitor:
    """A callback of scikit-learn's protocol that keeps what it is told."""

    def __init__(self, stop_after=None):
        self.stop_after = stop_after
        self.events = []
        self.models = []

    def setup(self, estimator, context):
        """Begin."""
        self.events.append("setup")

    def teardown(self, estimator, context):
        """End."""
        self.events.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        """Begin a task."""
        self.events.append(f"begin {context.task_name}")

    def on_fit_task_end(self, estimator, context, *, X, y, metadata, fitted_estimator):
        """End a task."""
        self.events.append(f"end {context.task_name}")
        self.last = (X, y, metadata)
        self.models.append(fitted_estimator)
        return len(self.models) == self.stop_after


@pytest.fixture
def sklearn_callback():
    """Return the module, of scikit-learn 1.9 and later."""
    return pytest.importorskip("sklearn.callback")


@pytest.mark.usefixtures("sklearn_callback")
def test_callback_of_sklearn_is_told_of_every_epoch(mixed):
    """It gets a model as of each epoch, which later epochs leave alone."""
    X, y = mixed
    weight = np.ones(len(y))
    monitor = Monitor()
    model = DCNClassifier(**SMALL, max_epochs=3).set_callbacks(monitor)
    model.fit(X, y, sample_weight=weight, X_val=X, y_val=y)
    assert monitor.events == [
        *("setup", "begin fit"),
        *(["begin epoch", "end epoch"] * 3),
        *("end fit", "teardown"),
    ]
    *epochs, whole = monitor.models
    for k, (epoch, row) in enumerate(zip(epochs, model.history_, strict=True)):
        found = log_loss(y, epoch.predict_proba(X))
        np.testing.assert_allclose(found, row["valid_loss"], rtol=1e-9)
        assert epoch.n_iter_ == epoch.best_epoch_ == len(epoch.history_) == k + 1
    np.testing.assert_array_equal(whole.predict_proba(X), model.predict_proba(X))
    assert monitor.last[0] is X
    assert monitor.last[1] is y
    assert monitor.last[2]["sample_weight"] is weight
    loaded = pickle.loads(pickle.dumps(epochs[0]))
    np.testing.assert_array_equal(loaded.predict(X), epochs[0].predict(X))


@pytest.mark.usefixtures("sklearn_callback")
def test_callback_of_sklearn_changes_nothing(mixed):
    """Neither the fitted weights, nor what is left in the estimator."""
    X, y = mixed
    plain = DCNClassifier(**SMALL, max_epochs=3, dropout=0.2).fit(X, y)
    watched = clone(plain).set_callbacks(Monitor()).fit(X, y)
    np.testing.assert_array_equal(plain.predict_proba(X), watched.predict_proba(X))
    assert set(vars(watched)) - set(vars(plain)) == {"_skl_callbacks"}


@pytest.mark.usefixtures("sklearn_callback")
def test_callback_of_sklearn_stops_the_fit(mixed):
    """The epoch after which it asks for it is the last one, and others see it."""
    X, y = mixed
    model = DCNClassifier(**SMALL, max_epochs=9).set_callbacks(Monitor(stop_after=2))
    model.fit(X, y, X_val=X, y_val=y)
    assert model.n_iter_ == 2
    losses = [epoch["valid_loss"] for epoch in model.history_]
    assert model.best_epoch_ == 1 + int(np.argmin(losses))


@pytest.mark.usefixtures("sklearn_callback")
def test_callback_of_sklearn_is_torn_down_where_a_fit_fails(mixed):
    """And the estimator stays as it was."""
    X, y = mixed

    def fail():
        raise RuntimeError("no more")

    monitor = Monitor()
    model = DCNClassifier(**SMALL, callbacks=[AtBatch(1, fail)])
    model.set_callbacks(monitor)
    before = dict(vars(model))
    with pytest.raises(RuntimeError, match="no more"):
        model.fit(X, y)
    assert monitor.events == ["setup", "begin fit", "begin epoch", "teardown"]
    assert vars(model) == before


def test_scoring_monitor_in_a_search(mixed, sklearn_callback):
    """Every epoch of every fit is scored."""
    X, y = mixed
    monitor = sklearn_callback.ScoringMonitor(scoring="neg_log_loss")
    model = DCNClassifier(**SMALL, max_epochs=2).set_callbacks(monitor)
    GridSearchCV(model, {"cross": ["vector", "matrix"]}, cv=2).fit(X, y)
    (log,) = monitor.get_logs(select="all")
    epochs = [row for row in log.data if row["task_name"] == "epoch"]
    assert len(epochs) == 2 * (2 * 2 + 1)
    assert all(np.isfinite(row["neg_log_loss"]) for row in epochs)


def test_progress_bar_of_sklearn(mixed, sklearn_callback, capsys):
    """It shows a pipeline's fit with the estimator's in it."""
    pytest.importorskip("rich")
    X, y = mixed
    model = DCNClassifier(**SMALL, max_epochs=2)
    pipeline = make_pipeline(FunctionTransformer(), model)
    pipeline.set_callbacks(sklearn_callback.ProgressBar())
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The estimator FunctionTransformer does not")
        pipeline.fit(X, y)
    printed = capsys.readouterr().out
    assert "Pipeline - fit" in printed
    assert "100%" in printed


def test_scikit_learn_without_callbacks():
    """Before 1.9 the estimators have no such method, and fit as they do."""
    X, y = make_mixed(60)
    model = DCNClassifier(**SMALL, max_epochs=1).fit(X, y)
    assert hasattr(model, "set_callbacks") == (
        find_spec("sklearn.callback") is not None
    )
