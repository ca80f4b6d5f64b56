"""Which pairs of columns are memorised, and which columns by themselves.

Pairs are scored by what they explain beyond single columns; which of the strongest are
worth it, beside products of embeddings, is judged by rows that have no part in their
statistics. What each of these rules brings is measured in docs/quality.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from ..._ids import N_RESERVED_IDS
from ..categories import is_seldom
from .factorised import FactorisationMachine
from .groups import Floats, Groups, Keys, OtherFolds, Single
from .linear_models import (
    MAX_LINEAR,
    MAX_TARGETS,
    leave_over,
    leave_over_mean,
    linear_losses,
    standardise,
)
from .supervision import N_FOLDS, Tell, do_nothing
from .target_rows import PRIOR_ROWS, Codes, TargetRows

__all__ = ["CrossChoice", "Pair", "pair_key", "score_pair"]

# "auto" memorises so many pairs at most, of all targets together; only if a linear
# model of all columns' statistics loses so much of its loss by those of pairs, a bit
# more than by those of noise in one table of a hundred with 1,000 rows; and no more
# pairs than have this share of what the best number of them takes off: a network, which
# learns what is smooth by itself, needs the strongest alone. Of pairs of categories,
# and of those with numbers of fewer rows a level than `OFTEN`, only the ones of which
# products of embeddings leave so much over. A network of levels that are seldom seen
# learns neither, and gets all that help.
MAX_PAIRS = 32
LEAST_GAIN = 0.02
ENOUGH = 0.5
OFTEN = 30.0
LEAST_LEFT = 0.25

# "auto" memorises single columns of so few rows a level on average if their statistic
# takes so much off the loss of a constant, the strongest of them; but none of a table
# with so many levels for a row, whose columns say the same.
ALONE_ROWS = 30.0
ALONE_GAIN = 0.005
MAX_ALONE = 4
MAX_LEVELS_A_ROW = 2

# Bounds of the work, a second or two each: columns whose pairs are tried (those whose
# own statistics vary the most), rows times pairs that are scored, and rows times
# networks times pairs that are memorised.
MAX_COLUMNS = 64
MAX_SCORED = 20_000_000
MAX_MEMORIZED = 20_000_000
# Pairs are chosen by so many rows, drawn at random from more.
MAX_CHOICE = 100_000

Pair = tuple[int, int]
Scored = tuple[Pair, float]
Part = tuple[NDArray[np.intp], NDArray[np.intp]]


def pair_key(codes: Codes, columns: tuple[int, ...], sizes: Sequence[int]) -> Keys:
    """Return one integer for the levels of a column or a pair of them.

    Parameters
    ----------
    codes : sequence of integer ndarrays of shape (n,)
    columns : tuple of int
        Their positions in `codes`.
    sizes : sequence of int
        Number of codes of each column.
    """
    key = codes[columns[0]].astype(np.int64)
    for c in columns[1:]:
        key = key * sizes[c] + codes[c]
    return key


class CrossChoice:
    """Choice of the pairs that are worth memorising, by the training rows.

    Parameters
    ----------
    rows : TargetRows
        All training rows.
    sizes : sequence of int
        Number of codes of each column.
    n_categories : int
        The first so many columns are categories, the others numbers.
    tell : callable, default=do_nothing
        Is told what is done, and which share of it.
    n_rows : int or None, default=None
        Number of rows of the table, if it is read in blocks and `rows` are a sample.
    """

    def __init__(
        self,
        rows: TargetRows,
        sizes: Sequence[int],
        n_categories: int,
        tell: Tell = do_nothing,
        n_rows: int | None = None,
    ) -> None:
        sample = rows.that_train().by_stretch().sample(MAX_CHOICE)
        self.is_sample = n_rows is not None
        self.n_rows = len(rows.weight) if n_rows is None else n_rows
        self.n_members = rows.trains.shape[1]
        self.n_targets = len(rows.targets)
        self.rows = sample.halve_classes(MAX_TARGETS)
        self.sizes = sizes
        self.n_categories = n_categories
        self.tell = tell

    def choose(self, crosses: int | str) -> list[Scored]:
        """Return the pairs, the strongest first, then columns (c, c), with scores.

        Parameters
        ----------
        crosses : int or "auto"
            How many pairs; "auto" means as many pairs, and columns by themselves, as
            are worth it.
        """
        if isinstance(crosses, str):
            return self._pairs(None) + self._alone()
        return self._pairs(crosses)

    def _pairs(self, wanted: int | None) -> list[Scored]:
        """Return the pairs that explain most of what single columns leave over."""
        n_columns = len(self.sizes)
        if n_columns < 2:
            return []
        tried = self._vary_most(range(n_columns))
        pairs = list(combinations(tried, 2))
        if wanted is None:
            pairs = self._worth_it(pairs, tried)
        if not pairs:
            return []
        features = standardise(self._cross_fit(self.rows, [(c,) for c in tried]))
        return self._rank(self.rows, features, pairs)[:wanted]

    def _vary_most(self, columns: Sequence[int]) -> list[int]:
        """Return the columns, in order, or those whose own statistics vary the most."""
        if len(columns) <= MAX_COLUMNS:
            return [*columns]
        alone = self._cross_fit(self.rows, [(c,) for c in columns])
        spread = alone.std(axis=0).reshape(len(columns), -1).max(axis=1)
        return np.sort(np.argsort(-spread, kind="stable")[:MAX_COLUMNS]).tolist()

    def _alone(self) -> list[Scored]:
        """Return the columns (c, c) of rare levels that say much by themselves."""
        if sum(self.sizes) > MAX_LEVELS_A_ROW * self.n_rows:
            return []
        rows = self.rows
        g, h, loss = leave_over_mean(rows)
        scored = []
        for c, size in enumerate(self.sizes):
            if self.n_rows < ALONE_ROWS * (size - N_RESERVED_IDS):
                score = score_pair(self._key(rows.codes, (c,)), rows.fold, g, h)
                scored.append(((c, c), score))
        scored.sort(key=lambda one: -one[1])
        most = min(MAX_ALONE, MAX_PAIRS // self.n_targets)
        return [one for one in scored if one[1] >= ALONE_GAIN * loss][:most]

    def _rank(
        self, rows: TargetRows, features: Single, pairs: list[Pair]
    ) -> list[Scored]:
        """Return the pairs with their scores, the strongest first."""
        at = rows.draw(max(1, MAX_SCORED // len(pairs)))
        codes, fold = [c[at] for c in rows.codes], rows.fold[at]
        g, h = leave_over(rows, features, at)
        scores = []
        for k, pair in enumerate(pairs):
            self.tell(f"crosses: {len(pairs)} pairs of columns", k / len(pairs))
            scores.append(score_pair(self._key(codes, pair), fold, g, h))
        order = np.argsort(-np.array(scores), kind="stable").tolist()
        return [(pairs[k], scores[k]) for k in order]

    def _worth_it(self, pairs: list[Pair], tried: list[int]) -> list[Pair]:
        """Return the pairs that tell what neither columns nor embeddings do, if any."""
        # Scores cannot tell: of many columns the best of all pairs scores high by
        # chance; and where levels are rare, pairs that score low do much together.
        # So the loss decides, of rows that are part of no statistic here.
        room = MAX_PAIRS  # of a table read in blocks, whose sums are bounded
        if not self.is_sample:
            room = MAX_MEMORIZED // (self.n_rows * self.n_members)
        most = max(1, min(MAX_PAIRS // self.rows.y.shape[1], room))
        rest = self.rows.without_test_rows()
        alone = standardise(self._cross_fit(rest, [(c,) for c in tried]))
        best = [pair for pair, _ in self._rank(rest, alone, pairs)[:most]]
        of_pairs = standardise(self._cross_fit(rest, best))
        of_pairs = of_pairs.reshape(len(alone), len(best), -1)
        seldom = self._is_seldom()
        m = self._count(alone, of_pairs, 1.0 if seldom else ENOUGH)
        kept = np.ones(m, dtype=bool)
        products = [k for k in range(m) if self._may_be_product(best[k])]
        if products and not seldom:
            kept[products] = self._are_left(alone, of_pairs[:, products], tried)
        return [best[k] for k in np.flatnonzero(kept)]

    def _may_be_product(self, pair: Pair) -> bool:
        """Tell whether the network may learn a pair of columns by embeddings.

        Of numbers it has no embedding for every bin, so that a mean of many rows tells
        it more; one of few rows only misleads it.
        """
        if max(pair) < self.n_categories:
            return True
        n_levels = len(np.unique(self._key(self.rows.codes, pair)))
        return len(self.rows.weight) < OFTEN * n_levels

    def _is_seldom(self) -> bool:
        """Tell whether levels are so rare that a fit ends before it learns products."""
        columns = zip(self.rows.codes, self.sizes, strict=True)
        return any(is_seldom(np.bincount(c, minlength=n)) for c, n in columns)

    def _are_left(
        self, alone: Single, of_pairs: Single, tried: list[int]
    ) -> NDArray[np.bool_]:
        """Tell which pairs are worth it beside what products of embeddings tell.

        The network learns these by itself, and better if nothing tells it half of them.
        """
        known = np.hstack([alone, self._factorised(tried)])
        before, left = (self._scores(x, of_pairs) for x in (alone, known))
        are_left: NDArray[np.bool_] = left > LEAST_LEFT * before
        # The machine has learned from all but the test rows: a half of these judges.
        at = self._some_test_rows()
        last = self.rows.fold[at] == N_FOLDS - 1
        halves = [(at[~last], at[last]), (at[last], at[~last])]
        with_them = _beside(known, of_pairs[:, are_left])
        if self._gain(self._loss(known, halves), with_them, halves) < LEAST_GAIN:
            are_left[:] = False
        return are_left

    def _factorised(self, tried: list[int]) -> Single:
        """Return what a factorisation machine of the other rows tells test rows."""
        rows = self.rows
        codes = [rows.codes[c] for c in tried]
        sizes = [self.sizes[c] for c in tried]
        fit, test = np.flatnonzero(~rows.is_test), np.flatnonzero(rows.is_test)
        z = np.zeros(rows.y.shape)
        for t, y in enumerate(rows.y.T):
            self.tell("crosses: what embeddings tell", t / rows.y.shape[1])
            if np.ptp(y[fit]):
                machine = FactorisationMachine(sizes, rows.is_logit, rows.rng)
                target = y if rows.is_logit else (y - y.mean()) / y.std()
                z[test, t] = machine.fit_predict(codes, target, rows.weight, fit, test)
        found = np.zeros(z.shape, np.float32)
        found[test] = standardise(z[test])
        return found

    def _scores(self, known: Single, of_pairs: Single) -> Floats:
        """Return what each pair takes off the test rows' loss beside what is known."""
        at = self._some_test_rows()
        g, h = leave_over(self.rows, known, at)
        x = of_pairs[at]  # (n, n_pairs, n_targets)
        slope = np.einsum("tn,npt->pt", g, x)
        bend = np.einsum("tn,npt->pt", h, x * x)
        scores: Floats = np.maximum(slope, 0) ** 2 / np.maximum(bend, 1e-12) / 2
        return scores.sum(axis=1)

    def _count(self, known: Single, of_pairs: Single, enough: float) -> int:
        """Return how many of the strongest pairs are worth it; 0 if they are not.

        They are as many as take off the share `enough` of what the best number does.
        """
        at = self.rows.draw(MAX_LINEAR)
        is_test = self.rows.is_test[at]
        parts = [(at[~is_test], at[is_test])]
        gains, (_, n, n_targets) = {}, of_pairs.shape
        with_all = _beside(known, of_pairs)
        alone = self._loss(known, parts)
        for m in sorted({min(m, n) for m in (1, 2, 4, 8, 16, 32)}):
            self.tell(f"crosses: how many of {n}", m / n)
            some = with_all[:, : known.shape[1] + m * n_targets]
            gains[m] = self._gain(alone, some, parts)
        most = max(gains.values())
        if most < LEAST_GAIN:
            return 0
        return min(m for m, gain in gains.items() if gain >= enough * most)

    def _gain(self, alone: float, with_them: Single, parts: Sequence[Part]) -> float:
        """Return which share of the loss pairs take off together.

        `parts` are rows that a linear model is fitted to, and rows that it predicts;
        `alone` is the loss without the pairs.
        """
        return 1 - self._loss(with_them, parts) / alone if alone > 0 else 0.0

    def _loss(self, x: Single, parts: Sequence[Part]) -> float:
        """Return the mean loss of linear models, 0 if there is none.

        Of a few groups a part may be empty, and tells of no gain.
        """
        if not all(len(fit) and len(test) for fit, test in parts):
            return 0.0
        losses = [
            np.average(
                linear_losses(self.rows, x, fit, test, calibrates=True),
                weights=self.rows.weight[test],
            )
            for fit, test in parts
        ]
        return float(np.mean(losses))

    def _some_test_rows(self) -> NDArray[np.intp]:
        """Return positions of test rows, as many as the linear models may have."""
        at = np.flatnonzero(self.rows.is_test)
        step = -(-len(at) // MAX_LINEAR)
        return at[::step]

    def _cross_fit(
        self, rows: TargetRows, columns: Sequence[tuple[int, ...]]
    ) -> Floats:
        """Return statistics of columns, or pairs, of the rows."""
        return rows.statistics(self._key(rows.codes, one) for one in columns)

    def _key(self, codes: Codes, columns: tuple[int, ...]) -> Keys:
        return pair_key(codes, columns, self.sizes)


def _beside(known: Single, of_pairs: Single) -> Single:
    """Return the features of columns, then those of pairs."""
    return np.hstack([known, of_pairs.reshape(len(known), -1)])


def score_pair(
    key: Keys, fold: NDArray[np.intp], gradient: Floats, curvature: Floats
) -> float:
    r"""Return the score test of a pair's cross-fitted effect, summed over targets.

    The effect :math:`\delta` of a level is a Newton step on the rows of the other
    folds. :math:`(\sum g \delta)^2 / (2 \sum h \delta^2)`, or 0 if
    :math:`\sum g \delta` is negative, is what the best multiple of all these steps
    would take off the loss.

    Parameters
    ----------
    key : ndarray of shape (n,)
        The pair's level of each row.
    fold : ndarray of shape (n,)
        The fold of each row.
    gradient, curvature : ndarray of shape (n_targets, n)
        g and h, weighted.
    """
    n_folds = int(fold.max(initial=0)) + 1
    others = OtherFolds(Groups.loose(key, n_folds), fold)
    total = 0.0
    for g, h in zip(gradient, curvature, strict=True):
        if not h.any():  # a class that the rows have not, or have alone
            continue
        step = others.sums(g) / (others.sums(h) + PRIOR_ROWS * h.mean())
        delta = others.spread(step)
        slope, bend = g @ delta, h @ (delta * delta)
        if slope > 0 and bend > 0:
            total += slope * slope / (2 * bend)
    return float(total)
