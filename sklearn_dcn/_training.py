"""The training: the net that skorch manages, early stopping, history.

The only module that imports skorch.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from skorch import NeuralNet
from skorch.callbacks import Callback, EarlyStopping, EpochTimer, PrintLog
from skorch.dataset import unpack_data
from skorch.helper import predefined_split
from skorch.utils import to_tensor
from torch import Tensor, nn

from ._batches import BatchIterator, Encoded, TensorTable, count_rows, place, take
from ._optimizers import OPTIMIZERS, is_lazy, parameter_groups, resolve_optimizer
from .network import DeepCrossNetwork

__all__ = ["DCNNet", "build_net", "predict_logits", "predict_stack", "train"]

# Rows of a prediction's batch. On a CPU its activations must stay in the cache: 8192
# rows take half as long again as 1024.
PREDICT_BATCH_SIZE_CPU = 1024
PREDICT_BATCH_SIZE = 16384

# What net_params must leave alone: it is built here, or has a parameter of its own.
OWNED_BY_ESTIMATOR = {
    "module": "set the network's parameters on the estimator",
    "criterion": "the loss follows from the target, and from loss of the classifier",
    "dataset": "the table is encoded by the estimator",
    "train_split": "use early_stopping, validation_fraction or X_val",
    "iterator_train": "batches are slices of tensors",
    "iterator_valid": "batches are slices of tensors",
    "warm_start": "use warm_start of the estimator",
    "max_epochs": "use max_epochs of the estimator",
    "batch_size": "use batch_size of the estimator",
    "lr": "use learning_rate",
    "optimizer": "use optimizer",
    "callbacks": "use callbacks of the estimator",
    "device": "use device of the estimator",
    "verbose": "use verbose of the estimator",
    "embedding_l2": "use embedding_l2 of the estimator",
    "optimizer__lr": "use learning_rate",
    "optimizer__param_groups": "the groups are those with and without weight decay",
    "optimizer__weight_decay": "use weight_decay",
    "record_batches": "batches are recorded where callbacks are given",
    "seed": "use random_state",
    "initial_logits": "they follow from the target",
    "dtype": "use dtype of the estimator",
    "autocast": "use dtype='bfloat16'",
    "compile": "use compile of the estimator",
}


def mixed_precision(device: torch.device, enabled: bool) -> torch.autocast:
    """Return a context that multiplies matrices in bfloat16, or as they are."""
    # Without the cache, which keeps the cast of a weight until the outermost context
    # ends: that may be the caller's, and the weight has changed by then.
    return torch.autocast(
        device.type, torch.bfloat16, enabled=enabled, cache_enabled=False
    )


class EpochLog(PrintLog):
    """skorch's line for every epoch, in colour only where there is a terminal."""

    def format_row(self, row: dict[str, Any], key: str, color: str) -> Any:
        """Format one cell; without the mark of a best value it has no colour."""
        if not sys.stdout.isatty():
            row = {key: row[key]}
        return super().format_row(row, key, color)


