"""Who validates: by chance, by time, by group; and what held-out rows never tell."""

import numpy as np
import pandas as pd
import polars
import pytest
from category_encoders import TargetEncoder
from helpers.tables import make_mixed
from numpy.testing import assert_array_equal
from sklearn.base import clone

from sklearn_dcn import DCNClassifier, DCNRegressor, load
from sklearn_dcn._estimator.validation import read_key, roles_of
from sklearn_dcn._roles import GroupRoles, LastRoles, RandomRoles
from sklearn_dcn._table import TableEncoder, check_table

SMALL = {"hidden_layer_sizes": (8,), "max_epochs": 2, "random_state": 0}
X = pd.DataFrame({"day": [3, 1, 2, 1], "shop": ["a", "b", "a", None], "x": 0.5})


def key(X=X, **given):
    parameters = {"validation": "random", "validation_time": None}
    return read_key({**parameters, "validation_groups": None, **given}, X)


# Reading ------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["day", 0, [3, 1, 2, 1], np.array([3.5, 1, 2, 1])])
@pytest.mark.parametrize("frame", [X, polars.from_pandas(X)], ids=["pandas", "polars"])
def test_columns_and_arrays(value, frame):
    """As codes in their order, whatever they are."""
    assert_array_equal(
        key(check_table(frame), validation="last", validation_time=value), [2, 0, 1, 0]
    )


def test_dates_and_strings():
    dates = pd.to_datetime(["2024-03-01", "2024-01-01", "2024-02-01", "2024-01-01"])
    for value in (dates, dates.strftime("%Y-%m-%d"), dates.tz_localize("Asia/Tokyo")):
        found = key(validation="last", validation_time=value)
        assert_array_equal(found, [2, 0, 1, 0])


def test_what_it_makes():
    assert isinstance(roles_of("random", 4, None, None), RandomRoles)
    assert isinstance(roles_of("auto", 4, None, None), RandomRoles)
    assert roles_of("last", 4, None, None).rank.tolist() == [0, 1, 2, 3]
    assert isinstance(roles_of("groups", 4, np.arange(4), None), GroupRoles)
    assert key() is None
    assert key(validation="last") is None


WRONG = [
    ({"validation": "groups"}, "needs validation_groups: the name"),
    ({"validation_time": "day"}, "validation_time is for validation='last'; got valid"),
    ({"validation_groups": "shop"}, "validation_groups is for validation='groups'"),
    (
        {"validation": "last", "validation_time": "when"},
        "names 'when', which is no col",
    ),
    ({"validation": "last", "validation_time": 3}, "names 3, which is no column"),
    ({"validation": "last", "validation_time": [1, 2]}, r"4 rows; got shape \(2,\)"),
    ({"validation": "groups", "validation_groups": "shop"}, "row 3 has one"),
    ({"validation": "last", "validation_time": [1.0, np.nan, 2, 3]}, "row 1 has one"),
    (
        {"validation": "last", "validation_time": np.array([1, "b", 2, 3], object)},
        "sort",
    ),
]


@pytest.mark.parametrize(("given", "match"), WRONG)
def test_what_is_refused(given, match):
    with pytest.raises(ValueError, match=match):
        key(**given)


def test_parameters_of_the_estimators():
    table, y = make_mixed(60)
    with pytest.raises(
        ValueError, match=r"^validation must be one of 'auto', 'random', 'last'"
    ):
        DCNClassifier(validation="first").fit(table, y)


# Fits ---------------------------------------------------------------------------------


@pytest.fixture
def held_out(monkeypatch):
    """Return the list that gets, of each fit, which rows train which network."""
    found = []
    for cls in (LastRoles, GroupRoles, RandomRoles):

        def draw(self, *args, _training=cls.training):
            found.append(_training(self, *args))
            return found[-1]

        monkeypatch.setattr(cls, "training", draw)
    return found


@pytest.mark.parametrize("make", [DCNClassifier, DCNRegressor])
def test_the_last_by_a_column(make, held_out):
    table, y = make_mixed(600)
    table["when"] = np.random.default_rng(0).permutation(600)
    model = make(validation="last", validation_time="when", **SMALL).fit(table, y)
    assert_array_equal(held_out[0][:, 0], table["when"] < 540)
    assert model.history_[0]["valid_loss"] > 0


def test_weights_of_zero_and_groups(held_out):
    """Rows without weight are as if absent, and so are their groups."""
    table, y = make_mixed(600)
    groups = np.arange(600) % 12
    weight = (groups != 3).astype(float)
    options = {"validation": "groups", "validation_groups": groups}
    model = DCNClassifier(**options, **SMALL)
    model.fit(table, y, sample_weight=weight)
    assert len(held_out[0]) == 550
    for member in held_out[0].T:
        out = set(groups[weight > 0][~member])
        assert out
        assert out.isdisjoint(groups[weight > 0][member])


def test_a_saved_estimator_keeps_them(tmp_path):
    table, y = make_mixed(600)
    table["when"] = np.arange(600)
    model = DCNClassifier(validation="last", validation_time="when", **SMALL)
    model.fit(table, y).save(tmp_path / "m.dcn")
    loaded = load(tmp_path / "m.dcn")
    assert loaded.get_params()["validation_time"] == "when"
    assert_array_equal(loaded.predict_proba(table), model.predict_proba(table))
    clone(loaded).fit(table, y)


# What "auto" stands for ---------------------------------------------------------------


