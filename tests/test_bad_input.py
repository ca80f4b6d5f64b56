"""Tests of wrong input: the right error, what it names, and an estimator unharmed."""

import contextlib
import functools

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse
from conftest import make_mixed
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import OrdinalEncoder

from sklearn_dcn import DCNClassifier, DCNRegressor

ESTIMATORS = pytest.mark.parametrize("Estimator", [DCNClassifier, DCNRegressor])
N = 60


def tiny(Estimator, **parameters):
    """Return an estimator that fits in milliseconds."""
    parameters = {"max_epochs": 1, "hidden_layer_sizes": (4,), **parameters}
    return Estimator(random_state=0, **parameters)


def data():
    """Return a mixed frame of 60 rows and a target of two numbers."""
    return make_mixed(N)


@functools.cache
def fitted(Estimator):
    """Return one fitted estimator; whoever breaks it fails all tests that use it."""
    return tiny(Estimator).fit(*data())


def state(estimator):
    """Return what a failed call must leave alone."""
    X, _ = data()
    found = {
        "attributes": sorted(vars(estimator)),
        "n_features_in_": estimator.n_features_in_,
        "feature_names_in_": estimator.feature_names_in_.tolist(),
        "n_iter_": estimator.n_iter_,
        "predict": estimator.predict(X).tobytes(),
        "logits": estimator._logits(X).tobytes(),
    }
    if isinstance(estimator, DCNClassifier):
        found["classes_"] = estimator.classes_.tolist()
    return found


@contextlib.contextmanager
def unharmed(estimator, error, message):
    """Expect an error, after which the fitted estimator is as before, to the bit."""
    before = state(estimator)
    parameters = estimator.get_params()
    with pytest.raises(error, match=message) as raised:
        yield
    estimator.set_params(**parameters)
    assert type(raised.value) is error
    assert state(estimator) == before


# ----------------------------------------------------------------------------------
# Tables
# ----------------------------------------------------------------------------------


def cells(cell):
    """Return a column of one object in each row."""
    column = pd.Series([None] * N, dtype=object)
    for i in range(N):
        column.iat[i] = cell
    return column


def named(*names):
    """Return a change of the column names."""
    return lambda X: X.set_axis(list(names), axis=1)


