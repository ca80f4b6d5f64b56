"""How well ours and its rivals predict: real tables, several seeds, kept results.

    python -m benchmarks.quality --tables DIR [--only NAME,NAME] [--seeds 5]

Every cell, one contender on one split of one table, runs in a process of its own; its
figures are a line of the results file, and only cells that are missing there are run.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .quality_cell import run_cell, training_rows
from .quality_contenders import ABLATIONS, CONTENDERS, OURS, version_of
from .quality_report import make_report
from .quality_tables import clicks_table, find_tables
from .workers import progress

CURVE_ROWS = (1000, 3000, 10_000, 30_000, 100_000)
CURVE_CONTENDERS = (OURS, "linear", "LightGBM", "CatBoost")
KEY = ("table", "contender", "kwargs", "seed", "rows", "tag")


def key_of(record):
    """Return what tells one record from another, as text."""
    return json.dumps([record[name] for name in KEY], sort_keys=True)


def read_records(paths):
    """Return the records of files by key; of the same key the last one counts."""
    records = {}
    for path in paths:
        if Path(path).exists():
            with open(path, encoding="utf-8") as lines:
                for line in lines:
                    record = json.loads(line)
                    records[key_of(record)] = record
    return records


def is_ours(name):
    """Tell whether a contender is ours or a variant of it."""
    return name.split(":")[0] == OURS


def make_cells(tables, contenders, seeds, sizes, variants, tag):
    """Return the cells to run, seeds outermost, then contenders, then tables.

    Parameters
    ----------
    tables : dict of {str: Table}
    contenders : list of str
        Of `CONTENDERS` or `variants`.
    seeds : list of int
    sizes : dict of {str: list}
        Table -> numbers of training rows, None for all of them.
    variants : dict of {str: dict}
        Name -> arguments of the constructor.
    tag : str
        Version of ours.

    Returns
    -------
    cells : list of dict
    """
    cells = []
    for seed in seeds:
        for name in contenders:
            version = tag if is_ours(name) else version_of(name)
            for table in tables:
                for rows in sizes[table]:
                    cell = {"table": table, "contender": name, "seed": seed}
                    cell |= {"kwargs": variants.get(name, {}), "rows": rows}
                    cells.append(cell | {"tag": version})
    return cells


def run_cells(cells, tables, known, options):
    """Run the cells that are missing and add them to the file and to `known`."""
    missing = [
        cell
        for cell in cells
        if key_of(cell) not in known or cell["contender"] in options.again
    ]
    progress(f"{len(cells)} cells, {len(missing)} of them to run")
    Path(options.results).parent.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()

    def run(cell):
        name = OURS if is_ours(cell["contender"]) else cell["contender"]
        found = run_cell(
            timeout=options.timeout,
            table=vars(tables[cell["table"]]),
            contender=name,
            kwargs=cell["kwargs"],
            seed=cell["seed"],
            rows=cell["rows"],
        )
        record = cell | found | {"when": time.strftime("%Y-%m-%dT%H:%M:%S")}
        # A line at once: other runs may add to the same file.
        with open(options.results, "a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
        return record

    with ThreadPoolExecutor(options.jobs) as pool:
        for done, record in enumerate(pool.map(run, missing), start=1):
            known[key_of(record)] = record
            minutes = (time.perf_counter() - start) / 60
            progress(f"{done}/{len(missing)} {minutes:.1f} min {describe(record)}")


def describe(record):
    """Return a record as a line."""
    rows = "" if record["rows"] is None else f" {record['rows']:,} rows"
    head = f"seed {record['seed']} {record['contender']} on {record['table']}{rows}: "
    if "error" in record:
        return head + record["error"]
    return f"{head}loss {record['loss']:.5f}, {record['fit_cpu']:.1f} s"


def sizes_of_curve(table):
    """Return numbers of training rows, the last one None where it is all rows."""
    most = training_rows(table.rows)
    sizes = [rows for rows in CURVE_ROWS if rows < most]
    # All rows are a point of their own unless the last one is about as many.
    return sizes if sizes and most < 1.2 * sizes[-1] else [*sizes, None]


def parse_options(arguments=None):
    """Return the options, names as lists."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.quality", description=__doc__.splitlines()[0]
    )
    add = parser.add_argument
    add(
        "--tables",
        metavar="DIR",
        default=os.environ.get("QUALITY_TABLES"),
        help="parquet files, perhaps with INDEX.json; or the variable QUALITY_TABLES; "
        "without both, the tables that are shipped",
    )
    add("--target", help="target of the files that INDEX.json does not know")
    add("--only-tables", metavar="NAME,NAME", help="some of them")
    add("--only", metavar="NAME,NAME", help=f"some of {', '.join(CONTENDERS)}")
    add("--variants", metavar="FILE", help="JSON: {'dcn: NAME': {argument: value}}")
    add("--ablations", action="store_true", help="ours and all its variants, no rival")
    add("--curves", action="store_true", help="losses as the training rows grow")
    add("--seeds", default="5", help="how many; or which: 0,3 or 0,")
    add("--timeout", type=float, default=3600.0, help="seconds for a cell")
    add("--jobs", type=int, default=1, help="cells at a time, of one thread each")
    add("--tag", help="version of ours in the results (default: the package's)")
    add("--against", metavar="TAG,TAG", help="older versions of ours in the report")
    add("--again", metavar="NAME,NAME", help="contenders to run although they were")
    add("--results", metavar="FILE", default="results/quality.jsonl")
    add("--add", metavar="FILE,FILE", help="more results to read")
    add("--report-only", action="store_true", help="run nothing")
    add("--output", metavar="DIR", help="where to write the report and its pictures")
    options = parser.parse_args(arguments)
    for name in ("only_tables", "only", "against", "again", "add"):
        text = getattr(options, name)
        names = [part.strip() for part in text.split(",")] if text else []
        setattr(options, name, [part for part in names if part])
    which = [part for part in options.seeds.split(",") if part.strip()]
    one = "," not in options.seeds
    options.seeds = list(range(int(which[0]))) if one else [int(s) for s in which]
    if options.tag is None:
        options.tag = version_of(OURS) or "sklearn-dcn"
    options.variants = dict(ABLATIONS) | (
        json.loads(Path(options.variants).read_text(encoding="utf-8"))
        if options.variants
        else {}
    )
    for name in options.variants:
        if not name.startswith(f"{OURS}: ") or "," in name:
            parser.error(f"a variant is called '{OURS}: ...', without commas: {name!r}")
    known = [*CONTENDERS, *options.variants]
    if unknown := [n for n in [*options.only, *options.again] if n not in known]:
        parser.error(f"no contenders {unknown}; there are {known}")
    return options


