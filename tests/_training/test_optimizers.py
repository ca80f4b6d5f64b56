"""The optimizers by name: which is chosen, which parameters decay, and each learns."""

import pytest
import torch
from helpers.tables import make_mixed

from sklearn_dcn import DCNClassifier
from sklearn_dcn._estimator.defaults import LAZY_FROM, resolve_optimizer
from sklearn_dcn._training.optimizers import OPTIMIZERS, is_lazy, parameter_groups
from sklearn_dcn.network import DeepCrossNetwork
from sklearn_dcn.network.cross import CROSS_KINDS

# Names and groups ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n_ids", "dense_gradients", "name"),
    [
        (LAZY_FROM, False, "lazy_adamw"),
        (LAZY_FROM - 1, False, "adamw"),
        (0, False, "adamw"),
        (10**9, False, "lazy_adamw"),
        (10**9, True, "adamw"),
        (LAZY_FROM, True, "adamw"),
    ],
)
def test_auto(n_ids, dense_gradients, name):
    """Lazy from 50,000 ids on, unless somebody needs dense gradients."""
    assert LAZY_FROM == 50_000
    assert resolve_optimizer(n_ids, dense_gradients) == name
    assert name in OPTIMIZERS


def test_is_lazy():
    """A name that begins with lazy_ is; classes and other names are not."""
    assert is_lazy("lazy_adamw")
    for optimizer in ("adamw", "adam", "auto", torch.optim.SparseAdam, None):
        assert not is_lazy(optimizer)
    assert [name for name in OPTIMIZERS if is_lazy(name)] == ["lazy_adamw"]


@pytest.mark.parametrize("kind", CROSS_KINDS)
def test_decay_spares_embeddings_biases_and_norms(kind):
    """Every parameter is in one group: matrices decay, the rest does not."""
    network = DeepCrossNetwork(
        2, [5, 6], cross=kind, normalization="layer", expert_activation="tanh"
    )
    named = dict(network.named_parameters())
    groups = parameter_groups(named.items())
    assert "weight_decay" not in groups[0] and groups[1]["weight_decay"] == 0.0
    decayed, exempt = (set(map(id, group["params"])) for group in groups)
    assert len(decayed) + len(exempt) == len(named)
    for name, parameter in named.items():
        is_matrix = name.startswith(("cross", "deep.linears", "head")) and (
            not name.endswith((".b", "bias", ".scale", ".shift"))
        )
        assert (id(parameter) in decayed) == is_matrix, name


# Each of them learns ------------------------------------------------------------------


@pytest.mark.parametrize(
    "optimizer", ["adamw", "adam", "adagrad", "sgd", torch.optim.NAdam]
)
def test_optimizers(optimizer):
    """Every named optimiser, and a class from torch, lowers the loss."""
    X, y = make_mixed(200)
    model = DCNClassifier(
        optimizer=optimizer, learning_rate=0.02, max_epochs=10, random_state=0
    ).fit(X, y)
    assert model.history_[-1]["train_loss"] < model.history_[0]["train_loss"]
