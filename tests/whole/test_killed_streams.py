"""A fit of files that is killed, wherever: the same call ends with the same bits."""

import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from helpers.paths import TESTS
from helpers.streams import make_clicks, write

SCRIPT = """
import os, signal, sys
import importlib
import numpy as np
sys.path.insert(0, {tests!r})
from helpers import streams
from sklearn_dcn import DCNClassifier, scan

for module in ("long_fit", "scans"):
    importlib.import_module("sklearn_dcn._estimator." + module).LONG = streams.LONG
importlib.import_module("sklearn_dcn._table.summaries.sample").SAMPLE_ROWS = 1200
checkpoint = importlib.import_module("sklearn_dcn._training.checkpoint")
checkpoint.SHARE, checkpoint.LONG = 1e9, {long}
owner, name, at = {stage!r}
kind = importlib.import_module("sklearn_dcn." + owner[0])
owner = getattr(kind, owner[1])
function, calls = getattr(owner, name), []

def counted(*args, **kwargs):
    calls.append(1)
    if len(calls) == at and "kill" in sys.argv:
        os.kill(os.getpid(), signal.SIGKILL)
    return function(*args, **kwargs)

setattr(owner, name, counted)
rows = scan({where!r}, "y", buffer_rows=1024, cache={scratch!r}, epoch_rows=500)
model = DCNClassifier(
    hidden_layer_sizes=(8,), max_epochs=4, batch_size=50, random_state=0,
    early_stopping=True, dtype="float32", checkpoint={path!r}, n_iter_no_change=9,
).fit(rows)
X, _ = streams.make_clicks(200, seed=3)
np.save({out!r}, model.predict_proba(X))
assert len(calls) >= (at if "whole" in sys.argv else 1)
"""

STAGES = {
    "while rows are counted": (("_table.summarizing", "TableSummary"), "add", 1),
    "while rows are encoded": (("_training.spool", "Spool"), "_write", 2),
    "in an epoch": (("_training.net", "DCNNet"), "train_step_single", 25),
}
# Where it is in an epoch, that is written in its midst.
CASES = [(stage, -1.0 if stage == "in an epoch" else 60.0) for stage in STAGES]


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
@pytest.mark.parametrize(("stage", "long"), CASES)
def test_the_same_call_goes_on(stage, long, tmp_path):
    rows, scratch = tmp_path / "rows", tmp_path / "scratch"
    rows.mkdir()
    scratch.mkdir()
    X, y = make_clicks(2000)
    where = write(rows, X, rows=200, files=2, y=y)

    def run(mode, name):
        text = SCRIPT.format(
            tests=str(TESTS),
            stage=STAGES[stage],
            long=long,
            where=where,
            scratch=str(scratch),
            path=str(tmp_path / f"{name}.checkpoint"),
            out=str(tmp_path / f"{name}.npy"),
        )
        command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(text), mode]
        env = {**os.environ, "OMP_NUM_THREADS": "1"}
        return subprocess.run(command, capture_output=True, text=True, env=env)

    assert run("whole", "whole").returncode == 0
    killed = run("kill", "killed")
    assert killed.returncode == -9, killed.stderr
    assert not (tmp_path / "killed.npy").exists()
    again = run("again", "killed")
    assert again.returncode == 0, again.stderr
    np.testing.assert_array_equal(
        np.load(tmp_path / "killed.npy"), np.load(tmp_path / "whole.npy")
    )
    assert os.listdir(scratch) == []
    assert not (tmp_path / "killed.checkpoint").exists()
