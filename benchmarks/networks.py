"""The network of the comparisons: as ordinary torch code, its loop and its FLOPs."""

from __future__ import annotations

import time
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

EMBEDDING_DIM = 16
N_CROSS_LAYERS = 3
HIDDEN = (256, 256)
LEARNING_RATE = 1e-3
BATCH_SIZE = 1024
CROSSES = ("vector", "matrix", "low_rank")
OUR_CROSSES = (*CROSSES, "linear", "exponential", "onlydense")  # which others have not

# What the defaults look for in a table, turned off: the papers' network alone.
PLAIN_PARAMS = {
    "numeric_levels": None,
    "memorized_crosses": None,
    "numeric_embedding": None,
    "ema_decay": None,
    "n_members": 1,
    "calibrate": False,
}

# The same network, as the estimator's parameters.
ESTIMATOR_PARAMS = PLAIN_PARAMS | {
    "embedding_dim": EMBEDDING_DIM,
    "n_cross_layers": N_CROSS_LAYERS,
    "hidden_layer_sizes": HIDDEN,
    "category_dropout": 0.0,
    "learning_rate": LEARNING_RATE,
    "batch_size": BATCH_SIZE,
    "early_stopping": False,
    "dtype": "float32",
    "random_state": 0,
}


def low_rank_of(d):
    """Return the rank that the estimator's cross_rank="auto" stands for."""
    return d // 4


class PlainDCN(nn.Module):
    """A Deep & Cross Network as one writes it from the papers' equations.

    Parameters
    ----------
    n_num : int
        Number of numeric columns.
    cardinalities : sequence of int
        Number of ids of each categorical column; all share one table.
    cross : {"vector", "matrix", "low_rank"}
        Parameterisation of the cross layers.
    """

    def __init__(self, n_num, cardinalities, cross):
        super().__init__()
        starts = torch.tensor([0, *cardinalities[:-1]]).cumsum(0)
        self.register_buffer("offsets", starts)
        self.embedding = nn.Embedding(sum(cardinalities), EMBEDDING_DIM)
        nn.init.normal_(self.embedding.weight, std=0.05)
        d = EMBEDDING_DIM * len(cardinalities) + n_num
        self.cross = cross
        layers = range(N_CROSS_LAYERS)
        if cross == "vector":
            self.w = nn.ParameterList(torch.randn(d) / d**0.5 for _ in layers)
            self.b = nn.ParameterList(torch.zeros(d) for _ in layers)
        elif cross == "matrix":
            self.W = nn.ModuleList(nn.Linear(d, d) for _ in layers)
        else:
            r = low_rank_of(d)
            self.V = nn.ModuleList(nn.Linear(d, r, bias=False) for _ in layers)
            self.U = nn.ModuleList(nn.Linear(r, d) for _ in layers)
        parts = [(nn.Linear(a, b), nn.ReLU()) for a, b in pairwise([d, *HIDDEN])]
        self.deep = nn.Sequential(*(layer for part in parts for layer in part))
        self.head = nn.Linear(d + HIDDEN[-1], 1)

    def forward(self, x_num, x_cat):
        """Return the logits of shape (B, 1)."""
        embedded = self.embedding(x_cat + self.offsets).flatten(1)
        x_0 = torch.cat([embedded, x_num], dim=1)
        x_l = x_0
        for i in range(N_CROSS_LAYERS):
            if self.cross == "vector":
                x_l = x_0 * (x_l @ self.w[i]).unsqueeze(1) + self.b[i] + x_l
            elif self.cross == "matrix":
                x_l = x_0 * self.W[i](x_l) + x_l
            else:
                x_l = x_0 * self.U[i](self.V[i](x_l)) + x_l
        return self.head(torch.cat([x_l, self.deep(x_0)], dim=1))


def n_parameters(module):
    """Return the number of weights."""
    return sum(p.numel() for p in module.parameters())


def run_epoch(module, optimizer, x, y, generator=None):
    """Train one epoch with nothing around the arithmetic; return the seconds.

    Parameters
    ----------
    module : nn.Module
        Takes the entries of `x` by their names; returns logits (B, 1).
    optimizer : Optimizer
        Of its parameters.
    x : dict of {str: Tensor of shape (n, ...)}
        Columns.
    y : Tensor of shape (n,)
        Target.
    generator : torch.Generator or None
        Source of the order of rows.
    """
    module.train()
    start = time.perf_counter()
    order = torch.randperm(len(y), generator=generator)
    for rows in order.split(BATCH_SIZE):
        # Faster than tensor[rows]: a loop to be measured by should be a good one.
        batch = {name: tensor.index_select(0, rows) for name, tensor in x.items()}
        loss = F.binary_cross_entropy_with_logits(
            module(**batch)[:, 0], y.index_select(0, rows)
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    seconds = time.perf_counter() - start
    module.eval()
    return seconds


@torch.inference_mode()
def probabilities(module, x, batch_size=8192):
    """Return P(y = 1) for all rows of `x`."""
    n = len(next(iter(x.values())))
    parts = [slice(start, start + batch_size) for start in range(0, n, batch_size)]
    logits = [module(**{name: t[rows] for name, t in x.items()}) for rows in parts]
    return torch.cat(logits)[:, 0].sigmoid().double().numpy()


# What the arithmetic costs ------------------------------------------------------------


def linear_layers(d, cross, hidden=HIDDEN, n_cross_layers=N_CROSS_LAYERS):
    """Return (inputs, outputs) of each matrix product of a row, but for the head's."""
    layers = list(pairwise([d, *hidden]))
    if cross in ("matrix", "onlydense"):
        layers += [(d, d)] * n_cross_layers
    elif cross == "low_rank":
        layers += [(d, low_rank_of(d)), (low_rank_of(d), d)] * n_cross_layers
    return layers


def flops_per_row(d, cross, hidden=HIDDEN, n_cross_layers=N_CROSS_LAYERS):
    """Return the floating-point operations of a row, forward and backward.

    A product of (m, k) and (k, n) has 2 m n k; backward, each has two more of the same
    size. The products of "vector" cross layers are one dot product each. Elementwise
    work is left out.
    """
    layers = linear_layers(d, cross, hidden, n_cross_layers)
    layers.append((d + hidden[-1], 1))  # the head
    if cross == "vector":
        layers += [(d, 1)] * n_cross_layers
    return 3 * sum(2 * a * b for a, b in layers)


def gemm_gflops(d, cross, seconds=1.0):
    """Measure the fp32 GFLOP/s of just the matrix products of training steps.

    Every layer's product forward, and the two backward, in the memory layouts in which
    they occur, so that each shape counts by the time it takes in a step.
    """
    products = []
    for n_in, n_out in linear_layers(d, cross):
        x, grad = torch.randn(BATCH_SIZE, n_in), torch.randn(BATCH_SIZE, n_out)
        weight = torch.randn(n_out, n_in)
        products += [(x, weight.T), (grad, weight), (grad.T, x)]
    outs = [torch.mm(a, b) for a, b in products]
    flops = sum(2 * a.shape[0] * a.shape[1] * b.shape[1] for a, b in products)
    n_steps, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < seconds:
        for (a, b), out in zip(products, outs, strict=True):
            torch.mm(a, b, out=out)
        n_steps += 1
    return n_steps * flops / elapsed / 1e9
