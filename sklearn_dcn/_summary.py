"""What a fitted estimator is: its table, network and training, in text and HTML."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple, cast

from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted
from torch import nn

from ._printing import html_table, text_table
from .network import DeepCrossNetwork
from .network.ensemble import Network

__all__ = ["Layer", "Summary", "Summarizes", "get_layers"]

LAYER_HEADER = ("layer", "what", "input", "output", "parameters")
EPOCH_HEADER = ("epoch", "loss", "validation loss", "learning rate", "")
LAYER_NUMBERS = ("input", "output", "parameters")  # aligned on the right
EPOCH_NUMBERS = EPOCH_HEADER[:4]

WIDTH, HEIGHT = 520, 220  # of the training curve
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 26, 34  # around its axes
CURVES = {  # of colours that differ for every eye, on light and on dark
    "train_loss": ("training", "#3a86c8"),
    "valid_loss": ("validation", "#e8850c"),
}

STYLE = """
.sklearn-dcn-summary { margin: 0.6em 0; }
.sklearn-dcn-summary summary { cursor: pointer; font-weight: bold; }
.sklearn-dcn-summary svg { max-width: 100%; height: auto; color: inherit; }
"""


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


class Summary(str):
    """A text that a notebook shows as HTML.

    Parameters
    ----------
    text : str
        The text.
    html : str
        The same as HTML.
    """

    html: str

    def __new__(cls, text: str, html: str) -> Summary:
        """Return the text, with its HTML."""
        summary = super().__new__(cls, text)
        summary.html = html
        return summary

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return self.html


class Summarizes(BaseEstimator):
    """`summary`, and the same below scikit-learn's picture of an estimator."""

    encoder_: Any
    module_: Any  # Network

    def summary(self) -> Summary:
        """Return what the fit made: the table's schema, the network, the training.

        Returns
        -------
        summary : str
            The text, which prints as tables; a notebook shows it as HTML.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        """
        check_is_fitted(self, "net_")
        parts = [type(self).__name__, repr(self.encoder_)]
        layers = get_layers(self.module_.members[0])
        cells = [_layer_cells(layer) for layer in layers]
        lines = text_table(LAYER_HEADER, cells, LAYER_NUMBERS)
        parts.append("\n".join([_network_title(self.module_, layers), *lines]))
        history = getattr(self, "history_", [])
        if history:
            rows = _epochs(history, self.best_epoch_)
            lines = text_table(EPOCH_HEADER, rows, EPOCH_NUMBERS)
            parts.append("\n".join([_training_title(history), *lines]))
        return Summary("\n\n".join(parts), self._details())

    def _details(self) -> str:
        """Return what a notebook shows below the parameters, if anything."""
        if not hasattr(self, "net_"):
            return ""
        layers = get_layers(self.module_.members[0])
        cells = [_layer_cells(layer) for layer in layers]
        network = html_table(LAYER_HEADER, cells, LAYER_NUMBERS)
        parts = [
            _fold("Table", self.encoder_._repr_html_()),
            _fold(_network_title(self.module_, layers), network),
        ]
        history = getattr(self, "history_", [])
        if history:
            curve = training_curve(history, self.best_epoch_)
            parts.append(_fold(_training_title(history), curve))
        inner = "\n".join(parts)
        return f'<style>{STYLE}</style><div class="sklearn-dcn-summary">{inner}</div>'

    def _repr_html_inner(self) -> str:
        return super()._repr_html_inner() + self._details()

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        bundle = super()._repr_mimebundle_(**kwargs)
        if "text/html" in bundle:
            bundle["text/html"] += self._details()
        return bundle


def _fold(title: str, inner: str) -> str:
    return f"<details open><summary>{title}</summary>{inner}</details>"


# The network --------------------------------------------------------------------------


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
            what = f"{_count(n, 'field')}, {sum(cardinalities):,} ids"
            size = sum(table.numel() for table in tables)
            yield Layer(f"embedding of {kind}", what, None, sum(dims[:n]), size)
        del dims[:n]
    n_plain = stack.n_num
    if stack.numbers is not None:
        n, size = stack.numbers.n_num, _n_parameters(stack.numbers)
        what = f"{_count(n, 'field')}, {stack.numbers.kind}"
        yield Layer("embedding of numbers", what, None, stack.numbers.d_out, size)
        n_plain -= n
    if n_plain:
        yield Layer("numbers", _count(n_plain, "field"), None, n_plain, 0)


