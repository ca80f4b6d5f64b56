"""The whole job: from a raw DataFrame to predictions, with every library's defaults."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from .job_contenders import CONTENDERS, OURS, reason_to_skip
from .quality_cell import TEST_SIZE
from .quality_report import METRICS
from .quality_tables import WITHOUT, clicks_table, find_tables
from .report import Panel, Report, ratio, spread
from .workers import Contender, Outcome, measure, progress

DEFAULTS = {"rows": None, "repeats": 5}
CLICK_ROWS = 100_000
NAMES = [name for name in CONTENDERS if name != "RealMLP"]  # minutes on a large table
NOTE = (
    "Seconds are medians and ranges of the seeds. Ratios are of the whole job, fit "
    "and predictions: medians of the seeds' own, and of several tables of the tables'."
)


def add_options(parser):
    """Add this suite's options."""
    parser.add_argument(
        "--tables", metavar="DIR", help="parquet files; without it synthetic clicks"
    )
    parser.add_argument("--names", metavar="NAME,NAME", help="some of the tables")
    parser.add_argument(
        "--add",
        metavar="FILE,FILE",
        default="",
        help="raw figures of earlier runs: what they have is not measured again",
    )
    parser.add_argument(
        "--report-only", action="store_true", help="measure nothing: --add has it all"
    )


def run(options):
    """Measure the chosen contenders on the chosen tables; return the report."""
    return run_suite("job", options, _add_bars)


def run_suite(suite, options, finish):
    """Measure what is missing; return the report, saved after every table.

    Parameters
    ----------
    suite : str
        Its name, in those of the files.
    options : Namespace
        The command line's.
    finish : callable
        What else to do with the report and the results, in the end.
    """
    tables = choose_tables(options)
    known = read_results(options.add)
    names = [] if options.report_only else choose_names(options)
    results = {name: known.get(name, {}) for name in tables}
    for name, table in tables.items():
        missing = [other for other in names if other not in results[name]]
        found = results[name] | measure_table(table, missing, options)
        results[name] = {other: found[other] for other in CONTENDERS if other in found}
        measured = {table: found for table, found in results.items() if found}
        report = make_report(suite, options, measured)
        if options.output:
            report.save(options.output)
    finish(report, measured)
    return report


def choose_tables(options):
    """Return the tables by name: all of a directory but those without a column."""
    if options.tables is None:
        rows = options.rows or CLICK_ROWS
        return {"clicks": clicks_table(round(rows / (1 - TEST_SIZE)))}
    tables = find_tables(options.tables)
    names = options.names.split(",") if options.names else {*tables} - {*WITHOUT}
    if unknown := [name for name in names if name not in tables]:
        raise SystemExit(f"no tables {unknown}; there are {list(tables)}")
    return {name: table for name, table in tables.items() if name in names}


def choose_names(options):
    """Return the names of those that are asked for and can take part."""
    chosen = []
    for name in options.only:
        reason = reason_to_skip(name)
        if reason is None:
            chosen.append(name)
        elif options.require_all:
            raise SystemExit(f"{name}: {reason}")
        else:
            progress(f"{name}: {reason}, skipped")
    return chosen


def read_results(files):
    """Return {table: {name: Outcome}} of files of raw figures; the later ones count."""
    results = {}
    for path in filter(None, files.split(",")):
        figures = json.loads(Path(path).read_text(encoding="utf-8"))["figures"]
        for table, outcomes in figures.items():
            found = {name: Outcome(**outcome) for name, outcome in outcomes.items()}
            results[table] = results.get(table, {}) | found
    return results


def measure_table(table, names, options):
    """Return the outcomes on a table; a process that dies leaves it without any."""
    progress(f"{table.name}: {', '.join(names) or 'nothing to measure'}")
    config = {"table": vars(table), "rows": options.rows, "threads": options.threads}
    contenders = [
        Contender(name, "benchmarks.job_contenders:Job", config | {"name": name})
        for name in names
    ]
    try:
        return measure(contenders, options)
    except RuntimeError as error:
        progress(f"{table.name}: {error}")
        return {}


