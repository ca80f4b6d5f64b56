"""The sample of rows: the same however a table is cut."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sklearn_dcn._table.summaries import RowSample

N = 500


def join(parts):
    """Return arrays as one."""
    return np.concatenate(parts)


def sample_of(cuts, size, order=None):
    """Return the sample of N rows, each its own number, in blocks between cuts."""
    bounds = [0, *sorted(cuts), N]
    blocks = list(pairwise(bounds))
    sample = RowSample(join, size)
    for at in order(range(len(blocks))) if order else range(len(blocks)):
        start, stop = blocks[at]
        sample.add(start, stop - start, np.arange(start, stop).take)
    return sample


@given(st.sets(st.integers(1, N - 1), max_size=9), st.integers(1, 60))
def test_any_cut_gives_the_same_rows(cuts, size):
    rows, part = sample_of(cuts, size).rows()
    expected, _ = sample_of([], size).rows()
    assert rows.tolist() == part.tolist() == expected.tolist()
    assert len(rows) == size
    assert (np.diff(rows) > 0).all()
    turned, _ = sample_of(cuts, size, lambda at: [*at][::-1]).rows()
    assert turned.tolist() == expected.tolist()


def test_merged_samples():
    one, other = RowSample(join, 20), RowSample(join, 20)
    one.add(0, 200, np.arange(200).take)
    other.add(200, N - 200, np.arange(200, N).take)
    rows, _ = other.merge(one).rows()
    assert rows.tolist() == sample_of([], 20).rows()[0].tolist()


def test_a_short_table_is_its_own_sample():
    rows, part = sample_of([100], 10_000).rows()
    assert rows.tolist() == part.tolist() == list(range(N))


@pytest.mark.parametrize("size", [50, 250])
def test_rows_are_drawn_evenly(size):
    rows, _ = sample_of([], size).rows()
    # Hypergeometric: the mean number of the first half, within five deviations.
    expected, deviation = size / 2, np.sqrt(size / 4 * (1 - size / N))
    assert abs((rows < N / 2).sum() - expected) < 5 * deviation
