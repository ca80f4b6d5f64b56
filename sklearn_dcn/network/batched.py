"""The members of an ensemble, computed at once, and perhaps in another precision.

Weights of one name, of K members, are one tensor with an axis of members. It is no
copy: the members' parameters are its parts. So what is done to a member, by an
optimizer, a calibration, a file, is done here, and a product of all members is one
call. Of a network alone K is 1.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self, cast

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from .dcn import DeepCrossNetwork

__all__ = ["BatchedMembers", "ComputesAtOnce"]

# Two threads that predict with one ensemble must not both move its weights.
_lock = threading.Lock()


class BatchedMembers:
    """Computes all members of an ensemble as one network.

    Parameters
    ----------
    members : sequence of DeepCrossNetwork
        Networks of the same arguments.
    """

    def __init__(self, members: Sequence[DeepCrossNetwork]) -> None:
        self.members = members
        first = members[0]
        tensors = (*first.parameters(), *first.buffers())
        # A module like the first, with its very tensors until `join` gives it others.
        self.network = copy.deepcopy(first, {id(t): t for t in tensors})
        self.network.__dict__.pop("combine", None)  # compiled, of the first
        if self.network.deep is not None:
            norms = zip(*(cast(Any, m.deep).norms for m in members), strict=True)
            self.network.deep.norms = nn.ModuleList(map(_EachNorm, norms))
        if self.network._modules["embedding"] is not None:  # as in copies without it
            self.network.embedding.become_members(len(members))
        self.slots = self._find_slots()
        self.join()

    def _find_slots(self) -> list[_Slot]:
        """Return where the weights of each name are, in the network and the members."""
        within = [dict(member.named_modules()) for member in self.members]
        cross = self.network.cross
        is_vector = cross is not None and cross.kind == "vector"
        return [
            _Slot(
                module._parameters,
                [own[at]._parameters for own in within],
                name,
                is_table=at.endswith("tables"),
                # Its few products are of numbers that all of x_0 is multiplied by.
                is_cast=at.startswith(("deep.", "linear_cross."))
                or (at.startswith("cross.") and not is_vector),
            )
            for at, module in self.network.named_modules()
            if ".norms" not in at
            for name, own_weight in module._parameters.items()
            if own_weight is not None  # as a bias that there is not
        ]

    @property
    def is_current(self) -> bool:
        """Whether the members' parameters still are parts of the joined tensors."""
        return all(
            owner[name] is part and part.data_ptr() == at
            for owner, name, part, at in self.parts
        )

    def join(self) -> None:
        """Make the members' parameters parts of joined tensors."""
        # Tensors of an inference mode could not be trained later.
        with torch.inference_mode(False), torch.no_grad():
            for slot in self.slots:
                slot.join()
        # What `is_current` asks in every step.
        self.parts = [
            (owner, slot.name, owner[slot.name], owner[slot.name].data_ptr())
            for slot in self.slots
            for owner in slot.owners
        ]

    @contextmanager
    def lent(
        self, training: bool, dtype: torch.dtype | None = None
    ) -> Iterator[DeepCrossNetwork]:
        """Lend the network, with weights whose gradients go to the members'.

        With a `dtype` the weights of cross and deep layers are cast to it. Then, and in
        training, only one thread may have it.
        """
        if self.network.training != training:
            self.network.train(training)
        if dtype is None and not torch.is_grad_enabled():
            yield self.network
            return
        each = (part for _, _, part, _ in self.parts)
        joined = cast(Any, _Joined).apply(self.slots, dtype, *each)
        for slot, weight in zip(self.slots, joined, strict=True):
            slot.place[slot.name] = weight
        try:
            yield self.network
        finally:
            for slot in self.slots:
                slot.place[slot.name] = slot.whole


class _Slot:
    """The weights of one name.

    Parameters
    ----------
    place : dict
        Parameters of a module of the network that computes.
    owners : list of dict
        Those of the members' modules.
    name : str
    is_table : bool
        Whether they are embeddings of ids, which are joined one below the other.
    is_cast : bool
        Whether they take part in another precision.
    """

    whole: Any = None  # the joined tensor

    def __init__(
        self, place: Any, owners: list[Any], name: str, is_table: bool, is_cast: bool
    ) -> None:
        self.place, self.owners, self.name = place, owners, name
        self.is_table, self.is_cast = is_table, is_cast

    def join(self) -> None:
        """Make the members' parameters parts of one tensor, if they are not."""
        parts = [owner[self.name] for owner in self.owners]
        first = parts[0].detach()
        storage, at = first.untyped_storage().data_ptr(), first.data_ptr()
        if all(
            part.untyped_storage().data_ptr() == storage
            and part.data_ptr() == at + k * first.nbytes
            for k, part in enumerate(parts)
        ):
            # No copy, as of a network alone, or of members that were joined before.
            size = (len(parts), *first.shape)
            whole = first.as_strided(size, (first.numel(), *first.stride()))
        else:
            whole = torch.stack([part.detach() for part in parts])
            for part, own in zip(parts, whole, strict=True):
                part.data = own
        self.whole = whole.flatten(0, 1) if self.is_table else whole
        self.place[self.name] = self.whole

    def as_dtype(self, dtype: torch.dtype | None) -> Tensor:
        cast_to = self.whole.dtype if dtype is None or not self.is_cast else dtype
        return self.whole.detach().to(cast_to)

    def split(self, gradient: Tensor) -> Sequence[Tensor]:
        """Return the members' parts of a gradient of the joined tensor."""
        if not self.is_table:
            return gradient.to(self.whole.dtype).unbind(0)
        n_members = len(self.owners)
        if not gradient.is_sparse:
            return gradient.chunk(n_members)
        # As many entries of each member, one member after the other.
        n_rows = len(gradient) // n_members
        rows = gradient._indices().chunk(n_members, dim=1)
        values = gradient._values().chunk(n_members)
        return [
            torch.sparse_coo_tensor(
                at - k * n_rows,
                own,
                (n_rows, gradient.shape[1]),
                check_invariants=False,
            )
            for k, (at, own) in enumerate(zip(rows, values, strict=True))
        ]


