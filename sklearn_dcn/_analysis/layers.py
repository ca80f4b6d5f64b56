"""The layers of a network: what each is, how wide, how many numbers it has learned."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import NamedTuple, cast

from torch import nn

from .._printing import quantity
from ..network import DeepCrossNetwork

__all__ = ["Layer", "get_layers"]


class Layer(NamedTuple):
    """A part of the network.

    Attributes
    ----------
    name : str
        Where it is.
    what : str
        Its kind.
    d_in, d_out : int or None
        Widths; None for the table, whose columns have no common one.
    n_parameters : int
        Number of trained numbers.
    """

    name: str
    what: str
    d_in: int | None
    d_out: int
    n_parameters: int


def get_layers(module: DeepCrossNetwork) -> list[Layer]:
    """Return the parts of a network in the order of the data."""
    return [*_embedding_layers(module), *_cross_layers(module), *_deep_layers(module)]


def _embedding_layers(module: DeepCrossNetwork) -> Iterator[Layer]:
    stack = module.embedding
    kinds = (
        ("levels", stack.cardinalities, stack.tables),
        ("lists", stack.bag_cardinalities, stack.bag_tables),
    )
    dims = list(stack.embedding_dims)
    for kind, cardinalities, tables in kinds:
        n = len(cardinalities)
        if n:
            what = f"{quantity(n, 'field')}, {sum(cardinalities):,} ids"
            size = sum(table.numel() for table in tables)
            yield Layer(f"embedding of {kind}", what, None, sum(dims[:n]), size)
        del dims[:n]
    if n := len(stack.vectors.dims):
        what = f"{quantity(n, 'field')}, {sum(stack.vectors.widths):,} numbers"
        d_out, size = stack.vectors.d_out, _n_parameters(stack.vectors)
        yield Layer("projection of vectors", what, None, d_out, size)
    n_plain = stack.n_num
    if stack.numbers is not None:
        n, size = stack.numbers.n_num, _n_parameters(stack.numbers)
        what = f"{quantity(n, 'field')}, {stack.numbers.kind}"
        yield Layer("embedding of numbers", what, None, stack.numbers.d_out, size)
        n_plain -= n
    if n_plain:
        yield Layer("numbers", quantity(n_plain, "field"), None, n_plain, 0)


def _cross_layers(module: DeepCrossNetwork) -> Iterator[Layer]:
    d = module.embedding.d_out
    for cross in module.crosses:
        for i, layer in enumerate(cross.layers, 1):
            yield Layer(f"cross {i}", cross.kind, d, d, _n_parameters(layer))


def _deep_layers(module: DeepCrossNetwork) -> Iterator[Layer]:
    if module.deep is not None:
        layers = zip_longest(module.deep.linears, module.deep.norms)  # or no norms
        for i, (layer, norm) in enumerate(layers, 1):
            linear, what = cast(nn.Linear, layer), module.deep.activation
            size = _n_parameters(linear)
            if norm is not None:
                what = f"{type(norm).__name__}, {what}"
                size += _n_parameters(norm)
            yield Layer(
                f"deep {i}", what, linear.in_features, linear.out_features, size
            )
    head = module.head
    size = _n_parameters(head)
    yield Layer("head", "linear", head.in_features, head.out_features, size)
    if (pair := module.pair) is not None:
        widths = pair.n_fields * pair.dim, head.out_features
        size = 0 if pair.w is None else pair.w.numel()
        yield Layer("pair logit", pair.kind, *widths, size)


def _n_parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
