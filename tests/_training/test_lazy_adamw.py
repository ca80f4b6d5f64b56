"""AdamW, dense and lazy, against torch's, the equation in NumPy, and each other."""

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from helpers import oracle
from helpers.gradients import draw, sparse, weights
from helpers.recording import Results
from numpy.testing import assert_allclose

from sklearn_dcn._training.lazy_adamw import AdamW
from sklearn_dcn._training.sum_by_row import sum_by_row

OPTIONS = {"lr": 0.1, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.2}
RTOL = {torch.float64: 1e-12, torch.float32: 1e-4}
DTYPES = pytest.mark.parametrize("dtype", RTOL, ids=["float64", "float32"])


# ----------------------------------------------------------------------------------
# Dense
# ----------------------------------------------------------------------------------


@DTYPES
def test_dense_equals_torch(dtype):
    """Ten steps of three groups equal torch's; a new lr of a group counts at once."""

    def run(optimizer_class, **kwargs):
        params = [weights(*s, seed=1, dtype=dtype) for s in ((4, 3), (5,), (), (2, 2))]
        groups = [
            {"params": params[:2]},
            {"params": params[2:3], "weight_decay": 0.0, "lr": 0.03},
            {"params": params[3:], "betas": (0.5, 0.7), "eps": 0.1},
        ]
        optimizer = optimizer_class(groups, **OPTIONS, **kwargs)
        path = []
        for t in range(10):
            if t == 6:
                optimizer.param_groups[0]["lr"] = 0.01
            for i, p in enumerate(params):
                p.grad = draw(*p.shape, seed=10 * t + i, dtype=dtype)
            optimizer.step()
            path.append([p.detach().clone() for p in params])
        return path

    expected = run(torch.optim.AdamW, foreach=False)
    for ours, theirs in zip(run(AdamW), expected, strict=True):
        for a, b in zip(ours, theirs, strict=True):
            torch.testing.assert_close(a, b, rtol=RTOL[dtype], atol=1e-6)
            if dtype == torch.float64:
                torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-14)


@DTYPES
def test_dense_equals_the_equation(dtype):
    """Weights and both moments follow algorithm 2, also where gradients are zero."""
    p = weights(4, 3, dtype=dtype)
    optimizer = AdamW([p], **OPTIONS)
    w, m, v = p.detach().double().numpy().copy(), np.zeros((4, 3)), np.zeros((4, 3))
    for t in range(1, 6):
        p.grad = draw(4, 3, seed=t, dtype=dtype)
        p.grad[t % 4] = 0.0
        g = p.grad.double().numpy()
        oracle.adamw_rows(w, m, v, g, range(4), t=t, **OPTIONS)
        optimizer.step()
        state = optimizer.state[p]
        for ours, expected in ((p, w), (state["exp_avg"], m), (state["exp_avg_sq"], v)):
            assert_allclose(ours.detach(), expected, rtol=RTOL[dtype], atol=1e-7)


def test_defaults_are_those_of_torch_without_weight_decay():
    """Step size, betas and eps are torch's; weight decay has to be asked for."""
    defaults = AdamW([weights(1)]).defaults
    theirs = torch.optim.AdamW([weights(1)]).defaults
    assert {k: theirs[k] for k in defaults} == defaults | {"weight_decay": 0.01}
    assert defaults["weight_decay"] == 0.0


def test_first_step_by_hand():
    """From w = 1, g = 2: m = 0.2, v = 0.004, and the step is lr (lambda w + 1)."""
    p = torch.nn.Parameter(torch.ones(1, 1, dtype=torch.float64))
    optimizer = AdamW([p], lr=0.5, weight_decay=0.25, eps=0.0)
    p.grad = torch.full_like(p, 2.0)
    optimizer.step()
    assert_allclose(p.item(), 1.0 - 0.5 * 0.25 - 0.5)
    assert_allclose(optimizer.state[p]["exp_avg"].item(), 0.2)
    assert_allclose(optimizer.state[p]["exp_avg_sq"].item(), 0.004)


# ----------------------------------------------------------------------------------
# Lazy
# ----------------------------------------------------------------------------------


# Batches of ids of a table of six rows; row 5 never comes, row 0 after a long pause.
BATCHES = ([0, 1, 1, 4], [1, 2], [], [3, 3, 3], [2, 1, 2, 4, 1], [0, 0], [4, 0, 1])


