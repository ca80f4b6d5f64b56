"""Pairs that did not happen, drawn beside those that did, and how often."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from .._checks import check_count, check_option
from ._tables import check_frame, ids_of, index_of, native, positions

__all__ = ["item_log_q", "sample_negatives"]

STRATEGIES = ("uniform", "popularity", "in_batch")

# How often items that are known are drawn anew; what is left is drawn from the others.
N_TRIALS = 20


def sample_negatives(
    interactions: Any,
    items: Any = None,
    *,
    user: str,
    item: str,
    n_negatives: int = 4,
    strategy: str = "uniform",
    power: float = 1.0,
    exclude_known: bool = True,
    batch_size: int = 1024,
    label: str = "label",
    random_state: Any = None,
) -> Any:
    r"""Return interactions, each followed by items that its user did not take.

    Parameters
    ----------
    interactions : DataFrame
        A row for each. Columns other than `user` and `item`, such as the time, are
        copied to its negatives. So join columns of items to the result, not before.
    items : DataFrame or None, default=None
        All items, with the column `item`; None takes those of `interactions`.
    user, item : str
        Names of the columns of ids.
    n_negatives : int, default=4
        How many are drawn for each interaction.
    strategy : {"uniform", "popularity", "in_batch"}, default="uniform"
        The shares q with which items are drawn. "uniform": the same for all.
        "popularity": in proportion to an item's interactions plus one, to the power of
        `power`. "in_batch": items of other rows of a batch, so in proportion to their
        interactions; items without any are never drawn.
    power : float, default=1.0
        For "popularity" alone: 0 is uniform, 0.75 is that of word2vec.
    exclude_known : bool, default=True
        Whether to leave out items that the user has an interaction with.
    batch_size : int, default=1024
        For "in_batch" alone: rows of a batch, which is drawn at random.
    label : str, default="label"
        Name of the new column of labels.
    random_state : int, RandomState or None, default=None
        Source of the draw.

    Returns
    -------
    table : DataFrame
        A frame of pandas: each interaction and then its negatives, with three more
        columns: `label`, 1 or 0; "log_q", the logarithm of the item's share q; and
        "log_rate", the logarithm of how often the pair is expected as a negative (see
        Notes).

    Raises
    ------
    ValueError
        If a column is missing, an item of `interactions` is not in `items`, or a user
        has no item left.

    See Also
    --------
    item_log_q : The same shares, of all items, as `item_offset` of `recommend`.

    Notes
    -----
    Let a user u have :math:`n_u` interactions, with items whose shares sum to
    :math:`Q_u`. A pair (u, i) that is none of these is drawn as a negative, on average,

    .. math:: m_{ui} = n_u\, n_{negatives}\, q_i / (1 - Q_u)

    times. So if a pair is an interaction with probability p, its odds in the table are
    :math:`p / ((1 - p)\, m_{ui})`. To get the log-odds among all pairs, add "log_rate"
    to those that a model learns from the table. Of this sum, only :math:`\log q`
    changes the order of a user's items, and not for "uniform": that is the correction
    by :math:`\log q` of sampled softmax [1]_, [2]_. Or learn with weights: with a
    weight of 1 for interactions and :math:`1 / m_{ui}` for negatives, a model learns
    the probabilities of all pairs.

    With ``exclude_known=False`` a pair is drawn whether it is an interaction or not,
    and :math:`Q_u` is 0: log-odds plus "log_rate" are the logarithm of p.

    References
    ----------
    .. [1] Bengio & Senecal, "Adaptive Importance Sampling to Accelerate Training of a
       Neural Probabilistic Language Model", 2008.
    .. [2] Yi et al., "Sampling-Bias-Corrected Neural Modeling for Large Corpus Item
       Recommendations", RecSys 2019.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_dcn.recommend import sample_negatives
    >>> views = pd.DataFrame({"user": [1, 1, 2], "film": ["a", "b", "c"]})
    >>> sample_negatives(views, user="user", item="film", n_negatives=1, random_state=0)
       user film  label     log_q  log_rate
    0     1    a      1 -1.098612  0.693147
    1     1    c      0 -1.098612  0.693147
    2     1    b      1 -1.098612  0.693147
    3     1    c      0 -1.098612  0.693147
    4     2    c      1 -1.098612 -0.693147
    5     2    b      0 -1.098612 -0.693147
    """
    n_negatives = check_count("n_negatives", n_negatives, minimum=1)
    batch_size = check_count("batch_size", batch_size, minimum=2)
    check_option("strategy", strategy, STRATEGIES)
    _check_power(power)
    table = check_frame(interactions, "interactions")
    _check_names(list(table.columns), user, item, label)
    users = ids_of(table, user, "interactions", "user")
    code, known_users = users.factorize()
    index, at = _find_items(table, items, item)
    q = _shares(at, len(index), strategy, power)
    rng = check_random_state(random_state)
    draw = _Draw(code, at, q, known_users if exclude_known else None)
    batches = None
    if strategy == "in_batch":
        batches = rng.permutation(len(code)) // batch_size
    drawn = draw.negatives(n_negatives, rng, batches)
    return _as_frame(native(table), item, label, index, at, drawn, q, draw.log_rates)


def item_log_q(
    interactions: Any,
    items: Any = None,
    *,
    item: str,
    strategy: str = "popularity",
    power: float = 1.0,
) -> NDArray[np.float64]:
    """Return the logarithm of each item's share in the draws of `sample_negatives`.

    Parameters
    ----------
    interactions, items, item, strategy, power
        As in :func:`sample_negatives`.

    Returns
    -------
    log_q : ndarray of shape (n_items,)
        In the order of `items`, or of their first interactions; give it to `recommend`
        as `item_offset`. With "in_batch" it is -inf for items without interactions.

    Raises
    ------
    ValueError
        As in :func:`sample_negatives`.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn_dcn.recommend import item_log_q
    >>> views = pd.DataFrame({"film": ["a", "a", "a", "b"]})
    >>> films = pd.DataFrame({"film": ["a", "b", "c"]})
    >>> np.exp(item_log_q(views, films, item="film")).round(3)
    array([0.571, 0.286, 0.143])
    """
    check_option("strategy", strategy, STRATEGIES)
    _check_power(power)
    index, at = _find_items(check_frame(interactions, "interactions"), items, item)
    with np.errstate(divide="ignore"):
        return np.log(_shares(at, len(index), strategy, power))


def _check_power(power: Any) -> None:
    if isinstance(power, bool) or not isinstance(power, (int, float)) or power < 0:
        raise ValueError(f"power must be a number of at least 0; got {power!r}.")


def _check_names(names: list[Any], user: str, item: str, label: str) -> None:
    taken = [name for name in (label, "log_q", "log_rate") if name in names]
    if taken:
        raise ValueError(
            f"interactions must have no column {taken[0]!r}, as the result adds one; "
            "rename or drop it. If it has labels, give only rows that are interactions."
        )
    if user == item:
        raise ValueError(f"user and item must be two columns; got {user!r} for both.")


def _find_items(table: Any, items: Any, item: str) -> tuple[Any, NDArray[np.intp]]:
    """Return the Index of items, and where those of interactions are in it."""
    import pandas

    ids = ids_of(table, item, "interactions", "item")
    if items is None:
        index = pandas.Index(ids.drop_duplicates())
    else:
        all_items = check_frame(items, "items")
        index = index_of(ids_of(all_items, item, "items", "item"), "items")
    at = positions(ids, index, "interactions", "items")
    if (at < 0).any():
        raise ValueError(
            f"items must hold all items of interactions; {ids[at < 0].iloc[0]!r} is "
            f"not in its column {item!r}, and {int((at < 0).sum()):,} rows have such "
            "items. Add them, or leave these rows out."
        )
    return index, at


def _shares(
    at: NDArray[np.intp], n_items: int, strategy: str, power: float
) -> NDArray[np.float64]:
    """Return the share of each item in the draws."""
    mass = np.bincount(at, minlength=n_items).astype(np.float64)
    if strategy == "popularity":
        mass = (mass + 1) ** power
    elif strategy == "uniform":
        mass[:] = 1.0
    return mass / mass.sum()


class _Draw:
    """Draws of items for the users of interactions.

    Parameters
    ----------
    user, item : ndarray of shape (n,)
        Codes of each interaction.
    q : ndarray of shape (n_items,)
        Shares of the items.
    users : Index or None
        The users, if none is to get an item that is known.
    """

    def __init__(
        self,
        user: NDArray[np.intp],
        item: NDArray[np.intp],
        q: NDArray[np.float64],
        users: Any,
    ) -> None:
        self.user, self.item, self.q = user, item, q
        self.n_items = len(q)
        self.known = np.empty(0, dtype=np.int64)
        self.free = np.ones(int(user.max()) + 1 if len(user) else 0)  # 1 - Q_u
        if users is None:
            return
        self.known = np.unique(user.astype(np.int64) * self.n_items + item)
        of, which = np.divmod(self.known, self.n_items)
        # Summed over what is left where that is little, as 1 - Q_u would be rounded.
        self.free -= np.bincount(of, q[which], minlength=len(self.free))
        for u in np.flatnonzero(self.free < 1e-6).tolist():
            self.free[u] = self._left(u).sum()
        if (self.free <= 0).any():
            u = np.flatnonzero(self.free <= 0).tolist()[0]
            raise ValueError(
                f"Each user must have items left that can be drawn; {users[u]!r} has "
                f"an interaction with each of them. Leave such users out, give more "
                "items, or set exclude_known=False."
            )

    def _left(self, u: int) -> NDArray[np.float64]:
        """Return the shares of the items that a user does not know."""
        ends = np.searchsorted(self.known, [u * self.n_items, (u + 1) * self.n_items])
        q = self.q.copy()
        q[self.known[slice(*ends)] - u * self.n_items] = 0.0
        return q

    def _is_known(self, user: Any, item: Any) -> NDArray[np.bool_]:
        keys = user * np.int64(self.n_items) + item
        at = np.searchsorted(self.known, keys)
        at = np.minimum(at, max(len(self.known) - 1, 0))
        if not len(self.known):
            return np.zeros(len(keys), dtype=bool)
        return np.asarray(self.known[at] == keys)

    def negatives(
        self, n: int, rng: np.random.RandomState, batches: NDArray[np.intp] | None
    ) -> NDArray[np.intp]:
        """Return n items for each interaction, of other rows of its batch if given."""
        row = np.repeat(np.arange(len(self.user)), n)
        user = self.user[row]
        drawn = np.empty(len(row), dtype=np.intp)
        left = np.arange(len(row))
        cumulated = np.cumsum(self.q)
        for _ in range(N_TRIALS):
            if batches is None:
                u = rng.uniform(size=len(left)) * cumulated[-1]
                drawn[left] = np.searchsorted(cumulated, u, side="right")
                mine = np.zeros(len(left), dtype=bool)
            else:
                other = _others(batches, row[left], rng)
                drawn[left] = self.item[other]
                mine = other == row[left]
            left = left[mine | self._is_known(user[left], drawn[left])]
            if not len(left):
                return drawn.reshape(-1, n)
        for u in np.unique(user[left]).tolist():
            own = left[user[left] == u]
            q = self._left(u) if len(self.known) else self.q
            drawn[own] = rng.choice(self.n_items, len(own), p=q / q.sum())
        return drawn.reshape(-1, n)

    def log_rates(self, n: int) -> NDArray[np.float64]:
        """Return log(n_u n / (1 - Q_u)) of each interaction's user."""
        each = np.log(np.bincount(self.user) * n / self.free)
        return np.asarray(each[self.user])


