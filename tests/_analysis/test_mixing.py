"""Mixes of rows have the logits of mixed tables, and draws have the marginals."""

import numpy as np
import pandas as pd
import pytest
from helpers.inspecting import FAST
from helpers.tables import make_mixed

from sklearn_dcn import DCNClassifier
from sklearn_dcn._analysis.mixing import MixedLogits, join, whole
from sklearn_dcn.inspection import interaction_strengths


def mixed_tables():
    """Yield estimators' parameters, tables and targets of every kind of column."""
    X, y = make_mixed(400)
    yield {}, X, y
    yield {"memorized_crosses": [("city", "price"), ("city", "device")]}, X, y
    yield {"numeric_levels": 50, "numeric_embedding": "periodic"}, X, y
    yield {"hashing": {"city": 8}, "numeric_transform": "signed_log"}, X, y
    lists = X.assign(tags=[["a"], ["b", "c"], [], ["a", "d"]] * 100)
    yield {"pooling": "sum"}, lists, y
    from category_encoders import OrdinalEncoder, TargetEncoder

    yield {"category_encoder": TargetEncoder(cols=["city", "device"])}, X, y
    yield {"category_encoder": OrdinalEncoder()}, X, y


@pytest.mark.parametrize("k", range(7))
def test_mixes_are_those_of_the_table(k):
    """The logit of a mix is the estimator's for the mixed table of cells."""
    parameters, X, y = list(mixed_tables())[k]
    model = DCNClassifier(**FAST, **parameters, dtype="float64").fit(X, y)
    rng = np.random.default_rng(0)
    source = rng.integers(len(X), size=(150, X.shape[1]))
    table = pd.DataFrame(
        {
            name: X[name].iloc[at].reset_index(drop=True)
            for name, at in zip(X, source.T, strict=True)
        }
    )
    mixed = MixedLogits(model)
    pool = mixed.read(X)
    np.testing.assert_allclose(
        mixed(pool, source)[:, 0], model.decision_function(table), atol=1e-12
    )
    drawn = mixed.draw(40, rng)
    both = join(pool, drawn)
    at = np.arange(40)
    np.testing.assert_allclose(
        mixed(both, whole(both, at + len(X))), mixed(drawn, whole(drawn, at))
    )
    np.testing.assert_allclose(
        mixed(both, source)[:, 0], model.decision_function(table), atol=1e-12
    )


def test_draws_have_the_marginals_of_fit():
    X, y = make_mixed(3000)
    X["tags"] = [["a"], ["b", "b"], ["a", "c"]] * 1000
    model = DCNClassifier(**FAST, numeric_embedding=None).fit(X, y)
    mixed = MixedLogits(model)
    pool = mixed.draw(20_000, np.random.default_rng(0))
    for name, of_column in zip(X, pool.columns, strict=True):
        seen = mixed.read(X).columns[list(X).index(name)]
        if name in ("price", "visits"):
            np.testing.assert_allclose(of_column.z.mean(), seen.z.mean(), atol=0.03)
            np.testing.assert_allclose(of_column.z.std(), seen.z.std(), atol=0.06)
            if seen.missing is not None:
                assert abs(of_column.missing.mean() - seen.missing.mean()) < 0.015
        elif name != "tags":
            share, expected = (np.bincount(ids) / len(ids) for ids in (of_column, seen))
            np.testing.assert_allclose(share, expected, atol=0.03)
        else:
            assert (np.diff(of_column.offsets) == 1).all()


def test_drawing_needs_levels():
    from category_encoders import TargetEncoder

    X, y = make_mixed(100)
    model = DCNClassifier(
        **FAST, category_encoder=TargetEncoder(), hashing={"city": 4}
    ).fit(X, y)
    with pytest.raises(ValueError, match=r"'city', of which hashing keeps none"):
        interaction_strengths(model)
    assert not hasattr(model, "feature_importances_")
    assert interaction_strengths(model, X).shape == (5, 5)
