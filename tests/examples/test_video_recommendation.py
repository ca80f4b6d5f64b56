"""The video example: its made-up log, its readers, its rivals and its comparison."""

import sys

import numpy as np
import pandas as pd
import pytest
from helpers.processes import load_script
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score


@pytest.fixture(scope="module")
def video():
    """Return the example as a module."""
    return load_script("examples/video_recommendation.py")


@pytest.fixture(scope="module")
def views(video):
    """Return a small made-up log."""
    return video.get_views(rows=4000)


# The log ------------------------------------------------------------------------------


def test_views_have_the_columns_and_no_pair_twice(video, views):
    assert len(views) == 4000
    assert {*video.FEATURES} - {*views.columns} == {
        "gender"
    }  # as only MovieLens has it
    assert not views.duplicated(["user", "item"]).any()
    genres = views["genres"].str.split("|").explode()
    assert set(genres) <= {*video.GENRES[1:]}
    assert views["genres"].str.contains("|", regex=False).any()
    by_item = views.groupby("item")[["year", "genres"]].nunique()
    by_user = views.groupby("user")[["age", "occupation"]].nunique()
    assert (by_item == 1).all(axis=None)
    assert (by_user == 1).all(axis=None)


def test_views_depend_on_the_seed_alone(video):
    first, again, other = (video.make_views(50, 80, 500, seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert not first["liked"].equals(other["liked"])


def test_true_probabilities_are_those_of_the_likes(video):
    """In bins of the true probability, the share of likes is that probability."""
    views = video.make_views(200, 300, 20_000, seed=3)
    bins = pd.qcut(views["p_true"], 10, labels=False)
    mean = views.groupby(bins)[["liked", "p_true"]].mean()
    np.testing.assert_allclose(mean["liked"], mean["p_true"], atol=0.04)  # 3.6 std
    assert views["p_new"].mean() == pytest.approx(views["liked"].mean(), abs=0.03)
    auc = [roc_auc_score(views["liked"], views[name]) for name in ("p_true", "p_new")]
    assert auc[0] > auc[1] > 0.6


def test_popularity_is_skewed(views):
    count = views["item"].value_counts()
    assert count.head(len(count) // 10).sum() > 0.2 * len(views)


def test_new_items_are_absent_from_training(video, views):
    train, known, new = video.split_views(views)
    assert set(known["item"]) <= set(train["item"])
    assert not set(new["item"]) & set(train["item"])
    assert new["item"].nunique() == views["item"].nunique() // 10
    assert not set(train.index) & set(known.index)
    assert len(train) + len(known) + len(new) <= len(views)
    assert len(known) > 500
    assert len(new) > 100


# The readers --------------------------------------------------------------------------


def write_release(folder):
    """Write two users, two films and three ratings in the format of MovieLens 100K."""
    (folder / "u.data").write_text(
        "1\t7\t4\t880000000\n2\t7\t3\t880000001\n1\t9\t5\t0\n"
    )
    (folder / "u.user").write_text("1|24|M|technician|85711\n2|53|F|other|T8H1N\n")
    flags = np.zeros((2, 19), int)
    flags[0, [1, 16]] = 1  # Action, Thriller
    flags[1, 0] = 1  # unknown
    lines = [
        "7|Amélie en été (1995)|01-Jan-1995||http://example.org/|",
        "9|unknown||||",
    ]
    text = "".join(
        line + "|".join(map(str, row)) + "\n"
        for line, row in zip(lines, flags, strict=True)
    )
    (folder / "u.item").write_text(text, encoding="latin-1")


def test_read_release(video, tmp_path):
    write_release(tmp_path)
    views = video.read_views(tmp_path).sort_values(["user", "item"])
    assert views["user"].tolist() == [1, 1, 2]
    assert views["item"].tolist() == [7, 9, 7]
    assert views["liked"].tolist() == [1, 1, 0]
    assert views["age"].tolist() == [24, 24, 53]
    assert views["gender"].tolist() == ["M", "M", "F"]
    assert views["occupation"].tolist() == ["technician", "technician", "other"]
    assert views["genres"].tolist() == ["Action|Thriller", "unknown", "Action|Thriller"]
    np.testing.assert_array_equal(views["year"], [1995, np.nan, 1995])


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_read_joined_table(video, tmp_path, suffix):
    """Its columns are renamed, and `liked` is made where it is not there."""
    table = pd.DataFrame(
        {
            "user_id": [1, 2],
            "movie_id": [7, 7],
            "rating": [4, 3],
            "release_year": [1995.0, 1995.0],
            "genres": ["Action|War", "Action|War"],
        }
    )
    path = tmp_path / f"joined.{suffix}"
    if suffix == "csv":
        table.to_csv(path, index=False)
    else:
        pytest.importorskip("pyarrow")
        table.to_parquet(path)
    views = video.read_views(path)
    assert {"user", "item", "year", "genres", "liked"} <= {*views.columns}
    assert views["liked"].tolist() == [1, 0]


# The rivals ---------------------------------------------------------------------------


def make_rows(*rows):
    """Return views from (user, item, genres, liked)."""
    return pd.DataFrame(rows, columns=["user", "item", "genres", "liked"])


def test_item_mean_by_hand(video):
    train = make_rows(*[(u, "a", "X", 1) for u in range(10)], (0, "b", "X", 0))
    p = video.item_mean(train, make_rows((1, "a", "X", 0), (1, "new", "X", 0)))
    base_rate = 10 / 11
    np.testing.assert_allclose(p, [(10 + 10 * base_rate) / 20, base_rate])


def test_cosine_by_hand(video):
    """Liked X and X|Y, disliked Z: the profile is (1, 1/2, -1), of length 3/2."""
    train = make_rows(
        ("u", "a", "X", 1), ("u", "b", "X|Y", 1), ("u", "c", "Z", 0), ("v", "a", "X", 0)
    )
    rows = make_rows(
        ("u", "d", "X", 0),
        ("u", "e", "Y|Z", 0),
        ("u", "f", "X|Y|Z", 0),
        ("u", "g", "W", 0),  # a genre that the user does not know
        ("v", "d", "X", 0),  # only dislikes
        ("w", "d", "X", 0),  # no views
    )
    expected = [1 / 1.5, -0.5 / (1.5 * 2**0.5), 0.5 / (1.5 * 3**0.5), 0, -1, 0]
    np.testing.assert_allclose(video.cosine(train, rows), expected, atol=1e-12)


def test_als_step_is_ridge_regression(video):
    """Each id has the coefficients of scikit-learn's Ridge on its rows."""
    rng = np.random.default_rng(0)
    ids = rng.choice([0, 1, 3], 60)  # 2 has no rows
    A, y = rng.normal(size=(60, 3)), rng.normal(size=60)
    found = video.ridge_of_each(ids, 4, A, y, l2=0.7)
    assert found.shape == (5, 3)
    np.testing.assert_array_equal(found[[2, 4]], 0)
    for i in (0, 1, 3):
        ridge = Ridge(alpha=0.7, fit_intercept=False).fit(A[ids == i], y[ids == i])
        np.testing.assert_allclose(found[i], ridge.coef_, atol=1e-10)


def test_als_recovers_a_matrix_of_low_rank(video):
    """Biases and two factors are found from a part of the cells, for all cells."""
    rng = np.random.default_rng(0)
    users, items = rng.normal(size=(30, 2)), rng.normal(size=(25, 2))
    truth = users @ items.T + rng.normal(size=(30, 1)) + rng.normal(size=25)
    user, item = np.nonzero(rng.random(truth.shape) < 0.8)
    u, i = video.fit_als(
        user, item, truth[user, item], rank=2, l2=1e-6, n_steps=100, seed=0
    )
    found = u[:-1, :1] + i[:-1, 0] + u[:-1, 1:] @ i[:-1, 1:].T
    np.testing.assert_allclose(found, truth, atol=1e-3)


def test_als_steps_lower_its_loss(video):
    """Both half-steps minimise one penalised sum of squares."""
    rng = np.random.default_rng(1)
    user, item = rng.integers(0, 20, 300), rng.integers(0, 15, 300)
    y = rng.normal(size=300)

    def loss(n_steps):
        u, i = video.fit_als(user, item, y, rank=3, l2=2.0, n_steps=n_steps)
        error = y - u[user, 0] - i[item, 0] - (u[user, 1:] * i[item, 1:]).sum(axis=1)
        return (error**2).sum() + 2.0 * ((u**2).sum() + (i**2).sum())

    losses = [loss(n_steps) for n_steps in (1, 2, 4, 8)]
    assert losses == sorted(losses, reverse=True)


def test_als_knows_only_the_user_of_a_new_item(video, views):
    train, _, new = video.split_views(views)
    scores = pd.Series(video.als(train, new, rank=2, l2=5)).groupby(
        new["user"].to_numpy()
    )
    assert (scores.nunique() == 1).all()
    assert scores.mean().nunique() > 50


def test_calibrated_takes_the_best_setting_and_its_rate(video):
    """A score of no use gives the base rate; the true log-odds stay what they are."""
    rng = np.random.default_rng(0)
    logit = rng.normal(0, 2, 40_000)
    rows = pd.DataFrame({"logit": logit})
    rows["liked"] = (rng.random(len(rows)) < 1 / (1 + np.exp(-logit))).astype(int)

    def score(train, rows, scale):
        return rows["logit"].to_numpy() * scale + 3

    useless = video.calibrated(score, [{"scale": 0}])(rows, rows)
    np.testing.assert_allclose(useless, rows["liked"].mean(), atol=0.03)
    p = video.calibrated(score, [{"scale": 0}, {"scale": -0.3}])(rows, rows)
    np.testing.assert_allclose(p, 1 / (1 + np.exp(-logit)), atol=0.05)


# The lists ----------------------------------------------------------------------------


@pytest.fixture
def likes(video):
    """Return likes of a (x, y), b (x) and c (y, z), of four films."""
    views = make_rows(
        *[(user, film, "G", 1) for user, film in ("ax", "ay", "bx", "cy", "cz")],
        ("c", "w", "G", 0),
    )
    views = views.assign(age=[30, 30, 20, 50, 50, 50], year=1990)
    return video.Likes(views, views)


def scores(likes, fit):
    model, offset = fit(likes)
    assert offset is None
    table = model(likes.users.sort_values("user"), likes.items.sort_values("item"))
    return np.asarray(table)  # rows a, b, c and columns w, x, y, z


def test_popularity_counts_likes(video, likes):
    found = scores(likes, video.list_popular)
    np.testing.assert_allclose(found, [[0, 2, 2, 1]] * 3, atol=1e-8)
    assert len(np.unique(found[:, 0])) == 3  # chance decides for each user


def test_neighbours_by_hand(video, likes):
    """cos(x, y) = 1 / 2 and cos(y, z) = 1 / sqrt(2); w has no likes."""
    found = scores(likes, video.list_neighbours)
    y, z = 1 / 2, 2**-0.5
    expected = [[0, y, y, z], [0, 0, y, 0], [0, y, z, z]]
    np.testing.assert_allclose(found, expected, atol=1e-8)


def test_als_ranks_what_similar_users_like(video, likes):
    pytest.importorskip("implicit")
    found = scores(likes, video.list_als)
    assert found[1, 2] > found[1, 0]  # y for b, as a has both


def test_viewers_are_young_and_old(video, likes):
    assert video.pick_viewers(likes, least=1)["user"].tolist() == ["b", "a", "c"]
    assert video.pick_viewers(likes, least=2)["user"].tolist() == ["a", "c", "c"]


# The comparison -----------------------------------------------------------------------


def test_example_runs_and_draws(video, tmp_path, capsys):
    output = tmp_path / "models.png"
    pytest.importorskip("matplotlib").use("agg")
    video.main(["--rows", "4000", "--output", str(output)])
    assert output.stat().st_size > 10_000
    lines = capsys.readouterr().out.splitlines()
    table = [line for line in lines if line[:1] == "|"]
    n = 2 + len(video.MODELS) + 2
    n_skipped = sum("is left out: pip install implicit" in line for line in lines)
    assert len(table) == n + 2 + len(video.LISTS) - n_skipped
    for part in (table[:n], table[n:]):
        assert len({len(line) for line in part}) == 1  # aligned
    assert sum(line.startswith("Viewer ") for line in lines) == 3
    assert sum(line.startswith("  1. film ") for line in lines) == 3


def test_example_without_matplotlib_prints_the_table(video, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(video.MODELS, "DCN", video.item_mean)
    monkeypatch.setitem(video.LISTS, "DCN", video.list_popular)
    video.main(["--rows", "2000"])
    out = capsys.readouterr().out
    assert "| true probabilities" in out
    assert out.endswith("pip install matplotlib\n")


@pytest.mark.slow
def test_dcn_wins_on_known_and_on_new_items(video):
    """The DCN beats the rivals on both, and no model the truth."""
    train, known, new = video.split_views(video.get_views(rows=50_000))
    results = video.compare(video.MODELS, train, known, new)
    dcn, truth = results.loc["DCN"], results.loc["true probabilities"]
    for name in ("item mean", "cosine of genres", "ALS"):
        for items in ("known", "new"):
            assert dcn[f"AUC, {items}"] > results.loc[name, f"AUC, {items}"]
            assert dcn[f"log loss, {items}"] < results.loc[name, f"log loss, {items}"]
    for items in ("known", "new"):
        assert dcn[f"AUC, {items}"] < truth[f"AUC, {items}"]
    assert dcn["AUC, new"] < results.loc["best without the item", "AUC, new"]
