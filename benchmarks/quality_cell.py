"""A cell of the suite `quality`: one contender on one split of one table.

It runs in a process of its own, which reads what to do as JSON and writes the figures.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from .workers import THREAD_VARIABLES

ROOT = Path(__file__).resolve().parents[1]
TEST_SIZE, VALID_SIZE = 0.25, 0.1
ECE_BINS = 15


# Where the tables that are split by time are cut, seed by seed: 75 %, 70 %, ... 55 %.
CUT_STEP, CUTS = 0.05, 5


def expected_calibration_error(y, p, n_bins=ECE_BINS):
    """Return the mean distance of rates and predictions in bins of as many rows each.

    Parameters
    ----------
    y : ndarray of 0 and 1
    p : ndarray
        P(y = 1); of several classes P(the likeliest), y being whether it was right.
    n_bins : int, default=15
        Number of bins.
    """
    parts = np.array_split(np.argsort(p, kind="stable"), n_bins)
    gaps = [
        abs(y[part].mean() - p[part].mean()) * len(part) for part in parts if len(part)
    ]
    return float(sum(gaps) / len(y))


def score(task, y, answers):
    """Return the metrics; the loss is the one that the report compares."""
    from sklearn.metrics import log_loss, roc_auc_score, root_mean_squared_error

    if task == "regression":
        rmse = float(root_mean_squared_error(y, answers))
        return {"loss": rmse, "rmse": rmse}
    if task == "multiclass":
        loss = float(log_loss(y, answers, labels=np.arange(answers.shape[1])))
        right = answers.argmax(axis=1) == y
        ece = expected_calibration_error(right, answers.max(axis=1))
        found = {"loss": loss, "log_loss": loss, "accuracy": float(right.mean())}
        return found | {"ece": ece}
    loss = float(log_loss(y, answers))
    found = {"loss": loss, "log_loss": loss, "auc": float(roc_auc_score(y, answers))}
    return found | {"ece": expected_calibration_error(y, np.asarray(answers))}


def split_rows(X, y, task, seed, rows=None, how="random", keys=None):
    """Return a `Split` of the training rows, the test rows and their target.

    Parameters
    ----------
    X, y, task
        What `Table.load` gives.
    seed : int
        Of the split; test rows are the same for all `rows`.
    rows : int or None
        Number of training rows to take; None takes all.
    how : {"random", "last", "groups"}
        "last": training rows are those before a cut, which every seed sets earlier, in
        their order; test rows the quarter of all that follows; validation rows the last
        tenth of the training rows. Rows of the same time are on one side of a cut.
        "groups": a quarter of the groups is for tests, a tenth of the others for
        validation; rows are shuffled, so that their order tells nothing.
    keys : ndarray or None
        What `Table.load_with_keys` gives.
    """
    if how == "random":
        return _split_at_random(X, y, task, seed, rows)
    if rows is not None:
        raise ValueError("Only of tables that are split at random some rows are taken.")
    from .quality_rivals import Split

    find = _rows_by_time if how == "last" else _rows_by_group
    train, valid, test = find(keys, seed)
    both = np.sort(np.concatenate([train, valid]))
    if how == "groups":
        both = np.random.default_rng(seed).permutation(both)
    parts = [
        part
        for at in (both, train, valid, test)
        for part in (X.iloc[at].reset_index(drop=True), y[at])
    ]
    return Split(*parts[:6]), *parts[6:]


def _rows_by_time(times, seed):
    """Return the rows to train, to validate and to test on, of times in order."""

    def earlier(n):
        """Return how many rows are before the time of the row with this number."""
        return int(np.searchsorted(times, times[n]))

    share = 1 - TEST_SIZE - CUT_STEP * (seed % CUTS)
    n = len(times)
    cut, end = earlier(round(share * n)), n
    if seed % CUTS:
        end = earlier(round((share + TEST_SIZE) * n))
    start = earlier(round((1 - VALID_SIZE) * cut))
    if not 0 < start < cut < end:
        raise ValueError("Too few rows, or too many of the same time, to cut by time.")
    rows = np.arange(n)
    return rows[:start], rows[start:cut], rows[cut:end]


def _rows_by_group(groups, seed):
    """Return the rows to train, to validate and to test on, of whole groups each."""
    rng = np.random.default_rng(seed)
    names = rng.permutation(np.unique(groups))
    n_test = round(TEST_SIZE * len(names))
    n_valid = round(VALID_SIZE * (len(names) - n_test))
    if not n_test or not n_valid:
        raise ValueError(f"{len(names)} groups are too few to split by them.")
    tests, valids = names[:n_test], names[n_test : n_test + n_valid]
    rows = rng.permutation(len(groups))
    of = groups[rows]
    for_test, for_valid = np.isin(of, tests), np.isin(of, valids)
    return rows[~for_test & ~for_valid], rows[for_valid], rows[for_test]


def _split_at_random(X, y, task, seed, rows):
    from sklearn.model_selection import train_test_split

    from .quality_rivals import Split

    def cut(X, y, **sizes):
        strata = None if task == "regression" else y
        return train_test_split(X, y, stratify=strata, random_state=seed, **sizes)

    X, X_test, y, y_test = cut(X, y, test_size=TEST_SIZE)
    if rows is not None:
        X, _, y, _ = cut(X, y, train_size=rows)
    X_fit, X_valid, y_fit, y_valid = cut(X, y, test_size=VALID_SIZE)
    return Split(X, y, X_fit, y_fit, X_valid, y_valid), X_test, y_test


def training_rows(n):
    """Return the number of training rows of a table of `n` rows."""
    return n - int(np.ceil(TEST_SIZE * n))


def timed(function, *arguments):
    """Return what a function returns, its seconds of the processor and of the wall."""
    cpu, wall = time.process_time(), time.perf_counter()
    result = function(*arguments)
    return result, time.process_time() - cpu, time.perf_counter() - wall


def measure_cell(table, contender, kwargs, seed, rows=None):
    """Return the figures of a contender on one split.

    Parameters
    ----------
    table : dict
        Arguments of `Table`.
    contender : str
        One of `CONTENDERS`.
    kwargs : dict
        Arguments of a variant.
    seed : int
        Of the split and of the contender.
    rows : int or None, default=None
        Number of training rows; None takes all.
    """
    from .quality_contenders import CONTENDERS
    from .quality_tables import Table

    table = Table(**table)
    X, y, task, keys = table.load_with_keys()
    how = table.split
    split, X_test, y_test = split_rows(X, y, task, seed, rows, how, keys)
    model = CONTENDERS[contender](task, seed, table.lists, **kwargs)
    _, fit_cpu, fit_wall = timed(model.fit, split)
    answers, predict_cpu, predict_wall = timed(model.predict, X_test)
    figures = score(task, y_test, answers)
    figures |= {"fit_cpu": fit_cpu, "fit_wall": fit_wall}
    figures |= {"predict_cpu": predict_cpu, "predict_wall": predict_wall}
    return {"task": task, "n_train": len(split.y), "n_test": len(y_test), **figures}


def run_cell(timeout=None, **cell):
    """Return the figures from a fresh process, or an "error" that says why not.

    Parameters
    ----------
    timeout : float or None, default=None
        Seconds after which it is ended.
    **cell
        Arguments of `measure_cell`.
    """
    command = [sys.executable, "-m", "benchmarks.quality_cell"]
    environment = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, "1")}
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=environment,
            input=json.dumps(cell),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
        )
    except subprocess.TimeoutExpired:
        return {"error": f"timeout after {timeout:g} s"}
    if done.returncode or not done.stdout.strip():
        words = done.stderr.strip().splitlines() or ["no words"]
        return {"error": f"code {done.returncode}: {words[-1]}"[:500]}
    return json.loads(done.stdout)


def main():
    """Measure the cell that is on the input."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints is none of the answer
    cell = json.load(sys.stdin)
    answers.write(json.dumps(measure_cell(**cell)))
    answers.close()


if __name__ == "__main__":
    main()
