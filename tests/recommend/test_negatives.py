"""Draws by their shares, and log-odds of all pairs from those of sampled ones."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit
from scipy.stats import chisquare

from sklearn_dcn import DCNClassifier
from sklearn_dcn.recommend import item_log_q, sample_negatives

N_USERS, N_ITEMS = 40, 12


def make_views(seed=0, n=400):
    """Return distinct pairs, of items that differ in popularity."""
    rng = np.random.default_rng(seed)
    share = 1 / np.arange(1, N_ITEMS)  # the last item has none
    user = rng.integers(0, N_USERS, n)
    item = rng.choice(N_ITEMS - 1, n, p=share / share.sum())
    views = pd.DataFrame({"user": user, "item": item}).drop_duplicates()
    return views.assign(hour=rng.integers(0, 24, len(views)))


VIEWS = make_views()
ITEMS = pd.DataFrame({"item": np.arange(N_ITEMS), "year": 1990})
COUNT = np.bincount(VIEWS["item"], minlength=N_ITEMS)
SHARES = {
    "uniform": np.full(N_ITEMS, 1 / N_ITEMS),
    "popularity": (COUNT + 1) / (COUNT + 1).sum(),
    "in_batch": COUNT / COUNT.sum(),
}


def draw(views=VIEWS, items=ITEMS, **options):
    return sample_negatives(views, items, user="user", item="item", **options)


def test_rows_are_interactions_each_with_its_negatives():
    table = draw(n_negatives=3, random_state=0)
    assert list(table) == ["user", "item", "hour", "label", "log_q", "log_rate"]
    assert table["label"].tolist() == [1, 0, 0, 0] * len(VIEWS)
    positives = table[table["label"] == 1][[*VIEWS]].reset_index(drop=True)
    pd.testing.assert_frame_equal(positives, VIEWS.reset_index(drop=True))
    for name in ("user", "hour"):  # negatives have all but the item of theirs
        assert (table[name].to_numpy().reshape(-1, 4).T == positives[name].values).all()


@pytest.mark.parametrize("strategy", SHARES)
def test_known_pairs_are_no_negatives(strategy):
    table = draw(strategy=strategy, batch_size=16, random_state=0)
    known = {*VIEWS[["user", "item"]].itertuples(index=False, name=None)}
    drawn = table.loc[table["label"] == 0, ["user", "item"]]
    assert known.isdisjoint(drawn.itertuples(index=False, name=None))
    everything = draw(exclude_known=False, random_state=0)
    drawn = everything.loc[everything["label"] == 0, ["user", "item"]]
    assert not known.isdisjoint(drawn.itertuples(index=False, name=None))


@pytest.mark.parametrize("strategy", SHARES)
def test_items_are_drawn_by_their_shares(strategy):
    q = SHARES[strategy]
    table = draw(strategy=strategy, n_negatives=50, exclude_known=False, random_state=1)
    np.testing.assert_allclose(np.exp(table["log_q"]), q[table["item"]])
    count = np.bincount(table.loc[table["label"] == 0, "item"], minlength=N_ITEMS)
    assert (count[q == 0] == 0).all()
    assert chisquare(count[q > 0], q[q > 0] * count.sum()).pvalue > 1e-3
    log_q = item_log_q(VIEWS, ITEMS, item="item", strategy=strategy)
    np.testing.assert_allclose(np.exp(log_q), q)


def test_power_flattens_popularity():
    q = (COUNT + 1) ** 0.5
    log_q = item_log_q(VIEWS, ITEMS, item="item", power=0.5)
    np.testing.assert_allclose(np.exp(log_q), q / q.sum())
    even = item_log_q(VIEWS, ITEMS, item="item", power=0)
    np.testing.assert_allclose(np.exp(even), 1 / N_ITEMS)


@pytest.mark.parametrize("exclude_known", [True, False])
@pytest.mark.parametrize("strategy", ["uniform", "popularity"])
def test_rates_are_how_often_pairs_are_drawn(strategy, exclude_known):
    """Means of counts over draws; Yi et al.'s weights make any sum that of all items.

    With 1 / m of each negative, the sum of f over the sample is on average that over
    all items that the user does not know.
    """
    n_draws, f = 300, np.arange(1.0, N_ITEMS + 1)
    counts, sums = np.zeros((N_USERS, N_ITEMS)), np.zeros(N_USERS)
    rates = np.full((N_USERS, N_ITEMS), np.nan)
    for seed in range(n_draws):
        options = {"strategy": strategy, "exclude_known": exclude_known}
        table = draw(**options, n_negatives=2, random_state=seed)
        rows = table[table["label"] == 0]
        at = rows["user"].to_numpy(), rows["item"].to_numpy()
        np.add.at(counts, at, 1 / n_draws)
        rate = np.exp(rows["log_rate"].to_numpy())
        rates[at] = rate
        np.add.at(sums, at[0], f[at[1]] / rate / n_draws)
    drawn = ~np.isnan(rates)
    error = (counts - rates)[drawn] / np.sqrt(rates[drawn] / n_draws)
    assert abs(error).max() < 5  # standard deviations, of Poisson counts at most
    assert abs(error.mean()) < 0.1
    free = np.ones((N_USERS, N_ITEMS), dtype=bool)
    if exclude_known:
        free[VIEWS["user"], VIEWS["item"]] = False
    expected = (free * f).sum(axis=1)
    assert (drawn.sum(axis=1) == free.sum(axis=1)).mean() > 0.9
    seen = np.unique(VIEWS["user"])
    np.testing.assert_allclose(sums[seen].sum(), expected[seen].sum(), rtol=0.02)


def test_in_batch_draws_from_the_batch():
    """With pairs of rows as batches, the other row's item is all that there is."""
    views = pd.DataFrame({"user": np.arange(6), "item": np.arange(6)})
    table = sample_negatives(
        views,
        user="user",
        item="item",
        strategy="in_batch",
        batch_size=2,
        n_negatives=5,
        random_state=0,
    )
    drawn = table["item"].to_numpy().reshape(6, 6)
    partner = drawn[:, 1]
    assert (drawn[:, 1:] == partner[:, None]).all()
    assert (partner != views["user"]).all()
    assert (partner[partner] == views["user"]).all()  # and the other way round


