"""The command line: ``python -m benchmarks <suite> [options]``."""

from __future__ import annotations

import argparse
import importlib
import os

SUITES = (
    "train",
    "overhead",
    "predict",
    "small",
    "search",
    "vocabulary",
    "job",
    "frontier",
    "growth",
    "width",
    "optimism",
    "encoding",
    "ids",
    "embedder",
    "serve",
    "streams",
)


def main():
    """Run one suite; print its report and perhaps save it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parsers = parser.add_subparsers(dest="suite", required=True)
    modules = {}
    for suite in SUITES:
        module = modules[suite] = importlib.import_module(f"benchmarks.{suite}")
        add_common_options(parsers.add_parser(suite, help=module.__doc__), module)
    options = parser.parse_args()
    module = modules[options.suite]
    names = options.only.split(",") if options.only else module.NAMES
    if unknown := [name for name in names if name not in module.NAMES]:
        parser.error(f"--only names {unknown}; the contenders are {module.NAMES}")
    options.only = names
    report = module.run(options)
    print(report.text())
    if options.output:
        report.save(options.output)


def add_common_options(parser, module):
    """Add the options that every suite has, and those of this one."""
    parser.add_argument("--repeats", type=int, default=module.DEFAULTS["repeats"])
    kind = getattr(module, "read_rows", int)  # several, or one
    parser.add_argument("--rows", type=kind, default=module.DEFAULTS["rows"])
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--only", help=f"some of: {', '.join(module.NAMES)}")
    parser.add_argument("--output", help="directory for tables, raw figures, picture")
    parser.add_argument(
        "--require-all",
        action="store_true",
        help="fail where a rival is not installed, instead of skipping it",
    )
    module.add_options(parser)


if __name__ == "__main__":
    main()
