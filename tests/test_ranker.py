"""The ranker: it learns the order of groups, and is an estimator as the others are."""

import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sklearn_dcn
from sklearn_dcn import DCNRanker, DCNRegressor
from sklearn_dcn._targets import RANK_LOSSES
from sklearn_dcn.distributed import Local, fit
from sklearn_dcn.inspection import drift, explain
from sklearn_dcn.metrics import group_auc_score, ndcg_at_k
from sklearn_dcn.model_selection import progressive_validate
from sklearn_dcn.preprocessing import CategoricalEmbedder

N, SIZE = 600, 10
QID = np.repeat(np.arange(N // SIZE), SIZE)
TINY = {
    **{"max_epochs": 2, "hidden_layer_sizes": (8,), "n_members": 2},
    **{"batch_size": 128, "random_state": 0},
}


def make_rows(seed=0):
    """Return rows whose order in a group is by a cross of two ids, beside its level.

    The level of a group, which column "level" tells, has nothing to do with the order.
    """
    rng = np.random.default_rng(seed)
    item, place = rng.integers(0, 6, N), rng.integers(0, 2, N // SIZE)[QID]
    level = rng.normal(size=N // SIZE)[QID]
    worth = np.where(place == 0, item, 5 - item) + 0.5 * rng.normal(size=N)
    y = np.clip(np.floor(worth / 2 + level), 0, 4)
    X = pd.DataFrame(
        {
            "item": np.char.add("i", item.astype(str)),
            "place": np.char.add("p", place.astype(str)),
            "level": level,
        }
    )
    return X, y


@pytest.fixture(scope="module")
def rows():
    return make_rows()


@pytest.fixture(scope="module")
def fitted(rows):
    """Return a ranker of whole groups by a column, with held-out ones."""
    X, y = rows
    return DCNRanker(qid="query", memorized_crosses=2, **TINY).fit(
        X.assign(query=QID), y
    )


# What is learned ----------------------------------------------------------------------


@pytest.mark.parametrize("loss", RANK_LOSSES)
def test_every_loss_learns_an_order_that_is_of_a_cross(rows, loss):
    """New groups are ranked nearly as well as by what the order is made of."""
    model = DCNRanker(
        loss=loss,
        n_members=1,
        max_epochs=12,
        batch_size=64,
        learning_rate=0.02,
        early_stopping=False,
        random_state=0,
    ).fit(*rows, qid=QID)
    X, y = make_rows(seed=1)
    found = model.score(X, y, qid=QID)
    item = X["item"].str[1].astype(int)
    best = np.where(X["place"] == "p0", item, 5 - item)
    assert found > ndcg_at_k(y, best, QID) - 0.02
    assert ndcg_at_k(y, item, QID) < found - 0.1  # without the cross
    assert group_auc_score(y > 1, model.predict(X), QID) > 0.9


def test_the_level_of_a_group_is_not_learned(rows):
    """A column of one number in each group has no gradient."""
    X, y = rows
    model = DCNRanker(
        loss="pairwise",
        structure="cross",
        n_cross_layers=0,
        numeric_embedding=None,
        early_stopping=False,
        weight_decay=0.0,
        ema_decay=None,
        dtype="float64",
        **TINY,
    )

    def weight_after(rate, column):
        table = X[["level"]].assign(level=column)
        model.set_params(learning_rate=rate).fit(table, y, qid=QID)
        return float(model.module_.members[0].head.weight.detach()[0, 0])

    start = weight_after(1e-300, X["level"])
    item = X["item"].str[1].astype(float)
    assert abs(weight_after(0.1, item) - start) > 0.5
    # Adam scales rounding up, but not to one side.
    assert abs(weight_after(0.1, X["level"]) - start) < 0.3


def test_the_same_seed_gives_the_same_bits(rows):
    one, other = (DCNRanker(**TINY).fit(*rows, qid=QID) for _ in range(2))
    assert_array_equal(one.predict(rows[0]), other.predict(rows[0]))


# An estimator -------------------------------------------------------------------------


def test_it_is_neither_classifier_nor_regressor(fitted):
    assert not is_classifier(fitted)
    assert not is_regressor(fitted)


def test_clones_pickles_and_files_predict_alike(rows, fitted, tmp_path):
    X, y = rows
    expected = fitted.predict(X)
    again = clone(fitted).fit(X.assign(query=QID), y)
    assert_array_equal(again.predict(X), expected)
    pickled = pickle.loads(pickle.dumps(fitted))
    fitted.save(tmp_path / "model.dcn")
    loaded = sklearn_dcn.load(tmp_path / "model.dcn")
    for other in (pickled, loaded):
        assert_array_equal(other.predict(X.assign(query=QID)), expected)
        assert other.get_params() == fitted.get_params()
        later = other.set_params(max_epochs=1).fit(X.assign(query=QID), y)
        assert later.n_iter_ == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [("loss", "softmax"), ("k", 5), ("truncation", 0), ("gain", None), ("k", "all")],
)
def test_files_whose_loss_is_another_are_refused(fitted, tmp_path, field, value):
    from helpers.saved_files import change

    path = tmp_path / "model.dcn"
    fitted.save(path)

    def other(tree):
        state = tree["state"]["object"][1]
        state["_target"]["object"][1][field] = value

    change(path, config=other)
    with pytest.raises(sklearn_dcn.LoadError, match=r"not what save\(\) writes"):
        sklearn_dcn.load(path)


def test_a_graph_of_onnx_has_the_scores(rows, fitted):
    pytest.importorskip("onnxruntime")
    from helpers.graphs import PARITY, run

    from sklearn_dcn.onnx import export

    X, _ = rows
    found = run(export(fitted), X[:50])
    assert list(found) == ["variable"]
    assert_allclose(found["variable"][:, 0], fitted.predict(X[:50]), **PARITY)


def test_scores_are_explained(rows, fitted):
    X, _ = rows
    found = explain(fitted, X[:3])
    total = found.baseline + found.features.sum(axis=1) + found.pairs.sum(axis=1)
    assert_allclose(found.logit, fitted.predict(X[:3]), atol=1e-4)
    assert_allclose(total, found.logit, atol=0.05)
    assert fitted.feature_importances_.sum() == pytest.approx(1)
    assert "DCNRanker" in fitted.summary()


def test_cross_validation_by_groups(rows):
    """In a pipeline, with groups by column or by metadata."""
    X, y = rows
    numbers = X.assign(item=X["item"].str[1].astype(float))[["item", "level"]]
    with sklearn.config_context(enable_metadata_routing=True):
        ranker = DCNRanker(**TINY).set_fit_request(qid=True)
        model = make_pipeline(StandardScaler(), ranker.set_score_request(qid=True))
        scores = cross_val_score(
            model, numbers, y, cv=GroupKFold(3), params={"qid": QID, "groups": QID}
        )
    assert len(scores) == 3
    table = X.assign(query=QID)
    model = DCNRanker(qid="query", **TINY)
    others = cross_val_score(model, table, y, cv=GroupKFold(3), groups=QID)
    assert ((0 < others) & (others <= 1)).all()


def test_rows_in_files_are_predicted(rows, fitted, tmp_path):
    """With or without the column of groups."""
    X, _ = rows
    expected = fitted.predict(X)
    X.assign(query=QID).to_parquet(tmp_path / "rows.parquet")
    for source in (tmp_path / "rows.parquet", sklearn_dcn.scan(X)):
        found = np.concatenate([*fitted.predict_batches(source)])
        assert_allclose(found, expected, atol=1e-6)
    out = fitted.predict_to(
        tmp_path / "rows.parquet", tmp_path / "out.parquet", columns=["query"]
    )
    written = pd.read_parquet(out)
    assert list(written) == ["query", "prediction"]
    assert_allclose(written["prediction"], expected, atol=1e-6)


# What it does not do ------------------------------------------------------------------


def test_what_it_does_not_do_is_named(rows, fitted):
    X, y = rows
    with pytest.raises(TypeError, match="A DCNRanker is fitted in one process"):
        fit(fitted, X, y, on=Local(2))
    with pytest.raises(TypeError, match="estimator must be a DCNClassifier"):
        CategoricalEmbedder(estimator=fitted).fit(X, y)
    with pytest.raises(TypeError, match="Scores of a DCNRanker have no units"):
        drift(fitted, X, y)
    with pytest.raises(TypeError, match="Scores of a DCNRanker have no units"):
        progressive_validate(fitted, X, y, time=np.arange(N) // 100)
    assert drift(fitted, X).calibration is None
    for name, remedy in (("eval_qid", "qid_val"), ("eval_group", "group_val")):
        with pytest.raises(TypeError, match=rf"no argument '{name}'\. Use .*{remedy}"):
            fitted.fit(X, y, **{name: QID})
    with pytest.raises(TypeError, match=r"Use truncation_level"):
        DCNRanker(lambdarank_truncation_level=20)


def test_parameters_are_those_of_the_regressor_and_its_own():
    """With the same defaults."""
    ours, theirs = DCNRanker().get_params(), DCNRegressor().get_params()
    of_numbers = {
        "calibrate",
        "power",
        "huber_delta",
        "quantiles",
        "exposure",
        "offset",
    }
    assert ours.keys() - theirs.keys() == {"qid", "ndcg_k", "truncation_level", "gain"}
    assert theirs.keys() - ours.keys() == of_numbers
    for name in ours.keys() & theirs.keys() - {"loss"}:
        assert ours[name] == theirs[name], name


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("loss", "log_loss", ValueError),
        ("loss", None, ValueError),
        ("ndcg_k", 0, ValueError),
        ("ndcg_k", 1.5, TypeError),
        ("truncation_level", 0, ValueError),
        ("truncation_level", None, TypeError),
        ("gain", "log", ValueError),
        ("learning_rate", -1, ValueError),
    ],
)
def test_wrong_parameters_are_named(rows, fitted, name, value, error):
    X, y = rows
    table, before = X.assign(query=QID), fitted.predict(X)
    right = getattr(fitted, name)
    with pytest.raises(error, match=rf"^{name} must be"):
        fitted.set_params(**{name: value}).fit(table, y)
    fitted.set_params(**{name: right})
    assert_array_equal(fitted.predict(X), before)
