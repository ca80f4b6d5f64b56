r"""AdamW, dense and lazy: the update of the weights, and of an embedding's rows.

AdamW of one entry with gradient g, at step t of the fit:

.. math::
    m &\leftarrow \beta_1 m + (1 - \beta_1) g \\
    v &\leftarrow \beta_2 v + (1 - \beta_2) g^2 \\
    w &\leftarrow (1 - \eta \lambda) w
        - \eta\, \frac{m / (1 - \beta_1^t)}{\sqrt{v / (1 - \beta_2^t)} + \epsilon}

*Dense*, every row of an embedding table takes part in every step: one with g = 0
goes on moving by its momentum, and a step costs what the whole table costs. *Lazy*,
m, v and w of a row stay as they are until a batch holds the row again, so that a step
costs what its batch costs, whatever the vocabulary's size. Both are the same for a
table whose rows are in every batch.

References
----------
Loshchilov & Hutter, "Decoupled Weight Decay Regularization", 2019, arXiv:1711.05101,
algorithm 2; the lazy form is that of `torch.optim.SparseAdam`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from .sum_by_row import sum_by_row

__all__ = ["AdamW"]


class AdamW(Optimizer):
    r"""AdamW; lazy for parameters whose gradient is sparse.

    A sparse gradient comes from ``torch.nn.functional.embedding(..., sparse=True)``.
    Entries that are not in it are not touched, neither in the parameter nor in the
    moments.

    Parameters
    ----------
    params : iterable of nn.Parameter or of dict
        Parameters, or groups of them with options of their own.
    lr : float, default=1e-3
        Step size, :math:`\eta`.
    betas : tuple of (float, float), default=(0.9, 0.999)
        Decay of the two moments, in [0, 1).
    eps : float, default=1e-8
        Keeps the quotient finite.
    weight_decay : float, default=0.0
        Decoupled weight decay, :math:`\lambda`.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        for name, value in (("lr", lr), ("eps", eps), ("weight_decay", weight_decay)):
            if not value >= 0.0:
                raise ValueError(f"{name} must not be negative; got {value!r}.")
        if not all(0.0 <= beta < 1.0 for beta in betas):
            raise ValueError(f"betas must lie in [0, 1); got {betas!r}.")
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
        }
        super().__init__(params, defaults)

    # torch keeps these two out of compiled graphs, and imports its whole compiler to do
    # so: 1.2 seconds of the first fit in a process. They are none of a graph here.

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group of parameters with options of its own."""
        inspect.unwrap(Optimizer.add_param_group)(self, param_group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients."""
        inspect.unwrap(Optimizer.zero_grad)(self, set_to_none)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a state, wherever its tensors are."""
        super().load_state_dict(state_dict)
        # torch leaves "step" where it is, as its own optimizers count on the CPU.
        for p, state in self.state.items():
            if "step" in state:
                state["step"] = state["step"].to(p.device)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Make one step; return what `closure`, which computes gradients, returns."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            dense = [p for p in group["params"] if _has_gradient(p, sparse=False)]
            states = [self._state_of(p) for p in dense]
            _adamw(
                dense,
                [p.grad for p in dense],
                [state["exp_avg"] for state in states],
                [state["exp_avg_sq"] for state in states],
                [state["step"] for state in states],
                group,
            )
            for p in group["params"]:
                if _has_gradient(p, sparse=True):
                    self._step_rows(p, p.grad, group)
        return loss

    def _step_rows(self, p: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self._state_of(p)
        if "slot" not in state or state["slot"].is_floating_point():
            # load_state_dict makes floats of all; the content does not matter.
            state["slot"] = torch.empty(len(p), dtype=torch.int64, device=p.device)
        rows, sums = sum_by_row(
            gradient._indices()[0], gradient._values(), state["slot"]
        )
        stores = [p, state["exp_avg"], state["exp_avg_sq"]]
        w, m, v = (store.index_select(0, rows) for store in stores)
        _adamw([w], [sums], [m], [v], [state["step"]], group)
        for store, values in zip(stores, (w, m, v), strict=True):
            store.index_copy_(0, rows, values)

    def _state_of(self, p: Tensor) -> dict[str, Tensor]:
        state = self.state[p]
        if not state:
            state["step"] = torch.zeros((), dtype=torch.float32, device=p.device)
            state["exp_avg"] = torch.zeros_like(p)
            state["exp_avg_sq"] = torch.zeros_like(p)
        return state


def _has_gradient(p: Tensor, *, sparse: bool) -> bool:
    return p.grad is not None and p.grad.is_sparse == sparse


def _adamw(
    params: list[Tensor],
    gradients: list[Tensor],
    exp_avgs: list[Tensor],
    exp_avg_sqs: list[Tensor],
    steps: list[Tensor],
    group: dict[str, Any],
) -> None:
    """Update in place by the kernel behind ``torch.optim.AdamW(fused=True)``."""
    if not params:
        return
    if (
        steps[0].device.type == "cpu"
    ):  # a number would be made a tensor for each of them
        torch._foreach_add_(steps, torch.ones((), dtype=steps[0].dtype), alpha=1.0)
    else:
        torch._foreach_add_(steps, 1.0)
    torch._fused_adamw_(
        params,
        gradients,
        exp_avgs,
        exp_avg_sqs,
        [],
        steps,
        lr=group["lr"],
        beta1=group["betas"][0],
        beta2=group["betas"][1],
        weight_decay=group["weight_decay"],
        eps=group["eps"],
        amsgrad=False,
        maximize=False,
    )
