"""The logit of pairs: FM, FwFM and their identities, gradients, members, estimators."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import oracle
from helpers.networks import assert_equals, normal, set_

from sklearn_dcn import DCNClassifier, DCNMultiTask, DCNRanker, DCNRegressor
from sklearn_dcn.inspection import explain
from sklearn_dcn.network import DeepCrossNetwork, PairLogit

N, K = 4, 3
PAIRS = N * (N - 1) // 2
LOSSES = {"y": "squared_error", "a": "log_loss"}
TINY = {"max_epochs": 2, "hidden_layer_sizes": (8,), "random_state": 0, "n_members": 1}


def pair_logit(kind="weighted", d_out=1, n=N, dim=K):
    """Return the module in float64, its weights random."""
    module = PairLogit(n, dim, d_out, kind).double()
    if kind == "weighted":
        return set_(module, w=normal(d_out, n * (n - 1) // 2, seed=5))
    return set_(module, scale=[1.0])  # the FM


# The equations ------------------------------------------------------------------------


def test_hand_worked():
    """<(1, 2), (3, 4)> = 11, <(1, 2), (5, 6)> = 17, <(3, 4), (5, 6)> = 39."""
    x_0 = torch.tensor([[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 99.0]])
    assert pair_logit("plain", 1, 3, 2)(x_0.double()).tolist() == [[11 + 17 + 39]]
    weighted = set_(PairLogit(3, 2), w=[[1.0, 10.0, 100.0]])
    assert weighted(x_0).tolist() == [[11 + 170 + 3900]]


@pytest.mark.parametrize("d_out", [1, 3])
def test_weighted_is_fwfm(d_out):
    """The double loop over pairs, with the weights of each logit."""
    module, x_0 = pair_logit(d_out=d_out), normal(6, N * K + 2)
    fields = x_0[:, : N * K].reshape(6, N, K).numpy()
    w = module.w.detach().numpy()
    expected = [[oracle.pair_logit(row, w_o) for w_o in w] for row in fields]
    assert_equals(module(x_0), expected)


def test_plain_is_fm():
    """Rendle's identity: (|sum e|^2 - sum |e|^2) / 2 is the double loop."""
    x_0 = normal(6, N * K)
    fields = x_0.reshape(6, N, K).numpy()
    expected = [[oracle.pair_logit(row)] for row in fields]
    assert_equals(pair_logit("plain")(x_0), expected)


def test_plain_is_weighted_with_ones():
    x_0 = normal(6, N * K + 5)
    ones = set_(pair_logit(), w=torch.ones(1, PAIRS))
    torch.testing.assert_close(ones(x_0), pair_logit("plain")(x_0), rtol=1e-12, atol=0)
    starts = [
        PairLogit(N, K, kind=kind).double()(x_0) for kind in ("weighted", "plain")
    ]
    torch.testing.assert_close(*starts, rtol=1e-7, atol=0)


@pytest.mark.parametrize(("kind", "d_out"), [("weighted", 2), ("plain", 1)])
def test_gradients(kind, d_out):
    module, x_0 = pair_logit(kind, d_out), normal(3, N * K).requires_grad_()
    weights = [p for p in module.parameters() if p.requires_grad]

    def function(x, *values):
        named = {"w": values[0]} if values else {}
        return torch.func.functional_call(module, named, x)

    assert torch.autograd.gradcheck(function, (x_0, *weights))


@pytest.mark.parametrize("kind", ["weighted", "plain"])
def test_members(kind):
    """Weights with a first axis of members give each member's own logits."""
    modules = [pair_logit(kind) for _ in range(3)]
    for k, module in enumerate(modules):
        module.scale_(torch.tensor([k + 1.0], dtype=torch.float64))
    name = "w" if kind == "weighted" else "scale"
    x_0 = normal(3, 6, N * K + 1)
    each = torch.stack([m(x) for m, x in zip(modules, x_0, strict=True)]).detach()
    joined = pair_logit(kind)
    joined._parameters[name] = torch.stack([getattr(m, name) for m in modules])
    torch.testing.assert_close(joined(x_0).detach(), each, rtol=1e-12, atol=1e-12)
    # Half the inner product with the partners is the logit.
    halves = (joined.partners(x_0) * x_0).sum(-1, keepdim=True) / 2
    torch.testing.assert_close(halves.detach(), each, rtol=1e-12, atol=1e-12)


# The start ----------------------------------------------------------------------------


