"""Rows whose columns come from different rows -> logits.

All that is asked here of a fitted network is its output for such mixes. A column is one
that is encoded, as in `TableFields`, with all the fields that it has in x_0: of dates
each part is a column, so that an hour can cross with a weekday. A memorised cross of
two columns is looked up anew for the levels that the mix brings together.
"""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from .._checks import check_option
from .._ids import MISSING_ID, N_RESERVED_IDS
from .._table import (
    Bag,
    HashedLevels,
    IdColumn,
    ListLevels,
    NumberLevels,
    NumberScaler,
    Scaled,
    TableEncoder,
    TextLevels,
    factorize,
    get_columns,
    scale,
    scale_all,
)
from .._training import own_torch, predict_stack, take, to_tensors
from ..network import DeepCrossNetwork
from ..network.ensemble import Network

__all__ = [
    "PARTS",
    "MixedLogits",
    "Pool",
    "import_pandas",
    "join",
    "output_names",
    "whole",
]

PARTS = ("model", "cross", "deep")

Floats = NDArray[np.float64]


class Pool(NamedTuple):
    """Rows to mix: their columns, each encoded by itself.

    Attributes
    ----------
    columns : list
        As of `TableEncoder.encode_columns`.
    cells : list of IdColumn
        Those that are categories once more, as the `category_encoder` reads them; none
        where it makes no numbers.
    """

    columns: list[Any]
    cells: list[IdColumn]


