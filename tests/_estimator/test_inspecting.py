"""What a fitted estimator says of its columns: importances, embeddings, near levels."""

import pickle

import numpy as np
import pytest
import torch
from helpers.inspecting import numbers
from helpers.tables import make_mixed
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import RFE, SelectFromModel

from sklearn_dcn import DCNClassifier, DCNRegressor

# Importances --------------------------------------------------------------------------


def test_importances_before_and_after_fits(mixed, tiny):
    X, y = mixed
    model = DCNClassifier(**tiny, warm_start=True)
    assert not hasattr(model, "feature_importances_")
    with pytest.raises(NotFittedError):
        _ = model.feature_importances_
    first = model.fit(X, y).feature_importances_
    np.testing.assert_array_equal(first, model.feature_importances_)
    np.testing.assert_array_equal(
        first, pickle.loads(pickle.dumps(model)).feature_importances_
    )
    assert not hasattr(clone(model), "feature_importances_")
    model.feature_importances_[:] = 0.0  # a copy
    np.testing.assert_array_equal(first, model.feature_importances_)
    assert not np.array_equal(model.fit(X, y).feature_importances_, first)
    parts = DCNClassifier(random_state=0).partial_fit(X, y)
    first = parts.feature_importances_
    assert not np.array_equal(parts.partial_fit(X, y).feature_importances_, first)


def test_constant_network_has_no_importances(mixed, tiny):
    X, y = mixed
    model = DCNClassifier(**tiny).fit(X, y)
    with torch.no_grad():
        model.module_.head.weight.zero_()
    np.testing.assert_array_equal(model.feature_importances_, np.zeros(5))


@pytest.mark.slow
def test_selectors_find_the_columns_that_matter():
    X, y = make_mixed(2000)
    rng = np.random.default_rng(1)
    X = X[["city", "device"]].assign(noise=rng.normal(size=2000))
    X["other"] = rng.choice(["a", "b", "c"], 2000)
    network = DCNClassifier(max_epochs=8, random_state=0, early_stopping=False)
    select = SelectFromModel(network).fit(X, y)
    assert select.get_feature_names_out().tolist() == ["city", "device"]
    # RFE makes an array of numbers of its table.
    X = numbers(1500)
    network = DCNRegressor(max_epochs=8, random_state=0, early_stopping=False)
    eliminate = RFE(network, n_features_to_select=2).fit(X, X["x1"] * X["x3"])
    assert eliminate.get_feature_names_out().tolist() == ["x1", "x3"]


# Embeddings ---------------------------------------------------------------------------


def test_embeddings_by_name(mixed, tiny):
    X, y = mixed
    X = X.assign(tags=[["a"], ["b", "c"], ["a", "d"]] * 100)
    model = DCNClassifier(**tiny, numeric_levels=30).fit(X, y)
    table = model.embeddings("city")
    assert table.index[:2].tolist() == ["⟨unknown⟩", "⟨missing⟩"]
    counts = X["city"].value_counts()
    assert table["count"][counts.index].tolist() == counts.tolist()
    assert table["count"]["⟨missing⟩"] == X["city"].isna().sum()
    at = model.encoder_.categories[0].transform(X["city"])
    k = model.encoder_.field_names.index("city")
    part = model.module_.embedding.field_slices[k]
    x_0 = model._stack(X)[:, part]
    np.testing.assert_allclose(table.iloc[at, :-1], x_0)
    assert {"a", "b", "c", "d"} < set(model.embeddings("tags").index)
    visits = model.embeddings("visits")
    assert visits.loc[3.0, "count"] == (X["visits"] == 3).sum()
    for column, message in (
        ("price", "a number without embeddings"),
        ("nothing", "no column"),
    ):
        with pytest.raises(ValueError, match=message):
            model.embeddings(column)


def test_nearest_levels(mixed, tiny):
    X, y = mixed
    model = DCNClassifier(**tiny).fit(X, y)
    names = ["Bern", "Oslo", "Rome", "Kyiv"]
    vectors = {
        "Bern": [3.0, 0.0],
        "Oslo": [1.0, 0.1],
        "Rome": [2.0, 2.0],
        "Kyiv": [-1.0, 0],
    }
    with torch.no_grad():
        weight = model.module_.embedding.column_weight(0)
        weight.zero_()
        ids = model.encoder_.categories[0].find(names)
        for i, name in zip(ids, names, strict=True):
            weight[int(i), :2] = torch.tensor(vectors[name])
    near = model.nearest_levels("city", "Bern")
    assert near["level"].tolist() == ["Oslo", "Rome", "Kyiv"]
    assert near["similarity"].tolist() == pytest.approx(
        [1 / np.sqrt(1.01), 0.5**0.5, -1]
    )
    far = model.nearest_levels("city", "Bern", n=2, metric="euclidean")
    assert set(far["level"]) == {"Oslo", "Rome"}
    assert far["similarity"].iloc[0] == pytest.approx(-np.hypot(2, 0.1), rel=1e-3)
    assert len(model.nearest_levels("city", None)) == 4
    called = model.nearest_levels("city", "Bern", labels={near["level"][0]: "it"})
    assert called["label"].tolist() == ["it", *[None] * (len(near) - 1)]
    with pytest.raises(
        ValueError, match=r"level must be one of column 'city'.*'Paris'"
    ):
        model.nearest_levels("city", "Paris")
    with pytest.raises(ValueError, match="metric"):
        model.nearest_levels("city", "Bern", metric="dot")


def test_hashed_levels_have_no_names(mixed, tiny):
    X, y = mixed
    model = DCNClassifier(**tiny, hashing={"city": 4}).fit(X, y)
    assert model.embeddings("city").index[2:].tolist() == [
        f"bucket {k}" for k in range(4)
    ]
    with pytest.raises(ValueError, match="buckets have no names"):
        model.nearest_levels("city", "Bern")
