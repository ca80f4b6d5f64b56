"""The report of the suite `quality`: tables, ranks, ablations, learning curves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.stats import rankdata

from .quality_contenders import CONTENDERS, OURS, TREES
from .report import Report, short

METRICS = {
    "binary": {"log_loss": "log loss", "auc": "AUC", "ece": "ECE"},
    "multiclass": {"log_loss": "log loss", "accuracy": "accuracy", "ece": "ECE"},
    "regression": {"rmse": "RMSE"},
}
SECONDS = {"fit_cpu": "fit, CPU s", "fit_wall": "fit, s", "predict_cpu": "predict, s"}


class Results:
    """Records by table, contender and seed.

    Parameters
    ----------
    records : iterable of dict
        Lines of the results files.
    options : Namespace
        The command line's: `seeds`, `tag`, `against`, `variants`.
    """

    def __init__(self, records, options):
        self.options = options
        self.found = {}  # (table, contender, rows) -> seed -> record
        for record in sorted(records, key=lambda record: record.get("when", "")):
            name = self._name(record)
            if name and record["seed"] in options.seeds:
                cell = (record["table"], name, record["rows"])
                self.found.setdefault(cell, {})[record["seed"]] = record

    def _name(self, record):
        name, tag = record["contender"], record["tag"]
        if name in CONTENDERS and name != OURS:
            return name  # of whatever version; the one measured last counts
        if record["kwargs"] != self.options.variants.get(name, {}):
            return None  # a variant that has since changed, or is unknown
        if tag == self.options.tag:
            return name
        return f"{name} @ {tag}" if tag in self.options.against else None

    def good(self, table, name, rows=None):
        """Return the records by seed that are no errors."""
        records = self.found.get((table, name, rows), {})
        return {seed: r for seed, r in sorted(records.items()) if "error" not in r}

    def error(self, table, name, rows=None):
        """Return what went wrong on the first seed where something did, or None."""
        records = self.found.get((table, name, rows), {}).values()
        return next((r["error"] for r in records if "error" in r), None)

    def values(self, table, name, figure="loss", seeds=None, rows=None):
        """Return a figure of every seed that is there, or of the given ones."""
        good = self.good(table, name, rows)
        return np.array([good[seed][figure] for seed in (seeds or good)], dtype=float)

    def ratios(self, table, name, other, figure="loss"):
        """Return the ratios of a figure on the seeds that both have."""
        common = [s for s in self.good(table, name) if s in self.good(table, other)]
        if not common:
            return np.array([])
        a, b = (self.values(table, n, figure, common) for n in (name, other))
        return a / b

    def task(self, table):
        """Return the task of a table that some contender has a figure on."""
        for (known, *_), records in self.found.items():
            for record in records.values():
                if known == table and "task" in record:
                    return record["task"]
        return None

    def names(self, variants=False):
        """Return the contenders that have a record, ours first, or the variants."""
        seen = {name for _, name, _ in self.found}
        ours = [n for n in seen if n.split(" @ ")[0] == OURS]
        names = [*sorted(ours, key=len), *(n for n in CONTENDERS if n != OURS)]
        if variants:
            names = [n for n in self.options.variants if n != OURS]
        return [name for name in names if name in seen]

    def best_trees(self, table):
        """Return the name of the library of trees with the lowest mean loss."""
        losses = {t: self.values(table, t).mean() for t in TREES if self.good(table, t)}
        return min(losses, key=losses.get) if losses else None


def mean(values, digits=4):
    """Return mean ± standard deviation as text."""
    if not len(values):
        return ""
    spread = f" ± {np.std(values, ddof=1):.{digits}f}" if len(values) > 1 else ""
    return f"{np.mean(values):.{digits}f}{spread}"


def table_rows(results, table):
    """Return a row for every contender on a table, the lowest mean loss first."""
    rows, trees = [], results.best_trees(table)
    for name in results.names():
        good = results.good(table, name)
        error = results.error(table, name)
        if not good and not error:
            continue
        row = {"contender": name, "seeds": len(good) if not error else f"{len(good)} !"}
        if not good:
            rows.append((np.inf, row))
            continue
        for figure, label in METRICS[results.task(table)].items():
            row[label] = mean(results.values(table, name, figure))
        if trees:
            row[f"loss / {trees}'s"] = mean(results.ratios(table, name, trees))
        ours = results.ratios(table, OURS, name) if name != OURS else np.array([])
        row[f"{OURS} wins"] = f"{(ours < 1).sum()} of {len(ours)}" if len(ours) else ""
        for figure, label in SECONDS.items():
            row[label] = short(np.median(results.values(table, name, figure)))
        rows.append((results.values(table, name).mean(), row))
    rows.sort(key=lambda pair: pair[0])
    # The first row has all columns: a contender without a figure is never before it.
    return [row for _, row in rows]


def failures(results, tables):
    """Return a sentence for every contender that failed somewhere."""
    told = {}
    for table, name, rows in results.found:
        error = results.error(table, name, rows)
        if error and table in tables:
            where = table if rows is None else f"{rows:,} rows of {table}"
            told.setdefault(name, []).append(f"{where} ({error})")
    return [f"{name} failed on {', '.join(where)}." for name, where in told.items()]


def rank_rows(results, tables, seeds):
    """Return rows of the ranks, and who lacks which table.

    Only contenders that have all seeds of all tables are ranked, by mean loss.
    """
    names = [name for name in results.names() if " @ " not in name]
    lacks = {
        name: [t for t in tables if not set(seeds) <= results.good(t, name).keys()]
        for name in names
    }
    ranked = [name for name in names if not lacks[name]]
    if len(ranked) < 2:
        return [], lacks
    losses = np.array(
        [[results.values(t, n, seeds=seeds).mean() for n in ranked] for t in tables]
    )
    ranks = rankdata(losses, axis=1)
    trees = [j for j, name in enumerate(ranked) if name in TREES]
    rows = []
    for j, name in enumerate(ranked):
        row = {"contender": name, "mean rank": f"{ranks[:, j].mean():.2f}"}
        row["firsts"] = int((ranks[:, j] == 1).sum())
        if trees:
            ratios = losses[:, j] / losses[:, trees].min(axis=1)
            row["loss / best trees'"] = f"{np.exp(np.log(ratios).mean()):.4f}"
        seconds = [np.median(results.values(t, name, "fit_cpu")) for t in tables]
        row["fit of all tables, CPU s"] = short(sum(seconds))
        row |= {t: f"{rank:g}" for t, rank in zip(tables, ranks[:, j], strict=True)}
        rows.append(row)
    return sorted(rows, key=lambda row: float(row["mean rank"])), lacks


def add_ranks(report, results, tables):
    """Add the ranks of the contenders that have all tables, and say which lack some.

    Seeds are as many as at least ours and another one have. If more contenders have
    the first one, as slow ones may, their ranks on it follow.
    """
    seeds = results.options.seeds
    counts = range(len(seeds), 0, -1)
    found = {count: rank_rows(results, tables, seeds[:count]) for count in counts}
    fit = [n for n, (rows, lacks) in found.items() if rows and not lacks.get(OURS)]
    fit = fit or [count for count, (rows, _) in found.items() if rows]
    if not fit:
        report.parts.append("No ranks: no two contenders have all tables.")
        return
    shown = [fit[0]]
    if len(found[1][0]) > len(found[fit[0]][0]):
        shown.append(1)
    for count in shown:
        rows, lacks = found[count]
        missing = [
            f"{name} lacks {', '.join(t) if len(t) < len(tables) else 'all tables'}"
            for name, t in lacks.items()
            if t
        ]
        note = f"Not ranked: {'; '.join(missing)}." if missing else ""
        title = f"Ranks by mean loss; tables: {len(tables)}, seeds: {count}"
        report.table(title, rows, note)


def ablation_rows(results, tables):
    """Return for every variant the change of the loss against the default in %."""
    rows = []
    for name in results.names(variants=True):
        changes = {t: 100 * (results.ratios(t, name, OURS) - 1) for t in tables}
        changes = {t: values for t, values in changes.items() if len(values)}
        if not changes:
            continue
        times = [results.ratios(t, name, OURS, "fit_cpu").mean() for t in changes]
        everything = np.concatenate(list(changes.values()))
        row = {"variant": name.removeprefix(f"{OURS}: ")}
        row["mean change, %"] = f"{np.mean([c.mean() for c in changes.values()]):+.2f}"
        row["worse on"] = f"{(everything > 0).sum()} of {len(everything)}"
        row["fit CPU / default's"] = short(float(np.exp(np.log(times).mean())))
        row |= {t: _change(changes.get(t, [])) for t in tables}
        rows.append(row)
    return rows


def _change(values):
    if not len(values):
        return ""
    spread = f" ± {np.std(values, ddof=1):.2f}" if len(values) > 1 else ""
    return f"{np.mean(values):+.2f}{spread}"


def curves_of(results, table):
    """Return contender -> {training rows: losses}, sizes in ascending order."""
    curves = {}
    for known, name, rows in results.found:
        good = results.good(table, name, rows)
        if known == table and good:
            size = next(iter(good.values()))["n_train"]
            curves.setdefault(name, {})[size] = results.values(table, name, rows=rows)
    order = [*results.names(), *results.names(variants=True)]
    # A contender that was measured on all rows alone has no curve.
    return {
        name: dict(sorted(curves[name].items()))
        for name in order
        if len(curves.get(name, ())) > 1
    }


def draw_curves(curves, title, label, path):
    """Draw the losses over the training rows, with their deviation over the seeds."""
    try:
        import matplotlib
    except ImportError:
        print("no picture: matplotlib is not installed")
        return
    matplotlib.use("agg")
    from matplotlib import pyplot as plt

    figure, ax = plt.subplots(figsize=(7.5, 4.4), layout="constrained")
    for j, (name, points) in enumerate(curves.items()):
        sizes = np.array(list(points)) * 1.02 ** (j - len(curves) / 2)  # side by side
        means = [values.mean() for values in points.values()]
        bars = [np.std(v, ddof=1) if len(v) > 1 else 0.0 for v in points.values()]
        line = {"marker": "o", "markersize": 4, "capsize": 2, "label": name}
        line |= {"linewidth": 2.4 if name == OURS else 1.2, "color": f"C{j}"}
        ax.errorbar(sizes, means, yerr=bars, **line)
    ticks = sorted({size for points in curves.values() for size in points})
    ax.set(xscale="log", title=title, xlabel="training rows", ylabel=label)
    ax.set_xticks(ticks, [f"{tick:,}" for tick in ticks], rotation=30)
    ax.minorticks_off()
    ax.grid(alpha=0.3)
    ax.legend()
    figure.savefig(path, dpi=130)
    plt.close(figure)


def add_curves(report, results, tables, directory):
    """Add a table, and where there is a directory a picture, for every curve."""
    for name in tables:
        curves = curves_of(results, name)
        sizes = sorted({size for points in curves.values() for size in points})
        rows = [
            {"training rows": f"{size:,}"}
            | {n: mean(points.get(size, [])) for n, points in curves.items()}
            for size in sizes
        ]
        label = METRICS[results.task(name)] if curves else {}
        label = next(iter(label.values()), "")
        report.table(f"Learning curves of {name}, {label}", rows)
        if curves and directory:
            draw_curves(curves, name, label, directory / f"quality-curve-{name}.png")


def make_report(records, tables, options):
    """Return the report of the records on some tables.

    Parameters
    ----------
    records : iterable of dict
        Lines of the results files.
    tables : dict of {str: Table}
    options : Namespace
        The command line's.
    """
    settings = {k: v for k, v in vars(options).items() if k != "variants"}
    report = Report("quality", settings)
    results = Results(records, options)
    directory = Path(options.output) if options.output else None
    if directory:
        directory.mkdir(parents=True, exist_ok=True)
    if options.curves:
        add_curves(report, results, tables, directory)
        report.parts += failures(results, tables)
        return report
    names = [t for t in tables if any(known == t for known, *_ in results.found)]
    for name in names:
        report.table(name, table_rows(results, name))
        report.raw[name] = {
            contender: list(results.good(name, contender).values())
            for contender in [*results.names(), *results.names(variants=True)]
        }
    if names:
        add_ranks(report, results, names)
        note = (
            "Change of the loss in %, mean ± deviation over seeds; positive is worse."
        )
        rows = ablation_rows(results, names)
        report.table("Variants against the default", rows, note if rows else "")
    report.parts += failures(results, names)
    report.parts.append(
        "Cells are mean ± standard deviation over the seeds, seconds their median; a "
        "loss is divided by the one on the same seed, of the best of "
        f"{', '.join(TREES)} by mean. '!' marks contenders that failed on some seed."
    )
    return report
