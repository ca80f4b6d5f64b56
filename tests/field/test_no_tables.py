"""What is no table, and columns without names, are errors that say what is needed."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch

from sklearn_dcn import DCNClassifier
from sklearn_dcn.preprocessing import CategoryEncoder, make_dcn_preprocessor

N = 30
RNG = np.random.default_rng(0)
X = pd.DataFrame({"x": RNG.normal(size=N), "city": RNG.choice(["a", "b"], N)})
Y = RNG.integers(0, 2, N)
TINY = {"max_epochs": 1, "hidden_layer_sizes": (4,), "random_state": 0}

DASK = SimpleNamespace(iloc=None, columns=["x"], shape=(1, 1), compute=None)
OTHERS = {
    "dask": (DASK, TypeError, r"^X must be in memory.*X\.compute\(\)"),
    "lazy": (pl.LazyFrame({"x": [1]}), TypeError, r"in memory.*X\.collect\(\)"),
    "dict of columns": (
        X.to_dict("list"),
        TypeError,
        r"DataFrame\(X\) if it holds columns.*DataFrame\(\[X\]\) if it is a row",
    ),
    "Series": (X["x"], ValueError, r"X\.to_frame\(\)"),
    "Series of polars": (pl.Series([1.0]), ValueError, r"X\.to_frame\(\)"),
    "list of Series": ([X["x"], X["x"]], TypeError, r"pandas\.concat\(X, axis=1\)"),
    "GroupBy": (X.groupby("city"), TypeError, r"GroupBy.*the rows themselves"),
    "generator": ((row for row in [[1.0]]), TypeError, r"generator.*list\(X\)"),
    "zip": (zip([1.0], [2.0], strict=True), TypeError, r"zip.*list\(X\)"),
    "set": ({1.0, 2.0}, TypeError, "in their order, as a list"),
    "bfloat16": (torch.zeros(N, 2).bfloat16(), TypeError, r"bfloat16.*\.float\(\)"),
    "sparse": (torch.eye(N).to_sparse(), TypeError, r"to_dense\(\)"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_no_table(name):
    table, error, message = OTHERS[name]
    model = DCNClassifier(**TINY)
    with pytest.raises(error, match=message):
        model.fit(table, Y)
    assert not hasattr(model, "net_")


def test_tensor():
    """A tensor is an array, also one that asks for gradients."""
    tensor = torch.tensor(X[["x"]].to_numpy(), requires_grad=True)
    model = DCNClassifier(**TINY).fit(tensor, Y)
    array = tensor.detach().numpy()
    np.testing.assert_array_equal(
        model.predict_proba(tensor),
        DCNClassifier(**TINY).fit(array, Y).predict_proba(array),
    )


@pytest.mark.parametrize("make", [list, np.array, pd.Series, tuple])
def test_dict_of_columns_in_predict(make):
    """One dict is one row, unless a cell that holds lists says otherwise."""
    model = DCNClassifier(**TINY).fit(X, Y)
    with pytest.raises(TypeError, match=r"one row, but its cell 'x'.*DataFrame\(X\)"):
        model.predict({name: make(X[name].tolist()) for name in X})
    assert model.predict(X.iloc[0].to_dict()).shape == (1,)


def test_one_row_of_lists():
    table = X.assign(city=[["a", "b"]] * N)
    model = DCNClassifier(**TINY).fit(table, Y)
    assert model.predict(table.iloc[0].to_dict()).shape == (1,)


# ----------------------------------------------------------------------------------
# Names that are no strings
# ----------------------------------------------------------------------------------

LEVELS = X.set_axis(pd.MultiIndex.from_tuples([("a", "x"), ("a", "city")]), axis=1)
CITY = ("a", "city")
TUPLES = {
    "categorical_features": [CITY],
    "multivalued_features": [CITY],
    "pooling": {CITY: "sum"},
    "hashing": {CITY: 8},
    "memorized_crosses": [(CITY, ("a", "x"))],
    "embedding_dim": {CITY: 4},
}


@pytest.mark.parametrize("name", TUPLES)
def test_names_that_are_tuples(name):
    with pytest.raises(ValueError, match=rf"^{name} holds \('a', .*'_'\.join"):
        DCNClassifier(**{name: TUPLES[name]}, **TINY).fit(LEVELS, Y)


def test_multi_index_by_position():
    options = {"categorical_features": [1], "embedding_dim": {1: 4}, "hashing": {1: 8}}
    model = DCNClassifier(memorized_crosses=[(0, 1)], **options, **TINY)
    assert model.fit(LEVELS, Y).predict(LEVELS).shape == (N,)
    assert list(model.encoder_.categories) == [1]


@pytest.mark.parametrize(
    "options", [{"categorical_features": [1]}, {"embedding_dim": {1: 4}}]
)
def test_integers_that_name_another_column(options):
    """A position that is another column's name would be misread."""
    [name] = options
    swapped = X.set_axis([1, 0], axis=1)
    with pytest.raises(ValueError, match=f"^{name} holds 1, .*astype"):
        DCNClassifier(**options, **TINY).fit(swapped, Y)
    DCNClassifier(**options, **TINY).fit(X.set_axis([0, 1], axis=1), Y)
    DCNClassifier(**options, **TINY).fit(X.set_axis([5, 1], axis=1), Y)


def test_steps_of_the_encoding():
    with pytest.raises(ValueError, match=r"^hashing holds"):
        CategoryEncoder(hashing={CITY: 8}).fit(LEVELS)
    with pytest.raises(ValueError, match=r"^categorical_features holds"):
        make_dcn_preprocessor(categorical_features=[CITY]).fit(LEVELS)


def test_mixed_names():
    """scikit-learn's error says to make strings of all."""
    with pytest.raises(TypeError, match=r"X\.columns\.astype\(str\)"):
        DCNClassifier(**TINY).fit(X.set_axis([1, "city"], axis=1), Y)
