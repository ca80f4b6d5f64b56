"""Columns of pre-trained vectors: a field of their own, wherever a table may go."""

import copy
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from helpers.ranks import results
from helpers.streams import streamed  # noqa: F401
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline

from sklearn_dcn import DCNClassifier, DCNRegressor, load, scan
from sklearn_dcn._analysis import get_layers
from sklearn_dcn.inspection import EffectDisplay, drift, explain, interaction_strengths
from sklearn_dcn.onnx import export, make_inputs
from sklearn_dcn.preprocessing import CategoricalEmbedder, make_dcn_preprocessor

N, WIDTH = 600, 12
OPTIONS = {
    "hidden_layer_sizes": (8,),
    "max_epochs": 5,
    "learning_rate": 0.01,
    "n_members": 2,
    "validation": "random",
    "dtype": "float32",
    "random_state": 0,
}


@pytest.fixture(scope="module")
def table():
    """Return a table whose vectors alone tell of the target, and the target."""
    rng = np.random.default_rng(0)
    V = rng.normal(size=(N, WIDTH)).astype(np.float32)
    V[:, 0] = 3.0  # says nothing
    z = V[:, 1:] @ rng.normal(size=WIDTH - 1)
    vectors = pd.Series([*V], dtype=object)
    vectors[::17] = None
    X = pd.DataFrame(
        {"city": rng.choice(["Bern", "Oslo"], N), "v": vectors, "x": rng.normal(size=N)}
    )
    return X, (z + rng.logistic(size=N) > 0).astype(int), V


@pytest.fixture(scope="module")
def model(table):
    X, y, _ = table
    return DCNClassifier(**OPTIONS).fit(X[:400], y[:400])


def test_what_is_linear_in_the_vectors_is_learned(table, model):
    """As well as by a linear model, whose truth it is."""
    X, y, V = table
    known = X["v"].notna().to_numpy()
    linear = LogisticRegression().fit(V[:400][known[:400]], y[:400][known[:400]])
    later = np.flatnonzero(known)[np.flatnonzero(known) >= 400]
    auc = roc_auc_score(y[later], model.predict_proba(X.iloc[later])[:, 1])
    best = roc_auc_score(y[later], linear.decision_function(V[later]))
    assert auc > 0.8
    assert auc > best - 0.03


def test_schema(model):
    title = "TableEncoder: 3 columns (1 category, 1 number, 1 vector), 4 ids"
    assert str(model.encoder_).startswith(title)
    row = model.encoder_.schema()[1]
    assert row.kind == "vector"
    assert row.options == ("width 12", "indicator")
    assert row.width == 12
    assert row.missing == pytest.approx(24 / 400)
    assert "vector, width 12, indicator" in str(model.encoder_)
    layers = {layer.name: layer for layer in get_layers(model.module_.members[0])}
    projection = layers["projection of vectors"]
    assert (projection.d_out, projection.n_parameters) == (12, 13 * 12)
    assert "projection of vectors" in model.summary()


def arrow(X, kind):
    columns = {"city": X["city"], "x": X["x"]}
    cells = [None if v is None else v.tolist() for v in X["v"]]
    columns["v"] = pa.array(cells, kind)
    return pa.table(columns).select(["city", "v", "x"])


def test_every_library_gives_the_same_fit_to_the_bit(table, model):
    X, y, _ = table
    fixed = arrow(X, pa.list_(pa.float32(), WIDTH))
    frames = [
        fixed,
        arrow(X, pa.list_(pa.float32())),
        pl.from_arrow(fixed),
        fixed.to_pandas(types_mapper=pd.ArrowDtype),
        X.assign(v=[None if v is None else v.tolist() for v in X["v"]]),
    ]
    expected = model.predict_proba(X)
    for frame in frames:
        assert_array_equal(model.predict_proba(frame), expected)
    head = pl.from_arrow(fixed).head(400)
    assert_array_equal(clone(model).fit(head, y[:400]).predict_proba(X), expected)


