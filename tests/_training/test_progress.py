"""How far a fit is: lines of a log, a line of a terminal, HTML of a notebook."""

import io
import re
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from helpers.watching import SMALL, AtBatch

from sklearn_dcn import DCNClassifier
from sklearn_dcn._training import progress as _progress
from sklearn_dcn._training.progress import Preparation, Progress

LINE = re.compile(
    r"epoch (\d)/3  loss (\S+)  validation (\S+)  [\d,]+ rows/s  \d:\d\d left"
)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        """Say so."""
        return True


# Progress -----------------------------------------------------------------------------


def test_progress_in_a_log_is_a_line_an_epoch(mixed, capsys):
    """The lines hold the losses of the history, and no control characters."""
    X, y = mixed
    model = DCNClassifier(**SMALL, max_epochs=3, verbose=1)
    model.fit(X, y, X_val=X, y_val=y)
    *lines, last = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    for k, (line, epoch) in enumerate(zip(lines, model.history_, strict=True)):
        number, loss, validation = LINE.fullmatch(line).groups()
        assert number == str(k + 1)
        assert loss == f"{epoch['train_loss']:.4f}"
        assert validation == f"{epoch['valid_loss']:.4f}"
    assert last.startswith("3 epochs in 0:0")


def test_progress_tells_the_best_epoch(mixed, capsys):
    """Where it is not the last one."""
    X, y = mixed
    noise = np.random.default_rng(0).permutation(y)
    model = DCNClassifier(**SMALL, max_epochs=9, learning_rate=0.02, verbose=1)
    model.fit(X, y, X_val=X, y_val=noise)
    best = model.best_epoch_
    assert best < model.n_iter_
    loss = model.history_[best - 1]["valid_loss"]
    text = f"best epoch {best} (validation {loss:.4f})"
    assert capsys.readouterr().out.splitlines()[-1].endswith(text)


def test_progress_counts_on(mixed, capsys):
    """With warm_start the epochs of before are counted."""
    X, y = mixed
    model = DCNClassifier(**SMALL, max_epochs=2, warm_start=True).fit(X, y)
    model.set_params(verbose=True).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert [line[:9] for line in lines[:2]] == ["epoch 3/4", "epoch 4/4"]
    assert "at most" not in lines[0]


def test_progress_in_a_terminal_is_one_line(mixed, monkeypatch):
    """It is rewritten in place, never wider than the terminal, and ends as a line."""
    monkeypatch.setattr(Preparation, "__call__", lambda *told: None)
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setattr(_progress, "INTERVAL", 0.0)
    monkeypatch.setattr(_progress._Terminal, "interval", 0.0)
    monkeypatch.setenv("COLUMNS", "60")
    X, y = mixed
    DCNClassifier(**SMALL, max_epochs=3, verbose=1).fit(X, y)
    text = sys.stdout.getvalue()
    assert text.count("\n") == 1
    assert text.endswith("\n")
    updates = text.removesuffix("\n").split("\r")[1:]
    assert len(updates) == 3 * 5 + 3 + 1  # steps, ends of epochs, end
    assert all(line.endswith("\x1b[K") and len(line) <= 59 + 3 for line in updates)
    assert updates[0].startswith("[##......................] epoch 1/3")
    assert updates[-2].startswith("[########################] epoch 3/3")
    assert updates[-1].startswith("3 epochs in")


def test_preparation_in_a_terminal(monkeypatch):
    """Columns and crosses are told in the line that the epochs are written in."""
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setattr(_progress._Terminal, "interval", 0.0)
    X = np.random.default_rng(0).normal(size=(1000, 3))
    y = (X[:, 0] * X[:, 1] > 0).astype(int)
    crossed = {**SMALL, "memorized_crosses": "auto"}
    DCNClassifier(**crossed, max_epochs=1, verbose=1).fit(X, y)
    updates = sys.stdout.getvalue().split("\r")[1:]
    texts = [line.removesuffix("\x1b[K") for line in updates]
    at = texts.index("[########################] columns: 3 of 3  100%")
    assert texts[at + 1] == "[........................] crosses: 3 pairs of columns  0%"
    assert any("crosses: how many of 3" in text for text in texts)
    ends = texts.index("")  # erased, then the epochs
    assert texts[ends + 1].split("] ")[1].startswith("epoch 1/1")


