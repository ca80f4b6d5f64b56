r"""The moving average of the weights over the steps of a fit.

After step t of the fit, with weights :math:`w_t`,

.. math::
    a_t = \delta_t\, a_{t-1} + (1 - \delta_t)\, w_t, \qquad
    \delta_t = \min\Big(\delta, \frac{t}{9 + t}\Big)

A short fit has the small :math:`\delta_t` of its first steps, so that neither the
initial weights :math:`a_0` nor the first steps dominate: its average is about that of
the last tenth of its steps.

A table whose gradient is sparse keeps the rows that no batch holds. For such a row w is
constant, so that :math:`a_t - w = (a_s - w) \prod_{k=s+1}^{t} \delta_k` for any number
of steps at once: a row is brought up to date when a batch holds it, and all rows once
an epoch.

References
----------
The average is that of DCN-V2 (Wang et al. 2021, arXiv:2008.13535, section 7) and of
Keras' ``use_ema``; the rule for the first steps that of TensorFlow's
``ExponentialMovingAverage(num_updates=...)``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["WeightAverage"]


class WeightAverage:
    """Keeps the average of a module's weights, and puts it in their place.

    The module holds the average, except in a block of :meth:`training`.

    Parameters
    ----------
    module : nn.Module
        Its parameters and floating buffers (the statistics of batch normalisation) are
        averaged.
    decay : float
        The decay, in (0, 1).
    lazy : iterable of nn.Parameter
        Those whose gradient is sparse.
    state : dict or None, default=None
        `state` of an average that is to go on; None begins anew at the weights that
        the module has.
    """

    def __init__(
        self,
        module: nn.Module,
        decay: float,
        lazy: Iterable[nn.Parameter] = (),
        state: dict[str, Any] | None = None,
    ) -> None:
        self.decay = decay
        learned = module.state_dict()  # without buffers that follow from the columns
        buffers = [
            buffer
            for name, buffer in module.named_buffers()
            if name in learned and buffer.is_floating_point()
        ]
        self.tensors = [*module.parameters(), *buffers]
        state = state or {}
        self.n_steps: int = state.get("n_steps", 0)
        # What the module does not hold at the moment: the weights, or, in a block of
        # `training`, their average.
        self.aside: list[Tensor] = state.get("weights") or [
            t.detach().clone() for t in self.tensors
        ]
        self.log_decay = 0.0  # of all steps of this fit together
        is_lazy = {id(p) for p in lazy}
        self.lazy = [i for i, t in enumerate(self.tensors) if id(t) in is_lazy]
        self.dense = [i for i, t in enumerate(self.tensors) if id(t) not in is_lazy]
        # What `log_decay` was when each row of a lazy table was brought up to date.
        self.caught_up = {i: _zeros(self.tensors[i]) for i in self.lazy}
        self.is_paused = False

    @contextmanager
    def training(self) -> Iterator[None]:
        """Let the module have its weights in the block, and their average after it."""
        self._swap()
        try:
            yield
        finally:
            self._catch_up_all()
            self._swap()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """In a block of `training`, let the module have the average for a while.

        Rows of lazy tables are not brought up to date for it.
        """
        self._swap()
        self.is_paused = True
        try:
            yield
        finally:
            self.is_paused = False
            self._swap()

    def _swap(self) -> None:
        # By value: where a parameter is in memory is not for us to change.
        with torch.no_grad():
            for tensor, aside in zip(self.tensors, self.aside, strict=True):
                held = tensor.clone()
                tensor.copy_(aside)
                aside.copy_(held)

    @torch.no_grad()
    def before_step(self) -> None:
        """Bring the rows that the step will move up to date; needs the gradients."""
        for i, rows in self._rows():
            w = self.tensors[i].index_select(0, rows)
            a = self.aside[i].index_select(0, rows)
            elapsed = self.log_decay - self.caught_up[i].index_select(0, rows)
            a = torch.lerp(w, a, elapsed.exp_().to(a.dtype).unsqueeze(1))
            # Rows that come more than once are written with one and the same value.
            self.aside[i].index_copy_(0, rows, a)

    @torch.no_grad()
    def after_step(self) -> None:
        """Take the new weights into the average."""
        self.n_steps += 1
        decay = min(self.decay, self.n_steps / (9 + self.n_steps))
        self.log_decay += math.log(decay)
        torch._foreach_lerp_(
            [self.aside[i] for i in self.dense],
            [self.tensors[i] for i in self.dense],
            1 - decay,
        )
        for i, rows in self._rows():
            w = self.tensors[i].index_select(0, rows)
            a = self.aside[i].index_select(0, rows)
            self.aside[i].index_copy_(0, rows, a.lerp_(w, 1 - decay))
            self.caught_up[i].index_fill_(0, rows, self.log_decay)

    def _rows(self) -> Iterator[tuple[int, Tensor]]:
        """Yield the rows of the lazy tables that the batch holds, with repetitions."""
        for i in self.lazy:
            gradient = self.tensors[i].grad
            if gradient is not None:
                yield i, gradient._indices()[0]

    @torch.no_grad()
    def _catch_up_all(self) -> None:
        for i in self.lazy:
            elapsed = self.caught_up[i].sub_(self.log_decay).neg_().exp_()
            a, w = self.aside[i], self.tensors[i]
            torch.lerp(w, a, elapsed.to(a.dtype).unsqueeze(1), out=a)
            self.caught_up[i].fill_(self.log_decay)

    def progress(self) -> dict[str, Any]:
        """Return what `go_on` needs, between epochs or in a block of `paused`."""
        found = {**self.state(weights=True), "log_decay": self.log_decay}
        if self.is_paused:
            found["caught_up"] = [*self.caught_up.values()]
        return found

    def go_on(self, progress: dict[str, Any]) -> None:
        """Go on in the fit that `progress` is of."""
        self.n_steps, self.log_decay = progress["n_steps"], progress["log_decay"]
        for aside, tensor in zip(self.aside, progress["weights"], strict=True):
            aside.copy_(tensor)
        for k, at in enumerate(self.caught_up.values()):
            if "caught_up" in progress:
                at.copy_(progress["caught_up"][k])
            else:  # all are up to date between epochs
                at.fill_(self.log_decay)

    def state(self, *, weights: bool) -> dict[str, Any]:
        """Return what another fit needs to go on, outside of a block of `training`.

        Parameters
        ----------
        weights : bool
            Whether it goes on from the weights; else from the module's.

        Returns
        -------
        state : dict
            "n_steps", and perhaps "weights".
        """
        return {"n_steps": self.n_steps} | ({"weights": self.aside} if weights else {})


def _zeros(table: Tensor) -> Tensor:
    # In float64 where there is one: sums of many small logarithms are compared.
    dtype = torch.float32 if table.device.type == "mps" else torch.float64
    return torch.zeros(len(table), dtype=dtype, device=table.device)
