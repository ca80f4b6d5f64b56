"""Several targets of one table, some unknown in some rows -> one weighted loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit
from torch import Tensor, nn

from .classes import ClassTarget
from .continuous import ContinuousTarget
from .losses import WeightedLoss
from .numbers import make_target
from .task_columns import options_of

__all__ = ["TasksTarget"]

Target = ClassTarget | ContinuousTarget

# A unit below which the loss of a constant is none.
LEAST_UNIT = 1e-6


class TasksTarget:
    r"""Targets by task -> their losses, each in units of a constant's -> one mean.

    The loss of a row is :math:`\sum_t v_t\, k_{it}\, \ell_t / u_t` over
    :math:`\sum_t v_t`, where k is 1 if the target of task t is known, else 0, and u
    is the mean of :math:`k_{it}\, \ell_t` over all rows for the best constant. So it
    starts at 1, and each task has the share v of it however many rows know it.

    Parameters
    ----------
    names : list of str
        The tasks.
    targets : list of ClassTarget or ContinuousTarget
        What each is.
    weights : ndarray of shape (n_tasks,)
        v.
    """

    estimator_type = None  # neither classifier nor regressor, in scikit-learn's words
    link = "identity"

    def __init__(
        self,
        tasks: Sequence[str],
        targets: Sequence[Target],
        weights: NDArray[np.float64],
    ) -> None:
        self.tasks = [*tasks]
        self.targets = [*targets]
        self.weights = weights
        self.units = np.ones(len(tasks))
        self.d_out = sum(target.d_out for target in targets)

    @classmethod
    def learn(
        cls,
        losses: dict[str, Any],
        classes: dict[str, NDArray[Any]],
        weights: NDArray[np.float64],
        y: NDArray[Any],
        weight: NDArray[np.float64],
    ) -> TasksTarget:
        """Return the target of checked `y`, with units that its rows have.

        Parameters
        ----------
        losses : dict of str to str or dict
        classes : dict of str to ndarray
            Of the tasks of log loss.
        weights : ndarray of shape (n_tasks,)
        y : ndarray of shape (n,)
            As `read_tasks` returns it.
        weight : ndarray of shape (n,)
        """
        targets: list[Target] = []
        for k, (task, loss) in enumerate(losses.items()):
            known = y[f"known {k}"]
            options = options_of(loss)
            if options["loss"] == "log_loss":
                targets.append(ClassTarget(classes[task]))
            else:
                of = y[f"{k}"][known]
                targets.append(
                    make_target(of, weight[known], **options, has_offset=False)
                )
        found = cls([*losses], targets, weights)
        found.units = found.initial_losses(found.encode(y), weight)
        return found

    # y and tensor ---------------------------------------------------------------------

    def encode(self, y: NDArray[Any], name: str = "y") -> NDArray[np.float64]:
        """Return codes and standardised numbers (n, n_tasks), NaN where unknown.

        Raises
        ------
        ValueError
            If a label is not among the classes of its task.
        """
        found = np.full((len(y), len(self.tasks)), np.nan)
        for k, (task, target) in enumerate(zip(self.tasks, self.targets, strict=True)):
            known = y[f"known {k}"]
            of = y[f"{k}"][known]
            if len(of):
                found[known, k] = target.encode(of, f"{name}[{task!r}]").reshape(-1)
        return found

    def decode(self, y: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Return labels and numbers by task; None and NaN where they are unknown."""
        found = {}
        for task, target, of in zip(self.tasks, self.targets, y.T, strict=True):
            known = ~np.isnan(of)
            if isinstance(target, ClassTarget):
                whole = np.full(len(of), None, dtype=object)
                whole[known] = target.decode(of[known])
            else:
                whole = np.full(len(of), np.nan)
                whole[known] = target.decode(of[known, None]).reshape(-1)
            found[task] = whole
        return found

    def columns(self, y: NDArray[Any]) -> dict[str, NDArray[np.float64]]:
        """Return what statistics are learned from, by what follows their names.

        An unknown target is as the mean of the known ones.
        """
        found: dict[str, NDArray[np.float64]] = {}
        for k, (task, target) in enumerate(zip(self.tasks, self.targets, strict=True)):
            known = y[f"known {k}"]
            if not known.any():  # of a later part
                is_class = isinstance(target, ClassTarget)
                names = target.columns(y[f"{k}"][:0]) if is_class else [""]
                found |= {f" of {task!r}{name}": np.zeros(len(y)) for name in names}
                continue
            for name, of in target.columns(y[f"{k}"][known]).items():
                whole = np.full(len(y), of.mean(), dtype=np.float64)
                whole[known] = of
                found[f" of {task!r}{name}"] = whole
        return found

    def score(self, y: NDArray[Any]) -> NDArray[np.float64]:
        """Return what orders the rows by the first task."""
        return next(iter(self.columns(y).values()))

    def tensor(self, y: NDArray[np.float64], dtype: torch.dtype) -> Tensor:
        """Return what the loss compares with the logits."""
        return torch.from_numpy(y).to(dtype)

    def initial_logits(
        self, y: NDArray[np.float64], weight: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the best constants of encoded `y`, shape (d_out,)."""
        each = []
        for target, of in zip(self.targets, y.T, strict=True):
            known = ~np.isnan(of)
            own = of[known]
            if not len(own):
                each.append(np.zeros(target.d_out))
            elif isinstance(target, ClassTarget):
                each.append(target.initial_logits(own.astype(np.intp), weight[known]))
            else:
                each.append(target.initial_logits(own[:, None], weight[known]))
        return np.concatenate(each)

    def losses(
        self,
        logits: NDArray[np.float64],
        y: NDArray[np.float64],
        weight: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Return each task's sum of losses over rows that know it, over all weight.

        Parameters
        ----------
        logits : ndarray of shape (n, d_out)
        y : ndarray of shape (n, n_tasks)
            Encoded.
        weight : ndarray of shape (n,)
        """
        each = self.criterion.eval().of_tasks(
            torch.from_numpy(logits), torch.from_numpy(y)
        )
        return np.asarray(weight @ each.numpy() / weight.sum())

    def initial_losses(
        self, y: NDArray[np.float64], weight: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the losses of the best constants, 1 where there is none."""
        constant = np.tile(self.initial_logits(y, weight), (len(y), 1))
        found = self.losses(constant, y, weight)
        return np.where(found > LEAST_UNIT, found, 1.0)

    def constant_outputs(self, y: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell which logits of encoded `y` need not be learned."""
        each = []
        for target, of in zip(self.targets, y.T, strict=True):
            own = of[~np.isnan(of)]
            is_number = isinstance(target, ContinuousTarget) and len(own)
            each.append(
                target.constant_outputs(own[:, None])
                if is_number
                else np.zeros(target.d_out, dtype=bool)
            )
        return np.concatenate(each)

    @property
    def initial_spread(self) -> NDArray[np.float64]:
        """Factors of the logits of an untrained network."""
        each = [np.broadcast_to(of.initial_spread, of.d_out) for of in self.targets]
        return np.concatenate(each)

    @property
    def criterion(self) -> TasksLoss:
        """The loss."""
        share = self.weights / self.weights.sum() / self.units
        return TasksLoss(self.targets, share)

    # Logits ---------------------------------------------------------------------------

    @property
    def slices(self) -> list[slice]:
        """Which of the logits are each task's."""
        ends = np.cumsum([target.d_out for target in self.targets]).tolist()
        return [slice(a, b) for a, b in zip([0, *ends[:-1]], ends, strict=True)]

    def predictions(self, logits: NDArray[np.float64]) -> dict[str, NDArray[Any]]:
        """Return labels and numbers by task."""
        each = zip(self.tasks, self.targets, self.slices, strict=True)
        return {task: target.predictions(logits[:, at]) for task, target, at in each}

    def probabilities(
        self, logits: NDArray[np.float64]
    ) -> dict[str, NDArray[np.float64]]:
        """Return P(class) of the tasks that have classes."""
        each = zip(self.tasks, self.targets, self.slices, strict=True)
        return {
            task: target.probabilities(logits[:, at])
            for task, target, at in each
            if isinstance(target, ClassTarget)
        }

    # Outputs to inspect: the log-odds of each class, or the number that is predicted.

    @property
    def _outputs(self) -> list[tuple[Any, int, Target]]:
        """The name of each output, its logit, and its task."""
        found: list[tuple[Any, int, Target]] = []
        for task, target, at in zip(self.tasks, self.targets, self.slices, strict=True):
            if isinstance(target, ContinuousTarget):
                first = range(target.d_out)[target.locations][0]
                found.append((task, at.start + first, target))
            elif target.is_binary:
                found.append((task, at.start, target))
            else:
                labels = enumerate(target.classes.tolist())
                found += [((task, c), at.start + k, target) for k, c in labels]
        return found

    @property
    def names(self) -> list[Any]:
        """A task, or of several classes (task, class)."""
        return [name for name, _, _ in self._outputs]

    @property
    def n_outputs(self) -> int:
        """Number of `names`."""
        return len(self._outputs)

    @property
    def locations(self) -> NDArray[np.intp]:
        """Which logits these are."""
        return np.array([at for _, at, _ in self._outputs])

    def on_link_scale(self, logits: NDArray[np.float64], k: int) -> NDArray[np.float64]:
        """Return the logits of output k: log-odds, or y, or the logarithm of y."""
        target = self._outputs[k][2]
        if isinstance(target, ClassTarget):
            return logits
        return target.on_link_scale(logits, 0)

    def response(self, k: int) -> tuple[Any, str]:
        """Return what makes a prediction of an output on its link scale, and its name.

        Of several classes it is the logit, as their probabilities depend on all.
        """
        name, _, target = self._outputs[k]
        if isinstance(target, ContinuousTarget):
            of = np.exp if target.link == "log" else np.asarray
            return of, f"prediction of {name!r}"
        if target.is_binary:
            return expit, f"probability of {target.classes.tolist()[1]!r} of {name!r}"
        return np.asarray, f"logit of {name[1]!r} of {name[0]!r}"


class TasksLoss(WeightedLoss):
    """The mean over a batch of the tasks' losses times their shares.

    Parameters
    ----------
    targets : list of ClassTarget or ContinuousTarget
    share : ndarray of shape (n_tasks,)
        What each loss is multiplied by.
    """

    share: Tensor

    def __init__(self, targets: Sequence[Target], share: NDArray[np.float64]) -> None:
        super().__init__("tasks")
        self.each = nn.ModuleList(target.criterion for target in targets)
        self.widths = [target.d_out for target in targets]
        self.are_numbers = [isinstance(t, ContinuousTarget) for t in targets]
        self.register_buffer("share", torch.from_numpy(share), persistent=False)
        self.seen: list[tuple[Tensor, int]] = []  # of batches that validate

    def forward(self, logits: Tensor, target: dict[str, Tensor]) -> Tensor:
        """Return the scalar loss; keep the mean of each task's of rows that validate.

        Parameters
        ----------
        logits : tensor of shape (B, d_out)
        target : dict of tensors of shape (B, ...)
            As `WeightedLoss.forward`.
        """
        each = self.of_tasks(logits, target["y"])
        weight = target.get("weight")
        means = (each if weight is None else each * weight.unsqueeze(-1)).mean(0)
        if not self.training:
            self.seen.append((means.detach(), len(each)))
        return means @ self.share.to(means)

    def of_epoch(self) -> list[float]:
        """Return each task's loss in the batches since, if any; forget them."""
        seen, self.seen = self.seen, []
        if not seen:
            return []
        n_rows = sum(n for _, n in seen)
        total: Tensor = sum((n * means for means, n in seen), torch.zeros(()))
        return (total / n_rows).tolist()

    def of_rows(self, logits: Tensor, y: Tensor) -> Tensor:
        """Return the loss of each row, of shape (B,)."""
        return self.of_tasks(logits, y) @ self.share.to(logits)

    def of_tasks(self, logits: Tensor, y: Tensor) -> Tensor:
        """Return the loss of each row and task, 0 where it is unknown: (B, n_tasks)."""
        found = []
        for k, own in enumerate(torch.split(logits, self.widths, dim=-1)):
            known = ~y[:, k].isnan()
            # Whatever is unknown must have a finite gradient, times 0.
            of = torch.where(known, y[:, k], float(self.are_numbers[k]))
            criterion: Any = self.each[k]
            loss = criterion.of_rows(own, self._as_taken(k, of))
            found.append(torch.where(known, loss, 0.0))
        return torch.stack(found, dim=-1)

    def _as_taken(self, k: int, y: Tensor) -> Tensor:
        if self.are_numbers[k]:
            return y.unsqueeze(-1)
        return y if self.widths[k] == 1 else y.long()

    def parts(
        self, target: dict[str, Tensor]
    ) -> list[tuple[slice, Any, nn.Module, dict[str, Tensor]]]:
        """Return the classes of each task, of rows that know it; numbers stay."""
        found: list[tuple[slice, Any, nn.Module, dict[str, Tensor]]] = []
        start = 0
        for k, width in enumerate(self.widths):
            at, start = slice(start, start + width), start + width
            known = ~target["y"][:, k].isnan()
            if self.are_numbers[k] or not bool(known.any()):
                continue
            own = {name: tensor[known] for name, tensor in target.items()}
            own["y"] = self._as_taken(k, own["y"][:, k])
            found.append((at, known, self.each[k], own))
        return found
