"""Exposure and offset: columns that are no features, in fits and in predictions."""

import copy

import numpy as np
import pandas as pd
import pytest
from helpers.losses import (
    LOG_LINK,
    NUMBER_LOSSES,
    beside,
    make,
    make_counts,
    of_loss,
)
from helpers.streams import BLOCK, streamed, write  # noqa: F401
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix
from sklearn.linear_model import PoissonRegressor
from sklearn.metrics import get_scorer, mean_poisson_deviance
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from skorch.callbacks import EpochScoring

from sklearn_dcn import DCNRegressor, load, scan

LOSSES = pytest.mark.parametrize("loss", NUMBER_LOSSES)


@pytest.fixture(scope="module")
def table():
    return make_counts()


@pytest.fixture(scope="module")
def fits(table):
    """Return a fit of every loss with its exposure, or offset."""
    X, y = table
    return {
        loss: make(loss, **beside(loss)).fit(X, of_loss(loss, y))
        for loss in NUMBER_LOSSES
    }


# What they do -------------------------------------------------------------------------


@LOSSES
def test_predictions_go_with_the_column(fits, table, loss):
    """Twice the exposure, twice the expectation; an offset is added as it is."""
    X, _ = table
    model = fits[loss]
    twice = X.assign(years=2 * X["years"])
    if loss in LOG_LINK:
        assert_allclose(model.predict(twice), 2 * model.predict(X), rtol=1e-9)
        return
    more = X["years"].to_numpy()
    assert_allclose(model.predict(twice), model.predict(X) + more, rtol=1e-9)
    if loss == "quantile":
        found, before = (model.predict_quantiles(rows) for rows in (twice, X))
        assert_allclose(found, before + more[:, None], rtol=1e-9)
    if loss == "gaussian":
        assert_allclose(model.predict_std(twice), model.predict_std(X))
    found, before = (model.predict_interval(rows) for rows in (twice, X))
    assert_allclose(found, before + more[:, None], rtol=1e-9)


@LOSSES
def test_it_is_no_feature(fits, table, loss):
    """Not encoded, of no importance; the others keep their names and places."""
    model = fits[loss]
    assert model.n_features_in_ == 3
    assert model.feature_names_in_.tolist() == ["age", "years", "kind"]
    assert model.encoder_.names == ["age", "kind"]
    assert model.feature_importances_[1] == 0 < model.feature_importances_[2]


@pytest.mark.parametrize("loss", sorted(LOG_LINK))
def test_offset_is_the_logarithm_of_an_exposure(fits, table, loss):
    X, y = table
    logs = X.assign(years=np.log(X["years"]))
    other = make(loss, offset="years").fit(logs, of_loss(loss, y))
    assert_allclose(other.predict(logs), fits[loss].predict(X), rtol=1e-9)


def test_exposure_and_offset_together(fits, table):
    """The first times the exponential of the second."""
    X, y = table
    both = X.assign(part=0.3 * X["years"], years=X["years"] / np.exp(0.3 * X["years"]))
    model = make("poisson", exposure="years", offset="part").fit(both, y)
    assert_allclose(model.predict(both), fits["poisson"].predict(X), rtol=1e-6)


def test_offset_of_another_model():
    """What is left of it is learned: here nothing, so that predictions are it."""
    X, _ = make_counts()
    y = 3 * X["age"].to_numpy()
    X = X.assign(guess=y)
    model = make("squared_error", offset="guess").fit(X, y)
    assert_allclose(model.predict(X), y, rtol=1e-9)


def test_rates_are_those_of_poisson_regression():
    """A linear network with one level each: claims by exposure of each kind."""
    X, y = make_counts(300)
    X = X[["kind", "years"]]
    model = DCNRegressor(
        loss="poisson", exposure="years", structure="cross", n_cross_layers=0,
        early_stopping=False, max_epochs=100, learning_rate=0.1, weight_decay=0.0,
        category_dropout=0.0, memorized_crosses=None, dtype="float64", random_state=0,
    ).fit(X, y)  # fmt: skip
    rate = y / X["years"]
    dummies = pd.get_dummies(X["kind"])
    known = PoissonRegressor(alpha=0, tol=1e-8).fit(
        dummies, rate, sample_weight=X["years"]
    )
    expected = known.predict(dummies) * X["years"]
    assert_allclose(model.predict(X), expected, rtol=0.02)
    claims = y[X["kind"] == "bus"].sum() / X["years"][X["kind"] == "bus"].sum()
    bus = pd.DataFrame({"kind": ["bus"], "years": [1.0]})
    assert model.predict(bus)[0] == pytest.approx(claims, rel=0.02)


