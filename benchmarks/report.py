"""Statistics of repeats, and their report: tables, raw figures, a picture."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .environment import machine, versions


@dataclass(frozen=True)
class Spread:
    """Median, lowest and highest of repeats."""

    median: float
    low: float
    high: float

    def __str__(self):
        """Return "median (low..high)", or the median alone of a single repeat."""
        if self.low == self.high:
            return short(self.median)
        return f"{short(self.median)} ({short(self.low)}..{short(self.high)})"


def spread(values):
    """Return the median of repeats and their range."""
    values = [float(value) for value in values]
    return Spread(float(np.median(values)), min(values), max(values))


def ratio(ours, theirs):
    """Return the spread of the ratios ours / theirs, repeat by repeat.

    Both of a ratio come from the same repeat, minutes apart at most: what slows the
    machine down for a while slows down both.
    """
    return spread(a / b for a, b in zip(ours, theirs, strict=True))


def short(value):
    """Return a number with three digits that count, or all before the point."""
    if not math.isfinite(value):
        return str(value)
    if value == 0 or abs(value) >= 1000:
        return f"{value:,.0f}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{digits}f}"


def markdown(rows):
    """Return rows, dicts with the same keys, as a table whose columns line up."""
    header = list(rows[0])
    cells = [header, *([str(row.get(key, "")) for key in header] for row in rows)]
    widths = [max(len(line[k]) for line in cells) for k in range(len(header))]
    lines = [
        "| " + " | ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True))
        for line in cells
    ]
    lines.insert(1, "| " + " | ".join("-" * w for w in widths))
    return "\n".join(f"{line} |" for line in lines)


@dataclass
class Panel:
    """A part of the picture.

    Parameters
    ----------
    title, x_label, y_label : str
        What is written at it.
    series : dict
        Name -> `Spread` for bars, or name -> {x: `Spread`} for curves.
    """

    title: str
    x_label: str
    y_label: str
    series: dict


class Report:
    """What a suite found.

    Parameters
    ----------
    suite : str
        Its name, in those of the files.
    settings : dict
        The options of the run.
    """

    def __init__(self, suite, settings):
        self.suite = suite
        self.settings = settings
        self.parts = []
        self.raw = {}
        self.panels = []

    def table(self, title, rows, note=""):
        """Add a table."""
        if rows:
            self.parts.append(f"### {title}\n\n{markdown(rows)}")
        if note:
            self.parts.append(note)

    def keep(self, key, outcomes):
        """Keep the raw figures of the contenders."""
        self.raw[key] = {name: vars(outcome) for name, outcome in outcomes.items()}

    def text(self):
        """Return the whole report as markdown."""
        found = {**machine(), **versions()}
        facts = [f"- {name}: {value or '-'}" for name, value in found.items()]
        told = {k: v for k, v in self.settings.items() if k not in ("suite", "output")}
        settings = ", ".join(f"{key}={value}" for key, value in told.items())
        head = [f"## {self.suite}", settings, "\n".join(facts)]
        return "\n\n".join(head + self.parts) + "\n"

    def save(self, directory):
        """Write tables, raw figures and, where matplotlib is there, the picture."""
        directory = Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / self.suite
        path.with_suffix(".md").write_text(self.text(), encoding="utf-8")
        found = {"machine": machine(), "versions": versions()}
        found |= {"settings": self.settings, "figures": self.raw}
        path.with_suffix(".json").write_text(json.dumps(found, indent=1))
        if self.panels:
            draw(self.panels, path.with_suffix(".png"))


def draw(panels, path):
    """Draw the panels side by side: bars with their range, or curves in log-log."""
    try:
        import matplotlib
    except ImportError:
        print("no picture: matplotlib is not installed")
        return
    matplotlib.use("agg")
    from matplotlib import pyplot as plt

    n_columns = min(3, len(panels))
    n_rows = -(-len(panels) // n_columns)
    figure, axes = plt.subplots(
        n_rows,
        n_columns,
        figsize=(5.5 * n_columns, 3.8 * n_rows),
        layout="constrained",
        squeeze=False,
    )
    for ax in axes.flat[len(panels) :]:
        ax.set_visible(False)
    for ax, panel in zip(axes.flat, panels, strict=False):
        ax.set(title=panel.title, xlabel=panel.x_label, ylabel=panel.y_label)
        if all(isinstance(values, Spread) for values in panel.series.values()):
            _bars(ax, panel.series)
        else:
            _curves(ax, panel.series)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _bars(ax, series):
    names = list(series)[::-1]  # the first one on top
    medians = [series[name].median for name in names]
    below = [series[name].median - series[name].low for name in names]
    above = [series[name].high - series[name].median for name in names]
    colors = ["C1" if name.startswith("sklearn-dcn") else "C0" for name in names]
    ax.barh(names, medians, xerr=[below, above], color=colors, capsize=3)
    ax.locator_params(axis="x", nbins=4)  # more of such long numbers run together


def _curves(ax, series):
    for name, points in series.items():
        x = sorted(points)
        ax.plot(x, [points[at].median for at in x], marker="o", label=name)
        ax.fill_between(
            x, [points[at].low for at in x], [points[at].high for at in x], alpha=0.2
        )
    ax.set(xscale="log", yscale="log")
    ax.legend()
