r"""Memorised crosses: pairs of columns -> what the target was for each pair of levels.

A cross layer *factorises* an interaction: the effect of two ids is a product of their
embeddings, and says little about a pair whose levels are rare. A *memorised* cross is a
statistic of the pair itself, the smoothed mean of the target over the training rows
that hold it: the cross-product features of Wide & Deep, chosen from the data. The
network gets it as one more number, and beside it, for pairs whose levels are rare, how
many rows it is the mean of.

A level that few rows hold is memorised by itself too: its embedding would learn these
rows by heart before it learns what levels have in common.

The statistic of a training row is cross-fitted: it comes from the four fifths of the
rows that do not contain this one, or it would tell the row's target. If rows are held
out to validate a network, its statistics come only from the rows that train it: if a
level's targets sum to S, sums that lack a held-out row would tell its target as well.
So each network has numbers of its own; predictions use those of all rows.

References
----------
Cheng et al., "Wide & Deep Learning for Recommender Systems", 2016, arXiv:1606.07792;
Lyu et al., "Memorize, Factorize, or be Naive: Learning Optimal Feature Interaction
Methods for CTR Prediction" (OptInter), 2021, arXiv:2108.01265; Micci-Barreca, "A
Preprocessing Scheme for High-Cardinality Categorical Attributes in Classification and
Prediction Problems", 2001.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..numbers import fit_scalers
from .cross_choice import CrossChoice, pair_key
from .cross_totals import CrossTotals, resized_keys
from .groups import Floats, Keys
from .supervision import Supervision, Tell, do_nothing
from .target_rows import PRIOR_ROWS, Codes, TargetRows

__all__ = ["CrossStatistics"]


class CrossStatistics:
    r"""Statistics of the target for pairs of columns' levels.

    For a pair of levels with n training rows, of which the target's mean is m, and
    the mean :math:`m_0` of all training rows,

    .. math:: s = (n\, m + a\, m_0) / (n + a), \qquad a = 10

    and the network gets logit(s) for classes, s itself for numbers. If a pair's levels
    have fewer than a rows on average, so that some statistics say much and others next
    to nothing, it gets log(1 + n) too; for a training row, n leaves out the row itself.

    Parameters
    ----------
    crosses : "auto", int or list of pairs of int
        Pairs of columns by position; how many to choose; or "auto" for as many, up to
        32, as are worth it.
    names : sequence of str or int
        Names of the columns.
    sizes : sequence of int
        Number of codes of each column.
    numeric_transform : str or None
        As of the estimators.
    goes_on : bool, default=False
        Whether `learn` will follow.

    Attributes
    ----------
    pairs : list of tuple of (int, int)
        The pairs that are memorised, the strongest first; then (c, c) for columns that
        are memorised by themselves.
    scores : list of float
        By how much each of them would lower the training rows' total loss beyond what
        the columns explain one by one (see `score_pair`), or beyond the mean for a
        column by itself. NaN for pairs that were given.
    counted : tuple of int
        The positions in `pairs` of those whose rows are counted too.
    totals : CrossTotals or None
        Where later rows are to be learned.
    later : mapping of int to bool ndarray
        Which codes of a column have a level that came after the fit.
    scalers : dict of {str: NumberScaler}
        The columns of numbers by name, e.g. "city x hour" and "rows of city x hour", or
        "target by city" and "rows of city" of a column by itself.
    """

    # Of crosses that were stored before there were counts.
    counted: tuple[int, ...] = ()
    counts = np.empty(0)
    totals: CrossTotals | None = None
    later: Mapping[int, NDArray[np.bool_]] = MappingProxyType({})
    goes_on = False

    def __init__(
        self,
        crosses: Any,
        names: Sequence[str | int],
        sizes: Sequence[int],
        numeric_transform: str | None,
        goes_on: bool = False,
    ) -> None:
        self.crosses = crosses
        self.goes_on = goes_on
        self.names = [str(name) for name in names]
        self.sizes = [int(size) for size in sizes]
        self.numeric_transform = numeric_transform

    def fit_transform(
        self,
        codes: Codes,
        weight: Floats,
        supervision: Supervision,
        tell: Tell = do_nothing,
        n_categories: int = 0,
    ) -> Floats:
        """Choose the pairs, learn them from the rows, and apply them to these.

        Parameters
        ----------
        codes : sequence of integer ndarrays of shape (n,)
            Ids or bins of each column.
        weight : ndarray of shape (n,)
            Weight of each row.
        supervision : Supervision
            The rows' targets.
        tell : callable, default=do_nothing
            Is told what is done, and which share of it.
        n_categories : int, default=0
            The first so many columns are categories, the others numbers.

        Returns
        -------
        x : ndarray of shape (n, n_members, len(scalers))
            As `transform`, but by other rows that train the network.
        """
        rows = TargetRows(codes, weight, supervision)
        self.is_logit = rows.is_logit
        self.choose(rows, n_categories, tell)
        x = self._learn(rows)
        names = self._feature_names([*rows.targets])
        # By the numbers of two networks: those of more are spread alike.
        some = x[:, :2]
        self.scalers = fit_scalers(names, some, weight, self.numeric_transform)
        return x

    def choose(
        self,
        rows: TargetRows,
        n_categories: int,
        tell: Tell,
        n_rows: int | None = None,
    ) -> None:
        """Set `pairs` and `scores`: those that were given, or chosen by the rows.

        `n_rows` are those of the table that the rows are a sample of, if they are.
        """
        if isinstance(self.crosses, list):
            self.pairs, self.scores = self.crosses, [np.nan] * len(self.crosses)
            return
        choice = CrossChoice(rows, self.sizes, n_categories, tell, n_rows)
        chosen = choice.choose(self.crosses)
        self.pairs = [pair for pair, _ in chosen]
        self.scores = [score for _, score in chosen]

    def _learn(self, rows: TargetRows) -> Floats:
        """Memorise the pairs; return their numbers for the rows, cross-fitted."""
        keys = self._keys(rows.codes)
        # Pair by pair, so that only one has its levels sorted in memory at a time.
        members = rows.by_member()
        pairs = [rows.memorise(keys[:, k], members) for k in range(len(self.pairs))]
        self.default = rows.link(rows.means)
        self.keys = np.concatenate([np.empty(0, np.int64), *(p.keys for p in pairs)])
        means = [np.empty((0, len(rows.targets))), *(p.means for p in pairs)]
        self.values = rows.link(np.concatenate(means))
        self.counted = tuple(k for k, p in enumerate(pairs) if p.n_others is not None)
        counts = np.concatenate([p.counts for p in pairs]) if self.counted else ()
        self.counts = np.log1p(counts)
        if not pairs:
            return np.empty((*rows.trains.shape, 0))
        if self.goes_on:
            weights = np.concatenate([p.counts for p in pairs])[:, None]
            sums = np.concatenate(means[1:]) * (weights + PRIOR_ROWS)
            sums -= PRIOR_ROWS * rows.means
            mass = rows.weight.sum()
            self.totals = CrossTotals(
                np.append(mass, mass * rows.means), np.hstack([weights, sums])
            )
        columns = [of for p in pairs for of in np.moveaxis(p.of_others, 2, 0)]
        columns += [p.n_others for p in pairs if p.n_others is not None]
        # Column after column in memory, as they are scaled.
        return np.moveaxis(np.stack(columns), 0, 2)

    def learn(self, codes: Codes, values: Floats, decay: float | None = None) -> None:
        """Add rows to what is known of the pairs.

        Parameters
        ----------
        codes : sequence of integer ndarrays of shape (n,)
            As in `transform`.
        values : ndarray of shape (n, 1 + n_targets)
            Weights, and targets times these.
        decay : float or None, default=None
            The share of earlier sums that is kept. With None, pairs of levels that
            occurred in `fit` stay as they are, and rows are added only to other pairs.
        """
        if self.totals is None:
            return
        keys = self._keys(codes)
        if decay is None:
            row, pair = np.nonzero(self._are_later(codes))
            keys, values = keys[row, pair], values[row]
        else:
            self.totals.of_all = decay * self.totals.of_all + values.sum(axis=0)
            values = np.repeat(values, keys.shape[1], axis=0)
        added = self.totals.add(self.keys, keys.ravel(), values, decay)
        self.keys, before, touched = added
        default, means, counts = self.totals.statistics(self.is_logit)
        if decay is not None:
            self.default, touched = default, np.arange(len(self.keys))
        known = before >= 0
        for name, now in (("values", means), ("counts", counts)):
            if name == "counts" and not self.counted:
                continue
            kept = np.zeros_like(now)
            kept[known] = getattr(self, name)[before[known]]
            kept[touched] = now[touched]
            setattr(self, name, kept)

    def _are_later(self, codes: Codes) -> NDArray[np.bool_]:
        """Tell which pairs of rows have a level that got its code after the fit."""
        nobody = np.zeros(0, dtype=bool)
        later = {c: self.later.get(c, nobody) for c in self.columns}
        of_column = {
            c: is_later[codes[c]] if len(is_later) else np.zeros(len(codes[c]), bool)
            for c, is_later in later.items()
        }
        return np.stack([of_column[a] | of_column[b] for a, b in self.pairs], axis=1)

    def resize(
        self, sizes: Sequence[int], fresh: Mapping[int, NDArray[np.intp]]
    ) -> None:
        """Give columns more codes; forget what is known of `fresh` ones, by column."""
        keys, stays = resized_keys(self.keys, self.pairs, self.sizes, sizes, fresh)
        for c, codes in fresh.items():
            before = self.later.get(c, np.zeros(self.sizes[c], dtype=bool))
            is_later = np.zeros(sizes[c], dtype=bool)
            is_later[: len(before)] = before
            is_later[codes] = True
            self.later = {**self.later, c: is_later}
        self.sizes = [*sizes]
        self.keys, self.values = keys[stays], self.values[stays]
        if self.counted:
            self.counts = self.counts[stays]
        if self.totals is not None:
            self.totals.keep(stays)

    @property
    def columns(self) -> list[int]:
        """The columns that are in a pair; `transform` needs no others."""
        return sorted({c for pair in self.pairs for c in pair})

    def transform(self, codes: Codes) -> Floats:
        """Return the numbers, not scaled yet, of shape (n, len(scalers)).

        Statistics of all pairs come first, then counts of those that are counted. Pairs
        of levels that no training row holds have the mean of all rows, and no rows.
        """
        return self._look_up(self._keys(codes))

    @property
    def of_unknown(self) -> list[tuple[tuple[int, int], float]]:
        """The pair of each number, and its value for levels that no row holds."""
        means = [(pair, float(value)) for pair in self.pairs for value in self.default]
        return means + [(self.pairs[k], 0.0) for k in self.counted]

    # The statistics -------------------------------------------------------------------

    def _feature_names(self, targets: list[str]) -> list[str]:
        what = [
            self.names[a] if a == b else f"{self.names[a]} x {self.names[b]}"
            for a, b in self.pairs
        ]
        if len(set(what)) < len(what):  # as "a x b" with "c", and "a" with "b x c"
            what = [f"{name} {p}" for name, p in zip(what, self.pairs, strict=True)]
        statistics = [
            f"target by {name}{of}" if a == b else f"{name}{of}"
            for name, (a, b) in zip(what, self.pairs, strict=True)
            for of in targets
        ]
        return statistics + [f"rows of {what[k]}" for k in self.counted]

    def _keys(self, codes: Codes) -> Keys:
        """Return the keys of all pairs, each pair in a range of its own."""
        n_rows = len(codes[self.pairs[0][0]]) if self.pairs else len(codes[0])
        keys = np.empty((n_rows, len(self.pairs)), dtype=np.int64)
        start = 0
        for k, (a, b) in enumerate(self.pairs):
            keys[:, k] = pair_key(codes, (a, b), self.sizes) + start
            start += self.sizes[a] * self.sizes[b]
        return keys

    def _look_up(self, keys: Keys) -> Floats:
        if not len(self.keys):
            return np.empty((len(keys), 0))
        # All pairs at once, which for one row is ten times as fast as pair by pair.
        at = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        is_known = (self.keys[at] == keys)[:, :, None]
        values = np.where(is_known, self.values[at], self.default)
        values = values.reshape(len(keys), -1)
        if not self.counted:
            return values
        which = [*self.counted]
        counts = np.where(is_known[:, which, 0], self.counts[at[:, which]], 0.0)
        return np.hstack([values, counts])
