"""Where columns stand in tables, and the collision weights of hashed ones."""

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.graphs import check
from helpers.networks import normal, seeded

from sklearn_dcn import DCNClassifier, DCNMultiTask, DCNRanker, DCNRegressor, load
from sklearn_dcn.network import EmbeddingStack
from sklearn_dcn.network.growing import grow
from sklearn_dcn.network.layout import weighted
from sklearn_dcn.network.parts import keep_part

TINY = {
    "max_epochs": 2,
    "hidden_layer_sizes": (8,),
    "random_state": 0,
    "memorized_crosses": None,
}
HASHED = {"hashing": {"id": 7}, "collision_weight": True}


def stack_of(**options):
    """Return a stack of four columns and two bags, of which three are weighted."""
    bags = {"bag_cardinalities": [4, 5], "collision_weighted": [0, 3, 5]}
    return EmbeddingStack(1, [5, 6, 7, 8], **bags, **options)


def batch(n=6):
    """Return numbers, ids and bags of n rows."""
    generator = seeded(1)
    ids = [torch.randint(v, (n,), generator=generator) for v in (5, 6, 7, 8)]
    offsets = torch.arange(0, 2 * n + 1, 2)
    bags = [
        (torch.randint(v, (2 * n,), generator=generator), offsets, normal(2 * n).abs())
        for v in (4, 5)
    ]
    return normal(n, 1), torch.stack(ids, dim=1), bags


# The network --------------------------------------------------------------------------


def test_weighted():
    rows = torch.tensor([[1.0, 2.0, 3.0]])
    assert weighted(rows, 3) is rows
    assert weighted(rows, 2).tolist() == [[3.0, 6.0]]  # e'_v = c_v e_v


@pytest.mark.parametrize("sparse", [False, True])
def test_every_field_is_its_row_times_its_c(sparse):
    stack = stack_of(embedding_dim=[4, 4, 2, 4, 4, 3], sparse=sparse).double()
    assert [tuple(t.shape) for t in stack.tables] == [(13, 5), (6, 4), (7, 2)]
    assert [tuple(t.shape) for t in stack.bag_tables] == [(4, 4), (5, 4)]
    for table, dim in stack.widths_of_tables():
        assert (table[:, dim:] == 1.0).all()  # at the start
        with torch.no_grad():
            table[:, dim:].copy_(normal(len(table), table.shape[1] - dim))
    x_num, x_cat, bags = batch()
    x_0 = stack(x_num, x_cat, bags)
    for c in range(4):
        table, rows = stack.place_of(c)
        own = table[rows].detach().numpy()
        for r, v in enumerate(x_cat[:, c]):
            e = own[v, :-1] * own[v, -1] if c in (0, 3) else own[v]
            found = x_0[r, stack.field_slices[c]].detach().numpy()
            np.testing.assert_allclose(found, e, rtol=1e-12)
            np.testing.assert_allclose(stack.column_weight(c)[v].detach(), e)
    for k, (ids, offsets, weights) in enumerate(bags):
        own = stack.bag_tables[k].detach().numpy()
        for r in range(len(x_num)):
            entries = range(offsets[r], offsets[r + 1])
            rows = [own[ids[i]] for i in entries]
            rows = [row[:3] * row[3] for row in rows] if k else rows
            terms = [
                weights[i].item() * row for i, row in zip(entries, rows, strict=True)
            ]
            found = x_0[r, stack.field_slices[4 + k]].detach().numpy()
            np.testing.assert_allclose(found, np.sum(terms, axis=0), rtol=1e-12)


def test_gradients():
    stack = stack_of(embedding_dim=[4, 4, 2, 4, 4, 3]).double()
    x_num, x_cat, bags = batch()
    tables = [*stack.tables, *stack.bag_tables]
    names = [f"tables.{k}" for k in range(3)] + [f"bag_tables.{k}" for k in range(2)]

    def function(*values):
        given = dict(zip(names, values, strict=True))
        return torch.func.functional_call(stack, given, (x_num, x_cat, bags))

    assert torch.autograd.gradcheck(function, tables)


def test_sparse_gradients_are_the_dense_ones():
    found = []
    for sparse in (False, True):
        stack = stack_of(embedding_dim=4, sparse=sparse).double()
        stack.reset_parameters(seeded())
        stack(*batch()).square().sum().backward()
        tables = (*stack.tables, *stack.bag_tables)
        assert all(table.grad.is_sparse == sparse for table in tables)
        found.append([table.grad.to_dense() for table in tables])
    for dense, own in zip(*found, strict=True):
        torch.testing.assert_close(own, dense, rtol=1e-12, atol=1e-15)


