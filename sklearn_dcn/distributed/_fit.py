"""`fit` and `predict_to` of an estimator, by several processes."""

from __future__ import annotations

import copy
import os
import warnings
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from .._world import World
from ._engines import Engine, Group

__all__ = ["fit", "predict_to"]

SPLITS = ("rows", "members")
TABLES = ("replicated", "sharded")


def fit(
    model: Any,
    X: Any,
    y: Any = None,
    *,
    sample_weight: Any = None,
    X_val: Any = None,
    y_val: Any = None,
    sample_weight_val: Any = None,
    on: Engine,
    split: str = "rows",
    tables: str = "replicated",
) -> Any:
    """Fit an estimator by several processes.

    It learns what its own `fit` would: the processes share each batch, and each
    computes a part of it. With a table in memory, or a scan that is loaded, every
    process has all rows; with a longer scan, each reads and encodes its own.

    Parameters
    ----------
    model : DCNClassifier or DCNRegressor
        It is fitted in place; if any process fails, it stays as it was.
    X, y, sample_weight, X_val, y_val, sample_weight_val
        As in the estimator's `fit`.
    on : Local, Group, Ray or Dask
        Where the processes are.
    split : {"rows", "members"}, default="rows"
        What is divided among them: the rows of each batch, or the networks of an
        ensemble (`n_members`), which are trained independently. The latter is for
        tables in memory.
    tables : {"replicated", "sharded"}, default="replicated"
        Whether every process has all embeddings, or only a part of their rows, with
        their moments and moving average. In the latter case rank 0 puts the whole
        tables together at the end. That is for one network with
        `optimizer="lazy_adamw"`.

    Returns
    -------
    model : DCNClassifier or DCNRegressor
        The model, as after its own `fit`. With `Group` every process has the fitted
        model; with `tables="sharded"` only rank 0 has it, and in the others it stays as
        it was.

    Raises
    ------
    ValueError, TypeError
        As in the estimator's `fit`, in every process, whichever of them found the
        error.
    RankLostError
        If a process was lost. With a `checkpoint` the same call resumes the fit.

    Notes
    -----
    In float64 the weights are those of one process up to rounding, if every process has
    all rows. With a longer scan, each draws its own dropout and `category_dropout`.
    Callbacks are called in every process.

    Examples
    --------
    >>> from sklearn_dcn import DCNClassifier
    >>> from sklearn_dcn.datasets import load_online_shoppers
    >>> from sklearn_dcn.distributed import Local, fit
    >>> X, y = load_online_shoppers(return_X_y=True)
    >>> model = DCNClassifier(validation="last", max_epochs=1, random_state=0)
    >>> fit(model, X, y, on=Local(2)).n_iter_
    1
    """
    _check(model, on)
    if getattr(model, "_ranks", False):
        raise TypeError(
            f"A {type(model).__name__} is fitted in one process, as batches hold whole "
            "groups. Call its own fit."
        )
    if split not in SPLITS:
        raise ValueError(f"split must be one of {SPLITS}; got {split!r}.")
    if tables not in TABLES or (tables == "sharded" and split != "rows"):
        raise ValueError(
            f"tables must be one of {TABLES}, and 'sharded' only with split='rows'; "
            f"got {tables!r}."
        )
    rows = X, y, sample_weight
    validation = X_val, y_val, sample_weight_val
    if isinstance(on, Group):
        on.run(_fit_in, model, rows, validation, split, tables)
        return model
    sent = model
    if on.storage is not None and model.checkpoint is None and split == "rows":
        sent = copy.copy(model)
        sent.checkpoint = os.path.join(on.storage, f"fit-{uuid4().hex}.checkpoint")
    fitted, told = on.run(_fit_told, sent, rows, validation, split, tables)
    fitted.checkpoint = model.checkpoint
    for category, text in told:
        warnings.warn(text, category, stacklevel=2)
    model.__dict__ = fitted.__dict__
    return model


def predict_to(
    model: Any,
    X: Any,
    out: str | os.PathLike[str],
    columns: Sequence[str] | None = None,
    *,
    on: Engine,
) -> str:
    """Write the predictions of a scan to a file, by several processes.

    Each predicts some of the blocks; the parts are joined at the end.

    Parameters
    ----------
    model : DCNClassifier or DCNRegressor
        A fitted one.
    X, out, columns
        As in its `predict_to`. All processes must see the folder of `out`.
    on : Local, Group, Ray or Dask
        Where the processes are.

    Returns
    -------
    path : str
        Path of the file.

    Raises
    ------
    ValueError
        As in the estimator's `predict_to`.
    """
    _check(model, on)
    path = os.path.abspath(out)
    found: str = on.run(_predict_in, model, X, path, columns)
    return found


def _check(model: Any, on: Any) -> None:
    """Raise an error for a model or place of another kind."""
    if not hasattr(model, "_fit_in"):
        raise TypeError(
            "model must be a DCNClassifier or DCNRegressor; got "
            f"{type(model).__name__}. For a pipeline, fit its last step."
        )
    if not isinstance(on, Engine):
        raise TypeError(
            f"on must say where the processes are, as Local(2) does; got {on!r}."
        )


def _fit_in(world: World, model: Any, rows: Any, validation: Any, *how: str) -> None:
    model._fit_in(world, rows, validation, *how)


def _fit_told(world: World, model: Any, rows: Any, validation: Any, *how: str) -> Any:
    """Return the fitted model and its warnings, of rank 0 alone."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always" if world.rank == 0 else "ignore")
        model._fit_in(world, rows, validation, *how)
    if world.rank:
        return None
    return model, [(one.category, str(one.message)) for one in told]


def _predict_in(
    world: World, model: Any, X: Any, path: str, columns: Sequence[str] | None
) -> str:
    found: str = model._predict_to(world, X, path, columns)
    return found
