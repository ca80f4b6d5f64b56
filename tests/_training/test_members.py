"""Ensembles: members that learn as alone, rows of their own, the mean of all."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.options import PLAIN
from helpers.tables import make_mixed
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit
from sklearn.metrics import log_loss

from sklearn_dcn import DCNClassifier, DCNRegressor, load
from sklearn_dcn._roles import RandomRoles
from sklearn_dcn._training.batches import to_tensors
from sklearn_dcn._training.members import forget_unseen, hide_unseen
from sklearn_dcn.inspection import explain, interaction_strengths
from sklearn_dcn.network import DeepCrossEnsemble


@pytest.fixture
def drawn(monkeypatch):
    """Return the list that gets, of each fit, which rows train which member."""
    found = []

    def draw(self, *args):
        found.append(training(self, *args))
        return found[-1]

    training = RandomRoles.training
    monkeypatch.setattr(RandomRoles, "training", draw)
    return found


def member_logits(model, x):
    """Return the logits (n, n_members, d_out) of encoded rows."""
    with torch.no_grad():
        return model.module_(**x).numpy()


# Levels that a member has not seen ----------------------------------------------------


def hand_made():
    """Return a network, six encoded rows with a list each, and who trains on them."""
    options = {"cardinalities": [6], "bag_cardinalities": [5], "embedding_dim": 2}
    network = DeepCrossEnsemble(2, n_num=0, **options)
    x = {
        "x_cat": np.array([[2], [3], [4], [2], [1], [5]]),
        "x_bag": [
            (np.array([2, 2, 3, 4]), np.array([0, 1, 1, 2, 3, 4, 4]), np.ones(4))
        ],
    }
    trains = np.array([[1, 1], [1, 0], [0, 1], [0, 1], [0, 0], [1, 1]], dtype=bool)
    return network, to_tensors(x), trains


def test_levels_of_held_out_rows_are_hidden():
    """Where a member that holds the row out has no other row with the level."""
    network, x, trains = hand_made()
    before = copy.deepcopy(x)
    hidden = hide_unseen(x, trains, network.members[0].embedding)
    # Level 3 is in row 1 alone, which the second member holds out, as level 4 in row 2
    # and the first; 2 has other rows, 1 is "missing", 5 trains both.
    assert hidden["x_cat"][:, 0].tolist() == [2, 0, 0, 2, 1, 5]
    # Lists of the rows: [2], [], [2], [3], [4], [].
    assert hidden["x_bag"][0][0].tolist() == [2, 2, 0, 0]
    assert torch.equal(x["x_cat"], before["x_cat"])
    assert torch.equal(x["x_bag"][0][0], before["x_bag"][0][0])


def test_unseen_levels_are_the_unknown_one():
    network, x, trains = hand_made()
    fresh = copy.deepcopy(network)
    forget_unseen(network.members, x, trains)
    unseen = [[{4}, {3, 4}], [{3}, {4}]]  # of each member: of the column, of the lists
    for member, other, (column, lists) in zip(
        network.members, fresh.members, unseen, strict=True
    ):
        for c, levels in enumerate((column, lists)):
            weight = member.embedding.column_weight(c)
            was = other.embedding.column_weight(c)
            for level in range(len(weight)):
                expected = was[0 if level in levels else level]
                assert torch.equal(weight[level], expected), (c, level)


@pytest.mark.parametrize("n_members", [1, 2])
@pytest.mark.parametrize("Estimator", [DCNClassifier, DCNRegressor])
def test_levels_of_held_out_rows_alone_are_unknown(Estimator, n_members, drawn):
    """To the member that holds them out; their embeddings are equal, bit by bit."""
    X, y = make_mixed(200)
    X = X.assign(own=[f"row {i}" for i in range(200)])  # each level in one row
    options = {**PLAIN, "early_stopping": True, "max_epochs": 1, "min_frequency": 1}
    model = Estimator(**options, n_members=n_members).fit(X, y)
    column = list(X).index("own")
    own = list(model.encoder_.categories).index(column)
    ids = model.encoder_.transform(X)["x_cat"][:, own]
    assert len(model.encoder_.categories[column].levels) == 200
    [trains] = drawn
    for member, trained in zip(model.module_.members, trains.T, strict=True):
        vectors = member.embedding.column_weight(own)[ids].detach()
        is_unknown = (vectors == member.embedding.column_weight(own)[0]).all(dim=1)
        assert_array_equal(is_unknown, ~trained)
        assert is_unknown.sum() == 20


def test_what_a_member_holds_out_does_not_train_it(drawn):
    """Other targets there change the other member, and not this one."""
    X, _ = make_mixed(400)
    y = np.random.default_rng(0).normal(size=400)
    options = {**PLAIN, "early_stopping": True, "max_epochs": 1, "n_members": 2}
    model = DCNRegressor(**options).fit(X, y)
    held_out = np.flatnonzero(~drawn[0][:, 0] & drawn[0][:, 1])
    other_y = y.copy()
    other_y[held_out] = y[held_out][::-1]  # the same mean and deviation
    other = DCNRegressor(**options).fit(X, other_y)
    assert_array_equal(*drawn)
    first, second = (
        [
            max(
                float((a - b).detach().abs().max())
                for a, b in zip(one.parameters(), two.parameters(), strict=True)
            )
        ]
        for one, two in zip(model.module_.members, other.module_.members, strict=True)
    )
    assert first[0] < 1e-12 < 1e-4 < second[0]


@pytest.mark.parametrize("weighted", [False, True])
def test_validation_loss_is_that_of_rows_held_out(weighted, drawn):
    """By hand: of every member on its own rows, and the mean of that."""
    X, y = make_mixed(600)
    w = np.random.default_rng(0).uniform(0.5, 2.0, 600) if weighted else np.ones(600)
    options = {**PLAIN, "early_stopping": True, "max_epochs": 1, "n_members": 3}
    model = DCNClassifier(**options).fit(X, y, sample_weight=w)
    [trains] = drawn
    x = to_tensors(model.encoder_.transform(X))
    z = member_logits(model, x)[:, :, 0]
    losses = [
        log_loss(y[rows], expit(z[rows, k]), sample_weight=w[rows])
        for k, rows in enumerate(~trains.T)
    ]
    assert model.history_[0]["valid_loss"] == pytest.approx(np.mean(losses), rel=1e-6)
    assert len({round(loss, 6) for loss in losses}) == 3


def test_given_rows_validate_the_mean():
    X, y = make_mixed(500)
    X_val, y_val = make_mixed(200, seed=1)
    model = DCNClassifier(**PLAIN, n_members=2, max_epochs=2)
    model.fit(X, y, X_val=X_val, y_val=y_val)
    expected = log_loss(y_val, model.predict_proba(X_val))
    best = model.history_[model.best_epoch_ - 1]
    assert best["valid_loss"] == pytest.approx(expected, rel=1e-6)


# The training -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "more",
    [
        {"optimizer": "adamw"},
        {"optimizer": "lazy_adamw"},
        {"optimizer": "sgd", "learning_rate": 0.05},
        {"optimizer": "adamw", "embedding_l2": 0.1, "embedding_l2_scope": "table"},
        {"optimizer": "sgd", "embedding_l2": 0.1, "learning_rate": 0.05},
        {"optimizer": "adagrad", "ema_decay": None, "learning_rate_schedule": "cosine"},
    ],
)
@pytest.mark.parametrize("weighted", [False, True])
def test_a_member_learns_as_it_would_alone(more, weighted):
    """The first of three is the network of a fit without the others."""
    X, y = make_mixed(200)
    w = np.random.default_rng(0).uniform(0.5, 2.0, 200) if weighted else None
    options = {**PLAIN, **more, "category_dropout": 0.0, "max_epochs": 4}
    options |= {"early_stopping": False, "batch_size": 64}
    alone = DCNClassifier(**options, n_members=1).fit(X, y, w)
    three = DCNClassifier(**options, n_members=3).fit(X, y, w)
    first = three.module_.members[0].state_dict()
    for name, weight in alone.module_.state_dict().items():
        assert_allclose(first[name], weight, atol=1e-10, err_msg=name)
    second = three.module_.members[1].state_dict()
    assert (first["head.weight"] - second["head.weight"]).abs().max() > 0.01


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_prediction_is_the_mean(n_classes):
    X, y = make_mixed(300)
    y = y if n_classes == 2 else np.arange(300) % 3
    model = DCNClassifier(**PLAIN, n_members=3, max_epochs=1).fit(X, y)
    z = member_logits(model, to_tensors(model.encoder_.transform(X))).mean(axis=1)
    assert_allclose(model.decision_function(X), z.squeeze(), atol=1e-12)


def test_other_ways_of_training(tmp_path):
    """A warm start, parts, a checkpoint and clipping, with members."""
    X, y = make_mixed(300)
    options = {**PLAIN, "n_members": 2, "max_epochs": 2}
    warm = DCNClassifier(**options, warm_start=True, optimizer="lazy_adamw").fit(X, y)
    before = warm.history_[-1]["train_loss"]
    assert warm.fit(X, y).history_[-1]["train_loss"] < before
    parts = DCNClassifier(**options)
    for _ in range(2):
        parts.partial_fit(X, y, classes=[0, 1])
    assert len(parts.module_.members) == 2
    plain = DCNClassifier(**options).fit(X, y)
    kept = DCNClassifier(**options, checkpoint=tmp_path / "fit").fit(X, y)
    assert_array_equal(kept.predict_proba(X), plain.predict_proba(X))
    options |= {"optimizer": "sgd", "weight_decay": 0.0}
    clipped = DCNClassifier(**options, max_grad_norm=1e-9).fit(X, y)
    start = DCNClassifier(**options, learning_rate=1e-12).fit(X, y)
    assert_allclose(clipped.predict_proba(X), start.predict_proba(X), atol=1e-8)


def test_a_warm_fit_forgets_nothing():
    """Levels that it holds out alone keep what the fit before has learned."""
    X, y = make_mixed(200)
    X = X.assign(own=[f"row {i}" for i in range(200)])
    options = {**PLAIN, "early_stopping": False, "max_epochs": 1, "warm_start": True}
    options["min_frequency"] = 1
    model = DCNClassifier(**options, n_members=2).fit(X, y)
    model.set_params(early_stopping=True, learning_rate=1e-12).fit(X, y)
    own = list(model.encoder_.categories).index(list(X).index("own"))
    for member in model.module_.members:
        vectors = member.embedding.column_weight(own)
        assert not (vectors[1:] == vectors[0]).all(dim=1).any()


@pytest.mark.parametrize("structure", ["parallel", "stacked", "cross", "deep"])
def test_state_survives(structure, tmp_path):
    X, y = make_mixed(300)
    X = X.assign(tags=[["x", "y"][: i % 3] for i in range(300)])
    options = {**PLAIN, "n_members": 2, "max_epochs": 1, "early_stopping": True}
    model = DCNClassifier(**options, structure=structure).fit(X, y)
    p = model.predict_proba(X)
    assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(X), p)
    model.save(tmp_path / "model.dcn")
    assert_array_equal(load(tmp_path / "model.dcn").predict_proba(X), p)


# What is said of it -------------------------------------------------------------------


def test_inspection_is_of_the_mean():
    X, y = make_mixed(300)
    model = DCNClassifier(**PLAIN, n_members=2, max_epochs=3).fit(X, y)
    explanation = explain(model, X[:2], random_state=0)
    parts = explanation.features.sum(axis=1) + explanation.pairs.sum(axis=1)
    total = explanation.baseline + parts
    assert_allclose(total, model.decision_function(X[:2]), atol=1e-6)
    each = []
    for member in model.module_.members:
        one = copy.copy(model)
        one.net_ = model.net_.snapshot()
        one.net_.module_ = member
        each.append(interaction_strengths(one, method="weight", layer=0).to_numpy())
    both = interaction_strengths(model, method="weight", layer=0).to_numpy()
    assert_allclose(both, np.sqrt((each[0] ** 2 + each[1] ** 2) / 2), rtol=1e-6)


def test_embeddings_of_all_members():
    X, y = make_mixed(300)
    model = DCNClassifier(**PLAIN, n_members=2, max_epochs=1).fit(X, y)
    table = model.embeddings("city").drop(columns="count").to_numpy()
    parts = [m.embedding.column_weight(0).detach() for m in model.module_.members]
    assert_array_equal(table, np.hstack(parts))


def test_summary_names_them():
    X, y = make_mixed(300)
    model = DCNClassifier(**PLAIN, n_members=2, max_epochs=1).fit(X, y)
    size = sum(p.numel() for p in model.module_.members[0].parameters())
    assert "Mean of 2 networks, each: parallel, x_0 of width" in model.summary()
    assert f"{size:,} parameters" in model.summary()


def test_mean_is_no_worse_than_the_members_alone():
    """The log loss is convex in the logits: on any rows, by Jensen's inequality."""
    X, y = make_mixed(2500)
    model = DCNClassifier(random_state=0, max_epochs=5).fit(X, y)
    X_new, y_new = make_mixed(2000, seed=1)
    z = member_logits(model, to_tensors(model.encoder_.transform(X_new, np.float32)))
    assert z.shape == (2000, 4, 1)
    alone = [log_loss(y_new, expit(z[:, k, 0])) for k in range(4)]
    assert log_loss(y_new, model.predict_proba(X_new)) <= np.mean(alone)


def test_sparse_table():
    X = pd.get_dummies(make_mixed(300)[0].drop(columns=["price"])).astype(float)
    y = make_mixed(300)[1]
    from scipy.sparse import csr_matrix

    options = {**PLAIN, "n_members": 2, "max_epochs": 1, "early_stopping": True}
    model = DCNClassifier(**options).fit(csr_matrix(X), y)
    assert model.predict_proba(csr_matrix(X)).shape == (300, 2)
