"""Rows a second of an epoch in one process: each cross kind, beside a loop by hand.

    python -m benchmarks.cuda --rows 1000000 --batch 16384

The table is encoded and on the device. By hand is the shortest loop around the same
network that trains it: fused AdamW, slices of one permutation, no validation, nothing
recorded. Figures are of the second epoch, so that compiling is not in them. With
`--device cpu` it runs anywhere.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import pandas as pd
import torch

from benchmarks.data import make_clicks
from sklearn_dcn import DCNClassifier

KINDS = ("vector", "matrix", "low_rank", "mixture")
WAYS = {
    "float32": {"dtype": "float32"},
    "bfloat16": {"dtype": "bfloat16"},
    "bfloat16, compiled": {"dtype": "bfloat16", "compile": True},
}


def fitted(kind, X, y, options, **how):
    """Return a fit of two epochs, and its rows a second in the second one."""
    model = DCNClassifier(
        cross=kind,
        max_epochs=2,
        early_stopping=False,
        n_members=1,
        memorized_crosses=None,
        random_state=0,
        device=options.device,
        batch_size=options.batch,
        **how,
    ).fit(X, y)
    return model, len(y) / model.history_[-1]["dur"]


def by_hand(model, X, y, options):
    """Return the rows a second of the shortest loop around a copy of the network."""
    device = torch.device(options.device)
    x = {name: torch.as_tensor(values).to(device) for name, values in encoded(model, X)}
    target = torch.as_tensor(np.asarray(y), dtype=torch.float32, device=device)
    network = model.module_.train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, fused=True)
    loss_of = torch.nn.functional.binary_cross_entropy_with_logits
    seconds = 0.0
    for _ in range(2):
        wait(device)
        begun = time.perf_counter()
        for rows in torch.randperm(len(y), device=device).split(options.batch):
            batch = {name: values[rows] for name, values in x.items()}
            optimizer.zero_grad()
            loss_of(network(**batch).squeeze(-1), target[rows]).backward()
            optimizer.step()
        wait(device)
        seconds = time.perf_counter() - begun
    return len(y) / seconds


def encoded(model, X):
    """Return the arrays of a table without lists, by name."""
    return model.encoder_.transform(X, np.float32).items()


def wait(device):
    """Wait until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def main():
    """Measure; print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--batch", type=int, default=16_384)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--ways", default=";".join(WAYS))
    options = parser.parse_args()
    if options.device == "cuda":
        print(torch.cuda.get_device_name())
    clicks = make_clicks(options.rows)
    X, y = clicks.frame(), clicks.y
    rows = []
    for kind in options.kinds.split(","):
        row = {"cross": kind}
        for way in options.ways.split(";"):
            how = WAYS[way] | {"optimizer": "adamw"}
            model, row[way] = fitted(kind, X, y, options, **how)
            if way == "float32":
                row["by hand, float32"] = by_hand(model, X, y, options)
        rows.append(
            {name: v if name == "cross" else round(v) for name, v in row.items()}
        )
    print(pd.DataFrame(rows).to_string(index=False))


if __name__ == "__main__":
    main()
