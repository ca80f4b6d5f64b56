"""A fit that is cut short goes on from its file, and ends as if nothing had been."""

import errno
import itertools
import json
import os
import pickle
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import torch
from helpers.paths import REPO, TESTS
from helpers.tables import make_mixed
from numpy.testing import assert_array_equal
from skorch.callbacks import Callback

import sklearn_dcn
from sklearn_dcn import DCNClassifier, DCNRegressor
from sklearn_dcn._files import archive as _archive
from sklearn_dcn._files.codec import Decoder, from_json
from sklearn_dcn._training import checkpoint as _checkpoint
from sklearn_dcn._training.steps import Steps

ELSEWHERE = {**os.environ, "PYTHONPATH": f"{REPO}{os.pathsep}{TESTS}"}
SMALL = {
    "hidden_layer_sizes": (8,),
    "max_epochs": 5,
    "batch_size": 64,
    "dropout": 0.2,
    "random_state": 0,
}
N_STEPS = 5  # of an epoch, also where early stopping holds rows out


class Stop(Exception):
    """What cuts a fit short in this process."""


@pytest.fixture(autouse=True)
def every_epoch(monkeypatch):
    """Write after every epoch, whatever it costs."""
    monkeypatch.setattr(_checkpoint, "SHARE", np.inf)


@pytest.fixture
def path(tmp_path):
    """Return the path of a checkpoint."""
    return tmp_path / "fit.checkpoint"


def cut_short(model, at, X, y, error=Stop, **kwargs):
    """Fit until an error in a step, counted from 1."""
    count, before_step = itertools.count(1), Steps.before_step

    def step(self):
        if next(count) == at:
            raise error
        before_step(self)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(error):
        patch.setattr(Steps, "before_step", step)
        model.fit(X, y, **kwargs)
    return model


def outcome(model, X):
    """Return what two fits must share, to the bit."""
    history = [{k: v for k, v in e.items() if k != "dur"} for e in model.history_]
    logits = model._logits(X).tobytes()
    weights = {k: v.numpy().tobytes() for k, v in model.module_.state_dict().items()}
    return logits, weights, history, model.best_epoch_, model.n_iter_


def test_a_fit_goes_on_in_the_second_half_of_a_pass(path):
    """Where an epoch is half a pass, in whose second half it was cut short."""
    X, y = make_mixed(6000)
    options = {"random_state": 0, "n_members": 1, "batch_size": 128}
    whole = DCNClassifier(**options).fit(X, y)
    cut_short(DCNClassifier(**options, checkpoint=path), 31, X, y)  # of 22 an epoch
    again = DCNClassifier(**options, checkpoint=path).fit(X, y)
    assert_array_equal(again.predict_proba(X), whole.predict_proba(X))
    assert len(again.history_) == len(whole.history_) > 2
    assert outcome(again, X) == outcome(whole, X)


# Killed processes ---------------------------------------------------------------------

EARLY = {"early_stopping": True, "max_epochs": 6, "learning_rate": 0.02}

