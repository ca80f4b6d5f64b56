"""What an estimator of several tasks checks, predicts and scores."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from .._roles import LONG
from .._scan import Scan
from .._table import check_weight
from .._targets import ClassTarget, TasksTarget, options_of, read_tasks
from .._training import DCNNet, Watcher
from .base import BaseDCN
from .scans import read_targets

__all__ = ["BaseMultiTask"]


class TellsTasks(Watcher):
    """Records the validation loss of each task, in units of the best constant's loss.

    Parameters
    ----------
    net : DCNNet
    target : TasksTarget
    """

    def __init__(self, net: DCNNet, target: TasksTarget) -> None:
        self.net, self.target = net, target

    def begin_epoch(self) -> None:
        """Begin an epoch."""
        self.net.criterion_.of_epoch()

    def end_epoch(self, record: dict[str, Any]) -> bool:
        """Record the losses of the epoch; it stops nothing."""
        found = self.net.criterion_.of_epoch()
        if found:
            each = (np.array(found) / self.target.units).tolist()
            for task, loss in zip(self.target.tasks, each, strict=True):
                self.net.history.record(f"valid_loss of {task}", loss)
        return False

    def end(self) -> None:
        """End the fit."""
        self.net.criterion_.of_epoch()


class BaseMultiTask(BaseDCN):
    """The hooks of `BaseDCN` for targets by task; predictions are dicts by task."""

    losses: dict[str, Any]
    task_weights: dict[str, float] | None
    classes_: dict[str, NDArray[Any]]
    _target: TasksTarget

    def predict(self, X: Any) -> dict[str, NDArray[Any]]:
        """Return the most probable label, or the expected number, of each task.

        Parameters
        ----------
        X : DataFrame, array-like of shape (n_samples, n_features), list of dict or dict
            Rows with the columns of `fit`. A row may be a dict by column name, and one
            such dict is a table of one row.

        Returns
        -------
        predictions : dict of str to ndarray of shape (n_samples,)
            By task, in the order of `losses`: labels of the type that `fit` was given,
            or numbers in the units of `fit`.
        """
        logits = self._logits(X)
        return self._target.predictions(logits)

    def predict_proba(self, X: Any) -> dict[str, NDArray[np.float64]]:
        """Return the probability of each class for the tasks with log loss.

        Parameters
        ----------
        X : DataFrame, array-like of shape (n_samples, n_features), list of dict or dict
            Rows with the columns of `fit`.

        Returns
        -------
        p : dict of str to ndarray of shape (n_samples, n_classes)
            By task, in the order of its `classes_`.
        """
        logits = self._logits(X)
        return self._target.probabilities(logits)

    def task_scores(
        self, X: Any, y: Any = None, sample_weight: Any = None
    ) -> dict[str, float]:
        """Return the share of each task's loss that the network explains.

        This is 1 minus the ratio of the loss to that of the best constant for these
        rows: R² for "squared_error", D² for the others. 1 is best; the best constant
        has 0.

        Parameters
        ----------
        X : table, scan or path
            Rows with the columns of `fit`.
        y : DataFrame or dict of array-like of shape (n_samples,), default=None
            Their targets by task, where they are known; None for a scan, which has its
            own; for a path the names of their columns.
        sample_weight : array-like of shape (n_samples,), default=None
            Their weights; for a path the column's name.

        Returns
        -------
        scores : dict of str to float
            By task; NaN where a constant has no loss, e.g. if the task is known in no
            row.
        """
        check_is_fitted(self, "net_")
        y, sample_weight = read_targets(X, y, sample_weight)
        of = self._target.encode(self._check_y(y))
        weight = check_weight(sample_weight, len(of), "sample_weight")
        logits = self._logits(X)
        if len(logits) != len(of):
            raise ValueError(
                f"X and y must have the same number of rows; got {len(logits)} and "
                f"{len(of)}."
            )
        constant = np.tile(self._target.initial_logits(of, weight), (len(of), 1))
        worst = self._target.losses(constant, of, weight)
        left = self._target.losses(logits, of, weight)
        share = np.full_like(left, np.nan)
        np.divide(worst - left, worst, out=share, where=worst > 0)
        return dict(zip(self._target.tasks, share.tolist(), strict=True))

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return the mean of `task_scores`, by `task_weights`.

        Parameters
        ----------
        X : table, scan or path
            Rows with the columns of `fit`.
        y : DataFrame or dict of array-like of shape (n_samples,), default=None
            Their targets by task, where they are known; None for a scan, which has its
            own; for a path the names of their columns.
        sample_weight : array-like of shape (n_samples,), default=None
            Their weights; for a path the column's name.

        Returns
        -------
        score : float
            Mean over the tasks whose share is not NaN.
        """
        shares = np.array([*self.task_scores(X, y, sample_weight).values()])
        weights = np.where(np.isnan(shares), 0.0, self._target.weights)
        total = weights.sum()
        return float(weights @ np.nan_to_num(shares) / total) if total else np.nan

    def __sklearn_tags__(self) -> Any:
        """Say what scikit-learn may expect."""
        tags = super().__sklearn_tags__()
        tags.target_tags.required = tags.target_tags.multi_output = True
        return tags

    # Hooks of BaseDCN -----------------------------------------------------------------

    def _check_y(self, y: Any) -> NDArray[Any]:
        return read_tasks(y, self.losses)

    def _check_target(self, y: NDArray[Any], classes: Any) -> None:
        self._check_scoring()
        given = {} if classes is None else dict(classes)
        self.classes_ = {}
        for k, (task, loss) in enumerate(self.losses.items()):
            known = y[f"known {k}"]
            if not known.any():
                raise ValueError(
                    f"y[{task!r}] must be known in some rows; it is missing in all "
                    f"{len(y):,}. Leave the task out of losses."
                )
            if options_of(loss)["loss"] != "log_loss":
                continue
            labels = given.get(task, y[f"{k}"][known])
            self.classes_[task] = np.unique(ClassTarget.check(labels))
            if len(self.classes_[task]) < 2:
                raise ValueError(
                    f"y[{task!r}] needs at least 2 classes for the log loss; got 1 "
                    f"class: {self.classes_[task].tolist()}."
                )
        if more := given.keys() - self.classes_.keys():
            raise ValueError(
                f"classes must have only tasks of log loss, {[*self.classes_]}; got "
                f"also {sorted(more)}."
            )

    def _check_scoring(self) -> None:
        """Raise a ValueError for a scorer, which is of one target."""
        if self.scoring is not None and self.scoring != "loss":
            raise ValueError(
                "scoring must be None or 'loss' for several tasks; got "
                f"{self.scoring!r}. To make a task count more, set task_weights."
            )

    def _make_target(self, y: NDArray[Any], weight: NDArray[np.float64]) -> TasksTarget:
        given = self.task_weights or {}
        weights = np.array([float(given.get(task, 1.0)) for task in self.losses])
        return TasksTarget.learn(self.losses, self.classes_, weights, y, weight)

    def _loss_weight(
        self, y: NDArray[Any], weight: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        return weight

    def _strata(self, y: NDArray[Any]) -> None:
        return None

    def _is_long(self, rows: Any) -> bool:
        return False  # all rows are learned at once, in memory

    def _fit_scan(self, scan: Scan, validation: tuple[Any, ...]) -> None:
        raise ValueError(
            f"{type(self).__name__} learns rows in memory, and the scan has more than "
            f"{LONG:,}. Load them into a DataFrame, or call partial_fit with parts."
        )

    def _begin_tasks(self, *told: Any) -> list[Any]:
        tasks: list[Any] = super()._begin_tasks(*told)
        if self._world.size == 1:  # else each process has some of the rows
            tasks.append(TellsTasks(self.net_, self._target))
        return tasks

    def _answers(self, X: Any) -> NDArray[Any]:
        logits = self._logits(X)
        p = self._target.probabilities(logits)
        numbers = self._target.predictions(logits)
        each = [p.get(task, numbers[task]) for task in self._target.tasks]
        return np.column_stack(each)

    def _answer_names(self) -> list[str]:
        names = []
        for task in self._target.tasks:
            if task in self.classes_:
                labels = self.classes_[task].tolist()
                names += [f"probability of {label} of {task}" for label in labels]
            else:
                names.append(f"prediction of {task}")
        return names
