"""The examples run, and what they show is true."""

import numpy as np
import pytest
from helpers.processes import load_script
from helpers.tables import make_mixed


@pytest.mark.slow
def test_demo_compares_three_models(capsys):
    """On shipped data the DCN beats logistic regression on the same split."""
    demo = load_script("examples/demo.py")
    X, y = demo.load_online_shoppers(return_X_y=True)
    models = demo.make_models(X)
    models["DCN, grid search"].set_params(
        cv=2, param_grid={"dcnclassifier__n_cross_layers": [1, 2]}
    )
    rows = {row["model"]: row for row in demo.compare(models, X, y)}
    demo.print_table(list(rows.values()))
    assert (
        rows["DCN, grid search"]["log loss"] < rows["logistic regression"]["log loss"]
    )
    assert all(0 <= row["calibration error"] < 0.1 for row in rows.values())
    assert len(capsys.readouterr().out.splitlines()) == 4


@pytest.mark.slow
def test_cascade_example(capsys):
    """The second network sees the columns that the first found to matter."""
    cascade = load_script("examples/credit_cascade.py")
    rng = np.random.default_rng(0)
    X, y = make_mixed(1000)
    X = X[["city", "device"]].fillna({"city": "?"})
    X = X.assign(noise=rng.normal(size=1000), other=rng.choice(["a", "b"], 1000))
    model = cascade.make_cascade(2, seed=0).set_params(
        select__estimator__learning_rate=0.005
    )
    model.fit(X, y)
    assert model["select"].get_feature_names_out().tolist() == ["city", "device"]
    assert model["dcn"].feature_names_in_.tolist() == ["city", "device"]
    assert [*model["dcn"].encoder_.categories] == [0, 1]  # dtypes came along
    np.testing.assert_array_equal(
        model.predict_proba(X), model["dcn"].predict_proba(X[["city", "device"]])
    )
    cascade.main(["--rows", "1000", "--seeds", "1", "--keep", "3"])
    *_, columns = capsys.readouterr().out.splitlines()
    assert len(columns.split(", ")) == 3
