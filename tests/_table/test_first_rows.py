"""Rows of a first fit that come again: no target describes its own row."""

import pickle

import numpy as np
import pandas as pd
import pytest
from category_encoders import TargetEncoder
from helpers.memorising import PRIOR, supervise
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import log_loss

from sklearn_dcn import DCNClassifier, DCNRegressor, load
from sklearn_dcn._estimator.rows import HasRows
from sklearn_dcn._table import TableEncoder
from sklearn_dcn._table.first_rows import FirstRows

# What is known again ------------------------------------------------------------------


def rows(x, ids=None):
    """Return encoded rows of one number, perhaps one id, and one statistic."""
    encoded = {"x_num": np.column_stack([x, np.full(len(x), -1.0)]).astype(np.float32)}
    return encoded if ids is None else encoded | {"x_cat": np.array([ids]).T}


def described(first, x, y, ids=None):
    return first.describe(rows(x, ids), np.array(y))[0]["x_num"][:, 1].tolist()


def remember(x, y, numbers, ids=None):
    numbers = np.array([numbers], dtype=np.float32).T
    return FirstRows(rows(x, ids), np.array(y), numbers)


def test_known_rows_and_new_ones():
    """In any order; what differs in a number or an id is new."""
    first = remember([1, 2, 3], [0, 1, 0], [10, 20, 30], ids=[5, 5, 6])
    found = described(first, [3, 2, 1, 4, 3], [0, 1, 0, 0, 0], ids=[6, 5, 5, 5, 5])
    assert found == [30, 20, 10, -1, -1]
    assert described(first, [], [], ids=[]) == []


def test_the_target_does_not_tell_who_is_known():
    """Or a new row's number would depend on its target."""
    first = remember([1, 2], [0, 1], [10, 20])
    assert described(first, [1, 1, 2, 2], [0, 1, 0, 1]) == [10, 10, 20, 20]


def test_equal_rows_take_turns():
    """Those of one target among themselves; more than there were begin anew."""
    first = remember([1, 1, 1, 2], [0, 1, 0, 0], [10, 20, 30, 40])
    assert described(first, [1, 1, 1], [1, 0, 0]) == [20, 10, 30]
    assert described(first, [1, 2, 1, 1], [0, 0, 0, 0]) == [10, 40, 30, 10]
    by_target = described(first, [1, 1, 1, 1], [7, 7, 7, 7])
    assert sorted(by_target[:3]) == [10, 20, 30]
    assert by_target[3] == by_target[0]


def test_keys_at_the_end_of_64_bits():
    first = remember([1, 2], [0, 1], [10, 20])
    first.keys = np.array([5, 2**64 - 1], dtype=np.uint64)
    keys = np.array([2**64 - 1, 2**64 - 2, 4], dtype=np.uint64)
    assert_array_equal(first._find(keys), [1, 1, 0])
    assert_array_equal(first._find(keys >> np.uint64(1)), [-1, -1, 0])


def test_bags_are_known_whatever_their_order():
    def encoded(*lists):
        ids = np.concatenate(lists).astype(np.int32)
        offsets = np.append(0, np.cumsum([len(ids) for ids in lists]))
        return rows([1.0] * len(lists)) | {"x_bag": [(ids, offsets, np.ones(len(ids)))]}

    y = np.zeros(3)
    numbers = np.array([[10.0], [20], [30]])
    first = FirstRows(encoded([2, 3], [2], []), y, numbers)
    later = encoded([], [3, 2], [2, 2], [2])
    found = first.describe(later, np.zeros(4))[0]["x_num"][:, 1]
    assert found.tolist() == [30, 10, -1, 20]


def test_there_are_few_hashes_alike():
    """100,000 rows of small whole numbers, as ids are."""
    a, b = np.divmod(np.arange(100_000), 317)
    first = FirstRows(rows(a, b), np.zeros(len(a)), np.zeros((len(a), 1)))
    assert len(np.unique(first.keys >> np.uint64(24))) == len(a)


# What they are told -------------------------------------------------------------------


def smoothed(y, rows_, mean):
    """Return the smoothed mean of y in some rows, by a loop."""
    total = sum(y[i] for i in rows_)
    return (total + PRIOR * mean) / (len(rows_) + PRIOR)


def tiny_table():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {"c": rng.integers(0, 4, 40).astype(str), "x": rng.normal(size=40)}
    )
    return X, rng.normal(size=40)


def again(X, y, later, y_later):
    """Return the statistic of `later` rows, after a fit of X and y."""
    encoder = TableEncoder(memorized_crosses=[("c", "c")], numeric_transform=None)
    supervision = supervise(y, "number")
    first = encoder.fit_transform(X, [*X], np.ones(len(X)), np.float64, supervision)
    encoder.remember(X, y, first)
    scaler = [*encoder.scalers.values()][1]
    z = encoder.transform_again(later, y_later)["x_num"][:, 1]
    return z * scaler.scale + scaler.center, supervision.fold, first, encoder


def test_statistics_are_those_of_loops():
    """A known row has those of other folds, a new one those of all rows."""
    X, y = tiny_table()
    new = X.assign(x=9.0)
    order = np.random.default_rng(1).permutation(40)
    s, fold, first, encoder = again(
        X, y, pd.concat([X.iloc[order], new]), np.append(y[order], y)
    )
    level, mean = X["c"].to_numpy(), y.mean()
    for k, i in enumerate(order):
        same = [j for j in range(40) if level[j] == level[i]]
        others = [j for j in same if fold[j] != fold[i]]
        assert_allclose(s[k], smoothed(y, others, mean))
        assert_allclose(s[40 + i], smoothed(y, same, mean))
    assert_array_equal(encoder.transform_again(X, y)["x_num"], first["x_num"])