def test_rows_alone_and_rows_that_are_dicts(table, model):
    X, *_ = table
    expected = model.predict_proba(X[:40])
    rows = X[:40].to_dict("records")
    assert_allclose(model.predict_proba(rows), expected, rtol=1e-5)
    one = {"city": "Bern", "v": [0.5] * WIDTH, "x": 1.0}
    assert model.predict_proba(one).shape == (1, 2)
    assert_allclose(
        np.concatenate([model.predict_proba(X[k : k + 1]) for k in range(5)]),
        expected[:5],
        rtol=1e-5,
    )


@pytest.mark.parametrize("rows", [slice(0, 3), slice(0, 200)])
def test_other_widths_are_refused(table, model, rows):
    X, *_ = table
    X = X[rows].copy()
    X["v"] = [[0.5] * (WIDTH - 1)] * len(X)
    message = r"'v' holds vectors.*one of 11 in row 0, and one of 12 in fit\. Make"
    with pytest.raises(ValueError, match=message):
        model.predict(X)
    strings = X.assign(v="a")
    with pytest.raises(TypeError, match="'v' holds vectors, so a cell"):
        model.predict(strings)


def test_ragged_floats_say_what_to_do_and_leave_the_fit(table, model):
    X, y, _ = table
    prices = X.assign(v=[[0.5] * (1 + k % 3) for k in range(N)])
    before, copied = model.predict_proba(X), copy.copy(model)
    with pytest.raises(ValueError, match=r"Pad them.*multivalued_features=\['v'\]"):
        copied.fit(prices, y)
    assert_array_equal(copied.predict_proba(X), before)
    tiny = {"max_epochs": 1, "hidden_layer_sizes": (4,), "random_state": 0}
    as_levels = DCNClassifier(**tiny, multivalued_features=["v"]).fit(prices, y)
    assert as_levels.encoder_.schema()[1].kind == "list"


def test_names_and_none(table):
    X, y, _ = table
    X, y = X[:120], y[:120]
    tiny = {"max_epochs": 1, "hidden_layer_sizes": (4,), "random_state": 0}
    ids = X.assign(w=[[k % 5, k % 3] for k in range(120)])
    fitted = DCNClassifier(**tiny, vector_features=["v", "w"]).fit(ids, y)
    assert [row.kind for row in fitted.encoder_.schema()].count("vector") == 2
    off = DCNClassifier(**tiny, vector_features=None).fit(ids, y)
    assert [row.kind for row in off.encoder_.schema()].count("list") == 2
    widths = DCNClassifier(**tiny, embedding_dim={"v": 6}).fit(X, y)
    assert widths.encoder_.schema()[1].width == 6
    fixed = DCNClassifier(**tiny, embedding_dim=5).fit(X, y)
    assert fixed.encoder_.schema()[1].width == 5
    with pytest.raises(ValueError, match="pooling names 'v', which is not lists but v"):
        DCNClassifier(**tiny, pooling={"v": "sum"}).fit(X, y)
    with pytest.raises(ValueError, match="memorized_crosses names 'v', whose cells"):
        DCNClassifier(**tiny, memorized_crosses=[("v", "city")]).fit(X, y)


def test_many_vectors_share_the_width_of_x_0():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({f"v{k}": [*rng.normal(size=(40, 16))] for k in range(80)})
    tiny = {"max_epochs": 1, "hidden_layer_sizes": (4,), "random_state": 0}
    model = DCNClassifier(**tiny).fit(X, np.arange(40) % 2)
    widths = {row.width for row in model.encoder_.schema()}
    assert widths == {13}  # of 16, as 1,280 are more than 1,024


def test_files_and_pickles(table, model, tmp_path):
    X, *_ = table
    expected = model.predict_proba(X)
    model.save(tmp_path / "model.dcn")
    assert_array_equal(load(tmp_path / "model.dcn").predict_proba(X), expected)
    assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(X), expected)