CASES = {
    "vector, dense": (
        "DCNClassifier",
        SMALL
        | EARLY
        | {
            "cross": "vector",
            "optimizer": "adamw",
            "ema_decay": 0.9,
            "learning_rate_schedule": "cosine",
            "warmup": 0.2,
            "n_iter_no_change": 9,
        },
        [("step", 11), ("step", 6), ("end", 1)],
    ),
    "matrix, lazy": (
        "DCNClassifier",
        SMALL
        | EARLY
        | {
            "cross": "matrix",
            "optimizer": "lazy_adamw",
            "ema_decay": 0.9,
            "category_dropout": 0.1,
            "learning_rate_schedule": "plateau",
            "max_grad_norm": 0.5,
            "normalization": "batch",
        },
        [("replaced", 1), ("half written", 2), ("written", 1), ("step", 3)],
    ),
    "no early stopping, no average": (
        "DCNRegressor",
        SMALL
        | {
            "cross": "mixture",
            "optimizer": "adam",
            "ema_decay": None,
            "early_stopping": False,
        },
        [("step", 2), ("written", 1), ("written", 3), ("step", 8)],
    ),
    "lazy, no average": (
        "DCNRegressor",
        SMALL
        | EARLY
        | {"optimizer": "lazy_adamw", "ema_decay": None, "dtype": "float32"},
        [("step", 10), ("replaced", 1), ("end", 1)],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_fits_that_fail_go_on(case, path, mixed):
    """An error in a step, twice, leaves no other trace in the model."""
    X, y = mixed
    name, options, _ = CASES[case]
    Estimator = getattr(sklearn_dcn, name)
    whole = Estimator(**options).fit(X, y)
    model = cut_short(Estimator(**options, checkpoint=path), 2 * N_STEPS + 2, X, y)
    cut_short(model, N_STEPS + 2, X, y)
    assert outcome(model.fit(X, y), X) == outcome(whole, X)


@pytest.mark.parametrize("case", CASES)
def test_long_epochs_go_on_in_their_midst(case, path, mixed, monkeypatch):
    """From the step after the last one that was written, twice in one epoch."""
    monkeypatch.setattr(_checkpoint, "LONG", -np.inf)
    X, y = mixed
    name, options, _ = CASES[case]
    Estimator = getattr(sklearn_dcn, name)
    whole = Estimator(**options).fit(X, y)
    model = cut_short(Estimator(**options, checkpoint=path), N_STEPS + 3, X, y)
    cut_short(model, 2, X, y)  # the fourth step of the second epoch
    n_steps, before_step = [0], Steps.before_step

    def step(self):
        n_steps[0] += 1
        before_step(self)

    monkeypatch.setattr(Steps, "before_step", step)
    assert outcome(model.fit(X, y), X) == outcome(whole, X)
    assert n_steps[0] == N_STEPS * (whole.n_iter_ - 1) - 3
    assert not path.exists()


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs POSIX")
def test_killed_fits_go_on(tmp_path):
    """Killed by SIGKILL in steps and around writing, again and again: the same bits."""
    result = subprocess.run(
        [sys.executable, "-m", "helpers.killing", tmp_path],
        env=ELSEWHERE,
        input=json.dumps([*CASES.values()]),
        capture_output=True,
        text=True,
        check=True,
    )
    outcomes = json.loads(result.stdout)
    for name, found in zip(CASES, outcomes, strict=True):
        n_alive = sum(death != "signal 9" for death, _ in found["deaths"])
        assert n_alive == 0, (name, found["deaths"])
        assert found["last"] == found["whole"], name
    # Killed before there is a file, then while it is written, then with one.
    files = [there for _, there in outcomes[2]["deaths"]]
    assert files == [False, False, True, True]
    # Some end with the weights of an epoch that was in the file.
    assert any(o["whole"]["best_epoch"] < o["whole"]["n_iter"] for o in outcomes)
    assert os.listdir(tmp_path) == []  # also of what was half written


@pytest.mark.slow
def test_killed_from_outside(path):
    """So it is for a fit of the defaults that another process kills at some time."""
    X, y = make_mixed(2500)
    code = (
        "from helpers.tables import make_mixed\n"
        "from sklearn_dcn import DCNClassifier\n"
        f"DCNClassifier(random_state=0, verbose=1, n_jobs=1, checkpoint={str(path)!r})"
        ".fit(*make_mixed(2500))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        text=True,
        env=ELSEWHERE,
    ) as process:
        for line in process.stdout:
            if line.startswith("epoch 3/") and path.exists():
                process.kill()
    assert process.returncode == -9
    model = DCNClassifier(random_state=0, n_jobs=1).fit(X, y)
    again = DCNClassifier(random_state=0, n_jobs=1, checkpoint=path).fit(X, y)
    assert outcome(again, X) == outcome(model, X)


# Other fits ---------------------------------------------------------------------------

DIFFERENT = {
    "learning_rate": (lambda p, d: p.update(learning_rate=0.5), "learning_rate is 0.5"),
    "class": (lambda p, d: p.update(optimizer=torch.optim.Adam), "optimizer is 'Adam'"),
    "random_state": (lambda p, d: p.update(random_state=1), "random_state is 1, and"),
    "two": (
        lambda p, d: p.update(dropout=0.0, cross_rank=2),
        "cross_rank is 2, and was 'auto'; dropout is 0.0",
    ),
    "name": (
        lambda p, d: d.update(X=d["X"].rename(columns={"price": "cost"})),
        r"columns is \['city', 'device', 'is_new', 'cost'",
    ),
    "cell": (lambda p, d: d.update(X=d["X"].assign(is_new=True)), "X differs"),
    "rows": (lambda p, d: d.update(X=d["X"][1:], y=d["y"][1:]), "X differs.*y differs"),
    "target": (lambda p, d: d.update(y=1 - d["y"]), "y differs"),
    "weights": (
        lambda p, d: d.update(sample_weight=1 + d["X"]["visits"]),
        "weight differs",
    ),
    "validation": (
        lambda p, d: d.update(X_val=d["X"], y_val=1 - d["y"]),
        "y of validation differs",
    ),
}


@pytest.mark.parametrize("case", DIFFERENT)
def test_other_fit_is_an_error(case, path, mixed):
    """Parameters and data that differ are named; the file stays, until deleted."""
    change, message = DIFFERENT[case]
    X, y = mixed
    parameters, data = {**SMALL, "checkpoint": path}, {"X": X, "y": y}
    if case == "validation":
        data |= {"X_val": X, "y_val": y}
    cut_short(DCNClassifier(**parameters), 2 * N_STEPS, **data)
    content = path.read_bytes()
    change(parameters, data)
    model = DCNClassifier(**parameters)
    with pytest.raises(ValueError, match=f"^checkpoint=.*{message}.*Delete the file"):
        model.fit(**data)
    assert not hasattr(model, "net_")
    assert path.read_bytes() == content
    path.unlink()
    model.fit(**data)


def test_what_may_differ(path, mixed):
    """Threads, prints and other types of the same values do not make another fit."""
    X, y = mixed
    whole = DCNClassifier(**SMALL).fit(X, y)
    cut_short(DCNClassifier(**SMALL, checkpoint=path), 2 * N_STEPS, X, y)
    options = SMALL | {"hidden_layer_sizes": [8], "max_epochs": np.int64(5)}
    model = DCNClassifier(**options, checkpoint=str(path), n_jobs=1, verbose=1)
    assert outcome(model.fit(X, y), X) == outcome(whole, X)


def test_random_state_is_that_of_the_first_fit(path, mixed):
    """None, and a generator that has moved on, repeat split and seeds of the file."""
    X, y = mixed
    options = SMALL | EARLY | {"random_state": None}
    cut_short(DCNClassifier(**options, checkpoint=path), 10, X, y)
    with zipfile.ZipFile(path) as archive:
        from safetensors.numpy import load

        arrays = load(archive.read("arrays.safetensors"))
        state = from_json(archive.read("config.json"))["state"]
    rng = Decoder({}, arrays).decode(state)["rng"]
    model = DCNClassifier(**options, checkpoint=path).fit(X, y)
    whole = DCNClassifier(**options | {"random_state": rng}).fit(X, y)
    assert outcome(model, X) == outcome(whole, X)
    rng = np.random.RandomState(3)
    whole = DCNClassifier(**options | {"random_state": rng}).fit(X, y)
    end = rng.randint(1 << 30)
    rng = np.random.RandomState(3)
    model = DCNClassifier(**options | {"random_state": rng}, checkpoint=path)
    cut_short(model, 10, X, y)
    assert outcome(model.fit(X, y), X) == outcome(whole, X)
    assert rng.randint(1 << 30) == end


@pytest.mark.parametrize("ema_decay", [None, 0.9])
def test_warm_start(ema_decay, path, mixed):
    """The second fit of a warm start goes on from its file, not from the first."""
    X, y = mixed
    options = SMALL | {"warm_start": True, "max_epochs": 3, "ema_decay": ema_decay}
    whole = DCNClassifier(**options).fit(X, y).fit(X, y)
    model = DCNClassifier(**options, checkpoint=path).fit(X, y)
    kept = pickle.dumps(model)
    cut_short(model, 2 * N_STEPS, X, y)
    assert model.n_iter_ == 3
    for start in (pickle.loads(kept), model):
        content = path.read_bytes()
        assert outcome(start.fit(X, y), X) == outcome(whole, X)
        path.write_bytes(content)
    other = DCNClassifier(**options, checkpoint=path)
    with pytest.raises(ValueError, match="initial weights differs"):
        other.fit(X, y)


# When the file is there ---------------------------------------------------------------


def test_file_is_removed_at_the_end(path, mixed):
    """Also by early stopping; and `partial_fit`, of one epoch, writes none."""
    X, y = mixed
    seen = []

    class Look(Callback):
        def on_epoch_end(self, net, **kwargs):
            seen.append(path.exists())

    model = DCNClassifier(**SMALL, checkpoint=path, callbacks=[Look()]).fit(X, y)
    assert seen == [False, True, True, True, True]
    assert not path.exists()
    model.set_params(**EARLY, n_iter_no_change=1).fit(X, y)
    assert model.n_iter_ < 6
    assert not path.exists()
    DCNClassifier(**SMALL, checkpoint=path).partial_fit(X, y)
    assert not path.exists()


def test_interrupt_keeps_the_file(path, mixed):
    """A fit that the keyboard ended has a model, and may go on all the same."""
    X, y = mixed
    whole = DCNClassifier(**SMALL).fit(X, y)
    model = DCNClassifier(**SMALL, checkpoint=path)

    def step(self, count=itertools.count(1), before=Steps.before_step):  # noqa: B008
        if next(count) == 12:
            raise KeyboardInterrupt
        before(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Steps, "before_step", step)
        with pytest.warns(UserWarning, match="interrupted after epoch 2"):
            model.fit(X, y)
    assert model.n_iter_ == 2
    assert outcome(model.fit(X, y), X) == outcome(whole, X)


def test_divergence_removes_the_file(path, mixed):
    """It would lead to the same end again, and forbid another learning rate."""
    X, y = mixed
    model = DCNClassifier(**SMALL, checkpoint=path)

    def step(self, count=itertools.count(1), before=Steps.before_step):  # noqa: B008
        before(self)
        if next(count) == 12:
            with torch.no_grad():
                self.optimizer.param_groups[0]["params"][0].fill_(np.nan)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Steps, "before_step", step)
        with pytest.raises(ValueError, match=r"diverged.*in epoch 3"):
            model.fit(X, y)
    assert not path.exists()


def test_writing_takes_a_share_of_the_time(path, mixed, monkeypatch):
    """A file that takes as long as an epoch is written after the first and the 21st."""
    clock = [0.0]
    monkeypatch.setattr(_checkpoint, "SHARE", 0.05)
    monkeypatch.setattr(_checkpoint, "perf_counter", lambda: clock[0])
    written, write = [], _checkpoint.Checkpoint._write

    def slow(self, within):
        write(self, within)
        written.append(self.n_written)
        clock[0] += 1.0

    class Epoch(Callback):
        def on_epoch_end(self, net, **kwargs):
            clock[0] += 1.0

    monkeypatch.setattr(_checkpoint.Checkpoint, "_write", slow)
    options = SMALL | {"max_epochs": 30, "callbacks": [Epoch()]}
    DCNClassifier(**options, checkpoint=path).fit(*mixed)
    assert written == [1, 21]


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left"), MemoryError()]
)
def test_full_disk_warns(error, path, mixed, monkeypatch):
    """The fit goes on without; the last good file stays for one that is cut short."""
    X, y = mixed
    whole = DCNClassifier(**SMALL).fit(X, y)
    n_writes, fsync = itertools.count(1), os.fsync

    def full(descriptor):
        if next(n_writes) > 2:  # a file and its folder
            raise error
        fsync(descriptor)

    monkeypatch.setattr(_archive.os, "fsync", full)
    model = DCNClassifier(**SMALL, checkpoint=path)
    with pytest.warns(RuntimeWarning, match="could not be written after epoch 2") as w:
        cut_short(model, 4 * N_STEPS + 1, X, y)
    assert len(w) == 1
    assert os.listdir(path.parent) == [path.name]
    monkeypatch.undo()
    assert outcome(model.fit(X, y), X) == outcome(whole, X)
    monkeypatch.setattr(_archive.os, "fsync", full)
    with pytest.warns(RuntimeWarning, match="goes on.*Free some room"):
        assert outcome(model.fit(X, y), X) == outcome(whole, X)
    assert os.listdir(path.parent) == []


