"""An argument of another library is refused, with what to use in its place."""

import inspect

import pytest
import sklearn
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_dcn import DCNClassifier, DCNMultiTask, DCNRanker, DCNRegressor

IN_FIT = {
    "eval_set": r"Give the validation rows to fit\(X, y, X_val=..., y_val=...\)",
    "validation_data": r"Give the validation rows to fit\(X, y, X_val=..., y_val=...\)",
    "eval_metric": r"Use DCNClassifier\(scoring=...\)",
    "early_stopping_rounds": r"Use DCNClassifier\(n_iter_no_change=...\)",
    "epochs": r"Use DCNClassifier\(max_epochs=...\)",
    "batch_size": r"Use DCNClassifier\(batch_size=...\)",
    "cat_features": r"Use DCNClassifier\(categorical_features=...\)",
    "categorical_feature": r"Use DCNClassifier\(categorical_features=...\)",
    "callbacks": r"Use DCNClassifier\(callbacks=...\)",
    "verbose": r"Use DCNClassifier\(verbose=...\)",
    "sample_weights": "Use sample_weight",
    "what": "It takes X, y, sample_weight, X_val, y_val, sample_weight_val",
}


@pytest.mark.parametrize("name", IN_FIT)
def test_fit_names_what_to_use(name):
    """And the public class."""
    match = rf"DCNClassifier\.fit\(\) has no argument '{name}'\. {IN_FIT[name]}\."
    with pytest.raises(TypeError, match=match):
        DCNClassifier().fit([[1.0]], [1], **{name: 1})
    pipe = make_pipeline(StandardScaler(), DCNClassifier())
    with pytest.raises(TypeError, match=match):
        pipe.fit([[1.0]], [1], **{f"dcnclassifier__{name}": 1})


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("n_estimators", "max_epochs"),
        ("lr", "learning_rate"),
        ("epochs", "max_epochs"),
        ("n_member", "n_members"),
    ],
)
def test_constructor_names_what_to_use(name, ours):
    """Names of others, and misspelt ones; `set_params` speaks for scikit-learn."""
    for cls in (DCNClassifier, DCNRegressor):
        with pytest.raises(TypeError, match=rf"{cls.__name__}\(\) .* Use {ours}\."):
            cls(**{name: 1})
        with pytest.raises(ValueError, match=f"Invalid parameter '{name}'"):
            cls().set_params(**{name: 1})
        with pytest.raises(TypeError, match=rf"{cls.__name__}\.partial_fit\(\) has"):
            cls().partial_fit([[1.0]], [1], **{name: 1})


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("objective", "loss"),
        ("tweedie_variance_power", "power"),
        ("huber_slope", "huber_delta"),
        ("quantile_alpha", "quantiles"),
        ("alpha", "weight_decay, or for its loss quantiles or huber_delta"),
        ("base_margin", "offset"),
    ],
)
def test_losses_of_others(name, ours):
    with pytest.raises(TypeError, match=rf"DCNRegressor\(\) .* Use {ours}\."):
        DCNRegressor(**{name: 1})


def test_offsets_of_others():
    """Are arguments of fit; here a column of X."""
    match = r"fit\(\) has no argument 'init_score'\. Use DCNRegressor\(offset=\.\.\.\)"
    with pytest.raises(TypeError, match=match):
        DCNRegressor().fit([[1.0]], [1], init_score=[0.0])


def test_every_name_leads_to_something_here():
    """No remedy names what is not there."""
    from sklearn_dcn._estimator.rivals import CALLED

    here = {*inspect.signature(DCNClassifier.fit).parameters}
    here |= {*inspect.signature(DCNRanker.fit).parameters}
    for cls in (DCNClassifier, DCNMultiTask, DCNRanker, DCNRegressor):
        here |= {*inspect.signature(cls).parameters}
    assert CALLED.keys() <= here
    assert not here & {name for names in CALLED.values() for name in names}


def test_signatures_stay():
    """Of tools that read them: help, clones, metadata routing."""
    names = [*inspect.signature(DCNClassifier.fit).parameters]
    assert names[:4] == ["self", "X", "y", "sample_weight"]
    assert not any(
        p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
        for method in (DCNClassifier.fit, DCNClassifier, DCNRegressor.partial_fit)
        for p in inspect.signature(method).parameters.values()
    )
    assert clone(DCNClassifier(max_epochs=3)).max_epochs == 3
    with sklearn.config_context(enable_metadata_routing=True):
        model = DCNClassifier().set_fit_request(sample_weight=True, X_val=True)
        requests = model.get_metadata_routing().fit.requests
    assert requests["sample_weight"] is requests["X_val"] is True
