"""One pass over rows on disk: seconds, memory, scratch space and quality."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from .data import CACHE, VERSION
from .report import Panel, Report, short, spread
from .workers import (
    Contender,
    NotInstalled,
    Outcome,
    Worker,
    progress,
    rotated,
)

OURS = "sklearn-dcn scan"
IN_MEMORY = "sklearn-dcn in memory"
DEFAULTS = {"rows": [1_000_000], "repeats": 1}
TEST_ROWS = 200_000  # held out, or a quarter of fewer rows
# Name, class, arguments and what it needs.
CONTENDERS = (
    (OURS, "streams_contenders:Scan", {}, ("pyarrow",)),
    (f"{OURS} (plain)", "streams_contenders:Scan", {"plain": True}, ("pyarrow",)),
    (IN_MEMORY, "streams_contenders:InMemory", {}, ("pyarrow",)),
    ("FuxiCTR blocks", "streams_rivals:FuxiCTR", {}, ("fuxictr", "pyarrow")),
    ("XGBoost external memory", "streams_rivals:XGBoost", {}, ("xgboost", "pyarrow")),
    ("LightGBM Sequence", "streams_rivals:LightGBM", {}, ("lightgbm", "pyarrow")),
)
NAMES = [name for name, *_ in CONTENDERS]
NOTE = (
    "Peaks are above the memory after the imports. Disk is scratch space, beside the "
    "rows themselves."
)


def read_rows(text):
    """Return the numbers of rows that ``--rows`` names."""
    return [int(float(number)) for number in text.split(",")]


def add_options(parser):
    """Add this suite's options."""
    parser.add_argument(
        "--memory-up-to",
        type=int,
        default=1_000_000,
        help="rows up to which the fit in memory has a turn",
    )
    parser.add_argument("--buffer-rows", type=int, help="of the scan")
    parser.add_argument("--data", help="directory of the rows; else the cache")
    parser.add_argument("--scratch", help="directory of scratch files, not in memory")


def run(options):
    """Measure each number of rows, every fit alone, in a process of its own."""
    report = Report("streams", vars(options))
    seconds, peaks = {}, {}
    for rows in options.rows:
        files = find_files(rows, Path(options.data or CACHE))
        outcomes, reasons = _measure(rows, files, options)
        n = count_rows(files["train"])
        report.keep(f"{n:,} rows", outcomes)
        _add_tables(report, n, outcomes, reasons)
        for name, outcome in outcomes.items():
            seconds.setdefault(name, {})[n] = spread(outcome.figures("seconds"))
            peaks.setdefault(name, {})[n] = spread(outcome.figures("peak_mib"))
        if options.output:  # the next number of rows may take hours
            report.save(options.output)
    if seconds:
        report.panels = [
            Panel("one fit", "rows", "seconds", seconds),
            Panel("peak of memory", "rows", "MiB", peaks),
        ]
    return report


# The rows -----------------------------------------------------------------------------


def find_files(rows, cache):
    """Return the folders "train" and "test"; write their files if they are not there.

    The last file is the test: its rows are drawn from the same log, after the others.
    """
    from .rows import write_rows

    folder = cache / f"streams-{rows}-v{VERSION}"
    files = {name: str(folder / name) for name in ("train", "test")}
    if folder.exists():
        return files
    n_test = min(TEST_ROWS, max(1, rows // 4))
    new = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    progress(f"writing {rows:,} rows to {folder}, and {n_test:,} for the test")
    paths = write_rows(new / "train", rows + n_test, files=rows // n_test + 1)
    (new / "test").mkdir()
    paths[-1].rename(new / "test" / paths[-1].name)
    new.rename(folder)
    return files


def count_rows(folder):
    """Return the number of rows in a folder."""
    import pyarrow.parquet as parquet

    paths = Path(folder).glob("*.parquet")
    return sum(parquet.read_metadata(path).num_rows for path in paths)


# The figures --------------------------------------------------------------------------


def _measure(rows, files, options):
    """Return outcomes by name, and reasons why others have none."""
    config = files | {"threads": options.threads}
    contenders = []
    for name, target, more, requires in CONTENDERS:
        is_too_long = name == IN_MEMORY and rows > options.memory_up_to
        if name not in options.only or is_too_long:
            continue
        if name.startswith(OURS):
            more = more | {"buffer_rows": options.buffer_rows}
        target = f"benchmarks.{target}"
        contenders.append(Contender(name, target, config | more, requires))
    outcomes, reasons = {}, {}
    for repeat in range(options.repeats):
        for one in rotated(contenders, repeat):
            if one.name in reasons:
                continue
            progress(f"repeat {repeat + 1} of {options.repeats}: {one.name}, {rows:,}")
            try:
                turn = _turn(one, options)
            except NotInstalled as reason:
                if options.require_all:
                    raise
                reasons[one.name] = f"not installed ({reason})"
            except RuntimeError as error:  # as of memory that ran out
                reasons[one.name] = str(error).strip().splitlines()[-1]
                progress(str(error))
            else:
                outcome = outcomes.setdefault(one.name, Outcome({}, [], 0.0))
                outcome.turns.append(turn)
                outcome.peak_mib = max(outcome.peak_mib, turn["peak_mib"])
    order = [name for name in NAMES if name in outcomes]
    return {name: outcomes[name] for name in order}, reasons


def _turn(contender, options):
    # Removed here: a process whose memory ran out removes nothing.
    with tempfile.TemporaryDirectory(dir=options.scratch) as scratch:
        config = contender.config | {"scratch": scratch}
        with Worker(replace(contender, config=config), options.threads) as worker:
            return worker.call("turn")


def _add_tables(report, rows, outcomes, reasons):
    """Add the fits, and the passes that they are made of."""
    fits, passes = [], []
    for name, outcome in outcomes.items():
        seconds = spread(outcome.figures("seconds"))
        losses, aucs = outcome.figures("log_loss"), outcome.figures("auc")
        fits.append(
            {
                "contender": name,
                "fit, s": seconds,
                "rows/s": short(rows / seconds.median),
                "peak MiB": spread(outcome.figures("peak_mib")),
                "disk MiB": short(max(outcome.figures("disk_mib"))),
                "log loss": f"{spread(losses).median:.4f}",
                "AUC": f"{spread(aucs).median:.4f}",
            }
        )
        passes += _pass_rows(name, rows, outcome.figures("passes"))
    lacking = [f"{name}: {reason}" for name, reason in reasons.items()]
    report.table(f"{rows:,} rows", fits, "\n".join([NOTE, *lacking]))
    report.table(f"Passes over {rows:,} rows", passes)


def _pass_rows(name, rows, turns):
    """Return a line for each pass of a contender."""
    lines = []
    for what in turns[0]:
        found = [turn[what] for turn in turns if what in turn]
        seconds = spread(one["seconds"] for one in found)
        line = {"contender": name, "pass": what, "s": seconds, "rows/s": ""}
        if seconds.median > 0:
            line["rows/s"] = short(rows / seconds.median)
        reading = [one["reading"] for one in found if "reading" in one]
        line["of it reading, s"] = spread(reading) if reading else ""
        lines.append(line)
    return lines
