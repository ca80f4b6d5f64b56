"""Memorised crosses against loops over rows, and in the estimators."""

import pickle

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from helpers.memorising import PRIOR, encode, names_of, noise, planted, small, supervise
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.preprocessing import OneHotEncoder

from sklearn_dcn import DCNClassifier, DCNRegressor
from sklearn_dcn._roles import LastRoles, RandomRoles
from sklearn_dcn._table.target_statistics.crosses import CrossStatistics

# ----------------------------------------------------------------------------------
# The statistics
# ----------------------------------------------------------------------------------


def smoothed(rows, keys, key, y, weight, mean):
    """Return the smoothed mean of y in those of `rows` that have a key, by a loop."""
    total = count = 0.0
    for i in rows:
        if keys[i] == key:
            total += weight[i] * y[i]
            count += weight[i]
    return (total + PRIOR * mean) / (count + PRIOR)


def oracle_cross_fit(keys, y, weight, fold):
    """Return the statistic of each row from those of the other folds, by loops."""
    mean = sum(weight * y) / sum(weight)
    n = len(y)
    return [
        smoothed(
            [j for j in range(n) if fold[j] != fold[i]], keys, keys[i], y, weight, mean
        )
        for i in range(n)
    ]


def logit(p):
    """Return the log-odds."""
    return np.log(p) - np.log1p(-np.asarray(p))


def given(numeric_transform=None):
    """Return the crosses of the one pair of `small`."""
    return CrossStatistics([(0, 1)], ["a", "b"], [5, 6], numeric_transform)


def test_statistic_by_hand():
    """Three rows of four with one pair, of which two are clicks; one in two clicks."""
    codes = np.array([[2, 2], [2, 2], [2, 2], [3, 2]])
    crosses = given()
    crosses.fit_transform(codes.T, np.ones(4), supervise([1, 1, 0, 0]))
    s = np.array([(2 + 10 * 0.5) / 13, (0 + 10 * 0.5) / 11, 0.5])
    new = np.array([[2, 2], [3, 2], [2, 3]])  # the last pair is none of fit
    assert_allclose(crosses.transform(new.T)[:, 0], np.log(s / (1 - s)))
    crosses.fit_transform(codes.T, np.ones(4), supervise([4, 2, 0, 2], "number"))
    expected = [(6 + 10 * 2) / 13, (2 + 10 * 2) / 11, 2.0]
    assert_allclose(crosses.transform(new.T)[:, 0], expected)


@pytest.mark.parametrize("kind", ["binary", "number", "classes"])
def test_column_by_itself(kind):
    """Its statistic is that of its levels; it says so, and of how many rows."""
    codes, weight, rng = small()
    y = rng.normal(size=80) if kind == "number" else rng.integers(0, 3, 80)
    y = y % 2 if kind == "binary" else y
    supervision = supervise(y, kind, seed=5)
    crosses = CrossStatistics([(1, 1), (0, 1)], ["a", "b"], [5, 6], None)
    x = crosses.fit_transform(codes.T, 0.2 * weight, supervision)[:, 0]
    fold = RandomRoles(80, None if kind == "number" else y).folds(5, 5)
    link = (lambda s: s) if kind == "number" else logit
    later = crosses.transform(codes.T)
    for k, target in enumerate(supervision.targets.values()):
        expected = oracle_cross_fit(codes[:, 1], target, 0.2 * weight, fold)
        assert_allclose(x[:, k], link(expected))
        mean = sum(weight * target) / sum(weight)
        of = [
            smoothed(range(80), codes[:, 1], level, target, 0.2 * weight, mean)
            for level in codes[:, 1]
        ]
        assert_allclose(later[:, k], link(np.array(of)))
    targets = [f" of {k}" for k in range(3)] if kind == "classes" else [""]
    assert [*crosses.scalers] == [
        *[f"target by b{of}" for of in targets],
        *[f"a x b{of}" for of in targets],
        *["rows of b", "rows of a x b"],
    ]
    alone = CrossStatistics([(1, 1)], ["a", "b"], [5, 6], None)
    assert_allclose(
        alone.fit_transform(codes.T, 0.2 * weight, supervision)[:, 0, : len(targets)],
        x[:, : len(targets)],
    )


