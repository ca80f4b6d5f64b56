"""Every encoder of category-encoders, as a step and as the parameter; wrong ones."""

import warnings

import numpy as np
import polars as pl
import pytest
from helpers.tables import make_mixed
from numpy.testing import assert_array_equal
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
    TargetEncoder,
)

from sklearn_dcn import DCNClassifier, DCNRegressor
from sklearn_dcn._table.target_statistics.foreign_encoders import learns_from_target

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its imports, on new releases of pandas
    import category_encoders as ce
    from category_encoders.wrapper import PolynomialWrapper


# As a step of a pipeline --------------------------------------------------------------


# Until category-encoders drops pandas' deprecated options (seen with 2.11.2), most of
# its encoders warn under pandas 3.
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize(
    "encoder",
    [
        ce.OrdinalEncoder(),
        ce.TargetEncoder(),
        ce.CatBoostEncoder(),
        ce.LeaveOneOutEncoder(),
        ce.CountEncoder(),
        ce.JamesSteinEncoder(),
        ce.BinaryEncoder(),
        ce.HashingEncoder(n_components=8, max_process=1),
    ],
    ids=lambda encoder: type(encoder).__name__,
)
def test_encoder_as_a_step(encoder):
    """Its output, ids or statistics, is a table that the classifier takes."""
    X, y = make_mixed(600)
    X = X.astype({"device": object, "is_new": int})
    X["city"] = X["city"].fillna("none")
    ids = None
    if isinstance(encoder, ce.OrdinalEncoder):
        ids = ["city", "device"]
    encoder.set_params(cols=["city", "device"])
    model = make_pipeline(
        encoder, DCNClassifier(categorical_features=ids, random_state=0, max_epochs=30)
    ).fit(X, y)
    unseen = X.head(3).assign(city="Lima")
    assert np.isfinite(model.predict_proba(unseen)).all()
    assert model.score(X, y) > max(y.mean(), 1 - y.mean()) + 0.05


# As the parameter, every encoder ------------------------------------------------------


# Encoder: number of columns that it makes of city, device and is_new.
ENCODERS = {
    "Ordinal": (ce.OrdinalEncoder(), 0),
    "Target": (ce.TargetEncoder(), 3),
    "CatBoost": (ce.CatBoostEncoder(), 3),
    "LeaveOneOut": (ce.LeaveOneOutEncoder(), 3),
    "JamesStein": (ce.JamesSteinEncoder(), 3),
    "MEstimate": (ce.MEstimateEncoder(), 3),
    "WOE": (ce.WOEEncoder(), 3),
    "Quantile": (ce.QuantileEncoder(), 3),
    "Summary": (ce.SummaryEncoder(quantiles=(0.25, 0.75)), 6),
    "Count": (ce.CountEncoder(), 3),
    "Binary": (ce.BinaryEncoder(), 7),
    "BaseN": (ce.BaseNEncoder(base=3), 4),
    "Gray": (ce.GrayEncoder(), 7),
    "OneHot": (ce.OneHotEncoder(), 9),
    "RankHot": (ce.RankHotEncoder(), 9),
    "Helmert": (ce.HelmertEncoder(), 6),
    "Sum": (ce.SumEncoder(), 6),
    "Polynomial": (ce.PolynomialEncoder(), 6),
    "BackwardDifference": (ce.BackwardDifferenceEncoder(), 6),
    "Hashing": (ce.HashingEncoder(n_components=4, max_process=1), 4),
    "arrays": (ce.TargetEncoder(return_df=False), 3),
    "some columns": (ce.CatBoostEncoder(cols=["city"]), 1),
    "sklearn Target": (TargetEncoder(), 3),
    "sklearn OneHot": (OneHotEncoder(handle_unknown="ignore"), 9),
    "sklearn Ordinal": (
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-5),
        0,
    ),
    "pipeline": (make_pipeline(ce.TargetEncoder(), StandardScaler()), 3),
}


