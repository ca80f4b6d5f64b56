"""Crosses summed block by block: those of all rows at once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sklearn_dcn._roles import N_FOLDS, HashRoles, LastRoles
from sklearn_dcn._table.target_statistics.cross_sums import (
    HELD_OUT,
    CrossSums,
    PairSums,
    to_values,
)
from sklearn_dcn._table.target_statistics.crosses import CrossStatistics
from sklearn_dcn._table.target_statistics.supervision import Supervision

N, SEED = 600, 3
PAIRS = [(0, 1), (1, 2)]


@pytest.fixture
def table():
    """Return codes of three columns, weights, and which rows train."""
    rng = np.random.default_rng(0)
    codes = [rng.integers(0, size, N).astype(np.int32) for size in (4, 30, 9)]
    return codes, rng.integers(1, 4, N).astype(float), rng.random(N) < 0.9


def targets_of(kind):
    """Return targets by name: of a class, of three, or a number."""
    rng = np.random.default_rng(1)
    if kind == "number":
        return {"": np.rint(rng.normal(size=N) * 64) / 64}
    names = [""] if kind == "binary" else [" of a", " of b", " of c"]
    label = rng.integers(0, max(2, len(names)), N)
    return {name: (label == k).astype(int) for k, name in enumerate(names)}


def by_blocks(
    codes,
    weight,
    trains,
    targets,
    is_logit,
    cuts=(100, 350),
    sample=slice(None),
    stretch=None,
):
    """Return crosses and the rows' numbers, from sums over blocks."""
    crosses = CrossStatistics(PAIRS, ["a", "b", "c"], [4, 30, 9], "standard")
    crosses.pairs, crosses.scores = PAIRS, [np.nan] * 2
    roles = HashRoles(np.arange(N), N)
    fold = np.where(trains, roles.folds(N_FOLDS, SEED), HELD_OUT)
    if stretch is not None:
        fold = np.where(trains, stretch, HELD_OUT)
    n_folds, is_ordered = fold[trains].max() + 1, stretch is not None
    some = [c[sample] for c in codes]
    sums = CrossSums(crosses, len(targets), is_logit, some, n_folds, is_ordered)
    values = to_values(weight, [*targets.values()])
    for start, stop in zip([0, *cuts], [*cuts, N], strict=True):
        at = slice(start, stop)
        sums.add([c[at] for c in codes], fold[at], values[at])
    sums.finish()
    sums.fit_scalers(codes, fold, weight, [*targets])
    return crosses, sums.of_others(codes, fold, weight)


@pytest.mark.parametrize("kind", ["binary", "three", "number"])
def test_they_are_those_of_all_rows(table, kind):
    """An independent way: sorted keys of the whole table, as in memory."""
    codes, weight, trains = table
    targets, is_logit = targets_of(kind), kind != "number"
    found, numbers = by_blocks(*table, targets, is_logit)
    roles = HashRoles(np.arange(N), N)
    supervision = Supervision(targets, is_logit, SEED, roles, trains[:, None])
    whole = CrossStatistics(PAIRS, ["a", "b", "c"], [4, 30, 9], "standard")
    expected = whole.fit_transform(codes, weight, supervision)[:, 0]
    np.testing.assert_allclose(numbers, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(found.keys, whole.keys)
    np.testing.assert_allclose(found.values, whole.values, rtol=1e-12)
    np.testing.assert_allclose(found.counts, whole.counts, rtol=1e-12)
    assert found.counted == whole.counted
    assert list(found.scalers) == list(whole.scalers)
    np.testing.assert_allclose(
        found.transform(codes), whole.transform(codes), rtol=1e-12
    )


@given(st.sets(st.integers(1, N - 1), max_size=6))
def test_any_cut_gives_the_same_bits(cuts):
    rng = np.random.default_rng(2)
    codes = [rng.integers(0, size, N) for size in (4, 30, 9)]
    weight, trains = rng.random(N) + 0.1, rng.random(N) < 0.9
    targets = {"": rng.normal(size=N)}
    found, numbers = by_blocks(codes, weight, trains, targets, False, sorted(cuts))
    whole, expected = by_blocks(codes, weight, trains, targets, False, ())
    assert found.values.tobytes() == whole.values.tobytes()
    assert numbers.tobytes() == expected.tobytes()


@pytest.mark.parametrize("is_ordered", [False, True])
def test_pair_by_hand(is_ordered):
    levels = np.array([3, 7])
    pair, other = PairSums(levels, 1, 2), PairSums(levels, 1, 2)
    values = np.array([[1.0, 1.0], [1.0, 0.0], [2.0, 2.0], [9.0, 9.0]])
    pair.add(np.array([7, 7, 7, 5]), np.array([0, 1, 2, 0]), values)
    other.add(np.array([3]), np.array([1]), np.array([[1.0, 1.0]]))
    pair.merge(other)
    assert pair.sums.sum(axis=1).tolist() == [[1.0, 1.0], [4.0, 3.0]]
    pair.tell(is_ordered)
    key, fold = np.array([7, 7, 3, 7, 5, 99]), np.array([0, 1, 1, 2, 0, 0])
    first = [0.0, 0.0] if is_ordered else [1.0, 0.0]
    rest = [[1.0, 1.0], [0.0, 0.0], [2.0, 1.0], [0.0, 0.0], [0.0, 0.0]]
    assert pair.told(key, fold).tolist() == [first, *rest]


@pytest.mark.parametrize("kind", ["binary", "three", "number"])
def test_earlier_rows_alone_by_stretch(table, kind):
    """As in memory, where rows of one stretch are of one time."""
    codes, weight, _ = table
    trains = np.arange(N) < 500
    stretch = np.arange(N) // 50
    targets, is_logit = targets_of(kind), kind != "number"
    found, numbers = by_blocks(
        codes, weight, trains, targets, is_logit, stretch=stretch
    )
    roles = LastRoles(N, np.minimum(stretch, 10))
    supervision = Supervision(targets, is_logit, SEED, roles, trains[:, None])
    whole = CrossStatistics(PAIRS, ["a", "b", "c"], [4, 30, 9], "standard")
    expected = whole.fit_transform(codes, weight, supervision)[:, 0]
    np.testing.assert_allclose(numbers, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(found.keys, whole.keys)
    np.testing.assert_allclose(found.values, whole.values, rtol=1e-12)
    assert found.counted == whole.counted == (1,)


def test_levels_that_the_sample_has_not_are_new(table):
    """The others have the sums of all rows."""
    targets = targets_of("binary")
    whole, _ = by_blocks(*table, targets, True)
    found, numbers = by_blocks(*table, targets, True, sample=slice(0, 90))
    assert 0 < len(found.keys) < len(whole.keys)
    at = np.searchsorted(whole.keys, found.keys)
    np.testing.assert_array_equal(whole.keys[at], found.keys)
    np.testing.assert_array_equal(whole.values[at], found.values)
    keys = found._keys(table[0])
    is_new = ~np.isin(keys[:, 1], found.keys)
    assert 0 < is_new.sum() < N
    trained = table[2]
    mean = np.average(targets[""][trained], weights=table[1][trained])
    np.testing.assert_allclose(numbers[is_new, 1], np.log(mean / (1 - mean)))
