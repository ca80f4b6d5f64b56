"""Statistics of levels, by encoders of others: cross-fitted, seeded, in any model."""

import contextlib
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from helpers.memorising import supervise
from helpers.tables import make_mixed
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import TargetEncoder

from sklearn_dcn import DCNClassifier, DCNRegressor
from sklearn_dcn._roles import RandomRoles
from sklearn_dcn._table.encoder import TableEncoder
from sklearn_dcn._table.target_statistics.supervision import Supervision

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its imports, on new releases of pandas
    import category_encoders as ce
N_FOLDS = 5


@contextlib.contextmanager
def quiet():
    """Hide what category-encoders 2.11.2 warns of its own code under pandas 3."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", FutureWarning)
        yield


# Fitted without leaking the target ----------------------------------------------------


def make_ids(n=1000, n_levels=400, seed=0):
    """Return a frame of one id of many levels, cells as category-encoders takes them.

    With a target that has nothing to do with it.
    """
    rng = np.random.default_rng(seed)
    ids = [f"id{i}" for i in rng.integers(0, n_levels, n)]
    frame = pd.DataFrame({"id": ids}, dtype=object)
    frame.loc[rng.random(n) < 0.05, "id"] = np.nan
    return frame, rng.integers(0, 2, n)


def encode(encoder, frame, y, *, strata=None, seed=7):
    """Return a fitted TableEncoder and the numbers that it makes of the table."""
    table = TableEncoder(category_encoder=encoder, numeric_transform=None)
    targets = y if isinstance(y, dict) else {"": y}
    roles = RandomRoles(len(frame), strata)
    supervision = Supervision(targets, strata is not None, seed, roles)
    encoded = table.fit_transform(
        frame, list(frame.columns), np.ones(len(frame)), supervision=supervision
    )
    return table, encoded["x_num"]


SUPERVISED = [
    ce.TargetEncoder(smoothing=1, min_samples_leaf=1),
    ce.CatBoostEncoder(),
    ce.LeaveOneOutEncoder(),
    ce.JamesSteinEncoder(),
    ce.MEstimateEncoder(),
    ce.WOEEncoder(),
    TargetEncoder(),
]
supervised = pytest.mark.parametrize(
    "encoder", SUPERVISED, ids=lambda e: f"{type(e).__module__.split('.')[0]}-{e}"
)


@supervised
def test_noise_stays_noise(encoder):
    """Statistics of an id that says nothing are not correlated with the target."""
    frame, y = make_ids()
    _, x = encode(encoder, frame, y, strata=y)
    with quiet():
        naive = np.asarray(clone(encoder).fit(frame, y).transform(frame), dtype=float)
    assert np.corrcoef(naive[:, 0], y)[0, 1] > 0.5
    assert abs(np.corrcoef(x[:, 0], y)[0, 1]) < 0.1


def loop_over_folds(encoder, frame, y, strata, seed):
    """Return the cross-fitted column: written out, in its own words."""
    folds = RandomRoles(len(frame), strata).folds(N_FOLDS, seed)
    x = np.full(len(frame), np.nan)
    for k in range(N_FOLDS):
        fold, rest = np.flatnonzero(folds == k), np.flatnonzero(folds != k)
        part = clone(encoder).fit(frame.iloc[rest].reset_index(drop=True), y[rest])
        x[fold] = np.asarray(part.transform(frame.iloc[fold]))[:, 0]
    return x


@supervised
@pytest.mark.parametrize("stratified", [True, False])
def test_cross_fitting_is_a_loop_over_folds(encoder, stratified):
    """Training rows as by hand; others as by the plain encoder of all training rows."""
    frame, y = make_ids(300, 60)
    strata = y if stratified else None
    table, x = encode(encoder, frame, y, strata=strata)
    new = pd.DataFrame({"id": ["id0", np.nan, "id1", "nobody"]}, dtype=object)
    with quiet():
        expected = loop_over_folds(encoder, frame, y, strata, seed=7)
        plain = clone(encoder).fit(frame, y)
        at_new = np.asarray(plain.transform(new), dtype=float)[:, 0]
    assert_allclose(x[:, 0], expected, rtol=1e-12)
    assert_allclose(table.transform(new)["x_num"][:, 0], at_new, rtol=1e-12)
    assert table.field_names == ["id", f"{type(encoder).__name__}(id)"]


def test_unsupervised_encoders_are_fitted_once():
    frame, y = make_ids(300, 60)
    table, x = encode(ce.CountEncoder(), frame, y)
    ids = frame["id"].fillna("missing")
    assert_array_equal(x[:, 0], ids.map(ids.value_counts()))
    assert_array_equal(table.transform(frame)["x_num"], x)


class Recorder(TransformerMixin, BaseEstimator):
    """Target means of an id that each row has alone; records who saw what."""

    log: list = []  # noqa: RUF012

    def __init__(self, shift=0.0, random_state=None):
        self.shift = shift
        self.random_state = random_state

    def fit(self, X, y, sample_weight=None):  # noqa: D102
        assert {str(dtype) for dtype in X.dtypes} == {"object"}
        self.seen_ = dict(zip(X["id"], y, strict=True))
        self.weight_ = sample_weight
        self.log.append(("fit", list(X["id"]), np.array(y), sample_weight, self))
        return self

    def transform(self, X):  # noqa: D102
        self.log.append(("transform", list(X["id"]), None, None, self))
        return np.array([[self.seen_.get(i, -9.0) + self.shift] for i in X["id"]])

    def get_feature_names_out(self):  # noqa: D102
        return ["mean"]


@pytest.fixture
def log():
    """Return what every Recorder did, in order, from now on."""
    Recorder.log.clear()
    yield Recorder.log
    Recorder.log.clear()


def fits(log):
    return [entry for entry in log if entry[0] == "fit"]


def make_rows(n=60, seed=0):
    """Return a frame with an id for each row, and a target."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({"z": rng.normal(size=n), "id": [f"r{i}" for i in range(n)]})
    return X, rng.permutation(n) % 2


