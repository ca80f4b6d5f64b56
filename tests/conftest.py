"""What every test has: one thread a worker, a mixed table, small estimators."""

import pytest
import torch

pytest.register_assert_rewrite("helpers")  # so that their asserts say as much

from helpers.tables import make_mixed  # noqa: E402

collect_ignore = ["data"]  # with the scripts that wrote it

# The suite runs in two processes; each with all threads would slow both down badly.
torch.set_num_threads(1)


@pytest.fixture
def mixed():
    """Return a mixed frame of 300 rows with its binary target."""
    return make_mixed()


@pytest.fixture
def tiny():
    """Return parameters of an estimator that fits in milliseconds."""
    return {"max_epochs": 2, "hidden_layer_sizes": (8,), "random_state": 0}