# What is wrong wherever a table is given: case: (change of the frame, error, message).
WRONG_TABLES = {
    "infinity": (
        lambda X: X.assign(price=X["price"].where(X.index != 3, np.inf)),
        ValueError,
        r"^Column 'price' contains infinity \(first in row 3\).*Replace it",
    ),
    "-infinity": (
        lambda X: X.assign(visits=-np.inf),
        ValueError,
        "^Column 'visits' contains infinity",
    ),
    "polars that is not in memory": (
        lambda X: pl.from_pandas(X).lazy(),
        TypeError,
        r"^X must be in memory; got .*LazyFrame.*X\.collect\(\)",
    ),
    "dates of polars": (
        lambda X: pl.from_pandas(X).with_columns(price=pl.date(2024, 2, 29)),
        TypeError,
        r"^Column 'price' holds (D|d)ate.*\.dt\.year\(\)",
    ),
    "infinity of polars": (
        lambda X: pl.from_pandas(X).with_columns(price=pl.lit(np.inf)),
        ValueError,
        r"^Column 'price' contains infinity \(first in row 0\)",
    ),
    "structs of arrow": (
        lambda X: pl.from_pandas(X).with_columns(city=pl.struct("price")).to_arrow(),
        TypeError,
        "^Column 'city' holds (struct|dict).*Drop the column or turn",
    ),
    "sparse with infinity": (
        lambda X: scipy.sparse.csr_matrix(np.full((N, 5), np.inf)),
        ValueError,
        "^A sparse X must hold finite numbers; got infinity",
    ),
    "complex sparse": (
        lambda X: scipy.sparse.csr_matrix(np.eye(N, 5) * 1j),
        ValueError,
        "^Complex data not supported",
    ),
    "no rows": (lambda X: X[:0], ValueError, r"0 sample\(s\) \(shape=\(0, 5\)\)"),
    "no columns": (lambda X: X[[]], ValueError, r"0 feature\(s\) \(shape=\(60, 0\)\)"),
    "1-D": (
        lambda X: X["price"].to_numpy(),
        ValueError,
        "Expected 2D array, got 1D array",
    ),
    "Series": (lambda X: X["price"], ValueError, "Expected a 2-dimensional container"),
    "3-D": (lambda X: np.ones((N, 5, 2)), ValueError, "Found array with dim 3"),
    "complex": (
        lambda X: X["price"].to_numpy()[:, None] * 1j,
        ValueError,
        "Complex data not supported",
    ),
    "duplicate names": (
        named("city", "device", "is_new", "price", "city"),
        ValueError,
        "'city' occurs more than once. Rename",
    ),
    "names of mixed types": (
        named("city", "device", "is_new", "price", 4),
        TypeError,
        "all input features have string names, but your input has",
    ),
    "dict among categories": (
        lambda X: X.assign(city=cells({"a": 1})),
        TypeError,
        "^Column 'city' holds dict.*Drop the column or turn",
    ),
    "dict among numbers": (
        lambda X: X.assign(price=cells({"a": 1})),
        TypeError,
        "^Column 'price' holds dict.*Drop the column or turn",
    ),
    "lists among strings": (
        lambda X: X.assign(city=cells(["a"]).where(X.index != 3, "a")),
        TypeError,
        "^Column 'city' holds list.*name it in multivalued_features",
    ),
    "arrays among numbers": (
        lambda X: X.assign(price=cells(np.zeros(2)).where(X.index != 3, 1.0)),
        TypeError,
        "^Column 'price' holds ndarray.*name it in multivalued_features",
    ),
    "map of arrow": (
        lambda X: X.assign(
            city=pd.Series(
                [[("a", 1.0)]] * N,
                dtype=pd.ArrowDtype(pa.map_(pa.string(), pa.float64())),
            )
        ),
        TypeError,
        "^Column 'city' holds (map|list).*name it in multivalued_features",
    ),
    "dates": (
        lambda X: X.assign(device=pd.Timestamp("2024-02-29")),
        TypeError,
        r"^Column 'device' holds (datetime64|Timestamp).*\.dt\.year",
    ),
    "durations": (
        lambda X: X.assign(price=pd.Timedelta(1, "s")),
        TypeError,
        r"^Column 'price' holds (timedelta64|Timedelta).*\.dt\.total_seconds",
    ),
}

# What is wrong only after a fit with other columns.
CHANGED_TABLES = {
    "column missing": (
        lambda X: X.drop(columns="price"),
        ValueError,
        "(?s)feature names should match.*yet now missing.*- price",
    ),
    "column added": (
        lambda X: X.assign(zip=1),
        ValueError,
        "(?s)feature names should match.*unseen at fit time.*- zip",
    ),
    "columns reordered": (
        lambda X: X[X.columns[::-1]],
        ValueError,
        "(?s)feature names should match.*in the same order",
    ),
    "column renamed": (
        lambda X: X.rename(columns={"price": "cost"}),
        ValueError,
        "(?s)feature names should match.*- cost.*- price",
    ),
    "array without a column": (
        lambda X: np.ones((N, 4)),
        ValueError,
        "X has 4 features, but DCN.* is expecting 5 features",
    ),
    "string, once a number": (
        lambda X: X.assign(price="cheap"),
        ValueError,
        "^Column 'price' must hold numbers; could not convert string.*'cheap'.*Turn",
    ),
    "number, once a string": (
        lambda X: X.assign(city=X["visits"]),
        TypeError,
        "^Column 'city' is categorical and held string.*now number.*Convert the column",
    ),
    "lists, once strings": (
        lambda X: X.assign(city=cells(["a", "b"])),
        TypeError,
        "^Column 'city' holds list",
    ),
    "arrays, once strings": (
        lambda X: X.assign(city=cells(np.zeros(2))),
        TypeError,
        "^Column 'city' holds ndarray",
    ),
    "lists, once numbers": (
        lambda X: X.assign(price=cells([1.0])),
        TypeError,
        "^Column 'price' holds list",
    ),
    "sparse, once a table": (
        lambda X: scipy.sparse.csr_matrix(np.eye(N, 5)),
        TypeError,
        "^X was a table of columns in fit, and is now a sparse matrix",
    ),
    "polars without a column": (
        lambda X: pl.from_pandas(X).drop("price"),
        ValueError,
        "(?s)feature names should match.*yet now missing.*- price",
    ),
    "complex, once a number": (
        lambda X: X.assign(price=1j),
        TypeError,
        "^Column 'price' holds complex",
    ),
    "complex, once a string": (
        lambda X: X.assign(city=1j),
        TypeError,
        "^Column 'city' holds complex",
    ),
}

