"""Pictures of interactions, in a whole network and in a single row."""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .._checks import check_count, check_option
from .._table import take_rows
from ._explain import explain
from ._interactions import interaction_strengths
from ._plotting import BLUE, GREY, ORANGE, get_axes, remove_frame, shorten, write_value

__all__ = ["ExplanationDisplay", "InteractionDisplay"]

KINDS = ("heatmap", "bar")
N_BARS = 20  # of "bar", unless told


class InteractionDisplay:
    """How strongly a network crosses pairs of columns.

    Parameters
    ----------
    strengths : DataFrame of shape (n_columns, n_columns)
        A symmetric table, as `interaction_strengths` returns it. A diagonal of zeros,
        or of missing values, is left out.

    Attributes
    ----------
    ax_, figure_
        Axes and figure of matplotlib.
    order_ : list
        The columns drawn by "heatmap", by decreasing total strength.
    pairs_ : list of tuple
        The pairs drawn by "bar", the strongest first.
    im_ : matplotlib.collections.QuadMesh
        The cells of "heatmap".
    bars_ : matplotlib.container.BarContainer
        The bars of "bar".

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_dcn.inspection import InteractionDisplay
    >>> names = ["city", "device"]
    >>> strengths = pd.DataFrame([[0.0, 0.3], [0.3, 0.0]], names, names)
    >>> InteractionDisplay(strengths).strengths.shape
    (2, 2)
    """

    def __init__(self, strengths: Any) -> None:
        self.strengths = strengths

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any = None,
        *,
        method: str = "contribution",
        part: str = "model",
        layer: int | None = None,
        output: Any = None,
        n_samples: int = 512,
        random_state: Any = 0,
        kind: str = "heatmap",
        top: int | None = None,
        ax: Any = None,
    ) -> Self:
        """Measure the interactions of an estimator, and draw them.

        Parameters
        ----------
        estimator : DCNClassifier or DCNRegressor
            A fitted estimator.
        X : DataFrame or array-like of shape (n_samples, n_features), default=None
            Rows to mix, see `interaction_strengths`.
        method : {"contribution", "weight"}, default="contribution"
            What is measured.
        part : {"model", "cross", "deep"}, default="model"
            Which part of the network gives the logit.
        layer : int or None, default=None
            The cross layer of "weight".
        output : label or int or None, default=None
            The class, or output of a regression, if there are several.
        n_samples : int, default=512
            Number of pairs of rows.
        random_state : int, RandomState instance or None, default=0
            Source of the draws.
        kind : {"heatmap", "bar"}, default="heatmap"
            See `plot`.
        top : int or None, default=None
            See `plot`.
        ax : matplotlib.axes.Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : InteractionDisplay
            The display, drawn.
        """
        check_option("kind", kind, KINDS)
        strengths = interaction_strengths(
            estimator,
            X,
            method=method,
            part=part,
            layer=layer,
            output=output,
            n_samples=n_samples,
            random_state=random_state,
        )
        return cls(strengths).plot(ax, kind=kind, top=top)

    def plot(
        self, ax: Any = None, *, kind: str = "heatmap", top: int | None = None
    ) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib.axes.Axes or None, default=None
            Where to draw; None makes a figure.
        kind : {"heatmap", "bar"}, default="heatmap"
            A map of all pairs, with the columns in the order of their sums; or bars of
            the strongest pairs.
        top : int or None, default=None
            Number of columns of "heatmap", or of pairs of "bar". None means all
            columns, or 20 pairs.

        Returns
        -------
        self : InteractionDisplay
            The display.
        """
        check_option("kind", kind, KINDS)
        if top is not None:
            check_count("top", top, minimum=1, also="None")
        values = np.array(self.strengths, dtype=np.float64)  # a copy
        off = ~np.eye(len(values), dtype=bool)
        if not np.any(np.diag(values) > 0):
            values[~off] = np.nan
        if kind == "heatmap":
            total = np.where(off, np.nan_to_num(values), 0.0).sum(axis=1)
            order = np.argsort(-total, kind="stable")[:top]
            self._draw_heatmap(ax, values[np.ix_(order, order)], order)
        else:
            self._draw_bars(ax, values, N_BARS if top is None else top)
        return self

    def _draw_heatmap(
        self, ax: Any, values: NDArray[np.float64], order: NDArray[np.intp]
    ) -> None:
        self.order_ = [self.strengths.columns[i] for i in order]
        n = len(order)
        side = 2.5 + max(0.34 * n, 2.0)
        ax = self._take(ax, (side + 1.0, side))
        self.im_ = ax.pcolormesh(
            np.ma.masked_invalid(values), cmap="cividis", vmin=0.0, edgecolors="none"
        )
        colorbar = self.figure_.colorbar(self.im_, ax=ax, shrink=0.6)
        colorbar.set_label("strength of the interaction")
        names = [shorten(name) for name in self.order_]
        at = np.arange(n) + 0.5
        ax.set_xticks(at, names, rotation=90)
        ax.set_yticks(at, names)
        ax.tick_params(length=0, labelsize=8 if n > 12 else 10)
        ax.set(xlim=(0, n), ylim=(n, 0), aspect="equal")
        self._annotate(values)

    def _annotate(self, values: NDArray[np.float64]) -> None:
        """Write two digits of the strongest value, and as many decimals of others."""
        most = np.nanmax(values, initial=0.0)
        digits = 1 - math.floor(math.log10(most)) if most > 0 else 0
        for (i, j), value in np.ndenumerate(values):
            text = f"{value:.{max(digits, 0)}f}"
            if not np.isnan(value) and float(text) > 0:  # else there is nothing to say
                self.ax_.text(
                    j + 0.5,
                    i + 0.5,
                    text.removeprefix("0"),
                    ha="center",
                    va="center",
                    fontsize=6 if len(values) > 12 else 8,
                    color="white" if value < 0.55 * most else "black",
                )

    def _draw_bars(self, ax: Any, values: NDArray[np.float64], top: int) -> None:
        columns = self.strengths.columns
        first, second = np.triu_indices(len(values), 1)
        order = np.argsort(-np.nan_to_num(values[first, second]), kind="stable")[:top]
        self.pairs_ = [(columns[first[k]], columns[second[k]]) for k in order]
        lengths = values[first[order], second[order]]
        ax = self._take(ax, (8.0, 1.0 + 0.27 * len(order)))
        names = [f"{shorten(a)} × {shorten(b)}" for a, b in self.pairs_]
        self.bars_ = ax.barh(range(len(order)), lengths, color=BLUE)
        ax.bar_label(self.bars_, fmt="%.2g", padding=3, fontsize=8)
        ax.set_yticks(range(len(order)), names)
        ax.invert_yaxis()
        ax.margins(x=0.12, y=0.02)
        ax.set_xlabel("strength of the interaction")
        remove_frame(ax)

    def _take(self, ax: Any, size: tuple[float, float]) -> Any:
        self.ax_ = get_axes(self, ax, size)
        self.figure_ = self.ax_.figure
        return self.ax_


class ExplanationDisplay:
    """One row's logit as a sum: from the baseline up or down to the prediction.

    Parameters
    ----------
    explanation : Explanation
        What `explain` returned.
    row : int, default=0
        Position of the row in the explanation.

    Attributes
    ----------
    ax_, figure_
        Axes and figure of matplotlib.
    effects_ : dict of {str: float}
        What each bar adds, by its label: the largest first, the sum of the rest last.
    bars_ : matplotlib.container.BarContainer
        The bars, in the same order.
    """

    def __init__(self, explanation: Any, row: int = 0) -> None:
        self.explanation = explanation
        self.row = row

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        row: int = 0,
        *,
        background: Any = None,
        n_permutations: int = 4,
        random_state: Any = 0,
        output: Any = None,
        max_display: int = 12,
        ax: Any = None,
    ) -> Self:
        """Explain a row, and draw it.

        Parameters
        ----------
        estimator : DCNClassifier or DCNRegressor
            A fitted estimator.
        X : DataFrame or array-like of shape (n_rows, n_features)
            Rows, one of which is explained.
        row : int, default=0
            Position of that row.
        background : DataFrame or array-like of shape (n, n_features), default=None
            What the row is compared with, see `explain`.
        n_permutations : int, default=4
            Number of orders, see `explain`.
        random_state : int, RandomState instance or None, default=0
            Source of the orders and of background rows.
        output : label or int or None, default=None
            The class, or output of a regression, if there are several.
        max_display : int, default=12
            Number of bars at most.
        ax : matplotlib.axes.Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : ExplanationDisplay
            The display, drawn.
        """
        X = estimator._check_X(X, reset=False)
        if not 0 <= row < X.shape[0]:
            raise ValueError(
                f"row must be the position of one of the {X.shape[0]} rows of X; got "
                f"{row!r}."
            )
        explanation = explain(
            estimator,
            take_rows(X, np.array([row])),
            background=background,
            n_permutations=n_permutations,
            random_state=random_state,
            output=output,
        )
        return cls(explanation).plot(ax, max_display=max_display)

    def plot(self, ax: Any = None, *, max_display: int = 12) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib.axes.Axes or None, default=None
            Where to draw; None makes a figure.
        max_display : int, default=12
            Number of bars at most: the largest effects, and the sum of the rest.

        Returns
        -------
        self : ExplanationDisplay
            The display.
        """
        check_count("max_display", max_display, minimum=1)
        labels, values, errors = self._effects(max_display)
        self.effects_ = dict(zip(labels, values.tolist(), strict=True))
        n = len(labels)
        ax = get_axes(self, ax, (8.0, 1.6 + 0.34 * n))
        self.ax_, self.figure_ = ax, ax.figure
        # The baseline is at the bottom, and the largest effect, on top, leads to the
        # prediction.
        stops = self.explanation.baseline + np.cumsum(values[::-1])[::-1]
        colours = np.where(values > 0, ORANGE, BLUE)
        self.bars_ = ax.barh(range(n), values, left=stops - values, color=colours)
        ax.errorbar(
            stops, range(n), xerr=errors, fmt="none", ecolor="black", elinewidth=1
        )
        texts = [f"{value:+.3g}" for value in values]
        for y, (text, stop, value) in enumerate(zip(texts, stops, values, strict=True)):
            ax.annotate(
                text,
                (max(stop, stop - value), y),
                xytext=(4 if errors[y] == 0 else 10, 0),
                textcoords="offset points",
                va="center",
                fontsize=8,
            )
        for y in range(1, n):  # where one bar ends the one above it begins
            ax.plot([stops[y]] * 2, [y - 1.4, y + 0.4], color=GREY, linewidth=0.8)
        logit = float(self.explanation.logit[self.row])
        for x, name in ((self.explanation.baseline, "baseline"), (logit, "this row")):
            ax.axvline(x, color=GREY, linestyle=":", zorder=0, label=f"{name} {x:.3g}")
        ax.set_yticks(range(n), labels)
        ax.invert_yaxis()
        ax.margins(x=0.12)
        ax.set_xlabel(
            f"logit: baseline {self.explanation.baseline:.3g}, row {logit:.3g}"
        )
        remove_frame(ax)
        return self

    def _effects(
        self, max_display: int
    ) -> tuple[list[str], NDArray[np.float64], NDArray[np.float64]]:
        """Return labels, values and standard errors of the bars."""
        e, row = self.explanation, self.row
        cells = e.values.iloc[row]
        labels = [
            f"{shorten(name)} = {write_value(cell)}"
            for name, cell in zip(e.features.columns, cells, strict=True)
        ]
        labels += [f"{shorten(a)} × {shorten(b)}" for a, b in e.pairs.columns]
        values, errors = (
            np.concatenate([columns.iloc[row], pairs.iloc[row]]).astype(np.float64)
            for columns, pairs in (
                (e.features, e.pairs),
                (e.features_error, e.pairs_error),
            )
        )
        order = np.argsort(-np.abs(values), kind="stable")
        if len(order) <= max_display:
            return [labels[k] for k in order], values[order], errors[order]
        shown, rest = order[: max_display - 1], order[max_display - 1 :]
        # Errors of the rest belong together, and are not known of their sum.
        return (
            [*(labels[k] for k in shown), f"{len(rest):,} more"],
            np.append(values[shown], values[rest].sum()),
            np.append(errors[shown], 0.0),
        )
