"""Ids that are seldom seen, and what "auto" leaves out because of them."""

import numpy as np
import pandas as pd
import pytest

from sklearn_dcn._table.categories.rarity import is_seldom
from sklearn_dcn._table.encoder import TableEncoder


@pytest.mark.parametrize("n_levels", [100, 700])
def test_seldom_seen_ids_leave_no_levels_of_numbers(n_levels):
    """Of 1,000 rows with "auto"; a number of levels that is asked for has them."""
    ids = np.resize(np.arange(n_levels), 1000).astype(str)
    X = pd.DataFrame({"id": ids, "amount": np.resize([1.0, 7.0, 99_999.0], 1000)})
    expected = {"auto": [1] if n_levels == 100 else [], 10: [1], None: []}
    for numeric_levels, columns in expected.items():
        encoder = TableEncoder(numeric_levels=numeric_levels)
        encoded = encoder.fit_transform(X, [*X.columns], np.ones(1000))
        assert [*encoder.values] == columns
        assert encoded["x_cat"].shape == (1000, 1 + len(columns))
        assert encoder.transform(X)["x_cat"].shape == encoded["x_cat"].shape


@pytest.mark.parametrize(
    ("counts", "seldom"),
    [
        ([0, 0], False),
        ([100, 0], False),  # all unknown
        ([0, 100], False),  # all missing
        ([0, 0, 50, 50], False),
        ([0, 0, *[1] * 25, 75], True),
        ([0, 0, *[2] * 10, 80], True),
        ([0, 0, *[2] * 9, 80], False),
        ([0, 0, *[3] * 30], False),
        ([900, 0, *[1] * 100], False),  # a tenth of the cells
        ([0, 0, *[0] * 1000, 60, 40], False),  # buckets that hold nothing
    ],
)
def test_a_fifth_of_the_cells(counts, seldom):
    assert is_seldom(np.array(counts, dtype=float)) is seldom


def test_columns_do_not_add_up():
    """Neither do flags, buckets without a level, nor values of numbers."""
    rng = np.random.default_rng(0)
    flags = {f"flag{j}": rng.random(600) < 0.5 for j in range(160)}
    flags["city"] = np.resize(list("abcde"), 600)
    X = pd.DataFrame(flags)
    encoder = TableEncoder(hashing={"city": 100_000})
    encoder.fit_transform(X, [*X.columns], np.ones(600))
    assert encoder.n_ids > 100_000
    assert not encoder.is_seldom
    X["user"] = rng.integers(400, size=600).astype(str)
    encoder.fit_transform(X, [*X.columns], np.ones(600))
    assert encoder.is_seldom
    lists = pd.DataFrame({"tags": [[f"t{i}", "all"] for i in range(600)]})
    encoder = TableEncoder()
    encoder.fit_transform(lists, ["tags"], np.ones(600))
    assert encoder.is_seldom
