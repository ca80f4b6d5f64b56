"""A list of categories adds to what the types tell, and needs nothing else."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.pipeline import make_pipeline

from sklearn_dcn import DCNClassifier
from sklearn_dcn.preprocessing import CategoricalEmbedder, make_dcn_preprocessor

N = 60
RNG = np.random.default_rng(0)
X = pd.DataFrame(
    {
        "city": RNG.choice(["Bern", "Oslo"], N),
        "user_id": RNG.integers(0, 5, N),
        "price": RNG.normal(size=N),
        "new": RNG.random(N) < 0.5,
    }
)
Y = RNG.integers(0, 2, N)
TINY = {"max_epochs": 1, "hidden_layer_sizes": (4,), "random_state": 0}
KINDS = {
    "pandas": X,
    "polars": pl.DataFrame(X.to_dict("list")),
    "arrow": pa.table(X.to_dict("list")),
    "numpy": X.to_numpy(dtype=object),
    "dtype category": X.astype({"city": "category"}),
}


def kinds_of(model):
    encoder = model.encoder_
    return list(encoder.categories), list(encoder.numbers)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wanted", [[1], [False, True, False, False], np.array([1])])
def test_a_list_adds_to_strings(kind, wanted):
    """Strings are categories as well, and booleans outside the list are numbers."""
    model = DCNClassifier(categorical_features=wanted, **TINY).fit(KINDS[kind], Y)
    assert kinds_of(model) == ([0, 1], [2, 3])
    assert np.isfinite(model.predict_proba(KINDS[kind])).all()


def test_names_and_the_empty_list():
    """Names do the same; an empty list names none, None forbids all."""
    named = DCNClassifier(categorical_features=["user_id", "new"], **TINY).fit(X, Y)
    assert kinds_of(named) == ([0, 1, 3], [2])
    none = DCNClassifier(categorical_features=[], **TINY).fit(X, Y)
    assert kinds_of(none) == ([0], [1, 2, 3])
    with pytest.raises(ValueError, match=r"^Column 'city' holds categories.*None says"):
        DCNClassifier(categorical_features=None, **TINY).fit(X, Y)


def test_the_other_steps():
    """The preprocessor and the embedder read the parameter in the same way."""
    model = make_pipeline(
        make_dcn_preprocessor(categorical_features=["user_id"]), DCNClassifier(**TINY)
    ).fit(X, Y)
    names = [list(part[2]) for part in model[0].transformers_[:3]]
    assert names == [["city", "user_id"], [], ["price", "new"]]
    embedder = CategoricalEmbedder(categorical_features=["user_id"], random_state=0)
    assert kinds_of(embedder.fit(X, Y).estimator_) == ([0, 1], [2, 3])