def test_graphs(table, model):
    onnxruntime = pytest.importorskip("onnxruntime")
    X, *_ = table
    X = X.copy()
    X.at[3, "v"] = np.where(np.arange(WIDTH) == 2, np.nan, 0.5)  # lacks a number
    for inputs in ("columns", "matrix"):
        graph = export(model, inputs=inputs)
        session = onnxruntime.InferenceSession(graph.SerializeToString())
        shapes = {i.name: i.shape for i in session.get_inputs()}
        assert shapes["v"] == ["n", WIDTH]
        expected = model.predict_proba(X)
        for frame in (
            X,
            pl.from_pandas(X.drop(columns="v")).with_columns(
                v=pl.Series([None if v is None else v.tolist() for v in X["v"]])
            ),
            X[:5].to_dict("records"),
        ):
            _, p = session.run(None, make_inputs(session, frame))
            assert_allclose(p, expected[: len(p)], atol=2e-6)
    bad = X.assign(v=[[0.5]] * N)
    with pytest.raises(ValueError, match="one of 1 in row 0, and one of 12 in fit"):
        make_inputs(session, bad)
    infinite = make_inputs(session, X[:1])
    infinite["v"] = np.full((1, WIDTH), np.inf)
    assert np.isnan(session.run(None, infinite)[1]).all()


def test_what_moves_the_output(table, model):
    X, *_ = table
    importances = model.feature_importances_
    assert importances.argmax() == 1
    assert importances[1] > 0.8
    explanation = explain(model, X[:3], background=X[100:130])
    total = explanation.features.sum(axis=1) + explanation.pairs.sum(axis=1)
    assert_allclose(explanation.baseline + total, explanation.logit, rtol=1e-6)
    assert (explanation.features["v"].abs() > 0).all()
    drawn = explain(model, X[:2])
    assert np.isfinite(drawn.logit).all()
    assert interaction_strengths(model, X[:50]).shape == (3, 3)
    found = drift(model, X.assign(v=[None] * N))
    assert found.columns.loc["v", "missing"] == 1.0
    assert found.columns.loc["v", "missing_in_fit"] == pytest.approx(24 / 400)
    with pytest.raises(ValueError, match="'v', which holds vectors"):
        EffectDisplay.from_estimator(model, X, "v")
    with pytest.raises(ValueError, match="'v', which is a vector"):
        model.embeddings("v")


def test_later_rows(table):
    X, y, _ = table
    options = OPTIONS | {"max_epochs": 2, "new_levels": "learn"}
    model = DCNClassifier(**options).partial_fit(X[:200], y[:200], classes=[0, 1])
    center = model.encoder_.vectors[1].center.copy()
    later = X[200:400].reset_index(drop=True)
    model.partial_fit(later, y[200:400])
    assert_array_equal(model.encoder_.vectors[1].center, center)
    before = model.predict_proba(X)
    short = later.assign(v=[[0.5, 1.0]] * 200)
    with pytest.raises(ValueError, match="and one of 12 in fit"):
        model.partial_fit(short, y[200:400])
    assert_array_equal(model.predict_proba(X), before)
    warm = DCNClassifier(**OPTIONS | {"max_epochs": 2, "warm_start": True})
    first = warm.fit(X, y).history_[-1]["train_loss"]
    assert warm.fit(X, y).history_[-1]["train_loss"] < first


@pytest.mark.usefixtures("streamed")
def test_a_long_table_has_the_statistics_of_one_in_memory(table, tmp_path, monkeypatch):
    X, y, _ = table
    monkeypatch.setattr("sklearn_dcn._table.summaries.sample.SAMPLE_ROWS", 200)
    # Parquet of older releases of arrow takes no missing cells of a fixed size.
    frame = arrow(X, pa.list_(pa.float32())).append_column("y", pa.array(y))
    import pyarrow.parquet as pq

    pq.write_table(frame, tmp_path / "rows.parquet", row_group_size=100)
    options = OPTIONS | {"max_epochs": 1, "early_stopping": False}
    with monkeypatch.context() as short:
        short.setattr("sklearn_dcn._estimator.long_fit.LONG", N)
        memory = DCNClassifier(**options).fit(X, y)
    long = DCNClassifier(**options).fit(scan(tmp_path / "rows.parquet", "y"))
    one, other = (model.encoder_.vectors[1] for model in (memory, long))
    for name in ("center", "scale"):
        assert_allclose(getattr(other, name), getattr(one, name), rtol=1e-12)
    assert other.missing_share == pytest.approx(one.missing_share, rel=1e-12)
    assert (other.n, other.has_missing) == (one.n, one.has_missing)
    assert len(other.drawn) < len(one.drawn)  # of a sample, and all else of all rows
    assert long.predict_proba(X).shape == (N, 2)


