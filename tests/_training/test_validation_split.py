"""The rows that are held out: how many, of which classes, by which seed."""

import numpy as np
import pytest

from sklearn_dcn._training.validation_split import train_validation_split


def split(n, strata=None, fraction=0.1, seed=0):
    """Return the positions of both parts, checked to be a partition of the rows."""
    training, validation = train_validation_split(n, strata, fraction, seed)
    together = np.concatenate([training, validation])
    assert sorted(together.tolist()) == list(range(n))
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
    """More classes than held-out rows: a plain split, of the usual size."""
    strata = np.repeat(np.arange(50), 2)
    plain = train_validation_split(100, None, 0.1, 3)
    for got, expected in zip(split(100, strata, 0.1, 3), plain, strict=True):
        np.testing.assert_array_equal(got, expected)


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
        train_validation_split(1, None, 0.1, 0)
