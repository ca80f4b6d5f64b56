"""A fitted estimator outside its process: plain containers and arrays.

A pickle, a skops file and a file of `save` hold the same content. None holds an object
of torch or skorch, so they depend on neither device nor release, and users need to
trust no types other than those of this package.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from inspect import signature
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from torch import Tensor

from .._files import map_leaves
from .._table import TableEncoder
from .._training import (
    DTYPES,
    DCNNet,
    check_state,
    own_torch,
    replay,
    state_without_slack,
    to_numpy,
    to_tensor,
)
from .defaults import resolve_device

__all__ = ["KeepsNet"]


class KeepsNet(BaseEstimator):
    """The state of an estimator with a net, and the way back."""

    callbacks: Any
    device: Any
    encoder_: TableEncoder
    history_: list[dict[str, Any]]
    net_: DCNNet
    _build_net: Callable[..., DCNNet]
    _params_in_fit: dict[str, Any]

    def __getstate__(self) -> dict[str, Any]:
        """Return the attributes, the net as arrays.

        "net_" has what its initial state was drawn from, its weights, callbacks if it
        was given any, and, where a fit may go on, the state of the optimiser.
        """
        state = dict(super().__getstate__())
        state.pop("_importances", None)  # they are computed again when asked for
        state.pop("_names_of_y", None)  # of the target that was checked last
        if "net_" in state:
            weights, optimizer = state_without_slack(self.net_)
            state["net_"] = {
                "seed": self.net_.seed,
                "initial_logits": self.net_.initial_logits,
                "dtype": str(self.net_.dtype).removeprefix("torch."),
                "weights": map_leaves(Tensor, to_numpy, weights),
                "optimizer": map_leaves(Tensor, to_numpy, optimizer)
                if optimizer["state"]
                else None,
                "callbacks": self.net_.callbacks_ if self.net_.callbacks else None,
            }
            del state["_dtype"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Set the attributes, the net on a device that is there."""
        # A pickle may be older than a parameter, whose default changes nothing.
        defaults = {k: p.default for k, p in signature(type(self)).parameters.items()}
        state = state | _lacking(state, defaults)
        if "_params_in_fit" in state:
            in_fit = state["_params_in_fit"]
            state["_params_in_fit"] = in_fit | _lacking(in_fit, defaults)
        net = state.get("net_")
        super().__setstate__({k: v for k, v in state.items() if k != "net_"})
        if net is not None:
            self._dtype = DTYPES[net["dtype"]]
            with own_torch():
                self._restore_net(net)

    def __copy__(self) -> Self:
        """Return an estimator with the same attributes, the net among them."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        return other

    def _restore_net(self, state: dict[str, Any]) -> None:
        device = self._find_device()
        builder = copy.copy(self)  # the net is that of the fit, parameters may differ
        builder.__dict__.update(self._params_in_fit, device=self.device)
        # Those that have seen a fit are not to begin anew.
        builder.callbacks = copy.deepcopy(builder.callbacks)
        weights = map_leaves(np.ndarray, to_tensor, state["weights"])
        self.net_ = builder._build_net(
            state["initial_logits"], device, state["seed"], weights
        )
        if state["callbacks"] is not None:
            self.net_.callbacks = list(self._params_in_fit["callbacks"])
            self.net_.callbacks_ = state["callbacks"]
        if state["optimizer"] is not None:

            def place(array: NDArray[Any]) -> Tensor:
                return to_tensor(array).to(device)

            optimizer = map_leaves(np.ndarray, place, state["optimizer"])
            self.net_.optimizer_.load_state_dict(optimizer)
            check_state(self.net_)
        replay(self.net_.history, self.history_)
        self.encoder_.field_slices = self.module_.members[0].embedding.field_slices

    def _find_device(self) -> torch.device:
        """Return the estimator's device; set it to "auto" if that is not there."""
        try:
            device = resolve_device(self.device)
        except ValueError as error:
            warnings.warn(
                f"{error} The estimator is loaded with device='auto' instead.",
                UserWarning,
                stacklevel=4,
            )
            self.device = "auto"
            device = resolve_device("auto")
        self._params_in_fit["device"] = self.device
        if device.type == "mps" and self._dtype == torch.float64:
            return torch.device("cpu")  # mps has no float64
        return device


def _lacking(entries: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in defaults.items() if k not in entries}
