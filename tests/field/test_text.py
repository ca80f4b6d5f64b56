"""Columns of text: found and warned of, and read as words where they are named."""

import pickle
import uuid
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from helpers.streams import streamed  # noqa: F401
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline

from sklearn_dcn import DCNClassifier, load, scan
from sklearn_dcn._table.categories.free_text import are_texts
from sklearn_dcn.inspection import EffectDisplay, drift, explain
from sklearn_dcn.onnx import export

N, N_TRAIN = 900, 600
GOOD, BAD = "fine great lovely superb".split(), "awful broken poor sad".split()
FILL = [f"{a}{b}{c}" for a in "bdfgkl" for b in "aeiou" for c in "mnrst"]
TINY = {"max_epochs": 1, "hidden_layer_sizes": (4,), "random_state": 0}
OPTIONS = {
    "text_features": {"review": {"n_features": 4096}},
    "hidden_layer_sizes": (8,),
    "max_epochs": 4,
    "learning_rate": 0.02,
    "n_members": 2,
    "validation": "random",
    "dtype": "float32",
    "random_state": 0,
}


@pytest.fixture(scope="module")
def table():
    """Return reviews, a few words of which tell of the target, and the target."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, N)
    reviews = []
    for label in y:
        words = [*rng.choice(FILL, rng.integers(6, 12))]
        told = GOOD if (label if rng.random() < 0.9 else 1 - label) else BAD
        words.insert(rng.integers(len(words)), rng.choice(told))
        reviews.append(" ".join(words))
    reviews[3] = reviews[700] = None
    reviews[4] = ""
    X = pd.DataFrame({"city": rng.choice(["Bern", "Oslo"], N), "review": reviews})
    return X, y


@pytest.fixture(scope="module")
def model(table):
    X, y = table
    return DCNClassifier(**OPTIONS).fit(X[:N_TRAIN], y[:N_TRAIN])


def warned(X, y, **options):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        DCNClassifier(**TINY | {"validation": "random"} | options).fit(X, y)
    return [str(warning.message) for warning in caught]


def test_a_column_of_text_is_warned_of(table):
    X, y = table
    (message,) = warned(X, y)
    assert message == (
        "Column 'review' looks like text that differs in nearly every row, which "
        "cannot help as a category. Set text_features=['review'] to read the words, "
        "or drop it."
    )
    assert warned(X, y, text_features=["review"]) == []
    assert warned(X, y, min_frequency=1) == []  # who asks for every level gets it


@pytest.mark.usefixtures("streamed")
def test_a_scan_is_warned_of_text(table, tmp_path):
    X, y = table
    X.assign(y=y).to_parquet(tmp_path / "rows.parquet")
    with pytest.warns(UserWarning, match=r"Set text_features=\['review'\]"):
        DCNClassifier(**TINY).fit(scan(tmp_path / "rows.parquet", "y"))


NO_TEXT = {
    "hash": lambda k: uuid.UUID(int=k * 7919).hex,
    "url": lambda k: f"https://example.org/items/{k}/a-long-name-of-an-item",
    "date": lambda k: f"Mon Jan {k % 28 + 1} 10:{k % 60:02d}:00 20{k % 30:02d}",
    "name": lambda k: f"Ann{k} Smith{k}",
    "number": lambda k: f"{k} {k + 1} {k + 2}",
}


@pytest.mark.parametrize("kind", NO_TEXT)
def test_other_strings_are_no_text(kind):
    assert not are_texts([NO_TEXT[kind](k) for k in range(200)])


def test_levels_that_are_no_strings_are_no_text():
    assert not are_texts(np.arange(200))
    assert not are_texts([])
    assert not are_texts(["a long text here", 5])
    assert are_texts(["a long text here", "another text of words"])


def test_few_levels_of_several_words_are_categories(table):
    X, y = table
    X = X.assign(review=np.resize(["not at all good", "quite all right", "ok"], N))
    assert warned(X, y) == []


def test_words_are_learned(table, model):
    """As well as by a linear model of TF-IDF, whose truth it is."""
    X, y = table
    later = slice(N_TRAIN, None)
    texts = X["review"].fillna("")
    linear = make_pipeline(TfidfVectorizer(min_df=2), LogisticRegression())
    linear.fit(texts[:N_TRAIN], y[:N_TRAIN])
    auc = roc_auc_score(y[later], model.predict_proba(X[later])[:, 1])
    best = roc_auc_score(y[later], linear.predict_proba(texts[later])[:, 1])
    assert auc > 0.85
    assert auc > best - 0.03


def test_schema(model):
    row = model.encoder_.schema()[1]
    assert (row.kind, row.levels, row.rare) == ("text", None, None)
    assert row.options == ("word 1-2", "char_wb 3", "4,096 buckets")
    assert row.missing == pytest.approx(1 / N_TRAIN)
    assert "2 columns (1 category, 1 text)" in str(model.encoder_)


def test_every_library_gives_the_same(table, model):
    X, y = table
    expected = model.predict_proba(X)
    frames = [
        pl.from_pandas(X),
        pa.Table.from_pandas(X),
        X.convert_dtypes(),
        X.astype({"review": "category"}),
        X.convert_dtypes(dtype_backend="pyarrow"),
    ]
    for frame in frames:
        assert_array_equal(model.predict_proba(frame), expected)
    again = clone(model).fit(pl.from_pandas(X)[:N_TRAIN], y[:N_TRAIN])
    assert_array_equal(again.predict_proba(X), expected)
    rows = X[:5].to_dict("records")
    assert_allclose(model.predict_proba(rows), expected[:5], rtol=1e-5)


def test_files_and_pickles(table, model, tmp_path):
    X, _ = table
    expected = model.predict_proba(X)
    model.save(tmp_path / "model.dcn")
    assert_array_equal(load(tmp_path / "model.dcn").predict_proba(X), expected)
    assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(X), expected)


@pytest.mark.usefixtures("streamed")
def test_a_long_table_has_the_weights_of_one_in_memory(table, tmp_path, monkeypatch):
    X, y = table
    monkeypatch.setattr("sklearn_dcn._table.summaries.sample.SAMPLE_ROWS", 200)
    path = tmp_path / "rows.parquet"
    X.assign(y=y).to_parquet(path, row_group_size=100)
    options = OPTIONS | {"max_epochs": 1, "early_stopping": False}
    with monkeypatch.context() as short:
        short.setattr("sklearn_dcn._estimator.long_fit.LONG", N)
        memory = DCNClassifier(**options).fit(X, y)
    long = DCNClassifier(**options).fit(scan(path, "y"))
    one, other = (model.encoder_.lists[1] for model in (memory, long))
    assert_array_equal(other.levels.counts, one.levels.counts)
    assert other.total == one.total == N
    assert_array_equal(other.idf, one.idf)


def test_later_rows(table):
    X, y = table
    options = OPTIONS | {"max_epochs": 1, "new_levels": "learn"}
    model = DCNClassifier(**options).partial_fit(X[:300], y[:300], classes=[0, 1])
    idf = model.encoder_.lists[1].idf
    later = X[300:600].reset_index(drop=True)
    before = model.predict_proba(X)
    model.partial_fit(later, y[300:600])
    assert_array_equal(model.encoder_.lists[1].idf, idf)
    assert (model.predict_proba(X) != before).any()
    now = model.predict_proba(X)
    with pytest.raises(TypeError, match="'review' is in text_features, so a cell must"):
        model.partial_fit(later.assign(review=5), y[300:600])
    assert_array_equal(model.predict_proba(X), now)


def test_graphs_refuse_text_by_name(model):
    with pytest.raises(
        ValueError, match="'review' is in text_features, and no operator"
    ):
        export(model)


def test_what_moves_the_output(table, model):
    X, _ = table
    assert model.feature_importances_.argmax() == 1
    explanation = explain(model, X[:3], background=X[100:130])
    total = explanation.features.sum(axis=1) + explanation.pairs.sum(axis=1)
    assert_allclose(explanation.baseline + total, explanation.logit, rtol=1e-6)
    found = drift(model, X.assign(review=[None] * N))
    assert found.columns.loc["review", "missing"] == 1.0
    assert found.columns.loc["review", "missing_in_fit"] == pytest.approx(1 / N_TRAIN)
    with pytest.raises(ValueError, match="'review', which holds text"):
        EffectDisplay.from_estimator(model, X, "review")
    assert model.embeddings("review").shape == (4098, 33)  # of two networks


@pytest.mark.parametrize(
    "options, message",
    [
        ({"categorical_features": ["review"]}, "in categorical_features and in text_f"),
        (
            {"pooling": {"review": "sum"}},
            "pooling names 'review', which is not lists b",
        ),
        (
            {"hashing": {"review": 9}},
            "hashing names 'review', which is not categorical",
        ),
        (
            {"memorized_crosses": [("city", "review")]},
            "'review', whose cells are lists,",
        ),
    ],
)
def test_other_parameters_do_not_take_text(table, options, message):
    X, y = table
    with pytest.raises(ValueError, match=message):
        DCNClassifier(**TINY, text_features=["review"], **options).fit(X[:100], y[:100])


def test_numbers_are_no_text(table):
    X, y = table
    with pytest.raises(TypeError, match=r"'x' is in text_features.*got int 0"):
        DCNClassifier(**TINY, text_features=["x"]).fit(
            X[:99].assign(x=range(99)), y[:99]
        )
