r"""Memorised crosses: pairs of columns -> what the target was for each pair of levels.

A cross layer *factorises* an interaction: the effect of two ids is a product of their
embeddings, and says little about a pair whose levels are rare. A *memorised* cross is a
statistic of the pair itself, the smoothed mean of the target over the training rows
that hold it: the cross-product features of Wide & Deep, chosen from the data. The
network gets it as one more number, and beside it, for pairs whose levels are rare, how
many rows it is the mean of.

A level that few rows hold is memorised by itself too: its embedding has learned these
rows before it has learned what is common to levels.

The statistic of a training row is cross-fitted: it comes from the four fifths of the
rows that this one is not in, or it would tell the row's target.

References
----------
Cheng et al., "Wide & Deep Learning for Recommender Systems", 2016, arXiv:1606.07792;
Lyu et al., "Memorize, Factorize, or be Naive: Learning Optimal Feature Interaction
Methods for CTR Prediction" (OptInter), 2021, arXiv:2108.01265; Micci-Barreca, "A
Preprocessing Scheme for High-Cardinality Categorical Attributes in Classification and
Prediction Problems", 2001.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
from scipy.special import logit

from ._numbers import NumberScaler
from ._statistics import Supervision
from ._target_table import (
    Codes,
    Floats,
    Keys,
    Levels,
    TargetTable,
    score_pair,
    standardise,
)
from .network.embedding import N_RESERVED_IDS

__all__ = ["CrossStatistics"]

# "auto" memorises so many pairs at most, of all targets together; only if a linear
# model of all columns' statistics loses so much of its loss by those of pairs, a bit
# more than by those of noise in one table of a hundred with 1,000 rows; and no more
# pairs than have this share of what the best number of them takes off: a network, which
# learns what is smooth by itself, needs the strongest alone.
MAX_PAIRS = 32
LEAST_GAIN = 0.02
ENOUGH = 0.5

# "auto" memorises single columns of so few rows a level on average if their statistic
# takes so much off the loss of a constant, the strongest of them; but none of a table
# with so many levels for a row, whose columns say the same.
ALONE_ROWS = 30.0
ALONE_GAIN = 0.005
MAX_ALONE = 4
MAX_LEVELS_A_ROW = 2

# Bounds of the work, a second or two each: columns whose pairs are tried (those whose
# own statistics vary the most), rows times pairs that are scored, rows of the linear
# models, and rows times pairs that are memorised.
MAX_COLUMNS = 64
MAX_SCORED = 20_000_000
MAX_LINEAR = 20_000
MAX_MEMORIZED = 20_000_000
# Pairs are chosen by so many rows, drawn at random from more.
MAX_CHOICE = 100_000

Pair = tuple[int, int]
Scored = tuple[Pair, float]


class CrossStatistics:
    r"""Statistics of the target for pairs of columns' levels.

    For a pair of levels with n training rows, of which the target's mean is m, and
    the mean :math:`m_0` of all training rows,

    .. math:: s = (n\, m + a\, m_0) / (n + a), \qquad a = 10

    and the network gets logit(s) for classes, s itself for numbers. If a pair's levels
    have fewer than a rows on average, so that some statistics say much and others next
    to nothing, it gets log(1 + n) too, where n leaves out a training row itself.

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

    Attributes
    ----------
    pairs : list of tuple of (int, int)
        The pairs that are memorised, the strongest first; then (c, c) for columns that
        are memorised by themselves.
    scores : list of float
        Of each of them, by how much it would lower the training rows' total loss
        beyond what the columns explain one by one (see `score_pair`), or beyond the
        mean for a column by itself. NaN for pairs that were given.
    counted : tuple of int
        The positions in `pairs` of those whose rows are counted too.
    scalers : dict of {str: NumberScaler}
        The columns of numbers by name, e.g. "city x hour" and "rows of city x hour", or
        "target by city" and "rows of city" of a column by itself.
    """

    # Of crosses that were stored before there were counts.
    counted: tuple[int, ...] = ()
    counts = np.empty(0)

    def __init__(
        self,
        crosses: Any,
        names: Sequence[str | int],
        sizes: Sequence[int],
        numeric_transform: str | None,
    ) -> None:
        self.crosses = crosses
        self.names = [str(name) for name in names]
        self.sizes = [int(size) for size in sizes]
        self.numeric_transform = numeric_transform

    def fit_transform(
        self, codes: Codes, weight: Floats, supervision: Supervision
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

        Returns
        -------
        x : ndarray of shape (n, len(scalers))
            As `transform`, but cross-fitted.
        """
        table = TargetTable(codes, weight, supervision)
        self.is_logit = table.is_logit
        if isinstance(self.crosses, list):
            self.pairs, self.scores = self.crosses, [np.nan] * len(self.crosses)
        else:
            sample = table.sample(MAX_CHOICE)
            chosen = self._choose(sample, len(weight))
            if self.crosses == "auto":
                chosen += self._choose_alone(sample, len(weight))
            self.pairs = [pair for pair, _ in chosen]
            self.scores = [score for _, score in chosen]
        keys = self._keys(codes)
        # Pair by pair, so that only one has its levels sorted in memory at a time.
        pairs = [table.memorise(keys[:, k]) for k in range(len(self.pairs))]
        self.default = self._link(table.means)
        self.keys = np.concatenate([np.empty(0, np.int64), *(p.keys for p in pairs)])
        means = [np.empty((0, len(table.targets))), *(p.means for p in pairs)]
        self.values = self._link(np.concatenate(means))
        self.counted = tuple(k for k, p in enumerate(pairs) if p.others is not None)
        counts = np.concatenate([p.counts for p in pairs]) if self.counted else ()
        self.counts = np.log1p(counts)
        x = np.empty((len(weight), 0))
        if pairs:
            fitted = self._link(np.hstack([p.cross_fitted for p in pairs]))
            others = [p.others for p in pairs if p.others is not None]
            x = np.column_stack([fitted, *others])
        names = self._feature_names([*table.targets])
        self.scalers = {
            name: NumberScaler(self.numeric_transform).fit(x_k, weight)
            for name, x_k in zip(names, x.T, strict=True)
        }
        return x

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

    def _link(self, mean: Floats) -> Floats:
        return logit(np.clip(mean, 1e-6, 1 - 1e-6)) if self.is_logit else mean

    def _cross_fit(
        self, table: TargetTable, columns: Sequence[tuple[int, ...]]
    ) -> Floats:
        """Return statistics of columns, or pairs, of the training rows."""
        keys = (self._key(table.codes, one) for one in columns)
        found = [table.cross_fit(Levels.of(key)) for key in keys]
        return self._link(np.concatenate(found, axis=1))

    def _key(self, codes: Codes, columns: tuple[int, ...]) -> Keys:
        """Return one integer for the levels of a column or a pair of them."""
        key = codes[columns[0]].astype(np.int64)
        for c in columns[1:]:
            key = key * self.sizes[c] + codes[c]
        return key

    def _keys(self, codes: Codes) -> Keys:
        """Return the keys of all pairs, each pair in a range of its own."""
        n_rows = len(codes[self.pairs[0][0]]) if self.pairs else len(codes[0])
        keys = np.empty((n_rows, len(self.pairs)), dtype=np.int64)
        start = 0
        for k, (a, b) in enumerate(self.pairs):
            keys[:, k] = self._key(codes, (a, b)) + start
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

    # The choice of pairs --------------------------------------------------------------

    def _choose(self, table: TargetTable, n_rows: int) -> list[Scored]:
        """Return the pairs that explain most of what single columns leave over."""
        n_columns = len(self.sizes)
        if n_columns < 2:
            return []
        alone = self._cross_fit(table, [(c,) for c in range(n_columns)])
        spread = alone.std(axis=0).reshape(n_columns, -1).max(axis=1)
        tried = np.sort(np.argsort(-spread, kind="stable")[:MAX_COLUMNS])
        pairs = list(combinations(tried.tolist(), 2))
        if self.crosses == "auto":
            most = min(MAX_PAIRS // len(table.targets), MAX_MEMORIZED // n_rows)
            most = self._count(table, pairs, max(1, most))
        else:
            most = self.crosses
        return self._rank(table, standardise(alone), pairs)[:most] if most else []

    def _choose_alone(self, table: TargetTable, n_rows: int) -> list[Scored]:
        """Return the columns (c, c) of rare levels that say much by themselves."""
        if sum(self.sizes) > MAX_LEVELS_A_ROW * n_rows:
            return []
        g, h, loss = table.leave_over_mean()
        scored = []
        for c, size in enumerate(self.sizes):
            if n_rows < ALONE_ROWS * (size - N_RESERVED_IDS):
                score = score_pair(self._key(table.codes, (c,)), table.fold, g, h)
                scored.append(((c, c), score))
        scored.sort(key=lambda one: -one[1])
        most = min(MAX_ALONE, MAX_PAIRS // len(table.targets))
        return [one for one in scored if one[1] >= ALONE_GAIN * loss][:most]

    def _rank(
        self, table: TargetTable, features: Floats, pairs: list[Pair]
    ) -> list[Scored]:
        """Return the pairs with their scores, the strongest first."""
        rows = table.draw(max(1, MAX_SCORED // len(pairs)))
        codes, fold = [c[rows] for c in table.codes], table.fold[rows]
        g, h = table.leave_over(features, rows)
        scores = [score_pair(self._key(codes, pair), fold, g, h) for pair in pairs]
        order = np.argsort(-np.array(scores), kind="stable").tolist()
        return [(pairs[k], scores[k]) for k in order]

    def _count(self, table: TargetTable, pairs: list[Pair], most: int) -> int:
        """Return how many of the strongest pairs are worth it; 0 if they are not."""
        # Scores cannot tell: of many columns the best of all pairs scores high by
        # chance; and where levels are rare, pairs that score low do much together.
        # So the loss decides, of rows that neither choose the pairs nor are part of
        # any statistic here.
        rest = table.hold_out()
        columns = [(c,) for c in range(len(self.sizes))]
        features = standardise(self._cross_fit(rest, columns))
        best = [pair for pair, _ in self._rank(rest, features, pairs)[:most]]
        of_pairs = standardise(self._cross_fit(rest, best))
        rows = table.draw(MAX_LINEAR)
        n_targets = len(table.targets)
        losses = {
            m: table.linear_loss(
                np.hstack([features, of_pairs[:, : m * n_targets]]), rows
            )
            for m in sorted({min(m, len(best)) for m in (1, 2, 4, 8, 16, 32)})
        }
        alone, least = table.linear_loss(features, rows), min(losses.values())
        if least >= (1 - LEAST_GAIN) * alone:
            return 0
        enough = alone - ENOUGH * (alone - least)
        return min(m for m, loss in losses.items() if loss <= enough)