def test_parts_and_growth_keep_them():
    """A process with some of the rows has their c, 1 at the start; so has a new id."""
    stack = stack_of(embedding_dim=4)
    keep_part(stack, 1, 3)
    stack.reset_parameters(seeded())
    for table, dim in stack.widths_of_tables():
        assert (table[:, dim:] == 1.0).all()
    whole = stack_of(embedding_dim=4)
    whole.reset_parameters(seeded())
    assert torch.equal(stack.tables[0], whole.tables[0][1::3])
    before = [whole.column_weight(c).clone() for c in range(4)]
    moved = grow(whole, [5, 60, 70, 8], [4, 5])
    assert [*moved] == [whole.tables[1]]  # without hashed columns
    for c, weight in enumerate(before):
        assert torch.equal(whole.column_weight(c)[: len(weight)], weight)


# The estimators -----------------------------------------------------------------------


def clicks(n=600, seed=0):
    """Return many ids in lists and alone, few levels, a number, and a target."""
    rng = np.random.default_rng(seed)
    ids = rng.integers(60, size=n)
    X = pd.DataFrame(
        {
            "id": ids.astype(str),
            "city": rng.choice(list("abcd"), n),
            "tags": [[str(t) for t in rng.integers(40, size=3)] for _ in range(n)],
            "x": rng.normal(size=n),
        }
    )
    effect = rng.normal(size=60)
    return X, (effect[ids] + X["x"] + rng.normal(size=n) > 0).astype(int)


@pytest.mark.parametrize("optimizer", ["adamw", "lazy_adamw"])
@pytest.mark.parametrize("n_members", [1, 2])
def test_hashed_columns_learn_them(optimizer, n_members, tmp_path):
    """Categories and lists; in a saved file, a pickle and a graph alike."""
    X, y = clicks()
    options = TINY | {"hashing": {"id": 7, "tags": 5}, "collision_weight": True}
    model = DCNClassifier(**options, optimizer=optimizer, n_members=n_members)
    model.fit(X, y)
    for member in model.module_.members:
        stack = member.embedding
        assert stack.collision_weighted == {0, len(stack.cardinalities)}
        for table, dim in stack.widths_of_tables():
            c = table[:, dim:].detach()
            assert c.numel() == 0 or (c[2:] != 1.0).all()
    expected = model.predict_proba(X)
    model.save(tmp_path / "model.dcn")
    assert np.array_equal(load(tmp_path / "model.dcn").predict_proba(X), expected)
    assert len(model.embeddings("id")) == 9
    check(model, X)


def test_only_hashed_columns_have_them():
    X, y = clicks()
    text = X.assign(text=X["city"] + " and more")
    options = TINY | HASHED | {"text_features": ["text"], "n_members": 1}
    stack = DCNClassifier(**options).fit(text, y).module_.embedding
    assert stack.collision_weighted == {0}


@pytest.mark.parametrize("hashing", [None, {}])
@pytest.mark.parametrize(
    "Estimator", [DCNClassifier, DCNRegressor, DCNRanker, DCNMultiTask]
)
def test_without_a_hashed_column_it_is_an_error(Estimator, hashing):
    X, y = clicks(60)
    of = {"losses": {"a": "log_loss"}} if Estimator is DCNMultiTask else {}
    model = Estimator(**of, hashing=hashing, collision_weight=True)
    given = {"group": [60]} if Estimator is DCNRanker else {}
    y = {"a": y} if Estimator is DCNMultiTask else y
    with pytest.raises(
        ValueError, match=rf"^collision_weight=True .*hashing={hashing}"
    ):
        model.fit(X, y, **given)


def test_penalties_leave_them_alone():
    """A penalty of all embeddings draws rows to 0, and no c."""
    X, y = clicks()
    options = TINY | HASHED | {"n_members": 1, "embedding_l2": 100.0}
    model = DCNClassifier(**options, embedding_l2_scope="table", optimizer="sgd")
    table, dim = (
        model.set_params(learning_rate=0.005, ema_decay=None)
        .fit(X, y)
        .module_.embedding.widths_of_tables()[0]
    )
    assert table[:, :dim].abs().max() < 0.01
    np.testing.assert_allclose(table[:, dim].detach(), 1.0, atol=0.01)


def test_new_levels_are_learned_beside_them():
    X, y = clicks()
    model = DCNClassifier(**TINY, **HASHED, new_levels="learn", n_members=1)
    model.partial_fit(X, y, classes=[0, 1])
    more = X.assign(city="new")
    model.partial_fit(more, y)
    assert np.isfinite(model.predict_proba(more)).all()
    assert "new" in model.embeddings("city").index


def test_no_level_is_seen_by_a_member_only_where_it_was():
    """Buckets that a member has not seen are the unknown one's, c and all."""
    X, y = clicks(700)
    options = TINY | {"hashing": {"id": 500}, "collision_weight": True, "n_members": 3}
    model = DCNClassifier(**options).fit(X, y)
    for member in model.module_.members:
        table, rows = member.embedding.place_of(0)
        own = table[rows]
        unseen = model.encoder_.categories[0].counts == 0
        assert unseen[2:].any()
        assert (own[torch.from_numpy(unseen)][2:] == own[0]).all()
