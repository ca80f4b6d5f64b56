"""Categories -> embeddings for any other model: those of the trained network."""

import pickle

import numpy as np
import pandas as pd
import pytest
from helpers.steps import with_lists
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from sklearn_dcn import DCNClassifier, DCNRegressor
from sklearn_dcn.preprocessing import CategoricalEmbedder

UNKNOWN, MISSING, FIRST = 0, 1, 2


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