ignore_names = pytest.mark.filterwarnings("ignore:X does not have valid feature names")


@pytest.mark.parametrize("case", WRONG_TABLES)
@ESTIMATORS
def test_wrong_table_in_fit(Estimator, case):
    """A wrong table in fit, of an estimator fitted before and a fresh one."""
    change, error, message = WRONG_TABLES[case]
    X, y = data()
    estimator = fitted(Estimator)
    with unharmed(estimator, error, message):
        estimator.fit(change(X), y)
    fresh = tiny(Estimator)
    with pytest.raises(error, match=message):
        fresh.fit(change(X), y)
    assert sorted(vars(fresh)) == sorted(fresh.get_params())


@ignore_names
@pytest.mark.parametrize("method", ["predict", "partial_fit", "X_val"])
@pytest.mark.parametrize("case", [*WRONG_TABLES, *CHANGED_TABLES])
@ESTIMATORS
def test_wrong_table_after_fit(Estimator, case, method):
    """A wrong or changed table in prediction, in partial_fit and as X_val."""
    change, error, message = {**WRONG_TABLES, **CHANGED_TABLES}[case]
    X, y = data()
    estimator = fitted(Estimator)
    with unharmed(estimator, error, message):
        if method == "predict":
            estimator.predict(change(X))
        elif method == "partial_fit":
            estimator.partial_fit(change(X), y)
        else:
            estimator.fit(X, y, X_val=change(X), y_val=y)


@ESTIMATORS
def test_complex_column_in_fit(Estimator):
    """A complex column of a frame is named."""
    X, y = data()
    with unharmed(fitted(Estimator), ValueError, "^Column 'price': Complex data not"):
        fitted(Estimator).fit(X.assign(price=1j), y)


@ESTIMATORS
def test_columns_of_arrays_are_named_by_position(Estimator):
    """Errors of an array name the position of the column."""
    x = np.ones((N, 3))
    x[5, 2] = np.inf
    with pytest.raises(
        ValueError, match=r"^Column 2 contains infinity \(first in row 5"
    ):
        tiny(Estimator).fit(x, data()[1])


# ----------------------------------------------------------------------------------
# Targets, weights, validation rows
# ----------------------------------------------------------------------------------


def weights(**changes):
    """Return a call of fit with sample weights, one of them changed."""

    def call(estimator, X, y):
        weight = np.ones(N)
        for row, value in changes.items():
            weight[int(row[1:])] = value
        estimator.fit(X, y, weight)

    return call