@pytest.mark.parametrize("kind", ["binary", "number", "classes"])
def test_statistics_are_those_of_loops(kind):
    codes, weight, rng = small()
    weight = 2 * weight  # more than 10 of every pair on average: rows are not counted
    y = rng.normal(size=80) if kind == "number" else rng.integers(0, 3, 80)
    y = y % 2 if kind == "binary" else y
    supervision = supervise(y, kind, seed=5)
    crosses = given()
    x = crosses.fit_transform(codes.T, weight, supervision)[:, 0]
    fold = RandomRoles(80, None if kind == "number" else y).folds(5, 5)
    keys = [tuple(row) for row in codes.tolist()]
    link = (lambda s: s) if kind == "number" else logit
    assert x.shape == (80, 3 if kind == "classes" else 1) and not crosses.counted
    later = crosses.transform(codes.T)
    for k, target in enumerate(supervision.targets.values()):
        assert_allclose(x[:, k], link(oracle_cross_fit(keys, target, weight, fold)))
        mean = sum(weight * target) / sum(weight)
        plain = [smoothed(range(80), keys, key, target, weight, mean) for key in keys]
        assert_allclose(later[:, k], link(plain))
        unseen = crosses.transform(np.array([[0], [1]]))
        assert_allclose(unseen[0, k], link(mean))
    names = ["a x b"] if kind != "classes" else [f"a x b of {k}" for k in range(3)]
    assert [*crosses.scalers] == names


@pytest.mark.parametrize("kind", ["binary", "number"])
def test_each_network_has_the_statistics_of_its_rows(kind):
    """By loops: of its training rows in other folds, or of all for a held-out row."""
    codes, weight, rng = small()
    y = rng.normal(size=80) if kind == "number" else rng.integers(0, 2, 80)
    trains = rng.random((80, 3)) < 0.7
    supervision = supervise(y, kind, seed=5, trains=trains)
    x = given().fit_transform(codes.T, 0.2 * weight, supervision)
    assert x.shape == (80, 3, 2)
    fold = supervision.roles.folds(5, 5)
    keys = [tuple(row) for row in codes.tolist()]
    link = (lambda s: s) if kind == "number" else logit
    for k in range(3):
        own = 0.2 * weight * trains[:, k]
        mean = sum(own * y) / sum(own)
        for i in range(80):
            others = [
                j
                for j in range(80)
                if trains[j, k] and (not trains[i, k] or fold[j] != fold[i])
            ]
            expected = smoothed(others, keys, keys[i], y, own, mean)
            assert_allclose(x[i, k, 0], link(expected))
            n = sum(own[j] for j in range(80) if keys[j] == keys[i]) - own[i]
            assert_allclose(x[i, k, 1], np.log1p(n), atol=1e-12)


def test_statistics_of_earlier_rows():
    """By loops: of rows before, not of those of the same time."""
    codes, weight, rng = small()
    y, time = rng.integers(0, 2, 80), rng.integers(0, 30, 80)
    roles = LastRoles(80, time)
    trains = roles.training(0.2, 1, 0)
    supervision = supervise(y, trains=trains, roles=roles)
    x = given().fit_transform(codes.T, 0.2 * weight, supervision)[:, 0]
    keys = [tuple(row) for row in codes.tolist()]
    own = 0.2 * weight * trains[:, 0]
    mean = sum(own * y) / sum(own)
    for i in range(80):
        before = [j for j in range(80) if time[j] < time[i] and trains[j, 0]]
        assert_allclose(x[i, 0], logit(smoothed(before, keys, keys[i], y, own, mean)))
        n = sum(own[j] for j in before if keys[j] == keys[i])
        assert_allclose(x[i, 1], np.log1p(n), atol=1e-9)


def test_rows_of_rare_pairs_by_hand():
    """Three rows of one pair and one of another: two a level, which is below ten."""
    codes = np.array([[2, 2], [2, 2], [2, 2], [3, 2]])
    crosses = given()
    x = crosses.fit_transform(codes.T, np.ones(4), supervise([1, 1, 0, 0]))[:, 0]
    assert crosses.counted == (0,)
    assert [*crosses.scalers] == ["a x b", "rows of a x b"]
    assert_allclose(x[:, 1], np.log([3, 3, 3, 1]))  # without the row itself
    new = np.array([[2, 2], [3, 2], [2, 3]])  # the last pair is none of fit
    assert_allclose(crosses.transform(new.T)[:, 1], np.log([4, 2, 1]))


