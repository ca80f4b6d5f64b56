"""Lists against the whole matrix of scores, sorted; in bounded memory; bad input."""

import numpy as np
import pandas as pd
import pytest
from helpers.interactions import make_sides, make_views
from scipy.special import expit, logit

from sklearn_dcn import DCNClassifier
from sklearn_dcn.recommend import _lists as module
from sklearn_dcn.recommend import recommend

N_USERS, N_ITEMS = 30, 40


@pytest.fixture(scope="module")
def sides():
    return make_sides(N_USERS, N_ITEMS)


@pytest.fixture(scope="module")
def seen(sides):
    """Return pairs of the users with a third of the items, and of unknown ids."""
    rng = np.random.default_rng(0)
    user, item = np.nonzero(rng.random((N_USERS, N_ITEMS)) < 0.3)
    pairs = pd.DataFrame({"item": item, "user": sides[0]["user"].to_numpy()[user]})
    stranger = pd.DataFrame({"item": [0, 999], "user": ["nobody", "u0"]})
    return pd.concat([pairs, stranger]).sample(frac=1, random_state=0)


@pytest.fixture(scope="module")
def model(sides):
    X, y = make_views(*sides)
    return DCNClassifier(
        categorical_features=["user", "item", "job"],
        multivalued_features=["tags"],
        dtype="float64",
        validation="random",
        max_epochs=1,
        hidden_layer_sizes=(8,),
        random_state=0,
    ).fit(X, y)


def given(scores):
    """Return a matrix of scores as a function of users and items."""

    def score(users, items):
        at = users["user"].str[1:].astype(int).to_numpy()
        return scores[np.ix_(at, items["item"])]

    return score


def sorted_out(scores, sides, k, exclude=None):
    """Return the lists by sorting every row of the matrix."""
    users, items = sides
    taken = (
        set()
        if exclude is None
        else {*exclude[["user", "item"]].itertuples(index=False, name=None)}
    )
    rows = []
    for user, of_user in zip(users["user"], scores, strict=True):
        free = [i for i in range(N_ITEMS) if (user, items["item"][i]) not in taken]
        best = sorted(free, key=lambda i: (-of_user[i], i))[:k]
        rows += [
            (user, rank, items["item"][i], of_user[i])
            for rank, i in enumerate(best, start=1)
        ]
    return pd.DataFrame(rows, columns=["user", "rank", "item", "score"])


@pytest.mark.parametrize("batch_rows", [9, 100, 65_536])
@pytest.mark.parametrize("block", [4096, 9])
@pytest.mark.parametrize("k", [1, 5, 100])
def test_lists_are_the_sorted_matrix(sides, seen, monkeypatch, k, block, batch_rows):
    """Whatever the blocks, with ties, and with fewer items than k left."""
    monkeypatch.setattr(module, "BLOCK", block)
    scores = np.random.default_rng(1).integers(0, 6, (N_USERS, N_ITEMS)) / 2.0
    for exclude in (None, seen):
        found = recommend(
            given(scores), *sides, k, exclude=exclude, batch_rows=batch_rows
        )
        expected = sorted_out(scores, sides, k, exclude)
        pd.testing.assert_frame_equal(found, expected)


def test_lists_of_a_model_are_those_of_its_probabilities(sides, seen, model):
    users, items = sides
    pairs = users.merge(items, how="cross")
    p = model.predict_proba(pairs[model.feature_names_in_])[:, 1]
    found = recommend(model, users, items, exclude=seen)
    expected = sorted_out(p.reshape(N_USERS, N_ITEMS), sides, 10, seen)
    pd.testing.assert_frame_equal(found, expected, rtol=1e-10)


def test_offsets_shift_log_odds_of_classifiers(sides, model):
    users, items = sides
    pairs = users.merge(items, how="cross")
    p = model.predict_proba(pairs[model.feature_names_in_])[:, 1]
    offset = np.linspace(-3, 3, N_ITEMS)
    shifted = expit(logit(p.reshape(N_USERS, N_ITEMS)) + offset)
    found = recommend(model, users, items, item_offset=offset)
    pd.testing.assert_frame_equal(found, sorted_out(shifted, sides, 10), rtol=1e-9)
    plain = recommend(model, users, items)
    assert (found["item"] != plain["item"]).any()


