"""The picture of one column's effect: the mean prediction by its value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .._analysis import Floats, join, whole
from .._checks import check_count, check_option
from .._table import get_columns, take_rows
from ._grids import make_grid
from ._interactions import make_generator
from ._plotting import (
    BLUE,
    GREY,
    ORANGE,
    get_axes,
    remove_frame,
    shorten,
    write_value,
)
from ._response import make_response

__all__ = ["EffectDisplay"]

RESPONSES = ("auto", "predict_proba", "decision_function")
SPREAD = (10, 90)  # percentiles of the rows


class EffectDisplay:
    """How predictions change with one column, on average over rows.

    Partial dependence: every row is given each value of the column in turn, and the
    predictions are averaged over the rows. A number gives a curve; levels give bars,
    the greatest mean on top, with the number of rows that hold each level.

    Parameters
    ----------
    column : str or int
        Name or position of the column.
    values : sequence
        Values of a number in ascending order, perhaps with a NaN for missing ones at
        the end; or levels.
    individual : ndarray of shape (n_rows, n_values)
        Prediction for each row if it had each value.
    baseline : float
        Mean prediction for the rows as they are.
    counts : sequence of int or None, default=None
        Number of rows of each level; None for numbers.
    n_more : int, default=0
        Number of levels that are left out.
    response : str, default="prediction"
        What is predicted, for the label of the axis.

    Attributes
    ----------
    average : ndarray of shape (n_values,)
        Mean of `individual` over the rows.
    ax_, figure_
        Axes and figure of matplotlib.
    line_ : matplotlib.lines.Line2D or None
        The curve of a number.
    bars_ : matplotlib.container.BarContainer or None
        The bars of levels.
    order_ : list of int or None
        The levels of the bars as positions in `values`, the first on top.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_dcn.inspection import EffectDisplay
    >>> individual = np.array([[0.1, 0.3], [0.3, 0.7]])
    >>> cities = ["Bern", "Oslo"]
    >>> display = EffectDisplay("city", cities, individual, 0.3, counts=[9, 4])
    >>> display.average.tolist()
    [0.2, 0.5]
    """

    def __init__(
        self,
        column: str | int,
        values: Sequence[Any] | NDArray[Any],
        individual: Floats,
        baseline: float,
        *,
        counts: Sequence[int] | None = None,
        n_more: int = 0,
        response: str = "prediction",
    ) -> None:
        self.column = column
        self.values = values
        self.individual = individual
        self.baseline = baseline
        self.counts = counts
        self.n_more = n_more
        self.response = response

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        column: str | int,
        *,
        response_method: str = "auto",
        output: Any = None,
        n_values: int = 30,
        n_samples: int = 512,
        random_state: Any = 0,
        spread: bool = True,
        ax: Any = None,
    ) -> Self:
        """Compute the effect of a column, and draw it.

        Parameters
        ----------
        estimator : DCNClassifier or DCNRegressor
            A fitted estimator, but not one fitted to a sparse matrix.
        X : DataFrame or array-like of shape (n_rows, n_features)
            Rows to average over, e.g. the test rows. The values to try are taken from
            them.
        column : str or int
            Name of the column, or its position where columns have no names. For dates,
            the name of a part, e.g. "day: month".
        response_method : {"auto", "predict_proba", "decision_function"}, \
