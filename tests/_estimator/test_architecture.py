"""Parameters of a fit become widths of embeddings, for all columns or by name."""

import re

import pytest
from helpers.encoding import fit, small
from helpers.tables import make_mixed

from sklearn_dcn import DCNClassifier
from sklearn_dcn._estimator.architecture import embedding_dims
from sklearn_dcn.network.embedding import auto_embedding_dim


@pytest.mark.parametrize("value", ["auto", 7])
def test_widths_for_all(value):
    """What is no dict passes through to the network."""
    assert embedding_dims(fit(small())[0], value) == value


def test_widths_by_column():
    """A dict names columns; the others keep their automatic width."""
    X, _ = make_mixed()
    encoder, _ = fit(X)
    assert embedding_dims(encoder, {"device": 9}) == [
        auto_embedding_dim(6),
        9,
        auto_embedding_dim(4),
    ]
    assert embedding_dims(encoder, {}) == [auto_embedding_dim(n) for n in (6, 4, 4)]
    array, _ = fit(X.to_numpy(dtype=object))
    assert embedding_dims(array, {0: 3, 1: 1, 2: 5}) == [3, 1, 5]


@pytest.mark.parametrize("name", ["price", "zip", 0])
def test_widths_of_other_columns(name):
    """A dict that names no categorical column is an error with the choice."""
    encoder, _ = fit(make_mixed()[0])
    message = rf"^embedding_dim names {re.escape(repr(name))}, .*'city', 'device'"
    with pytest.raises(ValueError, match=message):
        embedding_dims(encoder, {"city": 2, name: 4})


def test_embedding_dims_by_column(mixed, tiny):
    """A dict sets the widths of named columns; the others follow the rule."""
    X, y = mixed
    model = DCNClassifier(**tiny, embedding_dim={"city": 3}).fit(X, y)
    assert model.module_.embedding.embedding_dims == [3, 4, 4]