@pytest.mark.parametrize("n", [3, 20, 100])
def test_the_logit_starts_small_whatever_the_number_of_fields(n):
    """Of fields of squared length 1 its standard deviation is 1 / sqrt(k)."""
    dim = 8
    x_0 = normal(4000, n * dim) / math.sqrt(dim)
    for kind in ("weighted", "plain"):
        z = PairLogit(n, dim, kind=kind).double()(x_0)
        assert z.std().item() == pytest.approx(1 / math.sqrt(dim), rel=0.1)


def test_nothing_trains_the_scale():
    network = DeepCrossNetwork(0, [5, 6], embedding_dim=4, pair_logit="plain")
    assert [n for n, p in network.named_parameters() if not p.requires_grad] == [
        "pair.scale"
    ]
    X, y = table(n=400)
    model = DCNRegressor(**TINY, pair_logit="plain", early_stopping=False).fit(X, y)
    pair = model.module_.pair
    assert pair.scale.item() == pytest.approx(
        1 / math.sqrt(pair.matrices().count_nonzero())
    )
    assert not model.module_.pair.scale.requires_grad


# The network --------------------------------------------------------------------------


def test_the_network_adds_it():
    """To the logits without it, of all fields but plain numbers."""
    options = {"n_num": 3, "n_plain": 2, "cardinalities": [5, 6], "embedding_dim": 4}
    options |= {"numeric_embedding": "linear", "numeric_dim": 4, "d_out": 2}
    network = DeepCrossNetwork(**options, pair_logit="weighted").double()
    assert network.pair.n_fields == 3
    x_num, x_cat = normal(7, 3), torch.tensor([[2, 3]] * 7)
    x_0 = network.stack(x_num, x_cat)
    with_it = network(x_num, x_cat)
    fields = torch.stack([x_0[:, s] for s in network.embedding.field_slices[:3]], dim=1)
    w = network.pair.w.detach().numpy()
    z = [[oracle.pair_logit(r, w_o) for w_o in w] for r in fields.detach().numpy()]
    pair, network.pair = network.pair, None
    assert_equals(with_it - network(x_num, x_cat), z)
    network.pair = pair
    network.scale_logits(torch.tensor([2.0, 0.0], dtype=torch.float64))
    expected = torch.stack([2 * with_it[:, 0], torch.zeros(7)], dim=1).double()
    torch.testing.assert_close(network(x_num, x_cat), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cardinalities": [5, 60], "embedding_dim": [4, 8]}, r"widths \[4, 8\]"),
        ({"cardinalities": [5]}, r"widths \[12\]"),
        ({"cardinalities": [5, 6], "embedding_dim": 4, "d_out": 2}, "d_out must be 1"),
    ],
)
def test_what_a_network_cannot_have(options, message):
    with pytest.raises(ValueError, match=message):
        DeepCrossNetwork(1, **options, pair_logit="plain")


def test_bad_kind():
    with pytest.raises(ValueError, match="kind"):
        PairLogit(2, 2, kind="other")


# The estimators -----------------------------------------------------------------------


