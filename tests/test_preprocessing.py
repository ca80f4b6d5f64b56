"""The public steps: alone, in front of other models, and in front of the estimators."""

import os

os.environ["SCIPY_ARRAY_API"] = "1"  # before scipy is imported: else a check is skipped

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from conftest import make_mixed
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder, QuantileTransformer
from sklearn.utils import _safe_indexing
from sklearn.utils.estimator_checks import check_estimator
from sklearn.utils.fixes import parse_version

from sklearn_dcn import DCNClassifier, DCNRegressor
from sklearn_dcn.preprocessing import (
    CategoricalEmbedder,
    CategoryEncoder,
    ContinuousNormalizer,
    make_dcn_preprocessor,
)

AT_1_9 = parse_version(sklearn.__version__) >= parse_version("1.9")
# Older releases' ColumnTransformer does not know frames of today's polars.
POLARS = pytest.param("polars", marks=pytest.mark.skipif(not AT_1_9, reason="1.9"))
OUTPUTS = pytest.mark.parametrize("output", ["default", "pandas", POLARS])

UNKNOWN, MISSING, FIRST = 0, 1, 2


def to_polars(X):
    """Return a pandas frame as one of polars, missing cells null."""
    return pl.DataFrame({name: cells_of(X[name]) for name in X}, strict=False)


def cells_of(column):
    """Return the cells of a Series, None where missing."""
    cells = column.astype(object).tolist()
    return [None if isinstance(c, float) and c != c else c for c in cells]


def with_lists(n=300, seed=0):
    """Return a mixed frame with separated strings and lists, and a target."""
    X, y = make_mixed(n, seed)
    rng = np.random.default_rng(seed)
    tags = [
        [*rng.choice([*"abcdef"], k)] if k < 4 else None
        for k in rng.integers(5, size=n)
    ]
    genres = [None if t is None else "|".join(t) for t in tags]
    return X.assign(tags=pd.Series(tags, dtype=object), genres=genres), y


# scikit-learn's contract --------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "n_checks"),
    [
        (CategoryEncoder(), 52),
        (ContinuousNormalizer(), 53),
        (ContinuousNormalizer(method="robust"), 53),
        pytest.param(CategoricalEmbedder(), 54, marks=pytest.mark.slow),
    ],
    ids=repr,
)
def test_check_estimator(step, n_checks):
    results = check_estimator(step, on_skip=None, on_fail="raise")
    assert {result["status"] for result in results} == {"passed"}
    if AT_1_9:
        assert len(results) == n_checks


# CategoryEncoder ----------------------------------------------------------------------


def test_encoder_hand_worked():
    X = pd.DataFrame({"a": ["x", "y", "y", None], "b": [10, 10, 30, 20]})
    encoder = CategoryEncoder().fit(X)
    ids = encoder.transform(X)
    assert ids.dtype == np.int32
    # Most frequent first, ties by value.
    assert ids.tolist() == [[3, 2], [2, 2], [2, 4], [MISSING, 3]]
    assert encoder.n_ids_ == [4, 5]
    assert encoder.categories_ == [["y", "x"], [10, 20, 30]]
    new = pd.DataFrame({"a": ["z", "x"], "b": [11, 30]})
    assert encoder.transform(new).tolist() == [[UNKNOWN, UNKNOWN], [3, 4]]


def test_encoder_groups_as_ordinal_encoder():
    """The ids are those of scikit-learn's encoder up to their order."""
    X, _ = make_mixed(500)
    X = X[["city", "device"]].astype(object).where(X[["city", "device"]].notna(), None)
    ours = CategoryEncoder().fit_transform(X)
    theirs = OrdinalEncoder(encoded_missing_value=-1).fit_transform(X)
    for j in range(2):
        pairs = {(a, b) for a, b in zip(ours[:, j], theirs[:, j], strict=True)}
        assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})


def test_encoder_round_trip():
    X, _ = make_mixed(200)
    encoder = CategoryEncoder(min_frequency=30).fit(X[["city", "is_new"]])
    ids = encoder.transform(X[["city", "is_new"]])
    assert {UNKNOWN, MISSING} < set(ids[:, 0].tolist())
    levels = encoder.inverse_transform(ids)
    frame = pd.DataFrame(levels, columns=["city", "is_new"])
    assert (encoder.transform(frame) == ids).all()
    known = ids[:, 0] >= FIRST
    assert levels[known, 0].tolist() == X["city"][known].tolist()
    assert set(levels[ids[:, 0] == MISSING, 0]) == {None}
    assert set(levels[ids[:, 0] == UNKNOWN, 0]) == {"⟨unknown⟩"}


def test_encoder_weights_equal_repeated_rows():
    X = np.array([["a"], ["b"], ["c"]], dtype=object)
    weighted = CategoryEncoder(min_frequency=2).fit(X, sample_weight=[1, 3, 2])
    repeated = CategoryEncoder(min_frequency=2).fit(np.repeat(X, [1, 3, 2], axis=0))
    assert weighted.categories_ == repeated.categories_ == [["b", "c"]]


def test_encoder_hashing():
    X = pd.DataFrame({"id": [f"u{i}" for i in range(100)], "c": ["a", "b"] * 50})
    encoder = CategoryEncoder(hashing={"id": 8}).fit(X)
    assert encoder.n_ids_ == [10, 4]
    ids = encoder.transform(X.assign(id=[f"new{i}" for i in range(100)]))[:, 0]
    assert set(ids.tolist()) == set(range(2, 10))
    with pytest.raises(ValueError, match=r"^Column 'id' is hashed.*Leave it out"):
        encoder.inverse_transform(encoder.transform(X))


@pytest.mark.parametrize(
    ("ids", "message"),
    [([[9, 2]], "'a' has ids in \\[0, 3\\]; got 9"), ([[1]], "must have 2 columns")],
)
def test_encoder_wrong_ids(ids, message):
    X = pd.DataFrame({"a": ["x", "y"], "b": ["x", "y"]})
    with pytest.raises(ValueError, match=message):
        CategoryEncoder().fit(X).inverse_transform(ids)


# ContinuousNormalizer -----------------------------------------------------------------


def test_normalizer_equals_quantile_transformer():
    """By rank, as scikit-learn's, then standardised."""
    rng = np.random.default_rng(0)
    X = rng.lognormal(0, 2, (999, 2))
    ours = ContinuousNormalizer().fit_transform(X)
    # At steps of 1/n scikit-learn's ranks run from 0 to 1, ours from 1/2n to 1 - 1/2n.
    theirs = QuantileTransformer(n_quantiles=999, output_distribution="normal")
    theirs = theirs.fit_transform(X)
    inside = np.abs(theirs) < 2
    for j in range(2):
        z, reference = ours[inside[:, j], j], theirs[inside[:, j], j]
        assert np.corrcoef(z, reference)[0, 1] > 0.9999
    np.testing.assert_allclose(ours.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(ours.std(axis=0), 1)


def test_normalizer_twice_is_once():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.lognormal(0, 3, 5000), rng.poisson(2, 5000)])
    X[rng.random(X.shape) < 0.1] = np.nan
    once = ContinuousNormalizer().fit_transform(X)
    assert (np.isnan(once) == np.isnan(X)).all()
    np.testing.assert_allclose(
        ContinuousNormalizer().fit_transform(once), once, rtol=1e-10, atol=1e-12
    )


@pytest.mark.parametrize(
    "method", ["quantile", "robust", "standard", "signed_log", None]
)
def test_normalizer_round_trip(method):
    rng = np.random.default_rng(0)
    X = np.column_stack(
        [rng.normal(5, 3, 400), rng.lognormal(0, 1, 400), np.full(400, 7)]
    )
    X[::9, 1] = np.nan
    normalizer = ContinuousNormalizer(method=method).fit(X)
    z = normalizer.transform(X)
    assert np.isfinite(z[:, [0, 2]]).all()
    np.testing.assert_allclose(normalizer.inverse_transform(z), X, rtol=1e-9, atol=1e-9)


