"""Models that live with their data: new levels, and statistics that follow."""

import copy
import io
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.options import BRIEF
from numpy.testing import assert_array_equal
from sklearn.metrics import log_loss
from sklearn.preprocessing import TargetEncoder

from sklearn_dcn import DCNClassifier, DCNRegressor, load, scan
from sklearn_dcn._table.categories import growing_levels
from sklearn_dcn.network import growing

OPTIONS = BRIEF | {"dtype": "float64", "new_levels": "learn", "early_stopping": False}
OPTIMIZERS = ("adamw", "lazy_adamw", "adam", "adagrad", torch.optim.RMSprop)


def make_day(day, n=300, step=15):
    """Return a day's rows: a third of the users is new, and so is a tag."""
    rng = np.random.default_rng(day)
    user = rng.integers(day * step, day * step + 45, n)
    X = pd.DataFrame(
        {
            "user": [f"u{k}" for k in user],
            "kind": rng.choice(["a", "b", "c", None], n),
            "x": rng.normal(size=n) + 0.2 * day,
            "n": rng.integers(0, 5, n).astype(float),
            "tags": [[f"t{day}", "all"][: 1 + k % 2] for k in range(n)],
        }
    )
    logit = 2 * np.sin(12.9898 * user) + 0.5 * rng.normal(size=n)
    return X, (logit > 0).astype(int)


def live(model, days, start="fit"):
    """Return a model that has learned some days."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # none of its levels is known
        getattr(model, start)(*make_day(days[0]))
        for day in days[1:]:
            model.partial_fit(*make_day(day))
    return model


def answers(model, X):
    return getattr(model, "predict_proba", model.predict)(X)


def assert_same(one, other, X):
    """Check that two models are the same, to the bit, and go on so."""
    assert_array_equal(answers(one, X), answers(other, X))
    for c in range(3):
        pairs = zip(one.module_.members, other.module_.members, strict=True)
        for a, b in pairs:
            assert torch.equal(
                a.embedding.column_weight(c), b.embedding.column_weight(c)
            )


# Equality -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        *({"optimizer": optimizer} for optimizer in OPTIMIZERS),
        {"optimizer": "adamw", "ema_decay": 0.9},
        {"optimizer": "lazy_adamw", "ema_decay": 0.9, "n_members": 3},
        {"n_members": 2, "max_grad_norm": 1.0, "weight_decay": 0.1},
        {"max_categories": 40, "optimizer": "lazy_adamw"},
        {"memorized_crosses": [("user", "kind")], "min_frequency": 2},
        {"embedding_l2": 1e-3, "embedding_l2_scope": "table", "optimizer": "adamw"},
        {"statistics_decay": 0.8, "memorized_crosses": [("user", "user")]},
    ],
    ids=lambda options: "-".join(options),
)
@pytest.mark.parametrize("start", ["fit", "partial_fit"])
def test_room_from_the_start_makes_no_difference(options, start, monkeypatch):
    """Tables laid out anew for each new id, and once for all that ever come."""
    found = []
    for slack in (1.0, 50.0):
        monkeypatch.setattr(growing, "SLACK", slack)
        model = live(DCNClassifier(**OPTIONS | options), range(5), start)
        found.append(model)
    stacks = [model.module_.members[0].embedding for model in found]
    assert stacks[0].cardinalities == stacks[1].cardinalities
    assert sum(stacks[1].bag_cardinalities) == sum(map(len, stacks[0].bag_tables))
    assert len(stacks[1].bag_tables[0]) > 5 * len(stacks[0].bag_tables[0])
    assert_same(*found, make_day(4)[0])


@pytest.mark.parametrize("Estimator", [DCNClassifier, DCNRegressor])
@pytest.mark.parametrize("start", ["fit", "partial_fit"])
def test_without_new_levels_learn_is_unknown(Estimator, start):
    X, y = make_day(0, 900)
    more, target = X.iloc[::3].reset_index(drop=True), y[::3]
    options = OPTIONS | {"memorized_crosses": [("user", "kind")]}
    found = []
    for new_levels in ("learn", "unknown"):
        model = Estimator(**options | {"new_levels": new_levels})
        getattr(model, start)(X, y).partial_fit(more, target)
        found.append(model.partial_fit(more, target))
    assert_same(*found, X)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"n_members": 2, "optimizer": "lazy_adamw", "ema_decay": 0.9},
        {"max_categories": 40, "min_frequency": 2},
        {"memorized_crosses": [("user", "kind")], "statistics_decay": 0.7},
    ],
    ids=lambda options: "-".join(options),
)
@pytest.mark.parametrize("how", ["save", "pickle", "copy"])
def test_what_was_saved_grows_on(options, how):
    model = live(DCNClassifier(**OPTIONS | options), range(3))
    if how == "save":
        file = io.BytesIO()
        model.save(file)
        file.seek(0)
        other = load(file)
    else:
        other = pickle.loads(pickle.dumps(model)) if how == "pickle" else None
        other = copy.deepcopy(model) if other is None else other
    stack = other.module_.members[0].embedding
    if how != "copy":
        assert stack.capacities == stack.cardinalities  # a file has no slack
    X = make_day(2)[0]
    assert_same(model, other, X)
    for day in (3, 4):
        for one in (model, other):
            one.partial_fit(*make_day(day))
    assert_same(model, other, X)


def test_the_order_of_calls_matters_and_is_kept():
    """Ids are given in the order in which levels came."""
    model = live(DCNClassifier(**OPTIONS), [0, 1, 2])
    again = live(DCNClassifier(**OPTIONS), [0, 1, 2])
    other = live(DCNClassifier(**OPTIONS), [0, 2, 1])
    users = [list(m.encoder_.categories[0].vocabulary) for m in (model, again, other)]
    assert users[0] == users[1] != users[2]
    assert set(users[0]) == set(users[2])


# What a new level is ------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["adamw", "lazy_adamw"])
def test_it_starts_from_the_unknown_row_with_fresh_moments(optimizer, monkeypatch):
    model = live(DCNClassifier(**OPTIONS, optimizer=optimizer), [0, 1])
    seen = []

    class Watched(DCNClassifier):
        def _train(self, *args, **kwargs):
            stack = self.module_.members[0].embedding
            seen.append(stack.column_weight(0).detach().clone())
            state = self.net_.optimizer_.state[stack.tables[0]]
            seen.append([state[name].clone() for name in ("exp_avg", "exp_avg_sq")])

    n_before = model.module_.members[0].embedding.cardinalities[0]
    unknown = model.module_.members[0].embedding.column_weight(0)[0].detach().clone()
    model.__class__ = Watched
    model.partial_fit(*make_day(2))
    weight, moments = seen
    assert len(weight) > n_before + 10
    assert torch.equal(weight[n_before:], unknown.expand(len(weight) - n_before, -1))
    start = model.module_.members[0].embedding._rows[0].start
    for of in moments:
        assert (of[start + n_before : start + len(weight)] == 0).all()
        assert (of[start : start + n_before] != 0).any()


def test_new_users_are_learned():
    """Of a day's later half, by its first half: three losses, the best by far."""
    losses = {}
    for new_levels in ("learn", "unknown"):
        options = OPTIONS | {"new_levels": new_levels, "learning_rate": 0.02}
        model = live(DCNClassifier(**options), range(4))
        X, y = make_day(4, 2000, step=100)
        X = X.drop(columns="tags").assign(tags=[["all"]] * len(X))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            for _ in range(8):
                model.partial_fit(X[:1000], y[:1000])
            losses[new_levels] = log_loss(y[1000:], model.predict_proba(X[1000:]))
    assert losses["learn"] < 0.45 < 0.6 < losses["unknown"]


