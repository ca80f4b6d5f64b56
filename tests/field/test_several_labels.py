"""Several labels a row, and unions of our steps: what to do is said, and works."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from sklearn.exceptions import DataConversionWarning
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline

from sklearn_dcn import DCNClassifier
from sklearn_dcn.preprocessing import make_dcn_preprocessor

N = 40
RNG = np.random.default_rng(0)
X = pd.DataFrame({"x": RNG.normal(size=N), "city": RNG.choice(["a", "b"], N)})
BOTH = RNG.integers(0, 2, (N, 2))
TINY = {"max_epochs": 1, "hidden_layer_sizes": (4,), "random_state": 0}


@pytest.mark.parametrize(
    "y",
    [
        BOTH,
        pd.DataFrame(BOTH),
        BOTH.tolist(),
        csr_matrix(BOTH),
        [["a"], ["b", "c"]] * (N // 2),
        [{"a"}, {"b", "c"}] * (N // 2),
    ],
    ids=["array", "frame", "list", "sparse", "ragged", "sets"],
)
def test_several_labels(y):
    message = "^y should be a 1d array.*MultiOutputClassifier.*MultiLabelBinarizer"
    with pytest.raises(ValueError, match=message):
        DCNClassifier(**TINY).fit(X, y)


def test_what_the_error_names():
    model = MultiOutputClassifier(DCNClassifier(**TINY)).fit(X, BOTH)
    assert model.predict(X).shape == (N, 2)
    model = ClassifierChain(DCNClassifier(**TINY)).fit(X[["x"]], BOTH)
    assert model.predict(X[["x"]]).shape == (N, 2)


def test_one_column():
    """One column of labels is a warning, as everywhere in scikit-learn."""
    with pytest.warns(DataConversionWarning):
        DCNClassifier(**TINY).fit(X, BOTH[:, :1])


def test_union():
    """Frames carry what is a category through a union."""
    steps = [("a", make_dcn_preprocessor()), ("b", make_dcn_preprocessor())]
    union = FeatureUnion(steps).set_output(transform="pandas")
    model = make_pipeline(union, DCNClassifier(**TINY)).fit(X, BOTH[:, 0])
    assert len(model[-1].encoder_.categories) == len(model[-1].encoder_.numbers) == 2
