"""The classifier: labels of any type in and out, classes and their weights."""

import numpy as np
import pandas as pd
import pytest
from helpers.tables import make_mixed
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_dcn import DCNClassifier


@pytest.mark.parametrize(
    "labels",
    [
        ["no", "yes"],
        [False, True],
        [5, 7],
        [-1.0, 1.0],
        np.array(["a", "b"], dtype=object),
        np.array([0, 1], dtype=object),
    ],
    ids=str,
)
def test_binary_labels(mixed, tiny, labels):
    """Whatever the labels are, the same ones come back, with the same probabilities."""
    X, y = mixed
    plain = DCNClassifier(**tiny).fit(X, y)
    model = DCNClassifier(**tiny).fit(X, np.asarray(labels)[y])
    assert model.classes_.tolist() == list(labels)
    assert_array_equal(model.predict_proba(X), plain.predict_proba(X))
    assert_array_equal(model.predict(X), np.asarray(labels)[plain.predict(X)])
    assert model.decision_function(X).shape == (len(X),)


@pytest.mark.parametrize(
    "dtype, classes",
    [
        ("boolean", [False, True]),
        ("Int64", [0, 1]),
        ("bool[pyarrow]", [False, True]),
        ("string", ["0", "1"]),
        ("category", [0, 1]),
    ],
)
def test_labels_of_pandas_types(mixed, tiny, dtype, classes):
    """Nullable, arrow-backed and categorical labels keep their type."""
    X, y = mixed
    model = DCNClassifier(**tiny).fit(X, pd.Series(y).astype(dtype))
    assert model.classes_.tolist() == classes
    assert {type(label) for label in model.classes_.tolist()} == {type(classes[0])}


def test_multiclass(mixed):
    """Three classes: softmax probabilities of a learnable target."""
    X, _ = mixed
    y = np.select([X["visits"] > 3, X["is_new"]], ["often", "new"], "rare")
    model = DCNClassifier(random_state=0, max_epochs=40).fit(X, y)
    p = model.predict_proba(X)
    assert p.shape == (300, 3)
    assert_allclose(p.sum(axis=1), 1)
    assert_allclose(np.log(p), model.predict_log_proba(X), atol=1e-12)
    assert model.classes_.tolist() == ["new", "often", "rare"]
    assert model.score(X, y) > 0.95


def test_output_starts_at_the_base_rate():
    """Before it has learned anything a network predicts the rate of the classes."""
    X, y = make_mixed()
    w = np.where(y == 1, 3.0, 1.0)
    model = DCNClassifier(random_state=0, max_epochs=1, learning_rate=1e-12)
    model.fit(X, y, sample_weight=w)
    rate = w[y == 1].sum() / w.sum()
    bias = model.module_.head.bias.item()
    assert_allclose(1 / (1 + np.exp(-bias)), rate, rtol=1e-6)


def test_class_weight(mixed, tiny):
    """A dict equals sample weights; "balanced" gives the classes equal totals."""
    X, y = mixed
    by_dict = DCNClassifier(**tiny, class_weight={1: 4.0}).fit(X, y)
    by_row = DCNClassifier(**tiny).fit(X, y, sample_weight=np.where(y == 1, 4.0, 1.0))
    # The statistics of columns count rows, not classes: compare what learning does.
    assert_allclose(
        by_dict.module_.head.bias.detach(), by_row.module_.head.bias.detach(), atol=0.1
    )
    rare = np.flatnonzero(y == 1)[:20]
    rows = np.concatenate([np.flatnonzero(y == 0), rare])
    X, y = X.iloc[rows], y[rows]
    plain = DCNClassifier(**tiny).fit(X, y).predict_proba(X)[:, 1].mean()
    balanced = DCNClassifier(**tiny, class_weight="balanced").fit(X, y)
    assert balanced.predict_proba(X)[:, 1].mean() > plain + 0.2


def test_warm_start_keeps_the_classes(mixed, tiny):
    """A warm fit on other classes is refused, and the model stays as it was."""
    X, y = mixed
    model = DCNClassifier(**tiny, warm_start=True).fit(X, y)
    before = model.predict_proba(X)
    with pytest.raises(ValueError, match=r"classes \[0, 1\] alone; got also \[2\]"):
        model.fit(X, np.where(y, 2, 0))
    assert_array_equal(model.predict_proba(X), before)


def test_balanced_needs_all_rows(mixed, tiny):
    """partial_fit can't balance classes that it has not seen, and says so."""
    X, y = mixed
    with pytest.raises(ValueError, match="class_weight='balanced' needs all rows"):
        DCNClassifier(**tiny, class_weight="balanced").partial_fit(X, y)


def test_partial_fit_needs_all_classes(mixed, tiny):
    """A class that the first call did not announce is refused by name."""
    X, y = mixed
    model = DCNClassifier(**tiny).partial_fit(X, y)
    with pytest.raises(ValueError, match=r"got also \[2\]"):
        model.partial_fit(X, np.where(y, 2, 0))
