"""category-encoders: its encoders as a step in front of the estimators."""

import warnings

import numpy as np
import pytest
from conftest import make_mixed
from sklearn.pipeline import make_pipeline

from sklearn_dcn import DCNClassifier

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its imports, on new releases of pandas
    import category_encoders as ce


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