def test_rows_are_counted_by_weight_and_tell_no_target():
    codes, weight, rng = small()
    weight = weight / 2  # 60 of 80 rows, in 12 pairs
    found = []
    for y in rng.integers(0, 2, (2, 80)):
        crosses = given()
        found.append(crosses.fit_transform(codes.T, weight, supervise(y))[:, 0, 1])
        later = crosses.transform(codes.T)[:, 1]
    keys = [tuple(row) for row in codes.tolist()]
    own = [sum(weight[j] for j in range(80) if keys[j] == key) for key in keys]
    assert_allclose(later, np.log1p(own))
    assert_allclose(found[0], np.log1p(own - weight), atol=1e-12)
    assert_array_equal(found[0], found[1])


@pytest.mark.parametrize("n_targets", [1, 3])
def test_counts_are_of_the_rare_pairs_alone(n_targets):
    """Between statistics of several targets, each pair keeps its own columns."""
    rng = np.random.default_rng(0)
    codes = np.stack([rng.integers(2, 2 + n, 300) for n in (2, 2, 100, 90)], axis=1)
    y = np.arange(300) % (n_targets if n_targets > 1 else 2)
    supervision = supervise(y, "classes" if n_targets > 1 else "binary")
    pairs = [(0, 2), (0, 1), (2, 3)]
    crosses = CrossStatistics(pairs, "abcd", [4, 4, 102, 92], None)
    x = crosses.fit_transform(codes.T, np.ones(300), supervision)[:, 0]
    assert crosses.counted == (0, 2)
    later = crosses.transform(codes.T)
    assert x.shape == later.shape == (300, 3 * n_targets + 2)
    for k, pair in zip((-2, -1), ((0, 2), (2, 3)), strict=True):
        _, level, count = np.unique(
            codes[:, pair], axis=0, return_inverse=True, return_counts=True
        )
        assert_allclose(x[:, k], np.log(count[level.ravel()]))
        assert_allclose(later[:, k], np.log1p(count[level.ravel()]))


def test_own_target_has_no_way_into_the_table():
    """Of an encoder as a whole: rows of the fold move by the mean of all rows alone."""
    X, rng = noise(200)
    y = rng.normal(size=200)
    options = {"memorized_crosses": [("c0", "c1")], "numeric_transform": None}
    encoder, before = encode(X, y, "number", **options)
    other = y.copy()
    other[7] += 50.0
    _, after = encode(X, other, "number", **options)
    at = [*encoder.scalers].index("c0 x c1")
    change = (after["x_num"] - before["x_num"])[:, at]
    fold = RandomRoles(200, None).folds(5, 0)
    mine = fold == fold[7]
    alike = (X["c0"] == X["c0"][7]) & (X["c1"] == X["c1"][7])
    # At most a whole of the mean's change: a tenth of what one row does to others.
    assert (change[mine] <= 50.0 / 200 + 1e-9).all()
    assert (change[~mine & alike] > 1.0).all()
    assert (~mine & alike).any()


def test_unknown_and_missing_cells():
    X = pd.DataFrame(
        {"a": ["p", "q", None, "p"] * 20, "x": [0.0, 1.0, 1.0, np.nan] * 20}
    )
    y = np.array([1, 0, 1, 0] * 20)
    options = {"memorized_crosses": [("a", "x")], "numeric_transform": None}
    encoder, _ = encode(X, y, **options)
    new = pd.DataFrame(
        {"a": [None, "p", "new", "p", "q"], "x": [1.0, np.nan, 0.0, 1.0, np.nan]}
    )
    found = encoder.transform(new)["x_num"][:, 1]
    seen = logit([(20 + 5) / 30, (0 + 5) / 30])  # pairs of a missing cell are pairs
    assert_allclose(found, [*seen, 0.0, 0.0, 0.0], atol=1e-12)


def test_pairs_have_keys_of_their_own():
    """Where ranges overlapped, a pair of one would be read as one of another."""
    rng = np.random.default_rng(0)
    codes = np.stack([rng.integers(0, size, 500) for size in (3, 7, 5)], axis=1)
    pairs = [(0, 1), (1, 2), (2, 0), (1, 0)]
    crosses = CrossStatistics(pairs, "abc", [3, 7, 5], None)
    crosses.fit_transform(codes.T, np.ones(500), supervise(rng.integers(0, 2, 500)))
    keys = crosses._keys(codes.T)
    assert all(
        set(keys[:, i]).isdisjoint(keys[:, j]) for i in range(4) for j in range(i)
    )
    for k, (a, b) in enumerate(pairs):
        assert len(set(keys[:, k])) == len({(r[a], r[b]) for r in codes.tolist()})
    # The same pair from either side is the same statistic.
    x = crosses.transform(codes.T)
    assert_allclose(x[:, 0], x[:, 3])