def test_normalizer_names_the_column():
    X = pd.DataFrame({"price": [1.0, np.inf]})
    with pytest.raises(ValueError, match=r"^Column 'price' contains infinity"):
        ContinuousNormalizer().fit(X)
    with pytest.raises(ValueError, match="method must be one of"):
        ContinuousNormalizer(method="log").fit(X)


# make_dcn_preprocessor ----------------------------------------------------------------

TINY = {"max_epochs": 3, "hidden_layer_sizes": (8,), "random_state": 0}
TINY |= {"dtype": "float64"}  # a row alone is then the same as in a batch


@OUTPUTS
@pytest.mark.parametrize("kind", ["pandas", POLARS])
@pytest.mark.parametrize(
    "parameters",
    [{}, {"early_stopping": True}, {"numeric_embedding": "piecewise_linear"}],
    ids=["plain", "held-out rows", "numbers embedded"],
)
def test_pipeline_equals_the_raw_table(output, kind, parameters):
    """The preprocessor in front changes nothing, to rounding."""
    X, y = with_lists(600)
    new = with_lists(200, seed=1)[0].assign(city="Lima")  # unseen
    lists = {"genres": "|", "tags": None}
    raw = DCNClassifier(multivalued_features=lists, **TINY, **parameters).fit(X, y)
    expected = raw.predict_proba(X), raw.predict_proba(new)
    step = make_dcn_preprocessor(multivalued_features=lists).set_output(
        transform=output
    )
    model = make_pipeline(step, DCNClassifier(**TINY, **parameters))
    if kind == "polars":
        X, new = to_polars(X), to_polars(new)
    model.fit(X, y)
    again = pickle.loads(pickle.dumps(model))
    for table, p in zip((X, new), expected, strict=True):
        np.testing.assert_allclose(model.predict_proba(table), p, rtol=1e-9)
        np.testing.assert_array_equal(
            again.predict_proba(table), model.predict_proba(table)
        )
    one = model.predict_proba(new[:1])
    np.testing.assert_allclose(one, expected[1][:1], rtol=1e-9)


@OUTPUTS
def test_pipeline_with_rare_levels(output):
    X, y = make_mixed(500)
    rare = {"min_frequency": 60, "max_categories": 4}
    expected = DCNClassifier(**rare, **TINY).fit(X, y).predict_proba(X)
    step = make_dcn_preprocessor(**rare).set_output(transform=output)
    if output == "polars":
        X = to_polars(X)
    model = make_pipeline(step, DCNClassifier(**TINY)).fit(X, y)
    np.testing.assert_allclose(model.predict_proba(X), expected, rtol=1e-9)


@OUTPUTS
def test_pipeline_for_an_array_and_a_regression(output):
    if output == "pandas" and not AT_1_9:
        pytest.skip("columns of an array have the same names in every step")
    X, y = make_mixed(400)
    X = X.astype(object).where(X.notna(), None).to_numpy()
    target = y + X[:, 4].astype(float)
    expected = DCNRegressor(**TINY).fit(X, target).predict(X)
    step = make_dcn_preprocessor().set_output(transform=output)
    model = make_pipeline(step, DCNRegressor(**TINY)).fit(X, target)
    np.testing.assert_allclose(model.predict(X), expected, rtol=1e-9)


@OUTPUTS
def test_integer_ids_that_are_all_unseen(output):
    """Their label is a string, which the levels of `fit` are not."""
    X = pd.DataFrame({"id": [1, 2, 3] * 40, "c": [*"ab"] * 60})
    y = [0, 1] * 60
    ids = ["id", "c"]
    step = make_dcn_preprocessor(categorical_features=ids)
    step.set_output(transform=output)
    model = make_pipeline(step, DCNClassifier(**TINY)).fit(X, y)
    raw = DCNClassifier(categorical_features=ids, **TINY).fit(X, y)
    new = pd.DataFrame({"id": [7, 8], "c": ["a", "b"]})
    np.testing.assert_allclose(
        model.predict_proba(new), raw.predict_proba(new), rtol=1e-9
    )


