"""Fits on a CUDA device, where there is one: the results of the CPU, to rounding."""

import numpy as np
import pytest
import torch
from helpers.ranks import results

from sklearn_dcn import DCNClassifier, DCNRegressor, load, scan
from sklearn_dcn.network.cross import CROSS_KINDS

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")

# Random numbers of a device are its own.
PLAIN = {
    "random_state": 0,
    "dtype": "float64",
    "dropout": 0.0,
    "category_dropout": 0.0,
    "max_epochs": 3,
}


def weights(model):
    return [t.cpu().numpy() for t in model.module_.state_dict().values()]


@pytest.mark.parametrize("cross", CROSS_KINDS)
@pytest.mark.parametrize("optimizer", ["adamw", "lazy_adamw"])
def test_both_devices_learn_the_same(mixed, cross, optimizer):
    X, y = mixed
    here, there = (
        DCNClassifier(
            **PLAIN, cross=cross, optimizer=optimizer, n_members=2, device=device
        ).fit(X, y)
        for device in ("cpu", "cuda")
    )
    for one, other in zip(weights(here), weights(there), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-8)


@pytest.mark.parametrize("compile", [False, True])
def test_bfloat16_is_near(mixed, compile):
    X, y = mixed
    options = {"random_state": 0, "max_epochs": 3, "device": "cuda"}
    plain = DCNClassifier(**options, dtype="float32").fit(X, y)
    half = DCNClassifier(**options, dtype="bfloat16", compile=compile).fit(X, y)
    np.testing.assert_allclose(plain.predict_proba(X), half.predict_proba(X), atol=0.1)


def test_a_file_goes_from_device_to_device(mixed, tmp_path):
    X, y = mixed
    model = DCNRegressor(**PLAIN, device="cuda").fit(X, y)
    model.save(tmp_path / "model.dcn")
    found = load(tmp_path / "model.dcn")
    np.testing.assert_allclose(found.predict(X), model.predict(X), atol=1e-6)


def test_rows_of_a_scan_are_sent_batch_by_batch(mixed, tmp_path, monkeypatch):
    X, y = mixed
    monkeypatch.setattr("sklearn_dcn._estimator.scans.LONG", 50)
    X.assign(y=y).to_parquet(tmp_path / "rows.parquet")
    rows = scan(tmp_path / "rows.parquet", target="y", buffer_rows=64)
    here, there = (
        DCNClassifier(**PLAIN, device=device).fit(rows) for device in ("cpu", "cuda")
    )
    for one, other in zip(weights(here), weights(there), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-8)


def test_one_rank_of_nccl(mixed):
    def work(world):
        ones = torch.ones(2, device="cuda")
        ids = torch.arange(2, device="cuda")
        return world.total(ones).cpu(), world.rows([(ids, ones[:, None])])

    ((total, ((ids, values),)),) = results(1, work)
    assert total.tolist() == [1.0, 1.0]
    assert ids.tolist() == [0, 1]
    assert values.tolist() == [[1.0], [1.0]]
