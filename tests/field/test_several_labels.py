"""Several labels a row, from the table to the file, and beside other ways to them."""

import pickle

import numpy as np
import pandas as pd
import pytest
from helpers.ranks import results
from helpers.streams import streamed  # noqa: F401
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix
from scipy.special import expit
from sklearn.exceptions import DataConversionWarning
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict, cross_val_score
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline

from sklearn_dcn import DCNClassifier, inspection, load, scan
from sklearn_dcn._world import ALONE
from sklearn_dcn.model_selection import progressive_validate
from sklearn_dcn.preprocessing import make_dcn_preprocessor

N = 600
RNG = np.random.default_rng(0)
X = pd.DataFrame(
    {
        "x": RNG.normal(size=N),
        "gap": np.where(RNG.random(N) < 0.1, np.nan, RNG.normal(size=N)),
        "city": RNG.choice(["a", "b", "c"], N),
    }
)
LOGITS = np.stack(
    [
        2 * X["x"] - 1,
        3.0 * (X["city"] == "a") - 1.5,
        X["x"] * np.where(X["city"] == "b", 2, -2) - 2,
    ],
    axis=1,
)
Y = (RNG.random((N, 3)) < expit(LOGITS)).astype(int)
FRAME = pd.DataFrame(Y, columns=["warm", "near", "rare"])
TINY = {"max_epochs": 2, "hidden_layer_sizes": (4,), "random_state": 0}
TINY |= {"dtype": "float64", "validation": "random"}


@pytest.fixture(scope="module")
def model():
    longer = {"max_epochs": 12, "learning_rate": 0.02, "n_members": 2}
    return DCNClassifier(**TINY | longer).fit(X, FRAME)


@pytest.fixture(scope="module")
def p(model):
    return model.predict_proba(X)


def test_what_comes_out(model, p):
    assert p.shape == (N, 3)
    assert_allclose(p, expit(model.decision_function(X)))
    assert_allclose(np.exp(model.predict_log_proba(X)), p)
    assert_array_equal(model.predict(X), (p > 0.5).astype(int))
    assert model.label_names_.tolist() == ["warm", "near", "rare"]
    assert model.classes_.tolist() == [[0, 1]] * 3
    assert model.score(X, FRAME) == (model.predict(X) == Y).all(axis=1).mean()
    for k in range(3):
        assert roc_auc_score(Y[:, k], p[:, k]) > 0.65
    assert_allclose(p.mean(axis=0), Y.mean(axis=0), atol=0.08)


@pytest.mark.parametrize(
    "y",
    [Y, Y.tolist(), Y.astype(bool), csr_matrix(Y), FRAME.astype("boolean")],
    ids=["array", "lists", "bool", "sparse", "nullable"],
)
def test_the_same_labels_in_other_forms(y, model):
    found = DCNClassifier(**TINY | {"max_epochs": 1}).fit(X, y)
    expected = DCNClassifier(**TINY | {"max_epochs": 1}).fit(X, FRAME)
    assert_array_equal(found.predict_proba(X), expected.predict_proba(X))


def test_a_constant_label():
    y = Y.copy()
    y[:, 1] = 0
    found = DCNClassifier(**TINY).fit(X, y).predict_proba(X)
    assert (found[:, 1] < 1e-5).all()
    assert found[:, 0].std() > 0.01


def test_balanced_classes_are_as_likely():
    balanced = DCNClassifier(**TINY, class_weight="balanced").fit(X, Y)
    start = balanced._target.initial_logits(Y, np.ones(N))
    assert_allclose(start, 0.0, atol=1e-12)
    means = balanced.predict_proba(X).mean(axis=0)
    assert means[2] > Y[:, 2].mean() + 0.1  # of a rare label, as if it were not


def test_weights_of_a_list():
    weights = [{}, {}, {1: 5.0}]
    found = DCNClassifier(**TINY, class_weight=weights).fit(X, Y)
    mass = [1 - Y[:, 2].mean(), 5 * Y[:, 2].mean()]
    start = found._target.initial_logits(Y, np.ones(N))
    assert start[2] == pytest.approx(np.log(mass[1] / mass[0]))


