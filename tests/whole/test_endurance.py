"""Fit after fit in one process: nothing is left over."""

import sys
from pathlib import Path

import pytest
from helpers.paths import REPO

sys.path.insert(0, str(REPO))  # benchmarks are not installed

from benchmarks import endurance


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux")
def test_fits_leave_nothing():
    """Memory stays, and no tensor or thread outlives its fit, failed ones included."""
    growth, before, after = endurance.run(24, 300)
    assert growth < endurance.LIMIT
    assert after == before


def test_leftovers_are_counted():
    """A tensor that is held shows in the count."""
    import torch

    n_before, _ = endurance.count_left()
    held = torch.zeros(3)
    assert endurance.count_left()[0] == n_before + 1
    del held
    assert endurance.count_left()[0] == n_before
