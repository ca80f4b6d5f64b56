"""The picture of a column's embeddings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .._checks import check_count
from .._table import MISSING_LEVEL, UNKNOWN_LEVEL
from ._plotting import BLUE, ORANGE, get_axes, shorten

__all__ = ["EmbeddingDisplay"]

AREA = 400.0  # of the most frequent level's point, in square points
RESERVED = (UNKNOWN_LEVEL, MISSING_LEVEL)
# Where a label may stand beside its point: horizontally and vertically.
PLACES = [(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1)]
ALIGNMENT = {-1: ("right", "top"), 0: ("center", "center"), 1: ("left", "bottom")}


class EmbeddingDisplay:
    r"""Map of a column's levels: the two main directions of their embeddings.

    They are principal components in which each level is weighted by its count, so that
    levels that are hardly trained do not turn the axes. With counts :math:`c_v` and
    embeddings :math:`e_v` these are the first two eigenvectors of :math:`\sum_v c_v
    (e_v - \bar e)(e_v - \bar e)^\top / \sum_v c_v`.

    Parameters
    ----------
    embeddings : DataFrame of shape (n_levels, width + 1)
        Embeddings as columns "dim_0" and so on, and "count"; the index has the levels.
        As the method `embeddings` of an estimator returns them.

    Attributes
    ----------
    ax_, figure_
        Axes and figure of matplotlib.
    coordinates_ : ndarray of shape (n_levels, 2)
        Positions of the levels.
    explained_variance_ratio_ : ndarray of shape (2,)
        Share of the embeddings' weighted variance in each direction.
    scatter_ : matplotlib.collections.PathCollection
        The points.
    labels_ : dict of {level: matplotlib.text.Annotation}
        The labels that found a place.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_dcn.inspection import EmbeddingDisplay
    >>> table = pd.DataFrame(
    ...     {"dim_0": [0.1, -0.1], "dim_1": [0.0, 0.2], "count": [9.0, 3.0]},
    ...     index=["Bern", "Oslo"],
    ... )
    >>> EmbeddingDisplay(table).embeddings.shape
    (2, 3)
    """

    def __init__(self, embeddings: Any) -> None:
        self.embeddings = embeddings

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        column: Any,
        *,
        labels: Mapping[Any, str] | None = None,
        top: int | None = None,
        max_labels: int = 25,
        ax: Any = None,
    ) -> Self:
        """Draw the levels of a column.

        Parameters
        ----------
        estimator : DCNClassifier or DCNRegressor
            A fitted estimator.
        column : str or int
            Name of a column whose levels have embeddings, or its position where columns
            have no names.
        labels : mapping or None, default=None
            Labels of levels, e.g. the title for each film's id; other levels are shown
            as they are.
        top : int or None, default=None
            Draw only this many levels, the most frequent ones; None draws all.
        max_labels : int, default=25
            Label at most this many levels, the most frequent ones, where there is room.
        ax : matplotlib.axes.Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : EmbeddingDisplay
            The display, drawn.
        """
        embeddings = estimator.embeddings(column)
        if top is not None:
            top = check_count("top", top, minimum=1)
            frequent = np.argsort(-embeddings["count"].to_numpy(), kind="stable")
            embeddings = embeddings.iloc[np.sort(frequent[:top])]
        if labels is not None:
            embeddings = embeddings.rename(index=dict(labels))
        display = cls(embeddings).plot(ax, max_labels=max_labels)
        display.ax_.set_title(f"Embeddings of {shorten(column)}")
        return display

    def plot(self, ax: Any = None, *, max_labels: int = 25) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib.axes.Axes or None, default=None
            Where to draw; None makes a figure.
        max_labels : int, default=25
            Label at most this many levels, the most frequent ones, where there is room.

        Returns
        -------
        self : EmbeddingDisplay
            The display.
        """
        ax = get_axes(self, ax, (7.0, 6.0))
        self.ax_, self.figure_ = ax, ax.figure
        count = self.embeddings["count"].to_numpy(dtype=np.float64)
        vectors = self.embeddings.drop(columns="count").to_numpy(dtype=np.float64)
        self.coordinates_, self.explained_variance_ratio_ = _project(vectors, count)
        # Reserved ids that no row of fit had were never trained.
        is_reserved = self.embeddings.index.isin(RESERVED)
        size = 6.0 + AREA * count / max(count.max(), 1e-300)
        self.scatter_ = ax.scatter(
            *self.coordinates_.T,
            s=size,
            c=np.where(is_reserved, ORANGE, BLUE),
            alpha=0.55,
            linewidths=0.5,
            edgecolors="white",
        )
        first, second = 100 * self.explained_variance_ratio_
        ax.set(
            xlabel=f"first component ({first:.0f} % of the variance)",
            ylabel=f"second component ({second:.0f} %)",
        )
        ax.margins(0.12)
        frequent = np.argsort(-count, kind="stable")[:max_labels]
        self._label(frequent, np.sqrt(size / np.pi))
        return self

    def _label(self, levels: NDArray[np.intp], radius: NDArray[np.float64]) -> None:
        """Label levels in turn, each where it covers no label before."""
        self.figure_.draw_without_rendering()  # the layout moves the axes
        taken: list[Any] = []
        self.labels_ = {}
        for i in levels:
            label = self.ax_.annotate(
                shorten(self.embeddings.index[i], 20),
                self.coordinates_[i],
                xytext=(0.0, 0.0),
                textcoords="offset points",
                fontsize=8,
            )
            box = self._place(label, radius[i] + 2.0, taken)
            if box is None:
                label.remove()
            else:
                taken.append(box)
                self.labels_[self.embeddings.index[i]] = label

    def _place(self, label: Any, distance: float, taken: list[Any]) -> Any:
        """Move a label to a free place, and return its box there, or None.

        Of the free places it is the first that covers the fewest points.
        """
        inside = self.ax_.get_window_extent()
        points = self.ax_.transData.transform(self.coordinates_)
        best: tuple[int, dict[str, Any], Any] | None = None
        for across, up in PLACES:
            scale = distance / (across**2 + up**2) ** 0.5
            ha, va = ALIGNMENT[across][0], ALIGNMENT[up][1]
            place = {"position": (scale * across, scale * up), "ha": ha, "va": va}
            label.set(**place)
            box = label.get_window_extent().padded(2.0)
            if inside.count_contains(box.corners()) < 4 or box.count_overlaps(taken):
                continue
            n_covered = box.count_contains(points)
            if best is None or n_covered < best[0]:
                best = n_covered, place, box
        if best is None:
            return None
        label.set(**best[1])
        return best[2]


def _project(
    vectors: NDArray[np.float64], count: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return coordinates on two principal axes, and their shares of the variance."""
    share = count / count.sum() if count.sum() > 0 else np.full(len(count), 1.0)
    centred = vectors - share @ vectors / share.sum()
    _, s, axes = np.linalg.svd(np.sqrt(share)[:, None] * centred, full_matrices=False)
    variance = s**2 / max(float(s @ s), 1e-300)
    # A direction has no sign: let its largest part be positive, so that runs agree.
    axes = (
        axes * np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])[:, None]
    )
    coordinates, shares = np.zeros((len(vectors), 2)), np.zeros(2)
    n = min(2, len(axes))
    coordinates[:, :n], shares[:n] = centred @ axes[:n].T, variance[:n]
    return coordinates, shares
