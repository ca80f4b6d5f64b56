"""Several tasks in one network, from the table to the file."""

import pickle

import numpy as np
import pandas as pd
import pytest
from helpers.ranks import results
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.metrics import d2_log_loss_score, d2_tweedie_score, r2_score
from sklearn.model_selection import GridSearchCV

from sklearn_dcn import (
    DCNClassifier,
    DCNMultiTask,
    DCNRegressor,
    inspection,
    load,
    scan,
)
from sklearn_dcn._world import ALONE

N = 700
RNG = np.random.default_rng(0)
X = pd.DataFrame(
    {
        "user": RNG.choice([*"abcdef"], N),
        "age": RNG.normal(size=N),
        "device": RNG.choice(["phone", "tv", None], N),
    }
)
Z = X["user"].map(dict(zip("abcdef", np.linspace(-2, 2, 6), strict=True))) + X["age"]
CLICK = (Z + RNG.logistic(size=N) > 0).astype(int)
WATCHED = np.where(CLICK == 1, 60 + 20 * X["age"] + RNG.normal(size=N), np.nan)
KIND = np.where(Z > 1, "long", np.where(Z < -1, "none", "short")).astype(object)
KIND[::9] = None
Y = pd.DataFrame(
    {
        "click": CLICK,
        "watched": WATCHED,
        "visits": RNG.poisson(np.exp(Z / 2)),
        "kind": KIND,
    }
)
LOSSES = {
    "click": "log_loss",
    "watched": "squared_error",
    "visits": "poisson",
    "kind": "log_loss",
}
TINY = {"hidden_layer_sizes": (8,), "random_state": 0, "dtype": "float64"}
TINY |= {"max_epochs": 2, "validation": "random", "n_members": 2}


@pytest.fixture(scope="module")
def model():
    longer = {"max_epochs": 25, "learning_rate": 0.02}
    return DCNMultiTask(LOSSES, **TINY | longer).fit(X, Y)


def test_what_comes_out(model):
    predicted, p = model.predict(X), model.predict_proba(X)
    assert [*predicted] == [*LOSSES]
    assert [*p] == ["click", "kind"]
    assert all(of.shape == (N,) for of in predicted.values())
    assert p["kind"].shape == (N, 3)
    assert_allclose(p["kind"].sum(axis=1), 1.0)
    labels = model.classes_["kind"]
    assert labels.tolist() == ["long", "none", "short"]
    assert_array_equal(predicted["kind"], labels[p["kind"].argmax(axis=1)])
    assert predicted["visits"].min() > 0
    assert predicted["watched"].mean() == pytest.approx(60, abs=15)  # in units of y


def test_scores_are_shares_of_what_a_constant_leaves(model):
    predicted, p = model.predict(X), model.predict_proba(X)
    known, has_kind = CLICK == 1, pd.notna(KIND)
    weight = RNG.random(N)
    expected = {
        "click": d2_log_loss_score(CLICK, p["click"], sample_weight=weight),
        "watched": r2_score(
            WATCHED[known], predicted["watched"][known], sample_weight=weight[known]
        ),
        "visits": d2_tweedie_score(
            Y["visits"], predicted["visits"], power=1, sample_weight=weight
        ),
        "kind": d2_log_loss_score(
            KIND[has_kind], p["kind"][has_kind], sample_weight=weight[has_kind]
        ),
    }
    found = model.task_scores(X, Y, weight)
    assert found == pytest.approx(expected)
    assert model.score(X, Y, weight) == pytest.approx(np.mean([*expected.values()]))
    assert min(found.values()) > 0.05


def test_weights_of_tasks():
    """All but nothing of the loss is that of the one that weighs much."""
    weights = {"click": 1e6}
    heavy = DCNMultiTask(LOSSES, task_weights=weights, **TINY).fit(X, Y)
    scores = heavy.task_scores(X, Y)
    assert heavy.score(X, Y) == pytest.approx(scores["click"], abs=1e-5)
    assert_allclose(heavy._target.weights, [1e6, 1, 1, 1])


