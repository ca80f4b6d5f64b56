"""Wrong tables and targets: the right error, what it names, an estimator unharmed."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
from helpers.unharmed import ESTIMATORS, N, data, fitted, tiny, unharmed

from sklearn_dcn import DCNClassifier, DCNRegressor

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
        lambda X: X.assign(city=cells({"a": 1}).where(X.index != 3, "a")),
        TypeError,
        "^Column 'city' holds dict.*Drop the column or turn",
    ),
    "dict among numbers": (
        lambda X: X.assign(price=cells({"a": 1}).where(X.index != 3, 1.0)),
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
    "dates of polars, once numbers": (
        lambda X: pl.from_pandas(X).with_columns(price=pl.date(2024, 2, 29)),
        TypeError,
        r"^Column 'price' holds (D|d)ate.*\.dt\.year\(\)",
    ),
    "dates, once categories": (
        lambda X: X.assign(device=pd.Timestamp("2024-02-29")),
        TypeError,
        r"^Column 'device' holds (datetime64|Timestamp).*\.dt\.year",
    ),
    "durations, once numbers": (
        lambda X: X.assign(price=pd.Timedelta(1, "s")),
        TypeError,
        r"^Column 'price' holds (timedelta64|Timedelta).*\.dt\.total_seconds",
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
        lambda e, X, y: e.fit(X, np.column_stack([y, y + 1])),
        r"^y should be a 1d array of labels, or columns of 0 and 1.* got 2 .* \[2.0\]",
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
