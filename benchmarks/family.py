"""The family side by side: each cross kind in each structure, at equal budgets.

    python -m benchmarks.family --tables DIR --output results [--synthetic] [--jobs 2]

"parameters": all have as many weights outside of the embeddings, within 5 %, and train
until the validation loss has not fallen for two epochs, or eight of planted tables,
whose crosses are found late. "seconds": all have the same layers, and train as many
seconds of the processor as "matrix" in parallel needs for that. Either way the epoch of
the least validation loss counts, and of several learning rates that of the least; a
network is alone, without memorised crosses, statistics of the target or levels of
numbers, so that nothing but its architecture differs.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import warnings
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from skorch.callbacks import Callback

from sklearn_dcn import DCNClassifier, DCNRegressor

from .family_networks import (
    EMBEDDING,
    arms,
    as_parameters,
    as_text,
    default_sizes,
    equal_sizes,
    target_at,
    weights_of,
)
from .family_report import make_report
from .family_tables import PLANTED, load_split
from .quality_cell import score
from .quality_tables import find_tables
from .workers import THREAD_VARIABLES, progress

BUDGETS = ("parameters", "seconds")
LONGER = {"n_iter_no_change": 1000, "max_epochs": 1000}  # until the seconds are over
ALONE = {
    "n_members": 1,
    "memorized_crosses": None,
    "numeric_levels": None,
    "calibrate": False,
    "early_stopping": True,
    "n_jobs": 1,
}
PATIENCE, OF_PLANTED = 2, 8  # epochs
KEY = ("budget", "table", "kind", "structure", "seed", "rows", "rates")


class Stopwatch(Callback):
    """Counts the processor's seconds of a training, and may end it.

    Parameters
    ----------
    most : float, default=inf
        Seconds; a training ends with the epoch whose end is nearest to them.
    """

    def __init__(self, most=float("inf")):
        self.most = most

    def on_train_begin(self, net, **kwargs):
        """Start."""
        self.begun, self.epochs, self.seconds = time.process_time(), 0, 0.0

    def on_epoch_begin(self, net, **kwargs):
        """End the fit where half of an epoch would be too much."""
        half = self.seconds / self.epochs / 2 if self.epochs else 0.0
        if self.seconds + half > self.most:
            raise KeyboardInterrupt  # skorch's way for callbacks to end a fit

    def on_epoch_end(self, net, **kwargs):
        """Count an epoch that is done."""
        self.epochs += 1
        self.seconds = time.process_time() - self.begun


class Cell:
    """All fits to one split of a table.

    Parameters
    ----------
    table : Table or None
    name : str
    rows, seed : int
        See `load_split`.
    rates : list of float
        Learning rates to choose from.
    """

    def __init__(self, table, name, rows, seed, rates):
        self.train, self.valid, self.test, self.task = load_split(
            table, name, rows, seed
        )
        self.seed, self.rates = seed, rates
        self.facts = {"table": name, "seed": seed, "rows": rows, "rates": rates}
        self.patience = OF_PLANTED if table is None else PATIENCE
        self.widths = {}

    def width_at(self, embedding_dim):
        """Return the width of x_0 with embeddings of this width."""
        if embedding_dim not in self.widths:
            sizes = default_sizes("deep") | {"embedding_dim": embedding_dim}
            model = self._fit(sizes | {"structure": "deep", "max_epochs": 1})
            self.widths[embedding_dim] = model.module_.d_stack
        return self.widths[embedding_dim]

    def reference_seconds(self):
        """Return the seconds that "matrix" in parallel takes to its early stop."""
        parameters = as_parameters("matrix", "parallel") | default_sizes("parallel")
        return max(
            self._fit(parameters | {"learning_rate": rate}).stopwatch.seconds
            for rate in self.rates
        )

    def measure(self, budget, kind, structure, seconds=None):
        """Return the record of an arm: the rate of the least validation loss."""
        is_equal = budget == "parameters"
        sizes = (
            equal_sizes(kind, structure, self.width_at)
            if is_equal
            else default_sizes(structure)
        )
        parameters = as_parameters(kind, structure) | sizes
        if not is_equal:
            parameters |= LONGER
        tried = []
        for rate in self.rates:
            most = float("inf") if is_equal else seconds
            model = self._fit(parameters | {"learning_rate": rate}, most)
            tried.append((min(h["valid_loss"] for h in model.history_), rate, model))
        valid, rate, model = min(tried, key=lambda one: one[0])
        arm = {"budget": budget, "kind": kind, "structure": structure}
        return (
            self.facts
            | arm
            | {
                "loss": score(self.task, self.test[1], self._answers(model))["loss"],
                "valid_loss": valid,
                "rate": rate,
                "train_seconds": model.stopwatch.seconds,
                "epochs": model.n_iter_,
                "best_epoch": model.best_epoch_,
                "weights": weights_of(model.module_),
                "target": target_at(self.width_at(EMBEDDING)),
                "d": model.module_.d_stack,
                "sizes": as_text(sizes),
            }
        )

    def _fit(self, parameters, most=float("inf")):
        kind = DCNRegressor if self.task == "regression" else DCNClassifier
        model = kind(**ALONE, random_state=self.seed, n_iter_no_change=self.patience)
        watch = Stopwatch(most)
        model.set_params(**parameters, callbacks=[("stopwatch", watch)])
        X_val, y_val = self.valid
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a fit was ended, most of all
            model.fit(*self.train, X_val=X_val, y_val=y_val)
        model.stopwatch = dict(model.net_.callbacks_)["stopwatch"]
        return model

    def _answers(self, model):
        if self.task == "regression":
            return model.predict(self.test[0])
        p = model.predict_proba(self.test[0])
        return p[:, 1] if p.shape[1] == 2 else p


def run_cell(table, name, rows, seed, rates, budget, chosen):
    """Return the records of the chosen arms on one split."""
    cell = Cell(table, name, rows, seed, rates)
    seconds = cell.reference_seconds() if budget == "seconds" else None
    records = []
    for kind, structure in chosen:
        try:
            records.append(cell.measure(budget, kind, structure, seconds))
        except (ValueError, FloatingPointError, RuntimeError) as error:
            arm = {"budget": budget, "kind": kind, "structure": structure}
            records.append(cell.facts | arm | {"error": str(error)[:200]})
    return records


def key_of(record):
    """Return what tells one record from another, as text."""
    return json.dumps([record[name] for name in KEY])


def read_records(paths):
    """Return the records of files by key."""
    return {
        key_of(record): record
        for path in paths
        for record in json.loads(Path(path).read_text(encoding="utf-8"))["figures"]
    }


def plan(options, tables):
    """Return the arguments of `run_cell` for what is not known, seeds outermost."""
    todo, all_arms = [], arms(options.only)
    for seed in range(options.seeds):
        for budget in options.budget:
            for name, table in tables.items():
                facts = {"table": name, "seed": seed, "rows": options.rows}
                facts |= {"budget": budget, "rates": options.rates}
                missing = [
                    (kind, structure)
                    for kind, structure in all_arms
                    if key_of(facts | {"kind": kind, "structure": structure})
                    not in options.known
                ]
                if missing:
                    cell = (table, name, options.rows, seed, options.rates)
                    todo.append((*cell, budget, missing))
    return todo


def run(options):
    """Measure what is missing, several cells at a time; return the report."""
    tables = choose_tables(options)
    todo, known = plan(options, tables), options.known
    n_fits, done, begun = sum(len(cell[-1]) for cell in todo), 0, time.perf_counter()
    progress(f"{len(todo)} cells, {n_fits} networks, rates {options.rates}")
    with ProcessPoolExecutor(options.jobs, get_context("spawn")) as pool:
        cells = {pool.submit(run_cell, *cell): cell for cell in todo}
        for future in as_completed(cells):
            known |= {key_of(record): record for record in future.result()}
            _, name, _, seed, _, budget, chosen = cells[future]
            done += len(chosen)
            minutes = (time.perf_counter() - begun) / 60
            left = minutes * (n_fits - done) / done
            progress(
                f"{done}/{n_fits} {minutes:.1f} min, {left:.1f} min left: "
                f"{budget}, {name}, seed {seed}"
            )
            if options.output:
                make_report([*known.values()], options).save(options.output)
    return make_report([*known.values()], options)


def choose_tables(options):
    """Return the tables to measure: those of a directory, and planted ones."""
    tables = {} if options.tables is None else find_tables(options.tables)
    tables = {
        name: table
        for name, table in tables.items()
        if table.split == "random"
        and table.task != "multiclass"  # of one output all have the same head
        and f"{name}_no_duration" not in tables
    }
    if options.synthetic or not tables:
        tables |= dict.fromkeys(PLANTED)
    if unknown := [name for name in options.only_tables if name not in tables]:
        raise SystemExit(f"no tables {unknown}; there are {list(tables)}")
    chosen = options.only_tables or [*tables]
    return {name: tables[name] for name in chosen}


def parse_options(arguments=None):
    """Return the options, names as lists and known records by key."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.family", description=__doc__.splitlines()[0]
    )
    add = parser.add_argument
    add("--tables", metavar="DIR", help="parquet files, perhaps with INDEX.json")
    add("--synthetic", action="store_true", help="planted crosses too")
    add("--only-tables", default="", metavar="NAME;NAME", help="some of them")
    add("--only", default="", help="kinds, structures or 'kind structure', by commas")
    add("--budget", default=",".join(BUDGETS))
    add("--rates", default="0.003", help="learning rates, to choose from for each")
    add("--rows", type=int, default=6000, help="of training and validation, at most")
    add("--seeds", type=int, default=5)
    add("--jobs", type=int, default=1, help="cells at a time, of one thread each")
    add("--add", default="", metavar="FILE,FILE", help="JSON of earlier runs")
    add("--output", metavar="DIR", help="where family.md and family.json go")
    options = parser.parse_args(arguments)
    for name, mark in {"only": ",", "only_tables": ";", "budget": ","}.items():
        parts = getattr(options, name).split(mark)
        setattr(options, name, [part.strip() for part in parts if part.strip()])
    if unknown := [name for name in options.budget if name not in BUDGETS]:
        parser.error(f"no budgets {unknown}; there are {BUDGETS}")
    options.rates = [float(rate) for rate in options.rates.split(",")]
    options.known = read_records([path for path in options.add.split(",") if path])
    return options


def main(arguments=None):
    """Run what is missing; print the report and perhaps save it."""
    options = parse_options(arguments)
    report = run(options)
    print(report.text())
    if options.output:
        report.save(options.output)


if __name__ == "__main__":
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))  # of the processes to be
    main()
