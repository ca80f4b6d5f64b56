"""One epoch by several processes of this machine, and by one: seconds and bytes.

    python -m benchmarks.ranks --rows 200000 --ranks 2

R processes of a thread each against one of R threads, and of one, on rows in the shape
of a click log. Bytes are those that went through the loopback interface in the epoch,
beside those of the formula of docs/several_machines.md. Nothing here says how fast a
network between machines is.
"""

from __future__ import annotations

import argparse

import pandas as pd

from benchmarks.data import make_clicks
from sklearn_dcn import DCNClassifier
from sklearn_dcn.distributed import Local, fit
from sklearn_dcn.distributed._engines import Engine

KINDS = ("vector", "matrix")


class Counted(Engine):
    """An engine that has rank 0 count the bytes of the loopback interface."""

    def __init__(self, engine):
        self.engine = engine

    def _run(self, work, arguments):
        return self.engine.run(_counting, work, *arguments)


def _loopback():
    """Return the bytes that the loopback interface has sent; None where none tells."""
    try:
        with open("/proc/net/dev", encoding="ascii") as file:
            lines = [line.split() for line in file]
    except OSError:
        return None
    return next((int(line[9]) for line in lines if line[0] == "lo:"), None)


def _counting(world, work, model, *arguments):
    from sklearn_dcn._training.net import DCNNet

    epoch, counts = DCNNet.run_single_epoch, []

    def counted(net, iterator, training, *rest, **more):
        before = _loopback()
        epoch(net, iterator, training, *rest, **more)
        if training and before is not None:
            counts.append((_loopback() - before) / net.history[-1]["train_batch_count"])

    DCNNet.run_single_epoch = counted
    try:
        found = work(world, model, *arguments)
    finally:
        DCNNet.run_single_epoch = epoch
    if found is not None:
        found[0].bytes_a_step_ = counts[0] if counts else None
    return found


def bytes_by_formula(model, n_ranks, batch_size):
    """Return the bytes of a step that all ranks receive: dense weights, and rows.

    A ring sends each rank 2 (R - 1) / R of the dense weights; rows of tables go to all
    others. Of a batch's cells at most all are other ids.
    """
    member = model.module_.members[0]
    tables = [*member.embedding.tables, *member.embedding.bag_tables]
    is_lazy = member.embedding.sparse
    lazy = {id(p) for p in tables} if is_lazy else set()
    dense = sum(p.numel() for p in member.parameters() if id(p) not in lazy)
    found = 2 * (n_ranks - 1) * dense * 4
    if is_lazy:
        dims = member.embedding.embedding_dims
        found += (n_ranks - 1) * batch_size * sum(4 * d + 8 for d in dims)
    return found


def measure(kind, X, y, n_ranks):
    """Return a row of figures for each way to fit."""
    common = {
        "cross": kind,
        "max_epochs": 1,
        "early_stopping": False,
        "random_state": 0,
        "optimizer": "lazy_adamw",
        "memorized_crosses": None,
        "n_members": 1,
    }
    rows = []
    for name, engine, threads in (
        ("1 process, 1 thread", None, 1),
        (f"1 process, {n_ranks} threads", None, n_ranks),
        (f"{n_ranks} processes, 1 thread", Counted(Local(n_ranks)), 1),
    ):
        model = DCNClassifier(**common, n_jobs=threads)
        model = model.fit(X, y) if engine is None else fit(model, X, y, on=engine)
        seconds = model.history_[-1]["dur"]
        row = {"cross": kind, "by": name, "rows/s": round(len(y) / seconds)}
        if engine is not None:
            size = len(y) // model.history_[-1]["train_batch_count"]
            row["kB a step"] = round(model.bytes_a_step_ / 1000)
            at_most = bytes_by_formula(model, n_ranks, size)
            row["kB, at most"] = round(at_most / 1000)
        rows.append(row)
    return rows


def main():
    """Measure; print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--ranks", type=int, default=2)
    options = parser.parse_args()
    clicks = make_clicks(options.rows)
    X, y = clicks.frame(), clicks.y
    rows = [row for kind in KINDS for row in measure(kind, X, y, options.ranks)]
    print(pd.DataFrame(rows).to_string(index=False, na_rep=""))


if __name__ == "__main__":
    main()
