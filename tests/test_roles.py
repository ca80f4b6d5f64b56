"""Roles of rows: who is held out, in which fold, at random, by time, by group."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sklearn_dcn._roles import GroupRoles, LastRoles, RandomRoles, uniform


def split(n, strata=None, fraction=0.1, seed=0):
    """Return the positions of both parts, checked to be a partition of the rows."""
    trains = RandomRoles(n, strata).training(fraction, 1, seed)[:, 0]
    training, validation = np.flatnonzero(trains), np.flatnonzero(~trains)
    assert len(training) > 0
    assert len(validation) > 0
    return training, validation


@pytest.mark.parametrize(
    ("n", "fraction", "held_out"),
    [(100, 0.1, 10), (101, 0.1, 11), (10, 0.25, 3), (2, 0.5, 1), (2, 0.01, 1)],
)
def test_fraction(n, fraction, held_out):
    """The fraction is held out, rounded up."""
    assert len(split(n, fraction=fraction)[1]) == held_out


@pytest.mark.parametrize(("n", "fraction"), [(2, 0.99), (10, 0.95), (60, 0.999)])
def test_one_row_is_left_to_train(n, fraction):
    """A fraction that rounds up to all rows leaves one."""
    assert len(split(n, fraction=fraction)[0]) == 1


@pytest.mark.parametrize("dtype", [int, str, object, bool])
@pytest.mark.parametrize("fraction", [0.1, 0.3])
def test_proportions(dtype, fraction):
    """Every class is held out in its proportion, to one row."""
    counts = [170, 30] if dtype is bool else [100, 60, 30, 10]
    strata = np.repeat(np.arange(len(counts)), counts).astype(dtype)
    strata = np.random.default_rng(0).permutation(strata)
    labels = np.unique(strata)
    for seed in range(5):
        _, validation = split(len(strata), strata, fraction, seed)
        for label in labels:
            share = (strata[validation] == label).sum()
            assert abs(share - fraction * (strata == label).sum()) < 1


def test_unstratified_split_is_not_in_proportion():
    """Without strata the proportions vary: the test above can fail."""
    strata = np.repeat([0, 1], [190, 10])
    shares = {strata[split(200, None, 0.1, seed)[1]].sum() for seed in range(10)}
    assert len(shares) > 1


def test_classes_of_one_row_are_trained_on():
    """A class with a single row is never held out, the others are in proportion."""
    strata = np.array(["a"] * 50 + ["b"] * 30 + ["c", "d", "e"])
    for seed in range(10):
        training, validation = split(len(strata), strata, 0.1, seed)
        assert {"c", "d", "e"} <= set(strata[training])
        assert (strata[validation] == "a").sum() == 5
        assert (strata[validation] == "b").sum() == 3


def test_many_classes():
    """More classes than held-out rows: still of the usual size."""
    strata = np.repeat(np.arange(50), 2)
    assert len(split(100, strata, 0.1, 3)[1]) == 10


@pytest.mark.parametrize("n_classes", [1, 2, 5, 9, 10, 11, 30])
@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.9])
def test_any_number_of_classes(n_classes, fraction):
    """No number of classes is an error, single rows or not."""
    strata = np.arange(100) % n_classes
    split(100, strata, fraction)
    split(101, np.r_[strata, -1], fraction)


def test_all_classes_of_one_row():
    """Where every class is a single row, some are held out all the same."""
    assert len(split(20, np.arange(20), 0.1)[1]) == 2


@pytest.mark.parametrize("strata", [None, np.arange(200) % 3], ids=["plain", "strata"])
def test_seed(strata):
    """The same seed gives the same rows, whatever numpy's global state; others not."""
    np.random.seed(1)
    first = split(200, strata, seed=5)
    state = np.random.get_state()[1].tolist()
    np.random.seed(2)
    second = split(200, strata, seed=5)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)
    assert set(split(200, strata, seed=6)[1]) != set(first[1])
    np.random.seed(1)
    assert np.random.get_state()[1].tolist() == state


def test_one_row():
    """A single row can't be split; the error says what to do."""
    with pytest.raises(ValueError, match=r"at least 2 rows.*early_stopping=False or"):
        RandomRoles(1).training(0.1, 1, 0)


# Several networks ---------------------------------------------------------------------


def test_windows_of_networks_overlap_by_half():
    """Four networks hold out a tenth each: neighbours share half of it."""
    strata = np.arange(400) % 3
    out = ~RandomRoles(400, strata).training(0.1, 4, 0)
    assert abs(out.sum(axis=0) - 40).max() <= 1
    together = out.T.astype(int) @ out
    for j in range(4):
        for k in range(j):
            shared = 20 if j == k + 1 else 0
            assert abs(together[j, k] - shared) <= 1


@pytest.mark.parametrize("n", [2, 3, 5, 9])
def test_every_network_holds_a_row_out(n):
    trains = RandomRoles(n).training(0.1, 8, 0)
    assert (~trains).any(axis=0).all()
    assert trains.any(axis=0).all()


