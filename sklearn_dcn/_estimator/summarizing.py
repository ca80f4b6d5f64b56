"""What a fitted estimator is: its table, network and training, in text and HTML."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from .._analysis import Layer, get_layers, training_curve
from .._printing import html_table, quantity, text_table
from ..network.ensemble import Network
from .groups import cells_by_group

__all__ = ["Summarizes", "Summary"]


PARAMETER_HEADER = ("group", "parameter", "value", "")
SHORT = 20  # columns of a table that a notebook shows at once
LAYER_HEADER = ("layer", "what", "input", "output", "parameters")
EPOCHS = {
    "train_loss": "loss",
    "valid_loss": "validation loss",
    "valid_score": "validation score",
    "lr": "learning rate",
}
LAYER_NUMBERS = ("input", "output", "parameters")  # aligned on the right
STYLE = """
.sklearn-dcn-summary { margin: 0.6em 0; }
.sklearn-dcn-summary summary { cursor: pointer; font-weight: bold; }
.sklearn-dcn-summary svg { max-width: 100%; height: auto; color: inherit; }
"""


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
        """Return what the fit produced: the table's schema, the network, the training.

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
            lines = _epochs(history, self.best_epoch_)
            parts.append("\n".join([_training_title(history), *lines]))
        return Summary("\n\n".join(parts), self._details())

    def _details(self) -> str:
        """Return what a notebook shows below the parameters, if anything."""
        if not hasattr(self, "net_"):
            return ""
        parameters = cells_by_group(self)
        title = f"Parameters by group, {sum(row[3] == 'set' for row in parameters)} set"
        layers = get_layers(self.module_.members[0])
        cells = [_layer_cells(layer) for layer in layers]
        network = html_table(LAYER_HEADER, cells, LAYER_NUMBERS)
        is_short = len(self.encoder_.names) <= SHORT
        parts = [
            _fold(title, html_table(PARAMETER_HEADER, parameters, ()), is_open=False),
            _fold("Table", self.encoder_._repr_html_(), is_short),
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


def _fold(title: str, inner: str, is_open: bool = True) -> str:
    how = " open" if is_open else ""
    return f"<details{how}><summary>{title}</summary>{inner}</details>"


def _layer_cells(layer: Layer) -> list[str]:
    d_in = "-" if layer.d_in is None else f"{layer.d_in:,}"
    sizes = [d_in, f"{layer.d_out:,}", f"{layer.n_parameters:,}"]
    return [layer.name, layer.what, *sizes]


def _network_title(module: Network, layers: Sequence[Layer]) -> str:
    n_members, member = len(module.members), module.members[0]
    size = quantity(sum(layer.n_parameters for layer in layers), "parameter")
    head = "Network" if n_members == 1 else f"Mean of {n_members} networks, each"
    return (
        f"{head}: {member.structure}, x_0 of width {member.embedding.d_out:,}, {size}"
    )


def _training_title(history: Sequence[dict[str, Any]]) -> str:
    seconds = sum(epoch.get("dur", 0.0) for epoch in history)
    rows = history[-1].get("train_rows")
    each = "" if rows is None else f" of {quantity(rows, 'row')}"
    return f"Training: {quantity(len(history), 'epoch')}{each}, {seconds:.1f} s"


def _epochs(history: Sequence[dict[str, Any]], best: int) -> list[str]:
    """Return the table of the first epoch, the best and the last one."""
    keys = [k for k in EPOCHS if k != "valid_score" or any(k in e for e in history)]
    names = [EPOCHS[key] for key in keys]
    rows = [
        [
            str(number),
            *(f"{epoch[key]:.4g}" if key in epoch else "-" for key in keys),
            "kept" if number == best else "",
        ]
        for number, epoch in enumerate(history, 1)
        if number in (1, best, len(history))
    ]
    return text_table(("epoch", *names, ""), rows, ("epoch", *names))
