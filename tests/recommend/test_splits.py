"""Splits by hand: the last of each user, and all after a moment."""

import numpy as np
import pandas as pd
import pytest

from sklearn_dcn.recommend import leave_one_out, split_by_time

VIEWS = pd.DataFrame(
    {
        "user": list("abacab"),
        "item": [1, 2, 3, 4, 5, 6],
        "time": [9, 1, 9, 2, 3, 4],
    },
    index=list("uvwxyz"),
)


@pytest.mark.parametrize(
    ("options", "held_out"),
    [
        ({}, ["y", "z"]),
        ({"time": "time"}, ["w", "z"]),  # of equal times the later row
        ({"time": "time", "n": 2}, ["u", "w"]),  # b has two, which it keeps
        ({"n": 3}, []),
    ],
)
def test_the_last_of_each_user(options, held_out):
    train, test = leave_one_out(VIEWS, user="user", **options)
    assert test.index.tolist() == held_out
    assert train.index.tolist() == [k for k in VIEWS.index if k not in held_out]
    pd.testing.assert_frame_equal(test, VIEWS.loc[held_out])


@pytest.mark.parametrize("zone", [None, "Europe/Oslo"])
def test_dates(zone):
    time = pd.to_datetime(VIEWS["time"], unit="D").dt.tz_localize(zone)
    for function, options in (
        (leave_one_out, {"user": "user"}),
        (split_by_time, {"test_fraction": 0.4}),
    ):
        found = function(VIEWS.assign(time=time), time="time", **options)
        expected = function(VIEWS, time="time", **options)
        for one, other in zip(found, expected, strict=True):
            assert one.index.tolist() == other.index.tolist()


@pytest.mark.parametrize(
    ("fraction", "held_out"),
    [
        (0.2, []),
        (0.34, ["u", "w"]),
        (0.5, ["u", "w", "z"]),
        (0.7, ["u", "w", "y", "z"]),
    ],
)
def test_all_after_a_moment(fraction, held_out):
    """0.2 of six rows is one; the last two have one time, and stay together."""
    if not held_out:
        with pytest.raises(ValueError, match="of 6 rows 0 are held out"):
            split_by_time(VIEWS, time="time", test_fraction=fraction)
        return
    train, test = split_by_time(VIEWS, time="time", test_fraction=fraction)
    assert test.index.tolist() == held_out
    assert len(train) + len(test) == 6
    assert train["time"].max() < test["time"].min()


def test_polars():
    polars = pytest.importorskip("polars")
    views = polars.DataFrame(VIEWS.to_dict("list"))
    train, test = leave_one_out(views, user="user", time="time")
    assert isinstance(test, polars.DataFrame)
    assert test["item"].to_list() == [3, 6]
    assert train["item"].to_list() == [1, 2, 4, 5]


def test_bad_input():
    with pytest.raises(ValueError, match="time='day' must be a column of interactions"):
        leave_one_out(VIEWS, user="user", time="day")
    missing = VIEWS.assign(time=[np.nan, 1, 2, 3, 4, 5])
    with pytest.raises(ValueError, match="1 are missing"):
        split_by_time(missing, time="time")
    with pytest.raises(ValueError, match="n must be"):
        leave_one_out(VIEWS, user="user", n=0)
    with pytest.raises(TypeError, match="interactions must be a DataFrame"):
        split_by_time(VIEWS.to_numpy(), time="time")
    with pytest.raises(ValueError, match=r"test_fraction must be a number in \[0, 1\)"):
        split_by_time(VIEWS, time="time", test_fraction=1.0)
