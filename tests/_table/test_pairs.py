"""Which field is whose, and the numbers of pairs, against those of the encoder."""

import numpy as np
import pandas as pd
import pytest
from helpers.memorising import encode

from sklearn_dcn._table import PairNumbers

# Items first, so that pairs have a user's column as their second.
NAMES = ["item", "year", "user", "age"]
IS_USER = [False, False, True, True]


@pytest.fixture(scope="module")
def table():
    """Return a table of users and items, of few pairs and numbers with gaps."""
    rng = np.random.default_rng(0)
    user, item = rng.integers(0, 9, 300), rng.integers(0, 12, 300)
    table = pd.DataFrame({"item": item, "year": 1990.0 + item % 5, "user": user})
    table["age"] = np.where(user == 3, np.nan, 20.0 + user)
    y = (rng.random(300) < 0.2 + 0.6 * ((user + item) % 2)).astype(int)
    return table.astype({"item": str, "user": str}), y


PAIRS = [("item", "user"), ("year", "age"), ("user", "age"), ("item", "year")]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("kind", ["binary", "number"])
def test_numbers_are_those_of_rows(table, kind, dtype):
    X, y = table
    encoder, _ = encode(X, y, kind, memorized_crosses=PAIRS)
    pairs = PairNumbers(encoder, IS_USER, dtype)
    names = np.array(encoder.field_names)
    assert {*names[pairs.of_user]} >= {"user", "age", "age is missing", "user x age"}
    assert {*names[pairs.of_item]} >= {"item", "year", "item x year"}
    mine = [*names[pairs.of_pair]]
    counts = [f"rows of {name}" for name in ("item x user", "year x age")]
    assert mine[0] == "item x user"
    assert {"item x user", "year x age", counts[0]} <= {*mine} <= {*mine, *counts}
    fields = sorted([*pairs.of_user, *pairs.of_item, *pairs.of_pair])
    assert fields == [*range(len(names))]

    users = X.drop_duplicates("user").reset_index(drop=True)
    items = X.drop_duplicates("item").reset_index(drop=True)
    items.loc[len(items)] = ["new", 1990.0, "0", 20.0]
    users.loc[len(users)] = ["0", 1990.0, "new", np.nan]
    found = pairs.numbers(
        pairs.codes(users, is_user=True),
        pairs.codes(items, is_user=False),
        slice(2, None),
    )
    both = items[["item", "year"]].merge(users[["user", "age"]][2:], how="cross")
    x = encoder.transform(both[NAMES], dtype)["x_num"]
    first = len(encoder.cardinalities)
    expected = x[:, [at - first for at in pairs.of_pair]]
    expected = expected.reshape(len(items), len(users) - 2, -1).swapaxes(0, 1)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == dtype
    assert (found.std(axis=(0, 1)) > 0).all()


def test_without_crosses_of_both_sides_there_are_no_numbers(table):
    X, y = table
    encoder, _ = encode(X, y, memorized_crosses=[("user", "age")])
    pairs = PairNumbers(encoder, IS_USER)
    assert pairs.of_pair == []
    assert pairs.codes(X, is_user=True) == []


def test_dates_are_of_their_column(table):
    X, y = table
    X = X.assign(year=pd.Timestamp("2024-01-01") + pd.to_timedelta(X.index, "h"))
    encoder, _ = encode(X, y, memorized_crosses=None)
    pairs = PairNumbers(encoder, IS_USER)
    names = np.array(encoder.field_names)
    assert {*names[pairs.of_user]} >= {"user", "age"}
    assert {"item", "year: hour"} <= {*names[pairs.of_item]}
    assert len(pairs.of_item) > 3


def test_statistics_of_columns_are_not_taken(table):
    X, y = table
    of_rows, _ = encode(X, y, memorized_crosses=None)
    assert PairNumbers.takes(of_rows)
    encoder = pytest.importorskip("category_encoders").TargetEncoder()
    fitted, _ = encode(X, y, memorized_crosses=None, category_encoder=encoder)
    assert not PairNumbers.takes(fitted)
