"""Ids that are seldom seen, and what "auto" leaves out because of them."""

import numpy as np
import pandas as pd
import pytest

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
