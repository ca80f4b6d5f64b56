"""A pipeline with steps of scikit-learn before the estimator is saved and served."""

import numpy as np
import onnxruntime
import pandas as pd
import pytest
import skops.io
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import sklearn_dcn
from sklearn_dcn import DCNClassifier
from sklearn_dcn.onnx import export, make_inputs

FAST = {"hidden_layer_sizes": (4,), "max_epochs": 1, "n_members": 1, "random_state": 0}


def make_table():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"price": rng.normal(size=60), "city": ["a", "b", "c"] * 20})
    X["text"] = ["a good film", "bad film"] * 30
    X.loc[3, "price"] = np.nan
    return X, rng.integers(0, 2, 60)


STEPS = {
    "numbers": make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), ["price"]),
    ),
    "one-hot": make_column_transformer(
        (OneHotEncoder(sparse_output=False), ["city"]), (StandardScaler(), ["price"])
    ),
    "sparse": make_column_transformer((TfidfVectorizer(), "text")),
    "frame": make_column_transformer(
        (StandardScaler(), ["price"]), ("passthrough", ["city"])
    ).set_output(transform="pandas"),
}


@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
def test_two_files_without_a_type_of_ours_to_trust(steps, tmp_path):
    X, y = make_table()
    pipeline = make_pipeline(steps, DCNClassifier(**FAST)).fit(X, y)
    skops.io.dump(pipeline[:-1], tmp_path / "steps.skops")
    pipeline[-1].save(tmp_path / "model.dcn")
    types = skops.io.get_untrusted_types(file=tmp_path / "steps.skops")
    assert all(name.startswith(("numpy.", "sklearn.")) for name in types)
    before = skops.io.load(tmp_path / "steps.skops", trusted=types)
    model = sklearn_dcn.load(tmp_path / "model.dcn")
    loaded = Pipeline([*before.steps, ("dcn", model)])
    np.testing.assert_array_equal(loaded.predict_proba(X), pipeline.predict_proba(X))


@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
def test_the_graph_of_the_last_step(steps):
    """The error names the step, and its remedy serves the same probabilities."""
    X, y = make_table()
    pipeline = make_pipeline(steps, DCNClassifier(**FAST)).fit(X, y)
    with pytest.raises(
        ValueError, match=r"Step 'columntransformer'.*pipeline\[:-1\]\.transform"
    ):
        export(pipeline)
    graph = export(pipeline[-1])
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    inputs = make_inputs(session, pipeline[:-1].transform(X))
    p = session.run(["probabilities"], inputs)[0]
    np.testing.assert_allclose(p, pipeline.predict_proba(X), rtol=0, atol=1e-5)