def test_the_unit_of_the_exposure_has_no_part(fits, table):
    """Years or hours."""
    X, y = table
    hours = X.assign(years=8760 * X["years"])
    model = make("poisson", exposure="years").fit(hours, y)
    assert_allclose(model.predict(hours), fits["poisson"].predict(X), rtol=1e-6)


# Where it comes from ------------------------------------------------------------------


def test_arrays_rows_of_dicts_and_pipelines(fits, table):
    """By position, where there are no names; in a pipeline as any other column."""
    X, y = table
    cells = X.to_numpy(dtype=object)
    model = make("poisson", exposure=1).fit(cells, y)
    assert_allclose(model.predict(cells), fits["poisson"].predict(X), rtol=1e-9)
    records = X[:3].to_dict(orient="records")
    assert_allclose(
        fits["poisson"].predict(records), fits["poisson"].predict(X[:3]), rtol=1e-12
    )
    chosen = FunctionTransformer(lambda rows: rows[["years", "kind", "age"]])
    pipe = make_pipeline(chosen, make("poisson", exposure="years")).fit(X, y)
    twice = X.assign(years=2 * X["years"])
    assert_allclose(pipe.predict(twice), 2 * pipe.predict(X), rtol=1e-9)


def test_positions_of_others_stay(table):
    """A column after it is named by its place in the table."""
    X, y = table
    numbers = np.column_stack([X["age"], X["years"], X["kind"] == "bus"])
    model = make("poisson", exposure=1, categorical_features=[2]).fit(numbers, y)
    assert list(model.encoder_.categories) == [1]
    assert model.encoder_.table_names == [0, 1, 2]
    assert model.feature_importances_[1] == 0
    with pytest.raises(ValueError, match="column 1, which is no feature"):
        make("poisson", exposure=1, memorized_crosses=[(0, 1)]).fit(numbers, y)


def test_dates_beside_it(table):
    X, y = table
    dated = X.assign(when=pd.Timestamp("2024-01-01") + pd.to_timedelta(X.index, "D"))
    dated = dated[["years", "when", "age"]]
    model = make("poisson", exposure="years").fit(dated, y)
    assert model.encoder_.table_names == ["years", "when", "age"]
    assert "when: month" in model.encoder_.names
    assert_allclose(
        model.predict(dated.assign(years=1.0)) * dated["years"], model.predict(dated)
    )


@LOSSES
def test_files_have_it(fits, table, loss, tmp_path):
    X, _ = table
    fits[loss].save(tmp_path / "model.dcn")
    again = load(tmp_path / "model.dcn")
    assert_array_equal(again.predict(X), fits[loss].predict(X))
    assert again.encoder_.beside == {1: "years"}


@pytest.mark.usefixtures("streamed")
@pytest.mark.parametrize("loss", ["poisson", "quantile", "gaussian"])
def test_scans(loss, tmp_path):
    """Of files of more rows than are loaded: as of the same rows in memory."""
    X, y = make_counts(2000)
    options = beside(loss) | {"n_members": 1, "memorized_crosses": 1}
    memory = make(loss, **options).fit(X, y)
    where = write(tmp_path, X, files=3, y=y)
    files = make(loss, **options).fit(scan(where, "y"))
    assert_array_equal(files.predict(X), memory.predict(X))
    assert_array_equal(files.predict_interval(X), memory.predict_interval(X))
    assert_allclose(files.predict(scan(where, "y")), memory.predict(X), rtol=1e-9)
    assert files.score(scan(where, "y")) == pytest.approx(memory.score(X, y))
    rows = files.predict(X.assign(years=2 * X["years"]))
    assert (rows != memory.predict(X)).all()


