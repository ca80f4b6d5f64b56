"""The history of a training has the weighted mean loss of each epoch."""

import numpy as np
import torch
from helpers.tables import make_mixed
from numpy.testing import assert_allclose

from sklearn_dcn import DCNClassifier
from sklearn_dcn._training import history as _history
from sklearn_dcn._training.history import BatchLosses


def test_losses_are_read_many_at_a_time(monkeypatch):
    """Few tensors wait at a time, and none is lost."""
    monkeypatch.setattr(_history, "MANY", 4)
    losses = BatchLosses([7.0], [3])
    for k in range(10):
        losses.add(torch.tensor(k / 8), k)
        assert len(losses._waiting) < 4
    assert losses.read() == [7.0, *(k / 8 for k in range(10))]
    assert losses.read() == losses._each
    assert losses.sizes == [3, *range(10)]


def test_history_is_the_weighted_mean_loss():
    """The epoch's loss is the mean over rows, though batches differ in size."""
    X, y = make_mixed(100)
    w = np.random.default_rng(0).random(100)
    model = DCNClassifier(
        random_state=0,
        max_epochs=1,
        batch_size=48,
        learning_rate=1e-12,
        calibrate=False,
    )
    model.fit(X, y, sample_weight=w, X_val=X, y_val=y, sample_weight_val=w)
    p = model.predict_proba(X)[np.arange(100), y]
    loss = np.average(-np.log(p), weights=w)
    assert_allclose(model.history_[0]["valid_loss"], loss, rtol=1e-9)