def test_an_id_that_is_taken_away_is_unknown_again():
    model = live(DCNClassifier(**OPTIONS, max_categories=50), range(6))
    users = model.encoder_.categories[0]
    X, _ = make_day(0)
    gone = ~np.isin(X["user"], list(users.vocabulary))
    assert gone.mean() > 0.6
    some = X[gone].reset_index(drop=True)
    p = model.predict_proba(some.assign(user="never seen"))
    with pytest.warns(UserWarning, match="no level that fit has seen"):
        assert_array_equal(model.predict_proba(some), p)
    model.partial_fit(X, make_day(0)[1])
    assert np.isin(X["user"], list(users.vocabulary)).mean() > 0.5


def test_an_endurance_of_a_hundred_days(monkeypatch):
    """Room, and what is kept beside it, stay as they were."""
    monkeypatch.setattr("sklearn_dcn._table.categories.new_levels.MOST", 500)
    monkeypatch.setattr("sklearn_dcn._table.numbers.recent.MOST", 500)
    options = {"max_categories": 60, "min_frequency": 2, "optimizer": "lazy_adamw"}
    options |= {"memorized_crosses": [("user", "kind")], "statistics_decay": 0.9}
    model = DCNClassifier(**OPTIONS | options).fit(*make_day(0))
    sizes = []
    for day in range(1, 101):
        model.partial_fit(*make_day(day, 100))
        if day in (40, 100):
            sizes.append(len(pickle.dumps(model)))
        stack = model.module_.members[0].embedding
        assert stack.capacities[0] <= 90 and stack.cardinalities[0] <= 61
        assert len(model.encoder_.categories[0].new.counts) <= 500
        assert len(model.encoder_.crosses.keys) <= 62 * 5
    assert sizes[1] < 1.2 * sizes[0]
    assert growing_levels.HALF_LIFE == 10