ALONE_ = TINY | {"early_stopping": False, "memorized_crosses": None}
ALONE_ |= {"n_members": 1, "max_epochs": 5, "numeric_levels": None}


def test_one_task_is_a_classifier():
    """Adam's steps do not know the unit of a loss, but for its epsilon."""
    one = DCNMultiTask({"click": "log_loss"}, **ALONE_).fit(X, Y)
    other = DCNClassifier(**ALONE_).fit(X, CLICK)
    assert_allclose(one.predict_proba(X)["click"], other.predict_proba(X), atol=1e-4)
    assert other.predict_proba(X)[:, 1].std() > 0.01


@pytest.mark.parametrize(
    "loss",
    [
        "squared_error",
        {"loss": "huber", "huber_delta": 0.5},
        {"loss": "quantile", "quantiles": 0.8},
        "poisson",
        {"loss": "tweedie", "power": 1.3},
    ],
)
def test_one_task_is_a_regressor(loss):
    options = loss if isinstance(loss, dict) else {"loss": loss}
    one = DCNMultiTask({"visits": loss}, **ALONE_).fit(X, Y)
    other = DCNRegressor(**ALONE_, **options).fit(X, Y["visits"])
    assert_allclose(one.predict(X)["visits"], other.predict(X), atol=1e-3)
    assert other.predict(X).std() > 0.01


def test_rows_that_know_nothing_change_no_loss():
    """A task is learned from the rows that know it: others may be as they like."""
    known = np.flatnonzero(CLICK == 1)[:200]
    hidden = Y.assign(watched=np.nan)
    hidden.loc[known, "watched"] = WATCHED[known]
    model = DCNMultiTask(LOSSES, **TINY).fit(X, hidden)
    of_all = model._target.targets[1]
    assert of_all.center == pytest.approx(WATCHED[known].mean())
    assert of_all.scale == pytest.approx(WATCHED[known].std())


def test_files_and_pickles(model, tmp_path):
    expected = model.predict(X)
    model.save(tmp_path / "model.dcn")
    loaded = load(tmp_path / "model.dcn")
    for other in (loaded, pickle.loads(pickle.dumps(model))):
        for task, of in other.predict(X).items():
            assert_array_equal(of, expected[task])
    assert loaded.get_params() == model.get_params()
    assert {task: of.tolist() for task, of in loaded.classes_.items()} == {
        "click": [0, 1],
        "kind": ["long", "none", "short"],
    }
    assert clone(model).losses == LOSSES


def test_onnx(model):
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    from sklearn_dcn.onnx import export, make_inputs

    session = runtime.InferenceSession(export(model).SerializeToString())
    names = [output.name for output in session.get_outputs()]
    found = dict(zip(names, session.run(None, make_inputs(session, X)), strict=True))
    p, predicted = model.predict_proba(X), model.predict(X)
    for task in ("click", "kind"):
        assert_allclose(found[f"{task}: probabilities"], p[task], atol=1e-5)
        is_clear = np.sort(p[task], axis=1)[:, -2] < 0.499
        assert_array_equal(found[f"{task}: label"][is_clear], predicted[task][is_clear])
    for task in ("watched", "visits"):
        assert_allclose(found[f"{task}: variable"][:, 0], predicted[task], rtol=1e-4)
    assert len(names) == 6


def test_inspection(model):
    predicted, p = model.predict(X[:4]), model.predict_proba(X[:4])
    of = inspection.explain(model, X[:4], output="watched")
    assert_allclose(of.logit, predicted["watched"], rtol=1e-6)
    of = inspection.explain(model, X[:4], output="visits")
    assert_allclose(np.exp(of.logit), predicted["visits"], rtol=1e-6)
    of = inspection.explain(model, X[:4], output="click")
    assert_allclose(1 / (1 + np.exp(-of.logit)), p["click"][:, 1], rtol=1e-6)
    inspection.explain(model, X[:4], output=("kind", "long"))
    assert model.feature_importances_.argmax() < 2  # "device" tells nothing
    with pytest.raises(ValueError, match="output must say which of 6"):
        inspection.explain(model, X[:4])
    with pytest.raises(ValueError, match=r"one of the outputs \['click', 'watched'"):
        inspection.explain(model, X[:4], output="kind")