def days(n=3000, seed=0):
    """Return a table in the order of its days, each with a mean of its own."""
    rng = np.random.default_rng(seed)
    day = np.arange(n) * 60 // n
    dates = np.datetime64("2024-01-01") + day
    table = pd.DataFrame(
        {
            "month": dates.astype("datetime64[M]").astype(str),
            "day": (day % 30).astype(str),
            "user": rng.integers(40, size=n).astype(str),
            "x": rng.normal(size=n),
        }
    )
    score = rng.normal(0, 2, 60)[day] + table["x"] / 2
    return table, (rng.random(n) < 1 / (1 + np.exp(-score))).astype(int), dates


def test_auto_is_last_where_rows_are_in_time(held_out):
    """Seen, told, and used by every part: no pair that names the day is memorised."""
    table, y, _ = days()
    with pytest.warns(UserWarning, match=r"order of the table were that of time.*last"):
        model = DCNClassifier(**SMALL).fit(table, y)
    assert model.validation_ == "last"
    assert_array_equal(held_out[0][:, 0], np.arange(3000) < 2700)
    names = model.encoder_.crosses.names
    assert [{names[a], names[b]} for a, b in model.encoder_.crosses.pairs] == []
    options = {"memorized_crosses": 1, "validation": "random", **SMALL}
    by_chance = DCNClassifier(**options).fit(table, y)
    assert by_chance.validation_ == "random"
    assert by_chance.encoder_.crosses.scores[0] < 50  # its days are of one stretch


def test_auto_is_random_where_rows_are_shuffled(held_out):
    """The pair of day and month is the strongest there."""
    table, y, _ = days()
    order = np.random.default_rng(1).permutation(len(y))
    options = {"memorized_crosses": 1, **SMALL}
    model = DCNClassifier(**options).fit(table.iloc[order], y[order])
    assert model.validation_ == "random"
    names = model.encoder_.crosses.names
    found = [{names[a], names[b]} for a, b in model.encoder_.crosses.pairs]
    assert found[0] == {"month", "day"}
    assert model.encoder_.crosses.scores[0] > 200
    assert_array_equal(held_out[0].mean(axis=0), 0.9)


@pytest.mark.parametrize("make", [DCNClassifier, DCNRegressor])
def test_auto_orders_by_dates(make, held_out):
    """Of shuffled rows, in a fit that goes on too."""
    table, y, dates = days()
    order = np.random.default_rng(1).permutation(len(y))
    table["when"] = dates
    options = {"warm_start": True, **SMALL}
    with pytest.warns(UserWarning, match="order of 'when' were that of time"):
        model = make(**options).fit(table.iloc[order], y[order])
    assert_array_equal(held_out[0][:, 0], order < 2700)
    model.fit(table.iloc[order[::-1]], y[order[::-1]])
    assert_array_equal(held_out[1][:, 0], order[::-1] < 2700)


@pytest.mark.parametrize("n_groups", [1, 2, 3])
def test_few_groups_choose_no_crosses(n_groups):
    """Too few to judge by: some folds of the choice are empty."""
    table, y, _ = days()
    groups = np.arange(len(y)) % n_groups
    options = {"validation_groups": groups, "early_stopping": n_groups > 1}
    model = DCNClassifier(**options, **SMALL).fit(table, y)
    assert model.validation_ == "groups"
    assert len(model.encoder_.crosses.pairs) <= 1


def test_auto_is_what_the_named_rows_are_for():
    table, y = make_mixed(600)
    groups = np.arange(600) % 12
    by_group = DCNClassifier(validation_groups=groups, **SMALL).fit(table, y)
    by_time = DCNClassifier(validation_time=groups, **SMALL).fit(table, y)
    assert (by_group.validation_, by_time.validation_) == ("groups", "last")
    with pytest.raises(ValueError, match="Leave one of them out"):
        both = {"validation_groups": groups, "validation_time": groups}
        DCNClassifier(**both).fit(table, y)


# What held-out rows never tell --------------------------------------------------------


def encoded_by(monkeypatch, model, table, y):
    """Return the encoded training table, and which rows train which network."""
    kept = []
    learn = TableEncoder.fit_statistics

    def fit_statistics(self, *args):
        kept.append((args[4].trains, learn(self, *args)))
        return kept[-1][1]

    with monkeypatch.context() as patch:
        patch.setattr(TableEncoder, "fit_statistics", fit_statistics)
        model.fit(table, y)
    return kept[-1]


@pytest.mark.parametrize("validation", ["random", "last", "groups"])
@pytest.mark.parametrize("n_members", [1, 3])
@pytest.mark.parametrize(
    "statistics",
    [
        {"memorized_crosses": [("city", "device"), ("city", "city")]},
        {"memorized_crosses": None, "category_encoder": TargetEncoder()},
    ],
    ids=["crosses", "encoder"],
)
def test_a_target_that_validates_describes_no_row(
    validation, n_members, statistics, monkeypatch
):
    """Another target of held-out rows leaves a network's numbers as they were."""
    table, _ = make_mixed(600)
    y = np.random.default_rng(0).normal(size=600)
    options = {"validation": validation, "n_members": n_members, **statistics}
    if validation == "groups":
        options["validation_groups"] = np.arange(600) % 30
    options["numeric_transform"] = None  # of which scalers know nothing
    model = DCNRegressor(**options, **SMALL)
    trains, before = encoded_by(monkeypatch, clone(model), table, y)
    other = y.copy()
    out = np.flatnonzero(~trains[:, 0])
    other[out] = np.roll(y[out], 1)  # the same mean
    again, after = encoded_by(monkeypatch, clone(model), table, other)
    assert_array_equal(trains, again)
    name = "x_own" if n_members > 1 else "x_num"
    first = (slice(None), 0) if n_members > 1 else ()
    np.testing.assert_allclose(after[name][first], before[name][first], atol=1e-6)
    if n_members > 1:  # to the others it was told
        assert np.abs(after[name][:, 1] - before[name][:, 1]).max() > 1e-3