WRONG_CALLS = {
    "NaN in y": (
        lambda e, X, y: e.fit(X, np.where(y == 1, np.nan, 0.0)),
        ValueError,
        "Input y contains NaN",
    ),
    "infinity in y": (
        lambda e, X, y: e.fit(X, np.where(y == 1, np.inf, 0.0)),
        ValueError,
        "Input y contains infinity",
    ),
    "no y": (lambda e, X, y: e.fit(X, None), ValueError, "requires y to be passed"),
    "complex y": (lambda e, X, y: e.fit(X, y * 1j), ValueError, "Complex data not"),
    "3-D y": (lambda e, X, y: e.fit(X, np.ones((N, 2, 2))), ValueError, "with dim 3"),
    "short y": (
        lambda e, X, y: e.fit(X, y[:-1]),
        ValueError,
        "^X and y must have the same number of rows; got 60 and 59",
    ),
    "short weights": (
        lambda e, X, y: e.fit(X, y, np.ones(N - 1)),
        ValueError,
        r"^sample_weight must be 1-D.*\(60,\); got shape \(59,\)",
    ),
    "2-D weights": (
        lambda e, X, y: e.fit(X, y, np.ones((N, 1))),
        ValueError,
        r"^sample_weight must be 1-D.*got shape \(60, 1\)",
    ),
    "negative weight": (
        weights(_7=-0.5),
        ValueError,
        r"^sample_weight must not be negative; got -0\.5 in row 7",
    ),
    "NaN weight": (weights(_7=np.nan), ValueError, "sample_weight contains NaN"),
    "infinite weight": (weights(_7=np.inf), ValueError, "sample_weight contains inf"),
    "zero weights": (
        lambda e, X, y: e.fit(X, y, np.zeros(N)),
        ValueError,
        "^sample_weight must have a positive weight",
    ),
    "weights of strings": (
        lambda e, X, y: e.fit(X, y, ["heavy"] * N),
        ValueError,
        "sample_weight must hold numbers",
    ),
    "X_val without y_val": (
        lambda e, X, y: e.fit(X, y, X_val=X),
        ValueError,
        "^X_val and y_val must be given together",
    ),
    "y_val without X_val": (
        lambda e, X, y: e.fit(X, y, y_val=y),
        ValueError,
        "^X_val and y_val must be given together",
    ),
    "sample_weight_val alone": (
        lambda e, X, y: e.fit(X, y, sample_weight_val=np.ones(N)),
        ValueError,
        "sample_weight_val only with them",
    ),
    "short y_val": (
        lambda e, X, y: e.fit(X, y, X_val=X, y_val=y[:9]),
        ValueError,
        "^X_val and y_val must have the same number of rows; got 60 and 9",
    ),
    "negative sample_weight_val": (
        lambda e, X, y: e.fit(X, y, X_val=X, y_val=y, sample_weight_val=-np.ones(N)),
        ValueError,
        "^sample_weight_val must not be negative",
    ),
    "one row to split": (
        lambda e, X, y: e.set_params(early_stopping=True).fit(X[:2], y[:2], [1, 0]),
        ValueError,
        "at least 2",
    ),
    "weight in partial_fit": (
        lambda e, X, y: e.partial_fit(X, y, sample_weight=-np.ones(N)),
        ValueError,
        "^sample_weight must not be negative",
    ),
    "training that diverges": (
        lambda e, X, y: e.set_params(
            optimizer="sgd", learning_rate=1e200, max_epochs=9
        ).fit(X, y),
        ValueError,
        r"^Training diverged.*Lower learning_rate=1e\+200",
    ),
}


@pytest.mark.parametrize("case", WRONG_CALLS)
@ESTIMATORS
def test_wrong_call(Estimator, case):
    """Wrong targets, weights and validation rows, for both estimators."""
    call, error, message = WRONG_CALLS[case]
    estimator = fitted(Estimator)
    with unharmed(estimator, error, message):
        call(estimator, *data())


WRONG_CLASSES = {
    "one class": (
        lambda e, X, y: e.fit(X, np.full(N, 3)),
        r"needs at least 2 classes in y; got 1 class: \[3\]",
    ),
    "one class of positive weight": (
        lambda e, X, y: e.fit(X, y, y == 1),
        r"needs at least 2 classes in y; got 1 class: \[1\]",
    ),
    "continuous y": (
        lambda e, X, y: e.fit(X, np.linspace(0, 1, N)),
        "Unknown label type: continuous",
    ),
    "2-D y": (
        lambda e, X, y: e.fit(X, np.ones((N, 2))),
        r"y should be a 1d array, got an array of shape \(60, 2\)",
    ),
    "missing label": (
        lambda e, X, y: e.fit(X, np.where(y == 1, "yes", None)),
        "^Input y contains NaN",
    ),
    "labels of two types": (
        lambda e, X, y: e.fit(X, np.where(y == 1, "yes", y.astype(object))),
        "^y must hold strings or numbers, not both",
    ),
    "unseen label in y_val": (
        lambda e, X, y: e.fit(X, y, X_val=X, y_val=y + 1),
        r"^y_val must hold the classes \[0, 1\] alone; got also \[2\]",
    ),
    "unseen label in partial_fit": (
        lambda e, X, y: e.partial_fit(X, y + 1),
        r"^y must hold the classes \[0, 1\] alone; got also \[2\]",
    ),
    "class_weight of no class": (
        lambda e, X, y: e.set_params(class_weight={0: 1, 5: 2}).fit(X, y),
        r"^class_weight must hold the classes \[0, 1\] alone; got also \[5\]",
    ),
}


