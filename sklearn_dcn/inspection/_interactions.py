"""Which columns a fitted network crosses, and how strongly: a table of pairs."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from .._analysis import Floats, MixedLogits, Pool, block_norms, import_pandas, whole
from .._checks import check_count, check_option

__all__ = ["interaction_strengths", "rank_interactions"]

METHODS = ("contribution", "weight")

ROUNDING = 1e-12  # of a difference of four numbers, in units of their size


def interaction_strengths(
    estimator: Any,
    X: Any = None,
    *,
    method: str = "contribution",
    part: str = "model",
    layer: int | None = None,
    output: Any = None,
    n_samples: int = 512,
    random_state: Any = 0,
) -> Any:
    r"""Return how strongly a fitted network crosses each pair of columns.

    "contribution" is the root of the *superset importance* of a pair: of two rows x and
    z, how much the logit f moves when columns i and j of z become those of x together,
    beyond what they do one by one,

    .. math::
        s_{ij} = \tfrac{1}{2} \sqrt{E\, D_{ij}^2}, \qquad
        D_{ij} = f(x_i, x_j, z_{rest}) - f(x_i, z_j, z_{rest})
        - f(z_i, x_j, z_{rest}) + f(z)

    It is in units of the logit, or of the target for regressions. For independent
    columns it is the standard deviation of all terms of f that hold both i and j. It is
    exactly 0 where f is a sum of functions of which none holds both, and doubles with
    the effect. It works for any network and any cross layer, and memorised crosses
    count too. It says nothing about the direction, and strengths of pairs do not add
    up: a product of three columns is in all three of its pairs. Mixed rows need not be
    plausible ones: where columns depend on each other, it also describes f where there
    was no data.

    "weight" is the DCN-V2 paper's norm of the blocks of one cross layer's matrix,

    .. math::
        s_{ij} = \sqrt{\|W_{ij}\|_F^2 + \|W_{ji}\|_F^2}, \qquad
        s_{ii} = \|W_{ii}\|_F

    with rows of W those of :math:`x_0`, columns those of :math:`x_l`, and all fields of
    a column of the table taken together. For "vector" W is :math:`1 w^\top`, which
    ranks columns and not pairs; for "low_rank" :math:`U V^\top`; for "mixture" the sum
    of experts by their mean gates (non-linear ones by their mean Jacobian); for "gated"
    and "onlydense" the matrix W alone; for "linear" and "exponential" each row of W,
    once as it is and once times the mean of its mask. A `pair_logit` is not a layer,
    and counts in "contribution" alone. "weight" says how a layer *could* combine two
    fields, in the embeddings' own scale and whatever the head makes of it: it can rank
    noise above a planted pair. Memorised crosses and numbers of a `category_encoder`
    belong to no single column, and are left out.

    Parameters
    ----------
    estimator : DCNClassifier or DCNRegressor
        A fitted estimator, but not one fitted to a sparse matrix.
    X : DataFrame or array-like of shape (n_samples, n_features), default=None
        Rows to mix, e.g. a sample of the training or test rows. None draws each column
        independently, as `fit` saw it: levels by their counts, numbers by their
        quantiles.
    method : {"contribution", "weight"}, default="contribution"
        What is measured.
    part : {"model", "cross", "deep"}, default="model"
        Which part gives the logit: the whole network, or one of the two terms of a
        parallel one. With "fused", "cross" is the whole network. Only used by
        "contribution".
    layer : int or None, default=None
        Position of the cross layer, for "weight" alone; None is 0, the first. With
        structure "fused" the exponential network's layers come first.
    output : label or int or None, default=None
        The class, or output of a regression, if there are several. None is the root
        mean square over all of them: of class logits less their mean, which is what
        probabilities depend on, and of outputs in units of their standard deviation.
        Only used by "contribution".
    n_samples : int, default=512
        Number of pairs of rows (x, z); for "weight", of rows for the gates. The
        relative standard error is about 1 / sqrt(n_samples), and larger for rare
        levels.
    random_state : int, RandomState instance or None, default=0
        Source of the draws.

    Returns
    -------
    strengths : DataFrame of shape (n_features, n_features)
        A symmetric table whose columns and index are the names (or positions) of the
        columns. Its diagonal is 0 for "contribution", as no column crosses with itself
        there.

    Raises
    ------
    ValueError
        If a parameter breaks its rule, the network has no such part or layer, or `X`
        has fewer than two rows.

    See Also
    --------
    rank_interactions : The pairs in order.
    explain : The same for single rows.

    References
    ----------
    Liu & Owen, "Estimating Mean Dimensionality of Analysis of Variance Decompositions",
    2006; Wang et al., "DCN V2", 2021, arXiv:2008.13535, section 7.6.

    Examples
    --------
    >>> from sklearn_dcn import DCNRegressor
    >>> from sklearn_dcn.inspection import interaction_strengths, rank_interactions
    >>> import numpy as np
    >>> import pandas as pd
    >>> values = np.random.default_rng(0).normal(size=(2000, 3))
    >>> X = pd.DataFrame(values, columns=["a", "b", "c"])
    >>> y = X["a"] * X["b"] + X["c"]
    >>> model = DCNRegressor(max_epochs=5, random_state=0).fit(X, y)
    >>> strengths = interaction_strengths(model, X)
    >>> rank_interactions(strengths).index[0]
    ('a', 'b')
    """
    pandas = import_pandas("interaction_strengths")
    check_option("method", method, METHODS)
    n_samples = check_count("n_samples", n_samples, minimum=1)
    rng = make_generator(random_state)
    mixed = MixedLogits(estimator, part, output)
    if X is not None:
        X = estimator._check_X(X, reset=False)
    if method == "weight":
        if part == "deep":
            raise ValueError(
                "method='weight' needs cross layers; got part='deep'. Use "
                "method='contribution'."
            )
        pool, at = draw_rows(mixed, X, n_samples, rng)
        table = block_norms(mixed, pool, at, layer or 0)
    else:
        if layer is not None:
            raise ValueError(
                f"layer must be None for method='contribution'; got {layer!r}. Use "
                "method='weight'."
            )
        pool, x, z = draw_pairs(mixed, X, n_samples, rng)
        table = superset_importances(mixed, pool, x, z)
    names = mixed.encoder.names
    return pandas.DataFrame(table, index=names, columns=names)


def rank_interactions(strengths: Any) -> Any:
    """Return the pairs of a table of strengths, the strongest first.

    Parameters
    ----------
    strengths : DataFrame of shape (n_features, n_features)
        What :func:`interaction_strengths` returned.

    Returns
    -------
    ranked : Series of shape (n_features * (n_features - 1) / 2,)
        Strengths by pair of columns.
    """
    pandas = import_pandas("rank_interactions")
    pairs = list(combinations(strengths.columns, 2))
    values = [strengths.loc[i, j] for i, j in pairs]
    index = pandas.MultiIndex.from_tuples(pairs, names=["column", "crossed with"])
    ranked = pandas.Series(values, index, dtype=np.float64, name="strength")
    return ranked.sort_values(ascending=False, kind="stable")


def make_generator(random_state: Any) -> np.random.Generator:
    """Return a generator seeded by what scikit-learn takes as `random_state`."""
    if random_state is None:  # fresh entropy: numpy's global state is left alone
        return np.random.default_rng()
    seed = check_random_state(random_state).randint(np.iinfo(np.int32).max)
    return np.random.default_rng(seed)


def draw_rows(
    mixed: MixedLogits, X: Any, n: int, rng: np.random.Generator
) -> tuple[Pool, NDArray[np.intp]]:
    """Return a pool and n of its rows; of a table at most all its rows."""
    if X is None:
        return mixed.draw(n, rng), np.arange(n)
    return mixed.read(X), rng.permutation(X.shape[0])[:n]


def draw_pairs(
    mixed: MixedLogits, X: Any, n: int, rng: np.random.Generator
) -> tuple[Pool, NDArray[np.intp], NDArray[np.intp]]:
    """Return a pool and n pairs of its rows, of a table two different ones each."""
    if X is None:
        return mixed.draw(2 * n, rng), np.arange(n), np.arange(n, 2 * n)
    n_rows = X.shape[0]
    if n_rows < 2:
        raise ValueError(
            f"X must have at least 2 rows to mix; got {n_rows}. Give more, "
            "or None to have them drawn."
        )
    x = np.resize(rng.permutation(n_rows), n)
    return mixed.read(X), x, (x + rng.integers(1, n_rows, n)) % n_rows


def superset_importances(
    mixed: MixedLogits, pool: Pool, x: NDArray[np.intp], z: NDArray[np.intp]
) -> Floats:
    """Return the root of the superset importance of every pair.

    Parameters
    ----------
    mixed : MixedLogits
    pool : Pool
    x, z : int ndarray of shape (n,)
        Rows of the pool.

    Returns
    -------
    strengths : ndarray of shape (n_columns, n_columns)
        Symmetric, of diagonal 0.
    """
    n_columns = len(pool.columns)
    source = whole(pool, z)

    def with_columns(*columns: int) -> Floats:
        mix = source.copy()
        mix[:, columns] = x[:, None]
        return mixed(pool, mix)

    base = with_columns()
    alone = [with_columns(j) for j in range(n_columns)]
    table = np.zeros((n_columns, n_columns))
    for i, j in combinations(range(n_columns), 2):
        terms = np.stack([with_columns(i, j), -alone[i], -alone[j], base])
        difference = terms.sum(axis=0)
        difference[np.abs(difference) <= ROUNDING * np.abs(terms).sum(axis=0)] = 0.0
        table[i, j] = table[j, i] = np.sqrt(np.square(difference).mean()) / 2
    return table
