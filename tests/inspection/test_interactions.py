"""Interactions between columns: closed forms, planted pairs, and exact zeros."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.inspecting import FAST, KINDS, numbers, one_layer, quadratic
from helpers.processes import load_script
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from sklearn_dcn import DCNClassifier
from sklearn_dcn._analysis.mixing import MixedLogits
from sklearn_dcn.inspection import explain, interaction_strengths, rank_interactions

# Strengths ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["matrix", "low_rank"])
def test_strength_of_a_quadratic_form(kind):
    """D = (Q_ij + Q_ji) (x_i - z_i) (x_j - z_j), whatever the rest of the row."""
    X = numbers()
    model = one_layer(kind).fit(X, X["x0"] * X["x1"])
    Q, _ = quadratic(model)
    strengths = interaction_strengths(model, X, n_samples=20_000)
    n = len(X)
    d = X.to_numpy()
    expected = np.zeros((4, 4))
    for i, j in combinations(range(4), 2):
        square = [((d[r, i] - d[:, i]) * (d[r, j] - d[:, j])) ** 2 for r in range(n)]
        size = np.sum(square) / (n * (n - 1))
        expected[i, j] = expected[j, i] = abs(Q[i, j] + Q[j, i]) * np.sqrt(size) / 2
    np.testing.assert_allclose(strengths, expected, rtol=0.05, atol=1e-9)
    assert list(strengths.columns) == list(strengths.index) == list(X.columns)
    assert (np.diag(strengths) == 0).all()


def test_no_interaction_is_exactly_zero(mixed):
    X, y = mixed
    linear = DCNClassifier(**FAST, structure="cross", n_cross_layers=0).fit(X, y)
    for rows in (X, None):
        assert (interaction_strengths(linear, rows).to_numpy() == 0.0).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_column_without_a_weight_has_exactly_nothing(mixed, dtype):
    X, y = mixed
    model = DCNClassifier(**FAST, dtype=dtype, normalization="layer").fit(X, y)
    k = model.encoder_.field_names.index("city")
    part = model.module_.embedding.field_slices[k]
    with torch.no_grad():
        model.module_.embedding.column_weight(k)[:] = 0.25
    strengths = interaction_strengths(model, X)
    assert part.stop > part.start
    assert (strengths["city"] == 0.0).all()
    assert (strengths.drop(columns="city").drop("city").to_numpy() > 0).any()
    e = explain(model, X[:7], background=X[:20])
    assert (e.features["city"] == 0.0).all()
    has_city = ["city" in pair for pair in e.pairs.columns]
    assert (e.pairs.loc[:, has_city] == 0).all(axis=None)
    assert model.feature_importances_[0] == 0.0


@pytest.mark.parametrize("kind", KINDS)
def test_parts_add_up(mixed, kind):
    """In a parallel network D is the sum of those of both parts."""
    X, y = mixed
    model = DCNClassifier(**FAST, cross=kind).fit(X, y)
    source = np.random.default_rng(0).integers(300, size=(50, 5))
    parts = [MixedLogits(model, part) for part in ("model", "cross", "deep")]
    f, cross, deep = (mixed(mixed.read(X), source) for mixed in parts)
    bias = model.module_.head.bias.item()
    np.testing.assert_allclose(f, cross + deep - bias, atol=1e-12)
    for part in ("cross", "deep"):
        assert (interaction_strengths(model, X, part=part).to_numpy() >= 0).all()


def test_parts_that_are_not_there(mixed):
    X, y = mixed
    for structure, part, message in (
        ("stacked", "cross", "structure='parallel'"),
        ("deep", "cross", "has not"),
        ("cross", "deep", "has not"),
    ):
        model = DCNClassifier(**FAST, structure=structure).fit(X, y)
        with pytest.raises(ValueError, match=message):
            interaction_strengths(model, X, part=part)
    fused = DCNClassifier(**FAST, structure="fused").fit(X, y)
    with pytest.raises(ValueError, match="has not"):
        interaction_strengths(fused, X, part="deep")
    pd.testing.assert_frame_equal(
        interaction_strengths(fused, X), interaction_strengths(fused, X, part="cross")
    )
    whole_model = interaction_strengths(model, X)
    pd.testing.assert_frame_equal(
        whole_model, interaction_strengths(model, X, part="cross")
    )


# What it does not take ----------------------------------------------------------------


def test_sparse_matrices_are_one_field(tiny):
    from scipy.sparse import random as draw

    X = draw(100, 6, 0.4, random_state=0, format="csr")
    y = np.arange(100) % 2
    model = DCNClassifier(**tiny).fit(X, y)
    for call in (interaction_strengths, explain):
        with pytest.raises(
            ValueError, match="columns of a sparse matrix are one field"
        ):
            call(model, X)
    assert not hasattr(model, "feature_importances_")
    assert model.embeddings("X").shape[0] == 8


def test_bad_arguments(mixed, tiny):
    X, y = mixed
    model = DCNClassifier(**tiny).fit(X, y)
    with pytest.raises(TypeError, match="give the last step"):
        interaction_strengths(make_pipeline(model), X)
    with pytest.raises(NotFittedError):
        interaction_strengths(DCNClassifier(), X)
    for arguments, message in (
        ({"method": "norm"}, "method"),
        ({"part": "all"}, "part"),
        ({"layer": 0}, "layer must be None"),
        ({"method": "weight", "layer": 2}, "layer=2 must be below"),
        ({"method": "weight", "part": "deep"}, "cross layers"),
        ({"output": 1}, "output must be None"),
        ({"n_samples": 0}, "n_samples"),
    ):
        with pytest.raises(ValueError, match=message):
            interaction_strengths(model, X, **arguments)
    with pytest.raises(ValueError, match="at least 2 rows"):
        interaction_strengths(model, X[:1])
    with pytest.raises(ValueError, match="n_permutations"):
        explain(model, X[:2], n_permutations=1)


def test_same_seed_same_table(mixed, tiny):
    X, y = mixed
    model = DCNClassifier(**tiny).fit(X, y)
    one, two, other = (
        interaction_strengths(model, X, n_samples=20, random_state=s) for s in (1, 1, 2)
    )
    pd.testing.assert_frame_equal(one, two)
    assert not one.equals(other)
    ranked = rank_interactions(one)
    assert ranked.is_monotonic_decreasing
    assert ranked.iloc[0] == one.to_numpy().max()
    assert len(ranked) == 10


# Planted truth ------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("table", "network"),
    [
        ("category x category", "low_rank, cross alone"),
        ("category x number", "mixture, cross alone"),
        ("number x number", "default"),
        ("three ways", "gated, cross alone"),
        ("category x number", "onlydense, cross alone"),
        ("number x number", "pairs alone"),
        ("category x category", "linear, cross alone"),
        ("category x number", "exponential, cross alone"),
        ("number x number", "fused"),
    ],
)
def test_planted_pairs_rank_first(table, network):
    planted = load_script("benchmarks/interactions.py")
    seeds = range(1 if table == "three ways" else 2)
    assert all(planted.run(seed, network, table)["contribution"] for seed in seeds)


@pytest.mark.slow
def test_ratio_of_two_effects():
    """2 to 0.5, within a quarter; the norm of the weights is far off."""
    planted = load_script("benchmarks/interactions.py")
    ratio, of_weights = planted.toy_ratio(0)
    assert 3 < ratio < 5
    assert of_weights < 2
