"""Predictions in several batches are those in one."""

import pytest
from helpers.options import BRIEF as OPTIONS
from helpers.tables import make_mixed
from numpy.testing import assert_allclose

from sklearn_dcn import DCNClassifier

EPS = 2.0**-8  # half of the distance of neighbours in bfloat16, relative


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_many_rows_agree_with_few(dtype, monkeypatch):
    """Predictions in several batches are those in one; bfloat16 as well."""
    X, y = make_mixed(150)
    models = [DCNClassifier(**OPTIONS, dtype=d).fit(X, y) for d in (dtype, "bfloat16")]
    whole = [model.predict_proba(X) for model in models]
    monkeypatch.setattr("sklearn_dcn._training.inference.PREDICT_BATCH_SIZE_CPU", 64)
    for model, p, tolerance in zip(models, whole, (1e-6, 4 * EPS), strict=True):
        assert_allclose(model.predict_proba(X), p, atol=tolerance)