@pytest.mark.parametrize("case", WRONG_CLASSES)
def test_wrong_classes(case):
    """What is wrong for a classifier alone."""
    call, message = WRONG_CLASSES[case]
    estimator = fitted(DCNClassifier)
    with unharmed(estimator, ValueError, message):
        call(estimator, *data())


WRONG_NUMBERS = {
    "strings": (
        lambda e, X, y: e.fit(X, np.where(y == 1, "yes", "no")),
        "could not convert string to float",
    ),
    "y_val of other outputs": (
        lambda e, X, y: e.fit(X, y, X_val=X, y_val=np.ones((N, 2))),
        r"^y_val must have 1 output\(s\), as y in fit; got 2",
    ),
    "partial_fit with other outputs": (
        lambda e, X, y: e.partial_fit(X, np.ones((N, 2))),
        r"^y must have 1 output\(s\), as y in fit; got 2",
    ),
}


@pytest.mark.parametrize("case", WRONG_NUMBERS)
def test_wrong_numbers(case):
    """What is wrong for a regressor alone."""
    call, message = WRONG_NUMBERS[case]
    estimator = fitted(DCNRegressor)
    with unharmed(estimator, ValueError, message):
        call(estimator, *data())


# ----------------------------------------------------------------------------------
# Parameters
# ----------------------------------------------------------------------------------

V, T = ValueError, TypeError

POSITIVE_INTEGER = [(0, V), (-1, V), (1.0, T), ("1", T), (None, T), (True, T)]
RATE = [(-0.1, V), (1.0, V), (2, V), (np.nan, V), ("0.1", T), (None, T), (True, T)]
NOT_NEGATIVE = [(-1e-9, V), (np.nan, V), (np.inf, V), ("0", T), (None, T), (False, T)]
NOT_NEGATIVE_OR_NONE = [case for case in NOT_NEGATIVE if case[0] is not None]
RATE_OR_NONE = [case for case in RATE if case[0] is not None]
OPTION = [("other", V), ("", V), (1, V), (["relu"], V), (True, V)]