def test_preparation_of_a_short_fit(capsys):
    """Nothing is shown of what takes less than the interval, or is not asked for."""
    for is_shown in (True, False):
        with Preparation(is_shown) as tell:
            tell("columns: 1 of 2", 0.5)
    assert capsys.readouterr().out == ""


def test_progress_in_a_terminal_ends_where_a_fit_fails(mixed, monkeypatch):
    """What is printed next begins on a clean line."""
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setattr(_progress._Terminal, "interval", 0.0)
    X, y = mixed

    def fail():
        raise RuntimeError("no more")

    model = DCNClassifier(**SMALL, verbose=1, callbacks=[AtBatch(1, fail)])
    with pytest.raises(RuntimeError, match="no more"):
        model.fit(X, y)
    assert sys.stdout.getvalue().endswith("\r\x1b[K")


def test_progress_in_a_notebook_is_updated_in_place(mixed, monkeypatch, capsys):
    """One display, whose HTML is replaced."""
    shown = []
    handle = SimpleNamespace(update=lambda bundle, raw: shown.append(bundle))

    def display(bundle, raw, display_id):
        assert raw
        assert display_id
        assert not shown
        shown.append(bundle)
        return handle

    shell = SimpleNamespace(kernel=object())
    module = SimpleNamespace(get_ipython=lambda: shell)
    monkeypatch.setitem(sys.modules, "IPython", module)
    monkeypatch.setitem(
        sys.modules, "IPython.display", SimpleNamespace(display=display)
    )
    monkeypatch.setattr(_progress._Notebook, "interval", 0.0)
    X, y = mixed
    DCNClassifier(**SMALL, max_epochs=2, verbose=1).fit(X, y)
    assert capsys.readouterr().out == ""
    assert "<code>columns: 1 of 5  20%</code>" in shown[0]["text/html"]
    while not shown[0]["text/plain"].startswith("epoch"):
        del shown[0]
    assert len(shown) == 2 * 5 + 2 + 1
    assert '<progress max="1" value="0.1' in shown[0]["text/html"]
    assert "<code>epoch 1/2  " in shown[0]["text/html"]
    assert "progress" not in shown[-1]["text/html"]
    assert shown[-1]["text/plain"].startswith("2 epochs in")


def test_progress_is_seldom_updated(monkeypatch):
    """A thousand steps in a second are a handful of updates; time left is linear."""
    now = [0.0]
    monkeypatch.setattr(_progress, "perf_counter", lambda: now[0])
    monkeypatch.setattr(sys, "stdout", Terminal())
    progress = Progress(n_rows=8000, n_epochs=10, n_before=0, patience=None)
    for _ in range(1000):
        now[0] += 0.001
        progress.end_batch(8)
    updates = sys.stdout.getvalue().split("\r")[1:]
    assert 4 <= len(updates) <= 5
    # After 0.2 s of 1 s an epoch, of ten epochs.
    assert "epoch 1/10  8,000 rows/s  0:10 left" in updates[0]


def test_clock():
    """Seconds as a clock shows them."""
    assert [_progress._clock(s) for s in (0.4, 59.6, 754, 3723)] == [
        "0:00",
        "1:00",
        "12:34",
        "1:02:03",
    ]


# The table of epochs ------------------------------------------------------------------


def test_verbose_prints_a_line_an_epoch(mixed, tiny, capsys):
    """verbose=2 prints a table; the default prints nothing."""
    X, y = mixed
    DCNClassifier(**tiny).fit(X, y)
    assert capsys.readouterr().out == ""
    DCNClassifier(**tiny, verbose=2).fit(X, y, X_val=X, y_val=y)
    header, _, *lines = capsys.readouterr().out.splitlines()
    assert {"epoch", "train_loss", "valid_loss", "dur"} <= set(header.split())
    assert len(lines) == 2
    assert "\x1b" not in "".join(lines)  # no colours where there is no terminal