@pytest.mark.parametrize("early_stopping", [True, False])
@pytest.mark.parametrize("task", ["binary", "multiclass", "regression", "two outputs"])
def test_who_sees_which_target(task, early_stopping, log, tiny):
    """The estimators give encoders the targets of other training rows, and no more.

    Those of all rows are for predictions; rows that validate a network are described by
    those that train it.
    """
    X, y = make_rows()
    labels = y
    Estimator = DCNClassifier
    if task == "multiclass":
        labels = np.array(["cat", "dog", "eel"])[np.arange(60) % 3]
        suffixes = [f" of {label!r}" for label in ("cat", "dog", "eel")]
        truth = [(labels == label).astype(float) for label in ("cat", "dog", "eel")]
    elif task == "binary":
        labels = np.where(y == 1, "yes", "no")
        suffixes, truth = [""], [y.astype(float)]
    else:
        Estimator = DCNRegressor
        labels = np.random.default_rng(1).normal(5.0, 2.0, (60, 2))
        suffixes, truth = [" of output 0", " of output 1"], list(labels.T)
        if task == "regression":
            labels, suffixes, truth = labels[:, 0], [""], truth[:1]
    model = Estimator(
        category_encoder=Recorder(),
        early_stopping=early_stopping,
        validation_fraction=0.25,
        **tiny,
    ).fit(X, labels)
    names = [f"Recorder(mean){suffix}" for suffix in suffixes]
    assert model.encoder_.field_names == ["id", "z", *names]
    z = model.encoder_.transform(X)["x_num"][:, 0]
    assert_array_equal(np.argsort(z), np.argsort(X["z"]))
    n_targets = len(truth)
    entries = fits(log)
    assert len(entries) == (1 + N_FOLDS + early_stopping) * n_targets
    every = set(entries[0][1])
    assert len(every) == 60
    training = set(entries[-1][1]) if early_stopping else every
    n_train = len(training)
    assert n_train == (45 if early_stopping else 60)
    for k, (_, ids, seen, _, _) in enumerate(entries):
        rows = [int(i[1:]) for i in ids]
        wanted = truth[k % n_targets]
        if Estimator is DCNRegressor:  # standardised, as the network has it
            wanted = (wanted - wanted.mean()) / wanted.std()
        assert_allclose(seen, wanted[rows], atol=1e-12)
        if k >= n_targets:
            assert set(ids) <= training
            of_fold = k < n_targets * (1 + N_FOLDS)
            assert abs(len(ids) - n_train * (0.8 if of_fold else 1)) <= 3
    # Every row is encoded in turn by encoders that did not see it.
    blind = [
        i
        for what, ids, _, _, encoder in log
        if what == "transform"
        for i in ids
        if i not in encoder.seen_
    ]
    assert sorted(blind) == sorted([*every] * n_targets)
    for scaler in model.encoder_.statistics.scalers.values():
        assert scaler.seen.low == scaler.seen.high == -9.0  # what no row knew
        assert scaler.seen.n == 60