# The file -----------------------------------------------------------------------------


def test_file_holds_json_and_arrays(path, mixed):
    """No pickle; and `load` does not take it for a model."""
    cut_short(DCNClassifier(**SMALL, checkpoint=path), 2 * N_STEPS, *mixed)
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["config.json", "arrays.safetensors"]
    with pytest.raises(sklearn_dcn.LoadError, match="cannot be"):
        sklearn_dcn.load(path)


@pytest.mark.parametrize("kind", ["text", "model", "cut", "flipped"])
def test_what_is_no_checkpoint_is_left_alone(kind, path, mixed):
    """A file of something else is never overwritten, nor removed."""
    X, y = mixed
    if kind == "text":
        path.write_text("my notes")
    elif kind == "model":
        DCNClassifier(**SMALL).fit(X, y).save(path)
    else:
        cut_short(DCNClassifier(**SMALL, checkpoint=path), 2 * N_STEPS, X, y)
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content if kind == "flipped" else content[:-100])
    content = path.read_bytes()
    with pytest.raises(ValueError, match="not a checkpoint that this release can read"):
        DCNClassifier(**SMALL, checkpoint=path).fit(X, y)
    assert path.read_bytes() == content


def test_place_of_the_file(tmp_path, mixed):
    """A folder that is missing is found out before the training."""
    for path in (tmp_path / "no" / "fit", tmp_path):
        with pytest.raises(ValueError, match="must be the path of a file, in a folder"):
            DCNClassifier(**SMALL, checkpoint=path).fit(*mixed)


