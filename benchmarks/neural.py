"""Contenders that train the network: ours, skorch, loops, and the bound of GEMMs."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.metrics import log_loss

from .data import N_CAT, N_NUM, load_clicks
from .networks import (
    BATCH_SIZE,
    EMBEDDING_DIM,
    ESTIMATOR_PARAMS,
    LEARNING_RATE,
    PlainDCN,
    flops_per_row,
    gemm_gflops,
    n_parameters,
    probabilities,
    run_epoch,
)
from .workers import memory, reset_peak_memory


class Trainer:
    """A contender whose turn is some epochs of training, and a look at the loss.

    A subclass makes the model in its constructor, and has `epoch`, which trains one
    epoch and returns its seconds, and `predict`, P(y = 1) of the held-out rows.

    Parameters
    ----------
    cross : {"vector", "matrix", "low_rank"}
        Parameterisation of the cross layers.
    rows : int
        Training rows; a quarter as many more are held out.
    scale : float
        Factor of the vocabulary.
    epochs : int
        Epochs a turn. The last one counts.
    """

    def __init__(self, cross, rows, scale=1.0, epochs=1):
        self.cross, self.rows, self.epochs = cross, rows, epochs
        self.clicks = load_clicks(rows + rows // 4, scale=scale)
        self.y_test = self.clicks.y[rows:]

    def encode(self):
        """Hold the data as the arrays `train` and `test`."""
        encoded = self.clicks.encoded(self.rows)
        del self.clicks
        self.train, self.test = encoded[: self.rows], encoded[self.rows :]
        return reset_peak_memory()

    def encode_as_tensors(self):
        """Hold the data as the tensors `x`, `y` and `x_test`."""
        data_mib = self.encode()
        self.x, self.x_test = as_tensors(self.train), as_tensors(self.test)
        self.y = torch.from_numpy(self.train.y)
        return data_mib

    def plain_module(self):
        """Return the network in ordinary torch code."""
        torch.manual_seed(0)
        n_num, cardinalities = self.train.x_num.shape[1], self.train.cardinalities
        return PlainDCN(n_num, cardinalities, self.cross)

    def epoch(self):
        """Train one epoch; return its seconds."""
        raise NotImplementedError

    def predict(self):
        """Return P(y = 1) of the held-out rows."""
        raise NotImplementedError

    def turn(self):
        """Train; return rows a second, and the held-out loss afterwards."""
        for _ in range(self.epochs):
            seconds = self.epoch()
        loss = log_loss(self.y_test, np.clip(self.predict(), 1e-7, 1 - 1e-7))
        return {"rows_per_second": self.rows / seconds, "log_loss": loss}


def as_tensors(encoded):
    """Return the columns as the network's arguments."""
    return {
        "x_num": torch.from_numpy(encoded.x_num),
        "x_cat": torch.from_numpy(encoded.x_cat),
    }


def describe(module, d, data_mib):
    """Return what a report says of a network: its size, its width, its data's size."""
    return {"parameters": n_parameters(module), "width": d, "data_mib": data_mib}


def estimator(cross, **params):
    """Return our estimator with the network of the comparisons."""
    from sklearn_dcn import DCNClassifier

    return DCNClassifier(**ESTIMATOR_PARAMS | {"cross": cross, **params})


def encoded_tensors(model, X):
    """Return a table as the tensors that a fitted estimator trains its network on."""
    dtype = str(next(model.module_.parameters()).dtype).removeprefix("torch.")
    encoded = model.encoder_.transform(X, dtype=dtype)
    return {name: torch.from_numpy(values) for name, values in encoded.items()}


class Ours(Trainer):
    """`DCNClassifier` on a DataFrame; its own clock of the epoch.

    Parameters
    ----------
    dtype : str, default="auto"
        Its precision.
    **config
        As `Trainer`.
    """

    def __init__(self, dtype="auto", **config):
        super().__init__(**config)
        X = self.clicks.frame()
        self.y = self.clicks.y[: self.rows]
        del self.clicks
        self.X, self.X_test = X.iloc[: self.rows], X.iloc[self.rows :]
        data_mib = reset_peak_memory()
        options = {"warm_start": True, "max_epochs": self.epochs, "dtype": dtype}
        self.model = estimator(self.cross, **options)
        # Built, and known in size, before the turns that count.
        self.model.fit(self.X, self.y)
        module = self.model.module_
        self.info = describe(module, module.embedding.d_out, data_mib)
        # Further turns go on by warm_start, which keeps the old net until the new one
        # is there: no memory of an ordinary fit.
        self.info["peak_mib"] = memory("VmHWM")

    def turn(self):
        """Train on; return rows a second, and the held-out loss afterwards."""
        self.model.fit(self.X, self.y)
        loss = log_loss(self.y_test, self.model.predict_proba(self.X_test)[:, 1])
        seconds = self.model.history_[-1]["dur"]
        return {"rows_per_second": self.rows / seconds, "log_loss": loss}