def test_a_target_does_not_describe_its_row():
    """Nor is a row described otherwise if its target, and another's, is another."""
    X, y = tiny_table()
    before = again(X, y, X, y)[0]
    other = y.copy()
    i = 3
    j = int(np.flatnonzero(X["c"] != X["c"][i])[0])
    other[[i, j]] = other[[j, i]]  # the mean stays
    after = again(X, other, X, other)[0]
    assert_allclose(after[[i, j]], before[[i, j]])
    assert np.abs(after - before).max() > 1e-3  # of other rows


# In the estimators --------------------------------------------------------------------

STATISTICS = {
    "crosses": {"memorized_crosses": [("id", "id")]},
    "encoder": {"memorized_crosses": None, "category_encoder": TargetEncoder()},
}
SMALL = {"hidden_layer_sizes": (8,), "max_epochs": 1, "random_state": 0}


def noise(seed, n=6000):
    """Return ids that tell nothing, a number that tells something, and the target."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    X = pd.DataFrame({"id": rng.integers(0, 1500, n).astype(str), "x": x})
    return X, (rng.random(n) < 1 / (1 + np.exp(-x / 2))).astype(int)


@pytest.mark.parametrize("how", ["fit", "partial_fit"])
@pytest.mark.parametrize("kind", STATISTICS)
def test_later_fits_learn_no_noise(kind, how):
    """REVIEW D2: the loss of new rows was .85 and more, beside .66 of the first fit."""
    X, y = noise(0)
    X_test, y_test = noise(1)

    def loss(**options):
        model = DCNClassifier(warm_start=True, random_state=0, **options)
        for _ in range(4):
            getattr(model, how)(X, y)
        return log_loss(y_test, model.predict_proba(X_test))

    plain = loss(memorized_crosses=None)
    assert plain < 0.72
    assert loss(**STATISTICS[kind]) < plain + 0.04


def table_of(model, X, y):
    """Return the encoded rows that a later fit of the model trains on."""
    rows = model._check_rows(X, y, None, reset=False, suffix="_val")
    return model._encode_again(rows)


@pytest.mark.parametrize("validation", ["random", "last", "groups"])
@pytest.mark.parametrize("kind", STATISTICS)
@pytest.mark.parametrize("n_members", [1, 3])
def test_rows_are_told_what_they_were(kind, validation, n_members, monkeypatch):
    """Of several networks the mean; rows that are alike but in a number are new."""
    X, y = noise(0, 600)
    kept = []
    learn = TableEncoder.fit_statistics

    def fit_statistics(self, *args):
        kept.append(learn(self, *args))
        return kept[-1]

    monkeypatch.setattr(TableEncoder, "fit_statistics", fit_statistics)
    options = {"validation": validation, "n_members": n_members, **STATISTICS[kind]}
    if validation == "groups":
        options["validation_groups"] = np.arange(600) % 30
    model = DCNClassifier(warm_start=True, **options, **SMALL).fit(X, y)
    first = kept[0]["x_own"].mean(1) if n_members > 1 else kept[0]["x_num"]
    n = first.shape[1]
    assert_array_equal(table_of(model, X, y)["x_num"][:, -n:], first)
    new = X.assign(x=X["x"] * 0.999)
    assert_array_equal(table_of(model, new, y)["x_num"], model._encode(new)["x_num"])
    with_new_rows = pd.concat([X[::-1], new])
    later = table_of(model, with_new_rows, np.append(y[::-1], y))
    assert_array_equal(later["x_num"][:600, -n:], first[::-1])
    model.fit(X, y, X_val=with_new_rows, y_val=np.append(y[::-1], y))


@pytest.mark.parametrize("make", [DCNClassifier, DCNRegressor])
def test_who_keeps_them(make, tmp_path):
    """Who may go on: with warm_start, or after partial_fit; in pickles and files."""
    X, y = noise(0, 300)
    options = {**SMALL, **STATISTICS["crosses"]}
    assert make(**options).fit(X, y).encoder_.first_rows is None
    without = make(**{**options, "memorized_crosses": None}, warm_start=True)
    assert without.fit(X, y).encoder_.first_rows is None
    for model in (
        make(**options).partial_fit(X, y),
        make(**options, warm_start=True).fit(X, y),
    ):
        expected = table_of(model, X, y)["x_num"]
        assert (expected - model._encode(X)["x_num"]).abs().max() > 0.01
        model.save(tmp_path / "m.dcn")
        for copied in (pickle.loads(pickle.dumps(model)), load(tmp_path / "m.dcn")):
            assert_array_equal(table_of(copied, X, y)["x_num"], expected)
            assert_array_equal(copied.predict(X), model.predict(X))
            copied.partial_fit(X, y)
        model.set_params(warm_start=False)
        assert model.fit(X, y).encoder_.first_rows is None


def test_later_fits_hold_out_the_same_rows(monkeypatch):
    """Those that a network has learned from would say that it is better than it is."""
    found = []
    draw = HasRows._hold_out

    def hold_out(self, rows):
        found.append(draw(self, rows))
        return found[-1]

    monkeypatch.setattr(HasRows, "_hold_out", hold_out)
    X, y = noise(0, 600)
    model = DCNClassifier(warm_start=True, **SMALL).fit(X, y).fit(X, y)
    assert_array_equal(found[0], found[1])
    pickle.loads(pickle.dumps(model)).fit(X, y)
    assert_array_equal(found[0], found[2])
    DCNClassifier(**SMALL | {"random_state": 1}).fit(X, y)
    assert (found[0] != found[3]).any()
