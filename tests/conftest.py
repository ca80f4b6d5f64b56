"""What the tests share: one thread a worker, a mixed table, small estimators."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

# The suite runs in two processes; each with all threads would slow both down badly.
torch.set_num_threads(1)


def load_script(path):
    """Return a script of the repository, e.g. "examples/demo.py", as a module."""
    path = Path(__file__).parent.parent / path
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def print_elsewhere(code):
    """Return what `code` prints in a process with another hash seed of Python."""
    seed = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout


def make_mixed(n=300, seed=0):
    """Return a mixed frame and a binary target that depends on a cross of two ids."""
    rng = np.random.default_rng(seed)
    city = rng.choice(["Bern", "Oslo", "Rome", "Kyiv"], n, p=[0.4, 0.3, 0.2, 0.1])
    device = rng.choice(["phone", "web"], n)
    price = rng.lognormal(0, 2, n)
    X = pd.DataFrame(
        {
            "city": pd.Series(city).where(rng.random(n) > 0.1),
            "device": pd.Categorical(device),
            "is_new": rng.random(n) < 0.5,
            "price": np.where(rng.random(n) < 0.1, np.nan, price),
            "visits": rng.poisson(3, n),
        }
    )
    logit = 3.0 * ((city == "Oslo") ^ (device == "web")) - 1.5 + 0.3 * np.log(price)
    y = (rng.random(n) < 1 / (1 + np.exp(-logit))).astype(int)
    return X, y


@pytest.fixture
def mixed():
    """Return a mixed frame of 300 rows with its binary target."""
    return make_mixed()


@pytest.fixture
def tiny():
    """Return parameters of an estimator that fits in milliseconds."""
    return {"max_epochs": 2, "hidden_layer_sizes": (8,), "random_state": 0}
