"""What a mean leaves over of the target, against finite differences of the loss."""

import numpy as np
import pytest
from helpers.memorising import small, supervise
from numpy.testing import assert_allclose

from sklearn_dcn._table.target_statistics.linear_models import leave_over_mean
from sklearn_dcn._table.target_statistics.target_rows import TargetRows


@pytest.mark.parametrize("kind", ["binary", "number", "classes"])
def test_what_the_mean_leaves_over(kind):
    """Gradient, curvature and loss are those of finite differences of the loss."""
    codes, weight, rng = small()
    y = rng.normal(3, 2, 80) if kind == "number" else rng.integers(0, 3, 80)
    y = y % 2 if kind == "binary" else y
    table = TargetRows(codes.T, weight, supervise(y, kind))
    g, h, loss = leave_over_mean(table)
    total = 0.0
    for k, target in enumerate(table.y.T):
        mean = np.average(target, weights=weight)
        if kind == "number":
            scale = np.sqrt(np.average((target - mean) ** 2, weights=weight))

            def losses(shift, mean=mean, scale=scale, target=target):
                return weight * (target - mean - shift * scale) ** 2 / (2 * scale**2)
        else:

            def losses(shift, mean=mean, target=target):
                z = np.log(mean / (1 - mean)) + shift
                return weight * (np.log1p(np.exp(z)) - target * z)

        down, at, up = losses(-1e-4), losses(0.0), losses(1e-4)
        assert_allclose(g[k], (down - up) / 2e-4, atol=1e-6)
        assert_allclose(h[k], (down - 2 * at + up) / 1e-8, rtol=1e-4)
        total += at.sum()
    assert loss == pytest.approx(total)