def _others(
    batches: NDArray[np.intp], rows: NDArray[np.intp], rng: np.random.RandomState
) -> NDArray[np.intp]:
    """Return for each of `rows` a row of its batch."""
    order = np.argsort(batches, kind="stable")
    size = np.bincount(batches)
    start = np.cumsum(size) - size
    of = batches[rows]
    u = rng.uniform(size=len(rows))
    return np.asarray(order[start[of] + (u * size[of]).astype(np.intp)])


def _as_frame(
    table: Any,
    item: str,
    label: str,
    index: Any,
    at: NDArray[np.intp],
    drawn: NDArray[np.intp],
    q: NDArray[np.float64],
    log_rates: Any,
) -> Any:
    """Return the rows, and after each its negatives."""
    import pandas

    n = drawn.shape[1]
    if not hasattr(table, "iloc"):
        table = pandas.DataFrame(
            {name: table[name].to_list() for name in table.columns}
        )
    items = np.hstack([at[:, None], drawn]).ravel()
    found = table.iloc[np.repeat(np.arange(len(at)), 1 + n)].reset_index(drop=True)
    found[item] = index.take(items)
    found[label] = np.tile([1, *[0] * n], len(at))
    with np.errstate(divide="ignore"):  # of items that are never drawn
        found["log_q"] = np.log(q)[items]
    found["log_rate"] = found["log_q"] + np.repeat(log_rates(n), 1 + n)
    return found
