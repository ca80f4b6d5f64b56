"""A net whose columns get more ids: weights, moments and their average grow alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .._ids import UNKNOWN_ID
from ..network.ensemble import Network
from ..network.growing import grow, laid_out, used_rows
from .net import DCNNet

__all__ = ["check_state", "grow_net", "set_statistics", "state_without_slack"]


@torch.no_grad()
def grow_net(
    net: DCNNet,
    cardinalities: Sequence[int],
    bag_cardinalities: Sequence[int],
    fresh: Sequence[NDArray[np.intp]],
) -> None:
    """Give the columns of a net more ids, between two trainings.

    The embedding of a fresh id is that of an unknown level, of which the network knows
    most that holds for a new one. Its moments are zero.

    Parameters
    ----------
    net : DCNNet
    cardinalities, bag_cardinalities : sequence of int
        As of `grow`.
    fresh : sequence of integer ndarrays
        Of each column, and each bag after these, the ids that stand for a new level:
        new ones, and such that had another level before.
    """
    module: Network = net.module_
    for member in module.members:
        moved = grow(member.embedding, cardinalities, bag_cardinalities)
        for p, source in moved.items():
            _lay_out_beside(net, p, source.to(p.device))
    for member in module.members:
        for c, ids in enumerate(fresh):
            if len(ids):
                p, place = member.embedding.place_of(c)
                start = place.start or 0
                rows = torch.from_numpy(np.asarray(ids) + start).to(p.device)
                k = _place_in_average(net, p)
                for weights in [p.data] + ([] if k is None else [_average(net)[k]]):
                    weights[rows] = weights[start + UNKNOWN_ID].clone()
                for moments in _moments(net, p).values():
                    moments[rows] = 0
    module.__dict__.pop("_batched", None)  # which has copies of where columns stand
    of = "module__cardinalities", "module__bag_cardinalities"
    net.__dict__.update(zip(of, ([*cardinalities], [*bag_cardinalities]), strict=True))


def set_statistics(
    net: DCNNet, statistics: Sequence[tuple[int, Sequence[int], float]]
) -> None:
    """Tell the networks what statistics of columns are without these columns."""
    for member in net.module_.members:
        member.embedding.statistics = [
            (number, [*columns], float(value)) for number, columns, value in statistics
        ]
        member.embedding.fill_positions()
    net.module_.__dict__.pop("_batched", None)
    net.__dict__["module__statistics"] = [*statistics]


def _lay_out_beside(net: DCNNet, p: nn.Parameter, source: Tensor) -> None:
    """Lay out what stands beside a table, whose rows were laid out."""
    if p in net.optimizer_.state:
        state = net.optimizer_.state[p]
        n_before = int(source.max()) + 1
        for name, of in [*state.items()]:
            if isinstance(of, Tensor) and of.ndim == p.ndim:
                state[name] = laid_out(of, source)
            elif isinstance(of, Tensor) and of.shape == (n_before,):
                del state[name]  # room for a step, whose content does not matter
    if (k := _place_in_average(net, p)) is not None:
        _average(net)[k] = laid_out(_average(net)[k], source)


def _moments(net: DCNNet, p: nn.Parameter) -> dict[str, Tensor]:
    """Return what the optimizer keeps of every entry of a parameter."""
    if p not in net.optimizer_.state:
        return {}
    found = net.optimizer_.state[p].items()
    return {k: v for k, v in found if isinstance(v, Tensor) and v.shape == p.shape}


def _average(net: DCNNet) -> list[Tensor]:
    """Return what a next fit takes the average of weights on from, if anything."""
    state: dict[Any, Any] = net.optimizer_.state
    return state.get("average", {}).get("weights", [])


def _place_in_average(net: DCNNet, p: nn.Parameter) -> int | None:
    """Return where a parameter is there, if it is."""
    if not _average(net):
        return None
    return next(k for k, own in enumerate(net.module_.parameters()) if own is p)


def check_state(net: DCNNet) -> None:
    """Raise a ValueError if what the optimizer keeps does not fit the weights."""
    for p, own in net.optimizer_.state.items():
        if isinstance(p, Tensor):  # else "average"
            for name, of in own.items():
                _check_shape(name, of, p.shape, (), p.shape[:1])
    for p, of in zip(net.module_.parameters(), _average(net), strict=False):
        _check_shape("average", of, p.shape)


def _check_shape(name: str, of: Any, *shapes: Any) -> None:
    if isinstance(of, Tensor) and of.shape not in shapes:
        raise ValueError(f"the optimizer's {name} does not fit its weight")


def state_without_slack(net: DCNNet) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the states of module and optimizer without rows that have no id."""
    weights = net.module_.state_dict()
    state = net.optimizer_.state_dict()
    used: dict[nn.Parameter, Tensor] = {}
    for member in net.module_.members:
        used |= used_rows(member.embedding)
    if not used:
        return weights, state
    name_of = {p: name for name, p in net.module_.named_parameters()}
    groups = net.optimizer_.param_groups
    number_of = {p: k for k, p in enumerate(p for g in groups for p in g["params"])}
    for p, rows in used.items():
        rows = rows.to(p.device)
        weights[name_of[p]] = weights[name_of[p]][rows]
        own = state["state"].get(number_of[p])
        if own is not None:
            kept = {k: v for k, v in own.items() if not _is_room(v, p)}
            state["state"][number_of[p]] = kept | {
                name: own[name][rows] for name in _moments(net, p)
            }
    if average := _average(net):
        each = [
            beside[used[p].to(p.device)] if p in used else beside
            for p, beside in zip(net.module_.parameters(), average, strict=False)
        ]
        each += average[len(each) :]  # of buffers
        state["state"]["average"] = state["state"]["average"] | {"weights": each}
    return weights, state


def _is_room(v: Any, p: nn.Parameter) -> bool:
    return isinstance(v, Tensor) and v.shape == (len(p),)