WRONG_PARAMETERS = {
    "categorical_features": [
        ("dtype", V),
        ("city", V),
        (["city", "device", "zip"], V),
        ([0, 5], V),
        ([-1, 0], V),
        ([True], V),
        ([1.0], V),
        (1, V),
        (None, V),
    ],
    "multivalued_features": [
        ("dtype", V),
        ("city", V),
        (["zip"], V),
        ([5], V),
        ([-1], V),
        ([True], V),
        ([1.0], V),
        (1, V),
        (["price"], T),
        (["city"], T),
        ({"zip": "|"}, V),
        ({5: "|"}, V),
        ({"city": ""}, V),
        ({"city": 1}, V),
        ({"city": True}, V),
        ({"city": None}, T),
        ({"price": "|"}, T),
    ],
    "pooling": [
        *OPTION,
        (None, V),
        ({"city": "max"}, V),
        ({"city": None}, V),
        ({"city": "sum"}, V),  # which is not multi-valued
        ({"zip": "sum"}, V),
        ({5: "sum"}, V),
    ],
    "hashing": [
        (100, T),
        ("city", T),
        (["city"], T),
        (True, T),
        ({"city": 0}, V),
        ({"city": -1}, V),
        ({"city": 10.0}, T),
        ({"city": "10"}, T),
        ({"city": None}, T),
        ({"city": True}, T),
        ({"price": 10}, V),
        ({"zip": 10}, V),
        ({5: 10}, V),
        ({-1: 10}, V),
    ],
    "category_encoder": [
        ("target", T),
        (1, T),
        (True, T),
        ({"a": 1}, T),
        (OrdinalEncoder, T),
    ],
    "numeric_embedding": OPTION,
    "numeric_levels": [
        (0, V),
        (-1, V),
        (10.0, T),
        ("all", V),
        ("", V),
        (True, T),
        ([10], T),
    ],
    "memorized_crosses": [
        (0, V),
        (-1, V),
        (2.0, T),
        (True, T),
        ("all", V),
        ({"city": "device"}, T),
        (["city", "device"], V),
        ([("city",)], V),
        ([("city", "device", "visits")], V),
        ([("city", "city"), ("city", 0)], V),
        ([("city", 1.0)], V),
        ([("city", "device"), ("device", "city")], V),
        ([("city", "zip")], V),
        ([(0, 5)], V),
        ([(-1, 0)], V),
    ],
    "min_frequency": [
        (0, V),
        (-1, V),
        (0.0, V),
        (1.0, V),
        (1.5, V),
        (np.nan, V),
        ("1", T),
        (True, T),
    ],
    "max_categories": [(0, V), (-1, V), (1.0, T), ("auto", V), (True, T)],
    "category_dropout": RATE,
    "numeric_transform": OPTION,
    "embedding_dim": [
        (0, V),
        (-4, V),
        (1.5, T),
        ("wide", V),
        (None, T),
        (True, T),
        ({"city": 0}, V),
        ({"city": 1.5}, T),
        ({"city": "auto"}, T),
        ({"price": 4}, V),
        ({"zip": 4}, V),
    ],
    "cross": [*OPTION, (None, V)],
    "structure": [*OPTION, (None, V)],
    "n_cross_layers": [(-1, V), (1.0, T), ("auto", T), (None, T), (True, T)],
    "cross_rank": [(0, V), (-1, V), (1.0, T), ("full", V), (None, T), (True, T)],
    "n_experts": POSITIVE_INTEGER,
    "expert_gate": [*OPTION, (None, V)],
    "expert_activation": OPTION,
    "hidden_layer_sizes": [
        (8, T),
        ("8", T),
        (None, T),
        ((8, 0), V),
        ((-8,), V),
        ((8.0,), T),
        (("8",), T),
        ((True,), T),
        ([[8]], T),
    ],
    "activation": [*OPTION, (None, V)],
    "dropout": RATE,
    "normalization": OPTION,
    "n_members": [(0, V), (-1, V), (1.0, T), ("all", V), (None, T), (True, T)],
    "optimizer": [("lbfgs", V), (1, V), (None, V), (int, V), (["adam"], V)],
    "learning_rate": [(0, V), (0.0, V), *NOT_NEGATIVE],
    "weight_decay": NOT_NEGATIVE,
    "embedding_l2": NOT_NEGATIVE,
    "embedding_l2_scope": [*OPTION, (None, V)],
    "learning_rate_schedule": OPTION,
    "warmup": RATE,
    "plateau_epochs": POSITIVE_INTEGER,
    "max_grad_norm": [(0, V), (0.0, V), *NOT_NEGATIVE_OR_NONE],
    "ema_decay": [(0, V), (0.0, V), *RATE_OR_NONE],
    "label_smoothing": RATE,
    "max_epochs": [(0, V), (-1, V), (1.0, T), ("all", V), (None, T), (True, T)],
    "batch_size": [(0, V), (-1, V), (1.0, T), ("all", V), (None, T), (True, T)],
    "early_stopping": [("yes", V), (1, V), (None, V), ([True], V)],
    "validation_fraction": [(0, V), (0.0, V), *RATE],
    "n_iter_no_change": POSITIVE_INTEGER,
    "tol": NOT_NEGATIVE,
    "calibrate": [(1, T), (0, T), ("yes", T), (None, T)],
    "class_weight": [
        ("even", V),
        ([1, 1], V),
        (1.0, V),
        ({0: -1}, V),
        ({1: np.nan}, V),
        ({1: np.inf}, V),
        ({0: "1"}, T),
        ({0: None}, T),
        ({2: 1}, V),
        ({"0": 1}, V),
    ],
    "loss": [*OPTION, (None, V)],
    "focal_gamma": NOT_NEGATIVE,
    "negative_sampling": [
        (0, V),
        (0.0, V),
        *(case for case in RATE if case[0] is not None),
    ],
    "warm_start": [(1, T), (0, T), ("yes", T), (None, T)],
    "device": [("gpu", V), ("cpu:7", V), ("meta", V), ("", V), (0, T), (None, T)],
    "compile": [("turbo", V), (None, T), (1, T)],
    "dtype": [("float16", V), ("double", V), (None, V), (np.float32, V), (32, V)],
    "n_jobs": [(0, V), (1.0, T), ("all", T), (True, T)],
    "random_state": [(-1, V), (0.5, V), ("0", V), (2**32, V), ([1, 2], V)],
    "checkpoint": [(1, T), (True, T), (b"fit", T), ("", V), ("no such folder/fit", V)],
    "verbose": [(-1, V), (1.0, T), ("yes", T), (None, T)],
    "callbacks": [("progress", T), (1, T), ({}, T), ([1], T), ([("a", 1)], T)],
    "net_params": [
        ("lr", T),
        ([("optimizer__momentum", 0.9)], T),
        *(
            ({key: 1}, V)
            for key in (
                "module",
                "module__dropout",
                "criterion",
                "dataset",
                "train_split",
                "iterator_train",
                "iterator_train__shuffle",
                "iterator_valid",
                "warm_start",
                "max_epochs",
                "batch_size",
                "lr",
                "optimizer",
                "callbacks",
                "callbacks__print_log",
                "device",
                "verbose",
                "embedding_l2",
                "embedding_l2_scope",
                "record_batches",
                "seed",
                "dtype",
                "optimizer__lr",
                "optimizer__weight_decay",
                "optimizer__param_groups",
            )
        ),
        ({"foo": 1}, V),
        ({"optimizer__foo": 1}, V),
    ],
}