@DTYPES
def test_lazy_equals_the_equation(dtype):
    """Only rows of the batch move, by the equation, at the step of the fit.

    The moments of the others stay, bit for bit; repeated ids add up; a step without
    any id counts as a step.
    """
    p = weights(6, 2, dtype=dtype)
    optimizer = AdamW([p], **OPTIONS)
    w, m, v = p.detach().double().numpy().copy(), np.zeros((6, 2)), np.zeros((6, 2))
    for t, ids in enumerate(BATCHES, start=1):
        values = draw(len(ids), 2, seed=t, dtype=dtype)
        g = np.zeros((6, 2))
        np.add.at(g, np.array(ids, dtype=int), values.double().numpy())
        oracle.adamw_rows(w, m, v, g, set(ids), t=t, **OPTIONS)
        p.grad = sparse(ids, values, 6)
        state = optimizer.state[p]
        stores = [p, *(state[k] for k in ("exp_avg", "exp_avg_sq") if state)]
        before = [store.detach().clone() for store in stores]
        optimizer.step()
        others = [i for i in range(6) if i not in ids]
        for store, old in zip(stores, before, strict=True):
            assert torch.equal(store[others], old[others])
        for ours, expected in ((p, w), (state["exp_avg"], m), (state["exp_avg_sq"], v)):
            assert_allclose(ours.detach(), expected, rtol=RTOL[dtype], atol=1e-6)
    assert not state["exp_avg"][5].any()
    assert state["step"] == len(BATCHES)


def run_table(batches, *, lazy, seed=0, n_rows=5):
    """Return a table after steps on (ids, values); dense gradients unless `lazy`."""
    p = weights(n_rows, 3, seed=seed)
    optimizer = AdamW([p], **OPTIONS)
    for ids, values in batches:
        gradient = sparse(ids, values, n_rows)
        p.grad = gradient if lazy else gradient.to_dense()
        optimizer.step()
    return p.detach()


def test_lazy_equals_dense_if_every_row_is_in_every_batch():
    """The two forms are one where no row is ever left out, in any order."""
    batches = [
        ([*np.random.default_rng(t).permutation(5), t % 5], draw(6, 3, seed=t))
        for t in range(8)
    ]
    lazy, dense = (run_table(batches, lazy=lazy) for lazy in (True, False))
    torch.testing.assert_close(lazy, dense, rtol=1e-12, atol=1e-13)


def test_lazy_differs_from_dense_by_the_momentum_of_absent_rows():
    """A row that is gone after the first step moves on only in the dense form."""
    batches = [([0, 1], draw(2, 3, seed=1)), ([1], draw(1, 3, seed=2))]
    lazy, dense = (run_table(batches, lazy=lazy) for lazy in (True, False))
    first = run_table(batches[:1], lazy=True)
    assert torch.equal(lazy[0], first[0])
    assert ((dense[0] - first[0]).abs() > 1e-3).all()
    torch.testing.assert_close(lazy[1], dense[1], rtol=1e-12, atol=1e-13)


def test_repeated_ids_are_one_with_their_sum():
    """Ids [3, 1, 3] are ids [1, 3] with the values of 3 added up before squaring."""
    a, b, c = draw(3, 3, seed=1)
    repeated = [([3, 1, 3], torch.stack([a, b, c]))] * 3
    once = [([1, 3], torch.stack([b, a + c]))] * 3
    torch.testing.assert_close(
        run_table(repeated, lazy=True), run_table(once, lazy=True), rtol=1e-13, atol=0
    )


def test_a_gradient_without_rows_changes_nothing():
    """A batch without ids leaves the table as it is, first or later."""
    empty = ([], torch.zeros(0, 3, dtype=torch.float64))
    assert torch.equal(run_table([empty], lazy=True), weights(5, 3).detach())
    full = ([0, 1], draw(2, 3, seed=1))
    assert torch.equal(
        run_table([full, empty], lazy=True), run_table([full], lazy=True)
    )


