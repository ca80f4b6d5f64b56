"""Where to search for parameters: what was published, as grids and distributions."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

from scipy.stats import loguniform, randint, uniform

__all__ = ["search_space", "suggest_parameters"]


@dataclass(frozen=True)
class Real:
    """A number between two bounds, uniform, or uniform in its logarithm."""

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True)
class Whole:
    """An integer from `low` to `high`, both included."""

    low: int
    high: int


@dataclass(frozen=True)
class Choice:
    """One of a few values."""

    values: tuple[Any, ...]


# Sources: [1] DCN, arXiv:1708.05123; [2] DCN-V2, arXiv:2008.13535; [3] the DCNv2
# configurations of BARS, github.com/reczoo/BARS; [4] GDCN, arXiv:2311.04635.
SPACE: dict[str, Real | Whole | Choice] = {
    # [1] 1e-4 to 1e-3, [2] 1e-4 to 5e-4, [3] and [4] 1e-3, for 1e5 steps and more. A
    # table of thousands of rows makes some hundred, and needs up to three times that.
    "learning_rate": Real(1e-4, 3e-3, log=True),
    # [1] 1 to 6, but of vectors; [2] 1 to 4; winners of [3] 3 to 5, [4] 3.
    "n_cross_layers": Whole(1, 4),
    # [2]: it depends on the data which is better.
    "structure": Choice(("parallel", "stacked")),
    # [2] found low rank as good at d / 4; [4] the gate better with more layers.
    "cross": Choice(("matrix", "low_rank", "gated")),
    # Winners of [3] 0 to 0.2, [4] 0.5; [1] and [2] have none.
    "dropout": Real(0.0, 0.5),
    # Two of the four winners of [3] have it, [1] and [4] too; [2] has none.
    "normalization": Choice((None, "batch")),
    # [3]: the most sensitive of all, from 1e-9 to 0.05 a level and step. That is
    # lambda / f for a level in a fraction f of the rows in terms of embedding_l2, on
    # average over a table's levels lambda * levels / columns: 1e-9 * 3.7e6 / 24 = 2e-4
    # for Avazu_x4, 1e-5 * 2.1e6 / 39 = 0.5 for Criteo_x1. The low end is none at all.
    "embedding_l2": Real(1e-6, 1.0, log=True),
    # [2] 0 to 1e-4 as an L2 penalty. Decoupled, times the rate, 0.01 is the default.
    "weight_decay": Real(1e-4, 0.1, log=True),
    # [3] 10, 16 and 40; "auto" is the bounded rule of [1].
    "embedding_dim": Choice(("auto", 8, 16, 32)),
    # [3]: 1, 2 and 10 by data set.
    "min_frequency": Choice((None, 2, 10)),
}

# The deep network by depth and width: [1] 2 to 5 layers of 32 to 1024, [2] 2 of 512 or
# 768, [3] 3 to 5 of 400 to 2000. The widest are left out: they are for 1e7 rows.
DEPTHS = (2, 3, 4)
WIDTHS = (64, 128, 256, 512)

# Twelve candidates, the default first: the rate, the depth of crosses, and the most
# sensitive penalty.
SMALL: dict[str, list[Any]] = {
    "learning_rate": ["auto", 0.001],
    "n_cross_layers": [2, 3],
    "embedding_l2": [0.0, 0.001, 0.1],
}


def search_space(size: str = "full", *, prefix: str = "") -> dict[str, Any]:
    """Return a search space for scikit-learn.

    Parameters
    ----------
    size : {"small", "full"}, default="full"
        "small" are lists, twelve candidates in all, for `GridSearchCV`. "full" are
        distributions and lists of eleven parameters, for `RandomizedSearchCV` and
        `HalvingRandomSearchCV`.
    prefix : str, default=""
        What comes before the names, e.g. ``"dcn__"`` for the step "dcn" of a pipeline.

    Returns
    -------
    space : dict of {str: list or distribution}
        Lists or distributions, by parameter.

    Raises
    ------
    ValueError
        If there is no such size.

    Examples
    --------
    >>> from sklearn_dcn.presets import search_space
    >>> search_space("small", prefix="dcn__")["dcn__n_cross_layers"]
    [2, 3]
    """
    if size == "small":
        return {prefix + name: list(values) for name, values in SMALL.items()}
    if size != "full":
        raise ValueError(f"size must be one of 'small', 'full'; got {size!r}.")
    space: dict[str, Any] = {name: _distribution(kind) for name, kind in SPACE.items()}
    space["hidden_layer_sizes"] = _hidden_layer_sizes()
    return {prefix + name: values for name, values in space.items()}


def _distribution(kind: Real | Whole | Choice) -> Any:
    if isinstance(kind, Choice):
        return list(kind.values)
    if isinstance(kind, Whole):
        return randint(kind.low, kind.high + 1)
    if kind.log:
        return loguniform(kind.low, kind.high)
    return uniform(kind.low, kind.high - kind.low)


def suggest_parameters(trial: Any, *, prefix: str = "") -> dict[str, Any]:
    """Return parameters that an Optuna trial suggests, of the space "full".

    It needs no import of Optuna.

    Parameters
    ----------
    trial : optuna.trial.Trial
        A trial, or anything with its `suggest_float`, `suggest_int` and
        `suggest_categorical`.
    prefix : str, default=""
        What comes before the names, in the result and in the trial.

    Returns
    -------
    parameters : dict of {str: object}
        For `set_params` or the constructor. They are those of the trial, so
        ``DCNClassifier(**study.best_params)`` is the best estimator.
        `hidden_layer_sizes` is a string such as "64,64", since Optuna stores no tuples.

    Examples
    --------
    >>> from sklearn_dcn.presets import suggest_parameters
    >>> class Lowest:
    ...     def suggest_float(self, name, low, high, log=False):
    ...         return low
    ...
    ...     def suggest_int(self, name, low, high):
    ...         return low
    ...
    ...     def suggest_categorical(self, name, choices):
    ...         return choices[0]
    >>> suggest_parameters(Lowest())["hidden_layer_sizes"]
    '64,64'
    """
    parameters: dict[str, Any] = {
        prefix + name: _suggest(trial, prefix + name, kind)
        for name, kind in SPACE.items()
    }
    name = f"{prefix}hidden_layer_sizes"
    sizes = [",".join(map(str, each)) for each in _hidden_layer_sizes()]
    parameters[name] = trial.suggest_categorical(name, sizes)
    return parameters


def _hidden_layer_sizes() -> list[tuple[int, ...]]:
    return [(width,) * depth for depth, width in product(DEPTHS, WIDTHS)]


def _suggest(trial: Any, name: str, kind: Real | Whole | Choice) -> Any:
    if isinstance(kind, Choice):
        return trial.suggest_categorical(name, list(kind.values))
    if isinstance(kind, Whole):
        return trial.suggest_int(name, kind.low, kind.high)
    return trial.suggest_float(name, kind.low, kind.high, log=kind.log)