def test_a_role_follows_from_the_number_of_the_row():
    """Numbers are unlike, even, and the same whatever other rows there are."""
    u = uniform(np.arange(100_000), 3)
    assert_array_equal(uniform(np.arange(50, 60), 3), u[50:60])
    assert len(np.unique(u)) == len(u)
    counts = np.histogram(u, 20, (0, 1))[0]
    assert abs(counts - 5000).max() < 5 * np.sqrt(5000)
    assert abs(np.corrcoef(u[1:], u[:-1])[0, 1]) < 0.02
    assert abs(np.corrcoef(u, uniform(np.arange(100_000), 4))[0, 1]) < 0.02


# Folds --------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 4, 5, 23, 100])
def test_folds_are_even(n):
    """All folds, and classes in them, differ by one row at most; seeds differ."""
    rng = np.random.default_rng(n)
    strata = rng.choice(["a", "b", "c"], n, p=[0.7, 0.2, 0.1])
    for labels in (None, strata):
        roles = RandomRoles(n, labels)
        fold = roles.folds(5, 0)
        assert set(fold) == set(range(min(n, 5)))
        assert_array_equal(fold, roles.folds(5, 0))
        if n > 5:
            assert (fold != roles.folds(5, 1)).any()
        classes = [] if labels is None else [fold[labels == s] for s in "abc"]
        for group in [fold, *classes]:
            assert np.ptp(np.bincount(group, minlength=5)) <= 1


# By time ------------------------------------------------------------------------------


def test_the_last_rows_validate_network_by_network():
    """The first holds out the last quarter, the second the one before."""
    roles = LastRoles(20)
    trains = roles.training(0.25, 2, 0)
    row = np.arange(20)
    assert_array_equal(trains[:, 0], row < 15)
    assert_array_equal(trains[:, 1], (row < 10) | (row >= 15))
    assert_array_equal(roles.folds(5, 0), row // 4)
    assert_array_equal(roles.stretches(5, 0), row // 4)
    assert_array_equal(roles.newest(trains), row >= 15)


@pytest.mark.parametrize("n_members", [1, 2, 8])
@pytest.mark.parametrize("fraction", [0.02, 0.1, 0.3, 0.6])
def test_every_network_has_rows_before_those_that_validate_it(n_members, fraction):
    trains = LastRoles(100).training(fraction, n_members, 0)
    for column in trains.T:
        out = np.flatnonzero(~column)
        assert len(out) == round(fraction * 100)
        assert_array_equal(out, np.arange(out[0], out[-1] + 1))
        assert out[0] > 0
    assert not trains[-1, 0]


def test_a_window_within_one_time():
    """Of which all networks but the first would hold out nothing."""
    time = np.repeat([0, 1], [60, 40])
    trains = LastRoles(100, time).training(0.1, 3, 0)
    for column in trains.T:
        assert_array_equal(column, time == 0)


def test_random_rows_are_judged_by_stretches():
    """Of the table, or of a time, which does not change who validates."""
    time = np.array([3, 1, 2, 5, 4, 9, 8, 7, 6, 0])
    plain, timed = RandomRoles(10), RandomRoles(10, None, time)
    assert_array_equal(plain.stretches(5, 0), np.arange(10) // 2)
    assert_array_equal(timed.stretches(5, 0), time // 2)
    assert_array_equal(plain.training(0.2, 2, 0), timed.training(0.2, 2, 0))
    assert plain.newest(plain.training(0.2, 2, 0)) is None


def test_time_is_the_order_and_ties_stay_together():
    time = np.array([3, 1, 2, 1, 3, 2, 1, 2, 3, 1])
    roles = LastRoles(10, time)
    assert_array_equal(roles.training(0.1, 1, 0)[:, 0], time < 3)
    assert_array_equal(roles.rank[time == 1], 0)
    assert_array_equal(roles.rank[time == 2], 4)
    assert_array_equal(roles.rank[time == 3], 7)
    assert_array_equal(roles.training(0.5, 1, 0)[:, 0], time < 3)


def test_one_time_is_no_order():
    """All rows at once: the last by number."""
    trains = LastRoles(10, np.zeros(10)).training(0.2, 1, 0)[:, 0]
    assert_array_equal(trains, np.arange(10) < 8)


# By group -----------------------------------------------------------------------------


@pytest.mark.parametrize("n_groups", [2, 3, 7, 40])
@pytest.mark.parametrize("n_members", [1, 4])
def test_groups_stay_together(n_groups, n_members):
    """No group has rows on both sides, in no network, and in one fold alone."""
    rng = np.random.default_rng(n_groups)
    groups = np.append(np.arange(n_groups), rng.integers(0, n_groups, 300)).astype(str)
    roles = GroupRoles(groups)
    trains, fold = roles.training(0.1, n_members, 0), roles.folds(5, 0)
    for group in np.unique(groups):
        assert len(np.unique(fold[groups == group])) == 1
        for column in trains.T:
            assert len(np.unique(column[groups == group])) == 1
    assert trains.any(axis=0).all()
    assert (~trains).any(axis=0).all()
    if n_groups == 40:
        assert 0.02 < (~trains).mean() < 0.2
        assert len(np.unique(fold)) == 5


def test_one_group_is_refused():
    with pytest.raises(ValueError, match="validation_groups has 1"):
        GroupRoles(np.zeros(9)).training(0.1, 1, 0)