@pytest.mark.parametrize(
    ("output", "label"),
    [
        ("click", "probability of 1 of 'click'"),
        ("visits", "prediction of 'visits'"),
        (("kind", "long"), "logit of 'long' of 'kind'"),
    ],
)
def test_effect(model, output, label):
    pytest.importorskip("matplotlib").use("Agg")
    shown = inspection.EffectDisplay.from_estimator(model, X, "age", output=output)
    assert label in shown.ax_.get_ylabel()


def test_predictions_in_a_file(model, tmp_path):
    X.to_parquet(tmp_path / "rows.parquet")
    out = model.predict_to(tmp_path / "rows.parquet", tmp_path / "out.csv")
    found = pd.read_csv(out)
    assert found.columns.tolist() == [
        "probability of 0 of click",
        "probability of 1 of click",
        "prediction of watched",
        "prediction of visits",
        "probability of long of kind",
        "probability of none of kind",
        "probability of short of kind",
    ]
    assert_allclose(found["prediction of watched"], model.predict(X)["watched"])
    assert_allclose(found.iloc[:, 1], model.predict_proba(X)["click"][:, 1])


def test_scans(tmp_path, monkeypatch):
    losses = {"click": "log_loss", "visits": "poisson"}
    rows = X.assign(click=CLICK, visits=Y["visits"])
    rows.to_parquet(tmp_path / "rows.parquet")
    found = DCNMultiTask(losses, **TINY).fit(tmp_path / "rows.parquet", [*losses])
    expected = DCNMultiTask(losses, **TINY).fit(X, Y).predict(X)
    assert_array_equal(found.predict(X)["visits"], expected["visits"])
    assert found.score(tmp_path / "rows.parquet", [*losses]) == found.score(X, Y)
    monkeypatch.setattr("sklearn_dcn._estimator.scans.LONG", 500)
    table = scan(tmp_path / "rows.parquet", target=[*losses])
    with pytest.raises(ValueError, match=r"^DCNMultiTask learns rows in memory"):
        DCNMultiTask(losses, **TINY).fit(table)


def test_parts():
    model = DCNMultiTask(LOSSES, **TINY, new_levels="learn", statistics_decay=0.9)
    first = Y[:300].assign(kind=np.where(Z[:300] > 0, "long", "short"))
    with pytest.raises(ValueError, match=r"^classes must have only tasks of log loss"):
        model.partial_fit(X[:300], first, classes={"visits": [0, 1]})
    model.partial_fit(X[:300], first, classes={"kind": ["long", "none", "short"]})
    before = model.predict(X)["watched"]
    model.partial_fit(X[300:], Y[300:].assign(watched=np.nan))  # which nobody knows
    assert (model.predict(X)["watched"] != before).any()
    with pytest.raises(ValueError, match=r"y\['kind'\] must hold the classes"):
        model.partial_fit(X, Y.assign(kind="far"))


def test_going_on():
    model = DCNMultiTask(LOSSES, **TINY, warm_start=True).fit(X, Y)
    begun = model.history_[-1]["train_loss"]
    assert model.fit(X, Y).history_[-1]["train_loss"] < begun
    model.set_params(losses={"click": "log_loss"})
    with pytest.raises(ValueError, match="losses must stay"):
        model.fit(X, Y)


