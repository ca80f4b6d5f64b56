"""The synthetic functions of the DCN-V2 paper's Table 1, recovered by training.

They are fitted by the example of the same name, whose functions are under test here.
"""

import pytest
import torch
from helpers.processes import load_script

from sklearn_dcn.network import DeepCrossNetwork


@pytest.fixture(scope="module")
def example():
    """Import the example from its folder."""
    return load_script("examples/paper_synthetic.py")


@pytest.fixture(scope="module")
def rmse(example):
    """Fit all functions once: {(function, kind): RMSE on held-out rows}."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)  # two threads on tiny products are many times slower
    try:
        return example.main(n_restarts=2, n_rows=500, max_iter=200)
    finally:
        torch.set_num_threads(n_threads)


def test_functions_by_hand(example):
    """f1 and f2 at one point, worked by hand."""
    x = torch.tensor([[2.0, 3.0, 5.0, 7.0]])
    assert example.f1(x).tolist() == [4 + 6 + 10 + 14]
    assert example.f1_plus_x1(x).tolist() == [4 + 6 + 10 + 14 + 2]
    assert example.f2(x).item() == pytest.approx(4 + 0.6 + 15 + 2.5)


def test_f3_is_a_sum_over_100_pairs_of_100_variables(example):
    """The Hessian of f3 has 100 pairs of entries, none on the diagonal."""
    f3 = example.make_f3(d=100, n_pairs=100)
    x = example.uniform(1, 100, seed=0)[0]
    hessian = torch.autograd.functional.hessian(lambda x: f3(x[None])[0], x)
    assert torch.equal(hessian, hessian.T)
    assert not hessian.diagonal().any()
    assert (hessian != 0).sum() == 2 * 100
    assert f3(torch.zeros(1, 100, dtype=torch.float64)).item() == 0.0
    assert torch.equal(f3(-x[None]), f3(x[None]))  # nothing but products


@pytest.mark.parametrize("d", [3, 4, 100])
def test_models_have_the_papers_size(d):
    """Table 1: 3 d parameters for DCN, d^2 + 2 d for DCN-V2; our head adds a bias."""
    for kind, expected in (("vector", 3 * d), ("matrix", d**2 + 2 * d)):
        network = DeepCrossNetwork(
            n_num=d,
            cardinalities=[],
            structure="cross",
            cross=kind,
            n_cross_layers=1,
            hidden_layer_sizes=(),
        )
        assert sum(p.numel() for p in network.parameters()) == expected + 1


@pytest.mark.parametrize(
    ("function", "bound"),
    [("f1", 1e-6), ("f1 + x1", 1e-6), ("f2", 1e-6), ("f3", 1e-5)],
)
def test_matrix_recovers(rmse, function, bound):
    """One layer of DCN-V2 finds every function to the paper's order of magnitude."""
    assert rmse[function, "matrix"] <= bound


def test_vector_recovers_f1_with_the_residuals_term(rmse):
    """One layer of DCN finds crosses of a shared pattern, given its residual."""
    assert rmse["f1 + x1", "vector"] <= 1e-6


def test_vector_comes_near_f1(rmse):
    """Trained on f1 itself, DCN is far nearer than it ever gets to f2."""
    assert rmse["f1", "vector"] < 0.6 * rmse["f2", "vector"]


@pytest.mark.parametrize("epsilon", [1e-1, 1e-3, 1e-6])
def test_vector_has_f1_as_its_limit(example, epsilon):
    """With v = epsilon e_1 and w = 1 / epsilon, only epsilon x1 is left of f1."""
    network = DeepCrossNetwork(
        n_num=4,
        cardinalities=[],
        structure="cross",
        cross="vector",
        n_cross_layers=1,
        hidden_layer_sizes=(),
    ).double()
    with torch.no_grad():
        network.cross.layers[0].w.fill_(1 / epsilon)
        network.cross.layers[0].b.zero_()
        network.head.weight.copy_(epsilon * torch.eye(4)[:1].double())
        network.head.bias.zero_()
    x = example.uniform(1000, 4, seed=0)
    error = example.rmse(network, x, example.f1(x))
    expected = epsilon * x[:, 0].square().mean().sqrt().item()  # near epsilon / sqrt 3
    assert error == pytest.approx(expected, rel=1e-6)


def test_vector_fails_on_f2(rmse):
    """A product of two linear functions leaves at least 0.19 of f2 unexplained."""
    assert rmse["f2", "vector"] > 0.15


def test_vector_fails_on_f3(example, rmse):
    """One layer of DCN explains next to nothing of 100 unrelated crosses."""
    f3, d = example.FUNCTIONS["f3"]
    std = f3(example.uniform(10_000, d, seed=9)).std().item()
    assert rmse["f3", "vector"] > 0.8 * std
    assert rmse["f3", "vector"] > 1e4 * rmse["f3", "matrix"]


def test_main_prints_one_line_for_each_function(example, capsys):
    """The script's table has a row for every function asked for."""
    results = example.main(functions=("f1 + x1",), n_restarts=1, n_rows=50, max_iter=5)
    lines = capsys.readouterr().out.splitlines()
    assert [line[:7] for line in lines[-1:]] == ["f1 + x1"]
    assert set(results) == {("f1 + x1", "vector"), ("f1 + x1", "matrix")}
