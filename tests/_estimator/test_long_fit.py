"""Fits of long tables: from files as in memory, from a scratch file about as well."""

import os
import warnings

import numpy as np
import pandas as pd
import pytest
from helpers.options import BRIEF
from helpers.streams import BLOCK, make_clicks, streamed, write  # noqa: F401
from numpy.testing import assert_array_equal
from sklearn.metrics import log_loss
from sklearn.preprocessing import TargetEncoder

from sklearn_dcn import DCNClassifier, DCNRegressor, scan
from sklearn_dcn._table import HELD_OUT
from sklearn_dcn._training import DCNNet, checkpoint

pytestmark = pytest.mark.usefixtures("streamed")

OPTIONS = BRIEF | {"max_epochs": 2, "dtype": "float32", "early_stopping": True}
KINDS = ("binary", "three", "number", "outputs")


def answers(model, X):
    """Return probabilities or predictions."""
    return getattr(model, "predict_proba", model.predict)(X)


def make(kind, **options):
    """Return an estimator, a table, and the columns of its target."""
    X, click = make_clicks()
    Estimator = DCNRegressor if kind in ("number", "outputs") else DCNClassifier
    names, y = "y", {"y": click}
    if kind == "three":
        y = {"y": np.array(["low", "mid", "high"])[X["age"] // 20]}
    if kind == "number":
        y = {"y": click + X["price"] / 8}
    if kind == "outputs":
        names, y = ["y", "z"], {"y": click + 0.5, "z": X["price"]}
    return Estimator(**OPTIONS | options), X, names, y


def fits(kind, folder, weight=None, **options):
    """Return a fit in memory, one of files, and the table."""
    model, X, names, y = make(kind, **options)
    target = pd.DataFrame(y)[names]
    columns = y if weight is None else {**y, "weight": weight}
    memory = make(kind, **options)[0].fit(X, target, weight)
    where = write(folder, X, files=3, **columns)
    name = None if weight is None else "weight"
    return memory, model.fit(scan(where, names, name)), X


def assert_same(one, other, X):
    """Check that two fits have the same encoding and weights, to the bit."""
    assert_array_equal(answers(one, X), answers(other, X))
    for name, tensor in one.module_.state_dict().items():
        assert_array_equal(tensor, other.module_.state_dict()[name], name)
    assert one.history_[-1].get("valid_loss") == other.history_[-1].get("valid_loss")
    for a, b in zip(
        one.encoder_.categories.values(),
        other.encoder_.categories.values(),
        strict=True,
    ):
        assert list(a.vocabulary) == list(b.vocabulary)
        assert_array_equal(a.counts, b.counts)


@pytest.mark.parametrize("kind", KINDS)
def test_files_give_the_fit_of_memory(kind, tmp_path):
    memory, files, X = fits(kind, tmp_path)
    assert_same(memory, files, X)


@pytest.mark.parametrize(
    "options",
    [
        {"n_members": 3},
        {"class_weight": "balanced"},
        {"class_weight": {0: 1.0, 1: 4.0}},
        {"negative_sampling": 0.5},
        {"hashing": {"user": 16}},
        {"min_frequency": 20, "max_categories": 12},
        {"min_frequency": 0.05, "scoring": "loss"},
        {"memorized_crosses": 3},
        {"memorized_crosses": [("kind", "few")], "numeric_levels": 8},
        {"memorized_crosses": None, "numeric_transform": "robust"},
        {"early_stopping": False, "calibrate": False},
        {"categorical_features": ["kind", "user", "few", "age"]},
        {"optimizer": "lazy_adamw", "category_dropout": 0.1},
        {"validation": "random", "numeric_embedding": "piecewise_linear"},
        {"validation": "last", "memorized_crosses": 2},
    ],
    ids=lambda options: "-".join(options),
)
def test_every_option_goes(options, tmp_path):
    memory, files, X = fits("binary", tmp_path, **options)
    assert_same(memory, files, X)


@pytest.mark.parametrize("kind", ["binary", "number"])
def test_weights(kind, tmp_path):
    """Rows of weight 0 are as if absent."""
    weight = np.random.default_rng(0).integers(0, 4, 2000).astype(float)
    memory, files, X = fits(kind, tmp_path, weight)
    np.testing.assert_allclose(answers(memory, X), answers(files, X), rtol=1e-5)


def test_any_cut_into_files_gives_the_same_fit(tmp_path):
    _, X, _, y = make("binary")
    found = []
    for rows, n_files in ((2000, 1), (100, 1), (333, 4)):
        folder = tmp_path / f"{rows}-{n_files}"
        folder.mkdir()
        where = write(folder, X, rows, n_files, **y)
        found.append(make("binary")[0].fit(where, "y"))
    assert_same(found[0], found[1], X)
    assert_same(found[0], found[2], X)


def test_the_encoding_is_that_of_all_rows(tmp_path):
    """Levels, gaps and extremes are of all rows, also those that no sample has."""
    X, y = make_clicks()
    X.loc[777, ["price", "user"]] = [1e6, "once"]
    X.loc[5, "age"] = -40
    model = DCNClassifier(**OPTIONS, min_frequency=1).fit(X, y)
    users = model.encoder_.categories[5]
    counts = X["user"].value_counts()
    assert len(users.vocabulary) == len(counts)
    assert dict(zip(users.vocabulary, users.counts[2:], strict=True)) == dict(counts)
    kinds = model.encoder_.categories[4]
    assert kinds.counts[1] == X["kind"].isna().sum()
    seen = model.encoder_.numbers[0].seen
    assert (seen.n, seen.high) == (2000, 1e6)
    assert model.encoder_.numbers[3].seen.low == -40
    share = X["gap"].isna().mean()
    assert model.encoder_.numbers[1].missing_share == pytest.approx(share)


# A buffer that has not all rows -------------------------------------------------------


@pytest.mark.parametrize("cache", ["auto", None])
@pytest.mark.parametrize("order", ["as drawn", "by label", "by day"])
def test_a_small_buffer_learns_about_as_well(order, cache, tmp_path):
    X, y = make_clicks(4000)
    X_test, y_test = make_clicks(3000, seed=1)
    if order != "as drawn":
        by = y if order == "by label" else X["day"].to_numpy()
        at = np.argsort(by, kind="stable")
        X, y = X.iloc[at].reset_index(drop=True), y[at]
    options = OPTIONS | {"max_epochs": 6, "validation": "random", "batch_size": 64}
    memory = DCNClassifier(**options).fit(X, y)
    where = write(tmp_path, X, y=y)
    buffer_rows = 1024 if cache else 2048
    rows = scan(where, "y", cache=cache, buffer_rows=buffer_rows)
    if order == "by label" and cache is None:
        pytest.skip("rows that are never written are shuffled in their buffer alone")
    buffered = DCNClassifier(**options).fit(rows)
    losses = [log_loss(y_test, m.predict_proba(X_test)) for m in (memory, buffered)]
    constant = log_loss(y_test, np.full(len(y_test), y.mean()))
    assert losses[1] < 0.9 * constant
    assert losses[1] < losses[0] + 0.02


def test_epochs_within_a_pass(tmp_path):
    X, y = make_clicks(4000)
    where = write(tmp_path, X, y=y)
    options = OPTIONS | {"batch_size": 100, "max_epochs": 5, "n_iter_no_change": 9}
    rows = scan(where, "y", buffer_rows=1024, epoch_rows=500)
    model = DCNClassifier(**options).fit(rows)
    assert [epoch["train_batch_count"] for epoch in model.history_] == [5] * 5
    assert all("valid_loss" in epoch for epoch in model.history_)


def test_the_scratch_is_removed(tmp_path):
    X, y = make_clicks()
    folder = tmp_path / "rows"
    folder.mkdir()
    where = write(folder, X, y=y)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    rows = scan(where, "y", buffer_rows=1024, cache=scratch)

    class Watched(DCNClassifier):
        def _train(self, *args, **kwargs):
            seen.extend(os.listdir(scratch))
            if fails:
                raise RuntimeError("in the epochs")
            super()._train(*args, **kwargs)

    seen, fails = [], False
    model = Watched(**OPTIONS).fit(rows)
    assert len(seen) == 1 and os.listdir(scratch) == []
    fails, before = True, vars(model).copy()
    with pytest.raises(RuntimeError, match="in the epochs"):
        model.fit(rows)
    assert os.listdir(scratch) == []
    assert vars(model) == before


@pytest.mark.parametrize("tags", [False, True], ids=["user", "tags"])
def test_buckets_are_counted_not_levels(tags, tmp_path):
    """Of hashed ids there is no end."""
    hashing = {"tags" if tags else "user": 8}
    model, X, _, y = make("binary", hashing=hashing)
    model.fit(X, y["y"])
    column = model.encoder_.categories[5]
    if tags:
        column = next(iter(model.encoder_.lists.values())).levels
        cells = X["tags"].explode().dropna().tolist()
    else:
        cells = X["user"].tolist()
    expected = np.bincount(column.find(cells), minlength=column.n_ids)
    assert_array_equal(column.counts, expected)


def test_a_long_scan_validates_a_frame(tmp_path):
    model, X, _, y = make("binary")
    X_val, y_val = make_clicks(600, seed=5)
    given = write(tmp_path, X_val, y=y_val)
    short, answer = X.iloc[:250], y["y"][:250]
    by_scan = model.fit(short, answer, X_val=scan(given, "y"))
    by_frame = make("binary")[0].fit(short, answer, X_val=X_val, y_val=y_val)
    losses = [m.history_[-1]["valid_loss"] for m in (by_scan, by_frame)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


@pytest.mark.parametrize("way", ["random", "last"])
def test_the_rows_that_validate_are_bounded(way, tmp_path, monkeypatch):
    monkeypatch.setattr("sklearn_dcn._estimator.long_tables.MAX_HELD_OUT", 40)
    model, X, _, y = make("binary", validation=way)
    where = write(tmp_path, X, y=y["y"])
    seen = []
    monkeypatch.setattr(
        type(model), "_hold_long", lambda self, held, levels: seen.extend(held)
    )
    model.fit(scan(where, "y", buffer_rows=1024))
    assert 20 <= sum(map(len, seen)) <= 65


def test_validation_rows_of_a_scan(tmp_path):
    model, X, _, y = make("binary")
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    where = write(tmp_path / "a", X, y=y["y"])
    X_val, y_val = make_clicks(600, seed=5)
    given = write(tmp_path / "b", X_val, y=y_val)
    files = model.fit(where, "y", X_val=given, y_val="y")
    memory = make("binary")[0].fit(X, y["y"], X_val=X_val, y_val=y_val)
    # Their mean is of parts of another length.
    assert files.history_[-1]["valid_loss"] == pytest.approx(
        memory.history_[-1]["valid_loss"], rel=1e-5
    )


# Going on -----------------------------------------------------------------------------


@pytest.mark.parametrize("epoch_rows", [None, 300])
def test_a_fit_that_was_cut_short_goes_on(epoch_rows, tmp_path, monkeypatch):
    """In the midst of a pass as well, to the bits of the fit that was not."""
    X, y = make_clicks(3000)
    where = write(tmp_path, X, y=y)
    rows = scan(where, "y", buffer_rows=1024, epoch_rows=epoch_rows)
    options = OPTIONS | {"max_epochs": 6, "n_iter_no_change": 9, "batch_size": 64}
    whole = DCNClassifier(**options).fit(rows)
    path = tmp_path / "fit.ckpt"

    step, n_steps = DCNNet.train_step_single, []

    def fails(self, batch, **kwargs):
        n_steps.append(1)
        if len(n_steps) > (20 if epoch_rows else 100):
            raise MemoryError("cut short")
        return step(self, batch, **kwargs)

    monkeypatch.setattr(checkpoint, "SHARE", 1e9)  # it is written whenever it may be
    monkeypatch.setattr(DCNNet, "train_step_single", fails)
    with pytest.raises(MemoryError, match="cut short"):
        DCNClassifier(**options, checkpoint=path).fit(rows)
    monkeypatch.setattr(DCNNet, "train_step_single", step)
    assert path.exists()
    with pytest.raises(ValueError, match="batch_size"):
        DCNClassifier(**options | {"batch_size": 32}, checkpoint=path).fit(rows)
    again = DCNClassifier(**options, checkpoint=path).fit(rows)
    assert_array_equal(again.predict_proba(X), whole.predict_proba(X))
    assert [e["epoch"] for e in again.history_] == [1, 2, 3, 4, 5, 6]
    assert not path.exists()


@pytest.mark.parametrize("buffer_rows", [1024, 4096])
def test_an_epoch_has_the_rows_that_the_scan_says(buffer_rows, tmp_path):
    """In memory as well, where half a pass would be one; batches go by all rows."""
    X, y = make_clicks(3000)
    where = write(tmp_path, X, y=y)
    for epoch_rows in (300, None):
        rows = scan(where, "y", buffer_rows=buffer_rows, epoch_rows=epoch_rows)
        model = DCNClassifier(random_state=0, n_members=1, batch_size=64).fit(rows)
        expected = epoch_rows or 64 * 22  # of 43 batches
        assert {epoch["train_rows"] for epoch in model.history_} == {expected}
        auto = DCNClassifier(random_state=0, n_members=1, max_epochs=1).fit(rows)
        assert auto.net_.batch_size == 128


# What is told -------------------------------------------------------------------------


def test_progress_of_every_pass(tmp_path, capsys):
    X, y = make_clicks()
    where = write(tmp_path, X, y=y)
    DCNClassifier(**OPTIONS | {"verbose": 1, "memorized_crosses": 1}).fit(where, "y")
    told = capsys.readouterr().out
    assert "rows encoded" in told or "rows/s" in told


def test_an_order_of_time_is_seen(tmp_path):
    rng = np.random.default_rng(0)
    n = 3000
    day = np.arange(n) // 100
    X = pd.DataFrame({"day": day.astype(str), "x": rng.normal(size=n)})
    drift = rng.normal(size=30).cumsum()[day] * 2
    y = (rng.random(n) < 1 / (1 + np.exp(-drift))).astype(int)
    where = write(tmp_path, X, y=y)
    found = []
    for fit in (
        lambda m: m.fit(X, y),
        lambda m: m.fit(scan(where, "y", buffer_rows=1024)),
    ):
        model = DCNClassifier(**OPTIONS, validation_fraction=0.2)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            fit(model)
        assert any("order of the table" in str(w.message) for w in caught)
        found.append(model)
    assert [model.validation_ for model in found] == ["last", "last"]


@pytest.mark.parametrize("is_dated", [False, True])
def test_in_an_order_of_time_earlier_rows_describe_a_row(is_dated, tmp_path):
    """The first tenth of those that train knows nothing of any pair."""
    X, y = make_clicks()
    X = X.drop(columns="tags" if is_dated else ["tags", "day"])
    time = X["day"].to_numpy() if is_dated else np.arange(len(X))
    pairs = [("kind", "few"), ("user", "new")]
    seen = []

    class Watched(DCNClassifier):
        def _encode_long(self, fit, block, levels):
            fold = self._folds(fit.dealt, block.rows, block.X)
            encoder = fit.encoder
            columns, _ = encoder.encoder.encode_columns(block.X, encoder.dtype)
            codes = encoder._codes(columns)
            seen.append((fold, encoder.sums.of_others(codes, fold, block.weight)))
            return super()._encode_long(fit, block, levels)

    options = OPTIONS | {"validation": "last", "memorized_crosses": pairs}
    Watched(**options).fit(write(tmp_path, X.assign(y=y)), "y")
    fold, x = map(np.concatenate, zip(*seen, strict=True))
    assert len(np.unique(x[fold == 0], axis=0)) == 1
    assert len(np.unique(x[fold == 1], axis=0)) > 10
    # Stretches follow each other, and the last rows validate.
    order = np.argsort(time, kind="stable")
    assert (np.diff(fold[order]) >= 0).all()
    assert (fold[order][-150:] == HELD_OUT).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"warm_start": True}, "warm_start=True needs all rows in memory"),
        ({"category_encoder": TargetEncoder()}, "category_encoder=.* needs all rows"),
        ({"validation_groups": "user"}, "validation_groups='user' needs all rows"),
        ({"validation_time": "day"}, "validation_time='day' needs all rows"),
        ({"scoring": "roc_auc"}, "scoring='roc_auc' needs all rows in memory"),
    ],
)
def test_what_a_stream_cannot_have_is_refused(options, message, tmp_path):
    X, y = make_clicks()
    where = write(tmp_path, X, y=y)
    with pytest.raises(ValueError, match=message):
        DCNClassifier(**OPTIONS | options).fit(where, "y")


def test_one_block_is_enough_to_know_the_columns():
    assert BLOCK < 300
