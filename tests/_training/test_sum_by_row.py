"""Sums by id without a sort, against np.add.at."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_dcn._training.sum_by_row import sum_by_row

IDS = {
    "none": [],
    "one": [4],
    "all equal": [2, 2, 2, 2],
    "all different": [6, 0, 3, 5],
    "some twice": [0, 6, 0, 3, 3, 6, 0],
    "many": list(np.arange(2000) ** 2 % 7),
}
CASES = pytest.mark.parametrize("ids", IDS.values(), ids=IDS)
COMPACT = pytest.mark.parametrize("compact", [True, False, None])


def slots(content):
    """Return room for 7 ids, filled with zeros or with garbage."""
    fill = {
        "zeros": [0] * 7,
        "large": [2**62, -(2**62), -1, 10**6, 7, -7, 2**63 - 1],
        "positions": [1, 0, 3, 2, 1, 0, 2],
    }
    return torch.tensor(fill[content], dtype=torch.int64)


@CASES
@COMPACT
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("content", ["zeros", "large", "positions"])
def test_sums(ids, compact, dtype, content):
    """The sums are those of np.add.at, each row beside its id, whatever was in slot."""
    # Small integers, whose sums are exact in each type, and in every order.
    values = np.random.default_rng(0).integers(-3, 4, (len(ids), 3)).astype(float)
    if dtype == torch.bfloat16 and len(ids) > 100:
        values[50:] = 0.0
    expected = np.zeros((7, 3))
    np.add.at(expected, np.array(ids, dtype=int), values)
    slot = slots(content)
    rows, sums = sum_by_row(
        torch.tensor(ids, dtype=torch.int64),
        torch.tensor(values, dtype=dtype),
        slot,
        compact,
    )
    assert sums.dtype == dtype and sums.shape == (len(rows), 3)
    assert_array_equal(sums.double(), expected[rows.numpy()])
    if compact is False:
        assert rows.tolist() == list(ids)
    else:  # on a CPU also by default
        assert sorted(rows.tolist()) == sorted(set(ids))


@COMPACT
def test_sums_to_rounding(compact):
    """Sums of real numbers, too, and of a single column."""
    ids = np.random.default_rng(0).integers(7, size=100)
    values = np.random.default_rng(1).standard_normal((100, 1))
    expected = np.zeros((7, 1))
    np.add.at(expected, ids, values)
    rows, sums = sum_by_row(
        torch.tensor(ids), torch.tensor(values), slots("large"), compact
    )
    assert_allclose(sums, expected[rows.numpy()], rtol=1e-12, atol=1e-14)


@COMPACT
def test_inputs_stay(compact):
    """Ids and values are read only, and what comes out shares no memory with values."""
    ids, values = torch.tensor([1, 1, 2]), torch.ones(3, 2)
    _, sums = sum_by_row(ids, values, slots("zeros"), compact)
    sums.zero_()
    assert ids.tolist() == [1, 1, 2] and values.eq(1.0).all()


def test_default_on_other_devices_is_not_compact():
    """Off the CPU the number of rows does not depend on the values of the ids."""
    ids = torch.empty(5, dtype=torch.int64, device="meta")
    values, slot = torch.empty(5, 2, device="meta"), ids.new_empty(9)
    rows, sums = sum_by_row(ids, values, slot)
    assert rows.shape == (5,) and sums.shape == (5, 2)
    assert rows.device.type == sums.device.type == "meta"
