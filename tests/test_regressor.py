"""The regressor: numbers in the units and the shape of the target."""

import numpy as np
import pytest
from helpers.tables import make_mixed
from numpy.testing import assert_allclose

from sklearn_dcn import DCNRegressor


@pytest.mark.parametrize("shape", [(), (1,), (3,)], ids=["1-D", "column", "3 outputs"])
@pytest.mark.filterwarnings("ignore:A column-vector y")
def test_regression_units(shape):
    """Predictions are in the units and the shape of y; its scale changes nothing."""
    X, _ = make_mixed(200)
    y = (X["visits"] * 2.0 + X["is_new"]).to_numpy()
    y = np.stack([y * (k + 1) for k in range(shape[0])], axis=1) if shape else y
    model = DCNRegressor(random_state=0).fit(X, y)
    scaled = DCNRegressor(random_state=0).fit(X, 1e6 + 1e3 * y)
    prediction = model.predict(X)
    assert prediction.shape == (y.shape if shape != (1,) else (200,))
    assert_allclose(scaled.predict(X), 1e6 + 1e3 * prediction, rtol=1e-6)
    assert model.score(X, y) > 0.8


def test_constant_target():
    """A constant target is predicted exactly, whatever its magnitude."""
    X, _ = make_mixed(50)
    model = DCNRegressor(random_state=0, max_epochs=30).fit(X, np.full(50, 1e9))
    assert_allclose(model.predict(X), 1e9, rtol=1e-6)
