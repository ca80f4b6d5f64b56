"""Progressive validation: against a loop by hand, and what is told of each day."""

import warnings

import numpy as np
import pandas as pd
import pytest
from helpers.options import BRIEF
from sklearn.base import clone
from sklearn.linear_model import LinearRegression, SGDClassifier
from sklearn.metrics import log_loss, roc_auc_score

from sklearn_dcn import DCNClassifier, DCNRegressor
from sklearn_dcn.model_selection import progressive_validate


def make(n_days=5, n=120):
    """Return rows of some days in no order, with new users in each."""
    rng = np.random.default_rng(0)
    day = np.repeat(np.arange(n_days), n)
    user = day * 5 + rng.integers(0, 12, len(day))
    X = pd.DataFrame({"user": [f"u{k}" for k in user], "x": rng.normal(size=len(day))})
    y = (np.sin(user * 5.0) + X["x"].to_numpy() > 0).astype(int)
    order = rng.permutation(len(day))
    time = pd.Timestamp("2024-05-01") + pd.to_timedelta(day[order], unit="D")
    return X.iloc[order].reset_index(drop=True), y[order], pd.Series(time)


def test_it_is_the_loop_by_hand():
    X, y, time = make()
    model = DCNClassifier(**BRIEF, new_levels="learn", early_stopping=False)
    found = progressive_validate(model, X, y, time=time, n_epochs=2)
    assert [str(day) for day in found.index] == [f"2024-05-0{k}" for k in range(2, 6)]
    day = time.dt.day.to_numpy()
    one = clone(model).fit(X[day == 1].reset_index(drop=True), y[day == 1])
    known = set(X["user"][day == 1])
    for k, (_, row) in enumerate(found.iterrows(), 2):
        rows, target = X[day == k].reset_index(drop=True), y[day == k]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            p = one.predict_proba(rows)
        assert row["log_loss"] == pytest.approx(log_loss(target, p))
        assert row["roc_auc"] == pytest.approx(roc_auc_score(target, p[:, 1]))
        assert row["calibration"] == pytest.approx(p[:, 1].mean() / target.mean())
        users = set(rows["user"])
        assert row["new_ids"] == len(users - known) > 0
        assert row["unknown"] == pytest.approx((~rows["user"].isin(known)).mean())
        assert row["rows"] == len(rows) and row["seconds"] > 0
        known |= users
        one.partial_fit(rows, target).partial_fit(rows, target)


def test_the_first_fit_alone_tells_of_an_order():
    class Tells(SGDClassifier):
        def fit(self, X, y, **options):
            warnings.warn("Rows look as if they were in an order.", stacklevel=2)
            return super().fit(X, y, **options)

    X, y, time = make()
    with pytest.warns(UserWarning, match="Rows look as if") as told:
        model = Tells(loss="log_loss", random_state=0)
        progressive_validate(model, X[["x"]], y, time=time, refit_every=1)
    assert len(told) == 1


def test_fits_anew():
    """Every other day, of all rows until then or of the last days alone."""
    X, y, time = make()
    day = time.dt.day.to_numpy()
    for most, start in ((None, 1), (1, 3)):
        found = progressive_validate(
            SGDClassifier(loss="log_loss", random_state=0),
            X[["x"]],
            y,
            time=time,
            refit_every=2,
            max_train_periods=most,
        )
        assert "new_ids" not in found
        at = (day >= start) & (day <= 3)
        last = SGDClassifier(loss="log_loss", random_state=0).fit(X[["x"]][at], y[at])
        p = last.predict_proba(X[["x"]][day == 5])
        assert found["log_loss"].iloc[-1] == pytest.approx(log_loss(y[day == 5], p))


def test_regressors_and_weights():
    X, y, time = make()
    target = 2.0 * y + 1
    weight = np.random.default_rng(0).integers(1, 3, len(y))
    found = progressive_validate(
        DCNRegressor(**BRIEF), X, target, time=time, sample_weight=weight, n_initial=3
    )
    assert list(found) == [
        *("rows", "new_ids", "unknown", "rmse", "r2", "calibration", "seconds")
    ]
    assert len(found) == 2 and found["rmse"].between(0, 2).all()


def test_a_day_of_one_class():
    X, y, time = make()
    y = np.where(time.dt.day == 4, 0, y)
    model = DCNClassifier(**BRIEF, early_stopping=False)
    found = progressive_validate(model, X, y, time=time)
    row = found.iloc[2]
    assert np.isnan(row["roc_auc"]) and np.isnan(row["calibration"])
    assert np.isfinite(row["log_loss"])


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n_initial": 5}, ValueError, "leaves no period to predict"),
        ({"n_epochs": 0}, ValueError, "n_epochs"),
        ({"refit_every": 0}, ValueError, "refit_every"),
        ({"time": "when"}, ValueError, "must be a column"),
        ({"estimator": LinearRegression()}, TypeError, "no partial_fit. Give refit"),
    ],
)
def test_errors(options, error, message):
    X, y, time = make()
    given = {"estimator": DCNClassifier(**BRIEF), "X": X, "y": y, "time": time}
    with pytest.raises(error, match=message):
        progressive_validate(**given | options)
