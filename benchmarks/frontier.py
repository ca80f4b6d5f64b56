"""Loss over seconds of the whole job: ours by preset, trees, RealMLP; a picture."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np

from . import job
from .job_contenders import CONTENDERS, OURS
from .quality_report import METRICS
from .report import short, spread

DEFAULTS = {"rows": None, "repeats": 3}
NAMES = list(CONTENDERS)
# Name -> label, colour, marker. Ours share a colour and a line.
STYLES = {
    f"{OURS} fast": (f"{OURS} fast", "#d95f02", "o"),
    OURS: (OURS, "#d95f02", "o"),
    f"{OURS} best": (f"{OURS} best", "#d95f02", "o"),
    "LightGBM": ("LightGBM", "#1b7837", "s"),
    "CatBoost early stopping": ("CatBoost, stopping", "#c2a000", "D"),
    "CatBoost": ("CatBoost", "#8c6d00", "D"),
    "XGBoost": ("XGBoost", "#2166ac", "^"),
    "HistGradientBoosting": ("HistGB", "#5e4fa2", "v"),
    "RealMLP": ("RealMLP", "#737373", "P"),
}
ANGLES = np.deg2rad([0, 180, 90, 270, 30, 150, 330, 210, 60, 120, 300, 240])
DISTANCES = (9, 14, 22, 32, 44, 58)  # of a label from its point, in points

add_options = job.add_options


def run(options):
    """Measure what is missing, as `job` does; draw where there is a directory."""

    def finish(report, results):
        rows = relative_rows(results)
        if rows:
            note = (
                f"Losses and seconds are divided by those of {OURS} on the same table: "
                "geometric means over the tables, and the middle half of them."
            )
            report.table(f"Relative to {OURS}", rows, note)
        if options.output and results:
            draw(results, Path(options.output))

    return job.run_suite("frontier", options, finish)


def points_of(outcomes):
    """Return {name: (seconds, loss)} of a table, spreads over the seeds."""
    points = {}
    for name in STYLES:
        turns = list(job.good(outcomes[name]).values()) if name in outcomes else []
        if turns:
            points[name] = tuple(
                spread(turn[figure] for turn in turns) for figure in ("seconds", "loss")
            )
    return points


def relative(results):
    """Return {name: (ratios of seconds, of losses)} to the default, table by table."""
    found = {}
    for name in STYLES:
        ratios = []
        for outcomes in results.values():
            both = [job.pairs(outcomes, name, OURS, f) for f in ("seconds", "loss")]
            if both[0][0]:
                (s, s_ours), (loss, loss_ours) = both
                ratios.append(
                    (np.median(np.divide(s, s_ours)), sum(loss) / sum(loss_ours))
                )
        # A mean is of all tables, or it is of other tables than that beside it.
        if ratios and len(ratios) == len(results):
            found[name] = tuple(np.array(ratios).T)
    return found


def summary_of(ratios):
    """Return geometric mean and quartiles."""
    logs = np.log(ratios)
    return np.exp([logs.mean(), *np.quantile(logs, [0.25, 0.75])])


def relative_rows(results):
    """Return the rows of the table that the first picture shows."""
    rows = []
    for name, (seconds, losses) in relative(results).items():
        row = {"contender": name}
        for label, values in (("seconds", seconds), ("loss", losses)):
            digits = short if label == "seconds" else "{:.4f}".format
            middle, low, high = map(digits, summary_of(values))
            row[f"{label} / {OURS}'s"] = f"{middle} ({low}..{high})"
        row["lower loss on"] = f"{(losses < 1).sum()} of {len(losses)}"
        rows.append(row)
    return rows


# The pictures -----------------------------------------------------------------------


def draw(results, directory):
    """Draw frontier-mean.png, over all tables, and frontier.png, a panel for each."""
    try:
        import matplotlib
    except ImportError:
        print("no picture: matplotlib is not installed")
        return
    matplotlib.use("agg")
    from matplotlib import pyplot as plt

    found = {n: tuple(map(summary_of, both)) for n, both in relative(results).items()}
    if len(results) > 1 and found:
        figure, ax = plt.subplots(figsize=(8, 5.2), layout="constrained")
        title = f"fit and predict, mean of {len(results)} tables (bars: middle half)"
        ax.set(title=title, xlabel=f"seconds / {OURS}'s", ylabel=f"loss / {OURS}'s")
        panel(ax, found, size=9)
        figure.savefig(directory / "frontier-mean.png", dpi=130)
        plt.close(figure)
    n_columns = min(3, len(results))
    n_rows = -(-len(results) // n_columns)
    size = (5.2 * n_columns, 3.9 * n_rows)
    figure, axes = plt.subplots(
        n_rows, n_columns, figsize=size, layout="constrained", squeeze=False
    )
    for ax in axes.flat[len(results) :]:
        ax.set_visible(False)
    for ax, (table, outcomes) in zip(axes.flat, results.items(), strict=False):
        points = points_of(outcomes)
        if not points:
            continue
        task = next(iter(outcomes.values())).info["task"]
        label = next(iter(METRICS[task].values()))
        ax.set(title=table, xlabel="seconds, fit and predict", ylabel=label)
        found = {
            name: tuple((s.median, s.low, s.high) for s in both)
            for name, both in points.items()
        }
        panel(ax, found, size=7.5)
    figure.savefig(directory / "frontier.png", dpi=110)
    plt.close(figure)


def panel(ax, points, size):
    """Draw {name: ((x, low, high), (y, low, high))} with a label at each point."""
    from matplotlib.ticker import FuncFormatter, LogLocator

    lines = []
    for name, ((x, *x_range), (y, *y_range)) in points.items():
        _, color, marker = STYLES[name]
        bars = [(x_range, [y, y]), ([x, x], y_range)]
        for bar in bars:
            ax.plot(*bar, color=color, linewidth=1, alpha=0.45, zorder=1)
        ax.plot(x, y, marker, color=color, markersize=size - 1, zorder=3)
        lines += bars
    ours = [points[name] for name in STYLES if name.startswith(OURS) and name in points]
    if ours:
        path = [x[0] for x, _ in ours], [y[0] for _, y in ours]
        ax.plot(*path, color=STYLES[OURS][1], zorder=2)
        lines.append(path)
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    ax.xaxis.set_minor_formatter(FuncFormatter(lambda *_: ""))
    ax.grid(alpha=0.25)
    ax.margins(x=0.16, y=0.12)
    place_labels(ax, points, lines, size)


def place_labels(ax, points, lines, size):
    """Write labels beside the points where they cover neither points, lines, labels."""
    ax.figure.canvas.draw()  # now it is known where the points are
    unit = ax.figure.dpi / 72
    centers = {name: (x[0], y[0]) for name, (x, y) in points.items()}
    at = {name: ax.transData.transform(center) for name, center in centers.items()}
    radius = size * unit * 0.6
    taken = [(*(xy - radius), *(xy + radius)) for xy in at.values()]
    for line in lines:
        taken += _boxes_along(ax.transData.transform(np.transpose(line)))
    for name, xy in at.items():
        text, color, _ = STYLES[name]
        extent = np.array([0.58 * len(text), 1.2]) * size * unit
        distance, middle = _find_place(xy, extent, unit, taken, ax.get_window_extent())
        taken.append((*(middle - extent / 2), *(middle + extent / 2)))
        leader = {"arrowstyle": "-", "color": color, "alpha": 0.5, "linewidth": 0.7}
        ax.annotate(
            text,
            centers[name],
            (middle - xy) / unit,
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=size,
            color=color,
            fontweight="bold" if name.startswith(OURS) else "normal",
            arrowprops=leader if distance > DISTANCES[1] else None,
        )


def _find_place(xy, extent, unit, taken, frame):
    """Return distance and middle of the place for a label that covers least."""
    best = None
    for distance in DISTANCES:
        for angle in ANGLES:
            direction = np.array([np.cos(angle), np.sin(angle)])
            middle = xy + direction * (distance * unit + extent / 2)
            box = (*(middle - extent / 2), *(middle + extent / 2))
            cost = sum(_overlap(box, other) for other in taken)
            cost += 50 * _outside(box, frame) + 0.2 * distance * unit
            if best is None or cost < best[0]:
                best = (cost, distance, middle)
    return best[1:]


def _boxes_along(line, half=2):
    """Return small boxes along a line of points."""
    boxes = []
    for start, end in pairwise(line):
        n = 1 + int(np.hypot(*(end - start)) / (2 * half))
        for xy in np.linspace(start, end, n + 1):
            boxes.append((*(xy - half), *(xy + half)))
    return boxes


def _overlap(a, b):
    """Return the area that two boxes share."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    return max(width, 0) * max(height, 0)


def _outside(box, frame):
    """Return by how much a box reaches out of the frame."""
    over = (frame.x0 - box[0], frame.y0 - box[1], box[2] - frame.x1, box[3] - frame.y1)
    return sum(max(by, 0) for by in over)
