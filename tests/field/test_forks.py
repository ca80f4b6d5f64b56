"""A process that is forked after a fit in two threads predicts and fits."""

import os
import subprocess
import sys

import pytest

CODE = """
import os, signal, sys, time
import numpy as np, torch
from sklearn_dcn import DCNClassifier

torch.set_num_threads(2)
rng = np.random.default_rng(0)
X = rng.normal(size=(40_000, 6))
y = (X[:, 0] > 0).astype(int)
model = DCNClassifier(
    random_state=0, max_epochs=1, n_members=1, memorized_crosses=None, n_jobs={n_jobs}
)
model.fit(X[:2000], y[:2000])
before = model.predict_proba(X)
child = os.fork()
if child == 0:
    np.testing.assert_allclose(model.predict_proba(X), before, atol=1e-6)
    model.fit(X[:2000], y[:2000])
    assert torch.get_num_threads() == 2  # the setting is as it was
    os._exit(7)
for _ in range(1200):
    done, status = os.waitpid(child, os.WNOHANG)
    if done:
        sys.exit(0 if os.waitstatus_to_exitcode(status) == 7 else "the child failed")
    time.sleep(0.1)
os.kill(child, signal.SIGKILL)
sys.exit("the child hangs")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks")
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_forked_child(n_jobs):
    """As of gunicorn with --preload: OpenMP's threads are not in the child."""
    # Waiting threads sleep, as others may compute on the machine.
    env = {**os.environ, "OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "PASSIVE"}
    command = [sys.executable, "-W", "ignore", "-c", CODE.format(n_jobs=n_jobs)]
    result = subprocess.run(command, env=env, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
