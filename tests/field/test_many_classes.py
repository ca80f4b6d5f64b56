"""Many classes: the choice of crosses costs no more than linear in the classes."""

import time

import numpy as np
import pytest
from helpers.tables import make_mixed
from numpy.testing import assert_allclose

from sklearn_dcn import DCNClassifier
from sklearn_dcn._estimator.defaults import MEMORISE_UP_TO
from sklearn_dcn._roles import RandomRoles
from sklearn_dcn._table.target_statistics.cross_choice import MAX_TARGETS, CrossChoice
from sklearn_dcn._table.target_statistics.supervision import Supervision
from sklearn_dcn._table.target_statistics.target_rows import TargetRows

TINY = {"max_epochs": 1, "hidden_layer_sizes": (8,), "n_members": 1, "random_state": 0}


def labelled(n_rows, n_columns, n_classes):
    """Return numbers, and labels that two of the columns' products tell."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_rows, n_columns))
    rank = (X[:, 0] * X[:, 1]).argsort().argsort()
    return X, rank * n_classes // n_rows


@pytest.mark.parametrize(
    ("n_rows", "n_columns", "n_classes"),
    [(1500, 4, 100), (4000, 16, 26), (1500, 4, 700), (3000, 4, 1000), (2000, 200, 10)],
)
def test_a_fit_takes_seconds(n_rows, n_columns, n_classes):
    """Of CPU time, where it took from twenty to four hundred."""
    X, y = labelled(n_rows, n_columns, n_classes)
    start = time.process_time()
    model = DCNClassifier(**TINY).fit(X, y)
    assert time.process_time() - start < 15
    assert model.predict_proba(X[:5]).shape == (5, n_classes)


def rows_of(codes, y, n_classes):
    targets = {f" of {k}": (y == k).astype(int) for k in range(n_classes)}
    return TargetRows(
        codes, np.ones(len(y)), Supervision(targets, True, 0, RandomRoles(len(y), y))
    )


def test_a_cross_is_found_among_many_classes():
    """Thirty classes, told by two columns together, and by neither alone."""
    rng = np.random.default_rng(0)
    a, b, c = rng.integers(2, 32, (3, 6000))
    y = (a + b) % 30
    rows = rows_of([a, b, c], y, 30)
    chosen = CrossChoice(rows, [32, 32, 32], 0).choose("auto")
    assert chosen[0][0] == (0, 1)


@pytest.mark.parametrize("n_classes", [2, 3, MAX_TARGETS])
def test_few_classes_are_targets_themselves(n_classes):
    rows = rows_of([np.arange(60) % 7], np.arange(60) % n_classes, n_classes)
    assert rows.halve_classes(MAX_TARGETS) is rows


def test_halves_are_sums_of_classes():
    y = np.arange(60) % 6
    rows = rows_of([y], y, 6)
    halved = rows.halve_classes(4)
    assert halved.y.shape == (60, 4)
    for column, mean in zip(halved.y.T, halved.means, strict=True):
        members = [k for k in range(6) if column[y == k].all()]
        assert len(members) == 3
        assert_allclose(column, np.isin(y, members))
        assert_allclose(mean, 0.5)
    assert len({tuple(column) for column in halved.y.T}) > 1
    assert rows.y.shape == (60, 6)  # as it was


def test_too_many_classes_memorise_nothing_by_themselves():
    X, y = labelled(1500, 4, MEMORISE_UP_TO + 1)
    assert DCNClassifier(**TINY).fit(X, y).encoder_.crosses is None
    X, y = labelled(1500, 4, MEMORISE_UP_TO)
    assert DCNClassifier(**TINY).fit(X, y).encoder_.crosses is not None
    asked = DCNClassifier(**TINY, memorized_crosses=[(0, 1)])
    X, y = labelled(1500, 4, MEMORISE_UP_TO + 1)
    assert asked.fit(X, y).encoder_.crosses.pairs == [(0, 1)]


def test_labels_may_be_strings():
    X, _ = make_mixed(1200)
    y = np.array([f"class {k % 150}" for k in range(1200)])
    model = DCNClassifier(**TINY).fit(X, y)
    assert set(model.predict(X)) <= set(y)
