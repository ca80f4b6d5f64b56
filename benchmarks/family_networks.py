"""Networks of the suite `family`: each cross kind in each structure, at equal size."""

from __future__ import annotations

from functools import cache

import torch

from sklearn_dcn import DCNClassifier
from sklearn_dcn.network import DeepCrossNetwork
from sklearn_dcn.network.cross import CROSS_KINDS
from sklearn_dcn.network.dcn import STRUCTURES

from .width import make_table

N_LAYERS = 3  # of every cross network: products of four columns are in reach
HIDDEN = 64  # of the two layers of the reference
EMBEDDING = 8  # of every column, numbers too
TOLERANCE = 0.05
RANKED = ("low_rank", "mixture")  # whose rank is free
LAYERS, EMBEDDINGS = range(1, 9), range(4, 17)  # what "cross" alone may have
MOST = 1 << 14  # the widest hidden layer, or rank, that is tried
REFERENCE = {"cross": "gated"}  # the largest kind, whose weights all others get
SIZES = ("hidden_layer_sizes", "n_cross_layers", "cross_rank", "embedding_dim")


def arms(only=()):
    """Return pairs (kind, structure) that the package can fit; "deep" has no kind.

    Parameters
    ----------
    only : sequence of str
        Kinds, structures or "kind structure"; empty for all.
    """
    found = [("", "deep")]
    for structure in STRUCTURES:
        if structure != "deep":
            found += [(kind, structure) for kind in CROSS_KINDS]
    if only:
        found = [arm for arm in found if {*arm, " ".join(arm).strip()} & {*only}]
    return [arm for arm in found if _is_valid(*arm)]


@cache
def _is_valid(kind, structure):
    """Tell whether the estimator accepts the two together."""
    model = DCNClassifier(max_epochs=1, hidden_layer_sizes=(2,), random_state=0)
    model.set_params(early_stopping=False, **as_parameters(kind, structure))
    try:
        model.fit(*make_table("numbers", 40, 2))
    except ValueError:
        return False
    return True


def as_parameters(kind, structure):
    """Return the estimator's parameters of an arm."""
    return {"structure": structure} | ({"cross": kind} if kind else {})


@cache
def count_weights(
    d, structure, cross="matrix", n_layers=N_LAYERS, hidden=HIDDEN, rank="auto"
):
    """Return the number of weights behind an x_0 of width d, of one output."""
    with torch.device("meta"):
        network = DeepCrossNetwork(
            n_num=d,
            cardinalities=[],
            structure=structure,
            cross=cross,
            n_cross_layers=n_layers,
            cross_rank=rank,
            hidden_layer_sizes=(hidden, hidden),
        )
    return weights_of(network)


def weights_of(network):
    """Return the number of a network's weights outside of its embeddings."""
    whole = sum(p.numel() for p in network.parameters())
    return whole - sum(p.numel() for p in network.embedding.parameters())


def target_at(d):
    """Return the reference's number of weights for an x_0 of width d."""
    return count_weights(d, "parallel", **REFERENCE)


def default_sizes(structure):
    """Return the sizes that all networks have where seconds are to be equal."""
    sizes = {"embedding_dim": EMBEDDING, "hidden_layer_sizes": (HIDDEN, HIDDEN)}
    if structure == "cross":
        del sizes["hidden_layer_sizes"]
    if structure != "deep":
        sizes["n_cross_layers"] = N_LAYERS
    return sizes


def equal_sizes(kind, structure, width_at):
    """Return the sizes that come nearest to the reference's number of weights.

    The reference is "gated" in parallel: three layers beside two hidden ones of 64.
    A network with hidden layers has three cross layers, and its hidden layers take what
    is left. The cross network alone takes it by its rank, where its kind has one; else
    by other numbers of layers and, as little as need be, widths of the embeddings.

    Parameters
    ----------
    kind, structure : str
    width_at : callable
        Width of embeddings -> width of x_0 of the table.

    Returns
    -------
    sizes : dict
        Parameters of an estimator.
    """
    d, sizes = width_at(EMBEDDING), default_sizes(structure)
    target = target_at(d)
    cross = {"cross": kind} if kind else {}
    if structure != "cross":
        hidden = _bisect(
            lambda n: count_weights(d, structure, hidden=n, **cross), target
        )
        return sizes | {"hidden_layer_sizes": (hidden, hidden)}
    if kind in RANKED:
        rank = _bisect(lambda n: count_weights(d, structure, rank=n, **cross), target)
        return sizes | {"cross_rank": rank}
    for width in sorted(EMBEDDINGS, key=lambda width: abs(width - EMBEDDING)):
        for n_layers in LAYERS:
            found = count_weights(
                width_at(width), structure, n_layers=n_layers, **cross
            )
            if is_equal(found, target):
                return sizes | {"embedding_dim": width, "n_cross_layers": n_layers}
    return sizes  # as "vector" alone, which has two numbers a column in a layer


def is_equal(found, target):
    """Tell whether two numbers of weights are the same within the tolerance."""
    return abs(found / target - 1) <= TOLERANCE


def _bisect(count, target):
    """Return the width whose count comes nearest to the target, one at least."""
    low, high = 1, MOST
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(middle) <= target else (low, middle)
    return min((low, high), key=lambda width: abs(count(width) - target))


def as_text(sizes):
    """Return sizes as the report shows them."""
    told = {}
    for name, short in zip(SIZES, ("hidden", "layers", "rank", "width"), strict=True):
        if name in sizes:
            value = sizes[name]
            told[short] = value[0] if isinstance(value, tuple) else value
    return ", ".join(f"{name} {value}" for name, value in told.items())
