"""Importances of columns, against the weights of a linear network."""

import numpy as np
import pytest

from sklearn_dcn import DCNClassifier


def test_importances_of_a_linear_network(mixed):
    """Squares of w of a number, the variance of w e of a category, as shares."""
    X, y = mixed
    X = X[["city", "device", "visits"]].fillna({"city": "?"})
    model = DCNClassifier(
        structure="cross", n_cross_layers=0, max_epochs=5, random_state=0
    ).fit(X, y)
    w = model.module_.head.weight.detach().numpy()[0]
    parts = model.module_.embedding.field_slices
    expected = []
    for k, column in enumerate(["city", "device"]):
        e = model.module_.embedding.column_weight(k).detach().numpy()
        found = model.encoder_.categories[k].levels
        value = dict(zip(found, e[2:] @ w[parts[k]], strict=True))
        expected.append(np.var([value[level] for level in X[column]]))
    expected.append(w[parts[2]][0] ** 2)
    importances = model.feature_importances_
    np.testing.assert_allclose(importances, expected / np.sum(expected), atol=0.04)
    assert importances.sum() == pytest.approx(1.0)
