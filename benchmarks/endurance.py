"""Many fits in one process: how memory grows, and what is left over.

``python -m benchmarks.endurance --fits 200`` prints a line every twenty fits, and fails
where the promises of docs/reliability.md do not hold.
"""

from __future__ import annotations

import argparse
import gc
import os
import tempfile
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from sklearn_dcn import DCNClassifier, DCNRegressor

WARM_UP = 10  # fits until all is loaded and every pool has its size
LIMIT = 20 * 2**20  # bytes that the others may add


def make_table(n, seed=0):
    """Return a frame of strings and numbers, and a binary target."""
    rng = np.random.default_rng(seed)
    levels = rng.integers(0, 500, n)
    x = rng.normal(size=n)
    X = pd.DataFrame({"id": levels.astype(str), "x": x, "word": rng.choice(["a"], n)})
    return X, (x + (levels % 2) > 0.5).astype(int)


def resident():
    """Return the bytes of memory that the process has in use, now."""
    fields = Path("/proc/self/statm").read_text().split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")


def count_left():
    """Return the live tensors of torch and the threads of Python."""
    gc.collect()
    # By type: isinstance would ask proxies of other libraries for their class.
    kinds = (torch.Tensor, torch.nn.Parameter)
    n_tensors = sum(type(obj) in kinds for obj in gc.get_objects())
    return n_tensors, threading.active_count()


def run(n_fits, n_rows, report=lambda line: None):
    """Fit estimators of changing kinds; return growth in bytes, and what is left.

    Returns
    -------
    growth : int
        Resident memory after the last fit, less that after `WARM_UP` fits.
    before, after : tuple of int
        Live tensors and threads, before the first fit and after the last.
    """
    X, y = make_table(n_rows)
    options = {"max_epochs": 2, "hidden_layer_sizes": (32,), "n_jobs": 1}
    kinds = [
        (DCNClassifier, {"early_stopping": True, "optimizer": "lazy_adamw"}),
        (DCNRegressor, {"cross": "mixture", "dropout": 0.1}),
        (DCNClassifier, {"checkpoint": "fit", "learning_rate_schedule": "cosine"}),
        (DCNClassifier, {"optimizer": "sgd", "learning_rate": 1e38}),  # diverges
    ]
    before, start = count_left(), 0
    with tempfile.TemporaryDirectory() as folder:
        for i in range(1, n_fits + 1):
            Estimator, more = kinds[i % len(kinds)]
            if "checkpoint" in more:
                more = more | {"checkpoint": os.path.join(folder, "fit")}
            try:
                Estimator(**options, **more, random_state=i).fit(X, y).predict(X)
            except ValueError as error:
                if "diverged" not in str(error):
                    raise
            if i == WARM_UP:
                gc.collect()
                start = resident()
            if i % 20 == 0:
                report(f"{i} fits: {(resident() - start) / 2**20:+.1f} MB")
    after = count_left()
    return resident() - start, before, after


def main():
    """Run it from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fits", type=int, default=200)
    parser.add_argument("--rows", type=int, default=2000)
    arguments = parser.parse_args()
    growth, before, after = run(arguments.fits, arguments.rows, print)
    print(f"growth after fit {WARM_UP}: {growth / 2**20:.1f} MB")
    print(f"tensors and threads: {before} before, {after} after")
    if growth > LIMIT or before != after:
        raise SystemExit("memory, tensors or threads are left over")


if __name__ == "__main__":
    main()
