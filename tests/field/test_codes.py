"""Whole numbers that are codes are warned about, and no others: a list of tables."""

import time
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline

from sklearn_dcn import DCNClassifier, DCNRegressor
from sklearn_dcn._table.numbers import are_codes
from sklearn_dcn.datasets import (
    load_adult,
    load_bank_marketing,
    load_credit_default,
    load_online_shoppers,
)

TINY = {"max_epochs": 1, "hidden_layer_sizes": (4,), "random_state": 0}
TINY |= {"memorized_crosses": None, "n_members": 1}
LOOKS = "looks? like codes of categories"

# Columns of strings of each table that are found after a LabelEncoder. Not found are
# those of fewer than 8 levels, and levels in an order that means something.
TABLES = {
    load_online_shoppers: {"Month", "Region", "TrafficType"},
    load_adult: {"workclass", "education", "occupation", "native-country"},
    load_bank_marketing: {"job", "month"},
    load_credit_default: set(),
}


def found(X, y):
    def target(rows):
        return y[rows].astype(float)

    return {
        name
        for name in X
        if are_codes(name, X[name].to_numpy(dtype=float, na_value=np.nan), target)
    }


@pytest.mark.parametrize("load", TABLES, ids=lambda load: load.__name__)
def test_shipped_tables(load):
    """No number of theirs is taken for a code; integer codes of their strings are."""
    X, y = load(return_X_y=True)
    y = np.asarray(y)
    strings = [c for c in X if not pd.api.types.is_numeric_dtype(X[c].dtype)]
    assert found(X.drop(columns=strings), y) == set()
    codes = X[strings].apply(lambda column: pd.Categorical(column).codes)
    assert found(codes, y) == TABLES[load]


IDS = ["user_id", "userId", "USERID", "item", "zip", "zipCode", "postcode", "movie_id1"]
OTHERS = ["age", "n_items", "item_price", "paid", "grid", "user_count", "hour", "x", 7]


@pytest.mark.parametrize("name", IDS)
def test_names_of_ids(name):
    x = np.random.default_rng(0).integers(3, 40, 300).astype(float)
    assert are_codes(name, x, None)
    assert not are_codes(name, x + 0.5, None)
    assert not are_codes(name, np.arange(300.0), None)  # of no use as a category
    assert not are_codes(name, x % 2, None)  # a flag


@pytest.mark.parametrize("name", OTHERS)
def test_names_of_others(name):
    x = np.random.default_rng(0).integers(3, 40, 300).astype(float)
    assert not are_codes(name, x, None)


def test_synthetic_numbers():
    """Counts, scores and heaped numbers are none, whatever they do to the target."""
    rng = np.random.default_rng(1)
    for n in (300, 5000):
        heaped = np.where(
            rng.random(n) < 0.5, 5 * rng.integers(0, 21, n), rng.integers(0, 101, n)
        )
        for x in (
            rng.integers(0, 100, n),
            rng.poisson(3, n),
            rng.geometric(0.05, n) - 1,
            rng.negative_binomial(1, 0.01, n),
            heaped,
        ):
            x = x.astype(float)
            for y in (rng.normal(size=n), x + rng.normal(size=n), np.sin(x / 9)):
                assert not are_codes(0, x, lambda at, y=y: y[at])


RNG = np.random.default_rng(0)
N = 120
X = pd.DataFrame(
    {
        "user_id": RNG.integers(0, 9, N),
        "city": RNG.choice(list("ab"), N),
        "age": RNG.integers(18, 60, N),
    }
)
Y = RNG.integers(0, 2, N)


@pytest.mark.parametrize("make", [DCNClassifier, DCNRegressor])
def test_warning(make):
    """Once a fit, with the shortest remedy; the note of `encoder_` agrees."""
    with pytest.warns(UserWarning) as caught:
        model = make(**TINY).fit(X, Y)
    [warning] = caught
    assert str(warning.message) == (
        "Column 'user_id' looks like codes of categories, not like numbers. Set "
        "categorical_features=['user_id'] if so, else categorical_features=[]."
    )
    asked = [row.column for row in model.encoder_.schema() if row.note.endswith("?")]
    assert asked == ["user_id"]


@pytest.mark.parametrize("answer", [["user_id"], []])
def test_who_answered_is_not_asked(answer):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = DCNClassifier(categorical_features=answer, **TINY).fit(X, Y)
    assert "?" not in str(model.encoder_)


def test_parts_and_pipelines():
    """`partial_fit` warns in the first call alone; so does `warm_start`."""
    for model in (DCNClassifier(**TINY), DCNClassifier(warm_start=True, **TINY)):
        fit = model.fit if model.warm_start else model.partial_fit
        options = {} if model.warm_start else {"classes": [0, 1]}
        with pytest.warns(UserWarning, match=LOOKS):
            fit(X, Y, **options)
        fit(X, Y)
    with pytest.warns(UserWarning, match=LOOKS):
        make_pipeline(DCNClassifier(**TINY)).fit(X, Y)


def test_cost():
    """A column of a million codes takes less than a hundredth of a fit's minute."""
    x = np.random.default_rng(0).integers(0, 300, 1_000_000).astype(float)
    start = time.perf_counter()
    are_codes("x", x, lambda rows: x[rows])
    assert time.perf_counter() - start < 0.6