def test_other_columns_and_their_order_do_not_matter(sides, model):
    users, items = sides
    expected = recommend(model, users, items, k=3)
    more = users.assign(name="x")[["job", "age", "name", "user"]].set_index("name")
    films = items.assign(name="y")[["tags", "name", "year", "item"]]
    found = recommend(model, more, films, k=3, user="user", item="item")
    pd.testing.assert_frame_equal(found, expected)


def test_polars_in_pandas_out(sides, seen, model):
    polars = pytest.importorskip("polars")
    users, items, pairs = (
        polars.DataFrame(of.to_dict("list")) for of in (*sides, seen)
    )
    found = recommend(model, users, items, exclude=pairs)
    expected = recommend(model, *sides, exclude=seen)
    pd.testing.assert_frame_equal(found, expected, check_dtype=False, rtol=1e-10)


def test_batch_rows_bounds_the_rows_at_a_time(sides):
    rows = []

    def score(users, items):
        rows.append(len(users) * len(items))
        return np.zeros((len(users), len(items)))

    recommend(score, *sides, batch_rows=100)
    assert max(rows) <= 100
    assert sum(rows) == N_USERS * N_ITEMS


def test_memory_does_not_grow_with_the_pairs():
    """Of 16 million pairs, whose scores would take 128 MB, a few MB are held."""
    import tracemalloc

    users, items = (pd.DataFrame({n: range(4000)}) for n in ("user", "item"))

    def score(users, items):
        return np.add.outer(-users["user"].to_numpy(), items["item"].to_numpy())

    tracemalloc.start()
    found = recommend(score, users, items, k=2)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16e6
    assert set(found["item"]) == {3998, 3999}


def test_nothing_to_exclude(sides, seen, model):
    found = recommend(model, *sides, exclude=seen[:0])
    pd.testing.assert_frame_equal(found, recommend(model, *sides))


# Bad input ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"k": 0}, ValueError, "k must be an integer of at least 1; got 0"),
        ({"batch_rows": 0}, ValueError, "batch_rows must be"),
        ({"users": [["u1", 20]]}, TypeError, "users must be a DataFrame.*got list"),
        ({"users": pd.DataFrame({"user": []})}, ValueError, "users must have a row"),
        ({"user": "id"}, ValueError, "user='id' must be a column of users; its"),
        ({"item": "id"}, ValueError, "item='id' must be a column of items; its"),
        (
            {"item_offset": [1.0]},
            ValueError,
            r"each of 40 items; got an array of shape",
        ),
        ({"item_offset": [np.nan] * 40}, ValueError, "40 of them not finite"),
        ({"exclude": pd.DataFrame({"user": ["u1"]})}, ValueError, "column of exclude"),
        (
            {"exclude": pd.DataFrame({"user": ["u1"], "item": ["1"]})},
            TypeError,
            "Column 'item' must have the same type of ids in exclude and in items; got "
            "str and int",
        ),
    ],
)
def test_bad_arguments(sides, model, options, error, match):
    users, items = sides
    arguments = {"users": users, "items": items, **options}
    with pytest.raises(error, match=match):
        recommend(model, **arguments)


def test_bad_tables(sides, model):
    users, items = sides
    twice = pd.concat([users, users[:1]])
    with pytest.raises(ValueError, match="users must have one row for each id; 'user'"):
        recommend(model, twice, items)
    with pytest.raises(ValueError, match="1 are missing"):
        recommend(model, users.assign(user=[None, *users["user"][1:]]), items)
    with pytest.raises(ValueError, match=r"\['job'\] are in neither"):
        recommend(model, users.drop(columns="job"), items)
    with pytest.raises(ValueError, match=r"\['age'\] are in both"):
        recommend(model, users, items.assign(age=1.0))
    with pytest.raises(ValueError, match="got 'user' in users and 'user' in items"):
        recommend(model, users, items.rename(columns={"item": "user"}))


def test_scores_that_are_nan_are_refused(sides):
    scores = np.zeros((N_USERS, N_ITEMS))
    scores[5, 7] = np.nan
    with pytest.raises(ValueError, match="must be numbers; some are NaN"):
        recommend(given(scores), *sides)
