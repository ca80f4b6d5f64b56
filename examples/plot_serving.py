"""
How do I ship a model?
======================

From a notebook to a service: a file that loads anywhere, a graph that needs no Python
package of ours, and the same probabilities in all of them.
"""

# %%
# A model of a raw table
# ----------------------
# Census rows with missing cells. Give the estimator the raw columns: then the encoding
# is part of the model, and of everything that is saved below.

import numpy as np
from sklearn.model_selection import train_test_split

from sklearn_dcn import DCNClassifier
from sklearn_dcn.datasets import load_adult

X, y = load_adult(return_X_y=True)
X, _, y, _ = train_test_split(X, y, train_size=12_000, random_state=0, stratify=y)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0, stratify=y)
model = DCNClassifier(random_state=0).fit(X_train, y_train)
missing = X_test.isna().mean()
print(missing[missing > 0].round(3).to_string())

# %%
# Save and load
# -------------
# The model becomes one file of JSON and arrays. Unlike a pickle, loading it runs no
# code from the file, and the loaded model predicts the same, bit for bit.

import tempfile
from pathlib import Path

import sklearn_dcn

folder = Path(tempfile.mkdtemp())
model.save(folder / "income.dcn")
loaded = sklearn_dcn.load(folder / "income.dcn")
assert (loaded.predict_proba(X_test) == model.predict_proba(X_test)).all()
print(f"{(folder / 'income.dcn').stat().st_size / 1e6:.1f} MB")

# %%
# A graph without Python
# ----------------------
# ONNX Runtime executes the exported graph from C++, Java, JavaScript and more. It takes
# raw columns and gives probabilities.

import onnxruntime

from sklearn_dcn.onnx import export, make_inputs

export(model, folder / "income.onnx", inputs="matrix")
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1  # a row is too little work for two
session = onnxruntime.InferenceSession(folder / "income.onnx", options)
for tensor in session.get_inputs():
    print(tensor.name, tensor.type, tensor.shape)

# %%
# `make_inputs` turns a table, or rows that are dicts, into these inputs. Here the rows
# have a level that `fit` never saw, as well as missing cells:

rows = X_test.astype({"occupation": object})
rows.loc[rows.index[0], "occupation"] = "Astronaut"
p = model.predict_proba(rows)
_, from_graph = session.run(None, make_inputs(session, rows))
print(f"largest difference from predict_proba: {np.abs(from_graph - p).max():.1e}")
assert np.abs(from_graph - p).max() < 1e-5

# %%
# If you fill arrays by hand, ONNX Runtime turns a missing cell among strings into the
# *text* "nan". Where levels are strings, as here, the graph reads that text as missing.
# In hashed columns and in lists it is a text like any other, so prefer `make_inputs`:

by_hand = make_inputs(session, rows)
texts = by_hand["categories"].copy()
texts[texts == ""] = "nan"
_, by_text = session.run(None, by_hand | {"categories": texts})
print(f"and if missing cells are text: {np.abs(by_text - p).max():.2f}")

# %%
# How long does one row take?
# ---------------------------
# The median of three hundred calls, each from one row to its probability:

import time

row = X_test.iloc[0].to_dict()
frame = X_test.iloc[[0]]
inputs = make_inputs(session, row)

median = {}
for name, call in {
    "predict_proba of a frame": lambda: model.predict_proba(frame),
    "predict_proba of a dict": lambda: model.predict_proba(row),
    "make_inputs and the graph": lambda: session.run(None, make_inputs(session, row)),
    "the graph alone": lambda: session.run(None, inputs),
}.items():
    times = []
    for _ in range(300):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    median[name] = 1000 * np.median(times)
    print(f"{name:26} {median[name]:.2f} ms")

# %%
import matplotlib.pyplot as plt

fig, ax = plt.subplots(figsize=(7, 2.5))
ax.bar_label(ax.barh([*median], [*median.values()], color="tab:blue"), fmt="%.2f")
ax.invert_yaxis()
ax.set(title="One row to its probability", xlabel="milliseconds, median")
ax.margins(x=0.1)
fig.tight_layout()

# %%
# A whole pipeline
# ----------------
# Steps before the estimator are not part of `save`. Put scikit-learn's steps into a
# skops file, which runs no code either, and the estimator into its own file; then join
# both into a pipeline again.

import skops.io
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

numbers = ["age", "educational-num", "hours-per-week"]
pipeline = make_pipeline(StandardScaler(), DCNClassifier(random_state=0))
pipeline.fit(X_train[numbers], y_train)

skops.io.dump(pipeline[:-1], folder / "steps.skops")
pipeline[-1].save(folder / "model.dcn")

print("types to trust:", skops.io.get_untrusted_types(file=folder / "steps.skops"))
steps = skops.io.load(folder / "steps.skops")
last = sklearn_dcn.load(folder / "model.dcn")
again = Pipeline([*steps.steps, ("dcn", last)])
p = pipeline.predict_proba(X_test[numbers])
assert (again.predict_proba(X_test[numbers]) == p).all()

# %%
# What was learned
# ----------------
# - `save` and `load` keep an estimator, bit for bit, in a file that is safe to load.
#   For a pipeline, save the steps with skops and the estimator by itself.
# - An ONNX graph agrees with `predict_proba` to rounding, for missing and unknown cells
#   too, and answers a single row several times faster.
# - `make_inputs` knows how each input writes a missing cell. By hand, you have to know
#   it yourself, and a mistake raises no error.
# - :doc:`/serving` has the inputs from other languages, a service over HTTP, and what
#   cannot be exported; :doc:`/persistence` has the file format.