def choose_contenders(options):
    """Return the names of those that are asked for and installed."""
    if options.only:
        names = options.only
    elif options.curves:
        names = list(CURVE_CONTENDERS)
    elif options.ablations:
        names = [OURS, *options.variants]
    else:
        names = list(CONTENDERS)
    chosen = []
    for name in names:
        if is_ours(name) or version_of(name) is not None or options.report_only:
            chosen.append(name)
        else:
            progress(f"{name}: not installed, skipped")
    return chosen


def choose_tables(options):
    """Return the tables that are asked for by name."""
    tables = find_tables(options.tables, options.target)
    if options.curves:
        tables = {n: table for n, table in tables.items() if table.split == "random"}
        tables["clicks"] = clicks_table()
    if unknown := [name for name in options.only_tables if name not in tables]:
        raise SystemExit(f"no tables {unknown}; there are {list(tables)}")
    if options.only_tables:
        tables = {name: tables[name] for name in tables if name in options.only_tables}
    return tables


def main(arguments=None):
    """Run what is missing; print the report and perhaps save it."""
    options = parse_options(arguments)
    tables, contenders = choose_tables(options), choose_contenders(options)
    if options.curves:
        sizes = {name: sizes_of_curve(table) for name, table in tables.items()}
    else:
        sizes = {name: [None] for name in tables}
    known = read_records([*options.add, options.results])
    if not options.report_only:
        cells = make_cells(
            tables, contenders, options.seeds, sizes, options.variants, options.tag
        )
        run_cells(cells, tables, known, options)
    report = make_report(known.values(), tables, options)
    print(report.text())
    if options.output:
        report.save(options.output)


if __name__ == "__main__":
    main()