# ----------------------------------------------------------------------------------
# Pairs that are given
# ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([("c0", "zip")], "names 'zip', which is no column of X"),
        ([(0, 9)], r"as positions must lie in \[0, 8\]; got 9"),
        ([(-1, 0)], r"as positions must lie in \[0, 8\]; got -1"),
        ([("c0", "tags")], "names 'tags', whose cells are lists"),
        ([("c0", "c1"), ("c1", "c0")], r"each pair once; got \('c1', 'c0'\)"),
        ([("c0", "c1"), (0, 1)], r"each pair once; got \(0, 1\), columns 'c0' and"),
        ([("c1", 1), (1, 1)], r"each pair once; got \(1, 1\), columns 'c1' and 'c1'"),
    ],
)
def test_wrong_pairs(pairs, message):
    X, rng = noise(60)
    X["tags"] = [["a", "b"]] * 60
    model = DCNClassifier(memorized_crosses=pairs, max_epochs=1)
    with pytest.raises(ValueError, match=f"^memorized_crosses.*{message}"):
        model.fit(X, rng.integers(0, 2, 60))
    assert not hasattr(model, "net_")


def test_pair_with_the_only_other_column_of_lists_is_an_error(tiny):
    X = pd.DataFrame({"c": ["a", "b"] * 10, "tags": [["a", "b"]] * 20})
    model = DCNClassifier(**tiny, memorized_crosses=[("c", "tags")])
    with pytest.raises(ValueError, match="names 'tags', whose cells are lists"):
        model.fit(X, [0, 1] * 10)
    assert DCNClassifier(**tiny, memorized_crosses=2).fit(X, [0, 1] * 10).net_


def test_names_that_read_alike_are_two_features():
    X = pd.DataFrame(
        np.random.default_rng(0).integers(0, 3, (90, 4)).astype(str),
        columns=["a", "b x c", "a x b", "c"],
    )
    pairs = [("a", "b x c"), ("a x b", "c")]
    y = np.random.default_rng(1).integers(0, 2, 90)
    encoder, encoded = encode(X, y, memorized_crosses=pairs)
    assert encoded["x_num"].shape == (90, 2)
    assert [*encoder.crosses.scalers] == ["a x b x c (0, 1)", "a x b x c (2, 3)"]


@pytest.mark.parametrize("pairs", [3, [(0, 1)]])
def test_sparse_tables_have_no_crosses(pairs, tiny):
    X = scipy.sparse.random(1200, 6, 0.5, "csr", random_state=0)
    y = np.random.default_rng(0).integers(0, 2, 1200)
    model = DCNClassifier(**tiny, memorized_crosses=pairs)
    with pytest.raises(ValueError, match=r"^memorized_crosses must be None"):
        model.fit(X, y)
    for nothing in ("auto", None):
        model.set_params(memorized_crosses=nothing).fit(X, y)
        assert model.encoder_.crosses is None
    model.set_params(numeric_levels=9)
    with pytest.raises(ValueError, match=r"^numeric_levels must be None"):
        model.fit(X, y)


# ----------------------------------------------------------------------------------
# The estimators
# ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fitted():
    """Return a classifier that memorised the pair of its table; table and target."""
    X, y = planted("categories")
    options = {"max_epochs": 2, "early_stopping": False, "memorized_crosses": 1}
    return DCNClassifier(random_state=0, **options).fit(X, y), X, y


def test_partial_fit_memorises_none(tiny):
    X, y = planted("categories")
    model = DCNClassifier(**tiny).partial_fit(X, y, classes=[0, 1])
    assert model.encoder_.crosses is None
    assert model.encoder_.values == {}


def test_warm_start_keeps_the_crosses(tiny):
    X, y = planted("categories")
    model = DCNClassifier(**{**tiny, "max_epochs": 1}, warm_start=True).fit(X, y)
    crosses = model.encoder_.crosses
    before = crosses.values.copy()
    model.fit(X, 1 - y)
    assert model.encoder_.crosses is crosses
    assert_array_equal(crosses.values, before)
    assert model.n_iter_ == 2


