"""Which pairs and columns are memorised: those planted, none of noise, those given."""

import numpy as np
import pandas as pd
import pytest
from helpers.memorising import PRIOR, encode, names_of, noise, planted
from numpy.testing import assert_array_equal

from sklearn_dcn import DCNClassifier
from sklearn_dcn._table.target_statistics.cross_choice import score_pair
from sklearn_dcn._table.target_statistics.supervision import N_FOLDS

# ----------------------------------------------------------------------------------
# The choice of pairs
# ----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("kind", ["binary", "number", "classes"])
def test_auto_memorises_nothing_of_noise(kind, seed):
    X, rng = noise(1000, seed)
    y = rng.normal(size=1000) if kind == "number" else rng.integers(0, 3, 1000)
    y = y % 2 if kind == "binary" else y
    encoder, encoded = encode(X, y, kind)
    assert encoder.crosses.pairs == encoder.crosses.scores == []
    assert encoded["x_num"].shape == (1000, 5)


@pytest.mark.parametrize("kind", ["binary", "number"])
def test_auto_memorises_nothing_of_a_constant_target(kind):
    X, _ = noise(1000)
    assert encode(X, np.ones(1000, dtype=int), kind)[0].crosses.pairs == []


PLANTED = {
    "categories": {"c0", "c2"},
    "numbers": {"x0", "x2"},
    "0 and 1": {"b0", "b1"},
    "number and category": {"x1", "c1"},
}


@pytest.mark.parametrize("target", ["binary", "number", "classes"])
@pytest.mark.parametrize(("kind", "columns"), PLANTED.items(), ids=PLANTED)
def test_planted_pair_is_found(kind, columns, target):
    X, y = planted(kind)
    # Those of categories, or of few rows a level, embeddings tell as well.
    is_product = kind in ("categories", "number and category")
    encoder, _ = encode(X, y, target, memorized_crosses=1 if is_product else "auto")
    assert names_of(encoder)[0] == columns
    assert len(encoder.crosses.pairs) <= 4
    assert encoder.crosses.scores[0] > 50  # in units of the total log loss
    if is_product:
        assert encode(X, y, target)[0].crosses.pairs == []
    assert names_of(encode(X, y, target, memorized_crosses=1)[0]) == [columns]


@pytest.mark.parametrize("target", ["binary", "number"])
@pytest.mark.parametrize("is_product", [True, False])
def test_pairs_of_few_rows_are_memorised_if_no_product_tells_them(is_product, target):
    """Either way a linear model finds the pair, of five rows a level."""
    rng = np.random.default_rng(0)
    item, place = rng.integers(150, size=40_000), rng.integers(50, size=40_000)
    score = 2 * rng.normal(size=(150, 50))[item, place]
    if is_product:
        u, v = rng.normal(size=(150, 3)), rng.normal(size=(50, 3))
        score = (u[item] * v[place]).sum(axis=1)
    y = score + rng.normal(size=40_000)
    X = pd.DataFrame({"item": item, "place": place}).astype(str)
    encoder, _ = encode(X, (y > 0).astype(int) if target == "binary" else y, target)
    assert names_of(encoder) == ([] if is_product else [{"item", "place"}])


def rare(n_levels=100, n=2000, seed=0):
    """Return a table of ids, of which one matters, and a target."""
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, n_levels, (n, 3))
    X = pd.DataFrame(ids.astype(str), columns=["who", "what", "where"])
    X["kind"] = rng.integers(0, 3, n).astype(str)
    p = np.array([0.2, 0.5, 0.8])
    return X, (rng.random(n) < p[ids[:, 0] % 3]).astype(int)


def test_columns_of_rare_levels_are_memorised_by_themselves():
    """Those that say something, if they have fewer than 30 rows a level."""
    X, y = rare()
    for kind in ("binary", "number", "classes"):
        encoder, _ = encode(X, y, kind)
        assert names_of(encoder) == [{"who"}]
    assert encode(X, y)[0].crosses.counted == ()  # 20 rows a level, more than 10
    assert encode(*rare(300))[0].crosses.counted == (0,)
    assert names_of(encode(*rare(70))[0]) == [{"who"}]
    assert names_of(encode(*rare(70), max_categories=50)[0]) == []
    assert names_of(encode(*rare(60))[0]) == []
    assert names_of(encode(X, y, memorized_crosses=2)[0]) != [{"who"}]


@pytest.mark.parametrize("wanted", ["auto", [("who", "who")]])
def test_the_only_column_is_memorised_by_itself(wanted):
    X, y = rare()
    encoder, encoded = encode(X[["who"]], y, memorized_crosses=wanted)
    assert names_of(encoder) == [{"who"}]
    assert [*encoder.crosses.scalers] == ["target by who"]
    assert encoded["x_num"].shape == (len(X), 1)


