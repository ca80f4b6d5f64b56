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
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

__all__ = [
    "OPTIMIZERS",
    "AdamW",
    "GradientClipper",
    "is_lazy",
    "parameter_groups",
    "resolve_optimizer",
    "sum_by_row",
]

# Last names of the parameters that weight decay is for.
WEIGHTS = ("weight", "W", "W_g", "U", "V", "C", "G", "w")

# optimizer="auto" is lazy from this many ids on. Below, the dense form costs a few per
# cent more a step at most, and its losses were equal or lower on real tables of ids.
LAZY_FROM = 50_000


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


OPTIMIZERS: dict[str, type[Optimizer]] = {
    "adamw": AdamW,
    "lazy_adamw": AdamW,
    "adam": torch.optim.Adam,
    "adagrad": torch.optim.Adagrad,
    "sgd": torch.optim.SGD,
}


def is_lazy(optimizer: Any) -> bool:
    """Tell whether an option of `optimizer` asks for gradients of the batch's ids."""
    return isinstance(optimizer, str) and optimizer.startswith("lazy_")


def resolve_optimizer(n_ids: int, dense_gradients: bool) -> str:
    """Return the name of the optimizer that "auto" stands for."""
    return "lazy_adamw" if n_ids >= LAZY_FROM and not dense_gradients else "adamw"


def parameter_groups(
    named_parameters: Iterable[tuple[str, nn.Parameter]],
) -> list[dict[str, Any]]:
    """Return the matrices of a network, and, exempt from weight decay, the rest.

    The rest are embeddings, biases and norms.
    """
    decayed: list[nn.Parameter] = []
    exempt: list[nn.Parameter] = []
    for name, parameter in named_parameters:
        is_weight = name.rsplit(".", 1)[-1] in WEIGHTS
        is_norm = ".norms." in name
        (decayed if is_weight and not is_norm else exempt).append(parameter)
    return [{"params": decayed}, {"params": exempt, "weight_decay": 0.0}]


def sum_by_row(
    ids: Tensor, values: Tensor, slot: Tensor, compact: bool | None = None
) -> tuple[Tensor, Tensor]:
    """Add up the values that belong to the same id.

    Three passes over the ids, without a sort: each writes its position into its
    id's slot, and the one that finds its own there speaks for the id.

    Parameters
    ----------
    ids : int64 tensor of shape (n,)
        Ids, with repetitions.
    values : tensor of shape (n, d)
        Their values.
    slot : int64 tensor of shape (n_ids,)
        Room to work in; its content does not matter before or after.
    compact : bool or None, default=None
        Whether every id comes out once. Else it does so as often as it came in, each
        time with its whole sum: that needs no number of ids, for which a CUDA device
        would have to be waited for. None is True on a CPU alone.

    Returns
    -------
    rows : int64 tensor of shape (n_rows,)
        The ids.
    sums : tensor of shape (n_rows, d)
        Their sums.
    """
    positions = torch.arange(len(ids), device=ids.device)
    slot.scatter_(0, ids, positions)
    owners = slot.index_select(0, ids)
    if compact is None:
        compact = ids.device.type == "cpu"
    if not compact:
        sums = torch.zeros_like(values).index_add_(0, owners, values)
        return ids, sums.index_select(0, owners)
    rows = ids.index_select(0, (owners == positions).nonzero().squeeze(1))
    slot.scatter_(0, rows, positions[: len(rows)])
    sums = values.new_zeros(len(rows), values.shape[1])
    return rows, sums.index_add_(0, slot.index_select(0, ids), values)


class GradientClipper:
    """Scales gradients down where the norm of all together exceeds a limit.

    It waits for no device. A sparse gradient counts with the sums of its repeated rows,
    as the dense one that it stands for.

    Parameters
    ----------
    parameters : iterable of nn.Parameter
        All parameters of a network.
    max_norm : float
        The greatest Euclidean norm that is left alone.

    References
    ----------
    Pascanu et al., "On the difficulty of training recurrent neural networks", 2013,
    arXiv:1211.5063, algorithm 1.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], max_norm: float) -> None:
        self.parameters = list(parameters)
        self.max_norm = max_norm
        self._slots: dict[int, Tensor] = {}

    @torch.no_grad()
    def __call__(self) -> None:
        """Scale the gradients of all parameters that have one."""
        dense, values, norms = [], [], []
        for i, p in enumerate(self.parameters):
            if p.grad is None:
                continue
            if p.grad.is_sparse:
                values.append(p.grad._values())
                norms.append(self._sparse_norm(i, p))
            else:
                dense.append(p.grad)
        norms += torch._foreach_norm(dense) if dense else []
        if not norms:
            return
        norm = torch.linalg.vector_norm(torch.stack(norms))
        torch._foreach_mul_([*dense, *values], (self.max_norm / norm).clamp_(max=1.0))

    def _sparse_norm(self, i: int, p: nn.Parameter) -> Tensor:
        if i not in self._slots:
            self._slots[i] = torch.empty(len(p), dtype=torch.int64, device=p.device)
        gradient = cast(Tensor, p.grad)
        ids, values = gradient._indices()[0], gradient._values()
        # Each value times the sum of its id: added up over all of an id it is the
        # square of the sum, and needs no list of the distinct ids.
        _, sums = sum_by_row(ids, values, self._slots[i], compact=False)
        return (values * sums).sum().clamp_(min=0.0).sqrt()
