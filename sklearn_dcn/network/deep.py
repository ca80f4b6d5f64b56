"""The deep network: (B, d_in) -> (B, d_out), a plain feed-forward tower."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .._checks import check_count, check_option, check_rate, check_sizes
from ._init import he_normal_, xavier_normal_
from ._products import linear, relu_layers, takes_layers_at_once
from .draws import Source, bernoulli

__all__ = ["ACTIVATIONS", "DeepNetwork", "dropout"]

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "tanh": torch.tanh,
    "hardtanh": F.hardtanh,
    "sigmoid": torch.sigmoid,
    "silu": F.silu,
    "gelu": F.gelu,
    "leaky_relu": F.leaky_relu,
    "selu": F.selu,
}

NORMALIZATIONS = (None, "batch", "layer")


def dropout(x: Tensor, p: float, generator: Source = None) -> Tensor:
    """Zero each entry of `x` with probability `p` and scale the rest by 1 / (1 - p).

    Unlike :func:`torch.nn.functional.dropout` it can draw from a generator, so that
    a seeded fit neither reads nor moves the global random state.
    """
    keep = bernoulli(x, 1.0 - p, generator)
    return x * keep.div_(1.0 - p)


class DeepNetwork(nn.Module):
    r"""The deep part of DCN: fully connected layers, by default with ReLU.

    .. math:: h_{l+1} = f(W_l h_l + b_l)

    with optional normalisation before, and optional dropout after, the activation f.

    Parameters
    ----------
    d_in : int
        Width of the input.
    hidden_layer_sizes : sequence of int, default=(256, 256)
        Width of each layer; empty for the identity.
    activation : str, default="relu"
        "relu", "tanh", "hardtanh", "sigmoid", "silu", "gelu", "leaky_relu" or "selu".
    dropout : float, default=0.0
        Probability in [0, 1) of zeroing an activation during training.
    normalization : {"batch", "layer"} or None, default=None
        Batch or layer normalisation of every layer before its activation.

    Attributes
    ----------
    d_in, d_out : int
        Width of the input and of the output.

    References
    ----------
    Wang et al. 2017, arXiv:1708.05123, equation 4; batch normalisation is applied
    "on the deep network" alone (section 4.2).

    Examples
    --------
    >>> import torch
    >>> from sklearn_dcn.network import DeepNetwork
    >>> DeepNetwork(8, (32, 16), dropout=0.1)(torch.randn(5, 8)).shape
    torch.Size([5, 16])
    """

    def __init__(
        self,
        d_in: int,
        hidden_layer_sizes: Sequence[int] = (256, 256),
        *,
        activation: str = "relu",
        dropout: float = 0.0,
        normalization: Literal["batch", "layer"] | None = None,
    ) -> None:
        d_in = check_count("d_in", d_in, minimum=1)
        sizes = check_sizes("hidden_layer_sizes", hidden_layer_sizes)
        check_option("activation", activation, ACTIVATIONS)
        check_option("normalization", normalization, NORMALIZATIONS)
        dropout = check_rate("dropout", dropout)
        super().__init__()
        self.d_in = d_in
        self.d_out = sizes[-1] if sizes else d_in
        self.activation = activation
        self.dropout = dropout
        self.linears = nn.ModuleList(
            nn.Linear(a, b) for a, b in pairwise([d_in, *sizes])
        )
        norm = {None: None, "batch": nn.BatchNorm1d, "layer": nn.LayerNorm}
        norm_class = norm[normalization]
        self.norms = nn.ModuleList(
            [] if norm_class is None else [norm_class(size) for size in sizes]
        )
        self.reset_parameters()

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw the weights anew (from `generator`, or torch's own); zero the biases.

        He normal where the activation belongs to the ReLU family, else Xavier.
        """
        relu_like = self.activation in ("relu", "silu", "gelu", "leaky_relu")
        for layer in self.linears:
            weight, bias = _weights(layer)
            d_out, d_in = weight.shape
            if relu_like:
                he_normal_(weight, d_in, generator)
            else:
                xavier_normal_(weight, d_in, d_out, generator)
            nn.init.zeros_(bias)
        for norm in self.norms:
            cast(nn.LayerNorm, norm).reset_parameters()

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the weights."""
        return _weights(self.linears[0])[0].dtype

    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return h_L of shape (B, d_out) for `x` of shape (B, d_in).

        `generator` is the source of the dropout masks; torch's own when None.
        """
        if self.is_plain and takes_layers_at_once(x):
            return relu_layers(x, *self.weights)
        if not self.linears:
            return x
        return self.after_first(linear(x, *_weights(self.linears[0])), generator)

    def after_first(
        self, x: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return h_L for `x`, the first layer's product, which is used up.

        `generator` is as that of `forward`.
        """
        if self.is_plain and takes_layers_at_once(x):
            Ws, bs = self.weights
            return relu_layers(x.relu_(), Ws[1:], bs[1:])
        f = ACTIVATIONS[self.activation]
        for i, layer in enumerate(self.linears):
            if i:
                x = linear(x, *_weights(layer))  # (B, size of layer i)
            if self.norms:
                x = self.norms[i](x)
            x = f(x)
            if self._drops:
                x = dropout(x, self.dropout, generator)
        return x

    @property
    def _drops(self) -> bool:
        return self.training and self.dropout > 0

    @property
    def is_plain(self) -> bool:
        """Whether the layers are now products and ReLUs alone."""
        return self.activation == "relu" and not (self._drops or self.norms)

    @property
    def weights(self) -> tuple[list[Tensor], list[Tensor]]:
        """The W and the b of all layers."""
        Ws, bs = zip(*map(_weights, self.linears), strict=True)
        return [*Ws], [*bs]


def _weights(layer: nn.Module) -> tuple[Tensor, Tensor]:
    """Return W and b of a linear layer."""
    return cast(Tensor, layer.weight), cast(Tensor, layer.bias)