class MixedLogits:
    """The output of a fitted network for mixes of rows, in float64.

    Of a regression it is on the scale of the link: in the units of y, or of losses of
    counts in those of its logarithm. It is that of rows without an offset, or of an
    exposure of 1; of several quantiles it is the one that is predicted.

    Only the embeddings are in the network's own precision. Batches of equal size give
    equal rows equal bits, so that what has no effect has an effect of exactly 0.

    Parameters
    ----------
    estimator : DCNClassifier or DCNRegressor
        A fitted one.
    part : {"model", "cross", "deep"}, default="model"
        What gives the output: the head's sum, or one term of it ("fused" has none).
    output : label or int or None, default=None
        Which class, or output of a regression; None for all of them.

    Attributes
    ----------
    encoder : TableEncoder
        That of the estimator.
    network : DeepCrossNetwork or DeepCrossEnsemble
        A copy of what is behind x_0, in float64.
    n_outputs : int
        Number of outputs: 1 but for None with several.

    Raises
    ------
    TypeError
        If `estimator` is neither of the two.
    ValueError
        If it was fitted to a sparse matrix, or has no such part or output.
    """

    def __init__(self, estimator: Any, part: str = "model", output: Any = None) -> None:
        if not hasattr(estimator, "_logits"):
            raise TypeError(
                "estimator must be a fitted DCNClassifier or DCNRegressor; got "
                f"{type(estimator).__name__}. Of a pipeline or a search, give the last "
                "step, or best_estimator_, and the table as that step gets it."
            )
        check_is_fitted(estimator, "net_")
        self.encoder: TableEncoder = estimator.encoder_
        if self.encoder.block is not None:
            raise ValueError(
                "The columns of a sparse matrix are one field of the network, which "
                "can't be told apart here. Fit to a table, e.g. to X.toarray()."
            )
        self._estimator = estimator
        self.network = _take_part(estimator.module_, part)
        self._output = _find_output(estimator, output)
        n_outputs = estimator._target.n_outputs
        self.n_outputs = n_outputs if self._output is None else 1

    # Rows -----------------------------------------------------------------------------

    def read(self, X: Any) -> Pool:
        """Return the rows of a checked table."""
        dtype, n_threads = self._estimator._numpy_dtype, torch.get_num_threads()
        columns, _ = self.encoder.encode_columns(X, dtype, n_threads)
        cells = []
        if self.has_statistics:
            given = self.encoder.spread(get_columns(X))
            for j in self.encoder.categories:
                codes, levels = factorize(given[j], self.encoder.names[j])
                ids = np.where(codes < 0, MISSING_ID, codes + N_RESERVED_IDS)
                cells.append(IdColumn(ids, [*levels]))
        return Pool(columns, cells)

    def draw(self, n: int, rng: np.random.Generator) -> Pool:
        """Return n rows of independent columns, drawn as the encoder saw each in `fit`.

        Levels by their counts, numbers between their quantiles, vectors from those that
        the encoder has kept, and missing ones by their share. A list is drawn as one
        level, as how long they were is not known; a text as so many n-grams as one had
        on average.
        """
        dtype = self._estimator._numpy_dtype
        columns: list[Any] = []
        for j in range(len(self.encoder.names)):
            if j in self.encoder.numbers:
                scaler, levels = self.encoder.numbers[j], self.encoder.values.get(j)
                x = _draw_numbers(scaler, levels, n, rng)
                columns.append(scale(scaler, x, dtype, levels))
            elif j in self.encoder.vectors:
                vectors = self.encoder.vectors[j]
                columns.append(vectors.apply(vectors.draw(n, rng), dtype))
            elif j in self.encoder.lists:
                columns.append(_draw_bag(self.encoder.lists[j], n, rng, dtype))
            else:
                columns.append(_draw_ids(self.encoder.categories[j].counts, n, rng))
        cells = []
        if self.has_statistics:
            for j, of_column in self.encoder.categories.items():
                if isinstance(of_column, HashedLevels):
                    raise ValueError(
                        f"The category_encoder needs the levels of {of_column.name!r}, "
                        "of which hashing keeps none to draw. Give rows."
                    )
                cells.append(IdColumn(columns[j].astype(np.int64), of_column.levels))
        return Pool(columns, cells)

    @property
    def has_statistics(self) -> bool:
        """Whether the `category_encoder` makes numbers."""
        return self.encoder.statistics is not None and bool(
            self.encoder.statistics.scalers
        )

    # Logits ---------------------------------------------------------------------------

    def __call__(self, pool: Pool, source: NDArray[np.intp]) -> Floats:
        """Return the outputs of mixed rows.

        Parameters
        ----------
        pool : Pool
            The rows that are mixed.
        source : int ndarray of shape (n, n_columns)
            The row of `pool` that each column of each mix comes from.

        Returns
        -------
        outputs : ndarray of shape (n, n_outputs)
            Logits: of classes, less their mean where there are several; of a
            regression in units of its target, but with several outputs each in those of
            its standard deviation.
        """
        x_0 = self._stack(pool, source)
        with own_torch(self._estimator.n_jobs), torch.inference_mode():
            return self._select(self.network.combine(x_0).numpy())

    def _stack(self, pool: Pool, source: NDArray[np.intp]) -> Tensor:
        dtype = self._estimator._numpy_dtype
        columns = [
            _take(column, at) for column, at in zip(pool.columns, source.T, strict=True)
        ]
        statistics: list[Scaled] = []
        if pool.cells and self.encoder.statistics is not None:
            mixed = [
                IdColumn(cells.ids[source[:, j]], cells.levels)
                for j, cells in zip(self.encoder.categories, pool.cells, strict=True)
            ]
            _, x = self.encoder.statistics.transform(mixed)
            statistics = scale_all(self.encoder.statistics.scalers, x, dtype)
        n_threads = torch.get_num_threads()
        encoded = self.encoder.combine(columns, statistics, dtype, n_threads)
        with own_torch(self._estimator.n_jobs):
            x_0 = predict_stack(self._estimator.net_, to_tensors(encoded))
        return torch.from_numpy(x_0)

    def stack(self, pool: Pool, at: NDArray[np.intp]) -> Tensor:
        """Return x_0 of rows that are not mixed, of shape (n, d)."""
        return self._stack(pool, whole(pool, at))

    def _select(self, logits: Floats) -> Floats:
        k, target = self._output, self._estimator._target
        is_class = target.estimator_type == "classifier"
        if not is_class:  # without logits of spread
            logits = logits[:, target.locations]
        if self.n_outputs > 1:
            compete = is_class and not hasattr(target, "names")
            return logits - logits.mean(axis=1, keepdims=True) if compete else logits
        logits = logits if k is None else logits[:, [k]]
        if is_class:
            return logits
        found: Floats = target.on_link_scale(logits, k or 0)
        return found


def _take_part(module: Network, part: str) -> Network:
    """Return a copy in float64 of the network behind x_0, the other part silenced."""
    check_option("part", part, PARTS)
    # Without the embeddings, which may be large: None takes their place in the copy.
    network = copy.deepcopy(module, {id(m.embedding): None for m in module.members})
    network = network.to("cpu", torch.float64).eval()
    if part != "model":
        for member in network.members:
            _silence(member, part)
    return network


def _silence(network: DeepCrossNetwork, part: str) -> None:
    """Take what is not of this part out of the logits."""
    if getattr(network, part) is None:
        raise ValueError(
            f"part={part!r} needs a network that has it; this one, with structure="
            f"{network.structure!r}, has not. Use part='model'."
        )
    network.pair = None  # which is of neither
    if network.cross is None or network.deep is None:
        return
    if network.structure == "stacked":
        raise ValueError(
            f"part={part!r} needs structure='parallel', where the logit is a sum of "
            "both; got 'stacked', where it is not. Use part='model'."
        )
    d = network.head.in_features - network.deep.d_out
    silent = slice(d, None) if part == "cross" else slice(d)
    network.head.weight.data[:, silent] = 0.0


