"""Contenders from CTR libraries: the same network in DeepCTR-Torch and FuxiCTR."""

from __future__ import annotations

import math
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from torch import nn

from .networks import (
    BATCH_SIZE,
    EMBEDDING_DIM,
    HIDDEN,
    LEARNING_RATE,
    N_CROSS_LAYERS,
)
from .neural import Trainer, describe


def import_deepctr():
    """Import DeepCTR-Torch without the thread that asks PyPI for a newer release."""
    silent = SimpleNamespace(check_version=lambda version: None)
    sys.modules.setdefault("deepctr_torch.utils", silent)
    import deepctr_torch.models

    return deepctr_torch


def deepctr_columns(encoded):
    """Return DeepCTR-Torch's descriptions of the columns."""
    from deepctr_torch.inputs import DenseFeat, SparseFeat

    columns = [
        SparseFeat(f"C{c}", vocabulary_size=size, embedding_dim=EMBEDDING_DIM)
        for c, size in enumerate(encoded.cardinalities)
    ]
    return columns + [DenseFeat(f"I{j}", 1) for j in range(encoded.x_num.shape[1])]


def deepctr_input(encoded):
    """Return the rows as DeepCTR-Torch's models take them."""
    x = {f"C{c}": ids for c, ids in enumerate(encoded.x_cat.T)}
    return x | {f"I{j}": numbers for j, numbers in enumerate(encoded.x_num.T)}


def deepctr_model(encoded, cross, *, defaults=False):
    """Return DeepCTR-Torch's DCN of the network's size.

    Its API turns off the penalties by their factors, and the linear part, a second
    table of width 1, by giving it no columns. With `defaults` it has both.
    """
    deepctr = import_deepctr()
    columns = deepctr_columns(encoded)
    without = {}
    if not defaults:
        without = {"l2_reg_linear": 0, "l2_reg_embedding": 0, "l2_reg_cross": 0}
    model = deepctr.models.DCN(
        columns if defaults else [],
        columns,
        cross_num=N_CROSS_LAYERS,
        cross_parameterization=cross,
        dnn_hidden_units=HIDDEN,
        **without,
    )
    model.compile("adam", "binary_crossentropy")  # its Adam has the rate 1e-3
    return model


class DeepCTR(Trainer):
    """DeepCTR-Torch's DCN and its `fit`.

    Parameters
    ----------
    defaults : bool, default=False
        Whether with the library's default penalties and linear part.
    **config
        As `Trainer`.
    """

    def __init__(self, defaults=False, **config):
        super().__init__(**config)
        data_mib = self.encode()
        self.model = deepctr_model(self.train, self.cross, defaults=defaults)
        assert self.model.optim.param_groups[0]["lr"] == LEARNING_RATE
        width = self.model.dnn.linears[0].in_features
        self.info = describe(self.model, width, data_mib)
        self.x, self.x_test = deepctr_input(self.train), deepctr_input(self.test)
        for _ in range(self.epochs):
            self.epoch()

    def epoch(self):
        """Train one epoch; return its seconds."""
        start = time.perf_counter()
        self.model.fit(self.x, self.train.y, batch_size=BATCH_SIZE, epochs=1, verbose=0)
        return time.perf_counter() - start

    def predict(self):
        """Return P(y = 1) of the held-out rows."""
        return self.model.predict(self.x_test, batch_size=8192)[:, 0]


