"""
More rows than memory
=====================

The log is a folder of files that no frame can hold. How do you fit it, how much
memory and disk does that take, and what if rows come in batches?
"""

# %%
# A folder of Parquet files
# -------------------------
# This page writes one, file by file: which ad was shown where, and whether it was
# clicked.

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

rng = np.random.default_rng(0)
folder = Path(tempfile.mkdtemp())
appeal = rng.normal(size=(8, 300))  # of each ad in each country
for part in range(7):
    n = 40_000
    ad, country = rng.integers(0, 300, n), rng.integers(0, 8, n)
    seconds = rng.lognormal(3, 1, n)
    logit = 1.2 * appeal[country, ad] + 0.3 * np.log(seconds) - 3
    clicks = pd.DataFrame(
        {
            "request": part * n + np.arange(n),
            "ad": np.char.add("creative-", ad.astype(str)),
            "country": np.char.add("country-", country.astype(str)),
            "seconds": seconds,
            "hour": rng.integers(0, 24, n),
            "click": (rng.random(n) < 1 / (1 + np.exp(-logit))).astype(int),
        }
    )
    clicks.to_parquet(folder / f"part-{part}.parquet")

# %%
# Describe them
# -------------
# `scan` reads the names and types of the columns, but no rows. The last file is kept
# for the test. The request number is no feature, so we name the columns of X.

from sklearn_dcn import DCNClassifier, scan

parts = sorted(folder.glob("part-*.parquet"))
train, test = parts[:-1], parts[-1]
features = ["ad", "country", "seconds", "hour"]
rows = scan(train, target="click", columns=features, buffer_rows=65_536)
print(f"{rows.n_rows:,} rows of {', '.join(rows.columns)}")

# %%
# Fit them
# --------
# Above 200,000 rows a scan is streamed. The files are read three times at most: to
# count levels, to sum up what pairs of columns say, and to encode rows. Epochs then
# read a scratch file of encoded rows, which is removed when the fit ends.

import time

from sklearn.metrics import log_loss

start = time.perf_counter()
model = DCNClassifier(max_epochs=2, random_state=0).fit(rows)
print(f"{rows.n_rows:,} rows in {time.perf_counter() - start:.1f} s")
print(model.encoder_)
losses = [round(epoch["valid_loss"], 4) for epoch in model.history_]
print("losses of the rows that validate:", losses)

# %%
# Predict one file into another, beside the request numbers:

model.predict_to(test, folder / "predictions.parquet", columns=["request", "click"])
predicted = pd.read_parquet(folder / "predictions.parquet")
loss = log_loss(predicted["click"], predicted["probability of 1"])
print(f"log loss {loss:.4f}")
predicted.head(3)

# %%
# What it takes
# -------------
# A frame grows with the rows. A streamed fit holds one block of them as a frame, a
# buffer of encoded ones, and a sample of 100,000. What grows is the scratch file, by 4
# bytes for each cell. For tables like this one, with more and more rows:

from matplotlib import pyplot as plt

MIB = 2**20
block = next(iter(rows.blocks())).X
frame = block.memory_usage(deep=True).sum() / len(block)  # bytes a row
cells = len(features) + 1  # and the target; one more for a number with gaps
table = {
    n: {
        "as a frame": n * frame / MIB,
        "scratch file": n * 4 * cells / MIB,
        "a block": min(n, len(block)) * frame / MIB,
        "buffer": min(n, rows.buffer_rows) * 4 * cells / MIB,
    }
    for n in (rows.n_rows, 10_000_000, 500_000_000)
}
table = pd.DataFrame(table).T
figure, ax = plt.subplots(figsize=(7, 3.5), layout="constrained")
table.plot(ax=ax, loglog=True, marker="o", xlabel="rows", ylabel="MiB")
print(table.rename(index="{:,} rows".format).map("{:,.0f} MiB".format).to_string())

# %%
# At the size of this page there is nothing to save: Python and torch alone take
# hundreds of MiB before the first row is read, and the frame takes only a few.
# :doc:`/larger_than_memory` has measured peaks for a million rows and more.

# %%
# Batch by batch
# --------------
# If rows come in batches, from whatever reads them, `partial_fit` takes one after the
# other. Each batch is learned once and forgotten. No rows are held out, so there is no
# early stopping. The first batch decides how columns are read; with
# `new_levels="learn"`, levels that come later are learned too.

import pyarrow.parquet as pq

online = DCNClassifier(new_levels="learn", learning_rate=0.003, random_state=0)
start = time.perf_counter()
for path in train:
    for batch in pq.ParquetFile(path).iter_batches(20_000):
        some = batch.to_pandas()
        online.partial_fit(some[features], some["click"], classes=[0, 1])
print(f"{time.perf_counter() - start:.1f} s")

later = pd.read_parquet(test)
p = online.predict_proba(later[features])[:, 1]
print(f"log loss {log_loss(later['click'], p):.4f}")

# %%
# What was learned
# ----------------
# - Give `fit` a scan of the files. Columns are encoded like those of a frame; a few
#   parameters need all rows at once and are refused.
# - Memory holds a block, a buffer and a sample, however long the table is; the scratch
#   file needs room on a disk.
# - `partial_fit` needs neither files nor scratch space, and sees each row once. Here a
#   fit that reads the rows twice is better.
# - A table that fits into memory several times over is faster as a DataFrame.
