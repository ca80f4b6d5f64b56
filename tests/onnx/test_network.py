"""Networks of every kind as a graph: the same probabilities."""

import pytest
from helpers.graphs import check, spoil

from sklearn_dcn import DCNClassifier
from sklearn_dcn.network.cross import CROSS_KINDS
from sklearn_dcn.network.dcn import STRUCTURES
from sklearn_dcn.network.deep import ACTIVATIONS
from sklearn_dcn.network.numeric import NUMERIC_EMBEDDINGS


@pytest.mark.parametrize("cross", CROSS_KINDS)
@pytest.mark.parametrize("n_members", [1, 3])
def test_shipped_tables(table, cross, n_members, small):
    X, y, new = table
    model = DCNClassifier(cross=cross, n_members=n_members, **small).fit(X, y)
    assert model.encoder_.crosses.pairs and model.encoder_.values
    check(model, new)


def test_default_constructor(table):
    X, y, new = table
    model = DCNClassifier(max_epochs=1, random_state=0).fit(X, y)
    check(model, new, inputs="matrix")


@pytest.mark.parametrize("structure", [s for s in STRUCTURES if s != "fused"])
@pytest.mark.parametrize("cross", CROSS_KINDS)
def test_structures(structure, cross, small, mixed):
    X, y = mixed
    model = DCNClassifier(structure=structure, cross=cross, **small).fit(X, y)
    check(model, spoil(X))


@pytest.mark.parametrize("n_members", [1, 2])
def test_fused_towers(n_members, small, mixed):
    X, y = mixed
    small |= {"structure": "fused", "n_cross_layers": (2, 3), "n_members": n_members}
    check(DCNClassifier(tower_loss="detached", **small).fit(X, y), spoil(X))


@pytest.mark.parametrize("width", [1, 2, 3])
@pytest.mark.parametrize("cross", ["linear", "exponential"])
def test_masks_of_any_width(cross, width, small, mixed):
    """Of an odd width the mask of an entry is left out; of 1 there is none."""
    X, y = mixed
    X = X[["price", "visits"]].fillna(0)[["price", "visits"][: max(1, width - 1)]]
    small |= {"numeric_embedding": None, "numeric_levels": None}
    small |= {"memorized_crosses": None, "structure": "cross"}
    if width == 3:
        small |= {"numeric_embedding": "linear", "embedding_dim": 3}
        X = X[["price"]]
    model = DCNClassifier(cross=cross, **small).fit(X, y)
    check(model, X)


@pytest.mark.parametrize("n_cross_layers", [0, 1, 3])
@pytest.mark.parametrize("cross", ["vector", "matrix"])
def test_depths(cross, n_cross_layers, small, mixed):
    X, y = mixed
    small |= {"n_cross_layers": n_cross_layers, "cross": cross}
    check(DCNClassifier(**small).fit(X, y), X)
    small |= {"hidden_layer_sizes": ()}
    check(DCNClassifier(**small).fit(X, y), X)


@pytest.mark.parametrize("gate", ["softmax", "sigmoid", "constant"])
@pytest.mark.parametrize("activation", [None, "tanh", "gelu"])
def test_experts(gate, activation, small, mixed):
    X, y = mixed
    small |= {"expert_gate": gate, "expert_activation": activation, "n_experts": 3}
    check(DCNClassifier(cross="mixture", **small).fit(X, y), X)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations(activation, tiny, mixed):
    X, y = mixed
    check(DCNClassifier(activation=activation, **tiny).fit(X, y), X)


@pytest.mark.parametrize("normalization", ["batch", "layer"])
def test_normalizations(normalization, tiny, mixed):
    X, y = mixed
    model = DCNClassifier(normalization=normalization, dropout=0.3, **tiny)
    check(model.fit(X, y), X)


@pytest.mark.parametrize("kind", [None, *NUMERIC_EMBEDDINGS])
def test_embeddings_of_numbers(kind, small, mixed):
    X, y = mixed
    check(DCNClassifier(numeric_embedding=kind, **small).fit(X, y), spoil(X))


def test_widths_of_embeddings(small, mixed):
    X, y = mixed
    small |= {"embedding_dim": {"device": 8, "city": 4}, "category_dropout": 0.2}
    check(DCNClassifier(**small).fit(X, y), spoil(X))


@pytest.mark.parametrize("kind", ["weighted", "plain"])
@pytest.mark.parametrize("numeric_embedding", [None, "linear"])
def test_logits_of_pairs(kind, numeric_embedding, tiny, mixed):
    """Alone in x_0 and beside plain numbers; weighted, also of several classes."""
    X, y = mixed
    tiny |= {"pair_logit": kind, "numeric_embedding": numeric_embedding}
    check(DCNClassifier(n_members=2, **tiny).fit(X, y), X)
    if kind == "weighted":
        labels = X["device"].astype(object).fillna("none")
        X = X.drop(columns="device")
        check(DCNClassifier(**tiny).fit(X, labels), X)
        ids = X[["city", "flag"]] if "flag" in X else X
        check(DCNClassifier(**tiny).fit(ids, y), ids)