@pytest.mark.parametrize("name", ENCODERS)
def test_every_encoder(name, tiny):
    """It makes its columns, for any table and any level, and is not fitted itself."""
    encoder, n_columns = ENCODERS[name]
    X, y = make_mixed()
    X["device"] = X["device"].astype(object)
    model = DCNClassifier(category_encoder=encoder, **tiny).fit(X, y)
    assert not hasattr(encoder, "n_features_in_")
    assert model.encoder_.cardinalities == [6, 4, 4]  # the embeddings stay
    assert model.encoder_.n_num == 2 + n_columns + 1
    assert len(model.encoder_.field_names) == len(model.module_.embedding.field_slices)
    new = X.head(4).assign(city=["Lima", None, "Oslo", "Bern"], device=[*"abc", 0])
    p = model.predict_proba(new)
    assert np.isfinite(p).all()
    assert_array_equal(model.predict_proba(new.to_dict("records")), p)
    frame = pl.from_pandas(X)
    other = DCNClassifier(category_encoder=encoder, **tiny).fit(frame, y)
    assert_array_equal(other.predict_proba(frame), model.predict_proba(X))


def test_all_encoders_of_the_library_are_known():
    """Which learn from the target is known, and none is left out above."""
    supervised = {
        "CatBoostEncoder",
        "CountTargetEncoder",
        "GLMMEncoder",
        "JamesSteinEncoder",
        "LeaveOneOutEncoder",
        "MEstimateEncoder",
        "QuantileEncoder",
        "SummaryEncoder",
        "TargetEncoder",
        "WOEEncoder",
    }
    for name in ce.__all__:
        if name != "GLMMEncoder":  # needs statsmodels
            encoder = getattr(ce, name)()
            assert learns_from_target(encoder) == (name in supervised), name
    assert learns_from_target(PolynomialWrapper(ce.TargetEncoder()))
    assert learns_from_target(make_pipeline(TargetEncoder(), StandardScaler()))
    assert not learns_from_target(make_pipeline(OneHotEncoder(), StandardScaler()))


# Wrong ones ---------------------------------------------------------------------------


WRONG = {
    "words": (FunctionTransformer(), "must give numbers.*'city', cells such as '"),
    "infinity": (
        FunctionTransformer(lambda X: np.full(X.shape, np.inf)),
        r"must give numbers.*'0', infinity \(first in row 0\)",
    ),
    "1-D": (
        FunctionTransformer(lambda X: np.zeros(len(X))),
        "failed in transform: IndexError|must give a table of 300 rows",
    ),
    "rows": (FunctionTransformer(lambda X: np.zeros((2, 3))), "a table of 300 rows"),
    "nothing": (
        FunctionTransformer(lambda X: np.zeros((len(X), 0))),
        "gives no column",
    ),
    "failing": (
        ce.TargetEncoder(cols=["zip"]),
        "failed in fit: ValueError: X does not contain the columns",
    ),
    "other columns": (
        PolynomialWrapper(ce.TargetEncoder()),
        "must give the same columns for all rows",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_encoder(case, mixed, tiny):
    encoder, message = WRONG[case]
    X, y = mixed
    model = DCNClassifier(category_encoder=encoder, **tiny)
    with pytest.raises(ValueError, match=rf"(?s)^category_encoder=.*{message}"):
        model.fit(X, y)
    assert not hasattr(model, "encoder_")


def test_wrong_tables_and_values(mixed, tiny):
    X, y = mixed
    model = DCNClassifier(category_encoder=ce.TargetEncoder(), **tiny)
    with pytest.raises(ValueError, match=r"^category_encoder=.* needs a column of cat"):
        model.fit(X[["price", "visits"]], y)
    with pytest.raises(
        ValueError, match=r"^category_encoder must be None for a sparse"
    ):
        model.fit(OneHotEncoder().fit_transform(X[["device"]]), y)
    regressor = DCNRegressor(category_encoder=ce.TargetEncoder(), **tiny)
    with pytest.raises(ValueError, match=r"at least 2 training rows.*; got 1"):
        regressor.fit(X.head(1), y[:1])
    for wrong in ("target", ce.TargetEncoder, object(), StandardScaler):
        with pytest.raises(TypeError, match=r"^category_encoder must be None or a"):
            model.set_params(category_encoder=wrong).fit(X, y)


def test_unknown_levels_that_the_encoder_refuses(mixed, tiny):
    X, y = mixed
    encoder = ce.OrdinalEncoder(handle_unknown="error")
    model = DCNClassifier(category_encoder=encoder, **tiny).fit(X, y)
    with pytest.raises(ValueError, match=r"^category_encoder=.* failed in transform"):
        model.predict(X.head(2).assign(city="Lima"))
    assert np.isfinite(model.predict_proba(X)).all()
