"""Ranks that share the rows of each batch learn what one process does."""

from functools import partialmethod

import numpy as np
import pytest
from helpers.losses import beside, make_counts
from helpers.losses import make as make_loss
from helpers.ranks import results, together

import sklearn_dcn._estimator.long_fit as long_fit
import sklearn_dcn._estimator.scans as scans
from sklearn_dcn import DCNClassifier, DCNRegressor, scan
from sklearn_dcn._scan import Scan
from sklearn_dcn._training import sharding as _sharding
from sklearn_dcn._training.sharding import ShardedTables
from sklearn_dcn._training.sharing import SharedGradients
from sklearn_dcn._world import ALONE
from sklearn_dcn.network.parts import table_rows

pd = pytest.importorskip("pandas")

N = 700


@pytest.fixture(scope="module")
def table():
    """Ids, a number with gaps, a list; a target of two classes, and one of numbers."""
    rng = np.random.default_rng(0)
    users, shops = rng.integers(0, 40, N), rng.integers(0, 5, N)
    x = rng.lognormal(size=N)
    x[rng.random(N) < 0.1] = np.nan
    tags = [[f"t{t}" for t in rng.integers(0, 6, k)] for k in rng.integers(0, 4, N)]
    z = rng.normal(size=40)[users] + np.nan_to_num(np.log(x)) - 0.5
    X = pd.DataFrame(
        {
            "user": np.char.add("u", users.astype(str)),
            "shop": np.char.add("s", shops.astype(str)),
            "x": x,
            "tags": tags,
        }
    )
    return X, (rng.random(N) < 1 / (1 + np.exp(-z))).astype(int), z


def fit_on(n, make, *rows, validation=(None, None, None), split="rows"):
    """Return the models that n ranks have fitted."""

    def work(world):
        model = make()
        model._fit_in(world, rows, validation, split)
        return model

    return results(n, work, timeout=60.0)


def weights(model):
    return {name: t.numpy() for name, t in model.module_.state_dict().items()}


def assert_same(model, other, atol):
    for name, values in weights(model).items():
        np.testing.assert_allclose(
            values, weights(other)[name], rtol=0, atol=atol, err_msg=name
        )


def check(n, make, *rows, validation=(None, None, None), split="rows", atol=1e-12):
    """Assert that n ranks end alike, to the bit, and as one process to rounding."""
    alone = make()
    alone._fit_in(ALONE, rows, validation)
    first, *others = fit_on(n, make, *rows, validation=validation, split=split)
    for other in others:
        assert_same(first, other, atol=0)
    assert_same(first, alone, atol=atol)
    assert first.best_epoch_ == alone.best_epoch_
    for one, two in zip(first.history_, alone.history_, strict=True):
        assert one["train_loss"] == pytest.approx(two["train_loss"], abs=1e-12)
        if "valid_loss" in two:
            assert one["valid_loss"] == pytest.approx(two["valid_loss"], abs=1e-12)
    assert not hasattr(first, "_rank") and first._world is ALONE
    return first, alone


def classifier(**options):
    common = {"random_state": 0, "dtype": "float64", "max_epochs": 3}
    return lambda: DCNClassifier(**(common | options))


