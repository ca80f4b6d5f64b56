"""Rows in groups: how they are told, which of them validate, and what they weigh."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from helpers.tables import make_mixed
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_dcn import DCNRanker, scan
from sklearn_dcn._targets import RANK_LOSSES
from sklearn_dcn.metrics import ndcg_at_k, ndcg_at_k_scorer

N, SIZE = 240, 8
QID = np.repeat([f"q{k:02}" for k in range(N // SIZE)], SIZE)


def make_rows():
    """Return a mixed frame and grades 0 to 2 that a column tells."""
    X, _ = make_mixed(N)
    y = (X["visits"].to_numpy() > 2).astype(int) + (X["city"] == "Oslo").to_numpy()
    return X, y


def tiny(**parameters):
    """Return a ranker that fits in milliseconds."""
    common = {"max_epochs": 2, "hidden_layer_sizes": (8,), "random_state": 0}
    return DCNRanker(**common | {"dtype": "float64"} | parameters)


@pytest.fixture(scope="module")
def rows():
    return make_rows()


@pytest.fixture(scope="module")
def fitted(rows):
    return tiny().fit(*rows, qid=QID)


# Groups are told in one of three ways -------------------------------------------------


def test_groups_are_told_by_row_by_size_and_by_column(rows, fitted):
    """To the same fit; the column is no feature, and may be left out later."""
    X, y = rows
    expected = fitted.predict(X)
    by_size = tiny().fit(X, y, group=[SIZE] * (N // SIZE))
    assert_array_equal(by_size.predict(X), expected)
    table = X.assign(query=QID)[["query", *X]]
    by_column = tiny(qid="query").fit(table, y)
    assert by_column.feature_names_in_.tolist() == list(X)
    assert by_column.n_features_in_ == X.shape[1]
    for rows_of in (table, X, table.to_dict("records"), X.to_dict("records")):
        assert_array_equal(by_column.predict(rows_of), expected)
    found = by_column.score(table, y)
    assert found == fitted.score(X, y, qid=QID) == ndcg_at_k(y, expected, QID)


def test_the_column_of_groups_may_have_a_position(rows, fitted):
    X, y = rows
    expected = fitted.predict(X)
    table = X.assign(query=QID)[[*X.columns[:2], "query", *X.columns[2:]]]
    of_frame = tiny(qid=2).fit(table, y)
    assert_array_equal(of_frame.predict(X), expected)
    assert_array_equal(of_frame.predict(table), expected)
    numbers = np.random.default_rng(0).normal(size=(N, 2))
    codes = pd.factorize(QID)[0]
    plain = tiny().fit(numbers, y, qid=codes).predict(numbers)
    array = np.column_stack([numbers[:, 0], codes, numbers[:, 1]])
    of_array = tiny(qid=1).fit(array, y)
    assert_array_equal(of_array.predict(array), plain)
    assert_array_equal(of_array.predict(numbers), plain)


def test_the_column_of_groups_in_a_frame_of_polars(rows):
    X, y = rows
    plain = X[["visits", "is_new"]]
    table = pl.DataFrame(plain.assign(query=QID).to_dict("list"))
    found = tiny(qid="query").fit(table, y).predict(table)
    expected = tiny().fit(pl.DataFrame(plain.to_dict("list")), y, qid=QID)
    assert_array_equal(found, expected.predict(table.drop("query")))


def test_rows_of_groups_need_not_follow_each_other(rows, fitted):
    """They are put together, in the order in which groups and rows come first."""
    X, y = rows
    order = np.arange(N).reshape(-1, SIZE).T.ravel()
    apart = tiny().fit(X.iloc[order], y[order], qid=QID[order])
    assert_array_equal(apart.predict(X), fitted.predict(X))


@pytest.mark.parametrize(
    ("parameters", "given", "error", "match"),
    [
        ({}, {}, ValueError, "must be given in one way: qid, .* Got none"),
        ({}, {"qid": QID, "group": [N]}, ValueError, "Got qid and group"),
        ({"qid": "city"}, {"qid": QID}, ValueError, "and the parameter qid='city'"),
        (
            {"qid": "query"},
            {},
            ValueError,
            "qid names 'query', which is no column of X",
        ),
        ({"qid": 5}, {}, ValueError, "qid names 5, which is no column of X"),
        ({"qid": ["city"]}, {}, TypeError, "qid must be None, or the name or position"),
        ({"qid": True}, {}, TypeError, "qid must be None, or the name or position"),
        (
            {},
            {"qid": QID[1:]},
            ValueError,
            "qid must have one entry for each of the 240",
        ),
        ({"qid": "city"}, {}, ValueError, "qid must have no missing entry"),
        (
            {},
            {"group": [N, 1]},
            ValueError,
            "group must hold sizes that sum to the 240",
        ),
        ({}, {"group": [N, 0]}, ValueError, "group must hold the sizes of groups, int"),
        ({}, {"group": [0.5]}, ValueError, "group must hold the sizes of groups, int"),
        (
            {},
            {"qid": QID, "qid_val": QID},
            ValueError,
            "qid_val and group_val need X",
        ),
        ({}, {"qid": np.arange(N)}, ValueError, "y must differ within a group"),
    ],
)
def test_wrong_groups_are_named_and_change_nothing(
    rows, fitted, parameters, given, error, match
):
    X, y = rows
    before = fitted.predict(X)
    fitted.set_params(**parameters)
    with pytest.raises(error, match=match):
        fitted.fit(X, y, **given)
    fitted.set_params(qid=None)
    assert_array_equal(fitted.predict(X), before)


def test_wrong_rows_are_named(rows, tmp_path):
    X, y = rows
    with pytest.raises(ValueError, match="requires y to be passed"):
        tiny().fit(X, qid=QID)
    with pytest.raises(
        ValueError, match="y must hold relevance, numbers of at least 0"
    ):
        tiny().fit(X, y - 1, qid=QID)
    with pytest.raises(ValueError, match="X must have a column beside that of qid"):
        tiny(qid="city").fit(X[["city"]], y)
    table = X.assign(query=QID, y=y)
    table.to_parquet(tmp_path / "rows.parquet")
    for source in (
        str(tmp_path / "rows.parquet"),
        scan(tmp_path / "rows.parquet", target="y"),
    ):
        with pytest.raises(TypeError, match="DCNRanker needs all rows of X in memory"):
            tiny(qid="query").fit(source, "y")


# Validation ---------------------------------------------------------------------------


def held_out(monkeypatch, rows, qid=QID, **parameters):
    """Return which rows each network holds out, the rows by group, and the model."""
    found = []
    hold_out = DCNRanker._hold_out

    def recording(self, rows):
        found.append((hold_out(self, rows), rows))
        return found[0][0]

    monkeypatch.setattr(DCNRanker, "_hold_out", recording)
    how = {"early_stopping": True, "n_members": 3, "validation_fraction": 0.2}
    model = tiny(**how | parameters).fit(*rows, qid=qid)
    monkeypatch.undo()
    trains, told = found[0]
    return ~trains, told, model


def test_each_network_holds_out_whole_groups(monkeypatch, rows):
    held, told, model = held_out(monkeypatch, rows)
    assert model.validation_ == "groups"
    assert "valid_loss" in model.history_[-1]
    shares = held.reshape(-1, SIZE, 3).mean(axis=1)
    assert set(np.unique(shares)) == {0.0, 1.0}
    assert (shares.sum(axis=0) == 6).all()
    assert not (shares[:, 0] == shares[:, 2]).all()
    assert len(np.unique(told.roles.folds(5, 0).reshape(-1, SIZE), axis=0)) == 5


def test_the_last_groups_validate_by_the_time_of_their_latest_row(monkeypatch, rows):
    rng = np.random.default_rng(1)
    time = rng.permutation(N)
    held, told, model = held_out(monkeypatch, rows, validation_time=time, n_members=1)
    assert model.validation_ == "last"
    latest = time.reshape(-1, SIZE).max(axis=1)
    expected = latest >= np.sort(latest)[-6]
    assert_array_equal(held.reshape(-1, SIZE, 1).mean(axis=(1, 2)), expected)
    # No row describes one of its own group, or of an earlier one.
    rank = told.roles.rank.reshape(-1, SIZE)
    assert (rank == rank[:, :1]).all()
    assert_array_equal(np.argsort(rank[:, 0]), np.argsort(latest))


def test_the_order_of_rows_is_the_time_if_there_is_no_other(monkeypatch, rows):
    held, _, _ = held_out(monkeypatch, rows, validation="last", n_members=1)
    assert_array_equal(np.flatnonzero(held[:, 0]), np.arange(N - 6 * SIZE, N))


def test_random_rows_are_drawn_from_all_groups(monkeypatch, rows):
    held, _, model = held_out(monkeypatch, rows, validation="random", n_members=1)
    assert model.validation_ == "random"
    shares = held[:, 0].reshape(-1, SIZE).mean(axis=1)
    assert held.sum() == N // 5
    assert ((shares > 0) & (shares < 1)).sum() > 20


def test_groups_of_validation_have_whole_groups(monkeypatch, rows):
    users = np.repeat(np.arange(N // SIZE // 3), 3 * SIZE)
    held, _, _ = held_out(monkeypatch, rows, validation_groups=users)
    assert set(np.unique(held.reshape(-1, 3 * SIZE, 3).mean(axis=1))) == {0.0, 1.0}
    table = rows[0].assign(query=QID)
    same = tiny(qid="query", early_stopping=True)
    alone = same.fit(table, rows[1]).predict(table)
    named = same.set_params(validation_groups="query").fit(table, rows[1])
    assert_array_equal(named.predict(table), alone)
    users[0] = 5
    with pytest.raises(ValueError, match="validation_groups must hold whole groups"):
        tiny(validation_groups=users).fit(*rows, qid=QID)


@pytest.mark.parametrize(
    ("parameters", "qid", "match"),
    [
        (
            {"validation": "last"},
            np.zeros(N),
            "validation='last' holds out whole groups",
        ),
        ({}, np.zeros(N), "needs at least 2 groups"),
        (
            {"validation": "random", "validation_fraction": 0.01},
            QID,
            "Rows that validate must differ in relevance within a group",
        ),
    ],
)
def test_splits_that_leave_nothing_to_rank_are_named(rows, parameters, qid, match):
    with pytest.raises(ValueError, match=match):
        tiny(early_stopping=True, n_members=1, **parameters).fit(*rows, qid=qid)


@pytest.mark.parametrize("loss", RANK_LOSSES)
def test_the_validation_loss_is_that_of_the_predictions(rows, loss):
    """Of given rows, in any order, of one epoch; "lambdarank" has 1 - NDCG."""
    X, y = rows
    order = np.random.default_rng(0).permutation(N)[: N // 2]
    X_val, y_val, qid_val = X.iloc[order], y[order], QID[order]
    model = tiny(loss=loss, max_epochs=1, batch_size=50, n_members=2)
    model.fit(X, y, qid=QID, X_val=X_val, y_val=y_val, qid_val=qid_val)
    s, total = model.predict(X_val), 0.0
    for group in np.unique(qid_val):
        at = qid_val == group
        if len(np.unique(y_val[at])) < 2:
            continue
        gain = 2.0 ** y_val[at] - 1
        if loss == "softmax":
            log_p = s[at] - np.log(np.exp(s[at]).sum())
            value = -(gain / gain.sum()) @ log_p
        elif loss == "pairwise":
            i, j = np.nonzero(y_val[at][:, None] > y_val[at])
            value = np.log1p(np.exp(s[at][j] - s[at][i])).mean()
        else:
            value = 1 - ndcg_at_k(y_val[at], s[at], qid_val[at])
        total += at.sum() * value
    assert model.history_[-1]["valid_loss"] == pytest.approx(total / len(order))


def test_members_are_validated_by_groups_of_their_own(monkeypatch, rows):
    """The loss is the mean over networks of that of the groups that they hold out."""
    X, y = rows
    held, _, model = held_out(
        monkeypatch, rows, n_members=2, max_epochs=1, batch_size=40, loss="softmax"
    )
    losses = []
    for k, member in enumerate(model.module_.members):
        encoded = model._encode(model._check_X(X, reset=False))
        s = member(**encoded).detach().numpy()[:, 0]
        total = 0.0
        for group in np.unique(QID[held[:, k]]):
            at = QID == group
            gain = 2.0 ** y[at] - 1
            if len(np.unique(gain)) > 1:
                log_p = s[at] - np.log(np.exp(s[at]).sum())
                total -= at.sum() * (gain / gain.sum()) @ log_p
        losses.append(total / held[:, k].sum())
    assert model.history_[0]["valid_loss"] == pytest.approx(np.mean(losses))


def test_scorers_are_given_groups(rows):
    """Those of this package, and functions that take them; others are not."""
    X, y = rows
    seen = []

    def by_groups(estimator, X, y, groups):
        seen.append((len(X), y.ndim, np.unique(groups).tolist()))
        return ndcg_at_k(y, estimator.predict(X), groups)

    given = {"X_val": X[:80], "y_val": y[:80], "qid_val": QID[:80]}
    for scoring in (ndcg_at_k_scorer, by_groups):
        model = tiny(scoring=scoring, max_epochs=1).fit(X, y, qid=QID, **given)
        expected = ndcg_at_k(y[:80], model.predict(X[:80]), QID[:80])
        assert model.history_[0]["valid_score"] == pytest.approx(expected)
    assert seen == [(80, 1, list(range(10)))]
    model = tiny(scoring="r2", max_epochs=1).fit(X, y, qid=QID, **given)
    assert model.history_[0]["valid_score"] < 1


# Later fits and weights ---------------------------------------------------------------


def test_rows_of_weight_0_are_as_if_absent(rows):
    X, y = rows
    weight = np.ones(N)
    weight[::5] = 0
    weighted = tiny(early_stopping=False).fit(X, y, weight, qid=QID)
    kept = weight > 0
    less = tiny(early_stopping=False).fit(X[kept], y[kept], qid=QID[kept])
    assert_array_equal(weighted.predict(X), less.predict(X))


def test_weights_count_by_their_ratios(rows):
    X, y = rows
    weight = np.random.default_rng(0).uniform(0.5, 2, N)
    one = tiny().fit(X, y, weight, qid=QID).predict(X)
    other = tiny().fit(X, y, 8 * weight, qid=QID).predict(X)
    assert_allclose(one, other, rtol=1e-9)
    assert not np.allclose(one, tiny().fit(X, y, qid=QID).predict(X))


def test_a_warm_start_goes_on(rows):
    X, y = rows
    model = tiny(warm_start=True).fit(X, y, qid=QID)
    before = model.predict(X)
    model.fit(X, y, qid=QID)
    assert model.n_iter_ == 4
    assert not np.allclose(model.predict(X), before)
    with pytest.raises(ValueError, match="loss must stay 'pairwise'; got 'softmax'"):
        model.set_params(loss="softmax").fit(X, y, qid=QID)


def test_partial_fit_learns_groups_that_come(rows):
    X, y = rows
    model = tiny()
    for half in (slice(0, N // 2), slice(N // 2, N)):
        model.partial_fit(X[half], y[half], qid=QID[half])
    assert model.n_iter_ == 2
    before = model.predict(X)
    model.partial_fit(X[:4], [1, 1, 0, 0], qid=[1, 1, 2, 2])  # nothing to rank
    assert_array_equal(model.predict(X), before)
    model.set_params(validation="last")
    model.partial_fit(X[:4], [1, 0, 1, 0], [0] * 4, group=[2, 2])
    assert_array_equal(model.predict(X), before)
    model.partial_fit(X[:4], [1, 0, 1, 0], group=[2, 2])
    assert not np.allclose(model.predict(X), before)
    with pytest.raises(ValueError, match="Groups of rows must be given in one way"):
        model.partial_fit(X[:4], [1, 0, 1, 0])


def test_a_checkpoint_changes_nothing(rows, fitted, tmp_path):
    X, y = rows
    model = tiny(checkpoint=tmp_path / "fit").fit(X, y, qid=QID)
    assert_array_equal(model.predict(X), fitted.predict(X))
    assert not (tmp_path / "fit").exists()
