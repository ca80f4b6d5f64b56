"""Drift of columns, against the definition, and what a model was told."""

import numpy as np
import pandas as pd
import pytest
from helpers.options import BRIEF

from sklearn_dcn import DCNClassifier, DCNRegressor
from sklearn_dcn._table.numbers import NUMERIC_TRANSFORMS, NumberScaler
from sklearn_dcn.inspection import drift


def make(n=1000, seed=0, shift=0.0, first=0):
    """Return rows whose numbers and cities may be others than usual."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {
            "price": rng.normal(size=n) + shift,
            "city": [f"c{k}" for k in first + rng.integers(0, 8, n)],
            "kind": rng.choice(["a", "b", None], n, p=[0.5, 0.3, 0.2]),
            "gap": np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n)),
            "tags": [["x", "y"][: 1 + k % 2] for k in range(n)],
        }
    )
    return X, (X["price"].to_numpy() + rng.normal(size=n) > 0).astype(int)


@pytest.fixture(scope="module")
def model():
    return DCNClassifier(**BRIEF, min_frequency=2).fit(*make())


def psi(p, q):
    """Return the index as the definition has it."""
    total = 0.0
    for a, b in zip(p, q, strict=True):
        a, b = max(a, 1e-4), max(b, 1e-4)
        total += (b - a) * np.log(b / a)
    return total


def test_the_rows_of_the_fit_have_not_drifted(model):
    found = drift(model, *make()).columns
    assert (found["psi"].dropna() < 2e-3).all()
    assert (found["unknown"].dropna() == 0).all()
    np.testing.assert_allclose(found["missing"], found["missing_in_fit"])
    assert found["new_levels"].dropna().eq(0).all()


def test_new_rows_of_the_same_kind_are_noise(model):
    assert (drift(model, make(seed=1)[0]).columns["psi"].dropna() < 0.1).all()


def test_by_the_definition(model):
    X, _ = make(seed=1, shift=0.7, first=4)
    found = drift(model, X).columns
    assert list(found.index[:2]) == ["city", "price"]
    known = [f"c{k}" for k in range(8)]
    before = make()[0]["city"].value_counts(normalize=True).reindex(known)
    now = X["city"].value_counts(normalize=True).reindex(known, fill_value=0.0)
    expected = psi([*before, 0.0], [*now, 1 - now.sum()])
    assert found.loc["city", "psi"] == pytest.approx(expected)
    assert found.loc["city", "unknown"] == pytest.approx(1 - now.sum())
    assert found.loc["city", "new_levels"] == 4
    edges = np.quantile(make()[0]["price"], np.linspace(0, 1, 11)[1:-1])
    counts = np.bincount(np.searchsorted(edges, X["price"]), minlength=10)
    assert found.loc["price", "psi"] == pytest.approx(
        psi(np.full(10, 0.1), counts / len(X)), rel=0.15
    )
    assert found.loc["price", "psi"] > 0.25


def test_weights_are_rows(model):
    X, y = make(seed=1, shift=0.5)
    weight = np.random.default_rng(0).integers(0, 3, len(X))
    twice = X.loc[np.repeat(X.index, weight)].reset_index(drop=True)
    by_weight = drift(model, X, y, sample_weight=weight)
    by_rows = drift(model, twice, np.repeat(y, weight))
    pd.testing.assert_frame_equal(by_weight.columns, by_rows.columns)
    pd.testing.assert_frame_equal(by_weight.calibration, by_rows.calibration)


def test_calibration_by_group(model):
    X, y = make(seed=1)
    report = drift(model, X, y)
    found = report.calibration.set_index(["column", "group"])
    p = model.predict_proba(X)[:, 1]
    is_a = (X["kind"] == "a").to_numpy()
    row = found.loc[("kind", "a")]
    assert row["rows"] == is_a.sum()
    assert row["predicted"] == pytest.approx(p[is_a].mean())
    assert row["observed"] == pytest.approx(y[is_a].mean())
    assert row["ratio"] == pytest.approx(p[is_a].mean() / y[is_a].mean())
    missing = found.loc[("kind", "missing")]
    assert missing["rows"] == X["kind"].isna().sum()
    per_column = report.calibration.groupby("column")["rows"].sum()
    assert set(per_column) == {len(X)}


def test_regressors_and_the_report():
    X, y = make()
    model = DCNRegressor(**BRIEF).fit(X, y * 3.0)
    report = drift(model, X[:200], y[:200] * 3.0)
    assert repr(report).startswith("Drift of 200 rows")
    assert "psi" in repr(report) and "<table" in report._repr_html_()
    assert drift(model, X[:200]).calibration is None
    with pytest.raises(ValueError, match="y must have one output"):
        drift(model, X[:9], np.ones((9, 2)))


def test_hashed_levels_have_none_unknown():
    X, y = make()
    model = DCNClassifier(**BRIEF, hashing={"city": 4}).fit(X, y)
    found = drift(model, make(seed=2, first=20)[0]).columns
    assert np.isnan(found.loc["city", "unknown"])


def test_a_sparse_matrix_is_refused():
    from scipy.sparse import random

    X = random(60, 5, 0.5, format="csr", random_state=0)
    model = DCNClassifier(**BRIEF).fit(X, np.arange(60) % 2)
    with pytest.raises(ValueError, match="sparse matrix, whose columns are one field"):
        drift(model, X)


@pytest.mark.parametrize("transform", NUMERIC_TRANSFORMS)
@pytest.mark.parametrize("kind", ["normal", "counts", "constant", "half zeros"])
def test_bins_of_numbers(transform, kind):
    """Shares of the fit's own rows are what the bins say."""
    rng = np.random.default_rng(0)
    x = {
        "normal": rng.normal(size=4000) * 5,
        "counts": rng.poisson(1.0, 4000).astype(float),
        "constant": np.ones(4000),
        "half zeros": rng.normal(size=4000) * (rng.random(4000) < 0.5),
    }[kind]
    edges, shares, at = NumberScaler(transform).fit(x, np.ones(4000)).bins(x, 10)
    counts = np.bincount(at, minlength=len(shares))
    assert len(shares) == len(edges) + 1 and shares.sum() == pytest.approx(1)
    np.testing.assert_allclose(counts / 4000, shares, atol=0.035)
