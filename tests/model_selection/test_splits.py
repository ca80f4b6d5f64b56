"""Splits by days: whole, in order, whatever the order of the rows."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score

from sklearn_dcn.model_selection import DaySplit

DAY = np.array([3, 1, 1, 2, 3, 5, 1])


def found(split, X=None):
    X = np.zeros((len(DAY), 1)) if X is None else X
    return [(a.tolist(), b.tolist()) for a, b in split.split(X)]


def test_by_hand():
    assert found(DaySplit(DAY)) == [
        ([1, 2, 6], [3]),
        ([1, 2, 3, 6], [0, 4]),
        ([0, 1, 2, 3, 4, 6], [5]),
    ]
    assert found(DaySplit(DAY, n_splits=1)) == [([0, 1, 2, 3, 4, 6], [5])]
    assert found(DaySplit(DAY, max_train_periods=1))[1:] == [
        ([3], [0, 4]),
        ([0, 4], [5]),
    ]
    assert found(DaySplit(DAY, gap=1)) == [([1, 2, 6], [0, 4]), ([1, 2, 3, 6], [5])]
    assert DaySplit(DAY, gap=1).get_n_splits() == 2
    assert DaySplit(DAY, n_splits=3).get_n_splits() == 3


@pytest.mark.parametrize("zone", [None, "Europe/Oslo"])
@pytest.mark.parametrize(("period", "n"), [("D", 4), ("W", 0), ("12h", 8), ("M", 1)])
def test_dates(period, n, zone):
    time = pd.date_range("2024-01-29", periods=60, freq="2h", tz=zone)
    X = pd.DataFrame({"x": np.arange(60.0), "when": time})
    split = DaySplit("when", period=period)
    if n == 0:
        with pytest.raises(ValueError, match="need 2 periods"):
            split.get_n_splits(X)
        return
    assert split.get_n_splits(X) >= n
    for train, test in split.split(X):
        assert time[train].max() < time[test].min()
    text = X.assign(when=X["when"].astype(str))
    if zone is None:
        assert found(split, X) == found(split, text)


def test_a_column_by_name_or_position():
    X = pd.DataFrame({"day": DAY, "x": 0.0})
    assert found(DaySplit("day"), X) == found(DaySplit(DAY))
    assert found(DaySplit(0), X.to_numpy()) == found(DaySplit(DAY))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"time": "when"}, r"time='when' must be a column of X.*\['day'\]"),
        ({"time": DAY[:3]}, "a value for each of 7 rows; got 3"),
        ({"time": [None, *DAY[1:]]}, "1 are missing"),
        ({"time": DAY, "n_splits": 9}, "9 splits with gap=0 need 10 periods"),
        ({"time": DAY, "gap": 5}, "1 splits with gap=5 need 7 periods"),
        ({"time": np.zeros(7)}, "need 2 periods; the rows have 1"),
        ({"time": DAY, "gap": -1}, "gap"),
        ({"time": DAY, "max_train_periods": 0}, "max_train_periods"),
    ],
)
def test_errors(options, message):
    with pytest.raises(ValueError, match=message):
        list(DaySplit(**options).split(pd.DataFrame({"day": DAY})))


def test_with_scikit_learn():
    rng = np.random.default_rng(0)
    X, day = rng.normal(size=(120, 2)), np.repeat(np.arange(6), 20)
    y = (X[:, 0] > 0).astype(int)
    scores = cross_val_score(LogisticRegression(), X, y, cv=DaySplit(day))
    assert len(scores) == 5
    search = GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=DaySplit(day))
    assert search.fit(X, y).n_splits_ == 5
    assert "DaySplit" in repr(DaySplit("day"))
