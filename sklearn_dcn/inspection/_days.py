"""Pictures for rows that keep coming: scores day by day, and columns that shifted."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from ._drift import Drift, drift
from ._plotting import BLUE, GREY, ORANGE, get_axes, remove_frame, shorten

__all__ = ["DriftDisplay", "ProgressiveValidationDisplay"]

SCORES = {"log_loss": "log loss", "rmse": "root mean squared error"}
NOISE, ANOTHER = 0.1, 0.25  # of the population stability index


class ProgressiveValidationDisplay:
    """How well a model predicted each day before it learned it.

    Parameters
    ----------
    tables : DataFrame or dict of {str: DataFrame}
        What `progressive_validate` returned; for several models, a dict by their names.

    Attributes
    ----------
    ax_, figure_
        Axes and figure of matplotlib.
    ax_unknown_ : matplotlib.axes.Axes or None
        Axes of the share of unknown cells, on the right.
    lines_ : dict
        The line of each table by its name, and that of unknown cells by "unknown".

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_dcn.inspection import ProgressiveValidationDisplay
    >>> table = pd.DataFrame({"log_loss": [0.6, 0.5], "unknown": [0.2, 0.1]})
    >>> list(ProgressiveValidationDisplay(table).tables)
    ['model']
    """

    def __init__(self, tables: Any) -> None:
        self.tables = tables if isinstance(tables, dict) else {"model": tables}

    def plot(self, ax: Any = None, *, score: str | None = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib.axes.Axes or None, default=None
            Where to draw; None makes a figure.
        score : str or None, default=None
            The column to draw; None is the loss.

        Returns
        -------
        self : ProgressiveValidationDisplay
            The display.
        """
        first = next(iter(self.tables.values()))
        if score is None:
            score = next(name for name in SCORES if name in first)
        elif score not in first:
            raise ValueError(
                f"score must be a column of the table; got {score!r}, and there are "
                f"{list(first)}."
            )
        ax = get_axes(self, ax, (7.5, 4.0))
        self.ax_, self.figure_, self.lines_ = ax, ax.figure, {}
        self.ax_unknown_ = None
        days = [str(day) for day in first.index]
        at = np.arange(len(days))
        for name, table in self.tables.items():
            values = table[score].to_numpy(dtype=float)
            (self.lines_[name],) = ax.plot(
                at[: len(values)], values, "o-", markersize=3, label=shorten(name)
            )
        handles = [*self.lines_.values()]
        if "unknown" in first:
            name = shorten(next(iter(self.tables)))
            of = f" of {name}" if len(self.tables) > 1 else ""
            self.ax_unknown_ = ax.twinx()
            (self.lines_["unknown"],) = self.ax_unknown_.plot(
                at, first["unknown"], ":", color=GREY, label=f"unknown cells{of}"
            )
            handles.append(self.lines_["unknown"])
            self.ax_unknown_.set(ylabel="share of cells of unknown levels")
            self.ax_unknown_.set_ylim(0.0, max(0.05, 1.1 * first["unknown"].max()))
        longest = max(map(len, days), default=0)
        most = 8 if longest < 8 else 6  # labels that do not overlap
        step = max(1, -(-len(days) // most))
        ax.set_xticks(at[::step], days[::step])
        ax.set(ylabel=SCORES.get(score, score.replace("_", " ")))
        ax.legend(
            handles=handles,
            loc="lower center",
            bbox_to_anchor=(0.5, 1.0),
            ncols=min(4, len(handles)),
            frameon=False,
        )
        return self


class DriftDisplay:
    """Which columns have shifted since the fit.

    Parameters
    ----------
    report : Drift
        What `drift` returned.

    Attributes
    ----------
    ax_, figure_
        Axes and figure of matplotlib.
    bars_ : matplotlib.container.BarContainer
        The population stability index of each column, the greatest at the top.
    points_ : matplotlib.lines.Line2D
        The shares of unknown cells, on the axes above.
    """

    def __init__(self, report: Drift) -> None:
        self.report = report

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        *,
        sample_weight: Any = None,
        top: int = 20,
        ax: Any = None,
    ) -> Self:
        """Compare rows with those that a model was fitted to, and draw the result.

        Parameters
        ----------
        estimator : DCNClassifier or DCNRegressor
            A fitted estimator.
        X : DataFrame or array-like of shape (n_samples, n_features)
            Later rows.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row.
        top : int, default=20
            Draw at most this many columns.
        ax : matplotlib.axes.Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : DriftDisplay
            The display, drawn.
        """
        return cls(drift(estimator, X, sample_weight=sample_weight)).plot(ax, top=top)

    def plot(self, ax: Any = None, *, top: int = 20) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib.axes.Axes or None, default=None
            Where to draw; None makes a figure.
        top : int, default=20
            Draw at most this many columns.

        Returns
        -------
        self : DriftDisplay
            The display.
        """
        table = self.report.columns.dropna(subset=["psi"]).head(top)[::-1]
        ax = get_axes(self, ax, (7.0, 1.6 + 0.28 * len(table)))
        self.ax_, self.figure_ = ax, ax.figure
        names = [shorten(name) for name in table.index]
        self.bars_ = ax.barh(names, table["psi"], color=BLUE)
        for limit, style in ((NOISE, ":"), (ANOTHER, "--")):
            ax.axvline(limit, color=GREY, linestyle=style, linewidth=1)
        ax.set_xscale("log")  # from noise to another column altogether
        ax.set_xlim(0.01, max(1.0, 1.3 * table["psi"].max()))
        ax.set(xlabel="population stability index (dotted 0.1, dashed 0.25)")
        remove_frame(ax)
        above = ax.twiny()
        (self.points_,) = above.plot(
            table["unknown"].to_numpy(dtype=float), names, "o", color=ORANGE
        )
        above.set_xlim(-0.02, 1.02)
        above.set_xlabel("share of cells of unknown levels (points)")
        above.spines[["right"]].set_visible(False)
        return self
