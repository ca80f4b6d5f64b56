"""A scorer judges the held-out rows after each epoch, for callbacks and `scoring`."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import get_scorer, make_scorer, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from skorch.callbacks import BatchScoring, EpochScoring

from sklearn_dcn import DCNClassifier, DCNRegressor, load

SMALL = {"hidden_layer_sizes": (8,), "max_epochs": 2, "random_state": 0}


def make_table(n=600, seed=0):
    """Return a frame, and targets: two classes, three, and numbers."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({"a": rng.normal(size=n), "city": rng.choice(list("xyz"), n)})
    z = X["a"].to_numpy() + (X["city"] == "x") + rng.normal(size=n)
    two = np.where(z > 0.3, "yes", "no")
    return X, two, np.digitize(z, [0, 1]) * 5, z * 1000


@pytest.fixture(scope="module")
def table():
    """Return a table and its targets."""
    return make_table()


def share_right(net, X, y):
    """Score as a user's function may."""
    return float(np.mean(net.predict(X) == y))


# Callbacks of skorch ------------------------------------------------------------------


@pytest.mark.parametrize("n_members", [1, 3])
@pytest.mark.parametrize("caching", [True, False])
def test_callbacks_score_validation_rows(table, n_members, caching):
    """They see labels and units of y, and scores that predictions confirm."""
    X, two, three, z = table
    X_val, two_val, three_val, z_val = make_table(300, seed=1)
    for cls, y, y_val, scoring in [
        (DCNClassifier, two, two_val, "roc_auc"),
        (DCNClassifier, two, two_val, share_right),
        (DCNClassifier, three, three_val, "roc_auc_ovr"),
        (DCNRegressor, z, z_val, "r2"),
    ]:
        score = EpochScoring(
            scoring, lower_is_better=False, use_caching=caching, name="score"
        )
        model = cls(
            **SMALL | {"max_epochs": 1},
            n_members=n_members,
            calibrate=False,
            callbacks=[score],
        )
        model.fit(X, y, X_val=X_val, y_val=y_val)
        (epoch,) = model.history_
        assert epoch["score_best"]
        scorer = get_scorer(scoring) if isinstance(scoring, str) else scoring
        expected = scorer(model, X_val, y_val)
        assert epoch["score"] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("caching", [True, False])
def test_callbacks_score_held_out_rows_by_their_holders(table, caching):
    """Of one network the loss is the log loss; of several it is close to that."""
    X, two, _, _ = table
    for n_members in (1, 4):
        callbacks = [
            EpochScoring("neg_log_loss", use_caching=caching, name="held_out"),
            EpochScoring(
                "neg_log_loss", use_caching=caching, name="trained", on_train=True
            ),
            BatchScoring("accuracy", name="of batches"),
        ]
        model = DCNClassifier(
            **SMALL, n_members=n_members, early_stopping=True, callbacks=callbacks
        ).fit(X, two)
        for epoch in model.history_:
            tolerance = 1e-6 if n_members == 1 else 0.05
            assert -epoch["held_out"] == pytest.approx(
                epoch["valid_loss"], abs=tolerance
            )
            assert 0 < -epoch["trained"] < 1
            assert 0.3 < epoch["of batches"] <= 1


# scoring ------------------------------------------------------------------------------


@pytest.mark.parametrize("n_members", [1, 3])
def test_score_is_that_of_the_kept_epoch(table, n_members):
    """`best_epoch_` has the best score, and predictions of it have that score."""
    X, two, _, _ = table
    X_val, two_val, _, _ = make_table(300, seed=1)
    model = DCNClassifier(
        **SMALL | {"max_epochs": 6},
        n_members=n_members,
        learning_rate=0.05,
        scoring="roc_auc",
        calibrate=False,
    ).fit(X, two, X_val=X_val, y_val=two_val)
    scores = [epoch["valid_score"] for epoch in model.history_]
    assert model.best_epoch_ == 1 + int(np.argmax(scores))
    found = roc_auc_score(two_val, model.predict_proba(X_val)[:, 1])
    assert found == pytest.approx(max(scores), abs=1e-9)


def test_score_of_held_out_rows(table):
    """A callable sees the caller's rows, each once, in the caller's terms."""
    X, _, three, z = table
    seen = []

    def rows(estimator, X, y):
        seen.append((X, y, estimator.predict(X), estimator.predict(X.iloc[:5])))
        return len(seen)

    model = DCNClassifier(**SMALL, n_members=3, early_stopping=True, scoring=rows)
    model.fit(X, three)
    assert [epoch["valid_score"] for epoch in model.history_] == [1, 2]
    rows_of, y, labels, some = seen[0]
    assert rows_of.index.is_unique and 60 < len(rows_of) < 180
    np.testing.assert_array_equal(y, three[rows_of.index])
    assert set(labels) <= {0, 5, 10} and len(some) == 5
    regressor = DCNRegressor(**SMALL, scoring="neg_mean_absolute_error").fit(X, z)
    assert 100 < -regressor.history_[-1]["valid_score"] < 3000


def test_holders_alone_judge(table):
    """Of random labels: who trained on a row knows it, who holds it does not."""
    X = pd.DataFrame({"id": np.arange(600).astype(str)})
    y = np.random.default_rng(0).integers(0, 2, 600)
    model = DCNClassifier(
        **SMALL | {"max_epochs": 10},
        learning_rate=0.05,
        n_members=4,
        memorized_crosses=None,
        early_stopping=True,
        n_iter_no_change=10,
        min_frequency=1,
        scoring="roc_auc",
    ).fit(X, y)
    assert roc_auc_score(y, model.predict_proba(X)[:, 1]) > 0.55
    assert all(0.4 < epoch["valid_score"] < 0.6 for epoch in model.history_)