OPTIONS = {
    "defaults": {},
    "lazy": {"optimizer": "lazy_adamw"},
    "lazy, clipped, averaged": {
        "optimizer": "lazy_adamw",
        "max_grad_norm": 0.1,
        "ema_decay": 0.9,
    },
    "penalty of a batch": {"embedding_l2": 0.1, "optimizer": "lazy_adamw"},
    "penalty of tables": {
        "embedding_l2": 0.01,
        "embedding_l2_scope": "table",
        "optimizer": "adamw",
    },
    "three networks": {"n_members": 3},
    "schedule": {"learning_rate_schedule": "cosine", "warmup": 0.2},
    "no early stopping": {"early_stopping": False},
    "last rows validate": {"validation": "last"},
    "balanced, focal": {"class_weight": "balanced", "focal_gamma": 1.0},
    "accuracy": {"scoring": "accuracy"},
    "stacked": {"structure": "stacked", "cross": "mixture"},
    "towers": {"structure": "fused", "tower_loss": "attached"},
    "towers of networks": {"tower_loss": "detached", "n_members": 2},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_two_ranks_are_one(table, options):
    X, y, _ = table
    check(2, classifier(**options), X, y, None)


@pytest.mark.parametrize("n", [3, 4])
def test_more_ranks_are_one(table, n):
    """Batches that they cannot divide evenly, and a last one of fewer rows."""
    X, y, _ = table
    check(n, classifier(batch_size=99, optimizer="lazy_adamw"), X, y, None)


def test_batches_of_fewer_rows_than_ranks(table):
    """So one has none, but draws the same random numbers."""
    X, y, _ = table
    make = classifier(
        batch_size=2, max_epochs=1, optimizer="lazy_adamw", tower_loss="detached"
    )
    check(3, make, X[:31], y[:31], None)


def test_weights_and_rows_to_validate(table):
    X, y, _ = table
    w = np.random.default_rng(1).integers(0, 3, N).astype(float)
    given = X[500:], y[500:], w[500:]
    check(2, classifier(), X[:500], y[:500], w[:500], validation=given)


def test_several_classes_one_of_which_few_rows_have(table):
    X, y, _ = table
    y = y.copy()
    y[-3:] = 2
    check(2, classifier(), X, y, None)


def test_regression_of_two_outputs(table):
    X, _, z = table
    target = np.stack([z, -2 * z], axis=1)
    check(
        2,
        lambda: DCNRegressor(random_state=0, dtype="float64", max_epochs=3),
        X,
        target,
        None,
    )


def test_early_stopping_stops_all(table):
    X, y, _ = table
    make = classifier(max_epochs=60, learning_rate=0.05, n_iter_no_change=1)
    first, alone = check(2, make, X, y, None, atol=1e-9)
    assert first.n_iter_ == alone.n_iter_ < 60


def test_random_state_none_is_one_for_all(table):
    X, y, _ = table
    first, second = fit_on(2, classifier(random_state=None, max_epochs=1), X, y, None)
    assert_same(first, second, atol=0)


def test_warm_fits_go_on(table):
    X, y, _ = table
    alone = classifier(warm_start=True)()
    alone.fit(X, y).fit(X, y)

    def work(world):
        model = classifier(warm_start=True)()
        for _ in range(2):
            model._fit_in(world, (X, y, None), (None, None, None))
        return model

    for model in results(2, work, timeout=60.0):
        assert_same(model, alone, atol=1e-11)


def test_batch_normalization_is_refused(table):
    X, y, _ = table
    make = classifier(normalization="batch")

    def work(world):
        make()._fit_in(world, (X, y, None), (None, None, None))

    for error in together(2, work, timeout=60.0):
        assert "Use normalization='layer'" in str(error)


def test_a_rank_that_fails_leaves_all_models_as_they_were(table):
    X, y, _ = table

    def work(world):
        model = classifier()()
        bad = y[:-1] if world.rank else y
        try:
            model._fit_in(world, (X, bad, None), (None, None, None))
        finally:
            assert not hasattr(model, "net_")

    first, second = together(2, work, timeout=60.0)
    assert "must have the same number of rows" in str(second)
    assert str(first) == f"{second} (raised by rank 1)"


def test_a_loss_that_is_not_finite_ends_all(table):
    X, _, z = table
    make = lambda: DCNRegressor(  # noqa: E731
        random_state=0,
        learning_rate=1e30,
        early_stopping=False,
        dtype="float32",
        max_epochs=2,
    )

    def work(world):
        make()._fit_in(world, (X, z, None), (None, None, None))

    for error in together(2, work, timeout=60.0):
        assert "Training diverged" in str(error)


# Long tables --------------------------------------------------------------------------


@pytest.fixture
def all_are_long(monkeypatch):
    """Let every table go the way of long ones."""
    monkeypatch.setattr(long_fit, "LONG", 100)
    monkeypatch.setattr(scans, "LONG", 100)


PLAIN = {
    "dropout": 0.0,
    "category_dropout": 0.0,
    "hidden_layer_sizes": (8,),
    "early_stopping": True,
}


@pytest.fixture(scope="module")
def files(table, tmp_path_factory):
    """Write the table as three Parquet files of small groups, and as one CSV."""
    X, y, _ = table
    folder = tmp_path_factory.mktemp("rows")
    whole = X.assign(y=y, w=np.random.default_rng(2).integers(0, 3, N).astype(float))
    for k, at in enumerate(np.array_split(np.arange(N), 3)):
        whole.iloc[at].to_parquet(folder / f"{k}.parquet", row_group_size=50)
    whole.drop(columns="tags").to_csv(folder / "rows.csv", index=False)
    return folder


@pytest.mark.parametrize("n", [2, 3, 4])
@pytest.mark.parametrize("weight", [None, "w"])
@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_ranks_that_read_their_own_rows(files, all_are_long, n, weight, suffix):
    """More ranks than files among them."""
    names = ["user", "shop", "x", *(["tags"] if suffix == "parquet" else [])]
    rows = scan(str(files / f"*.{suffix}"), target="y", weight=weight, columns=names)
    make = classifier(**PLAIN, optimizer="lazy_adamw", min_frequency=3)
    first, alone = check(n, make, rows, None, None)
    assert first.encoder_.schema() == alone.encoder_.schema()


def test_no_row_has_a_weight(files, all_are_long):
    rows = scan(str(files / "*.parquet"), "y", weight="none", columns=["user"])
    for k in range(3):
        path = files / f"{k}.parquet"
        pd.read_parquet(path).assign(none=0.0).to_parquet(path)

    def work(world):
        classifier()()._fit_in(world, (rows, None, None), (None, None, None))

    for error in together(2, work, timeout=60.0):
        assert "no row has a weight above 0" in str(error)


def test_processes_that_come_to_other_networks_say_so(table):
    X, y, _ = table

    def work(world):
        model = classifier(embedding_dim=4 + 4 * world.rank)()
        model._fit_in(world, (X, y, None), (None, None, None))

    for error in together(2, work, timeout=60.0):
        assert "prepared the table in different ways" in str(error)


def test_frames_whose_rows_are_dealt_out(table, all_are_long):
    X, y, _ = table
    check(3, classifier(**PLAIN), X, y, None)


def test_order_of_time(table, all_are_long):
    X, y, _ = table
    check(2, classifier(**PLAIN, validation="last"), X, y, None)


@pytest.mark.parametrize("cache", ["auto", None])
def test_spooled_rows_make_as_many_steps(files, all_are_long, cache):
    """In another order; all ranks agree in the number of steps, and in all bits."""
    rows = scan(
        str(files / "*.parquet"),
        target="y",
        columns=["user", "x"],
        buffer_rows=200,
        epoch_rows=300,
        cache=cache,
    )
    make = classifier(batch_size=32, max_epochs=4)
    alone = make().fit(rows)
    first, *others = fit_on(3, make, rows, None, None)
    for other in others:
        assert_same(first, other, atol=0)
    count = "train_batch_count"
    assert [e[count] for e in first.history_] == [e[count] for e in alone.history_]
    assert first.history_[-1]["valid_loss"] == pytest.approx(
        alone.history_[-1]["valid_loss"], abs=0.05
    )


# A rank's own networks ----------------------------------------------------------------


MEMBERS = {
    "defaults": {"n_members": 4},
    "lazy, averaged": {
        "n_members": 3,
        "optimizer": "lazy_adamw",
        "ema_decay": 0.9,
        "max_grad_norm": 0.1,
    },
    "last rows validate": {"n_members": 3, "validation": "last"},
    "no early stopping": {"n_members": 2, "early_stopping": False},
    "towers": {"n_members": 2, "structure": "fused", "tower_loss": "detached"},
}


@pytest.mark.parametrize("options", MEMBERS.values(), ids=MEMBERS)
def test_networks_apart_are_those_together(table, options):
    X, y, _ = table
    check(2, classifier(**options), X, y, None, split="members")


def test_networks_apart_that_are_validated_by_their_mean(table):
    X, y, _ = table
    given = X[500:], y[500:], None
    make = classifier(n_members=3)
    check(3, make, X[:500], y[:500], None, validation=given, split="members")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_members": 1}, "got 1 for 2 processes"),
        ({"n_members": 2, "scoring": "accuracy"}, "^scoring needs all networks"),
        ({"n_members": 2, "warm_start": True}, "^warm_start needs all networks"),
    ],
)
def test_what_networks_apart_cannot_have(table, options, message):
    X, y, _ = table

    def work(world):
        model = classifier(**options)()
        model._fit_in(world, (X, y, None), (None, None, None), "members")

    for error in together(2, work, timeout=60.0):
        assert isinstance(error, ValueError)
        with pytest.raises(ValueError, match=message):
            raise error


