"""The row of the schema that a column has, and numbers that may be codes."""

import numpy as np
import pandas as pd
import pytest
from helpers.schemas import fit

from sklearn_dcn._table.numbers.scaler import NUMERIC_TRANSFORMS, NumberScaler

RNG = np.random.default_rng(0)
N_OF_CODE = RNG.permutation(np.round(np.geomspace(5, 90, 160)).astype(int))
ASKED = {
    "zip": RNG.choice(RNG.choice(np.arange(501, 99_950), 300), 1000),
    "user_id": np.where(RNG.random(500) < 0.1, np.nan, RNG.integers(3, 40, 500)),
    "itemId": RNG.integers(0, 12, 200),
    "encoded labels": np.repeat(np.arange(160), N_OF_CODE),
    "with -1": np.repeat(np.arange(-1, 159), N_OF_CODE),
}
NOT_ASKED = {
    "fractions": RNG.normal(size=300),
    "age": RNG.integers(18, 80, 500),
    "n_items": RNG.integers(0, 12, 200),
    "negative": RNG.integers(-9, 12, 200),
    "hour": RNG.integers(0, 24, 2000),
    "one fraction": np.append(RNG.integers(1, 9, 300), 0.5),
    "flags": RNG.integers(0, 2, 300),
    "unique": np.arange(10, 310),
    "hardly repeated": np.append(np.arange(10, 310), np.arange(10, 200)),
    "amounts": np.round(RNG.lognormal(3, 2, 3000)),
    "constant": np.full(300, 7),
    "missing": np.full(300, np.nan),
}


@pytest.mark.parametrize("transform", NUMERIC_TRANSFORMS)
@pytest.mark.parametrize("name", [*ASKED, *NOT_ASKED])
def test_question(name, transform):
    """Whole numbers are asked for if they are named or spread as codes are."""
    X = pd.DataFrame({name: (ASKED | NOT_ASKED)[name]})
    encoder = fit(X, numeric_transform=transform)
    [row] = encoder.schema()
    assert row.note.endswith("a category?") == (name in ASKED)
    assert ("name their column in categorical_features" in str(encoder)) == (
        name in ASKED
    )
    # A user who named the categories has answered.
    [row] = fit(X, numeric_transform=transform, categorical_features=None).schema()
    assert row.kind == "number"
    assert "?" not in row.note


@pytest.mark.parametrize("transform", NUMERIC_TRANSFORMS)
def test_note_of_numbers(transform):
    """The range is that of the cells, whatever the transform makes of them."""
    X = pd.DataFrame(
        {
            "a": [1234.5678, -0.001234, np.nan, 7.0],
            "b": [3, 12_345, 7, 0],
            "c": [5, 5, 5, 5],
            "d": [np.nan] * 4,
            "e": [1e300, -1e18, 0, 2],
        }
    )
    assert [row.note for row in fit(X, numeric_transform=transform).schema()] == [
        "-0.001234 to 1235",
        "4 whole numbers, 0 to 12,345",
        "constant 5",
        "all missing",
        "4 whole numbers, -1e+18 to 1e+300",
    ]


@pytest.mark.parametrize("transform", NUMERIC_TRANSFORMS)
def test_seen(transform):
    """`seen` is of the numbers that are there, before the transform."""
    x = np.array([3.0, np.nan, 3.0, -1.0])
    assert NumberScaler(transform).fit(x, np.ones(4)).seen == (3, 2, -1.0, 3.0, True)
    assert NumberScaler(transform).fit(x / 2, np.ones(4)).seen == (
        *(3, 2, -0.5, 1.5),
        False,
    )
    assert NumberScaler(transform).fit(x[1:2], np.ones(1)).seen is None