def test_weights_reach_encoders_that_take_them(log, tiny):
    X, y = make_rows()
    weight = np.arange(60.0)  # the first row is as if absent
    DCNClassifier(category_encoder=Recorder(), **tiny).fit(X, y, sample_weight=weight)
    for _, ids, _, given, _ in fits(log):
        assert_allclose(given, [float(i[1:]) / 30 for i in ids], rtol=1e-6)  # mean 1
    assert len(fits(log)[0][1]) == 59
    log.clear()
    DCNClassifier(category_encoder=Recorder(), **tiny).fit(X, y)
    assert all(given is None for _, _, _, given, _ in fits(log))
    DCNClassifier(category_encoder=ce.TargetEncoder(), **tiny).fit(X, y, weight)


# Ids ----------------------------------------------------------------------------------


def test_ordinal_codes_are_ids():
    """Ids are those that the estimators find themselves; codes are their levels."""
    X, _ = make_mixed()
    X = X[["city", "device"]]
    coded, _ = encode_ids(ce.OrdinalEncoder(), X)
    own, _ = encode_ids(None, X)
    new = pd.concat([X, X.head(2).assign(city=["Lima", None])])
    assert_array_equal(coded.transform(new)["x_cat"], own.transform(new)["x_cat"])
    assert coded.categories[0].n_ids == own.categories[0].n_ids == 6
    assert_array_equal(coded.categories[0].counts, own.categories[0].counts)
    with quiet():
        codes = ce.OrdinalEncoder().fit_transform(X)
    known = codes["city"][X["city"].notna()]
    assert coded.categories[0].levels == list(known.value_counts().index)
    assert "x_num" not in coded.transform(X)
    one = coded.transform(X.tail(1).assign(city=None, device="unseen"))["x_cat"]
    assert_array_equal(one, [[1, 0]])


def encode_ids(encoder, X):
    """Return a fitted TableEncoder of categories, and what it makes of the table."""
    table = TableEncoder(category_encoder=encoder)
    supervision = supervise(np.zeros(len(X)), "number")
    encoded = table.fit_transform(
        X, list(X.columns), np.ones(len(X)), supervision=supervision
    )
    return table, encoded


def test_ordinal_mapping_and_columns():
    """Levels without a code are unknown, also in fit; other columns are not touched."""
    X = pd.DataFrame({"a": list("xyzxyzx"), "b": list("ppqqppq"), "c": list("1212121")})
    mapping = [{"col": "a", "mapping": {"x": 10, "y": 20}}]
    encoder = ce.OrdinalEncoder(cols=["a"], mapping=mapping)
    table, encoded = encode_ids(encoder, X)
    assert table.categories[0].levels == [10, 20]
    assert_array_equal(encoded["x_cat"][:, 0], [2, 3, 0, 2, 3, 0, 2])
    assert table.categories[1].levels == ["p", "q"]
    assert_array_equal(table.transform(X)["x_cat"], encoded["x_cat"])
    assert mapping[0]["mapping"] is not None
    with pytest.raises(TypeError, match=r"^Column 'a' .* held string .* now number"):
        table.transform(X.assign(a=1))


def test_ordinal_with_the_other_parameters(mixed, tiny):
    X, y = mixed
    model = DCNClassifier(
        category_encoder=ce.OrdinalEncoder(),
        max_categories=3,
        hashing={"device": 5},
        embedding_dim={"city": 3},
        **tiny,
    ).fit(X, y)
    assert model.encoder_.cardinalities == [4, 7, 4]
    assert model.module_.embedding.embedding_dims[0] == 3


# As any parameter ---------------------------------------------------------------------


def test_search_over_encoders_and_their_parameters(mixed, tiny):
    X, y = mixed
    model = DCNClassifier(category_encoder=ce.TargetEncoder(), **tiny)
    grid = [
        {"category_encoder__smoothing": [1, 100]},
        {"category_encoder": [None, ce.CountEncoder(), ce.OrdinalEncoder()]},
    ]
    search = GridSearchCV(model, grid, cv=2, error_score="raise").fit(X, y)
    assert len(set(search.cv_results_["mean_test_score"])) > 1
    assert model.get_params()["category_encoder__smoothing"] == 10
    a, b = (
        clone(model).set_params(category_encoder__smoothing=s).fit(X, y)
        for s in (1, 100)
    )
    spread = [
        np.ptp([*m.encoder_.statistics.fitted[""].mapping["city"]]) for m in (a, b)
    ]
    assert spread[0] > spread[1]


