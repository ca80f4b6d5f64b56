"""Levels that wait for an id."""

import copy
import pickle

import pytest

from sklearn_dcn._table.categories import NewLevels, new_levels


def test_by_hand():
    new = NewLevels()
    new.add(["a", "b", "c"], [1.0, 2.0, 1.0])
    new.add(["c", "a"], [2.0, 1.0])
    levels, counts = new.take(2.0)
    assert (levels, counts.tolist()) == (["c", "a", "b"], [3.0, 2.0, 2.0])
    assert new.counts == {}
    new.put_back(["b"], counts[2:])
    assert new.counts == {"b": 2.0}
    assert new.take(3.0)[0] == [] and new.counts == {"b": 2.0}


def test_the_rarest_are_forgotten(monkeypatch):
    monkeypatch.setattr(new_levels, "MOST", 10)
    new = NewLevels()
    new.add([f"old{k}" for k in range(6)], [1.0] * 6)
    new.add(["often"], [5.0])
    new.add([f"new{k}" for k in range(4)], [1.0] * 4)
    assert set(new.counts) == {"often", *(f"new{k}" for k in range(4))}


@pytest.mark.parametrize("levels", [[], ["a", "b"], [3, 5], ["a", 7, 2.5, True]])
def test_pickles_and_copies(levels):
    new = NewLevels()
    new.add(levels, [1.0 + k for k in range(len(levels))])
    for other in (pickle.loads(pickle.dumps(new)), copy.deepcopy(new)):
        assert other.counts == new.counts
        assert [*map(type, other.counts)] == [*map(type, new.counts)]
