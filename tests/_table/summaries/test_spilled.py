"""Counts in a scratch file: each level once, with the rows of all parts."""

import numpy as np
import pytest

from sklearn_dcn._table.reading import factorize
from sklearn_dcn._table.summaries import LevelCounts


@pytest.mark.parametrize(
    "levels",
    [
        ["x", "y", 7, 2.5, True, b"z"],
        list(range(0, 640, 64)),
        [f"{k}" for k in range(300)],
    ],
)
def test_what_was_spilled_is_counted_once(levels, tmp_path):
    rng = np.random.default_rng(0)
    whole, spilled, other = LevelCounts(), LevelCounts(), LevelCounts()
    for k in range(6):
        cells = [levels[i] for i in rng.integers(0, len(levels), 200)] + [None]
        codes, found = factorize(cells, "column")
        weight = rng.integers(1, 5, len(cells)).astype(float)
        whole.add(codes, found, weight)
        (spilled if k < 4 else other).add(codes, found, weight)
        if k % 2:
            spilled.spill(str(tmp_path))
            assert spilled.n_held == 0
    other.spill()
    spilled.merge(other)
    parts = list(spilled.parts())
    assert 1 < sum(len(part.levels) > 0 for part in parts)
    assert sum(len(part.levels) for part in parts) == len(whole.levels)
    found = {level: of for part in parts for level, *of in zip(*part, strict=True)}
    assert found == {
        level: of
        for level, *of in zip(whole.levels, whole.rows, whole.weight, strict=True)
    }
    assert (spilled.n_missing, spilled.missing) == (whole.n_missing, whole.missing)
    assert list(tmp_path.iterdir()) == []  # the files have no names


def test_no_room_for_counts(tmp_path):
    counts = LevelCounts()
    counts.add(np.array([0, 0]), ["a"], np.ones(2))
    with pytest.raises(OSError, match=r"counts of 1 levels .*'.*gone'.* scan\(cache="):
        counts.spill(str(tmp_path / "gone"))