def world(seed=0, n_users=4000):
    """Return all pairs of six items with their true log-odds of being interactions."""
    rng = np.random.default_rng(seed)
    z = np.array([-1.0, -2.0, -3.0, -1.5, -4.0, -2.5])
    taken = rng.random((n_users, 6)) < expit(z)
    user, item = np.nonzero(taken)
    return pd.DataFrame({"user": user, "item": item}), z


@pytest.mark.parametrize(
    ("options", "of_odds"),
    [
        ({"strategy": "uniform"}, True),
        ({"strategy": "popularity"}, True),
        ({"strategy": "in_batch"}, True),
        ({"strategy": "popularity", "exclude_known": False}, False),
    ],
    ids=str,
)
def test_log_odds_of_all_pairs_are_recovered(options, of_odds):
    """Those of an item in the sample, plus what the rates make of it, are the true."""
    views, _ = world()
    table = draw(views, ITEMS[:6], n_negatives=3, random_state=0, **options)
    positive = table["label"] == 1
    ratio = np.zeros(6)
    for item in range(6):
        here = table["item"] == item
        # A user without interactions is in no row: all are counted for the truth.
        n_taken = (here & positive).sum()
        n_free = np.exp(-table["log_rate"][here & ~positive]).sum()
        ratio[item] = np.log(n_taken / n_free)
    users = views["user"].nunique()
    taken = np.bincount(views["item"], minlength=6)
    expected = np.log(taken / (users - taken)) if of_odds else np.log(taken / users)
    np.testing.assert_allclose(ratio, expected, atol=0.1)
    naive = logit(table.groupby("item")["label"].mean())
    assert abs(naive - expected).max() > (
        0.2 if options["strategy"] == "uniform" else 1
    )


def test_a_network_is_corrected_by_the_shares():
    """Of popular negatives a model learns no popularity; `item_log_q` gives it back."""
    z = np.linspace(-2.5, -5.5, 20)
    rng = np.random.default_rng(0)
    user, item = np.nonzero(rng.random((5000, 20)) < expit(z))
    views = pd.DataFrame({"user": user, "item": item})
    items = pd.DataFrame({"item": np.arange(20)})
    table = draw(views, items, strategy="popularity", random_state=0)
    model = DCNClassifier(
        categorical_features=["item"],
        memorized_crosses=None,
        validation="random",
        max_epochs=8,
        hidden_layer_sizes=(8,),
        n_members=1,
        dtype="float32",
        random_state=0,
    ).fit(table[["item"]], table["label"])
    learned = model.decision_function(items)
    assert np.ptp(learned) < 0.5 * np.ptp(z)
    corrected = learned + item_log_q(views, items, item="item")
    error = corrected - corrected.mean() - (z - z.mean())
    assert abs(error).mean() < 0.25
    assert np.corrcoef(corrected, z)[0, 1] > 0.97


def test_users_with_few_items_left_get_these():
    """Where nearly all is known, what is left is drawn, however rare."""
    views = pd.DataFrame({"user": [0] * 999 + [1], "item": [*range(999), 0]})
    items = pd.DataFrame({"item": range(1000)})
    table = draw(views, items, n_negatives=1, random_state=0)
    rows = table[(table["user"] == 0) & (table["label"] == 0)]
    assert (rows["item"] == 999).all()
    np.testing.assert_allclose(np.exp(rows["log_rate"]), 999)


def test_random_state():
    first, again, other = (draw(random_state=seed) for seed in (0, 0, 1))
    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(other)


def test_polars_in_pandas_out():
    polars = pytest.importorskip("polars")
    views = polars.DataFrame(VIEWS.to_dict("list"))
    items = polars.DataFrame(ITEMS.to_dict("list"))
    expected = draw(random_state=0)
    pd.testing.assert_frame_equal(draw(views, items, random_state=0), expected)


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"n_negatives": 0}, ValueError, "n_negatives must be"),
        ({"batch_size": 1}, ValueError, "batch_size must be"),
        ({"strategy": "hard"}, ValueError, "strategy must be one of 'uniform'"),
        ({"power": -1}, ValueError, "power must be a number of at least 0; got -1"),
        ({"label": "hour"}, ValueError, "must have no column 'hour'"),
        (
            {"items": ITEMS[:3]},
            ValueError,
            "items must hold all items of inter",
        ),
        ({"items": ITEMS.astype(str)}, TypeError, "must have the same type of ids"),
        ({"views": VIEWS.drop(columns="item")}, ValueError, "item='item' must be"),
        ({"views": VIEWS.assign(user=None)}, ValueError, "are missing"),
    ],
)
def test_bad_input(options, error, match):
    with pytest.raises(error, match=match):
        draw(**options)


def test_users_who_know_everything_are_named():
    views = pd.DataFrame({"user": ["a", "a", "b"], "item": [0, 1, 0]})
    with pytest.raises(ValueError, match="'a' has an interaction with each of them"):
        draw(views, ITEMS[:2])
    table = draw(views, ITEMS[:2], exclude_known=False, random_state=0)
    assert len(table) == 15