def test_other_models_and_steps(table):
    X, y, _ = table
    embedder = CategoricalEmbedder(random_state=0).fit(X, y)
    dense = embedder.transform(X)
    names = embedder.get_feature_names_out().tolist()
    assert dense.shape == (N, len(names))
    assert [name for name in names if name.startswith("v_")] == [
        f"v_{k}" for k in range(4)
    ]
    tiny = {"max_epochs": 1, "hidden_layer_sizes": (4,), "random_state": 0}
    pipeline = make_pipeline(make_dcn_preprocessor(), DCNClassifier(**tiny))
    with pytest.raises(TypeError, match="'v' holds vectors, which an estimator reads"):
        pipeline.fit(X, y)


def test_regressions_of_vectors_alone():
    rng = np.random.default_rng(1)
    V = rng.normal(size=(300, 6))
    X = np.empty((300, 1), dtype=object)
    X[:, 0] = [*V]
    y = V @ rng.normal(size=6)
    options = {k: v for k, v in OPTIONS.items() if k != "n_members"}
    model = DCNRegressor(**options | {"max_epochs": 30}).fit(X, y)
    assert model.score(X, y) > 0.9
    assert_allclose(model.feature_importances_, [1.0])


@pytest.fixture(scope="module")
def with_text(table):
    """Return vectors beside words, and a constructor of an estimator for them."""
    X, y, _ = table
    words = np.random.default_rng(2).choice(["old", "new", "sea", "man"], (N, 3))
    options = OPTIONS | {"max_epochs": 1, "text_features": {"t": {"n_features": 64}}}
    return (
        X.assign(t=[" ".join(row) for row in words]),
        y,
        lambda: DCNClassifier(**options, early_stopping=False),
    )


def fit_by_two(make, *rows):
    """Return the models of two ranks."""

    def fit(world):
        model = make()
        model._fit_in(world, rows, (None, None, None), "rows")
        return model

    return results(2, fit, timeout=60.0)


def test_ranks_share_vectors_and_texts(with_text):
    X, y, make = with_text
    alone = make().fit(X, y).predict_proba(X)
    for model in fit_by_two(make, X, y, None):
        assert_allclose(model.predict_proba(X), alone, atol=1e-4)


@pytest.mark.usefixtures("streamed")
def test_ranks_add_up_vectors_and_texts(with_text, tmp_path):
    X, y, make = with_text
    filled = X.assign(v=[[0.0] * WIDTH if v is None else v for v in X["v"]])
    for part in range(2):
        rows = slice(300 * part, 300 * part + 300)
        frame = filled[rows].assign(y=y[rows]).reset_index(drop=True)
        frame.to_parquet(tmp_path / f"part-{part}.parquet")
    rows = scan(str(tmp_path / "*.parquet"), "y")
    alone = make().fit(rows)
    models = fit_by_two(make, rows, None, None)
    for model in models:
        vectors, known = model.encoder_.vectors[1], alone.encoder_.vectors[1]
        assert_allclose(vectors.center, known.center, rtol=1e-12)
        assert_allclose(vectors.scale, known.scale, rtol=1e-12)
        assert_array_equal(model.encoder_.lists[3].idf, alone.encoder_.lists[3].idf)
    assert_array_equal(*(model.predict_proba(filled) for model in models))