def test_ids_are_found_by_themselves():
    """Without the mark an array of ids would be one of numbers."""
    X, y = make_mixed(300)
    encoded = make_dcn_preprocessor().fit_transform(X)
    assert type(encoded) is np.ndarray and encoded.dtype == np.float64
    model = DCNClassifier(**TINY).fit(encoded, y)
    assert len(model.encoder_.categories) == 3
    unmarked = DCNClassifier(**TINY).fit(np.array(encoded.tolist()), y)
    assert not unmarked.encoder_.categories


@pytest.mark.parametrize(
    "change",
    [
        lambda a: a[np.arange(100)],
        lambda a: a[10:110],
        lambda a: _safe_indexing(a, np.arange(100)),
        lambda a: a[np.arange(300) % 3 == 0],
        lambda a: a.copy()[:100],
        lambda a: pickle.loads(pickle.dumps(a))[:100],
    ],
)
def test_mark_goes_along_with_rows(change):
    X, y = make_mixed(300)
    encoded = make_dcn_preprocessor().fit_transform(X)
    model = DCNClassifier(**TINY).fit(change(encoded), y[:100])
    assert len(model.encoder_.categories) == 3


def test_encoded_array_that_was_changed():
    X, y = make_mixed(300)
    encoded = make_dcn_preprocessor().fit_transform(X)
    model = DCNClassifier(**TINY).fit(encoded, y)
    with pytest.raises(ValueError, match=r"^X has 2 of the 5 columns of an encoded"):
        DCNClassifier(**TINY).fit(encoded[:, :2], y)
    wrong = encoded.copy()
    wrong[0, 0] = 0.5
    with pytest.raises(ValueError, match=r"^Column 0 of an encoded array must hold"):
        model.predict(wrong)


def test_frames_have_readable_labels():
    X, _ = with_lists(300)
    step = make_dcn_preprocessor(
        min_frequency=40, multivalued_features={"genres": "|", "tags": None}
    )
    frame = step.set_output(transform="pandas").fit_transform(X)
    assert list(frame) == [*X.columns[:3], "tags", "genres", "price", "visits"]
    assert frame.index.equals(X.index)
    assert isinstance(frame["city"].dtype, pd.CategoricalDtype)
    kept = frame["city"].notna() & (frame["city"] != "⟨unknown⟩")
    assert (frame["city"][kept].astype(str) == X["city"][kept]).all()
    assert (frame["city"].isna() == X["city"].isna()).all()
    assert frame["genres"][3] == (X["genres"][3].split("|") if X["genres"][3] else [])


def test_preprocessor_in_model_selection():
    X, y = with_lists(300)
    model = make_pipeline(
        make_dcn_preprocessor(multivalued_features={"genres": "|", "tags": None}),
        DCNClassifier(**TINY),
    )
    assert np.isfinite(cross_val_score(model, X, y, scoring="neg_log_loss")).all()
    grid = {"columntransformer__categories__min_frequency": [None, 20]}
    name = model.steps[0][0]
    grid = {key.replace("columntransformer", name): v for key, v in grid.items()}
    search = GridSearchCV(clone(model), grid, cv=2).fit(X, y)
    assert search.predict_proba(X).shape == (300, 2)


def test_steps_in_a_column_transformer_of_ones_own():
    """With pandas output the ids are integers, so the estimator is told which."""
    X, y = make_mixed(300)
    step = ColumnTransformer(
        [
            ("c", CategoryEncoder(), ["city", "device", "is_new"]),
            ("n", ContinuousNormalizer(), ["price", "visits"]),
        ],
        verbose_feature_names_out=False,
    ).set_output(transform="pandas")
    ids = ["city", "device", "is_new"]
    model = make_pipeline(step, DCNClassifier(categorical_features=ids, **TINY))
    assert np.isfinite(model.fit(X, y).predict_proba(X)).all()
    assert list(model[:-1].get_feature_names_out()) == list(X)


# CategoricalEmbedder ------------------------------------------------------------------