def table(n=600, seed=0):
    """Return columns of few and of many levels, two numbers, and their product."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {
            "few": rng.choice(list("abc"), n),
            "many": rng.integers(200, size=n).astype(str),
            "x": rng.normal(size=n),
            "z": rng.normal(size=n),
        }
    )
    return X, X["x"] * X["z"] + (X["few"] == "a") + 0.1 * rng.normal(size=n)


@pytest.mark.parametrize(
    ("options", "n_fields", "dim"),
    [
        ({"numeric_embedding": "linear"}, 4, 16),
        ({"numeric_embedding": None}, 2, 16),
        ({"numeric_embedding": "periodic", "embedding_dim": 5}, 4, 5),
        ({"numeric_embedding": "linear", "embedding_dim": {"few": 6, "many": 6}}, 4, 6),
    ],
)
def test_widths_become_one(options, n_fields, dim):
    """Under "auto" that of the widest field; an integer, or equal ones, stay."""
    X, y = table()
    model = DCNRegressor(**TINY, **options, pair_logit="weighted").fit(X, y)
    assert (model.module_.pair.n_fields, model.module_.pair.dim) == (n_fields, dim)
    assert model.module_.pair.w.shape == (1, n_fields * (n_fields - 1) // 2)


def test_wide_tables_keep_their_bound():
    X = pd.DataFrame(np.arange(200 * 120).reshape(200, 120) % 7).astype(str)
    model = DCNClassifier(**TINY, pair_logit="weighted").fit(X, np.arange(200) % 2)
    assert model.module_.pair.dim == 9  # of 12 each
    assert model.module_.embedding.d_out <= 1100


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"embedding_dim": {"few": 4}}, r"columns {'few': 4, 'many': 16}"),
        (
            {"embedding_dim": "unbounded"},
            r"columns {'few': \d+, 'many': \d+}",
        ),
    ],
)
def test_unequal_widths_are_named(options, message):
    X, y = table()
    with pytest.raises(ValueError, match=message):
        DCNRegressor(**TINY, **options, pair_logit="plain").fit(X, y)


def test_what_has_no_pairs():
    X, y = table()
    options = TINY | {"pair_logit": "plain"}
    with pytest.raises(ValueError, match="in this table 1 has one"):
        DCNRegressor(**options, numeric_embedding=None).fit(X[["few", "x"]], y)
    options["numeric_embedding"] = "linear"
    with pytest.raises(ValueError, match=r"'plain' adds the same .* got 3"):
        DCNClassifier(**options).fit(X.drop(columns="few"), X["few"])
    with pytest.raises(ValueError, match=r"'plain' adds the same .* got 2"):
        DCNMultiTask(LOSSES, **options).fit(X, {"y": y, "a": X["few"] == "a"})


def test_all_estimators_learn_it():
    X, y = table()
    options = TINY | {"pair_logit": "weighted"}
    assert DCNClassifier(**options).fit(X, X["few"]).module_.pair.w.shape[0] == 3
    tasks = {"y": y, "a": X["few"] == "a"}
    assert DCNMultiTask(LOSSES, **options).fit(X, tasks).module_.pair.w.shape[0] == 2
    relevance = (y > 0).astype(int)
    for kind in ("weighted", "plain"):
        ranker = DCNRanker(**options | {"pair_logit": kind})
        ranker.fit(X, relevance, group=[10] * 60)
        assert ranker.module_.pair.kind == kind


@pytest.mark.parametrize("kind", ["weighted", "plain"])
def test_constants_and_calibration_hold(kind):
    """What scales the head scales it, too."""
    X, y = table(2000)
    constant = DCNRegressor(**TINY, pair_logit=kind).fit(X, np.full(len(X), 3.0))
    np.testing.assert_allclose(constant.predict(X), 3.0, rtol=1e-6)
    model = DCNClassifier(**TINY, pair_logit=kind).fit(X, y > 0)
    pair = model.module_.pair
    start = PairLogit(pair.n_fields, pair.dim, kind="plain").scale.item()
    assert kind == "weighted" or pair.scale.item() != start  # calibrated
    members = DCNClassifier(**TINY | {"n_members": 2}, pair_logit=kind).fit(X, y > 0)
    assert members.predict_proba(X).shape == (2000, 2)


# What it says of pairs ----------------------------------------------------------------


@pytest.mark.parametrize("kind", ["weighted", "plain"])
@pytest.mark.parametrize("structure", ["cross", "parallel"])
def test_explanations_have_it_pair_by_pair(structure, kind):
    """What it adds to a pair is exactly that pair's term, of row and background."""
    X, y = table()
    options = TINY | {"structure": structure, "numeric_levels": None}
    options |= {"numeric_embedding": "linear", "memorized_crosses": None}
    model = DCNClassifier(**options, pair_logit=kind, dtype="float64").fit(X, y > 0)
    rows, behind = X[:4], X[50:60]
    asked = {"background": behind, "n_permutations": 2, "random_state": 3}
    e = explain(model, rows, **asked)
    network = model.module_
    slices = network.embedding.field_slices[:4]
    places = [slices[model.encoder_.field_names.index(name)] for name in X]
    x, z = (model._stack(of) for of in (rows, behind))
    M = network.pair.matrices()[0].detach().numpy()
    M = M + M.T
    at = [place.start // network.pair.dim for place in places]
    pair, network.pair = network.pair, None
    without = explain(model, rows, **asked)
    network.pair = pair
    for (i, a), (j, b) in [(p, q) for p in enumerate(X) for q in enumerate(X) if p < q]:
        x_i, x_j = (x[:, None, places[k]] for k in (i, j))
        z_i, z_j = (z[None, :, places[k]] for k in (i, j))
        D = M[at[i], at[j]] * ((x_i - z_i) * (x_j - z_j)).sum(-1).mean(1)
        found = e.pairs[(a, b)] - without.pairs[(a, b)]
        np.testing.assert_allclose(found, D, atol=1e-10)
    total = e.baseline + e.features.sum(axis=1) + e.pairs.sum(axis=1)
    np.testing.assert_allclose(total, e.logit, atol=1e-10)
    np.testing.assert_allclose(e.logit, model.decision_function(rows), rtol=1e-9)
    if structure == "cross":
        assert not np.allclose(e.pairs, without.pairs)