class DCNNet(NeuralNet):
    """skorch's `NeuralNet`, seeded, with three changes to the training step.

    Dropout draws from a generator of the fit's own; embeddings have a penalty on just
    the rows of the batch; losses stay on the device, so that an epoch waits for it
    once.

    Parameters
    ----------
    module : type
        The network's class; its arguments are ``module__...``.
    criterion : nn.Module
        The loss.
    seed : int
        Seed of the initial weights.
    initial_logits : ndarray of shape (d_out,)
        Where the network's output starts.
    dtype : torch.dtype
        Precision of the weights.
    embedding_l2 : float, default=0.0
        The penalty's factor: adds ``embedding_l2 / 2`` times the squared norm of a
        row's embeddings, averaged over the batch.
    record_batches : bool, default=False
        Whether the history keeps the loss of every batch, for callbacks that read it.
        It costs one synchronisation a batch.
    autocast : bool, default=False
        Whether the network multiplies its matrices in bfloat16.
    **kwargs
        As `NeuralNet`.
    """

    def __init__(
        self,
        module: type[DeepCrossNetwork],
        criterion: nn.Module,
        *,
        seed: int,
        initial_logits: NDArray[np.float64],
        dtype: torch.dtype,
        embedding_l2: float = 0.0,
        record_batches: bool = False,
        autocast: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(module, criterion, **kwargs)
        self.seed = seed
        self.initial_logits = initial_logits
        self.dtype = dtype
        self.embedding_l2 = embedding_l2
        self.record_batches = record_batches
        self.autocast = autocast

    # Set for the time of `train`: a generator is no part of a fitted net.
    generator: torch.Generator | None = None

    @property
    def _default_callbacks(self) -> list[tuple[str, Any]]:
        return [("epoch_timer", EpochTimer()), ("print_log", EpochLog())]

    def initialize_module(self) -> DCNNet:
        """Build the network from the seed, its output at `initial_logits`.

        It is built without storage and then filled from a generator, so that neither
        the global random state nor a default dtype or device of the caller has a part
        in it.
        """
        with torch.device("meta"):
            module = self.module(**self.get_params_for("module"))
        _allocate(module, self.dtype)
        module.reset_parameters(torch.Generator().manual_seed(self.seed))
        with torch.no_grad():
            module.head.bias.copy_(torch.from_numpy(self.initial_logits))
        self.module_ = module
        return self

    def get_params_for_optimizer(
        self, prefix: str, named_parameters: Any
    ) -> tuple[Any, dict[str, Any]]:
        """Exempt embeddings, biases and norms from weight decay."""
        _, kwargs = super().get_params_for_optimizer(prefix, iter(()))
        return [parameter_groups(named_parameters)], kwargs

    def infer(self, x: Any, **fit_params: Any) -> Any:
        """Compute the network's output in the precision of the fit."""
        if not self.autocast:  # the caller's is off for all of `train`
            return super().infer(x, **fit_params)
        with mixed_precision(torch.device(self.device), True):
            return super().infer(x, **fit_params)

    def get_loss(self, y_pred: Tensor, y_true: Any, *args: Any, **kwargs: Any) -> Any:
        """Compute the loss in the precision of the weights."""
        return super().get_loss(y_pred.to(self.dtype), y_true, *args, **kwargs)

    def train_step_single(self, batch: Any, **fit_params: Any) -> dict[str, Any]:
        """Compute loss and gradients of one batch."""
        if not self.module_.training:  # a walk through all modules
            self._set_training(True)
        Xi, yi = unpack_data(batch)
        logits, embeddings = self.infer(
            Xi, generator=self.generator, return_embeddings=True, **fit_params
        )
        loss = self.get_loss(logits, yi, X=Xi, training=True)
        objective = loss
        if self.embedding_l2:
            penalty = embeddings.square().sum(-1).mean()
            objective = loss + self.embedding_l2 / 2 * penalty
        objective.backward()
        return {"loss": loss, "y_pred": logits}

    def run_single_epoch(
        self,
        iterator: Any,
        training: bool,
        prefix: str,
        step_fn: Any,
        **fit_params: Any,
    ) -> None:
        """Train on, or validate, every batch; record the epoch's mean loss."""
        if iterator is None:
            return
        losses: list[Tensor] = []
        sizes: list[int] = []
        for batch in iterator:
            self.notify("on_batch_begin", batch=batch, training=training)
            step = step_fn(batch, **fit_params)
            losses.append(step["loss"].detach())
            sizes.append(len(batch[1]["y"]))
            if self.record_batches:
                self.history.record_batch(f"{prefix}_loss", losses[-1].item())
                self.history.record_batch(f"{prefix}_batch_size", sizes[-1])
            self.notify("on_batch_end", batch=batch, training=training, **step)
        # The weighted mean over the data set, as weights have mean 1.
        loss = float(np.average(torch.stack(losses).tolist(), weights=sizes))
        before = (epoch.get(f"{prefix}_loss", np.inf) for epoch in self.history[:-1])
        best = min(before, default=np.inf)
        self.history.record(f"{prefix}_batch_count", len(sizes))
        self.history.record(f"{prefix}_loss", loss)
        self.history.record(f"{prefix}_loss_best", loss < best)


def _allocate(module: nn.Module, dtype: torch.dtype) -> None:
    """Give a module on the meta device room on the CPU, its floats as `dtype`."""
    # As module.to(dtype).to_empty(device="cpu"), for which torch imports sympy: half a
    # second of the first fit in a process.
    for part in module.modules():
        parameters = part.named_parameters(recurse=False)
        for name, meta in (*parameters, *part.named_buffers(recurse=False)):
            kind = dtype if meta.is_floating_point() else meta.dtype
            room = torch.empty(meta.shape, dtype=kind, device="cpu")
            is_parameter = isinstance(meta, nn.Parameter)
            setattr(part, name, nn.Parameter(room) if is_parameter else room)


def build_net(
    criterion: nn.Module,
    architecture: dict[str, Any],
    *,
    optimizer: str | type[torch.optim.Optimizer],
    weight_decay: float,
    device: torch.device,
    callbacks: Sequence[Any] | None,
    net_params: dict[str, Any] | None,
    **kwargs: Any,
) -> DCNNet:
    """Return an initialised net around a fresh network of this architecture."""
    reads_gradients = [
        callback for callback in callbacks or () if _reads_gradients(callback)
    ]
    if optimizer == "auto":
        n_ids = sum(architecture["cardinalities"] + architecture["bag_cardinalities"])
        optimizer = resolve_optimizer(n_ids, dense_gradients=bool(reads_gradients))
    elif is_lazy(optimizer) and reads_gradients:
        raise ValueError(
            f"callbacks hold {reads_gradients[0]!r}, which is called with all "
            f"gradients, but optimizer={optimizer!r} has those of the batch's ids "
            "alone. Use optimizer='adamw', or leave the callback out."
        )
    optimizer_class = OPTIMIZERS[optimizer] if isinstance(optimizer, str) else optimizer
    accepted = inspect.signature(optimizer_class).parameters
    if "weight_decay" in accepted:
        kwargs["optimizer__weight_decay"] = weight_decay
    if "fused" in accepted and device.type in ("cpu", "cuda"):
        kwargs["optimizer__fused"] = True
    kwargs |= {f"module__{name}": value for name, value in architecture.items()}
    kwargs["module__sparse"] = is_lazy(optimizer)
    kwargs |= net_params or {}
    try:
        net = DCNNet(
            DeepCrossNetwork,
            criterion,
            optimizer=optimizer_class,
            device=str(device),
            callbacks=list(callbacks or []),
            record_batches=bool(callbacks),
            train_split=None,
            iterator_train=BatchIterator,
            iterator_train__shuffle=True,
            iterator_valid=BatchIterator,
            **kwargs,
        )
        return net.initialize()
    except (TypeError, ValueError) as error:
        if not net_params:
            raise
        raise ValueError(
            f"net_params={net_params!r} is not accepted: {error}"
        ) from error


def _reads_gradients(callback: Any) -> bool:
    callback = callback[1] if isinstance(callback, tuple) else callback
    kind: Any = callback if isinstance(callback, type) else type(callback)
    return kind.on_grad_computed is not Callback.on_grad_computed


@contextmanager
def _compiled(module: DeepCrossNetwork, backend: bool | str) -> Iterator[None]:
    """Compile what is behind the embedding while in the block."""
    if not backend:
        yield
        return
    backend = "inductor" if backend is True else backend
    # Shadows the method: a compiled function is no part of a fitted module.
    module.combine = torch.compile(module.combine, backend=backend)  # type: ignore[method-assign]
    try:
        yield
    finally:
        del module.combine


def train(
    net: DCNNet,
    data: TensorTable,
    validation: TensorTable | None,
    *,
    epochs: int,
    patience: int | None,
    tol: float,
    seed: int,
    compile: bool | str,
) -> int:
    """Train `net` and return the epoch (from 1) whose weights it ends with.

    With `patience` it stops after that many epochs without an improvement of the
    validation loss by more than `tol`, and ends with a copy of the best epoch's
    weights; else with those of the last epoch.
    """
    stopping = None
    if patience is not None:
        stopping = EarlyStopping(
            monitor="valid_loss",
            patience=patience,
            threshold=tol,
            threshold_mode="abs",
            load_best=True,
        )
        stopping.initialize()
        net.callbacks_.append(("early_stopping", stopping))
    device = torch.device(net.device)
    if validation is not None:
        net.train_split = predefined_split(place(validation, device))
    net.generator = torch.Generator(device).manual_seed(seed)
    try:
        with (
            torch.enable_grad(),
            mixed_precision(device, False),
            _compiled(net.module_, compile),
        ):
            net.partial_fit(place(data, device), y=None, epochs=epochs)
    finally:  # a fitted net holds no rows, generator, gradients or copies
        net.train_split = None
        net.generator = None
        net.callbacks_ = [
            (name, cb) for name, cb in net.callbacks_ if cb is not stopping
        ]
        net.module_.zero_grad(set_to_none=True)
        net.module_.eval()
    return stopping.best_epoch_ if stopping is not None else len(net.history)


def predict_logits(net: DCNNet, x: Encoded) -> NDArray[np.float64]:
    """Return the logits, of shape (n, d_out), of encoded rows."""
    return _in_batches(net, net.module_, net.module_.head.out_features, x)


def predict_stack(net: DCNNet, x: Encoded) -> NDArray[np.float64]:
    """Return x_0, of shape (n, d), of encoded rows."""
    return _in_batches(net, net.module_.embedding, net.module_.embedding.d_out, x)


def _in_batches(
    net: DCNNet, module: nn.Module, d_out: int, x: Encoded
) -> NDArray[np.float64]:
    device = torch.device(net.device)
    size = PREDICT_BATCH_SIZE_CPU if device.type == "cpu" else PREDICT_BATCH_SIZE
    n = count_rows(x)
    out = torch.empty((n, d_out), dtype=net.dtype, device=device)
    with torch.inference_mode(), mixed_precision(device, net.autocast):
        for start in range(0, n, size):
            at = slice(start, start + size)
            out[at] = module(**to_tensor(take(x, at), device))
    return out.cpu().numpy().astype(np.float64)
