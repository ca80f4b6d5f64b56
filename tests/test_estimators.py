"""The estimators as a user meets them: labels, units, weights, search, continuation."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import make_mixed
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_dcn import DCNClassifier, DCNRegressor


@pytest.mark.parametrize(
    "labels",
    [
        ["no", "yes"],
        [False, True],
        [5, 7],
        [-1.0, 1.0],
        np.array(["a", "b"], dtype=object),
        np.array([0, 1], dtype=object),
    ],
    ids=str,
)
def test_binary_labels(mixed, tiny, labels):
    """Whatever the labels are, the same ones come back, with the same probabilities."""
    X, y = mixed
    plain = DCNClassifier(**tiny).fit(X, y)
    model = DCNClassifier(**tiny).fit(X, np.asarray(labels)[y])
    assert model.classes_.tolist() == list(labels)
    assert_array_equal(model.predict_proba(X), plain.predict_proba(X))
    assert_array_equal(model.predict(X), np.asarray(labels)[plain.predict(X)])
    assert model.decision_function(X).shape == (len(X),)


@pytest.mark.parametrize(
    "dtype, classes",
    [
        ("boolean", [False, True]),
        ("Int64", [0, 1]),
        ("bool[pyarrow]", [False, True]),
        ("string", ["0", "1"]),
        ("category", [0, 1]),
    ],
)
def test_labels_of_pandas_types(mixed, tiny, dtype, classes):
    """Nullable, arrow-backed and categorical labels keep their type."""
    X, y = mixed
    model = DCNClassifier(**tiny).fit(X, pd.Series(y).astype(dtype))
    assert model.classes_.tolist() == classes
    assert {type(label) for label in model.classes_.tolist()} == {type(classes[0])}


def test_multiclass(mixed):
    """Three classes: softmax probabilities of a learnable target."""
    X, _ = mixed
    y = np.select([X["visits"] > 3, X["is_new"]], ["often", "new"], "rare")
    model = DCNClassifier(random_state=0, max_epochs=40).fit(X, y)
    p = model.predict_proba(X)
    assert p.shape == (300, 3)
    assert_allclose(p.sum(axis=1), 1)
    assert_allclose(np.log(p), model.predict_log_proba(X), atol=1e-12)
    assert model.classes_.tolist() == ["new", "often", "rare"]
    assert model.score(X, y) > 0.95


def test_output_starts_at_the_base_rate():
    """Before it has learned anything a network predicts the rate of the classes."""
    X, y = make_mixed()
    w = np.where(y == 1, 3.0, 1.0)
    model = DCNClassifier(random_state=0, max_epochs=1, learning_rate=1e-12)
    model.fit(X, y, sample_weight=w)
    rate = w[y == 1].sum() / w.sum()
    bias = model.module_.head.bias.item()
    assert_allclose(1 / (1 + np.exp(-bias)), rate, rtol=1e-6)


@pytest.mark.parametrize("shape", [(), (1,), (3,)], ids=["1-D", "column", "3 outputs"])
@pytest.mark.filterwarnings("ignore:A column-vector y")
def test_regression_units(shape):
    """Predictions are in the units and the shape of y; its scale changes nothing."""
    X, _ = make_mixed(200)
    y = (X["visits"] * 2.0 + X["is_new"]).to_numpy()
    y = np.stack([y * (k + 1) for k in range(shape[0])], axis=1) if shape else y
    model = DCNRegressor(random_state=0).fit(X, y)
    scaled = DCNRegressor(random_state=0).fit(X, 1e6 + 1e3 * y)
    prediction = model.predict(X)
    assert prediction.shape == (y.shape if shape != (1,) else (200,))
    assert_allclose(scaled.predict(X), 1e6 + 1e3 * prediction, rtol=1e-6)
    assert model.score(X, y) > 0.8


def test_constant_target():
    """A constant target is predicted exactly, whatever its magnitude."""
    X, _ = make_mixed(50)
    model = DCNRegressor(random_state=0, max_epochs=30).fit(X, np.full(50, 1e9))
    assert_allclose(model.predict(X), 1e9, rtol=1e-6)


@pytest.mark.parametrize("Estimator", [DCNClassifier, DCNRegressor])
def test_weights_equal_repeated_rows(Estimator):
    """Integer weights equal repeated rows in a mixed table, in every statistic."""
    X, y = make_mixed(100)
    w = np.random.default_rng(0).integers(0, 4, 100)
    options = {"random_state": 0, "category_dropout": 0.0, "batch_size": 1000}
    options |= {"min_frequency": 0.08, "dtype": "float64"}
    weighted = Estimator(**options).fit(X, y, sample_weight=w)
    repeated = Estimator(**options).fit(X.loc[X.index.repeat(w)], np.repeat(y, w))
    assert_allclose(weighted._logits(X), repeated._logits(X), rtol=1e-6, atol=1e-8)


def test_equal_weights_change_nothing(mixed, tiny):
    """Weights of one number each are as no weights (skorch#630)."""
    X, y = mixed
    plain = DCNClassifier(**tiny).fit(X, y)
    model = DCNClassifier(**tiny).fit(X, y, sample_weight=np.full(300, 2.5))
    assert_array_equal(model.predict_proba(X), plain.predict_proba(X))


def test_class_weight(mixed, tiny):
    """A dict equals sample weights; "balanced" gives the classes equal totals."""
    X, y = mixed
    by_dict = DCNClassifier(**tiny, class_weight={1: 4.0}).fit(X, y)
    by_row = DCNClassifier(**tiny).fit(X, y, sample_weight=np.where(y == 1, 4.0, 1.0))
    # The statistics of columns count rows, not classes: compare what learning does.
    assert_allclose(
        by_dict.module_.head.bias.detach(), by_row.module_.head.bias.detach(), atol=0.1
    )
    rare = np.flatnonzero(y == 1)[:20]
    rows = np.concatenate([np.flatnonzero(y == 0), rare])
    X, y = X.iloc[rows], y[rows]
    plain = DCNClassifier(**tiny).fit(X, y).predict_proba(X)[:, 1].mean()
    balanced = DCNClassifier(**tiny, class_weight="balanced").fit(X, y)
    assert balanced.predict_proba(X)[:, 1].mean() > plain + 0.2


def test_unknown_row_is_trained():
    """Levels never seen get a learned vector: near the others' mean, not random."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"id": rng.integers(0, 50, 2000).astype(str)})
    y = rng.random(2000) < 0.1
    model = DCNClassifier(random_state=0, category_dropout=0.2, max_epochs=30)
    before = DCNClassifier(random_state=0, max_epochs=1, learning_rate=1e-12).fit(X, y)
    model.fit(X, y)
    unknown = model.predict_proba(pd.DataFrame({"id": ["never seen"]}))[0, 1]
    assert 0.05 < unknown < 0.2
    members = zip(model.module_.members, before.module_.members, strict=True)
    for member, fresh in members:
        moved = member.embedding.column_weight(0) - fresh.embedding.column_weight(0)
        assert moved[0].norm() > 10 * moved[1].norm()  # row 1, missing, has no data


@pytest.mark.parametrize("Estimator", [DCNClassifier, DCNRegressor])
def test_early_stopping_keeps_the_best_weights(Estimator):
    """The kept weights have the validation loss of the best epoch in the history."""
    X, y = make_mixed(1200)
    X_val, y_val = make_mixed(400, seed=1)
    model = Estimator(random_state=0, learning_rate=0.02, max_epochs=30)
    model.set_params(n_iter_no_change=4, calibrate=False)
    model.fit(X, y, X_val=X_val, y_val=y_val)
    losses = [epoch["valid_loss"] for epoch in model.history_]
    assert model.n_iter_ == len(losses) < 30
    assert model.best_epoch_ == np.argmin(losses) + 1 == model.n_iter_ - 4
    logits = model._logits(X_val)
    if Estimator is DCNClassifier:
        p = model.predict_proba(X_val)[np.arange(400), y_val]
        loss = -np.log(p).mean()
    else:
        loss = ((logits[:, 0] - model._target.encode(y_val)[:, 0]) ** 2).mean() / 2
    assert_allclose(loss, min(losses), rtol=1e-5)


def test_max_epochs_auto():
    """10 epochs; 2 where ids are seldom seen; more in tiny tables; 50 with stopping."""
    rng = np.random.default_rng(0)

    def n_epochs(n_rows, n_levels, **options):
        X = pd.DataFrame({"id": (np.arange(n_rows) % n_levels).astype(str)})
        y = rng.random(n_rows) < 0.5
        options |= {"random_state": 0, "hidden_layer_sizes": (4,)}
        options.setdefault("early_stopping", False)
        return DCNClassifier(**options).fit(X, y).n_iter_

    assert n_epochs(4000, 10) == 10
    assert n_epochs(4000, 2100) == 2
    assert n_epochs(200, 10) == 25  # 4 steps an epoch
    assert n_epochs(200, 150) == 8
    assert n_epochs(4000, 2100, early_stopping=True, n_iter_no_change=99) == 50


def test_ids_that_tell_nothing_are_not_memorised():
    """With as many ids as rows, the default stays near the base rate on new rows."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame({c: rng.integers(0, 2000, 8000).astype(str) for c in "abc"})
    y = rng.random(8000) < 0.3
    base_rate = log_loss(y[4000:], np.full(4000, 0.3))
    for max_epochs, is_near in [("auto", True), (10, False)]:
        options = {"random_state": 0, "max_epochs": max_epochs}
        model = DCNClassifier(early_stopping=False, **options)
        p = model.fit(X[:4000], y[:4000]).predict_proba(X[4000:])
        assert (log_loss(y[4000:], p) < base_rate + 0.05) == is_near


def test_early_stopping_auto(tiny):
    """It starts at 500 rows, or with validation rows; False only records them."""
    X, y = make_mixed(500)
    tiny |= {"max_epochs": 1, "batch_size": 4096}
    assert "valid_loss" in DCNClassifier(**tiny).fit(X, y).history_[0]
    few = X.iloc[:499], y[:499]
    assert "valid_loss" not in DCNClassifier(**tiny).fit(*few).history_[0]
    watched = DCNClassifier(**tiny | {"max_epochs": 9}, early_stopping=False)
    watched.fit(X[:100], y[:100], X_val=X[100:200], y_val=y[100:200])
    assert watched.n_iter_ == watched.best_epoch_ == 9
    assert "valid_loss" in watched.history_[0]


def test_validation_rows_teach_nothing():
    """Levels and scales come from the training rows alone (DeepTab#361)."""
    X, y = make_mixed(100)
    X_val = X.assign(city="Lima", price=1e9)
    model = DCNClassifier(random_state=0, max_epochs=1)
    model.fit(X, y, X_val=X_val, y_val=y)
    plain = DCNClassifier(random_state=0, max_epochs=1).fit(X, y)
    assert model.encoder_.categories[0].levels == plain.encoder_.categories[0].levels
    assert_array_equal(model.encoder_.numbers[3].knots, plain.encoder_.numbers[3].knots)
    assert "Lima" not in model.encoder_.categories[0].levels


def test_warm_start_goes_on(mixed, tiny):
    """Two warm fits go on from the first's weights and count their epochs together."""
    X, y = mixed
    model = DCNClassifier(**tiny, warm_start=True).fit(X, y)
    first = model.history_[-1]["train_loss"]
    model.fit(X, y)
    assert model.n_iter_ == 4
    assert model.history_[-1]["train_loss"] < first
    cold = DCNClassifier(**tiny).fit(X, y).fit(X, y)
    assert cold.n_iter_ == 2


def test_warm_start_keeps_the_classes(mixed, tiny):
    """A warm fit on other classes is refused, and the model stays as it was."""
    X, y = mixed
    model = DCNClassifier(**tiny, warm_start=True).fit(X, y)
    before = model.predict_proba(X)
    with pytest.raises(ValueError, match=r"classes \[0, 1\] alone; got also \[2\]"):
        model.fit(X, np.where(y, 2, 0))
    assert_array_equal(model.predict_proba(X), before)


@pytest.mark.parametrize("change", [{"cross": "vector"}, {"optimizer": "sgd"}])
def test_warm_start_refuses_what_it_would_ignore(mixed, tiny, change):
    """A parameter built into the fitted net must stay; a training one takes effect."""
    X, y = mixed
    model = DCNClassifier(**tiny, warm_start=True).fit(X, y)
    before = model.predict_proba(X)
    model.set_params(**change)
    (name,) = change
    with pytest.raises(ValueError, match=f"{name} must stay"):
        model.fit(X, y)
    with pytest.raises(ValueError, match=f"{name} must stay"):
        model.partial_fit(X, y)
    assert_array_equal(model.predict_proba(X), before)
    # Without the average, which would go on towards the weights.
    model = DCNClassifier(**tiny, warm_start=True, ema_decay=None).fit(X, y)
    before = model.predict_proba(X)
    model.set_params(learning_rate=1e-12).fit(X, y)
    assert_allclose(model.predict_proba(X), before, atol=1e-9)


def test_balanced_needs_all_rows(mixed, tiny):
    """partial_fit can't balance classes that it has not seen, and says so."""
    X, y = mixed
    with pytest.raises(ValueError, match="class_weight='balanced' needs all rows"):
        DCNClassifier(**tiny, class_weight="balanced").partial_fit(X, y)


def test_partial_fit_learns():
    """Rows in parts reach the quality of a fit; the encoding is from the first."""
    X, y = make_mixed(4000)
    model = DCNClassifier(random_state=0, batch_size=128)
    for _ in range(5):
        for start in range(0, 4000, 1000):
            rows = slice(start, start + 1000)
            model.partial_fit(X.iloc[rows], y[rows], classes=[0, 1, 2])
    assert model.n_iter_ == 20
    assert model.predict_proba(X).shape == (4000, 3)
    whole = DCNClassifier(random_state=0).fit(X, y)
    assert model.score(X, y) > whole.score(X, y) - 0.02
    regressor = DCNRegressor(random_state=0).partial_fit(X, y).partial_fit(X, y)
    assert regressor.n_iter_ == 2


def test_partial_fit_needs_all_classes(mixed, tiny):
    """A class that the first call did not announce is refused by name."""
    X, y = mixed
    model = DCNClassifier(**tiny).partial_fit(X, y)
    with pytest.raises(ValueError, match=r"got also \[2\]"):
        model.partial_fit(X, np.where(y, 2, 0))


def test_grid_search_changes_the_network(mixed):
    """A search over structure, in a Pipeline, fits other networks (DeepTab#410)."""
    X, y = mixed
    scale = make_column_transformer(
        (StandardScaler(), ["visits"]), remainder="passthrough"
    ).set_output(transform="pandas")
    search = GridSearchCV(
        make_pipeline(scale, DCNClassifier(random_state=0)),
        {"dcnclassifier__cross": ["vector", "matrix"]},
        scoring="neg_log_loss",
        cv=2,
    ).fit(X, y)
    scores = search.cv_results_["mean_test_score"]
    assert scores[0] != scores[1]
    assert cross_val_score(search.best_estimator_, X, y, scoring="roc_auc").min() > 0.5


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


def test_one_row_equals_the_row_in_a_table(mixed, tiny):
    """Predictions do not depend on what else is predicted (DeepCTR-Torch: B2)."""
    X, y = make_mixed(257)
    for cross in ("vector", "matrix", "low_rank", "mixture", "gated"):
        model = DCNClassifier(**tiny, cross=cross, batch_size=256).fit(X, y)
        alone = np.vstack([model.predict_proba(X.iloc[[i]]) for i in range(5)])
        assert_allclose(alone, model.predict_proba(X)[:5], rtol=1e-9)


def test_ids_beyond_float_precision(tiny):
    """Ids that a float32 or a float64 would merge stay two levels (B8)."""
    ids = np.array([16_777_216, 16_777_217, 2**53, 2**53 + 1] * 100)
    y = np.array([0, 1, 0, 1] * 100)
    model = DCNClassifier(
        categorical_features=[0], random_state=0, max_epochs=60, learning_rate=0.01
    ).fit(ids.reshape(-1, 1), y)
    assert model.score(ids.reshape(-1, 1), y) == 1.0


def test_numpy_table_equals_frame(mixed, tiny):
    """An object array of the same cells gives the same model."""
    X, y = mixed
    frame = DCNClassifier(**tiny).fit(X, y)
    array = DCNClassifier(**tiny).fit(X.to_numpy(dtype=object), y)
    assert_array_equal(
        array.predict_proba(X.to_numpy(dtype=object)), frame.predict_proba(X)
    )


def test_embedding_dims_by_column(mixed, tiny):
    """A dict sets the widths of named columns; the others follow the rule."""
    X, y = mixed
    model = DCNClassifier(**tiny, embedding_dim={"city": 3}).fit(X, y)
    assert model.module_.embedding.embedding_dims == [3, 12, 12]


def test_only_categories_and_only_numbers(mixed, tiny):
    """Tables of a single kind of columns work."""
    X, y = mixed
    for columns in (["city", "device"], ["price", "visits"], ["visits"]):
        model = DCNClassifier(**tiny).fit(X[columns], y)
        assert np.isfinite(model.predict_proba(X[columns])).all()


@pytest.mark.parametrize("normalization", ["batch", "layer"])
def test_normalization_and_a_lone_last_row(tiny, normalization):
    """257 rows in batches of 256: no batch of one, which has no statistics (B2)."""
    X, y = make_mixed(257)
    model = DCNClassifier(**tiny, normalization=normalization, batch_size=256)
    assert np.isfinite(model.fit(X, y).predict_proba(X)).all()


def test_divergence_is_an_error(mixed):
    """Weights that are not finite raise, and an earlier fit stays in place."""
    X, y = mixed
    model = DCNClassifier(random_state=0, optimizer="sgd", max_epochs=3).fit(X, y)
    before = model.predict_proba(X)
    model.set_params(learning_rate=1e30, cross="gated")
    with pytest.raises(ValueError, match="learning_rate=1e\\+30"):
        model.fit(X, y)
    assert_array_equal(model.predict_proba(X), before)


def test_missing_device_is_an_error(mixed, tiny, monkeypatch):
    """A device that is not there is named; "auto" takes what is."""
    X, y = mixed
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="device='cuda:1' is not there"):
        DCNClassifier(**tiny, device="cuda:1").fit(X, y)
    model = DCNClassifier(**tiny).fit(X, y)
    expected = "mps" if torch.backends.mps.is_available() else "cpu"
    assert model.module_.head.weight.device.type == expected


def test_dtype(mixed, tiny):
    """Small tables compute in float64, larger in float32; predictions are float64."""
    X, y = make_mixed(501)
    small = DCNClassifier(**tiny).fit(X[:500], y[:500])
    large = DCNClassifier(**tiny).fit(X, y)
    assert small.module_.members[0].head.weight.dtype == torch.float64
    assert large.module_.members[0].head.weight.dtype == torch.float32
    assert large.predict_proba(X).dtype == np.float64
    forced = DCNClassifier(**tiny, dtype="float32").fit(X[:100], y[:100])
    assert forced.module_.head.weight.dtype == torch.float32


def test_verbose_prints_a_line_an_epoch(mixed, tiny, capsys):
    """verbose=2 prints a table; the default prints nothing."""
    X, y = mixed
    DCNClassifier(**tiny).fit(X, y)
    assert capsys.readouterr().out == ""
    DCNClassifier(**tiny, verbose=2).fit(X, y, X_val=X, y_val=y)
    header, _, *lines = capsys.readouterr().out.splitlines()
    assert {"epoch", "train_loss", "valid_loss", "dur"} <= set(header.split())
    assert len(lines) == 2
    assert "\x1b" not in "".join(lines)  # no colours where there is no terminal
