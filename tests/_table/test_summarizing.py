"""Long tables by their summary: any shards, in any order, give the same encoder."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from helpers.streams import make_clicks
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_dcn._table import TableEncoder, TableSummary, learn_summary, summarizing
from sklearn_dcn._table.summaries import sample as sample_module

N = 1200


@pytest.fixture(scope="module")
def table():
    """Return a mixed table and its target."""
    return make_clicks(N)


def summary_of(table, bounds, order=None):
    """Return the summary of shards, merged in an order."""
    X, y = table
    options = TableEncoder(numeric_levels="auto").__dict__
    shards = []
    for start, stop in pairwise(bounds):
        shard = TableSummary(options)
        rows = X.iloc[start:stop].reset_index(drop=True)
        shard.add(start, rows, y[start:stop], np.ones(stop - start))
        shards.append(shard)
    shards = shards if order is None else [shards[k] for k in order]
    whole = TableSummary(options)  # of no row: it is neutral
    for shard in shards:
        whole.merge(shard)
    return whole


def encoder_of(summary):
    """Return what is learned of a summary."""
    encoder = TableEncoder(numeric_levels="auto")
    names = ["price", "gap", "few", "age", "kind", "user", "new", "day", "tags"]
    learn_summary(encoder, summary, summary.sampled(), names, np.float64)
    return encoder


def told(encoder):
    """Return all that an encoder has learned, as bytes and lists."""
    found = []
    for k, column in encoder.categories.items():
        found.append((k, list(column.vocabulary), column.counts.tolist()))
    for k, column in encoder.lists.items():
        found.append((k, list(column.levels.vocabulary), column.levels.counts.tolist()))
    for k, column in encoder.numbers.items():
        told = column.seen, column.has_missing, column.missing_share
        found.append((k, told, column.knots.tobytes(), column.scores.tobytes()))
    for k, column in encoder.values.items():
        found.append((k, column.values.tolist(), column.counts.tolist()))
    return found


@settings(deadline=None, max_examples=15)
@given(data=st.data(), cuts=st.sets(st.integers(1, N - 1), max_size=4))
def test_any_shards_in_any_order(table, data, cuts):
    bounds = [0, *sorted(cuts), N]
    order = data.draw(st.permutations(range(len(bounds) - 1)))
    found = encoder_of(summary_of(table, bounds, order))
    assert told(found) == told(encoder_of(summary_of(table, [0, N])))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"min_frequency": 15},
        {"min_frequency": 0.02},
        {"max_categories": 5},
        {"max_categories": 31, "min_frequency": 2},
        {"hashing": {"user": 8}},
    ],
)
def test_counts_that_went_to_a_file(options, monkeypatch):
    """Of users, tags and ids that are new in each row, the same levels and counts."""
    X, y = make_clicks(N)
    X["id"] = [f"id{k}" for k in range(N)]
    X["code"] = pd.Series(np.arange(N) % 40 * 64, dtype="int64")
    options = options | {"categorical_features": ["kind", "user", "id", "code"]}
    whole = TableEncoder(**options)
    whole.fit_columns(X, list(X.columns), np.ones(N))
    monkeypatch.setattr(summarizing, "MAX_HELD", 50)
    summary = TableSummary(whole.__dict__ | options)
    for start in range(0, N, 100):
        rows = X.iloc[start : start + 100].reset_index(drop=True)
        summary.add(start, rows, y[start : start + 100], np.ones(100))
    spilled = [c for c in summary.counts.values() if getattr(c, "_spilled", None)]
    assert len(spilled) >= 1
    encoder = TableEncoder(**options)
    learn_summary(encoder, summary, summary.sampled(), list(X.columns), np.float64)
    assert told(encoder) == told(whole)
    for k, column in encoder.categories.items():
        assert vars(column).get("_families") == vars(whole.categories[k]).get(
            "_families"
        )


def test_of_a_short_table_it_is_the_fit_itself(table):
    """Where the sample has all rows the encoder is that of `fit_columns`."""
    X, _ = table
    whole = TableEncoder(numeric_levels="auto")
    whole.fit_columns(X, list(X.columns), np.ones(N))
    assert told(encoder_of(summary_of(table, [0, 500, N]))) == told(whole)


def test_numbers_are_spread_by_a_sample(table, monkeypatch):
    """Quantiles of a tenth of the rows are near those of all."""
    monkeypatch.setattr(sample_module, "SAMPLE_ROWS", 400)
    X, _ = table
    encoder = encoder_of(summary_of(table, [0, 300, N]))
    quantiles = X["price"].quantile([0.1, 0.5, 0.9]).to_numpy()
    z = encoder.numbers[0].apply(quantiles)
    np.testing.assert_allclose(z, [-1.28, 0.0, 1.28], atol=0.25)
