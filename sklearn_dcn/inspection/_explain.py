"""The logit of single rows, as a sum over columns and pairs of columns."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._analysis import Floats, MixedLogits, Pool, import_pandas, join, whole
from .._checks import check_count
from .._table import TableEncoder, cells_of, get_columns, is_pandas, take_rows
from ..network import MixtureCross
from ._interactions import make_generator

__all__ = ["Explanation", "explain"]

N_BACKGROUND = 64  # rows at most
MOST_PATHS = 4096  # rows, backgrounds and orders that are evaluated at once
MOST_PAIRS = 20_000_000  # paths times pairs of columns in memory


@dataclass(frozen=True)
class Explanation:
    """The logits of rows as sums: baseline + features + pairs, see :func:`explain`.

    Attributes
    ----------
    baseline : float
        Mean logit of the background rows.
    logit : ndarray of shape (n_rows,)
        Logits of the rows, computed in float64: for a regression the prediction, for
        losses of counts its logarithm, without an offset.
    features : DataFrame of shape (n_rows, n_features)
        What each column alone adds to the baseline.
    pairs : DataFrame of shape (n_rows, n_features * (n_features - 1) / 2)
        What each pair adds to that. Columns are pairs of names, in the table's order.
    features_error, pairs_error : DataFrame
        Standard errors of `features` and `pairs`, from the orders drawn; 0 where the
        value is exact.
    exact : bool
        Whether all values are exact, given the background rows.
    values : DataFrame of shape (n_rows, n_features)
        The rows' cells.
    """

    baseline: float
    logit: Floats
    features: Any
    pairs: Any
    features_error: Any
    pairs_error: Any
    exact: bool
    values: Any

    def to_shap(self) -> Any:
        """Return the explanation as an object of shap, for its plots.

        Half of what a pair adds goes to each of its columns, which turns these indices
        into Shapley values. A row's values still sum to its logit less the baseline.

        Returns
        -------
        explanation : shap.Explanation
            Of shape (n_rows, n_features).

        Raises
        ------
        ImportError
            If shap is not installed.
        """
        try:
            shap = import_module("shap")  # large, and no dependency
        except ImportError as error:
            raise ImportError(
                "Explanation.to_shap needs shap, which is not installed. Get it with "
                "pip install shap."
            ) from error
        first, second = np.triu_indices(self.features.shape[1], 1)
        values = self.features.to_numpy(np.float64, copy=True)
        halves = self.pairs.to_numpy(np.float64) / 2
        np.add.at(values.T, first, halves.T)
        np.add.at(values.T, second, halves.T)
        return shap.Explanation(
            values,
            base_values=np.full(len(values), self.baseline),
            data=self.values.to_numpy(),
            feature_names=[str(name) for name in self.features.columns],
        )


def explain(
    estimator: Any,
    X: Any,
    *,
    background: Any = None,
    n_permutations: int = 4,
    random_state: Any = 0,
    output: Any = None,
) -> Explanation:
    r"""Attribute the logit of rows, less a baseline, to columns and pairs of columns.

    The values are the interventional Shapley-Taylor indices of order 2. With
    :math:`f_S` the logit of a background row z whose columns S are those of the row x,

    .. math::
        \phi_i = f_{\{i\}} - f_\emptyset, \qquad
        \phi_{ij} = E_\pi\big[f_{S + ij} - f_{S + i} - f_{S + j} + f_S\big]

    averaged over the background rows, where S holds the columns before both i and j in
    a random order :math:`\pi`. A row's values sum to its logit less the baseline,
    whichever orders are drawn: along each of them the sum telescopes. Effects of three
    or more columns are shared among their pairs.

    Where the logit has degree 2 in the columns all orders agree, and the values are
    exact: for a linear network, and for structure "cross" with a single layer "vector",
    "matrix" or "low_rank" (or "mixture" without gates and activations), if no pairs are
    memorised and no number comes from a `category_encoder`. Elsewhere `pairs` is a mean
    over orders drawn at random, with its standard error. A `pair_logit` is of degree 2
    by itself: its terms are exact, each in its own pair, whatever the network beside
    it.

    Parameters
    ----------
    estimator : DCNClassifier or DCNRegressor
        A fitted estimator, but not one fitted to a sparse matrix.
    X : DataFrame or array-like of shape (n_rows, n_features)
        Rows to explain; also dicts by column name, as in predictions.
    background : DataFrame or array-like of shape (n, n_features), default=None
        What the rows are compared with, e.g. training rows, or those of one group. If
        there are more than 64 rows, a random 64 are taken. None draws 64 rows with
        independent columns: levels by their counts in `fit`, numbers by their
        quantiles.
    n_permutations : int, default=4
        Number of orders for each row and background row, at least 2. Where values are
        exact, one is enough, and only one is taken.
    random_state : int, RandomState instance or None, default=0
        Source of the orders and of background rows.
    output : label or int or None, default=None
        The class, or output of a regression, to explain, if there are several.

    Returns
    -------
    explanation : Explanation
        For regressions in units of the target, as `predict`; for classes as
        `decision_function`.

    Raises
    ------
    ValueError
        If there are several outputs and `output` is none of them, or
        `n_permutations` is below 2.

    References
    ----------
    Sundararajan, Dhamdhere & Agarwal, "The Shapley Taylor Interaction Index", 2020,
    arXiv:1902.05622; Janzing, Minorics & Bloebaum, "Feature Relevance Quantification in
    Explainable AI: A Causal Problem", 2020, arXiv:1910.13413.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_dcn import DCNRegressor
    >>> from sklearn_dcn.inspection import explain
    >>> X = np.random.default_rng(0).normal(size=(2000, 3))
    >>> y = X[:, 0] * X[:, 1] + X[:, 2]
    >>> model = DCNRegressor(max_epochs=5, dtype="float64", random_state=0).fit(X, y)
    >>> e = explain(model, X[:5], background=X)
    >>> total = e.baseline + e.features.sum(axis=1) + e.pairs.sum(axis=1)
    >>> bool(np.allclose(total, e.logit)), e.exact
    (True, False)
    """
    import_pandas("explain")
    n_permutations = check_count("n_permutations", n_permutations, minimum=2)
    mixed = MixedLogits(estimator, output=output)
    if mixed.n_outputs > 1:
        raise ValueError(
            f"output must say which of {mixed.n_outputs} logits to explain: a class, "
            "or the number of an output; got None."
        )
    rng = make_generator(random_state)
    X = estimator._check_X(X, reset=False)
    if background is None:
        other = mixed.draw(N_BACKGROUND, rng)
        n_background = N_BACKGROUND
    else:
        background = estimator._check_X(background, reset=False)
        if background.shape[0] > N_BACKGROUND:
            at = rng.permutation(background.shape[0])[:N_BACKGROUND]
            background = take_rows(background, np.sort(at))
        other = mixed.read(background)
        n_background = background.shape[0]
    pool = join(mixed.read(X), other)
    rows = np.arange(X.shape[0])
    behind = np.arange(len(rows), len(rows) + n_background)
    exact = _has_degree_2(mixed)
    found = _attribute(
        mixed, pool, rows, behind, 1 if exact else n_permutations, exact, rng
    )
    return Explanation(
        baseline=float(mixed(pool, whole(pool, behind)).mean()),
        logit=mixed(pool, whole(pool, rows))[:, 0],
        exact=exact,
        **_frames(X, mixed.encoder, found),
    )


class Attributions(NamedTuple):
    """Of n rows: (n, p) of p columns, (n, p (p - 1) / 2) of pairs, and their errors."""

    features: Floats
    pairs: Floats
    pairs_error: Floats


def _has_degree_2(mixed: MixedLogits) -> bool:
    """Tell whether the logit is a sum of functions of at most two columns each."""
    n_columns = len(mixed.encoder.names)
    if n_columns <= 2:
        return True
    network, encoder = mixed.network.members[0], mixed.encoder
    if network.deep is not None or mixed.has_statistics:
        return False
    degree = 1
    if network.cross is not None:
        layer = network.cross.layers[0]
        is_product = network.cross.kind in ("vector", "matrix", "low_rank") or (
            isinstance(layer, MixtureCross) and layer.G is None and layer.C is None
        )
        if not is_product or len(network.cross.layers) > 1:
            return False
        degree = 2
    # A logit of pairs has degree 2 too, and nothing that is memorised is in it.
    has_crosses = encoder.crosses is not None and bool(encoder.crosses.pairs)
    return degree * (2 if has_crosses else 1) <= 2


def _attribute(
    mixed: MixedLogits,
    pool: Pool,
    rows: NDArray[np.intp],
    background: NDArray[np.intp],
    n_orders: int,
    exact: bool,
    rng: np.random.Generator,
) -> Attributions:
    """Return the values of all rows, blocks of them at a time."""
    p = len(pool.columns)
    n_pairs = p * (p - 1) // 2
    per_row = len(background) * n_orders
    most = min(MOST_PATHS, MOST_PAIRS // max(1, n_pairs))
    n_rows = max(1, most // per_row)
    parts = []
    for start in range(0, len(rows), n_rows):
        x = rows[start : start + n_rows]
        order = np.tile(np.arange(p), (len(x) * per_row, 1))
        if not exact:
            order = rng.permuted(order, axis=1)
        z = np.tile(np.repeat(background, n_orders), len(x))
        features, pairs = _walk(mixed, pool, np.repeat(x, per_row), z, order)
        shape = len(x), len(background), n_orders, -1
        pairs = pairs.reshape(len(x), len(background), n_orders, n_pairs)
        variance = 0.0 * pairs[:, :, 0] if exact else pairs.var(axis=2, ddof=1)
        error = np.sqrt(variance.sum(axis=1) / n_orders) / len(background)
        parts.append(
            (features.reshape(shape).mean(axis=(1, 2)), pairs.mean(axis=(1, 2)), error)
        )
    return Attributions(*map(np.concatenate, zip(*parts, strict=True)))


def _walk(
    mixed: MixedLogits,
    pool: Pool,
    x: NDArray[np.intp],
    z: NDArray[np.intp],
    order: NDArray[np.intp],
) -> tuple[Floats, Floats]:
    """Turn each row z of the pool into a row x, column by column in an order.

    Parameters
    ----------
    mixed : MixedLogits
    pool : Pool
    x, z : int ndarray of shape (n,)
        Rows of the pool.
    order : int ndarray of shape (n, p)
        A permutation of the columns for each.

    Returns
    -------
    features : ndarray of shape (n, p)
    pairs : ndarray of shape (n, p (p - 1) / 2)
    """
    n, p = order.shape
    paths = np.arange(n)
    pair = np.zeros((p, p), dtype=np.intp)  # the position of every pair
    first, second = np.triu_indices(p, 1)
    pair[first, second] = pair[second, first] = np.arange(len(first))
    features, pairs = np.empty((n, p)), np.empty((n, len(first)))

    source = whole(pool, z)
    f_S = mixed(pool, source)[:, 0]
    before = np.empty((p, 0))  # f of S and one more column, for the S one step ago
    f_before = f_S
    for k in range(p):  # S are the first k columns of each order
        after = np.empty((p, n))
        for m in range(k, p):
            mix = source.copy()
            mix[paths, order[:, m]] = x
            after[m] = mixed(pool, mix)[:, 0]
            if k == 0:
                features[paths, order[:, m]] = after[m] - f_S
            else:  # with the column before, which has come into S
                at = pair[order[:, k - 1], order[:, m]]
                # In this order a column that does nothing gets exactly 0.
                pairs[paths, at] = (after[m] - f_S) - (before[m] - f_before)
        source[paths, order[:, k]] = x
        f_before, f_S, before = f_S, after[k], after
    return features, pairs


def _frames(X: Any, encoder: TableEncoder, found: Attributions) -> dict[str, Any]:
    """Return frames with the rows of X and named columns."""
    pandas = import_pandas("explain")
    names = encoder.names
    index = X.index if is_pandas(X) else None
    pairs = list(combinations(names, 2))
    of_pairs = (
        pandas.MultiIndex.from_tuples(pairs, names=["column", "crossed with"])
        if pairs
        else pandas.MultiIndex.from_arrays([[], []], names=["column", "crossed with"])
    )
    values = X
    if not is_pandas(X) or encoder.dates:
        cells = [cells_of(column) for column in encoder.spread(get_columns(X))]
        values = pandas.DataFrame(dict(zip(names, cells, strict=True)), index)
    return {
        "features": pandas.DataFrame(found.features, index, names),
        "pairs": pandas.DataFrame(found.pairs, index, of_pairs),
        "features_error": pandas.DataFrame(0.0, values.index, names),
        "pairs_error": pandas.DataFrame(found.pairs_error, index, of_pairs),
        "values": values,
    }