def fuxictr_model(feature_map, cross, directory):
    """Return FuxiCTR's DCN or DCNv2, from the library's own layers and base class.

    The classes are in the library's model zoo, which its wheel leaves out.
    """
    from fuxictr.pytorch.layers import CrossNet, CrossNetV2, FeatureEmbedding, MLP_Block
    from fuxictr.pytorch.models import BaseModel

    class DCN(BaseModel):
        """The zoo's DCN, and DCNv2 of structure "parallel"."""

        def __init__(self):
            super().__init__(
                feature_map,
                metrics=["logloss"],
                verbose=0,
                model_root=directory,
            )
            self.embedding_layer = FeatureEmbedding(feature_map, EMBEDDING_DIM)
            d = feature_map.sum_emb_out_dim()
            crossnet = CrossNet if cross == "vector" else CrossNetV2
            self.crossnet = crossnet(d, N_CROSS_LAYERS)
            self.dnn = MLP_Block(input_dim=d, hidden_units=list(HIDDEN))
            self.fc = nn.Linear(d + HIDDEN[-1], 1)
            self.compile("adam", "binary_crossentropy", LEARNING_RATE)
            self.reset_parameters()
            self.model_to_device()

        def forward(self, inputs):
            x_0 = self.embedding_layer(self.get_inputs(inputs), flatten_emb=True)
            h = torch.cat([self.crossnet(x_0), self.dnn(x_0)], dim=-1)
            return {"y_pred": self.output_activation(self.fc(h))}

    return DCN()


def fuxictr_features(encoded, directory):
    """Return FuxiCTR's description of the columns.

    The numbers are one block, which goes into the network as it is: by default each
    would get an embedding, and the network would not be the same.
    """
    from fuxictr.features import FeatureMap

    feature_map = FeatureMap("clicks", str(directory))
    feature_map.labels = ["y"]
    feature_map.default_emb_dim = EMBEDDING_DIM
    for c, size in enumerate(encoded.cardinalities):
        feature_map.features[f"C{c}"] = {
            "source": "",
            "type": "categorical",
            "vocab_size": size,
        }
    n_num = encoded.x_num.shape[1]
    feature_map.features["numbers"] = {
        "source": "",
        "type": "embedding",
        "pretrain_dim": n_num,
        "emb_output_dim": n_num,
        "feature_encoder": "nn.Identity()",
    }
    feature_map.num_fields = feature_map.get_num_fields()
    feature_map.set_column_index()
    return feature_map


class FuxiCTR(Trainer):
    """FuxiCTR's layers, loader and `train_epoch`.

    The loader prefetches in a process more, as is its default. The clipping of
    gradients cannot be turned off; at an infinite norm it changes nothing, but its
    cost stays.
    """

    def __init__(self, **config):
        super().__init__(**config)
        from fuxictr.pytorch.dataloaders import RankDataLoader

        data_mib = self.encode()
        self.directory = tempfile.TemporaryDirectory()
        directory = Path(self.directory.name)
        feature_map = fuxictr_features(self.train, directory)
        for name in ("train", "test"):
            part = getattr(self, name)
            columns = {f"C{c}": ids for c, ids in enumerate(part.x_cat.T)}
            np.savez(directory / name, numbers=part.x_num, y=part.y, **columns)
        self.loader, _ = RankDataLoader(
            feature_map,
            stage="train",
            train_data=str(directory / "train.npz"),
            batch_size=BATCH_SIZE,
        )
        self.loader_test = RankDataLoader(
            feature_map,
            stage="test",
            test_data=str(directory / "test.npz"),
            batch_size=8192,
        )
        torch.manual_seed(0)
        self.model = fuxictr_model(feature_map, self.cross, str(directory))
        # What `fit` sets before its epochs. It would also validate, save and restore.
        self.model._max_gradient_norm = math.inf
        self.model._eval_steps = math.inf
        self.model._total_steps = 0
        self.model._stop_training = False
        self.info = describe(
            self.model, self.model.fc.in_features - HIDDEN[-1], data_mib
        )
        for _ in range(self.epochs):
            self.epoch()

    def epoch(self):
        """Train one epoch; return its seconds."""
        start = time.perf_counter()
        self.model.train_epoch(self.loader)
        return time.perf_counter() - start

    def predict(self):
        """Return P(y = 1) of the held-out rows."""
        return self.model.predict(self.loader_test)
