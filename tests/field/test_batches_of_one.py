"""Batch normalisation says what to do where a batch has one row."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sklearn_dcn import DCNClassifier, DCNRegressor

rng = np.random.default_rng(0)
X = rng.normal(size=(17, 2))
y = np.arange(17) % 2
OPTIONS = {"hidden_layer_sizes": (4,), "random_state": 0, "max_epochs": 1}
MESSAGE = r"^normalization='batch' needs at least 2 .*normalization='layer'"


@pytest.mark.parametrize("Estimator", [DCNClassifier, DCNRegressor])
def test_part_of_one_row(Estimator):
    """The estimator stays as it was, and goes on."""
    model = Estimator(**OPTIONS, normalization="batch").partial_fit(X, y)
    before = model.predict(X)
    with pytest.raises(ValueError, match=MESSAGE):
        model.partial_fit(X[:1], y[:1])
    assert_array_equal(model.predict(X), before)
    model.partial_fit(X, y)


def test_first_part_and_fit_of_one_row():
    with pytest.raises(ValueError, match=MESSAGE):
        DCNRegressor(**OPTIONS, normalization="batch").fit(X[:1], y[:1])
    with pytest.raises(ValueError, match=MESSAGE):
        DCNClassifier(**OPTIONS, normalization="batch").partial_fit(
            X[:1], y[:1], classes=[0, 1]
        )


def test_batch_size_of_one():
    with pytest.raises(ValueError, match=MESSAGE):
        DCNRegressor(**OPTIONS, normalization="batch", batch_size=1).fit(X, y)


@pytest.mark.parametrize("options", [{"normalization": "layer"}, {}])
def test_other_networks_take_one_row(options):
    DCNRegressor(**OPTIONS, **options, batch_size=1).partial_fit(X[:1], y[:1])


def test_without_hidden_layers_there_is_nothing_to_normalise():
    model = DCNRegressor(**OPTIONS, normalization="batch", structure="cross")
    model.partial_fit(X[:1], y[:1])


def test_last_batch_of_one_row_joins_the_one_before():
    DCNRegressor(**OPTIONS, normalization="batch", batch_size=8).fit(X, y)
