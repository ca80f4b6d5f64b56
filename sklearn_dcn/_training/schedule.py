r"""The learning rate of every step: a warm-up, then a schedule.

Step k (from 0) of K, of which the first K_w warm up, has the rate
:math:`\eta\, f_k`, with :math:`\eta` the rate of its group of parameters and

.. math::
    f_k = \begin{cases}
        (k + 1) / K_w & k < K_w \\
        1 - s_k & \text{"linear"} \\
        (1 + \cos \pi s_k) / 2 & \text{"cosine"}
    \end{cases}
    \qquad s_k = \frac{k - K_w}{K - K_w}

so that the rate would be 0 in the step after the last. "plateau" is 1, divided by 10
whenever the loss has not fallen for some epochs, but not below a thousandth.

References
----------
Loshchilov & Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2017,
arXiv:1608.03983, equation 5, without restarts; "plateau" is that of FuxiCTR, whose
patience is one epoch and whose floor is 1e-6 for a rate of 1e-3.
"""

from __future__ import annotations

import math
from typing import Any

from torch.optim import Optimizer

__all__ = ["SCHEDULES", "LearningRate"]

SCHEDULES = (None, "cosine", "linear", "plateau")

PLATEAU_FACTOR = 0.1
PLATEAU_FLOOR = 1e-3


class LearningRate:
    """Sets the rate of every group of an optimizer, step by step, in a fit.

    Parameters
    ----------
    optimizer : Optimizer
        Its groups have their full rates, also different ones.
    schedule : {"cosine", "linear", "plateau"} or None
        What follows the warm-up; None is the full rate.
    warmup : float
        Fraction of the steps, in [0, 1), in which the rate rises.
    n_steps : int
        Steps of the whole fit.
    patience : int
        Epochs without a lower loss after which "plateau" lowers the rate.
    tol : float
        Fall of the loss that counts as one.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedule: str | None,
        *,
        warmup: float,
        n_steps: int,
        patience: int,
        tol: float,
    ) -> None:
        self.optimizer = optimizer  # whose list of groups may be replaced
        self.rates = [group["lr"] for group in optimizer.param_groups]
        self.schedule = schedule
        self.n_steps = n_steps
        self.n_warmup = min(math.ceil(warmup * n_steps), n_steps - 1)
        self.patience = patience
        self.tol = tol
        self.step = 0
        self.lowered = 1.0
        self.best = math.inf
        self.misses = 0

    def factor(self) -> float:
        """Return the share of the full rate that the next step has."""
        if self.step < self.n_warmup:
            return (self.step + 1) / self.n_warmup
        done = (self.step - self.n_warmup) / (self.n_steps - self.n_warmup)
        if self.schedule == "linear":
            return max(0.0, 1.0 - done)
        if self.schedule == "cosine":
            return (1.0 + math.cos(math.pi * min(1.0, done))) / 2
        return self.lowered

    def before_step(self) -> None:
        """Set the rates of the next step."""
        factor = self.factor()
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor
        self.step += 1

    def after_epoch(self, loss: float) -> None:
        """Lower the rate if the loss of the epochs has stopped falling."""
        if loss < self.best - self.tol:
            self.best = loss
            self.misses = 0
            return
        self.misses += 1
        if self.misses >= self.patience:
            self.lowered = max(PLATEAU_FLOOR, self.lowered * PLATEAU_FACTOR)
            self.misses = 0

    def progress(self) -> dict[str, Any]:
        """Return what changes in a fit, and `go_on` needs."""
        names = ("step", "lowered", "best", "misses")
        return {name: getattr(self, name) for name in names}

    def go_on(self, progress: dict[str, Any]) -> None:
        """Go on in the fit that `progress` is of."""
        self.__dict__.update(progress)

    def restore(self) -> None:
        """Give all groups their full rates again."""
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate
