"""
How do I train on several machines?
===================================

A table is too long for one machine, or you have several processors. What must you
change in the code, and is the model the same?
"""

# %%
# One process
# -----------
# This is the fit to compare with, in double precision, so that all differences are
# rounding.

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
# `sklearn_dcn.distributed.fit` takes the estimator, and `on` says where the processes
# run. `Local` starts them here and shares large arrays with them. Each computes half of
# every batch, and they add up their gradients.

from sklearn_dcn.distributed import Local, fit

two = fit(DCNClassifier(**parameters), X_train, y_train, on=Local(2))

difference = np.abs(two.predict_proba(X_test) - one.predict_proba(X_test)).max()
print(f"largest difference of a probability: {difference:.0e}")
assert difference < 1e-6

# %%
# What each of the five hundred first rows gets from one process, and from two:

import matplotlib.pyplot as plt

fig, ax = plt.subplots(figsize=(4.5, 4))
p_one, p_two = (m.predict_proba(X_test[:500])[:, 1] for m in (one, two))
ax.plot([0, 1], [0, 1], color="grey", linewidth=1)
ax.plot(p_one, p_two, ".", color="tab:blue")
ax.set(title="The same model", xlabel="P of one process", ylabel="P of two")
fig.tight_layout()

# %%
# Networks apart
# --------------
# By default the model is the mean of several networks. With `split="members"` each
# process trains some of them, and they hardly have to communicate. This is the best way
# if the table fits into memory.

ensemble = DCNClassifier(n_members=4, max_epochs=2, random_state=0)
fit(ensemble, X_train, y_train, on=Local(2), split="members")
n_networks = len(ensemble.module_.members)
print(f"{n_networks} networks, accuracy {ensemble.score(X_test, y_test):.3f}")

# %%
# On a cluster
# ------------
# On a cluster, a launcher starts the same script on every machine, and `Group()` tells
# each process which one it is. Rows come from files that all machines can see; every
# process reads its own share.

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
# The launcher is torch's own, `torchrun`. On four machines its command would also have
# ``--nnodes 4`` and the address of the first machine; the script stays the same.

import subprocess
import sys

command = "-m torch.distributed.run --standalone --nproc-per-node 2 train.py"
ended = subprocess.run(
    [sys.executable, *command.split()], cwd=folder, capture_output=True, text=True
)
print("exit code", ended.returncode)
assert ended.returncode == 0, ended.stderr

# %%
# The result is an ordinary model, which knows nothing of machines:

import sklearn_dcn

model = sklearn_dcn.load(folder / "model.dcn")
print(f"accuracy {model.score(X_test, y_test):.3f}")
print(sorted(path.name for path in folder.iterdir()))

# %%
# What was learned
# ----------------
# - One line changes: ``fit(model, X, y, on=...)`` in place of ``model.fit(X, y)``. What
#   comes out is the ordinary fitted estimator.
# - Two processes learn the same as one, to rounding, as `batch_size` counts the rows of
#   all processes together.
# - This table is small: one process fits it before two can even start. On a single
#   machine torch already uses all cores; several machines pay off when one cannot
#   handle all the rows.
# - With `checkpoint` you can repeat the same command after a crash, and the fit goes
#   on; when it is done, the file is removed. :doc:`/several_machines` has Ray, Dask,
#   Slurm, GPUs, and what is sent over the network.
