"""The encoding in a graph: lists, sparse matrices, and crosses of rare pairs."""

import numpy as np
import pandas as pd
import pytest
from helpers.graphs import PARITY, check, make_lists, run, start
from scipy.sparse import random as random_sparse

from sklearn_dcn import DCNClassifier
from sklearn_dcn.onnx import export


@pytest.mark.parametrize("n_classes", [2, 3])
def test_rows_of_rare_pairs(n_classes, small):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({name: rng.integers(0, 60, 400).astype(str) for name in "ab"})
    X["kind"] = rng.choice(["p", "q"], 400)
    pairs = [("kind", "a"), ("a", "b"), ("b", "b")]
    small |= {"memorized_crosses": pairs, "n_members": 2}
    model = DCNClassifier(**small).fit(X, np.arange(400) % n_classes)
    assert model.encoder_.crosses.counted == (0, 1, 2)
    new = pd.DataFrame({name: rng.integers(0, 80, 200).astype(str) for name in "ab"})
    check(model, new.assign(kind=rng.choice(["p", "q", "new"], 200)))
    X["a"] = X["kind"]  # of many rows a level, and not counted
    model.fit(X, np.arange(400) % n_classes)
    assert model.encoder_.crosses.counted == (1, 2)
    check(model, new.assign(kind="q", a="p"))


# Lists --------------------------------------------------------------------------------


@pytest.mark.parametrize("pooling", ["mean", "sum"])
@pytest.mark.parametrize("hashing", [None, {"tags": 8}])
def test_lists(pooling, hashing, small):
    small["n_members"] = 2
    X, y = make_lists()
    X.loc[:9, "tags"] = None
    small |= {"memorized_crosses": None, "hashing": hashing, "pooling": pooling}
    model = DCNClassifier(multivalued_features=["tags"], **small).fit(X, y)
    X.at[11, "tags"] = ["unseen", "war"]
    X.at[12, "tags"] = []
    check(model, X, missing_text="?")
    is_list = X["tags"].map(lambda cell: cell is None or len(cell) > 0)
    check(model, X[is_list])
    # Where "" is what is missing, an empty list is so, too.
    p = run(export(model), X[12:13])["probabilities"]
    missing = X[12:13].assign(tags=pd.Series([None], dtype=object, index=[12]))
    np.testing.assert_allclose(p, model.predict_proba(missing), **PARITY)


@pytest.mark.parametrize("hashing", [None, {"tags": 8}])
@pytest.mark.parametrize("separator", ["|", ", ", "::"])
def test_separated_lists(separator, hashing, small):
    X, y = make_lists(separator)
    small |= {"memorized_crosses": None, "hashing": hashing}
    small |= {"multivalued_features": {"tags": separator}}
    model = DCNClassifier(**small).fit(X, y)
    X.loc[:3, "tags"] = [None, separator.join(["", "war", ""]), "unseen", ""]
    if hashing is None:
        X.loc[4, "tags"] = f"war {separator} drama"
    check(model, X, missing_text="?")


def test_lists_of_numbers(small):
    X, y = make_lists()
    X["tags"] = X["tags"].map(lambda cell: [len(tag) for tag in cell])
    small |= {"memorized_crosses": None, "multivalued_features": ["tags"]}
    check(DCNClassifier(**small).fit(X, y), X, missing_text="?")


# Sparse matrices, pipelines -----------------------------------------------------------


@pytest.mark.parametrize("n_members", [1, 2])
@pytest.mark.parametrize("transform", ["quantile", "standard", None])
def test_sparse_matrix(transform, n_members, tiny):
    X = random_sparse(300, 20, density=0.2, format="lil", random_state=0) * 10
    X = X.tolil()
    X[:, 7] = 0
    X = X.tocsr()
    y = (X[:, 0].toarray()[:, 0] > 0).astype(int)
    options = {"numeric_transform": transform, "n_members": n_members, **tiny}
    model = DCNClassifier(min_frequency=55, **options)
    model.fit(X, y)
    X = X.tolil()
    X[0, 7] = 3.0
    session = start(export(model))
    found = session.run(["probabilities"], {"X": X.toarray()})[0]
    np.testing.assert_allclose(found, model.predict_proba(X.tocsr()), **PARITY)
    bad = np.where(np.arange(20) == 7, [[np.nan], [np.inf]], 0.0)
    assert np.isnan(session.run(["probabilities"], {"X": bad})[0]).all()


# What cannot be exported --------------------------------------------------------------


def test_padding_that_is_a_level(tiny):
    X, y = make_lists()
    X["tags"] = X["tags"].map(lambda cell: [*cell, ""])
    model = DCNClassifier(multivalued_features=["tags"], **tiny).fit(X, y)
    with pytest.raises(ValueError, match="'tags' has the level '', which fills up"):
        export(model, missing_text="?")
