"""The estimators as a user meets them: tables, searches, what is learned."""

import numpy as np
import pandas as pd
from numpy.testing import assert_array_equal
from sklearn.compose import make_column_transformer
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_dcn import DCNClassifier


def test_unknown_row_is_trained():
    """Levels never seen get a learned vector: near the others' mean, not random."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"id": rng.integers(0, 50, 2000).astype(str)})
    y = rng.random(2000) < 0.1
    model = DCNClassifier(random_state=0, category_dropout=0.2, max_epochs=30)
    before = DCNClassifier(random_state=0, max_epochs=1, learning_rate=1e-12).fit(X, y)
    model.fit(X, y)
    unknown = model.predict_proba(pd.DataFrame({"id": ["never seen"]}))[0, 1]
    assert 0.05 < unknown < 0.2
    members = zip(model.module_.members, before.module_.members, strict=True)
    for member, fresh in members:
        moved = member.embedding.column_weight(0) - fresh.embedding.column_weight(0)
        assert moved[0].norm() > 10 * moved[1].norm()  # row 1, missing, has no data


def test_grid_search_changes_the_network(mixed):
    """A search over structure, in a Pipeline, fits other networks (DeepTab#410)."""
    X, y = mixed
    scale = make_column_transformer(
        (StandardScaler(), ["visits"]), remainder="passthrough"
    ).set_output(transform="pandas")
    search = GridSearchCV(
        make_pipeline(scale, DCNClassifier(random_state=0)),
        {"dcnclassifier__cross": ["vector", "matrix"]},
        scoring="neg_log_loss",
        cv=2,
    ).fit(X, y)
    scores = search.cv_results_["mean_test_score"]
    assert scores[0] != scores[1]
    assert cross_val_score(search.best_estimator_, X, y, scoring="roc_auc").min() > 0.5


def test_ids_beyond_float_precision(tiny):
    """Ids that a float32 or a float64 would merge stay two levels (B8)."""
    ids = np.array([16_777_216, 16_777_217, 2**53, 2**53 + 1] * 100)
    y = np.array([0, 1, 0, 1] * 100)
    model = DCNClassifier(
        categorical_features=[0], random_state=0, max_epochs=60, learning_rate=0.01
    ).fit(ids.reshape(-1, 1), y)
    assert model.score(ids.reshape(-1, 1), y) == 1.0


def test_numpy_table_equals_frame(mixed, tiny):
    """An object array of the same cells gives the same model."""
    X, y = mixed
    frame = DCNClassifier(**tiny).fit(X, y)
    array = DCNClassifier(**tiny).fit(X.to_numpy(dtype=object), y)
    assert_array_equal(
        array.predict_proba(X.to_numpy(dtype=object)), frame.predict_proba(X)
    )


def test_only_categories_and_only_numbers(mixed, tiny):
    """Tables of a single kind of columns work."""
    X, y = mixed
    for columns in (["city", "device"], ["price", "visits"], ["visits"]):
        model = DCNClassifier(**tiny).fit(X[columns], y)
        assert np.isfinite(model.predict_proba(X[columns])).all()