def _find_output(estimator: Any, output: Any) -> int | None:
    if output is None:
        return None
    options, what = output_names(estimator)
    if estimator._target.n_outputs == 1:
        raise ValueError(
            f"output must be None, as there is one logit alone; got {output!r}."
        )
    if output not in options:
        raise ValueError(f"output must be one of the {what} {options}; got {output!r}.")
    return options.index(output)


def output_names(estimator: Any) -> tuple[list[Any], str]:
    """Return what the logits are of, or the two classes of one, and what that is."""
    names = getattr(estimator._target, "names", None)
    if names is not None:  # of several labels, or tasks
        return [*names], "outputs"
    classes = getattr(estimator, "classes_", None)
    if classes is None:
        return [*range(estimator._target.n_outputs)], "outputs"
    return classes.tolist(), "classes_"


# Columns ------------------------------------------------------------------------------


def _take(column: Any, at: NDArray[np.intp]) -> Any:
    """Return some rows of an encoded column."""
    if isinstance(column, Scaled):
        return Scaled._make(None if part is None else part[at] for part in column)
    if isinstance(column, Bag):
        tensors = to_tensors({"x_bag": [column]})
        (bag,) = take(tensors, torch.from_numpy(at))["x_bag"]
        return Bag(*(part.numpy() for part in bag))
    return column[at]


def whole(pool: Pool, at: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the `source` of rows that are not mixed."""
    return np.repeat(at[:, None], len(pool.columns), axis=1)


def join(one: Pool, other: Pool) -> Pool:
    """Return the rows of both, of one encoder."""
    return Pool(
        list(map(_join, one.columns, other.columns)),
        [
            # Levels may now be there twice, which does no harm.
            IdColumn(
                np.append(a.ids, _shift(b.ids, len(a.levels))), [*a.levels, *b.levels]
            )
            for a, b in zip(one.cells, other.cells, strict=True)
        ],
    )


def _shift(ids: NDArray[np.int64], by: int) -> NDArray[np.int64]:
    return np.where(ids < N_RESERVED_IDS, ids, ids + by)


def _join(one: Any, other: Any) -> Any:
    if isinstance(one, Scaled):
        pairs = zip(one, other, strict=True)
        return Scaled._make(None if a is None else np.append(a, b) for a, b in pairs)
    if isinstance(one, Bag):
        offsets = np.append(one.offsets, one.offsets[-1] + other.offsets[1:])
        ids = np.append(one.ids, other.ids)
        return Bag(ids, offsets, np.append(one.weights, other.weights))
    return np.concatenate([one, other])


def _draw_bag(bag: ListLevels, n: int, rng: np.random.Generator, dtype: Any) -> Bag:
    k, counts = 1, bag.levels.counts
    if isinstance(bag, TextLevels):
        k, counts = bag.n_grams, np.where(bag.idf > 0, bag.levels.counts, 0.0)
    ids = _draw_ids(counts, n * k, rng)
    weights = np.full(n * k, 1 / np.sqrt(k), dtype)
    return Bag(ids, np.arange(0, n * k + 1, k), weights)


def _draw_ids(
    counts: NDArray[Any], n: int, rng: np.random.Generator
) -> NDArray[np.int32]:
    share = np.maximum(counts, 0.0)  # a difference of sums may round below
    if not share.any():  # of lists that were all empty
        share[MISSING_ID] = 1.0
    return rng.choice(len(share), n, p=share / share.sum()).astype(np.int32)


def _draw_numbers(
    scaler: NumberScaler, levels: NumberLevels | None, n: int, rng: np.random.Generator
) -> Floats:
    quantiles = scaler.quantiles
    at = rng.uniform(0, len(quantiles) - 1, n)
    x = np.interp(at, np.arange(len(quantiles)), quantiles)
    if scaler.transform == "signed_log":
        x = np.sign(x) * np.expm1(np.abs(x))
    if levels is None:
        missing = rng.uniform(size=n) < scaler.missing_share
    else:  # values as they were, not between them; of rare ones there are quantiles
        ids = _draw_ids(levels.counts, n, rng)
        known = ids >= N_RESERVED_IDS
        x[known] = levels.values[ids[known] - N_RESERVED_IDS]
        missing = ids == MISSING_ID
    x[missing] = np.nan
    return x


def import_pandas(what: str) -> Any:
    """Return pandas, which is no dependency, or say what it is needed for.

    Raises
    ------
    ImportError
        If it is not installed.
    """
    try:
        import pandas
    except ImportError:
        raise ImportError(
            f"{what} returns a pandas.DataFrame, and pandas is not installed. Install "
            "it, e.g. with pip install pandas."
        ) from None
    return pandas