# Tables in parts ----------------------------------------------------------------------


SHARDED = {
    "defaults": {},
    "averaged": {"ema_decay": 0.9},
    "penalty": {"embedding_l2": 0.1},
    "small batches": {"batch_size": 16, "max_epochs": 1},
    "accuracy": {"scoring": "accuracy"},
    "stops early": {"max_epochs": 40, "learning_rate": 0.05, "n_iter_no_change": 1},
    "collision weights": {
        "hashing": {"user": 7, "tags": 3},
        "collision_weight": True,
    },
    "pairs": {"pair_logit": "weighted", "cross": "onlydense"},
}


@pytest.mark.parametrize("n", [2, 3])
@pytest.mark.parametrize("options", SHARDED.values(), ids=SHARDED)
def test_tables_in_parts_are_whole_ones(table, options, n):
    X, y, _ = table
    make = classifier(n_members=1, optimizer="lazy_adamw", **options)
    alone = make().fit(X, y)

    def work(world):
        model = make()
        rows, none = (X, y, None), (None, None, None)
        model._fit_in(world, rows, none, "rows", "sharded")
        return model

    first, *others = results(n, work, timeout=60.0)
    for other in others:  # none but the first has whole tables
        assert not hasattr(other, "net_")
    assert_same(first, alone, atol=1e-9)
    np.testing.assert_allclose(
        first.predict_proba(X), alone.predict_proba(X), atol=1e-9
    )