def test_validation_rows_and_weights():
    """The loss that stops a fit is the mean of the tasks', by their weights."""
    shares = {"click": 3.0}
    model = DCNMultiTask(LOSSES, task_weights=shares, **TINY | {"calibrate": False})
    model.fit(X, Y, np.where(CLICK, 2.0, 1.0), X_val=X[:90], y_val=Y[:90])
    last = model.history_[model.best_epoch_ - 1]
    each = [last[f"valid_loss of {task}"] for task in LOSSES]
    assert np.average(each, weights=[3, 1, 1, 1]) == pytest.approx(last["valid_loss"])
    target, logits = model._target, model._logits(X[:90])
    of = target.encode(model._check_y(Y[:90]))
    found = target.losses(logits, of, np.ones(90)) / target.units
    assert each == pytest.approx(found.tolist())


def test_the_loss_of_each_task_by_held_out_rows(model):
    for epoch in model.history_:
        each = [epoch[f"valid_loss of {task}"] for task in LOSSES]
        assert np.mean(each) == pytest.approx(epoch["valid_loss"])


def test_a_search():
    search = GridSearchCV(
        DCNMultiTask(LOSSES, **TINY | {"early_stopping": False, "max_epochs": 1}),
        {"n_cross_layers": [1, 2]},
        cv=2,
        error_score="raise",
    )
    assert np.isfinite(search.fit(X, Y).best_score_)


def test_ranks():
    """Two processes learn what one does."""
    options = TINY | {"n_members": 1, "memorized_crosses": None}
    one = DCNMultiTask(LOSSES, **options)
    one._fit_in(ALONE, (X, Y, None), (None, None, None))

    def work(world):
        model = DCNMultiTask(LOSSES, **options)
        model._fit_in(world, (X, Y, None), (None, None, None))
        return model.predict(X)["watched"]

    for found in results(2, work, timeout=60.0):
        assert_allclose(found, one.predict(X)["watched"], atol=1e-6)


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        (
            {"losses": "log_loss"},
            TypeError,
            "^losses must be a dict of a loss",
        ),
        ({"losses": {}}, ValueError, "^losses must have at least one task"),
        ({"losses": {"click": "gaussian"}}, ValueError, r"^losses\['click'\] must be"),
        ({"losses": {"click": {"power": 1.5}}}, ValueError, r"^losses\['click'\] must"),
        (
            {"losses": {"visits": {"loss": "poisson", "power": 1.5}}},
            ValueError,
            r"^losses\['visits'\] must have no parameter beside .*; got \['power'\]",
        ),
        (
            {"losses": {"visits": {"loss": "quantile", "quantiles": (0.1, 0.9)}}},
            TypeError,
            r"^losses\['visits'\]\['quantiles'\] must be",
        ),
        (
            {"losses": {"visits": {"loss": "tweedie", "power": 0.5}}},
            ValueError,
            r"^losses\['visits'\]\['power'\] must be",
        ),
        (
            {"task_weights": {"far": 1.0}},
            ValueError,
            r"^task_weights must have only tasks",
        ),
        (
            {"task_weights": {"click": 0}},
            ValueError,
            r"^task_weights\['click'\] must",
        ),
        ({"task_weights": 3.0}, TypeError, "^task_weights must be None or a dict"),
        ({"scoring": "r2"}, ValueError, "^scoring must be None or 'loss' for several"),
        ({"losses": {"far": "log_loss"}}, ValueError, "^y must have a column for each"),
        ({"losses": {"one": "log_loss"}}, ValueError, "needs at least 2 classes"),
        ({"losses": {"no": "poisson"}}, ValueError, "must be known in some rows"),
    ],
)
def test_what_is_refused(parameters, error, message):
    model = DCNMultiTask(LOSSES, **TINY).set_params(**parameters)
    with pytest.raises(error, match=message):
        model.fit(X, Y.assign(one=1, no=np.nan))
    assert not hasattr(model, "net_")


def test_names_of_rivals():
    with pytest.raises(TypeError, match=r"Use task_weights"):
        DCNMultiTask(LOSSES, loss_weights={"click": 1.0})