def test_failing_fit_leaves_the_crosses(fitted):
    model, X, _ = fitted
    crosses, before = model.encoder_.crosses, model.predict_proba(X)
    model.set_params(memorized_crosses=[("c0", "zip")])
    with pytest.raises(ValueError, match="'zip'"):
        model.fit(X, np.arange(len(X)) % 2)
    model.set_params(memorized_crosses="auto")
    assert model.encoder_.crosses is crosses
    assert_array_equal(model.predict_proba(X), before)


def test_pickle_and_one_row_alone(fitted):
    model, X, _ = fitted
    assert names_of(model.encoder_) == [{"c0", "c2"}]
    together = model.predict_proba(X[:20])
    copy = pickle.loads(pickle.dumps(model))
    assert_array_equal(copy.predict_proba(X[:20]), together)
    for i in range(20):
        alone = model.encoder_.transform(X[i : i + 1], np.float32)["x_num"]
        assert_array_equal(
            alone, model.encoder_.transform(X[:20], np.float32)["x_num"][i : i + 1]
        )
        assert_allclose(model.predict_proba(X[i : i + 1])[0], together[i], rtol=1e-5)
        row = X.iloc[i].to_dict()
        assert_allclose(model.predict_proba(row)[0], together[i], rtol=1e-5)


def test_crosses_are_in_print(fitted):
    model, _, _ = fitted
    (line,) = [part for part in repr(model.encoder_).split("\n") if " x c2" in part]
    assert line.startswith("c0 x c2  statistic, quantile")
    assert "c0 x c2" in model.encoder_.field_names


def test_regressor_memorises_too(tiny):
    X, y = planted("0 and 1")
    outputs = np.stack([y, np.random.default_rng(0).normal(size=len(y))], axis=1)
    model = DCNRegressor(**tiny).fit(X, outputs)
    assert names_of(model.encoder_)[0] == {"b0", "b1"}
    assert "b0" in next(iter(model.encoder_.crosses.scalers))
    names = [name[-8:] for name in model.encoder_.crosses.scalers]
    assert names[:2] == ["output 0", "output 1"]


def test_memorised_pairs_of_ids_beat_what_adds_up_single_columns():
    """Each pair of 30 x 30 ids has a rate of its own, which only its rows can tell."""
    rng = np.random.default_rng(0)
    ids = rng.integers(0, 30, (9000, 2))
    effect = rng.choice([-2.0, 2.0], (30, 30))
    p = 1 / (1 + np.exp(-effect[ids[:, 0], ids[:, 1]]))
    y = (rng.random(9000) < p).astype(int)
    X = pd.DataFrame(ids.astype(str), columns=["a", "b"]).assign(
        x=rng.normal(size=9000)
    )
    train, test = slice(0, 7000), slice(7000, None)
    options = {"max_epochs": 5, "early_stopping": False, "random_state": 0}
    model = DCNClassifier(**options).fit(X[train], y[train])
    plain = DCNClassifier(structure="deep", memorized_crosses=None, **options)
    plain.fit(X[train], y[train])
    one_hot = OneHotEncoder().fit(X[["a", "b"]])
    linear = LogisticRegression().fit(one_hot.transform(X[["a", "b"]][train]), y[train])
    losses = [
        log_loss(y[test], model.predict_proba(X[test])),
        log_loss(y[test], plain.predict_proba(X[test])),
        log_loss(y[test], linear.predict_proba(one_hot.transform(X[["a", "b"]][test]))),
    ]
    assert names_of(model.encoder_)[0] == {"a", "b"}
    assert losses[0] < min(losses[1:]) - 0.03, losses


@pytest.mark.parametrize("kind", ["binary", "number", "classes"])
def test_what_is_told_of_unknown_levels(kind):
    """As a row with levels that no training row has."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.integers(90, size=(600, 2)).astype(str), columns=["a", "b"])
    X["x"] = rng.normal(size=600)
    y = rng.integers(2 if kind == "binary" else 3, size=600)
    pairs = [("a", "b"), ("a", "x"), ("b", "b")]
    encoder, _ = encode(X, y, kind, memorized_crosses=pairs)
    new = X[:1].assign(a="new", b="new")
    x = encoder.transform(new)["x_num"][0]
    told = encoder.of_unknown
    columns = [of for _, of, _ in told]
    n = len(encoder.crosses.default)
    assert columns[: 3 * n] == [[0, 1]] * n + [[0]] * n + [[1, 1]] * n
    for number, _, value in told:
        assert value == pytest.approx(x[number])
