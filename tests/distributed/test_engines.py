"""Processes: on this machine, of a launcher, of Ray and of Dask; and their deaths."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from helpers.dying import Dies, kill
from helpers.paths import TESTS

from sklearn_dcn import DCNClassifier, load
from sklearn_dcn._world import RankLostError
from sklearn_dcn.datasets import load_online_shoppers
from sklearn_dcn.distributed import Dask, Group, Local, fit, predict_to

OPTIONS = {
    "random_state": 0,
    "dtype": "float64",
    "max_epochs": 3,
    "n_members": 1,
    "batch_size": 64,  # 21 steps an epoch
}


def make(**options):
    return DCNClassifier(**(OPTIONS | options))


@pytest.fixture(scope="module")
def table():
    X, y = load_online_shoppers(return_X_y=True)
    return X[:1500], y[:1500]


@pytest.fixture(scope="module")
def alone(table):
    return make().fit(*table)


def assert_same(model, other, atol=1e-12):
    for one, two in zip(
        model.module_.state_dict().values(),
        other.module_.state_dict().values(),
        strict=True,
    ):
        np.testing.assert_allclose(one.numpy(), two.numpy(), rtol=0, atol=atol)


# Arguments ----------------------------------------------------------------------------


def test_arguments_are_checked(table, alone):
    X, y = table
    with pytest.raises(TypeError, match=r"on must say where .* as Local\(2\) does"):
        fit(make(), X, y, on=2)
    with pytest.raises(TypeError, match="For a pipeline, fit its last step"):
        fit("model", X, y, on=Local(1))
    with pytest.raises(ValueError, match="split must be one of"):
        fit(make(), X, y, on=Local(1), split="columns")
    with pytest.raises(ValueError, match="n must be an integer"):
        Local(0)
    with pytest.raises(TypeError, match=r"client must be a distributed\.Client"):
        Dask("tcp://here")
    assert repr(Local(3)) == "Local(n=3)"


def test_one_process_is_this_one(table, alone):
    model = make()
    assert fit(model, *table, on=Local(1)) is model
    assert_same(model, alone, atol=0)


# On this machine ----------------------------------------------------------------------


@pytest.mark.slow
def test_processes_of_this_machine(table, alone, tmp_path):
    X, y = table
    model = make()
    assert fit(model, X, y, on=Local(2)) is model
    assert_same(model, alone)
    assert model.checkpoint is None and not hasattr(model, "_store")
    np.testing.assert_allclose(model.predict_proba(X), alone.predict_proba(X))
    # A bad argument is told as it is, and the model stays.
    with pytest.raises(ValueError, match="same number of rows"):
        fit(model, X, y[:-1], on=Local(2))
    assert_same(model, alone)
    # What rank 0 warns of is told here.
    some = y == 0
    given = {"X_val": X[some], "y_val": y[some]}
    with pytest.warns(UserWarning, match="No row validates"):
        fit(make(class_weight={0: 0, 1: 1}), X, y, **given, on=Local(2))
    path = tmp_path / "rows.parquet"
    X.to_parquet(path)
    out = predict_to(model, str(path), tmp_path / "p.csv", on=Local(2))
    assert len(Path(out).read_text().splitlines()) == len(X) + 1


@pytest.mark.slow
def test_networks_apart(table):
    X, y = table
    one = make(n_members=2).fit(X, y)
    assert_same(fit(make(n_members=2), X, y, on=Local(2), split="members"), one)


@pytest.mark.slow
def test_a_killed_process_is_told_of_and_the_fit_goes_on(table, alone, tmp_path):
    X, y = table
    model = make(checkpoint=tmp_path / "fit.checkpoint")
    work = Dies(tmp_path, step=50, how=kill)
    begun = time.monotonic()
    with pytest.raises(RankLostError, match="was ended"):
        Local(2).run(work, model, X, y, None)
    assert time.monotonic() - begun < 60
    assert model.checkpoint.exists()
    assert_same(Local(2).run(work, model, X, y, None), alone)


# Of a launcher ------------------------------------------------------------------------


SCRIPT = """
import sys
from sklearn_dcn import DCNClassifier
from sklearn_dcn.datasets import load_online_shoppers
from sklearn_dcn.distributed import Group, fit
X, y = load_online_shoppers(return_X_y=True)
model = DCNClassifier(**{OPTIONS})
for _ in range(2):  # processes can meet again
    fit(model, X[:1500], y[:1500], on=Group())
model.save(f"{sys.argv[1]}/{__import__('os').environ['RANK']}.dcn")
"""


@pytest.mark.slow
def test_processes_of_torchrun(alone, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.replace("{OPTIONS}", repr(OPTIONS)))
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    subprocess.run(
        [*launch, "--nproc-per-node", "2", str(script), str(tmp_path)],
        check=True,
        timeout=120,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    first, second = (load(tmp_path / f"{rank}.dcn") for rank in (0, 1))
    assert_same(first, second, atol=0)
    assert_same(first, alone)


def test_a_group_needs_a_launcher(table, monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    with pytest.raises(ValueError, match="needs the environment of a launcher"):
        fit(make(), *table, on=Group())


# Dask and Ray -------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_workers_of_dask(table, alone, tmp_path):
    distributed = pytest.importorskip("distributed")
    X, y = table
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        on = Dask(client, storage=str(tmp_path), timeout=30.0)
        assert_same(fit(make(), X, y, on=on), alone)
        with pytest.raises(ValueError, match="same number of rows"):
            fit(make(), X, y[:-1], on=on)
        # A worker dies: the others go on from the checkpoint.
        model = make(checkpoint=tmp_path / "fit.checkpoint")
        work = Dies(tmp_path, step=50, how=kill)
        assert_same(on.run(work, model, X, y, None), alone)
        assert (tmp_path / "died").exists()


RAY = """
import sys
import ray
from sklearn_dcn import DCNClassifier
from sklearn_dcn.datasets import load_online_shoppers
from sklearn_dcn.distributed import Ray
sys.path.insert(0, {TESTS!r})
from helpers.dying import Dies, kill

folder = sys.argv[1]
X, y = load_online_shoppers(return_X_y=True)
X, y = X[:1500], y[:1500]
ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
on = Ray(workers=2, max_failures=1, storage=folder, timeout=30.0)
model = DCNClassifier(**{OPTIONS}, checkpoint=f"{folder}/fit.checkpoint")
on.run(Dies(folder, step=50, how=kill), model, X, y, None).save(f"{folder}/killed.dcn")
"""


@pytest.mark.slow
def test_workers_of_ray(alone, tmp_path):
    """In a process of its own, as Ray changes `print` and more for good."""
    pytest.importorskip("ray.train")
    script = tmp_path / "script.py"
    script.write_text(
        RAY.replace("{OPTIONS}", repr(OPTIONS)).replace("{TESTS!r}", repr(str(TESTS)))
    )
    paths = [str(TESTS), os.environ.get("PYTHONPATH", "")]
    subprocess.run(
        [sys.executable, str(script), str(tmp_path)],
        check=True,
        timeout=400,  # each worker imports torch anew, twice
        env={
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "RAY_USAGE_STATS_ENABLED": "0",
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        },
    )
    assert (tmp_path / "died").exists()
    assert_same(load(tmp_path / "killed.dcn"), alone)