default="auto"
            What is averaged: "auto" takes probabilities of a classifier and predictions
            of a regression; "decision_function" takes logits, in which effects add up.
        output : label or int or None, default=None
            The class, or output of a regression, if there are several. With two classes
            it is the second.
        n_values : int, default=30
            Number of values at most: for a number, quantiles between the rows' lowest
            and highest values; for levels, the most frequent ones.
        n_samples : int, default=512
            Average over at most this many rows; if there are more, a random sample is
            taken.
        random_state : int, RandomState instance or None, default=0
            Source of the choice of rows.
        spread : bool, default=True
            See `plot`.
        ax : matplotlib.axes.Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : EffectDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If a parameter breaks its rule, or `X` has no such column.
        """
        check_option("response_method", response_method, RESPONSES)
        n_values = check_count("n_values", n_values, minimum=1)
        n_samples = check_count("n_samples", n_samples, minimum=1)
        rng = make_generator(random_state)
        mixed, respond, response = make_response(estimator, response_method, output)
        names = mixed.encoder.names
        if column not in names:
            raise ValueError(
                f"column must be one of the columns of fit, {names}; got {column!r}."
            )
        X = estimator._check_X(X, reset=False)
        j = names.index(column)
        tried = mixed.encoder.spread(get_columns(X))[j]
        grid = make_grid(tried, j, mixed.encoder, n_values)
        at = np.sort(rng.permutation(X.shape[0])[:n_samples])
        one, other = mixed.read(take_rows(X, at)), mixed.read(take_rows(X, grid.rows))
        if grid.cells is not None:
            dtype = other.columns[j].weights.dtype
            other.columns[j] = mixed.encoder.lists[j].transform(grid.cells, dtype)
        pool = join(one, other)
        rows = whole(pool, np.arange(len(at)))
        individual = np.empty((len(at), len(grid.values)))
        for k in range(len(grid.values)):
            rows_with_value = rows.copy()
            rows_with_value[:, j] = len(at) + k
            individual[:, k] = respond(pool, rows_with_value)
        display = cls(
            column,
            grid.values,
            individual,
            float(respond(pool, rows).mean()),
            counts=grid.counts,
            n_more=grid.n_more,
            response=response,
        )
        return display.plot(ax, spread=spread)

    @property
    def average(self) -> Floats:
        """Mean of `individual` over the rows."""
        return self.individual.mean(axis=0)

    def plot(self, ax: Any = None, *, spread: bool = True) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib.axes.Axes or None, default=None
            Where to draw; None makes a figure.
        spread : bool, default=True
            Whether to show how far the effect differs between rows: a band that holds
            four fifths of them, each moved to the mean of all. The band has no width
            where the column adds the same to every row.

        Returns
        -------
        self : EffectDisplay
            The display.
        """
        self.line_ = self.bars_ = self.order_ = None
        if self.counts is None:
            self._draw_curve(ax, spread)
        else:
            self._draw_bars(ax, np.asarray(self.counts), spread)
        remove_frame(self.ax_)
        return self

    def _draw_curve(self, ax: Any, spread: bool) -> None:
        x = np.asarray(self.values, dtype=np.float64)
        known = ~np.isnan(x)
        self.ax_ = ax = get_axes(self, ax, (7.0, 4.0))
        self.figure_ = ax.figure
        average = self.average
        label = f"mean of {len(self.individual):,} rows"
        marker = "o-" if known.sum() <= 12 else "-"
        (self.line_,) = ax.plot(
            x[known], average[known], marker, color=BLUE, markersize=4, label=label
        )
        if spread and known.any():
            low, high = self._spread(known.astype(np.float64))[:, known]
            style = {"color": BLUE, "alpha": 0.2, "linewidth": 0}
            ax.fill_between(x[known], low, high, label="four fifths of them", **style)
        # Where the rows are: at the bottom, whatever the scale of y.
        rug = {"color": GREY, "transform": ax.get_xaxis_transform(), "clip_on": False}
        ax.plot(x[known], np.zeros(known.sum()), "|", **rug)
        if not known.all():
            value = float(average[~known][0])
            ax.axhline(value, color=ORANGE, linestyle="--", label="if missing")
        ax.axhline(self.baseline, color=GREY, linestyle=":", label="rows as they are")
        ax.set(xlabel=shorten(self.column), ylabel=f"mean {self.response}")
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4, frameon=False)

    def _draw_bars(self, ax: Any, counts: NDArray[Any], spread: bool) -> None:
        average = self.average
        order = np.argsort(-average, kind="stable")
        self.order_ = order.tolist()
        n = len(order)
        self.ax_ = ax = get_axes(self, ax, (8.0, 1.3 + 0.27 * n))
        self.figure_ = ax.figure
        lengths = average[order] - self.baseline
        colours = np.where(lengths > 0, ORANGE, BLUE)
        self.bars_ = ax.barh(range(n), lengths, left=self.baseline, color=colours)
        if spread:
            ends = np.abs(self._spread(counts) - average)[:, order]
            style = {"fmt": "none", "ecolor": GREY, "elinewidth": 1}
            ax.errorbar(average[order], range(n), xerr=ends, **style)
        ax.axvline(self.baseline, color=GREY, linestyle=":")
        names = [f"{write_value(self.values[k])} ({counts[k]:,})" for k in order]
        ax.set_yticks(range(n), names)
        ax.invert_yaxis()
        ax.margins(x=0.08, y=0.02)
        label = shorten(self.column)
        if self.n_more:
            label += f": the {n:,} most frequent of {n + self.n_more:,} levels"
        ax.set(title=label, xlabel=f"mean {self.response}")

    def _spread(self, weight: NDArray[Any]) -> Floats:
        """Return where the rows' effects lie, of shape (2, n_values)."""
        level = np.average(self.individual, axis=1, weights=weight)
        moved = self.individual - level[:, None] + level.mean()
        return np.percentile(moved, SPREAD, axis=0)
