"""Targets of one number and of any size, and neighbours closer than 1e-308."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_dcn import DCNRegressor
from sklearn_dcn._table.numbers.interpolation import interpolate
from sklearn_dcn.preprocessing import ContinuousNormalizer

rng = np.random.default_rng(0)
X = rng.normal(size=(100, 3))
BASE = X[:, 0] + 0.1 * X[:, 1]


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("value", [0.0, 0.1, -1e9, 1e-170, 1e160])
def test_constant_target_is_predicted_exactly(value, early_stopping, tiny):
    y = np.full(100, value)
    weight = rng.random(100)
    model = DCNRegressor(**tiny, early_stopping=early_stopping)
    assert_array_equal(model.fit(X, y, sample_weight=weight).predict(X), y)


def test_one_constant_output_beside_another(tiny):
    Y = np.column_stack([BASE, np.full(100, 7.0)])
    prediction = DCNRegressor(**tiny).fit(X, Y).predict(X)
    assert_array_equal(prediction[:, 1], 7)
    assert prediction[:, 0].std() > 0


def test_target_that_differs_by_rounding(tiny):
    y = np.where(rng.random(100) < 0.5, 0.3, 0.1 + 0.2)
    assert_allclose(DCNRegressor(**tiny).fit(X, y).predict(X), 0.3, rtol=1e-13)


@pytest.mark.parametrize("value", [5.0, 1e-170])
def test_later_parts_teach_what_a_constant_one_did_not(value):
    model = DCNRegressor(hidden_layer_sizes=(8,), learning_rate=0.02, random_state=0)
    model.partial_fit(X, np.full(100, value))
    assert_array_equal(model.predict(X), np.full(100, value))
    for _ in range(40):
        model.partial_fit(X, value * (1 + BASE))
    assert np.corrcoef(model.predict(X) / value, BASE)[0, 1] > 0.7


@pytest.mark.parametrize("shift", [0.0, 1.0])
@pytest.mark.parametrize("size", [1e160, 1e299, 1e-170, 1e-290])
def test_unit_of_y(size, shift, tiny):
    """Predictions are those of y in another unit."""
    expected = DCNRegressor(**tiny).fit(X, BASE + shift).predict(X)
    found = DCNRegressor(**tiny).fit(X, size * (BASE + shift)).predict(X)
    assert_allclose(found / size, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    ("size", "message"),
    [(1e306, "y must lie within.*Divide it"), (1e-310, "y must .*1e-300.*Multiply it")],
)
def test_sizes_without_room(size, message, tiny):
    with pytest.raises(ValueError, match=message):
        DCNRegressor(**tiny).fit(X, BASE * size)


@pytest.mark.parametrize("n", [1000, 30_000])
def test_p_values(n):
    """Atoms at 0 and at 1e-320 among numbers up to 1."""
    x = rng.random(n)
    x[: n // 3], x[n // 3 : n // 2] = 0, 1e-320
    z = ContinuousNormalizer().fit_transform(x[:, None])[:, 0]
    assert np.isfinite(z).all()
    order = np.argsort(x, kind="stable")
    assert (np.diff(z[order]) >= 0).all()
    assert len(np.unique(z[x < 1e-300])) == 2


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [100, 50_000])
def test_interpolation_between_subnormal_knots(n, dtype):
    """As np.interp by way of a unit in which nothing overflows."""
    knots = np.array([0.0, 1e-320, 5e-310, 1e-300, 0.5, 1.0])
    values = np.array([-3.0, -1.0, 0.0, 1.0, 2.0, 3.0])
    x = rng.choice([0, 4e-321, 1e-320, 1e-310, 7e-301, 0.25, 0.7, -1, 2, np.nan], n)
    y = interpolate(x, knots, values, dtype)
    unit = 2.0**1000
    expected = np.interp(x * unit, knots * unit, values)
    assert_allclose(y, expected, rtol=1e-6)
    assert_array_equal(np.isnan(y), np.isnan(x))