@pytest.mark.parametrize("scoring", ["roc_auc", "average_precision", "f1_macro"])
@pytest.mark.parametrize("n_labels", [2, 3])
def test_scorers_of_scikit_learn(scoring, n_labels):
    """Two labels too, which a classifier with `classes_` 0 and 1 fails for."""
    y = Y[:, :n_labels]
    found = cross_val_score(
        DCNClassifier(**TINY | {"early_stopping": False}),
        *(X, y),
        scoring=scoring,
        cv=2,
        error_score="raise",
    )
    assert np.isfinite(found).all()
    stopped = DCNClassifier(**TINY, scoring=scoring).fit(X, y)
    assert 0 < stopped.history_[-1]["valid_score"] <= 1


def test_cross_val_predict():
    tiny = DCNClassifier(**TINY | {"early_stopping": False, "max_epochs": 1})
    found = cross_val_predict(tiny, X, Y, cv=2, method="predict_proba")
    assert found.shape == (N, 3)


def test_each_label_is_calibrated_by_itself():
    """Log-odds are T z + b of those of the same fit without, of each label its own."""
    options = TINY | {"max_epochs": 6, "learning_rate": 0.05, "n_members": 2}
    z, found = (
        DCNClassifier(**options, calibrate=calibrate).fit(X, Y).decision_function(X)
        for calibrate in (False, True)
    )
    lines = [np.polyfit(z[:, k], found[:, k], 1) for k in range(3)]
    for k, line in enumerate(lines):
        assert_allclose(found[:, k], np.polyval(line, z[:, k]), atol=1e-8)
    scales = [scale for scale, _ in lines]
    assert min(scales) > 0 and np.ptp(scales) > 0.01


def test_files_and_pickles(model, p, tmp_path):
    model.save(tmp_path / "model.dcn")
    loaded = load(tmp_path / "model.dcn")
    assert_array_equal(loaded.predict_proba(X), p)
    assert loaded.label_names_.tolist() == ["warm", "near", "rare"]
    assert_array_equal(loaded.classes_, model.classes_)
    assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(X), p)


def test_onnx(model, p):
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    from sklearn_dcn.onnx import export, make_inputs

    graph = export(model)
    session = runtime.InferenceSession(graph.SerializeToString())
    labels, found = session.run(None, make_inputs(session, X))
    assert_allclose(found, p, atol=1e-5)
    assert_array_equal(
        labels[np.abs(p - 0.5) > 1e-4], (p[np.abs(p - 0.5) > 1e-4] > 0.5)
    )
    props = {entry.key: entry.value for entry in graph.metadata_props}
    assert props["labels"] == '["warm", "near", "rare"]'


def test_inspection(model, p):
    explanation = inspection.explain(model, X[:4], output="near")
    assert_allclose(explanation.logit, model.decision_function(X[:4])[:, 1], rtol=1e-6)
    total = explanation.baseline + explanation.features.sum(axis=1)
    total = total + explanation.pairs.sum(axis=1)
    assert_allclose(total, explanation.logit, atol=0.05)
    assert model.feature_importances_.sum() == pytest.approx(1.0)
    with pytest.raises(ValueError, match="one of the outputs"):
        inspection.explain(model, X[:4], output="far")


def test_effect(model, p):
    pytest.importorskip("matplotlib").use("Agg")
    shown = inspection.EffectDisplay.from_estimator(model, X, "city", output="near")
    assert "near" in shown.ax_.get_ylabel() or "near" in str(shown.__dict__)


def test_predictions_in_a_file(model, p, tmp_path):
    X.to_parquet(tmp_path / "rows.parquet")
    out = model.predict_to(tmp_path / "rows.parquet", tmp_path / "out.csv")
    found = pd.read_csv(out)
    names = [f"probability of {name}" for name in model.label_names_]
    assert found.columns.tolist() == names
    assert_allclose(found, p)


def test_scans(tmp_path, streamed):  # noqa: F811
    """Columns of a file as labels: its blocks are learned as the frame is."""
    pd.concat([X, FRAME], axis=1).to_parquet(
        tmp_path / "rows.parquet", row_group_size=200
    )
    rows = scan(tmp_path / "rows.parquet", target=[*FRAME])
    found = DCNClassifier(**TINY, class_weight="balanced").fit(rows)
    expected = DCNClassifier(**TINY, class_weight="balanced").fit(X, FRAME)
    assert_array_equal(found.predict_proba(X), expected.predict_proba(X))
    assert found.label_names_.tolist() == [*FRAME]
    assert_allclose(found._class_weights, expected._class_weights)
    assert found.score(rows) == found.score(X, Y)