class Loop(Trainer):
    """A bare loop. A subclass makes `module`, `optimizer`, `x`, `y` and `x_test`."""

    def epoch(self):
        """Train one epoch; return its seconds."""
        return run_epoch(self.module, self.optimizer, self.x, self.y)

    def predict(self):
        """Return P(y = 1) of the held-out rows."""
        return probabilities(self.module, self.x_test)


class OurLoop(Loop):
    """A bare loop around our module and our optimiser: what the estimator adds."""

    def __init__(self, **config):
        super().__init__(**config)
        X = self.clicks.frame()
        y = self.clicks.y[: self.rows]
        del self.clicks
        data_mib = reset_peak_memory()
        model = estimator(self.cross, warm_start=True, max_epochs=self.epochs)
        model.fit(X.iloc[: self.rows], y)
        self.module, self.optimizer = model.module_, model.net_.optimizer_
        self.x = encoded_tensors(model, X.iloc[: self.rows])
        self.x_test = encoded_tensors(model, X.iloc[self.rows :])
        self.y = torch.from_numpy(y).float()
        self.info = describe(self.module, self.module.embedding.d_out, data_mib)


class PlainLoop(Loop):
    """A loop over slices of tensors around the plain module, with torch's Adam.

    Parameters
    ----------
    fused : bool or None
        Of `torch.optim.Adam`; None is its default.
    **config
        As `Trainer`.
    """

    def __init__(self, fused=None, **config):
        super().__init__(**config)
        data_mib = self.encode_as_tensors()
        self.module = self.plain_module()
        self.optimizer = torch.optim.Adam(
            self.module.parameters(), lr=LEARNING_RATE, fused=fused
        )
        self.info = describe(self.module, self.module.deep[0].in_features, data_mib)
        for _ in range(self.epochs):
            self.epoch()


class Skorch(Trainer):
    """skorch around the plain module, with its default loader over arrays."""

    def __init__(self, **config):
        super().__init__(**config)
        from skorch import NeuralNetBinaryClassifier

        data_mib = self.encode()
        self.arrays, self.arrays_test = (
            {"x_num": part.x_num, "x_cat": part.x_cat}
            for part in (self.train, self.test)
        )
        self.net = NeuralNetBinaryClassifier(
            self.plain_module(),
            optimizer=torch.optim.Adam,
            lr=LEARNING_RATE,
            batch_size=BATCH_SIZE,
            iterator_train__shuffle=True,
            train_split=None,
            verbose=0,
        ).initialize()
        module = self.net.module_
        self.info = describe(module, module.deep[0].in_features, data_mib)
        for _ in range(self.epochs):
            self.epoch()

    def epoch(self):
        """Train one epoch; return its seconds."""
        self.net.partial_fit(self.arrays, self.train.y, epochs=1)
        return self.net.history[-1, "dur"]

    def predict(self):
        """Return P(y = 1) of the held-out rows."""
        return self.net.predict_proba(self.arrays_test)[:, 1].astype(float)


class GemmBound:
    """No training: the rows a second at which the matrix products alone would run.

    Parameters
    ----------
    cross : {"vector", "matrix", "low_rank"}
        Parameterisation of the cross layers.
    **config
        As `Trainer`; the width of the network depends on none of it.
    """

    def __init__(self, cross, **config):
        del config
        # Numbers come with their indicators of missing cells.
        self.d, self.cross = EMBEDDING_DIM * N_CAT + 2 * N_NUM, cross
        self.flops = flops_per_row(self.d, cross)
        self.info = {"width": self.d, "flops_per_row": self.flops}
        gemm_gflops(self.d, cross)

    def turn(self):
        """Return GFLOP/s and the rows a second that they allow."""
        gflops = gemm_gflops(self.d, self.cross)
        return {"rows_per_second": gflops * 1e9 / self.flops, "gflops": gflops}