def test_lazy_and_dense_in_one_group():
    """Each parameter of a group goes by its own kind of gradient and step count."""
    table, matrix, unused = weights(4, 3), weights(3, 3, seed=1), weights(2, seed=2)
    optimizer = AdamW([table, unused, matrix], **OPTIONS)
    alone = [weights(4, 3), weights(3, 3, seed=1)]
    optimizers = [AdamW([p], **OPTIONS) for p in alone]
    for t in range(3):
        gradients = [sparse([1, 3], draw(2, 3, seed=t), 4), draw(3, 3, seed=t)]
        table.grad, matrix.grad = gradients
        optimizer.step()
        for p, g, own in zip(alone, gradients, optimizers, strict=True):
            p.grad = g
            own.step()
    assert torch.equal(table, alone[0]) and torch.equal(matrix, alone[1])
    assert torch.equal(unused, weights(2, seed=2))
    assert unused not in optimizer.state


def test_missing_gradients_leave_parameters_alone():
    """Without any gradient a step does nothing, not even weight decay."""
    params = [weights(3, 2), weights(2)]
    optimizer = AdamW(params, **OPTIONS)
    optimizer.step()
    assert torch.equal(params[0], weights(3, 2)) and torch.equal(params[1], weights(2))
    assert not optimizer.state


def test_same_bits_every_time():
    """Repeated runs agree to the last bit, many duplicates or not."""
    batches = [(list(np.arange(3000) ** 2 % 97), draw(3000, 3, seed=t)) for t in (1, 2)]
    runs = [run_table(batches, lazy=True, n_rows=100) for _ in range(3)]
    assert torch.equal(runs[0], runs[1]) and torch.equal(runs[0], runs[2])


# ----------------------------------------------------------------------------------
# The optimizer as an object
# ----------------------------------------------------------------------------------


def test_closure():
    """Its value comes back, and it may compute gradients though `step` has none."""
    p = weights(2)
    optimizer = AdamW([p], **OPTIONS)
    start = p.detach().clone()

    def closure():
        optimizer.zero_grad()
        loss = (p**2).sum()
        loss.backward()
        return loss

    with torch.no_grad():
        loss = optimizer.step(closure)
    assert_allclose(loss.item(), (start**2).sum().item())
    assert not torch.equal(p, start)
    assert optimizer.step() is None


@pytest.mark.parametrize("set_to_none", [True, False])
def test_zero_grad(set_to_none):
    """Gradients are gone, or zero, sparse ones as well."""
    dense, table = weights(2), weights(4, 3)
    optimizer = AdamW([dense, table])
    dense.grad, table.grad = draw(2, seed=1), sparse([1], draw(1, 3, seed=1), 4)
    optimizer.zero_grad(set_to_none)
    for p in (dense, table):
        assert p.grad is None if set_to_none else not p.grad.to_dense().any()


def test_added_groups_take_part():
    """A group that is added later has its own options, and no parameter comes twice."""
    first, second = weights(3), weights(3)
    optimizer = AdamW([first], lr=0.1)
    optimizer.add_param_group({"params": [second], "lr": 0.2})
    for p in (first, second):
        p.grad = torch.ones_like(p)
    optimizer.step()
    moved = weights(3) - first, weights(3) - second
    torch.testing.assert_close(2 * moved[0], moved[1])
    with pytest.raises(ValueError, match="more than one parameter group"):
        optimizer.add_param_group({"params": [first]})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lr": -0.1}, r"^lr must not be negative; got -0\.1\."),
        ({"lr": float("nan")}, r"^lr must not be negative; got nan"),
        ({"eps": -1e-8}, r"^eps must not be negative; got -1e-08"),
        ({"weight_decay": -1.0}, r"^weight_decay must not be negative; got -1\.0"),
        ({"betas": (1.0, 0.9)}, r"^betas must lie in \[0, 1\); got \(1\.0, 0\.9\)"),
        ({"betas": (0.9, -0.1)}, r"^betas must lie in"),
        ({"betas": (0.9, float("nan"))}, r"^betas must lie in"),
    ],
)
def test_bad_options(options, message):
    """An option out of bounds is named with its value."""
    with pytest.raises(ValueError, match=message):
        AdamW([weights(1)], **options)


def test_options_at_their_bounds():
    """Zeros are options like others: with lr = 0 nothing moves."""
    p = weights(3)
    optimizer = AdamW([p], lr=0.0, betas=(0.0, 0.0), eps=0.0, weight_decay=0.0)
    p.grad = torch.ones_like(p)
    optimizer.step()
    assert torch.equal(p, weights(3))