def test_parts():
    first = DCNClassifier(**TINY).partial_fit(X[:300], Y[:300])
    before = first.predict_proba(X)
    first.partial_fit(X[300:], Y[300:], classes=first.classes_)
    assert (first.predict_proba(X) != before).any()
    with pytest.raises(ValueError, match=r"^y must have 3 columns .* got 2"):
        first.partial_fit(X, Y[:, :2])
    with pytest.raises(ValueError, match=r"^y must have 3 columns .* got 1"):
        first.partial_fit(X, Y[:, 0])
    with pytest.raises(ValueError, match=r"^classes must be None, or \[0, 1\] for"):
        DCNClassifier(**TINY).partial_fit(X, Y, classes=[0, 1])


def test_going_on():
    model = DCNClassifier(**TINY, warm_start=True).fit(X, FRAME)
    begun = model.history_[-1]["train_loss"]
    assert model.fit(X, FRAME).history_[-1]["train_loss"] < begun
    with pytest.raises(ValueError, match="must have 3 columns"):
        model.fit(X, Y[:, 0])
    model.set_params(warm_start=False).fit(X, Y[:, 0])
    assert not hasattr(model, "label_names_")
    assert model.predict(X).shape == (N,)
    with pytest.raises(ValueError, match=r"must be of shape \(n,\), as in fit; got 3"):
        model.set_params(warm_start=True).fit(X, Y)


def test_ranks():
    """Two processes learn what one does."""
    options = TINY | {"n_members": 1, "memorized_crosses": None}
    one = DCNClassifier(**options)
    one._fit_in(ALONE, (X, FRAME, None), (None, None, None))

    def work(world):
        model = DCNClassifier(**options)
        model._fit_in(world, (X, FRAME, None), (None, None, None))
        return model.predict_proba(X)

    for found in results(2, work, timeout=60.0):
        assert_allclose(found, one.predict_proba(X), atol=1e-9)


def test_day_by_day():
    days = np.repeat(pd.date_range("2024-01-01", periods=3).to_numpy(), N // 3)
    table = progressive_validate(DCNClassifier(**TINY), X, Y, time=days, n_initial=2)
    assert 0.3 < table["log_loss"].iloc[0] < 0.8
    assert 0.3 < table["roc_auc"].iloc[0] < 1
    assert 0.5 < table["calibration"].iloc[0] < 2


@pytest.mark.parametrize(
    ("parameters", "y", "message"),
    [
        ({"negative_sampling": 0.5}, Y, "is for one label.*Set it to None"),
        ({"class_weight": {1: 2.0}}, Y, "list with a dict for each of the 3 labels"),
        ({"class_weight": [{1: 2.0}]}, Y, "list with a dict for each of the 3 labels"),
        (
            {"class_weight": [{2: 1}, {}, {}]},
            Y,
            r"class_weight\[0\] must have",
        ),
        ({"class_weight": [{1: -1}, {}, {}]}, Y, r"class_weight\[0\]\[1\] must be"),
        ({"class_weight": [{}, {}]}, Y[:, 0], "only if y has several labels"),
        ({}, Y + 1, "DCNMultiTask"),
        ({}, [["a"], ["b", "c"]] * (N // 2), "MultiLabelBinarizer"),
    ],
)
def test_what_is_refused(parameters, y, message):
    model = DCNClassifier(**TINY, **parameters)
    with pytest.raises(ValueError, match=message):
        model.fit(X, y)
    assert not hasattr(model, "net_") and not hasattr(model, "classes_")


def test_other_ways_to_several_labels():
    tiny = TINY | {"max_epochs": 1, "early_stopping": False}
    model = MultiOutputClassifier(DCNClassifier(**tiny)).fit(X, Y)
    assert model.predict(X).shape == (N, 3)
    model = ClassifierChain(DCNClassifier(**tiny)).fit(X[["x"]], Y)
    assert model.predict(X[["x"]]).shape == (N, 3)


def test_one_column():
    """One column of labels is a warning, as everywhere in scikit-learn."""
    with pytest.warns(DataConversionWarning):
        DCNClassifier(**TINY).fit(X, Y[:, :1])


def test_union():
    """Frames carry what is a category through a union."""
    steps = [("a", make_dcn_preprocessor()), ("b", make_dcn_preprocessor())]
    union = FeatureUnion(steps).set_output(transform="pandas")
    model = make_pipeline(union, DCNClassifier(**TINY)).fit(X, Y[:, 0])
    assert len(model[-1].encoder_.categories) == 2