OF_CLASSES = {"class_weight", "loss", "focal_gamma", "negative_sampling"}
OF_CLASSES.add("label_smoothing")


@ESTIMATORS
def test_every_parameter_is_tested(Estimator):
    """The table of wrong values covers the constructor exactly."""
    expected = set(WRONG_PARAMETERS)
    if Estimator is DCNRegressor:
        expected -= OF_CLASSES
    assert set(Estimator().get_params()) == expected


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [(name, *case) for name, cases in WRONG_PARAMETERS.items() for case in cases],
    ids=lambda part: getattr(part, "__name__", repr(part)),
)
def test_wrong_parameter(name, value, error):
    """Every wrong value is an error in fit alone, of the right type, that names it."""
    for Estimator in (DCNClassifier, DCNRegressor):
        if name not in Estimator().get_params():  # of a classifier alone
            continue
        estimator = fitted(Estimator)
        # Names of parameters stand alone, not inside of other words.
        with unharmed(estimator, error, rf"(^|\W){name}(\W|$)"):
            estimator.set_params(**{name: value}).fit(*data())
        fresh = tiny(Estimator).set_params(**{name: value})  # no error here
        with pytest.raises(error, match=rf"(^|\W){name}(\W|$)"):
            fresh.fit(*data())
        assert sorted(vars(fresh)) == sorted(fresh.get_params())


@pytest.mark.parametrize("key", ["module", "module__dropout", "lr", "callbacks__a"])
def test_net_params_name_the_key(key):
    """net_params that override the estimator are told the parameter to use."""
    estimator = tiny(DCNClassifier, net_params={key: 1})
    with pytest.raises(ValueError, match=rf"^net_params must not set '{key}': \w+"):
        estimator.fit(*data())


