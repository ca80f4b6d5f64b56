"""Memory of a fit of files does not grow with the rows."""

import os
import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import pytest

SCRIPT = """
import importlib
import pyarrow.parquet
from sklearn_dcn import DCNClassifier, scan

def memory(key):
    with open("/proc/self/status") as file:
        line = next(line for line in file if line.startswith(key))
    return int(line.split()[1]) / 1024

importlib.import_module("sklearn_dcn._table.summaries.sample").SAMPLE_ROWS = 10_000
importlib.import_module("sklearn_dcn._roles").MAX_HELD_OUT = 4_000
importlib.import_module("sklearn_dcn._estimator.long_tables").MAX_HELD_OUT = 4_000
before = memory("VmRSS")
rows = scan({where!r}, "y", buffer_rows=16_384, cache={scratch!r})
model = DCNClassifier(
    hidden_layer_sizes=(16,), max_epochs=1, random_state=0, memorized_crosses=2,
    batch_size=2048, validation="random",
).fit(rows)
print(memory("VmHWM") - before)
"""


def write(path, n_files, rows=130_000):
    """Write files of numbers, ids and clicks."""
    for k in range(n_files):
        rng = np.random.default_rng(k)
        frame = pd.DataFrame({f"x{j}": rng.normal(size=rows) for j in range(6)})
        for j in range(6):
            frame[f"id{j}"] = np.char.add("i", (rng.zipf(1.4, rows) % 500).astype(str))
        frame["y"] = (rng.random(rows) < 0.3).astype(int)
        frame.to_parquet(path / f"{k}.parquet", row_group_size=65_536)
    return str(path / "*.parquet")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_peak_of_ten_times_the_rows(tmp_path):
    peaks = []
    for n_files in (2, 14):
        folder = tmp_path / str(n_files)
        folder.mkdir()
        text = SCRIPT.format(where=write(folder, n_files), scratch=str(tmp_path))
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", textwrap.dedent(text)],
            capture_output=True,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        assert done.returncode == 0, done.stderr
        peaks.append(float(done.stdout))
    # Encoded, the rows that are more take 89 MiB.
    assert peaks[1] < peaks[0] + 40
