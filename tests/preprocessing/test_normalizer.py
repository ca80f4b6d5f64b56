"""Numbers -> normalised floats and back, as a step."""

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import QuantileTransformer

from sklearn_dcn.preprocessing import ContinuousNormalizer


def test_normalizer_equals_quantile_transformer():
    """By rank, as scikit-learn's, then standardised."""
    rng = np.random.default_rng(0)
    X = rng.lognormal(0, 2, (999, 2))
    ours = ContinuousNormalizer().fit_transform(X)
    # At steps of 1/n scikit-learn's ranks run from 0 to 1, ours from 1/2n to 1 - 1/2n.
    theirs = QuantileTransformer(n_quantiles=999, output_distribution="normal")
    theirs = theirs.fit_transform(X)
    inside = np.abs(theirs) < 2
    for j in range(2):
        z, reference = ours[inside[:, j], j], theirs[inside[:, j], j]
        assert np.corrcoef(z, reference)[0, 1] > 0.9999
    np.testing.assert_allclose(ours.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(ours.std(axis=0), 1)


def test_normalizer_twice_is_once():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.lognormal(0, 3, 5000), rng.poisson(2, 5000)])
    X[rng.random(X.shape) < 0.1] = np.nan
    once = ContinuousNormalizer().fit_transform(X)
    assert (np.isnan(once) == np.isnan(X)).all()
    np.testing.assert_allclose(
        ContinuousNormalizer().fit_transform(once), once, rtol=1e-10, atol=1e-12
    )


@pytest.mark.parametrize(
    "method", ["quantile", "robust", "standard", "signed_log", None]
)
def test_normalizer_round_trip(method):
    rng = np.random.default_rng(0)
    X = np.column_stack(
        [rng.normal(5, 3, 400), rng.lognormal(0, 1, 400), np.full(400, 7)]
    )
    X[::9, 1] = np.nan
    normalizer = ContinuousNormalizer(method=method).fit(X)
    z = normalizer.transform(X)
    assert np.isfinite(z[:, [0, 2]]).all()
    np.testing.assert_allclose(normalizer.inverse_transform(z), X, rtol=1e-9, atol=1e-9)


def test_normalizer_names_the_column():
    X = pd.DataFrame({"price": [1.0, np.inf]})
    with pytest.raises(ValueError, match=r"^Column 'price' contains infinity"):
        ContinuousNormalizer().fit(X)
    with pytest.raises(ValueError, match="method must be one of"):
        ContinuousNormalizer(method="log").fit(X)