def _cross_layers(module: DeepCrossNetwork) -> Iterator[Layer]:
    d = module.embedding.d_out
    if module.cross is not None:
        for i, layer in enumerate(module.cross.layers, 1):
            yield Layer(f"cross {i}", module.cross.kind, d, d, _n_parameters(layer))


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


def _n_parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _layer_cells(layer: Layer) -> list[str]:
    d_in = "-" if layer.d_in is None else f"{layer.d_in:,}"
    sizes = [d_in, f"{layer.d_out:,}", f"{layer.n_parameters:,}"]
    return [layer.name, layer.what, *sizes]


def _network_title(module: Network, layers: Sequence[Layer]) -> str:
    n_members, member = len(module.members), module.members[0]
    size = _count(sum(layer.n_parameters for layer in layers), "parameter")
    head = "Network" if n_members == 1 else f"Mean of {n_members} networks, each"
    return (
        f"{head}: {member.structure}, x_0 of width {member.embedding.d_out:,}, {size}"
    )


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"


# The training -------------------------------------------------------------------------


def _training_title(history: Sequence[dict[str, Any]]) -> str:
    seconds = sum(epoch.get("dur", 0.0) for epoch in history)
    return f"Training: {_count(len(history), 'epoch')}, {seconds:.1f} s"


def _epochs(history: Sequence[dict[str, Any]], best: int) -> list[list[str]]:
    """Return the cells of the first epoch, the best and the last one."""
    return [
        [
            str(number),
            *(
                f"{epoch[key]:.4g}" if key in epoch else "-"
                for key in ("train_loss", "valid_loss", "lr")
            ),
            "kept" if number == best else "",
        ]
        for number, epoch in enumerate(history, 1)
        if number in (1, best, len(history))
    ]


def training_curve(history: Sequence[dict[str, Any]], best: int) -> str:
    """Return the losses of the epochs, the best one marked, as an SVG picture."""
    losses = {key: [epoch.get(key) for epoch in history] for key in CURVES}
    known = [x for values in losses.values() for x in values if x is not None]
    low, high = min(known), max(known)
    span = (high - low) or 1.0
    n = len(history)

    def x_of(number: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (number - 1) / max(n - 1, 1)

    def y_of(loss: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (high - loss) / span

    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    shapes = [
        f'<path d="M{LEFT} {TOP}V{bottom}H{right}" fill="none" stroke="currentColor"/>',
        f'<path d="M{x_of(best):.1f} {TOP}V{bottom}" stroke="currentColor" '
        'stroke-dasharray="4 3"/>',
        _text(LEFT - 6, TOP + 4, f"{high:.4g}", "end"),
        _text(LEFT - 6, bottom + 4, f"{low:.4g}", "end"),
        _text(LEFT, bottom + 18, "1", "middle"),
        _text((LEFT + right) / 2, HEIGHT - 2, f"epoch ({best} is kept)", "middle"),
    ]
    if n > 1:
        shapes.append(_text(right, bottom + 18, str(n), "end"))
    start = LEFT + 4
    for key, (name, colour) in CURVES.items():
        points = [
            (x_of(i), y_of(y)) for i, y in enumerate(losses[key], 1) if y is not None
        ]
        if not points:
            continue
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        stroke = f'fill="none" stroke="{colour}" stroke-width="2"'
        shapes.append(f'<polyline points="{path}" {stroke}/>')
        shapes += [
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>'
            for x, y in (points if n <= 30 else points[best - 1 : best])
        ]
        shapes.append(_text(start, TOP - 10, f"● {name} loss", "start", colour))
        start += 140
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{WIDTH}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}" font-size="12" font-family="sans-serif">'
        f"<title>Loss of each epoch</title>{''.join(shapes)}</svg>"
    )


def _text(
    x: float, y: float, text: str, anchor: str, colour: str = "currentColor"
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">'
        f"{text}</text>"
    )
