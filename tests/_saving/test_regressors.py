"""Files of regressors: older ones, and such whose loss and errors do not fit."""

import numpy as np
import pytest
from helpers.losses import make, make_counts
from helpers.saved_files import change, edit
from numpy.testing import assert_array_equal

from sklearn_dcn import LoadError, load

KINDS = ("poisson", "quantile", "gaussian")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    X, y = make_counts(200)
    folder = tmp_path_factory.mktemp("losses")
    found = {}
    for loss in KINDS:
        options = {"exposure": "years"} if loss == "poisson" else {}
        model = make(loss, **options).fit(X, y)
        model.save(folder / f"{loss}.dcn")
        found[loss] = (folder / f"{loss}.dcn").read_bytes()
    return found


@pytest.mark.parametrize(
    ("loss", "name", "function"),
    [
        ("quantile", "_residuals", lambda a: a[:-1]),
        ("quantile", "_residuals", lambda a: a[:, :1]),
        ("poisson", "_residuals", lambda a: a * np.nan),
        ("poisson", "_residual_weight", lambda a: -a),
        ("poisson", "_residual_weight", lambda a: a[:0]),
        ("poisson", "_target.scale", lambda a: -a),
        ("poisson", "_target.spread", lambda a: a[:0]),
        ("gaussian", "_target.scale", lambda a: np.repeat(a, 2)),
        ("quantile", "_target.center", lambda a: np.repeat(a, 2)),
    ],
)
def test_arrays_that_do_not_fit(files, tmp_path, loss, name, function):
    path = tmp_path / "model.dcn"
    path.write_bytes(files[loss])
    change(path, arrays=edit(name, function))
    with pytest.raises(LoadError, match="not what save"):
        load(path)


def test_residuals_are_few(tmp_path, monkeypatch):
    """Of more held-out rows than are kept, some from all over the table."""
    from sklearn_dcn._estimator import regressing

    X, y = make_counts(300)
    monkeypatch.setattr(regressing, "MOST_RESIDUALS", 20)
    model = make("squared_error", n_members=1)
    model.fit(X[:200], y[:200], X_val=X[200:], y_val=y[200:])
    at = np.linspace(0, 99, 20).astype(int)
    errors = np.abs(y[200:] - model.predict(X[200:]))[at] / model._target.scale
    np.testing.assert_allclose(model._residuals[:, 0], errors, rtol=1e-6)
    assert model._residual_weight.tolist() == [1.0] * 20
    model.save(tmp_path / "model.dcn")
    again = load(tmp_path / "model.dcn")
    assert_array_equal(again._residuals, model._residuals)
