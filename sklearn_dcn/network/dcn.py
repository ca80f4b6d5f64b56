"""The whole network: stacking -> cross and deep -> combination -> logits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from .._checks import check_count, check_option
from ._init import xavier_normal_
from ._products import linear
from .batched import ComputesAtOnce
from .cross import CrossNetwork
from .deep import DeepNetwork
from .embedding import EmbeddingStack
from .numeric import NumericKind
from .pair_logit import pair_of

__all__ = ["STRUCTURES", "DeepCrossNetwork", "resolve_depths"]

Structure = Literal["parallel", "stacked", "cross", "deep", "fused"]
STRUCTURES = get_args(Structure)


class DeepCrossNetwork(ComputesAtOnce):
    r"""Deep & Cross Network: a table of numbers and ids in, logits out.

    ============ =================================================================
    structure    logits
    ============ =================================================================
    "parallel"   :math:`W_{logits} [x_{L_1}; h_{L_2}] + b`, the DCN paper's
    "stacked"    :math:`W_{logits}\, h_{L_2}(x_{L_1}) + b`, added by DCN-V2
    "cross"      :math:`W_{logits}\, x_{L_1} + b`, no deep part
    "deep"       :math:`W_{logits}\, h_{L_2} + b`, no cross part: the papers' DNN
    "fused"      :math:`(z_E + z_L) / 2`, no deep part: FCN's
    ============ =================================================================

    Where the outputs of two towers add up, each tower has logits of its own,

    .. math:: z = \tfrac{1}{2} (z_1 + z_2), \qquad z_t = 2\, W_t\, x_t + b

    with :math:`W_{logits} = [W_1, W_2]` and :math:`x_t` the output of a tower: of
    "parallel" the cross and the deep network's, of "fused" the exponential and the
    linear cross network's of :math:`x_0`.

    Without cross layers (``n_cross_layers=0``) "parallel" and "stacked" are "deep";
    without hidden layers (``hidden_layer_sizes=()``) they are "cross".

    Parameters
    ----------
    n_num : int
        Number of numeric columns.
    cardinalities : sequence of int
        Number of ids of each categorical column.
    d_out : int, default=1
        Number of logits.
    embedding_dim, category_dropout, sparse
        See :class:`EmbeddingStack`.
    bag_cardinalities, numeric_embedding, numeric_dim, bin_edges, n_plain, statistics
        See :class:`EmbeddingStack`.
    vector_widths, vector_dim
        See :class:`EmbeddingStack`.
    collision_weighted : sequence of int, default=()
        See :class:`EmbeddingStack`.
    pair_logit : {"weighted", "plain"} or None, default=None
        Whether to add :class:`PairLogit`, of all fields with an embedding, to the
        logits. The fields must have the same width.
    structure : {"parallel", "stacked", "cross", "deep", "fused"}, default="parallel"
        How the cross and the deep network are combined.
    cross : str, default="matrix"
        Parameterisation of the cross layers; see `kind` of :class:`CrossNetwork`. It
        must be "exponential" for "fused", whose other tower is "linear".
    n_cross_layers : int or (int, int), default=2
        Number of cross layers. For "fused", at least 1: the number in each tower, or a
        pair of numbers for the exponential and the linear tower.
    cross_rank, n_experts, expert_gate, expert_activation
        `rank`, `n_experts`, `gate` and `activation` of :class:`CrossNetwork`.
    hidden_layer_sizes, activation, dropout, normalization
        See :class:`DeepNetwork`.

    Attributes
    ----------
    embedding : EmbeddingStack
    cross : CrossNetwork or None
        The exponential one of "fused".
    linear_cross : CrossNetwork or None
        The linear one of "fused".
    deep : DeepNetwork or None
    head : nn.Linear
        The combination output layer.
    pair : PairLogit or None
    d_out : int
        Number of logits.
    d_stack : int
        Width of x_0.
    members : tuple of DeepCrossNetwork
        This network alone: an ensemble of one.

    References
    ----------
    Wang et al. 2017, arXiv:1708.05123, equation 5; Wang et al. 2021,
    arXiv:2008.13535, figure 1; Li et al. 2025, arXiv:2407.13349 (v7), on "fused".

    Examples
    --------
    >>> import torch
    >>> from sklearn_dcn.network import DeepCrossNetwork
    >>> network = DeepCrossNetwork(n_num=3, cardinalities=[10, 1000])
    >>> x_num, x_cat = torch.randn(5, 3), torch.randint(0, 10, (5, 2))
    >>> network(x_num, x_cat).shape
    torch.Size([5, 1])
    """

    def __init__(
        self,
        n_num: int,
        cardinalities: Sequence[int],
        *,
        d_out: int = 1,
        embedding_dim: int | Sequence[int] | str = "auto",
        category_dropout: float = 0.0,
        sparse: bool = False,
        bag_cardinalities: Sequence[int] = (),
        numeric_embedding: NumericKind | None = None,
        numeric_dim: int = 8,
        bin_edges: Sequence[Sequence[float]] | None = None,
        n_plain: int = 0,
        statistics: Sequence[tuple[int, Sequence[int], float]] = (),
        vector_widths: Sequence[int] = (),
        vector_dim: int | Sequence[int] | str = "auto",
        collision_weighted: Sequence[int] = (),
        pair_logit: Literal["weighted", "plain"] | None = None,
        structure: Structure = "parallel",
        cross: str = "matrix",
        n_cross_layers: int | tuple[int, int] = 2,
        cross_rank: int | str = "auto",
        n_experts: int = 4,
        expert_gate: Literal["softmax", "sigmoid", "constant"] = "softmax",
        expert_activation: str | None = None,
        hidden_layer_sizes: Sequence[int] = (256, 256),
        activation: str = "relu",
        dropout: float = 0.0,
        normalization: Literal["batch", "layer"] | None = None,
    ) -> None:
        check_option("structure", structure, STRUCTURES)
        depth, linear_depth = resolve_depths(structure, cross, n_cross_layers)
        super().__init__()
        self.structure = structure
        columns = n_num, cardinalities, embedding_dim, category_dropout, sparse
        numbers = numeric_embedding, numeric_dim, bin_edges, n_plain, statistics
        others = vector_widths, vector_dim, collision_weighted
        self.embedding = EmbeddingStack(*columns, bag_cardinalities, *numbers, *others)
        cross_network = CrossNetwork(
            self.embedding.d_out,
            depth,
            cross,
            rank=cross_rank,
            n_experts=n_experts,
            gate=expert_gate,
            activation=expert_activation,
        )
        deep_network = DeepNetwork(
            self.embedding.d_out,
            hidden_layer_sizes,
            activation=activation,
            dropout=dropout,
            normalization=normalization,
        )
        self._connect(cross_network, linear_depth, deep_network, d_out)
        dims = self.embedding.dims_of_fields
        self.pair = None if pair_logit is None else pair_of(dims, d_out, pair_logit)
        self.reset_parameters()

    @property
    def members(self) -> tuple[DeepCrossNetwork]:  # type: ignore[override]
        """The networks of which this is the mean, as :class:`DeepCrossEnsemble` has."""
        return (self,)

    @property
    def crosses(self) -> tuple[CrossNetwork, ...]:
        """The cross networks that there are: none, one, or the two of "fused"."""
        both = (self.cross, self.linear_cross)
        return tuple(cross for cross in both if cross is not None)

    def _connect(
        self,
        cross_network: CrossNetwork,
        linear_depth: int,
        deep_network: DeepNetwork,
        d_out: int,
    ) -> None:
        """Keep the networks that the structure has, and combine them."""
        d_out = check_count("d_out", d_out, minimum=1)
        self.d_out, self.d_stack = d_out, self.embedding.d_out
        has_cross = self.structure != "deep" and len(cross_network.layers) > 0
        has_deep = self.structure not in ("cross", "fused") and bool(
            deep_network.linears
        )
        self.cross = cross_network if has_cross else None
        self.deep = deep_network if has_deep else None
        d = self.embedding.d_out
        self.linear_cross: CrossNetwork | None = None
        if self.structure == "fused":
            self.linear_cross = CrossNetwork(d, linear_depth, "linear")
        d_deep = deep_network.d_out if has_deep else d
        parallel = self.structure == "parallel" and has_cross and has_deep
        d_head = d + d_deep if parallel or self.linear_cross is not None else d_deep
        # NOTE[DIFF] The DCN paper's combination has no bias; ours starts at the base
        # rate, so that training need not spend its first epochs on finding it.
        # NOTE[DIFF] FCN's towers have a bias each, of which z has the mean: one here.
        self.head = nn.Linear(d_head, d_out)

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw all weights anew, from `generator` or torch's own."""
        self.embedding.reset_parameters(generator)
        for cross in self.crosses:
            cross.reset_parameters(generator)
        if self.deep is not None:
            self.deep.reset_parameters(generator)
        d_out, d = self.head.weight.shape
        xavier_normal_(self.head.weight, d, d_out, generator)
        nn.init.zeros_(self.head.bias)
        if self.pair is not None:
            self.pair.reset_parameters(generator)

    @torch.no_grad()
    def scale_logits(self, factor: Tensor) -> None:
        """Multiply the logits, except for their bias, by `factor` of shape (d_out,)."""
        self.head.weight.mul_(factor[:, None])
        if self.pair is not None:
            self.pair.scale_(factor)

    def forward(
        self,
        x_num: Tensor | None = None,
        x_cat: Tensor | None = None,
        x_bag: Sequence[Sequence[Tensor]] | None = None,
        x_vec: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
        return_embeddings: bool = False,
        dtype: torch.dtype | None = None,
        by_tower: bool = False,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Compute the logits of a batch.

        Parameters
        ----------
        x_num : float tensor of shape (B, n_num), or None without numeric columns
        x_cat : integer tensor of shape (B, n_cat), or None without categorical columns
        x_bag : sequence of (ids, offsets, weights), or None without bags
            See :meth:`EmbeddingStack.forward`.
        x_vec : float tensor of shape (B, sum of vector_widths), or None without vectors
        generator : torch.Generator or None
            Source of all dropout during training; torch's own when None.
        return_embeddings : bool, default=False
            Whether to return the batch's embeddings beside the logits, e.g. for a
            penalty on just the rows in use.
        dtype : torch.dtype or None, default=None
            What the products of the cross and deep layers are computed in, e.g.
            bfloat16; None is that of the weights.
        by_tower : bool, default=False
            Whether to return the logits of both towers, whose mean is returned
            otherwise.

        Returns
        -------
        logits : tensor of shape (B, d_out)
            With `by_tower` (2, B, d_out).
        embeddings : tensor of shape (B, d_embedded)
            Only with `return_embeddings`.
        """
        if dtype in (None, self.head.weight.dtype):
            x_0 = self.embedding(x_num, x_cat, x_bag, generator, x_vec=x_vec)  # (B, d)
            logits = self.combine(x_0, generator, by_tower)
        else:
            batch = {"x_num": x_num, "x_cat": x_cat, "x_bag": x_bag, "x_vec": x_vec}
            how = {"generator": generator, "by_tower": by_tower}
            both = self._logits_of_members(dtype, **batch, **how)
            logits, x_0 = (tensor.squeeze(-3) for tensor in both)
        if return_embeddings:
            return logits, x_0[:, : self.embedding.d_embedded]
        return logits

    def stack(
        self,
        x_num: Tensor | None = None,
        x_cat: Tensor | None = None,
        x_bag: Sequence[Sequence[Tensor]] | None = None,
        x_vec: Tensor | None = None,
    ) -> Tensor:
        """Return x_0 of shape (B, d) of the columns x_num, x_cat, x_bag and x_vec."""
        return self.embedding(x_num, x_cat, x_bag, x_vec=x_vec)

    def combine(
        self,
        x_0: Tensor,
        generator: torch.Generator | None = None,
        by_tower: bool = False,
    ) -> Tensor:
        """Return the logits (B, d_out) of stacked columns x_0 (B, d).

        All of the network behind the embedding & stacking layer; `generator` is the
        source of dropout. With `by_tower` they are those of the towers, (2, B, d_out).
        """
        logits = self._of_dcn(x_0, generator, by_tower)
        return logits if self.pair is None else logits + self.pair(x_0)

    def _of_dcn(
        self, x_0: Tensor, generator: torch.Generator | None, by_tower: bool
    ) -> Tensor:
        """Return what cross and deep network make of x_0."""
        W, b = self.head.weight, self.head.bias
        cross, deep = self.cross, self.deep
        if self.structure == "parallel" and cross is not None and deep is not None:
            logits = None if by_tower else cross.beside(deep, x_0, (W, b))
            if logits is not None:
                return logits
        # Either may compute in bfloat16; the head, whose logits are few, never does.
        d = x_0.shape[-1]
        x_c = x_0 if cross is None else x_0.to(cross.dtype)
        if cross is not None and self.linear_cross is not None:
            z_L = self.linear_cross.project(x_c, W[..., d:]) + b.unsqueeze(-2)
            return self._fuse(cross.project(x_c, W[..., :d]), z_L, by_tower)
        if deep is None:
            if cross is None:
                return linear(x_0, W, b)
            return cross.project(x_c, W) + b.unsqueeze(-2)
        if cross is not None and self.structure == "stacked":
            x_d = cross(x_c).to(deep.dtype)
        else:
            x_d = x_c if x_c.dtype == deep.dtype else x_0.to(deep.dtype)
        h_L = deep(x_d, generator).to(W.dtype)
        if cross is None or self.structure == "stacked":
            return linear(h_L, W, b)
        # W [x_L; h_L] in two parts, which spares the copy of both into one.
        crossed = cross.project(x_c, W[..., :d])
        return self._fuse(crossed, linear(h_L, W[..., d:], b), by_tower)

    def _fuse(self, first: Tensor, second: Tensor, by_tower: bool) -> Tensor:
        """Return the logits z, or z_1 and z_2, of W_1 x_1 and W_2 x_2 + b."""
        if not by_tower:
            return first + second
        # z_t = 2 W_t x_t + b
        b = self.head.bias.unsqueeze(-2)
        return torch.stack([2.0 * first + b, 2.0 * second - b])


def resolve_depths(structure: str, cross: str, n_cross_layers: Any) -> tuple[int, int]:
    """Return the depth of the cross network, and of the linear one of "fused".

    Raises
    ------
    ValueError
        If "fused" is asked for other cross layers, or for none; or if there is a pair
        of numbers for another structure.
    TypeError
        If there is no integer, nor a pair for "fused".
    """
    is_pair = isinstance(n_cross_layers, (tuple, list)) and len(n_cross_layers) == 2
    if structure != "fused":
        if is_pair:
            raise ValueError(
                f"n_cross_layers={n_cross_layers!r} is for the two towers of "
                f"structure='fused'; structure={structure!r} has one cross network. "
                "Give one integer."
            )
        return check_count("n_cross_layers", n_cross_layers, minimum=0), 0
    if cross != "exponential":
        raise ValueError(
            "structure='fused' has an 'exponential' and a 'linear' tower; cross must "
            f"be 'exponential'; got {cross!r}. Use structure='parallel' or 'cross' for "
            "other cross layers."
        )
    pair = n_cross_layers if is_pair else (n_cross_layers, n_cross_layers)
    also = "a pair of such"
    one, other = (check_count("n_cross_layers", n, minimum=1, also=also) for n in pair)
    return one, other