def test_columns_that_say_the_same_are_not_memorised_by_themselves():
    """In a table of more than twice as many levels as rows."""
    X, y = rare(n_levels=700)
    copies = {f"who {k}": X["who"] + str(k) for k in range(5)}
    assert names_of(encode(X, y)[0]) == [{"who"}]  # 2,100 levels of 2,000 rows
    assert names_of(encode(X.assign(**copies), y)[0]) == []


def test_the_four_that_say_most_are_memorised_by_themselves():
    X, y = rare()
    noisy = {f"who {k}": X["who"].where(X.index % 10 < k) for k in range(3, 9)}
    encoder, _ = encode(X.assign(**noisy), y)
    alone = [crosses for crosses in names_of(encoder) if len(crosses) == 1]
    assert alone == [{"who"}, {"who 8"}, {"who 7"}, {"who 6"}]
    crosses = encoder.crosses
    scores = [
        s for s, (a, b) in zip(crosses.scores, crosses.pairs, strict=True) if a == b
    ]
    assert scores == sorted(scores, reverse=True)


def test_score_is_that_of_a_loop():
    rng = np.random.default_rng(0)
    n = 60
    key, fold = rng.integers(0, 6, n), rng.integers(0, N_FOLDS, n)
    g, h = rng.normal(size=(2, n)) + 2 * (key == 2), rng.uniform(0.1, 1, (2, n))
    expected = 0.0
    for g_k, h_k in zip(g, h, strict=True):
        slope = bend = 0.0
        for i in range(n):
            up, down = 0.0, PRIOR * sum(h_k) / n
            for j in range(n):
                if key[j] == key[i] and fold[j] != fold[i]:
                    up += g_k[j]
                    down += h_k[j]
            slope += g_k[i] * up / down
            bend += h_k[i] * (up / down) ** 2
        expected += slope**2 / (2 * bend) if slope > 0 else 0.0
    assert expected > 1
    assert score_pair(key, fold, g, h) == pytest.approx(expected)


def test_score_of_what_does_not_carry_over_is_zero():
    """An effect with another sign in each fold lowers no loss on other rows."""
    key, fold = np.zeros(50, dtype=int), np.arange(50) % 2
    g = np.where(fold == 0, 1.0, -1.0)[None]
    assert score_pair(key, fold, g, np.ones((1, 50))) == 0
    assert score_pair(key, fold, np.abs(g), np.ones((1, 50))) > 0
    assert score_pair(key, fold, g, np.zeros((1, 50))) == 0


# ----------------------------------------------------------------------------------
# Pairs that are given
# ----------------------------------------------------------------------------------


def test_pairs_by_name_and_by_position():
    X, rng = noise(200)
    y = rng.integers(0, 2, 200)
    by_name, a = encode(X, y, memorized_crosses=[("x0", "c1"), ["b0", "b1"]])
    by_position, b = encode(X, y, memorized_crosses=[(5, 1), (np.int64(3), 4)])
    assert names_of(by_name) == names_of(by_position) == [{"x0", "c1"}, {"b0", "b1"}]
    found = [*by_name.crosses.scalers]
    assert found == ["x0 x c1", "b0 x b1", "rows of x0 x c1"]
    assert np.isnan(by_name.crosses.scores).all()
    assert_array_equal(a["x_num"], b["x_num"])
    assert by_name.field_names[-3:] == found


def test_number_of_pairs():
    X, rng = noise(200)
    encoder, encoded = encode(X, rng.integers(0, 2, 200), memorized_crosses=3)
    assert len(encoder.crosses.pairs) == 3
    assert encoder.crosses.counted == (0, 1, 2)
    assert encoded["x_num"].shape == (200, 5 + 3 + 3)
    scores = encoder.crosses.scores
    assert scores == sorted(scores, reverse=True)
    every = encode(X, rng.integers(0, 2, 200), memorized_crosses=1000)[0]
    assert len(set(every.crosses.pairs)) == len(every.crosses.pairs) == 8 * 7 // 2


# ----------------------------------------------------------------------------------
# The estimators
# ----------------------------------------------------------------------------------


def test_auto_needs_a_thousand_rows(tiny):
    X, y = planted("categories", n=1000)
    tiny = {**tiny, "max_epochs": 1}
    assert DCNClassifier(**tiny).fit(X[:999], y[:999]).encoder_.crosses is None
    model = DCNClassifier(**tiny).fit(X, y)
    assert names_of(model.encoder_)[0] == {"c0", "c2"}