@pytest.mark.parametrize("Estimator", [DCNClassifier, DCNRegressor])
def test_saved_models_have_no_checkpoint(Estimator, path, mixed, tmp_path):
    """A path of another machine would be written to and removed by a later fit."""
    X, y = mixed
    model = Estimator(**SMALL, checkpoint=path).fit(X, y)
    model.save(tmp_path / "model")
    loaded = sklearn_dcn.load(tmp_path / "model")
    expected = {**model.get_params(), "checkpoint": None}
    assert loaded.get_params() == expected
    assert loaded._params_in_fit["checkpoint"] is None
    assert_array_equal(loaded._logits(X), model._logits(X))
    loaded.set_params(checkpoint=path, warm_start=True).fit(X, y)


# With others --------------------------------------------------------------------------


def test_callbacks_begin_anew_with_a_warning(path, mixed):
    X, y = mixed
    model = DCNClassifier(**SMALL, checkpoint=path, callbacks=[Callback()])
    cut_short(model, 2 * N_STEPS, X, y)
    with pytest.warns(UserWarning, match="after epoch 1 .*callbacks begin anew"):
        model.fit(X, y)


def test_progress_counts_all_epochs(path, mixed, capsys):
    """What verbose=1 prints is of the whole fit, also where its best epoch is over."""
    X, y = mixed
    options = SMALL | EARLY | {"tol": 10.0, "n_iter_no_change": 5}  # 1 is best
    model = cut_short(DCNClassifier(**options, checkpoint=path), 4 * N_STEPS + 1, X, y)
    capsys.readouterr()
    model.set_params(verbose=1).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines[:-1]] == ["5/6", "6/6"]
    assert model.best_epoch_ == 1
    assert lines[-1].startswith("2 epochs in")
    assert lines[-1].endswith("best epoch 1")