def test_scorers_see_it(table):
    """Of `scoring` and of callbacks, whose predictions have it too."""
    X, y = table
    scorer = EpochScoring(
        "neg_mean_poisson_deviance", lower_is_better=False, name="of_callback"
    )
    model = make(
        "poisson", exposure="years", n_members=1, callbacks=[scorer],
        scoring="neg_mean_poisson_deviance",
    )  # fmt: skip
    model.fit(X[:300], y[:300], X_val=X[300:], y_val=y[300:])
    best = model.history_[model.best_epoch_ - 1]
    found = get_scorer("neg_mean_poisson_deviance")(model, X[300:], y[300:])
    assert best["valid_score"] == pytest.approx(found, rel=1e-6)
    assert best["of_callback"] == pytest.approx(found, rel=1e-6)
    deviance = mean_poisson_deviance(y[300:], model.predict(X[300:]))
    assert best["valid_loss"] == pytest.approx(deviance / 2 / model._target.scale[0])


def test_going_on_with_it(table):
    X, y = table
    model = make("poisson", exposure="years")
    model.partial_fit(X[:200], y[:200]).partial_fit(X[200:], y[200:])
    twice = X.assign(years=2 * X["years"])
    assert_allclose(model.predict(twice), 2 * model.predict(X), rtol=1e-9)
    grows = make("poisson", exposure="years", new_levels="learn", warm_start=True)
    grows.set_params(memorized_crosses=1, statistics_decay=0.9)
    grows.fit(X[:300], y[:300]).fit(X, y)
    assert_allclose(grows.predict(twice), 2 * grows.predict(X), rtol=1e-9)


# What is refused ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "error", "message"),
    [
        (0.0, ValueError, "'years', the exposure, must be above 0 .*got 0 in row 7"),
        (-1.0, ValueError, "must be above 0 and finite; got -1 in row 7"),
        (np.nan, ValueError, "must be above 0 and finite; got nan in row 7"),
        (np.inf, ValueError, r"'years' contains infinity \(first in row 7\)"),
    ],
)
def test_cells_that_are_no_exposure(fits, table, cell, error, message):
    """In fits and in predictions; the estimator stays as it was."""
    X, y = table
    wrong = X.copy()
    wrong.loc[7, "years"] = cell
    model = copy.copy(fits["poisson"])
    before = model.predict(X)
    for call in (lambda: model.fit(wrong, y), lambda: model.predict(wrong)):
        with pytest.raises(error, match=message):
            call()
    assert_array_equal(model.predict(X), before)
    weight = np.ones(len(y))
    weight[7] = 0.0  # as if absent
    make("poisson", exposure="years").fit(wrong, y, sample_weight=weight)


def test_texts_are_no_exposure(table):
    X, y = table
    with pytest.raises(ValueError, match="kind"):
        make("poisson", exposure="kind").fit(X, y)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"exposure": "weeks"}, "exposure names 'weeks', which is no column of X"),
        ({"offset": 3}, "offset names 3, which is no column of X"),
        ({"exposure": "years", "offset": "years"}, "must be two columns; got 'years'"),
        (
            {"exposure": "years", "loss": "huber"},
            "exposure='years' multiplies .*'huber'",
        ),
    ],
)
def test_parameters_that_do_not_fit(table, options, message):
    X, y = table
    with pytest.raises(ValueError, match=message):
        make("poisson").set_params(**options).fit(X, y)


def test_tables_that_do_not_fit(table):
    X, y = table
    with pytest.raises(ValueError, match=r"offset must be None for .* several outputs"):
        make("poisson", offset="years").fit(X, np.column_stack([y, y]))
    with pytest.raises(ValueError, match=r"exposure=0 names a column .* sparse"):
        make("poisson", exposure=0).fit(csr_matrix(np.ones((400, 3))), y)
    with pytest.raises(ValueError, match="X must have columns beside 'years'"):
        make("poisson", exposure="years").fit(X[["years"]], y)
    with pytest.raises(ValueError, match="years"):
        make("poisson", exposure="years").fit(X, y).predict(X.drop(columns="years"))
