"""Levels that get an id after the fit: when, which, and what they take the place of."""

import numpy as np
import pytest

from sklearn_dcn._table.categories import CategoryLevels
from sklearn_dcn._table.reading import factorize


def fitted(cells, **options):
    """Return a column that has learned some cells."""
    ids = CategoryLevels("city", **options)
    ids.fit_transform(np.array(cells, dtype=object), np.ones(len(cells)), True)
    return ids


def learn(ids, cells):
    """Learn more cells; return the ids that are fresh."""
    codes, levels = factorize(list(cells), "city")
    mass = np.bincount(codes + 1, minlength=len(levels) + 1).astype(float)
    return ids.learn(levels, mass[1:], mass[0]).tolist()


def test_by_hand():
    ids = fitted(["a", "a", "b", None])
    assert learn(ids, ["c", "b", "d", "d", None]) == [4, 5]
    assert list(ids.vocabulary) == ["a", "b", "d", "c"]
    assert ids.find(["a", "b", "c", "d", "e"]).tolist() == [2, 3, 5, 4, 0]
    assert ids.counts.tolist() == [0, 2, 2, 2, 2, 1]
    assert ids.n_ids == 6 == len(ids.counts)
    assert learn(ids, ["a"]) == []
    assert ids.counts[2] == 3


def test_a_level_waits_until_it_came_often_enough():
    ids = fitted(["a", "a", "a"], min_frequency=3)
    assert learn(ids, ["b", "b", "c"]) == []
    assert ids.find(["b"]).tolist() == [0]
    assert learn(ids, ["b", "c"]) == [3]
    assert ids.find(["b", "c"]).tolist() == [3, 0]
    assert ids.counts.tolist() == [2, 0, 3, 3]  # two cells of c are unknown
    assert learn(ids, ["c"]) == [4]


def test_a_fraction_is_of_all_rows():
    ids = fitted(["a"] * 10, min_frequency=0.2)
    assert learn(ids, ["b"] * 2) == []  # 2 of 12
    assert learn(ids, ["b"]) == [3]  # 3 of 13


def test_ids_of_single_rows_wait_for_a_second():
    ids = CategoryLevels("id")
    ids.fit_transform(np.array([f"r{k}" for k in range(200)]), np.ones(200))
    assert ids.folds_lone
    assert learn(ids, ["x", "y"]) == []
    assert learn(ids, ["x"]) == [2]


def test_the_least_used_level_gives_its_id():
    ids = fitted(["a"] * 9 + ["b"] * 5 + ["c"], max_categories=4)
    assert learn(ids, ["d", "d", "d"]) == [4]  # three levels, and the unknown one
    assert list(ids.vocabulary) == ["a", "b", "d"]
    assert ids.find(["c"]).tolist() == [0]
    # One that comes back gets an id again.
    assert learn(ids, ["c"] * 6) == [4]
    assert ids.find(["c", "d"]).tolist() == [4, 0]


def test_use_long_ago_counts_less():
    """A count halves in ten rows an id: the popular one of old days gives way."""
    ids = fitted(["a"] * 40 + ["b"] * 30, max_categories=3)
    for _ in range(20):
        learn(ids, ["b"] * 10)
    assert learn(ids, ["c"] * 5) == [2]
    assert list(ids.vocabulary) == ["c", "b"]


def test_one_that_came_less_waits_on():
    ids = fitted(["a"] * 9 + ["b"] * 8, max_categories=3)
    assert learn(ids, ["c", "c"]) == []
    assert ids.new.counts == {"c": 2.0}


def test_types_are_checked_before_anything_is_learned():
    ids = fitted(["a", "b"])
    with pytest.raises(TypeError, match="'city' is categorical and held string"):
        learn(ids, [1, 2])
    assert ids.n_ids == 4 and ids.counts.tolist() == [0, 0, 1, 1]
    learn(ids, ["a", 3])
    assert ids.find([3]).tolist() == [4]


@pytest.mark.parametrize("kind", [str, int, float])
def test_a_hundred_days_of_new_levels(kind):
    """Against a plain dict: every level that came is known, and once."""
    ids = fitted([kind(k) for k in range(5)])
    seen = {kind(k) for k in range(5)}
    for day in range(100):
        cells = [kind(day * 3 + k) for k in range(12)]
        learn(ids, cells)
        seen |= set(cells)
        assert len(set(ids.find(list(seen)).tolist())) == len(seen)
    assert ids.n_ids == len(seen) + 2
    assert sorted(ids.vocabulary) == sorted(seen)


def test_memory_is_bounded():
    ids = fitted(["a"], max_categories=50)
    for day in range(100):
        learn(ids, [f"{day}-{k}" for k in range(40)])
        assert ids.n_ids <= 51
    assert len(ids.counts) == ids.n_ids


def test_more_levels_than_a_dict_has_in_the_fit(monkeypatch):
    monkeypatch.setattr("sklearn_dcn._table.categories.vocabulary.DICT_UP_TO", 3)
    for cells in (["a", "b", "c", "d", "e"], [1, 2, 3, 4, 5]):
        ids = fitted(cells, max_categories=7)
        more = [cell * 9 for cell in cells]
        learn(ids, more[:1])
        assert len(set(ids.find([*cells, more[0]]).tolist())) == 6
        learn(ids, more * 4)
        assert (ids.find(more) >= 2).all()


def test_floats_of_single_precision():
    ids = fitted([0.5, 0.25])
    learn(ids, [0.1, 0.2])
    single = [float(np.float32(0.1)), float(np.float32(0.2))]
    assert ids.find(single).tolist() == ids.find([0.1, 0.2]).tolist() == [4, 5]