def test_no_process_but_the_first_has_a_whole_table(table, monkeypatch):
    """While it trains none has, and rank 0 gets it a block at a time."""
    monkeypatch.setattr(_sharding, "ROWS", 8)
    X, y, _ = table
    make = classifier(n_members=1, optimizer="lazy_adamw", max_epochs=1)
    alone = make().fit(X, y)
    n_rows = table_rows(alone.module_.members[0].embedding)
    sizes, init = {}, ShardedTables.__init__

    def counted(self, world, module):
        init(self, world, module)
        sizes[world.rank] = [len(p) for p in self.shards]

    monkeypatch.setattr(ShardedTables, "__init__", counted)

    def work(world):
        model = make()
        model._fit_in(world, (X, y, None), (None, None, None), "rows", "sharded")
        return model

    first, *_ = results(3, work, timeout=60.0)
    for rank in range(3):
        assert sizes[rank] == [len(range(rank, n, 3)) for n in n_rows]
    assert_same(first, alone, atol=1e-9)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_members": 2}, "is for one network"),
        ({"n_members": 1, "optimizer": "adamw"}, "is for one network"),
        ({"n_members": 1, "max_grad_norm": 1.0}, "^max_grad_norm needs whole tables"),
    ],
)
def test_what_tables_in_parts_cannot_have(table, options, message):
    X, y, _ = table

    def work(world):
        model = classifier(**({"optimizer": "lazy_adamw"} | options))()
        rows, none = (X, y, None), (None, None, None)
        model._fit_in(world, rows, none, "rows", "sharded")

    for error in together(2, work, timeout=60.0):
        with pytest.raises(ValueError, match=message):
            raise error


# Checkpoints and predictions ----------------------------------------------------------


@pytest.mark.parametrize("long", [60.0, -1.0])
def test_a_fit_goes_on_from_its_checkpoint(table, tmp_path, monkeypatch, long):
    """Between epochs, and where they take long in the midst of one."""
    X, y, _ = table
    path = tmp_path / "fit.checkpoint"
    for name, value in (("SHARE", 1e9), ("LONG", long), ("STEPS", 1)):
        monkeypatch.setattr(f"sklearn_dcn._training.checkpoint.{name}", value)
    options = {"max_epochs": 4, "optimizer": "lazy_adamw", "dropout": 0.2}
    make = classifier(checkpoint=path, **options)
    undisturbed = fit_on(2, classifier(**options), X, y, None)
    call, n_steps = SharedGradients.__call__, [0]

    def fails(self, n_rows):
        if self.world.rank == 1:
            n_steps[0] += 1
            if n_steps[0] == 16:  # in the midst of the third epoch
                raise OSError("the cable")
        return call(self, n_rows)

    monkeypatch.setattr(SharedGradients, "__call__", fails)
    with pytest.raises(OSError, match="the cable"):
        fit_on(2, make, X, y, None)
    assert path.exists()
    for model, other in zip(fit_on(2, make, X, y, None), undisturbed, strict=True):
        assert_same(model, other, atol=0)
    assert not path.exists()


@pytest.mark.parametrize("n", [2, 3])
def test_predictions_of_several(files, table, tmp_path, n, monkeypatch):
    X, y, _ = table
    few = partialmethod(Scan.blocks, size=100)
    monkeypatch.setattr(Scan, "blocks", few)
    model = classifier(max_epochs=1)().fit(X, y)
    rows = scan(str(files / "*.parquet"), columns=[*X])
    alone = model.predict_to(rows, tmp_path / "alone.parquet", ["user"])
    path = str(tmp_path / "several.parquet")
    assert (
        results(n, lambda w: model._predict_to(w, rows, path, ["user"])) == [path] * n
    )
    pd.testing.assert_frame_equal(pd.read_parquet(path), pd.read_parquet(alone))


@pytest.mark.parametrize("split", ["rows", "members"])
@pytest.mark.parametrize("loss", ["poisson", "quantile", "gaussian"])
def test_losses_of_numbers(loss, split):
    """With an exposure, or offset, beside the target, and intervals."""
    X, y = make_counts(N)
    options = beside(loss) | {"n_members": 2}
    rows = X, y, None
    one, other = check(2, lambda: make_loss(loss, **options), *rows, split=split)
    np.testing.assert_allclose(one.predict(X), other.predict(X), rtol=1e-9)
    np.testing.assert_allclose(
        one.predict_interval(X), other.predict_interval(X), rtol=1e-9, atol=1e-12
    )