def test_stops_by_the_score(table):
    """A score that falls ends the fit, however the loss goes on; `tol` counts."""
    X, two, _, _ = table
    scores = iter([0.5, 0.6, 0.605, 0.4, 0.7])
    model = DCNClassifier(
        **SMALL | {"max_epochs": 5},
        early_stopping=True,
        tol=0.01,
        scoring=lambda estimator, X, y: next(scores),
    ).fit(X, two)
    assert (model.best_epoch_, model.n_iter_) == (2, 4)
    assert "valid_score" in model.history_[0]
    assert "validation score" in model.summary()


def test_default_and_loss_are_the_same_bits(table):
    """`scoring` changes no loss, but the order of its sum; "loss" is the default."""
    X, two, _, _ = table
    models = [
        DCNClassifier(**SMALL, scoring=scoring, n_iter_no_change=9).fit(X, two)
        for scoring in (None, "loss", "accuracy")
    ]
    assert "valid_score" not in models[0].history_[0]
    losses = [[epoch["valid_loss"] for epoch in m.history_] for m in models]
    assert losses[0] == losses[1]
    np.testing.assert_allclose(losses[2], losses[0], rtol=1e-6)
    np.testing.assert_array_equal(*(m.predict_proba(X) for m in models[:2]))


def test_weights_reach_the_scorer(table):
    """As far as it takes them."""
    X, two, _, _ = table
    weight = np.random.default_rng(0).integers(1, 5, len(X))
    one = DCNClassifier(**SMALL, scoring="roc_auc", calibrate=False)
    one.fit(X, two, X_val=X, y_val=two, sample_weight_val=weight)
    p = one.predict_proba(X)[:, 1]
    expected = roc_auc_score(two, p, sample_weight=weight)
    best = one.history_[one.best_epoch_ - 1]
    assert best["valid_score"] == pytest.approx(expected, abs=1e-9)
    DCNRegressor(**SMALL, scoring="neg_max_error", early_stopping=True).fit(
        X, X["a"], sample_weight=weight
    )


def test_in_a_pipeline_and_of_other_tables(table):
    """Rows are of the library that `fit` was given; a scorer object is fine as well."""
    pl = pytest.importorskip("polars")
    X, two, _, _ = table
    scorer = make_scorer(roc_auc_score, response_method="decision_function")
    model = DCNClassifier(**SMALL, early_stopping=True, scoring=scorer)
    frames = [X, pl.DataFrame(X.to_dict("list"))]
    scores = [model.fit(frame, two).history_[-1]["valid_score"] for frame in frames]
    assert scores[0] == scores[1]
    pipe = make_pipeline(FunctionTransformer(), model).fit(X, two)
    assert pipe[-1].history_[-1]["valid_score"] == scores[0]


@pytest.mark.parametrize(
    ("scoring", "match"),
    [
        ("roc_acu", r"scoring must be .* got 'roc_acu', which is close to 'roc_auc'"),
        (roc_auc_score, "scoring must be .* metric function rather than a scorer"),
        (["roc_auc"], r"scoring must be .* got \['roc_auc'\]"),
        (3, "scoring must be .* got 3"),
        (lambda estimator, X, y: np.nan, "must give a finite number; got nan for the"),
        (lambda estimator, X, y: "high", "must give a finite number; got 'high' for"),
    ],
)
def test_bad_scoring_is_named(table, scoring, match):
    """And leaves the estimator as it was."""
    X, two, _, _ = table
    model = DCNClassifier(**SMALL, early_stopping=True, scoring=scoring)
    with pytest.raises(ValueError, match=match):
        model.fit(X, two)
    assert not hasattr(model, "net_")


def test_error_of_a_scorer_says_where(table):
    """It is that of the scorer, with a note."""
    X, _, three, _ = table
    model = DCNClassifier(**SMALL, early_stopping=True, scoring="roc_auc")
    with pytest.raises(ValueError, match="multi_class") as caught:
        model.fit(X, three)
    assert "scoring='roc_auc'" in caught.value.__notes__[0]


@pytest.mark.filterwarnings("ignore")  # scikit-learn says that it is undefined
def test_one_class_to_validate(table):
    """An AUC that is not defined is no reason to keep some epoch."""
    X, two, _, _ = table
    one = two == "yes"
    model = DCNClassifier(**SMALL, scoring="roc_auc")
    with pytest.raises(ValueError, match="finite number"):
        model.fit(X, two, X_val=X[one], y_val=two[one])


def test_files_and_pickles(table, tmp_path):
    """A name is saved; a function is refused; states of before have the default."""
    X, two, _, _ = table
    model = DCNClassifier(**SMALL, early_stopping=True, scoring="roc_auc").fit(X, two)
    path = tmp_path / "model.dcn"
    model.save(path)
    assert load(path).scoring == "roc_auc"
    model.set_params(scoring=share_right)
    assert pickle.loads(pickle.dumps(model)).scoring is share_right
    with pytest.raises(TypeError, match="scoring"):
        model.save(path)
    state = model.__getstate__()
    del state["scoring"], state["_params_in_fit"]["scoring"]
    before = DCNClassifier.__new__(DCNClassifier)
    before.__setstate__(state)
    assert before.scoring is None
    np.testing.assert_array_equal(before.predict(X), model.predict(X))


def test_progress_shows_the_score(table, capsys):
    """Beside the losses, and of the epoch that is kept."""
    X, two, _, _ = table
    scores = iter([0.9, 0.8])
    DCNClassifier(
        **SMALL,
        early_stopping=True,
        verbose=1,
        scoring=lambda estimator, X, y: next(scores),
    ).fit(X, two)
    first, _, last = capsys.readouterr().out.splitlines()
    assert "  score 0.9000  " in first
    assert last.endswith("best epoch 1 (score 0.9000)")
