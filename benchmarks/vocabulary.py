"""What a training step costs as the vocabulary grows, dense and lazy."""

from __future__ import annotations

import time

import numpy as np

from .data import N_CAT, N_NUM
from .networks import (
    BATCH_SIZE,
    EMBEDDING_DIM,
    HIDDEN,
    LEARNING_RATE,
    N_CROSS_LAYERS,
)
from .report import Panel, Report, ratio, short, spread
from .workers import Contender, measure, reset_peak_memory

NAMES = ["adamw", "lazy_adamw", "adam"]
DEFAULTS = {"rows": 10_000_000, "repeats": 5}
SMALLEST = 10_000


class Steps:
    """Training steps of our network with one of the estimator's optimisers.

    However many ids there are, a batch holds the same number of different ones: the
    pattern of the smallest vocabulary, at other places of the table in every batch.

    Parameters
    ----------
    n_ids : int
        Size of the vocabulary.
    optimizer : str
        The estimator's option.
    cross : str
        Parameterisation of the cross layers.
    steps : int
        Steps a turn.
    """

    def __init__(self, n_ids, optimizer, cross, steps):
        import torch

        from sklearn_dcn._training.optimizers import (
            OPTIMIZERS,
            is_lazy,
            parameter_groups,
        )
        from sklearn_dcn.network import DeepCrossNetwork

        self.steps = steps
        self.rng = np.random.default_rng(0)
        size = n_ids // N_CAT
        torch.manual_seed(0)
        before = reset_peak_memory()
        self.module = DeepCrossNetwork(
            N_NUM,
            [size] * N_CAT,
            embedding_dim=EMBEDDING_DIM,
            sparse=is_lazy(optimizer),
            cross=cross,
            n_cross_layers=N_CROSS_LAYERS,
            hidden_layer_sizes=HIDDEN,
        )
        groups = parameter_groups(self.module.named_parameters())
        self.optimizer = OPTIMIZERS[optimizer](groups, lr=LEARNING_RATE)
        self.info = {"n_ids": size * N_CAT, "before_mib": before}
        self.info["distinct_ids"] = self._distinct_ids(size)
        self._run(self._batches(size, 3))
        self.size = size

    def _batches(self, size, n):
        import torch

        pattern_size = SMALLEST // N_CAT
        weights = 1 / (np.arange(pattern_size) + 2.0)
        batches = []
        for _ in range(n):
            x_cat = np.empty((BATCH_SIZE, N_CAT), dtype=np.int64)
            for c in range(N_CAT):
                places = self.rng.choice(
                    size, pattern_size, replace=False, shuffle=False
                )
                pattern = self.rng.choice(
                    pattern_size, BATCH_SIZE, p=weights / weights.sum()
                )
                x_cat[:, c] = places[pattern]
            x_num = torch.randn(BATCH_SIZE, N_NUM)
            y = torch.randint(2, (BATCH_SIZE,)).float()
            batches.append((x_num, torch.from_numpy(x_cat), y))
        return batches

    def _distinct_ids(self, size):
        (_, x_cat, _), *_ = self._batches(size, 1)
        return sum(len(np.unique(ids)) for ids in x_cat.numpy().T)

    def _run(self, batches):
        from torch.nn.functional import binary_cross_entropy_with_logits

        times = [time.perf_counter()]
        for x_num, x_cat, y in batches:
            logits = self.module(x_num, x_cat)
            loss = binary_cross_entropy_with_logits(logits[:, 0], y)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            times.append(time.perf_counter())
        return np.diff(times)

    def turn(self):
        """Return the median milliseconds of a step."""
        seconds = self._run(self._batches(self.size, self.steps))
        return {"step_ms": float(np.median(seconds) * 1000)}


def add_options(parser):
    """Add this suite's options."""
    parser.add_argument("--cross", default="vector", help="cross network")
    parser.add_argument("--steps", type=int, default=30, help="a turn")
    parser.set_defaults(only="adamw,lazy_adamw")


def run(options):
    """Measure powers of ten up to `rows` ids; return the report."""
    report = Report("vocabulary", vars(options))
    sizes = [10**k for k in range(4, 12) if 10**k <= options.rows]
    config = {"cross": options.cross, "steps": options.steps}
    contenders = [
        Contender(
            f"{name}, {n_ids:,} ids",
            "benchmarks.vocabulary:Steps",
            config | {"n_ids": n_ids, "optimizer": name},
        )
        for n_ids in sizes
        for name in options.only
    ]
    outcomes = measure(contenders, options)
    report.keep("vocabulary", outcomes)
    smallest = {
        name: outcomes[f"{name}, {sizes[0]:,} ids"].figures("step_ms")
        for name in options.only
    }
    rows, steps, memories = [], {}, {}
    for n_ids in sizes:
        for name in options.only:
            outcome = outcomes[f"{name}, {n_ids:,} ids"]
            times = outcome.figures("step_ms")
            peak = outcome.peak_mib - outcome.info["before_mib"]
            rows.append(
                {
                    "ids": f"{outcome.info['n_ids']:,}",
                    "in a batch": outcome.info["distinct_ids"],
                    "optimizer": name,
                    "step, ms": spread(times),
                    f"it / {sizes[0]:,} ids": ratio(times, smallest[name]),
                    "peak MiB of network and optimizer": short(peak),
                }
            )
            steps.setdefault(name, {})[n_ids] = spread(times)
            memories.setdefault(name, {})[n_ids] = spread([peak])
    report.table(f'A step of {BATCH_SIZE} rows, cross="{options.cross}"', rows)
    report.panels.append(Panel("a training step", "ids", "milliseconds", steps))
    report.panels.append(Panel("peak memory", "ids", "MiB", memories))
    return report