class _Joined(torch.autograd.Function):
    """Parameters of members -> the tensors that they are parts of."""

    @staticmethod
    def forward(
        ctx: Any, slots: list[_Slot], dtype: torch.dtype | None, *parts: Tensor
    ) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        ctx.slots = slots
        return tuple(slot.as_dtype(dtype) for slot in slots)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        parts: list[Tensor | None] = []
        for slot, gradient in zip(ctx.slots, gradients, strict=True):
            none = [None] * len(slot.owners)
            parts += none if gradient is None else slot.split(gradient)
        return None, None, *parts


class _EachNorm(nn.Module):
    """A normalisation of each member, one by one: they have statistics of their own."""

    def __init__(self, norms: Sequence[nn.Module]) -> None:
        super().__init__()
        self.__dict__["norms"] = norms  # their parameters stay the members'

    def train(self, mode: bool = True) -> Self:
        """Leave the members' modes to the ensemble."""
        return self

    def forward(self, x: Tensor) -> Tensor:
        """Normalise x (K, B, d) member by member."""
        each = zip(self.__dict__["norms"], x.unbind(0), strict=True)
        own = [norm(part.to(norm.weight.dtype)) for norm, part in each]
        return torch.stack(own).to(x.dtype)


class ComputesAtOnce(nn.Module):
    """A module of networks, `members`, that can compute as one."""

    members: Sequence[DeepCrossNetwork]

    @property
    def batched(self) -> BatchedMembers:
        """The members as one network, their weights joined."""
        found: BatchedMembers | None = self.__dict__.get("_batched")
        if found is None or not found.is_current:
            with _lock:
                found = BatchedMembers(self.members)
                self.__dict__["_batched"] = found
        return found

    def _logits_of_members(
        self, dtype: torch.dtype | None = None, **batch: Any
    ) -> tuple[Tensor, Tensor]:
        """Return what `_compute` does of a batch, with the members' weights."""
        with self.batched.lent(self.training, dtype) as network:
            return _compute(network, **batch)

    def copied(self, dtype: torch.dtype) -> Callable[..., Tensor]:
        """Return a function as `forward`, of a copy of the weights as `dtype`.

        It is for predictions: other threads may predict with the module meanwhile.
        """
        network = self.copied_network(dtype)
        return lambda **batch: _compute(network, **batch)[0].transpose(0, 1)

    def copied_network(self, dtype: torch.dtype) -> DeepCrossNetwork:
        """Return the members as one network, with a copy of the weights as `dtype`."""
        copied = BatchedMembers(self.members)
        copied.network.eval()
        for slot in copied.slots:
            slot.place[slot.name] = slot.as_dtype(dtype)
        return copied.network

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what follows from the members."""
        return {k: v for k, v in self.__dict__.items() if k != "_batched"}

    def _apply(self, *args: Any, **kwargs: Any) -> Self:
        """Change the members' tensors; what is joined of them is no longer theirs."""
        self.__dict__.pop("_batched", None)
        return cast(Self, super()._apply(*args, **kwargs))  # type: ignore[no-untyped-call]


def _compute(
    network: DeepCrossNetwork,
    x_num: Tensor | None = None,
    x_cat: Tensor | None = None,
    x_bag: Sequence[Sequence[Tensor]] | None = None,
    x_own: Tensor | None = None,
    generator: torch.Generator | None = None,
    x_vec: Tensor | None = None,
    by_tower: bool = False,
) -> tuple[Tensor, Tensor]:
    """Return logits (K, B, d_out) and x_0 (K, B, d); x_own is (B, K, n_own).

    Logits `by_tower` are (2, K, B, d_out).
    """
    own = None if x_own is None else x_own.transpose(0, 1)
    x_0 = network.embedding(x_num, x_cat, x_bag, generator, own, x_vec)
    return network.combine(x_0, generator, by_tower), x_0