@pytest.mark.parametrize(
    "parameters",
    [
        {"warm_start": np.False_, "early_stopping": np.True_},
        {"max_epochs": np.int64(1), "dropout": np.float32(0.1), "tol": 0},
        {"hidden_layer_sizes": [np.int64(4)], "batch_size": np.int32(16)},
        {"min_frequency": np.int64(2), "max_categories": np.int64(3)},
        {"min_frequency": np.float64(0.01), "learning_rate": np.float64(0.1)},
        {"random_state": np.random.RandomState(0), "n_jobs": np.int64(1)},
        {"hidden_layer_sizes": (), "n_cross_layers": 1},
        {"class_weight": {1: 0.5}},
        {"class_weight": {}},
        {"hashing": {"city": np.int64(3), "device": 1}},
        {"hashing": {}, "pooling": {}, "multivalued_features": {}},
        {"multivalued_features": {"city": "|"}, "pooling": {"city": "sum"}},
        {"multivalued_features": {np.int64(0): "|"}, "min_frequency": 2},
        {"numeric_embedding": "periodic", "embedding_dim": np.int64(3)},
        {"numeric_levels": np.int64(9), "memorized_crosses": np.int32(2)},
        {"memorized_crosses": [(np.int64(0), 3), ("device", "visits")]},
        {"memorized_crosses": [], "numeric_embedding": "auto"},
        {"callbacks": [], "net_params": {"optimizer__betas": (0.9, 0.99)}},
        {"validation_fraction": 0.99, "early_stopping": True},
        {"loss": "focal", "focal_gamma": np.float32(0.5)},
        {"focal_gamma": 0, "negative_sampling": np.float64(0.5)},
    ],
    ids=lambda options: "-".join(options) or "none",
)
def test_numpy_scalars_are_right(parameters):
    """Values of grids and the bounds of ranges are not refused."""
    estimator = tiny(DCNClassifier).set_params(**parameters)
    assert estimator.fit(*data()).n_iter_ == 1


# ----------------------------------------------------------------------------------
# Unfitted estimators
# ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("Estimator", "method"),
    [
        *(
            (DCNClassifier, method)
            for method in (
                "predict",
                "predict_proba",
                "predict_log_proba",
                "decision_function",
            )
        ),
        (DCNRegressor, "predict"),
    ],
)
def test_not_fitted(Estimator, method):
    """Every prediction of an unfitted estimator raises NotFittedError."""
    X, y = data()
    estimator = Estimator()
    with pytest.raises(
        NotFittedError, match=f"This {Estimator.__name__} instance is not"
    ):
        getattr(estimator, method)(X)
    with pytest.raises(NotFittedError):
        estimator.score(X, y)
    with pytest.raises(ValueError, match="dropout"):  # a failed fit is no fit
        estimator.set_params(dropout=2).fit(X, y)
    with pytest.raises(NotFittedError):
        getattr(estimator, method)(X)


def test_numbers_beyond_the_network_are_an_error(mixed, tiny):
    """A prediction that overflows names its row; probabilities are never NaN."""
    X, y = mixed
    model = DCNClassifier(**tiny, numeric_transform=None).fit(X, y)
    far = X.head(3).assign(visits=[1.0, 1e200, 2.0])
    with pytest.raises(ValueError, match="not finite, first in row 1 of X"):
        model.predict_proba(far)
    quantile = DCNClassifier(**tiny).fit(X, y)
    assert np.isfinite(quantile.predict_proba(far)).all()


def test_weights_that_leave_nothing(mixed, tiny):
    """Class weights of zero for every class, and labels missing in classes."""
    X, y = mixed
    with pytest.raises(ValueError, match="class_weight must leave a class"):
        DCNClassifier(**tiny, class_weight={0: 0, 1: 0}).fit(X, y)
    with pytest.raises(ValueError, match="NaN"):
        DCNClassifier(**tiny).partial_fit(X, y, classes=[0, 1, np.nan])
    for weight in (["a"] * 300, 2.0, "a"):
        with pytest.raises(ValueError, match="sample_weight must"):
            DCNClassifier(**tiny).fit(X, y, sample_weight=weight)


def test_subclass_with_a_parameter_of_its_own(mixed, tiny):
    """A subclass may have a parameter that no rule here is for."""

    class Named(DCNRegressor):
        def __init__(self, title="", **kwargs):
            super().__init__(**kwargs)
            self.title = title

        @classmethod
        def _get_param_names(cls):
            return ["title", *DCNRegressor._get_param_names()]

    X, y = mixed
    assert Named(title="x", **tiny).fit(X, y).get_params()["title"] == "x"