def by_deepcopy(p, optimizer):
    """Return copies of both."""
    return copy.deepcopy((p, optimizer))


def by_pickle(p, optimizer):
    """Return what comes out of a pickle of both."""
    return pickle.loads(pickle.dumps((p, optimizer)))


def by_state_dict(p, optimizer):
    """Return a copy of the parameter with a new optimizer that is given the state."""
    p = torch.nn.Parameter(p.detach().clone())
    new = AdamW([p])
    new.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    return p, new


@pytest.mark.parametrize(
    ("way", "lazy"),
    [
        (by_deepcopy, False),
        (by_deepcopy, True),
        (by_pickle, False),
        (by_pickle, True),
        (by_state_dict, False),
        (by_state_dict, True),
    ],
)
@DTYPES
def test_a_copy_goes_on_alike(way, lazy, dtype):
    """A copy, pickle or loaded state continues to the bit, the original unharmed."""

    def steps(p, optimizer, seeds):
        for seed in seeds:
            gradient = sparse([0, 2, 2], draw(3, 3, seed=seed, dtype=dtype), 4)
            p.grad = gradient if lazy else gradient.to_dense()
            optimizer.step()
        return p.detach()

    p = weights(4, 3, dtype=dtype)
    optimizer = AdamW([p], **OPTIONS)
    steps(p, optimizer, (1, 2))
    other, copied = way(p, optimizer)
    assert copied.param_groups[0]["params"][0] is other is not p
    assert copied.param_groups[0]["betas"] == OPTIONS["betas"]
    moved = steps(other, copied, (3, 4)).clone()
    assert not torch.equal(p, moved)
    assert torch.equal(steps(p, optimizer, (3, 4)), moved)


# ----------------------------------------------------------------------------------
# What a lazy step costs
# ----------------------------------------------------------------------------------


def recorded_step(monkeypatch, *, lazy, compact=None):
    """Return the record of a second step with a table of 1000 rows."""
    monkeypatch.setattr(
        "sklearn_dcn._training.lazy_adamw.sum_by_row",
        lambda *args: sum_by_row(*args, compact=compact),
    )
    p = weights(1000, 2)
    optimizer = AdamW([p], **OPTIONS)
    ids = torch.tensor([3, 999, 3, 7])

    def step():
        optimizer.zero_grad()
        embedded = torch.nn.functional.embedding(ids, p, sparse=lazy)
        embedded.square().sum().backward()
        optimizer.step()

    step()
    with Results() as results:
        step()
    return results


@pytest.mark.parametrize("compact", [True, False])
def test_a_lazy_step_makes_no_table(compact, monkeypatch):
    """From gradient to update nothing of the vocabulary's size is made anew."""
    results = recorded_step(monkeypatch, lazy=True, compact=compact)
    assert results.names("_fused_adamw_") and results.of_size(3)
    assert results.of_size(1000) == []


def test_a_dense_step_does(monkeypatch):
    """The measure sees the dense gradient, which is as large as the table."""
    results = recorded_step(monkeypatch, lazy=False)
    assert "aten.embedding_dense_backward.default" in results.of_size(1000)


@pytest.mark.parametrize("compact", [True, False])
def test_a_lazy_step_asks_the_device_for_nothing(compact, monkeypatch):
    """Only the compact form asks how many ids there are; neither reads a number."""
    results = recorded_step(monkeypatch, lazy=True, compact=compact)
    waits = results.names("nonzero", "unique", "masked_select", "_local_scalar")
    assert waits == (["aten.nonzero.default"] if compact else [])


def test_no_compiler_is_imported():
    """A first fit in a process, dense or lazy, does not import torch's compiler."""
    code = """if True:
        import sys
        import numpy as np
        from sklearn_dcn import DCNClassifier
        X = np.array([["a", 1.0], ["b", 2.0], ["c", 3.0]] * 4, dtype=object)
        for optimizer in ("auto", "lazy_adamw"):
            model = DCNClassifier(optimizer=optimizer, max_epochs=2, random_state=0)
            model.fit(X, [0, 1] * 6).predict(X)
            print(model.module_.embedding.sparse)
        print([n for n in ("torch._dynamo", "sympy") if n in sys.modules])
    """
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert out.stdout.split("\n")[:3] == ["False", "True", "[]"], out.stderr
