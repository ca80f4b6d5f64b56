"""A process that forks fits which are killed, and fits that go on from their files.

``python -m helpers.killing FOLDER`` with a list of cases as JSON on its standard input:
each has the class's name, the estimator's parameters, and the moments at which one fit
after the other is killed. It prints what came of an uninterrupted fit, and of the last.
"""

import json
import os
import signal
import sys
import traceback

import torch
from helpers.tables import make_mixed

import sklearn_dcn
from sklearn_dcn._files import archive as _archive
from sklearn_dcn._training import checkpoint as _checkpoint
from sklearn_dcn._training.batches import digest
from sklearn_dcn._training.steps import Steps


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def dying(function, at, *, after=False):
    """Return a function whose call number `at`, from 1, kills the process."""
    n_calls = 0

    def call(*args, **kwargs):
        nonlocal n_calls
        n_calls += 1
        if n_calls == at and not after:
            die()
        result = function(*args, **kwargs)
        if n_calls == at:
            die()
        return result

    return call


def arm(moment, at):
    """Let the process be killed at a moment: in a step, or around writing a file."""
    if moment == "step":
        Steps.before_step = dying(Steps.before_step, at)
    elif moment == "half written":  # the file has no content but the first member
        open_any, n_members = _archive.zipfile.ZipFile.open, [0]

        def open_member(self, name, mode="r", *args):
            n_members[0] += mode == "w"
            if n_members[0] == 2 * at:
                self.fp.flush()
                die()
            return open_any(self, name, mode, *args)

        _archive.zipfile.ZipFile.open = open_member
    elif moment == "written":
        _archive.os.replace = dying(os.replace, at)
    elif moment == "replaced":
        _archive.os.replace = dying(os.replace, at, after=True)
    elif moment == "end":
        _checkpoint.os.unlink = dying(os.unlink, at)


def fit(name, options, path):
    """Return what a fit came to, in terms that JSON keeps to the bit."""
    X, y = make_mixed()
    model = getattr(sklearn_dcn, name)(**options, checkpoint=path).fit(X, y)
    history = [{k: v for k, v in e.items() if k != "dur"} for e in model.history_]
    logits = torch.from_numpy(model._logits(X))
    return {
        "weights": digest(model.module_.state_dict()),
        "logits": digest({"logits": logits}),
        "history": history,
        "best_epoch": model.best_epoch_,
        "n_iter": model.n_iter_,
    }


def forked(function):
    """Return what a function returns in a process of its own, or how that died."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            outcome = function()
        except Exception:
            outcome = traceback.format_exc()
        os.write(write, json.dumps(outcome).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as file:
        content = file.read()
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return f"signal {os.WTERMSIG(status)}"
    return json.loads(content)


def run_case(name, options, moments, path):
    """Return the outcomes of an uninterrupted fit, of killed ones, and the last."""
    deaths = []
    for moment, at in moments:

        def killed(moment=moment, at=at):
            arm(moment, at)
            return fit(name, options, path)

        deaths.append([forked(killed), os.path.exists(path)])
    return {
        "whole": forked(lambda: fit(name, options, None)),
        "deaths": deaths,
        "last": forked(lambda: fit(name, options, path)),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    _checkpoint.SHARE = float("inf")  # written after every epoch
    folder = sys.argv[1]
    print(
        json.dumps(
            [
                run_case(*case, os.path.join(folder, f"{i}.checkpoint"))
                for i, case in enumerate(json.load(sys.stdin))
            ]
        )
    )
