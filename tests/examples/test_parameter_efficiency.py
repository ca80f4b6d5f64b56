"""The example that counts parameters: its table, its sums, and the effect it shows."""

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.processes import load_script
from sklearn.metrics import log_loss


@pytest.fixture(scope="module")
def example():
    """Import the example from its folder."""
    return load_script("examples/parameter_efficiency.py")


def test_table_is_full_of_crosses(example):
    """Ids alone and numbers alone explain little of the log-odds, pairs of ids more."""
    X, p, y = example.make_clicks(40_000, seed=0)
    logit = np.log(p / (1 - p))
    assert logit.mean() == pytest.approx(-1)
    assert logit.std() == pytest.approx(2)
    assert y.mean() == pytest.approx(p.mean(), abs=0.01)
    ids = [name for name in X if name.startswith("id")]
    assert X[ids].nunique().tolist() == [20] * 6
    means = [pd.Series(logit).groupby(X[name]).transform("mean") for name in ids]
    of_ids = np.var(sum(mean - logit.mean() for mean in means)) / np.var(logit)
    of_numbers = np.corrcoef(X.drop(columns=ids).T, logit)[-1, :-1] ** 2
    assert of_ids < 0.35
    assert of_numbers.sum() < 0.05


def test_same_seed_gives_the_same_table_and_another_another(example):
    X, p, y = example.make_clicks(100, seed=0)
    X_again, p_again, y_again = example.make_clicks(100, seed=0)
    pd.testing.assert_frame_equal(X, X_again)
    np.testing.assert_array_equal(p, p_again)
    np.testing.assert_array_equal(y, y_again)
    assert not np.array_equal(p, example.make_clicks(100, seed=1)[1])


def test_expected_log_loss_is_that_of_many_draws(example):
    rng = np.random.default_rng(0)
    p, q = rng.random(200_000), rng.uniform(0.1, 0.9, 200_000)
    y = rng.random(200_000) < p
    assert example.expected_log_loss(p, q) == pytest.approx(log_loss(y, q), abs=0.005)
    certain = np.array([0.0, 1.0])
    assert example.expected_log_loss(certain, certain) == 0


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("DNN", 0),
        ("DCN, vector", 2 * 2 * 28 + 28),
        ("DCN, low_rank", 2 * (2 * 28 * 6 + 28) + 28),
        ("DCN, matrix", 2 * (28 * 28 + 28) + 28),
    ],
)
def test_parameters_are_those_of_the_formula(example, kind, expected):
    """docs/maths.md: d = 6 * 4 + 4 = 28; the head of a DCN sees x_L as well."""
    X, _, y = example.make_clicks(1000, seed=0)
    model = example.make_network(kind, 8, seed=0)
    model.set_params(max_epochs=1, early_stopping=False).fit(X, y)
    deep = 28 * 8 + 8 + 8 * 8 + 8 + 8 + 1
    assert example.count_parameters(model) == deep + expected
    embeddings = 6 * (20 + 2) * 4
    total = sum(parameter.numel() for parameter in model.module_.parameters())
    assert total == deep + expected + embeddings


def test_parameters_needed_by_hand(example):
    """On the envelope, half-way in the loss is half-way in the logarithm."""
    parameters, losses = [400, 100, 200], [0.4, 0.6, 0.7]  # 200 are no use
    needed, is_bound = example.parameters_needed(parameters, losses, 0.5)
    assert needed == pytest.approx(np.sqrt(200 * 400))
    assert not is_bound
    assert example.parameters_needed(parameters, losses, 0.4)[0] == pytest.approx(400)
    assert np.isnan(example.parameters_needed(parameters, losses, 0.39)[0])
    needed, is_bound = example.parameters_needed(parameters, losses, 0.65)
    assert needed == pytest.approx(100)
    assert is_bound


def test_pairs_by_hand(example):
    """A DCN meets the smallest DNN that is no smaller, seed by seed."""
    figures = pd.DataFrame(
        [
            *[("DNN", w, 10 * w, s, 0.6 - s / 100) for w in (1, 2, 3) for s in (0, 1)],
            ("DCN, matrix", 1, 15, 0, 0.50),
            ("DCN, matrix", 1, 15, 1, 0.60),
            ("DCN, matrix", 2, 99, 0, 0.10),  # no DNN is as large
            ("DCN, matrix", 2, 99, 1, 0.10),
        ],
        columns=["network", "width", "parameters", "seed", "loss"],
    )
    [pair] = example.pairs(figures).to_dict("records")
    assert (pair["parameters"], pair["of the DNN"], pair["wins"]) == (15, 20, 1)
    assert pair["gain"] == pytest.approx((0.10 - 0.01) / 2)
    assert pair["deviation"] == pytest.approx((0.10 + 0.01) / 2)


@pytest.mark.slow
def test_dcn_needs_fewer_parameters(example, tmp_path, capsys):
    """With no more parameters than a DNN, the DCN with matrices has a lower loss."""
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("Agg")
    picture = tmp_path / "parameters.png"
    n_threads = torch.get_num_threads()
    arguments = ["--rows", "15000", "--seeds", "3", "--widths", "32"]
    figures = example.main([*arguments, "--output", str(picture)])
    pyplot.close("all")
    assert torch.get_num_threads() == n_threads
    assert picture.stat().st_size > 10_000
    assert len(figures) == 3 * 5
    assert (figures["floor"] < figures["loss"]).all()

    pairs = example.pairs(figures).set_index("network")
    assert (pairs["parameters"] <= pairs["of the DNN"]).all()
    assert pairs.loc["DCN, matrix", "wins"] == 3
    assert pairs.loc["DCN, matrix", "gain"] > 0.008  # 0.019 over four seeds
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("| DNN") for line in lines) == 2
    assert "Parameters needed for a log loss" in lines
