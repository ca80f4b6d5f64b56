"""Recipes: the published layers, widths and options, and their fits."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from helpers.tables import make_mixed
from numpy.testing import assert_allclose

from sklearn_dcn import DCNClassifier, DCNRegressor
from sklearn_dcn.network import (
    DeepCrossNetwork,
    ExponentialCross,
    GatedCross,
    LinearCross,
    MatrixCross,
    MixtureCross,
    VectorCross,
)
from sklearn_dcn.presets import PRESETS, Preset, get_preset, list_presets, search_space

# Of every recipe, by hand from its source: cross layers, hidden layers, structure,
# normalisation, dropout, L2 of embeddings, batch, rate, clipping, average, patience.
PUBLISHED = {
    "dcn2017": (
        *(VectorCross, 6, (1024, 1024), "parallel", "batch", 0.0),
        *(0.0, 512, 1e-3, 100.0, None, 5, None),
    ),
    "dcnv2": (
        *(MatrixCross, 2, (768, 768), "stacked", None, 0.0),
        *(0.0, 512, 1e-4, 10.0, 0.9999, 5, None),
    ),
    "dcn_mix": (
        *(MixtureCross, 3, (512, 512), "stacked", None, 0.0),
        *(0.0, 512, 1e-4, 10.0, 0.9999, 5, None),
    ),
    "bars_criteo_x1": (
        *(MatrixCross, 3, (500, 500, 500), "parallel", None, 0.1),
        *(1e-5, 4096, 1e-3, 10.0, None, 2, 10),
    ),
    "bars_criteo_x4": (
        *(MatrixCross, 3, (1000,) * 5, "parallel", "batch", 0.1),
        *(1e-5, 10_000, 1e-3, 10.0, None, 2, 16),
    ),
    "bars_avazu_x1": (
        *(MatrixCross, 5, (400, 400, 400), "parallel", "batch", 0.2),
        *(0.05, 4096, 1e-3, 10.0, None, 2, 10),
    ),
    "bars_avazu_x4": (
        *(MatrixCross, 4, (2000,) * 4, "parallel", None, 0.0),
        *(1e-9, 10_000, 1e-3, 10.0, None, 2, 16),
    ),
    "gdcn": (
        *(GatedCross, 3, (400, 400, 400), "parallel", "batch", 0.5),
        *(1e-6, 4096, 1e-3, None, None, 5, 16),
    ),
    "fcn": (
        *(ExponentialCross, 3, (), "fused", None, 0.0),
        *(1e-5, 4096, 1e-3, 10.0, None, 2, 16),
    ),
}


@pytest.fixture(scope="module")
def fitted():
    """Return the classifiers of all recipes, fitted for an epoch to 300 rows."""
    X, y = make_mixed()
    return {
        name: DCNClassifier(**get_preset(name, max_epochs=1, random_state=0)).fit(X, y)
        for name in PRESETS
    }


def test_all_are_described():
    """The table above, the names and the module's docstring are one list."""
    import sklearn_dcn.presets

    assert list(PUBLISHED) == list(PRESETS)
    assert list_presets() == [*PRESETS, "fast", "best"]
    for name, preset in PRESETS.items():
        assert f'"{name}"' in sklearn_dcn.presets.__doc__
        assert isinstance(preset, Preset)
        assert preset.source and all(preset.deviations)


@pytest.mark.parametrize("name", ["fast", "best"])
def test_budgets_change_time_alone(name):
    """They are the defaults but for networks, epochs and rates, and can be fitted."""
    ours = {"n_members", "n_iter_no_change", "max_epochs", "warmup"}
    ours |= {"learning_rate", "learning_rate_schedule"}
    parameters = get_preset(name)
    assert parameters
    assert set(parameters) <= ours
    for parameter, value in parameters.items():
        assert value != getattr(DCNClassifier(), parameter)
    X, y = make_mixed(600)
    model = DCNClassifier(**get_preset(name, max_epochs=2, random_state=0)).fit(X, y)
    assert len(model.module_.members) == parameters.get("n_members", 8)


