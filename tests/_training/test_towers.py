"""The loss of two towers: FCN's equation, in NumPy and by automatic differentiation."""

import pickle
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.tables import make_mixed
from numpy.testing import assert_allclose

from sklearn_dcn import DCNClassifier, DCNMultiTask, DCNRanker, DCNRegressor, load
from sklearn_dcn._targets.losses import WeightedLoss
from sklearn_dcn._targets.number_losses import NumberLoss
from sklearn_dcn._targets.rank_loss import RankLoss
from sklearn_dcn._training.towers import each_loss, objective, tower_losses

KINDS = pytest.mark.parametrize("kind", ["detached", "attached"])
FUSED = {"structure": "fused", "n_cross_layers": (1, 2)}
TWO_TOWERS = pytest.mark.parametrize(
    "structure",
    [FUSED, {"structure": "parallel"}, {"structure": "parallel", "cross": "linear"}],
    ids=["fused", "parallel", "linear"],
)


def draw(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def log_loss(z, y):
    return np.mean(np.log1p(np.exp(z)) - y * z)


# The equation -------------------------------------------------------------------------


def test_losses_and_weights_by_hand():
    """L + w_1 L_1 + w_2 L_2: w_t = max(0, L_t - L), of whole numbers."""
    losses = torch.tensor([[1.0, 3.0, 0.5]])  # w = (2, 0)
    assert objective(losses, losses, "detached").item() == 1 + 2 * 3
    gradient = {}
    for kind in ("detached", "attached"):
        given = losses.clone().requires_grad_()
        objective(given, losses, kind).sum().backward()
        gradient[kind] = given.grad[0].tolist()
    # d of (L_1 - L) L_1 is 2 L_1 - L by L_1 and -L_1 by L, if w_1 is no constant.
    assert gradient == {"detached": [1, 2, 0], "attached": [1 - 3, 2 * 3 - 1, 0]}


@pytest.mark.parametrize("n_members", [None, 3])
def test_losses_of_each_member(n_members):
    """Of log loss in NumPy, with weights of rows; each member has its own towers."""
    shape = (2, 20, 1) if n_members is None else (2, 20, n_members, 1)
    towers = draw(*shape) * 2
    y = (draw(20, seed=1) > 0).double()
    found = each_loss(WeightedLoss("log_loss"), towers, {"y": y}).numpy()
    parts = towers.numpy().reshape(2, 20, -1)
    for k in range(n_members or 1):
        z_1, z_2 = parts[:, :, k]
        expected = [log_loss(z, y.numpy()) for z in ((z_1 + z_2) / 2, z_1, z_2)]
        assert_allclose(found[k], expected, rtol=1e-12)


def test_members_have_weights_of_their_own():
    """Rows that a member holds out have weight 0 in its losses alone."""
    towers, y = draw(2, 6, 2, 1), (draw(6, seed=1) > 0).double()
    weight = torch.tensor([[2.0, 0], [2, 0], [0, 2], [0, 2], [1, 1], [1, 1]]).double()
    found = each_loss(WeightedLoss("log_loss"), towers, {"y": y, "weight": weight})
    for k in range(2):
        own = {"y": y, "weight": weight[:, k]}
        alone = each_loss(WeightedLoss("log_loss"), towers[:, :, k], own)
        assert torch.equal(found[k], alone[0])


CRITERIA = {
    "log loss": (WeightedLoss("log_loss"), 1, lambda y: (y > 0).double()),
    "smoothed": (WeightedLoss("log_loss", 1.5, 0.1), 1, lambda y: (y > 0).double()),
    "softmax": (WeightedLoss("softmax"), 3, lambda y: (y > 0).long() + (y > 1)),
    "number": (NumberLoss("huber"), 1, lambda y: y.unsqueeze(-1)),
    "gaussian": (NumberLoss("gaussian"), 2, lambda y: y.unsqueeze(-1)),
    "counts": (NumberLoss("deviance"), 1, lambda y: y.abs().round().unsqueeze(-1)),
    "order": (RankLoss("softmax", 5, 5, "linear"), 1, lambda y: y.abs().round()),
}


@KINDS
@pytest.mark.parametrize("name", CRITERIA)
def test_gradients_are_those_of_the_equation(name, kind):
    """Of every criterion: autograd, of w_t in the graph or not, has the same."""
    criterion, d_out, encode = CRITERIA[name]
    criterion = criterion.train()
    target = {"y": encode(draw(12, seed=1)), "weight": draw(12, seed=2).abs()}
    target["group"] = torch.arange(12) // 4
    towers = (draw(2, 12, d_out, seed=3) * 3).requires_grad_()
    L, L_1, L_2 = (criterion(z, target) for z in (towers.mean(0), *towers))
    total = L
    for L_t in (L_1, L_2):
        w_t = (L_t - L).relu()
        total = total + (w_t.detach() if kind == "detached" else w_t) * L_t
    (expected,) = torch.autograd.grad(total, towers)
    loss, learned = tower_losses(criterion, towers, target, kind)
    (found,) = torch.autograd.grad(learned, towers)
    assert loss.item() == L.item()
    assert_allclose(found, expected, rtol=1e-10, atol=1e-14)
    assert max((L_1 - L).item(), (L_2 - L).item()) > 0  # else it would say nothing


@KINDS
def test_parts_of_a_batch_add_up(kind):
    """Gradients of two halves, with the means of all, are those of the whole."""
    y, towers = (draw(10, seed=1) > 0).double(), draw(2, 10, 2, 1, seed=3) * 3
    criterion = WeightedLoss("log_loss")

    def gradient(rows, means=None):
        given = towers[:, rows].clone().requires_grad_()
        losses = each_loss(criterion, given, {"y": y[rows]})
        means = losses.detach() if means is None else means
        found = objective(losses, means, kind).sum()
        return torch.autograd.grad(found, given)[0], means

    whole, means = gradient(slice(None))
    for rows in (slice(0, 4), slice(4, 10)):
        share = len(y[rows]) / len(y)
        found, _ = gradient(rows, means)
        assert_allclose(share * found, whole[:, rows], rtol=1e-12, atol=1e-16)


# Fits ---------------------------------------------------------------------------------


def options(**more):
    common = {"max_epochs": 2, "hidden_layer_sizes": (8,), "random_state": 0}
    common |= {"dtype": "float64", "n_members": 1, "tower_loss": "detached"}
    return common | more


@KINDS
@TWO_TOWERS
def test_a_step_is_that_of_the_equation(structure, kind):
    """One step of SGD moves all weights by the gradient of the equation."""
    X, y = make_mixed(80)
    step = options(
        **structure, optimizer="sgd", weight_decay=0.0, max_epochs=1, batch_size=80,
        ema_decay=None, category_dropout=0.0, early_stopping=False, calibrate=False,
    )  # fmt: skip
    start = DCNClassifier(**step | {"learning_rate": 1e-300}).fit(X, y)
    after = DCNClassifier(**step | {"learning_rate": 0.1, "tower_loss": kind}).fit(X, y)
    seen = []
    start.module_.register_forward_pre_hook(
        lambda module, args, kwargs: seen.append(kwargs), with_kwargs=True
    )
    start.predict(X)
    batch = {k: v.clone() for k, v in seen[0].items() if k in ("x_num", "x_cat")}
    module = start.module_.train()
    towers = module(**batch, by_tower=True)
    target = torch.from_numpy((y == start.classes_[1]).astype(float))
    L, *each = (
        torch.nn.functional.binary_cross_entropy_with_logits(z.squeeze(-1), target)
        for z in (towers.mean(0), *towers)
    )
    weights = [(L_t - L).relu() for L_t in each]
    if kind == "detached":
        weights = [w.detach() for w in weights]
    total = L + sum(w * L_t for w, L_t in zip(weights, each, strict=True))
    names, parameters = zip(*module.named_parameters(), strict=True)
    gradients = torch.autograd.grad(total, parameters)
    moved = dict(after.module_.named_parameters())
    for name, before, gradient in zip(names, parameters, gradients, strict=True):
        expected = (before - 0.1 * gradient).detach()
        assert_allclose(moved[name].detach(), expected, rtol=1e-7, atol=1e-10)
    assert after.history_[0]["train_loss"] == pytest.approx(L.item(), rel=1e-9)


@TWO_TOWERS
def test_members_learn_as_they_would_alone(structure):
    """In a batch of all; a member's step is a network's of its weights."""
    X, y = make_mixed(120)
    step = options(
        **structure, n_members=3, optimizer="sgd", weight_decay=0.0, batch_size=120,
        max_epochs=1, ema_decay=None, early_stopping=False, category_dropout=0.0,
        calibrate=False, learning_rate=0.1,
    )  # fmt: skip
    together = DCNClassifier(**step).fit(X, y).module_.members[0]
    alone = DCNClassifier(**step | {"n_members": 1}).fit(X, y).module_
    # The first member starts from the same draws as a network alone.
    for one, other in zip(together.parameters(), alone.parameters(), strict=True):
        assert_allclose(one.detach(), other.detach(), rtol=1e-9, atol=1e-12)


@KINDS
@TWO_TOWERS
def test_it_changes_what_is_learned(structure, kind):
    X, y = make_mixed()
    one, other = (
        DCNClassifier(**options(**structure, tower_loss=of)).fit(X, y).predict_proba(X)
        for of in (kind, None)
    )
    assert not np.allclose(one, other, atol=1e-6)


def make_targets(X, y):
    z = X["price"].fillna(0).to_numpy()
    three = np.array(["a", "b", "c"])[np.arange(len(z)) % 3]
    return {
        "classes": (DCNClassifier, {}, three),
        "labels": (DCNClassifier, {}, np.c_[y == y[0], z > 0].astype(int)),
        "numbers": (DCNRegressor, {}, z),
        "outputs": (DCNRegressor, {}, np.c_[z, -z]),
        "quantiles": (
            DCNRegressor,
            {"loss": "quantile", "quantiles": (0.1, 0.9), "calibrate": False},
            z,
        ),
        "counts": (DCNRegressor, {"loss": "poisson"}, np.arange(len(z)) % 4.0),
        "negatives": (DCNClassifier, {"negative_sampling": 0.5}, y),
    }


@pytest.mark.parametrize("n_members", [1, 2])
@pytest.mark.parametrize("name", make_targets(*make_mixed(10)))
def test_all_targets_learn_by_towers(name, n_members):
    X, y = make_mixed()
    Estimator, more, target = make_targets(X, y)[name]
    weight = np.random.default_rng(0).uniform(0.5, 2, len(X))
    parameters = options(**FUSED, n_members=n_members, early_stopping=True) | more
    model = Estimator(**parameters).fit(X, target, sample_weight=weight)
    assert np.isfinite(np.asarray(model.history_[-1]["train_loss"]))
    assert len(model.predict(X)) == len(X)


def test_rankers_and_tasks_learn_by_towers():
    X, y = make_mixed()
    X = X.assign(q=np.arange(len(X)) // 10)
    relevance = (np.arange(len(X)) * 7 % 3).astype(float)
    ranker = DCNRanker(qid="q", **options(**FUSED)).fit(X, relevance)
    assert np.isfinite(ranker.predict(X)).all()
    table = pd.DataFrame({"click": (y == y[0]).astype(float), "watched": relevance})
    table.loc[::3, "watched"] = np.nan
    losses = {"click": "log_loss", "watched": "squared_error"}
    tasks = DCNMultiTask(losses, **options(**FUSED)).fit(X, table)
    assert np.isfinite(tasks.history_[-1]["train_loss"])


@TWO_TOWERS
def test_going_on_changes_it(structure):
    """partial_fit and warm fits take it as it is now, as a penalty."""
    X, y = make_mixed()
    model = DCNClassifier(**options(**structure)).partial_fit(X, y)
    assert model.set_params(tower_loss=None).partial_fit(X, y).net_.tower_loss is None
    model.set_params(tower_loss="attached", warm_start=True).fit(X, y)
    assert model.net_.tower_loss == "attached"


@TWO_TOWERS
@pytest.mark.parametrize("n_members", [1, 2])
def test_files_and_pickles_predict_the_same(structure, n_members, tmp_path):
    X, y = make_mixed()
    model = DCNClassifier(**options(**structure, n_members=n_members)).fit(X, y)
    model.save(tmp_path / "model.dcn")
    stored = BytesIO(pickle.dumps(model))
    for other in (load(tmp_path / "model.dcn"), pickle.load(stored)):
        assert_allclose(other.predict_proba(X), model.predict_proba(X), rtol=1e-12)
        assert other.get_params() == model.get_params()


@TWO_TOWERS
def test_bfloat16(structure):
    X, y = make_mixed()
    model = DCNClassifier(**options(**structure, dtype="bfloat16")).fit(X, y)
    assert np.isfinite(model.predict_proba(X)).all()


# What there is no second tower for ----------------------------------------------------


@pytest.mark.parametrize(
    "more",
    [
        {"structure": "stacked"},
        {"structure": "cross"},
        {"structure": "deep"},
        {"n_cross_layers": 0},
        {"hidden_layer_sizes": ()},
        {"hidden_layer_sizes": []},
    ],
    ids=str,
)
def test_one_tower_has_no_loss_of_its_own(more):
    X, y = make_mixed(20)
    model = DCNClassifier(**options(**more))
    with pytest.raises(ValueError, match=r"^tower_loss='detached' needs two towers"):
        model.fit(X, y)
    assert not hasattr(model, "encoder_")


@pytest.mark.parametrize(
    ("more", "error", "message"),
    [
        ({"cross": "matrix"}, ValueError, "cross must be 'exponential'; got 'matrix'"),
        ({"n_cross_layers": 0}, ValueError, "n_cross_layers must be .* got 0"),
        ({"n_cross_layers": (1, 2, 3)}, TypeError, "n_cross_layers must be"),
        ({"structure": "cross"}, ValueError, r"n_cross_layers=\(1, 2\) is for the two"),
    ],
)
def test_what_fused_cannot_have(more, error, message):
    X, y = make_mixed(20)
    model = DCNClassifier(**options(**FUSED | more, tower_loss=None))
    with pytest.raises(error, match=message):
        model.fit(X, y)
    assert not hasattr(model, "encoder_")