def make_ids(n=4000, n_ids=60, seed=0):
    """Return a frame with one id whose effect on the target is not ordered, and y."""
    effect = np.random.default_rng(99).normal(0, 2, n_ids)
    rng = np.random.default_rng(seed)
    ids = rng.integers(n_ids, size=n)
    price = rng.normal(size=n)
    y = (rng.random(n) < 1 / (1 + np.exp(-effect[ids]))).astype(int)
    return pd.DataFrame({"id": [f"u{i:03}" for i in ids], "price": price}), y


def test_embedder_beats_ordinal_codes():
    X, y = make_ids()
    new, y_new = make_ids(seed=1)
    embedder = CategoricalEmbedder(random_state=0)
    dense = make_pipeline(embedder, LogisticRegression()).fit(X, y)
    ordinal = ColumnTransformer(
        [("id", OrdinalEncoder(), ["id"])], remainder="passthrough"
    )
    codes = make_pipeline(ordinal, LogisticRegression()).fit(X, y)
    assert dense.score(new, y_new) > codes.score(new, y_new) + 0.1


def test_embedder_gives_the_embeddings_of_the_network():
    X, y = make_ids(500)
    X.loc[:9, "id"] = None
    embedder = CategoricalEmbedder(embedding_dim=3, random_state=0).fit(X, y)
    new = X.head(20).copy()
    new.loc[15:, "id"] = ["never", "seen", "u-1", "", "U001"]
    dense = embedder.transform(new)
    assert dense.shape == (20, 4)
    weight = embedder.estimator_.module_.embedding.column_weight(0).detach().numpy()
    np.testing.assert_allclose(dense[15:, :3], np.tile(weight[UNKNOWN], (5, 1)))
    np.testing.assert_allclose(dense[:10, :3], np.tile(weight[MISSING], (10, 1)))
    np.testing.assert_array_equal(dense[:, 3], new["price"])
    fresh = CategoricalEmbedder(embedding_dim=3, random_state=0)
    fresh.estimator = DCNClassifier(max_epochs=1, learning_rate=1e-12, random_state=0)
    untrained = fresh.fit(X, y).estimator_.module_.embedding.column_weight(0)
    assert np.abs(weight[UNKNOWN] - untrained.detach().numpy()[UNKNOWN]).max() > 1e-3


def test_embedder_names_and_frames():
    X, y = with_lists(300)
    embedder = CategoricalEmbedder(
        embedding_dim={"city": 2, "genres": 3, "device": 1, "is_new": 1, "tags": 1},
        multivalued_features={"genres": "|", "tags": None},
        random_state=0,
    ).set_output(transform="pandas")
    frame = embedder.fit_transform(X, y)
    assert list(frame) == [
        *["city_0", "city_1", "device_0", "is_new_0", "tags_0"],
        *["genres_0", "genres_1", "genres_2", "price", "visits"],
    ]
    pd.testing.assert_series_equal(frame["price"], X["price"])
    assert pickle.loads(pickle.dumps(embedder)).transform(X).equals(frame)
    assert clone(embedder).get_params() == embedder.get_params()


def test_embedder_takes_the_target_as_it_is():
    X, y = make_ids(300)
    assert isinstance(CategoricalEmbedder().fit(X, y).estimator_, DCNClassifier)
    target = np.random.default_rng(0).normal(size=300)
    assert isinstance(CategoricalEmbedder().fit(X, target).estimator_, DCNRegressor)
    with pytest.raises(TypeError, match=r"^estimator must be a DCNClassifier"):
        CategoricalEmbedder(estimator=LogisticRegression()).fit(X, y)


def test_embedder_for_a_sparse_matrix():
    from sklearn.feature_extraction.text import TfidfVectorizer

    X, y = make_ids(300)
    words = TfidfVectorizer(token_pattern="u.").fit_transform(X["id"])
    embedder = CategoricalEmbedder(embedding_dim=5, random_state=0)
    assert embedder.fit_transform(words, y).shape == (300, 5)
    assert embedder.get_feature_names_out().tolist() == [
        f"embedding_{k}" for k in range(5)
    ]
