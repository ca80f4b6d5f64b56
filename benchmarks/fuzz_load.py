"""Fuzz `sklearn_dcn.load`: ``python -m benchmarks.fuzz_load corpus -runs=100000``.

Guided by the coverage of this package (https://github.com/google/atheris, on Linux:
pip install atheris); what follows the folder of the corpus are options of libFuzzer.
Half of the inputs are changed as bytes. The other half are taken apart, changed in
JSON or arrays, and put together with the right checksums, so that the change gets past
them. A load may give an estimator, which then predicts or raises a ValueError or
TypeError, or it raises a LoadError. Anything else is a finding, as is more than 2 GB
or 10 seconds.
"""

from __future__ import annotations

import io
import json
import os
import random
import sys
import tempfile
import warnings
import zipfile
from pathlib import Path

import atheris
import numpy as np
import pandas as pd
import torch
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays
from scipy.sparse import csr_matrix

with atheris.instrument_imports(include=["sklearn_dcn"]):
    from sklearn_dcn import DCNClassifier, DCNRegressor, LoadError, load
    from sklearn_dcn._files.archive import ARRAYS, CONFIG, write_archive
    from sklearn_dcn.preprocessing import (
        CategoricalEmbedder,
        CategoryEncoder,
        ContinuousNormalizer,
    )

SCRATCH = Path(tempfile.mkdtemp(dir="/dev/shm" if os.path.isdir("/dev/shm") else None))
VALUES = [None, True, -1, 0, 1, 2**31, 2**63, 10**30, 1.5, 1e308, "", "x", [], {}]
VALUES += [{"float": "nan"}, {"float": "inf"}, {"tuple": []}, {"dict": []}]
NUMBERS = [0, 1, -1, 2, 255, 2**31 - 1, 2**62, -(2**62), 1e308]


# Seeds --------------------------------------------------------------------------------


