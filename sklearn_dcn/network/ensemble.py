"""Several networks side by side, whose mean is the prediction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from .._checks import check_count
from .batched import ComputesAtOnce
from .dcn import DeepCrossNetwork

__all__ = [
    "DeepCrossEnsemble",
    "Network",
    "by_holder",
    "by_member",
    "has_own_weights",
    "mean_logits",
    "own_mean",
]


class DeepCrossEnsemble(ComputesAtOnce):
    r"""Deep & Cross Networks that share nothing but their input.

    The ensemble's logits are the mean :math:`\frac{1}{K} \sum_k z_k` of its members'.
    Train each member by the loss of its own logits, not by that of the mean, so that
    the members stay as different as separate networks.

    Parameters
    ----------
    n_members : int
        Number of networks, K.
    *args, **kwargs
        As :class:`DeepCrossNetwork`, the same for all.

    Attributes
    ----------
    members : nn.ModuleList
        The networks.
    d_out : int
        Number of logits.
    d_stack : int
        Width of the members' x_0 together.

    References
    ----------
    Lakshminarayanan et al., "Simple and Scalable Predictive Uncertainty Estimation
    using Deep Ensembles", 2017, arXiv:1612.01474, on members that differ by their
    initial weights and the order of rows.

    Examples
    --------
    >>> import torch
    >>> from sklearn_dcn.network import DeepCrossEnsemble
    >>> ensemble = DeepCrossEnsemble(4, n_num=3, cardinalities=[10, 1000])
    >>> x_num, x_cat = torch.randn(5, 3), torch.randint(0, 10, (5, 2))
    >>> ensemble(x_num, x_cat).shape
    torch.Size([5, 4, 1])
    """

    def __init__(self, n_members: int, *args: Any, **kwargs: Any) -> None:
        n_members = check_count("n_members", n_members, minimum=1)
        super().__init__()
        networks = (DeepCrossNetwork(*args, **kwargs) for _ in range(n_members))
        self.members = cast("Sequence[DeepCrossNetwork]", nn.ModuleList(networks))
        self.d_out = self.members[0].d_out
        self.d_stack = sum(member.d_stack for member in self.members)

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw all weights anew, from `generator`, one member after the other."""
        for member in self.members:
            member.reset_parameters(generator)

    def forward(
        self,
        x_num: Tensor | None = None,
        x_cat: Tensor | None = None,
        x_bag: Sequence[Sequence[Tensor]] | None = None,
        x_own: Tensor | None = None,
        x_vec: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
        return_embeddings: bool = False,
        dtype: torch.dtype | None = None,
        by_tower: bool = False,
        member: int | None = None,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Compute every member's logits of a batch.

        Parameters
        ----------
        x_num, x_cat, x_bag
            As in :meth:`DeepCrossNetwork.forward`.
        x_own : float tensor of shape (B, n_members, n_own) or None, default=None
            The last columns of `x_num`, which differ between members; `x_num` then has
            only the columns before them, or is None.
        x_vec : float tensor of shape (B, sum of vector_widths), or None without vectors
        generator, return_embeddings, dtype, by_tower
            As in :meth:`DeepCrossNetwork.forward`.
        member : int or None, default=None
            Compute the logits of this member alone; None computes all.

        Returns
        -------
        logits : tensor of shape (B, n_members, d_out)
            With `member`, (B, 1, d_out); with `by_tower`, (2, B, n_members, d_out).
        embeddings : tensor of shape (B, n_members * d_embedded)
            Only with `return_embeddings`.
        """
        batch: dict[str, Any] = {"x_cat": x_cat, "x_bag": x_bag, "x_vec": x_vec}
        batch |= {"generator": generator, "dtype": dtype, "by_tower": by_tower}
        # Nothing can be joined in torch.export, either.
        if member is not None or torch.compiler.is_compiling():
            chosen = range(len(self.members)) if member is None else [member]
            logits, embedded = self._one_by_one(chosen, x_num, x_own, batch)
            return (logits, embedded) if return_embeddings else logits
        logits, x_0 = self._logits_of_members(x_num=x_num, x_own=x_own, **batch)
        logits = logits.transpose(-3, -2)
        if return_embeddings:
            embedded = x_0[..., : self.members[0].embedding.d_embedded]
            return logits, embedded.transpose(0, 1).flatten(1)
        return logits

    def _one_by_one(
        self,
        chosen: Iterable[int],
        x_num: Tensor | None,
        x_own: Tensor | None,
        batch: dict[str, Any],
    ) -> tuple[Tensor, Tensor]:
        """Return the logits and embeddings of some members, by their own forward."""
        pairs = [
            self.members[k](
                _numbers_of(k, x_num, x_own), **batch, return_embeddings=True
            )
            for k in chosen
        ]
        logits, embeddings = zip(*pairs, strict=True)
        return torch.stack(logits, dim=-2), torch.cat(embeddings, dim=1)

    def stack(
        self,
        x_num: Tensor | None = None,
        x_cat: Tensor | None = None,
        x_bag: Sequence[Sequence[Tensor]] | None = None,
        x_vec: Tensor | None = None,
    ) -> Tensor:
        """Return the x_0 (B, d_stack) of members, of x_num, x_cat, x_bag and x_vec."""
        with self.batched.lent(self.training) as network:
            x_0 = network.embedding(x_num, x_cat, x_bag, x_vec=x_vec)  # (K, B, d)
        return x_0.transpose(0, 1).flatten(1)

    def combine(self, x_0: Tensor) -> Tensor:
        """Return the mean logits (B, d_out) of the members, of x_0 (B, d_stack)."""
        with self.batched.lent(self.training) as network:
            parts = x_0.reshape(len(x_0), len(self.members), -1).transpose(0, 1)
            return network.combine(parts).mean(0)


def _numbers_of(
    member: int, x_num: Tensor | None, x_own: Tensor | None
) -> Tensor | None:
    """Return the x_num of a member, of those of all and its own."""
    if x_own is None:
        return x_num
    own = x_own[:, member]
    return own if x_num is None else torch.cat([x_num, own], dim=1)


Network = DeepCrossNetwork | DeepCrossEnsemble


def mean_logits(logits: Tensor) -> Tensor:
    """Return the logits (B, d_out) of a network, or of an ensemble's members."""
    return logits.mean(1) if logits.ndim == 3 else logits


def has_own_weights(target: dict[str, Tensor]) -> bool:
    """Tell whether "weight" has a column for each member: 0 where a row is not its own.

    A loss is then the mean over the rows of each member, else over all rows.
    """
    return "weight" in target and target["weight"].ndim == 2


def own_mean(logits: Tensor, target: dict[str, Tensor]) -> Tensor:
    """Return logits (B, d_out): for each row, the mean of the members that own it.

    A row that has no weight with any of them is judged by all.

    Parameters
    ----------
    logits : tensor of shape (B, d_out) or (B, n_members, d_out)
    target : dict of tensors of shape (B, ...)
    """
    if logits.ndim == 2 or not has_own_weights(target):
        return mean_logits(logits)
    own = target["weight"] > 0
    own = (own | ~own.any(1, keepdim=True)).unsqueeze(-1)
    return (logits * own).sum(1) / own.sum(1)


def by_member(
    logits: Tensor, target: dict[str, Tensor]
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return members' logits as rows of their own, and the target of each.

    Parameters
    ----------
    logits : tensor of shape (B, n_members, d_out)
    target : dict of tensors of shape (B, ...)
        A "weight" may be each member's own, of shape (B, n_members). A "group" becomes
        one for each member.

    Returns
    -------
    logits : tensor of shape (B * n_members, d_out)
    target : dict of tensors of shape (B * n_members, ...)
    """
    n_members = logits.shape[1]
    own = {
        name: tensor.flatten()
        if name == "weight" and has_own_weights(target)
        else tensor.repeat_interleave(n_members, dim=0)
        for name, tensor in target.items()
    }
    if "group" in target:
        members = torch.arange(n_members, device=logits.device)
        own["group"] = (target["group"][:, None] * n_members + members).flatten()
    return logits.flatten(0, 1), own


def by_holder(
    logits: Tensor, target: dict[str, Tensor]
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return logits and target of rows that validate, for the loss.

    Where members hold out rows of their own, a row is judged by the logits of each
    member that holds it out, as `by_member` has them. Rows that no member has seen are
    judged by the mean of all members.
    """
    if has_own_weights(target):
        return by_member(logits, target)
    return mean_logits(logits), target