def test_clone_and_pickle(mixed, tiny):
    X, y = mixed
    model = DCNClassifier(category_encoder=ce.TargetEncoder(smoothing=3), **tiny)
    model.fit(X, y)
    other = pickle.loads(pickle.dumps(model))
    assert_array_equal(other.predict_proba(X), model.predict_proba(X))
    again = clone(other)
    assert again.category_encoder.smoothing == 3
    assert again.category_encoder is not other.category_encoder
    assert_array_equal(again.fit(X, y).predict_proba(X), model.predict_proba(X))
    other.warm_start = True  # goes on, also after a pickle
    other.fit(X, y)


@pytest.mark.parametrize("way", ["warm_start", "partial_fit"])
def test_later_calls_use_the_first_encoder(way, log, mixed, tiny):
    X, y = make_rows()
    model = DCNClassifier(category_encoder=Recorder(), warm_start=True, **tiny)
    call = model.fit if way == "warm_start" else model.partial_fit
    call(X, y)
    n, field_names = len(fits(log)), model.encoder_.field_names
    call(X, 1 - y)
    assert len(fits(log)) == n == N_FOLDS + 1
    assert model.encoder_.field_names == field_names
    model.set_params(category_encoder__shift=1.0)
    with pytest.raises(ValueError, match=r"^warm_start .* category_encoder must stay"):
        call(X, y)
    model.set_params(category_encoder=None)
    with pytest.raises(ValueError, match=r"^warm_start .* category_encoder must stay"):
        call(X, y)
    model.set_params(category_encoder=Recorder())
    call(X, y)


def test_same_seed_same_bits(log, mixed, tiny):
    """Folds and the encoders' own random states follow random_state."""
    X, y = make_rows()
    a, b, _ = (
        DCNClassifier(
            category_encoder=Recorder(), **{**tiny, "random_state": seed}
        ).fit(X, y)
        for seed in (0, 0, 1)
    )
    assert_array_equal(a.predict_proba(X), b.predict_proba(X))
    states = [entry[4].random_state for entry in fits(log)]
    states = [states[i : i + N_FOLDS + 1] for i in (0, N_FOLDS + 1, 2 * N_FOLDS + 2)]
    assert len(set(states[0])) == 1
    assert states[0] == states[1] != states[2]
    log.clear()
    DCNClassifier(category_encoder=Recorder(random_state=5), **tiny).fit(X, y)
    assert {entry[4].random_state for entry in fits(log)} == {5}
    assert a.category_encoder.random_state is None


def test_missing_statistics_are_missing_numbers(mixed, tiny):
    """NaN, which return_nan asks for, is imputed, with an indicator."""
    X, y = mixed
    encoder = ce.TargetEncoder(handle_missing="return_nan", handle_unknown="return_nan")
    model = DCNClassifier(category_encoder=encoder, **tiny).fit(X, y)
    assert model.encoder_.field_names[-2:] == [
        "price is missing",
        "TargetEncoder(city) is missing",
    ]
    assert np.isfinite(model.predict_proba(X.assign(city="Lima", device="x"))).all()


@pytest.mark.parametrize(
    "numeric_embedding", ["linear", "piecewise_linear", "periodic"]
)
def test_statistics_are_numbers_of_the_network(numeric_embedding, mixed, tiny):
    X, y = mixed
    model = DCNClassifier(
        category_encoder=ce.TargetEncoder(), numeric_embedding=numeric_embedding, **tiny
    ).fit(X, y)
    assert len(model.encoder_.field_names) == len(model.module_.embedding.field_slices)
    rows = model.encoder_.schema()
    assert [row.column for row in rows[-3:]] == model.encoder_.field_names[-4:-1]
    assert {row.kind for row in rows[-3:]} == {"statistic"}
    assert "3 statistics" in repr(model.encoder_)


def test_positions_for_names(mixed, tiny):
    """Without names, columns are called by their positions."""
    X, y = mixed
    encoder = ce.TargetEncoder(cols=["0"])
    model = DCNClassifier(
        category_encoder=encoder, categorical_features=[0, 1, 2], **tiny
    ).fit(X.to_numpy(dtype=object), y)
    assert model.encoder_.field_names[-2:] == ["TargetEncoder(0)", "3 is missing"]


def test_warnings_of_others_are_heard(mixed, tiny):
    X, y = mixed

    class Warns(ce.CountEncoder):
        def fit(self, X, y=None):
            warnings.warn("look", FutureWarning, stacklevel=1)
            return super().fit(X, y)

    with pytest.warns(FutureWarning, match="look"):
        DCNClassifier(category_encoder=Warns(), **tiny).fit(X, y)