def make_table(n=40):
    """Return a table with a column of every kind, and a target of three classes."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "city": rng.choice(["Bern", "Oslo", None], n),
            "code": rng.choice([7, b"x", 2.5, True], n).astype(object),
            "user": rng.integers(0, 50, n).astype(str),
            "price": np.where(rng.random(n) < 0.1, np.nan, rng.lognormal(0, 2, n)),
            "count": rng.integers(0, 4, n),
            "tags": [["a", "b"][: k % 3] for k in range(n)],
        }
    )
    return X, np.arange(n) % 3


def fitted():
    """Return small estimators of all kinds, with the table that each was fitted to."""
    X, y = make_table()
    small = {"max_epochs": 1, "hidden_layer_sizes": (3,), "random_state": 0}
    small |= {"embedding_dim": 2}
    columns = {"categorical_features": ["city", "code", "user"]}
    yield (
        DCNClassifier(
            **small,
            **columns,
            hashing={"user": 4},
            numeric_levels=8,
            memorized_crosses=2,
            numeric_embedding="piecewise_linear",
            cross="mixture",
            normalization="batch",
        ).fit(X, y),
        X,
    )
    numbers = X[["price", "count"]]
    yield DCNRegressor(**small, cross="gated").fit(numbers, np.c_[y, -y]), numbers
    yield DCNClassifier(**small, cross="vector").fit(X[["city"]], y > 0), X[["city"]]
    sparse = csr_matrix(np.eye(20))
    yield DCNRegressor(**small, structure="cross").fit(sparse, np.arange(20)), sparse
    yield CategoryEncoder().fit(X[["city", "user"]]), X[["city", "user"]]
    yield ContinuousNormalizer().fit(numbers), numbers
    net = DCNClassifier(**small)
    yield CategoricalEmbedder(estimator=net).fit(X[["city"]], y > 0), X[["city"]]


# Mutations ----------------------------------------------------------------------------


def nodes(tree):
    """Return (container, key) of every place in a tree of JSON."""
    found, stack = [], [tree]
    while stack:
        here = stack.pop()
        keys = range(len(here)) if isinstance(here, list) else list(here)
        for key in keys:
            found.append((here, key))
            if isinstance(here[key], (list, dict)):
                stack.append(here[key])
    return found


def change_json(config, rng):
    """Replace, remove, copy or swap a place or two of the tree."""
    tree = json.loads(config)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        places = nodes(tree["state"] if rng.random() < 0.95 else tree)
        (here, key), (there, other) = rng.choice(places), rng.choice(places)
        how = rng.randrange(6)
        if how == 0:
            del here[key]
        elif how == 1:
            here[key] = json.loads(json.dumps(there[other]))
        elif how == 2 and isinstance(here, list):
            here.insert(key, json.loads(json.dumps(here[key])))
        elif how == 3 and isinstance(here, dict):
            here[rng.choice([str(other), "x", "object", "array"])] = here.pop(key)
        elif how == 4 and isinstance(here[key], (int, float)):
            here[key] = rng.choice([here[key] + 1, here[key] - 1, -here[key]])
        else:
            here[key] = json.loads(json.dumps(rng.choice(VALUES)))
    return json.dumps(tree).encode()


def change_arrays(data, rng):
    """Change values, dtype, shape or name of an array."""
    arrays = {name: array.copy() for name, array in load_arrays(data).items()}
    name = rng.choice([*arrays])
    array, how = arrays[name], rng.randrange(7)
    if how == 0:
        del arrays[name]
    elif how == 1:
        arrays[f"{name}x"] = arrays.pop(name)
    elif how == 2:
        kind = rng.choice([np.int64, np.float32, np.float64, np.uint8, bool, np.int32])
        arrays[name] = array.astype(kind)
    elif how == 3:
        arrays[name] = array[:-1].copy() if array.ndim and len(array) else array[None]
    elif how == 4:
        arrays[name] = np.concatenate([array.ravel()] * 2)
    elif array.size:
        values = [*NUMBERS, np.nan, np.inf] if array.dtype.kind == "f" else NUMBERS
        flat = array.reshape(-1)
        at = rng.choice([slice(None), rng.randrange(flat.size)])
        flat[at] = np.array(rng.choice(values)).astype(array.dtype)
        arrays[name] = flat.reshape(array.shape)
    return save_arrays(arrays)


def change_members(data, rng):
    """Return the file with a change behind its checksums, None if it has no members."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        how = rng.random()
        if how < 0.55:
            members[CONFIG] = change_json(members[CONFIG], rng)
        elif how < 0.85:
            members[ARRAYS] = change_arrays(members[ARRAYS], rng)
        else:
            name = rng.choice([*members])
            members[name] = bytes(atheris.Mutate(members[name], 2 * len(members[name])))
    except Exception:  # what an earlier change has broken
        return None
    path = SCRATCH / "mutated"
    write_archive(path, members)
    return path.read_bytes()


class Mutator:
    """Changes a file, for libFuzzer; one that is broken is replaced by a seed."""

    def __init__(self, seeds):
        self.seeds = seeds

    def __call__(self, data, max_size, seed):
        """Return the changed file."""
        rng = random.Random(seed)
        if rng.random() < 0.5:
            return atheris.Mutate(data, max_size)
        changed = change_members(rng.choice([data, *self.seeds]), rng)
        while changed is None or len(changed) > max_size:
            changed = change_members(rng.choice(self.seeds), rng)
        return changed


# The run ------------------------------------------------------------------------------


class Target:
    """Loads one input, and predicts for the tables of the seeds."""

    def __init__(self, tables):
        self.tables = tables

    def __call__(self, data):
        """Raise whatever is a finding."""
        path = SCRATCH / "input"
        path.write_bytes(data)
        try:
            with np.errstate(all="ignore"):
                estimator = load(path)
        except LoadError:
            return
        apply = getattr(estimator, "predict", None) or estimator.transform
        for table in self.tables:
            try:
                with np.errstate(all="ignore"):
                    apply(table)
            except (ValueError, TypeError):
                pass


def main():
    """Write the seeds, and fuzz."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    corpus = Path(sys.argv[1])
    corpus.mkdir(exist_ok=True)
    tables, seeds = [], []
    for k, (estimator, table) in enumerate(fitted()):
        estimator.save(corpus / f"seed_{k}")
        seeds.append((corpus / f"seed_{k}").read_bytes())
        tables.append(table)
    options = [
        "-max_len=200000",
        "-timeout=10",
        "-rss_limit_mb=2048",
        "-detect_leaks=0",
    ]
    arguments = [sys.argv[0], str(corpus), *options, *sys.argv[2:]]
    atheris.Setup(arguments, Target(tables), custom_mutator=Mutator(seeds))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
