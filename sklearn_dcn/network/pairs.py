r"""Rows that are pairs: all of some users with all of some items.

A row's x_0 has a part that is the user's, x_u, and one that is the item's, x_i, beside
zeros; perhaps a few numbers more, x_p, are the pair's own. What is linear in x_0 is a
sum of the parts', which are computed once each. That is the product of the first deep
layer, and of the first cross layer

.. math:: x_1 = x_0 \odot (g + 1), \quad g = W_1 x_0 + b_1

and also that of the last cross layer, as only one output is asked for,

.. math::
    w^\top x_L = (w + h)^\top x_{L-1} + (w \odot b_L)^\top x_0,
    \quad h = W_L^\top (w \odot x_0)

With two cross layers and no :math:`x_p`, :math:`\sum_k x_0 (w + h) (g + 1)` is then a
sum of products of a number of the user's with one of the item's: a single matrix
product of users and items. So is a :class:`PairLogit`, whose terms are of two users'
fields, of two items', or of one of each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor

from ._products import linear
from .cross import CrossNetwork
from .cross_layers import LowRankCross, MatrixCross
from .dcn import DeepCrossNetwork

__all__ = ["Half", "PairNetwork"]


@dataclass
class Half:
    r"""What is computed once for each of n users, or items; None where not used.

    Attributes
    ----------
    x : tensor of shape (K, n, d)
        Their part of x_0.
    deep : tensor of shape (K, n, size of the first layer)
        Of the first deep layer's product.
    products : tensor of shape (K, n, L + 1)
        Of those of cross layers of the kind "vector".
    g, h : tensor of shape (K, n, d)
        See the module; those of users have the 1, and the w, too.
    last : tensor of shape (K, n, 1)
        Of :math:`(w \odot b_L)^\top x_0`.
    factors : tensor of shape (K, n, m)
        Of the matrix product.
    pairs : tensor of shape (K, n, 1)
        Of their own pairs of fields.
    partners : tensor of shape (K, n, d)
        Of users, see :meth:`PairLogit.partners`.
    """

    x: Tensor
    deep: Tensor | None = None
    products: Tensor | None = None
    g: Tensor | None = None
    h: Tensor | None = None
    last: Tensor | None = None
    factors: Tensor | None = None
    pairs: Tensor | None = None
    partners: Tensor | None = None

    def __getitem__(self, rows: slice) -> Half:
        """Return some of them."""
        parts: dict[str, Any] = {name: part[:, rows] for name, part in self._parts()}
        return Half(**parts)

    def _parts(self) -> list[tuple[str, Tensor]]:
        return [(name, part) for name, part in vars(self).items() if part is not None]


class PairNetwork:
    """Computes the one logit of pairs by their halves.

    Parameters
    ----------
    network : DeepCrossNetwork
        With an axis of K members, as `ComputesAtOnce.batched` has it; of one output.
    of_user, of_item, of_pair : sequence of int
        Positions of each part in x_0.
    bulk : DeepCrossNetwork or None, default=None
        The same with weights of another precision, for the layers after the first.
    """

    def __init__(
        self,
        network: DeepCrossNetwork,
        of_user: Sequence[int],
        of_item: Sequence[int],
        of_pair: Sequence[int] = (),
        bulk: DeepCrossNetwork | None = None,
    ) -> None:
        if network.d_out != 1:
            raise ValueError(f"network must have one output; got {network.d_out}.")
        self.network, self.bulk = network, network if bulk is None else bulk
        W = network.head.weight  # (K, 1, d or more)
        self.at = [
            torch.tensor([*of], dtype=torch.int64, device=W.device)
            for of in (of_user, of_item, of_pair)
        ]
        cross, deep = network.cross, network.deep
        is_stacked = network.structure == "stacked"
        self.is_whole = network.structure == "fused" or (
            is_stacked and cross is not None and deep is not None
        )
        d = 0 if cross is None and deep is not None else network.d_stack
        self.w, self.w_deep = W[..., : network.d_stack], W[..., d:]
        self.layers: list[MatrixCross | LowRankCross] = []
        if cross is not None and not self.is_whole:
            self.layers = _layers(cross)
        # What the pairs' own numbers are multiplied by.
        unit = W.new_zeros(len(W), len(of_pair), network.d_stack)
        unit[:, torch.arange(len(of_pair)), self.at[2]] = 1.0
        self.unit = self._half(unit)

    @property
    def is_product(self) -> bool:
        """Whether the cross part is a matrix product of users and items."""
        return 0 < len(self.layers) <= 2 and not len(self.at[2])

    def half(self, x: Tensor, *, is_user: bool) -> Half:
        """Return what is computed once.

        Parameters
        ----------
        x : tensor of shape (K, n, d)
            x_0 of users, or of items; what is not their own part does not matter.
        is_user : bool
            Whether they are users, who have what depends on neither.

        Returns
        -------
        half : Half
        """
        own = torch.zeros_like(x)
        at = self.at[0 if is_user else 1]
        own[..., at] = x[..., at]
        half = self._half(own)
        if self.is_whole:
            return half
        if (pair := self.network.pair) is not None:
            half.pairs = pair(own)
            half.partners = pair.partners(own) if is_user else None
        if is_user and half.deep is not None and self.network.deep is not None:
            half.deep = half.deep + self.network.deep.weights[1][0].unsqueeze(-2)
        if half.g is not None and half.h is not None and half.last is not None:
            if is_user:
                half.g = half.g + (self.layers[0].b.unsqueeze(-2) + 1.0)
                half.h = half.h + self.w
            if self.is_product:
                half.factors = self._factors(own, half.g, half.h, is_user)
                half.last = half.last + (own * half.h * half.g).sum(-1, keepdim=True)
        return half

    def _half(self, x: Tensor) -> Half:
        """Return what is linear in parts (K, n, d) of x_0."""
        half, cross, deep = Half(x), self.network.cross, self.network.deep
        if self.is_whole:
            return half
        if deep is not None:
            half.deep = linear(x, deep.weights[0][0])
        if cross is not None and cross.kind == "vector":
            half.products = x @ cross.product_weights(self.w).mT
        if not self.layers:
            return half
        half.g, half.h = _product(self.layers[0], x), torch.zeros_like(x)
        half.last = torch.zeros_like(x[..., :1])
        if len(self.layers) > 1:
            last = self.layers[-1]
            half.h = _transposed(last, self.w * x)
            of_last = x * (self.w * last.b.unsqueeze(-2))
            half.last = of_last.sum(-1, keepdim=True)
        return half

    def _factors(self, x: Tensor, g: Tensor, h: Tensor, is_user: bool) -> Tensor:
        """Return the numbers whose products with the others' are the cross part.

        Over the user's part of x_0 that is x h, x g, x with g, h, h g of the item, and
        over the item's the other way round.
        """
        own, other = (self.at[0], self.at[1]) if is_user else (self.at[1], self.at[0])
        mine = [part[..., own] for part in (x * h, x * g, x)]
        theirs = [part[..., other] for part in (h * g, h, g)]
        parts = [*mine, *theirs] if is_user else [*theirs[::-1], *mine[::-1]]
        return torch.cat(parts, dim=-1)

    def logits(
        self,
        users: Half,
        items: Half,
        x_pair: Tensor | None = None,
        tile: int | None = None,
    ) -> Tensor:
        """Return the logits (n_users, n_items) of all pairs, the mean over members.

        Parameters
        ----------
        users, items : Half
        x_pair : tensor of shape (n_users, n_items, n_pair) or None, default=None
            The numbers of the pairs, if they have any.
        tile : int or None, default=None
            How many pairs go through the layers at a time; None is all.
        """
        n_users, n_items = users.x.shape[1], items.x.shape[1]
        logits = users.x.new_zeros(n_users, n_items)
        if not self.is_whole:
            logits += self.network.head.bias.mean()
        if users.pairs is not None and items.pairs is not None:
            both = cast(Tensor, users.partners) @ items.x.mT
            logits += (both + users.pairs + items.pairs.mT).mean(0)
        if users.factors is not None and items.factors is not None:
            product = users.factors @ items.factors.mT  # (K, n_users, n_items)
            product += cast(Tensor, users.last) + cast(Tensor, items.last).mT
            logits += product.mean(0)
            if self.network.deep is None:
                return logits
        width = n_items if tile is None else min(n_items, tile)
        height = n_users if tile is None else max(1, tile // width)
        for top in range(0, n_users, height):
            rows = slice(top, top + height)
            for left in range(0, n_items, width):
                columns = slice(left, left + width)
                x = None
                if x_pair is not None and len(self.at[2]):
                    x = x_pair[rows, columns].flatten(0, 1)
                part = logits[rows, columns]
                found = self._of_tile(users[rows], items[columns], x)
                part += found.reshape(part.shape)
        return logits

    def _of_tile(self, users: Half, items: Half, x_pair: Tensor | None) -> Tensor:
        """Return the logits (n_users * n_items,) but for bias and matrix product."""
        if self.is_whole:
            x_0 = self._joined("x", users, items, x_pair)
            return self.bulk.combine(x_0)[..., 0].mean(0)
        cross, deep = self.bulk.cross, self.bulk.deep
        found = []
        if users.factors is None and (cross is not None or deep is None):
            found.append(self._cross(users, items, x_pair))
        if deep is not None:
            z = self._joined("deep", users, items, x_pair)
            h_L = deep.after_first(z.to(deep.dtype))
            found.append(linear(h_L.to(self.w_deep.dtype), self.w_deep))
        return sum(found[1:], found[0])[..., 0].mean(0)

    def _joined(
        self, name: str, users: Half, items: Half, x_pair: Tensor | None
    ) -> Tensor:
        """Return the sums (K, n_users * n_items, ...) of what each side has."""
        one, other = getattr(users, name), getattr(items, name)
        both = (one.unsqueeze(2) + other.unsqueeze(1)).flatten(1, 2)
        if x_pair is not None:
            both += x_pair @ getattr(self.unit, name)
        return cast(Tensor, both)

    def _cross(self, users: Half, items: Half, x_pair: Tensor | None) -> Tensor:
        """Return the cross network's part of the logits, (K, n_users * n_items, 1)."""
        cross, given = self.bulk.cross, (users, items, x_pair)
        if users.products is not None and self.network.cross is not None:
            products = self._joined("products", *given)
            return self.network.cross.from_products(products, self.w)
        x_0 = self._joined("x", *given)
        if cross is None:
            return linear(x_0, self.w)
        if not self.layers:
            return cross.project(x_0.to(cross.dtype), self.w)
        x_l = x_0 * self._joined("g", *given)
        for layer in _layers(cross)[1:-1]:
            x_l = layer(x_0.to(cross.dtype), x_l.to(cross.dtype))
        h = self._joined("h", *given)
        x_h = (x_l.to(h.dtype) * h).sum(-1, keepdim=True)
        return x_h + self._joined("last", *given)


def _layers(cross: CrossNetwork) -> list[MatrixCross | LowRankCross]:
    """Return the layers of the kinds that split, or none."""
    if cross.kind not in ("matrix", "low_rank"):
        return []
    return [cast(MatrixCross, layer) for layer in cross.layers]


def _product(layer: MatrixCross | LowRankCross, x: Tensor) -> Tensor:
    """Return W x of rows x (K, n, d)."""
    if isinstance(layer, MatrixCross):
        return linear(x, layer.W)
    return linear(linear(x, layer.V.mT), layer.U)


def _transposed(layer: MatrixCross | LowRankCross, x: Tensor) -> Tensor:
    """Return W' x of rows x (K, n, d)."""
    if isinstance(layer, MatrixCross):
        return linear(x, layer.W.mT)
    return linear(linear(x, layer.U.mT), layer.V)