# The report -------------------------------------------------------------------------


def make_report(suite, options, results):
    """Return the report: a table for every data table, and what they come to."""
    report = Report(suite, vars(options))
    for table, outcomes in results.items():
        report.keep(table, outcomes)
        if any(good(outcome) for outcome in outcomes.values()):
            _add_table(report, table, outcomes)
        report.parts += _failures(outcomes)
    if len(results) > 1:
        for ours in [name for name in CONTENDERS if name.startswith(OURS)]:
            rows = summary_rows(results, ours)
            report.table(f"{ours} against the others, {len(results)} tables", rows)
    report.parts.append(NOTE)
    return report


def _add_bars(report, results):
    """Add the picture of a single table; the one of several is the suite frontier's."""
    for outcomes in results.values() if len(results) == 1 else ():
        for figure in ("seconds", "loss"):
            values = {
                name: spread(turn[figure] for turn in good(outcome).values())
                for name, outcome in outcomes.items()
                if good(outcome)
            }
            report.panels.append(Panel(figure, figure, "", values))


def good(outcome):
    """Return the turns without an error by their seed."""
    return {turn["seed"]: turn for turn in outcome.turns if "error" not in turn}


def pairs(outcomes, one, other, figure):
    """Return a figure of two contenders on the seeds that both have, as two lists."""
    one, other = (good(outcomes[n]) if n in outcomes else {} for n in (one, other))
    seeds = [seed for seed in one if seed in other]
    return [one[s][figure] for s in seeds], [other[s][figure] for s in seeds]


def _add_table(report, table, outcomes):
    turns = {name: list(good(outcome).values()) for name, outcome in outcomes.items()}
    first = next(turn for found in turns.values() for turn in found)
    task = next(iter(outcomes.values())).info["task"]
    title = f"{table}, {first['n_train']:,} rows, {first['n_test']:,} held out"
    rows = []
    for name, found in turns.items():
        if not found:
            continue
        row = {"contender": name}
        for step in ("fit", "predict"):
            row[f"{step}, s"] = spread(turn[f"{step}_seconds"] for turn in found)
        mine, its = pairs(outcomes, OURS, name, "seconds")
        others = bool(mine) and name != OURS
        row["ours / it"] = ratio(mine, its) if others else ""
        row["it / ours"] = ratio(its, mine) if others else ""
        for metric, label in METRICS[task].items():
            if metric != "ece":
                row[label] = _decimals([turn[metric] for turn in found])
        peak, data = outcomes[name].peak_mib, outcomes[name].info["data_mib"]
        row["peak MiB"] = f"{peak:.0f} (data {data:.0f})"
        rows.append(row)
    report.table(title, rows)


def _decimals(values):
    found = spread(values)
    text = f"{found.median:.4f}"
    if found.low < found.high:
        text += f" ({found.low:.4f}..{found.high:.4f})"
    return text


def _failures(outcomes):
    return [
        f"{name} failed on seed {turn['seed']}: {turn['error']}"
        for name, outcome in outcomes.items()
        for turn in outcome.turns
        if "error" in turn
    ]


def summary_rows(results, ours):
    """Return for every other contender the ratios over the tables that both have."""
    rows = []
    for name in CONTENDERS:
        speed, loss = [], []
        for outcomes in results.values():
            mine, its = pairs(outcomes, ours, name, "seconds")
            if mine and name != ours:
                speed.append(ratio(mine, its).median)
                mine, its = pairs(outcomes, ours, name, "loss")
                loss.append(np.mean(mine) / np.mean(its))
        if speed:
            less = sum(value < 1 for value in loss)
            row = {"it": name, "seconds, ours / it": spread(speed)}
            row["seconds, it / ours"] = spread(1 / value for value in speed)
            row["faster on"] = f"{sum(v < 1 for v in speed)} of {len(speed)}"
            row["loss, ours / it"] = _decimals(loss)
            row["loss below on"] = f"{less} of {len(loss)}"
            rows.append(row)
    return rows