# Beside fit and predict ---------------------------------------------------------------


@pytest.mark.parametrize("kind", ["number", "outputs", "three"])
def test_other_targets(kind):
    def target(X, y):
        if kind == "number":
            return y + X["x"]
        if kind == "outputs":
            return pd.DataFrame({"p": y * 1.0, "q": X["x"]})
        return np.array(["low", "mid", "high"])[X["n"].astype(int) % 3]

    Estimator = DCNClassifier if kind == "three" else DCNRegressor
    model = Estimator(**OPTIONS, memorized_crosses=[("user", "kind")])
    users = set()
    for day in range(4):
        X, y = make_day(day)
        model.partial_fit(X, target(X, y))
        users |= set(X["user"])
    assert np.isfinite(answers(model, X)).all()
    assert set(model.encoder_.categories[0].vocabulary) == users


def test_warm_fits_learn_too():
    X, y = make_day(0)
    model = DCNClassifier(**OPTIONS, warm_start=True).fit(X, y)
    before = copy.deepcopy(vars(model)["encoder_"])
    more, target = make_day(3)
    with pytest.raises(ValueError, match="X_val"):
        model.fit(more, target, X_val=more)
    assert list(model.encoder_.categories[0].vocabulary) == list(
        before.categories[0].vocabulary
    )
    model.fit(more, target)
    assert set(more["user"]) <= set(model.encoder_.categories[0].vocabulary)


def test_bad_rows_leave_the_model_as_it_was():
    model = live(DCNClassifier(**OPTIONS), [0, 1])
    n_ids, p = model.encoder_.n_ids, model.predict_proba(make_day(0)[0])
    X, y = make_day(2)
    bad = [
        ((X, y + 5), "y"),
        ((X.assign(x="text"), y), "'x'"),
        ((X.assign(kind=1.5), y), "'kind'"),
        ((X.assign(tags=7.5), y), "'tags'"),
        ((X.drop(columns="user"), y), "user"),
    ]
    for given, told in bad:
        with pytest.raises((ValueError, TypeError), match=told):
            model.partial_fit(*given)
        assert model.encoder_.n_ids == n_ids
        assert_array_equal(model.predict_proba(make_day(0)[0]), p)


def test_what_cannot_go_on_is_refused():
    X, y = make_day(0)
    for options in ({"new_levels": "learn"}, {"statistics_decay": 0.9}):
        model = DCNClassifier(**BRIEF, category_encoder=TargetEncoder(), **options)
        with pytest.raises(ValueError, match="category_encoder=TargetEncoder"):
            model.fit(X.drop(columns="tags"), y)
    model = DCNClassifier(**OPTIONS | {"new_levels": "unknown"}).fit(X, y)
    with pytest.raises(ValueError, match="new_levels must stay 'unknown'"):
        model.set_params(new_levels="learn").partial_fit(X, y)


def test_a_scan_is_learned_block_by_block(tmp_path, monkeypatch):
    parts = [make_day(day) for day in range(3)]
    X = pd.concat([X for X, _ in parts], ignore_index=True)
    y = np.concatenate([y for _, y in parts])
    path = tmp_path / "rows.parquet"
    X.assign(y=y).to_parquet(path)
    by_path = DCNClassifier(**OPTIONS).partial_fit(path, "y")
    by_frame = DCNClassifier(**OPTIONS).partial_fit(X, y)
    assert_same(by_path, by_frame, X)
    monkeypatch.setattr("sklearn_dcn._estimator.scans.LONG", 500)
    rows = scan(path, "y")
    with pytest.raises(ValueError, match=r"levels of its first 65,536.*'learn'"):
        DCNClassifier(**OPTIONS | {"new_levels": "unknown"}).partial_fit(rows)
    model = live(DCNClassifier(**OPTIONS), [5])
    other = copy.deepcopy(model)
    assert_same(model.partial_fit(rows), other.partial_fit(X, y), X)


def test_onnx_of_a_grown_model():
    pytest.importorskip("onnxruntime")
    from helpers.graphs import check

    options = OPTIONS | {"dtype": "float32", "memorized_crosses": [("user", "kind")]}
    check(live(DCNClassifier(**options), range(4)), make_day(3)[0])


def test_inspection_of_a_grown_model():
    from sklearn_dcn.inspection import explain

    model = live(DCNClassifier(**OPTIONS), range(3))
    X, _ = make_day(2)
    weight = model.embeddings_["user"] if hasattr(model, "embeddings_") else None
    assert weight is None or len(weight) == model.encoder_.categories[0].n_ids
    assert f"{len(model.encoder_.categories[0].vocabulary)}" in repr(model.encoder_)
    told = explain(model, X.iloc[:3], background=X)
    assert np.isfinite(told.features.to_numpy()).all()
