"""
How do I train on several machines?
===================================

A table is too long for one machine, or there are several processors. What has to be
changed in the code, and is the model the same?
"""

# %%
# One process
# -----------
# The fit to compare with, in double precision, so that differences are of rounding
# alone.

import numpy as np
from sklearn.model_selection import train_test_split

from sklearn_dcn import DCNClassifier
from sklearn_dcn.datasets import load_online_shoppers

X, y = load_online_shoppers(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, train_size=5_000, random_state=0, stratify=y
)

parameters = {"n_members": 1, "max_epochs": 2, "dtype": "float64", "random_state": 0}
one = DCNClassifier(**parameters).fit(X_train, y_train)

# %%
# Two processes on this machine
# -----------------------------
# `fit` of `sklearn_dcn.distributed` takes the estimator, and `on` says where the
# processes are. `Local` starts them here, and shares large arrays with them. Each
# computes half of every batch, and they add up their gradients.

from sklearn_dcn.distributed import Local, fit

two = fit(DCNClassifier(**parameters), X_train, y_train, on=Local(2))

difference = np.abs(two.predict_proba(X_test) - one.predict_proba(X_test)).max()
print(f"largest difference of a probability: {difference:.0e}")
assert difference < 1e-6

# %%
# Networks apart
# --------------
# By default the model is the mean of several networks. With `split="members"` each
# process trains some of them, and they hardly have to talk to each other: the right way
# where the table fits into memory.

ensemble = DCNClassifier(n_members=4, max_epochs=2, random_state=0)
fit(ensemble, X_train, y_train, on=Local(2), split="members")
n_networks = len(ensemble.module_.members)
print(f"{n_networks} networks, accuracy {ensemble.score(X_test, y_test):.3f}")

# %%
# On a cluster
# ------------
# There a launcher starts the same script on every machine, and each process asks by
# `Group()` which one it is. Rows come from files that all machines see: every process
# reads its own.

import tempfile
from pathlib import Path

folder = Path(tempfile.mkdtemp())
table = X_train.assign(bought=y_train)
for k in range(4):
    table[k::4].to_parquet(folder / f"part-{k}.parquet")

script = folder / "train.py"
_ = script.write_text(
    """
from sklearn_dcn import DCNClassifier, scan
from sklearn_dcn.distributed import Group, fit

rows = scan("part-*.parquet", target="bought")
model = DCNClassifier(max_epochs=2, random_state=0, checkpoint="fit.checkpoint")
fit(model, rows, on=Group())
model.save("model.dcn")  # every process has the same one
"""
)

# %%
# The launcher is torch's own, `torchrun`. On four machines its command would say
# ``--nnodes 4`` and which machine is the first; the script stays as it is.

import subprocess
import sys

command = "-m torch.distributed.run --standalone --nproc-per-node 2 train.py"
ended = subprocess.run(
    [sys.executable, *command.split()], cwd=folder, capture_output=True, text=True
)
print("exit code", ended.returncode)
assert ended.returncode == 0, ended.stderr

# %%
# What it has written is an ordinary model, which knows nothing of machines:

import sklearn_dcn

model = sklearn_dcn.load(folder / "model.dcn")
print(f"accuracy {model.score(X_test, y_test):.3f}")
print(sorted(path.name for path in folder.iterdir()))

# %%
# What was learned
# ----------------
# - One line changes: ``fit(model, X, y, on=...)`` in place of ``model.fit(X, y)``. What
#   comes out is the ordinary fitted estimator.
# - Two processes learn what one learns, to rounding, as `batch_size` counts the rows of
#   all of them together.
# - It was a small table, which one process fits sooner than two can be started. On a
#   single machine torch already uses all cores; several machines pay when rows are too
#   many for one.
# - With `checkpoint` the same command goes on after a crash, and the file is gone when
#   the fit is done. Ray, Dask, Slurm, GPUs, and what is sent over the network:
#   :doc:`/several_machines`.