@pytest.mark.parametrize("name", PUBLISHED)
def test_network_is_the_published_one(name, fitted):
    """Layers have the published kinds, numbers and widths behind the embeddings."""
    kind, n_cross, sizes, structure, normalization, dropout, *_ = PUBLISHED[name]
    module = fitted[name].module_
    d = module.embedding.d_out
    assert [type(layer) for layer in module.cross.layers] == [kind] * n_cross
    shapes = {
        VectorCross: {"w": (d,), "b": (d,)},
        MatrixCross: {"W": (d, d), "b": (d,)},
        GatedCross: {"W": (d, d), "W_g": (d, d), "b": (d,)},
        ExponentialCross: {
            **{"W": ((d + 1) // 2, d), "b": (d,)},
            **{"scale": ((d + 1) // 2,), "shift": ((d + 1) // 2,)},
        },
        MixtureCross: {
            **{"U": (4, d, 64), "V": (4, d, 64)},
            **{"C": (4, 64, 64), "b": (d,)},  # the constant gate has no weights
        },
    }[kind]
    for layer in module.cross.layers:
        found = {k: tuple(p.shape) for k, p in layer.named_parameters()}
        assert found == shapes
    assert module.structure == structure
    assert module.embedding.category_dropout == 0.0
    if structure == "fused":
        assert [type(layer) for layer in module.linear_cross.layers] == [
            LinearCross
        ] * 4
        assert module.deep is None
        assert module.head.in_features == 2 * d
        assert fitted[name].net_.tower_loss == "attached"
        return
    linears = module.deep.linears
    assert [layer.out_features for layer in linears] == list(sizes)
    assert linears[0].in_features == d
    assert module.head.in_features == sizes[-1] + (structure == "parallel") * d
    norm = {None: [], "batch": [torch.nn.BatchNorm1d] * len(sizes)}[normalization]
    assert [type(n) for n in module.deep.norms] == norm
    assert module.deep.dropout == dropout
    assert module.deep.activation == "relu"


@pytest.mark.parametrize("name", PUBLISHED)
def test_training_is_the_published_one(name, fitted):
    """Adam, its rate, batches, penalties, clipping, average and patience."""
    *_, l2, batch, rate, clip, ema, patience, _ = PUBLISHED[name]
    model = fitted[name]
    optimizer = model.net_.optimizer_
    assert type(optimizer) is torch.optim.Adam
    assert [g["lr"] for g in optimizer.param_groups] == [rate, rate]
    decay = 1e-6 if name == "gdcn" else 0.0
    assert [g["weight_decay"] for g in optimizer.param_groups] == [decay, 0.0]
    assert model.net_.batch_size == batch
    assert model.net_.embedding_l2 == l2
    assert (model.net_.embedding_l2_scope == "table") == (l2 > 0)
    assert (model.max_grad_norm, model.ema_decay) == (clip, ema)
    assert model.early_stopping is True
    assert model.n_iter_no_change == patience
    plateau = name in ("gdcn", "fcn") or name.startswith("bars")
    assert model.learning_rate_schedule == ("plateau" if plateau else None)
    assert model.plateau_epochs == (3 if name == "gdcn" else 1)
    assert "valid_loss" in model.history_[-1]


@pytest.mark.parametrize("name", PUBLISHED)
def test_widths_are_the_published_ones(name, fitted):
    """Of embeddings: one number, 39 for DCN-V2, or the rule of the first paper."""
    *_, dim = PUBLISHED[name]
    embedding = fitted[name].module_.embedding
    if name == "dcn2017":
        expected = [round(6 * v**0.25) for v in embedding.cardinalities]
    else:
        expected = [dim or 39] * 3
    assert embedding.embedding_dims == expected
    # Numbers are fields of that width too in FuxiCTR and GDCN.
    encoder = fitted[name].encoder_
    n_numbers, n_indicators = len(encoder.numbers), encoder.n_num - len(encoder.numbers)
    expected = n_numbers * (dim or 1) + n_indicators
    assert embedding.d_out - embedding.d_embedded == expected


def test_unbounded_widths():
    """Cardinalities of 16, 10,000 and 320,000 have 6 * 2, 6 * 10 and 143."""
    with torch.device("meta"):
        network = DeepCrossNetwork(
            0, [16, 10_000, 320_000], embedding_dim="unbounded", structure="deep"
        )
    assert network.embedding.embedding_dims == [12, 60, 143]


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_are_those_of_both_estimators(name):
    """No recipe names what an estimator has not."""
    parameters = get_preset(name)
    for Estimator in (DCNClassifier, DCNRegressor):
        assert Estimator(**parameters).get_params() == (
            Estimator().get_params() | parameters
        )


def test_regressors_fit_too():
    """A recipe is of the network, not of the target."""
    X, y = make_mixed(100)
    preset = get_preset("gdcn", max_epochs=1, random_state=0)
    assert DCNRegressor(**preset).fit(X, 3.0 * y).n_iter_ == 1


def test_embedding_l2_of_two_levels_by_hand():
    """Scopes agree for a level that a fraction lambda / lambda' of the rows has.

    Level "a" is in 3 of 4 rows, "b" in 1 of 4: what the table's 0.03 is to "a", the
    batch's 0.04 is, and to "b" 0.12.
    """
    X = np.array([["a"], ["a"], ["b"], ["a"]], dtype=object)
    y = np.array([0, 1, 0, 1])
    options = {
        "structure": "cross", "n_cross_layers": 0, "optimizer": "sgd",
        "learning_rate": 1.0, "weight_decay": 0.0, "category_dropout": 0.0,
        "max_epochs": 1, "random_state": 0, "batch_size": 4,
    }  # fmt: skip

    def weight(**more):
        model = DCNClassifier(**options, **more).fit(X, y)
        return model.module_.embedding.column_weight(0).detach().numpy()

    plain = weight()
    table = weight(embedding_l2=0.03, embedding_l2_scope="table") - plain
    for row, share in ((2, Fraction(3, 4)), (3, Fraction(1, 4))):
        batch = weight(embedding_l2=0.03 / float(share)) - plain
        assert_allclose(batch[row], table[row], rtol=1e-6, atol=1e-12)
        assert np.abs(table[row]).max() > 1e-4


def test_get_preset_is_a_copy_with_overrides():
    """What comes out may be changed; overrides win."""
    first = get_preset("dcnv2", learning_rate=0.5, label_smoothing=0.1)
    assert (first["learning_rate"], first["label_smoothing"]) == (0.5, 0.1)
    first.clear()
    assert get_preset("dcnv2")["learning_rate"] == 1e-4
    with pytest.raises(TypeError):
        PRESETS["mine"] = PRESETS["dcnv2"]


def test_wrong_names():
    """They are named, with those that exist."""
    with pytest.raises(ValueError, match=r"^name must be one of 'dcn2017',.*got 'dcn'"):
        get_preset("dcn")
    with pytest.raises(ValueError, match=r"^overrides must be param.*got 'lr'"):
        get_preset("dcnv2", lr=1)
    with pytest.raises(ValueError, match=r"^size must be one of 'small'.*got 'big'"):
        search_space("big")
